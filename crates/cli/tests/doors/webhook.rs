//! Notification by a signed request, as whoever receives it sees it.

use super::receiver::{Received, Receiver};
use super::served::Served;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

const KEY: &[u8] = b"a key of 32 bytes for this test.";

/// A record that needs people, about this host.
pub(crate) fn grave(host: &str) -> String {
    serde_json::json!({ "title": "Ransomware", "severity": "critical", "host": host }).to_string()
}

fn start(receiver: &Receiver) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, format!("whsec_{}\n", STANDARD.encode(KEY))).unwrap();
    let config = format!("[notify.webhook]\nurl = \"{}\"\nsecret = {{ file = {secret:?} }}\n", receiver.url);
    Served::start_at(dir, &config, &[])
}

/// HMAC-SHA-256 (RFC 2104), written out, so that the signature is not checked by what made it.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let padded = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::digest([&padded(0x36), text].concat());
    Sha256::digest([&padded(0x5c)[..], &inner[..]].concat()).to_vec()
}

#[track_caller]
fn assert_signed(request: &Received) {
    let (id, timestamp) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    assert!(timestamp.parse::<u64>().is_ok(), "{timestamp}");
    let text = format!("{id}.{timestamp}.{}", request.body);
    let expected = format!("v1,{}", STANDARD.encode(hmac(KEY, text.as_bytes())));
    assert_eq!(request.header("webhook-signature"), expected);
    assert_eq!((request.method.as_str(), request.header("content-type")), ("POST", "application/json"));
}

/// What came about cases, by their subjects; notices come in between.
fn about(receiver: &Receiver, subject: &str) -> Vec<Received> {
    let says = |request: &Received| serde_json::from_str::<serde_json::Value>(&request.body).unwrap()["subject"] == subject;
    receiver.received().into_iter().filter(says).collect()
}

#[test]
fn a_message_comes_again_under_its_name_until_it_is_taken_and_never_after() {
    let mut tries = BTreeMap::new();
    let receiver = Receiver::start(move |request| {
        let tries = tries.entry(request.header("webhook-id").to_owned()).or_insert(0);
        *tries += 1;
        [500, 429, 200][(*tries - 1).min(2)]
    });
    let mut served = start(&receiver);
    assert_eq!(served.post("/v1/alerts", grave("web-1")).status, 200);
    Served::until("the third try", || about(&receiver, "web-1").len() == 3);
    // A later one shows that the time of another try of the first has passed.
    assert_eq!(served.post("/v1/alerts", grave("web-2")).status, 200);
    Served::until("the third try of another", || about(&receiver, "web-2").len() == 3);
    served.stop();
    served.start_again(&[]);
    assert_eq!(served.post("/v1/alerts", grave("web-3")).status, 200);
    Served::until("the third try after a start", || about(&receiver, "web-3").len() == 3);
    receiver.received().iter().for_each(assert_signed);
    let mut names = BTreeSet::new();
    for host in ["web-1", "web-2", "web-3"] {
        let requests = about(&receiver, host);
        assert_eq!(requests.len(), 3, "{requests:#?}");
        let name = requests[0].header("webhook-id");
        assert!(requests.iter().all(|request| request.header("webhook-id") == name && request.body == requests[0].body));
        assert!(names.insert(name.to_owned()), "{name} is of another message");
    }
}

#[test]
fn a_message_that_is_refused_for_ever_is_given_up() {
    let receiver = Receiver::start(|request| if request.body.contains("web-1") { 410 } else { 200 });
    let served = start(&receiver);
    assert_eq!(served.post("/v1/alerts", grave("web-1")).status, 200);
    Served::until("the refusal", || about(&receiver, "web-1").len() == 1);
    let fault = "messages to people do not arrive";
    Served::until("a word about it", || String::from_utf8(served.get("/v1/health").body).unwrap().contains(fault));
    let db = rusqlite::Connection::open(served.path("data/adjutant.db")).unwrap();
    let waiting = || db.query_row("SELECT count(*) FROM outbox", [], |row| row.get::<_, i64>(0)).unwrap();
    Served::until("nothing left to send", || waiting() == 0);
    assert_eq!(served.post("/v1/alerts", grave("web-2")).status, 200);
    Served::until("another message", || about(&receiver, "web-2").len() == 1);
    Served::until("no more of that word", || !String::from_utf8(served.get("/v1/health").body).unwrap().contains(fault));
    assert_eq!(about(&receiver, "web-1").len(), 1);
}

#[test]
fn what_waits_survives_a_receiver_that_is_not_there_and_holds_up_no_end() {
    // Taken, and never answered.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in", silent.local_addr().unwrap());
    let mut served = start(&Receiver::unanswered(&url));
    let hosts: Vec<String> = (0..8).map(|n| format!("web-{n}")).collect();
    let records: Vec<String> = hosts.iter().map(|host| grave(host)).collect();
    assert_eq!(served.post("/v1/alerts", records.join("\n")).status, 200);
    drop(silent.accept().unwrap());
    served.stop();
    drop(silent);
    let receiver = Receiver::start(|_| 200);
    let config = std::fs::read_to_string(served.path("adjutant.toml")).unwrap();
    std::fs::write(served.path("adjutant.toml"), config.replace(&url, &receiver.url)).unwrap();
    served.start_again(&[]);
    for host in &hosts {
        Served::until("the message", || !about(&receiver, host).is_empty());
    }
}
