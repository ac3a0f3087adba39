//! Whatever the text and whatever the record: no panic, an end in time, and CEL's three-valued tables.

use super::super::*;
use adjutant_model::row::Origin;
use adjutant_model::schema::slots;
use adjutant_model::{Addr, Duration, Row, Schema, Speed, Type, Value, Why};
use std::time::Duration as Wait;

/// Evaluates `text` over the record `json`, as [`super::over`] does.
fn over(json: &str, text: &str) -> String {
    super::over(json, text)
}

/// That hostile input comes to an end is a property of this file's tests; the limits are far above what is measured.
struct Clock(std::time::Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "only tells a quadratic test from a linear one")]
    fn new() -> Self {
        Self(std::time::Instant::now())
    }
    fn assert_within(&self, limit: Wait) {
        assert!(self.0.elapsed() < limit, "{:?}", self.0.elapsed());
    }
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
    fn pick<'t>(&mut self, items: &[&'t str]) -> &'t str {
        items[self.below(items.len())]
    }
}

const TRUTHS: [Truth; 3] = [Truth::True, Truth::False, Truth::Unknown(Why::Stale)];

/// A row in which `login.via_vpn`, `device.managed` and `malware.blocked` are these.
fn row_of(truths: [Truth; 3]) -> Row {
    let mut row = Row::new(Schema::built_in().len());
    for (slot, truth) in [slots::LOGIN_VIA_VPN, slots::DEVICE_MANAGED, slots::MALWARE_BLOCKED].into_iter().zip(truths) {
        let value = match truth {
            Truth::True => Value::Bool(true),
            Truth::False => Value::Bool(false),
            Truth::Unknown(why) => Value::Unknown(why),
        };
        row.set(slot, value, Origin::Derived);
    }
    row
}

/// The same by the book: Kleene's tables, where unknown is "either".
fn naive(test: impl Fn(bool, bool, bool) -> bool, truths: [Truth; 3]) -> Truth {
    let worlds = |truth| match truth {
        Truth::True => vec![true],
        Truth::False => vec![false],
        Truth::Unknown(_) => vec![true, false],
    };
    let [a, b, c] = truths.map(worlds);
    let all: Vec<bool> = a
        .iter()
        .flat_map(|a| b.iter().map(move |b| (a, b)))
        .flat_map(|(a, b)| c.iter().map(move |c| (*a, *b, *c)))
        .map(|(a, b, c)| test(a, b, c))
        .collect();
    if all.iter().all(|truth| *truth) {
        Truth::True
    } else if all.iter().any(|truth| *truth) {
        Truth::Unknown(Why::Stale)
    } else {
        Truth::False
    }
}

#[test]
fn three_valued_logic_by_exhaustive_table() {
    type Test = fn(bool, bool, bool) -> bool;
    // Each name occurs once, so that "either" is the same as CEL's tables.
    let cases: [(&str, Test); 7] = [
        ("login.via_vpn && device.managed", |a, b, _| a && b),
        ("login.via_vpn || device.managed", |a, b, _| a || b),
        ("!login.via_vpn", |a, _, _| !a),
        ("login.via_vpn && device.managed && malware.blocked", |a, b, c| a && b && c),
        ("login.via_vpn || device.managed || malware.blocked", |a, b, c| a || b || c),
        ("login.via_vpn && (device.managed || !malware.blocked)", |a, b, c| a && (b || !c)),
        ("!(login.via_vpn || device.managed && malware.blocked)", |a, b, c| !(a || b && c)),
    ];
    for (text, test) in cases {
        let compiled = condition(text, &Schema::built_in(), &Lists::default()).unwrap();
        for a in TRUTHS {
            for (b, c) in TRUTHS.into_iter().flat_map(|b| TRUTHS.map(|c| (b, c))) {
                assert_eq!(compiled.truth(&row_of([a, b, c])), naive(test, [a, b, c]), "{text} {a:?} {b:?} {c:?}");
            }
        }
    }
    let choice = condition("login.via_vpn ? device.managed : malware.blocked", &Schema::built_in(), &Lists::default()).unwrap();
    for (b, c) in TRUTHS.into_iter().flat_map(|b| TRUTHS.map(|c| (b, c))) {
        assert_eq!(choice.truth(&row_of([Truth::True, b, c])), b);
        assert_eq!(choice.truth(&row_of([Truth::False, b, c])), c);
        assert_eq!(choice.truth(&row_of([Truth::Unknown(Why::Stale), b, c])), Truth::Unknown(Why::Stale));
    }
}

#[test]
fn macros_absorb_unknowns_as_the_logic_does() {
    for (list, all, exists) in [
        ("[]", "true", "false"),
        ("[1]", "true", "true"),
        ("[0]", "false", "false"),
        ("[1, 'x']", "unknown", "true"),
        ("['x', 1]", "unknown", "true"),
        ("[0, 'x']", "false", "unknown"),
        ("['x', 0]", "false", "unknown"),
        ("['x']", "unknown", "unknown"),
    ] {
        assert!(over("{}", &format!("dyn({list}).all(x, x > 0)")).starts_with(all), "{list}");
        assert!(over("{}", &format!("dyn({list}).exists(x, x > 0)")).starts_with(exists), "{list}");
    }
}

#[test]
fn long_and_deep_text_is_refused_at_once() {
    let clock = Clock::new();
    let schema = Schema::built_in();
    let deep = [
        "(".repeat(100_000),
        "(".repeat(8000),
        "[".repeat(16_000),
        "{".repeat(16_000),
        "!".repeat(16_000) + "true",
        "-".repeat(16_000) + "1",
        "f(".repeat(8000),
        "a.".repeat(8000) + "b",
        "a?".repeat(8000),
        "true?true:".repeat(1500) + "true",
        "1+".repeat(8000) + "1",
        "a[0]".to_owned() + &"[0]".repeat(5000),
        "a".repeat(TEXT_BYTES_MAX + 1),
        "'".to_owned() + &"é".repeat(8000),
        "\u{1F600}".repeat(4000),
        "'\\x4".to_owned(),
        "'\\U00110000'".to_owned(),
        "\"\\".to_owned(),
    ];
    for text in &deep {
        assert!(fact(text, &schema, &Lists::default()).is_err(), "{}", &text[..text.floor_char_boundary(20)]);
    }
    let within = "(".repeat(NESTING_MAX - 2) + "true" + &")".repeat(NESTING_MAX - 2);
    assert!(fact(&within, &schema, &Lists::default()).is_ok());
    let flat = vec!["login.via_vpn"; 900].join(" || ");
    assert!(fact(&flat, &schema, &Lists::default()).is_ok());
    clock.assert_within(Wait::from_secs(5));
}

/// The deepest trees that are read also compile and evaluate on half of the stack that a thread has, in a debug build too.
#[test]
fn the_deepest_expression_fits_the_stack() {
    let nested = |open: &str, middle: &str, close: &str| {
        let levels = NESTING_MAX / 2 - 4;
        open.repeat(levels) + middle + &close.repeat(levels)
    };
    let texts = [
        nested("(", "true", ")"),
        nested("!(", "login.via_vpn", ")"),
        nested("[", "1", "]") + " == []",
        nested("(login.via_vpn ? true : ", "false", ")"),
        nested("(login.via_vpn || login.via_vpn && ", "false", ")"),
        nested("first(user.email, ", "user.name", ")") + " == 'a'",
        nested("alert.technique.exists(t, t == 'a' && ", "true", ")"),
        nested("(login.elapsed + ", "login.elapsed", ")") + " > duration('1h')",
        nested("user.name.replace('a', ", "'b'", ")") + " == 'a'",
    ];
    let run = move || {
        for text in texts {
            let compiled = condition(&text, &Schema::built_in(), &Lists::default()).unwrap();
            let _ = compiled.truth(&random_row(&mut Random(1), &Schema::built_in()));
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn visits_and_made_text_are_bounded() {
    let clock = Clock::new();
    let list = |len: usize| format!("{{\"l\": [{}], \"t\": \"{}\"}}", vec!["1"; len].join(","), "a".repeat(100_000));
    let just = list(VISITS_MAX as usize - 1);
    assert_eq!(over(&just, "raw.l.all(x, x == 1)"), "true");
    assert_eq!(over(&list(VISITS_MAX as usize), "raw.l.all(x, x == 1)"), "unknown: Error");
    for looks in ["contains('b')", "matches('b')", "endsWith('b')"] {
        let looks_again_and_again = format!("raw.l.exists(x, raw.t.{looks})");
        assert_eq!(over(&just, &looks_again_and_again), "unknown: Error", "{looks} costs what the text is long");
    }
    for text in [
        "raw.l.all(x, raw.l.all(y, x == y))",
        "raw.l.map(x, raw.l)",
        "raw.l.exists(x, raw.l == [x])  || raw.l.all(x, raw.l == raw.l)",
        "raw.l.all(x, 2 in raw.l || true) && false || raw.l.all(x, raw.l.size() == raw.t.size())",
        "raw.l.all(x, raw.t.contains('b') || true) && raw.l.map(x, raw.t.replace('a', 'bbbbbbbb')).size() > 0",
        "raw.l.map(x, raw.t + raw.t).size() > 0",
        "raw.l.map(x, raw.t.split('')).size() > 0",
        "raw.l.map(x, raw.t.matches('(a|aa)*b')).size() > 0",
        "raw.l.map(x, raw.t.lower().upper().reverse()).size() > 0",
        "raw.t.replace('', raw.t)",
        "[raw.t].map(a, a + a + a + a).map(a, a + a + a + a).map(a, a + a + a + a).map(a, a + a)",
    ] {
        let found = over(&just, text);
        assert!(found.starts_with("unknown") || found.len() < 4 * TEXT_MADE_BYTES_MAX, "{text}");
    }
    clock.assert_within(Wait::from_secs(20));
}

#[test]
fn hostile_patterns_are_refused_or_linear() {
    let clock = Clock::new();
    let text = format!("{{\"t\": \"{}\"}}", "a".repeat(1_000_000));
    for pattern in ["(a+)+$", "(a|a)*b", "(.*)*x", "a{1,100}{1,100}", "(?:a?){50}a{50}"] {
        assert!(over(&text, &format!("raw.t.matches('{pattern}')")).len() < 200);
    }
    for pattern in ["((a{100}){100}){100}", "a{1000000}", "(", "(?=a)", "\\p{Foo}", &"(".repeat(5000)] {
        assert!(over(&text, &format!("raw.t.matches(r'{pattern}')")).starts_with("fault"), "{pattern}");
    }
    clock.assert_within(Wait::from_secs(20));
}

const LEAVES: [&str; 26] = [
    "1",
    "-1",
    "0",
    "9223372036854775807",
    "-9223372036854775808",
    "1u",
    "18446744073709551615u",
    "1.5",
    "-0.0",
    "1e308",
    "'a'",
    "'é\\u0000'",
    "''",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "[1, 'a', null]",
    "{'a': 1}",
    "duration('1h')",
    "timestamp('9999-12-31T23:59:59Z')",
    "km(1)",
    "kmh(1)",
    "v",
    "w",
];
const FACTS: [&str; 8] =
    ["login.speed", "login.via_vpn", "alert.severity", "alert.technique", "user.name", "src.ip", "src.geo", "login.elapsed"];
const RECORD: [&str; 8] = ["raw.a", "raw.b", "raw.a.c", "raw.a.l", "raw.a.l[0]", "raw['b']", "raw", "raw.n"];
const SHAPES: [&str; 46] = [
    "({} + {})",
    "({} - {})",
    "({} * {})",
    "({} / {})",
    "({} % {})",
    "({} == {})",
    "({} != {})",
    "({} < {})",
    "({} >= {})",
    "({} && {})",
    "({} || {})",
    "!{}",
    "-({})",
    "({} ? {} : {})",
    "({} in {})",
    "{}.size()",
    "[{}, {}]",
    "{{'k': {}}}",
    "{}[{}]",
    "{}.a",
    "{}.all(v, {})",
    "{}.exists(v, {})",
    "{}.exists_one(w, {})",
    "{}.filter(v, {})",
    "{}.map(w, {})",
    "{}.map(v, {}, {})",
    "int({})",
    "uint({})",
    "double({})",
    "string({})",
    "bool({})",
    "timestamp({})",
    "duration({})",
    "{}.contains({})",
    "{}.substring({}, {})",
    "{}.replace({}, {}, {})",
    "{}.split({}, {})",
    "{}.join({})",
    "{}.lastIndexOf({}, {})",
    "{}.charAt({})",
    "{}.getHours({})",
    "time({})",
    "first({}, {})",
    "edit_distance({}, {})",
    "domain_of({})",
    "has({}.a)",
];

fn expression(random: &mut Random, names: &[&'static str], depth: usize) -> String {
    if depth == 0 || random.below(5) == 0 {
        return if random.below(3) == 0 { random.pick(names).to_owned() } else { random.pick(&LEAVES).to_owned() };
    }
    let mut text = String::new();
    for (place, part) in random.pick(&SHAPES).split("{}").enumerate() {
        if place > 0 {
            text.push_str(&expression(random, names, depth - 1));
        }
        text.push_str(part);
    }
    text.replace("{{", "{").replace("}}", "}")
}

/// A row in which every cell is what its type allows, or unknown.
fn random_row(random: &mut Random, schema: &Schema) -> Row {
    let mut row = Row::new(schema.len());
    for (slot, field) in schema.fields() {
        let number = [0, -1, 1, i64::MAX, i64::MIN][random.below(5)];
        let value = match &field.ty {
            _ if random.below(4) == 0 => Value::Unknown(Why::ALL[random.below(12)]),
            Type::Bool => Value::Bool(number > 0),
            Type::Int => Value::Int(number),
            Type::Speed => Value::Speed(Speed(number)),
            Type::Duration => Value::Duration(Duration(number)),
            Type::Addr => Value::Addr(Addr::from_bytes([7; 16])),
            Type::Text => row.push_text("té\0xt"),
            Type::Level(_) => Value::Level(random.below(9) as u8),
            Type::Texts => {
                let item = row.push_text("T1");
                row.push_list(&[item, Value::Int(1), Value::Unknown(Why::Stale)])
            }
            _ => Value::Int(number),
        };
        row.set(slot, value, Origin::Derived);
    }
    row
}

#[test]
fn random_expressions_never_panic() {
    let (mut random, schema, tables) = (Random(42), Schema::built_in(), Tables::new());
    let json = r#"{"a": {"c": 1.5, "l": [1, "x", [], {"a": 2}]}, "b": "text", "n": null}"#;
    let mut bytes = json.as_bytes().to_vec();
    let tape = simd_json::to_tape(&mut bytes).unwrap();
    let (mut facts, mut records) = (0, 0);
    for _ in 0..30_000 {
        let text = expression(&mut random, &FACTS, 3);
        if let Ok(compiled) = fact(&text, &schema, &Lists::default()) {
            let row = random_row(&mut random, &schema);
            let _ = (compiled.truth(&row), compiled.eval(&row).to_string());
            facts += 1;
        }
        let (text, mut paths) = (expression(&mut random, &RECORD, 3), Paths::new());
        if let Ok(compiled) = raw(&text, &mut paths, &Lists::default(), &tables) {
            let mut found = Found::default();
            found.fill(&paths, &tape.0, 0);
            let _ = compiled.eval(Doc::new(&tape.0, &found)).into_owned().to_string();
            records += 1;
        }
    }
    assert!(facts > 1500 && records > 3000, "too few of them compile: {facts} {records}");
}

#[test]
fn random_text_never_panics() {
    let (mut random, schema) = (Random(7), Schema::built_in());
    let pieces = [
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ".",
        ",",
        "?",
        ":",
        "'",
        "\"",
        "\\",
        "é",
        "login",
        ".speed",
        "in",
        " ",
        "1",
        "u",
        "e9",
        "0x",
        "'''",
        "r'",
        "b'",
        "`",
        "&&",
        "||",
        "!",
        "-",
        "=",
        "<",
        "\u{1F600}",
        "\n",
        "//",
        "has(",
        "kmh(",
        "true",
        "\0",
    ];
    for _ in 0..50_000 {
        let text: String = (0..random.below(12)).map(|_| random.pick(&pieces)).collect();
        if let Err(faults) = fact(&text, &schema, &Lists::default()) {
            for fault in faults {
                assert!(fault.span.start <= fault.span.end && fault.span.end <= text.len(), "{text:?} {fault:?}");
                assert!(text.is_char_boundary(fault.span.start) && text.is_char_boundary(fault.span.end), "{text:?} {fault:?}");
            }
        }
        let _ = Sentence::compile(&text, &schema, &Lists::default());
    }
}

#[test]
fn damaged_tapes_do_no_harm() {
    use simd_json::{Node, StaticNode};
    let nodes = [
        Node::Object { len: 3, count: 1 },
        Node::String("a"),
        Node::Array { len: usize::MAX, count: usize::MAX },
        Node::Static(StaticNode::Null),
        Node::Object { len: usize::MAX, count: 0 },
    ];
    let (mut paths, tables) = (Paths::new(), Tables::new());
    let text = "raw.a[3] == 1 || raw.a.exists(x, x == 1) || raw.b.c == raw || raw.size() > 1 || raw[raw.a] == 1";
    let compiled = raw(text, &mut paths, &Lists::default(), &tables).unwrap();
    let mut found = Found::default();
    for root in 0..nodes.len() + 2 {
        found.fill(&paths, &nodes, root);
        let _ = compiled.truth(Doc::new(&nodes, &found));
        let _ = top_keys(&nodes, root).count();
    }
}
