//! Who waits for thanks waits through a restart, for as long as it is worth something.

use super::*;
use crate::poll::Taken;
use crate::thanks::{Thanks, VERB};
use std::path::PathBuf;

fn file(bench: &Bench) -> PathBuf {
    bench.folder.path().join("mail.thanks")
}

/// The thanks of a new process.
fn thanks(bench: &Bench, hand: &Arc<Hand>) -> Thanks {
    Thanks::new(Arc::clone(hand), ("phishing".into(), Digest::of(b"book")), file(bench)).unwrap()
}

fn is_thanked(bench: &Bench, id: &str) -> bool {
    bench.fake.world().effects.iter().any(|effect| (effect.verb.as_str(), effect.target.as_str()) == (VERB, id))
}

/// Carries out every plan; how many there are.
fn carried(hand: &Hand) -> usize {
    let plans = hand.store().plans_of("c1").unwrap();
    plans.iter().for_each(|(_, plan)| hand.carry_out(plan).unwrap());
    plans.len()
}

/// Seven reports, of which the guard of these tests lets five be thanked for.
fn limited() -> Bench {
    let mut bench = Bench::new(7);
    bench.settings.acts.insert(("phishing".into(), VERB.into()));
    let hand = bench.hand();
    let thanks = thanks(&bench, &hand);
    for nth in 0..7 {
        let taken = Taken { case: "c1".into(), decision: "d1".into() };
        thanks.owe(&format!("u{nth}"), Digest::of(&[nth]), taken.clone());
        thanks.owe(&format!("u{nth}"), Digest::of(&[nth]), taken);
        thanks.send().unwrap();
        thanks.keep().unwrap();
        carried(&hand);
    }
    assert_eq!(carried(&hand), 5);
    assert!((0..5).all(|nth| is_thanked(&bench, &format!("u{nth}"))) && !is_thanked(&bench, "u5"));
    bench
}

/// A process whose guard has no limit.
fn free(bench: &Bench) -> Arc<Hand> {
    let run = |_: &Asked<'_>, _: &dyn Spent| Ruling { answer: Answer::Run, clauses: Vec::new(), approvals: Vec::new() };
    Arc::new(Hand::new(Parts { rule: Box::new(run), ..bench.parts() }).unwrap())
}

#[test]
fn whom_a_limit_held_up_is_thanked_by_the_next_process_and_nobody_twice() {
    let bench = limited();
    let hand = free(&bench);
    let next = thanks(&bench, &hand);
    next.send().unwrap();
    next.keep().unwrap();
    assert_eq!(carried(&hand), 7, "one for each report");
    assert!((0..7).all(|nth| is_thanked(&bench, &format!("u{nth}"))));
    let last = thanks(&bench, &hand);
    last.send().unwrap();
    assert_eq!(hand.store().plans_of("c1").unwrap().len(), 7, "nobody is left");
}

#[test]
fn after_an_hour_nobody_is_thanked_and_a_damaged_file_is_begun_anew() {
    let bench = limited();
    bench.pass(Duration::from_hours(2));
    let hand = free(&bench);
    let late = thanks(&bench, &hand);
    late.send().unwrap();
    late.keep().unwrap();
    assert_eq!(hand.store().plans_of("c1").unwrap().len(), 5);
    assert!(!std::fs::read_to_string(file(&bench)).unwrap().contains("u5"), "nor kept");
    std::fs::write(file(&bench), "half a li").unwrap();
    thanks(&bench, &hand).send().unwrap();
}
