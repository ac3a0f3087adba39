//! An alert of Microsoft Defender, as Graph's security API describes it.

use super::http::{Answer, Asked, Done, Vendor};
use serde_json::{Value, json};

/// The path of its API.
const BASE: &str = "/security/alerts_v2";

/// One tenant with one alert.
#[derive(Clone)]
pub struct Defender {
    status: String,
    owner: bool,
    comments: Vec<Value>,
    /// Requests that are refused because the token is looked up anew.
    refuses: u32,
}

impl Defender {
    /// The alert's identifier.
    pub const ALERT: &'static str = "da637578995287051192_756343937";
    /// The case that it joined.
    pub const CASE: &'static str = "59ddf2f3aabbccdd";

    /// With an alert that nobody looked at.
    pub fn new() -> Self {
        Self { status: "new".into(), owner: false, comments: Vec::new(), refuses: 0 }
    }

    fn show(&self) -> Value {
        json!({ "id": Self::ALERT, "status": self.status, "comments": self.comments })
    }

    fn set(&mut self, asked: &Asked) -> (Answer, Option<Done>) {
        let status = asked.json()["status"].as_str().unwrap_or_default().to_owned();
        if !["new", "inProgress", "resolved"].contains(&status.as_str()) {
            return (no(400, "the status is none"), None);
        }
        let changed = self.status != status;
        self.status = status;
        let done = Done { target: Self::CASE.into(), says: self.status.clone(), undoes: self.status == "new" };
        (Answer::json(200, &self.show()), changed.then_some(done))
    }
}

fn no(status: u16, says: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "code": "x", "message": says } }))
}

impl Vendor for Defender {
    fn answer(&mut self, asked: &Asked) -> (Answer, Option<Done>) {
        if self.refuses > 0 || asked.header("authorization") != "Bearer token-of-a-trial" {
            self.refuses = self.refuses.saturating_sub(1);
            return (no(401, "the token has expired"), None);
        }
        match (asked.method.as_str(), asked.below(BASE).as_slice()) {
            ("GET", ["", id]) if *id == Self::ALERT => (Answer::json(200, &self.show()), None),
            ("PATCH", ["", id]) if *id == Self::ALERT => self.set(asked),
            ("POST", ["", id, "comments"]) if *id == Self::ALERT => {
                self.comments.push(asked.json());
                let done = Done { target: Self::CASE.into(), says: "comment".into(), undoes: false };
                (Answer::json(200, &json!({ "value": self.comments })), Some(done))
            }
            _ => (no(404, "the resource could not be found"), None),
        }
    }

    fn state(&self, _: &str) -> String {
        format!("{} {} {}", self.status, self.owner, self.comments.len())
    }

    fn meddle(&mut self, _: &str, beside: bool) {
        match beside {
            true => self.owner = !self.owner,
            false => self.status = "resolved".into(),
        }
    }

    fn expire(&mut self) {
        self.refuses = 1;
    }
}
