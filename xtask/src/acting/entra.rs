//! Microsoft Graph's users and the place that makes tokens for it, as their references describe them.

use super::http::{Answer, Asked, Done, Vendor};
use serde_json::{Value, json};

/// One tenant with one user.
#[derive(Clone)]
pub struct Entra {
    enabled: bool,
    sessions: u32,
    /// Since when sessions are valid, in seconds after some instant.
    valid_from: u32,
    title: &'static str,
    /// The number of the one token that counts.
    token: u32,
    expired: bool,
}

impl Entra {
    /// The user's identifier.
    pub const ID: &'static str = "7c1f9b1e-5a1d-4c55-9d7e-0a4f5a2b7c11";
    /// The user's principal name.
    pub const UPN: &'static str = "lea.brandt@corp.example";

    /// With the user as most are.
    pub fn new() -> Self {
        Self { enabled: true, sessions: 2, valid_from: 0, title: "Clerk", token: 0, expired: true }
    }

    fn show(&self) -> Value {
        let since = format!("2026-02-28T23:00:{:02}Z", self.valid_from % 60);
        json!({ "id": Self::ID, "userPrincipalName": Self::UPN, "mail": Self::UPN, "otherMails": [], "accountEnabled": self.enabled,
            "signInSessionsValidFromDateTime": since, "jobTitle": self.title, "department": "Support" })
    }

    fn switch(&mut self, asked: &Asked) -> (Answer, Option<Done>) {
        let Some(enabled) = asked.json()["accountEnabled"].as_bool() else {
            return (no(400, "Request_BadRequest", "Invalid property"), None);
        };
        let changed = self.enabled != enabled;
        self.enabled = enabled;
        let done = Done { target: Self::ID.into(), says: format!("accountEnabled {enabled}"), undoes: enabled };
        (Answer::empty(204), changed.then_some(done))
    }

    /// Every session and refresh token of before counts no more; a second time finds none.
    fn revoke(&mut self) -> (Answer, Option<Done>) {
        self.valid_from += 1;
        let ended = std::mem::take(&mut self.sessions);
        let done = Done { target: Self::ID.into(), says: format!("end {ended} sessions"), undoes: false };
        (Answer::json(200, &json!({ "value": true })), (ended > 0).then_some(done))
    }
}

fn no(status: u16, code: &str, says: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "code": code, "message": says } }))
}

impl Vendor for Entra {
    fn answer(&mut self, asked: &Asked) -> (Answer, Option<Done>) {
        if asked.path == "/tenant/oauth2/v2.0/token" {
            self.token += u32::from(self.expired);
            self.expired = false;
            let token = format!("token-{}", self.token);
            return (Answer::json(200, &json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": token })), None);
        }
        if self.expired || asked.header("authorization") != format!("Bearer token-{}", self.token) {
            return (no(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid."), None);
        }
        let filter = asked.query.get("$filter").map_or("", String::as_str);
        let said = match (asked.method.as_str(), asked.below("/v1.0/").as_slice()) {
            ("GET", ["users"]) => {
                let found = filter.to_ascii_lowercase().contains(&format!("'{}'", Self::UPN));
                Answer::json(200, &json!({ "value": if found { json!([self.show()]) } else { json!([]) } }))
            }
            ("GET", ["users", id]) if *id == Self::ID => Answer::json(200, &self.show()),
            ("GET", ["users", id, "transitiveMemberOf"]) if *id == Self::ID => {
                Answer::json(200, &json!({ "value": [{ "id": "g1", "displayName": "All staff" }] }))
            }
            ("PATCH", ["users", id]) if *id == Self::ID => return self.switch(asked),
            ("POST", ["users", id, "revokeSignInSessions"]) if *id == Self::ID => return self.revoke(),
            _ => no(404, "Request_ResourceNotFound", "Resource does not exist"),
        };
        (said, None)
    }

    fn state(&self, _: &str) -> String {
        self.show().to_string()
    }

    fn meddle(&mut self, _: &str, beside: bool) {
        match beside {
            true => self.title = if self.title == "Clerk" { "Director" } else { "Clerk" },
            // There are two states only, so that whoever else changes it restores it.
            false => self.enabled = !self.enabled,
        }
    }

    fn expire(&mut self) {
        self.expired = true;
    }
}
