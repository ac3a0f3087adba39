//! The expression compiler and evaluator: any text compiles or is refused at a place; what compiles ends, on any facts.
#![no_main]

use adjutant_model::row::Origin;
use adjutant_model::{Row, Schema, Slot, Time, Type, Value, Why};
use adjutant_rules::lang::{self, Doc, Fault, Found, Lists, Paths, Sentence, Tables, Truth};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::built_in);
static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let mut lists = Lists::default();
    lists.add("words", "one\ntwo\n10.0.0.0/8\ncorp.example\n");
    lists
});
const RECORD: &str =
    r#"{"a":{"b":[1,2.5,"x",null,true,{"c":"é\u0000"}],"":"-"},"t":"2026-03-01T09:14:07Z","n":-9223372036854775808,"l":[[[]]]}"#;

/// A row in which every second fact is known.
static ROW: LazyLock<Row> = LazyLock::new(|| {
    let mut row = Row::new(SCHEMA.len());
    for (slot, field) in SCHEMA.fields() {
        let text = row.push_text("Alice@Corp.example");
        let value = match field.ty {
            _ if slot.index() % 2 == 0 => Value::Unknown(Why::Stale),
            Type::Bool => Value::Bool(true),
            Type::Int => Value::Int(i64::MIN),
            Type::Time => Value::Time(Time(i64::MAX)),
            Type::Text => text,
            Type::Texts => row.push_list(&[text, text]),
            Type::Level(_) => Value::Level(1),
            _ => Value::Unknown(Why::NotStated),
        };
        row.set(slot, value, Origin::Derived);
    }
    row
});

/// Every fault stands between two characters of the text.
fn placed(text: &str, faults: &[Fault]) {
    assert!(!faults.is_empty(), "{text:?}");
    for fault in faults {
        assert!(text.get(fault.span.start..fault.span.end).is_some(), "{text:?}: {fault:?}");
    }
}

fn facts(text: &str) {
    match lang::condition(text, &SCHEMA, &LISTS) {
        Ok(condition) => {
            let unknown = condition.truth(&Row::new(SCHEMA.len()));
            let known = condition.truth(&ROW);
            assert!(condition.slots().iter().all(|slot: &Slot| slot.index() < SCHEMA.len()));
            // A condition that nothing unknown can reach says the same of every row.
            assert!(!condition.slots().is_empty() || unknown == known || matches!(known, Truth::Unknown(_)), "{text:?}");
        }
        Err(faults) => placed(text, &faults),
    }
    match lang::fact(text, &SCHEMA, &LISTS) {
        Ok(fact) => drop(fact.eval(&ROW)),
        Err(faults) => placed(text, &faults),
    }
    match Sentence::compile(text, &SCHEMA, &LISTS) {
        Ok(sentence) => sentence.render(&ROW, &mut String::new()),
        Err(faults) => placed(text, &faults),
    }
}

fn record(text: &str) {
    let mut paths = Paths::new();
    match lang::raw(text, &mut paths, &LISTS, &Tables::default()) {
        Ok(expression) => {
            let mut bytes = RECORD.as_bytes().to_vec();
            let tape = simd_json::to_tape(&mut bytes).expect("the record is JSON");
            let mut found = Found::default();
            found.fill(&paths, &tape.0, 0);
            drop(expression.eval(Doc::new(&tape.0, &found)));
        }
        Err(faults) => placed(text, &faults),
    }
}

fuzz_target!(|text: &str| {
    facts(text);
    record(text);
});
