//! Denying a plan without a signature: on the word of the service that somebody who could approve it wants that.

use crate::hand::{Hand, Heard, Refused, all, locked};
use crate::store::{Approver, With};
use adjutant_engine::act::Happened;

impl Hand {
    /// Denies a plan that waits, on the service's word alone. It narrows what is done, and whoever has taken the service over
    /// can keep every approval from the hand anyway. Only somebody whose signature could approve it may be named.
    pub(crate) fn withdrawn(&self, about: &str, by: &str) -> Result<Heard, Refused> {
        let _gate = locked(&self.gate);
        let (_, plan, waiting) = self.waiting_plan(about)?;
        let (needs, now) = (plan.approvals(), self.now());
        let may = |known: &Approver| {
            let counts = known.revoked.is_none() && known.counts <= now;
            known.name == by && counts && needs.iter().any(|need| known.roles.contains(&need.role))
        };
        if !self.store().approvers()?.iter().any(may) {
            return Err(Refused::Signer("this plan does not wait for them".into()));
        }
        let with = With { says: format!("denied by {by}, on the service's word and without a signature"), ..With::default() };
        self.store().happen_all(&all(&waiting, Happened::Denied), &with, now)?;
        Ok(Heard::Denied)
    }
}
