//! New cases join the index of open cases many at a time.
//!
//! An open case belongs between others of its rank: joined at once, each would cost a page of the index. Until so many are new,
//! whoever lists open cases reads the new ones beside the index.

use crate::error::from_sqlite;
use crate::recent::{say_whole_to, whole_to};
use adjutant_runtime::ports::StoreError;
use rusqlite::{Connection, params};

/// New entries until cases join the index: whoever lists open cases reads those beside it, about as many rows.
pub(crate) const NEW_MAX: u64 = 2_048;

/// The index, as the tree that has all cases opened before some entry.
const TREE: &str = "queue";

/// Cases that were opened from this entry on have not joined.
pub(crate) fn listed_to(connection: &Connection) -> Result<u64, StoreError> {
    whole_to(connection, TREE)
}

/// Lets the cases that were opened from `from` on and before `to` join.
pub(crate) fn list(connection: &Connection, from: u64, to: u64) -> Result<(), StoreError> {
    let sql = "UPDATE cases SET listed = 1 WHERE first >= ?1 AND first < ?2";
    let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
    statement.execute(params![from.cast_signed(), to.cast_signed()]).map_err(from_sqlite)?;
    say_whole_to(connection, TREE, to)
}
