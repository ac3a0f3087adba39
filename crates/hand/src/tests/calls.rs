//! Calls that are under way when it is paused, that take long, that are made again; and what was asked for when the process ended.

use super::*;
use crate::protocol::{Reply, Request};
use adjutant_engine::act::Happened;

/// Waits until it is so; a test that waits for ever is stopped from outside.
fn until(is: impl Fn() -> bool) {
    while !is() {
        std::thread::yield_now();
    }
}

#[test]
fn a_pause_is_answered_when_no_call_is_under_way_any_more() {
    let bench = Bench::new(1);
    let hand = bench.hand();
    let digest = approved(&hand, &["u0"]);
    let held = bench.fake.hold();
    let threads = hand.work().unwrap();
    until(|| bench.fake.is_held());
    std::thread::scope(|scope| {
        let pausing = scope.spawn(|| hand.pause("cy").unwrap());
        until(|| hand.paused().unwrap().is_some());
        std::thread::yield_now();
        assert!(!pausing.is_finished(), "a call is under way");
        drop(held);
        assert_eq!(pausing.join().unwrap().1, 0);
    });
    until(|| stages(&hand, &digest) == [Stage::Done]);
    hand.close();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn what_was_begun_before_a_pause_is_not_called_again_under_it() {
    for repeat in [false, true] {
        let bench = Bench::new(1);
        bench.fake.repeats(repeat);
        let digest = approved(&bench.hand(), &["u0"]);
        bench.fake.fail(Call::Act, 0, Fault::CrashBefore);
        let hand = bench.hand();
        let plan = hand.store().plan(&digest).unwrap();
        catch_unwind(AssertUnwindSafe(|| hand.carry_out(&plan).unwrap())).unwrap_err();
        hand.pause("cy").unwrap();
        let actions = carried_out(&bench, &digest);
        assert!(bench.fake.world().effects.is_empty() && bench.enabled("u0"), "{repeat}");
        // What was certainly not begun is ruled on again.
        assert_eq!(actions[0].stage, if repeat { Stage::Stuck } else { Stage::Refused });
    }
}

#[test]
fn who_waits_for_a_slow_vendor_does_not_keep_a_person_waiting() {
    let bench = Bench::new(1);
    let hand = bench.hand();
    let digest = approved(&hand, &["u0"]);
    let key = &hand.store().actions(&digest).unwrap()[0].key;
    let happen = |happened| hand.store().happen(key, happened, Default::default(), hand.now()).unwrap();
    happen(Happened::Intended);
    happen(Happened::Lost);
    bench.pass(Duration::from_secs(45));
    hand.expire().unwrap();
    assert_eq!(stages(&hand, &digest), [Stage::Unclear]);
    bench.pass(Duration::from_secs(5));
    hand.expire().unwrap();
    assert_eq!(stages(&hand, &digest), [Stage::Stuck]);
    // Whoever was finding out goes on.
    assert_eq!(happen(Happened::SeenDone), Stage::Done);
}

#[test]
fn an_undo_that_was_signed_outlives_the_process() {
    let bench = Bench::new(1);
    let digest = approved(&bench.hand(), &["u0"]);
    let action = carried_out(&bench, &digest).remove(0);
    say(&bench.hand(), &key("bo"), Verb::Undo, &action.key).unwrap();
    let hand = bench.hand();
    let threads = hand.work().unwrap();
    until(|| stages(&hand, &digest) == [Stage::Undone]);
    hand.close();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(bench.enabled("u0"));
    assert!(bench.hand().store().undo_signed().unwrap().is_empty(), "once");
}

#[test]
fn an_undo_is_called_again_where_certainly_nothing_was_changed() {
    let bench = Bench::new(1);
    let digest = approved(&bench.hand(), &["u0"]);
    let action = carried_out(&bench, &digest).remove(0);
    bench.fake.fail(Call::Undo, 0, Fault::Busy);
    bench.fake.fail(Call::Undo, 0, Fault::Busy);
    bench.hand().take_back(&action.key).unwrap();
    assert_eq!(stages(&bench.hand(), &digest), [Stage::Undone]);
}

#[test]
fn what_nothing_takes_back_is_not_said_to_be_taken_back() {
    let bench = Bench::new(1);
    let hand = bench.hand();
    let bo = lead(&hand, "bo");
    let mut wished = draft(&["u0"], Autonomy::Recommend);
    wished.steps[0].verb = "revoke-sessions".into();
    let (digest, _) = hand.plan(wished).unwrap();
    say(&hand, &bo, Verb::Approve, &digest.to_string()).unwrap();
    let action = carried_out(&bench, &digest).remove(0);
    assert_eq!(action.stage, Stage::Done);
    assert!(say(&hand, &bo, Verb::Undo, &action.key).unwrap_err().to_string().contains("nothing takes this back"));
}

#[test]
fn what_the_guard_would_say_is_about_a_person_who_asks() {
    let bench = Bench::new(1);
    let asks = Arc::new(std::sync::Mutex::new(String::new()));
    let told = Arc::clone(&asks);
    let mut parts = bench.parts();
    parts.rule = Box::new(move |asked, spent| {
        if let By::Person(name, _) = asked.by {
            *told.lock().unwrap() = name.to_owned();
        }
        rule(asked, spent)
    });
    let hand = Hand::new(parts).unwrap();
    let check = Request::Check { verb: "disable-account".into(), kind: EntityKind::User, name: "u0".into() };
    assert!(matches!(hand.answer(check), Reply::Ruled { target: Some(_), .. }));
    assert!(!adjutant_rules::guardrails::says_nothing(&asks.lock().unwrap()), "nobody may ask for anything");
}
