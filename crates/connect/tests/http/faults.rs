//! Everything that can go wrong with one call, and what the hand is told.

use crate::okta::{self, Okta};
use crate::server::{Server, Trouble};
use crate::{act, action, connector, settings, shipped};
use adjutant_connect::http::{Auth, HttpConnector};
use adjutant_hand::connector::{CallError, Connector};
use adjutant_model::{EntityKind, Secret};
use std::sync::atomic::Ordering;

/// `retry`, `permanent`, `unclear` or `done`.
fn class(result: &Result<(), CallError>) -> &'static str {
    match result {
        Ok(()) => "done",
        Err(CallError::Retry(_)) => "retry",
        Err(CallError::Permanent(_)) => "permanent",
        Err(CallError::Unclear(_)) => "unclear",
    }
}

/// What is told when the act meets `trouble`, and how often it was really done.
fn told(trouble: Trouble) -> (&'static str, usize) {
    let server = okta::start();
    let okta = connector("okta", &server.url());
    let disable = action("disable-account", "00u1");
    let before = okta.probe(&disable).unwrap();
    server.trouble("POST", "/api/v1/users/00u1/lifecycle/suspend", trouble);
    let result = act(&okta, &disable, &before, "k1");
    let done = server.world.lock().unwrap().ledger.len();
    (class(&result), done)
}

#[test]
fn an_act_that_fails_is_unclear_unless_nothing_was_changed() {
    let cases = [
        (Trouble::Instead(429, vec![("retry-after", "7")], ""), ("retry", 0)),
        (Trouble::Instead(400, vec![], "{}"), ("permanent", 0)),
        (Trouble::Instead(403, vec![], "no JSON"), ("permanent", 0)),
        (Trouble::Instead(404, vec![], ""), ("permanent", 0)),
        (Trouble::Instead(401, vec![], ""), ("permanent", 0)),
        (Trouble::Instead(408, vec![], ""), ("unclear", 0)),
        (Trouble::Instead(500, vec![], ""), ("unclear", 0)),
        (Trouble::Instead(503, vec![("retry-after", "7")], ""), ("unclear", 0)),
        (Trouble::Instead(202, vec![], "{}"), ("unclear", 0)),
        (Trouble::Instead(302, vec![("location", "http://127.0.0.1:9/x")], ""), ("unclear", 0)),
        (Trouble::After(500, ""), ("unclear", 1)),
        (Trouble::After(502, "garbage"), ("unclear", 1)),
        (Trouble::CutAfter, ("unclear", 1)),
        (Trouble::Silent, ("unclear", 1)),
        (Trouble::After(200, "garbage that is no JSON"), ("done", 1)),
        // It is not for the connector to find the lie: the hand reads back.
        (Trouble::Lie(200), ("done", 0)),
    ];
    for (trouble, expected) in cases {
        assert_eq!(told(trouble.clone()), expected, "{trouble:?}");
    }
}

#[test]
fn a_lie_shows_when_it_is_read_back() {
    let server = okta::start();
    let okta = connector("okta", &server.url());
    let disable = action("disable-account", "00u1");
    let before = okta.probe(&disable).unwrap();
    server.trouble("POST", "/api/v1/users", Trouble::Lie(200));
    act(&okta, &disable, &before, "k1").unwrap();
    assert!(!okta.is_done(&disable, &okta.probe(&disable).unwrap()));
}

#[test]
fn a_lost_answer_is_found_by_reading_and_nothing_is_done_twice() {
    for trouble in [Trouble::CutAfter, Trouble::Silent, Trouble::After(500, ""), Trouble::CutInside] {
        let server = okta::start();
        let okta = connector("okta", &server.url());
        let disable = action("disable-account", "00u1");
        let before = okta.probe(&disable).unwrap();
        server.trouble("POST", "/api/v1/users", trouble);
        let _ = act(&okta, &disable, &before, "k1");
        assert!(okta.is_done(&disable, &okta.probe(&disable).unwrap()));
        act(&okta, &disable, &before, "k1").unwrap();
        assert_eq!(server.world.lock().unwrap().ledger, ["suspend 00u1"]);
    }
}

/// What is told when a read meets `trouble`.
fn told_of_a_read(server: &Server<Okta>, trouble: Trouble) -> &'static str {
    let okta = connector("okta", &server.url());
    server.trouble("GET", "/api/v1/users/00u1", trouble);
    class(&okta.probe(&action("disable-account", "00u1")).map(drop))
}

#[test]
fn a_read_is_never_unclear_and_never_makes_up_a_state() {
    let server = okta::start();
    let cases = [
        (Trouble::Instead(429, vec![], ""), "retry"),
        (Trouble::Instead(500, vec![], ""), "retry"),
        (Trouble::Instead(404, vec![], ""), "permanent"),
        (Trouble::Instead(403, vec![], "[]"), "permanent"),
        (Trouble::Instead(301, vec![("location", "/elsewhere")], ""), "permanent"),
        (Trouble::Instead(204, vec![], ""), "retry"),
        (Trouble::Instead(200, vec![], ""), "retry"),
        (Trouble::Instead(200, vec![], "<html>sign in</html>"), "retry"),
        (Trouble::Instead(200, vec![], "{}"), "permanent"),
        (Trouble::Instead(200, vec![], r#"{"id": "00u1"}"#), "retry"),
        (Trouble::Instead(200, vec![], r#"{"id": "00u1", "status": {}}"#), "retry"),
        (Trouble::Instead(200, vec![], r#"{"id": "00u2", "status": "ACTIVE"}"#), "permanent"),
        (Trouble::CutAfter, "retry"),
        (Trouble::CutInside, "retry"),
        (Trouble::Silent, "retry"),
        (Trouble::Huge, "retry"),
    ];
    for (trouble, expected) in cases {
        assert_eq!(told_of_a_read(&server, trouble.clone()), expected, "{trouble:?}");
    }
}

#[test]
fn a_refused_connection_changed_nothing() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let okta = connector("okta", &format!("http://{gone}"));
    let disable = action("disable-account", "00u1");
    let result = act(&okta, &disable, &crate::state("status", "ACTIVE"), "k1");
    assert_eq!(class(&result), "retry", "{result:?}");
}

#[test]
fn who_asks_to_be_left_alone_is_left_alone() {
    let server = okta::start();
    let (clock, seconds) = crate::clock();
    let auth = Auth::Bearer { token: Secret::new("token-of-a-test".to_owned()) };
    let reference = r#"{"kind": "bearer", "token": {"env": "TOKEN"}}"#;
    let okta = HttpConnector::new(shipped("okta"), &settings(&server.url(), reference, &[]), auth, clock).unwrap();
    let reset: &'static str = Box::leak((seconds.load(Ordering::SeqCst) + 81).to_string().into_boxed_str());
    for headers in [vec![("retry-after", "30")], vec![("x-rate-limit-reset", reset)]] {
        server.trouble("GET", "/api/v1/users", Trouble::Instead(429, headers, ""));
        assert!(matches!(okta.lookup(EntityKind::User, "ana@corp.example"), Err(CallError::Retry(_))));
        let asked = server.count("GET");
        let told = okta.probe(&action("disable-account", "00u1")).unwrap_err();
        assert!(told.to_string().contains("asked to be left alone"), "{told}");
        assert_eq!(server.count("GET"), asked, "nothing is asked meanwhile");
        seconds.fetch_add(41, Ordering::SeqCst);
        assert!(okta.probe(&action("disable-account", "00u1")).is_ok());
    }
    server.trouble("GET", "/api/v1/users", Trouble::Instead(429, vec![("retry-after", "99999999999")], ""));
    assert!(okta.probe(&action("disable-account", "00u1")).is_err());
    seconds.fetch_add(3_601, Ordering::SeqCst);
    assert!(okta.probe(&action("disable-account", "00u1")).is_ok(), "an hour at most");
}

#[test]
fn nobody_is_asked_more_often_than_the_file_says() {
    let server = okta::start();
    let (clock, seconds) = crate::clock();
    let auth = Auth::Bearer { token: Secret::new("token-of-a-test".to_owned()) };
    let reference = r#"{"kind": "bearer", "token": {"env": "TOKEN"}}"#;
    let okta = HttpConnector::new(shipped("okta"), &settings(&server.url(), reference, &[]), auth, clock).unwrap();
    let ask = || okta.probe(&action("disable-account", "00u1"));
    assert_eq!((0..100).filter(|_| ask().is_ok()).count(), 60);
    assert_eq!(ask(), Err(CallError::Retry("Okta is asked 60 times a minute at most".to_owned())));
    seconds.fetch_add(60, Ordering::SeqCst);
    assert!(ask().is_ok());
    assert_eq!(server.count("GET"), 61);
}

#[test]
fn a_permit_for_another_call_is_none() {
    let server = okta::start();
    let okta = connector("okta", &server.url());
    let disable = action("disable-account", "00u1");
    let permit = adjutant_hand::connector::Permit::of_a_test("another");
    let result = okta.act(&disable, &crate::state("status", "ACTIVE"), permit, "k1");
    assert_eq!((class(&result), server.asked.lock().unwrap().len()), ("permanent", 0));
}
