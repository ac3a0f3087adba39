//! Verifies what is stored: entries against leaves, raw alerts against entries, the tree against checkpoints; and what is
//! kept beside the tree (names, times, what is known, cases) against the entries.
//!
//! What retention removed is verified by its leaf alone, and only where the ledger itself says that retention went so far:
//! an entry that is gone without that is found as any other change.

mod cases;
mod removed;

use crate::event::{self, Head, Kind, What};
use crate::ports::{Block, Known, Parts, Read, StoreError};
use crate::seal::{CHECKPOINT, LATEST};
use adjutant_ledger::verify::{Fault, Report, Verifier, Whose};
use adjutant_ledger::{Checkpoint, Handover, Note};
use adjutant_model::{CaseId, Digest, Time};
use cases::Cases;
use removed::Removed;

/// Decisions after which it is looked whether they are known.
const KNOWN_AT_ONCE: usize = 50_000;

/// What was verified.
#[derive(Debug)]
pub struct Audit {
    /// Of the ledger.
    pub report: Report,
    /// Raw alerts that are what their entries say.
    pub raw: u64,
    /// Cases that are what their entries say.
    pub cases: u64,
    /// The checkpoint that the store itself keeps; none while nothing is stored.
    pub own: Option<Checkpoint>,
    /// Where one key followed another, with the number of the entry.
    pub handovers: Vec<(u64, Handover)>,
}

/// What is wrong, the first that was found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// With the ledger.
    #[error(transparent)]
    Ledger(#[from] Fault),
    /// An entry is gone, and the ledger does not say that retention removed it.
    #[error("entry {0} was removed, and the ledger does not say that retention went so far")]
    Removed(u64),
    /// A raw alert is not what its entry says.
    #[error("the raw alert of entry {0} was changed: it is not what the entry's digest says")]
    Raw(u64),
    /// A raw alert is gone, and the ledger does not say that retention removed it.
    #[error("the raw alert of entry {0} was removed, and the ledger does not say that retention went so far")]
    RawRemoved(u64),
    /// What is stored cannot be read from an entry on.
    #[error("what is stored from entry {0} on cannot be read: {1}")]
    Unreadable(u64, String),
    /// An entry is found by another name than its own.
    #[error("entry {0} is kept under the name of another decision")]
    Name(u64),
    /// A commit has another time than its entries.
    #[error("the time of the commit that holds entry {0} was changed")]
    Time(u64),
    /// An entry does not follow the one before of its case.
    #[error("entry {0} does not follow the entry before of its case")]
    Chain(u64),
    /// What is known of an alert is not what was decided.
    #[error("what is known of the alert that entry {0} decided was changed: it would be decided again, or answered wrongly")]
    Known(u64),
    /// A case is not what its entries say.
    #[error("case {0} is not what its entries say")]
    Case(CaseId),
    /// Cases are gone.
    #[error("{0} cases that entries speak of are not stored")]
    Cases(usize),
    /// Open cases are not listed, or others are.
    #[error("{0} cases are open, and the queue lists {1}")]
    Queue(u64, u64),
    /// There is no checkpoint.
    #[error("the store keeps no checkpoint of its ledger: somebody removed it, or the service never ran")]
    Unsealed,
    /// A checkpoint cannot be read.
    #[error("{0} is no checkpoint: {1}")]
    Checkpoint(&'static str, String),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// The first entry that is bad, or may be.
    pub fn first_bad(&self) -> Option<u64> {
        match self {
            Error::Ledger(fault) => fault.first_bad(),
            Error::Removed(seq) | Error::Raw(seq) | Error::RawRemoved(seq) | Error::Unreadable(seq, _) => Some(*seq),
            Error::Name(seq) | Error::Time(seq) | Error::Chain(seq) | Error::Known(seq) => Some(*seq),
            Error::Case(_) | Error::Cases(_) | Error::Queue(..) | Error::Unsealed | Error::Checkpoint(..) | Error::Store(_) => {
                None
            }
        }
    }
}

/// Verifies everything that `reader` has, against the store's own checkpoint and `external` ones. What is written meanwhile
/// is not part of it.
///
/// # Errors
/// The first thing that is wrong.
pub fn audit(reader: &mut dyn Read, external: &[Vec<u8>]) -> Result<Audit, Error> {
    reader.hold()?;
    let audited = held(reader, external);
    reader.release()?;
    audited
}

fn held(reader: &mut dyn Read, external: &[Vec<u8>]) -> Result<Audit, Error> {
    let mut walk = Walk::default();
    let own = match reader.document(CHECKPOINT, LATEST)? {
        Some(text) => Some(parse(text.as_bytes(), "the store's own checkpoint")?),
        None => None,
    };
    if let Some(checkpoint) = &own {
        walk.verifier.expect(checkpoint, Whose::Own)?;
    }
    for bytes in external {
        walk.verifier.expect(&parse(bytes, "the external checkpoint")?, Whose::External)?;
    }
    while walk.some(reader)? {}
    // A removal is right when the ledger says, before or after it, that retention went so far.
    if let Some(seq) = walk.removed.from(walk.entries_to) {
        return Err(Error::Removed(seq));
    }
    if let Some(seq) = walk.raw_removed.from(walk.raw_to.max(walk.entries_to)) {
        return Err(Error::RawRemoved(seq));
    }
    let report = walk.verifier.finish()?;
    let cases = walk.cases.agree_with(reader, &walk.removed)?;
    if own.is_none() && !report.tree.is_empty() {
        return Err(Error::Unsealed);
    }
    Ok(Audit { report, raw: walk.raw, cases, own, handovers: walk.handovers })
}

/// A checkpoint without regard to who signed it; see the command line for that.
fn parse(bytes: &[u8], whose: &'static str) -> Result<Checkpoint, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Checkpoint(whose, error.to_string());
    let note = Note::parse(bytes).map_err(|error| wrong(&error))?;
    Checkpoint::parse(note.text()).map_err(|error| wrong(&error))
}

#[derive(Default)]
struct Walk {
    verifier: Verifier,
    raw: u64,
    /// The time of the commit before.
    at: Option<Time>,
    removed: Removed,
    raw_removed: Removed,
    /// Retention went up to these entries, not included.
    raw_to: u64,
    entries_to: u64,
    known: Vec<(u64, Known)>,
    cases: Cases,
    handovers: Vec<(u64, Handover)>,
}

impl Walk {
    /// Goes on for a while. Whether there is more.
    fn some(&mut self, reader: &mut dyn Read) -> Result<bool, Error> {
        let (mut fault, mut more) = (None, false);
        let read = reader.blocks(self.verifier.len(), Parts::Raw, &mut |block| {
            fault = self.block(block).err();
            more = self.known.len() >= KNOWN_AT_ONCE;
            Ok(fault.is_none() && !more)
        });
        if let Some(fault) = fault {
            return Err(fault);
        }
        read.map_err(|error| match error {
            StoreError::Damaged(what) => Error::Unreadable(self.verifier.len(), what),
            other => Error::Store(other),
        })?;
        for (key, known) in self.known.drain(..) {
            if reader.known(key)? != Some(known) {
                return Err(Error::Known(known.seq));
            }
        }
        Ok(more)
    }

    fn block(&mut self, block: &Block) -> Result<(), Error> {
        if self.at.is_some_and(|before| before > block.at) {
            return Err(Error::Time(block.first));
        }
        self.at = Some(block.at);
        let mut raw = event::pieces(&block.raw);
        let mut entries = event::pieces(&block.entries);
        for (((seq, leaf), id), key) in (block.first..).zip(&block.leaves).zip(&block.ids).zip(&block.keys) {
            if block.entries.is_empty() {
                self.verifier.feed(seq, *leaf, None)?;
                self.removed.add(seq);
                continue;
            }
            let entry = entries.next().and_then(Result::ok).unwrap_or_default();
            self.verifier.feed(seq, *leaf, Some(entry))?;
            self.entry(seq, entry, (block, id, *key))?;
            if let Ok(Kind::Decided(head, ..)) = event::kind(entry) {
                self.raw(seq, &head, if block.raw.is_empty() { None } else { Some(raw.next()) })?;
            }
        }
        if entries.next().is_some() {
            return Err(Error::Removed(block.first + block.leaves.len() as u64));
        }
        if raw.next().is_some() {
            return Err(Error::Raw(block.first));
        }
        Ok(())
    }

    fn entry(&mut self, seq: u64, entry: &[u8], (block, id, key): (&Block, &[u8; 8], (u64, u64))) -> Result<(), Error> {
        match event::kind(entry) {
            Ok(Kind::Decided(head, ..)) => {
                if *id != head.decision {
                    return Err(Error::Name(seq));
                }
                if block.at != head.at {
                    return Err(Error::Time(seq));
                }
                let content = u64::from_be_bytes(*head.alert.0.first_chunk().unwrap_or(&[0; 8]));
                if key != (head.key, content) {
                    return Err(Error::Known(seq));
                }
                self.known.push((head.key, Known { seq, content }));
                self.cases.decided(seq, &head, &self.removed)
            }
            Ok(Kind::Noted(noted)) => {
                if *id != [0; 8] {
                    return Err(Error::Name(seq));
                }
                if key != (0, 0) {
                    return Err(Error::Known(seq));
                }
                if block.at.to_string() != noted.at {
                    return Err(Error::Time(seq));
                }
                if let What::Forgot { raw_to, entries_to, .. } = noted.what {
                    (self.raw_to, self.entries_to) = (self.raw_to.max(raw_to), self.entries_to.max(entries_to));
                }
                self.cases.noted(seq, block.at, &noted, &self.removed)
            }
            Ok(Kind::Handover) => {
                // One that is not signed by both keys is no handover, whatever it claims.
                self.handovers.extend(Handover::parse(entry).ok().map(|handover| (seq, handover)));
                Ok(())
            }
            Err(_) => Ok(()), // Its leaf agrees, so it is what was written: of a kind that this release does not know.
        }
    }

    /// The raw alert of a decision; none at all when the whole commit has none.
    fn raw(&mut self, seq: u64, head: &Head, raw: Option<Option<Result<&[u8], event::Broken>>>) -> Result<(), Error> {
        match raw {
            None => self.raw_removed.add(seq),
            Some(Some(Ok(raw))) if Digest::of(raw) == head.alert => self.raw += 1,
            Some(_) => return Err(Error::Raw(seq)),
        }
        Ok(())
    }
}
