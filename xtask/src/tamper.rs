//! `cargo xtask tamper`: a small store that the real program wrote, changed in every way that somebody with a hand on the
//! disk could; the audit has to find each.
//!
//! A store rewritten whole by whoever holds its key agrees with itself. It is found by a checkpoint that was kept elsewhere,
//! and that it is not found without one is measured, too: it would be a lie to count it.

mod bytes;
mod fixture;
mod rewrite;
mod rows;

use crate::figures::Figures;
use crate::live;
use adjutant_ledger::VerifierKey;
use adjutant_runtime::audit::audit;
use adjutant_runtime::ports::Read as _;
use adjutant_runtime::seal::{CHECKPOINT, LATEST};
use adjutant_store::Reader;
use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Arguments {
    /// Flip only every Nth byte
    #[arg(long, value_name = "N", default_value_t = 1)]
    stride: usize,
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The store under test, and what was tried.
struct Trials {
    dir: tempfile::TempDir,
    /// The file as the program left it.
    base: Vec<u8>,
    key: VerifierKey,
    connection: Connection,
    reader: Reader,
    /// By kind: how often it was tried, and not found.
    counts: BTreeMap<&'static str, (u64, u64)>,
}

/// `cargo xtask tamper`; false when a bar is missed.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let binary = live::build()?;
    let home = tempfile::tempdir()?;
    let data = home.path().join("data");
    fixture::write(&binary, &data)?;
    if let Err(violation) = live::audit(&data, None)? {
        anyhow::bail!("the auditor finds a fault in what nobody touched: {violation}");
    }
    let mut trials = Trials::new(&data)?;
    ensure!(!trials.is_found()?, "the audit finds a fault in what nobody touched");
    bytes::all(&mut trials, arguments.stride.max(1))?;
    rows::all(&mut trials)?;
    let seen_inside = rewrite::all(&mut trials, &data)?;
    let (tried, missed) = trials.counts.values().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    for (kind, (tried, missed)) in &trials.counts {
        println!("{kind:<40} {tried:>8} tried {missed:>6} not found");
    }
    let mut figures = Figures::default();
    figures.add("tamper_trials", tried as f64, "changes of a store, each audited");
    figures.add("tamper_undetected", missed as f64, "changes that the audit did not find (bar 0)");
    figures.add(
        "tamper_rewrites_seen_inside",
        seen_inside as f64,
        "whole rewrites with the key that show without a checkpoint from elsewhere (none can)",
    );
    figures.report(arguments.json.as_deref())?;
    Ok(missed == 0)
}

impl Trials {
    fn new(data: &Path) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join(adjutant_store::FILE);
        let base = fs::read(data.join(adjutant_store::FILE))?;
        ensure!(!data.join("adjutant.db-wal").exists(), "the service did not close its store");
        fs::write(&file, &base)?;
        let key = fs::read_to_string(data.join("ledger.pub"))?.trim().parse().ok().context("the public key")?;
        let (connection, reader) = open(&file)?;
        Ok(Self { dir, base, key, connection, reader, counts: BTreeMap::new() })
    }

    /// Puts the file back as it was.
    fn restore(&mut self) -> Result<()> {
        let file = self.dir.path().join(adjutant_store::FILE);
        self.connection = Connection::open_in_memory()?;
        self.reader = {
            // The old reader has to let the file go before it is replaced.
            let empty = self.dir.path().join("other.db");
            fs::write(&empty, &self.base)?;
            Reader::open(&empty)?
        };
        for name in ["adjutant.db-wal", "adjutant.db-shm"] {
            let _ = fs::remove_file(self.dir.path().join(name));
        }
        fs::write(&file, &self.base)?;
        (self.connection, self.reader) = open(&file)?;
        Ok(())
    }

    /// Whether the audit finds a fault now.
    fn is_found(&mut self) -> Result<bool> {
        self.is_found_with(&[])
    }

    /// The same with checkpoints that were kept elsewhere.
    fn is_found_with(&mut self, external: &[Vec<u8>]) -> Result<bool> {
        if audit(&mut self.reader, external).is_err() {
            return Ok(true);
        }
        // As `audit verify` does: the store's own checkpoint is signed by the key beside it.
        let own = self.reader.document(CHECKPOINT, LATEST)?.unwrap_or_default();
        let note = adjutant_ledger::Note::parse(own.as_bytes());
        Ok(!note.is_ok_and(|note| note.verify(std::slice::from_ref(&self.key)).is_ok()))
    }

    /// Counts one trial.
    fn count(&mut self, kind: &'static str, found: bool, says: impl FnOnce() -> String) {
        let count = self.counts.entry(kind).or_default();
        count.0 += 1;
        if !found {
            count.1 += 1;
            println!("not found: {kind}: {}", says());
        }
    }

    /// One trial in SQL, on the file as it was.
    fn trial(&mut self, kind: &'static str, change: impl FnOnce(&Connection) -> Result<String>) -> Result<()> {
        let says = change(&self.connection)?;
        let found = self.is_found()?;
        self.count(kind, found, || says);
        self.restore()
    }

    /// The number of every commit that has something in this column.
    fn firsts(&self, column: &str) -> Result<Vec<i64>> {
        let sql = format!("SELECT first FROM commits WHERE {column} IS NOT NULL ORDER BY first");
        let mut statement = self.connection.prepare(&sql)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What the commit `first` has in a column.
    fn blob(&self, column: &str, first: i64) -> Result<Vec<u8>> {
        let sql = format!("SELECT {column} FROM commits WHERE first = ?1");
        Ok(self.connection.query_row(&sql, [first], |row| row.get(0))?)
    }
}

fn open(file: &Path) -> Result<(Connection, Reader)> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    Ok((connection, Reader::open(file)?))
}

fn put(connection: &Connection, column: &str, first: i64, bytes: &[u8]) -> Result<()> {
    let sql = format!("UPDATE commits SET {column} = ?2 WHERE first = ?1");
    let changed = connection.prepare_cached(&sql)?.execute((first, bytes))?;
    ensure!(changed == 1, "there is no commit {first}");
    Ok(())
}

/// What a block holds.
fn unpacked(stored: &[u8]) -> Option<Vec<u8>> {
    match stored.split_first()? {
        (0, bytes) => Some(bytes.to_vec()),
        (1, rest) => {
            let (len, block) = rest.split_first_chunk()?;
            let len = usize::try_from(u64::from_le_bytes(*len)).ok().filter(|len| *len < 1 << 28)?;
            zstd::bulk::decompress(block, len).ok().filter(|bytes| bytes.len() == len)
        }
        _ => None,
    }
}

/// A block that is stored as it is.
fn plain(bytes: &[u8]) -> Vec<u8> {
    [&[0], bytes].concat()
}
