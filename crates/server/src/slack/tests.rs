//! Requests that Slack signed, that it did not, and that somebody sends again or late.

use super::*;
use axum::http::HeaderValue;

/// Slack's own example, "Verifying requests from Slack".
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const SIGNED_AT: i64 = 1_531_420_618;
const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

fn clicks() -> Clicks {
    let people = BTreeMap::from([("U1".to_owned(), "ana".to_owned())]);
    Clicks::new(Secret::new(SECRET.into()), Some("T1".into()), people)
}

fn headers(timestamp: &str, signature: &str) -> HeaderMap {
    let pairs = [("x-slack-request-timestamp", timestamp), ("x-slack-signature", signature)];
    pairs.into_iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect()
}

fn verified(clicks: &Clicks, headers: &HeaderMap, body: &str, at: i64) -> Result<(), Kind> {
    clicks.verify(headers, body.as_bytes(), Time::from_secs(at)).map_err(|problem| problem.kind())
}

#[test]
fn the_published_example_is_taken_once_and_in_its_time() {
    let signed = headers(&SIGNED_AT.to_string(), SIGNATURE);
    for (at, taken) in [(0, true), (300, true), (-300, true), (301, false), (-301, false), (86_400, false)] {
        assert_eq!(verified(&clicks(), &signed, BODY, SIGNED_AT + at).is_ok(), taken, "{at} s");
    }
    let clicks = clicks();
    assert_eq!(verified(&clicks, &signed, BODY, SIGNED_AT), Ok(()));
    for at in [0, 1, 299] {
        assert_eq!(verified(&clicks, &signed, BODY, SIGNED_AT + at), Err(Kind::Conflict), "sent again after {at} s");
    }
}

#[test]
fn nothing_else_is_taken() {
    let now = SIGNED_AT.to_string();
    let upper = SIGNATURE.to_uppercase();
    for (timestamp, signature, body) in [
        ("1531420619", SIGNATURE, BODY),
        (&now, SIGNATURE, &BODY[1..]),
        (&now, &SIGNATURE[3..], BODY),
        (&now, &SIGNATURE[..SIGNATURE.len() - 2], BODY),
        (&now, "v0=", BODY),
        (&now, "", BODY),
        (&now, &upper, BODY),
        ("", SIGNATURE, BODY),
        ("now", SIGNATURE, BODY),
        ("99999999999999999999", SIGNATURE, BODY),
    ] {
        let refused = verified(&clicks(), &headers(timestamp, signature), body, SIGNED_AT);
        assert_eq!(refused, Err(Kind::Unauthenticated), "{timestamp} {signature}");
    }
    let mut twice = headers(&now, SIGNATURE);
    twice.append("x-slack-signature", HeaderValue::from_static(SIGNATURE));
    assert_eq!(verified(&clicks(), &twice, BODY, SIGNED_AT), Err(Kind::Unauthenticated));
    assert_eq!(verified(&clicks(), &HeaderMap::new(), BODY, SIGNED_AT), Err(Kind::Unauthenticated));
    let other = Clicks::new(Secret::new("another".into()), None, BTreeMap::new());
    assert_eq!(verified(&other, &headers(&now, SIGNATURE), BODY, SIGNED_AT), Err(Kind::Unauthenticated));
}

fn payload(user: &str, team: &str, action: &str, value: &str) -> String {
    let payload = serde_json::json!({ "type": "block_actions", "user": { "id": user, "name": "ana" }, "team": { "id": team },
        "response_url": "https://evil.example/", "actions": [{ "action_id": action, "type": "button", "value": value }] });
    form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish()
}

#[test]
fn a_click_is_of_a_person_we_know_on_a_button_of_ours_about_one_plan() {
    let plan = "ab".repeat(32);
    let read = |body: &str| clicks().read(body.as_bytes()).map_err(|problem| problem.kind());
    let click = read(&payload("U1", "T1", DENY, &plan)).unwrap();
    assert_eq!((click.who.as_str(), click.button, click.plan.as_str()), ("ana", DENY, plan.as_str()));
    for (body, kind) in [
        (payload("U2", "T1", DENY, &plan), Kind::Forbidden),
        (payload("U1", "T2", DENY, &plan), Kind::Forbidden),
        (payload("ana", "T1", DENY, &plan), Kind::Forbidden),
        (payload("U1", "T1", "adjutant-approve", &plan), Kind::Invalid),
        (payload("U1", "T1", DENY, "abab"), Kind::Invalid),
        (payload("U1", "T1", DENY, ""), Kind::Invalid),
        ("payload=%7B%7D".into(), Kind::Invalid),
        (format!("{}&payload=x", payload("U1", "T1", DENY, &plan)), Kind::Invalid),
        ("x=1".into(), Kind::Invalid),
        (String::new(), Kind::Invalid),
    ] {
        assert_eq!(read(&body).err(), Some(kind), "{body}");
    }
}
