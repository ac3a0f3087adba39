//! The real hand over a real mail server: one message in many mailboxes becomes a plan of as many steps, is moved out of sight
//! everywhere, and comes back to the byte; what its owners do meanwhile is left alone.

use super::*;
use adjutant_hand::store::{Kept, Store};
use adjutant_hand::{Clock, Draft, Hand, Parts, Wish};
use adjutant_model::act::{Answer, Clause, OnFailure, Plan, Ruling};
use adjutant_model::{Autonomy, Digest, Stage};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const M1: &str = "m1@evil.example";
const VERBS: [&str; 2] = ["quarantine-message", "warn-recipient"];

struct World {
    ana: Client,
    bo: Client,
    hand: Arc<Hand>,
    time: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
    _server: Dovecot,
}

/// For so long, what is out of sight stays there.
const LASTS: i64 = 36_000;

/// A clock that goes on by itself, so that nothing has to be waited for.
fn hasty(time: &Arc<AtomicI64>) -> Clock {
    let time = time.clone();
    Arc::new(move || Time(time.fetch_add(100_000, Ordering::SeqCst)))
}

impl World {
    fn new(server: Dovecot) -> Self {
        let (mut ana, mut bo) = (server.owner(ANA).unwrap(), server.owner(BO).unwrap());
        ana.ask("CREATE Archive").unwrap();
        for (nth, folder) in ["INBOX", "Archive"].into_iter().enumerate() {
            let delivered = String::from_utf8(message(M1, "your account")).unwrap().replace("mx", &format!("mx{nth}"));
            ana.append(folder, "\\Seen $work", DATE, delivered.as_bytes()).unwrap();
        }
        ana.append("INBOX", "", DATE, &message("honest@corp.example", "lunch")).unwrap();
        bo.append("INBOX", "\\Flagged", DATE, &message(M1, "your account")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let time = Arc::new(AtomicI64::new(1_772_323_200_000_000));
        let acts = VERBS.map(|verb| ("test".to_owned(), verb.to_owned()));
        let parts = Parts {
            store: Store::open(folder.path()).unwrap(),
            connectors: BTreeMap::from([("mail".to_owned(), Arc::new(connector(server.port, "")) as Arc<_>)]),
            rule: Box::new(|_, _| ruling()),
            clock: hasty(&time),
            wait: |span| std::thread::park_timeout(span.min(Duration::from_millis(20))),
            settings: adjutant_hand::Settings { acts: BTreeSet::from(acts), ..Default::default() },
        };
        Self { ana, bo, hand: Arc::new(Hand::new(parts).unwrap()), time, _folder: folder, _server: server }
    }

    fn all(&mut self) -> [BTreeMap<String, Vec<Mail>>; 2] {
        [&mut self.ana, &mut self.bo].map(|owner| {
            let mut mails = all(owner);
            mails.values_mut().for_each(|mails| mails.sort());
            mails
        })
    }

    fn settled(&self, plan: &Digest, moves: impl Fn(&Kept) -> bool) -> Vec<Kept> {
        loop {
            let actions = self.hand.store().actions(plan).unwrap();
            if !actions.iter().any(&moves) {
                return actions;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// What became of the plan's steps.
    fn done(&self, plan: &Digest) -> Vec<Kept> {
        let begun = |kept: &Kept| matches!(kept.stage, Stage::Planned | Stage::Approved | Stage::Intended | Stage::Unclear);
        self.settled(plan, begun)
    }
}

fn ruling() -> Ruling {
    let clause = Clause { name: "test".to_owned(), says: "a test".to_owned() };
    Ruling { answer: Answer::Run, clauses: vec![clause], approvals: Vec::new() }
}

fn draft(verbs: &[&str]) -> Draft {
    let wish = |verb: &&str| Wish {
        verb: (*verb).to_owned(),
        kind: EntityKind::Message,
        name: M1.to_owned(),
        with: BTreeMap::new(),
        texts: BTreeMap::new(),
        undo: None,
        lasts: Some(adjutant_model::Duration::from_secs(LASTS)),
    };
    Draft {
        case: "c1".to_owned(),
        by: String::new(),
        decision: "d1".to_owned(),
        evidence: Digest::of(b"evidence"),
        book: Digest::of(b"book"),
        playbook: "test".to_owned(),
        autonomy: Autonomy::Act,
        steps: verbs.iter().map(wish).collect(),
        held_for: None,
        because: String::new(),
        on_failure: OnFailure::Stop,
    }
}

fn targets(plan: &Plan) -> BTreeSet<&str> {
    plan.steps.iter().map(|step| step.action.target.id.as_str()).collect()
}

#[test]
fn one_message_in_many_mailboxes_is_a_step_for_each_and_each_comes_back() {
    let mut world = World::new(server!());
    let untouched = world.all();
    let foreseen = world.hand.simulated(&draft(&VERBS)).unwrap();
    assert_eq!((foreseen.len(), world.all()), (6, untouched.clone()), "a look changes nothing");
    let (digest, plan) = world.hand.plan(draft(&VERBS)).unwrap();
    assert_eq!((plan.steps.len(), targets(&plan).len()), (6, 3), "{:?}", plan.steps);
    assert!(plan.steps.iter().all(|step| step.wished == M1));
    assert_eq!(world.hand.plan(draft(&VERBS)).unwrap().0, digest, "the machine asks once");
    let threads = world.hand.work().unwrap();
    let actions = world.done(&digest);
    assert!(actions.iter().all(|kept| kept.stage == Stage::Done), "{actions:?}");
    let [ana, bo] = world.all();
    assert_eq!((ana["INBOX"].len(), ana["Quarantine/INBOX"].len(), ana["Quarantine/Archive"].len()), (3, 1, 1), "{ana:?}");
    assert_eq!((bo["INBOX"].len(), bo["Quarantine/INBOX"].len()), (1, 1), "a letter instead");
    assert!(!ana.contains_key("Archive"));
    world.time.fetch_add(LASTS * 1_000_000, Ordering::SeqCst);
    let actions =
        world.settled(&digest, |kept| kept.action.verb == VERBS[0] && matches!(kept.stage, Stage::Done | Stage::Undoing));
    assert_eq!(actions.iter().filter(|kept| kept.stage == Stage::Undone).count(), 3, "{actions:?}");
    world.hand.close();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let [mut ana, mut bo] = world.all();
    // The letters stay.
    let letter = |mail: &Mail| String::from_utf8_lossy(&mail.bytes).contains("Auto-Submitted");
    [&mut ana, &mut bo].into_iter().for_each(|mails| mails.values_mut().for_each(|mails| mails.retain(|mail| !letter(mail))));
    assert_eq!([ana, bo], untouched);
}

#[test]
fn what_an_owner_does_meanwhile_ends_the_plan_or_is_drift_and_no_other_message_is_touched() {
    let mut world = World::new(server!());
    let (digest, plan) = world.hand.plan(draft(&VERBS[..1])).unwrap();
    assert_eq!(plan.steps.len(), 3);
    // The second of ana's copies is moved before anything is done.
    let moved = plan.steps.iter().position(|step| step.action.target.id.ends_with("/INBOX")).unwrap();
    world.ana.ask("SELECT INBOX").unwrap();
    world.ana.ask("CREATE Mine").unwrap();
    world.ana.ask("UID MOVE 1 Mine").unwrap();
    let threads = world.hand.work().unwrap();
    let actions = world.done(&digest);
    for (nth, kept) in actions.iter().enumerate() {
        let expected = match nth.cmp(&moved) {
            std::cmp::Ordering::Less => Stage::Done,
            std::cmp::Ordering::Equal => Stage::Failed,
            std::cmp::Ordering::Greater => Stage::Cancelled,
        };
        assert_eq!(kept.stage, expected, "{kept:?}");
    }
    let [ana, bo] = world.all();
    assert!(ana["Mine"].len() == 1 && ana["INBOX"].len() == 1 && bo["INBOX"].len() == 1, "{ana:?} {bo:?}");
    // Whatever was done is flagged by somebody, who takes it out of the hand's hands.
    for folder in ["Quarantine/Archive", "Quarantine/INBOX"] {
        if world.ana.ask(&format!("SELECT {folder}")).is_ok() {
            world.ana.ask("UID STORE 1:* +FLAGS (\\Answered)").unwrap();
        }
    }
    let before = world.all();
    world.time.fetch_add(LASTS * 1_000_000, Ordering::SeqCst);
    let actions = world.settled(&digest, |kept| matches!(kept.stage, Stage::Done | Stage::Undoing));
    assert!(actions.iter().take(moved).all(|kept| kept.stage == Stage::Drifted), "{actions:?}");
    assert_eq!(world.all(), before);
    world.hand.close();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
