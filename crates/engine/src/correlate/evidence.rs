//! What is unusual in one case: which rules, how new they are, who saw them.
//!
//! A case whose evidence is broad is *strong*, for good: it owns its rules for a while, so that one incident
//! seen on many hosts is one strong case and weak ones that refer to it, not many strong ones. Strength depends
//! on evidence alone, never on what was decided, so that correlation does not wait for decisions.

use super::{Apart, Few};
use crate::bounded::Bounded;
use crate::memory::unusual::Firing;
use adjutant_model::Time;
use serde::{Deserialize, Serialize};

/// How much of a case is unusual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rules that had been quiet on this entity.
    pub rules: u32,
    /// … that had never fired here.
    pub new_here: u32,
    /// … that had never fired anywhere.
    pub new_anywhere: u32,
    /// Sources and detectors that raised one of them.
    pub detectors: u32,
    /// Rules that fired far above their busiest hour here.
    pub bursts: u32,
    /// Unusual rules that are not counted above, because a strong case of another entity owns them.
    pub shared: u32,
}

/// The evidence of one case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Evidence {
    /// The entity that the case is about.
    pub(super) entity: u64,
    /// What of it counts, as last judged.
    pub(super) counts: Counts,
    /// Whether the case is strong; stays true.
    pub(super) strong: bool,
    /// Unusual cases of other entities at about the same time.
    pub(super) near: Vec<u64>,
    /// Unusual cases of those entities some time before.
    pub(super) before: Vec<u64>,
    items: Vec<Item>,
    bursts: Few,
}

/// One unusual rule of a case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Item {
    rule: u64,
    detector: u64,
    new_here: bool,
    new_anywhere: bool,
}

/// Which strong case owns a rule, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Owner {
    case: u64,
    entity: u64,
    time: Time,
}

impl Evidence {
    pub(super) fn of(entity: u64) -> Self {
        Self { entity, ..Self::default() }
    }

    /// Takes in a firing; `fresh` says that the rule joins the case with it. Returns whether the case now holds more.
    pub(super) fn add(&mut self, rule: u64, detector: u64, firing: &Firing, fresh: bool, policy: &Apart) -> bool {
        if fresh && firing.unusual && self.items.len() < policy.evidence_max {
            self.items.push(Item { rule, detector, new_here: firing.new_here, new_anywhere: firing.new_anywhere });
        }
        let bursts = firing.burst && self.bursts.add(rule);
        self.counts.bursts = self.bursts.len();
        fresh || bursts
    }

    /// Counts what no strong case of another entity owns at `time`, and takes ownership when that makes this case `key`
    /// strong.
    pub(super) fn judge(&mut self, key: u64, time: Time, owners: &mut Bounded<Owner>, policy: &Apart) {
        let mut counts = Counts { bursts: self.counts.bursts, ..Counts::default() };
        let mut detectors = Few::default();
        for item in &self.items {
            if owners.get(item.rule).is_some_and(|owner| owner.entity != self.entity && owner.holds(time, policy)) {
                counts.shared += 1;
                continue;
            }
            counts.rules += 1;
            counts.new_here += u32::from(item.new_here);
            counts.new_anywhere += u32::from(item.new_anywhere);
            detectors.add(item.detector);
        }
        counts.detectors = detectors.len();
        self.counts = counts;
        self.strong |= counts.rules >= policy.strong_rules && counts.detectors >= policy.strong_detectors;
        if self.strong {
            self.own(key, time, owners, policy);
        }
    }

    fn own(&self, key: u64, time: Time, owners: &mut Bounded<Owner>, policy: &Apart) {
        for item in &self.items {
            let (owner, known) = owners.touch(item.rule);
            if !known || owner.case == key || !owner.holds(time, policy) {
                *owner = Owner { case: key, entity: self.entity, time };
            }
        }
    }
}

impl Owner {
    /// Whether the ownership is in force at `time`.
    fn holds(&self, time: Time, policy: &Apart) -> bool {
        time.since(self.time) <= policy.owns && self.time.since(time) <= policy.owns
    }
}
