//! What people click in a channel of Slack: a request that Slack signs with a secret of our app.
//!
//! A click is Slack's word that a member of the workspace clicked. It is no signature of the person's key, and counts for less:
//! it can deny a plan, which narrows, and have a person's own letter sent again, which leads to the page where a signature
//! decides. Nothing is ever approved by it.
//!
//! INVARIANT: what a click says is compared with what we know, and chooses no URL, no text and no person.

use crate::app::App;
use crate::letters;
use crate::problem::{Kind, Problem};
use crate::secret::Secret;
use adjutant_hand::protocol::{Reply, Request, Shown};
use adjutant_model::{Digest, Time};
use adjutant_runtime::drive::Command;
use adjutant_runtime::event::What;
use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A request that is older, or from further ahead, is none (Slack, "Verifying requests from Slack").
const SECONDS_MAX: u64 = 300;

/// Requests that are remembered for as long as they could be sent again.
const SEEN_MAX: usize = 10_000;

/// The names of the buttons.
pub const DENY: &str = "adjutant-deny";
/// As [`DENY`].
pub const PAGE: &str = "adjutant-page";

/// Who may click, and how it is known that Slack says so.
pub struct Clicks {
    secret: Secret,
    /// The workspace; any when none.
    team: Option<String>,
    /// Names of keys by members of the workspace.
    people: BTreeMap<String, String>,
    seen: Mutex<BTreeMap<Digest, Time>>,
}

/// What Slack sends.
#[derive(Debug, Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    user: Named,
    #[serde(default)]
    team: Option<Named>,
    #[serde(default)]
    actions: Vec<Clicked>,
}

#[derive(Debug, Deserialize)]
struct Named {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Clicked {
    action_id: String,
    #[serde(default)]
    value: String,
}

/// A click as it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Click {
    /// The name of the key of whoever clicked.
    who: String,
    /// The member of the workspace.
    member: String,
    /// Which button.
    button: &'static str,
    /// The digest of the plan, as the message had it.
    plan: String,
}

impl Clicks {
    /// Clicks that `secret` signs, of `people`: names of keys by members of the workspace `team`.
    pub fn new(secret: Secret, team: Option<String>, people: BTreeMap<String, String>) -> Self {
        Self { secret, team, people, seen: Mutex::default() }
    }

    /// That Slack sent this, now, and for the first time.
    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Time) -> Result<(), Problem> {
        let one = |name: &str| {
            let mut values = headers.get_all(name).iter();
            values.next().filter(|_| values.next().is_none())?.to_str().ok()
        };
        let fits = || {
            let timestamp = one("x-slack-request-timestamp")?;
            let seconds: i64 = timestamp.parse().ok()?;
            let signature = unhex(one("x-slack-signature")?.strip_prefix("v0=")?)?;
            let mac = Hmac::<Sha256>::new_from_slice(self.secret.reveal().as_bytes()).ok()?;
            let mac = mac.chain_update("v0:").chain_update(timestamp).chain_update(":").chain_update(body);
            // Compared in constant time, by the MAC itself.
            let signed = mac.verify_slice(&signature).is_ok();
            (signed && now.secs().abs_diff(seconds) <= SECONDS_MAX).then(|| Digest::of(&signature))
        };
        let none = || Problem::new(Kind::Unauthenticated, "this is no request that Slack signed within the last five minutes");
        self.first(fits().ok_or_else(none)?, now)
    }

    fn first(&self, signature: Digest, now: Time) -> Result<(), Problem> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Twice as long: its time may have been ahead of ours.
        seen.retain(|_, at| now.since(*at).secs().unsigned_abs() <= 2 * SECONDS_MAX);
        if seen.len() >= SEEN_MAX {
            return Err(Problem::new(Kind::TooMany, "too many clicks"));
        }
        match seen.insert(signature, now) {
            None => Ok(()),
            Some(_) => Err(Problem::new(Kind::Conflict, "this request was heard already")),
        }
    }

    fn read(&self, body: &[u8]) -> Result<Click, Problem> {
        let no = |why: &str| Problem::new(Kind::Invalid, why);
        let mut fields = form_urlencoded::parse(body);
        let payload = match (fields.next(), fields.next()) {
            (Some((name, payload)), None) if name == "payload" => payload,
            _ => return Err(no("Slack sends one field, `payload`")),
        };
        let payload: Payload = serde_json::from_str(&payload).map_err(|_| no("the payload cannot be read"))?;
        let [clicked] = &payload.actions[..] else { return Err(no("a click is of one button")) };
        let button = [DENY, PAGE].into_iter().find(|button| *button == clicked.action_id);
        let button = button.filter(|_| payload.kind == "block_actions").ok_or_else(|| no("this is no button of ours"))?;
        let elsewhere = self.team.as_ref().is_some_and(|team| payload.team.as_ref().is_none_or(|named| named.id != *team));
        let who = self.people.get(&payload.user.id).filter(|_| !elsewhere);
        let stranger = || Problem::new(Kind::Forbidden, "nobody here is known by this member of Slack");
        let plan = clicked.value.parse::<Digest>().map_err(|_| no("the button names no plan"))?.to_string();
        let member = payload.user.id.clone();
        Ok(Click { who: who.ok_or_else(stranger)?.clone(), member, button, plan })
    }
}

/// Hears what somebody clicked.
///
/// # Errors
/// It counts for nothing, and why.
pub fn hear(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    let none = || Problem::new(Kind::Conflict, "this service hears no clicks: set `notify.slack.signing_secret`");
    let clicks = app.slack.as_ref().ok_or_else(none)?;
    clicks.verify(headers, body, app.service.clock().now())?;
    let click = clicks.read(body)?;
    let shown = waiting(app, &click)?;
    let what = What::Clicked {
        who: click.who.clone(),
        member: click.member.clone(),
        button: click.button.to_owned(),
        plan: click.plan.clone(),
    };
    let by = format!("{} in Slack", click.who);
    let case = letters::case_id(&shown.plan.case);
    // Noted before anything follows from it.
    app.service.command_blocking(&by, Command::About { case, what, documents: Vec::new() })?;
    match click.button {
        DENY => crate::api::plans::ask(app, &Request::Withdraw { plan: click.plan, by: click.who }).map(drop),
        _ => letters::post::send_again(app, &click.plan, &click.who),
    }
}

/// The plan, if it still waits, and for whoever clicked.
fn waiting(app: &App, click: &Click) -> Result<Box<Shown>, Problem> {
    let Reply::Plan(shown) = crate::api::plans::ask(app, &Request::Show { plan: click.plan.clone() })? else {
        return Err(Problem::new(Kind::Conflict, "the hand does not show the plan"));
    };
    let now = app.service.clock().now();
    if shown.digest.to_string() != click.plan || !letters::plans::waits(&shown, now) {
        return Err(Problem::new(Kind::Conflict, "this plan waits no longer"));
    }
    let Reply::Keys { keys } = crate::api::plans::ask(app, &Request::Keys)? else {
        return Err(Problem::new(Kind::Conflict, "the hand does not say who may approve"));
    };
    if !letters::plans::approvers(&shown, &keys, now).contains(&click.who) {
        return Err(Problem::new(Kind::Forbidden, "this plan does not wait for whoever clicked"));
    }
    Ok(shown)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let nibble = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| u8::try_from(nibble(*pair.first()?)? * 16 + nibble(*pair.get(1)?)?).ok();
    (digits.len() == 64).then(|| digits.chunks(2).map(pair).collect()).flatten()
}

#[cfg(test)]
mod tests;
