//! Slack's messages, as its Web API describes them: 200 to everything, and in the body whether it was done.

use super::http::{Answer, Asked, Done, Vendor};
use serde_json::{Value, json};

/// One workspace with a channel, a person, and the conversation with that person.
#[derive(Clone)]
pub struct Slack {
    channel: Vec<Value>,
    person: Vec<Value>,
    /// Requests that are refused because the token is looked up anew.
    refuses: u32,
}

impl Slack {
    /// The channel.
    pub const CHANNEL: &'static str = "C0123456789";
    /// The person's identifier.
    pub const USER: &'static str = "U0123456789";
    /// The person's address.
    pub const MAIL: &'static str = "ana@corp.example";
    /// The case.
    pub const CASE: &'static str = "59ddf2f3aabbccdd";
    /// The conversation with the person.
    const CONVERSATION: &'static str = "D0123456789";

    /// Nobody has written anything.
    pub fn new() -> Self {
        Self { channel: Vec::new(), person: Vec::new(), refuses: 0 }
    }

    fn history(&self, channel: &str) -> Answer {
        let messages = match channel {
            Self::CHANNEL => &self.channel,
            Self::CONVERSATION => &self.person,
            _ => return not("channel_not_found"),
        };
        let messages: Vec<&Value> = messages.iter().rev().collect();
        Answer::json(200, &json!({ "ok": true, "messages": messages, "has_more": false }))
    }

    fn post(&mut self, message: Value) -> (Answer, Option<Done>) {
        let (messages, target) = match message["channel"].as_str() {
            Some(Self::CHANNEL) => (&mut self.channel, Self::CASE),
            Some(Self::CONVERSATION) => (&mut self.person, Self::USER),
            _ => return (not("channel_not_found"), None),
        };
        if message["blocks"][0]["text"]["type"] != "plain_text" {
            return (not("invalid_blocks"), None);
        }
        messages.push(message);
        let done = Done { target: target.into(), says: "say".into(), undoes: false };
        (Answer::json(200, &json!({ "ok": true, "ts": "1.2" })), Some(done))
    }
}

fn not(error: &str) -> Answer {
    Answer::json(200, &json!({ "ok": false, "error": error }))
}

impl Vendor for Slack {
    fn answer(&mut self, asked: &Asked) -> (Answer, Option<Done>) {
        if self.refuses > 0 || asked.header("authorization") != "Bearer token-of-a-trial" {
            self.refuses = self.refuses.saturating_sub(1);
            return (not("token_expired"), None);
        }
        let user = json!({ "id": Self::USER, "name": "ana", "profile": { "email": Self::MAIL, "title": "" } });
        let asks = |name: &str| asked.query.get(name).map_or("", String::as_str);
        let said = match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/users.lookupByEmail") if asks("email") == Self::MAIL => {
                Answer::json(200, &json!({ "ok": true, "user": user }))
            }
            ("GET", "/users.info") if asks("user") == Self::USER => Answer::json(200, &json!({ "ok": true, "user": user })),
            ("GET", "/users.lookupByEmail" | "/users.info") => not("users_not_found"),
            ("GET", "/conversations.open") if asks("users") == Self::USER => {
                Answer::json(200, &json!({ "ok": true, "channel": { "id": Self::CONVERSATION } }))
            }
            ("GET", "/conversations.history") => self.history(asks("channel")),
            ("POST", "/chat.postMessage") => return self.post(asked.json()),
            _ => not("unknown_method"),
        };
        (said, None)
    }

    fn state(&self, _: &str) -> String {
        format!("{} {}", self.channel.len(), self.person.len())
    }

    fn meddle(&mut self, _: &str, _: bool) {}

    fn expire(&mut self) {
        self.refuses = 1;
    }
}
