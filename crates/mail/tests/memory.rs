//! Reading a message takes at most three times its size, and a constant: counted by the allocator, for mail that means no good, too.

use adjutant_mail::facts;
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
}
