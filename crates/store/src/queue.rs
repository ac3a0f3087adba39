//! New cases join the queue of open cases many at a time.
//!
//! An open case belongs between others of its rank: joined at once, each would cost a page of the queue. Until so many are new,
//! whoever lists open cases reads the new ones beside it. The queue is a table of its own: to join it, the case's row need not be
//! written again.

use crate::error::from_sqlite;
use crate::recent::{say_whole_to, whole_to};
use adjutant_engine::step::Status;
use adjutant_runtime::ports::{Kept, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

/// New entries until cases join the queue: whoever lists open cases reads those beside it, about as many rows.
pub(crate) const NEW_MAX: u64 = 2_048;

/// The queue, as the tree that has all cases opened before some entry.
const TREE: &str = "queue";

/// Cases that were opened from this entry on have not joined.
pub(crate) fn listed_to(connection: &Connection) -> Result<u64, StoreError> {
    whole_to(connection, TREE)
}

/// Lets the cases that were opened from `from` on and before `to` join.
pub(crate) fn list(connection: &Connection, from: u64, to: u64) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO queue (place, entry) SELECT rank, first FROM cases
               WHERE first >= ?1 AND first < ?2 AND status = 0 ORDER BY rank DESC, first DESC";
    let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
    statement.execute(params![from.cast_signed(), to.cast_signed()]).map_err(from_sqlite)?;
    say_whole_to(connection, TREE, to)
}

/// Moves a case that may have joined to the place that it is about to get, or takes it out when it is no longer open. Call it
/// before the case's row changes, which says where it stands.
pub(crate) fn go_along(connection: &Connection, case: &Kept) -> Result<(), StoreError> {
    let first = case.first.cast_signed();
    let sql = "SELECT rank FROM cases WHERE first = ?1 AND status = 0";
    let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
    let was: Option<i64> = statement.query_row([first], |row| row.get(0)).optional().map_err(from_sqlite)?;
    let is = (case.status == Status::Open).then(|| case.rank());
    if was == is {
        return Ok(());
    }
    for (place, sql) in [
        (was, "DELETE FROM queue WHERE place = ?1 AND entry = ?2"),
        (is, "INSERT OR REPLACE INTO queue (place, entry) VALUES (?1, ?2)"),
    ] {
        let Some(place) = place else { continue };
        let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
        statement.execute(params![place, first]).map_err(from_sqlite)?;
    }
    Ok(())
}
