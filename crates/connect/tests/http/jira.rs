//! Jira, as its REST API (version 3) describes it: issues with labels, transitions between statuses, comments with properties, and
//! a search whose index lags behind.

use crate::server::{Answer, Asked, Server, Trouble, Vendor};
use crate::{act, clock, settings, shipped, told, undo};
use adjutant_connect::http::{Auth, HttpConnector};
use adjutant_hand::connector::{CallError, Connector, Idempotency};
use adjutant_model::Secret;
use adjutant_model::act::State;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const CASE: &str = "59ddf2f3aabbccdd";
const EVIDENCE: &str = "line one\n[link|http://evil.example] @channel *bold* {code}";

#[derive(Default)]
struct Issue {
    summary: String,
    labels: Vec<String>,
    description: Value,
    /// `new`, `indeterminate` or `done`.
    status: &'static str,
    comments: Vec<Value>,
    /// Searches that do not find it yet.
    lags: usize,
    /// What happened to it, the latest first.
    histories: Vec<Value>,
    /// When something happened to it last.
    updated: String,
}

impl Issue {
    fn shown(&self, nth: usize) -> Value {
        let fields = json!({ "updated": self.updated, "labels": self.labels });
        let changelog = json!({ "startAt": 0, "total": self.histories.len(), "histories": self.histories });
        json!({ "id": id(nth), "key": format!("SEC-{}", nth + 1), "fields": fields, "changelog": changelog })
    }

    /// Somebody changed a field at `09:MINUTE`.
    fn changed(&mut self, by: &str, field: &str, minute: u8) {
        self.updated = format!("2026-03-01T10:{minute:02}:07.123+0100");
        let items = json!([{ "field": "resolution", "toString": "Done" }, { "field": field, "toString": "Done" }]);
        let items = if field == "status" { items } else { json!([{ "field": field, "toString": "x" }]) };
        let history = json!({ "id": "1", "author": { "accountId": by }, "created": self.updated, "items": items });
        self.histories.insert(0, history);
    }
}

#[derive(Default)]
struct Jira {
    issues: Vec<Issue>,
    lag: usize,
    ledger: Vec<String>,
}

fn error(status: u16, says: &str) -> Answer {
    Answer::json(status, &json!({ "errorMessages": [says], "errors": {} }))
}

impl Jira {
    /// `project = "SEC" AND labels = "x"`, as it is sent and no other.
    fn search(&mut self, asked: &Asked) -> Answer {
        let jql = asked.query.get("jql").map_or("", String::as_str);
        if jql.contains("ORDER BY") {
            return self.closed(asked, jql);
        }
        let label = jql.strip_prefix("project = \"SEC\" AND labels = \"").and_then(|rest| rest.strip_suffix('"'));
        let Some(label) = label.filter(|label| !label.contains(['"', '\\'])) else { return error(400, "cannot parse the JQL") };
        let mut found = Vec::new();
        for (nth, issue) in self.issues.iter_mut().enumerate() {
            if issue.labels.iter().any(|known| known == label) {
                match issue.lags {
                    0 => found
                        .push(json!({ "id": id(nth), "key": format!("SEC-{}", nth + 1), "fields": { "labels": issue.labels } })),
                    _ => issue.lags -= 1,
                }
            }
        }
        Answer::json(200, &json!({ "issues": found, "isLast": true }))
    }

    /// Closed issues with what happened to them, one on a page.
    fn closed(&self, asked: &Asked, jql: &str) -> Answer {
        let asks = "project = \"SEC\" AND labels = \"adjutant\" AND statusCategory = Done AND updated >= \"-";
        let minutes = jql.strip_prefix(asks).and_then(|rest| rest.strip_suffix("m\" ORDER BY updated ASC"));
        if minutes.is_none_or(|minutes| minutes.parse::<u32>().is_err()) || asked.query["expand"] != "changelog" {
            return error(400, "cannot parse the JQL");
        }
        let from: usize = asked.query.get("nextPageToken").map_or(0, |token| token.parse().unwrap());
        let mut done: Vec<(usize, &Issue)> = self.issues.iter().enumerate().filter(|(_, issue)| issue.status == "done").collect();
        done.sort_by(|a, b| a.1.updated.cmp(&b.1.updated));
        let page: Vec<Value> = done.iter().skip(from).take(1).map(|(nth, issue)| issue.shown(*nth)).collect();
        match from + 1 < done.len() {
            true => Answer::json(200, &json!({ "issues": page, "nextPageToken": (from + 1).to_string() })),
            false => Answer::json(200, &json!({ "issues": page, "isLast": true })),
        }
    }

    fn create(&mut self, asked: &Asked) -> Answer {
        let body = asked.json();
        let fields = &body["fields"];
        let labels: Vec<String> = serde_json::from_value(fields["labels"].clone()).unwrap_or_default();
        let summary = fields["summary"].as_str().unwrap_or_default().to_owned();
        let is_document = fields["description"]["type"] == "doc" && fields["description"]["version"] == 1;
        let known = fields["project"]["key"] == "SEC" && fields["issuetype"]["name"] == "Task" && is_document;
        if !known || summary.is_empty() || summary.contains('\n') || labels.iter().any(|label| label.contains(' ')) {
            return error(400, "a field is not as it must be");
        }
        let description = fields["description"].clone();
        self.issues.push(Issue { summary, labels, description, status: "new", lags: self.lag, ..Issue::default() });
        self.ledger.push("create".to_owned());
        let nth = self.issues.len() - 1;
        Answer::json(201, &json!({ "id": id(nth), "key": format!("SEC-{}", nth + 1), "self": "https://…" }))
    }

    fn of_issue(&mut self, nth: usize, rest: &[&str], asked: &Asked) -> Answer {
        let ledger = &mut self.ledger;
        let Some(issue) = self.issues.get_mut(nth) else { return error(404, "the issue does not exist") };
        match (asked.method.as_str(), rest) {
            ("GET", []) => {
                let status = json!({ "name": "…", "statusCategory": { "key": issue.status } });
                Answer::json(200, &json!({ "id": id(nth), "fields": { "summary": issue.summary, "status": status } }))
            }
            ("PUT", []) => {
                issue.summary = asked.json()["fields"]["summary"].as_str().unwrap_or_default().to_owned();
                ledger.push(format!("say {}", issue.summary));
                Answer::empty(204)
            }
            ("GET", ["comment"]) => {
                let shows = asked.query.get("expand").is_some_and(|expand| expand == "properties");
                let comments: Vec<Value> = issue.comments.iter().rev().take(100).cloned().collect();
                let bare = |mut comment: Value| {
                    comment.as_object_mut().map(|fields| fields.remove("properties"));
                    comment
                };
                let comments = if shows { comments } else { comments.into_iter().map(bare).collect() };
                Answer::json(200, &json!({ "comments": comments, "total": issue.comments.len() }))
            }
            ("POST", ["comment"]) => {
                let body = asked.json();
                issue.comments.push(json!({ "id": "1", "body": body["body"], "properties": body["properties"] }));
                ledger.push("comment".to_owned());
                Answer::json(201, &json!({ "id": "1" }))
            }
            ("POST", ["transitions"]) => {
                let body = asked.json();
                let to = match body["transition"]["id"].as_str() {
                    Some("31") => "done",
                    Some("21") => "indeterminate",
                    Some("11") => "new",
                    _ => return error(400, "the transition is not valid"),
                };
                issue.status = to;
                if let Some(comment) = body["update"]["comment"][0].get("add") {
                    issue.comments.push(comment.clone());
                }
                ledger.push(to.to_owned());
                Answer::empty(204)
            }
            _ => error(404, "no such path"),
        }
    }
}

fn id(nth: usize) -> String {
    (10_000 + nth).to_string()
}

impl Vendor for Jira {
    fn answer(&mut self, asked: &Asked) -> Answer {
        // `ana@corp.example:token-of-a-test`
        if asked.header("authorization") != "Basic YW5hQGNvcnAuZXhhbXBsZTp0b2tlbi1vZi1hLXRlc3Q=" {
            return Answer::empty(401);
        }
        let path = asked.path.strip_prefix("/rest/api/3/").unwrap_or("").to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["myself"]) => Answer::json(200, &json!({ "displayName": "Adjutant" })),
            ("GET", ["search", "jql"]) => self.search(asked),
            ("POST", ["issue"]) => self.create(asked),
            (_, ["issue", number, rest @ ..]) => {
                let nth = number.parse::<usize>().ok().and_then(|number| number.checked_sub(10_000));
                nth.map_or_else(|| error(404, "the issue does not exist"), |nth| self.of_issue(nth, rest, asked))
            }
            _ => error(404, "no such path"),
        }
    }
}

fn connector(server: &Server<Jira>) -> (HttpConnector, std::sync::Arc<std::sync::atomic::AtomicI64>) {
    let reference = r#"{"kind": "basic", "user": "ana@corp.example", "password": {"env": "TOKEN"}}"#;
    let auth = Auth::Basic { user: "ana@corp.example".to_owned(), password: Secret::new("token-of-a-test".to_owned()) };
    let values =
        [("project", "SEC"), ("account", "bot-1"), ("issue_type", "Task"), ("close", "31"), ("reopen", "21"), ("renew", "11")];
    let (clock, seconds) = clock();
    (HttpConnector::new(shipped("jira"), &settings(&server.url(), reference, &values), auth, clock).expect("in order"), seconds)
}

fn open(jira: &HttpConnector) -> State {
    let open = told("open-ticket", CASE, &[("summary", "suspicious-login: ana"), ("evidence", EVIDENCE)]);
    let before = jira.probe(&open).unwrap();
    act(jira, &open, &before, "k1").unwrap();
    before
}

#[test]
fn one_ticket_a_case_although_the_index_lags() {
    let server = Server::start(Jira { lag: 4, ..Jira::default() });
    let (jira, _) = connector(&server);
    assert!(jira.health().unwrap().ends_with(": Adjutant"));
    assert!(jira.verbs().iter().all(|offer| offer.idempotency == Idempotency::ReadBack));
    let before = open(&jira);
    let again = told("open-ticket", CASE, &[("summary", "another"), ("evidence", "another")]);
    assert!(jira.is_done(&again, &jira.probe(&again).unwrap()), "it is known before it is found");
    act(&jira, &again, &before, "k2").unwrap();
    assert_eq!(server.world.lock().unwrap().ledger, ["create"]);
    let world = server.world.lock().unwrap();
    assert_eq!(world.issues[0].labels, ["adjutant", "adjutant-59ddf2f3aabbccdd"]);
    let said = &world.issues[0].description["content"][0];
    assert_eq!((&said["type"], &said["content"][0]["text"]), (&"codeBlock".into(), &EVIDENCE.into()), "text, and no markup");
}

#[test]
fn what_was_made_is_not_known_for_ever() {
    let server = Server::start(Jira { lag: 100, ..Jira::default() });
    let (jira, seconds) = connector(&server);
    open(&jira);
    server.world.lock().unwrap().issues.clear();
    let comment = told("comment-ticket", CASE, &[("evidence", "x")]);
    assert!(matches!(jira.probe(&comment), Err(CallError::Permanent(_))), "somebody removed it");
    seconds.fetch_add(601, Ordering::SeqCst);
    let again = told("open-ticket", CASE, &[("summary", "another"), ("evidence", "another")]);
    assert!(!jira.is_done(&again, &jira.probe(&again).unwrap()));
}

#[test]
fn a_lost_answer_makes_no_second_ticket_and_no_second_comment() {
    for trouble in [Trouble::CutAfter, Trouble::After(500, ""), Trouble::Silent, Trouble::CutInside] {
        let server = Server::start(Jira::default());
        let (jira, _) = connector(&server);
        let ticket = told("open-ticket", CASE, &[("summary", "s"), ("evidence", EVIDENCE)]);
        let comment = told("comment-ticket", CASE, &[("evidence", "second thoughts")]);
        for (action, path) in [(&ticket, "/rest/api/3/issue"), (&comment, "/rest/api/3/issue/10000/comment")] {
            let before = jira.probe(action).unwrap();
            server.trouble("POST", path, trouble.clone());
            // An answer that breaks off after its head still said that it was done.
            let first = act(&jira, action, &before, "k");
            assert!(matches!(first, Err(CallError::Unclear(_)) | Ok(())), "{trouble:?}: {first:?}");
            for _ in 0..2 {
                act(&jira, action, &before, "k").unwrap();
            }
            assert!(jira.is_done(action, &jira.probe(action).unwrap()));
        }
        assert_eq!(server.world.lock().unwrap().ledger, ["create", "comment"], "{trouble:?}");
    }
}

#[test]
fn a_ticket_is_closed_with_its_evidence_and_opened_again_as_it_was() {
    for (status, back) in [("new", "new"), ("indeterminate", "indeterminate")] {
        let server = Server::start(Jira::default());
        let (jira, _) = connector(&server);
        open(&jira);
        server.world.lock().unwrap().issues[0].status = status;
        let close = told("close-ticket", CASE, &[("evidence", "it was a drill")]);
        let before = jira.probe(&close).unwrap();
        act(&jira, &close, &before, "k").unwrap();
        act(&jira, &close, &before, "k").unwrap();
        undo(&jira, &close, &before, "k").unwrap();
        undo(&jira, &close, &before, "k").unwrap();
        assert_eq!(jira.probe(&close).unwrap(), before);
        let world = server.world.lock().unwrap();
        assert_eq!(world.ledger, ["create", "done", back]);
        assert_eq!(world.issues[0].comments.len(), 1);
    }
}

#[test]
fn a_summary_is_said_anew_and_restored() {
    let server = Server::start(Jira::default());
    let (jira, _) = connector(&server);
    open(&jira);
    let anew = told("update-ticket", CASE, &[("summary", "3 alerts \"now\"")]);
    let before = jira.probe(&anew).unwrap();
    act(&jira, &anew, &before, "k").unwrap();
    act(&jira, &anew, &before, "k").unwrap();
    undo(&jira, &anew, &before, "k").unwrap();
    assert_eq!(jira.probe(&anew).unwrap(), before);
    assert_eq!(server.world.lock().unwrap().ledger, ["create", "say 3 alerts \"now\"", "say suspicious-login: ana"]);
    server.world.lock().unwrap().issues[0].summary = "somebody's".to_owned();
    assert!(matches!(undo(&jira, &anew, &before, "k"), Err(CallError::Permanent(_))), "somebody else said something since");
}

#[test]
fn two_tickets_of_a_case_are_put_before_a_person() {
    let server = Server::start(Jira::default());
    let (jira, _) = connector(&server);
    open(&jira);
    let labels = vec![format!("adjutant-{CASE}")];
    server.world.lock().unwrap().issues.push(Issue { labels, status: "new", ..Issue::default() });
    let comment = told("comment-ticket", CASE, &[("evidence", "x")]);
    assert!(matches!(jira.probe(&comment), Err(CallError::Permanent(why)) if why.contains("more than one")));
    let again = told("open-ticket", CASE, &[("summary", "s"), ("evidence", "e")]);
    assert!(jira.is_done(&again, &jira.probe(&again).unwrap()));
}

/// A closed issue about a case, to which these things happened: who changed what.
fn closed(case: &str, changes: &[(&str, &str)], minute: u8) -> Issue {
    let mut issue = Issue { status: "done", labels: vec!["adjutant".into(), format!("adjutant-{case}")], ..Issue::default() };
    for ((by, field), minute) in changes.iter().zip(minute..) {
        issue.changed(by, field, minute);
    }
    issue
}

/// Every record of every page.
fn polled(jira: &HttpConnector) -> Vec<Value> {
    let (mut records, mut next) = (Vec::new(), None);
    loop {
        let page = jira.poll(adjutant_model::Time::from_secs(1_772_323_200 - 3_600), next.as_deref()).unwrap();
        assert!(page.records.iter().all(|(at, _)| adjutant_hand::poll::time(at).is_some()), "{page:?}");
        records.extend(page.records.into_iter().map(|(_, record)| record));
        next = page.next;
        if next.is_none() {
            return records;
        }
    }
}

#[test]
fn a_ticket_that_a_person_closed_is_their_verdict_and_what_we_closed_is_none() {
    let server = Server::start(Jira::default());
    let (jira, _) = connector(&server);
    assert!(jira.polls().unwrap().verdicts);
    let cases = ["59ddf2f3aabbccd1", "59ddf2f3aabbccd2", "59ddf2f3aabbccd3", "59ddf2f3aabbccd4", "59ddf2f3aabbccd5"];
    // In the third, what somebody wrote since makes nobody the one who closed it.
    let issues = vec![
        closed(cases[0], &[("bot-1", "labels"), ("ana-1", "status")], 10),
        closed(cases[1], &[("bot-1", "status")], 20),
        closed(cases[2], &[("bot-1", "status"), ("ana-1", "labels")], 30),
        closed(cases[3], &[("ana-1", "status"), ("bot-1", "status"), ("cy-1", "status"), ("bot-1", "summary")], 40),
        Issue { status: "new", ..closed(cases[4], &[("ana-1", "status")], 50) },
    ];
    server.world.lock().unwrap().issues = issues;
    let verdict = |case: &str, by: &str, key: &str, at: &str| json!({ "case": case, "by": by, "id": key, "at": at });
    let wanted = [
        verdict(cases[0], "ana-1", "SEC-1", "2026-03-01T09:11:07.123Z"),
        Value::Null,
        Value::Null,
        verdict(cases[3], "cy-1", "SEC-4", "2026-03-01T09:42:07.123Z"),
    ];
    assert_eq!(polled(&jira), wanted);
}

#[test]
fn a_ticket_of_no_case_or_of_two_and_one_without_a_history_are_nobodys_verdict() {
    let server = Server::start(Jira::default());
    let (jira, _) = connector(&server);
    let mut two = closed(CASE, &[("ana-1", "status")], 10);
    two.labels.push("adjutant-0123456789abcdef".into());
    let mut none = closed(CASE, &[("ana-1", "status")], 11);
    none.labels = vec!["adjutant".into(), CASE.into()];
    let mut untold = closed(CASE, &[], 12);
    untold.updated = "2026-03-01T10:12:07.123+0100".into();
    server.world.lock().unwrap().issues = vec![two, none, untold, closed(CASE, &[("ana-1", "summary")], 13)];
    assert_eq!(polled(&jira), vec![Value::Null; 4]);
}
