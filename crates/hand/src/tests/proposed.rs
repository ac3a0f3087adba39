//! Plans that the machine proposes, and plans that an exception holds for somebody.

use super::{Bench, draft, key, lead, say, stages};
use crate::draft::Draft;
use crate::fixture::{Call, Fault};
use crate::hand::{Heard, Refused};
use crate::statement::Verb;
use adjutant_model::act::{Answer, Need, OnFailure};
use adjutant_model::{Autonomy, Duration, Stage};

fn by_the_machine(names: &[&str]) -> Draft {
    Draft { by: String::new(), ..draft(names, Autonomy::Ask) }
}

#[test]
fn the_machine_proposes_the_same_once_for_a_case() {
    let bench = Bench::new(3);
    let hand = bench.hand();
    let lead = lead(&hand, "bo");
    let first = hand.plan(by_the_machine(&["u0", "nobody"])).unwrap().0;
    assert_eq!(hand.plan(by_the_machine(&["u0", "nobody"])).unwrap().0, first);
    assert_ne!(hand.plan(by_the_machine(&["u0"])).unwrap().0, first, "other steps are another plan");
    let elsewhere = Draft { case: "c2".into(), ..by_the_machine(&["u0", "nobody"]) };
    assert_ne!(hand.plan(elsewhere).unwrap().0, first);
    let asked = hand.plan(draft(&["u0", "nobody"], Autonomy::Ask)).unwrap().0;
    assert_ne!(asked, first, "a person gets what a person asks for");
    assert_ne!(hand.plan(draft(&["u0", "nobody"], Autonomy::Ask)).unwrap().0, asked);

    assert_eq!(say(&hand, &lead, Verb::Deny, &first.to_string()).unwrap(), Heard::Denied);
    assert_eq!(hand.plan(by_the_machine(&["u0", "nobody"])).unwrap().0, first, "who said no is not asked again");
}

#[test]
fn what_nobody_answered_is_proposed_again() {
    let bench = Bench::new(1);
    let hand = bench.hand();
    let first = hand.plan(by_the_machine(&["u0"])).unwrap().0;
    bench.pass(Duration::from_hours(24));
    hand.expire().unwrap();
    assert_eq!(stages(&hand, &first), [Stage::Expired]);
    let again = hand.plan(by_the_machine(&["u0"])).unwrap();
    assert_ne!(again.0, first);
    let bo = lead(&hand, "bo");
    bench.pass(Duration::from_hours(3));
    assert!(say(&hand, &bo, Verb::Approve, &again.0.to_string()).is_err(), "a key that is new to a hand in use");
}

#[test]
fn what_the_machine_proposed_is_done_once_people_approved() {
    let bench = Bench::new(1);
    let hand = bench.hand();
    let bo = lead(&hand, "bo");
    let (digest, plan) = hand.plan(by_the_machine(&["u0"])).unwrap();
    assert_eq!(plan.answer(), Answer::Ask);
    say(&hand, &bo, Verb::Approve, &digest.to_string()).unwrap();
    hand.carry_out(&plan).unwrap();
    assert_eq!(stages(&hand, &digest), [Stage::Done]);
}

#[test]
fn what_an_exception_holds_is_not_done_without_its_owner() {
    let bench = Bench::new(1);
    let mut settings = bench.settings.clone();
    settings.acts.insert(("suspicious-login".into(), "disable-account".into()));
    let bench = Bench { settings, ..bench };
    let hand = bench.hand();
    let (lead, owner) = (lead(&hand, "bo"), key("cy"));
    hand.add_key(&owner.verifier().to_string(), vec!["owner:finance".into()]).unwrap();

    let free = Draft { autonomy: Autonomy::Act, ..by_the_machine(&["u0"]) };
    let held = Draft { held_for: Some("owner:finance".into()), ..free };
    let (digest, plan) = hand.plan(held).unwrap();
    assert_eq!(plan.answer(), Answer::Ask, "the ladder lets it act, the exception does not");
    assert!(plan.approvals().contains(&Need { people: 1, role: "owner:finance".into() }));
    assert!(matches!(say(&hand, &lead, Verb::Approve, &digest.to_string()), Err(Refused::Signer(_))));
    assert_eq!(say(&hand, &owner, Verb::Approve, &digest.to_string()).unwrap(), Heard::Approved);
    hand.carry_out(&plan).unwrap();
    assert_eq!(stages(&hand, &digest), [Stage::Done]);
}

#[test]
fn a_held_plan_goes_on_after_one_more_approval_and_not_before() {
    let bench = Bench::new(3);
    let hand = bench.hand();
    let (bo, di) = (lead(&hand, "bo"), lead(&hand, "di"));
    let held = Draft { on_failure: OnFailure::Hold, ..draft(&["u0", "u1", "u2"], Autonomy::Recommend) };
    let (digest, plan) = hand.plan(held).unwrap();
    assert_eq!(say(&hand, &bo, Verb::Approve, &digest.to_string()).unwrap(), Heard::Approved);
    bench.fake.fail(Call::Act, 1, Fault::Refused);
    hand.carry_out(&plan).unwrap();
    assert_eq!(stages(&hand, &digest), [Stage::Done, Stage::Failed, Stage::Planned]);

    // Another process, and nobody said anything: it stays so.
    bench.hand().carry_out(&plan).unwrap();
    assert_eq!(stages(&hand, &digest), [Stage::Done, Stage::Failed, Stage::Planned]);
    assert_eq!(say(&hand, &di, Verb::Approve, &digest.to_string()).unwrap(), Heard::Approved);
    hand.carry_out(&plan).unwrap();
    assert_eq!(stages(&hand, &digest), [Stage::Done, Stage::Failed, Stage::Done]);
    assert!(!bench.enabled("u2") && bench.enabled("u1"));
}

#[test]
fn a_step_that_lasts_for_a_while_is_taken_back_by_itself() {
    let bench = Bench::new(1);
    let hand = bench.hand();
    let mut wished = by_the_machine(&["u0"]);
    wished.steps[0].lasts = Some(Duration::from_hours(24));
    let bo = lead(&hand, "bo");
    let (digest, plan) = hand.plan(wished).unwrap();
    say(&hand, &bo, Verb::Approve, &digest.to_string()).unwrap();
    hand.carry_out(&plan).unwrap();
    let key = &hand.store().actions(&digest).unwrap()[0].key;
    assert!(hand.store().ended(hand.now()).unwrap().is_empty());
    bench.pass(Duration::from_hours(24));
    let ended = hand.store().ended(hand.now()).unwrap();
    assert_eq!(ended.iter().map(|action| &action.key).collect::<Vec<_>>(), [key]);
    hand.take_back(key).unwrap();
    assert!(bench.enabled("u0") && stages(&hand, &digest) == [Stage::Undone]);
}

#[test]
fn a_simulation_counts_the_steps_before_and_leaves_no_trace() {
    let bench = Bench::new(8);
    bench.fake.world().accounts.get_mut("u1").unwrap().enabled = false;
    let hand = bench.hand();
    let names = ["u0", "u1", "u2", "u3", "u4", "u5", "nobody"];
    let lines = hand.store().last_line().unwrap();
    let foreseen = hand.simulated(&draft(&names, Autonomy::Ask)).unwrap();
    let answers: Vec<Answer> = foreseen.iter().map(|one| one.step.ruling.answer).collect();
    let (ask, refuse) = (Answer::Ask, Answer::Refuse);
    assert_eq!(answers, [ask, ask, ask, ask, ask, refuse, refuse], "the sixth of five is refused");
    assert!(foreseen[1].says.contains("so already") && foreseen[0].before.is_some() && foreseen[5].before.is_none());
    assert_eq!(hand.store().last_line().unwrap(), lines);
    assert!(bench.fake.world().effects.is_empty());
    let used = hand.limits();
    assert!(used.iter().all(|used| used.done == 0) && used.iter().any(|used| used.verb.is_none()));
}

#[test]
fn a_plan_is_withdrawn_for_somebody_who_could_approve_it_and_for_nobody_else() {
    let bench = Bench::new(2);
    let hand = bench.hand();
    let (bo, cy) = (lead(&hand, "bo"), lead(&hand, "cy"));
    hand.add_key(&key("dan").verifier().to_string(), vec!["reader".into()]).unwrap();
    let gone = lead(&hand, "gone");
    hand.revoke_key(&format!("gone+{}", gone.verifier().id())).unwrap();
    let (digest, plan) = hand.plan(draft(&["u0", "u1"], Autonomy::Recommend)).unwrap();
    let text = digest.to_string();
    for who in ["dan", "gone", "nobody", "", "BO", "bo "] {
        assert!(matches!(hand.withdrawn(&text, who), Err(Refused::Signer(_))), "{who:?}");
    }
    for other in [&text[..12], &text.to_uppercase(), &"0".repeat(64), ""] {
        assert!(hand.withdrawn(other, "bo").is_err(), "{other}");
    }
    assert_eq!(stages(&hand, &digest), [Stage::Planned; 2]);
    assert_eq!(hand.withdrawn(&text, "bo").unwrap(), Heard::Denied);
    assert_eq!(stages(&hand, &digest), [Stage::Denied; 2]);
    assert!(
        hand.store().actions(&digest).unwrap()[0].says.contains("denied by bo, on the service's word and without a signature")
    );
    assert!(matches!(hand.withdrawn(&text, "bo"), Err(Refused::State(_))), "it waits no longer");
    assert!(say(&hand, &cy, Verb::Approve, &text).is_err());
    hand.carry_out(&plan).unwrap();
    assert!(bench.fake.world().effects.is_empty());
    // What people approved is not taken from them by a word.
    let (approved, _) = hand.plan(draft(&["u0"], Autonomy::Recommend)).unwrap();
    say(&hand, &bo, Verb::Approve, &approved.to_string()).unwrap();
    assert!(matches!(hand.withdrawn(&approved.to_string(), "cy"), Err(Refused::State(_))));
    assert_eq!(stages(&hand, &approved), [Stage::Approved]);
}
