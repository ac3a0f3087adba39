//! Request Tracker itself, not one written for the test: a ticket is opened once, commented on once, said anew, closed and opened
//! again, whatever happens to the answers.

use crate::server::{Answer, Asked, Server, Trouble, Vendor};
use crate::tracker::{ADJUTANT, ANA, Tracker, ask};
use crate::whole::hasty;
use crate::{act, clock, settings_with, shipped, told, undo};
use adjutant_connect::http::{Auth, HttpConnector};
use adjutant_hand::connector::{CallError, Connector};
use adjutant_hand::store::{Kept, Store};
use adjutant_hand::{Draft, Hand, Parts, Settings, Wish};
use adjutant_model::act::{Action, Answer as Says, Clause, OnFailure, Ruling};
use adjutant_model::{Autonomy, Digest, EntityKind, Secret, Stage};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const EVIDENCE: &str = "ESCALATE  score 69\n  +30 travel <b>bold</b> \"quoted\" 'single' {\"a\": 1} \\n é\n\nrecommended: ask";

/// Hands requests on to the tracker, so that every trouble can happen between it and the connector.
struct Relay {
    port: u16,
}

impl Vendor for Relay {
    fn answer(&mut self, asked: &Asked) -> Answer {
        let mut path = format!("/REST/2.0{}", asked.path.replace(' ', "%20"));
        for (nth, (name, value)) in asked.query.iter().enumerate() {
            path.push_str(&format!("{}{name}={}", if nth == 0 { '?' } else { '&' }, escaped(value)));
        }
        let kind = asked.header("content-type");
        let (status, body) = ask(self.port, (&asked.method, &path), asked.header("authorization"), (kind, &asked.body));
        Answer { status, headers: Vec::new(), body }
    }
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

struct World {
    tracker: Tracker,
    relay: Server<Relay>,
    rt: HttpConnector,
}

impl World {
    fn start() -> Option<Self> {
        let tracker = Tracker::start()?;
        let relay = Server::start(Relay { port: tracker.port });
        let rt = connector(&relay.url());
        Some(Self { tracker, relay, rt })
    }

    fn changed_by_ana(&self, path: &str, body: &Value) {
        let body = body.to_string();
        let put = ("PUT", &*format!("/REST/2.0{path}"));
        assert_eq!(ask(self.tracker.port, put, ANA, ("application/json", body.as_bytes())).0, 200);
    }

    /// The tickets of a case.
    fn tickets(&self, case: &str) -> Vec<String> {
        let query = escaped(&format!("CF.AdjutantCase = '{case}'"));
        let found = self.tracker.get(&format!("/tickets?query={query}"));
        found["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Every text that was written to a ticket.
    fn written(&self, ticket: &str) -> Vec<String> {
        let found = self.tracker.get(&format!("/ticket/{ticket}/attachments?fields=Content"));
        let texts = found["items"].as_array().unwrap().iter().filter_map(|item| item["Content"].as_str());
        texts.map(|text| text.trim_end().to_owned()).collect()
    }

    fn opened(&self, case: &str) -> String {
        let open = told("open-ticket", case, &[("summary", "suspicious-login: ana"), ("evidence", EVIDENCE)]);
        let before = self.rt.probe(&open).unwrap();
        act(&self.rt, &open, &before, "k").unwrap();
        assert!(self.rt.is_done(&open, &self.rt.probe(&open).unwrap()));
        let [ticket] = &*self.tickets(case) else { panic!("one ticket") };
        ticket.clone()
    }
}

fn connector(url: &str) -> HttpConnector {
    let reference = r#"{"kind": "basic", "user": "adjutant", "password": {"env": "PASSWORD"}}"#;
    let auth = Auth::Basic { user: "adjutant".to_owned(), password: Secret::new("adjutant-correct-horse".to_owned()) };
    let settings = settings_with(url, reference, &[("queue", "General"), ("account", "adjutant")], 30);
    HttpConnector::new(shipped("rt"), &settings, auth, hasty(2)).expect("in order")
}

#[test]
fn a_ticket_is_opened_once_whatever_happens_to_the_answer() {
    let Some(world) = World::start() else { return };
    assert!(world.rt.health().unwrap().contains("5.0"));
    let troubles = [
        Trouble::After(500, ""),
        Trouble::CutAfter,
        Trouble::CutInside,
        Trouble::Instead(502, vec![], "<html>"),
        Trouble::Instead(429, vec![], "{}"),
        Trouble::Lie(201),
        Trouble::Huge,
    ];
    for (nth, trouble) in troubles.into_iter().enumerate() {
        let case = format!("59ddf2f3{nth:08x}");
        let open = told("open-ticket", &case, &[("summary", "a summary"), ("evidence", EVIDENCE)]);
        let before = world.rt.probe(&open).unwrap();
        assert!(!world.rt.is_done(&open, &before));
        world.relay.trouble("POST", "/ticket", trouble.clone());
        let _ = act(&world.rt, &open, &before, "k1");
        for _ in 0..3 {
            act(&world.rt, &open, &before, "k1").unwrap();
        }
        assert!(world.rt.is_done(&open, &world.rt.probe(&open).unwrap()), "{trouble:?}");
        let tickets = world.tickets(&case);
        assert_eq!(tickets.len(), 1, "{trouble:?}: {tickets:?}");
        assert_eq!(world.written(&tickets[0]), [EVIDENCE], "{trouble:?}");
    }
}

#[test]
fn what_a_person_closed_is_polled_and_what_we_closed_is_not() {
    let Some(world) = World::start() else { return };
    let cases = ["aaaaaaaa00000001", "aaaaaaaa00000002", "aaaaaaaa00000003"];
    let tickets = cases.map(|case| world.opened(case));
    for (ticket, who) in tickets.iter().zip([ANA, ADJUTANT]) {
        let put = ("PUT", &*format!("/REST/2.0/ticket/{ticket}"));
        assert_eq!(ask(world.tracker.port, put, who, ("application/json", b"{\"Status\": \"resolved\"}")).0, 200);
    }
    assert!(world.rt.polls().is_some_and(|polls| polls.verdicts));
    let page = world.rt.poll(adjutant_model::Time::from_secs(1_772_323_200), None).unwrap();
    assert_eq!((page.records.len(), page.next), (2, None));
    let said: Vec<&Value> = page.records.iter().map(|(_, record)| record).filter(|record| !record.is_null()).collect();
    assert_eq!((said.len(), &said[0]["case"], &said[0]["by"]), (1, &cases[0].into(), &"ana".into()));
}

#[test]
fn a_comment_stands_there_once_and_another_one_too() {
    let Some(world) = World::start() else { return };
    let case = "0a1b2c3d4e5f6071";
    let none = told("comment-ticket", case, &[("evidence", "x")]);
    assert!(matches!(world.rt.probe(&none), Err(CallError::Permanent(_))), "there is no ticket yet");
    let ticket = world.opened(case);
    for (text, trouble) in [("first\nwith lines", Trouble::CutAfter), ("second", Trouble::After(503, ""))] {
        let comment = told("comment-ticket", case, &[("evidence", text)]);
        let before = world.rt.probe(&comment).unwrap();
        world.relay.trouble("POST", "/ticket/", trouble);
        assert!(matches!(act(&world.rt, &comment, &before, "k"), Err(CallError::Unclear(_))));
        for _ in 0..3 {
            act(&world.rt, &comment, &before, "k").unwrap();
        }
        assert!(world.rt.is_done(&comment, &world.rt.probe(&comment).unwrap()));
    }
    assert_eq!(world.written(&ticket), [EVIDENCE, "first\nwith lines", "second"]);
}

#[test]
fn what_was_said_anew_or_closed_is_restored() {
    let Some(world) = World::start() else { return };
    let case = "1111222233334444";
    let ticket = world.opened(case);
    let path = format!("/ticket/{ticket}");
    world.changed_by_ana(&path, &serde_json::json!({ "Status": "open", "Subject": "ana's own \"words\"" }));
    let anew = told("update-ticket", case, &[("summary", "now 3 alerts")]);
    let close = told("close-ticket", case, &[("evidence", "closed because\nit was a drill")]);
    for (action, field, changed) in [(&anew, "Subject", "now 3 alerts"), (&close, "Status", "resolved")] {
        let before = world.rt.probe(action).unwrap();
        act(&world.rt, action, &before, "k").unwrap();
        act(&world.rt, action, &before, "k").unwrap();
        assert_eq!(world.tracker.get(&path)[field], changed);
        world.relay.trouble("PUT", "/ticket", Trouble::CutAfter);
        assert!(matches!(undo(&world.rt, action, &before, "k"), Err(CallError::Unclear(_))));
        undo(&world.rt, action, &before, "k").unwrap();
        assert_eq!(world.rt.probe(action).unwrap(), before);
    }
    let now = world.tracker.get(&path);
    assert_eq!((&now["Status"], &now["Subject"]), (&"open".into(), &"ana's own \"words\"".into()));
    assert_eq!(world.written(&ticket), [EVIDENCE, "closed because\nit was a drill"], "once, although it was done twice");
    world.changed_by_ana(&path, &serde_json::json!({ "Status": "rejected" }));
    let before = world.rt.probe(&close).unwrap();
    assert!(matches!(act(&world.rt, &close, &before, "k"), Err(CallError::Permanent(_))), "a person closed it in another way");
}

/// The real hand over the real tracker.
fn hand(world: &World, folder: &std::path::Path) -> Arc<Hand> {
    let acts = [("test".to_owned(), "open-ticket".to_owned())];
    let clause = || Clause { name: "test".to_owned(), says: "a test".to_owned() };
    let parts = Parts {
        store: Store::open(folder).unwrap(),
        connectors: BTreeMap::from([("rt".to_owned(), Arc::new(connector(&world.relay.url())) as Arc<_>)]),
        rule: Box::new(move |_, _| Ruling { answer: Says::Run, clauses: vec![clause()], approvals: Vec::new() }),
        clock: clock().0,
        wait: std::thread::park_timeout,
        settings: Settings { acts: BTreeSet::from(acts), ..Settings::default() },
    };
    Arc::new(Hand::new(parts).unwrap())
}

fn draft(case: &str, texts: &[(&str, &str)]) -> Draft {
    let texts = texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let wish = Wish {
        verb: "open-ticket".to_owned(),
        kind: EntityKind::Case,
        name: case.to_owned(),
        with: BTreeMap::new(),
        texts,
        undo: None,
        lasts: None,
    };
    Draft {
        case: case.to_owned(),
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

fn ended(hand: &Hand, plan: &Digest) -> Kept {
    loop {
        let action = hand.store().actions(plan).unwrap().remove(0);
        if !matches!(action.stage, Stage::Planned | Stage::Approved | Stage::Intended | Stage::Unclear) {
            return action;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn the_hand_opens_one_ticket_for_a_case_however_often_it_plans() {
    let Some(world) = World::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let hand = hand(&world, folder.path());
    let threads = hand.work().unwrap();
    let texts = [("summary", "a summary"), ("brief", "left out"), ("evidence", EVIDENCE)];
    world.relay.trouble("POST", "/ticket", Trouble::CutAfter);
    let (first, plan) = hand.plan(draft("abcdef0123456789", &texts)).unwrap();
    let told: &Action = &plan.steps[0].action;
    assert_eq!(told.texts.keys().collect::<Vec<_>>(), ["evidence", "summary"]);
    assert_eq!(ended(&hand, &first).stage, Stage::Done);
    let (second, _) = hand.plan(draft("ABCDEF0123456789", &texts)).unwrap();
    assert_eq!(ended(&hand, &second).stage, Stage::AlreadySo);
    assert_eq!(world.tickets("abcdef0123456789").len(), 1);
    for (case, texts) in [("abcdef0123456788", &texts[..1]), ("no case", &texts), ("*", &texts), ("' OR id > 0", &texts)] {
        let (_, plan) = hand.plan(draft(case, texts)).unwrap();
        assert_eq!(plan.steps[0].ruling.answer, Says::Refuse, "{case}");
    }
    hand.close();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
