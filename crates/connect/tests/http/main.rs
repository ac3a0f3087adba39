//! The shipped connectors against servers on this machine that keep a state as the vendors describe it, and that break in
//! every way in which networks and vendors do. What was really done is in the server's own ledger.

mod entra;
mod faults;
mod jira;
mod misp;
mod okta;
mod polls;
mod rt;
mod server;
mod slack;
mod tls;
mod tracker;
mod webhook;
mod whole;

use adjutant_connect::http::{Auth, Clock, Definition, HttpConnector, Settings};
use adjutant_hand::connector::{CallError, Connector, Permit};
use adjutant_model::act::{Action, State, Target};
use adjutant_model::{EntityKind, Secret, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A shipped connector's file.
pub(crate) fn shipped(name: &str) -> Definition {
    let path = format!("{}/../../book/connectors/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("shipped");
    Definition::load(&format!("connectors/{name}.yaml"), &text).expect("in order")
}

/// Settings for a server on this machine.
pub(crate) fn settings(base_url: &str, auth: &str, values: &[(&str, &str)]) -> Settings {
    let auth: serde_json::Value = serde_json::from_str(auth).expect("JSON");
    let values: BTreeMap<&str, &str> = values.iter().copied().collect();
    let text = serde_json::json!({
        "base_url": base_url, "auth": auth, "values": values, "plaintext": true, "connect_seconds": 1, "call_seconds": 1
    });
    serde_json::from_value(text).expect("settings")
}

/// The same for a server that takes its time.
pub(crate) fn settings_with(base_url: &str, auth: &str, values: &[(&str, &str)], call_seconds: u16) -> Settings {
    Settings { call_seconds, ..settings(base_url, auth, values) }
}

/// `verb` about a case, with what people are told.
pub(crate) fn told(verb: &str, case: &str, texts: &[(&str, &str)]) -> Action {
    let target = Target { kind: EntityKind::Case, id: case.to_owned(), name: case.to_owned() };
    let texts = texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Action { verb: verb.to_owned(), target, connector: "test".to_owned(), with: BTreeMap::new(), texts }
}

/// A clock that stands until it is moved.
pub(crate) fn clock() -> (Clock, Arc<AtomicI64>) {
    let seconds = Arc::new(AtomicI64::new(1_772_323_200));
    let read = seconds.clone();
    (Arc::new(move || Time::from_secs(read.load(Ordering::SeqCst))), seconds)
}

/// The connector `name` for a server, let in by a fixed secret.
pub(crate) fn connector(name: &str, base_url: &str) -> HttpConnector {
    connector_with(name, base_url, "token-of-a-test")
}

/// The same with another secret.
pub(crate) fn connector_with(name: &str, base_url: &str, secret: &str) -> HttpConnector {
    let auth = r#"{"kind": "bearer", "token": {"env": "TOKEN"}}"#;
    let auth_now = Auth::Bearer { token: Secret::new(secret.to_owned()) };
    HttpConnector::new(shipped(name), &settings(base_url, auth, &[]), auth_now, clock().0).expect("in order")
}

pub(crate) fn action(verb: &str, id: &str) -> Action {
    let target = Target { kind: EntityKind::User, id: id.to_owned(), name: format!("{id}@corp.example") };
    Action { verb: verb.to_owned(), target, connector: "test".to_owned(), with: BTreeMap::new(), texts: BTreeMap::new() }
}

pub(crate) fn state(field: &str, value: &str) -> State {
    State(BTreeMap::from([(field.to_owned(), vec![value.to_owned()])]))
}

pub(crate) fn act(connector: &dyn Connector, action: &Action, before: &State, key: &str) -> Result<(), CallError> {
    connector.act(action, before, Permit::of_a_test(key), key)
}

pub(crate) fn undo(connector: &dyn Connector, action: &Action, before: &State, key: &str) -> Result<(), CallError> {
    // As the hand does it: the permit is for the action, the key for this call.
    connector.undo(action, before, Permit::of_a_test(key), &format!("{key}-undo"))
}
