//! A service of one's own, as docs/connect/webhook.md describes it.

use super::http::{Answer, Asked, Done, Vendor};
use serde_json::json;
use std::collections::BTreeMap;

/// Machines, addresses and domains, each switched on or off.
#[derive(Clone)]
pub struct Webhook {
    states: BTreeMap<String, String>,
    /// Something beside what the verbs change.
    owner: bool,
    refuses: u32,
}

impl Webhook {
    /// Each thing is one whose identifier is its name.
    pub fn new(before: &str) -> Self {
        let names = ["web07", "203.0.113.7", "bad.example"];
        Self { states: names.into_iter().map(|name| (name.to_owned(), before.to_owned())).collect(), owner: false, refuses: 0 }
    }

    fn list(&self, asked: &Asked) -> Answer {
        let name = asked.query.get("name").map_or("", String::as_str);
        let items = if self.states.contains_key(name) { json!([{ "id": name, "name": name, "aliases": [] }]) } else { json!([]) };
        Answer::json(200, &json!({ "items": items, "next": null }))
    }

    fn set(&mut self, id: &str, asked: &Asked) -> (Answer, Option<Done>) {
        let (Some(state), Some(to)) = (self.states.get_mut(id), asked.json()["state"].as_str().map(str::to_owned)) else {
            return (Answer::json(404, &json!({ "error": "there is none" })), None);
        };
        let changed = *state != to;
        let done = Done { target: id.into(), says: format!("{id} {to}"), undoes: to != "on" };
        *state = to;
        (Answer::empty(204), changed.then_some(done))
    }
}

impl Vendor for Webhook {
    fn answer(&mut self, asked: &Asked) -> (Answer, Option<Done>) {
        if self.refuses > 0 || asked.header("authorization") != "Bearer token-of-a-trial" {
            self.refuses = self.refuses.saturating_sub(1);
            return (Answer::json(401, &json!({ "error": "who are you" })), None);
        }
        let said = match (asked.method.as_str(), asked.below("/").as_slice()) {
            ("GET", ["host" | "address" | "domain"]) => self.list(asked),
            ("GET", ["host", _, "groups"]) => Answer::json(200, &json!({ "items": [{ "name": "web" }], "next": null })),
            ("GET", [_, id]) => match self.states.get(*id) {
                Some(state) => Answer::json(200, &json!({ "id": id, "state": state })),
                None => Answer::json(404, &json!({ "error": "there is none" })),
            },
            ("PUT", [_, id]) => return self.set(id, asked),
            _ => Answer::json(404, &json!({ "error": "no such path" })),
        };
        (said, None)
    }

    fn state(&self, target: &str) -> String {
        format!("{:?} {}", self.states.get(target), self.owner)
    }

    fn meddle(&mut self, target: &str, beside: bool) {
        match beside {
            true => self.owner = !self.owner,
            false => drop(self.states.insert(target.into(), "until Friday".into())),
        }
    }

    fn expire(&mut self) {
        self.refuses = 1;
    }
}
