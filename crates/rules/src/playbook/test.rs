//! A playbook's own tests: facts given by name, and what must come of them.

use crate::diagnostic::Span;
use adjutant_model::{Addr, Distance, Duration, Geo, Origin, Outcome, Row, Schema, Slot, Speed, Time, Type, Value, Why};
use serde::Deserialize;

/// One test of a playbook.
#[derive(Debug)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// The facts; what is not given is unknown.
    pub given: Row,
    /// What must come of it.
    pub expect: Expect,
    /// Where it stands in its file.
    pub at: Span,
}

/// What a test demands; what is not mentioned is not demanded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The outcome.
    pub outcome: Option<Outcome>,
    /// The exact score.
    pub score: Option<i32>,
    /// Signals that fire.
    #[serde(default)]
    pub fired: Vec<String>,
    /// Signals that do not fire.
    #[serde(default)]
    pub silent: Vec<String>,
    /// Signals whose condition is unknown.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Signals that an exception mutes.
    #[serde(default)]
    pub muted: Vec<String>,
}

impl Expect {
    /// Every signal that the test names.
    pub fn signals(&self) -> impl Iterator<Item = &String> {
        self.fired.iter().chain(&self.silent).chain(&self.unknown).chain(&self.muted)
    }
}

/// A fact as a test writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Given {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text, or a quantity with its unit: `9585 km/h`, `24 min`, `50 km`.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
    /// `{ unknown: stale }`.
    Unknown {
        /// Why.
        unknown: Why,
    },
}

/// Puts `given` into `slot` of `row`, as its type demands.
///
/// # Errors
/// A sentence that says what was expected.
pub(super) fn put(row: &mut Row, schema: &Schema, slot: Slot, given: &Given) -> Result<(), String> {
    let Some(field) = schema.field(slot) else { return Err("no such fact".into()) };
    let value = match (&field.ty, given) {
        (_, Given::Unknown { unknown }) => Value::Unknown(*unknown),
        (Type::Bool, Given::Bool(truth)) => Value::Bool(*truth),
        (Type::Int, Given::Int(number)) => Value::Int(*number),
        (Type::Text, Given::Text(text)) => row.push_text(text),
        (Type::Text, Given::Int(number)) => row.push_text(&number.to_string()),
        (Type::Texts, Given::Texts(texts)) => {
            let items: Vec<Value> = texts.iter().map(|text| row.push_text(text)).collect();
            row.push_list(&items)
        }
        (ty, Given::Text(text)) => quantity(ty, text).ok_or_else(|| expected(ty))?,
        (ty, _) => return Err(expected(ty)),
    };
    row.set(slot, value, Origin::Derived);
    Ok(())
}

fn expected(ty: &Type) -> String {
    match ty {
        Type::Duration => "expected a span of time such as `24 min`, `3 h` or `2 d`".into(),
        Type::Distance => "expected a distance such as `50 km` or `300 m`".into(),
        Type::Speed => "expected a speed such as `900 km/h`".into(),
        Type::Time => "expected a time such as `2026-03-01T09:14:07Z`".into(),
        Type::Geo => "expected a place such as `40.4168,-3.7038`".into(),
        Type::Level(levels) => format!("expected one of {}", levels.names.join(", ")),
        other => format!("expected {}", other.name()),
    }
}

fn quantity(ty: &Type, text: &str) -> Option<Value> {
    let number = |unit: &str| text.strip_suffix(unit).and_then(|n| n.trim().replace(',', "").parse::<i64>().ok());
    match ty {
        Type::Duration => span(text).map(Value::Duration),
        Type::Distance => number("km").map(Distance::from_km).or_else(|| number("m").map(Distance)).map(Value::Distance),
        Type::Speed => number("km/h").map(|kmh| Value::Speed(Speed::from_kmh(kmh))),
        Type::Time => text.parse::<jiff::Timestamp>().ok().map(|time| Value::Time(Time(time.as_microsecond()))),
        Type::Addr => Addr::parse(text).map(Value::Addr),
        Type::Level(levels) => levels.index_of(text).map(Value::Level),
        Type::Geo => {
            let (lat, lon) = text.split_once(',')?;
            Geo::from_degrees(lat.trim().parse().ok()?, lon.trim().parse().ok()?).map(Value::Geo)
        }
        Type::Bool | Type::Int | Type::Text | Type::Texts => None,
    }
}

/// A span of time as people write it: `90 s`, `24 min`, `3 h`, `2 d`, and as CEL does: `10m`.
pub fn span(text: &str) -> Option<Duration> {
    const UNITS: [(&str, i64); 5] = [("min", 60), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    UNITS.iter().find_map(|(unit, seconds)| {
        let count = text.trim().strip_suffix(unit)?.trim().parse::<i64>().ok()?;
        count.checked_mul(*seconds).map(Duration::from_secs)
    })
}
