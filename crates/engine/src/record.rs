//! The decision record: one decision with everything that led to it, in a published, versioned shape.
//!
//! Every measuring command, every report and every explanation reads this record and nothing else, so that
//! anybody can score a release with a script of their own. `adjutant schema --record` prints its JSON Schema.

use adjutant_model::case::Revision;
use adjutant_model::decision::{Guard, Link, Reason};
use adjutant_model::schema::slots as s;
use adjutant_model::{
    Alert, AlertId, CaseId, Cell, Decision, Digest, Origin, Outcome, Problem, Row, Schema, SignalState, Slot, Time, Value,
};
use adjutant_rules::Book;
use adjutant_rules::playbook::{CASE, Playbook};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::entities::Role;
use crate::show::{shown, why_name};

/// The shape's name and version; a change that a reader could trip over changes the number.
pub const VERSION: &str = "adjutant.decision/1";

/// One decision with everything that led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// [`VERSION`].
    pub record: String,
    /// The decision's name: a digest of alert, book, case and revision.
    pub id: String,
    /// When what the alert reports happened, RFC 3339.
    pub time: String,
    /// What to do: `close`, `escalate` or `respond`.
    pub outcome: String,
    /// The sum of the points of the signals and of the families' caps.
    pub score: i32,
    /// The playbook that decided.
    pub playbook: String,
    /// How far the playbook may go by itself with this outcome.
    pub autonomy: String,
    /// Digest of the book that decided, hexadecimal SHA-256.
    pub book: String,
    /// A score below this closes.
    pub close_below: i32,
    /// A score from this responds, when the playbook responds at all.
    pub respond_from: Option<i32>,
    /// Families that must give points for a response.
    pub respond_families: u32,
    /// The alert.
    pub alert: AlertPart,
    /// The case that the alert joined.
    pub case: CasePart,
    /// What the alert is about, under canonical names.
    pub entities: Vec<Entity>,
    /// The alert's fields by name, each with the raw path that it was read from.
    pub fields: BTreeMap<String, Fact>,
    /// What context, history and arithmetic added, by name.
    pub facts: BTreeMap<String, Fact>,
    /// Every signal of the playbook, in its order.
    pub signals: Vec<Signal>,
    /// What the families' caps took off.
    pub caps: Vec<Cap>,
    /// What stood in the way of closing although the score was low enough.
    pub guards: Vec<String>,
    /// The exception that holds the act, with its owner.
    pub held_by: Option<String>,
    /// What is recommended to a person.
    pub recommended: Vec<String>,
    /// What could not be read.
    pub problems: Vec<ProblemPart>,
}

/// The alert that a decision is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertPart {
    /// The first sixteen bytes of its digest, hexadecimal.
    pub id: String,
    /// SHA-256 of the raw bytes, hexadecimal.
    pub digest: String,
    /// The source that read it.
    pub source: String,
    /// The input that it was read from.
    pub input: String,
    /// The line of the input where it begins, from 1.
    pub line: u64,
    /// The same bytes arrived before, within 24 hours.
    pub duplicate: bool,
}

/// The case that an alert joined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CasePart {
    /// Its name.
    pub id: String,
    /// Which revision of the case the alert made.
    pub revision: u32,
    /// Links between cases that the alert made known: a strong case names what was unusual elsewhere.
    #[serde(default)]
    pub linked: Vec<Linked>,
}

/// A strong case and one that it names, on another entity. A hint: it never changes a score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Linked {
    /// The strong case.
    pub strong: String,
    /// The case that it names.
    pub case: String,
    /// `near` in time, or unusual `before` on an entity that is drawn in now.
    pub relation: String,
}

/// One thing that the alert is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entity {
    /// What part it plays: host, user, target, source …
    pub role: String,
    /// What kind of thing it is.
    pub kind: String,
    /// Its canonical name.
    pub name: String,
}

/// A field or fact: a value, or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    /// The value; absent when unknown. Times are RFC 3339, spans seconds, distances metres, speeds metres per hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// The value as people read it, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Why it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// Where it came from: a raw path, the name of a context source, `history`, `derived` or `inferred`.
    pub from: String,
    /// When the context source observed it, RFC 3339; absent when at the time of the alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<String>,
}

/// One signal of the playbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// Its name.
    pub id: String,
    /// Its family.
    pub family: String,
    /// What became of it: `fired`, `silent`, `unknown` or `muted`.
    pub state: String,
    /// The points that it gave.
    pub points: i32,
    /// Why, with the facts; empty when silent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// The facts that its condition reads.
    pub reads: Vec<String>,
    /// The exception that muted it, with owner and reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_by: Option<String>,
}

/// What a family's cap took off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cap {
    /// The family.
    pub family: String,
    /// The points, negative.
    pub points: i32,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemPart {
    /// A stable code.
    pub code: String,
    /// The field or raw path that it is about.
    pub field: String,
    /// What is wrong and what was done instead.
    pub detail: String,
}

/// What a record is made from.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// The decision.
    pub decision: &'a Decision,
    /// The alert, its facts in its row.
    pub alert: &'a Alert,
    /// What could not be read.
    pub problems: &'a [Problem],
    /// The name of the input.
    pub input: &'a str,
    /// Whether the same bytes arrived before.
    pub duplicate: bool,
    /// The book that decided.
    pub book: &'a Book,
}

impl Record {
    /// The record of one decision.
    pub fn new(parts: Parts<'_>) -> Self {
        let Parts { decision, alert, book, .. } = parts;
        let row = &alert.row;
        let playbook = book.playbooks.get(usize::from(decision.playbook));
        let (fields, facts) = cells(row, alert, book);
        Self {
            record: VERSION.to_owned(),
            id: id(decision),
            time: row.time(s::ALERT_TIME).unwrap_or_default().to_string(),
            outcome: decision.outcome.to_string(),
            score: decision.score,
            playbook: playbook.map_or_else(String::new, |playbook| playbook.name.clone()),
            autonomy: decision.autonomy.to_string(),
            book: decision.book.to_string(),
            close_below: playbook.map_or(0, |playbook| playbook.decide.close_below),
            respond_from: playbook.and_then(|playbook| playbook.decide.respond_from),
            respond_families: playbook.map_or(0, |playbook| playbook.decide.respond_families),
            alert: alert_part(&parts),
            case: case_part(decision),
            entities: entities(row),
            fields,
            facts,
            signals: playbook.map_or_else(Vec::new, |playbook| signals(playbook, decision, row, &book.schema)),
            caps: playbook.map_or_else(Vec::new, |playbook| caps(playbook, decision)),
            guards: guards(decision, playbook, row, &book.schema),
            held_by: playbook.and_then(|playbook| held(playbook, decision)),
            recommended: playbook.map_or_else(Vec::new, |playbook| recommended(playbook, decision, row)),
            problems: parts.problems.iter().map(problem).collect(),
        }
    }
}

/// The name of a decision, as records write it.
pub fn id(decision: &Decision) -> String {
    Name::of(decision).under(decision.book)
}

/// The name of a decision: the first eight bytes of a digest of alert, book, case and revision, and of how often it was decided
/// before where it was.
pub fn id_bytes(decision: &Decision) -> [u8; 8] {
    Name::of(decision).bytes(decision.book)
}

/// What a decision under a book is named by. Most are never shown, so the digest is made when it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    alert: AlertId,
    case: CaseId,
    revision: Revision,
    again: u32,
}

impl Name {
    /// The name of `decision`.
    pub fn of(decision: &Decision) -> Self {
        let Decision { alert, case, revision, again, .. } = *decision;
        Self { alert, case, revision, again }
    }

    /// The name as records write it; `book` is the digest of the book that decided.
    pub fn under(&self, book: Digest) -> String {
        let nibbles = self.bytes(book).into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
        nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
    }

    fn bytes(&self, book: Digest) -> [u8; 8] {
        let Revision(revision) = self.revision;
        let (revision, again) = (revision.to_be_bytes(), self.again.to_be_bytes());
        let parts: [&[u8]; 5] = [&self.alert.0, &book.0, &self.case.0, &revision, &again];
        // What was decided once has the name of old.
        let Digest(digest) = Digest::of_parts(parts.into_iter().take(if self.again == 0 { 4 } else { 5 }));
        digest.first_chunk().copied().unwrap_or_default()
    }
}

fn case_part(decision: &Decision) -> CasePart {
    let linked = |link: &Link| Linked {
        strong: link.strong.to_string(),
        case: link.case.to_string(),
        relation: link.relation.to_string(),
    };
    CasePart { id: decision.case.to_string(), revision: decision.revision.0, linked: decision.links.iter().map(linked).collect() }
}

fn alert_part(parts: &Parts<'_>) -> AlertPart {
    let alert = parts.alert;
    let source = parts.book.sources.get(alert.source);
    AlertPart {
        id: alert.id().to_string(),
        digest: alert.digest.to_string(),
        source: source.map_or_else(String::new, |source| source.name.clone()),
        input: parts.input.to_owned(),
        line: alert.place.line,
        duplicate: parts.duplicate,
    }
}

fn cells(row: &Row, alert: &Alert, book: &Book) -> (BTreeMap<String, Fact>, BTreeMap<String, Fact>) {
    let (mut fields, mut facts) = (BTreeMap::new(), BTreeMap::new());
    for (slot, cell) in row.cells().filter(|(_, cell)| cell.origin != Origin::Nothing) {
        let part = match cell.origin {
            Origin::Raw(_) | Origin::Inferred => &mut fields,
            _ => &mut facts,
        };
        part.insert(book.schema.name(slot).to_owned(), fact(row, slot, cell, alert, book));
    }
    (fields, facts)
}

fn fact(row: &Row, slot: Slot, cell: Cell, alert: &Alert, book: &Book) -> Fact {
    let unknown = match cell.value {
        Value::Unknown(why) => Some(why_name(why).to_owned()),
        _ => None,
    };
    let value = json(row, slot, cell.value, &book.schema);
    let text = value
        .as_ref()
        .map(|_| shown(row, slot, cell.value, &book.schema))
        .filter(|text| value.as_ref().is_some_and(|v| v != text));
    let observed_at = (cell.observed_at != Time(0)).then(|| cell.observed_at.to_string());
    Fact { value, text, unknown, from: origin(cell.origin, alert, book), observed_at }
}

/// Where a cell's value came from, in words.
pub fn origin(origin: Origin, alert: &Alert, book: &Book) -> String {
    match origin {
        Origin::Raw(path) => book.sources.get(alert.source).map_or_else(String::new, |source| source.paths.text(path).to_owned()),
        Origin::Context(number) => book.contract_name(number).to_owned(),
        Origin::History => "history".into(),
        Origin::Derived => "derived".into(),
        Origin::Inferred => "inferred".into(),
        Origin::Nothing => String::new(),
    }
}

fn json(row: &Row, slot: Slot, value: Value, schema: &Schema) -> Option<serde_json::Value> {
    Some(match value {
        Value::Unknown(_) => return None,
        Value::Bool(truth) => truth.into(),
        Value::Int(number) => number.into(),
        Value::Duration(span) => span.secs().into(),
        Value::Distance(distance) => distance.0.into(),
        Value::Speed(speed) => speed.0.into(),
        Value::List(range) => row.list_at(range).iter().filter_map(|item| json(row, slot, *item, schema)).collect(),
        Value::Text(_) | Value::Time(_) | Value::Geo(_) | Value::Level(_) | Value::Addr(_) => {
            shown(row, slot, value, schema).into()
        }
    })
}

fn entities(row: &Row) -> Vec<Entity> {
    let mut name = String::new();
    let of_role = |role: &Role| {
        role.fields().iter().find_map(|slot| {
            name.clear();
            let named = match row.value(*slot) {
                Value::Addr(addr) => {
                    name.push_str(&addr.to_string());
                    true
                }
                _ => row.texts(*slot).any(|text| role.kind().canonical(text, &mut name)),
            };
            named.then(|| Entity { role: role.name().into(), kind: role.kind().name().into(), name: name.clone() })
        })
    };
    Role::ALL.iter().filter_map(of_role).collect()
}

fn signals(playbook: &Playbook, decision: &Decision, row: &Row, schema: &Schema) -> Vec<Signal> {
    let signal = |(signal, reason): (&adjutant_rules::playbook::Signal, &Reason)| Signal {
        id: signal.id.clone(),
        family: playbook.families.get(usize::from(signal.family)).map_or_else(String::new, |family| family.name.clone()),
        state: state(reason.state).into(),
        points: reason.points,
        because: if reason.state == SignalState::Silent { String::new() } else { sentence(&signal.because, row) },
        reads: signal.when.slots().iter().map(|slot| schema.name(*slot).to_owned()).collect(),
        muted_by: reason.muted_by.and_then(|number| playbook.exceptions.get(usize::from(number))).map(exception),
    };
    playbook.signals.iter().zip(&decision.reasons).map(signal).collect()
}

fn sentence(sentence: &adjutant_rules::lang::Sentence, row: &Row) -> String {
    let mut text = String::new();
    sentence.render(row, &mut text);
    text
}

fn state(state: SignalState) -> &'static str {
    match state {
        SignalState::Fired => "fired",
        SignalState::Silent => "silent",
        SignalState::Unknown => "unknown",
        SignalState::Muted => "muted",
    }
}

fn exception(exception: &adjutant_rules::playbook::Exception) -> String {
    format!("{} ({}, until {}): {}", exception.id, exception.owner, &date(exception.expires), exception.reason)
}

fn date(time: Time) -> String {
    time.to_string().chars().take(10).collect()
}

fn caps(playbook: &Playbook, decision: &Decision) -> Vec<Cap> {
    let cap = |(family, points): &(u16, i32)| {
        let family = playbook.families.get(usize::from(*family))?;
        Some(Cap { family: family.name.clone(), points: *points })
    };
    decision.caps.iter().filter_map(cap).collect()
}

/// What stood in the way of closing, each fact named once.
fn guards(decision: &Decision, playbook: Option<&Playbook>, row: &Row, schema: &Schema) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for guard in &decision.guards {
        let sentence = guarded(*guard, playbook, row, schema);
        if !said.iter().any(|other| other.contains(&sentence)) {
            said.push(sentence);
        }
    }
    said
}

fn guarded(guard: Guard, playbook: Option<&Playbook>, row: &Row, schema: &Schema) -> String {
    use adjutant_rules::lang::Truth;
    let named = |slot: Slot| match row.value(slot) {
        Value::Unknown(why) => format!("{} is unknown ({})", schema.name(slot), why.because()),
        value => format!("{} is {}", schema.name(slot), shown(row, slot, value, schema)),
    };
    let never = playbook.and_then(|playbook| playbook.decide.never_close.as_ref());
    let read = |wanted: &dyn Fn(Value) -> bool| {
        let slots = never.map_or_else(Vec::new, |never| never.slots().to_vec());
        slots.into_iter().filter(|slot| wanted(row.value(*slot))).map(named).collect::<Vec<_>>().join(", ")
    };
    match guard {
        // What is false speaks for closing, and is not why it was refused.
        Guard::NeverClose => {
            format!("{}: only a person may close this", read(&|value| value.is_known() && value != Value::Bool(false)))
        }
        Guard::NeverCloseUnknown => {
            let told = never.map(|never| never.truth(row));
            let the_reason = |value| matches!((value, told), (Value::Unknown(why), Some(Truth::Unknown(told))) if why == told);
            format!("{}, and there are values that only a person may close", read(&the_reason))
        }
        Guard::NeedUnknown(slot) => named(slot),
    }
}

fn held(playbook: &Playbook, decision: &Decision) -> Option<String> {
    playbook.exceptions.get(usize::from(decision.held_by?)).map(exception)
}

fn recommended(playbook: &Playbook, decision: &Decision, row: &Row) -> Vec<String> {
    use adjutant_rules::lang::Truth;
    if decision.outcome == Outcome::Close {
        return Vec::new();
    }
    let met = |when: &Option<adjutant_rules::lang::FactExpr>| when.as_ref().is_none_or(|when| when.truth(row) == Truth::True);
    let advice = playbook.recommend.iter().filter(|advice| met(&advice.when)).map(|advice| sentence(&advice.text, row));
    let acts = crate::plan::due(playbook, decision, row).map(|response| act(response, row));
    advice.chain(acts).collect()
}

fn act(response: &adjutant_rules::playbook::Response, row: &Row) -> String {
    let undo = response.verb.undo.map_or_else(|| "cannot be undone".to_owned(), |undo| format!("undo: {undo}"));
    let named = || crate::plan::named(&response.target, row);
    let target = if response.target == CASE { Some("this case".to_owned()) } else { named() };
    let target = target.unwrap_or_else(|| format!("(no {} is named)", response.target));
    format!("{} {target} (needs approval, {undo})", response.verb.says)
}

fn problem(problem: &Problem) -> ProblemPart {
    ProblemPart { code: problem.code.clone(), field: problem.field.clone(), detail: problem.detail.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_model::CaseId;
    use adjutant_model::decision::Relation;

    #[test]
    fn links_between_cases_are_published() {
        let (strong, case) = (CaseId([1; 16]), CaseId([2; 16]));
        let links = vec![Link { strong, case, relation: Relation::Near }];
        let decision = Decision { case, revision: Revision(3), links, ..Decision::undecided(Digest::default()) };
        let part = case_part(&decision);
        assert_eq!((part.id.as_str(), part.revision), ("020202020202", 3));
        let linked = Linked { strong: "010101010101".into(), case: "020202020202".into(), relation: "near".into() };
        assert_eq!(part.linked, [linked]);
    }
}
