//! AbuseIPDB as its documentation describes it: one address, one record.

use crate::server::{Answer, Asked, Server, Trouble, Vendor};
use crate::{clock, settings, shipped};
use adjutant_connect::http::{Auth, HttpConnector};
use adjutant_hand::connector::{CallError, Connector};
use adjutant_model::{EntityKind, Secret};
use serde_json::json;

/// Answers about every address, and about this one that it was reported; or about another than was asked for.
struct Abuse {
    reported: &'static str,
    confused: bool,
}

impl Vendor for Abuse {
    fn answer(&mut self, asked: &Asked) -> Answer {
        if asked.header("key") != "key-of-a-test" {
            let errors = json!({ "errors": [{ "detail": "Authentication failed.", "status": 401 }] });
            return Answer::json(401, &errors);
        }
        let address = asked.query.get("ipAddress").cloned().unwrap_or_default();
        let is_reported = address == self.reported;
        let told = if self.confused { "192.0.2.200" } else { address.as_str() };
        Answer::json(
            200,
            &json!({ "data": {
                "ipAddress": told, "isPublic": true, "ipVersion": 4, "abuseConfidenceScore": if is_reported { 100 } else { 0 },
                "totalReports": if is_reported { 7 } else { 0 }, "usageType": "Data Center/Web Hosting/Transit",
                "isp": "Example Hosting", "lastReportedAt": is_reported.then_some("2026-02-28T20:55:14+00:00"),
            } }),
        )
    }
}

fn connector(url: &str, key: &str) -> HttpConnector {
    let said = settings(url, r#"{"kind": "header", "secret": {"env": "KEY"}}"#, &[]);
    let auth = Auth::Header { secret: Secret::new(key.to_owned()) };
    HttpConnector::new(shipped("abuseipdb"), &said, auth, clock().0).unwrap()
}

#[test]
fn an_address_is_one_thing_with_what_others_reported() {
    let server = Server::start(Abuse { reported: "203.0.113.9", confused: false });
    let abuse = connector(&server.url(), "key-of-a-test");
    assert!(abuse.verbs().is_empty(), "it acts on nothing");
    assert!(abuse.health().unwrap().contains("127.0.0.1"));
    let known = |name: &str| {
        let found = abuse.lookup(EntityKind::Address, name).unwrap();
        let [one] = &*found else { panic!("{found:?}") };
        assert_eq!(one.target.name, name);
        one.facts.clone()
    };
    let reported = known("203.0.113.9");
    assert_eq!((reported["confidence"].as_str(), reported["reports"].as_str()), ("100", "7"));
    let other = known("2001:db8::1");
    assert_eq!((other["confidence"].as_str(), other.get("last_reported")), ("0", None));
    assert!(matches!(abuse.lookup(EntityKind::User, "ana"), Err(CallError::Permanent(_))), "it knows no people");
    server.trouble("GET", "/check", Trouble::CutInside);
    assert!(matches!(abuse.lookup(EntityKind::Address, "203.0.113.9"), Err(CallError::Retry(_))), "half an answer is none");
    server.world.lock().unwrap().confused = true;
    assert_eq!(abuse.lookup(EntityKind::Address, "203.0.113.9"), Ok(Vec::new()), "an answer about another address is none");
    let stranger = connector(&server.url(), "another-key");
    assert!(matches!(stranger.lookup(EntityKind::Address, "203.0.113.9"), Err(CallError::Permanent(_))));
}
