//! Okta's users, as its Users and User Lifecycle API describe them.

use super::http::{Answer, Asked, Done, Vendor};
use serde_json::{Value, json};

/// The path of its API.
const BASE: &str = "/api/v1/";

/// One organisation with one user.
#[derive(Clone)]
pub struct Okta {
    status: &'static str,
    sessions: u32,
    title: &'static str,
    /// Requests that are refused because the token is looked up anew.
    refuses: u32,
}

impl Okta {
    /// The user's identifier.
    pub const ID: &'static str = "00u1abcd2EFGHIJKL345";
    /// The user's login.
    pub const LOGIN: &'static str = "lea.brandt@corp.example";

    /// With the user as most are.
    pub fn new() -> Self {
        Self { status: "ACTIVE", sessions: 3, title: "Clerk", refuses: 0 }
    }

    fn show(&self) -> Value {
        json!({ "id": Self::ID, "status": self.status, "created": "2024-05-02T08:00:00.000Z", "profile": {
            "login": Self::LOGIN, "email": "lea@corp.example", "secondEmail": null, "department": "Support", "title": self.title } })
    }

    fn lifecycle(&mut self, verb: &str) -> (Answer, Option<Done>) {
        let (from, to): (&[&str], &str) = match verb {
            "suspend" => (&["ACTIVE"], "SUSPENDED"),
            "unsuspend" => (&["SUSPENDED"], "ACTIVE"),
            "expire_password" => (&["ACTIVE", "RECOVERY", "PASSWORD_EXPIRED"], "PASSWORD_EXPIRED"),
            _ => return (no(404, "E0000022", "The endpoint does not support the provided HTTP method"), None),
        };
        if !from.contains(&self.status) {
            return (no(400, "E0000001", "Api validation failed: Cannot change a user in this state"), None);
        }
        let changed = self.status != to;
        self.status = to;
        let done = Done { target: Self::ID.into(), says: verb.into(), undoes: verb == "unsuspend" };
        let body = if verb == "expire_password" { self.show() } else { json!({}) };
        (Answer::json(200, &body), changed.then_some(done))
    }

    fn end_sessions(&mut self) -> (Answer, Option<Done>) {
        let ended = std::mem::take(&mut self.sessions);
        let done = Done { target: Self::ID.into(), says: format!("end {ended} sessions"), undoes: false };
        (Answer::empty(204), (ended > 0).then_some(done))
    }
}

fn no(status: u16, code: &str, says: &str) -> Answer {
    Answer::json(status, &json!({ "errorCode": code, "errorSummary": says, "errorCauses": [] }))
}

impl Vendor for Okta {
    fn answer(&mut self, asked: &Asked) -> (Answer, Option<Done>) {
        if self.refuses > 0 || asked.header("authorization") != "Bearer token-of-a-trial" {
            self.refuses = self.refuses.saturating_sub(1);
            return (no(401, "E0000011", "Invalid token provided"), None);
        }
        let filter = asked.query.get("filter").map_or("", String::as_str);
        let said = match (asked.method.as_str(), asked.below(BASE).as_slice()) {
            ("GET", ["users"]) => {
                let found = filter.to_ascii_lowercase().contains(&format!("\"{}\"", Self::LOGIN));
                Answer::json(200, &if found { json!([self.show()]) } else { json!([]) })
            }
            ("GET", ["users", id]) if *id == Self::ID => Answer::json(200, &self.show()),
            ("GET", ["users", id, "groups"]) if *id == Self::ID => {
                Answer::json(200, &json!([{ "id": "00g1", "profile": { "name": "Everyone" } }]))
            }
            ("POST", ["users", id, "lifecycle", verb]) if *id == Self::ID => return self.lifecycle(verb),
            ("DELETE", ["users", id, "sessions"]) if *id == Self::ID => return self.end_sessions(),
            _ => no(404, "E0000007", "Not found: Resource not found"),
        };
        (said, None)
    }

    fn state(&self, _: &str) -> String {
        format!("{} {} sessions", self.show(), self.sessions)
    }

    fn meddle(&mut self, _: &str, beside: bool) {
        match beside {
            true => self.title = if self.title == "Clerk" { "Director" } else { "Clerk" },
            false => self.status = "DEPROVISIONED",
        }
    }

    fn expire(&mut self) {
        self.refuses = 1;
    }
}
