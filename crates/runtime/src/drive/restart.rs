//! Beginning where the last process ended: the tree from its leaves, memory from its snapshot and what came after, the
//! ladder from its document, and the books.

use super::batch::Batch;
use super::command::{Reply, kind};
use super::lookups::{Lookups, answers};
use super::{Done, Driver, Settings, Work};
use crate::archive::Entry;
use crate::archive::row::{Name, SlotMap, names};
use crate::event::{self, Kind, Slots, What, flag};
use crate::failpoint::reach;
#[cfg(feature = "planted")]
use crate::planted::{Bug, is};
use crate::policy::Policy;
use crate::ports::{Parts, Read, Store, StoreError};
use adjutant_engine::autonomy::{Ladder, Pause, Rung};
use adjutant_engine::correlate;
use adjutant_engine::memory::parts::PARTS;
use adjutant_engine::memory::{Limits, Memory};
use adjutant_engine::step::Verdict;
use adjutant_ledger::Tree;
use adjutant_model::{Autonomy, Digest, Time};
use postcard::de_flavors::io::io::IOReader;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

impl Driver {
    /// Goes on with what `store` holds; `now` is when a book that never decided here is noted.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(mut store: Box<dyn Store>, policy: Arc<Policy>, settings: Settings, now: Time) -> Result<Self, StoreError> {
        let mut reader = store.reader()?;
        let (tree, at) = tree(&mut *reader)?;
        let (known, memory) = memory(&mut *store, &policy, settings.memory, tree.len())?;
        let ladder = reader.document(kind::LADDER, "current")?.map_or_else(Ladder::default, |text| ladder(&text));
        #[cfg(feature = "planted")]
        let ladder = if is(Bug::PauseForgotten) { running(ladder) } else { ladder };
        let slots = HashMap::new();
        let (lookups, answers) = (Lookups::open(&mut *reader)?, answers(&mut *reader, &policy.book.contracts)?);
        let mut driver = Self {
            store,
            reader,
            policy,
            memory,
            tree,
            ladder,
            settings,
            slots,
            lookups,
            at,
            snapshot: known[0],
            kept: 0,
            kept_at: 0,
            forgetting: None,
            batch: Batch::default(),
            begun: false,
            spent: Vec::new(),
        };
        driver.answer_as_before(&answers);
        driver.replay(&known)?;
        driver.know_book(now)?;
        Ok(driver)
    }

    /// Feeds memory with what came after its snapshot. `known` says of each of its parts before which entry it was written.
    fn replay(&mut self, known: &[u64; PARTS]) -> Result<(), StoreError> {
        let from = known[0];
        let mut reader = self.store.reader()?;
        let mut entry = Entry::default();
        reader.blocks(from, Parts::Entries, &mut |block| {
            for (seq, bytes) in (block.first..).zip(event::pieces(&block.entries)).filter(|(seq, _)| *seq >= from) {
                let damaged = |_| StoreError::Damaged(format!("entry {seq} cannot be read"));
                reach("replay");
                let parts = known.iter().filter(|next| **next <= seq).count();
                match event::kind(bytes.map_err(damaged)?).map_err(damaged)? {
                    // Nothing arrived: memory saw the alert when it did.
                    Kind::Decided(head, ..) if head.flags & flag::AGAIN != 0 => {}
                    Kind::Decided(head, _, rest) => {
                        let slots = self.slots(head.book)?;
                        event::decided(&head, rest, &slots, &mut entry).map_err(damaged)?;
                        let keys = self.keys(&entry.alert);
                        self.memory.catch_up(&mut entry.alert, &keys, parts);
                    }
                    Kind::Handover => {}
                    #[cfg(feature = "planted")]
                    Kind::Noted(_) if is(Bug::VerdictsNotReplayed) => {}
                    Kind::Noted(noted) => {
                        if let What::Verdict { verdict: verdict @ (Verdict::Close | Verdict::Escalate), about, .. } = noted.what {
                            self.learn(about, verdict == Verdict::Close, parts)?;
                        }
                    }
                }
            }
            Ok(true)
        })
    }

    /// Where the facts of decisions under `book` are in the policy's rows.
    pub(super) fn slots(&mut self, book: Digest) -> Result<Slots, StoreError> {
        if let Some(slots) = self.slots.get(&book) {
            return Ok(slots.clone());
        }
        let slots = slots(&mut *self.reader, book, &self.policy)?;
        self.slots.insert(book, slots.clone());
        Ok(slots)
    }

    /// Keeps the policy's book, if it never decided here.
    fn know_book(&mut self, now: Time) -> Result<(), StoreError> {
        let digest = self.policy.book.digest.to_string();
        if self.reader.document(kind::SLOTS, &digest)?.is_some() {
            return Ok(());
        }
        let command = super::Command::Adopt(Arc::clone(&self.policy));
        let mut work = vec![Work::Command { by: String::new(), command }];
        let mut done: Vec<Done> = Vec::new();
        self.turn(now, &mut work, &mut done)
    }

    pub(super) fn adopt(&mut self, by: &str, policy: Arc<Policy>) -> Result<Reply, StoreError> {
        let book = &policy.book;
        let digest = book.digest.to_string();
        reach("adopt");
        let is_new = self.reader.document(kind::SLOTS, &digest)?.is_none();
        let text = |value: Result<String, serde_json::Error>| value.map_err(|error| StoreError::Unavailable(error.to_string()));
        if is_new {
            let files = text(serde_json::to_string(&book.files))?;
            let names = text(serde_json::to_string(&names(&book.schema)))?;
            self.batch.documents.push((kind::BOOK, digest.clone(), Some(files)));
            self.batch.documents.push((kind::SLOTS, digest.clone(), Some(names)));
        }
        let changed = is_new || self.policy.book.digest != book.digest;
        self.slots.clear();
        let answers = self.policy.context.answers().clone();
        self.policy = policy;
        self.answer_as_before(&answers);
        Ok(if changed { Reply::Done(self.note(by, What::Book { book: digest })) } else { Reply::Kept })
    }
}

/// Where the facts of decisions under `book` are in the rows of `policy`.
pub(crate) fn slots(reader: &mut dyn Read, book: Digest, policy: &Policy) -> Result<Slots, StoreError> {
    let missing = || StoreError::Damaged(format!("the book {book} decided here and is not stored"));
    let text = reader.document(kind::SLOTS, &book.to_string())?;
    let was: Vec<Name> = match text {
        Some(text) => serde_json::from_str(&text).map_err(|_| missing())?,
        None if book == policy.book.digest => names(&policy.book.schema),
        None => return Err(missing()),
    };
    Ok(Slots(SlotMap::new(&was, &policy.book.schema)))
}

fn tree(reader: &mut dyn Read) -> Result<(Tree, Time), StoreError> {
    let (mut tree, mut at) = (Tree::new(), Time::default());
    reader.blocks(0, Parts::Leaves, &mut |block| {
        if block.first != tree.len() {
            return Err(StoreError::Damaged(format!("entry {} is missing", tree.len())));
        }
        tree.append_all(&block.leaves);
        at = block.at;
        Ok(true)
    })?;
    Ok((tree, at))
}

/// Before which entry each part of memory was written, and memory: the snapshot that there is, or nothing seen yet. One that cannot
/// be read, or is from a longer ledger, is as none.
fn memory(store: &mut dyn Store, policy: &Policy, limits: Limits, len: u64) -> Result<([u64; PARTS], Memory), StoreError> {
    let mut rules = correlate::Policy::of(&policy.book.correlate);
    // What is open is remembered as other things are, whatever the book would allow a triage of files.
    rules.cases_max = rules.cases_max.min(limits.entities_max);
    let nothing = || Memory::new(policy.key, limits, rules.clone());
    if let Some(mut from) = store.memory()?
        && let Some((known, memory)) = read(&mut *from, nothing())
        && memory.key() == policy.key
        && known.is_sorted()
        && known.iter().all(|next| *next <= len)
    {
        #[cfg(feature = "planted")]
        let known = if is(Bug::OldMemory) { [len; PARTS] } else { known };
        return Ok((known, memory.within(limits, rules)));
    }
    Ok(([0; PARTS], nothing()))
}

/// Reads a snapshot to its end: only there is known whether it is whole.
fn read(mut from: &mut dyn io::Read, mut memory: Memory) -> Option<([u64; PARTS], Memory)> {
    let (mut room, mut known) = ([0; 1024], [0; PARTS]);
    let mut reader = postcard::Deserializer::from_flavor(IOReader::new(&mut from, &mut room));
    for (part, next) in known.iter_mut().enumerate() {
        *next = u64::deserialize(&mut reader).ok()?;
        memory.read_part(part, &mut reader).ok()?;
    }
    (io::copy(&mut from, &mut io::sink()).ok()? == 0).then_some((known, memory))
}

/// The ladder as a document: rungs as a list, because JSON has only texts as keys.
#[derive(Serialize, Deserialize)]
struct Written {
    rungs: Vec<(Rung, Autonomy)>,
    pause: Pause,
    paused: BTreeMap<String, Pause>,
}

pub(super) fn ladder_text(ladder: &Ladder) -> String {
    let rungs = ladder.rungs().map(|(rung, level)| (rung.clone(), level)).collect();
    let written = Written { rungs, pause: ladder.pause, paused: ladder.paused.clone() };
    serde_json::to_string(&written).unwrap_or_default()
}

/// A ladder that cannot be read lets nothing happen by itself.
pub(crate) fn ladder(text: &str) -> Ladder {
    let Ok(Written { rungs, pause, paused }) = serde_json::from_str(text) else {
        let mut nothing = Ladder::default();
        nothing.pause = Pause::RecommendOnly;
        return nothing;
    };
    let mut ladder = Ladder::default();
    (ladder.pause, ladder.paused) = (pause, paused);
    rungs.into_iter().for_each(|(rung, level)| ladder.set(rung, level));
    ladder
}

#[cfg(feature = "planted")]
fn running(mut ladder: Ladder) -> Ladder {
    ladder.pause = Pause::None;
    ladder.paused.clear();
    ladder
}
