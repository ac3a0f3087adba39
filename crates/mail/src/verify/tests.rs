//! The standards' own examples, and what must not verify.

use super::*;
use crate::dns::{Answer, Kind as Asked};
use crate::facts_verified;
use std::sync::LazyLock;

/// The example of RFC 8463, appendix A, as it travelled.
static DINNER: LazyLock<String> = LazyLock::new(|| include_str!("../../tests/data/rfc8463.eml").replace('\n', "\r\n"));

const ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const RSA: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx\
    /byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";

fn txt(name: &str, records: &[&str]) -> Answer {
    Answer { name: name.into(), kind: Asked::Txt, records: records.iter().map(|text| (*text).to_owned()).collect(), failed: None }
}

fn football(ed25519: &str, rsa: &str) -> Answers {
    let keys = [("brisbane._domainkey.football.example.com", ed25519), ("test._domainkey.football.example.com", rsa)];
    let answers = keys
        .iter()
        .map(|(name, record)| txt(name, &[record]))
        .chain([txt("_dmarc.football.example.com", &[]), txt("_dmarc.example.com", &["v=DMARC1; p=reject"])]);
    Answers { at: "2018-06-10T14:00:00Z".into(), answers: answers.collect() }
}

fn verified(raw: &str, answers: &Answers) -> (Verified, Vec<Word>) {
    let facts = facts_verified(raw.as_bytes(), answers);
    let words = facts.signatures.iter().map(|one| one.result).collect();
    (facts.verified.last().cloned().unwrap_or_default(), words)
}

#[test]
fn the_example_of_the_standard_holds() {
    let (verified, words) = verified(&DINNER, &football(ED25519, RSA));
    assert_eq!(words, [Word::Pass, Word::Pass]);
    assert_eq!((verified.dkim, verified.dmarc, verified.wish), (Word::Pass, Word::Pass, Some(Wish::Reject)));
    assert_eq!(verified.signed_by, ["football.example.com", "football.example.com"]);
    assert!(verified.hops.is_empty() && verified.arc == Word::None && verified.spf == Word::Unknown);
    assert!(questions(DINNER.as_bytes(), &football(ED25519, RSA)).is_empty());
}

/// RFC 6376, appendix A.2.
#[test]
fn the_older_example_holds() {
    const RAW: &str = "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r
      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r
      h=Received : From : To : Subject : Date : Message-ID;\r
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r
        4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r
        KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r
        4bmp/YzhwvcubU4=;\r
Received: from client1.football.example.com  [192.0.2.1]\r
      by submitserver.example.com with SUBMISSION;\r
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r
From: Joe SixPack <joe@football.example.com>\r
To: Suzie Q <suzie@shopping.example.net>\r
Subject: Is dinner ready?\r
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r
Message-ID: <20030712040037.46341.5F8J@football.example.com>\r
\r
Hi.\r
\r
We lost the game. Are you hungry yet?\r
\r
Joe.\r
";
    const KEY: &str = "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq\
        631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB";
    let answers = Answers { at: "2003-07-12T05:00:00Z".into(), answers: vec![txt("brisbane._domainkey.example.com", &[KEY])] };
    let (verified, words) = verified(RAW, &answers);
    assert_eq!((words.as_slice(), verified.signed_by.as_slice()), (&[Word::Pass][..], &["example.com".to_owned()][..]));
    // It is not said what the sender's domain wants.
    assert_eq!((verified.dmarc, verified.wish), (Word::Unknown, None));
}

#[test]
fn what_was_changed_does_not_hold() {
    let answers = football(ED25519, RSA);
    let words = |raw: &str| verified(raw, &answers).1;
    let both = |word| vec![word, word];
    assert_eq!(words(&DINNER.replace("We lost", "We won")), both(Word::Fail));
    assert_eq!(words(&DINNER.replace("Is dinner", "Was dinner")), both(Word::Fail));
    assert_eq!(words(&DINNER.replace("suzie@", "susie@")), both(Word::Fail));
    // Signed twice, so that none can be added.
    assert_eq!(words(&DINNER.replace("Subject: Is", "Subject: Urgent\r\nSubject: Is")), both(Word::Fail));
    assert_eq!(words(&DINNER.replace("t=1528637909", "t=1528637910")), both(Word::Fail));
    // White space may change, as may fields that nobody signed, and line ends in a file.
    let harmless = DINNER.replace("Subject: Is  dinner", "SUBJECT :\tIs\r\n dinner").replace("are you", "Are  you");
    assert_eq!(words(&harmless.replace("From: Joe", "X-Seen: yes\r\nFrom: Joe")), both(Word::Pass));
    assert_eq!(words(&DINNER.replace("\r\n", "\n")), both(Word::Pass));
    assert_eq!(words(&format!("{}\r\n \r\n\r\n", *DINNER)), both(Word::Pass));
}

#[test]
fn what_dns_does_not_say_is_unknown_and_what_it_says_wrongly_is_an_error() {
    let none = Answers { at: "2018-06-10T14:00:00Z".into(), answers: Vec::new() };
    let (empty, words) = verified(&DINNER, &none);
    assert_eq!((words, empty.dkim, empty.dmarc), (vec![Word::Unknown; 2], Word::Unknown, Word::Unknown));
    let wanted: Vec<String> = questions(DINNER.as_bytes(), &none).into_iter().map(|question| question.name).collect();
    let all = [
        "_dmarc.example.com",
        "_dmarc.football.example.com",
        "brisbane._domainkey.football.example.com",
        "test._domainkey.football.example.com",
    ];
    assert_eq!(wanted, all);
    let mut failed = football(ED25519, RSA);
    failed.answers.iter_mut().for_each(|answer| answer.failed = Some("timeout".into()));
    assert_eq!(verified(&DINNER, &failed).0.dkim, Word::Unknown, "a failure, whatever stands beside it");
    assert!(questions(DINNER.as_bytes(), &failed).is_empty(), "it was asked");
    // One signature holds, and that is enough.
    assert_eq!(verified(&DINNER, &football("", RSA)).0.dmarc, Word::Pass);
    for (key, why) in [
        ("", "there is no key"),
        ("v=DKIM1; p=", "its key was revoked"),
        ("v=DKIM2; p=MIGf", "its key is of another version"),
        ("v=DKIM1; k=rsa; p=MIGf", "its key cannot be read"),
        ("v=DKIM1; k=rsa; p=!", "its key cannot be read"),
        ("v=DKIM1; k=dsa; p=MIGf", "its key is of an unknown type"),
        ("v=DKIM1; h=sha1; p=MIGf", "its key is for something else"),
        ("v=DKIM1; s=tlsrpt; p=MIGf", "its key is for something else"),
        (ED25519, "its key is of another type"),
        (
            "v=DKIM1; p=MDwwDQYJKoZIhvcNAQEBBQADKwAwKAIhAMrxDDqxLuLUGFRlbHmbtKoAVgbEkgTU5bkQAJ2GrPXNAgMBAAE=",
            "its key is too short",
        ),
    ] {
        let facts = facts_verified(DINNER.as_bytes(), &football("v=DKIM1; p=", key));
        let found = facts.signatures.last().unwrap();
        assert_eq!((found.result, found.why), (Word::Permerror, why), "{key}");
        // Who sent it is not known, so neither is what DMARC makes of it.
        assert_eq!(facts.verified.last().map(|one| (one.dkim, one.dmarc)), Some((Word::Permerror, Word::Unknown)), "{key}");
    }
    let giant = format!("{RSA}; n={}", "x".repeat(crate::limits::RECORD_BYTES_MAX));
    assert_eq!(verified(&DINNER, &football("v=DKIM1; p=", &giant)).0.dkim, Word::Unknown);
    let mut many = football("v=DKIM1; p=", RSA);
    many.answers[1].records = vec![RSA.to_owned(); crate::limits::RECORDS_MAX + 1];
    assert_eq!(verified(&DINNER, &many).0.dkim, Word::Unknown);
    many.answers[1].records.truncate(2);
    assert_eq!(verified(&DINNER, &many).0.dkim, Word::Permerror, "two keys under one name");
}

/// A message that arrived at nine, signed in these words by a key that everybody knows.
fn signed(tags: &str, head: &str, body: &str) -> String {
    use base64::Engine as _;
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let limit = tags.split("l=").nth(1).map(|rest| rest.split(';').next().unwrap().parse().unwrap());
    let hash = canonical::body(canonical::Form::Relaxed, body.as_bytes(), limit).digest;
    let tags = format!("v=1; a=ed25519-sha256; c=relaxed/relaxed; d=b.example; s=k; bh={}; {tags}; b=", base64(hash.as_ref()));
    let raw = format!("DKIM-Signature: {tags}AA==\r\n{head}\r\n\r\n{body}");
    let parts = fields::split(raw.as_bytes()).unwrap();
    let text = format!("{tags}AA==");
    let claim = dkim::Claim::read(&tags::Tags::read(&text).unwrap()).unwrap();
    let data = claim.data(&parts, &parts.fields[0]).ok().unwrap();
    let key = ring::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let signature = key.sign(ring::digest::digest(&ring::digest::SHA256, &data).as_ref());
    raw.replacen("b=AA==", &format!("b={}", base64(signature.as_ref())), 1)
}

fn known_key(flags: &str) -> Answer {
    use base64::Engine as _;
    use ring::signature::KeyPair as _;
    let key = ring::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = base64::engine::general_purpose::STANDARD.encode(key.public_key());
    txt("k._domainkey.b.example", &[&format!("v=DKIM1; k=ed25519;{flags} p={key}")])
}

const HEAD: &str = "Received: from x by mx.corp.example; Mon, 02 Mar 2026 09:00:00 +0000\r\nFrom: a@b.example\r\nTo: c@corp.example\r\nSubject: Hi";

fn judged(raw: &str, at: &str, flags: &str) -> (Word, &'static str) {
    let answers = Answers { at: at.into(), answers: vec![known_key(flags)] };
    let facts = facts_verified(raw.as_bytes(), &answers);
    facts.signatures.first().map_or((Word::None, ""), |one| (one.result, one.why))
}

const SOON: &str = "2026-03-02T09:05:00Z";

#[test]
fn a_signature_covers_what_a_reader_sees_or_is_worth_nothing() {
    let word = |tags: &str, head: &str, body: &str| judged(&signed(tags, head, body), SOON, "").0;
    assert_eq!(word("h=from:to:subject", HEAD, "hello\r\n"), Word::Pass);
    assert_eq!(word("h=from; l=7", HEAD, "hello\r\n"), Word::Pass);
    assert_eq!(word("h=from; l=7", HEAD, "hello\r\npay here\r\n"), Word::Neutral);
    assert_eq!(word("h=from; l=0", HEAD, "pay here\r\n"), Word::Neutral);
    assert_eq!(word("h=from; l=99", HEAD, "hello\r\n"), Word::Permerror);
    let twice = |field: &str| format!("{field}\r\n{HEAD}");
    // What it signs is the lower of the two; a reader may be shown the upper.
    assert_eq!(word("h=from:to:subject", &twice("Subject: Urgent"), "x"), Word::Neutral);
    assert_eq!(word("h=from:subject:subject", &twice("Subject: Urgent"), "x"), Word::Pass, "both are signed");
    assert_eq!(word("h=from:to:subject", &twice("X-Own: 1\r\nX-Own: 2"), "x"), Word::Pass);
    let raw = signed("h=from", &twice("From: eve@evil.example"), "x");
    let (verified, words) = verified(&raw, &Answers { at: SOON.into(), answers: vec![known_key("")] });
    assert_eq!((words, verified.dmarc), (vec![Word::Neutral], Word::Permerror));
}

#[test]
fn a_signature_has_its_time() {
    let at = |hour: i64| 1_772_442_000 + hour * 3600; // 2026-03-02T09:00:00Z, when it arrived
    let tags = |signed: i64, expires: i64| format!("h=from; t={}; x={}", at(signed), at(expires));
    let why = |tags: &str, asked: &str| judged(&signed(tags, HEAD, "x"), asked, "");
    assert_eq!(why(&tags(-1, 1), SOON).0, Word::Pass);
    assert_eq!(why(&tags(-1, 1), "2026-03-04T09:00:00Z").0, Word::Pass, "it had not expired when it arrived");
    assert_eq!(why(&tags(-2, -1), SOON), (Word::Neutral, "it had expired"));
    assert_eq!(why(&tags(2, 1), SOON).0, Word::Permerror);
    let endless = signed("h=from", HEAD, "x").replacen("h=from", "h=from; x=99999999999999999999", 1);
    assert_eq!(judged(&endless, SOON, "").0, Word::Permerror);
    // Answers from before the message came, and such without a time, are none.
    assert_eq!(why("h=from", "2026-02-01T00:00:00Z"), (Word::Unknown, "DNS did not say"));
    assert_eq!(why("h=from", "soon"), (Word::None, ""));
}

#[test]
fn what_does_not_hold_so_late_says_nothing() {
    let raw = signed("h=from:to:subject", HEAD, "hello\r\n");
    let late = |raw: &str, key: Answer| {
        let answers = vec![key, txt("_dmarc.b.example", &["v=DMARC1; p=reject"])];
        let verified = verified(raw, &Answers { at: "2026-04-01T00:00:00Z".into(), answers }).0;
        (verified.dkim, verified.dmarc)
    };
    assert_eq!(late(&raw, known_key("")), (Word::Pass, Word::Pass));
    assert_eq!(late(&raw, txt("k._domainkey.b.example", &[])), (Word::Unknown, Word::Unknown), "keys are changed");
    assert_eq!(late(&raw.replace("hello", "howdy"), known_key("")), (Word::Unknown, Word::Unknown));
}

#[test]
fn keys_and_claims_have_their_say() {
    let raw = signed("h=from; i=x@sub.b.example", HEAD, "x");
    assert_eq!(judged(&raw, SOON, "").0, Word::Pass);
    assert_eq!(judged(&raw, SOON, " t=s;"), (Word::Permerror, "its key is for the very domain alone"));
    assert_eq!(judged(&raw.replace("Subject: Hi", "Subject: Ho"), SOON, " t=y;").0, Word::Pass, "it is not signed");
    assert_eq!(judged(&raw.replace("a@b.", "e@b."), SOON, " t=y;").0, Word::Neutral, "only tried out");
    assert_eq!(judged(&raw.replace("a@b.", "e@b."), SOON, "").0, Word::Fail);
    for (change, to) in [
        ("v=1", "v=2"),
        ("a=ed25519-sha256", "a=rsa-sha1"),
        ("c=relaxed/relaxed", "c=none"),
        ("h=from", "h=to"),
        ("i=x@sub.b.example", "i=x@evil.example"),
        ("i=x@sub.b.example", "q=http"),
        ("d=b.example; ", ""),
        ("s=k", "s=k; s=k"),
    ] {
        assert_eq!(judged(&raw.replacen(change, to, 1), SOON, "").0, Word::Permerror, "{to}");
    }
}

#[test]
fn many_signatures_are_not_all_verified() {
    let good = signed("h=from", HEAD, "x");
    let bad = "DKIM-Signature: v=1; a=ed25519-sha256; d=b.example; s=k; h=from; bh=AA==; b=AA==\r\n";
    let of = |count: usize| {
        verified(&format!("{}{good}", bad.repeat(count)), &Answers { at: SOON.into(), answers: vec![known_key("")] })
    };
    assert_eq!(of(9).0.dkim, Word::Pass);
    let (found, words) = of(5_00);
    assert_eq!((found.dkim, words.len()), (Word::Unknown, 11), "one of those below may hold");
}

#[test]
fn a_report_is_about_the_message_inside_and_one_in_a_text_is_unknown() {
    let report = |kind: &str, inner: &str| {
        format!(
            "From: ana@corp.example\r\nTo: phish@corp.example\r\nSubject: Fwd: look\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
             --b\r\n\r\nlook\r\n--b\r\nContent-Type: {kind}\r\n\r\n{inner}\r\n--b--\r\n"
        )
    };
    let encoded = |text: &str| {
        use base64::Engine as _;
        format!(
            "message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
            base64::engine::general_purpose::STANDARD.encode(text)
        )
    };
    let answers = football(ED25519, RSA);
    assert_eq!(verified(&report("message/rfc822", &DINNER), &answers).0.dkim, Word::Pass);
    assert_eq!(verified(&report("message/rfc822", &DINNER.replace("lost", "won")), &answers).0.dkim, Word::Fail);
    assert_eq!(verified(&report(&encoded(&DINNER), ""), &answers).0.dkim, Word::Pass);
    let inline =
        "---------- Forwarded message ---------\r\nFrom: Joe <joe@football.example.com>\r\nSubject: Is dinner ready?\r\n\r\nHi.";
    assert_eq!(facts_verified(report("text/plain", inline).as_bytes(), &answers).verified, []);
    // A bomb is not verified: its first headers alone are read.
    let bomb = DINNER.replace("\r\n\r\n", &format!("\r\n{}\r\n", "X-Y: z\r\n".repeat(5_000)));
    assert_eq!(facts_verified(bomb.as_bytes(), &answers).verified, []);
}

const ROUTE: &str = "Return-Path: <bounce@b.example>\r\n\
    Received: from out.b.example (out.b.example [192.0.2.9]) by mx.corp.example (Postfix) with ESMTP id 1; Mon, 02 Mar 2026 09:00:00 +0000\r\n\
    From: a@news.b.example\r\nTo: c@corp.example\r\nSubject: Hi\r\nMessage-ID: <1@b.example>\r\n\r\nx\r\n";

#[test]
fn dmarc_follows_who_speaks_for_the_sender() {
    let of = |spf: &str, own: &[&str], all: &[&str]| {
        let answers = vec![txt("b.example", &[spf]), txt("_dmarc.news.b.example", own), txt("_dmarc.b.example", all)];
        let facts = facts_verified(ROUTE.as_bytes(), &Answers { at: SOON.into(), answers });
        let [route, alone] = facts.verified.as_slice() else { panic!("{facts:?}") };
        assert_eq!((route.hops.as_slice(), alone.hops.len(), alone.spf), (&["mx.corp.example".to_owned()][..], 0, Word::Unknown));
        // Who sent it is not known where no host is believed.
        assert!(matches!(alone.dmarc, Word::Unknown | Word::None));
        (route.spf, route.dmarc, route.wish)
    };
    const GOOD: &str = "v=spf1 ip4:192.0.2.0/24 -all";
    const BAD: &str = "v=spf1 -all";
    assert_eq!(of(GOOD, &[], &["v=DMARC1; p=reject; sp=quarantine"]), (Word::Pass, Word::Pass, Some(Wish::Quarantine)));
    assert_eq!(of(GOOD, &["v=DMARC1; p=none"], &["v=DMARC1; p=reject"]), (Word::Pass, Word::Pass, Some(Wish::None)));
    assert_eq!(of(GOOD, &[], &["v=DMARC1; p=reject; aspf=s"]), (Word::Pass, Word::Fail, Some(Wish::Reject)));
    assert_eq!(of(BAD, &[], &["v=DMARC1; p=reject"]), (Word::Fail, Word::Fail, Some(Wish::Reject)));
    assert_eq!(of("v=spf1 ~all", &[], &["v=DMARC1; p=none"]), (Word::Softfail, Word::Fail, Some(Wish::None)));
    assert_eq!(of(GOOD, &[], &[]), (Word::Pass, Word::None, None));
    for faulty in ["v=DMARC1", "v=DMARC1; p=maybe", "v=DMARC2; p=reject", "p=reject; v=DMARC1"] {
        assert_eq!(of(BAD, &[], &[faulty]).1, Word::None, "{faulty}");
    }
    assert_eq!(of(BAD, &[], &["v=DMARC1; rua=mailto:x@b.example"]).2, Some(Wish::None));
    assert_eq!(of(BAD, &["v=DMARC1; p=reject", "v=DMARC1; p=none"], &["v=DMARC1; p=reject"]).1, Word::None, "two are none");
}

#[test]
fn nobody_speaks_for_others_of_the_same_registry() {
    let raw = ROUTE.replace("a@news.b.example", "a@bank.co.uk").replace("bounce@b.example", "x@evil.co.uk");
    let answers = vec![txt("evil.co.uk", &["v=spf1 +all"]), txt("_dmarc.bank.co.uk", &["v=DMARC1; p=reject"])];
    let facts = facts_verified(raw.as_bytes(), &Answers { at: SOON.into(), answers });
    assert_eq!(facts.verified.first().map(|one| (one.spf, one.dmarc)), Some((Word::Pass, Word::Fail)));
}
