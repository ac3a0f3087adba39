//! Doing a plan and taking actions back, so that whatever ends this process or loses an answer in between, it is known
//! afterwards what became of each action, or a person is told that it is not.
//!
//! For each action: look again who it is and how it is, ask the guard again, write down that it is about to be done, call
//! once, read back, write down what was seen. After a lost answer nothing is called again; the target is read instead.

use crate::connector::{CallError, Connector, Found, Idempotency, Permit};
use crate::draft::{Whose, subject};
use crate::hand::{Hand, Job, locked};
use crate::store::{Kept, StoreError, With};
use crate::under_way::{UnderWay, ends_plan};
use adjutant_engine::act::Happened;
use adjutant_engine::guard::{Asked, By};
use adjutant_model::act::{Answer, OnFailure, Plan, Ruling, State};
use adjutant_model::{Stage, Time};
use std::collections::HashSet;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

#[cfg(test)]
use crate::planted::{Bug, is};

/// Plans that are done at the same time.
const WORKERS: usize = 8;

/// A call that certainly changed nothing is made so often in all.
const CALLS_MAX: u32 = 4;

/// At most so long before the second call; twice as long before each further one.
const BACKOFF: Duration = Duration::from_millis(250);

/// Before the second look at a target whose change does not show yet; twice as long before each further one, so that looking
/// does not use up what a vendor takes in a minute.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Between two looks at the most.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Between two looks for plans that expired and actions that end by themselves.
const TICK: Duration = Duration::from_millis(500);

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// An action and the connector that does it.
type On<'a> = (&'a dyn Connector, &'a Kept);

impl Hand {
    /// Starts the threads that act, after whatever an earlier process left unfinished is taken up. They end after
    /// [`Hand::close`].
    ///
    /// # Errors
    /// The store cannot be used, or the system gives no threads.
    pub fn work(self: &Arc<Self>) -> Result<Vec<JoinHandle<()>>> {
        self.take_up()?;
        let spawn = |name: &str, run: fn(&Hand)| {
            let hand = Arc::clone(self);
            let spawned = std::thread::Builder::new().name(name.into()).spawn(move || run(&hand));
            spawned.map_err(|error| StoreError::Unusable(error.to_string()))
        };
        let mut threads = vec![spawn("tick", Hand::tick)?];
        for _ in 0..WORKERS {
            threads.push(spawn("act", Hand::act)?);
        }
        Ok(threads)
    }

    fn act(&self) {
        while let Some(job) = self.next_job() {
            if self.worked(&job).is_err() && !self.is_closed() {
                // The store did not take what happened. Nothing is lost: what was intended stands there, and is read back.
                self.wait(TICK);
                self.enter(job);
            }
        }
    }

    pub(crate) fn worked(&self, job: &Job) -> Result<()> {
        match job {
            Job::Do(plan) => self.store().plan(plan).and_then(|plan| self.carry_out(&plan)),
            Job::Undo(key) => self.take_back(key),
        }
    }

    fn tick(&self) {
        while !self.is_closed() {
            // What fails now is done the next time.
            let _ = self.expire();
            self.wait(TICK);
        }
    }

    /// Ends plans that nobody answered, takes back what was done for a time, and puts before a person what is unclear for too
    /// long: whoever is finding out may wait for a vendor that is slow to answer, and goes on.
    pub(crate) fn expire(&self) -> Result<()> {
        let now = self.now();
        let is_late = |action: &Kept| action.stage == Stage::Unclear && now.since(action.changed) >= self.settings().unclear_for;
        for action in self.store().moving()?.into_iter().filter(is_late) {
            // Unless it was found out just now.
            let _ = self.happen(&action.key, Happened::GaveUp, says("whether it was done is not known yet"));
        }
        {
            let _gate = locked(&self.gate);
            for action in self.store().unanswered(now)? {
                self.happen(&action.key, Happened::Expired, says("nobody answered in time"))?;
            }
        }
        self.store().ended(now)?.into_iter().for_each(|action| self.enter(Job::Undo(action.key)));
        Ok(())
    }

    /// Does what of a plan was approved and is not done, in its order.
    pub(crate) fn carry_out(&self, plan: &Plan) -> Result<()> {
        let actions = self.store().actions(&plan.digest())?;
        for action in &actions {
            let left = match action.stage {
                Stage::Intended | Stage::Unclear => self.taken_up(plan, action)?,
                _ if goes_on(plan, &actions, action) => continue,
                stage => stage,
            };
            let stage = if left == Stage::Approved { self.perform(plan, action)? } else { left };
            if self.is_closed() {
                return Ok(()); // The next process goes on.
            }
            if ends_plan(plan, action.nth, stage) {
                return self.stop_after(plan, action.nth);
            }
        }
        Ok(())
    }

    /// Finds out what became of an action that a process left at its intent. What was certainly not begun is approved as it
    /// was before: it is looked at and ruled on like any other, and only then called.
    fn taken_up(&self, plan: &Plan, action: &Kept) -> Result<Stage> {
        let _target = self.hold(&action.action.target.id);
        let unchanged = if action.stage == Stage::Intended { Happened::Unbegun } else { Happened::Failed };
        self.found_out(plan, action, unchanged)
    }

    /// A step was not done: the ones after it are not begun, or wait for one more approval, and those before stay or are taken
    /// back, as the plan says.
    fn stop_after(&self, plan: &Plan, nth: u32) -> Result<()> {
        let actions = self.store().actions(&plan.digest())?;
        let after = if plan.on_failure == OnFailure::Hold { Happened::Held } else { Happened::Cancelled };
        for action in actions.iter().filter(|action| action.stage == Stage::Approved) {
            self.happen(&action.key, after, says(&format!("step {} was not done", nth + 1)))?;
        }
        if plan.on_failure == OnFailure::Undo {
            let done = |action: &&Kept| action.nth < nth && action.stage == Stage::Done && can_be_taken_back(plan, action);
            for action in actions.iter().rev().filter(done) {
                self.take_back(&action.key)?;
            }
        }
        Ok(())
    }

    fn perform(&self, plan: &Plan, action: &Kept) -> Result<Stage> {
        let _target = self.hold(&action.action.target.id);
        // Somebody may have worked on it while this waited for its target.
        let action = &self.store().action(&action.key)?;
        if action.stage != Stage::Approved {
            return Ok(action.stage);
        }
        // Before it is looked at: between the intent and the call nothing is waited for, so that a pause holds.
        self.pace_of(action);
        let seen = self.patiently(|| self.look(action));
        let (connector, found, before) = match seen {
            Ok(seen) => seen,
            Err(error) => return self.happen(&action.key, Happened::Failed, says(&error.to_string())),
        };
        if connector.is_done(&action.action, &before) {
            let with = With { before: Some(before.clone()), after: Some(before), says: "it was so before".into(), ends: None };
            return self.happen(&action.key, Happened::SeenSo, with);
        }
        #[cfg(test)]
        if is(Bug::IntentAfterAct) {
            let _ = connector.act(&action.action, &before, Permit::new(&action.key), &action.key);
        }
        match self.allowed(plan, action, &found, &before)? {
            Ok(under_way) => self.called(plan, (connector, action), &before, under_way),
            Err(stage) => Ok(stage),
        }
    }

    /// How the target is now; it must still be who was approved.
    fn look(&self, action: &Kept) -> Result<(&dyn Connector, Found, State), CallError> {
        let gone = || CallError::Permanent(format!("there is no connector `{}` any more", action.action.connector));
        let connector = &**self.connectors().get(&action.action.connector).ok_or_else(gone)?;
        let target = &action.action.target;
        let mut found = connector.lookup(target.kind, &target.name)?;
        if !found.iter().any(|found| found.target.id == target.id) {
            found = connector.lookup(target.kind, &target.id)?;
        }
        #[cfg(test)]
        if is(Bug::FoundByName) {
            let mut now = connector.lookup(target.kind, &target.name)?;
            let found = now.pop().ok_or_else(|| CallError::Permanent("nobody".into()))?;
            let action = adjutant_model::Action { target: found.target.clone(), ..action.action.clone() };
            return Ok((connector, found, connector.probe(&action)?));
        }
        let found = found.into_iter().find(|found| found.target.id == target.id);
        let found = found.ok_or_else(|| CallError::Permanent(format!("{} is not there any more", target.name)))?;
        let state = connector.probe(&action.action)?;
        Ok((connector, found, state))
    }

    /// Asks the guard once more, and where it agrees writes the intent and begins the call, as one step. A stage when it is not
    /// done.
    fn allowed(&self, plan: &Plan, action: &Kept, found: &Found, before: &State) -> Result<Result<UnderWay<'_>, Stage>> {
        let _gate = locked(&self.gate);
        let now = self.now();
        #[cfg(test)]
        if is(Bug::RuledOnce) {
            self.happen(&action.key, Happened::Intended, With { before: Some(before.clone()), ..With::default() })?;
            return Ok(Ok(self.calls.begin()));
        }
        let happen = |happened, why: &str| self.happen(&action.key, happened, says(why)).map(Err);
        #[cfg(test)]
        let plan = &Plan { epoch: if is(Bug::EpochIgnored) { self.epoch()? } else { plan.epoch }, ..plan.clone() };
        if plan.epoch != self.epoch()? {
            return happen(Happened::Cancelled, "the hand's store was restored since this was approved");
        }
        if plan.expires <= now {
            return happen(Happened::Expired, "its time ran out before it was begun");
        }
        let approvers = self.counting("approve", &plan.digest().to_string())?;
        let held_for = plan.held_for.as_deref();
        let whose = Whose { playbook: &plan.playbook, autonomy: plan.autonomy, by: &plan.by, held_for };
        let ruling = self.says((&action.action, found), &whose, self);
        let open = match ruling.answer {
            Answer::Run => Vec::new(),
            Answer::Ask => crate::hand::missing(&ruling.approvals, &approvers),
            Answer::Refuse => return happen(Happened::Refused, &reasons(&ruling)),
        };
        if !open.is_empty() || (ruling.answer == Answer::Ask && approvers.is_empty()) {
            return happen(Happened::Refused, &format!("it needs more approvals than it has: {}", reasons(&ruling)));
        }
        let with = With { before: Some(before.clone()), says: reasons(&ruling), ..With::default() };
        self.happen(&action.key, Happened::Intended, with)?;
        Ok(Ok(self.calls.begin()))
    }

    /// Calls, and finds out what became of it.
    fn called<'a>(&'a self, plan: &Plan, on: On<'_>, before: &State, mut under_way: UnderWay<'a>) -> Result<Stage> {
        let (connector, action) = on;
        if is_repeatable(connector, action) {
            return self.repeated(plan, on, before, under_way);
        }
        let mut calls = 0;
        let answer = loop {
            calls += 1;
            let answer = self.call(connector, action, before);
            drop(under_way);
            if calls == CALLS_MAX || !matches!(answer, Err(CallError::Retry(_))) {
                break answer;
            }
            self.back_off(calls - 1);
            self.pace_of(action);
            match self.again(plan)? {
                Some(again) => under_way = again,
                None => {
                    let says = says("it was paused, or its time ran out, before the call succeeded");
                    return self.happen(&action.key, Happened::Failed, says);
                }
            }
        };
        #[cfg(test)]
        if is(Bug::CalledAgain) && matches!(answer, Err(CallError::Unclear(_))) {
            let _ = connector.act(&action.action, before, Permit::new(&action.key), &action.key);
        }
        match answer {
            Ok(()) => {}
            Err(CallError::Unclear(why)) => {
                self.happen(&action.key, Happened::Lost, says(&why))?;
            }
            Err(error) => return self.happen(&action.key, Happened::Failed, says(&error.to_string())),
        }
        self.found_out(plan, &self.store().action(&action.key)?, Happened::Failed)
    }

    /// Calls until it is answered: doing it again is no more than doing it once, and nothing would show that it was done.
    fn repeated<'a>(
        &'a self,
        plan: &Plan,
        (connector, action): On<'_>,
        before: &State,
        mut under_way: UnderWay<'a>,
    ) -> Result<Stage> {
        for nth in 0..CALLS_MAX {
            let answer = self.call(connector, action, before);
            drop(under_way);
            let with = match answer {
                Ok(()) => {
                    let says = "it was answered, and nothing can be read back".to_owned();
                    let with = With { after: Some(before.clone()), says, ..With::default() };
                    return self.happen(&action.key, Happened::SeenDone, with);
                }
                Err(CallError::Permanent(why)) if self.store().action(&action.key)?.stage == Stage::Intended => {
                    return self.happen(&action.key, Happened::Failed, says(&why));
                }
                Err(error) => says(&error.to_string()),
            };
            if self.store().action(&action.key)?.stage == Stage::Intended {
                self.happen(&action.key, Happened::Lost, with)?;
            }
            self.back_off(nth);
            self.pace_of(action);
            match self.again(plan)? {
                Some(again) => under_way = again,
                None => return self.give_up(action, "it was paused, or its time ran out, before anybody answered"),
            }
        }
        self.give_up(action, "nobody answered")
    }

    /// The one call of an action.
    fn call(&self, connector: &dyn Connector, action: &Kept, before: &State) -> Result<(), CallError> {
        self.store().reach("hand.call.before");
        let answer = connector.act(&action.action, before, Permit::new(&action.key), &action.key);
        self.store().reach("hand.call.after");
        answer
    }

    /// Finds out whether the action was done; `unchanged` is what happened when it certainly was not. Puts it before a person
    /// when that cannot be told in time.
    fn found_out(&self, plan: &Plan, action: &Kept, unchanged: Happened) -> Result<Stage> {
        if let (Some(connector), Some(before)) = (self.connectors().get(&action.action.connector), &action.before)
            && is_repeatable(&**connector, action)
        {
            return match self.again(plan)? {
                Some(under_way) => self.repeated(plan, (&**connector, action), before, under_way),
                None => self.give_up(action, "nothing shows it, and it may not be called again"),
            };
        }
        match self.read_back(action, |connector, state| connector.is_done(&action.action, state)) {
            Seen::Wanted(state) => {
                let ends = self.ends(action)?;
                let with = With { after: Some(state), ends, says: "read back: it is done".into(), before: None };
                self.happen(&action.key, Happened::SeenDone, with)
            }
            Seen::Otherwise => self.happen(&action.key, unchanged, says("read back: nothing was changed")),
            Seen::Unknown(why) => self.give_up(action, &why),
        }
    }

    /// Looks at a target until it is as wanted, or has stayed otherwise for so long that no call can be on its way any more.
    fn read_back(&self, action: &Kept, is_wanted: impl Fn(&dyn Connector, &State) -> bool) -> Seen {
        let began = self.now();
        let mut pause = LOOK_AGAIN;
        loop {
            let waited = self.now().since(began);
            let why = match self.look(action) {
                Ok((connector, _, state)) if is_wanted(connector, &state) => return Seen::Wanted(state),
                Ok(_) if waited >= self.settings().settles_in => return Seen::Otherwise,
                Ok(_) => "it was not seen".to_owned(),
                Err(error) => error.to_string(),
            };
            if waited >= self.settings().unclear_for || self.is_closed() {
                return Seen::Unknown(why);
            }
            self.wait(pause);
            pause = LOOK_EVERY.min(pause * 2);
        }
    }

    fn give_up(&self, action: &Kept, why: &str) -> Result<Stage> {
        let stage = self.store().action(&action.key)?.stage;
        let stage = if stage == Stage::Intended { self.happen(&action.key, Happened::Lost, says(why))? } else { stage };
        if self.is_closed() {
            return Ok(stage); // The next process goes on finding out.
        }
        self.happen(&action.key, Happened::GaveUp, says(&format!("whether it was done could not be found out: {why}")))
    }

    fn ends(&self, action: &Kept) -> Result<Option<Time>> {
        let plan = self.store().plan(&action.plan)?;
        Ok(plan.steps.get(action.nth as usize).and_then(|step| step.ends_after).map(|after| self.now().plus(after)))
    }

    /// Restores the state before an action, unless somebody changed it since.
    pub(crate) fn take_back(&self, key: &str) -> Result<()> {
        let _target = self.hold(&self.store().action(key)?.action.target.id);
        let action = self.store().action(key)?;
        if !matches!(action.stage, Stage::Done | Stage::Drifted | Stage::Stuck | Stage::Undoing) {
            return Ok(());
        }
        self.pace_of(&action);
        let (Some(before), seen) = (action.before.as_ref(), self.patiently(|| self.look(&action))) else { return Ok(()) };
        let (connector, found, state) = match seen {
            Ok(seen) => seen,
            Err(error) => return self.stuck(&action, &error.to_string()),
        };
        let as_left = action.after.as_ref().map_or_else(|| connector.is_done(&action.action, &state), |after| *after == state);
        if state == *before {
            return self.happen(key, Happened::Restored, says("it is as it was before")).map(drop);
        }
        if !as_left {
            return self.happen(key, Happened::Changed, says("somebody else changed it since: it is left as it is")).map(drop);
        }
        if action.stage == Stage::Undoing {
            // An earlier process may have called: that must have shown by now.
            match self.read_back(&action, |_, state| state == before) {
                Seen::Wanted(_) => return self.happen(key, Happened::Restored, says("read back: as before")).map(drop),
                Seen::Unknown(why) => return self.undo_unclear(&action, &why),
                Seen::Otherwise => {}
            }
        } else {
            let _gate = locked(&self.gate);
            let by = By::Person("", &[]);
            let ruling =
                self.rule(&Asked { action: &action.action, subject: subject(&found), by, undo: true, now: self.now() }, self);
            if ruling.answer == Answer::Refuse {
                return self.stuck(&action, &reasons(&ruling));
            }
            self.happen(key, Happened::UndoIntended, says("it is being taken back"))?;
        }
        #[cfg(test)]
        let before = &if is(Bug::UndoOpposite) { State::default() } else { before.clone() };
        let undone = self.undone(connector, &action, before);
        self.restored(&action, before, undone.err())
    }

    /// Calls again where certainly nothing was changed.
    fn undone(&self, connector: &dyn Connector, action: &Kept, before: &State) -> Result<(), CallError> {
        let mut calls = 0;
        loop {
            calls += 1;
            self.store().reach("hand.undo.before");
            let answer = connector.undo(&action.action, before, Permit::new(&action.key), &format!("{}-undo", action.key));
            self.store().reach("hand.undo.after");
            match answer {
                Err(CallError::Retry(_)) if calls < CALLS_MAX && !self.is_closed() => {
                    self.wait(BACKOFF * 2_u32.pow(calls - 1));
                    self.pace_of(action);
                }
                answer => return answer,
            }
        }
    }

    /// Reads back whether the state before is there again.
    fn restored(&self, action: &Kept, before: &State, error: Option<CallError>) -> Result<()> {
        let (happened, with) = match self.read_back(action, |_, state| state == before) {
            Seen::Wanted(_) => (Happened::Restored, says("read back: as before")),
            Seen::Otherwise => {
                let why = error.map_or_else(|| "nothing was changed".into(), |error| error.to_string());
                (Happened::Failed, says(&format!("taking it back did not work: {why}")))
            }
            Seen::Unknown(why) => return self.undo_unclear(action, &why),
        };
        self.happen(&action.key, happened, with).map(drop)
    }

    /// Whether it was taken back cannot be told: a person is, unless the next process can go on finding out.
    fn undo_unclear(&self, action: &Kept, why: &str) -> Result<()> {
        if self.is_closed() {
            return Ok(());
        }
        let says = says(&format!("whether it was taken back could not be found out: {why}"));
        self.happen(&action.key, Happened::GaveUp, says).map(drop)
    }

    /// It could not be begun to take it back: a person is told. What somebody else changed stays told as that.
    fn stuck(&self, action: &Kept, why: &str) -> Result<()> {
        if action.stage == Stage::Drifted {
            return Ok(());
        }
        self.happen(&action.key, Happened::GaveUp, says(why)).map(drop)
    }

    /// Waits until the connector takes one more call of this verb.
    fn pace_of(&self, action: &Kept) {
        let action = &action.action;
        let connector = self.connectors().get(&action.connector);
        let mut offers = connector.iter().flat_map(|connector| connector.verbs());
        let offer = offers.find(|offer| offer.verb == action.verb);
        self.pace(&action.connector, offer.map_or(1, |offer| offer.per_minute));
    }

    /// Asks again where that may help. Only for what changes nothing.
    fn patiently<T>(&self, mut ask: impl FnMut() -> Result<T, CallError>) -> Result<T, CallError> {
        let mut asked = 1;
        loop {
            match ask() {
                Err(CallError::Retry(_) | CallError::Unclear(_)) if asked < CALLS_MAX => {
                    self.back_off(asked - 1);
                    asked += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Waits longer before each further call, and never as long as somebody else who began at the same time.
    fn back_off(&self, nth: u32) {
        let longest = BACKOFF * 2_u32.pow(nth);
        let mut jitter = [u8::MAX];
        // Without random numbers it is the longest.
        let _ = getrandom::fill(&mut jitter);
        self.wait(longest / 2 + longest * u32::from(jitter[0]) / 510);
    }

    fn happen(&self, key: &str, happened: Happened, with: With) -> Result<Stage> {
        self.store().happen(key, happened, with, self.now())
    }

    /// Waits until nothing else is done to this target.
    fn hold(&self, target: &str) -> Held<'_> {
        let busy = locked(&self.busy.0);
        let mut busy = self.busy.1.wait_while(busy, |busy| busy.contains(target)).unwrap_or_else(PoisonError::into_inner);
        busy.insert(target.to_owned());
        Held { hand: self, target: target.to_owned() }
    }
}

/// What a target showed.
enum Seen {
    /// It is as wanted.
    Wanted(State),
    /// It is otherwise, and stays so.
    Otherwise,
    /// It could not be seen, and why.
    Unknown(String),
}

/// Nothing else is done to this target meanwhile.
struct Held<'a> {
    hand: &'a Hand,
    target: String,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut busy: MutexGuard<'_, HashSet<String>> = locked(&self.hand.busy.0);
        busy.remove(&self.target);
        self.hand.busy.1.notify_all();
    }
}

/// Whether anything takes the action back, as whoever approved the plan was told.
pub(crate) fn can_be_taken_back(plan: &Plan, action: &Kept) -> bool {
    plan.steps.get(action.nth as usize).is_some_and(|step| step.undo.is_some())
}

fn is_repeatable(connector: &dyn Connector, action: &Kept) -> bool {
    let mut offers = connector.verbs().iter().filter(|offer| offer.verb == action.action.verb);
    offers.any(|offer| offer.idempotency == Idempotency::Repeat)
}

/// Whether people were asked once more after this step was not done, and approved what follows.
fn goes_on(plan: &Plan, actions: &[Kept], failed: &Kept) -> bool {
    let after = |later: &Kept| later.nth > failed.nth && later.stage == Stage::Approved && later.changed > failed.changed;
    plan.on_failure == OnFailure::Hold && failed.stage != Stage::Approved && actions.iter().any(after)
}

fn says(why: &str) -> With {
    With { says: why.to_owned(), ..With::default() }
}

fn reasons(ruling: &Ruling) -> String {
    ruling.clauses.iter().map(|clause| clause.says.as_str()).collect::<Vec<_>>().join("; ")
}
