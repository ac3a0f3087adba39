//! Values as people read them; the only place where a value becomes text for the eye.

use adjutant_model::quantity::Grouped;
use adjutant_model::{Row, Schema, Slot, Type, Value, Why};

/// A value as people read it.
pub fn shown(row: &Row, slot: Slot, value: Value, schema: &Schema) -> String {
    match value {
        Value::Unknown(why) => format!("unknown: {}", why.because()),
        Value::Bool(truth) => if truth { "yes" } else { "no" }.into(),
        Value::Int(number) => Grouped(number).to_string(),
        Value::Time(time) => time.to_string(),
        Value::Duration(span) => span.to_string(),
        Value::Distance(distance) => distance.to_string(),
        Value::Speed(speed) => speed.to_string(),
        Value::Geo(geo) => geo.to_string(),
        Value::Addr(addr) => addr.to_string(),
        Value::Text(range) => row.text_at(range).to_owned(),
        Value::List(range) => {
            row.list_at(range).iter().map(|item| shown(row, slot, *item, schema)).collect::<Vec<_>>().join(", ")
        }
        Value::Level(level) => match schema.field(slot).map(|field| &field.ty) {
            Some(Type::Level(levels)) => levels.name_of(level).to_owned(),
            _ => level.to_string(),
        },
    }
}

/// The name of a reason for not knowing, as records and books write it.
pub const fn why_name(why: Why) -> &'static str {
    match why {
        Why::NotStated => "not-stated",
        Why::Unreadable => "unreadable",
        Why::NoSubject => "no-subject",
        Why::NoSource => "no-source",
        Why::NotFound => "not-found",
        Why::Stale => "stale",
        Why::Breach => "breach",
        Why::Disputed => "disputed",
        Why::NoHistory => "no-history",
        Why::Evicted => "evicted",
        Why::NotComparable => "not-comparable",
        Why::Error => "error",
        Why::NotAsked => "not-asked",
        Why::Asked => "asked",
        Why::Budget => "budget",
    }
}
