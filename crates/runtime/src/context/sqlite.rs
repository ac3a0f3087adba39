//! A query on an SQLite database, which is opened for reading only.

use adjutant_engine::context::{Builder, Raw};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::borrow::Cow;
use std::path::Path;

/// Adds the rows that `query` returns to `builder`.
///
/// # Errors
/// Why the database or the query cannot be used.
pub(super) fn read(path: &Path, query: &str, builder: &mut Builder<'_>) -> Result<(), String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags).map_err(|error| format!("it cannot be opened ({error})"))?;
    let refused = |error: rusqlite::Error| format!("the query fails ({error}); correct `query` or `table` in the contract");
    let mut statement = database.prepare(query).map_err(refused)?;
    if !statement.readonly() {
        return Err("the query writes; a context contract only reads".into());
    }
    let names: Vec<String> = statement.column_names().into_iter().map(String::from).collect();
    let place = |wanted: &String| {
        let found = names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
        found.ok_or_else(|| format!("the query returns no column `{wanted}`; it returns {}", names.join(", ")))
    };
    let places: Vec<usize> = builder.columns().iter().map(place).collect::<Result<_, String>>()?;
    let mut rows = statement.query([]).map_err(refused)?;
    for number in 1.. {
        let Some(row) = rows.next().map_err(|error| format!("row {number} cannot be read ({error})"))? else { break };
        let cell = |place: &usize| row.get_ref(*place).map_or(Raw::Unreadable, raw);
        builder.push(number, &places.iter().map(cell).collect::<Vec<_>>());
    }
    Ok(())
}

fn raw(value: ValueRef<'_>) -> Raw<'_> {
    match value {
        ValueRef::Null => Raw::Missing,
        ValueRef::Integer(number) => Raw::Text(Cow::Owned(number.to_string())),
        ValueRef::Real(number) => Raw::Text(Cow::Owned(number.to_string())),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).map_or(Raw::Unreadable, |text| Raw::Text(Cow::Borrowed(text))),
        ValueRef::Blob(_) => Raw::Unreadable,
    }
}
