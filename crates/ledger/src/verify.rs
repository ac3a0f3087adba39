//! Verifies a log entry by entry, and names the first bad one.
//!
//! Fed every entry in order, with the leaf hash that was recorded for it: an entry whose bytes were changed is found
//! at once. That the leaves are the right ones, only checkpoints prove: give them all before the entries they cover.
//! A changed leaf lies between the last checkpoint that agrees and the first that does not, so more checkpoints name it
//! more closely. Someone who has the log's key can write another log with checkpoints of its own; only a checkpoint
//! kept elsewhere ([`Whose::External`]) shows that.
//!
//! An entry whose bytes retention removed is verified by its leaf alone, and counted: what it said is not known any
//! more, that it stood there is.

use crate::checkpoint::Checkpoint;
use crate::tree::{Hash, Tree, leaf};
use std::collections::BTreeMap;

/// Where a checkpoint comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The log's own store: agrees with a log that was rewritten whole.
    Own,
    /// Kept by somebody else: an auditor, a witness, a printout.
    External,
}

/// What is wrong with a log, in the order in which it is found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes of an entry, or the leaf recorded for it, were changed.
    #[error("entry {index} was changed: its leaf is recorded as {recorded}, its bytes give {computed}")]
    Entry {
        /// The entry.
        index: u64,
        /// The recorded leaf.
        recorded: Hash,
        /// The leaf of its bytes.
        computed: Hash,
    },
    /// An entry is not there.
    #[error("entry {index} is missing: entry {found} comes in its place")]
    Missing {
        /// The entry.
        index: u64,
        /// The number that was found.
        found: u64,
    },
    /// An entry comes a second time, or out of order.
    #[error("entry {found} comes again where entry {index} should be")]
    Repeated {
        /// The entry that should be here.
        index: u64,
        /// The number that was found.
        found: u64,
    },
    /// The root of a checkpoint of the log differs.
    #[error("the first {size} entries are not those of the log's checkpoint: it was changed at or after entry {from}")]
    Tree {
        /// The size of the checkpoint.
        size: u64,
        /// The first entry that no checkpoint vouches for.
        from: u64,
    },
    /// The root of a checkpoint that was kept elsewhere differs.
    #[error("the log was rewritten: its first {size} entries are not those of the external checkpoint, at or after entry {from}")]
    Rewritten {
        /// The size of the checkpoint.
        size: u64,
        /// The first entry that no checkpoint vouches for.
        from: u64,
    },
    /// The log ends before a checkpoint does.
    #[error("the log was cut off: it has {have} entries, a checkpoint counts {checkpoint}")]
    Truncated {
        /// How many entries there are.
        have: u64,
        /// How many there were.
        checkpoint: u64,
    },
    /// Two checkpoints contradict each other.
    #[error("the log was forked: two checkpoints of {size} entries have different roots")]
    Fork {
        /// The size of both.
        size: u64,
    },
    /// A checkpoint of another log.
    #[error("the checkpoint is of `{found}`, another one of `{expected}`")]
    OtherLog {
        /// The origin of the checkpoints before.
        expected: String,
        /// The origin of this one.
        found: String,
    },
    /// A checkpoint that was given too late to be compared.
    #[error("the checkpoint of {size} entries was given after {have} entries: give checkpoints first")]
    Late {
        /// The size of the checkpoint.
        size: u64,
        /// How many entries had been fed.
        have: u64,
    },
}

impl Fault {
    /// The first entry that is bad, or may be: before it everything is proven as far as checkpoints go.
    pub fn first_bad(&self) -> Option<u64> {
        match self {
            Self::Entry { index, .. } | Self::Missing { index, .. } | Self::Repeated { index, .. } => Some(*index),
            Self::Tree { from, .. } | Self::Rewritten { from, .. } => Some(*from),
            Self::Truncated { have, .. } => Some(*have),
            Self::Fork { .. } | Self::OtherLog { .. } | Self::Late { .. } => None,
        }
    }
}

/// What was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The tree of everything that was fed.
    pub tree: Tree,
    /// How many entries were verified by their leaf alone.
    pub removed: u64,
    /// How many checkpoints agreed.
    pub checkpoints: u64,
    /// The size of the largest checkpoint that agreed: later entries are vouched for by nobody.
    pub vouched: u64,
}

/// Reads a log from its beginning to its end.
#[derive(Debug, Default)]
pub struct Verifier {
    tree: Tree,
    origin: Option<String>,
    /// The root that the tree must have at a size, and who says so.
    expected: BTreeMap<u64, (Hash, Whose)>,
    removed: u64,
    checkpoints: u64,
    vouched: u64,
}

impl Verifier {
    /// Begins at the first entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins after the entries of a tree that was verified before.
    pub fn after(tree: Tree) -> Self {
        Self { vouched: tree.len(), tree, ..Self::default() }
    }

    /// How many entries the tree has by now.
    pub fn len(&self) -> u64 {
        self.tree.len()
    }

    /// Whether nothing was fed yet.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// Requires the log to agree with a checkpoint, whose signature was checked before.
    ///
    /// # Errors
    /// It contradicts another checkpoint, or what was fed already.
    pub fn expect(&mut self, checkpoint: &Checkpoint, whose: Whose) -> Result<(), Fault> {
        let (size, root, have) = (checkpoint.size(), checkpoint.root(), self.len());
        let origin = self.origin.get_or_insert_with(|| checkpoint.origin().to_owned());
        if origin != checkpoint.origin() {
            return Err(Fault::OtherLog { expected: origin.clone(), found: checkpoint.origin().to_owned() });
        }
        if size < have {
            return Err(Fault::Late { size, have });
        }
        let (known, by) = self.expected.entry(size).or_insert((root, whose));
        if *known != root {
            return Err(Fault::Fork { size });
        }
        if whose == Whose::External {
            *by = whose;
        }
        self.compare()
    }

    /// Takes the next entry: its number, the leaf recorded for it, and its bytes unless retention removed them.
    ///
    /// # Errors
    /// The entry is bad, or the tree with it does not agree with a checkpoint.
    pub fn feed(&mut self, number: u64, recorded: Hash, entry: Option<&[u8]>) -> Result<(), Fault> {
        let index = self.len();
        if number > index {
            return Err(Fault::Missing { index, found: number });
        }
        if number < index {
            return Err(Fault::Repeated { index, found: number });
        }
        match entry.map(leaf) {
            Some(computed) if computed != recorded => return Err(Fault::Entry { index, recorded, computed }),
            Some(_) => {}
            None => self.removed += 1,
        }
        self.tree.append(recorded);
        self.compare()
    }

    /// Ends: there is no further entry.
    ///
    /// # Errors
    /// A checkpoint counts more entries than there are.
    pub fn finish(self) -> Result<Report, Fault> {
        let Self { tree, removed, checkpoints, vouched, expected, .. } = self;
        match expected.first_key_value() {
            Some((size, _)) if *size > tree.len() => Err(Fault::Truncated { have: tree.len(), checkpoint: *size }),
            _ => Ok(Report { tree, removed, checkpoints, vouched }),
        }
    }

    /// Compares the tree with the checkpoint of its size, if there is one.
    fn compare(&mut self) -> Result<(), Fault> {
        let (size, from) = (self.len(), self.vouched);
        // The first is the next: everything before was compared and taken out.
        let Some(entry) = self.expected.first_entry().filter(|entry| *entry.key() == size) else { return Ok(()) };
        let (root, whose) = *entry.get();
        if root != self.tree.root() {
            return Err(match whose {
                Whose::Own => Fault::Tree { size, from },
                Whose::External => Fault::Rewritten { size, from },
            });
        }
        entry.remove();
        self.checkpoints += 1;
        self.vouched = size;
        Ok(())
    }
}
