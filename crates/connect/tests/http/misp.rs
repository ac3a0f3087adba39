//! MISP as its documentation describes it: attributes of events, searched by value.

use crate::server::{Answer, Asked, Server, Trouble, Vendor};
use crate::{clock, settings, shipped};
use adjutant_connect::http::{Auth, HttpConnector};
use adjutant_hand::connector::{CallError, Connector};
use adjutant_model::{EntityKind, Secret};
use serde_json::{Value, json};

/// Attributes: value, type, and the event.
struct Misp(Vec<(&'static str, &'static str, &'static str)>);

impl Vendor for Misp {
    fn answer(&mut self, asked: &Asked) -> Answer {
        if asked.header("authorization") != "key-of-a-test" {
            return Answer::json(403, &json!({ "message": "Authentication failed." }));
        }
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/servers/getVersion") => Answer::json(200, &json!({ "version": "2.4.193", "perm_sync": false })),
            ("POST", "/attributes/restSearch") => {
                let wanted = asked.json();
                let types = wanted["type"].as_array().cloned().unwrap_or_default();
                assert_eq!((&wanted["to_ids"], &wanted["enforceWarninglist"]), (&json!(true), &json!(true)));
                // As MISP does: `%` is any text.
                let value = wanted["value"].as_str().unwrap_or_default().to_owned();
                let fits = |has: &str| value.split_once('%').map_or(has == value, |(before, _)| has.starts_with(before));
                let found = self.0.iter().filter(|(has, of, _)| fits(has) && types.contains(&json!(of)));
                let attributes: Vec<Value> = found
                    .map(|(value, of, event)| {
                        json!({ "id": "7", "value": value, "type": of, "category": "Network activity", "to_ids": true,
                            "timestamp": "1772323200", "Event": { "id": "3", "info": event } })
                    })
                    .collect();
                Answer::json(200, &json!({ "response": { "Attribute": attributes } }))
            }
            _ => Answer::json(404, &json!({ "message": "no such path" })),
        }
    }
}

#[test]
fn what_events_have_is_found_as_one_thing_and_nothing_else_is() {
    let server = Server::start(Misp(vec![
        ("203.0.113.9", "ip-dst", "Botnet of March"),
        ("203.0.113.9", "ip-src", "Scans"),
        ("203.0.113.99", "ip-dst", "Another one"),
        ("evil.example", "domain", "Phish"),
    ]));
    let auth = Auth::Header { secret: Secret::new("key-of-a-test".to_owned()) };
    let said = settings(&server.url(), r#"{"kind": "header", "secret": {"env": "KEY"}}"#, &[]);
    let misp = HttpConnector::new(shipped("misp"), &said, auth, clock().0).unwrap();
    assert!(misp.verbs().is_empty(), "it acts on nothing");
    assert!(misp.health().unwrap().ends_with(": 2.4.193"));
    let found = misp.lookup(EntityKind::Address, "203.0.113.9").unwrap();
    let [one] = &*found else { panic!("{found:?}") };
    assert_eq!((one.target.name.as_str(), one.facts["event"].as_str()), ("203.0.113.9", "Botnet of March"));
    assert_eq!(misp.lookup(EntityKind::Domain, "evil.example").map(|found| found.len()), Ok(1));
    for (kind, name) in
        [(EntityKind::Address, "192.0.2.1"), (EntityKind::Domain, "203.0.113.9"), (EntityKind::Address, "203.0.113.%")]
    {
        assert_eq!(misp.lookup(kind, name), Ok(Vec::new()), "{name}: what is found must be what was asked for");
    }
    assert!(matches!(misp.lookup(EntityKind::User, "ana"), Err(CallError::Permanent(_))), "nor does it know people");
    server.trouble("POST", "/attributes", Trouble::Instead(403, vec![], r#"{"message":"Authentication failed."}"#));
    let refused = misp.lookup(EntityKind::Address, "203.0.113.9").unwrap_err();
    assert!(matches!(&refused, CallError::Permanent(why) if why.contains("Authentication failed.")), "{refused:?}");
    server.trouble("POST", "/attributes", Trouble::CutInside);
    assert!(matches!(misp.lookup(EntityKind::Address, "203.0.113.9"), Err(CallError::Retry(_))), "half an answer is none");
}
