//! Says of each call whether it may have come: from what people approved, whom nobody touches, and the limits, all as the
//! guardrails' page has them and not as the guard reads them.

use super::{Tally, key_of};
use crate::acting::accounts::{Call, VERBS};
use adjutant_model::{Digest, Duration, Time};
use std::collections::{BTreeMap, BTreeSet};

/// Those of the trial that are protected, by whatever name.
const PROTECTED: [&str; 6] = ["chief", "twin", "admin7", "deputy", "krbtgt", "da"];
/// Different targets of a verb in a window, as the shipped limits say.
const TARGETS: (usize, Duration) = (5, Duration::from_secs(600));
/// Different targets in an hour.
const HOUR: (usize, Duration) = (20, Duration::from_hours(1));

/// What it knows.
#[derive(Default)]
pub(super) struct Judge {
    /// Keys of actions that people approved.
    approved: BTreeSet<String>,
    /// What came, by the installation's clock: the verb and the target.
    came: BTreeMap<Time, (String, String)>,
}

impl Judge {
    /// People approve a plan of one step.
    pub(super) fn approves(&mut self, plan: Digest) {
        self.approved.insert(key_of(&plan));
    }

    /// Judges what came.
    pub(super) fn judge(&mut self, mut calls: Vec<Call>, tally: &mut Tally) {
        calls.sort_by_key(|call| call.at);
        for call in calls {
            // What a playbook may do by itself needs nobody, but to be taken back it needs a person.
            let alone = call.verb == VERBS[1] && !call.undo;
            let may = !call.undo && self.approved.contains(&call.key) || alone;
            note(&mut tally.unapproved, &mut tally.says, !may, || format!("nobody approved {call:?}"));
            let protected = PROTECTED.contains(&call.target.as_str());
            note(&mut tally.protected, &mut tally.says, protected, || format!("protected: {call:?}"));
            self.came.insert(call.at, (call.verb.clone(), call.target.clone()));
            let over = self.since(Some(&call.verb), call.at, TARGETS.1) > TARGETS.0 || self.since(None, call.at, HOUR.1) > HOUR.0;
            note(&mut tally.limit_exceeded, &mut tally.says, over, || format!("beyond the limit: {call:?}"));
        }
    }

    /// Different targets up to `at` within a window.
    fn since(&self, verb: Option<&str>, at: Time, window: Duration) -> usize {
        let from = Time(at.0 - window.0 + 1);
        let of_verb = self.came.range(from..=at).filter(|(_, (done, _))| verb.is_none_or(|verb| verb == done));
        of_verb.map(|(_, (_, target))| target).collect::<BTreeSet<_>>().len()
    }
}

fn note(count: &mut u64, says: &mut Vec<String>, is: bool, what: impl FnOnce() -> String) {
    if is {
        *count += 1;
        says.push(what());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(key: &str, verb: &str, target: &str, at: i64) -> Call {
        let (key, verb, target) = (key.into(), verb.into(), target.into());
        Call { key, verb, target, undo: false, came: std::time::Instant::now(), at: Time::from_secs(at) }
    }

    #[test]
    fn what_must_not_come_is_counted() {
        let plan = Digest::of(b"plan");
        let mut judge = Judge::default();
        judge.approves(plan);
        let mut tally = Tally::default();
        judge.judge(vec![call(&key_of(&plan), VERBS[0], "u1", 1)], &mut tally);
        assert_eq!((tally.unapproved, tally.protected, tally.limit_exceeded), (0, 0, 0));
        judge.judge(vec![call("other", VERBS[0], "u2", 2), call("x", VERBS[1], "chief", 3)], &mut tally);
        assert_eq!((tally.unapproved, tally.protected, tally.limit_exceeded), (1, 1, 0));
        let undo = Call { undo: true, ..call(&key_of(&plan), VERBS[1], "u1", 4) };
        judge.judge(vec![undo], &mut tally);
        assert_eq!(tally.unapproved, 2);
        let flood = (0..6).map(|nth| call("x", VERBS[1], &format!("u{nth}"), 10_000 + nth)).collect();
        judge.judge(flood, &mut tally);
        assert_eq!(tally.limit_exceeded, 1);
    }
}
