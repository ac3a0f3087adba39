//! What is around every connector, so that none has to have it: it stops asking who does not answer, remembers what was looked
//! up, and counts what it asks.
//!
//! What is about to be acted on is always looked up anew. Only who asks with [`Connector::recall`], and says how old an answer
//! may be, gets one that was remembered.

use crate::connector::{CallError, Condition, Connector, Count, Found, Offer, Permit};
use crate::hand::{Clock, locked};
use crate::poll::{Page, Polls};
use crate::table::{List, Rows};
use adjutant_model::act::{Action, State};
use adjutant_model::{Duration, EntityKind, Time};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const HOUR: Duration = Duration(3_600_000_000);

/// A call that was begun and not ended after so long was left behind; another may try.
const TRIAL_MAX: Duration = Duration(120_000_000);

/// How much is borne, and how much is asked.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// After so many calls in a row that failed, nobody is asked for a while.
    pub failures: u32,
    /// So long at first, and twice as long after each trial that fails too …
    pub rest: Duration,
    /// … up to so long: less than the time within which it is found out what became of an action.
    pub rest_max: Duration,
    /// Calls in an hour. What enriches gets four fifths of them; taking back gets what it needs.
    pub calls_per_hour: u32,
    /// Answers that are remembered.
    pub remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let (rest, rest_max) = (Duration::from_secs(2), Duration::from_secs(15));
        Self { failures: 5, rest, rest_max, calls_per_hour: 5_000, remembered: 10_000 }
    }
}

/// What look-ups found, by kind and name, each with its time.
type Known = BTreeMap<(EntityKind, String), (Vec<Found>, Time)>;

/// A connector with all of that.
pub struct Steady {
    name: String,
    inner: Arc<dyn Connector>,
    clock: Clock,
    limits: Limits,
    credentials: Vec<String>,
    course: Mutex<Course>,
    known: Mutex<Known>,
}

/// How the calls went.
#[derive(Default)]
struct Course {
    /// Calls in a row that failed.
    failed: u32,
    /// Nobody is asked before this.
    rests_until: Time,
    /// How long the last rest was.
    rest: Duration,
    /// A call is out that tries whether it answers again.
    trial: Option<Time>,
    good: Option<Time>,
    says: String,
    /// When the hour began that is counted, and the calls in it.
    hour: Time,
    calls: u32,
    /// All calls, by what they were for and how they ended.
    counts: BTreeMap<(For, &'static str), u64>,
    remembered: u64,
}

/// What a call is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum For {
    Enrichment,
    Action,
    /// Never held back: what was done must be taken back, and a person who asks gets an answer.
    Urgent,
}

impl Steady {
    /// `inner`, under its configured name.
    pub fn new(name: &str, inner: Arc<dyn Connector>, limits: Limits, clock: Clock) -> Self {
        let (course, known) = (Mutex::default(), Mutex::default());
        Self { name: name.to_owned(), inner, clock, limits, credentials: Vec::new(), course, known }
    }

    /// The same with what people are told of where its credentials stand.
    #[must_use]
    pub fn with_credentials(self, credentials: Vec<String>) -> Self {
        Self { credentials, ..self }
    }

    fn asked<T>(&self, what_for: For, call: impl FnOnce() -> Result<T, CallError>) -> Result<T, CallError> {
        if let Err(held) = self.may_ask(what_for) {
            self.count(what_for, "held");
            return Err(held);
        }
        let answer = call();
        self.count(
            what_for,
            match &answer {
                Ok(_) => "answered",
                Err(CallError::Permanent(_)) => "refused",
                Err(CallError::Retry(_)) => "failed",
                Err(CallError::Unclear(_)) => "unclear",
            },
        );
        self.note(answer.as_ref().err());
        answer
    }

    fn count(&self, what_for: For, class: &'static str) {
        *locked(&self.course).counts.entry((what_for, class)).or_default() += 1;
    }

    fn may_ask(&self, what_for: For) -> Result<(), CallError> {
        let now = (self.clock)();
        let mut course = locked(&self.course);
        // A clock that goes back begins another hour.
        if !(0..HOUR.0).contains(&now.since(course.hour).0) {
            (course.hour, course.calls) = (now, 0);
        }
        let most = match what_for {
            For::Urgent => u32::MAX,
            For::Action => self.limits.calls_per_hour,
            For::Enrichment => self.limits.calls_per_hour / 5 * 4,
        };
        if course.calls >= most {
            return Err(CallError::Retry(format!("{} was asked {} times in this hour, and no more is allowed", self.name, most)));
        }
        if what_for != For::Urgent && course.failed >= self.limits.failures {
            let on_trial = course.trial.is_some_and(|since| now.since(since).0.abs() < TRIAL_MAX.0);
            // No rest is as long as this: the clock went back.
            let rests = course.rests_until > now && course.rests_until.since(now).0 <= self.limits.rest_max.0;
            if rests || on_trial {
                let (name, failed, says) = (&self.name, course.failed, &course.says);
                return Err(CallError::Retry(format!(
                    "{name} is left alone for a while after {failed} failures in a row: {says}"
                )));
            }
            course.trial = Some(now);
        }
        course.calls = course.calls.saturating_add(1);
        Ok(())
    }

    fn note(&self, error: Option<&CallError>) {
        let now = (self.clock)();
        let mut course = locked(&self.course);
        course.trial = None;
        match error {
            // Who refuses answers.
            None | Some(CallError::Permanent(_)) => {
                (course.failed, course.rest) = (0, Duration(0));
                course.good = Some(now);
            }
            Some(error) => {
                course.failed = course.failed.saturating_add(1);
                course.says = error.to_string();
                if course.failed >= self.limits.failures {
                    let rest = Duration(course.rest.0.saturating_mul(2).clamp(self.limits.rest.0, self.limits.rest_max.0));
                    course.rest = rest;
                    course.rests_until = now.plus(rest);
                }
            }
        }
    }

    fn remember(&self, kind: EntityKind, name: &str, found: &[Found]) {
        let mut known = locked(&self.known);
        if known.len() >= self.limits.remembered {
            let oldest = known.iter().min_by_key(|(_, (_, at))| *at).map(|(key, _)| key.clone());
            oldest.map(|key| known.remove(&key));
        }
        known.insert((kind, name.to_lowercase()), (found.to_vec(), (self.clock)()));
    }

    /// What was known of a target is not so any more.
    fn forget(&self, id: &str) {
        locked(&self.known).retain(|_, (found, _)| found.iter().all(|found| found.target.id != id));
    }
}

impl Connector for Steady {
    fn verbs(&self) -> &[Offer] {
        self.inner.verbs()
    }

    fn texts(&self, verb: &str) -> &[&'static str] {
        self.inner.texts(verb)
    }

    fn is_for_each(&self, verb: &str) -> bool {
        self.inner.is_for_each(verb)
    }

    fn lookup(&self, kind: EntityKind, name: &str) -> Result<Vec<Found>, CallError> {
        let found = self.asked(For::Action, || self.inner.lookup(kind, name))?;
        self.remember(kind, name, &found);
        Ok(found)
    }

    fn recall(&self, kind: EntityKind, name: &str, age_max: Duration) -> Result<(Vec<Found>, Time), CallError> {
        let now = (self.clock)();
        if let Some((found, at)) = locked(&self.known).get(&(kind, name.to_lowercase()))
            && (0..=age_max.0).contains(&now.since(*at).0)
        {
            locked(&self.course).remembered += 1;
            return Ok((found.clone(), *at));
        }
        let (found, _) = self.asked(For::Enrichment, || self.inner.recall(kind, name, age_max))?;
        self.remember(kind, name, &found);
        Ok((found, now))
    }

    fn polls(&self) -> Option<Polls> {
        self.inner.polls()
    }

    fn poll(&self, since: Time, next: Option<&str>) -> Result<Page, CallError> {
        self.asked(For::Enrichment, || self.inner.poll(since, next))
    }

    fn lists(&self) -> Vec<List> {
        self.inner.lists()
    }

    fn list(&self, name: &str, next: Option<&str>) -> Result<Rows, CallError> {
        self.asked(For::Enrichment, || self.inner.list(name, next))
    }

    /// Nobody is asked again by waiting.
    fn news(&self, within: std::time::Duration) -> Option<bool> {
        self.inner.news(within)
    }

    fn probe(&self, action: &Action) -> Result<State, CallError> {
        self.asked(For::Action, || self.inner.probe(action))
    }

    fn is_done(&self, action: &Action, state: &State) -> bool {
        self.inner.is_done(action, state)
    }

    fn act(&self, action: &Action, before: &State, permit: Permit, key: &str) -> Result<(), CallError> {
        self.forget(&action.target.id);
        self.asked(For::Action, || self.inner.act(action, before, permit, key))
    }

    fn undo(&self, action: &Action, before: &State, permit: Permit, key: &str) -> Result<(), CallError> {
        self.forget(&action.target.id);
        self.asked(For::Urgent, || self.inner.undo(action, before, permit, key))
    }

    fn health(&self) -> Result<String, CallError> {
        self.asked(For::Urgent, || self.inner.health())
    }

    fn condition(&self) -> Option<Condition> {
        let now = (self.clock)();
        let course = locked(&self.course);
        let open = course.failed >= self.limits.failures;
        Some(Condition {
            rests: open && course.rests_until > now,
            failures: course.failed,
            says: if course.failed > 0 { course.says.clone() } else { String::new() },
            last_good: course.good,
            calls: if (0..HOUR.0).contains(&now.since(course.hour).0) { course.calls } else { 0 },
            calls_max: self.limits.calls_per_hour,
            counts: course.counts.iter().map(|((purpose, class), calls)| count(*purpose, class, *calls)).collect(),
            remembered: course.remembered,
            credentials: self.credentials.clone(),
        })
    }
}

fn count(purpose: For, class: &str, calls: u64) -> Count {
    let purpose = match purpose {
        For::Enrichment => "enrichment",
        For::Action => "action",
        For::Urgent => "urgent",
    };
    Count { purpose: purpose.to_owned(), class: class.to_owned(), calls }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_model::act::Target;
    use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

    /// Answers, fails, and counts.
    #[derive(Default)]
    struct Vendor {
        asked: AtomicU32,
        fails: Mutex<Option<CallError>>,
    }

    impl Vendor {
        fn say(&self) -> Result<(), CallError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            locked(&self.fails).clone().map_or(Ok(()), Err)
        }
    }

    impl Connector for Vendor {
        fn verbs(&self) -> &[Offer] {
            &[]
        }
        fn lookup(&self, kind: EntityKind, name: &str) -> Result<Vec<Found>, CallError> {
            let target = Target { kind, id: "1".into(), name: name.into() };
            self.say().map(|()| vec![Found { target, aliases: Vec::new(), groups: None, facts: BTreeMap::new() }])
        }
        fn probe(&self, _: &Action) -> Result<State, CallError> {
            self.say().map(|()| State::default())
        }
        fn is_done(&self, _: &Action, _: &State) -> bool {
            true
        }
        fn act(&self, _: &Action, _: &State, _: Permit, _: &str) -> Result<(), CallError> {
            self.say()
        }
        fn undo(&self, _: &Action, _: &State, _: Permit, _: &str) -> Result<(), CallError> {
            self.say()
        }
        fn health(&self) -> Result<String, CallError> {
            self.say().map(|()| "well".into())
        }
    }

    struct World {
        vendor: Arc<Vendor>,
        seconds: Arc<AtomicI64>,
        steady: Steady,
    }

    impl World {
        fn new(limits: Limits) -> Self {
            let (vendor, seconds) = (Arc::new(Vendor::default()), Arc::new(AtomicI64::new(1_772_323_200)));
            let read = seconds.clone();
            let clock: Clock = Arc::new(move || Time::from_secs(read.load(Ordering::SeqCst)));
            Self { steady: Steady::new("okta", vendor.clone(), limits, clock), vendor, seconds }
        }
        fn later(&self, seconds: i64) {
            self.seconds.fetch_add(seconds, Ordering::SeqCst);
        }
        fn fails(&self, error: Option<CallError>) {
            *locked(&self.vendor.fails) = error;
        }
        fn asked(&self) -> u32 {
            self.vendor.asked.load(Ordering::SeqCst)
        }
        fn look(&self) -> Result<Vec<Found>, CallError> {
            self.steady.lookup(EntityKind::User, "ana")
        }
        fn undo(&self) -> Result<(), CallError> {
            let target = Target { kind: EntityKind::User, id: "1".into(), name: "ana".into() };
            let (with, texts) = (BTreeMap::new(), BTreeMap::new());
            let action = Action { verb: "x".into(), target, connector: "okta".into(), with, texts };
            self.steady.undo(&action, &State::default(), Permit::of_a_test("k"), "k")
        }
    }

    #[test]
    fn who_does_not_answer_is_left_alone_and_tried_again_by_one_call() {
        let world = World::new(Limits::default());
        world.fails(Some(CallError::Retry("no answer".into())));
        for _ in 0..20 {
            assert!(world.look().is_err());
        }
        assert_eq!(world.asked(), 5, "five in a row are enough");
        let condition = world.steady.condition().unwrap();
        assert!(condition.rests && condition.failures == 5 && condition.says.contains("no answer"), "{condition:?}");
        let mut asked = 5;
        for rest in [2, 4, 8, 15, 15] {
            world.later(rest - 1);
            assert!(world.look().is_err_and(|error| matches!(error, CallError::Retry(_))));
            assert_eq!(world.asked(), asked, "it rests for {rest} s");
            world.later(1);
            assert!(world.look().is_err() && world.look().is_err());
            asked += 1;
            assert_eq!(world.asked(), asked, "one call tries");
        }
        assert!(world.undo().is_err());
        assert_eq!(world.asked(), asked + 1, "what was done may always be taken back");
        world.fails(None);
        world.later(15);
        assert!(world.look().is_ok() && world.look().is_ok());
        let condition = world.steady.condition().unwrap();
        assert!(!condition.rests && condition.failures == 0 && condition.last_good.is_some(), "{condition:?}");
    }

    #[test]
    fn every_call_is_counted_by_what_it_was_for_and_how_it_ended() {
        let world = World::new(Limits { calls_per_hour: 10, ..Limits::default() });
        let recall = |name: &str| drop(world.steady.recall(EntityKind::User, name, Duration::from_secs(60)));
        ["ana", "ana", "ANA", "bo"].into_iter().for_each(recall);
        world.fails(Some(CallError::Permanent("no".into())));
        assert!(world.look().is_err());
        world.fails(Some(CallError::Unclear("lost".into())));
        assert!(world.undo().is_err());
        world.fails(Some(CallError::Retry("no answer".into())));
        (0..7).for_each(|_| assert!(world.look().is_err()));
        let condition = world.steady.condition().unwrap();
        let counted = |purpose: &str, class: &str| {
            condition.counts.iter().find(|count| count.purpose == purpose && count.class == class).map_or(0, |count| count.calls)
        };
        assert_eq!((counted("enrichment", "answered"), condition.remembered), (2, 2));
        assert_eq!((counted("action", "refused"), counted("urgent", "unclear")), (1, 1));
        // With the one that was unclear the fifth in a row fails; then it rests.
        assert_eq!((counted("action", "failed"), counted("action", "held")), (4, 3));
        assert!(condition.rests && condition.last_good.is_some(), "{condition:?}");
    }

    #[test]
    fn who_refuses_answers() {
        let world = World::new(Limits::default());
        world.fails(Some(CallError::Permanent("no".into())));
        (0..20).for_each(|_| assert!(world.look().is_err()));
        assert_eq!(world.asked(), 20);
    }

    #[test]
    fn one_call_at_a_time_tries_and_one_that_never_ends_is_left_behind() {
        let world = World::new(Limits::default());
        world.fails(Some(CallError::Retry("no answer".into())));
        (0..5).for_each(|_| assert!(world.look().is_err()));
        world.later(2);
        world.steady.may_ask(For::Action).unwrap();
        assert!(world.steady.may_ask(For::Action).is_err(), "another one is out");
        world.later(121);
        world.steady.may_ask(For::Action).unwrap();
    }

    #[test]
    fn what_was_looked_up_is_remembered_for_who_says_so_and_until_it_is_changed() {
        let world = World::new(Limits { remembered: 2, ..Limits::default() });
        let recall = |name: &str, seconds| world.steady.recall(EntityKind::User, name, Duration::from_secs(seconds)).unwrap().1;
        let first = recall("ana", 60);
        world.later(30);
        assert_eq!((recall("ANA", 60), world.asked()), (first, 1));
        world.look().unwrap();
        assert_eq!(world.asked(), 2, "what is acted on is looked up anew");
        world.later(61);
        assert!(recall("ana", 60) > first);
        assert_eq!(world.asked(), 3);
        world.undo().unwrap();
        recall("ana", 60);
        assert_eq!(world.asked(), 5, "it was changed");
        ["bo", "cy", "di"].into_iter().for_each(|name| assert!(recall(name, 60) > first));
        assert!(locked(&world.steady.known).len() <= 2);
        world.later(-120);
        let asked = world.asked();
        recall("di", 60);
        assert_eq!(world.asked(), asked + 1, "a clock that went back makes nothing fresh");
        world.fails(Some(CallError::Retry("no answer".into())));
        world.later(600);
        let stale = world.steady.recall(EntityKind::User, "di", Duration::from_secs(60));
        assert!(stale.is_err(), "what is too old is not known");
    }

    #[test]
    fn a_budget_leaves_a_fifth_to_what_acts_and_never_holds_back_an_undo() {
        let world = World::new(Limits { calls_per_hour: 10, ..Limits::default() });
        let recall = |nth: i64| world.steady.recall(EntityKind::User, &format!("u{nth}"), Duration::from_secs(60));
        assert_eq!((0..20).filter(|nth| recall(*nth).is_ok()).count(), 8);
        assert_eq!((0..20).filter(|_| world.look().is_ok()).count(), 2);
        assert!(world.undo().is_ok());
        world.later(3_600);
        assert!(world.look().is_ok());
    }
}
