//! Seals the ledger: a signed checkpoint of what is durable, every so often, kept here and wherever else it is to go.
//!
//! Whoever has an old checkpoint can tell whether the ledger was rewritten since. One that nobody else has proves nothing
//! against whoever holds the key, so each is exported, too.

use crate::drive::Command;
use crate::event::put_piece;
use crate::failpoint::reach;
use crate::ports::{Commit, Parts, Store, StoreError};
use crate::service::{Failed, Service};
use adjutant_ledger::{Checkpoint, Handover, Note, SigningKey, Tree, leaf};
use adjutant_model::Time;

/// The kind of document that checkpoints are kept as, by the number of entries.
pub const CHECKPOINT: &str = "checkpoint";

/// Name of the latest.
pub const LATEST: &str = "latest";

/// Makes checkpoints.
pub struct Seal {
    key: SigningKey,
    /// The log's name, which every checkpoint begins with.
    origin: String,
    /// The number of entries at the last.
    sealed: Option<u64>,
}

/// Why a checkpoint cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be written.
    #[error("a checkpoint cannot be signed: {0}")]
    Ledger(String),
    /// It cannot be kept.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Seal {
    /// Signs with `key` for the log called `origin`.
    pub fn new(key: SigningKey, origin: String) -> Self {
        Self { key, origin, sealed: None }
    }

    /// A checkpoint of what is durable now; none when nothing came since the last.
    ///
    /// # Errors
    /// It cannot be signed or kept.
    pub fn seal(&mut self, service: &Service) -> Result<Option<String>, Error> {
        let (len, root) = service.head();
        if self.sealed == Some(len) {
            return Ok(None);
        }
        let text = self.sign(len, root)?;
        reach("seal.before");
        service.command_blocking("", Command::Keep(vec![(CHECKPOINT, LATEST.into(), Some(text.clone()))]))?;
        reach("seal.after");
        self.sealed = Some(len);
        Ok(Some(text))
    }

    /// Lets `new` follow the key, in a store that nobody else writes to: one entry that both sign, and a checkpoint by the new key.
    ///
    /// # Errors
    /// The keys cannot follow each other, or it cannot be stored.
    pub fn rotate(self, new: SigningKey, store: &mut dyn Store, at: Time) -> Result<Self, Error> {
        let handover = Handover::sign(&self.key, &new).map_err(|error| Error::Ledger(error.to_string()))?;
        let bytes = handover.to_string().into_bytes();
        let mut tree = Tree::new();
        store.reader()?.blocks(0, Parts::Leaves, &mut |block| {
            tree.append_all(&block.leaves);
            Ok(true)
        })?;
        let mut entries = Vec::new();
        put_piece(&mut entries, |out| out.extend_from_slice(&bytes));
        let (first, leaves) = (tree.len(), [leaf(&bytes)]);
        tree.append_all(&leaves);
        let next = Self { key: new, ..self };
        let text = next.sign(tree.len(), tree.root())?;
        let documents = [(CHECKPOINT, LATEST.to_owned(), Some(text))];
        store.commit(&Commit {
            first,
            at,
            leaves: &leaves,
            ids: &[[0; 8]],
            entries: &entries,
            documents: &documents,
            ..Commit::default()
        })?;
        Ok(next)
    }

    fn sign(&self, len: u64, root: adjutant_ledger::Hash) -> Result<String, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Ledger(error.to_string());
        let checkpoint = Checkpoint::new(&self.origin, len, root).map_err(|error| failed(&error))?;
        let note: Note = checkpoint.sign(&[&self.key]).map_err(|error| failed(&error))?;
        Ok(note.to_string())
    }
}
