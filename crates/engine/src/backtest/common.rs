//! What two books have in common: a backtest judges only what differs, and takes the rest as it was recorded.
//!
//! A condition that stands in both books word for word says the same of the same facts, so its recorded answer holds.
//! Points, thresholds and caps are summed up anew from the answers; facts are asked for only where a condition is new.
//!
//! INVARIANT: what comes out is what deciding everything again would come to. Whoever uses this checks samples of the
//! archive with [`Backtest::stands`](super::Backtest::stands), for another version of the program may have decided them.

use crate::decide::{self, judge_with};
use crate::score::{judged, total};
use adjutant_model::decision::Reason;
use adjutant_model::schema::slots as s;
use adjutant_model::{Decision, Row, SignalState, Slot, Time};
use adjutant_rules::Book;
use adjutant_rules::lang::{FactExpr, Judging};
use adjutant_rules::playbook::{Effect, Exception, Playbook, Signal};
use std::collections::BTreeSet;
use std::convert::Infallible;

/// The facts of one recorded decision, read only when they are asked for.
pub trait Facts {
    /// Why they cannot be read.
    type Error;

    /// The facts that decisions read.
    ///
    /// # Errors
    /// They cannot be read.
    fn row(&mut self) -> Result<&Row, Self::Error>;

    /// What [`headline`](crate::headline) reads.
    ///
    /// # Errors
    /// It cannot be read.
    fn names(&mut self) -> Result<&Row, Self::Error>;
}

impl Facts for &Row {
    type Error = Infallible;

    fn row(&mut self) -> Result<&Row, Infallible> {
        Ok(self)
    }

    fn names(&mut self) -> Result<&Row, Infallible> {
        Ok(self)
    }
}

/// What the playbooks of two books have in common; each takes the same alerts in both.
pub struct Common<'b> {
    playbooks: Vec<Pair<'b>>,
}

/// A playbook of the new book beside the one that decided.
struct Pair<'b> {
    playbook: &'b Playbook,
    /// The threshold below which the old one closed.
    close_below: i32,
    /// For each of its signals, the number of the old one of that name when it has the same condition; none when the
    /// exceptions differ.
    signals: Option<Vec<Option<u16>>>,
    /// Whether the same stands in the way of closing.
    guards: bool,
}

impl<'b> Common<'b> {
    /// What `old` and `new` have in common; none when they do not have the same playbooks for the same alerts.
    pub fn of(old: &Book, new: &'b Book) -> Option<Self> {
        let lists = Alike { lists: lists(old).eq(lists(new)) };
        let both = || old.playbooks.iter().zip(&new.playbooks);
        let same = |(a, b): (&Playbook, &Playbook)| a.name == b.name && lists.both(a.applies.as_ref(), b.applies.as_ref());
        let alike = old.playbooks.len() == new.playbooks.len() && old.generic == new.generic && both().all(same);
        alike.then(|| Self { playbooks: both().map(|(old, new)| Pair::of(old, new, &lists)).collect() })
    }

    /// Every fact that may be asked for.
    pub fn reads(&self) -> BTreeSet<Slot> {
        self.playbooks.iter().flat_map(Pair::reads).chain([s::ALERT_TIME]).collect()
    }

    /// Whether `then` holds an answer for every condition that both books have. Of a record without, which is not what the
    /// old book decided, everything must be judged anew.
    pub fn is_answered_by(&self, then: &Decision) -> bool {
        let has = |number: &u16| usize::from(*number) < then.reasons.len();
        let pair = self.playbooks.get(usize::from(then.playbook));
        pair.is_some_and(|pair| pair.signals.iter().flatten().flatten().all(has))
    }

    /// Decides again what was decided `then`, at `now` or the alert's own time.
    ///
    /// # Errors
    /// Facts are needed and cannot be read.
    pub fn again<F: Facts>(
        &self,
        then: &Decision,
        (now, book): (Option<Time>, &Book),
        facts: &mut F,
        spare: Decision,
    ) -> Result<Decision, F::Error> {
        let Decision { alert, case, revision, playbook, held_by, .. } = *then;
        let spare = spare.undone(book.digest);
        let mut decision = Decision { alert, case, revision, playbook, held_by, ..spare };
        let Some(pair) = self.playbooks.get(usize::from(playbook)) else { return Ok(decision) };
        match &pair.signals {
            Some(signals) => pair.carry_over(signals, then, now, facts, &mut decision)?,
            None => {
                let row = facts.row()?;
                judge_with(pair.playbook, row, &mut Judging::new(row), at(now, row), &mut decision);
            }
        }
        Ok(decision)
    }
}

impl<'b> Pair<'b> {
    fn of(old: &Playbook, new: &'b Playbook, alike: &Alike) -> Self {
        let same_exceptions = old.exceptions.len() == new.exceptions.len()
            && old.exceptions.iter().zip(&new.exceptions).all(|(a, b)| alike.exceptions((old, a), (new, b)));
        // By name too: an exception mutes a signal by its name.
        let known = |signal: &Signal| old.signal(&signal.id).filter(|(_, old)| alike.conditions(&old.when, &signal.when));
        let guards = old.needs == new.needs && alike.both(old.decide.never_close.as_ref(), new.decide.never_close.as_ref());
        let signals = same_exceptions.then(|| new.signals.iter().map(|signal| known(signal).map(|(at, _)| at)).collect());
        Self { playbook: new, close_below: old.decide.close_below, signals, guards }
    }

    fn reads(&self) -> BTreeSet<Slot> {
        let Some(signals) = &self.signals else { return self.playbook.reads().collect() };
        let anew = self.playbook.signals.iter().zip(signals).filter(|(_, old)| old.is_none()).map(|(signal, _)| &signal.when);
        let exceptions = self.playbook.exceptions.iter().map(|exception| &exception.when);
        let conditions = anew.chain(exceptions).chain(&self.playbook.decide.never_close);
        conditions.flat_map(FactExpr::slots).chain(&self.playbook.needs).copied().collect()
    }

    fn carry_over<F: Facts>(
        &self,
        signals: &[Option<u16>],
        then: &Decision,
        now: Option<Time>,
        facts: &mut F,
        decision: &mut Decision,
    ) -> Result<(), F::Error> {
        let playbook = self.playbook;
        let (mut reasons, caps) = (std::mem::take(&mut decision.reasons), std::mem::take(&mut decision.caps));
        reasons.clear();
        let answer = |number: &Option<u16>| number.and_then(|number| then.reasons.get(usize::from(number)));
        if signals.iter().all(|number| answer(number).is_some()) {
            let both = playbook.signals.iter().zip(signals.iter().filter_map(answer));
            reasons.extend(both.map(|(signal, reason)| with_points(*reason, (signal.points, signal.unknown))));
        } else {
            let row = facts.row()?;
            let (judging, now) = (&mut Judging::new(row), at(now, row));
            let all = playbook.signals.iter().zip(signals).enumerate();
            reasons.extend(all.map(|(index, (signal, number))| match answer(number) {
                Some(reason) => with_points(*reason, (signal.points, signal.unknown)),
                None => judged(playbook, index, signal, judging, now),
            }));
        }
        let score = total(playbook, reasons, caps);
        decision.guards.clear();
        if score.points < playbook.decide.close_below {
            if self.guards && then.score < self.close_below {
                decision.guards.extend_from_slice(&then.guards);
            } else {
                let row = facts.row()?;
                decide::guards(playbook, row, &mut Judging::new(row), &mut decision.guards);
            }
        }
        decide::conclude(playbook, score, decision);
        Ok(())
    }
}

/// A recorded answer under what its signal is worth now.
fn with_points(reason: Reason, (fired, unknown): (i32, i32)) -> Reason {
    let points = match reason.state {
        SignalState::Fired => fired,
        SignalState::Unknown => unknown,
        SignalState::Silent | SignalState::Muted => 0,
    };
    Reason { points, ..reason }
}

pub(super) fn at(now: Option<Time>, row: &Row) -> Time {
    now.or_else(|| row.time(s::ALERT_TIME)).unwrap_or_default()
}

/// Tells whether conditions of two books are the same.
struct Alike {
    /// Whether the books have the same lists.
    lists: bool,
}

impl Alike {
    fn conditions(&self, a: &FactExpr, b: &FactExpr) -> bool {
        a.text() == b.text() && (self.lists || !a.text().contains("list"))
    }

    fn both(&self, a: Option<&FactExpr>, b: Option<&FactExpr>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => self.conditions(a, b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }

    fn exceptions(&self, (old, a): (&Playbook, &Exception), (new, b): (&Playbook, &Exception)) -> bool {
        let muted = |playbook: &Playbook, effect: &Effect| match effect {
            Effect::Mute(signal) => playbook.signals.get(usize::from(*signal)).map(|signal| signal.id.clone()),
            Effect::Hold(_) => None,
        };
        a.id == b.id
            && a.expires == b.expires
            && self.conditions(&a.when, &b.when)
            && muted(old, &a.effect) == muted(new, &b.effect)
    }
}

fn lists(book: &Book) -> impl Iterator<Item = (&String, &String)> {
    book.files.iter().filter(|(path, _)| path.starts_with("lists/"))
}
