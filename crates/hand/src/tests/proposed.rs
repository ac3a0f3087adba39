//! Plans that the machine proposes, and plans that an exception holds for somebody.

use super::{Bench, draft, key, lead, say, stages};
use crate::draft::Draft;
use crate::hand::{Heard, Refused};
use crate::statement::Verb;
use adjutant_model::act::{Answer, Need};
use adjutant_model::{Autonomy, Duration, Stage};

fn by_the_machine(names: &[&str]) -> Draft {
    Draft { by: String::new(), ..draft(names, Autonomy::Ask) }
}

#[test]
fn the_machine_proposes_the_same_once_for_a_case() {
    let bench = Bench::new(3);
    let hand = bench.hand();
    let first = hand.plan(by_the_machine(&["u0", "nobody"])).unwrap().0;
    assert_eq!(hand.plan(by_the_machine(&["u0", "nobody"])).unwrap().0, first);
    assert_ne!(hand.plan(by_the_machine(&["u0"])).unwrap().0, first, "other steps are another plan");
    let elsewhere = Draft { case: "c2".into(), ..by_the_machine(&["u0", "nobody"]) };
    assert_ne!(hand.plan(elsewhere).unwrap().0, first);
    let asked = hand.plan(draft(&["u0", "nobody"], Autonomy::Ask)).unwrap().0;
    assert_ne!(asked, first, "a person gets what a person asks for");
    assert_ne!(hand.plan(draft(&["u0", "nobody"], Autonomy::Ask)).unwrap().0, asked);

    let lead = lead(&hand, "bo");
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
    assert_ne!(hand.plan(by_the_machine(&["u0"])).unwrap().0, first);
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
