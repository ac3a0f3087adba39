//! Walks the schema: which settings there are, what is unknown, what is out of bounds.

use adjutant_rules::lang::nearest;
use serde_json::Value;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// The schema that counts: references followed, the form that is not null chosen.
fn settle<'s>(schema: &'s Value, root: &'s Value) -> &'s Value {
    if let Some(pointer) = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#')) {
        return root.pointer(pointer).map_or(schema, |schema| settle(schema, root));
    }
    let forms = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    let mut forms = forms.filter(|form| form.get("type").and_then(Value::as_str) != Some("null"));
    forms.next().map_or(schema, |form| settle(form, root))
}

fn properties(schema: &Value) -> Option<&serde_json::Map<String, Value>> {
    schema.get("properties")?.as_object()
}

/// The schema of the setting at a path of names; list elements have no part in it.
pub(super) fn schema_at<'s>(root: &'s Value, path: &str) -> Option<&'s Value> {
    path.split('.').try_fold(root, |schema, name| Some(settle(properties(schema)?.get(name)?, root)))
}

/// Whether the setting is of this JSON type, alone or beside null.
pub(super) fn is_of(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(of)) => of == kind,
        Some(Value::Array(of)) => of.iter().any(|of| of == kind),
        _ => false,
    }
}

/// The path of every setting that has a value of its own: lists and references to secrets are values.
pub(super) fn leaves(root: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(root, root, "", &mut found);
    found
}

fn collect(schema: &Value, root: &Value, before: &str, found: &mut Vec<String>) {
    for (name, schema) in properties(schema).into_iter().flatten() {
        let (path, schema) = (join(before, name), settle(schema, root));
        if properties(schema).is_some() {
            collect(schema, root, &path, found);
        } else {
            found.push(path);
        }
    }
}

fn join(before: &str, name: &str) -> String {
    if before.is_empty() { name.to_owned() } else { format!("{before}.{name}") }
}

/// A name that is no setting.
pub(super) struct Unknown {
    pub(super) path: String,
    pub(super) at: Range<usize>,
    pub(super) nearest: Option<String>,
}

/// Every name in a file that is no setting.
pub(super) fn unknown(table: &DeTable<'_>, root: &Value) -> Vec<Unknown> {
    let mut found = Vec::new();
    look(table, root, root, "", &mut found);
    found
}

fn look(table: &DeTable<'_>, schema: &Value, root: &Value, before: &str, found: &mut Vec<Unknown>) {
    // Without properties it is a reference to a secret, which explains itself.
    let Some(known) = properties(schema) else { return };
    for (name, value) in table {
        let path = join(before, name.get_ref());
        let Some(schema) = known.get(name.get_ref().as_ref()) else {
            let nearest = nearest(name.get_ref(), known.keys().map(String::as_str)).map(|name| join(before, name));
            found.push(Unknown { path, at: name.span(), nearest });
            continue;
        };
        let schema = settle(schema, root);
        match value.get_ref() {
            DeValue::Table(table) => look(table, schema, root, &path, found),
            DeValue::Array(list) => {
                let schema = schema.get("items").map_or(schema, |items| settle(items, root));
                let tables = list.iter().enumerate().filter_map(|(nth, item)| Some((nth, item.get_ref().as_table()?)));
                tables.for_each(|(nth, table)| look(table, schema, root, &format!("{path}[{nth}]"), found));
            }
            _ => {}
        }
    }
}

/// Where a setting stands in a file: itself, or the nearest thing around it.
pub(super) fn place(table: &DeTable<'_>, path: &str) -> Option<Range<usize>> {
    let (head, rest) = path.split_once('.').map_or((path, ""), |(head, rest)| (head, rest));
    let (name, nth) = head.split_once('[').map_or((head, None), |(name, nth)| (name, nth.trim_end_matches(']').parse().ok()));
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
    let inner: Option<(Range<usize>, &DeValue<'_>)> = match (value.get_ref(), nth) {
        (list @ DeValue::Array(_), Some(nth)) => {
            let nth: usize = nth;
            list.get(nth).map(|item| (item.span(), item.get_ref()))
        }
        (value, _) => Some((key.span(), value)),
    };
    let (own, value) = inner?;
    let deeper = if let DeValue::Table(table) = value { place(table, rest) } else { None };
    Some(deeper.unwrap_or(own))
}

/// Every number and list that is out of the bounds that the schema declares, as (path, what is wrong).
pub(super) fn out_of_bounds(value: &Value, root: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    measure(value, root, root, "", &mut found);
    found
}

fn measure(value: &Value, schema: &Value, root: &Value, path: &str, found: &mut Vec<(String, String)>) {
    let schema = settle(schema, root);
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let (size, bounds) = match value {
        Value::Number(number) => (number.as_f64(), (bound("minimum"), bound("maximum"))),
        Value::Array(list) => (Some(list.len() as f64), (bound("minItems"), bound("maxItems"))),
        _ => (None, (None, None)),
    };
    if let (Some(size), (Some(least), Some(most))) = (size, bounds)
        && !(least..=most).contains(&size)
    {
        let entries = if value.is_array() { " entries" } else { "" };
        found.push((path.to_owned(), format!("`{size}`{entries} is not from {least} to {most}")));
    }
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                if let Some(schema) = properties(schema).and_then(|known| known.get(name)) {
                    measure(value, schema, root, &join(path, name), found);
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = schema.get("items") {
                list.iter().enumerate().for_each(|(nth, value)| measure(value, items, root, &format!("{path}[{nth}]"), found));
            }
        }
        _ => {}
    }
}
