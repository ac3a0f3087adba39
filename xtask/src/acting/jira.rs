//! Jira's issues, as its REST API (version 3) describes them: labels, transitions between statuses, comments with properties.

use super::http::{Answer, Asked, Done, Vendor};
use serde_json::{Value, json};

/// The path of its API.
const BASE: &str = "/rest/api/3/";

/// One project with at most a few issues about one case.
#[derive(Clone)]
pub struct Jira {
    issues: Vec<Issue>,
    /// Requests that are refused because the token is looked up anew.
    refuses: u32,
}

#[derive(Clone)]
struct Issue {
    summary: String,
    status: &'static str,
    priority: &'static str,
    comments: Vec<Value>,
}

impl Jira {
    /// The case.
    pub const CASE: &'static str = "59ddf2f3aabbccdd";
    /// The summary that stood there before.
    const SUMMARY: &'static str = "a login from \"far\" \u{e9}\\";

    /// With an issue about the case, or without any.
    pub fn new(is_open: bool) -> Self {
        let issue = || Issue { summary: Self::SUMMARY.into(), status: "new", priority: "Medium", comments: Vec::new() };
        Self { issues: is_open.then(issue).into_iter().collect(), refuses: 0 }
    }

    fn search(&self, asked: &Asked) -> Answer {
        let jql = asked.query.get("jql").map_or("", String::as_str);
        let label = format!("project = \"SEC\" AND labels = \"adjutant-{}\"", Self::CASE);
        let found = |(nth, _): (usize, &Issue)| json!({ "id": nth.to_string(), "key": format!("SEC-{nth}") });
        let found: Vec<Value> = self.issues.iter().enumerate().filter(|_| jql == label).map(found).collect();
        Answer::json(200, &json!({ "issues": found, "isLast": true }))
    }

    fn create(&mut self, asked: &Asked) -> (Answer, Option<Done>) {
        let fields = &asked.json()["fields"];
        let is_labelled = fields["labels"] == json!(["adjutant", format!("adjutant-{}", Self::CASE)]);
        if fields["project"]["key"] != "SEC" || !is_labelled || fields["description"]["type"] != "doc" {
            return (no(400, "a field is not as it must be"), None);
        }
        let summary = fields["summary"].as_str().unwrap_or_default().to_owned();
        self.issues.push(Issue { summary, status: "new", priority: "Medium", comments: Vec::new() });
        (Answer::json(201, &json!({ "id": (self.issues.len() - 1).to_string() })), done("open", false))
    }

    fn issue(&mut self, nth: &str, rest: &[&str], asked: &Asked) -> (Answer, Option<Done>) {
        let Some(issue) = nth.parse().ok().and_then(|nth: usize| self.issues.get_mut(nth)) else {
            return (no(404, "the issue does not exist"), None);
        };
        match (asked.method.as_str(), rest) {
            ("GET", []) => {
                let status = json!({ "statusCategory": { "key": issue.status } });
                (Answer::json(200, &json!({ "id": nth, "fields": { "summary": issue.summary, "status": status } })), None)
            }
            ("GET", ["comment"]) => (Answer::json(200, &json!({ "comments": issue.comments })), None),
            ("PUT", []) => {
                let summary = asked.json()["fields"]["summary"].as_str().unwrap_or_default().to_owned();
                let changed = issue.summary != summary;
                issue.summary = summary;
                let says = done("rename", issue.summary == Self::SUMMARY);
                (Answer::empty(204), says.filter(|_| changed))
            }
            ("POST", ["comment"]) => {
                issue.comments.push(asked.json());
                (Answer::json(201, &json!({ "id": "1" })), done("comment", false))
            }
            ("POST", ["transitions"]) => issue.moves(&asked.json()),
            _ => (no(404, "no such path"), None),
        }
    }
}

impl Issue {
    /// Only what leads out of a status is offered there.
    fn moves(&mut self, asked: &Value) -> (Answer, Option<Done>) {
        let to = match (self.status, asked["transition"]["id"].as_str()) {
            ("new" | "indeterminate", Some("31")) => "done",
            ("done", Some("21")) => "indeterminate",
            ("done", Some("11")) => "new",
            _ => return (no(400, "it seems that the transition is not valid"), None),
        };
        self.status = to;
        (Answer::empty(204), done(to, to != "done"))
    }
}

fn done(says: &str, undoes: bool) -> Option<Done> {
    Some(Done { target: Jira::CASE.into(), says: says.into(), undoes })
}

fn no(status: u16, says: &str) -> Answer {
    Answer::json(status, &json!({ "errorMessages": [says], "errors": {} }))
}

impl Vendor for Jira {
    fn answer(&mut self, asked: &Asked) -> (Answer, Option<Done>) {
        if self.refuses > 0 || asked.header("authorization") != "Bearer token-of-a-trial" {
            self.refuses = self.refuses.saturating_sub(1);
            return (no(401, "you are not authenticated"), None);
        }
        match (asked.method.as_str(), asked.below(BASE).as_slice()) {
            ("GET", ["search", "jql"]) => (self.search(asked), None),
            ("POST", ["issue"]) => self.create(asked),
            (_, ["issue", nth, rest @ ..]) => self.issue(nth, rest, asked),
            _ => (no(404, "no such path"), None),
        }
    }

    /// What people wrote below it is the trail of what happened, and stays.
    fn state(&self, _: &str) -> String {
        let state = |issue: &Issue| format!("{:?} {} {}", issue.summary, issue.status, issue.priority);
        self.issues.iter().map(state).collect::<Vec<_>>().join("; ")
    }

    fn meddle(&mut self, _: &str, beside: bool) {
        for issue in &mut self.issues {
            match beside {
                true => issue.priority = if issue.priority == "Medium" { "High" } else { "Medium" },
                false => (issue.summary, issue.status) = ("somebody's own words".into(), "indeterminate"),
            }
        }
    }

    fn expire(&mut self) {
        self.refuses = 1;
    }
}
