//! A service of one's own, as docs/connect/webhook.md describes it: it keeps keys, or ignores them.

use crate::server::{Answer, Asked, Server, Trouble, Vendor};
use crate::{act, connector, state, undo};
use adjutant_hand::connector::{CallError, Connector, Idempotency};
use adjutant_model::EntityKind;
use adjutant_model::act::{Action, Target};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Default)]
struct Hook {
    states: BTreeMap<String, String>,
    /// Keys that were seen, unless they are ignored.
    keys: Vec<String>,
    ignores_keys: bool,
    ledger: Vec<String>,
}

impl Vendor for Hook {
    fn answer(&mut self, asked: &Asked) -> Answer {
        let parts: Vec<&str> = asked.path.trim_start_matches('/').splitn(2, '/').collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["health"]) => Answer::json(200, &json!({ "says": "firewall" })),
            ("GET", ["address"]) => {
                let name = asked.query.get("name").cloned().unwrap_or_default();
                let page = asked.query.get("after").map_or(0, |after| after.parse::<u32>().unwrap_or(9));
                let next = if page < 2 { json!((page + 1).to_string()) } else { Value::Null };
                let items = if page == 2 { json!([{ "id": name, "name": name, "aliases": [] }]) } else { json!([]) };
                Answer::json(200, &json!({ "items": items, "next": next }))
            }
            ("GET", ["block-address", id]) => {
                Answer::json(200, &json!({ "id": id, "state": self.states.get(*id).map_or("off", String::as_str) }))
            }
            ("PUT", ["block-address", id]) => {
                let state = asked.json()["state"].as_str().unwrap_or("?").to_owned();
                let key = asked.header("idempotency-key").to_owned();
                if self.ignores_keys || !self.keys.contains(&key) {
                    self.ledger.push(format!("{id} {state}"));
                    self.states.insert((*id).to_owned(), state);
                    self.keys.push(key);
                }
                Answer::empty(204)
            }
            _ => Answer::json(404, &json!({ "error": "no such path" })),
        }
    }
}

fn block(address: &str) -> Action {
    let target = Target { kind: EntityKind::Address, id: address.to_owned(), name: address.to_owned() };
    Action {
        verb: "block-address".to_owned(),
        target,
        connector: "test".to_owned(),
        with: BTreeMap::new(),
        texts: BTreeMap::new(),
    }
}

#[test]
fn an_address_is_blocked_once_whatever_happens_to_the_answer() {
    for ignores_keys in [false, true] {
        let server = Server::start(Hook { ignores_keys, ..Hook::default() });
        let hook = connector("webhook", &server.url());
        assert!(hook.verbs().iter().all(|offer| offer.idempotency == Idempotency::Key && offer.reversible));
        let action = block("2001:db8::7");
        let before = hook.probe(&action).unwrap();
        server.trouble("PUT", "/block-address", Trouble::After(500, ""));
        assert!(matches!(act(&hook, &action, &before, "k1"), Err(CallError::Unclear(_))));
        for _ in 0..3 {
            act(&hook, &action, &before, "k1").unwrap();
        }
        server.trouble("PUT", "/block-address", Trouble::CutAfter);
        assert!(matches!(undo(&hook, &action, &before, "k2"), Err(CallError::Unclear(_))));
        undo(&hook, &action, &before, "k2").unwrap();
        assert_eq!(hook.probe(&action).unwrap(), before);
        assert_eq!(server.world.lock().unwrap().ledger, ["2001:db8::7 on", "2001:db8::7 off"]);
        let asked = server.asked.lock().unwrap();
        let keys = asked.iter().filter(|asked| asked.method == "PUT").map(|asked| asked.header("idempotency-key"));
        assert_eq!(keys.collect::<Vec<_>>(), ["k1", "k2-undo"]);
    }
}

#[test]
fn a_state_that_is_neither_on_nor_off_is_restored_as_it_was() {
    let server = Server::start(Hook::default());
    let hook = connector("webhook", &server.url());
    let odd = "until \"Friday\", {x} \u{e9}";
    server.world.lock().unwrap().states.insert("192.0.2.7".to_owned(), odd.to_owned());
    let action = block("192.0.2.7");
    let before = hook.probe(&action).unwrap();
    assert_eq!(before, state("state", odd));
    act(&hook, &action, &before, "k1").unwrap();
    undo(&hook, &action, &before, "k2").unwrap();
    assert_eq!(hook.probe(&action).unwrap(), before);
}

#[test]
fn a_list_with_a_cursor_is_read_to_its_end() {
    let server = Server::start(Hook::default());
    let hook = connector("webhook", &server.url());
    assert_eq!(hook.lookup(EntityKind::Address, "192.0.2.7").unwrap().len(), 1);
    assert!(hook.health().unwrap().ends_with(": firewall"));
    let more = r#"{"items": [], "next": "0"}"#;
    for _ in 0..3 {
        server.trouble("GET", "/address", Trouble::Instead(200, vec![], more));
    }
    assert!(matches!(hook.lookup(EntityKind::Address, "192.0.2.7"), Err(CallError::Permanent(_))), "it never ends");
}
