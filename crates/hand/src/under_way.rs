//! Calls that have begun and are not answered yet, so that whoever pauses knows when there is none any more.

use crate::hand::{Hand, locked};
use crate::store::StoreError;
use adjutant_model::act::Plan;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Whoever pauses waits so long for calls that had begun: as long as a call may take by default.
const WAITS: Duration = Duration::from_secs(30);

/// How many there are.
#[derive(Default)]
pub(crate) struct Calls {
    count: Mutex<usize>,
    fewer: Condvar,
}

/// One call between the check that allowed it and its answer. Begun under the hand's gate alone, where a pause is set too: so
/// each call is begun before the pause and counted, or not begun.
pub(crate) struct UnderWay<'a>(&'a Calls);

impl Calls {
    /// Another begins.
    pub(crate) fn begin(&self) -> UnderWay<'_> {
        *locked(&self.count) += 1;
        UnderWay(self)
    }

    /// Waits until there is none; how many are left when that takes too long.
    pub(crate) fn ended(&self) -> usize {
        let waited = self.fewer.wait_timeout_while(locked(&self.count), WAITS, |count| *count > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        *locked(&self.0.count) -= 1;
        self.0.fewer.notify_all();
    }
}

impl Hand {
    /// Begins another call of what was begun before; none where that would not be begun now.
    pub(crate) fn again(&self, plan: &Plan) -> Result<Option<UnderWay<'_>>, StoreError> {
        let _gate = locked(&self.gate);
        let may = self.paused()?.is_none() && plan.epoch == self.epoch()? && plan.expires > self.now();
        Ok(may.then(|| self.calls.begin()))
    }
}
