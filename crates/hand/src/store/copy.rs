//! Copies of the hand's store, and putting one back: which begins another epoch.

use super::{APPLICATION, FILE, Result, StoreError, mark};
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Writes a copy of the store in `folder` to the new file `to`, also while a hand uses it.
///
/// # Errors
/// There is no store, the file is there already, or cannot be written.
pub fn copy(folder: &Path, to: &Path) -> Result<()> {
    let db = known(&folder.join(FILE))?;
    let name = to.to_str().ok_or_else(|| StoreError::Unusable("the name of the copy is no text".to_owned()))?;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(|error| unusable(to, &error))?;
    let copied = db.execute("VACUUM INTO ?1", [name]).map_err(StoreError::from);
    let synced = copied.and_then(|_| File::open(to).and_then(|file| file.sync_all()).map_err(|error| unusable(to, &error)));
    if synced.is_err() {
        // Half a copy would look like one; when it cannot be removed, the error before says enough.
        let _ = fs::remove_file(to);
    }
    synced
}

/// Makes a store in `folder` of the copy `from`. The next start begins another epoch: nothing says what was done since.
///
/// # Errors
/// It is no copy of a hand's store or is damaged, or the folder has a store already.
pub fn put_back(from: &Path, folder: &Path) -> Result<()> {
    let faults: String = known(from)?.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if faults != "ok" {
        return Err(StoreError::Unusable(format!("the copy is damaged: {faults}")));
    }
    let (file, new) = (folder.join(FILE), folder.join(format!("{FILE}.new")));
    for there in [file.clone(), folder.join(format!("{FILE}-wal"))] {
        if there.exists() {
            return Err(StoreError::Unusable(format!("`{}` is there already: name a new folder", there.display())));
        }
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| unusable(folder, &error))?;
    let put = || -> io::Result<()> {
        let mut to = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        io::copy(&mut File::open(from)?, &mut to)?;
        to.sync_all()?;
        match fs::remove_file(folder.join(mark::FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(&new, &file)?;
        File::open(folder)?.sync_all()
    };
    put().map_err(|error| unusable(&file, &error))
}

/// A store of a hand, opened to be read.
fn known(file: &Path) -> Result<Connection> {
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application == APPLICATION { Ok(db) } else { Err(StoreError::Foreign) }
}

fn unusable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unusable(format!("`{}`: {error}", path.display()))
}
