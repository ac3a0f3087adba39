//! Verifies what is stored: entries against leaves, raw alerts against entries, the tree against checkpoints.
//!
//! What retention removed is verified by its leaf alone, and only where the ledger itself says that retention went so far:
//! an entry that is gone without that is found as any other change.

use crate::event::{self, Kind, What};
use crate::ports::{Block, Parts, Read, StoreError};
use crate::seal::{CHECKPOINT, LATEST};
use adjutant_ledger::verify::{Fault, Report, Whose};
use adjutant_ledger::{Checkpoint, Handover, Note, Verifier};
use adjutant_model::{Digest, Time};

/// What was verified.
#[derive(Debug)]
pub struct Audit {
    /// Of the ledger.
    pub report: Report,
    /// Raw alerts that are what their entries say.
    pub raw: u64,
    /// The checkpoint that the store itself keeps, if there is one.
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
    /// What is stored cannot be read from an entry on.
    #[error("what is stored from entry {0} on cannot be read: {1}")]
    Unreadable(u64, String),
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
            Error::Removed(seq) | Error::Raw(seq) | Error::Unreadable(seq, _) => Some(*seq),
            Error::Checkpoint(..) | Error::Store(_) => None,
        }
    }
}

/// Verifies everything that `reader` has, against the store's own checkpoint and `external` ones.
///
/// # Errors
/// The first thing that is wrong.
pub fn audit(reader: &mut dyn Read, external: &[Vec<u8>]) -> Result<Audit, Error> {
    let mut walk = Walk { verifier: Verifier::new(), raw: 0, removed: Vec::new(), forgot: Time(i64::MIN), handovers: Vec::new(), fault: None };
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
    let read = reader.blocks(0, Parts::Raw, &mut |block| {
        walk.fault = walk.block(block).err();
        Ok(walk.fault.is_none())
    });
    if let Some(fault) = walk.fault {
        return Err(fault);
    }
    read.map_err(|error| match error {
        StoreError::Damaged(what) => Error::Unreadable(walk.verifier.len(), what),
        other => Error::Store(other),
    })?;
    // A removal is right when the ledger says, before or after it, that retention went so far.
    if let Some((seq, _)) = walk.removed.iter().find(|(_, at)| *at >= walk.forgot) {
        return Err(Error::Removed(*seq));
    }
    Ok(Audit { report: walk.verifier.finish()?, raw: walk.raw, own, handovers: walk.handovers })
}

/// A checkpoint without regard to who signed it; see the command line for that.
fn parse(bytes: &[u8], whose: &'static str) -> Result<Checkpoint, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Checkpoint(whose, error.to_string());
    let note = Note::parse(bytes).map_err(|error| wrong(&error))?;
    Checkpoint::parse(note.text()).map_err(|error| wrong(&error))
}

struct Walk {
    verifier: Verifier,
    raw: u64,
    /// Entries that are gone, with the time of their commit.
    removed: Vec<(u64, Time)>,
    /// Retention removed entries from before this.
    forgot: Time,
    handovers: Vec<(u64, Handover)>,
    fault: Option<Error>,
}

impl Walk {
    fn block(&mut self, block: &Block) -> Result<(), Error> {
        let mut raw = event::pieces(&block.raw);
        let mut entries = event::pieces(&block.entries);
        for (seq, leaf) in (block.first..).zip(&block.leaves) {
            if block.entries.is_empty() {
                self.removed.push((seq, block.at));
                self.verifier.feed(seq, *leaf, None)?;
                continue;
            }
            let entry = entries.next().and_then(Result::ok).unwrap_or_default();
            self.verifier.feed(seq, *leaf, Some(entry))?;
            self.entry(seq, entry, &mut raw)?;
        }
        if entries.next().is_some() || raw.next().is_some() {
            return Err(Error::Removed(block.first + block.leaves.len() as u64));
        }
        Ok(())
    }

    fn entry<'b>(
        &mut self,
        seq: u64,
        entry: &[u8],
        raw: &mut impl Iterator<Item = Result<&'b [u8], event::Broken>>,
    ) -> Result<(), Error> {
        match event::kind(entry) {
            Ok(Kind::Decided(head, ..)) => {
                if let Some(raw) = raw.next() {
                    let same = raw.is_ok_and(|raw| Digest::of(raw) == head.alert);
                    self.raw += 1;
                    return if same { Ok(()) } else { Err(Error::Raw(seq)) };
                }
            }
            Ok(Kind::Noted(noted)) => {
                if let What::Forgot { entries_before, .. } = noted.what {
                    let before = adjutant_engine::normalize::time::read(&entries_before, None).map(|reading| reading.time);
                    self.forgot = self.forgot.max(before.unwrap_or(Time(i64::MIN)));
                }
            }
            Ok(Kind::Handover) => {
                // One that is not signed by both keys is no handover, whatever it claims.
                self.handovers.extend(Handover::parse(entry).ok().map(|handover| (seq, handover)));
            }
            Err(_) => {} // Its leaf agrees, so it is what was written: of a kind that this release does not know.
        }
        Ok(())
    }
}
