//! How far the store has come, kept beside it: what tells that an older store was put in its place.
//!
//! The file holds the number of the journal's last line and when the file system made the store's file. It is after each commit
//! and not synced, so it may be behind after a power cut, and is never ahead of the store that it belongs to. A store that is behind its mark, is another file, or has no mark, was restored.

use super::{Result, StoreError};
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// The file in the hand's folder.
pub(crate) const FILE: &str = "hand.mark";

/// Every mark is as long, so that it is written in place.
const BYTES: usize = 42;

/// The mark.
pub(super) struct Mark {
    file: File,
    /// What tells the store's file from another.
    number: u64,
}

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marked {
    /// The last line of the journal.
    pub(crate) line: u64,
    /// What tells the store's file from another.
    pub(crate) number: u64,
}

impl Mark {
    /// Opens the mark of the store in `folder`, whose file is `store`. What it said is returned with it.
    pub(super) fn open(folder: &Path, store: &Path) -> Result<(Self, Option<Marked>)> {
        let number = number(store)?;
        let said = read(folder)?;
        let mut open = OpenOptions::new();
        let file = open.create(true).truncate(false).write(true).mode(0o600).open(folder.join(FILE)).map_err(unusable)?;
        Ok((Self { file, number }, said))
    }

    /// Says that the journal has come to this line.
    pub(super) fn set(&self, line: u64) -> Result<()> {
        self.file.write_all_at(format!("{line:020} {:020}\n", self.number).as_bytes(), 0).map_err(unusable)
    }

    /// Says so durably: the file has its length from then on.
    pub(super) fn set_durably(&self, line: u64) -> Result<()> {
        self.set(line)?;
        self.file.sync_all().map_err(unusable)
    }
}

/// What the mark in `folder` says; none when there is none, or it is no mark.
pub(crate) fn read(folder: &Path) -> Result<Option<Marked>> {
    let mut text = String::new();
    match File::open(folder.join(FILE)) {
        Ok(file) => file.take(BYTES as u64 + 1).read_to_string(&mut text).map(drop).or_else(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => Ok(()),
            _ => Err(unusable(error)),
        })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(unusable(error)),
    }
    let parts = text.strip_suffix('\n').filter(|_| text.len() == BYTES).and_then(|text| text.split_once(' '));
    Ok(parts.and_then(|(line, number)| Some(Marked { line: line.parse().ok()?, number: number.parse().ok()? })))
}

/// What tells a file from a copy that was put in its place: when it was made, in nanoseconds, or the number that the file
/// system gave it where that does not say; the numbers of files that were removed are given again.
pub(crate) fn number(file: &Path) -> Result<u64> {
    let metadata = std::fs::metadata(file).map_err(unusable)?;
    let made = metadata.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    Ok(made.map_or(metadata.ino(), |made| made.as_nanos() as u64))
}

fn unusable(error: std::io::Error) -> StoreError {
    StoreError::Unusable(error.to_string())
}
