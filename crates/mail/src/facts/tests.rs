//! Whole messages, honest and hostile, and what their facts must be.

use super::*;
use std::fmt::Write as _;

fn names(facts: &Facts) -> Vec<&'static str> {
    facts.found.iter().map(|found| found.name).collect()
}

#[test]
fn a_phishing_message_shows_what_it_is() {
    let raw = b"Received: from evil by mx.corp.example; Mon, 02 Mar 2026 09:00:00 +0000\r\nFrom: PayPal <x@evil.example>\r\nTo: ana@corp.example\r\n\
        Subject: Verify your account\r\nDate: Mon, 02 Mar 2026 08:59:00 +0000\r\nMessage-ID: <1@evil.example>\r\nContent-Type: text/html\r\n\r\n\
        <p>Your account is limited.</p><a href='http://192.0.2.7/login.php'>www.paypal.com</a>";
    let facts = facts(raw);
    assert_eq!(facts.time.as_deref(), Some("2026-03-02T09:00:00Z"));
    assert_eq!(facts.from_domain, "evil.example");
    for wanted in [
        "name-is-brand",
        "address-as-host",
        "text-other",
        "page-name",
        "threat",
        "credential",
        "lure-subject",
        "brand",
        "html-only",
    ] {
        assert!(names(&facts).contains(&wanted), "{wanted} in {:?}", names(&facts));
    }
    assert!(facts.unread.is_empty() && serde_json::from_str::<serde_json::Value>(&facts.json()).is_ok());
}

#[test]
fn a_report_is_about_the_message_inside() {
    let inner = "From: Eve <eve@evil.example>\r\nTo: ana@corp.example\r\nSubject: hello\r\nMessage-ID: <2@evil.example>\r\n\r\nhttp://192.0.2.7/\r\n";
    let raw = format!(
        "From: ana@corp.example\r\nTo: report@corp.example\r\nSubject: phishing?\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\n\r\nplease look\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{inner}--b--\r\n"
    );
    let facts = facts(raw.as_bytes());
    assert_eq!(
        (facts.reported, facts.from.as_str(), facts.reporter.as_deref()),
        ("attached", "eve@evil.example", Some("ana@corp.example"))
    );
    assert!(names(&facts).contains(&"address-as-host"));
}

#[test]
fn hostile_messages_have_a_bounded_answer() {
    let head = "From: a@b.example\r\nTo: c@d.example\r\nSubject: x\r\n";
    let mut parts = format!("{head}Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    (0..10_000).for_each(|number| write!(parts, "--b\r\n\r\n{number}\r\n").unwrap());
    let nested = format!("{head}{}", "Content-Type: message/rfc822\r\n\r\n".repeat(1_000));
    let headers = format!("{head}{}\r\n\r\nx", "X-Long: y\r\n".repeat(100_000));
    let long = format!("{head}X-Long: {}\r\n\r\nx", "y".repeat(1 << 20));
    let many = format!("{head}{}\r\n\r\nx", format!("To: {}\r\n", "a@b.example, ".repeat(5_000)).repeat(3));
    for (name, raw, unread) in [
        ("parts", &parts, Some("too-many-parts")),
        ("nested", &nested, Some("nested-too-deeply")),
        ("headers", &headers, Some("too-many-headers")),
        ("long", &long, None),
        ("many", &many, None),
    ] {
        let facts = facts(raw.as_bytes());
        assert_eq!(facts.unread.first().map(|unread| unread.why), unread, "{name}");
        assert_eq!(facts.from, "a@b.example", "{name}");
    }
}

#[test]
fn what_is_broken_is_not_clean() {
    let cases: [&[u8]; 9] = [
        b"",
        b"\0\0\0\0",
        b"From: \xff\xfe\r\n\r\n\xff",
        b"From: =?utf-8?B?////?= <a@xn--0.xn--\xff>\r\n\r\n",
        b"Content-Type: text/html; charset=nonsense\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!====",
        b"Content-Type: multipart/mixed\r\n\r\n--\r\n",
        b"Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n--\r\n",
        b"From: a\r\nSubject: =?utf-16?Q?=00=\r\n\r\nx",
        b"Received: ;;;\r\nAuthentication-Results: ((((;=;=\r\nDate: 99 Xxx 99999\r\n\r\n",
    ];
    for raw in cases {
        let facts = facts(raw);
        assert!(!facts.unread.is_empty() || !facts.found.is_empty(), "{:?}", String::from_utf8_lossy(raw));
    }
}

#[test]
fn names_of_findings_are_told_apart() {
    let mut seen = std::collections::HashSet::new();
    for (aspect, name, about) in crate::KNOWN {
        assert!(seen.insert((aspect, name)) && about.ends_with('.'), "{name}");
    }
}
