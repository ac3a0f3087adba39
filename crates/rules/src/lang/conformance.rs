//! The CEL specification's conformance cases against this implementation.
//!
//! Every case either agrees or is in the published list `docs/expressions-left-out.md` with its reason. The list is
//! exact: a case that is listed and agrees fails the test, as does one that is not listed and does not.
//! `UPDATE_EXPECT=1` writes the list.

use super::compile::{Compiler, Names};
use super::eval::Machine;
use super::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;

const CASES: &str = include_str!("../../tests/data/cel-spec.jsonl");
const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/expressions-left-out.md");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    section: String,
    name: String,
    expr: String,
    #[serde(default)]
    bind: BTreeMap<String, Expected>,
    value: Option<Expected>,
    #[serde(default)]
    error: bool,
    #[serde(default)]
    check_only: bool,
}

/// A value of a case.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
enum Expected {
    Bool(bool),
    Int(String),
    Uint(String),
    Double(String),
    String(String),
    Null(serde::de::IgnoredAny),
    Time(String),
    Duration(String),
    List(Vec<Expected>),
    Map(Vec<(Expected, Expected)>),
    Other(serde::de::IgnoredAny),
}

/// Why cases are left out: what the section or the expression contains, and the reason. The first one counts.
const REASONS: &[(&str, &str, &str)] = &[
    ("proto", "", "protocol buffer messages"),
    ("enums", "", "protocol buffer messages"),
    ("wrappers", "", "protocol buffer messages"),
    ("dynamic", "", "protocol buffer messages"),
    ("", "TestAll", "protocol buffer messages"),
    ("", "google.protobuf", "protocol buffer messages"),
    ("", "GlobalEnum", "protocol buffer messages"),
    ("type_deductions/legacy_nullable", "", "protocol buffer messages"),
    ("block_ext", "", "`cel.block`, which only optimisers write"),
    ("bindings_ext", "", "`cel.bind`"),
    ("math_ext", "", "the `math` extension"),
    ("encoders_ext", "", "bytes"),
    ("optionals", "", "optional values: use `has` or `first`"),
    ("macros2", "", "macros with two variables"),
    ("namespace", "", "namespaces: names are declared once, for the whole book"),
    ("string_ext/format", "", "`format`: sentences are written with braces"),
    ("string_ext", "quote", "`strings.quote`"),
    ("", "type(", "types as values"),
    ("", "b'", "bytes"),
    ("", "b\"", "bytes"),
    ("", "B'", "bytes"),
    ("", "B\"", "bytes"),
    ("", "bytes(", "bytes"),
    ("parse/bytes_literals", "", "bytes"),
    ("conversions/type", "", "types as values"),
    ("fields/qualified_identifier_resolution", "", "namespaces: names are declared once, for the whole book"),
    ("basic/variables", "", "unknown names: a fault when the book is loaded, not when it is used"),
    ("basic/functions", "", "unknown names: a fault when the book is loaded, not when it is used"),
    ("parse/receiver_function_names", "", "unknown names: a fault when the book is loaded, not when it is used"),
    ("logic", "32", "operands of `&&` and `||` that are never true or false: a fault when the book is loaded"),
    ("logic", "'horses'", "operands of `&&` and `||` that are never true or false: a fault when the book is loaded"),
    ("timestamps/timestamp_selectors_tz", "", "named time zones: offsets such as `+01:00` are supported"),
    (
        "timestamps/timestamp_range",
        "Z') - timestamp(",
        "durations beyond 292 years: ours reach the 10,000 years that the specification names",
    ),
    ("timestamps", "999999999Z", "nanoseconds: times are whole microseconds"),
    ("timestamps", "ns'", "nanoseconds: times are whole microseconds"),
];

fn value(expected: &Expected) -> Option<Val<'static>> {
    Some(match expected {
        Expected::Bool(value) => Val::Bool(*value),
        Expected::Int(number) => Val::Int(number.parse().ok()?),
        Expected::Uint(number) => Val::Uint(number.parse().ok()?),
        Expected::Double(number) => Val::Double(number.parse().ok()?),
        Expected::String(text) => Val::Text(text.clone().into()),
        Expected::Null(_) => Val::Null,
        Expected::Time(text) => Val::Time(time_of(&Val::text(text))?),
        Expected::Duration(text) => match constant(&format!("duration('{text}')"))? {
            span @ Val::Duration(_) => span,
            _ => return None,
        },
        Expected::List(items) => Val::List(List::of(items.iter().map(value).collect::<Option<_>>()?)),
        Expected::Map(entries) => {
            Val::Map(Map::of(entries.iter().map(|(key, item)| Some((value(key)?, value(item)?))).collect::<Option<_>>()?))
        }
        Expected::Other(_) => return None,
    })
}

fn constant(text: &str) -> Option<Val<'static>> {
    run(text, Vec::new()).ok()
}

/// Evaluates an expression over the variables given; of a fault, whether it is that something is not supported.
fn run(text: &str, bind: Vec<(String, Val<'static>)>) -> Result<Val<'static>, bool> {
    let unsupported = |fault: &Fault| fault.message.contains("not supported") || fault.code.starts_with("unknown-");
    let tree = super::parse::parse(text).map_err(|fault| unsupported(&fault))?;
    let (lists, tables) = (Lists::default(), Tables::new());
    let mut compiler = Compiler::new(Names::Nothing, &lists, &tables);
    compiler.strict = false;
    compiler.variables = bind.iter().map(|(name, _)| (name.clone(), Ty::Dyn)).collect();
    let (node, _) = compiler.expression(&tree);
    compiler.finish().map_err(|faults| faults.iter().any(unsupported))?;
    let locals = bind.iter().map(|(_, value)| value.clone()).collect();
    Ok(Machine::with_locals(locals).eval(&node).into_owned())
}

/// Whether the two are the same value of the same type.
fn same(a: &Val<'_>, b: &Val<'_>) -> bool {
    match (a, b) {
        (Val::List(a), Val::List(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(&a, &b)),
        (Val::Map(a), Val::Map(b)) => {
            a.len() == b.len() && a.entries().all(|(key, item)| b.get(&key).is_some_and(|other| same(&item, &other)))
        }
        (Val::Double(a), Val::Double(b)) => a == b || (a.is_nan() && b.is_nan()),
        _ => std::mem::discriminant(a) == std::mem::discriminant(b) && a.equals(b, &mut 1000, 0) == Truth::True,
    }
}

/// Agrees, or how it does not.
fn judge(case: &Case) -> Result<(), String> {
    let bind: Option<Vec<_>> = case.bind.iter().map(|(name, bound)| Some((name.clone(), value(bound)?))).collect();
    let found = run(&case.expr, bind.ok_or("its variables")?);
    match (&case.value, found) {
        (_, Err(true)) => Err("not supported".into()),
        (None, Err(false) | Ok(Val::Unknown(_))) if case.error => Ok(()),
        (None, found) => Err(format!("{found:?} where an error is expected")),
        _ if case.check_only => Err("only its type is asked for".into()),
        (Some(_), Err(_)) => Err("a fault where a value is expected".into()),
        (Some(wanted), Ok(found)) => match value(wanted) {
            Some(wanted) if same(&wanted, &found) => Ok(()),
            _ => Err(format!("{found:?} where {wanted:?} is expected")),
        },
    }
}

fn reason(case: &Case) -> Option<&'static str> {
    if case.check_only {
        return Some("only the type is asked for, and variables have none");
    }
    let fits = |(section, text, _): &&(&str, &str, &str)| case.section.starts_with(section) && case.expr.contains(text);
    REASONS.iter().find(fits).map(|(_, _, reason)| *reason)
}

fn published(left_out: &BTreeMap<&str, BTreeMap<String, Vec<String>>>, agree: usize, all: usize) -> String {
    let mut text = format!(
        "# What of CEL is left out\n\nWritten by the conformance test (`cargo test -p adjutant-rules conformance`), which fails when it is not exact.\n\
         Cases: the CEL specification 0.25.1 as in `@bufbuild/cel-spec` 0.6.1. {agree} of {all} agree, {} are left out:\n",
        all - agree
    );
    for (reason, sections) in left_out {
        let count: usize = sections.values().map(Vec::len).sum();
        let _ = write!(text, "\n## {reason} ({count})\n\n");
        for (section, names) in sections {
            let _ = writeln!(text, "- `{section}`: {}", names.join(", "));
        }
    }
    text
}

#[test]
fn every_case_agrees_or_is_listed_as_left_out() {
    let (mut left_out, mut surprises) = (BTreeMap::<&str, BTreeMap<String, Vec<String>>>::new(), Vec::new());
    let (mut agree, mut all) = (0, 0);
    for line in CASES.lines() {
        let case: Case = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        all += 1;
        match (judge(&case), reason(&case)) {
            (Ok(()), _) => agree += 1,
            (Err(_), Some(reason)) => {
                left_out.entry(reason).or_default().entry(case.section).or_default().push(case.name);
            }
            (Err(how), None) => surprises.push(format!("{}/{}: `{}`: {how}", case.section, case.name, case.expr)),
        }
    }
    assert!(surprises.is_empty(), "{} cases disagree:\n{}", surprises.len(), surprises.join("\n"));
    let text = published(&left_out, agree, all);
    #[expect(clippy::disallowed_methods, reason = "the test's own switch")]
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    if update {
        std::fs::write(LIST, &text).unwrap();
    }
    let known = std::fs::read_to_string(LIST).unwrap_or_default();
    assert!(known == text, "docs/expressions-left-out.md is not exact: run with UPDATE_EXPECT=1 and read the difference");
}
