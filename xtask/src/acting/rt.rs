//! Request Tracker's tickets, as its REST 2 interface describes them. The connector's own tests ask a real one.

use super::http::{Answer, Asked, Done, Vendor};
use serde_json::{Value, json};

/// One queue with at most a few tickets about one case.
#[derive(Clone)]
pub struct Tracker {
    tickets: Vec<Ticket>,
    /// Requests that are refused because the token is looked up anew.
    refuses: u32,
}

#[derive(Clone)]
struct Ticket {
    subject: String,
    status: String,
    priority: u32,
    comments: Vec<String>,
}

impl Tracker {
    /// The case.
    pub const CASE: &'static str = "59ddf2f3aabbccdd";
    /// The subject that stood there before.
    const SUBJECT: &'static str = "a login from 'far' \u{e9}\\";

    /// With a ticket about the case, or without any.
    pub fn new(is_open: bool) -> Self {
        let ticket = || Ticket { subject: Self::SUBJECT.into(), status: "stalled".into(), priority: 3, comments: Vec::new() };
        Self { tickets: is_open.then(ticket).into_iter().collect(), refuses: 0 }
    }

    fn search(&self, query: &str) -> Answer {
        let wanted = format!("Queue = 'Security' AND CF.AdjutantCase = '{}'", Self::CASE);
        let found = |(nth, _): (usize, &Ticket)| json!({ "id": (nth + 1).to_string(), "type": "ticket" });
        let items: Vec<Value> = self.tickets.iter().enumerate().filter(|_| query == wanted).map(found).collect();
        Answer::json(200, &json!({ "items": items, "count": items.len() }))
    }

    fn transactions(&self, query: &str) -> Answer {
        let comments = self.tickets.iter().flat_map(|ticket| &ticket.comments);
        let items: Vec<Value> = comments
            .filter(|subject| query.contains(&format!("'{subject}'")))
            .map(|subject| json!({ "Data": subject }))
            .collect();
        Answer::json(200, &json!({ "items": items }))
    }

    fn create(&mut self, asked: &Value) -> (Answer, Option<Done>) {
        if asked["Queue"] != "Security" || asked["CustomFields"]["AdjutantCase"] != Self::CASE {
            return (no(400, "could not create ticket"), None);
        }
        let subject = asked["Subject"].as_str().unwrap_or_default().to_owned();
        self.tickets.push(Ticket { subject, status: "new".into(), priority: 0, comments: Vec::new() });
        (Answer::json(201, &json!({ "id": self.tickets.len().to_string() })), done("open", false))
    }

    fn ticket(&mut self, nth: &str, rest: &[&str], asked: &Asked) -> (Answer, Option<Done>) {
        let nth = nth.parse().ok().and_then(|nth: usize| nth.checked_sub(1));
        let Some(ticket) = nth.and_then(|nth| self.tickets.get_mut(nth)) else { return (no(404, "no such ticket"), None) };
        let said = asked.json();
        match (asked.method.as_str(), rest) {
            ("GET", []) => (Answer::json(200, &json!({ "Subject": ticket.subject, "Status": ticket.status })), None),
            ("PUT", []) => ticket.set(&said),
            ("POST", ["comment"]) => {
                ticket.comments.push(said["Subject"].as_str().unwrap_or_default().to_owned());
                let resolves = said["Status"] == "resolved";
                if resolves {
                    ticket.status = "resolved".into();
                }
                (Answer::json(201, &json!(["Comments added"])), done(if resolves { "resolve" } else { "comment" }, false))
            }
            _ => (no(404, "no such path"), None),
        }
    }
}

impl Ticket {
    fn set(&mut self, said: &Value) -> (Answer, Option<Done>) {
        let before = (self.subject.clone(), self.status.clone());
        if let Some(subject) = said["Subject"].as_str() {
            self.subject = subject.to_owned();
        }
        if let Some(status) = said["Status"].as_str() {
            self.status = status.to_owned();
        }
        let undoes = said.get("Status").is_some() || self.subject == Tracker::SUBJECT;
        let changed = before != (self.subject.clone(), self.status.clone());
        (Answer::json(200, &json!(["Ticket updated"])), done("set", undoes).filter(|_| changed))
    }
}

fn done(says: &str, undoes: bool) -> Option<Done> {
    Some(Done { target: Tracker::CASE.into(), says: says.into(), undoes })
}

fn no(status: u16, says: &str) -> Answer {
    Answer::json(status, &json!({ "message": says }))
}

impl Vendor for Tracker {
    fn answer(&mut self, asked: &Asked) -> (Answer, Option<Done>) {
        if self.refuses > 0 || asked.header("authorization") != "token token-of-a-trial" {
            self.refuses = self.refuses.saturating_sub(1);
            return (no(401, "Unauthorized"), None);
        }
        let query = asked.query.get("query").map_or("", String::as_str);
        match (asked.method.as_str(), asked.below("/").as_slice()) {
            ("GET", ["tickets"]) => (self.search(query), None),
            ("GET", ["transactions"]) => (self.transactions(query), None),
            ("POST", ["ticket"]) => self.create(&asked.json()),
            (_, ["ticket", nth, rest @ ..]) => self.ticket(nth, rest, asked),
            _ => (no(404, "no such path"), None),
        }
    }

    /// What people wrote below it is the trail of what happened, and stays.
    fn state(&self, _: &str) -> String {
        let state = |ticket: &Ticket| format!("{:?} {} {}", ticket.subject, ticket.status, ticket.priority);
        self.tickets.iter().map(state).collect::<Vec<_>>().join("; ")
    }

    fn meddle(&mut self, _: &str, beside: bool) {
        for ticket in &mut self.tickets {
            match beside {
                true => ticket.priority ^= 8,
                false => (ticket.subject, ticket.status) = ("somebody's own words".into(), "rejected".into()),
            }
        }
    }

    fn expire(&mut self) {
        self.refuses = 1;
    }
}
