//! The queue: cases, worst first, in bounded memory.

use adjutant_engine::{headline, record};
use adjutant_model::schema::slots as s;
use adjutant_model::{Outcome, Time};
use adjutant_runtime::archive::Entry;
use adjutant_runtime::triage::Decided;
use foldhash::fast::RandomState;
use std::cmp::Reverse;
use std::collections::HashMap;

/// Cases remembered at most; beyond, the least of them are forgotten. Their number is counted all the same.
pub(crate) const CASES_MAX: usize = 20_000;

/// One case of the queue.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) outcome: Outcome,
    pub(crate) score: i32,
    pub(crate) alerts: u64,
    pub(crate) first: Time,
    pub(crate) last: Time,
    pub(crate) playbook: u16,
    pub(crate) subject: String,
    pub(crate) title: String,
    /// What its worst decision is named by.
    pub(crate) decision: record::Name,
    /// Its worst decision, where that is to be explained.
    pub(crate) worst: Option<Box<Entry>>,
    /// Order of intake, for cases that are alike in everything else.
    order: u64,
}

/// Cases by their name.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    cases: HashMap<[u8; 16], Case, RandomState>,
    /// Cases in all, forgotten ones included.
    pub(crate) opened: u64,
    order: u64,
}

impl Case {
    /// The case as its first alert makes it.
    fn new(decided: &Decided<'_>, order: u64) -> Self {
        let row = &decided.alert.row;
        let time = row.time(s::ALERT_TIME).unwrap_or_default();
        Self {
            outcome: decided.decision.outcome,
            score: decided.decision.score,
            alerts: 1,
            first: time,
            last: time,
            playbook: decided.decision.playbook,
            subject: headline::subject(row),
            title: headline::title(row),
            decision: record::Name::of(decided.decision),
            worst: None,
            order,
        }
    }

    /// Worst first; among equals the one with more alerts, then the one that came first.
    pub(crate) fn rank(&self) -> impl Ord + use<> {
        (Reverse(self.outcome), Reverse(self.score), Reverse(self.alerts), self.order)
    }

    fn join(&mut self, other: Case) {
        let (first, last) = (self.first.min(other.first), self.last.max(other.last));
        let (alerts, order) = (self.alerts + other.alerts, self.order);
        if (other.outcome, other.score) > (self.outcome, self.score) {
            *self = other;
        }
        (self.first, self.last, self.alerts, self.order) = (first, last, alerts, order);
    }
}

impl Queue {
    /// Takes in a decision, and keeps it whole when it is the worst of its case so far and `keep` says so.
    pub(crate) fn add(&mut self, decided: &Decided<'_>, keep: bool) {
        let decision = decided.decision;
        self.opened += u64::from(decision.revision.0 == 1);
        self.order += 1;
        let known = self.cases.get_mut(&decision.case.0);
        if let Some(case) = known
            && (decision.outcome, decision.score) <= (case.outcome, case.score)
        {
            let time = decided.alert.row.time(s::ALERT_TIME).unwrap_or_default();
            case.alerts += 1;
            (case.first, case.last) = (case.first.min(time), case.last.max(time));
            return;
        }
        let worst = keep.then(|| Box::new(entry(decided)));
        let case = Case { worst, ..Case::new(decided, self.order) };
        self.put(decision.case.0, case);
    }

    /// Takes in a later part of the same stream, leaving it empty.
    pub(crate) fn append(&mut self, later: &mut Queue) {
        let before = self.order;
        for (id, case) in later.cases.drain() {
            let order = before + case.order;
            self.put(id, Case { order, ..case });
        }
        self.opened += std::mem::take(&mut later.opened);
        self.order += std::mem::take(&mut later.order);
    }

    fn put(&mut self, id: [u8; 16], case: Case) {
        match self.cases.get_mut(&id) {
            Some(known) => known.join(case),
            None => {
                self.cases.insert(id, case);
            }
        }
    }

    /// Forgets the least cases down to `most`, once there are twice as many.
    pub(crate) fn bound(&mut self, most: usize) {
        if self.cases.len() < 2 * most {
            return;
        }
        let mut ranks: Vec<_> = self.cases.values().map(Case::rank).collect();
        let (_, last, _) = ranks.select_nth_unstable(most);
        let last = &*last;
        self.cases.retain(|_, case| case.rank() < *last);
    }

    /// The cases, worst first.
    pub(crate) fn worst_first(&self) -> Vec<&Case> {
        let mut cases: Vec<&Case> = self.cases.values().collect();
        cases.sort_by_cached_key(|case| case.rank());
        cases
    }
}

fn entry(decided: &Decided<'_>) -> Entry {
    Entry {
        alert: decided.alert.clone(),
        decision: decided.decision.clone(),
        problems: decided.problems.to_vec(),
        raw: 0,
        duplicate: decided.observed.duplicate,
    }
}
