//! Slack, as its Web API describes it: 200 to everything, and in the body whether it was done; messages with metadata.

use crate::server::{Answer, Asked, Server, Trouble, Vendor};
use crate::{act, action, clock, settings, shipped, told};
use adjutant_connect::http::{Auth, HttpConnector};
use adjutant_hand::connector::{CallError, Connector};
use adjutant_model::act::Action;
use adjutant_model::{EntityKind, Secret};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const CASE: &str = "59ddf2f3aabbccdd";

#[derive(Default)]
struct Slack {
    channels: BTreeMap<String, Vec<Value>>,
    /// Calls answer with this error.
    fails: Option<&'static str>,
}

fn not(error: &str) -> Answer {
    Answer::json(200, &json!({ "ok": false, "error": error }))
}

impl Slack {
    fn post(&mut self, asked: &Asked) -> Answer {
        let message = asked.json();
        let Some(channel) = self.channels.get_mut(message["channel"].as_str().unwrap_or_default()) else {
            return not("channel_not_found");
        };
        let block = &message["blocks"][0];
        let plain =
            block["text"]["type"] == "plain_text" && block["text"]["text"].as_str().is_some_and(|text| text.len() <= 3_000);
        if block["type"] != "section" || !plain {
            return not("invalid_blocks");
        }
        channel.push(message);
        Answer::json(200, &json!({ "ok": true, "ts": "1.2" }))
    }

    fn history(&self, asked: &Asked) -> Answer {
        let Some(channel) = asked.query.get("channel").and_then(|name| self.channels.get(name)) else {
            return not("channel_not_found");
        };
        let shows = asked.query.get("include_all_metadata").is_some_and(|shows| shows == "true");
        let show = |message: &Value| match shows {
            true => json!({ "type": "message", "blocks": message["blocks"], "metadata": message["metadata"] }),
            false => json!({ "type": "message", "blocks": message["blocks"] }),
        };
        let people = [json!({ "type": "message", "text": "somebody's own words" })];
        let messages: Vec<Value> = people.into_iter().chain(channel.iter().rev().take(200).map(show)).collect();
        Answer::json(200, &json!({ "ok": true, "messages": messages, "has_more": false }))
    }
}

impl Vendor for Slack {
    fn answer(&mut self, asked: &Asked) -> Answer {
        if asked.header("authorization") != "Bearer token-of-a-test" {
            return not("invalid_auth");
        }
        if let Some(error) = self.fails.filter(|_| asked.path != "/auth.test") {
            return not(error);
        }
        let user = json!({ "id": "U1", "name": "ana", "profile": { "email": "ana@corp.example", "title": "" } });
        let asks = |name: &str| asked.query.get(name).map_or("", String::as_str);
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/auth.test") => Answer::json(200, &json!({ "ok": true, "team": "Corp" })),
            ("GET", "/users.lookupByEmail") if asks("email").eq_ignore_ascii_case("ana@corp.example") => {
                Answer::json(200, &json!({ "ok": true, "user": user }))
            }
            ("GET", "/users.lookupByEmail") => not("users_not_found"),
            ("GET", "/users.info") if asks("user") == "U1" => Answer::json(200, &json!({ "ok": true, "user": user })),
            ("GET", "/users.info") => not("user_not_found"),
            ("GET", "/conversations.open") if asks("users") == "U1" => {
                self.channels.entry("D1".to_owned()).or_default();
                Answer::json(200, &json!({ "ok": true, "channel": { "id": "D1" } }))
            }
            ("GET", "/conversations.history") => self.history(asked),
            ("POST", "/chat.postMessage") => self.post(asked),
            _ => not("unknown_method"),
        }
    }
}

fn start() -> (Server<Slack>, HttpConnector) {
    let server = Server::start(Slack { channels: BTreeMap::from([("C1".to_owned(), Vec::new())]), ..Slack::default() });
    let reference = r#"{"kind": "bearer", "token": {"env": "TOKEN"}}"#;
    let auth = Auth::Bearer { token: Secret::new("token-of-a-test".to_owned()) };
    let settings = settings(&server.url(), reference, &[("channel", "C1")]);
    let slack = HttpConnector::new(shipped("slack"), &settings, auth, clock().0).expect("in order");
    (server, slack)
}

fn tell() -> Action {
    let mut tell = action("tell-person", "U1");
    tell.texts = BTreeMap::from([("brief".to_owned(), "was this you? <!channel> <http://evil.example|here>".to_owned())]);
    tell
}

#[test]
fn a_channel_is_told_once_whatever_happens_to_the_answer() {
    for trouble in [Trouble::CutAfter, Trouble::After(500, ""), Trouble::CutInside, Trouble::Lie(200)] {
        let (server, slack) = start();
        assert!(slack.health().unwrap().ends_with(": Corp"));
        let notify = told("notify-channel", CASE, &[("brief", "ESCALATE <!channel>\nsecond line")]);
        let before = slack.probe(&notify).unwrap();
        server.trouble("POST", "/chat.postMessage", trouble.clone());
        assert!(matches!(act(&slack, &notify, &before, "k"), Err(CallError::Unclear(_))), "{trouble:?}");
        for _ in 0..3 {
            act(&slack, &notify, &before, "k").unwrap();
        }
        assert!(slack.is_done(&notify, &slack.probe(&notify).unwrap()));
        let other = told("notify-channel", CASE, &[("brief", "another")]);
        act(&slack, &other, &slack.probe(&other).unwrap(), "k2").unwrap();
        let world = server.world.lock().unwrap();
        assert_eq!(world.channels["C1"].len(), 2, "{trouble:?}");
        assert_eq!(world.channels["C1"][0]["blocks"][0]["text"]["text"], "ESCALATE <!channel>\nsecond line");
        assert!(world.channels["C1"][0].get("text").is_none(), "what is parsed for markup is not sent");
    }
}

#[test]
fn a_person_is_found_by_the_address_or_the_id_and_told_once() {
    let (server, slack) = start();
    for name in ["ANA@corp.example", "U1"] {
        let found = slack.lookup(EntityKind::User, name).unwrap();
        assert_eq!((found.len(), found[0].target.id.as_str()), (1, "U1"), "{name}");
        assert_eq!(found[0].groups, None, "Slack does not say, so the guard asks people");
    }
    for name in ["bo@corp.example", "U2", "*"] {
        assert_eq!(slack.lookup(EntityKind::User, name).unwrap(), vec![], "{name}");
    }
    let tell = tell();
    let before = slack.probe(&tell).unwrap();
    server.trouble("POST", "/chat.postMessage", Trouble::CutAfter);
    assert!(matches!(act(&slack, &tell, &before, "k"), Err(CallError::Unclear(_))));
    act(&slack, &tell, &before, "k").unwrap();
    assert_eq!(server.world.lock().unwrap().channels["D1"].len(), 1);
}

#[test]
fn a_200_that_says_no_is_an_error_of_its_kind() {
    let (server, slack) = start();
    let notify = told("notify-channel", CASE, &[("brief", "x")]);
    let before = slack.probe(&notify).unwrap();
    type Is = fn(&CallError) -> bool;
    let retry: Is = |error| matches!(error, CallError::Retry(_));
    let permanent: Is = |error| matches!(error, CallError::Permanent(_));
    let unclear: Is = |error| matches!(error, CallError::Unclear(_));
    for (says, of_read, of_act) in [
        ("ratelimited", retry, retry),
        ("token_revoked", permanent, permanent),
        ("not_in_channel", permanent, permanent),
        ("internal_error", retry, unclear),
        ("something_new", retry, unclear),
    ] {
        server.world.lock().unwrap().fails = Some(says);
        let read = slack.probe(&notify).unwrap_err();
        assert!(of_read(&read) && read.to_string().contains(says), "{says}: {read:?}");
        server.world.lock().unwrap().fails = None;
        let body = format!("{{\"ok\": false, \"error\": \"{says}\"}}");
        server.trouble("POST", "/chat", Trouble::Instead(200, vec![], Box::leak(body.into_boxed_str())));
        let acted = act(&slack, &notify, &before, "k").unwrap_err();
        assert!(of_act(&acted), "{says}: {acted:?}");
    }
    assert!(server.world.lock().unwrap().channels["C1"].is_empty());
    server.trouble("GET", "/users", Trouble::Instead(200, vec![], r#"{"ok": false, "error": "token_revoked"}"#));
    assert!(slack.lookup(EntityKind::User, "ana@corp.example").is_err(), "an error is not nobody");
}
