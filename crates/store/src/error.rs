//! What SQLite says, as what the runtime does about it.

use adjutant_runtime::ports::StoreError;
use rusqlite::ffi;

/// What `error` means for whoever asked.
pub(crate) fn from_sqlite(error: rusqlite::Error) -> StoreError {
    let text = error.to_string();
    let Some(failure) = error.sqlite_error() else { return StoreError::Damaged(text) };
    match (failure.extended_code & 0xff, failure.extended_code) {
        // After a sync failed, nobody knows what is on the disk: the pages may have been dropped from the cache.
        (_, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => StoreError::Unclear(text),
        (ffi::SQLITE_FULL, _) => StoreError::Full(text),
        (ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB, _) => StoreError::Damaged(text),
        _ => StoreError::Unavailable(text),
    }
}

/// A stored value that is none of ours.
pub(crate) fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} is not what was written"))
}
