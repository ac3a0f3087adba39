//! Commits that several threads share: a disk confirms some hundred writes a second, and a hand has more to write down.
//!
//! Whoever changes something does so in the transaction that is open, and waits until it is committed; whoever opened it
//! commits it once nobody else is on the way in. What is not committed yet can be read here, but nothing follows from it
//! outside: an answer waits for it ([`Store::settle`]), and a call for the commit of its own intent, which comes no earlier.

use super::{Result, Store, StoreError};
use rusqlite::Connection;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Changes in a transaction.
const CHANGES_MAX: u32 = 64;

/// Whoever is on the way in is waited for no longer than this at a time.
const WAIT: Duration = Duration::from_millis(1);

/// The connection, whoever has it.
pub(super) struct Turns {
    turn: Mutex<Turn>,
    /// Something was committed, or somebody came in.
    moved: Condvar,
    /// How many are on the way in.
    arriving: AtomicUsize,
}

pub(super) struct Turn {
    pub(super) connection: Connection,
    open: Option<Arc<Batch>>,
    changes: u32,
}

/// A transaction, and how it ended.
#[derive(Default)]
struct Batch(OnceLock<Result<(), String>>);

/// Something that was changed, and is not durable before [`Pending::durable`].
#[must_use]
pub(crate) struct Pending<'a, T> {
    store: &'a Store,
    done: Option<Result<T>>,
    batch: Arc<Batch>,
    /// Whoever opened the transaction commits it.
    is_opener: bool,
}

impl Turns {
    pub(super) fn new(connection: Connection) -> Self {
        let turn = Mutex::new(Turn { connection, open: None, changes: 0 });
        Self { turn, moved: Condvar::new(), arriving: AtomicUsize::new(0) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, turn: MutexGuard<'a, Turn>) -> MutexGuard<'a, Turn> {
        self.moved.wait_timeout(turn, WAIT).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Turn {
    /// Runs a change in the open transaction, as if it were one of its own.
    fn run<T>(&mut self, change: impl FnOnce(&Connection) -> Result<T>) -> Result<(Result<T>, Arc<Batch>, bool)> {
        let is_opener = self.open.is_none();
        if is_opener {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.changes = 0;
        }
        let batch = Arc::clone(self.open.get_or_insert_default());
        self.changes += 1;
        let done = self.connection.execute_batch("SAVEPOINT change").map_err(StoreError::from).and_then(|()| {
            let done = change(&self.connection);
            let end = if done.is_ok() { "RELEASE change" } else { "ROLLBACK TO change; RELEASE change" };
            self.connection.execute_batch(end).map_err(StoreError::from).and(done)
        });
        Ok((done, batch, is_opener))
    }

    fn commit(&mut self) {
        let Some(batch) = self.open.take() else { return };
        let ended = self.connection.execute_batch("COMMIT").map_err(|error| error.to_string());
        if ended.is_err() {
            // When this fails too, the next change cannot begin, and says so.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        // Nobody else ends it.
        let _ = batch.0.set(ended);
    }
}

impl Store {
    /// Changes something, durably.
    pub(super) fn change<T>(&self, change: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.change_soon(change)?.durable()
    }

    /// Changes something that is durable after [`Pending::durable`].
    pub(super) fn change_soon<T>(&self, change: impl FnOnce(&Connection) -> Result<T>) -> Result<Pending<'_, T>> {
        self.reach("hand.commit.before");
        self.turns.arriving.fetch_add(1, Ordering::SeqCst);
        let ran = self.turns.lock().run(change);
        self.turns.arriving.fetch_sub(1, Ordering::SeqCst);
        self.reach("hand.commit.inside");
        self.turns.moved.notify_all();
        let (done, batch, is_opener) = ran?;
        Ok(Pending { store: self, done: Some(done), batch, is_opener })
    }

    /// Commits once nobody else is on the way in.
    fn commit(&self) {
        let mut turn = self.turns.lock();
        while self.turns.arriving.load(Ordering::SeqCst) > 0 && turn.changes < CHANGES_MAX {
            turn = self.turns.wait(turn);
        }
        turn.commit();
        self.reach("hand.commit.after");
        // Every change ends with lines of the journal. A mark that is behind does no harm.
        let _ = self.mark.set(turn.connection.last_insert_rowid().cast_unsigned());
        drop(turn);
        self.turns.moved.notify_all();
    }

    fn until_ended(&self, batch: &Batch) -> Result<()> {
        let mut turn = self.turns.lock();
        loop {
            match batch.0.get() {
                Some(ended) => return ended.clone().map_err(StoreError::Unusable),
                None => turn = self.turns.wait(turn),
            }
        }
    }

    /// Waits until whatever can be read now is durable.
    ///
    /// # Errors
    /// It does not become durable.
    pub(crate) fn settle(&self) -> Result<()> {
        let open = self.turns.lock().open.clone();
        open.map_or(Ok(()), |batch| self.until_ended(&batch))
    }
}

impl<T> Pending<'_, T> {
    /// Waits until what was changed is durable.
    pub(crate) fn durable(mut self) -> Result<T> {
        let done = self.done.take();
        if std::mem::take(&mut self.is_opener) {
            self.store.commit();
        }
        self.store.until_ended(&self.batch)?;
        done.unwrap_or(Err(StoreError::Unusable("it was asked twice".to_owned())))
    }
}

impl<T> Drop for Pending<'_, T> {
    fn drop(&mut self) {
        // Whoever goes away keeps nobody else waiting.
        if self.is_opener {
            self.store.commit();
        }
    }
}
