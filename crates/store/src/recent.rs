//! Numbers by keys that are hashes, written into their tree in the order of the keys.
//!
//! Each new key belongs on another page of a tree: written at once, every alert would cost whole pages of its own. So new
//! keys are durable where their commit stands in order, are kept in memory beside the tree, and a hand that goes round all
//! keys writes those that it passes into the tree, many to a page. What came before the hand's last full round is in the tree;
//! the rest is read again at a start. (As the in-memory part of a log-structured merge tree, with SQLite's tree as its only level:
//! O'Neil et al., The Log-Structured Merge-Tree, 1996, and its rolling merge.)

use crate::error::from_sqlite;
use crate::filter::{self, Filter};
use crate::keys::Keys;
#[cfg(feature = "planted")]
use adjutant_runtime::planted::{Bug, is};
use adjutant_runtime::ports::StoreError;
use rusqlite::{Connection, OptionalExtension, params};

/// Keys that are kept beside a tree before the hand begins to write.
pub const RECENT_KEYS: usize = 65_536;

/// For each new key the hand writes so many, until fewer are kept.
const PACE: usize = 2;

/// Once it writes, it writes at least this share of the keys that may be kept: neighbours share a page, which would otherwise be
/// written again by each of the commits whose keys it holds.
const SHARE: usize = 256;

/// The kind of document that says up to which entry a tree has everything.
const TREE: &str = "tree";

/// One tree, and where its recent keys stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    /// The entry that decided what is known by a key; recent ones in `commits.keys`.
    Known,
    /// The entry that opened the case whose name begins with the key; recent ones in `cases`.
    Named,
}

impl Tree {
    fn name(self) -> &'static str {
        match self {
            Tree::Known => "known",
            Tree::Named => "named",
        }
    }

    fn find_sql(self) -> &'static str {
        match self {
            Tree::Known => "SELECT seq FROM known WHERE key = ?1",
            Tree::Named => "SELECT seq FROM named WHERE key = ?1",
        }
    }

    fn keys_sql(self) -> &'static str {
        match self {
            Tree::Known => "SELECT key FROM known",
            Tree::Named => "SELECT key FROM named",
        }
    }

    fn put_sql(self) -> &'static str {
        match self {
            Tree::Known => "INSERT OR REPLACE INTO known (key, seq) VALUES (?1, ?2)",
            Tree::Named => "INSERT OR REPLACE INTO named (key, seq) VALUES (?1, ?2)",
        }
    }

    /// What the tree says.
    pub(crate) fn find(self, connection: &Connection, key: i64) -> Result<Option<u64>, StoreError> {
        let mut statement = connection.prepare_cached(self.find_sql()).map_err(from_sqlite)?;
        let seq = statement.query_row([key], |row| row.get::<_, i64>(0)).optional().map_err(from_sqlite)?;
        Ok(seq.map(i64::cast_unsigned))
    }

    /// The first entry whose key may not be in the tree yet.
    fn from(self, connection: &Connection) -> Result<u64, StoreError> {
        whole_to(connection, self.name())
    }
}

/// Up to which entry `tree` has everything. One of which nothing is said is read again from the first, which is slower and never
/// wrong.
pub(crate) fn whole_to(connection: &Connection, tree: &str) -> Result<u64, StoreError> {
    let sql = "SELECT body FROM documents WHERE kind = ?1 AND id = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
    let text = statement.query_row([TREE, tree], |row| row.get::<_, String>(0)).optional().map_err(from_sqlite)?;
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Says up to which entry `tree` has everything.
pub(crate) fn say_whole_to(connection: &Connection, tree: &str, entry: u64) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO documents (kind, id, body) VALUES (?1, ?2, ?3)";
    let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
    statement.execute(params![TREE, tree, entry.to_string()]).map(|_| ()).map_err(from_sqlite)
}

/// The keys that may not be in the tree yet.
pub(crate) struct Recent {
    tree: Tree,
    keys: Keys,
    keys_max: usize,
    /// The bucket where the hand is.
    hand: usize,
    /// How many entries there were when the hand began its round.
    round: u64,
    /// Entries before are read, those before `from` are in the tree.
    read: u64,
    from: u64,
    /// Which keys are in the tree, where that is watched.
    filter: Option<Filter>,
}

/// What the hand writes in one transaction.
pub(crate) struct Sweep {
    keys: Vec<(i64, u64)>,
    /// The bucket that the hand comes to; none when it has gone round.
    next: Option<usize>,
    /// The hand has gone round: up to this entry everything is in the tree.
    whole: Option<u64>,
}

impl Recent {
    pub(crate) fn new(tree: Tree, keys_max: usize) -> Self {
        Self { tree, keys: Keys::default(), keys_max, hand: 0, round: 0, read: 0, from: 0, filter: None }
    }

    /// Watches which keys are in the tree, so that most that are not need not be looked for there. Only who writes can: a
    /// reader would not hear of new ones.
    pub(crate) fn watch(&mut self, connection: &Connection) -> Result<(), StoreError> {
        if self.read <= filter::KEYS_MAX {
            let mut filter = Filter::new();
            let mut statement = connection.prepare(self.tree.keys_sql()).map_err(from_sqlite)?;
            let mut rows = statement.query([]).map_err(from_sqlite)?;
            while let Some(row) = rows.next().map_err(from_sqlite)? {
                filter.add(row.get(0).map_err(from_sqlite)?);
            }
            self.filter = Some(filter);
        }
        Ok(())
    }

    /// Reads what was committed since the last time.
    pub(crate) fn refresh(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let from = self.tree.from(connection)?;
        if from > self.from {
            self.keys.retain(|seq| seq >= from);
        }
        self.from = from;
        let begin = self.read.max(from);
        self.read = self.read.max(match self.tree {
            Tree::Known => read_keys(connection, begin, &mut self.keys)?,
            Tree::Named => read_names(connection, begin, &mut self.keys)?,
        });
        self.round = self.read;
        Ok(())
    }

    /// What is known of a key here or in the tree.
    pub(crate) fn find(&self, connection: &Connection, key: i64) -> Result<Option<u64>, StoreError> {
        match self.keys.get(key) {
            Some(seq) => Ok(Some(seq)),
            None if self.filter.as_ref().is_some_and(|filter| !filter.may_hold(key)) => Ok(None),
            None => self.tree.find(connection, key),
        }
    }

    /// The recent keys in a range.
    pub(crate) fn range(&self, low: i64, high: i64) -> impl Iterator<Item = u64> {
        self.keys.range(low, high)
    }

    pub(crate) fn contains(&self, key: i64) -> bool {
        self.keys.get(key).is_some()
    }

    /// What is to be written with so many new keys.
    pub(crate) fn sweep(&self, new: usize) -> Sweep {
        if self.keys.len() + new <= self.keys_max {
            return Sweep { keys: Vec::new(), next: Some(self.hand), whole: None };
        }
        let (keys, next) = self.keys.after(self.hand, (PACE * new).max(self.keys_max / SHARE));
        Sweep { keys, next, whole: next.is_none().then_some(self.round) }
    }

    pub(crate) fn write(&self, connection: &Connection, sweep: &Sweep) -> Result<(), StoreError> {
        #[cfg(feature = "planted")]
        if is(Bug::KeysSwept) {
            return Ok(());
        }
        if !sweep.keys.is_empty() {
            let mut statement = connection.prepare_cached(self.tree.put_sql()).map_err(from_sqlite)?;
            for (key, seq) in &sweep.keys {
                statement.execute(params![key, seq.cast_signed()]).map_err(from_sqlite)?;
            }
        }
        let Some(whole) = sweep.whole else { return Ok(()) };
        #[cfg(feature = "planted")]
        let whole = if is(Bug::RoundTooLate) { self.read } else { whole };
        say_whole_to(connection, self.tree.name(), whole)
    }

    /// Takes over what was committed: the hand's work, new keys, and how many entries there are now.
    pub(crate) fn swept(&mut self, sweep: Sweep, new: impl Iterator<Item = (i64, u64)>, entries: u64) {
        self.keys.remove(self.hand, sweep.next);
        self.hand = sweep.next.unwrap_or(0);
        if let Some(whole) = sweep.whole {
            (self.round, self.from) = (entries, whole);
        }
        if let Some(filter) = &mut self.filter {
            sweep.keys.iter().for_each(|(key, _)| filter.add(*key));
        }
        self.filter = self.filter.take().filter(|filter| !filter.is_full());
        new.for_each(|(key, seq)| self.keys.insert(key, seq));
        self.read = entries;
    }
}

/// Bytes that `commits.keys` has for each entry: the key and the beginning of the content's digest, little-endian.
pub(crate) const KEY: usize = 16;

fn read_keys(connection: &Connection, begin: u64, into: &mut Keys) -> Result<u64, StoreError> {
    let sql = "SELECT first, keys FROM commits WHERE first >= ?1 ORDER BY first";
    let mut statement = connection.prepare_cached(sql).map_err(from_sqlite)?;
    let mut rows = statement.query([begin.cast_signed()]).map_err(from_sqlite)?;
    let mut next = begin;
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let first = row.get::<_, i64>(0).map_err(from_sqlite)?.cast_unsigned();
        let keys = row.get_ref(1).and_then(|value| Ok(value.as_blob()?)).map_err(from_sqlite)?;
        for (seq, pair) in (first..).zip(keys.as_chunks::<KEY>().0) {
            next = next.max(seq + 1);
            if *pair != [0; KEY] {
                into.insert(key_and_content(pair).0.cast_signed(), seq);
            }
        }
    }
    Ok(next)
}

fn read_names(connection: &Connection, begin: u64, into: &mut Keys) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT first, id FROM cases WHERE first >= ?1").map_err(from_sqlite)?;
    let mut rows = statement.query([begin.cast_signed()]).map_err(from_sqlite)?;
    let mut next = begin;
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let first = row.get::<_, i64>(0).map_err(from_sqlite)?.cast_unsigned();
        let id: [u8; 16] = row.get(1).map_err(from_sqlite)?;
        into.insert(adjutant_runtime::ports::key(adjutant_model::CaseId(id)), first);
        next = next.max(first + 1);
    }
    Ok(next)
}

/// What `commits.keys` says of one entry.
pub(crate) fn key_and_content(pair: &[u8; KEY]) -> (u64, u64) {
    let [k0, k1, k2, k3, k4, k5, k6, k7, c0, c1, c2, c3, c4, c5, c6, c7] = *pair;
    (u64::from_le_bytes([k0, k1, k2, k3, k4, k5, k6, k7]), u64::from_le_bytes([c0, c1, c2, c3, c4, c5, c6, c7]))
}
