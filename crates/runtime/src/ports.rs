//! The five ports through which the runtime meets the world: [`Clock`], [`Store`], [`Bus`], [`Lookup`] and [`Responder`].
//!
//! The product plugs in a database, notifications, and (with the hand) lookups and responders; a simulation plugs in fakes
//! for all five. Nothing else of the runtime touches the world, and nothing here decides.

use adjutant_engine::context::Said;
use adjutant_engine::step::Status;
use adjutant_ledger::Hash;
use adjutant_model::{CaseId, EntityKind, Outcome, Time};
use adjutant_rules::contract::{self, Contract};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// Tells the time. Never goes back within one process.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Time;
}

/// Tells other parts of the process that something changed, never what: who wants to know asks.
pub trait Bus: Send + Sync {
    /// Something of this kind changed.
    fn changed(&self, what: Change);
    /// A turn of so many pieces of work is durable, so many microseconds after it began. Called for each, so it must be quick.
    fn settled(&self, _micros: u64, _pieces: usize) {}
    /// Hands one outgoing message to the world.
    ///
    /// # Errors
    /// A [`CallError`] that says whether to try again.
    fn deliver(&self, message: &Outgoing) -> Result<(), CallError>;
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Cases or their order.
    Queue,
    /// How well the machine is.
    Health,
}

/// Asks the world something that changes nothing. What it answers is stored with the decision.
pub trait Lookup: Send + Sync {
    /// What has the name there that `question` asks about, and when that was known.
    ///
    /// # Errors
    /// A [`CallError`] that says whether to ask again.
    fn ask(&self, question: &Question) -> Result<Said, CallError>;
}

/// What a connector is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The context contract that asks.
    pub contract: String,
    /// The connector.
    pub connector: String,
    /// What kind of thing it is asked about.
    pub of: EntityKind,
    /// Its name.
    pub name: String,
    /// How old an answer may be that the connector's side remembers, in seconds.
    pub age_seconds_max: u32,
}

/// Changes the world. Held by the hand alone; a process that only decides has none.
pub trait Responder: Send + Sync {
    /// Does `action` once; the same `key` again does nothing more.
    ///
    /// # Errors
    /// A [`CallError`]; after [`CallError::Unclear`] nobody knows whether it was done.
    fn act(&self, key: &str, action: &str) -> Result<(), CallError>;
}

/// Why a call to the world did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Try again later.
    #[error("{0}; it will be tried again")]
    Retry(String),
    /// It will never succeed so.
    #[error("{0}")]
    Permanent(String),
    /// It may have been done.
    #[error("{0}; whether it was done is not known")]
    Unclear(String),
}

impl Question {
    /// Whether `contract` still asks this, of the same connector.
    pub fn is_of(&self, contract: &Contract) -> bool {
        let is_so = |lookup: &contract::Lookup| lookup.connector == self.connector && lookup.kind == self.of;
        contract.name == self.contract && contract.lookup().is_some_and(is_so)
    }
}

/// Something to tell the world, written with what made it necessary and delivered afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Its number; zero before it is stored.
    #[serde(default)]
    pub id: i64,
    /// What it is about, for whoever routes it: `case`, `health`, `checkpoint`, or [`PLAN`].
    pub topic: String,
    /// The message, as JSON.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is due.
    pub due: Time,
}

/// The topic of what asks for a plan; its body is the case's name, and after a space the entry with the answer that it follows, if any.
pub const PLAN: &str = "plan";

/// Keeps everything. One value of this type writes; [`Store::reader`] gives others to read with.
///
/// INVARIANT: what [`Store::commit`] said yes to survives the loss of the process, and what a [`Settle`] then said yes to the
/// loss of power. Of what was not settled, only the end is lost.
pub trait Store: Send {
    /// How many entries there are.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn entries(&mut self) -> Result<u64, StoreError>;
    /// What was accepted under `key`.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn known(&mut self, key: u64) -> Result<Option<Known>, StoreError>;
    /// The case called `id`.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn case(&mut self, id: CaseId) -> Result<Option<Kept>, StoreError>;
    /// Writes all of `commit` or nothing.
    ///
    /// # Errors
    /// A [`StoreError`]; nothing of it was written, unless it is [`StoreError::Unclear`].
    fn commit(&mut self, commit: &Commit<'_>) -> Result<(), StoreError>;
    /// What makes commits durable.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn settler(&self) -> Result<Box<dyn Settle>, StoreError>;
    /// Another way in, to read with.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn reader(&self) -> Result<Box<dyn Read>, StoreError>;
    /// Goes on with a snapshot of memory by what `write` writes. The first stretch begins a new one and leaves an unfinished one
    /// aside; after the last it replaces the one before.
    ///
    /// # Errors
    /// A [`StoreError`]; the snapshot before is still there, and this one has to begin again. It may be that of the snapshot before,
    /// which then was not kept: `write` has ended when this returns, and the disk need not have.
    fn keep_memory(&mut self, stretch: Stretch, write: &mut Writing<'_>) -> Result<(), StoreError>;
    /// The latest snapshot of memory. Whether it is whole is known at its end: until that was read without an error, it is not.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn memory(&mut self) -> Result<Option<Snapshot>, StoreError>;
    /// How many commits hold what [`Store::forget`] would remove.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn forgettable(&mut self, raw_before: Time, entries_before: Time) -> Result<u64, StoreError>;
    /// Removes raw alerts that were decided before `raw_before`, and whole entries from before `entries_before`; their leaves
    /// stay. At most `blocks_max` commits at a time. Returns how many were cleared.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn forget(&mut self, raw_before: Time, entries_before: Time, blocks_max: u32) -> Result<u64, StoreError>;
    /// Writes a copy of everything to the file `to`.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn backup(&mut self, to: &Path) -> Result<(), StoreError>;
}

/// Which stretch of a snapshot of memory is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// The first.
    First,
    /// Another.
    Middle,
    /// The last: the snapshot is whole then.
    Last,
}

/// What was written of a snapshot of memory, from its first stretch to its last.
pub type Snapshot = Box<dyn io::Read>;

/// Writes a snapshot to where it is kept.
pub type Writing<'w> = dyn FnMut(&mut dyn io::Write) -> io::Result<()> + 'w;

/// Waits for the disk, on a thread of its own, so that the next commit is made meanwhile.
pub trait Settle: Send {
    /// Returns when everything that was committed before survives the loss of power.
    ///
    /// # Errors
    /// [`StoreError::Unclear`]: the process has to end.
    fn settle(&mut self) -> Result<(), StoreError>;
}

/// Reads what was committed.
pub trait Read: Send {
    /// Another one.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn another(&self) -> Result<Box<dyn Read>, StoreError>;
    /// Hands the stored commits from the one that holds the entry `from` on to `each`, in order, until it says to stop.
    ///
    /// # Errors
    /// A [`StoreError`], or what `each` failed with.
    fn blocks(&mut self, from: u64, parts: Parts, each: &mut BlockVisitor<'_>) -> Result<(), StoreError>;
    /// The numbers of the entries whose decision's name begins with these hexadecimal digits, the latest first.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn find(&mut self, prefix: &str, limit: usize) -> Result<Vec<u64>, StoreError>;
    /// The first entry that was written at `at` or later; the number of entries when there is none.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn since(&mut self, at: Time) -> Result<u64, StoreError>;
    /// Cases, as `wanted` says.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn cases(&mut self, wanted: &Wanted) -> Result<Vec<Kept>, StoreError>;
    /// Cases that were opened by this entry or later, in that order.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn cases_from(&mut self, first: u64, limit: usize) -> Result<Vec<Kept>, StoreError>;
    /// Cases whose name begins with these hexadecimal digits.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn case_named(&mut self, prefix: &str, limit: usize) -> Result<Vec<Kept>, StoreError>;
    /// How many cases have each status and outcome.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn count(&mut self) -> Result<Vec<(Status, Outcome, u64)>, StoreError>;
    /// All documents of a kind, by their names.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn documents(&mut self, kind: &str) -> Result<Vec<(String, String)>, StoreError>;
    /// One document.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn document(&mut self, kind: &str, id: &str) -> Result<Option<String>, StoreError>;
    /// Messages to deliver that are due at `now`, the oldest first.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn due(&mut self, now: Time, limit: usize) -> Result<Vec<Outgoing>, StoreError>;
    /// What was accepted under `key`.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn known(&mut self, key: u64) -> Result<Option<Known>, StoreError>;
    /// Writes what is in a log back to where it belongs, as far as nobody uses it, so that whoever writes need not.
    ///
    /// # Errors
    /// A [`StoreError`]; nothing is lost but after [`StoreError::Unclear`].
    fn write_back(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
    /// Whatever is read until [`Read::release`] is what is stored now, however much is written meanwhile.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn hold(&mut self) -> Result<(), StoreError>;
    /// Ends [`Read::hold`].
    ///
    /// # Errors
    /// A [`StoreError`].
    fn release(&mut self) -> Result<(), StoreError>;
    /// Bytes on disk.
    ///
    /// # Errors
    /// A [`StoreError`].
    fn bytes(&mut self) -> Result<u64, StoreError>;
}

/// How much of stored commits is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Parts {
    /// The leaves.
    Leaves,
    /// … and the entries.
    Entries,
    /// … and the raw alerts.
    Raw,
}

/// What is done with one stored commit; false ends the reading.
pub type BlockVisitor<'v> = dyn FnMut(&Block) -> Result<bool, StoreError> + 'v;

/// One commit as it was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The number of its first entry.
    pub first: u64,
    /// When it was written.
    pub at: Time,
    /// The leaf of each entry.
    pub leaves: Vec<Hash>,
    /// The name of each entry's decision, zero for other entries; where raw alerts were asked for.
    pub ids: Vec<[u8; 8]>,
    /// What each entry's alert is known by, and the first eight bytes of its digest; zeros for other entries; likewise.
    pub keys: Vec<(u64, u64)>,
    /// The entries, each preceded by its length (little-endian, four bytes); empty when retention removed them.
    pub entries: Vec<u8>,
    /// The raw alerts, likewise, where they were asked for and retention left them.
    pub raw: Vec<u8>,
}

/// What was accepted under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The entry that decided it.
    pub seq: u64,
    /// The first eight bytes of the digest of what was sent.
    pub content: u64,
}

/// One transaction.
#[derive(Clone, Debug, Default)]
pub struct Commit<'c> {
    /// The number of its first entry.
    pub first: u64,
    /// When it is written.
    pub at: Time,
    /// The leaf of each entry.
    pub leaves: &'c [Hash],
    /// The name of each entry's decision, zero for other entries: what [`Read::find`] looks through.
    pub ids: &'c [[u8; 8]],
    /// The entries, each preceded by its length.
    pub entries: &'c [u8],
    /// The raw alerts, likewise.
    pub raw: &'c [u8],
    /// What is known from now on.
    pub known: &'c [(u64, Known)],
    /// Cases as they are from now on.
    pub cases: &'c [Kept],
    /// Documents to write, or to remove where there is no body: kind, name, body.
    pub documents: &'c [(&'static str, String, Option<String>)],
    /// What to tell the world afterwards.
    pub outbox: &'c [Outgoing],
    /// Messages that were delivered, or are due again at another time.
    pub delivered: &'c [(i64, Option<Outgoing>)],
}

/// A case with what a queue shows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The case.
    pub id: CaseId,
    /// The entry that opened it.
    pub first: u64,
    /// Whether it is worked.
    pub status: Status,
    /// The highest outcome of its revisions.
    pub outcome: Outcome,
    /// The highest score of its revisions.
    pub score: i32,
    /// The highest severity that a source stated.
    pub severity: u8,
    /// How many alerts joined it.
    pub alerts: u32,
    /// When its first alert was accepted.
    pub opened: Time,
    /// When it last changed.
    pub updated: Time,
    /// The entry that last changed it, plus one.
    pub last: u64,
    /// The entry with its worst decision.
    pub worst: u64,
    /// The playbook of its worst decision.
    pub playbook: String,
    /// Who or what it is about.
    pub subject: String,
    /// What happened.
    pub title: String,
    /// Who works on it.
    pub assignee: String,
    /// Whether the blind sample drew it.
    pub sampled: bool,
    /// A decision of it was reconsidered and waits for a person.
    pub review: bool,
}

/// Which cases are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only with this status; all when none.
    pub status: Option<Status>,
    /// Only shown with this outcome, see [`crate::view::shown_outcome`].
    pub outcome: Option<Outcome>,
    /// Only of this playbook.
    pub playbook: Option<String>,
    /// Only assigned to this person.
    pub assignee: Option<String>,
    /// Only those that wait for a person after a review.
    pub review: bool,
    /// Begin after the case with this place.
    pub after: Option<Position>,
    /// At most so many.
    pub limit: usize,
}

/// The place of a case in the queue: worst first, then the one that was opened last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its rank, see [`Kept::rank`].
    pub rank: i64,
    /// The entry that opened it.
    pub first: u64,
}

impl Kept {
    /// What orders the queue: outcome, then score, then severity.
    pub fn rank(&self) -> i64 {
        let score = i64::from(self.score.clamp(-1_000_000, 1_000_000)) + 1_000_000;
        (self.outcome as i64) << 40 | score << 8 | i64::from(self.severity)
    }

    /// Its place in the queue.
    pub fn position(&self) -> Position {
        Position { rank: self.rank(), first: self.first }
    }
}

/// The number by which a case is found: the first eight bytes of its name.
pub fn key(id: CaseId) -> i64 {
    i64::from_be_bytes(*id.0.first_chunk().unwrap_or(&[0; 8]))
}

/// Why the store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no room.
    #[error("the disk is full: {0}; nothing is lost, and intake goes on when there is room")]
    Full(String),
    /// It cannot be written or read now, and nothing was changed.
    #[error("the store cannot be used: {0}")]
    Unavailable(String),
    /// Nobody knows whether what was written is durable: the process has to end and read again what is there.
    #[error("the disk did not confirm a write: {0}; stop here, look at the disk, and start again")]
    Unclear(String),
    /// What is there is not what was written.
    #[error("the store is damaged: {0}; restore a backup, or run `adjutant doctor`")]
    Damaged(String),
    /// A newer release wrote it.
    #[error("the store has format {0}, which this release does not read; use a newer one")]
    Version(i64),
}
