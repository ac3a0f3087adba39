//! The loop: takes what waits, advances cases, and writes everything that became true in one transaction; only then is
//! anybody answered.
//!
//! One driver writes, so the order of entries in the ledger is the order of commits, and memory is fed in that order: after a
//! crash the same entries in the same order make the same memory. It has no thread, clock or lock of its own; whoever holds
//! it calls [`Driver::turn`] with what waits and the time.
//!
//! INVARIANT: nothing is answered before the commit that holds it. When a commit fails, what memory learnt from it is thrown
//! away with the driver, and read again from what is stored.

mod alert;
mod batch;
mod command;
mod lookups;
mod restart;

pub(crate) use alert::entry_at;
pub use command::{Command, NOTE_CHARS_MAX, Refused, Reply, kind};
pub use lookups::{Asking, LookupCount, LookupCounts, asking};
pub(crate) use restart::slots;

use crate::event::Slots;
use crate::failpoint::reach;
#[cfg(feature = "planted")]
use crate::planted::{Bug, is};
use crate::policy::{Policy, Prepared, Spare};
use crate::ports::{Read, Store, StoreError, Stretch};
use adjutant_engine::autonomy::Ladder;
use adjutant_engine::memory::parts::PARTS;
use adjutant_engine::memory::{Keys, Limits, Memory};
use adjutant_ledger::{Hash, Tree};
use adjutant_model::{CaseId, Digest, Outcome, Time};
use batch::Batch;
use postcard::ser_flavors::io::WriteFlavor;
use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

/// How the driver decides and keeps.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of a million cases that would be closed by themselves, how many go to people unmarked.
    pub sampled_ppm: u32,
    /// Whether anybody is to be told of cases that wait for people.
    pub notify: bool,
    /// Whether somebody makes plans of what is proposed.
    pub plans: bool,
    /// Entries after which a snapshot of memory is made even when the machine is busy.
    pub snapshot_entries: u64,
    /// How much memory keeps.
    pub memory: Limits,
    /// Where look-ups are counted.
    pub lookups: Arc<LookupCounts>,
}

impl Default for Settings {
    /// Two of a hundred sampled; nobody is told, no plans; a snapshot every 150,000 entries; 33,000 users,
    /// addresses and other things remembered each.
    fn default() -> Self {
        Self {
            sampled_ppm: 20_000,
            notify: false,
            plans: false,
            snapshot_entries: 150_000,
            memory: remembering(REMEMBERED),
            lookups: Arc::default(),
        }
    }
}

/// Entries between two parts of a snapshot, so that what waited for the one is done before the other.
const BETWEEN_PARTS: u64 = 3_000;

/// Of users, addresses and other things a service remembers so many each, unless it is told otherwise.
pub const REMEMBERED: usize = 33_000;

/// What memory keeps when it remembers so many users, addresses and other things each: of what is smaller, more.
pub const fn remembering(each: usize) -> Limits {
    Limits {
        users_max: each,
        addresses_max: each,
        entities_max: each,
        rules_max: each / 3,
        pairs_max: each / 2 * 3,
        duplicates_max: each / 2 * 3,
    }
}

/// Something that waits for the driver.
pub enum Work {
    /// An alert that was read.
    Alert(Prepared),
    /// Something that a person or the machine itself wants.
    Command {
        /// Who; empty for the machine itself.
        by: String,
        /// What.
        command: Command,
    },
}

/// What became of one piece of work. Durable when it is seen.
#[derive(Clone, Debug)]
pub enum Done {
    /// An alert was decided.
    Decided(Answer),
    /// It was known already: what was decided then.
    Known(Answer),
    /// A command was carried out.
    Carried(Reply),
    /// A command was refused.
    Refused(Refused),
}

/// What was decided about an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The number of its entry in the ledger.
    pub seq: u64,
    /// The decision's name.
    pub decision: [u8; 8],
    /// SHA-256 of the raw alert.
    pub alert: Digest,
    /// The case that it joined.
    pub case: CaseId,
    /// Which revision of the case.
    pub revision: u32,
    /// What was decided.
    pub outcome: Outcome,
    /// The score.
    pub score: i32,
}

/// The one that writes.
pub struct Driver {
    store: Box<dyn Store>,
    reader: Box<dyn Read>,
    policy: Arc<Policy>,
    memory: Memory,
    tree: Tree,
    ladder: Ladder,
    settings: Settings,
    /// Where the facts of each book's decisions are in the policy's rows.
    slots: HashMap<Digest, Slots>,
    /// What connectors are asked.
    lookups: lookups::Lookups,
    /// The time of the latest turn, or entry.
    at: Time,
    /// The number of entries at the latest snapshot of memory.
    snapshot: u64,
    /// Parts of the next one that are written, and the number of entries at the latest of them.
    kept: usize,
    kept_at: u64,
    /// What is to be removed once it is noted: raw alerts and entries from before, at most so many commits.
    forgetting: Option<(Time, Time, u32)>,
    batch: Batch,
    /// Something was decided since the last commit.
    begun: bool,
    /// What the alerts that were decided last were read into.
    spent: Vec<Spare>,
}

impl Work {
    fn keys(&self) -> Option<&Keys> {
        match self {
            Work::Alert(prepared) => Some(&prepared.read.keys),
            Work::Command { .. } => None,
        }
    }
}

impl Driver {
    /// Does all of `work` in one transaction. What became of each is in `done`, in the same order.
    ///
    /// # Errors
    /// Nothing was written, or for [`StoreError::Unclear`] nobody knows. The driver must not be used again: what memory
    /// learnt is not stored. [`Driver::into_store`] and [`Driver::open`] begin anew.
    pub fn turn(&mut self, now: Time, work: &mut Vec<Work>, done: &mut Vec<Done>) -> Result<(), StoreError> {
        done.clear();
        #[cfg(feature = "planted")]
        if is(Bug::AnsweredBeforeCommit) {
            self.commit()?;
            return self.decide(now, work, done);
        }
        self.decide(now, work, done)?;
        self.commit()
    }

    /// Does `work` in the transaction that the next [`commit`](Self::commit) writes, and appends to `done` what becomes of each
    /// then. The transaction is of the time at which its first work came.
    ///
    /// # Errors
    /// As for [`turn`](Self::turn): all that was decided since the last commit is lost.
    pub fn decide(&mut self, now: Time, work: &mut Vec<Work>, done: &mut Vec<Done>) -> Result<(), StoreError> {
        if !self.begun {
            self.begun = true;
            self.at = self.at.max(now);
            self.batch.clear(self.tree.len(), self.at);
        }
        self.spent.clear();
        self.memory.look_ahead(work.iter().filter_map(Work::keys));
        done.reserve(work.len());
        for piece in work.drain(..) {
            done.push(match piece {
                Work::Alert(prepared) => self.alert(prepared)?,
                Work::Command { by, command } => self.command(&by, command)?,
            });
        }
        Ok(())
    }

    /// Writes everything that was decided since the last time.
    ///
    /// # Errors
    /// As for [`turn`](Self::turn).
    pub fn commit(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.begun) && !self.batch.is_empty() {
            self.write_batch()?;
        }
        match self.forgetting.take() {
            Some((raw, entries, blocks)) => self.store.forget(raw, entries, blocks).map(|_| ()),
            None => Ok(()),
        }
    }

    fn write_batch(&mut self) -> Result<(), StoreError> {
        reach("commit.before");
        let written = self.store.commit(&self.batch.commit());
        #[cfg(feature = "planted")]
        let written = if is(Bug::FullIsSuccess) && matches!(written, Err(StoreError::Full(_))) { Ok(()) } else { written };
        written?;
        reach("commit.after");
        self.tree.append_all(self.batch.leaves());
        Ok(())
    }

    /// Number and root of the entries so far.
    pub fn head(&self) -> (u64, Hash) {
        (self.tree.len(), self.tree.root())
    }

    /// The time of the latest turn: clocks go back, this does not while the process runs.
    pub fn at(&self) -> Time {
        self.at
    }

    /// The ladder as it stands.
    pub fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// What was seen before.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What decides now.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Whether a part of a snapshot of memory is due: some entries came since the part before, or since the last snapshot, and many
    /// when the machine is busy.
    pub fn wants_snapshot(&self, idle: bool) -> bool {
        let since = |entries: u64| self.tree.len().saturating_sub(entries);
        if self.kept > 0 {
            return idle || since(self.kept_at) >= BETWEEN_PARTS;
        }
        let since = since(self.snapshot);
        since >= self.settings.snapshot_entries || (idle && since >= self.settings.snapshot_entries / 8)
    }

    /// Keeps the next part of a snapshot of memory, so that a restart need not read again what came before.
    ///
    /// # Errors
    /// It cannot be written; the snapshot before still stands, and this one begins anew.
    pub fn snapshot(&mut self) -> Result<(), StoreError> {
        let (memory, part, next) = (&self.memory, std::mem::take(&mut self.kept), self.tree.len());
        // Memory is millions of small numbers and everybody waits: they are gathered here and not handed on one by one.
        let write = &mut |out: &mut dyn Write| {
            let mut out = BufWriter::new(out);
            postcard::to_io(&next, &mut out).map_err(io::Error::other)?;
            let mut to = postcard::Serializer { output: WriteFlavor::new(&mut out) };
            memory.write_part(part, &mut to).map_err(io::Error::other)?;
            out.flush()
        };
        let stretch = match part {
            0 => Stretch::First,
            part if part + 1 < PARTS => Stretch::Middle,
            _ => Stretch::Last,
        };
        self.store.keep_memory(stretch, write)?;
        if stretch == Stretch::Last {
            self.snapshot = next;
        } else {
            (self.kept, self.kept_at) = (part + 1, next);
        }
        Ok(())
    }

    /// Keeps a snapshot of memory as it is now.
    ///
    /// # Errors
    /// As for [`snapshot`](Self::snapshot).
    pub fn snapshot_whole(&mut self) -> Result<(), StoreError> {
        self.kept = 0;
        (0..PARTS).try_for_each(|_| self.snapshot())
    }

    /// What the alerts that were decided last were read into, for others to be read into.
    pub fn spent(&mut self) -> impl Iterator<Item = Spare> + '_ {
        self.spent.drain(..)
    }

    /// The store, for another driver.
    pub fn into_store(self) -> Box<dyn Store> {
        self.store
    }

    /// The store, for what needs no turn.
    pub fn store(&mut self) -> &mut dyn Store {
        &mut *self.store
    }
}
