//! The real hand over a real connector, with trouble at every request of one act: at most one effect, and a stage that says
//! what really was.

use crate::okta::{self, Okta};
use crate::server::{Server, Trouble};
use crate::{settings, shipped};
use adjutant_connect::http::{Auth, HttpConnector};
use adjutant_hand::store::{Kept, Store};
use adjutant_hand::{Clock, Draft, Hand, Parts, Settings, Wish};
use adjutant_model::act::{Answer, Clause, OnFailure, Ruling};
use adjutant_model::{Autonomy, Digest, EntityKind, Secret, Stage, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// What can happen to a request, and whether it is an act that was done then.
fn troubles() -> Vec<Trouble> {
    vec![
        Trouble::Instead(429, vec![], "{}"),
        Trouble::Instead(500, vec![], ""),
        Trouble::Instead(403, vec![], r#"{"errorCode": "E0000006"}"#),
        Trouble::Instead(404, vec![], ""),
        Trouble::Instead(302, vec![("location", "http://127.0.0.1:9/")], ""),
        Trouble::Instead(200, vec![], "<html>"),
        Trouble::After(503, ""),
        Trouble::CutAfter,
        Trouble::CutInside,
        Trouble::Silent,
        Trouble::Lie(200),
        Trouble::Huge,
    ]
}

/// A clock that goes on by this many seconds with every look at it, so that nothing has to be waited for.
pub(crate) fn hasty(seconds: i64) -> Clock {
    let time = Arc::new(AtomicI64::new(1_772_323_200));
    Arc::new(move || Time::from_secs(time.fetch_add(seconds, Ordering::SeqCst)))
}

fn hand(server: &Server<Okta>, folder: &std::path::Path) -> Arc<Hand> {
    let reference = r#"{"kind": "bearer", "token": {"env": "TOKEN"}}"#;
    let auth = Auth::Bearer { token: Secret::new("token-of-a-test".to_owned()) };
    let okta = HttpConnector::new(shipped("okta"), &settings(&server.url(), reference, &[]), auth, hasty(2)).unwrap();
    let acts = ["disable-account", "revoke-sessions"].map(|verb| ("test".to_owned(), verb.to_owned()));
    let parts = Parts {
        store: Store::open(folder).unwrap(),
        connectors: BTreeMap::from([("okta".to_owned(), Arc::new(okta) as Arc<_>)]),
        rule: Box::new(|_, _| ruling()),
        clock: hasty(1),
        // The clock goes on by itself.
        wait: |span| std::thread::park_timeout(span.min(Duration::from_millis(100))),
        settings: Settings { acts: BTreeSet::from(acts), ..Settings::default() },
    };
    Arc::new(Hand::new(parts).unwrap())
}

fn ruling() -> Ruling {
    let clause = Clause { name: "test".to_owned(), says: "a test".to_owned() };
    Ruling { answer: Answer::Run, clauses: vec![clause], approvals: Vec::new() }
}

fn draft(verb: &str) -> Draft {
    let wish = Wish {
        verb: verb.to_owned(),
        kind: EntityKind::User,
        name: "ana@corp.example".to_owned(),
        with: BTreeMap::new(),
        texts: BTreeMap::new(),
        undo: None,
        lasts: None,
    };
    Draft {
        case: "c1".to_owned(),
        by: String::new(),
        decision: "d1".to_owned(),
        evidence: Digest::of(b"evidence"),
        book: Digest::of(b"book"),
        playbook: "test".to_owned(),
        autonomy: Autonomy::Act,
        steps: vec![wish],
        held_for: None,
        because: String::new(),
        on_failure: OnFailure::Stop,
    }
}

/// Does one verb with one trouble at the `nth` request of a kind, once the plan is made.
fn done(verb: &str, method: &str, nth: usize, trouble: Trouble) -> (Kept, Server<Okta>) {
    let server = okta::start();
    let folder = tempfile::tempdir().unwrap();
    let hand = hand(&server, folder.path());
    let (plan, _) = hand.plan(draft(verb)).unwrap();
    server.trouble_after(nth, method, "/api/v1/users", trouble);
    let threads = hand.work().unwrap();
    let action = loop {
        let action = hand.store().actions(&plan).unwrap().remove(0);
        if !matches!(action.stage, Stage::Planned | Stage::Approved | Stage::Intended | Stage::Unclear) {
            break action;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    };
    hand.close();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    (action, server)
}

fn check(method: &str, nth: usize, trouble: Trouble) {
    let (action, server) = done("disable-account", method, nth, trouble.clone());
    let world = server.world.lock().unwrap();
    let suspended = world.users["00u1"].status == "SUSPENDED";
    let what = format!("{trouble:?} at {method} {nth}: {} {}", action.stage, action.says);
    assert!(world.ledger.len() <= 1, "{what}: {:?}", world.ledger);
    match action.stage {
        Stage::Done => assert!(suspended, "{what}"),
        Stage::Failed => assert!(!suspended, "{what}"),
        stage => assert_eq!(stage, Stage::Stuck, "{what}"),
    }
}

#[test]
fn whatever_happens_to_one_request_there_is_one_effect_or_none_and_the_stage_is_true() {
    let at = [("POST", 0), ("GET", 0), ("GET", 1), ("GET", 2), ("GET", 3), ("GET", 4), ("GET", 5), ("GET", 6), ("GET", 7)];
    std::thread::scope(|scope| {
        for trouble in troubles() {
            scope.spawn(move || at.iter().for_each(|(method, nth)| check(method, *nth, trouble.clone())));
        }
    });
}

#[test]
fn sessions_are_ended_although_nothing_shows_it() {
    for (nth, trouble) in [(9, Trouble::CutAfter), (0, Trouble::CutAfter), (0, Trouble::Instead(500, vec![], ""))] {
        let (action, server) = done("revoke-sessions", "DELETE", nth, trouble);
        assert_eq!((action.stage, server.world.lock().unwrap().ledger.len()), (Stage::Done, 1), "{}", action.says);
    }
}
