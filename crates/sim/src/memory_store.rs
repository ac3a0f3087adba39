//! A store in memory: the second implementer of the port, fast enough for thousands of worlds.
//!
//! It keeps what SQLite keeps in the plainest way, so that a difference between the two is a bug of one of them. What it
//! holds survives its drivers as a disk would; [`MemoryStore::fail_next`] says how the next commit goes wrong.

use adjutant_engine::step::Status;
use adjutant_ledger::Hash;
use adjutant_model::{CaseId, Outcome, Time};
use adjutant_runtime::ports::{
    Block, BlockVisitor, Commit, Kept, Known, Outgoing, Parts, Position, Read, Settle, Snapshot, Store, StoreError, Stretch,
    Wanted, Writing, key,
};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a commit goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// There is no room; nothing is written.
    Full,
    /// It cannot be written.
    Unavailable,
    /// Nobody knows; it is not there.
    UnclearLost,
    /// Nobody knows; it is there.
    UnclearKept,
}

#[derive(Clone, Debug)]
struct Row {
    block: Block,
    ids: Vec<[u8; 8]>,
}

#[derive(Clone, Debug, Default)]
struct Tables {
    rows: BTreeMap<u64, Row>,
    known: BTreeMap<u64, Known>,
    cases: BTreeMap<i64, Kept>,
    documents: BTreeMap<(String, String), String>,
    outbox: BTreeMap<i64, Outgoing>,
    /// The identifier that was given last.
    told: i64,
    memory: Option<Vec<u8>>,
    wrong: Option<Wrong>,
}

/// A store in memory; its clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    /// Of a snapshot of memory what is written so far; it goes with whoever writes it.
    unfinished: Vec<u8>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the next commit go wrong.
    pub fn fail_next(&self, wrong: Wrong) {
        self.lock().wrong = Some(wrong);
    }

    /// Forgets what should go wrong.
    pub fn heal(&self) {
        self.lock().wrong = None;
    }

    /// A store of its own with the same content but without the snapshot of memory.
    #[must_use]
    pub fn without_memory(&self) -> Self {
        let tables = Tables { memory: None, ..self.lock().clone() };
        Self { tables: Arc::new(Mutex::new(tables)), unfinished: Vec::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn len(&self) -> u64 {
        self.rows.last_key_value().map_or(0, |(first, row)| first + row.block.leaves.len() as u64)
    }

    fn conflict(&self, commit: &Commit<'_>) -> bool {
        let again = commit.known.iter().any(|(key, _)| self.known.contains_key(key));
        again || !commit.leaves.is_empty() && self.rows.contains_key(&commit.first)
    }

    fn apply(&mut self, commit: &Commit<'_>) {
        if !commit.leaves.is_empty() {
            let block = Block {
                first: commit.first,
                at: commit.at,
                leaves: commit.leaves.to_vec(),
                ids: commit.ids.to_vec(),
                keys: keys(commit),
                entries: commit.entries.to_vec(),
                raw: commit.raw.to_vec(),
            };
            self.rows.insert(commit.first, Row { block, ids: commit.ids.to_vec() });
        }
        self.known.extend(commit.known.iter().copied());
        self.cases.extend(commit.cases.iter().map(|case| (key(case.id), case.clone())));
        for (kind, id, body) in commit.documents {
            let name = ((*kind).to_owned(), id.clone());
            match body {
                Some(body) => self.documents.insert(name, body.clone()),
                None => self.documents.remove(&name),
            };
        }
        for message in commit.outbox {
            self.told += 1;
            self.outbox.insert(self.told, Outgoing { id: self.told, ..message.clone() });
        }
        for (id, again) in commit.delivered {
            match again {
                Some(message) => self.outbox.insert(*id, Outgoing { id: *id, ..message.clone() }),
                None => self.outbox.remove(id),
            };
        }
    }
}

/// What each entry's alert is known by.
fn keys(commit: &Commit<'_>) -> Vec<(u64, u64)> {
    let mut keys = vec![(0, 0); commit.leaves.len()];
    for (key, known) in commit.known {
        if let Some(pair) = known.seq.checked_sub(commit.first).and_then(|nth| keys.get_mut(nth as usize)) {
            *pair = (*key, known.content);
        }
    }
    keys
}

impl Store for MemoryStore {
    fn entries(&mut self) -> Result<u64, StoreError> {
        Ok(self.lock().len())
    }

    fn known(&mut self, key: u64) -> Result<Option<Known>, StoreError> {
        Ok(self.lock().known.get(&key).copied())
    }

    fn case(&mut self, id: CaseId) -> Result<Option<Kept>, StoreError> {
        Ok(self.lock().cases.get(&key(id)).cloned())
    }

    fn commit(&mut self, commit: &Commit<'_>) -> Result<(), StoreError> {
        let mut tables = self.lock();
        if tables.conflict(commit) {
            return Err(StoreError::Unavailable("that is there already".into()));
        }
        let wrong = tables.wrong.take();
        if matches!(wrong, None | Some(Wrong::UnclearKept)) {
            tables.apply(commit);
        }
        match wrong {
            None => Ok(()),
            Some(Wrong::Full) => Err(StoreError::Full("asked for".into())),
            Some(Wrong::Unavailable) => Err(StoreError::Unavailable("asked for".into())),
            Some(Wrong::UnclearLost | Wrong::UnclearKept) => Err(StoreError::Unclear("asked for".into())),
        }
    }

    fn settler(&self) -> Result<Box<dyn Settle>, StoreError> {
        Ok(Box::new(self.clone()))
    }

    fn reader(&self) -> Result<Box<dyn Read>, StoreError> {
        Ok(Box::new(self.clone()))
    }

    fn keep_memory(&mut self, stretch: Stretch, write: &mut Writing<'_>) -> Result<(), StoreError> {
        if stretch == Stretch::First {
            self.unfinished.clear();
        }
        write(&mut self.unfinished).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        if stretch == Stretch::Last {
            self.lock().memory = Some(std::mem::take(&mut self.unfinished));
        }
        Ok(())
    }

    fn memory(&mut self) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.lock().memory.clone().map(|bytes| Box::new(io::Cursor::new(bytes)) as Snapshot))
    }

    fn forgettable(&mut self, raw_before: Time, entries_before: Time) -> Result<u64, StoreError> {
        let tables = self.lock();
        let old = |before: Time, of: fn(&Block) -> &Vec<u8>| {
            tables.rows.values().filter(|row| row.block.at < before && !of(&row.block).is_empty()).count() as u64
        };
        Ok(old(raw_before.max(entries_before), |block| &block.raw) + old(entries_before, |block| &block.entries))
    }

    fn forget(&mut self, raw_before: Time, entries_before: Time, blocks_max: u32) -> Result<u64, StoreError> {
        let mut tables = self.lock();
        let mut cleared = 0;
        let mut clear = |before: Time, of: fn(&mut Block) -> &mut Vec<u8>| {
            let old = tables.rows.values_mut().map(|row| &mut row.block).filter(|block| block.at < before);
            let full = old.map(of).filter(|bytes| !bytes.is_empty());
            full.take(blocks_max as usize).for_each(|bytes| {
                bytes.clear();
                cleared += 1;
            });
        };
        clear(raw_before.max(entries_before), |block| &mut block.raw);
        clear(entries_before, |block| &mut block.entries);
        Ok(cleared)
    }

    fn backup(&mut self, _to: &Path) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("a store in memory has no files".into()))
    }
}

/// Whether a name of eight bytes begins with these hexadecimal digits; a name of zeros is none.
fn begins(name: &[u8], digits: &str) -> bool {
    let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let digits = digits.to_ascii_lowercase();
    !digits.is_empty() && name.iter().any(|byte| *byte != 0) && hex.starts_with(digits.get(..hex.len()).unwrap_or(&digits))
}

impl Settle for MemoryStore {
    fn settle(&mut self) -> Result<(), StoreError> {
        Ok(()) // What it holds survives everything but the process of the test.
    }
}

impl Read for MemoryStore {
    fn another(&self) -> Result<Box<dyn Read>, StoreError> {
        Ok(Box::new(self.clone()))
    }

    fn blocks(&mut self, from: u64, parts: Parts, each: &mut BlockVisitor<'_>) -> Result<(), StoreError> {
        let begin = self.lock().rows.range(..=from).next_back().map_or(0, |(first, _)| *first);
        let mut next = begin;
        loop {
            // What `each` does may itself read, so nothing is held meanwhile.
            let Some(block) = self.lock().rows.range(next..).next().map(|(_, row)| row.block.clone()) else { return Ok(()) };
            next = block.first + 1;
            let end = block.first + block.leaves.len() as u64;
            let entries = if parts >= Parts::Entries { block.entries } else { Vec::new() };
            let raw = if parts >= Parts::Raw { block.raw } else { Vec::new() };
            if end > from && !each(&Block { entries, raw, ..block })? {
                return Ok(());
            }
        }
    }

    fn known(&mut self, key: u64) -> Result<Option<Known>, StoreError> {
        Ok(self.lock().known.get(&key).copied())
    }

    fn hold(&mut self) -> Result<(), StoreError> {
        Ok(()) // Nobody writes to it while somebody reads: worlds have one thread.
    }

    fn release(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn find(&mut self, prefix: &str, limit: usize) -> Result<Vec<u64>, StoreError> {
        let tables = self.lock();
        let named = tables.rows.values().flat_map(|row| (row.block.first..).zip(&row.ids));
        let mut found: Vec<u64> = named.filter(|(_, id)| begins(*id, prefix)).map(|(seq, _)| seq).collect();
        found.reverse();
        found.truncate(limit);
        Ok(found)
    }

    fn since(&mut self, at: Time) -> Result<u64, StoreError> {
        let tables = self.lock();
        let late = tables.rows.values().find(|row| row.block.at >= at).map(|row| row.block.first);
        Ok(late.unwrap_or_else(|| tables.len()))
    }

    fn cases(&mut self, wanted: &Wanted) -> Result<Vec<Kept>, StoreError> {
        let place = |kept: &Kept| {
            let Position { rank, first } = kept.position();
            (rank, first)
        };
        let after = wanted.after.map_or((i64::MAX, u64::MAX), |after| (after.rank, after.first));
        let is_wanted = |kept: &&Kept| {
            wanted.status.is_none_or(|status| kept.status == status)
                && wanted.outcome.is_none_or(|outcome| adjutant_runtime::view::shown_outcome(kept) == outcome)
                && wanted.playbook.as_ref().is_none_or(|playbook| kept.playbook == *playbook)
                && wanted.assignee.as_ref().is_none_or(|assignee| kept.assignee == *assignee)
                && (!wanted.review || kept.review)
                && place(kept) < after
        };
        let mut cases: Vec<Kept> = self.lock().cases.values().filter(is_wanted).cloned().collect();
        cases.sort_by_key(|kept| std::cmp::Reverse(place(kept)));
        cases.truncate(wanted.limit);
        Ok(cases)
    }

    fn cases_from(&mut self, first: u64, limit: usize) -> Result<Vec<Kept>, StoreError> {
        let mut cases: Vec<Kept> = self.lock().cases.values().filter(|kept| kept.first >= first).cloned().collect();
        cases.sort_by_key(|kept| kept.first);
        cases.truncate(limit);
        Ok(cases)
    }

    fn case_named(&mut self, prefix: &str, limit: usize) -> Result<Vec<Kept>, StoreError> {
        let tables = self.lock();
        let mut named: Vec<Kept> = tables.cases.values().filter(|kept| begins(&kept.id.0, prefix)).cloned().collect();
        named.truncate(limit);
        Ok(named)
    }

    fn count(&mut self) -> Result<Vec<(Status, Outcome, u64)>, StoreError> {
        let mut counts = BTreeMap::new();
        for kept in self.lock().cases.values() {
            *counts.entry((kept.status, kept.outcome)).or_insert(0) += 1;
        }
        Ok(counts.into_iter().map(|((status, outcome), count)| (status, outcome, count)).collect())
    }

    fn documents(&mut self, kind: &str) -> Result<Vec<(String, String)>, StoreError> {
        let tables = self.lock();
        let of_kind = tables.documents.iter().filter(|((of, _), _)| of == kind);
        Ok(of_kind.map(|((_, id), body)| (id.clone(), body.clone())).collect())
    }

    fn document(&mut self, kind: &str, id: &str) -> Result<Option<String>, StoreError> {
        Ok(self.lock().documents.get(&(kind.to_owned(), id.to_owned())).cloned())
    }

    fn due(&mut self, now: Time, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        let tables = self.lock();
        let mut due: Vec<Outgoing> = tables.outbox.values().filter(|message| message.due <= now).cloned().collect();
        due.sort_by_key(|message| (message.due, message.id));
        due.truncate(limit);
        Ok(due)
    }

    fn bytes(&mut self) -> Result<u64, StoreError> {
        let tables = self.lock();
        let of = |row: &Row| row.block.entries.len() + row.block.raw.len() + size_of::<Hash>() * row.block.leaves.len();
        Ok(tables.rows.values().map(of).sum::<usize>() as u64)
    }
}
