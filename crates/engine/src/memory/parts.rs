//! Memory as parts that can be written one after the other, while alerts come in between.
//!
//! Whoever writes all of it at once stands still meanwhile, and so does everybody who waits for a decision. A part is a fraction
//! of that. What comes between is taken in again after a restart, by the parts that did not know it yet.
//!
//! INVARIANT: what a part learns of an alert depends on that part and those before it, never on those after it. So parts that were
//! written in this order, none before an entry that an earlier one knew, all come to what memory was.

use super::{Keys, Limits, Memory};
use crate::correlate::Policy;
use adjutant_model::Alert;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many parts there are.
pub const PARTS: usize = 5;

/// Their numbers: what arrived before; rules and what they fired on; open cases and campaigns; users; where they come from.
const ARRIVALS: usize = 0;
const RULES: usize = 1;
const CASES: usize = 2;
const USERS: usize = 3;

impl Memory {
    /// Writes a part.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_part<S: Serializer>(&self, part: usize, to: S) -> Result<S::Ok, S::Error> {
        match part {
            ARRIVALS => (self.key, &self.started, &self.duplicates).serialize(to),
            RULES => (&self.rules, &self.here, &self.here_horizon, &self.units, &self.entities, &self.repeats).serialize(to),
            CASES => (&self.cases, &self.campaigns).serialize(to),
            USERS => self.users.serialize(to),
            _ => (&self.addresses, &self.devices, &self.subnets, &self.pairs).serialize(to),
        }
    }

    /// Takes over a part that was written.
    ///
    /// # Errors
    /// It cannot be read; memory is not to be used then.
    pub fn read_part<'de, D: Deserializer<'de>>(&mut self, part: usize, from: D) -> Result<(), D::Error> {
        match part {
            ARRIVALS => (self.key, self.started, self.duplicates) = Deserialize::deserialize(from)?,
            RULES => {
                (self.rules, self.here, self.here_horizon, self.units, self.entities, self.repeats) =
                    Deserialize::deserialize(from)?;
            }
            CASES => (self.cases, self.campaigns) = Deserialize::deserialize(from)?,
            USERS => self.users = Deserialize::deserialize(from)?,
            _ => (self.addresses, self.devices, self.subnets, self.pairs) = Deserialize::deserialize(from)?,
        }
        Ok(())
    }

    /// Goes on with what was read, within these limits and under this policy.
    #[must_use]
    pub fn within(self, limits: Limits, policy: Policy) -> Self {
        Self {
            cases: self.cases.with_policy(policy),
            users: self.users.with_limit(limits.users_max),
            addresses: self.addresses.with_limit(limits.addresses_max),
            devices: self.devices.with_limit(limits.addresses_max),
            subnets: self.subnets.with_limit(limits.addresses_max),
            entities: self.entities.with_limit(limits.entities_max),
            rules: self.rules.with_limit(limits.rules_max),
            here: self.here.with_limit(limits.pairs_max),
            units: self.units.with_limit(limits.pairs_max),
            pairs: self.pairs.with_limit(limits.pairs_max),
            duplicates: self.duplicates.with_limit(limits.duplicates_max),
            repeats: self.repeats.with_limit(limits.duplicates_max),
            campaigns: self.campaigns.with_limit(limits.rules_max),
            ..self
        }
    }

    /// Takes in one alert that only the first `parts` parts, at least one, do not know yet.
    pub fn catch_up(&mut self, alert: &mut Alert, keys: &Keys, parts: usize) {
        if parts >= PARTS {
            self.observe(alert, keys);
            return;
        }
        let (time, duplicate) = self.arrived(&mut alert.row, keys);
        if parts <= RULES {
            return;
        }
        let firing = self.rule_facts(&mut alert.row, keys, time, !duplicate);
        if parts <= CASES {
            return;
        }
        self.join(alert, keys, firing, (time, !duplicate));
        if parts > USERS {
            self.user_facts(&mut alert.row, keys, time, !duplicate);
        }
    }

    /// Learns what an analyst said, as [`learn_verdict`](Self::learn_verdict) does, where only the first `parts` parts do not know
    /// it yet.
    pub fn catch_up_verdict(&mut self, keys: &Keys, benign: bool, parts: usize) {
        if parts > RULES {
            self.learn_verdict(keys, benign);
        }
    }
}
