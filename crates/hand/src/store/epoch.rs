//! Epochs: a store that was restored does not know what was done and signed since, so what was approved before is void.

use super::mark::{self, Marked};
use super::{FILE, Follows, Kept, Result, Store, StoreError, With, move_on, note};
use adjutant_engine::act::Happened;
use adjutant_model::Time;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use std::path::Path;

/// That a store was restored, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// It ends before a line that it had.
    Behind(u64),
    /// It is another file than the one that was marked.
    Replaced(u64),
    /// Nothing says how far it had come.
    Unmarked,
}

impl Restored {
    /// A line that it had; none when nobody knows.
    pub(crate) fn line(self) -> u64 {
        match self {
            Restored::Behind(line) | Restored::Replaced(line) => line,
            Restored::Unmarked => 0,
        }
    }

    /// How it is known, for people.
    pub fn says(self) -> String {
        match self {
            Restored::Behind(line) => format!("the store ends before line {line} of its journal, which it had"),
            Restored::Replaced(_) => "the store's file is not the one that was used last".to_owned(),
            Restored::Unmarked => {
                format!("`{}` is not there or unreadable, and nothing else says how far the store had come", mark::FILE)
            }
        }
    }
}

/// What a mark says of a store whose journal ends at `last` and whose file has this number. A store in which nothing ever
/// happened needs no mark.
pub(super) fn restored(last: u64, said: Option<Marked>, number: u64) -> Option<Restored> {
    match said {
        None => (last > 0).then_some(Restored::Unmarked),
        Some(said) if said.line > last => Some(Restored::Behind(said.line)),
        Some(said) if said.number != number => (last > 0).then_some(Restored::Replaced(said.line)),
        Some(_) => None,
    }
}

impl Store {
    /// Whether the store was restored, and no epoch was begun since.
    pub fn restored(&self) -> Option<Restored> {
        self.restored
    }

    /// The number of the epoch.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn epoch(&self) -> Result<u64> {
        Ok(self.setting("epoch")?.and_then(|epoch| epoch.parse().ok()).unwrap_or(1))
    }

    /// Begins another epoch: what waits for an answer or for its turn is void. The journal goes on after `line`, which the
    /// store may have had. Returns how many actions are void.
    pub(crate) fn begin_epoch(&self, line: u64, why: &str, now: Time) -> Result<usize> {
        let epoch = self.epoch()? + 1;
        let waiting: Vec<Kept> = self.select("stage IN (0, 5)", &[])?;
        let follows: Vec<Follows<'_>> = waiting.iter().map(|action| (action.key.as_str(), Happened::Cancelled)).collect();
        self.change(|db| {
            let line = line.cast_signed();
            if db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'journal'", [line])? == 0 {
                db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('journal', ?1)", [line])?;
            }
            db.execute("INSERT OR REPLACE INTO setting (name, value) VALUES ('epoch', ?1)", [epoch.to_string()])?;
            note(db, now, "epoch", &serde_json::json!({ "epoch": epoch, "void": follows.len(), "says": why }))?;
            let with = With { says: "the hand's store was restored since: plan it again".to_owned(), ..With::default() };
            follows.iter().try_for_each(|follows| move_on(db, *follows, &with, now).map(drop))
        })?;
        Ok(waiting.len())
    }
}

/// How a hand's store stands, read while nobody writes to it or somebody does; nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The epoch.
    pub epoch: u64,
    /// When it began and why, if it is not the first.
    pub began: Option<(Time, String)>,
    /// The next start begins another.
    pub restored: Option<Restored>,
    /// Actions by stage, of those that wait for a person: planned, unclear, stuck.
    pub waiting: [u64; 3],
}

/// How the store in `folder` stands.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn standing(folder: &Path) -> Result<Standing> {
    let file = folder.join(FILE);
    let db = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let last = super::last_line(&db)?;
    let epoch = db.query_row("SELECT value FROM setting WHERE name = 'epoch'", [], super::text).optional()?;
    let began = db
        .query_row(
            "SELECT at, coalesce(json_extract(body, '$.says'), '') FROM journal WHERE kind = 'epoch' ORDER BY seq DESC LIMIT 1",
            [],
            |row| Ok((Time(row.get(0)?), row.get(1)?)),
        )
        .optional()?;
    let mut count = db.prepare("SELECT count(*) FROM action WHERE stage = ?1")?;
    let mut waiting = [0; 3];
    for (count_of, stage) in waiting.iter_mut().zip([0_i64, 10, 14]) {
        *count_of = count.query_row(params![stage], |row| row.get::<_, i64>(0))?.cast_unsigned();
    }
    let epoch =
        epoch.map_or(Ok(1), |epoch| epoch.parse().map_err(|_| StoreError::Unusable("the epoch is damaged".to_owned())))?;
    Ok(Standing { epoch, began, restored: restored(last, mark::read(folder)?, mark::number(&file)?), waiting })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_as_it_was_left_or_was_restored() {
        let said = |line, number| Some(Marked { line, number });
        assert_eq!(restored(0, None, 7), None);
        assert_eq!(restored(5, said(5, 7), 7), None);
        assert_eq!(restored(6, said(5, 7), 7), None, "a mark may be behind");
        assert_eq!(restored(4, said(5, 7), 7), Some(Restored::Behind(5)));
        assert_eq!(restored(0, said(5, 7), 7), Some(Restored::Behind(5)));
        assert_eq!(restored(5, said(5, 7), 8), Some(Restored::Replaced(5)));
        assert_eq!(restored(5, None, 7), Some(Restored::Unmarked));
    }
}
