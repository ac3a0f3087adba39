//! Connections that read what was committed.

use crate::error::{damaged, from_sqlite};
use crate::pack::unpack;
use crate::queue;
use crate::recent::{KEY, Recent, Tree, key_and_content};
use crate::schema;
use crate::write::{Options, checkpoint, connect};
use adjutant_engine::step::Status;
use adjutant_ledger::Hash;
use adjutant_model::{CaseId, Outcome, Time};
use adjutant_runtime::ports::{Block, BlockVisitor, Kept, Known, Outgoing, Parts, Read, StoreError, Wanted};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use zstd::bulk::Decompressor;

/// Columns of a case, in the order of [`kept`].
const CASE: &str = "id, first, status, outcome, score, severity, alerts, opened, updated, last, worst, playbook, subject, title, \
     assignee, sampled, review";

pub(crate) const CASE_AT: &str = "SELECT id, first, status, outcome, score, severity, alerts, opened, updated, last, worst, \
     playbook, subject, title, assignee, sampled, review FROM cases WHERE first = ?1";

/// Changes what is there in place: a replaced row would be taken out of every index and put back.
pub(crate) const PUT_CASE: &str = "INSERT INTO cases (first, id, status, outcome, score, severity, alerts, opened, \
     updated, last, worst, playbook, subject, title, assignee, sampled, review, rank) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) \
     ON CONFLICT (first) DO UPDATE SET id = ?2, status = ?3, outcome = ?4, score = ?5, severity = ?6, alerts = ?7, \
     opened = ?8, updated = ?9, last = ?10, worst = ?11, playbook = ?12, subject = ?13, title = ?14, assignee = ?15, \
     sampled = ?16, review = ?17, rank = ?18";

/// Bytes of a leaf, and of an entry's name in `commits.ids`.
const LEAF: usize = 32;
const ID: usize = 8;

/// Reads a store.
pub struct Reader {
    connection: Connection,
    path: PathBuf,
    options: Options,
    decompressor: Decompressor<'static>,
    known: Recent,
    named: Recent,
}

impl Reader {
    /// Opens the store in the file `path` to read.
    ///
    /// # Errors
    /// It is not there, is none, or a newer release wrote it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_as(path, &Options::default())
    }

    pub(crate) fn open_as(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = connect(path, options, flags)?;
        connection.pragma_update(None, "query_only", true).map_err(from_sqlite)?;
        schema::check(&connection)?;
        let decompressor = Decompressor::new().map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let [known, named] = [Tree::Known, Tree::Named].map(|tree| Recent::new(tree, usize::MAX));
        Ok(Self { connection, path: path.into(), options: options.clone(), decompressor, known, named })
    }

    /// What SQLite finds wrong with the file's structure, at most `faults_max` faults; takes as long as reading all of it.
    ///
    /// # Errors
    /// It cannot be read at all.
    pub fn faults(&mut self, faults_max: u32) -> Result<Vec<String>, StoreError> {
        let sql = format!("PRAGMA integrity_check({faults_max})");
        let mut statement = self.connection.prepare(&sql).map_err(from_sqlite)?;
        let found = statement.query_map([], |row| row.get::<_, String>(0)).map_err(from_sqlite)?;
        let found = found.collect::<Result<Vec<_>, _>>().map_err(from_sqlite)?;
        Ok(found.into_iter().filter(|fault| fault != "ok").collect())
    }

    /// The format of the file, and the newest that this release knows.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn format(&self) -> Result<(i64, i64), StoreError> {
        schema::version(&self.connection)
    }
}

pub(crate) fn len(connection: &Connection) -> Result<u64, StoreError> {
    let last = connection
        .query_row("SELECT first, length(leaves) FROM commits ORDER BY first DESC LIMIT 1", [], |row| {
            Ok(row.get::<_, i64>(0)?.cast_unsigned() + row.get::<_, i64>(1)?.cast_unsigned() / LEAF as u64)
        })
        .optional();
    Ok(last.map_err(from_sqlite)?.unwrap_or(0))
}

/// The first entry that was written at `at` or later.
pub(crate) fn since(connection: &Connection, at: Time) -> Result<u64, StoreError> {
    // `at` never falls from one commit to the next, so the first one that is late enough is found by halving.
    let (mut low, mut high) = (0, len(connection)?);
    let sql = "SELECT first, at, length(leaves) FROM commits WHERE first <= ?1 ORDER BY first DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
    while low < high {
        let middle = low + (high - low) / 2;
        let (first, written, bytes): (i64, i64, i64) = statement
            .query_row([middle.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .map_err(from_sqlite)?;
        if written >= at.0 {
            high = first.cast_unsigned();
        } else {
            low = first.cast_unsigned() + bytes.cast_unsigned() / LEAF as u64;
        }
    }
    Ok(low)
}

/// What was accepted under `key`, if the entry `seq` says so: a tree that points elsewhere knows nothing.
pub(crate) fn known_at(connection: &Connection, key: u64, seq: u64) -> Result<Option<Known>, StoreError> {
    let sql = "SELECT substr(keys, (?1 - first) * 16 + 1, 16) FROM commits WHERE first <= ?1 ORDER BY first DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
    let pair = statement.query_row([seq.cast_signed()], |row| row.get::<_, [u8; KEY]>(0)).optional().map_err(from_sqlite)?;
    let is = pair.map(|pair| key_and_content(&pair)).filter(|(of, _)| *of == key);
    Ok(is.map(|(_, content)| Known { seq, content }))
}

/// The case that the entry `first` opened.
pub(crate) fn case_at(connection: &Connection, first: u64) -> Result<Option<Kept>, StoreError> {
    let mut statement = connection.prepare_cached(CASE_AT).map_err(from_sqlite)?;
    statement.query_row([first.cast_signed()], kept).optional().map_err(from_sqlite)
}

pub(crate) fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let wrong = |column: usize| rusqlite::Error::IntegralValueOutOfRange(column, 0);
    Ok(Kept {
        id: CaseId(row.get::<_, [u8; 16]>(0)?),
        first: row.get::<_, i64>(1)?.cast_unsigned(),
        status: Status::from_code(row.get(2)?).ok_or_else(|| wrong(2))?,
        outcome: Outcome::from_code(row.get(3)?).ok_or_else(|| wrong(3))?,
        score: row.get(4)?,
        severity: row.get(5)?,
        alerts: row.get(6)?,
        opened: Time(row.get(7)?),
        updated: Time(row.get(8)?),
        last: row.get::<_, i64>(9)?.cast_unsigned(),
        worst: row.get::<_, i64>(10)?.cast_unsigned(),
        playbook: row.get(11)?,
        subject: row.get(12)?,
        title: row.get(13)?,
        assignee: row.get(14)?,
        sampled: row.get(15)?,
        review: row.get(16)?,
    })
}

impl Read for Reader {
    fn another(&self) -> Result<Box<dyn Read>, StoreError> {
        Ok(Box::new(Self::open_as(&self.path, &self.options)?))
    }

    fn write_back(&mut self) -> Result<(), StoreError> {
        checkpoint(&self.connection)
    }

    fn blocks(&mut self, from: u64, parts: Parts, each: &mut BlockVisitor<'_>) -> Result<(), StoreError> {
        let Self { connection, decompressor, .. } = self;
        let sql = match parts {
            Parts::Leaves => "SELECT first, at, leaves FROM commits WHERE first >= ?1 ORDER BY first",
            Parts::Entries => "SELECT first, at, leaves, entries FROM commits WHERE first >= ?1 ORDER BY first",
            Parts::Raw => "SELECT first, at, leaves, entries, alerts, ids, keys FROM commits WHERE first >= ?1 ORDER BY first",
        };
        // The commit that holds `from` begins at it or before.
        let begin: Option<i64> = connection
            .query_row("SELECT max(first) FROM commits WHERE first <= ?1", [from.cast_signed()], |row| row.get(0))
            .map_err(from_sqlite)?;
        let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
        let mut rows = statement.query([begin.unwrap_or(0)]).map_err(from_sqlite)?;
        let mut block = Block::default();
        while let Some(row) = rows.next().map_err(from_sqlite)? {
            take(row, parts, decompressor, &mut block)?;
            let end = block.first + block.leaves.len() as u64;
            if end > from && !each(&block)? {
                break;
            }
        }
        Ok(())
    }

    fn find(&mut self, prefix: &str, limit: usize) -> Result<Vec<u64>, StoreError> {
        let Some(wanted) = Prefix::parse(prefix) else { return Ok(Vec::new()) };
        let sql = "SELECT first, ids FROM commits ORDER BY first DESC";
        let mut statement = self.connection.prepare_cached(sql).map_err(from_sqlite)?;
        let mut rows = statement.query([]).map_err(from_sqlite)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(from_sqlite)? {
            let first = row.get::<_, i64>(0).map_err(from_sqlite)?.cast_unsigned();
            let ids = row.get_ref(1).and_then(|value| Ok(value.as_blob()?)).map_err(from_sqlite)?;
            let numbered = (first..).zip(ids.chunks_exact(ID)).filter(|(_, id)| wanted.begins(id)).map(|(seq, _)| seq);
            found.extend(numbered.collect::<Vec<_>>().into_iter().rev());
            if found.len() >= limit {
                found.truncate(limit);
                break;
            }
        }
        Ok(found)
    }

    fn since(&mut self, at: Time) -> Result<u64, StoreError> {
        since(&self.connection, at)
    }

    fn cases(&mut self, wanted: &Wanted) -> Result<Vec<Kept>, StoreError> {
        let (rank, first) = wanted.after.map_or((i64::MAX, i64::MAX), |after| (after.rank, after.first.cast_signed()));
        // A case is found by the outcome that it is shown with, see `shown_outcome`.
        let wanted_rows = "(?1 IS NULL OR CASE WHEN sampled = 1 AND status = 0 THEN max(outcome, 1) ELSE outcome END = ?1) AND (?2 IS NULL OR playbook = ?2) AND (?3 IS NULL OR assignee = ?3)
             AND (?4 = 0 OR review = 1)";
        let sql = match wanted.status {
            Some(Status::Open) => {
                let to = queue::listed_to(&self.connection)?;
                let listed = CASE.replacen("first", "entry AS first", 1);
                format!(
                    "SELECT {listed}, place AS rank FROM queue CROSS JOIN cases ON first = entry
                     WHERE (place, entry) < (?5, ?6) AND entry < {to} AND status = 0 AND {wanted_rows}
                     UNION ALL SELECT {CASE}, rank FROM cases WHERE first >= {to} AND status = 0 AND (rank, first) < (?5, ?6) AND {wanted_rows}
                     ORDER BY rank DESC, first DESC LIMIT ?7"
                )
            }
            other => {
                let status = other.map_or("1".into(), |status| format!("status = {}", status as u8));
                format!(
                    "SELECT {CASE}, rank FROM cases WHERE {status} AND (rank, first) < (?5, ?6) AND {wanted_rows}
                     ORDER BY rank DESC, first DESC LIMIT ?7"
                )
            }
        };
        let mut statement = self.connection.prepare_cached(&sql).map_err(from_sqlite)?;
        let outcome = wanted.outcome.map(|outcome| outcome as u8);
        let limit = i64::try_from(wanted.limit).unwrap_or(i64::MAX);
        let values = params![outcome, wanted.playbook, wanted.assignee, wanted.review, rank, first, limit];
        let rows = statement.query_map(values, placed).map_err(from_sqlite)?;
        rows.map(in_place).collect()
    }

    fn cases_from(&mut self, first: u64, limit: usize) -> Result<Vec<Kept>, StoreError> {
        let sql = format!("SELECT {CASE}, rank FROM cases WHERE first >= ?1 ORDER BY first LIMIT ?2");
        let mut statement = self.connection.prepare_cached(&sql).map_err(from_sqlite)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![first.cast_signed(), limit], placed).map_err(from_sqlite)?;
        rows.map(in_place).collect()
    }

    fn case_named(&mut self, prefix: &str, limit: usize) -> Result<Vec<Kept>, StoreError> {
        let Some((low, high)) = Prefix::parse(prefix).map(|prefix| prefix.range()) else { return Ok(Vec::new()) };
        // Those that are new first: whatever leaves them meanwhile is in the tree when that is asked.
        self.named.refresh(&self.connection)?;
        let mut firsts: BTreeSet<u64> = self.named.range(low, high).collect();
        let sql = "SELECT seq FROM named WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3";
        let mut statement = self.connection.prepare_cached(sql).map_err(from_sqlite)?;
        let rows = statement.query_map(params![low, high, i64::try_from(limit).unwrap_or(i64::MAX)], |row| row.get::<_, i64>(0));
        for first in rows.map_err(from_sqlite)? {
            firsts.insert(first.map_err(from_sqlite)?.cast_unsigned());
        }
        let digits = prefix.to_ascii_lowercase();
        let cases = firsts.into_iter().filter_map(|first| case_at(&self.connection, first).transpose());
        let named = cases.filter(|case| case.as_ref().map_or(true, |case| hex(&case.id.0).starts_with(&digits)));
        named.take(limit).collect()
    }

    fn count(&mut self) -> Result<Vec<(Status, Outcome, u64)>, StoreError> {
        let sql = "SELECT status, outcome, count(*) FROM cases GROUP BY 1, 2";
        let mut statement = self.connection.prepare_cached(sql).map_err(from_sqlite)?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, u8>(0)?, row.get::<_, u8>(1)?, row.get::<_, i64>(2)?)));
        let counts = rows.map_err(from_sqlite)?.collect::<Result<Vec<_>, _>>().map_err(from_sqlite)?;
        let read = |(status, outcome, count): (u8, u8, i64)| {
            Some((Status::from_code(status)?, Outcome::from_code(outcome)?, count.cast_unsigned()))
        };
        counts.into_iter().map(|count| read(count).ok_or_else(|| damaged("a case"))).collect()
    }

    fn documents(&mut self, kind: &str) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT id, body FROM documents WHERE kind = ?1 ORDER BY id";
        let mut statement = self.connection.prepare_cached(sql).map_err(from_sqlite)?;
        let rows = statement.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?))).map_err(from_sqlite)?;
        rows.collect::<Result<_, _>>().map_err(from_sqlite)
    }

    fn document(&mut self, kind: &str, id: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT body FROM documents WHERE kind = ?1 AND id = ?2";
        let mut statement = self.connection.prepare_cached(sql).map_err(from_sqlite)?;
        statement.query_row([kind, id], |row| row.get(0)).optional().map_err(from_sqlite)
    }

    fn due(&mut self, now: Time, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        let sql = "SELECT id, message FROM outbox WHERE due <= ?1 ORDER BY due, id LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql).map_err(from_sqlite)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement
            .query_map(params![now.0, limit], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))
            .map_err(from_sqlite)?;
        rows.map(|row| {
            let (id, text) = row.map_err(from_sqlite)?;
            let message: Outgoing = serde_json::from_str(&text).map_err(|_| damaged("a message"))?;
            Ok(Outgoing { id, ..message })
        })
        .collect()
    }

    fn known(&mut self, key: u64) -> Result<Option<Known>, StoreError> {
        self.known.refresh(&self.connection)?;
        match self.known.find(&self.connection, key.cast_signed())? {
            Some(seq) => known_at(&self.connection, key, seq),
            None => Ok(None),
        }
    }

    fn hold(&mut self) -> Result<(), StoreError> {
        self.connection.execute_batch("BEGIN").map_err(from_sqlite)
    }

    fn release(&mut self) -> Result<(), StoreError> {
        self.connection.execute_batch("COMMIT").map_err(from_sqlite)
    }

    fn bytes(&mut self) -> Result<u64, StoreError> {
        let pages: i64 = self.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).map_err(from_sqlite)?;
        let size: i64 = self.connection.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(from_sqlite)?;
        Ok(pages.cast_unsigned() * size.cast_unsigned())
    }
}

/// A case with its place in the queue.
fn placed(row: &Row<'_>) -> rusqlite::Result<(Kept, i64)> {
    Ok((kept(row)?, row.get(17)?))
}

fn in_place(row: rusqlite::Result<(Kept, i64)>) -> Result<Kept, StoreError> {
    match row.map_err(from_sqlite)? {
        (kept, rank) if kept.rank() == rank => Ok(kept),
        (kept, _) => Err(damaged(&format!("the place of case {} in the queue", kept.id))),
    }
}

fn take(row: &Row<'_>, parts: Parts, decompressor: &mut Decompressor<'_>, block: &mut Block) -> Result<(), StoreError> {
    block.first = row.get::<_, i64>(0).map_err(from_sqlite)?.cast_unsigned();
    block.at = Time(row.get(1).map_err(from_sqlite)?);
    let leaves = row.get_ref(2).and_then(|value| Ok(value.as_blob()?)).map_err(from_sqlite)?;
    let (leaves, rest) = leaves.as_chunks::<LEAF>();
    if leaves.is_empty() || !rest.is_empty() {
        return Err(damaged("a row of leaves"));
    }
    block.leaves.clear();
    block.leaves.extend(leaves.iter().map(|leaf| Hash(*leaf)));
    let mut unpacked = |column: usize, into: &mut Vec<u8>| {
        let stored = row.get_ref(column).and_then(|value| Ok(value.as_blob_or_null()?)).map_err(from_sqlite)?;
        into.clear();
        stored.map_or(Ok(()), |stored| unpack(stored, decompressor, into))
    };
    if parts >= Parts::Entries {
        unpacked(3, &mut block.entries)?;
    }
    if parts >= Parts::Raw {
        unpacked(4, &mut block.raw)?;
        let ids = row.get_ref(5).and_then(|value| Ok(value.as_blob()?)).map_err(from_sqlite)?;
        let (ids, rest) = ids.as_chunks::<ID>();
        if ids.len() != block.leaves.len() || !rest.is_empty() {
            return Err(damaged("a row of names"));
        }
        block.ids.clear();
        block.ids.extend_from_slice(ids);
        let keys = row.get_ref(6).and_then(|value| Ok(value.as_blob()?)).map_err(from_sqlite)?;
        let (keys, rest) = keys.as_chunks::<KEY>();
        if keys.len() != block.leaves.len() || !rest.is_empty() {
            return Err(damaged("a row of keys"));
        }
        block.keys.clear();
        block.keys.extend(keys.iter().map(key_and_content));
    }
    Ok(())
}

/// The first hexadecimal digits of a name, at most sixteen of which are looked at.
struct Prefix {
    low: u64,
    high: u64,
}

impl Prefix {
    fn parse(digits: &str) -> Option<Self> {
        let digits: String = digits.chars().take(ID * 2).collect();
        let number = u64::from_str_radix(&digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
        let missing = 4 * (ID * 2 - digits.len()) as u32;
        let low = number.checked_shl(missing).unwrap_or(0);
        Some(Self { low, high: low | 1_u64.checked_shl(missing).map_or(u64::MAX, |bit| bit - 1) })
    }

    fn begins(&self, id: &[u8]) -> bool {
        let number = id.first_chunk().map_or(0, |id| u64::from_be_bytes(*id));
        number != 0 && (self.low..=self.high).contains(&number)
    }

    fn range(&self) -> (i64, i64) {
        (self.low.cast_signed(), self.high.cast_signed())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}
