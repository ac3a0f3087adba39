//! Reading a message takes at most three times its size, and a constant: counted by the allocator, for mail that means no good, too.

use adjutant_mail::dns::{Answer, Answers, Kind};
use adjutant_mail::{Word, facts, facts_verified};
use cap::Cap;
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What a message takes beside three times its size, as `limits` says: without pictures, and with.
const BESIDE: usize = 2 << 20;
const BESIDE_WITH_PICTURES: usize = 18 << 20;

const HEAD: &str =
    "From: a@b.example\r\nTo: c@d.example\r\nSubject: s\r\nDate: Mon, 02 Mar 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n";

fn parts(kind: &str, part: &str, count: usize) -> Vec<u8> {
    let mut raw = format!("{HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    for number in 0..count {
        raw += &format!("--b\r\nContent-Type: {kind}; name=\"f{number}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{part}\r\n");
    }
    (raw + "--b--\r\n").into_bytes()
}

fn text(kind: &str, body: &str) -> Vec<u8> {
    format!("{HEAD}Content-Type: {kind}; charset=utf-8\r\n\r\n{body}").into_bytes()
}

/// A picture of two million points, all white: a few thousand bytes.
fn picture() -> String {
    use base64::Engine as _;
    let (width, height) = (1_920_u32, 1_080_u32);
    let rows = vec![0_u8; (width as usize * 3 + 1) * height as usize];
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, &rows).unwrap();
    let chunk = |kind: &[u8], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(&[kind, data].concat());
        [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], kind, data, &crc.sum().to_be_bytes()].concat()
    };
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let packed = packed.finish().unwrap();
    let png = [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &head), &chunk(b"IDAT", &packed), &chunk(b"IEND", b"")].concat();
    base64::engine::general_purpose::STANDARD.encode(png)
}

#[test]
fn a_message_takes_three_times_its_size_and_a_constant() {
    let letters = "A".repeat(76) + "\r\n";
    let links: String = (0..20_000).map(|n| format!("<a href=\"https://h{n}.example/{n}\">x{n}</a>")).collect();
    let cases: Vec<(&str, Vec<u8>, usize)> = vec![
        ("a short text", text("text/plain", "hello"), BESIDE),
        ("many links", text("text/html", &links), BESIDE),
        ("many tags", text("text/html", &"<b>".repeat(400_000)), BESIDE),
        ("one long line", text("text/plain", &"word ".repeat(400_000)), BESIDE),
        ("letters that grow when they are normalized", text("text/plain", &"\u{fdfa}".repeat(300_000)), BESIDE),
        ("thousands of parts", parts("text/plain", "aGVsbG8=", 3_900), BESIDE),
        ("a large attachment", parts("application/octet-stream", &letters.repeat(100_000), 1), BESIDE),
        ("headers of a megabyte", [HEAD.as_bytes(), b"X-Long: ", &vec![b'x'; 1 << 20], b"\r\n\r\nhi"].concat(), BESIDE),
        ("a white picture", parts("image/png", &picture(), 8), BESIDE_WITH_PICTURES),
    ];
    // What is built once for all messages is none of a message.
    drop(facts(HEAD.as_bytes()));
    drop(facts(&text("text/html", "https://e.example paypal")));
    for (name, raw, beside) in &cases {
        println!("{name}: {} bytes", raw.len());
        // Whoever wants more gets nothing, which ends the test there.
        ALLOCATOR.set_limit(ALLOCATOR.allocated() + raw.len() * 3 + beside).unwrap();
        let found = facts(raw);
        ALLOCATOR.set_limit(usize::MAX).unwrap();
        drop(found);
    }
    verified();
}

/// What verifying takes besides: the fields that a signature covers, written down once while they double.
const BESIDE_VERIFIED: usize = BESIDE + (4 << 20);

/// In the same test, for the limit is the whole process's.
fn verified() {
    let key = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let answer = Answer { name: "k._domainkey.b.example".into(), kind: Kind::Txt, records: vec![key.into()], failed: None };
    let answers = Answers { at: "2026-03-02T09:05:00Z".into(), answers: vec![answer] };
    // The hash of an empty text, so that it comes to the fields, too.
    let tags = "a=ed25519-sha256; c=relaxed/relaxed; d=b.example; s=k; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AA==";
    let names = format!("from:x-long:{}", "to:".repeat(200));
    let signatures = format!("DKIM-Signature: v=1; {tags}; h={names}from\r\n").repeat(500);
    let long = |length: usize| format!("X-Long: {}\r\n", "x ".repeat(length / 2));
    let set = |i: usize| {
        let (cv, pad) = (if i == 1 { "none" } else { "pass" }, "p".repeat(7_000));
        format!(
            "ARC-Authentication-Results: i={i}; b.example; x={pad}\r\nARC-Message-Signature: i={i}; {tags}; h=from; z={pad}\r\n\
             ARC-Seal: i={i}; cv={cv}; a=ed25519-sha256; d=b.example; s=k; b=AA==; z={pad}\r\n"
        )
    };
    let chain: String = (1..=50).map(set).collect();
    let cases = [
        ("many signatures", format!("{signatures}{HEAD}\r\n"), Word::Unknown, Word::None),
        ("a long field that is signed", format!("{signatures}{}{HEAD}\r\n", long(1_000_000)), Word::Unknown, Word::None),
        ("a field that is too long", format!("{signatures}{}{HEAD}\r\n", long(8 << 20)), Word::Unknown, Word::None),
        ("a long text", format!("{signatures}{HEAD}\r\n{}", "word  \r\n".repeat(1 << 20)), Word::Unknown, Word::None),
        ("a long chain", format!("{chain}{HEAD}\r\n"), Word::None, Word::Fail),
    ];
    for (name, raw, dkim, arc) in &cases {
        println!("verifying {name}: {} bytes", raw.len());
        ALLOCATOR.set_limit(ALLOCATOR.allocated() + raw.len() * 3 + BESIDE_VERIFIED).unwrap();
        let found = facts_verified(raw.as_bytes(), &answers);
        ALLOCATOR.set_limit(usize::MAX).unwrap();
        let words = found.verified.last().map(|one| (one.dkim, one.arc));
        assert_eq!(words, Some((*dkim, *arc)), "{name}");
    }
}
