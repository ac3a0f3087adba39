//! New cases join the index of open cases many at a time.
//!
//! An open case belongs between others of its rank: joined at once, each would cost a page of the index. Until so many are new,
//! whoever lists open cases reads the new ones beside the index.

use crate::error::from_sqlite;
use adjutant_runtime::ports::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

/// New entries until cases join the index: whoever lists open cases reads those beside it, about as many rows.
pub(crate) const NEW_MAX: u64 = 2_048;

/// The document that says which cases have joined: those opened before this entry.
const TREE: (&str, &str) = ("tree", "queue");

/// Cases that were opened from this entry on have not joined.
pub(crate) fn listed_to(connection: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT body FROM documents WHERE kind = ?1 AND id = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
    let text = statement.query_row(params![TREE.0, TREE.1], |row| row.get::<_, String>(0)).optional().map_err(from_sqlite)?;
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Lets the cases that were opened from `from` on and before `to` join.
pub(crate) fn list(connection: &Connection, from: u64, to: u64) -> Result<(), StoreError> {
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(from_sqlite)
    };
    let (from, next) = (from.cast_signed(), to.cast_signed());
    execute("UPDATE cases SET listed = 1 WHERE first >= ?1 AND first < ?2", &[&from, &next])?;
    let sql = "INSERT OR REPLACE INTO documents (kind, id, body) VALUES (?1, ?2, ?3)";
    execute(sql, &[&TREE.0, &TREE.1, &to.to_string()]).map(|_| ())
}
