//! Mail in through its own door: raw in, decided, kept byte for byte; and what is no message.

use super::served::{Reply, Served};
use serde_json::{Value, json};

const PHISH: &[u8] = include_bytes!("../../../../cases/mail/smuggling-00.eml");
const HONEST: &[u8] = include_bytes!("../../../../cases/mail/legit-invitation-00.eml");

/// Posts a message with the usual token, as `curl --data-binary` does.
fn post(served: &Served, body: &[u8]) -> Reply {
    let token = format!("Bearer {}", served.source);
    let headers = [("authorization", token.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    served.ask("POST", "/v1/mail", &headers, body)
}

fn get(served: &Served, path: &str) -> Reply {
    served.ask("GET", path, &[("authorization", &format!("Bearer {}", served.lead))], b"")
}

#[test]
fn a_message_is_decided_once_and_kept_as_it_came() {
    let served = Served::start("");
    let first = post(&served, PHISH);
    let answer = first.json();
    assert_eq!((first.status, &answer["known"]), (200, &json!(false)), "{answer}");
    assert!(["escalate", "respond"].contains(&answer["outcome"].as_str().unwrap()), "{answer}");
    let again = post(&served, PHISH).json();
    assert_eq!((&again["known"], &again["decision"]), (&json!(true), &answer["decision"]));
    let decision = answer["decision"].as_str().unwrap();
    assert_eq!(get(&served, &format!("/v1/decisions/{decision}/raw")).body, PHISH, "the raw bytes are kept unchanged");
    let record: Value = get(&served, &format!("/v1/decisions/{decision}")).json();
    assert_eq!(record["playbook"], "phishing");

    let honest = post(&served, HONEST).json();
    assert_eq!((&honest["outcome"], &honest["known"]), (&json!("close"), &json!(false)), "{honest}");
    // The same Message-ID over other bytes, as a second report has it, is another alert of the same case.
    let mut report = b"X-Report: 2\r\n".to_vec();
    report.extend_from_slice(PHISH);
    let second = post(&served, &report).json();
    assert_eq!((&second["known"], &second["case"]), (&json!(false), &answer["case"]));
    assert_eq!(post(&served, &report).json()["known"], true);
    assert_eq!(served.decided(), 3);
}

#[test]
fn what_is_no_message_is_a_problem_and_counted() {
    let served = Served::start("");
    let long = [PHISH, &vec![b'a'; 16 << 20]].concat();
    for (body, status) in [(&b""[..], 400), (b"{\"from\":\"a\"}", 400), (b"From: a@b.example\r\n\r\nhello", 400), (&long, 413)] {
        let refused = post(&served, body);
        assert_eq!(refused.status, status, "{}", String::from_utf8_lossy(&refused.body));
        assert_eq!(refused.header("content-type"), "application/problem+json");
    }
    assert_eq!(served.metric(r#"adjutant_alerts_total{fate="failed"}"#), 3);
    assert_eq!(served.decided(), 0);
    assert_eq!(served.ask("POST", "/v1/mail", &[], PHISH).status, 401);
    let bound = served.token(r#"{"name":"okta","role":"source","source":"okta","days":1}"#);
    assert_eq!(served.ask("POST", "/v1/mail", &[("authorization", &format!("Bearer {bound}"))], PHISH).status, 403);
    let bound = served.token(r#"{"name":"mailbox","role":"source","source":"mail","days":1}"#);
    assert_eq!(served.ask("POST", "/v1/mail", &[("authorization", &format!("Bearer {bound}"))], PHISH).status, 200);
}

/// The message with what DNS answers about it, as the hand sends it.
fn answered(message: &[u8], at: &str) -> Vec<u8> {
    use base64::Engine as _;
    let message = base64::engine::general_purpose::STANDARD.encode(message);
    format!(r#"{{"message/rfc822":"{message}","dns":{{"at":"{at}","answers":[]}}}}"#).into_bytes()
}

#[test]
fn a_message_with_answers_of_dns_is_taken_from_who_sends_mail_and_is_the_same_however_often_dns_is_asked() {
    let served = Served::start("");
    let record = answered(PHISH, "2026-03-02T09:00:00Z");
    let answer = post(&served, &record).json();
    assert_eq!(answer["known"], false, "{answer}");
    let decision = answer["decision"].as_str().unwrap();
    assert_eq!(get(&served, &format!("/v1/decisions/{decision}")).json()["playbook"], "phishing");
    assert_eq!(get(&served, &format!("/v1/decisions/{decision}/raw")).body, record, "with the answers, as they came");
    let again = post(&served, &answered(PHISH, "2026-03-02T10:00:00Z")).json();
    assert_eq!((&again["known"], &again["decision"]), (&json!(true), &answer["decision"]));
    let plain = post(&served, PHISH).json();
    assert_eq!((&plain["known"], &plain["case"]), (&json!(false), &answer["case"]), "without them it is an alert of its own");
    // Elsewhere it may be what a stranger had logged.
    let token = format!("Bearer {}", served.source);
    for path in ["/v1/alerts", "/v1/alerts/okta"] {
        let refused = served.ask("POST", path, &[("authorization", &token)], &answered(HONEST, "2026-03-02T09:00:00Z"));
        assert_eq!(refused.status, 400, "{path}: {}", String::from_utf8_lossy(&refused.body));
    }
    for broken in
        [&record[..record.len() - 1], br#"{"message/rfc822":"!","dns":{"at":"","answers":[]}}"#, br#"{"message/rfc822":""}"#]
    {
        assert_eq!(post(&served, broken).status, 400, "{}", String::from_utf8_lossy(broken));
    }
    assert_eq!(served.decided(), 2);
}
