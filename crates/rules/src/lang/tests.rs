//! Tests of the language as a whole: what conditions come to, what faults say, what stays bounded.

mod bounds;

use super::*;
use crate::diagnostic::Span;
use adjutant_model::row::Origin;
use adjutant_model::schema::slots;
use adjutant_model::{Addr, Duration, Row, Schema, Speed, Value, Why};

/// Evaluates `text` over the record `json`.
fn over(json: &str, text: &str) -> String {
    let mut bytes = json.as_bytes().to_vec();
    let tape = simd_json::to_tape(&mut bytes).unwrap();
    let mut paths = Paths::new();
    let tables =
        Tables::from([("severity".to_owned(), std::sync::Arc::new(Table::new([("WARN".to_owned(), Val::text("medium"))])))]);
    let compiled = match raw(text, &mut paths, &Lists::default(), &tables) {
        Ok(compiled) => compiled,
        Err(faults) => return format!("fault: {}", faults[0].message),
    };
    let mut found = Found::default();
    found.fill(&paths, &tape.0, 0);
    let value = compiled.eval(Doc::new(&tape.0, &found));
    match value {
        Val::Unknown(why) => format!("unknown: {why:?}"),
        value => value.to_string(),
    }
}

fn row() -> Row {
    let schema = Schema::built_in();
    let mut row = Row::new(schema.len());
    row.set(slots::LOGIN_SPEED, Value::Speed(Speed::from_kmh(9585)), Origin::Derived);
    row.set(slots::LOGIN_VIA_VPN, Value::Bool(false), Origin::Derived);
    row.set(slots::ALERT_SEVERITY, Value::Level(3), Origin::Derived);
    row.set(slots::ALERT_CLASS, Value::Level(0), Origin::Derived);
    row.set(slots::SRC_IP, Value::Addr(Addr::parse("10.1.2.3").unwrap()), Origin::Derived);
    row.set(slots::LOGIN_ELAPSED, Value::Duration(Duration::from_secs(1440)), Origin::Derived);
    row.set_text(slots::USER_NAME, "ana", Origin::Derived);
    let items = [row.push_text("T1110"), row.push_text("T1078")];
    let list = row.push_list(&items);
    row.set(slots::ALERT_TECHNIQUE, list, Origin::Derived);
    row
}

fn lists() -> Lists {
    let mut lists = Lists::default();
    lists.add("corporate-vpn", "10.0.0.0/8\nvpn.example.com");
    lists
}

fn told(text: &str) -> Truth {
    match condition(text, &Schema::built_in(), &lists()) {
        Ok(condition) => condition.truth(&row()),
        Err(faults) => panic!("{text}: {faults:?}"),
    }
}

fn faulty(text: &str) -> Fault {
    match condition(text, &Schema::built_in(), &lists()) {
        Ok(found) => panic!("{text}: {found:?}"),
        Err(mut faults) => faults.remove(0),
    }
}

#[test]
fn conditions_over_facts() {
    for text in [
        "login.speed > kmh(900) && !login.via_vpn",
        "kmh(900) < login.speed",
        "alert.severity >= 'high' && alert.severity != 'critical' && alert.severity == 'HIGH'",
        "alert.class == 'login' && alert.class in ['login', 'mail'] && !(alert.class in ['mail'])",
        "src.ip in cidr('10.0.0.0/8') && src.ip in list('corporate-vpn') && src.ip == '10.1.2.3'",
        "src.ip in ['10.1.2.3', '::1']",
        "login.elapsed < duration('25m') && login.elapsed == duration('24m')",
        "user.name == 'ana' && user.name.startsWith('a') && user.name.size() == 3 && user.name in ['ana', 'bob']",
        "alert.technique.exists(t, t.startsWith('T11')) && 'T1078' in alert.technique && alert.technique[0] == 'T1110'",
        "has(user.name) && !has(user.email)",
        "first(user.email, user.name) == 'ana'",
        "alert.severity >= 'low' ? true : false",
        "login.via_vpn == false && login.via_vpn != true",
        "edit_distance(user.name, 'anna') == 1",
    ] {
        assert_eq!(told(text), Truth::True, "{text}");
    }
    for text in ["user.email == 'x'", "login.distance > km(5)", "user.email in list('corporate-vpn')", "!device.managed"] {
        assert_eq!(told(text), Truth::Unknown(Why::NotStated), "{text}");
    }
    assert_eq!(told("device.managed && login.via_vpn"), Truth::False);
    assert_eq!(told("device.managed || !login.via_vpn"), Truth::True);
}

#[test]
fn faults_say_where_and_what_to_do() {
    let check = |text: &str, at: &str, code: &str, help: &str| {
        let fault = faulty(text);
        let start = text.rfind(at).unwrap();
        assert_eq!((fault.span, fault.code), (Span::new(start, start + at.len()), code), "{text}: {fault:?}");
        assert!(fault.help.contains(help), "{text}: {fault:?}");
    };
    check("'é' == 'é' && login.sped > kmh(900)", "login.sped", "unknown-field", "`login.speed`");
    check("via_vpn", "via_vpn", "unknown-field", "via_vpn`");
    check("login.speed > 900", "login.speed > 900", "type", "`kmh(900)`");
    check("login.distance > kmh(50)", "login.distance > kmh(50)", "type", "km(50)");
    check("login.elapsed < 10", "login.elapsed < 10", "type", "duration(\"10m\")");
    check("alert.severity >= 'hihg'", "'hihg'", "unknown-level", "`high`");
    check("alert.severity > 3", "alert.severity > 3", "type", "");
    check("alert.class > 'login'", "alert.class > 'login'", "type", "==");
    check("src.ip == '10.0.0.0/8'", "'10.0.0.0/8'", "type", "in cidr(");
    check("src.ip in list('corporate-vnp')", "'corporate-vnp'", "unknown-list", "`corporate-vpn`");
    check("user.name.startWith('a')", "startWith", "unknown-function", "`startsWith`");
    check("user.name.size()", "user.name.size()", "type", "compare it");
    check("user.name == lowr('a')", "lowr", "unknown-function", "`lower`");
    check("login.elapsed > duration('soon')", "duration('soon')", "constant", "");
    check("user.name.matches('(')", "'('", "pattern", "");
    check("user.name and login.via_vpn", "and", "expression", "&&");
    check("user.name = 'x'", "=", "expression", "==");
    check("login.speed > 900km", "900km", "expression", "km(");
    check("alert.technique in list('corporate-vpn')", "alert.technique", "type", "exists");
    check("alert.technique == 'T1'", "alert.technique == 'T1'", "type", "exists");
    check("'x' in user.name", "'x' in user.name", "type", "contains");
    check("", "", "expression", "");
}

#[test]
fn raw_records() {
    let json = r#"{"a": {"b": [{"c": "x"}, {"c": "y", "n": 1.5}], "x-y": 7}, "n": null, "e": "", "s": "warn", "t": 1700000000123, "big": 18446744073709551615}"#;
    let check = |text: &str, wanted: &str| assert_eq!(over(json, text), wanted, "{text}");
    check("raw.a.b[1].c", "y");
    check("raw.a['x-y'] + 1", "8");
    check("raw.a.b.exists(i, i.c == 'x')", "true");
    check("raw.a.b.map(i, i.c)", "x, y");
    check("raw.a.b.filter(i, i.c == 'y')[0].n", "1.5");
    check("raw.a.b.all(i, has(i.n))", "false");
    check("raw.a.b.exists(i, i.n > 1)", "true");
    check("raw.a.b.all(i, i.n > 1)", "unknown: NotStated");
    check("raw.missing.c == 'x'", "unknown: NotStated");
    check("raw.missing == 'x' || raw.s == 'warn'", "true");
    check("has(raw.n) && !has(raw.missing) && !has(raw.missing.deeper)", "true");
    check("raw.n.x", "unknown: NotStated");
    check("raw.n == null", "true");
    check("first(raw.n, raw.e, raw.s)", "warn");
    check("table('severity', raw.s)", "medium");
    check("table('severity', raw.a.b[0].c)", "unknown: Unreadable");
    check("time(raw.t)", "2023-11-14T22:13:20.123Z");
    check("raw.big > 1", "true");
    check("raw.size()", "6");
    check("raw.s.upper() + '!'", "WARN!");
    check("extract('user=ana ip=1', r'user=(\\S+)')", "ana");
    check("time('05/Mar/2026:10:00:00 +0100', '%d/%b/%Y:%H:%M:%S %z')", "2026-03-05T09:00:00Z");
    check("registered_domain(domain_of('https://a.b.example.co.uk:8443/x?y@z'))", "example.co.uk");
    check("local_part('Ana <ana@example.com>')", "ana");
    check("s", "fault: unknown name `s`");
    check("raw.s.matches(raw.s)", "fault: a pattern must be a constant");
}

#[test]
fn keys_that_look_alike_are_told_apart() {
    assert_eq!(over(r#"{"axcye": 2, "abcde": 1}"#, "raw.abcde * 10 + raw.axcye"), "12");
    assert_eq!(over(r#"{"axcye": 2}"#, "[has(raw.abcde), has(raw.axcye)]"), "false, true");
    let long = "a".repeat(257);
    assert_eq!(over(&format!(r#"{{"{long}": 2}}"#), &format!("[has(raw.a), has(raw.{long})]")), "false, true");
}

#[test]
fn conditions_asked_in_a_row_say_the_same_as_alone() {
    let mut row = row();
    row.set_text(slots::ALERT_RULE, "anaconda", Origin::Derived);
    let texts = [
        r#"user.name.matches("^ana$")"#,
        r#"alert.rule.matches("^ana$")"#,
        r#"user.name.matches("a$")"#,
        r#"alert.rule.matches("conda")"#,
        r#"alert.title.matches("a")"#,
        r#"user.name.matches("conda")"#,
        r#"(user.name + "conda").matches("conda")"#,
    ];
    let conditions: Vec<_> = texts.map(|text| condition(text, &Schema::built_in(), &Lists::default()).unwrap()).into();
    for first in 0..texts.len() {
        let mut judging = Judging::new(&row);
        for (text, condition) in texts.iter().zip(&conditions).cycle().skip(first).take(2 * texts.len()) {
            assert_eq!(judging.truth(condition), condition.truth(&row), "{text}");
        }
    }
}

#[test]
fn of_two_equal_keys_the_last_one_counts() {
    let json = r#"{"a": {"b": 1, "c": 2}, "x": [1, 2], "a": {"b": 3}}"#;
    assert_eq!(over(json, "raw.a.b"), "3");
    assert_eq!(over(json, "raw.a.c"), "unknown: NotStated");
    let mut bytes = json.as_bytes().to_vec();
    let tape = simd_json::to_tape(&mut bytes).unwrap();
    let mut paths = Paths::new();
    let path = paths.intern(&[Step::Key("a".into()), Step::Key("b".into())]).unwrap();
    let other = paths.intern(&[Step::Key("x".into()), Step::Index(1)]).unwrap();
    let mut found = Found::default();
    found.fill(&paths, &tape.0, 0);
    assert_eq!(found.duplicates(), [path]);
    assert_eq!((paths.text(path), paths.text(other)), ("a.b", "x[1]"));
    assert!(found.node(other).is_some());
    assert_eq!(top_keys(&tape.0, 0).map(|(key, _)| key).collect::<Vec<_>>(), ["a", "x", "a"]);
}

#[test]
fn a_list_told_apart_by_a_key_says_the_same() {
    let long = format!(r#"{{"l":[{}]}}"#, vec![r#"{"t":"a","v":1}"#; 1_200].join(","));
    let records = [
        r#"{"l":[{"t":"a","v":1},{"t":"b","v":2},{"t":"a","v":3},{"v":9,"t":"c"}]}"#,
        r#"{"l":[{"t":"a","v":1},{"v":2}]}"#,
        r#"{"l":[{"v":2},{"t":"a","v":1}]}"#,
        r#"{"l":[{"t":"b","v":1},{"t":7,"v":2}]}"#,
        r#"{"l":[{"t":null,"v":1},{"t":"a","v":2}]}"#,
        r#"{"l":["x",{"t":"a","v":2}]}"#,
        r#"{"l":[{"t":"b","t":"a","v":1},"a",[]]}"#,
        r#"{"l":[{"t":"b","t":"a","v":1},{"t":"a","t":"b","v":2}]}"#,
        r#"{"l":[{"t":"a"},{"t":"b"}],"l":[{"t":"b","v":5},{"t":"a","v":6}]}"#,
        r#"{"l":[{"t":"a","v":6}],"l":"gone"}"#,
        r#"{"l":[]}"#,
        r#"{"l":{"t":"a"}}"#,
        r#"{"l":null}"#,
        "{}",
        &long,
    ];
    let tests = [
        r#"e.t == "a""#,
        r#"e.t == "a" && e.v > 1"#,
        r#"e.t in ["b", "c"]"#,
        r#"e.t == "b" || e.t == "c" && has(e.v)"#,
        r#"e.t == "none""#,
        r#"has(e.t) && e.t == "a""#,
        r#"has(e.t) && e.t in ["a", "c"] && has(e.v)"#,
        r#"has(e.v) && e.t == "a""#,
        r#"e.t == "a" && e.missing == 1"#,
    ];
    let uses = [
        "filter(e, TEST)[0].v",
        "filter(e, TEST)[1].v",
        "exists(e, TEST)",
        "exists_one(e, TEST)",
        "map(e, TEST, e.v)",
        "all(e, TEST)",
    ];
    for record in records {
        for (test, used) in tests.iter().flat_map(|test| uses.map(|used| (test, used))) {
            let keyed = format!("raw.l.{}", used.replace("TEST", test));
            // A condition that begins with a constant is evaluated element by element.
            let plain = format!("raw.l.{}", used.replace("TEST", &format!("(true && ({test}))")));
            assert_eq!(over(record, &keyed), over(record, &plain), "{keyed} over {record:.100}");
        }
    }
}

#[test]
fn enumerations_may_be_long() {
    let mut schema = Schema::built_in();
    let names = (0..200).map(|n| format!("unit-{n}")).collect();
    let levels = std::sync::Arc::new(adjutant_model::schema::Levels { name: "unit".into(), names, ordered: false });
    let (ty, kind) = (adjutant_model::Type::Level(levels), adjutant_model::schema::Kind::Context);
    let slot = schema.add(adjutant_model::schema::Field { name: "user.desk".into(), ty, kind, about: String::new() }).unwrap();
    let mut row = Row::new(schema.len());
    row.set(slot, Value::Level(150), Origin::Derived);
    for (text, wanted) in [
        ("user.desk == 'unit-150'", Truth::True),
        ("user.desk == 'unit-22'", Truth::False),
        ("user.desk in ['unit-1', 'unit-150']", Truth::True),
        ("user.desk in ['unit-1', 'unit-22']", Truth::False),
    ] {
        assert_eq!(condition(text, &schema, &Lists::default()).unwrap().truth(&row), wanted, "{text}");
    }
}

#[test]
fn what_is_compared_can_be_asked_for() {
    let text = "login.speed > kmh(900) && alert.severity in ['high', 'critical'] && src.ip in list('corporate-vpn') \
                && user.name.startsWith('adm-') && kmh(50) <= login.speed";
    let compiled = condition(text, &Schema::built_in(), &lists()).unwrap();
    let shown: Vec<String> = compiled.probes().iter().map(|probe| format!("{:?} {}", probe.relation, probe.value)).collect();
    let wanted = ["Greater 900 km/h", "Equal high", "Equal critical", "Equal 10.0.0.0", "Equal adm-", "GreaterOrEqual 50 km/h"];
    assert_eq!(shown, wanted);
    assert_eq!(compiled.slots().len(), 4);
    let mut row = row();
    compiled.probes()[2].set(&mut row);
    assert_eq!(row.value(slots::ALERT_SEVERITY), Value::Level(4));
}

const PAGE: &str = include_str!("../../../../docs/expressions.md");

#[test]
fn the_page_names_every_function() {
    for name in function_names() {
        let called = [format!("`{name}("), format!(".{name}("), format!("in {name}(")];
        let alias = matches!(name, "existsOne");
        assert!(alias || called.iter().any(|text| PAGE.contains(text)), "docs/expressions.md does not explain `{name}`");
    }
}

#[test]
fn the_page_shows_a_fault_as_it_is() {
    let yaml = "playbook: suspicious-login\n\n\n\nsignals:\n  - id: impossible-travel\n    family: travel\n    points: 30\n    if: login.speed > 900\n";
    let place = yaml.find("login.speed").unwrap();
    let text = crate::diagnostic::Located::new("login.speed > 900".to_owned(), Span::new(place, place + 1));
    let diagnostic = faulty(&text).locate("playbooks/suspicious-login.yaml", yaml, &text);
    let shown = diagnostic.render(yaml, false);
    assert!(PAGE.contains(shown.trim_end()), "docs/expressions.md shows something else than:\n{shown}");
}
