//! Records as the world sends them: broken, huge, hostile, wrapped.

use super::*;
use adjutant_model::schema::slots;
use adjutant_model::{Place, Schema};
use adjutant_rules::lang::Lists;

const OKTA: &str = "
source: okta
title: Okta
format: json
keys: [eventType, published, actor]
fields:
  alert.id: raw.uuid
  alert.time: raw.published
  alert.rule: raw.eventType
  alert.severity: raw.severity
  user.name: [raw.actor.alternateId, raw.actor.id]
  src.ip: raw.client.ipAddress
  src.geo: raw.client.geo
  src.port: raw.client.port
";
const ENVELOPE: &str = "
source: envelope
title: An envelope
format: json
keys: [wrapped, detail]
unwrap: [raw.detail, raw.text]
fields: { alert.rule: raw.wrapped }
";
const GENERIC: &str = "
source: generic
title: Anything
format: json
fields: { alert.time: [raw.time, raw.ts], alert.rule: raw.name, user.name: raw.user, alert.title: raw.text }
";
const TEXT: &str = "
source: text
title: Text
format: text
fields: { alert.time: raw.syslog.time, alert.title: raw.text, host.name: raw.syslog.host, src.ip: raw.src }
";
const CEF: &str = "
source: cef
title: CEF
format: cef
keys: [cef]
fields: { alert.rule: raw.cef.name, src.ip: raw.src, alert.time: raw.rt, host.name: raw.syslog.host }
";

fn sources() -> (Sources, Schema) {
    let schema = Schema::built_in();
    let load = |text: &str| ("x.yaml".to_owned(), Source::load("x.yaml", text, &schema, &Lists::default()).unwrap());
    (Sources::new([OKTA, ENVELOPE, GENERIC, TEXT, CEF].map(load).into()).unwrap(), schema)
}

fn terms<'b>(sources: &'b Sources, schema: &Schema) -> Terms<'b> {
    Terms { sources, slots: schema.len(), hints: Hints::default() }
}

fn read(bytes: &[u8]) -> Result<(Alert, Vec<Problem>, String), Problem> {
    let (sources, schema) = sources();
    let raw = RawAlert { bytes, place: Place::default() };
    let (alert, problems) = normalize(&raw, terms(&sources, &schema))?;
    let name = sources.get(alert.source).map_or_else(String::new, |source| source.name.clone());
    Ok((alert, problems, name))
}

fn codes(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.code.as_str()).collect()
}

fn okta(extra: &str) -> String {
    format!(r#"{{"eventType":"e","published":"2026-03-01T09:14:07Z","actor":{{"alternateId":"ana"}}{extra}}}"#)
}

#[test]
fn a_record_is_known_by_its_content() {
    let (alert, problems, source) = read(okta(r#","uuid":"u","severity":"WARN""#).as_bytes()).unwrap();
    assert_eq!((source.as_str(), codes(&problems)), ("okta", vec![]));
    assert_eq!(alert.row.text(slots::USER_NAME), Some("ana"));
    assert_eq!(alert.row.time(slots::ALERT_TIME).map(|time| time.to_string()).as_deref(), Some("2026-03-01T09:14:07Z"));
    assert!(matches!(alert.row.cell(slots::ALERT_ID).origin, Origin::Raw(_)));
    let (_, _, source) = read(br#"{"eventType":"e","published":"x"}"#).unwrap();
    assert_eq!(source, "generic");
}

#[test]
fn what_says_nothing_is_not_stated_and_what_cannot_be_read_is_a_problem() {
    let (alert, problems, _) =
        read(okta(r#","uuid":"-","severity":"purple","client":{"ipAddress":"10.0.0.999","port":"443"}"#).as_bytes()).unwrap();
    let why = |slot| match alert.row.value(slot) {
        adjutant_model::Value::Unknown(why) => Some(why),
        _ => None,
    };
    assert_eq!(why(slots::ALERT_ID), Some(Why::NotStated));
    assert_eq!(why(slots::ALERT_SEVERITY), Some(Why::Unreadable));
    assert_eq!(why(slots::SRC_IP), Some(Why::Unreadable));
    assert_eq!(alert.row.int(slots::SRC_PORT), Some(443));
    assert_eq!(codes(&problems), ["unreadable", "unreadable"]);
}

#[test]
fn envelopes_are_taken_off() {
    let inner = okta("");
    let as_object = format!(r#"{{"wrapped":"x","detail":{inner}}}"#);
    let as_text = serde_json::json!({"wrapped": "x", "detail": 1, "text": inner}).to_string();
    let over_syslog = format!("<13>1 2026-03-01T09:14:07Z host agent - - - {inner}");
    for record in [as_object, as_text, over_syslog, format!("[{inner}]"), format!("\u{feff}{inner}\n")] {
        let (alert, _, source) = read(record.as_bytes()).unwrap();
        assert_eq!((source.as_str(), alert.row.text(slots::USER_NAME)), ("okta", Some("ana")), "{record}");
    }
    let (_, _, source) = read(br#"{"wrapped":"x","detail":{"nobody":"knows"}}"#).unwrap();
    assert_eq!(source, "envelope");
    let endless = (0..50).fold(okta(""), |inner, _| format!(r#"{{"wrapped":"x","detail":{inner}}}"#));
    assert_eq!(read(endless.as_bytes()).unwrap().2, "envelope");
}

#[test]
fn lines_of_every_kind_give_an_alert() {
    let (alert, _, source) =
        read(b"<34>Oct 11 22:14:15 host1 CEF:0|Acme|Wall|1|7|Worm|9|src=192.0.2.1 rt=1539296055000").unwrap();
    assert_eq!(
        (source.as_str(), alert.row.text(slots::ALERT_RULE), alert.row.text(slots::HOST_NAME)),
        ("cef", Some("Worm"), Some("host1"))
    );
    let (alert, problems, source) = read(b"<34>Oct 11 22:14:15 host1 su: failed src=192.0.2.1").unwrap();
    assert_eq!((source.as_str(), alert.row.text(slots::HOST_NAME)), ("text", Some("host1")));
    assert_eq!(codes(&problems), ["time-without-year"]);
    assert_eq!(read(b"hello").unwrap().2, "text");
}

#[test]
fn a_year_comes_from_the_arrival_and_is_called_inferred() {
    let (sources, schema) = sources();
    let raw = RawAlert { bytes: b"<34>Oct 11 22:14:15 host1 su: failed", place: Place::default() };
    let hints = Hints { received: Some(Time::from_secs(1_539_300_000)), source: None };
    let (mut alert, mut problems) = (Alert::default(), Vec::new());
    normalize_into(&raw, Terms { hints, ..terms(&sources, &schema) }, &mut Scratch::default(), &mut alert, &mut problems)
        .unwrap();
    assert_eq!(alert.row.cell(slots::ALERT_TIME).origin, Origin::Inferred);
    assert_eq!(alert.row.time(slots::ALERT_TIME).map(|time| time.to_string()).as_deref(), Some("2018-10-11T22:14:15Z"));
    assert_eq!(codes(&problems), ["time-inferred"]);
}

#[test]
fn a_bad_value_does_not_lose_the_record() {
    for (extra, code) in [
        (r#","x":"\ud800""#, "lone-surrogate"),
        (r#","x":NaN"#, "not-a-number"),
        (r#","x":123456789012345678901234567890"#, "huge-number"),
        (r#","uuid":"a","uuid":"b""#, "duplicate-key"),
        (r#","x":"nul\u0000 and tab	""#, ""),
        (r#","x":1e400"#, "huge-number"),
    ] {
        let (alert, problems, source) = read(okta(extra).as_bytes()).unwrap();
        assert_eq!((source.as_str(), alert.row.text(slots::USER_NAME)), ("okta", Some("ana")), "{extra}");
        assert!(code.is_empty() || codes(&problems) == [code], "{extra}: {problems:?}");
    }
    let mut bytes = okta(r#","x":"\"#).into_bytes();
    bytes.truncate(bytes.len() - 2);
    bytes.extend_from_slice(b"\xff\xfe\"}");
    let (_, problems, source) = read(&bytes).unwrap();
    assert_eq!((source.as_str(), codes(&problems)), ("okta", vec!["invalid-utf-8"]));
}

#[test]
fn size_and_depth_are_bounded() {
    let (alert, problems, _) = read(okta(&format!(r#","uuid":"{}""#, "x".repeat(10 << 20))).as_bytes()).unwrap();
    assert_eq!(alert.row.text(slots::ALERT_ID).map(str::len), Some(TEXT_BYTES_MAX));
    assert_eq!(codes(&problems), ["cut"]);
    let deep = okta(&format!(r#","x":{}{}"#, "[".repeat(200_000), "]".repeat(200_000)));
    let (alert, problems, _) = read(deep.as_bytes()).unwrap();
    assert_eq!(alert.row.text(slots::USER_NAME), Some("ana"));
    assert_eq!(codes(&problems), ["too-deep"]);
    let code = |bytes: &[u8]| read(bytes).map(|(_, _, source)| source).unwrap_or_else(|problem| problem.code);
    assert_eq!(code(&b"[".repeat(200_000)), "text");
    assert_eq!(code(&[b"[".repeat(100_000), b"]".repeat(100_000)].concat()), "not-an-object");
    assert_eq!(code(&br#"{"a":"#.repeat(200_000)), "not-json");
    let many = format!("{{{}}}", (0..50_000).map(|n| format!(r#""k{n}":{n}"#)).collect::<Vec<_>>().join(","));
    assert_eq!(code(many.as_bytes()), "generic");
}

#[test]
fn what_is_no_record_is_refused_with_a_reason() {
    for (bytes, code) in [
        (&b""[..], "empty"),
        (b" \t\r\n", "empty"),
        (b"{", "not-json"),
        (b"{\"a\":1", "not-json"),
        (b"{\"a\":1}x", "not-json"),
        (b"[]", "not-an-object"),
        (b"[[1]]", "not-an-object"),
        (b"\x00\x01\x02\x03", "binary"),
        (&[0xff; 64], "binary"),
    ] {
        assert_eq!(read(bytes).map(|_| ()).map_err(|problem| problem.code), Err(code.to_owned()), "{bytes:?}");
    }
}

#[test]
fn times_at_the_ends_of_the_calendar_are_read() {
    for time in ["0000-01-01T00:00:00Z", "9999-12-30T00:00:00Z"] {
        let record = okta("").replace("2026-03-01T09:14:07Z", time);
        let (alert, _, _) = read(record.as_bytes()).unwrap();
        assert_eq!(alert.row.time(slots::ALERT_TIME).map(|time| time.to_string()).as_deref(), Some(time));
    }
    let (_, problems, _) = read(br#"{"name":"x"}"#).unwrap();
    assert_eq!(codes(&problems), ["time-missing"]);
}

#[test]
fn the_order_of_records_changes_nothing() {
    let (sources, schema) = sources();
    let records = [okta(r#","uuid":"1""#), "<34>Oct 11 22:14:15 h su: x".to_owned(), okta(r#","x":NaN"#), "hello".to_owned()];
    let mut scratch = Scratch::default();
    let mut read = |record: &String| {
        let (mut alert, mut problems) = (Alert::default(), Vec::new());
        let raw = RawAlert { bytes: record.as_bytes(), place: Place::default() };
        normalize_into(&raw, terms(&sources, &schema), &mut scratch, &mut alert, &mut problems).unwrap();
        (alert.row, problems)
    };
    let forward: Vec<_> = records.iter().map(&mut read).collect();
    let mut backward: Vec<_> = records.iter().rev().map(&mut read).collect();
    backward.reverse();
    assert_eq!(forward, backward);
}
