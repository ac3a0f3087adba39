//! Every kind of source, read from real files.

use super::world::{World, said};

const FACT: &str = "
title: T
owner: o
lookup: { user: [user.name] }
facts: { department: { type: text, column: work.department, about: Which. } }
";

fn contract(from: &str, key: &str) -> String {
    format!("context: c\nfrom: {from}\nkeys: [{{ kind: user, columns: [{key}] }}]{FACT}")
}

#[test]
fn json_rows_may_be_nested_and_say_when_they_were_made() {
    let text = contract("{ json: p.json, at: data.people }", "login") + "as_of: value meta.made\nmax_age: 1d\n";
    let json =
        br#"{"meta":{"made":"2026-02-28T12:00:00Z"},"data":{"people":[{"login":["ana","aferrer"],"work":{"department":"IT"}}]}}"#;
    let world = World::new(&[&text], &[("p.json", json)]);
    let snapshot = world.load();
    for user in ["ana", "AFERRER"] {
        assert_eq!(world.fact(&snapshot, &[("user.name", user)], "user.department"), "IT", "{user}");
    }
    assert_eq!(world.fact_at(&snapshot, &[("user.name", "ana")], "user.department", "2026-03-02"), "unknown: Stale");
    let by_key = World::new(&[&contract("{ json: p.json }", "key")], &[("p.json", br#"{"ana":{"work.department":"IT"}}"#)]);
    assert_eq!(by_key.fact(&by_key.load(), &[("user.name", "ana")], "user.department"), "IT");
}

#[test]
fn json_lines_are_read_one_by_one() {
    let text = contract("{ jsonl: p.jsonl }", "login") + "sanity: { bad_rows: 50% }\n";
    let lines = b"{\"login\":\"ana\",\"work\":{\"department\":\"IT\"}}\n\nnot json\n[1]\n{\"login\":\"bo\"}\n";
    let world = World::new(&[&text], &[("p.jsonl", lines)]);
    let snapshot = world.load();
    assert_eq!(world.fact(&snapshot, &[("user.name", "ana")], "user.department"), "IT");
    assert_eq!(world.fact(&snapshot, &[("user.name", "bo")], "user.department"), "unknown: NotStated");
    assert!(
        said(&snapshot).contains("2 of 4 rows are bad (line 3: it is no JSON")
            && said(&snapshot).contains("row 4: `[1]` is no object")
    );
}

#[test]
fn sqlite_is_asked_and_never_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database
        .execute_batch(
            "CREATE TABLE people (login TEXT, department TEXT, blob BLOB); INSERT INTO people VALUES ('ana', 'IT', x'00ff')",
        )
        .unwrap();
    drop(database);
    let bytes = std::fs::read(&path).unwrap();
    let load = |from: &str| {
        let text = contract(from, "login").replace("work.department", "department");
        let world = World::new(&[&text], &[("p.db", &bytes)]);
        let snapshot = world.load();
        (world.fact(&snapshot, &[("user.name", "ana")], "user.department"), said(&snapshot))
    };
    assert_eq!(load("{ sqlite: p.db, table: people }").0, "IT");
    assert_eq!(load("{ sqlite: p.db, query: \"SELECT login, 'x' AS department FROM people\" }").0, "x");
    assert!(load("{ sqlite: p.db, table: nobody }").1.contains("the query fails"));
    assert!(load("{ sqlite: p.db, query: DELETE FROM people }").1.contains("the query writes"));
    assert!(
        load("{ sqlite: p.db, query: SELECT login FROM people }").1.contains("returns no column `department`; it returns login")
    );
    assert_eq!(load("{ sqlite: p.db, query: \"SELECT login, blob AS department FROM people\" }").0, "unknown: Breach");
}

#[test]
fn lists_of_addresses_say_yes_and_no() {
    let text = "
context: tor
title: T
owner: o
from: { list: tor.txt }
keys: [{ kind: address, columns: [entry], ipv4_only: true }]
lookup: { src: [src.ip] }
facts:
  tor: { type: bool, value: true, absent: false, about: Whether. }
  block_lists: { type: int, column: note, absent: 0, about: How many. }
";
    let world = World::new(
        &[text],
        &[("tor.txt", b"# exits\n192.0.2.1\t5\n198.51.100.0/24 2 # a whole network\r\n\n::ffff:203.0.113.9 1\n")],
    );
    let snapshot = world.load();
    let fact = |ip, fact| world.fact(&snapshot, &[("src.ip", ip)], fact);
    assert_eq!((fact("192.0.2.1", "src.tor").as_str(), fact("192.0.2.1", "src.block_lists").as_str()), ("true", "5"));
    assert_eq!((fact("198.51.100.255", "src.tor").as_str(), fact("198.51.101.0", "src.tor").as_str()), ("true", "false"));
    assert_eq!(fact("198.51.101.0", "src.block_lists"), "0");
    assert_eq!(fact("203.0.113.9", "src.tor"), "true");
    assert_eq!(fact("2001:db8::1", "src.tor"), "unknown: NotFound", "a list of IPv4 addresses says nothing about IPv6");
}

#[test]
fn indicators_begin_and_end() {
    let text = "
context: i
title: T
owner: o
from: { stix: i.json }
lookup: { src: [src.ip], url: [url.full], domain: [domain.name, url.full], file: [file.sha256, file.md5] }
facts: { indicator: { type: text, column: name, about: Which. } }
";
    let indicator = |name: &str, pattern: &str, more: &str| {
        format!(
            r#"{{"type":"indicator","name":"{name}","pattern":"{pattern}","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"{more}}}"#
        )
    };
    let until = |day: &str| format!(r#","valid_until":"{day}T00:00:00Z""#);
    let objects = [
        indicator("c2", "[ipv4-addr:value = '192.0.2.66']", &until("2026-02-01")),
        indicator("c2 again", "[ipv4-addr:value = '192.0.2.66']", &until("2026-04-01")),
        indicator("net", "[ipv4-addr:value ISSUBSET '198.51.100.0/24']", ""),
        indicator("kit", "[domain-name:value = 'Evil.Example'] OR [file:hashes.'SHA-256' = 'ABCD']", ""),
        indicator("page", "[url:value = 'https://EVIL.example/login']", ""),
        indicator("gone", "[ipv4-addr:value = '203.0.113.1']", r#","revoked":true"#),
        indicator("both", "[ipv4-addr:value = '203.0.113.2' AND domain-name:value = 'x.example']", ""),
        r#"{"type":"malware","name":"x"}"#.to_owned(),
    ];
    let bundle = format!(r#"{{"type":"bundle","id":"bundle--1","objects":[{}]}}"#, objects.join(","));
    let world = World::new(&[text], &[("i.json", bundle.as_bytes())]);
    let snapshot = world.load();
    let fact = |field, value, fact, now| world.fact_at(&snapshot, &[(field, value)], fact, now);
    let c2 = |now| fact("src.ip", "192.0.2.66", "src.indicator", now);
    assert_eq!(c2("2025-12-31"), "unknown: NotFound");
    assert_eq!(c2("2026-03-31"), "c2 again", "of two indicators the one that lasts longer counts");
    assert_eq!(c2("2026-04-01"), "unknown: NotFound");
    assert_eq!(fact("src.ip", "198.51.100.7", "src.indicator", "2026-03-01"), "net");
    assert_eq!(fact("domain.name", "www.evil.EXAMPLE.", "domain.indicator", "2026-03-01"), "kit");
    assert_eq!(fact("url.full", "http://a.evil.example:8080/x", "domain.indicator", "2026-03-01"), "kit");
    assert_eq!(fact("url.full", "HTTPS://evil.example/login#a", "url.indicator", "2026-03-01"), "page");
    assert_eq!(fact("file.sha256", "abcd", "file.indicator", "2026-03-01"), "kit");
    for ip in ["203.0.113.1", "203.0.113.2"] {
        assert_eq!(fact("src.ip", ip, "src.indicator", "2026-03-01"), "unknown: NotFound", "{ip}");
    }
    assert!(said(&snapshot).contains("1 records are passed over"), "{}", said(&snapshot));
}

const WARNING: &str = "
context: w
title: T
owner: o
from: { warninglists: lists }
lookup: { src: [src.ip], domain: [domain.name] }
facts:
  known_as: { type: texts, column: lists, about: Which. }
  lists: { type: int, column: count, absent: 0, about: How many. }
  scanner: { type: bool, lists: ['*-scanner'], absent: false, about: Whether. }
  vpn: { type: bool, lists: ['vpn-*'], about: Whether. }
";

#[test]
fn warning_lists_add_up() {
    let list = |name: &str, kind: &str, about: &str, entries: &str| {
        format!(r#"{{"name":"{name}","type":"{kind}","version":1,"matching_attributes":["{about}"],"list":[{entries}]}}"#)
    };
    let files = [
        ("lists/cloud.json", list("Cloud", "cidr", "ip-src", r#""10.0.0.0/8""#)),
        ("lists/x-scanner/list.json", list("Scanner", "cidr", "ip-src", r#""10.1.0.0/16","10.2.2.2""#)),
        ("lists/vpn-a.json", list("VPN", "cidr", "ip-dst", r#""10.1.0.0/24""#)),
        ("lists/sites.json", list("Sites", "hostname", "domain", r#""example.com",".a.example.org""#)),
        ("lists/top.json", list("Top", "string", "domain", r#""www.example.com","example.net","example.net/path""#)),
        ("lists/hashes.json", list("Hashes", "string", "md5", r#""abcd""#)),
        ("lists/patterns.json", list("Patterns", "regex", "domain", r#""^x""#)),
    ];
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    let world = World::new(&[WARNING], &files);
    let snapshot = world.load();
    let ip = |ip, fact| world.fact(&snapshot, &[("src.ip", ip)], fact);
    assert_eq!(ip("10.1.0.1", "src.known_as"), "Cloud + VPN + Scanner");
    assert_eq!(ip("10.2.2.2", "src.known_as"), "Cloud + Scanner");
    assert_eq!((ip("10.9.9.9", "src.known_as").as_str(), ip("10.9.9.9", "src.scanner").as_str()), ("Cloud", "false"));
    assert_eq!((ip("10.1.0.1", "src.vpn").as_str(), ip("10.9.9.9", "src.vpn").as_str()), ("true", "unknown: NotFound"));
    assert_eq!((ip("11.0.0.1", "src.lists").as_str(), ip("11.0.0.1", "src.scanner").as_str()), ("0", "false"));
    let domain = |name| world.fact(&snapshot, &[("domain.name", name)], "domain.known_as");
    assert_eq!(domain("deep.example.com"), "Sites");
    assert_eq!(domain("WWW.example.com"), "Sites + Top");
    assert_eq!(domain("b.a.example.org"), "Sites");
    assert_eq!(domain("www.example.net"), "unknown: NotFound");
    assert!(said(&snapshot).contains("`patterns` is of the type `regex`, which is not read"));
    world.write("lists/cloud.json", b"{\"name\":");
    let broken = world.load();
    assert!(said(&broken).starts_with("Broken: lists/cloud.json: it is no JSON"), "{}", said(&broken));
}

#[test]
fn a_calendar_knows_the_clock_of_each_unit() {
    let people = "
context: p
title: T
owner: o
from: { csv: p.csv }
keys: [{ kind: user, columns: [login] }]
lookup: { user: [user.name] }
facts: { unit: { type: text, about: Which. } }
";
    let calendar = "
context: a-calendar
title: T
owner: o
from: { calendar: c.csv }
lookup: { calendar: [user.unit] }
facts:
  working_hours: { type: bool, about: Whether. }
  holiday: { type: bool, about: Whether. }
  freeze: { type: bool, about: Whether. }
  event: { type: text, about: Which. }
";
    let rows = "unit,kind,days,from,until,zone,name
*,hours,mon-fri,08:00,18:00,Europe/Madrid,
ops,hours,sat-mon,22:00,06:00,UTC,
*,holiday,,2026-01-06,,Europe/Madrid,Epiphany
Sales,freeze,,2026-03-01T18:00,2026-03-02T06:00,Europe/Madrid,quarter end
";
    let files: [(&str, &[u8]); 2] = [("p.csv", b"login,unit\nana,sales\nbo,OPS\n"), ("c.csv", rows.as_bytes())];
    let world = World::new(&[people, calendar], &files);
    let snapshot = world.load();
    assert_eq!(snapshot.contracts()[0].name, "p", "the calendar is asked after who the user is");
    let fact = |user, fact, now| world.fact_at(&snapshot, &[("user.name", user)], fact, now);
    assert_eq!(fact("ana", "calendar.working_hours", "2026-07-01T06:30:00Z"), "true", "08:30 in summer");
    assert_eq!(fact("ana", "calendar.working_hours", "2026-02-02T06:30:00Z"), "false", "07:30 in winter");
    assert_eq!(fact("ana", "calendar.working_hours", "2026-01-06T10:00:00Z"), "false");
    assert_eq!(fact("ana", "calendar.event", "2026-01-06T10:00:00Z"), "Epiphany");
    assert_eq!(fact("bo", "calendar.working_hours", "2026-03-01T23:00:00Z"), "true", "Sunday night");
    assert_eq!(fact("bo", "calendar.working_hours", "2026-03-04T23:00:00Z"), "false", "Wednesday night");
    assert_eq!(
        (
            fact("ana", "calendar.freeze", "2026-03-01T17:00:00Z").as_str(),
            fact("ana", "calendar.freeze", "2026-03-02T05:00:00Z").as_str()
        ),
        ("true", "false")
    );
    assert_eq!(fact("bo", "calendar.freeze", "2026-03-01T17:00:00Z"), "false");
    world.write("c.csv", b"unit,kind,days,from,until,zone\n*,hours,mon-fry,08:00,18:00,UTC\n");
    let broken = world.load();
    assert_eq!(world.fact(&broken, &[("user.name", "ana")], "calendar.working_hours"), "unknown: Breach");
}
