//! JSON documents and JSON Lines: each object is a row, and a column may be a dotted path into it.

use adjutant_engine::context::{Builder, Raw, short};
use adjutant_model::Time;
use adjutant_rules::contract::known;
use serde_json::Value;
use std::borrow::Cow;

/// Reads a whole document.
///
/// # Errors
/// Where and why it is no JSON.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("it is no JSON ({error}); check that the export is whole"))
}

/// Adds the rows of `document`, which lie under the keys `at`, to `builder`.
///
/// # Errors
/// That there are no rows under these keys.
pub(super) fn read(document: &Value, at: &[String], builder: &mut Builder<'_>) -> Result<(), String> {
    let nothing = || format!("there is nothing at `{}`; correct `at` in the contract", at.join("."));
    let rows = step_all(document, at).ok_or_else(nothing)?;
    let columns = builder.columns().to_vec();
    match rows {
        Value::Array(rows) => rows.iter().zip(1..).for_each(|(row, place)| push(row, None, place, &columns, builder)),
        Value::Object(rows) => {
            rows.iter().zip(1..).for_each(|((key, row), place)| push(row, Some(key), place, &columns, builder));
        }
        _ => return Err("its rows are neither a list nor an object of objects; set `at` in the contract".into()),
    }
    Ok(())
}

/// Adds each line of `text` to `builder`.
pub(super) fn read_lines(text: &str, builder: &mut Builder<'_>) -> Result<(), String> {
    let columns = builder.columns().to_vec();
    for (line, place) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        match serde_json::from_str::<Value>(line) {
            Ok(row) => push(&row, None, place, &columns, builder),
            Err(error) => builder.bad(format!("line {place}: it is no JSON ({error})")),
        }
    }
    Ok(())
}

fn push(row: &Value, key: Option<&str>, place: u64, columns: &[String], builder: &mut Builder<'_>) {
    if !row.is_object() {
        builder.bad(format!("row {place}: `{}` is no object", short(&row.to_string())));
        return;
    }
    let cell = |column: &String| match (column.as_str(), key) {
        // In an object of objects, the key of a row is its column `key`.
        ("key", Some(key)) => Raw::Text(Cow::Borrowed(key)),
        _ => raw(find(row, column)),
    };
    builder.push(place, &columns.iter().map(cell).collect::<Vec<_>>());
}

/// What is under `column`: a key as it is written, or a dotted path.
fn find<'v>(row: &'v Value, column: &str) -> Option<&'v Value> {
    row.get(column).or_else(|| column.split('.').try_fold(row, step))
}

fn step<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    value.get(key).or_else(|| value.get(key.parse::<usize>().ok()?))
}

fn step_all<'v>(value: &'v Value, keys: &[String]) -> Option<&'v Value> {
    keys.iter().try_fold(value, |value, key| step(value, key))
}

/// The cell that a JSON value is.
pub(super) fn raw(value: Option<&Value>) -> Raw<'_> {
    match value {
        None | Some(Value::Null) => Raw::Missing,
        Some(Value::String(text)) => Raw::Text(Cow::Borrowed(text)),
        Some(scalar @ (Value::Bool(_) | Value::Number(_))) => Raw::Text(Cow::Owned(scalar.to_string())),
        Some(Value::Array(items)) => items.iter().map(scalar_text).collect::<Option<_>>().map_or(Raw::Unreadable, Raw::List),
        Some(Value::Object(_)) => Raw::Unreadable,
    }
}

fn scalar_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Bool(_) | Value::Number(_) => Some(Cow::Owned(value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The instant under the keys `path`.
///
/// # Errors
/// That there is none.
pub(super) fn time_at(document: &Value, path: &[String]) -> Result<Option<Time>, String> {
    let Raw::Text(text) = raw(step_all(document, path)) else {
        return Err(format!("there is no time at `{}`; correct `as_of` in the contract", path.join(".")));
    };
    known::time(&text).map(Some).ok_or_else(|| format!("`{}` at `{}` is no time", short(&text), path.join(".")))
}
