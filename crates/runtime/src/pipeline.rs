//! Runs a job over all chunks of a reader on every core, with an outcome that does not depend on how many there are.
//!
//! Each chunk goes through four steps. The first and third run side by side; the second and fourth run strictly in the
//! order of intake, each behind a [`Turnstile`]. Nobody waits at a turnstile: a worker leaves his work there and takes
//! through what is due, his own or another's; when nothing is, he takes the next chunk. There are only so many
//! [`Load`]s, used again and again, so that memory is flat. A failed or panicking step stops all workers.

use crate::read::{Chunk, Reader};
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Chunks on their way for each worker: one in his hands, and one that may be left at a turnstile.
const LOADS_PER_WORKER: usize = 2;

/// What is done with each chunk.
pub trait Job: Sync {
    /// What is made of one chunk; used again for another.
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
    let workers = workers.max(1);
    let loads = (0..workers * LOADS_PER_WORKER).map(|_| Load { number: 0, chunk: Chunk::default(), batch: job.batch() });
    let line = Line {
        intake: Mutex::new((reader, 0)),
        order: Turnstile::new(order),
        sink: Turnstile::new(sink),
        spare: Mutex::new(loads.collect()),
        returned: Condvar::new(),
        failed: AtomicBool::new(false),
        failure: Mutex::new(None),
    };
    std::thread::scope(|scope| {
        for number in 0..workers {
            let worker = std::thread::Builder::new().name(format!("worker-{number}"));
            if let Err(error) = worker.spawn_scoped(scope, || line.work(job)) {
                line.fail(Error::Output(error));
            }
        }
    });
    line.end()
}

/// One chunk on its way, with what was made of it so far.
struct Load<B> {
    /// Its place in the order of intake.
    number: u64,
    chunk: Chunk,
    batch: B,
}

/// What the workers share.
struct Line<J: Job> {
    /// The reader, and the number of the next chunk.
    intake: Mutex<(Reader, u64)>,
    order: Turnstile<J::Order, Load<J::Batch>>,
    sink: Turnstile<J::Sink, Load<J::Batch>>,
    /// Loads that carry nothing.
    spare: Mutex<Vec<Load<J::Batch>>>,
    returned: Condvar,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
}

impl<J: Job> Line<J> {
    /// One worker's life.
    fn work(&self, job: &J) {
        match catch_unwind(AssertUnwindSafe(|| self.work_on(job))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.fail(error),
            Err(panic) => self.fail(Error::Panicked(words(&*panic))),
        }
    }

    fn work_on(&self, job: &J) -> Result<(), Error> {
        while let Some(mut load) = self.take() {
            job.prepare(&load.chunk, &mut load.batch);
            self.order.leave(load.number, load);
            let observe = |order: &mut J::Order, load: &mut Load<J::Batch>| {
                job.observe(order, &load.chunk, &mut load.batch);
                Ok(())
            };
            while let Some(mut load) = self.order.through(observe)? {
                job.decide(&load.chunk, &mut load.batch);
                self.sink.leave(load.number, load);
                self.emit(job)?;
            }
        }
        Ok(())
    }

    /// Hands on every outcome whose turn it is.
    fn emit(&self, job: &J) -> Result<(), Error> {
        let emit = |sink: &mut J::Sink, load: &mut Load<J::Batch>| job.emit(sink, &load.chunk, &mut load.batch);
        while let Some(load) = self.sink.through(emit)? {
            lock(&self.spare).push(load);
            self.returned.notify_one();
        }
        Ok(())
    }

    /// The next chunk; `None` when there is no more or the run has failed.
    fn take(&self) -> Option<Load<J::Batch>> {
        let nothing = |spare: &mut Vec<Load<_>>| spare.is_empty() && !self.failed.load(Ordering::Acquire);
        let mut load = self.returned.wait_while(lock(&self.spare), nothing).unwrap_or_else(PoisonError::into_inner).pop()?;
        let mut intake = lock(&self.intake);
        if self.failed.load(Ordering::Acquire) || !intake.0.fill(&mut load.chunk) {
            return None;
        }
        load.number = intake.1;
        intake.1 += 1;
        Some(load)
    }

    /// Keeps the first failure and wakes everybody who waits.
    fn fail(&self, error: Error) {
        lock(&self.failure).get_or_insert(error);
        self.failed.store(true, Ordering::Release);
        // Takes the lock first, so that nobody goes to sleep between looking and waiting.
        drop(lock(&self.spare));
        self.returned.notify_all();
    }

    fn end(self) -> Result<(J::Order, J::Sink), Error> {
        let failure = self.failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        match (failure, self.order.into_inner(), self.sink.into_inner()) {
            (None, Some(order), Some(sink)) => Ok((order, sink)),
            (Some(failure), ..) => Err(failure),
            (None, ..) => Err(Error::Panicked("it left without its work".into())),
        }
    }
}

/// Lets work with the numbers 0, 1, 2 … through in that order, one at a time.
struct Turnstile<T, W> {
    inside: Mutex<Inside<T, W>>,
}

struct Inside<T, W> {
    /// The number whose turn it is.
    next: u64,
    /// What is behind the turnstile; none while somebody goes through, and for ever once he failed.
    value: Option<T>,
    /// Work that was left here.
    left: BTreeMap<u64, W>,
}

impl<T, W> Turnstile<T, W> {
    fn new(value: T) -> Self {
        Self { inside: Mutex::new(Inside { next: 0, value: Some(value), left: BTreeMap::new() }) }
    }

    /// Leaves `work` before the turnstile. Whoever does this must go [`through`](Self::through) until nothing is due.
    fn leave(&self, number: u64, work: W) {
        lock(&self.inside).left.insert(number, work);
    }

    /// Takes the work whose turn it is through and does `what` with it. None when it is not here yet, or somebody else goes
    /// through: he comes back for it.
    fn through(&self, what: impl FnOnce(&mut T, &mut W) -> io::Result<()>) -> io::Result<Option<W>> {
        let Some((mut value, mut work)) = lock(&self.inside).due() else { return Ok(None) };
        what(&mut value, &mut work)?;
        let mut inside = lock(&self.inside);
        inside.value = Some(value);
        inside.next += 1;
        Ok(Some(work))
    }

    fn into_inner(self) -> Option<T> {
        self.inside.into_inner().unwrap_or_else(PoisonError::into_inner).value
    }
}

impl<T, W> Inside<T, W> {
    /// The work whose turn it is, with what is behind the turnstile.
    fn due(&mut self) -> Option<(T, W)> {
        let value = self.value.take()?;
        match self.left.remove(&self.next) {
            Some(work) => Some((value, work)),
            None => {
                self.value = Some(value);
                None
            }
        }
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
    #[derive(Default)]
    struct Numbering {
        fail_at: Option<u64>,
        panic_at: Option<u64>,
        /// What was emitted, whatever became of the run.
        emitted: Mutex<Vec<u64>>,
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
            lock(&self.emitted).extend(batch.iter().map(|(number, _)| number));
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
        let job = Numbering::default();
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
            let job = Numbering { fail_at: Some(at), ..Numbering::default() };
            let failed = numbered(path.clone(), &job, 4, 64);
            assert!(matches!(failed, Err(Error::Output(error)) if error.kind() == io::ErrorKind::StorageFull));
            let emitted = job.emitted.into_inner().unwrap();
            assert!(emitted.iter().copied().eq(0..emitted.len() as u64), "everything before what failed, in order");
            assert!(emitted.len() as u64 <= at, "and nothing behind it");
            let job = Numbering { panic_at: Some(at), ..Numbering::default() };
            let failed = numbered(path.clone(), &job, 4, 64);
            assert!(matches!(failed, Err(Error::Panicked(words)) if words.contains("the planned panic")));
        }
        std::fs::remove_file(path).unwrap();
    }
}
