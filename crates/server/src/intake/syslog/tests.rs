//! Tests of framing: every way to end a message, in pieces of every size.
use super::*;

const LONGEST: usize = 40;

/// Each message as it is, each fault as `! code`.
fn frame(stream: &[u8], size: usize) -> Vec<String> {
    let (mut framer, mut buffer, mut told) = (Framer::new(LONGEST), BytesMut::new(), Vec::new());
    let mut pieces = stream.chunks(size).peekable();
    loop {
        buffer.extend_from_slice(pieces.next().unwrap_or(&[]));
        let ended = pieces.peek().is_none();
        while let Some(piece) = framer.next(&mut buffer, ended) {
            told.push(match piece {
                Piece::Record(record) => String::from_utf8_lossy(&record.bytes).into_owned(),
                Piece::Fault(fault) => format!("! {}", fault.code),
            });
        }
        assert!(buffer.len() <= LONGEST + COUNT_DIGITS_MAX + 1 + size, "{} bytes are kept", buffer.len());
        if ended {
            assert!(buffer.is_empty());
            return told;
        }
    }
}

#[track_caller]
fn check(stream: &[u8], expect: &[&str]) {
    for size in 1..=stream.len().max(1) {
        assert_eq!(frame(stream, size), expect, "in pieces of {size}");
    }
}

#[test]
fn lines() {
    check(b"<34>one\n<34>two\r\n\n<34>three", &["<34>one", "<34>two", "<34>three"]);
    check(b"<34>one\0<34>two\0", &["<34>one", "<34>two"]);
    check(b"", &[]);
    check(b"\n\r\n\0\r", &[]);
}

#[test]
fn counted() {
    check(b"7 <34>one7 <34>two", &["<34>one", "<34>two"]);
    check(b"7 <34>a\nb7 <34>two\n", &["<34>a\nb", "<34>two"]);
    check(b"6 CEF:0|8 LEEF:1.0", &["CEF:0|", "LEEF:1.0"]);
    check(b"7 {\"a\":1}\n", &["{\"a\":1}"]);
    check(b"5 <1>ab\n5 hello5 world", &["<1>ab", "hello", "world"]);
}

#[test]
fn both_on_one_connection() {
    check(b"<34>one\n7 <34>two<34>three\n5 <1>ab", &["<34>one", "<34>two", "<34>three", "<1>ab"]);
}

#[test]
fn text_that_begins_with_a_number() {
    check(b"10 green bottles\n2026-01-01 boot\n12", &["10 green bottles", "2026-01-01 boot", "12"]);
    check(b"1234567890 <34>x\n0 <34>y\n7 C\n", &["1234567890 <34>x", "0 <34>y", "7 C"]);
}

#[test]
fn too_long_is_told_and_skipped() {
    let long = "x".repeat(LONGEST + 1);
    check(format!("{long}\n<34>next\n").as_bytes(), &["! too-long", "<34>next"]);
    check(format!("{} <{long}<34>next\n", LONGEST + 2).as_bytes(), &["! too-long", "<34>next"]);
    check(format!("{}\n", "x".repeat(LONGEST)).as_bytes(), &["x".repeat(LONGEST).as_str()]);
    check(format!("<1>a\n999999999 <{long}").as_bytes(), &["<1>a", "! too-long"]);
    check(long.as_bytes(), &["! too-long"]);
}

#[test]
fn what_breaks_off_is_told() {
    check(b"<34>one\n30 <34>tw", &["<34>one", "! truncated"]);
    check(b"7", &["7"]);
    check(b"7 ", &["7 "]);
}

#[test]
fn any_bytes_are_a_message() {
    check(b"\xff\xfe<34>\x01\x02\n\x80\n", &["\u{fffd}\u{fffd}<34>\u{1}\u{2}", "\u{fffd}"]);
}

#[test]
fn lines_are_numbered() {
    let (mut framer, mut buffer) = (Framer::new(LONGEST), BytesMut::from(&b"a\n\n5 <1>bc\n"[..]));
    let mut lines = Vec::new();
    while let Some(Piece::Record(record)) = framer.next(&mut buffer, true) {
        lines.push(record.line);
    }
    assert_eq!(lines, [1, 2]);
}

#[test]
fn a_datagram_is_one_message() {
    let text = |bytes: &'static [u8]| match datagram(Bytes::from_static(bytes)) {
        Piece::Record(record) => String::from_utf8_lossy(&record.bytes).into_owned(),
        Piece::Fault(fault) => format!("! {}", fault.code),
    };
    assert_eq!(text(b"<34>a\nb\r\n"), "<34>a\nb");
    assert_eq!(text(b"7 <34>one"), "7 <34>one", "no counting here");
    assert_eq!(text(b""), "! empty");
    assert_eq!(text(b"\0\n"), "! empty");
}
