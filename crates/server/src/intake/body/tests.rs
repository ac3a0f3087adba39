//! Tests of bodies: what is packed, what is broken, and what is meant to hurt.
use super::*;
use std::io::Write;

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap().into()
}

fn zstd(bytes: &[u8]) -> Bytes {
    zstd::stream::encode_all(bytes, 3).unwrap().into()
}

/// Each record as `line: text`, each fault as `line! code`.
fn told(pieces: Vec<Piece>) -> Vec<String> {
    let tell = |piece| match piece {
        Piece::Record(record) => format!("{}: {}", record.line, String::from_utf8_lossy(&record.bytes)),
        Piece::Fault(fault) => format!("{}! {}", fault.line, fault.code),
    };
    pieces.into_iter().map(tell).collect()
}

fn cut_plain(body: &[u8]) -> Vec<String> {
    told(pieces(Bytes::copy_from_slice(body), None, &Limits::default()).unwrap())
}

#[test]
fn every_layout_gives_the_same_records() {
    let expect = ["{\"a\":1}", "{\"a\":2}"];
    for body in ["[{\"a\":1},{\"a\":2}]", "{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}{\"a\":2}", " [ {\"a\":1} ,\r\n {\"a\":2} ] "] {
        let records: Vec<String> = cut_plain(body.as_bytes()).iter().map(|told| told[3..].to_owned()).collect();
        assert_eq!(records, expect, "{body}");
    }
    assert_eq!(cut_plain(b"<34>su: failed\nCEF:0|a"), ["1: <34>su: failed", "2: CEF:0|a"]);
}

#[test]
fn a_record_is_a_range_of_the_body() {
    let body = Bytes::from_static(b"{\"a\":1}");
    let start = body.as_ptr();
    let pieces = pieces(body, None, &Limits::default()).unwrap();
    let [Piece::Record(record)] = pieces.as_slice() else { panic!("{pieces:?}") };
    assert_eq!(record.bytes.as_ptr(), start, "nothing is copied");
}

#[test]
fn broken_records_leave_their_neighbours() {
    assert_eq!(
        cut_plain(b"{\"a\":1}\n{\"a\":\n{\"a\":3}\n\x00\xff\n{\"a\":\"\xff\"}"),
        ["1: {\"a\":1}", "2! broken-json", "3: {\"a\":3}", "4: \u{0}\u{fffd}", "5: {\"a\":\"\u{fffd}\"}"]
    );
    assert_eq!(cut_plain(b"[{\"a\":1},{\"a\":2}"), ["1: {\"a\":1}", "1: {\"a\":2}", "1! unclosed-array"]);
    assert_eq!(cut_plain(b"[{\"a\":1},{\"a\":"), ["1: {\"a\":1}", "1! broken-json"]);
    assert_eq!(cut_plain(b""), ["0! input-empty"]);
}

#[test]
fn packed_bodies_are_unpacked() {
    let plain = b"{\"a\":1}\n{\"a\":2}";
    for (body, encoding) in [
        (gzip(plain), Some("gzip")),
        (gzip(plain), Some(" X-GZIP ")),
        (gzip(plain), None),
        (zstd(plain), Some("zstd")),
        (zstd(plain), Some("identity")),
    ] {
        assert_eq!(told(pieces(body, encoding, &Limits::default()).unwrap()), ["1: {\"a\":1}", "2: {\"a\":2}"], "{encoding:?}");
    }
    let two = [gzip(b"{\"a\":1}\n"), gzip(b"{\"a\":2}")].concat();
    assert_eq!(told(pieces(two.into(), Some("gzip"), &Limits::default()).unwrap()).len(), 2, "two members in a row");
}

#[test]
fn packed_bodies_that_break_off_give_what_there_is() {
    let plain: String = (0..5000).map(|number| format!("{{\"a\":{}}}\n", number * 7919)).collect();
    for packed in [gzip(plain.as_bytes()), zstd(plain.as_bytes())] {
        for keep in [packed.len() / 2, packed.len() - 1] {
            let Ok(told) = pieces(packed.slice(..keep), None, &Limits::default()).map(told) else { continue };
            let (last, records) = told.split_last().unwrap();
            assert!(last.ends_with("! input-truncated"), "{last}");
            assert!(records.iter().all(|record| plain.contains(&record[record.find('{').unwrap()..])));
        }
    }
}

#[test]
fn bombs_are_refused_before_they_burst() {
    let zeros = vec![b' '; 48 << 20];
    for bomb in [gzip(&zeros), zstd(&zeros)] {
        assert!(bomb.len() < 100_000, "{}", bomb.len());
        assert_eq!(unpack(bomb, None, &Limits::default()), Err(Refused::Bomb { max: 200 }));
    }
    let small = gzip(&zeros[..RATIO_FREE_BYTES]);
    assert!(unpack(small, None, &Limits::default()).is_ok(), "a short body may grow");
}

#[test]
fn limits_refuse_the_whole() {
    let limits = Limits { packed_bytes_max: 64, unpacked_bytes_max: 100, unpacked_ratio_max: 1000, records_max: 3 };
    let refused = |body: Bytes| pieces(body, None, &limits).unwrap_err();
    assert_eq!(refused(vec![b'x'; 65].into()), Refused::TooLarge { max: 64, how: "as sent" });
    assert_eq!(refused(gzip(&[b'x'; 101])), Refused::TooLarge { max: 100, how: "unpacked" });
    assert_eq!(refused(Bytes::from_static(b"{}{}{}{}")), Refused::TooMany { max: 3 });
    assert_eq!(pieces(Bytes::from_static(b"{}{}{}"), None, &limits).unwrap().len(), 3);
}

#[test]
fn what_is_not_packed_as_it_says_is_refused() {
    for encoding in ["gzip", "zstd"] {
        let refused = unpack(Bytes::from_static(b"{\"a\":1}"), Some(encoding), &Limits::default()).unwrap_err();
        assert_eq!((refused.status(), refused.code()), (400, "body-damaged"), "{encoding}");
    }
    for encoding in ["br", "deflate", "gzip, gzip"] {
        let refused = unpack(gzip(b"{}"), Some(encoding), &Limits::default()).unwrap_err();
        assert_eq!(refused.status(), 415, "{encoding}");
    }
}

#[test]
fn a_window_larger_than_agreed_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&vec![b'a'; 1 << 20]).unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(unpack(packed.into(), Some("zstd"), &Limits::default()).unwrap_err().code(), "body-damaged");
}

/// Wherever a body is cut off, what was complete before stays, and nothing appears that was not there.
#[test]
fn a_body_cut_anywhere_never_loses_or_invents_a_record() {
    let body = b"{\"a\":1}\n{\"b\":{\"c\":[1,{\"d\":2}]}}\n{\"e\":\"}{\"}\n{\"f\":4}\n";
    let all = cut_plain(body);
    for end in 0..=body.len() {
        let told = cut_plain(&body[..end]);
        let whole_lines = body[..end].iter().filter(|byte| **byte == b'\n').count();
        let records: Vec<&String> = told.iter().filter(|told| !told.contains('!')).collect();
        assert!(records.len() >= whole_lines, "{end}: {told:?}");
        // Whether the last line is an object at all, the parser says.
        let known = |record: &&&String| all.iter().any(|whole| whole.starts_with(record.as_str()));
        assert!(records.iter().filter(known).count() == records.len(), "{end}: {told:?}");
        assert!(told.len() <= whole_lines + 1, "{end}: {told:?}");
    }
}
