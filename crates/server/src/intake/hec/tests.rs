//! Tests of the event collector.
use super::*;

fn cut(body: &str) -> Vec<Piece> {
    events(Bytes::copy_from_slice(body.as_bytes()), None, &Limits::default()).unwrap()
}

fn records(pieces: &[Piece]) -> Vec<&[u8]> {
    let records = pieces.iter().filter_map(|piece| if let Piece::Record(record) = piece { Some(record) } else { None });
    records.map(|record| record.bytes.as_ref()).collect()
}

/// What a sink that takes every record makes of the pieces.
fn fates(pieces: &[Piece]) -> Vec<Fate> {
    let fate = |piece: &Piece| match piece {
        Piece::Record(_) => Fate::Decided(Default::default()),
        Piece::Fault(fault) => Fate::Failed { code: fault.code.into(), detail: fault.detail.clone() },
    };
    pieces.iter().map(fate).collect()
}

fn answer(body: &str) -> (u16, String) {
    let reply = reply(&fates(&cut(body)));
    (reply.status(), reply.body())
}

#[test]
fn the_event_is_the_record_and_the_metadata_are_beside() {
    let body = r#"{"time":1433188255.500,"host":"web-1","source":"/var/log/x","sourcetype":"okta:im2","event":{"a": [1]},"fields":{"x":"1"}}"#;
    let pieces = cut(body);
    let [Piece::Record(record)] = pieces.as_slice() else { panic!("{pieces:?}") };
    assert_eq!(record.bytes.as_ref(), br#"{"a": [1]}"#);
    let beside = record.beside.as_deref().unwrap();
    assert_eq!(beside.time.as_deref(), Some("1433188255.500"));
    assert_eq!(beside.host.as_deref(), Some("web-1"));
    assert_eq!(beside.origin.as_deref(), Some("/var/log/x"));
    assert_eq!(beside.kind.as_deref(), Some("okta:im2"));
    assert_eq!(beside.fields.as_deref(), Some(br#"{"x":"1"}"#.as_slice()));
}

#[test]
fn events_in_a_row_in_any_layout() {
    let expect: [&[u8]; 4] = [b"plain text", b"{\"b\":2}", b"a \"quoted\"\nline", b"17"];
    for between in ["", "\n", " \r\n\r\n", ","] {
        let events = [
            r#"{"event":"plain text"}"#,
            r#"{"event":{"b":2}}"#,
            r#"{"event":"a \"quoted\"\nline","host":null}"#,
            r#"{"event":17}"#,
        ];
        let pieces = cut(&events.join(between));
        assert_eq!(records(&pieces), expect, "{between:?}");
        assert!(pieces.iter().all(|piece| matches!(piece, Piece::Record(record) if record.beside.is_none())));
    }
}

#[test]
fn answers_are_as_documented() {
    assert_eq!(answer(r#"{"event":"a"}"#), (200, r#"{"text":"Success","code":0}"#.into()));
    assert_eq!(answer(""), (400, r#"{"text":"No data","code":5}"#.into()));
    let six = |number: u32| (400, format!(r#"{{"text":"Invalid data format","code":6,"invalid-event-number":{number}}}"#));
    assert_eq!(answer("no json"), six(0));
    assert_eq!(answer(r#"{"event":"a"}{"event":"b""#), six(1));
    assert_eq!(answer("{\"event\":\"a\"}\n{\"event\":\n{\"event\":\"c\"}"), six(1));
    let twelve = r#"{"text":"Event field is required","code":12,"invalid-event-number":1}"#;
    assert_eq!(answer(r#"{"event":"a"}{"host":"b"}"#), (400, twelve.into()));
    assert_eq!(answer(r#"{"event":"a"}{"event":null}"#), (400, twelve.into()));
    let thirteen = r#"{"text":"Event field cannot be blank","code":13,"invalid-event-number":0}"#;
    assert_eq!(answer(r#"{"event":""}"#), (400, thirteen.into()));
    let fifteen = r#"{"text":"Error in handling indexed fields","code":15,"invalid-event-number":0}"#;
    for fields in [r#"{"a":{"b":1}}"#, "[1]", "7"] {
        assert_eq!(answer(&format!(r#"{{"event":"a","fields":{fields}}}"#)), (400, fifteen.into()), "{fields}");
    }
}

#[test]
fn neighbours_of_a_broken_event_are_taken() {
    let pieces = cut("{\"event\":\"a\"}\n{\"event\":\n{\"event\":\"c\"}\n{\"event\":\"\\ud800\"}\n{\"event\":\"e\"}");
    assert_eq!(records(&pieces), [b"a", b"c", b"e"]);
    assert_eq!(pieces.len(), 5);
}

#[test]
fn over_capacity_all_come_again() {
    let decided = Fate::Decided(Default::default());
    for refused in [Fate::Refused { retry_after_s: 3 }, Fate::Unavailable { detail: "disk full".into() }] {
        let reply = reply(&[decided.clone(), refused]);
        assert_eq!((reply.status(), reply.body()), (503, r#"{"text":"Server is busy","code":9}"#.into()));
    }
}

#[test]
fn tokens() {
    assert_eq!(token(Some("Splunk abc"), None), Ok("abc".into()));
    assert_eq!(token(Some("splunk   abc "), Some("channel=1")), Ok("abc".into()));
    assert_eq!(token(Some("Basic eDphYmM="), None), Ok("abc".into()), "x:abc");
    assert_eq!(token(None, None), Err(Reply::TokenRequired));
    assert_eq!(token(Some("Splunk  "), None), Err(Reply::InvalidAuthorization));
    assert_eq!(token(Some("Bearer abc"), None), Err(Reply::InvalidAuthorization));
    assert_eq!(token(Some("Basic ???"), None), Err(Reply::InvalidAuthorization));
    for header in [None, Some("Splunk abc")] {
        assert_eq!(token(header, Some("a=b&token=abc")), Err(Reply::QueryToken));
    }
}

#[test]
fn raw_lines_take_their_metadata_from_the_address() {
    let parameters = HashMap::from([("sourcetype".to_owned(), "syslog".to_owned()), ("host".to_owned(), String::new())]);
    let pieces = raw(Bytes::from_static(b"one\n{\"two\":2}\n"), None, &parameters, &Limits::default()).unwrap();
    assert_eq!(records(&pieces), [b"one".as_slice(), b"{\"two\":2}"]);
    let Piece::Record(record) = &pieces[0] else { panic!() };
    assert_eq!(record.beside, Some(Box::new(Beside { kind: Some("syslog".into()), ..Beside::default() })));
}

#[test]
fn hostile_bodies_are_answered() {
    let deep = format!("{}{}", r#"{"event":"#, "[".repeat(200_000));
    let nuls = "\0".repeat(5000);
    for body in [deep.as_str(), nuls.as_str(), r#"{"event":1,"event":2}"#, "{\"event\":\"\u{0}\"}", "[[[[", "{}"] {
        let (status, text) = answer(body);
        assert_eq!(status, 400, "{text}");
    }
    let invalid = events(Bytes::from_static(b"{\"event\":\"\xff\"}{\"event\":\"b\"}"), None, &Limits::default()).unwrap();
    assert_eq!(records(&invalid), [b"b"]);
}

/// However a body is cut off, no event that was complete before is lost, and none appears that was not there.
#[test]
fn a_body_cut_anywhere_keeps_what_was_complete() {
    let body = "{\"event\":\"a}\"}{\"event\":{\"b\":\"{\"}}\n{\"event\":[{\"c\":3}]}";
    let ends = [14, 33, 53];
    let all = cut(body);
    for end in 0..=body.len() {
        let pieces = cut(&body[..end]);
        let whole = ends.iter().filter(|whole| **whole <= end).count();
        assert_eq!(records(&pieces), records(&all)[..whole], "{end}");
    }
}
