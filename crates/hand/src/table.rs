//! Refreshes a table of context from whoever knows it, as a file that the service reads under its contract.
//!
//! The file is replaced as a whole, once the list has been read to its end, or it stays as it was: half a list is worse than
//! an old one. What is old is found out by its contract, as of any file: the file is as old as the list's first page. What a
//! list does not say is an empty cell, and so unknown.

use crate::connector::{CallError, Connector};
use crate::hand::Clock;
use adjutant_model::{Duration, Time};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// Pages of one list.
const PAGES_MAX: usize = 5_000;

/// Rows of one list.
const ROWS_MAX: usize = 1_000_000;

/// A longer cell is left empty: a name that is cut could be somebody else's.
const CELL_BYTES_MAX: usize = 4_096;

/// Between two tries at a page that can be tried again.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// So often a page is tried: for as long as a vendor that allows so many calls a minute may be waited for, and more.
const TRIES_MAX: usize = 60;

/// The service may read the file by its group, and nobody else may.
const MODE: u32 = 0o640;

/// One row: its cells by column.
pub type Row = BTreeMap<String, String>;

/// Something that a connector lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Its name, such as `people`.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Its rows.
    pub rows: Vec<Row>,
    /// Where the next page is, for [`Connector::list`] alone.
    pub next: Option<String>,
}

/// A table, and who lists what is in it.
pub struct Table {
    /// The name of its contract.
    pub name: String,
    /// Who lists it.
    pub connector: Arc<dyn Connector>,
    /// The name of the list there.
    pub list: String,
    /// The file that the contract reads.
    pub file: PathBuf,
    /// The columns that the contract reads.
    pub columns: Vec<String>,
    /// What separates two cells.
    pub delimiter: u8,
    /// How old the file may become before it is refreshed.
    pub every: Duration,
    /// The clock.
    pub clock: Clock,
    /// Waits between two tries.
    pub wait: fn(std::time::Duration),
}

impl Table {
    /// Whether it is time to refresh it. A file from the future is no fresh one.
    pub fn is_due(&self) -> bool {
        let modified = fs::metadata(&self.file).and_then(|data| data.modified()).ok();
        let written = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_micros());
        let written = written.and_then(|micros| i64::try_from(micros).ok()).map(Time);
        written.is_none_or(|written| !(0..self.every.0).contains(&(self.clock)().since(written).0))
    }

    /// Reads the list to its end and replaces the file; the number of its rows. None when `stop` says so meanwhile.
    ///
    /// # Errors
    /// Why the file stays as it was.
    pub fn refresh(&self, stop: &dyn Fn() -> bool) -> Result<Option<usize>, CallError> {
        let began = (self.clock)();
        let Some(rows) = self.rows(stop)? else { return Ok(None) };
        if rows.is_empty() {
            return Err(CallError::Permanent(format!("`{}` lists nothing", self.list)));
        }
        let kept = self.write(&rows, began);
        kept.map_err(|error| CallError::Retry(format!("`{}` cannot be written: {error}", self.file.display())))?;
        Ok(Some(rows.len()))
    }

    fn rows(&self, stop: &dyn Fn() -> bool) -> Result<Option<Vec<Row>>, CallError> {
        let (mut all, mut next) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let Some(page) = self.page(next.as_deref(), stop)? else { return Ok(None) };
            all.extend(page.rows);
            if all.len() > ROWS_MAX {
                return Err(CallError::Permanent(format!("`{}` has more than {ROWS_MAX} rows", self.list)));
            }
            if page.next.is_none() {
                return Ok(Some(all));
            }
            if page.next == next {
                return Err(CallError::Permanent(format!("a page of `{}` says that it is the next one", self.list)));
            }
            next = page.next;
        }
        Err(CallError::Permanent(format!("`{}` has more than {PAGES_MAX} pages", self.list)))
    }

    /// A page, tried until it is there: a vendor that is asked too often in a minute answers in the next one.
    fn page(&self, next: Option<&str>, stop: &dyn Fn() -> bool) -> Result<Option<Rows>, CallError> {
        let mut tries = 0;
        loop {
            if stop() {
                return Ok(None);
            }
            match self.connector.list(&self.list, next) {
                Err(CallError::Retry(_)) if tries < TRIES_MAX => tries += 1,
                answer => return answer.map(Some),
            }
            (self.wait)(AGAIN);
        }
    }

    fn write(&self, rows: &[Row], began: Time) -> io::Result<()> {
        let new = self.file.with_added_extension("new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&new)?;
        // The mask may have taken the group's right to read.
        file.set_permissions(Permissions::from_mode(MODE))?;
        let mut writes = BufWriter::new(&file);
        self.line(&mut writes, self.columns.iter().map(String::as_str))?;
        for row in rows {
            self.line(&mut writes, self.columns.iter().map(|column| row.get(column).map_or("", String::as_str)))?;
        }
        writes.flush()?;
        drop(writes);
        let micros = u64::try_from(began.0).unwrap_or_default();
        file.set_modified(UNIX_EPOCH + std::time::Duration::from_micros(micros))?;
        file.sync_all()?;
        fs::rename(&new, &self.file)?;
        self.file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    fn line<'a>(&self, writes: &mut impl io::Write, cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
        for (nth, cell) in cells.enumerate() {
            if nth > 0 {
                writes.write_all(&[self.delimiter])?;
            }
            let cell = if cell.len() > CELL_BYTES_MAX { "" } else { cell };
            // One row is one line, whatever somebody calls himself.
            let plain: String = cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            write!(writes, "\"{}\"", plain.replace('"', "\"\""))?;
        }
        writes.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests;
