//! Mail: the first byte chooses which aspect the rest is put before; whatever it is, the answer is bounded and the same twice.
#![no_main]

use adjutant_mail::limits::{FINDINGS_MAX, VALUE_CHARS_MAX};
use adjutant_mail::{Verdict, facts, verdict};
use libfuzzer_sys::fuzz_target;

const HEAD: &[u8] =
    b"From: Bo <bo@partner.example>\r\nTo: ana@corp.example\r\nSubject: x\r\nDate: Mon, 02 Mar 2026 09:00:00 +0000\r\n";

fn message(aspect: u8, data: &[u8]) -> Vec<u8> {
    let (before, after): (&[u8], &[u8]) = match aspect % 10 {
        0 => (b"From: ", b"\r\n\r\nx"),
        1 => (b"Authentication-Results: ", b"\r\n\r\nx"),
        2 => (b"Received: from a by ", b"; Mon, 02 Mar 2026 09:00:00 +0000\r\n\r\nx"),
        3 => (b"Content-Type: text/html\r\n\r\n", b""),
        4 => (b"Content-Type: text/html\r\n\r\n<a href=\"", b"\">www.partner.example</a>"),
        5 => (b"Content-Type: application/octet-stream; name=a.zip\r\nContent-Disposition: attachment\r\n\r\nPK\x03\x04", b""),
        6 => (b"Content-Type: text/html; name=a.html\r\nContent-Disposition: attachment\r\n\r\n<script>", b""),
        7 => (b"Subject: Fwd: x\r\n\r\n---------- Forwarded message ---------\n", b""),
        8 => (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", b"\r\n--b--\r\n"),
        _ => (b"Content-Type: message/rfc822\r\n\r\n", b""),
    };
    [HEAD, before, data, after].concat()
}

/// Reading more bytes never changes an answer that was given.
fn told_once(raw: &[u8]) {
    let whole = verdict(raw, true);
    for end in [1, 7, raw.len() / 2, raw.len()] {
        let early = verdict(raw.get(..end).unwrap_or(raw), false);
        assert!(early == Verdict::More || early == whole, "{early:?} of {end} bytes, {whole:?} of all");
    }
}

fn check(raw: &[u8]) {
    let found = facts(raw);
    assert_eq!(found.json(), facts(raw).json());
    assert!(serde_json::from_str::<serde_json::Value>(&found.json()).is_ok());
    assert!(found.found.len() <= FINDINGS_MAX && found.unread_count == found.unread.len());
    assert!(found.found.iter().all(|found| found.value.chars().count() <= VALUE_CHARS_MAX));
    told_once(raw);
}

fuzz_target!(|data: &[u8]| {
    check(data);
    if let Some((aspect, rest)) = data.split_first() {
        check(&message(*aspect, rest));
    }
});
