//! The process ends at every labelled place while a plan that takes itself back is at it, and the next one goes on.

use super::*;
use std::cell::Cell;

thread_local! {
    /// The place, and how often it is still passed.
    static ENDS_AT: Cell<Option<(&'static str, u32)>> = const { Cell::new(None) };
}

/// Ends the process where the test says.
fn reached(label: &str) {
    let Some((at, left)) = ENDS_AT.get().filter(|(at, _)| *at == label) else { return };
    ENDS_AT.set((left > 1).then_some((at, left - 1)));
    assert!(left > 1, "the process ends at {label}");
}

const LABELS: [&str; 8] = [
    "hand.taken-up",
    "hand.commit.before",
    "hand.commit.inside",
    "hand.commit.after",
    "hand.call.before",
    "hand.call.after",
    "hand.undo.before",
    "hand.undo.after",
];

/// Why the third step is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// The account is gone.
    Gone,
    /// It is protected by now.
    Protected,
}

/// A process, as it starts and works until nothing is left.
fn process(bench: &Bench) {
    let mut parts = bench.parts();
    parts.store = parts.store.ending(reached);
    let hand = Hand::new(parts).unwrap();
    hand.take_up().unwrap();
    while let Some(job) = hand.job_now() {
        hand.worked(&job).unwrap();
    }
}

/// A plan of which the third step cannot be done, approved.
fn plotted(steps: &[&str], why: Why, on_failure: OnFailure) -> (Bench, Digest) {
    let bench = Bench::new(4);
    let hand = bench.hand();
    let bo = lead(&hand, "bo");
    let (digest, _) = hand.plan(Draft { on_failure, ..draft(steps, Autonomy::Recommend) }).unwrap();
    say(&hand, &bo, Verb::Approve, &digest.to_string()).unwrap();
    match why {
        Why::Gone => drop(bench.fake.world().accounts.remove("u2")),
        Why::Protected => bench.fake.world().accounts.get_mut("u2").unwrap().aliases.push("admin".into()),
    }
    (bench, digest)
}

/// How it ends when the process ends at the place; none when it never comes there so often.
fn ended(steps: &[&str], why: Why, (label, nth): (&'static str, u32)) -> Option<(Bench, Digest)> {
    let (bench, digest) = plotted(steps, why, OnFailure::Undo);
    ENDS_AT.set(Some((label, nth)));
    let first = catch_unwind(AssertUnwindSafe(|| process(&bench)));
    ENDS_AT.set(None);
    first.err()?;
    process(&bench);
    Some((bench, digest))
}

#[test]
fn what_was_to_be_taken_back_is_taken_back_wherever_the_process_ended() {
    let mut ends = 0;
    for steps in [&["u0", "u1", "u2"][..], &["u0", "u1", "u2", "u3"]] {
        for why in [Why::Gone, Why::Protected] {
            for label in LABELS {
                for nth in 1.. {
                    let Some((bench, digest)) = ended(steps, why, (label, nth)) else { break };
                    ends += 1;
                    let third = if why == Why::Gone { Stage::Failed } else { Stage::Refused };
                    let wanted = [Stage::Undone, Stage::Undone, third, Stage::Cancelled];
                    assert_eq!(stages(&bench.hand(), &digest), wanted[..steps.len()], "{label} {nth} {why:?}");
                    assert!(["u0", "u1", "u3"].iter().all(|id| bench.enabled(id)), "{label} {nth} {why:?}");
                    let effects: Vec<(String, bool)> =
                        bench.fake.world().effects.iter().map(|effect| (effect.key.clone(), effect.undo)).collect();
                    assert_eq!(
                        (effects.len(), effects.iter().collect::<HashSet<_>>().len()),
                        (4, 4),
                        "{label} {nth}: {effects:?}"
                    );
                }
            }
        }
    }
    assert!(ends >= 100, "{ends} ends");
}

#[test]
fn what_is_not_to_be_taken_back_stays_over_every_start() {
    for on_failure in [OnFailure::Stop, OnFailure::Hold] {
        let (bench, digest) = plotted(&["u0", "u1", "u2"], Why::Gone, on_failure);
        (0..3).for_each(|_| process(&bench));
        assert_eq!(stages(&bench.hand(), &digest), [Stage::Done, Stage::Done, Stage::Failed]);
    }
    // A person's undo of the last step did not work: the plan was done, and nothing else of it is taken back.
    let bench = Bench::new(2);
    let hand = bench.hand();
    let bo = lead(&hand, "bo");
    let (digest, _) = hand.plan(Draft { on_failure: OnFailure::Undo, ..draft(&["u0", "u1"], Autonomy::Recommend) }).unwrap();
    say(&hand, &bo, Verb::Approve, &digest.to_string()).unwrap();
    process(&bench);
    let last = hand.store().actions(&digest).unwrap()[1].key.clone();
    bench.fake.fail(Call::Undo, 0, Fault::Refused);
    say(&hand, &bo, Verb::Undo, &last).unwrap();
    (0..3).for_each(|_| process(&bench));
    assert_eq!(stages(&bench.hand(), &digest)[0], Stage::Done);
    assert!(!bench.enabled("u0"));
}
