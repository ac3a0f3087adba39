//! What another book would have decided: recorded facts, decided again, and what flips.
//!
//! Nothing is looked up afresh: a fact that was unknown stays unknown. Each flip is laid to the signal whose
//! points differ most, so that a change of the book can be judged by its parts. The tally of one part of an
//! archive merges with another's, so that parts run in parallel.

mod common;
mod reading;

use common::at;
pub use common::{Common, Facts};
pub use reading::changed;

use crate::decide::decide_about;
use crate::headline;
use adjutant_model::decision::Reason;
use adjutant_model::{AlertId, CaseId, Decision, Outcome, Row, Time};
use adjutant_rules::Book;
use adjutant_rules::playbook::Playbook;
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Examples kept of each group of flips.
pub const EXAMPLES_MAX: usize = 5;

/// The names of cases are digests already: they are used as they are.
#[derive(Clone, Debug, Default)]
struct Unhashed(u64);

impl Hasher for Unhashed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
}

/// What groups flips: they have one cause and one effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The outcome under the new book; ordered first, so that what would be closed comes first.
    pub to: Outcome,
    /// What was decided.
    pub from: Outcome,
    /// The playbook of the new book.
    pub playbook: String,
    /// The signal whose points differ most, or `thresholds`, or `playbook` when another one decides.
    pub cause: String,
}

/// One decision that flips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The alert.
    pub alert: AlertId,
    /// Who or what it is about.
    pub subject: String,
    /// What happened.
    pub title: String,
    /// The score then.
    pub from: i32,
    /// The score under the new book.
    pub to: i32,
}

/// The flips of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flips {
    /// How many.
    pub count: u64,
    /// The first few, in the order of the archive.
    pub examples: Vec<Example>,
}

/// What another book would have decided, summed up.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Decisions made again.
    pub decisions: u64,
    /// Stored alerts that the new book cannot read.
    pub unreadable: u64,
    /// The flips by group.
    pub groups: BTreeMap<Group, Flips>,
    /// For each case, its highest outcome then and under the new book; none where it is no case.
    cases: HashMap<CaseId, (Option<Outcome>, Option<Outcome>), BuildHasherDefault<Unhashed>>,
    /// With labels: counts by (harmful, closed then, closed now).
    labelled: BTreeMap<(bool, bool, bool), u64>,
}

/// How many cases were, and would be, before a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Cases escalated or higher then.
    pub then: u64,
    /// Cases escalated or higher under the new book.
    pub now: u64,
    /// Cases in all then.
    pub cases: u64,
    /// Cases in all under the new book.
    pub cases_now: u64,
}

/// Labelled alerts and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Labelled {
    /// Harmful alerts.
    pub harmful: u64,
    /// Harmful alerts closed.
    pub missed: u64,
    /// Harmless alerts.
    pub harmless: u64,
    /// Harmless alerts not closed.
    pub false_escalations: u64,
}

/// Decides recorded alerts again under another book.
#[derive(Clone, Copy)]
pub struct Backtest<'b> {
    old: &'b Book,
    new: &'b Book,
    now: Option<Time>,
}

impl<'b> Backtest<'b> {
    /// What was decided under `old`, decided again under `new`; as of `now`, or else of each alert's own time.
    pub const fn new(old: &'b Book, new: &'b Book, now: Option<Time>) -> Self {
        Self { old, new, now }
    }

    /// Decides again what was decided `then`; `harmful` is the alert's label, if it has one. Judges only what `common` does
    /// not answer, or everything when nothing is common. Uses the memory of a decision that is not needed any more, and
    /// leaves this one for the next.
    ///
    /// # Errors
    /// Facts are needed and cannot be read.
    pub fn again<F: Facts>(
        &self,
        common: Option<&Common<'_>>,
        (then, harmful): (&Decision, Option<bool>),
        facts: &mut F,
        tally: &mut Tally,
        spare: &mut Option<Decision>,
    ) -> Result<(), F::Error> {
        let memory = spare.take().unwrap_or_else(|| Decision::undecided(self.new.digest));
        let decision = match common {
            Some(common) => common.again(then, (self.now, self.new), facts, memory)?,
            None => {
                let row = facts.row()?;
                decide_about(row, (then.alert, then.case, then.revision), self.new, at(self.now, row), memory)
            }
        };
        self.compare((then, spare.insert(decision)), harmful, facts, tally)
    }

    /// Whether the old book says today what was decided `then`: it may have been another version of this program.
    pub fn stands(&self, row: &Row, then: &Decision) -> bool {
        let blank = Decision::undecided(then.book);
        let again = decide_about(row, (then.alert, then.case, then.revision), self.old, at(self.now, row), blank);
        Decision { links: then.links.clone(), ..again } == *then
    }

    /// Adds to `tally` what was decided then and is decided now.
    ///
    /// # Errors
    /// It is to be shown what flips, and that cannot be read.
    pub fn compare<F: Facts>(
        &self,
        (then, now): (&Decision, &Decision),
        harmful: Option<bool>,
        facts: &mut F,
        tally: &mut Tally,
    ) -> Result<(), F::Error> {
        tally.add(then, now, harmful);
        if now.outcome == then.outcome {
            return Ok(());
        }
        let playbook = self.new.playbooks.get(usize::from(now.playbook));
        let name = playbook.map_or_else(String::new, |playbook| playbook.name.clone());
        let group = Group { to: now.outcome, from: then.outcome, playbook: name, cause: self.cause(then, now) };
        let flips = tally.groups.entry(group).or_default();
        flips.count += 1;
        if flips.examples.len() < EXAMPLES_MAX {
            let row = facts.names()?;
            let (subject, title) = (headline::subject(row), headline::title(row));
            flips.examples.push(Example { alert: then.alert, subject, title, from: then.score, to: now.score });
        }
        Ok(())
    }

    /// Which signal made the difference.
    fn cause(&self, then: &Decision, now: &Decision) -> String {
        let (Some(old), Some(new)) =
            (self.old.playbooks.get(usize::from(then.playbook)), self.new.playbooks.get(usize::from(now.playbook)))
        else {
            return "playbook".into();
        };
        if old.name != new.name {
            return "playbook".into();
        }
        let points = |playbook: &Playbook, reasons: &[Reason], id: &str| {
            playbook.signal(id).and_then(|(index, _)| reasons.get(usize::from(index))).map_or(0, |reason| reason.points)
        };
        let ids = old.signals.iter().chain(&new.signals).map(|signal| signal.id.as_str());
        let differs = |id: &&str| (points(new, &now.reasons, id) - points(old, &then.reasons, id)).abs();
        ids.max_by_key(differs).filter(|id| differs(id) > 0).map_or_else(|| "thresholds".into(), str::to_owned)
    }
}

impl Tally {
    fn add(&mut self, then: &Decision, now: &Decision, harmful: Option<bool>) {
        self.decisions += 1;
        if then.case == now.case {
            self.case(then.case, Some(then.outcome), Some(now.outcome));
        } else {
            self.case(then.case, Some(then.outcome), None);
            self.case(now.case, None, Some(now.outcome));
        }
        if let Some(harmful) = harmful {
            let closed = |decision: &Decision| decision.outcome == Outcome::Close;
            *self.labelled.entry((harmful, closed(then), closed(now))).or_default() += 1;
        }
    }

    fn case(&mut self, case: CaseId, then: Option<Outcome>, now: Option<Outcome>) {
        let outcomes = self.cases.entry(case).or_insert((then, now));
        *outcomes = (outcomes.0.max(then), outcomes.1.max(now));
    }

    /// Adds what another part of the archive came to; call in the archive's order.
    pub fn merge(&mut self, other: Tally) {
        self.decisions += other.decisions;
        self.unreadable += other.unreadable;
        for (case, (then, now)) in other.cases {
            self.case(case, then, now);
        }
        for (group, flips) in other.groups {
            let mine = self.groups.entry(group).or_default();
            mine.count += flips.count;
            let room = EXAMPLES_MAX.saturating_sub(mine.examples.len());
            mine.examples.extend(flips.examples.into_iter().take(room));
        }
        for (key, count) in other.labelled {
            *self.labelled.entry(key).or_default() += count;
        }
    }

    /// How many decisions flip.
    pub fn flipped(&self) -> u64 {
        self.groups.values().map(|flips| flips.count).sum()
    }

    /// What people's queue was and would be.
    pub fn queue(&self) -> Queue {
        let before = |outcome: &Option<Outcome>| u64::from(*outcome > Some(Outcome::Close));
        let add = |queue: Queue, (then, now): &(Option<Outcome>, Option<Outcome>)| Queue {
            then: queue.then + before(then),
            now: queue.now + before(now),
            cases: queue.cases + u64::from(then.is_some()),
            cases_now: queue.cases_now + u64::from(now.is_some()),
        };
        self.cases.values().fold(Queue::default(), add)
    }

    /// What became of labelled alerts, then and under the new book.
    pub fn labelled(&self) -> (Labelled, Labelled) {
        let (mut then, mut now) = (Labelled::default(), Labelled::default());
        for ((harmful, closed_then, closed_now), count) in &self.labelled {
            then.count(*harmful, *closed_then, *count);
            now.count(*harmful, *closed_now, *count);
        }
        (then, now)
    }
}

impl Labelled {
    fn count(&mut self, harmful: bool, closed: bool, count: u64) {
        let (all, wrong, is_wrong) = match harmful {
            true => (&mut self.harmful, &mut self.missed, closed),
            false => (&mut self.harmless, &mut self.false_escalations, !closed),
        };
        *all += count;
        *wrong += if is_wrong { count } else { 0 };
    }
}
