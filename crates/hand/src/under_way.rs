//! Calls that have begun and are not answered yet, so that whoever pauses knows when there is none any more; and what an earlier
//! process left under way.

use crate::hand::{Hand, Job, locked};
use crate::saga::can_be_taken_back;
use crate::store::{Kept, StoreError};
use adjutant_model::Stage;
use adjutant_model::act::{Answer, OnFailure, Plan};
use std::collections::BTreeSet;
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
    /// Goes on with what an earlier process left: what was intended may have been done, and is looked at.
    pub(crate) fn take_up(&self) -> Result<(), StoreError> {
        for action in self.store().moving()? {
            self.enter(if action.stage == Stage::Undoing { Job::Undo(action.key) } else { Job::Do(action.plan) });
        }
        let plans: BTreeSet<_> = self.store().done_before_an_end()?.into_iter().map(|action| action.plan).collect();
        for plan in plans {
            if is_left_half_undone(&self.store().plan(&plan)?, &self.store().actions(&plan)?) {
                self.enter(Job::Do(plan));
            }
        }
        self.store().undo_signed()?.into_iter().for_each(|action| self.enter(Job::Undo(action.key)));
        self.store().reach("hand.taken-up");
        Ok(())
    }

    /// Begins another call of what was begun before; none where that would not be begun now.
    pub(crate) fn again(&self, plan: &Plan) -> Result<Option<UnderWay<'_>>, StoreError> {
        let _gate = locked(&self.gate);
        let may = self.paused()?.is_none() && plan.epoch == self.epoch()? && plan.expires > self.now();
        Ok(may.then(|| self.calls.begin()))
    }
}

/// Whether a step that came to this stage ends its plan: it was not done, or nobody knows. What was refused already when the
/// plan was made ends nothing: whoever approved the plan saw that.
pub(crate) fn ends_plan(plan: &Plan, nth: u32, stage: Stage) -> bool {
    match stage {
        Stage::Failed | Stage::Unclear | Stage::Stuck => true,
        Stage::Refused => plan.steps.get(nth as usize).is_some_and(|step| step.ruling.answer != Answer::Refuse),
        _ => false,
    }
}

/// Whether a step was not done, and what was done before it still has to be taken back. A step that was done, and is stuck
/// because a person's undo of it did not work, is no such step.
fn is_left_half_undone(plan: &Plan, actions: &[Kept]) -> bool {
    let ended = actions.iter().find(|action| action.after.is_none() && ends_plan(plan, action.nth, action.stage));
    let is_left = |nth| actions.iter().any(|done| done.nth < nth && done.stage == Stage::Done && can_be_taken_back(plan, done));
    plan.on_failure == OnFailure::Undo && ended.is_some_and(|ended| is_left(ended.nth))
}
