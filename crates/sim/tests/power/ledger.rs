//! A tiny ledger on SQLite, as small as the store's promise: a transaction that was acknowledged is there, whole.

use adjutant_sim::{Disk, Rng};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::collections::BTreeSet;

pub(crate) const FILE: &str = "ledger.db";
const ROWS_MAX: u64 = 6;
/// Longer than two pages, so that some rows overflow.
const BODY_BYTES_MAX: u64 = 9_000;

/// How the database is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) synchronous: &'static str,
    /// Without shared memory.
    pub(crate) exclusive: bool,
    /// Frames in the WAL that make SQLite check it in by itself; 0: only when told.
    pub(crate) checkpoint_frames: u32,
    /// Pages that SQLite may keep; few make it write before it commits.
    pub(crate) cache_pages: u32,
}

impl Settings {
    pub(crate) const FULL: Self = Self { synchronous: "FULL", exclusive: false, checkpoint_frames: 20, cache_pages: 200 };

    /// Full sync and everything else arbitrary.
    pub(crate) fn any(rng: &mut Rng) -> Self {
        Self {
            exclusive: rng.percent(50),
            checkpoint_frames: *rng.pick(&[0, 5, 20, 1_000]),
            cache_pages: *rng.pick(&[5, 200]),
            ..Self::FULL
        }
    }
}

/// What was asked for and what was promised.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The number of the next transaction.
    next: u64,
    pub(crate) acknowledged: BTreeSet<u64>,
    given_up: BTreeSet<u64>,
    /// What failed, as SQLite put it.
    pub(crate) errors: Vec<String>,
}

/// What must never be found after a power cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Acknowledged, and not there.
    Lost(u64),
    /// There in part.
    Half(u64),
    /// Rolled back, and there.
    Unasked(u64),
    /// The database does not open, or SQLite finds it damaged.
    Damaged(String),
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Opens the ledger, made if it is not there.
pub(crate) fn open(disk: &Disk, settings: Settings) -> rusqlite::Result<Connection> {
    let conn = disk.open(FILE)?;
    if settings.exclusive {
        ask(&conn, "PRAGMA locking_mode=EXCLUSIVE")?;
    }
    assert_eq!(ask(&conn, "PRAGMA journal_mode=WAL")?, "wal");
    conn.execute_batch(&format!("PRAGMA synchronous={}; PRAGMA cache_size={}", settings.synchronous, settings.cache_pages))?;
    conn.execute_batch(&format!("PRAGMA wal_autocheckpoint={}", settings.checkpoint_frames))?;
    conn.execute_batch(
        "BEGIN IMMEDIATE;
         CREATE TABLE IF NOT EXISTS ledger(seq INTEGER PRIMARY KEY, txn INTEGER NOT NULL, nth INTEGER NOT NULL, body BLOB NOT NULL);
         CREATE INDEX IF NOT EXISTS ledger_txn ON ledger(txn);
         CREATE TABLE IF NOT EXISTS head(txn INTEGER PRIMARY KEY, rows INTEGER NOT NULL);
         COMMIT",
    )?;
    Ok(conn)
}

/// The one value that a pragma answers with. Reads to the end: `query_row` stops after the row, and an error after it, of the
/// commit that switches to WAL, would be lost with the statement.
pub(crate) fn ask(conn: &Connection, pragma: &str) -> rusqlite::Result<String> {
    let mut query = conn.prepare(pragma)?;
    let answers: Vec<String> = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    answers.into_iter().next().ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// The rows of a transaction: its number decides them.
fn bodies(txn: u64) -> Vec<Vec<u8>> {
    let mut rng = Rng::new(txn);
    let bodies = (0..=rng.below(ROWS_MAX)).map(|_| {
        let small = rng.percent(80);
        let mut body = vec![0; rng.below(if small { 300 } else { BODY_BYTES_MAX }) as usize];
        rng.fill(&mut body);
        body
    });
    bodies.collect()
}

fn write(conn: &mut Connection, number: u64, give_up: bool) -> rusqlite::Result<()> {
    let txn = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let bodies = bodies(number);
    for (nth, body) in bodies.iter().enumerate() {
        txn.execute("INSERT INTO ledger(txn, nth, body) VALUES (?1, ?2, ?3)", params![number as i64, nth as i64, body])?;
    }
    txn.execute("INSERT INTO head VALUES (?1, ?2)", params![number as i64, bodies.len() as i64])?;
    if give_up { txn.rollback() } else { txn.commit() }
}

impl History {
    /// Runs `count` transactions; goes on after those that fail.
    pub(crate) fn run(&mut self, conn: &mut Connection, rng: &mut Rng, count: u64) {
        for _ in 0..count {
            let (number, give_up) = (self.next, rng.percent(5));
            self.next += 1;
            match write(conn, number, give_up) {
                Ok(()) if !give_up => _ = self.acknowledged.insert(number),
                Ok(()) => _ = self.given_up.insert(number),
                Err(error) => self.errors.push(error.to_string()),
            }
            if rng.percent(10)
                && let Err(error) = check_in(conn, rng)
            {
                self.errors.push(error.to_string());
            }
        }
    }

    /// Opens the disk and finds everything that was acknowledged, and nothing in part. What is found is from then on
    /// acknowledged: it was read.
    pub(crate) fn check(&mut self, disk: &Disk, settings: Settings) -> Result<Connection, Broken> {
        let conn = open(disk, settings)?;
        let integrity: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        if integrity != "ok" {
            return Err(Broken::Damaged(integrity));
        }
        let found: BTreeSet<u64> = (0..self.next)
            .filter_map(|number| find(&conn, number).map(|there| there.then_some(number)).transpose())
            .collect::<Result<_, _>>()?;
        if let Some(lost) = self.acknowledged.difference(&found).next() {
            return Err(Broken::Lost(*lost));
        }
        if let Some(unasked) = self.given_up.intersection(&found).next() {
            return Err(Broken::Unasked(*unasked));
        }
        self.acknowledged = found;
        Ok(conn)
    }
}

fn check_in(conn: &Connection, rng: &mut Rng) -> rusqlite::Result<()> {
    let kind = rng.pick(&["PASSIVE", "FULL", "RESTART", "TRUNCATE"]);
    conn.query_row(&format!("PRAGMA wal_checkpoint({kind})"), [], |_| Ok(()))
}

/// Whether a transaction is there; an error if it is there in part.
fn find(conn: &Connection, number: u64) -> Result<bool, Broken> {
    let mut query = conn.prepare_cached("SELECT body FROM ledger WHERE txn = ?1 ORDER BY nth")?;
    let found: Vec<Vec<u8>> = query.query_map([number as i64], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut query = conn.prepare_cached("SELECT rows FROM head WHERE txn = ?1")?;
    let rows: Option<i64> = query.query_row([number as i64], |row| row.get(0)).optional()?;
    match rows {
        None if found.is_empty() => Ok(false),
        Some(_) if found == bodies(number) => Ok(true),
        _ => Err(Broken::Half(number)),
    }
}
