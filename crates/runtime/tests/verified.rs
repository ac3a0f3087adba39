//! Who sent a message, as the shipped book believes it: what was verified here, what a server of ours wrote, and what a stranger did.

use adjutant_engine::context::Snapshot;
use adjutant_engine::record::Record;
use adjutant_mail::Answered;
use adjutant_mail::dns::{Answer, Answers, Kind};
use adjutant_rules::Book;
use adjutant_runtime::triage::Options;
use adjutant_runtime::{alone, book_dir};

fn txt(name: &str, record: &str) -> Answer {
    let records = if record.is_empty() { Vec::new() } else { vec![record.to_owned()] };
    Answer { name: name.into(), kind: Kind::Txt, records, failed: None }
}

/// The example of RFC 8463 behind these header fields, with what DNS says about it.
fn decided(above: &str, change: (&str, &str), spf: &str) -> Record {
    let message = include_str!("../../mail/tests/data/rfc8463.eml").replacen(change.0, change.1, 1);
    let mut dns: Answers = serde_json::from_str(include_str!("../../mail/tests/data/rfc8463.json")).unwrap();
    dns.answers.push(txt("football.example.com", spf));
    decide(&Answered { message: format!("{above}{message}").into_bytes(), dns }.write())
}

fn decide(raw: &[u8]) -> Record {
    let book = Book::load(book_dir::shipped()).unwrap();
    let context = Snapshot::empty(book.contracts.clone());
    alone::decide(Options { book: &book, context: &context, source: None, now: None }, raw, "m.eml", 100).unwrap().record
}

fn field(record: &Record, name: &str) -> String {
    record.fields.get(name).and_then(|fact| fact.value.as_ref()).map_or("unknown".to_owned(), |value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// SPF, DKIM, DMARC and who checked that.
fn words(record: &Record) -> [String; 4] {
    ["mail.spf", "mail.dkim", "mail.dmarc", "mail.checked_by"].map(|name| field(record, name))
}

fn came(by: &str) -> String {
    format!(
        "Return-Path: <joe@football.example.com>\nReceived: from out.example (out.example [192.0.2.9]) by {by} with ESMTPS id 1;\n \
         Sun, 10 Jun 2018 13:58:00 +0000\n"
    )
}

const SAME: (&str, &str) = ("", "");
const CHANGED: (&str, &str) = ("We lost", "We won");
const OURS: &str = "mx.google.com";

#[test]
fn what_was_verified_here_counts_over_hops_of_ours_alone() {
    let of = |above: &str, change, spf: &str| words(&decided(above, change, spf));
    assert_eq!(of("", SAME, ""), ["unknown", "pass", "pass", "adjutant"], "signatures need no server");
    assert_eq!(of(&came(OURS), SAME, "v=spf1 ip4:192.0.2.9 -all"), ["pass", "pass", "pass", "adjutant"]);
    assert_eq!(of(&came(OURS), CHANGED, "v=spf1 ip4:192.0.2.9 -all"), ["pass", "fail", "pass", "adjutant"], "SPF speaks for it");
    assert_eq!(of(&came(OURS), CHANGED, "v=spf1 -all"), ["fail", "fail", "fail", "adjutant"]);
    assert_eq!(of(&came(OURS), CHANGED, "v=spf1 ~all"), ["softfail", "fail", "fail", "adjutant"]);
    // Anybody can write such a hop, and below ours it was there before.
    assert_eq!(of(&came("mx.evil.example"), CHANGED, "v=spf1 ip4:192.0.2.9 -all"), ["unknown", "fail", "unknown", "unknown"]);
    let below = format!("Received: from x (x [203.0.113.7]) by {OURS}; Sun, 10 Jun 2018 13:59:00 +0000\n{}", came(OURS));
    assert_eq!(
        of(&below, CHANGED, "v=spf1 ip4:192.0.2.9 -all"),
        ["unknown", "fail", "unknown", "unknown"],
        "no bounces are named above"
    );
    let named = format!("Return-Path: <joe@football.example.com>\n{below}");
    assert_eq!(of(&named, CHANGED, "v=spf1 ip4:192.0.2.9 -all"), ["fail", "fail", "fail", "adjutant"]);
}

#[test]
fn what_a_server_of_ours_found_when_it_came_counts_before_what_does_not_hold_any_more() {
    let told = |words: &str| format!("Authentication-Results: {OURS}; {words}\n{}", came(OURS));
    let of = |above: &str, change, spf: &str| words(&decided(above, change, spf));
    // Somebody changed it after it had come.
    assert_eq!(of(&told("spf=pass; dkim=pass; dmarc=pass"), CHANGED, "v=spf1 -all"), ["pass", "pass", "pass", OURS]);
    assert_eq!(of(&told("spf=fail; dkim=fail; dmarc=fail"), SAME, "v=spf1 -all"), ["fail", "pass", "pass", "adjutant"]);
    assert_eq!(of(&told("spf=fail"), CHANGED, "v=spf1 ip4:192.0.2.9 -all"), ["pass", "fail", "pass", "adjutant"]);
    let strangers = format!("{}Authentication-Results: {OURS}; dmarc=pass\n", came("mx.evil.example"));
    assert_eq!(of(&strangers, CHANGED, ""), ["unknown", "fail", "unknown", "unknown"]);
}

#[test]
fn a_failure_says_who_found_it_and_weighs_the_same() {
    let spent =
        |record: &Record| record.signals.iter().find(|one| one.id == "dmarc-failed").map(|one| (one.points, one.because.clone()));
    let told = format!("Authentication-Results: {OURS}; dmarc=fail\n{}", came(OURS));
    let message = format!("{told}{}", include_str!("../../mail/tests/data/rfc8463.eml"));
    let (theirs, ours) = (decide(message.as_bytes()), decided(&came(OURS), CHANGED, "v=spf1 -all"));
    let (points, because) = spent(&theirs).unwrap();
    assert!(points > 0 && because.contains(OURS), "{because}");
    let (same, because) = spent(&ours).unwrap();
    assert!(same == points && because.contains("adjutant"), "{because}");
}

#[test]
fn what_stands_in_somebody_elses_record_is_no_answer_of_dns() {
    let answered = decided("", SAME, "");
    assert_eq!(answered.alert.source, "mail");
    let dns: Answers = serde_json::from_str(include_str!("../../mail/tests/data/rfc8463.json")).unwrap();
    let message = include_str!("../../mail/tests/data/rfc8463.eml").as_bytes().to_vec();
    let inside = String::from_utf8(Answered { message, dns }.write()).unwrap();
    let outer =
        serde_json::json!({ "time": "2018-06-10T14:00:00Z", "event": inside, "_raw": inside, "message": inside }).to_string();
    assert_ne!(decide(outer.as_bytes()).alert.source, "mail");
}
