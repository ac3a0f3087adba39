//! Runs a job over all chunks of a reader on every core, with an outcome that does not depend on how many there are.
//!
//! Each worker carries a chunk through four steps. The first and third run side by side; the second and fourth run
//! strictly in the order of intake, each behind a [`Turnstile`]. A worker keeps its chunk and its batch, so memory
//! is flat. A failed or panicking step stops all workers; nothing waits for a turn that never comes.

use crate::read::{Chunk, Reader};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What is done with each chunk.
pub trait Job: Sync {
    /// What a worker makes of one chunk; used again for the next.
    type Batch: Send;
    /// What sees every chunk in the order of intake, such as the memory of what came before.
    type Order: Send;
    /// What takes every chunk's outcome in the order of intake, such as an output.
    type Sink: Send;

    /// An empty batch.
    fn batch(&self) -> Self::Batch;
    /// First: what needs nothing but the chunk, such as normalizing. Must forget what the batch held before.
    fn prepare(&self, chunk: &Chunk, batch: &mut Self::Batch);
    /// Second, in the order of intake: what depends on what came before. Keep it short.
    fn observe(&self, order: &mut Self::Order, chunk: &Chunk, batch: &mut Self::Batch);
    /// Third: everything else, such as scoring and rendering.
    fn decide(&self, chunk: &Chunk, batch: &mut Self::Batch);
    /// Fourth, in the order of intake: hands the outcome on. Keep it short.
    ///
    /// # Errors
    /// The outcome cannot be written; the run ends.
    fn emit(&self, sink: &mut Self::Sink, chunk: &Chunk, batch: &mut Self::Batch) -> io::Result<()>;
}

/// Why a run ended before its input did.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The outcome could not be written.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
    /// A worker panicked.
    #[error("a worker failed: {0}; this is a fault in adjutant, please report it")]
    Panicked(String),
}

/// Runs `job` over all of `reader` with `workers` threads; gives `order` and `sink` back as they ended.
///
/// # Errors
/// The first failure of a step. What was emitted before it stays emitted.
pub fn run<J: Job>(
    job: &J,
    reader: Reader,
    order: J::Order,
    sink: J::Sink,
    workers: usize,
) -> Result<(J::Order, J::Sink), Error> {
    let shared = Shared {
        intake: Mutex::new((reader, 0)),
        order: Turnstile::new(order),
        sink: Turnstile::new(sink),
        failed: AtomicBool::new(false),
        failure: Mutex::new(None),
    };
    std::thread::scope(|scope| {
        for number in 0..workers.max(1) {
            let worker = std::thread::Builder::new().name(format!("worker-{number}"));
            if let Err(error) = worker.spawn_scoped(scope, || shared.work(job)) {
                shared.fail(Error::Output(error));
            }
        }
    });
    match shared.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(failure) => Err(failure),
        None => Ok((shared.order.into_inner(), shared.sink.into_inner())),
    }
}

struct Shared<J: Job> {
    /// The reader, and the number of the next chunk.
    intake: Mutex<(Reader, u64)>,
    order: Turnstile<J::Order>,
    sink: Turnstile<J::Sink>,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
}

impl<J: Job> Shared<J> {
    /// One worker's life.
    fn work(&self, job: &J) {
        match catch_unwind(AssertUnwindSafe(|| self.work_on(job))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.fail(error),
            Err(panic) => self.fail(Error::Panicked(words(&*panic))),
        }
    }

    fn work_on(&self, job: &J) -> Result<(), Error> {
        let mut chunk = Chunk::default();
        let mut batch = job.batch();
        while let Some(number) = self.take(&mut chunk) {
            job.prepare(&chunk, &mut batch);
            let Some(mut order) = self.order.enter(number, &self.failed) else { return Ok(()) };
            job.observe(&mut order.value, &chunk, &mut batch);
            self.order.leave(order);
            job.decide(&chunk, &mut batch);
            let Some(mut sink) = self.sink.enter(number, &self.failed) else { return Ok(()) };
            job.emit(&mut sink.value, &chunk, &mut batch)?;
            self.sink.leave(sink);
        }
        Ok(())
    }

    /// Fills `chunk` and returns its number; `None` when there is no more or the run has failed.
    fn take(&self, chunk: &mut Chunk) -> Option<u64> {
        let mut intake = lock(&self.intake);
        if self.failed.load(Ordering::Acquire) || !intake.0.fill(chunk) {
            return None;
        }
        let number = intake.1;
        intake.1 += 1;
        Some(number)
    }

    /// Keeps the first failure and wakes everybody who waits for a turn.
    fn fail(&self, error: Error) {
        lock(&self.failure).get_or_insert(error);
        self.failed.store(true, Ordering::Release);
        self.order.wake();
        self.sink.wake();
    }
}

/// Lets the holders of numbers 0, 1, 2 … through in that order, one at a time.
struct Turnstile<T> {
    inside: Mutex<Turn<T>>,
    moved: Condvar,
}

struct Turn<T> {
    next: u64,
    value: T,
}

impl<T> Turnstile<T> {
    fn new(value: T) -> Self {
        Self { inside: Mutex::new(Turn { next: 0, value }), moved: Condvar::new() }
    }

    /// Waits until it is the turn of `number`; `None` when the run has failed.
    fn enter(&self, number: u64, failed: &AtomicBool) -> Option<MutexGuard<'_, Turn<T>>> {
        let wait = |turn: &mut Turn<T>| turn.next != number && !failed.load(Ordering::Acquire);
        let turn = self.moved.wait_while(lock(&self.inside), wait).unwrap_or_else(PoisonError::into_inner);
        (!failed.load(Ordering::Acquire)).then_some(turn)
    }

    fn leave(&self, mut turn: MutexGuard<'_, Turn<T>>) {
        turn.next += 1;
        drop(turn);
        self.moved.notify_all();
    }

    /// Wakes all who wait. Takes the lock first, so that nobody goes to sleep between looking and waiting.
    fn wake(&self) {
        drop(lock(&self.inside));
        self.moved.notify_all();
    }

    fn into_inner(self) -> T {
        self.inside.into_inner().unwrap_or_else(PoisonError::into_inner).value
    }
}

/// A lock whose holder panicked is taken all the same: the run has failed then, and what it guards is not used again.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without words".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Input;
    use std::path::PathBuf;
    use std::sync::Arc;

    /// Numbers the records in the order of intake and writes them down with their running number.
    struct Numbering {
        fail_at: Option<u64>,
        panic_at: Option<u64>,
    }

    impl Job for Numbering {
        type Batch = Vec<(u64, String)>;
        type Order = u64;
        type Sink = Vec<(u64, String)>;

        fn batch(&self) -> Self::Batch {
            Vec::new()
        }
        fn prepare(&self, chunk: &Chunk, batch: &mut Self::Batch) {
            let text = |record| String::from_utf8_lossy(chunk.bytes(record)).into_owned();
            *batch = chunk.records().iter().map(|record| (0, text(record))).collect();
        }
        fn observe(&self, order: &mut u64, _: &Chunk, batch: &mut Self::Batch) {
            for (number, _) in batch {
                *number = *order;
                *order += 1;
            }
        }
        fn decide(&self, _: &Chunk, batch: &mut Self::Batch) {
            assert!(!batch.iter().any(|(number, _)| Some(*number) == self.panic_at), "the planned panic");
        }
        fn emit(&self, sink: &mut Self::Sink, _: &Chunk, batch: &mut Self::Batch) -> io::Result<()> {
            if batch.iter().any(|(number, _)| Some(*number) == self.fail_at) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            sink.append(batch);
            Ok(())
        }
    }

    fn file(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("adjutant-{}-{name}", std::process::id()));
        let lines: String = (0..5000).map(|number| format!("{{\"n\":{number}}}\n")).collect();
        std::fs::write(&path, lines).unwrap();
        path
    }

    fn numbered(path: PathBuf, job: &Numbering, workers: usize, chunk_bytes: usize) -> Result<Vec<(u64, String)>, Error> {
        let reader = Reader::new(vec![Input::Path(path)], Arc::default()).with_chunk_bytes(chunk_bytes);
        run(job, reader, 0, Vec::new(), workers).map(|(_, sink)| sink)
    }

    #[test]
    fn the_outcome_does_not_depend_on_the_number_of_workers() {
        let path = file("order");
        let job = Numbering { fail_at: None, panic_at: None };
        let alone = numbered(path.clone(), &job, 1, 1 << 20).unwrap();
        assert_eq!(alone.len(), 5000);
        assert!(
            alone
                .iter()
                .enumerate()
                .all(|(place, (number, text))| { *number == place as u64 && *text == format!("{{\"n\":{place}}}") })
        );
        for workers in [2, 3, 8] {
            assert_eq!(numbered(path.clone(), &job, workers, 64).unwrap(), alone, "{workers} workers");
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_failure_ends_the_run_and_hangs_nobody() {
        let path = file("failure");
        for at in [0, 17, 4999] {
            let job = Numbering { fail_at: Some(at), panic_at: None };
            let failed = numbered(path.clone(), &job, 4, 64);
            assert!(matches!(failed, Err(Error::Output(error)) if error.kind() == io::ErrorKind::StorageFull));
            let job = Numbering { fail_at: None, panic_at: Some(at) };
            let failed = numbered(path.clone(), &job, 4, 64);
            assert!(matches!(failed, Err(Error::Panicked(words)) if words.contains("the planned panic")));
        }
        std::fs::remove_file(path).unwrap();
    }
}
