//! Whether a rule fires where it had been quiet, or far more often than ever before.
//!
//! An alert is *unusual* when its rule did not fire on its entity for longer than a daily job takes to come
//! back. That needs no label, keyword or severity, and one timestamp for each rule and entity. An entity
//! that is not known for as long cannot be judged: nothing about it is unusual, and nothing is usual.

use super::rules::{RuleHere, RuleHistory};
use adjutant_model::{Duration, Time};
use serde::{Deserialize, Serialize};

/// When a firing is unusual or a burst.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// A rule is unusual where it was quiet for so long; an entity must be known as long. A day and two hours, so
    /// that a daily job which starts a little later is not unusual.
    pub quiet: Duration,
    /// A burst is at least so many alerts of one rule on one entity in a clock hour …
    pub burst_min: u32,
    /// … and more than so many times its busiest hour there before.
    pub burst_times: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { quiet: Duration::from_hours(26), burst_min: 20, burst_times: 4 }
    }
}

/// What history says about one firing of a rule on one entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Firing {
    /// Whether the entity is known long enough to tell; when not, all that follows is false.
    pub known: bool,
    /// The rule was quiet here for longer than [`Policy::quiet`], or never fired here.
    pub unusual: bool,
    /// It certainly never fired here.
    pub new_here: bool,
    /// It certainly never fired anywhere.
    pub new_anywhere: bool,
    /// It fires far more often this hour than in any hour before.
    pub burst: bool,
}

/// What was remembered before a rule fired, and how far back the memory goes.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// How long the entity has been known.
    pub age: Duration,
    /// The rule everywhere, before this firing.
    pub everywhere: &'a RuleHistory,
    /// Whether rules were forgotten, so that an absent one need not be new.
    pub rules_forgotten: bool,
    /// The rule on this entity, before this firing.
    pub here: &'a RuleHere,
    /// The latest firing of any pair of rule and entity that was forgotten: an absent pair has been quiet since then
    /// at least.
    pub horizon: Option<Time>,
}

impl Firing {
    /// Judges a firing at `time` by what was before it; `after` is what is remembered with it.
    pub fn of(past: &Past<'_>, after: &RuleHere, time: Time, policy: &Policy) -> Self {
        if past.age < policy.quiet {
            return Self::default();
        }
        let seen = past.here.fires > 0;
        let since = if seen { Some(past.here.last) } else { past.horizon };
        let new_here = since.is_none();
        Self {
            known: true,
            unusual: since.is_none_or(|since| time.since(since) >= policy.quiet),
            new_here,
            new_anywhere: new_here && past.everywhere.fires == 0 && !past.rules_forgotten,
            burst: after.hour_fires >= policy.burst_min
                && after.hour_fires > after.hour_busiest.saturating_mul(policy.burst_times),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(30);

    fn hour(h: i64) -> Time {
        Time::from_secs(h * 3600)
    }

    /// The rule fires at `hours`, the last of which is judged.
    fn judge(age: Duration, hours: &[i64], horizon: Option<Time>) -> Firing {
        let mut here = RuleHere::default();
        let mut firing = Firing::default();
        for h in hours {
            let before = here;
            here.fired(hour(*h));
            let past = Past { age, everywhere: &RuleHistory::default(), rules_forgotten: false, here: &before, horizon };
            firing = Firing::of(&past, &here, hour(*h), &Policy::default());
        }
        firing
    }

    #[test]
    fn a_day_and_two_hours_of_silence_are_unusual() {
        assert!(judge(DAY, &[0, 26], None).unusual && !judge(DAY, &[0, 26], None).new_here);
        assert!(!judge(DAY, &[0, 25], None).unusual, "a daily job that starts an hour late");
        assert!(!judge(DAY, &[26, 0], None).unusual, "late alerts are not unusual");
        let first = judge(DAY, &[40], None);
        assert!(first.unusual && first.new_here && first.new_anywhere);
    }

    #[test]
    fn nothing_is_said_of_what_is_not_known_for_a_day() {
        assert_eq!(judge(Duration::from_hours(25), &[40], None), Firing::default());
    }

    #[test]
    fn what_was_forgotten_is_never_new() {
        let firing = judge(DAY, &[40], Some(hour(10)));
        assert!(firing.unusual && !firing.new_here && !firing.new_anywhere, "quiet since the horizon at least");
        assert!(!judge(DAY, &[40], Some(hour(20))).unusual, "the horizon is too near to tell");
    }

    #[test]
    fn a_burst_is_far_above_the_busiest_hour() {
        let hours = |first: usize, second: usize| [vec![0; first], vec![5; second]].concat();
        assert!(judge(DAY, &hours(20, 81), None).burst);
        assert!(!judge(DAY, &hours(20, 80), None).burst);
        assert!(!judge(DAY, &hours(0, 19), None).burst && judge(DAY, &hours(0, 20), None).burst);
    }
}
