//! The smallest change of facts that would flip a decision.
//!
//! Exact for one and two facts, over the domain that the playbook names: true and false, every value of an
//! enumeration, and just below, at and just above each constant that a condition compares a fact with. What the
//! alert's texts say (its rule, its user) is what happened and does not vary.
//! Every candidate is decided again, none is guessed. Facts that are computed from a changed one are not
//! recomputed: a flip speaks of what the playbook reads.

use crate::decide::judge;
use crate::show::shown;
use adjutant_model::schema::{Field, Kind};
use adjutant_model::{Decision, Distance, Duration, Origin, Outcome, Row, Schema, Slot, Speed, Time, Type, Value};
use adjutant_rules::Book;
use adjutant_rules::lang::{FactExpr, Probe};
use adjutant_rules::playbook::Playbook;

/// Flips shown for each other outcome.
const SHOWN_MAX: usize = 2;

/// Changes of single facts that are combined at most; beyond, pairs are not searched.
const PAIRS_FROM_MAX: usize = 160;

/// One change of one fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The fact.
    pub slot: Slot,
    /// Its name and its other value, for people.
    pub sentence: String,
    value: Candidate,
}

/// Changes that together lead to another outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Flip {
    /// The other outcome.
    pub outcome: Outcome,
    /// The other score.
    pub score: i32,
    /// What would have to be different.
    pub changes: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq)]
enum Candidate {
    Plain(Value),
    Text(String),
}

impl Flip {
    /// The flip as a sentence.
    pub fn sentence(&self) -> String {
        let changes: Vec<&str> = self.changes.iter().map(|change| change.sentence.as_str()).collect();
        format!("{} if {} (score {})", self.outcome, changes.join(" and "), self.score)
    }

    /// How far the changes lead away from `row`, where that can be told.
    fn distance(&self, row: &Row) -> u64 {
        let moved = |change: &Change| match change.value {
            Candidate::Plain(value) => Some(on_scale(value)?.abs_diff(on_scale(row.value(change.slot))?)),
            Candidate::Text(_) => None,
        };
        self.changes.iter().filter_map(moved).fold(0, u64::saturating_add)
    }
}

/// The smallest flips of `decision` about `row`, fewest facts first, for each other outcome.
pub fn flips(decision: &Decision, row: &Row, now: Time, book: &Book) -> Vec<Flip> {
    let Some(playbook) = book.playbooks.get(usize::from(decision.playbook)) else { return Vec::new() };
    let changes = changes(playbook, row, &book.schema);
    let search = Search { playbook, row, now, decision };
    let mut found: Vec<Flip> = Vec::new();
    for change in &changes {
        search.add(&[change], &mut found);
    }
    if changes.len() <= PAIRS_FROM_MAX {
        for (index, first) in changes.iter().enumerate() {
            for second in changes.iter().skip(index + 1).filter(|second| second.slot != first.slot) {
                search.add(&[first, second], &mut found);
            }
        }
    }
    smallest(found, row, decision.outcome)
}

struct Search<'a> {
    playbook: &'a Playbook,
    row: &'a Row,
    now: Time,
    decision: &'a Decision,
}

impl Search<'_> {
    /// Decides again with `changes` and keeps it if the outcome is another that fewer changes do not reach.
    fn add(&self, changes: &[&Change], found: &mut Vec<Flip>) {
        let part =
            |flip: &Flip| flip.changes.len() < changes.len() && flip.changes.iter().all(|change| changes.contains(&change));
        if found.iter().any(part) {
            return;
        }
        let mut row = self.row.clone();
        for change in changes {
            change.put(&mut row);
        }
        let mut decision = self.decision.clone();
        judge(self.playbook, &row, self.now, &mut decision);
        if decision.outcome != self.decision.outcome {
            let changes = changes.iter().map(|change| (*change).clone()).collect();
            found.push(Flip { outcome: decision.outcome, score: decision.score, changes });
        }
    }
}

impl Change {
    /// Makes the change in `row`.
    pub fn put(&self, row: &mut Row) {
        match &self.value {
            Candidate::Plain(value) => row.set(self.slot, *value, Origin::Derived),
            Candidate::Text(text) => row.set_text(self.slot, text, Origin::Derived),
        }
    }
}

/// For each other outcome, the flips with the fewest facts; among those, the ones nearest to the score, each about other
/// facts: of several values of the same ones, the nearest to what is.
fn smallest(mut found: Vec<Flip>, row: &Row, now: Outcome) -> Vec<Flip> {
    found.sort_by_key(|flip| (flip.changes.len(), flip.score.abs()));
    let mut shown: Vec<Flip> = Vec::new();
    for outcome in [Outcome::Respond, Outcome::Escalate, Outcome::Close].into_iter().filter(|outcome| *outcome != now) {
        let fewest = found.iter().filter(|flip| flip.outcome == outcome).map(|flip| flip.changes.len()).min();
        let of_outcome: Vec<&Flip> =
            found.iter().filter(|flip| flip.outcome == outcome && Some(flip.changes.len()) == fewest).collect();
        let start = shown.len();
        for flip in &of_outcome {
            let told = shown.iter().skip(start).any(|told| same_facts(told, flip));
            if told || shown.len() - start == SHOWN_MAX {
                continue;
            }
            let alike = of_outcome.iter().filter(|other| same_facts(other, flip));
            shown.extend(alike.min_by_key(|other| other.distance(row)).map(|nearest| (*nearest).clone()));
        }
    }
    shown
}

fn same_facts(a: &Flip, b: &Flip) -> bool {
    a.changes.len() == b.changes.len() && a.changes.iter().zip(&b.changes).all(|(a, b)| a.slot == b.slot)
}

/// A value on a scale; none where values have no order.
fn on_scale(value: Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(number),
        Value::Level(level) => Some(i64::from(level)),
        Value::Duration(Duration(at)) | Value::Distance(Distance(at)) | Value::Speed(Speed(at)) | Value::Time(Time(at)) => {
            Some(at)
        }
        _ => None,
    }
}

/// Every single change that the playbook could notice.
fn changes(playbook: &Playbook, row: &Row, schema: &Schema) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for slot in read(playbook) {
        let Some(field) = schema.field(slot).filter(|field| !is_name(field)) else { continue };
        let probes: Vec<&Probe> = expressions(playbook).flat_map(FactExpr::probes).filter(|probe| probe.slot == slot).collect();
        for value in domain(&field.ty, &probes, row) {
            let change = Change { slot, sentence: sentence(slot, &value, row, schema), value };
            let mut changed = row.clone();
            change.put(&mut changed);
            let same = shown(&changed, slot, changed.value(slot), schema) == shown(row, slot, row.value(slot), schema);
            if !same && !changes.contains(&change) {
                changes.push(change);
            }
        }
    }
    changes
}

/// What the alert says it is about (its rule, its user …) is what happened: another name would be another alert.
fn is_name(field: &Field) -> bool {
    field.kind == Kind::Field && matches!(field.ty, Type::Text | Type::Texts)
}

fn expressions(playbook: &Playbook) -> impl Iterator<Item = &FactExpr> {
    let signals = playbook.signals.iter().map(|signal| &signal.when);
    let exceptions = playbook.exceptions.iter().map(|exception| &exception.when);
    signals.chain(exceptions).chain(playbook.decide.never_close.as_ref())
}

fn read(playbook: &Playbook) -> Vec<Slot> {
    let mut slots: Vec<Slot> = expressions(playbook).flat_map(|expr| expr.slots().iter().copied()).collect();
    slots.extend(playbook.needs.iter().copied());
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// The values of a fact that can make a difference.
fn domain(ty: &Type, probes: &[&Probe], row: &Row) -> Vec<Candidate> {
    let plain = Candidate::Plain;
    match ty {
        Type::Bool => vec![plain(Value::Bool(true)), plain(Value::Bool(false))],
        Type::Level(levels) => {
            (0..levels.names.len()).filter_map(|index| u8::try_from(index).ok()).map(|level| plain(Value::Level(level))).collect()
        }
        Type::Text => probes.iter().filter_map(|probe| constant_text(probe, row)).map(Candidate::Text).collect(),
        _ => probes.iter().flat_map(|probe| around(constant(probe, row))).map(plain).collect(),
    }
}

fn constant(probe: &Probe, row: &Row) -> Value {
    let mut scratch = Row::new(row.len());
    probe.set(&mut scratch);
    scratch.value(probe.slot)
}

fn constant_text(probe: &Probe, row: &Row) -> Option<String> {
    let mut scratch = Row::new(row.len());
    probe.set(&mut scratch);
    scratch.text(probe.slot).map(str::to_owned)
}

/// Just below, at and just above a constant, in steps that people would name.
fn around(value: Value) -> Vec<Value> {
    const MINUTE: i64 = 60_000_000;
    let steps = |at: i64, step: i64, make: fn(i64) -> Value| {
        [at.saturating_sub(step), at, at.saturating_add(step)].into_iter().filter(|value| *value >= 0).map(make).collect()
    };
    match value {
        Value::Int(at) => steps(at, 1, Value::Int),
        Value::Duration(at) => steps(at.0, MINUTE, |span| Value::Duration(Duration(span))),
        Value::Distance(at) => steps(at.0, 1_000, |metres| Value::Distance(Distance(metres))),
        Value::Speed(at) => steps(at.0, 1_000, |speed| Value::Speed(Speed(speed))),
        Value::Time(at) => steps(at.0, MINUTE, |time| Value::Time(Time(time))),
        Value::Addr(_) => vec![value],
        _ => Vec::new(),
    }
}

fn sentence(slot: Slot, value: &Candidate, row: &Row, schema: &Schema) -> String {
    let name = schema.name(slot);
    match value {
        Candidate::Text(text) => format!("{name} were {text}"),
        Candidate::Plain(Value::Bool(true)) => format!("{name} were true"),
        Candidate::Plain(Value::Bool(false)) => format!("{name} were false"),
        Candidate::Plain(value) => format!("{name} were {}", shown(row, slot, *value, schema)),
    }
}
