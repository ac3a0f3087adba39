//! SQLite's file as docs/store.md describes it.

use anyhow::{Context as _, Result, bail, ensure};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// A block may unpack to so many bytes.
const BLOCK_BYTES_MAX: usize = 1 << 30;

/// One commit.
pub(crate) struct Row {
    pub(crate) first: u64,
    pub(crate) at: i64,
    pub(crate) leaves: Vec<[u8; 32]>,
    pub(crate) ids: Vec<[u8; 8]>,
    /// What each alert is known by: key, content.
    pub(crate) keys: Vec<[u8; 16]>,
    /// None when retention removed them.
    pub(crate) entries: Option<Vec<Vec<u8>>>,
    /// None when there are none, or retention removed them.
    pub(crate) raw: Option<Vec<Vec<u8>>>,
}

/// A case as it is kept.
pub(crate) struct Case {
    pub(crate) first: u64,
    pub(crate) id: Vec<u8>,
    /// Status, outcome, score, alerts, sampled, review.
    pub(crate) state: (u8, u8, i32, u32, bool, bool),
    pub(crate) opened: i64,
    pub(crate) updated: i64,
    pub(crate) last: u64,
    pub(crate) worst: u64,
    pub(crate) assignee: String,
    pub(crate) severity: u8,
    pub(crate) rank: i64,
}

pub(crate) struct Store(Connection);

impl Store {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("adjutant.db");
        let connection = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .with_context(|| format!("open {}", file.display()))?;
        connection.pragma_update(None, "query_only", true)?;
        let faults: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        ensure!(faults == "ok", "SQLite finds a fault: {faults}");
        Ok(Self(connection))
    }

    pub(crate) fn rows(&self) -> Result<Vec<Row>> {
        let sql = "SELECT first, at, leaves, ids, entries, alerts, keys FROM commits ORDER BY first";
        let mut statement = self.0.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let block = |column: usize| -> Result<Option<Vec<Vec<u8>>>> {
                let stored: Option<Vec<u8>> = row.get(column)?;
                stored.map(|stored| pieces(&unpack(&stored)?)).transpose()
            };
            all.push(Row {
                first: row.get::<_, i64>(0)?.cast_unsigned(),
                at: row.get(1)?,
                leaves: chunks(&row.get::<_, Vec<u8>>(2)?)?,
                ids: chunks(&row.get::<_, Vec<u8>>(3)?)?,
                keys: chunks(&row.get::<_, Vec<u8>>(6)?)?,
                entries: block(4)?,
                raw: block(5)?,
            });
        }
        Ok(all)
    }

    /// What a tree (`known` or `named`) says: by key the entry; and up to which entry it has everything.
    pub(crate) fn tree(&self, name: &str) -> Result<(HashMap<u64, u64>, u64)> {
        let number = |row: &rusqlite::Row<'_>, column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let mut statement = self.0.prepare(&format!("SELECT key, seq FROM {name}"))?;
        let rows = statement.query_map([], |row| Ok((number(row, 0)?, number(row, 1)?)))?;
        let whole = self.document("tree", name)?.map_or(Ok(0), |text| text.parse())?;
        Ok((rows.collect::<Result<_, _>>()?, whole))
    }

    /// The queue's places with their entries, and up to which entry all open cases are in it.
    pub(crate) fn queue(&self) -> Result<(HashSet<(i64, u64)>, u64)> {
        let mut statement = self.0.prepare("SELECT place, entry FROM queue")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
        let whole = self.document("tree", "queue")?.map_or(Ok(0), |text| text.parse())?;
        Ok((rows.collect::<Result<_, _>>()?, whole))
    }

    pub(crate) fn cases(&self) -> Result<Vec<Case>> {
        let sql = "SELECT first, id, status, outcome, score, alerts, sampled, review, opened, updated, last, worst, assignee,
                   severity, rank FROM cases";
        let mut statement = self.0.prepare(sql)?;
        let rows = statement.query_map([], |row| {
            Ok(Case {
                first: row.get::<_, i64>(0)?.cast_unsigned(),
                id: row.get(1)?,
                state: (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?),
                opened: row.get(8)?,
                updated: row.get(9)?,
                last: row.get::<_, i64>(10)?.cast_unsigned(),
                worst: row.get::<_, i64>(11)?.cast_unsigned(),
                assignee: row.get(12)?,
                severity: row.get(13)?,
                rank: row.get(14)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(crate) fn outbox(&self) -> Result<Vec<serde_json::Value>> {
        let mut statement = self.0.prepare("SELECT message FROM outbox")?;
        let texts = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok(texts.iter().map(|text| serde_json::from_str(text)).collect::<Result<_, _>>()?)
    }

    pub(crate) fn document(&self, kind: &str, id: &str) -> Result<Option<String>> {
        let sql = "SELECT body FROM documents WHERE kind = ?1 AND id = ?2";
        Ok(self.0.query_row(sql, [kind, id], |row| row.get(0)).optional()?)
    }
}

fn chunks<const N: usize>(bytes: &[u8]) -> Result<Vec<[u8; N]>> {
    let (chunks, rest) = bytes.as_chunks();
    ensure!(rest.is_empty() && !chunks.is_empty(), "{} bytes do not divide by {N}", bytes.len());
    Ok(chunks.to_vec())
}

/// A block: a byte that says how, then the bytes, or their length and Zstandard.
fn unpack(stored: &[u8]) -> Result<Vec<u8>> {
    match stored.split_first() {
        Some((0, bytes)) => Ok(bytes.to_vec()),
        Some((1, rest)) => {
            let (len, block) = rest.split_first_chunk().context("a block without its length")?;
            let len = usize::try_from(u64::from_le_bytes(*len))?;
            ensure!(len <= BLOCK_BYTES_MAX, "a block says that it has {len} bytes");
            let bytes = zstd::bulk::decompress(block, len).context("a block that cannot be unpacked")?;
            ensure!(bytes.len() == len, "a block of {len} bytes has {}", bytes.len());
            Ok(bytes)
        }
        _ => bail!("a block of an unknown kind"),
    }
}

/// What was written one after another, each preceded by its length.
fn pieces(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let (len, rest) = bytes.split_first_chunk().context("half a length")?;
        let (piece, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).context("half a piece")?;
        pieces.push(piece.to_vec());
        bytes = rest;
    }
    Ok(pieces)
}
