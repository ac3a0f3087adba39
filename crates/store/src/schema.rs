//! The tables, and how older files become newer ones.

use crate::error::from_sqlite;
use adjutant_runtime::ports::StoreError;
use rusqlite::Connection;

/// Written into the file's header, so that `file` tells what it is: `ADJT`.
const APPLICATION: i64 = 0x4144_4a54;

/// Each step takes the schema from its number to the next.
const STEPS: [&str; 1] = ["
    -- One row for each commit: a row of its own for each part would cost pages of its own. What is kept for ever stands first, so
    -- that whoever reads only that comes by nothing else: `ids` holds the names of decisions, 8 bytes for each entry; `keys` what
    -- each alert is known by and the first eight bytes of its digest, 16 bytes for each entry. Then the entries and the raw
    -- alerts, each block compressed by Zstandard; NULL when there is none, or retention removed it.
    CREATE TABLE commits (
        first INTEGER PRIMARY KEY, at INTEGER NOT NULL, leaves BLOB NOT NULL, ids BLOB NOT NULL, keys BLOB NOT NULL,
        entries BLOB, alerts BLOB
    );
    -- The entry that decided what is known by a key, and the entry that opened the case whose name begins with a key. Both lag
    -- behind: see recent.rs.
    CREATE TABLE known (key INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
    CREATE TABLE named (key INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
    -- By the entry that opened the case, so that new ones stand together at the end.
    CREATE TABLE cases (
        first INTEGER PRIMARY KEY, id BLOB NOT NULL, status INTEGER NOT NULL, outcome INTEGER NOT NULL, score INTEGER NOT NULL,
        severity INTEGER NOT NULL, alerts INTEGER NOT NULL, opened INTEGER NOT NULL, updated INTEGER NOT NULL,
        last INTEGER NOT NULL, worst INTEGER NOT NULL, playbook TEXT NOT NULL, subject TEXT NOT NULL, title TEXT NOT NULL,
        assignee TEXT NOT NULL, sampled INTEGER NOT NULL, review INTEGER NOT NULL, rank INTEGER NOT NULL
    );
    -- The queue: open cases by their rank and the entry that opened each, worst first. New ones join it many at a time: until then
    -- each would cost a page of it. No index of `cases`, which new rows would join at once.
    CREATE TABLE queue (place INTEGER NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (place DESC, entry DESC)) WITHOUT ROWID;
    CREATE TABLE documents (kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
    -- An identifier is never given twice: whoever is told knows a message again by it.
    CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, due INTEGER NOT NULL, message TEXT NOT NULL);
"];

/// Brings the file up to date.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(from_sqlite)?;
    let newest = STEPS.len() as i64;
    if version > newest {
        return Err(StoreError::Version(version));
    }
    for (number, step) in (1_i64..).zip(STEPS).skip(usize::try_from(version).unwrap_or(0)) {
        let transaction = connection.transaction().map_err(from_sqlite)?;
        transaction.execute_batch(step).map_err(from_sqlite)?;
        transaction.pragma_update(None, "user_version", number).map_err(from_sqlite)?;
        transaction.pragma_update(None, "application_id", APPLICATION).map_err(from_sqlite)?;
        transaction.commit().map_err(from_sqlite)?;
    }
    Ok(())
}

/// Which step the file is at, and which is the newest.
pub(crate) fn version(connection: &Connection) -> Result<(i64, i64), StoreError> {
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(from_sqlite)?;
    Ok((version, STEPS.len() as i64))
}

/// Fails when the file is no store, without changing it.
pub(crate) fn check(connection: &Connection) -> Result<(), StoreError> {
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(from_sqlite)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(from_sqlite)?;
    match (application, version) {
        (APPLICATION, version) if version <= STEPS.len() as i64 => Ok(()),
        (APPLICATION, version) => Err(StoreError::Version(version)),
        _ => Err(StoreError::Damaged("the file is no store of this program".into())),
    }
}
