//! Polling over HTTP: Okta's System Log and Graph's alerts as their vendors describe them, into the service's intake.

use crate::server::{Answer, Asked, Server, Trouble, Vendor};
use crate::{clock, settings, shipped, told};
use adjutant_connect::http::{Auth, HttpConnector, Intake, IntakeSettings};
use adjutant_hand::connector::{CallError, Connector, Permit};
use adjutant_hand::poll::{Between, Intake as _, Poller};
use adjutant_hand::steady::{Limits, Steady};
use adjutant_model::act::Action;
use adjutant_model::{Duration, EntityKind, Secret, Time};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a vendor saw, oldest first, in pages.
struct Log {
    records: Vec<Value>,
    page: usize,
    base: String,
    /// Names of fields: of the time, in the query and in a record.
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Okta,
    Graph,
}

impl Log {
    fn since(&self, asked: &Asked) -> Option<String> {
        let asks = |name: &str| asked.query.get(name).cloned();
        match self.kind {
            Kind::Okta if asks("sortOrder").as_deref() == Some("ASCENDING") => asks("since"),
            Kind::Graph if asks("$orderby").as_deref() == Some("lastUpdateDateTime asc") => {
                asks("$filter")?.strip_prefix("lastUpdateDateTime ge ").map(str::to_owned)
            }
            _ => None,
        }
    }

    fn list(&self, asked: &Asked) -> Answer {
        let Some(since) = self.since(asked) else { return Answer::json(400, &json!({ "error": { "message": "no order" } })) };
        let field = if self.kind == Kind::Okta { "published" } else { "lastUpdateDateTime" };
        let mut found: Vec<Value> =
            self.records.iter().filter(|record| record[field].as_str() >= Some(since.as_str())).cloned().collect();
        found.sort_by_key(|record| record[field].as_str().unwrap_or_default().to_owned());
        let after: usize = asked.query.get("after").map_or(0, |after| after.parse().unwrap_or(0));
        let page: Vec<Value> = found.iter().skip(after).take(self.page).cloned().collect();
        let next = after + self.page;
        match self.kind {
            // A next page is named for ever, as Okta does for who asks again later.
            Kind::Okta => {
                let link = format!("<{}/api/v1/logs?since={since}&sortOrder=ASCENDING&after={next}>; rel=\"next\"", self.base);
                Answer::json(200, &Value::Array(page)).with("link", &link)
            }
            Kind::Graph => {
                let url = format!(
                    "{}/security/alerts_v2?$filter=lastUpdateDateTime%20ge%20{since}&$orderby=lastUpdateDateTime%20asc&after={next}",
                    self.base
                );
                let mut body = json!({ "value": page });
                if next < found.len() {
                    body["@odata.nextLink"] = url.into();
                }
                Answer::json(200, &body)
            }
        }
    }
}

impl Vendor for Log {
    fn answer(&mut self, asked: &Asked) -> Answer {
        match (asked.method.as_str(), asked.path.as_str(), self.kind) {
            ("GET", "/api/v1/logs", Kind::Okta) | ("GET", "/security/alerts_v2", Kind::Graph) => self.list(asked),
            (method, path, Kind::Graph) => {
                let parts: Vec<&str> = path.trim_start_matches("/security/alerts_v2/").split('/').collect();
                let found = self.records.iter_mut().find(|record| record["id"] == parts[0]);
                let Some(alert) = found else { return Answer::json(404, &json!({ "error": { "message": "not found" } })) };
                match (method, &parts[1..]) {
                    ("GET", []) => Answer::json(200, alert),
                    ("PATCH", []) => {
                        alert["status"] = asked.json()["status"].clone();
                        Answer::json(200, alert)
                    }
                    ("POST", ["comments"]) => {
                        let comment = json!({ "comment": asked.json()["comment"], "createdByDisplayName": "adjutant" });
                        alert["comments"].as_array_mut().unwrap().push(comment);
                        Answer::json(200, alert)
                    }
                    _ => Answer::empty(405),
                }
            }
            _ => Answer::empty(404),
        }
    }
}

/// The service's intake: it holds a record once, whatever comes.
#[derive(Default)]
struct Service {
    held: BTreeSet<String>,
    room: Option<usize>,
}

impl Vendor for Service {
    fn answer(&mut self, asked: &Asked) -> Answer {
        if asked.header("authorization") != "Bearer adj-source" || asked.method != "POST" {
            return Answer::empty(401);
        }
        assert!(matches!(asked.path.as_str(), "/v1/alerts/okta" | "/v1/alerts/defender-alert"), "{}", asked.path);
        let records = asked.json();
        for record in records.as_array().unwrap() {
            if self.room == Some(self.held.len()) {
                return Answer::json(429, &json!({ "refused": 1 }));
            }
            let id = if record["uuid"].is_string() { &record["uuid"] } else { &record["id"] };
            self.held.insert(id.as_str().unwrap().to_owned());
        }
        Answer::json(200, &json!({ "accepted": 1 }))
    }
}

fn log(kind: Kind) -> Server<Log> {
    let server = Server::start(Log { records: Vec::new(), page: 3, base: String::new(), kind });
    let url = server.url();
    server.world.lock().unwrap().base = url;
    server
}

fn connector(server: &Server<Log>) -> Arc<dyn Connector> {
    let name = if server.world.lock().unwrap().kind == Kind::Okta { "okta-log" } else { "defender" };
    let reference = r#"{"kind": "bearer", "token": {"env": "TOKEN"}}"#;
    let auth = Auth::Bearer { token: Secret::new("token-of-a-test".to_owned()) };
    let made = HttpConnector::new(shipped(name), &settings(&server.url(), reference, &[]), auth, clock().0).expect("in order");
    Arc::new(Steady::new(name, Arc::new(made), Limits::default(), clock().0))
}

fn intake(url: &str) -> Intake {
    let settings = json!({ "url": url, "token": { "env": "TOKEN" }, "plaintext": true });
    let settings: IntakeSettings = serde_json::from_value(settings).unwrap();
    Intake::new(&settings, Secret::new("adj-source".to_owned())).expect("in order")
}

fn poller(server: &Server<Log>, service: &Server<Service>, folder: &std::path::Path) -> Poller {
    Poller {
        name: "vendor".to_owned(),
        connector: connector(server),
        intake: Arc::new(intake(&service.url())),
        file: folder.join("vendor.polled"),
        first: Duration::from_secs(3_600),
        clock: clock().0,
        thanks: None,
    }
}

/// A record of `seconds` ago.
fn record(kind: Kind, id: &str, seconds: i64) -> Value {
    let at = Time::from_secs(1_772_323_200 - seconds).to_string();
    match kind {
        Kind::Okta => json!({ "uuid": id, "published": at, "eventType": "user.session.start" }),
        Kind::Graph => json!({ "id": id, "lastUpdateDateTime": at, "status": "new", "title": "x", "comments": [] }),
    }
}

#[test]
fn what_a_vendor_saw_arrives_whatever_happens_in_between() {
    for kind in [Kind::Okta, Kind::Graph] {
        let path = if kind == Kind::Okta { "/api/v1/logs" } else { "/security/alerts_v2" };
        let (server, service) = (log(kind), Server::start(Service::default()));
        let folder = tempfile::tempdir().unwrap();
        let mut between = Between::default();
        let mut ids = BTreeSet::new();
        let troubles = [
            Trouble::CutInside,
            Trouble::Instead(429, vec![], "{}"),
            Trouble::Instead(500, vec![], ""),
            Trouble::Instead(200, vec![], "<html>"),
            Trouble::Silent,
        ];
        for (nth, trouble) in troubles.into_iter().enumerate() {
            for one in 0..5 {
                let id = format!("r-{nth}-{one}");
                let seconds = 600 - 60 * i64::try_from(nth).unwrap() - one;
                server.world.lock().unwrap().records.push(record(kind, &id, seconds));
                ids.insert(id);
            }
            server.trouble_after(nth % 2, "GET", path, trouble.clone());
            // The service is given a minute, which no test has.
            if trouble != Trouble::Silent {
                service.trouble("POST", "/v1/alerts", trouble);
            }
            // Every second look is of a process that knows the place alone.
            for look in 0..8 {
                if look % 2 == 0 {
                    between = Between::default();
                }
                let _ = poller(&server, &service, folder.path()).look(&mut between);
            }
            assert_eq!(service.world.lock().unwrap().held, ids, "{nth}");
        }
        let place = std::fs::read_to_string(folder.path().join("vendor.polled")).unwrap();
        assert_eq!(place.trim(), Time::from_secs(1_772_323_200 - 356).to_string());
    }
}

#[test]
fn the_place_waits_while_the_service_has_no_room() {
    let (server, service) = (log(Kind::Okta), Server::start(Service { room: Some(4), ..Service::default() }));
    let folder = tempfile::tempdir().unwrap();
    let records = (0..9).map(|nth| record(Kind::Okta, &format!("r{nth}"), 900 - 100 * nth));
    server.world.lock().unwrap().records.extend(records);
    let poller = poller(&server, &service, folder.path());
    let mut between = Between::default();
    for _ in 0..3 {
        assert!(matches!(poller.look(&mut between), Err(CallError::Retry(_))));
    }
    let place = || std::fs::read_to_string(folder.path().join("vendor.polled")).unwrap().trim().to_owned();
    assert_eq!(place(), Time::from_secs(1_772_323_200 - 700).to_string(), "the first page alone is held");
    service.world.lock().unwrap().room = None;
    poller.look(&mut between).unwrap();
    assert_eq!(service.world.lock().unwrap().held.len(), 9);
    assert_eq!(place(), Time::from_secs(1_772_323_200 - 100).to_string());
}

#[test]
fn an_intake_that_will_never_take_it_is_told_from_one_that_will() {
    let service = Server::start(Service::default());
    let intake = intake(&service.url());
    let record = json!({ "uuid": "r" });
    intake.take("okta", &[&record]).unwrap();
    for (status, is_permanent) in
        [(400, true), (413, true), (401, false), (403, false), (404, false), (429, false), (503, false), (302, false)]
    {
        service.trouble("POST", "/v1/alerts", Trouble::Instead(status, vec![("location", "http://127.0.0.1:9/")], ""));
        let error = intake.take("okta", &[&record]).unwrap_err();
        assert_eq!(matches!(error, CallError::Permanent(_)), is_permanent, "{status}: {error:?}");
        assert!(!error.to_string().contains("adj-source"));
    }
    for url in ["http://198.51.100.7", "http://localhost.evil.example", "https://a.example/x?y", "ftp://127.0.0.1"] {
        let settings = json!({ "url": url, "token": { "env": "TOKEN" } });
        let settings: IntakeSettings = serde_json::from_value(settings).unwrap();
        assert!(Intake::new(&settings, Secret::new("x".to_owned())).is_err(), "{url}");
    }
}

fn about(verb: &str, alert: &str) -> Action {
    let mut action = told(verb, "59ddf2f3aabbccdd", &[("summary", "suspicious-login: ana (escalate, score 69)")]);
    action.with = BTreeMap::from([("alert".to_owned(), alert.to_owned())]);
    action
}

#[test]
fn status_and_comment_are_written_back_once_and_the_status_is_restored() {
    let server = log(Kind::Graph);
    server.world.lock().unwrap().records.push(record(Kind::Graph, "da-1", 60));
    let defender = connector(&server);
    let found = defender.lookup(EntityKind::Resource, "da-1").unwrap();
    assert_eq!((found.len(), found[0].target.id.as_str()), (1, "da-1"));
    assert_eq!(defender.lookup(EntityKind::Resource, "of another tool").unwrap(), vec![]);
    let act = |action: &Action, before| defender.act(action, before, Permit::of_a_test("k"), "k");
    let update = about("update-alert", "da-1");
    let before = defender.probe(&update).unwrap();
    server.trouble("PATCH", "/security", Trouble::CutAfter);
    assert!(matches!(act(&update, &before), Err(CallError::Unclear(_))));
    assert!(defender.is_done(&update, &defender.probe(&update).unwrap()));
    defender.undo(&update, &before, Permit::of_a_test("k"), "k-undo").unwrap();
    assert_eq!(defender.probe(&update).unwrap(), before);
    let comment = about("comment-alert", "da-1");
    let before = defender.probe(&comment).unwrap();
    server.trouble("POST", "/security", Trouble::CutAfter);
    assert!(matches!(act(&comment, &before), Err(CallError::Unclear(_))));
    for _ in 0..3 {
        act(&comment, &before).unwrap();
    }
    let world = server.world.lock().unwrap();
    let comments = world.records[0]["comments"].as_array().unwrap();
    assert_eq!(comments.len(), 1);
    assert!(comments[0]["comment"].as_str().unwrap().starts_with("suspicious-login: ana"));
    assert_eq!(world.records[0]["status"], "new");
}
