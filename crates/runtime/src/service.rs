//! The service: one driver on a thread of its own, and the doors that everybody else uses.
//!
//! Alerts are read where they arrive, side by side; only what needs order waits for the driver. Whoever offers alerts gets an
//! answer for each when its commit is durable, or a refusal at once. When the store cannot be written, everything is refused
//! and the driver begins anew from what is stored, until a write succeeds again.

mod back;
mod basket;
mod settle;
mod thread;

pub use basket::Basket;

use crate::drive::{Answer, Command, Done, Driver, Refused, Reply, Settings, Work};
use crate::policy::{Incoming, Policy, Spare};
use crate::ports::{Bus, Clock, Read, Store, StoreError};
use crate::queue::{self, COMMANDS, Entered, Queue};
use crate::view::Library;
use adjutant_engine::autonomy::Ladder;
use adjutant_engine::desk::Scratch;
use adjutant_ledger::Hash;
use basket::Place;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// What became of one record.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It is durable and decided.
    Decided(Answer),
    /// It was known already; this was decided then.
    Known(Answer),
    /// It is no record at all.
    Failed {
        /// A stable code.
        code: String,
        /// What is wrong.
        detail: String,
    },
    /// There is no room for it now.
    Refused {
        /// When to try again, in seconds.
        retry_after_s: u32,
    },
    /// Nothing can be stored now.
    Unavailable {
        /// Why.
        detail: String,
    },
}

/// What became of a command.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failed {
    /// It was refused.
    #[error("{0}")]
    Refused(Refused),
    /// Nothing can be stored now.
    #[error("{0}")]
    Unavailable(String),
}

/// How the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// It works.
    Running,
    /// Nothing can be stored now; it tries again by itself.
    Unavailable,
    /// It ended.
    Stopped,
}

/// Counts since the process began.
#[derive(Debug, Default)]
pub struct Counters {
    /// Alerts decided.
    pub decided: AtomicU64,
    /// Alerts that were known.
    pub known: AtomicU64,
    /// Records that are none.
    pub failed: AtomicU64,
    /// Alerts refused because there was no room.
    pub refused: AtomicU64,
    /// Alerts and commands refused because nothing could be stored.
    pub unavailable: AtomicU64,
    /// Alerts that context touched which could not answer.
    pub touched: AtomicU64,
    /// Commits.
    pub commits: AtomicU64,
    /// Decisions by outcome.
    pub outcomes: [AtomicU64; 3],
    /// Microseconds that commits took, in all.
    pub commit_micros: AtomicU64,
}

/// What the service is made of.
pub struct Parts {
    /// Opens the store, again after it failed.
    pub open: Box<dyn Fn() -> Result<Box<dyn Store>, StoreError> + Send + Sync>,
    /// What decides.
    pub policy: Arc<Policy>,
    /// How.
    pub settings: Settings,
    /// How much may wait.
    pub limits: queue::Limits,
    /// How much is done in one transaction.
    pub turn: Turn,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Tells others.
    pub bus: Arc<dyn Bus>,
    /// Is told when the disk did not confirm a write, or the driver failed: the process has to end.
    pub fatal: Box<dyn Fn(&str) + Send + Sync>,
}

/// How much is done in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// At most so many alerts and commands.
    pub alerts_max: usize,
    /// The longest wait for more to come before a slow disk is asked.
    pub gather_max: Duration,
}

impl Default for Turn {
    /// 2,048 alerts; two milliseconds.
    fn default() -> Self {
        Self { alerts_max: 2_048, gather_max: Duration::from_millis(2) }
    }
}

/// The service; all clones are one.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    parts: Parts,
    queue: Queue<Waiting>,
    policy: RwLock<Arc<Policy>>,
    ladder: RwLock<Arc<Ladder>>,
    head: Mutex<(u64, Hash)>,
    marks: settle::Marks,
    scratch: Mutex<Vec<Scratch>>,
    spares: Mutex<Vec<Spare>>,
    readers: Mutex<Vec<Box<dyn Read>>>,
    /// What further readers are made from.
    origin: Mutex<Box<dyn Read>>,
    state: AtomicU8,
    why: Mutex<String>,
    counters: Counters,
    library: Library,
}

/// One piece of work with the place where its answer goes.
struct Waiting {
    work: Work,
    place: Place,
}

/// Kept of what alerts were read into, some 6 KB each.
const SPARES_KEPT: usize = 256;

/// Requests of more alerts are read into new memory.
const SPARES_FOR: usize = 64;

/// Readers kept for the next who asks.
const READERS_KEPT: usize = 8;

/// What is said to come back in, when there is no room.
const RETRY_AFTER_S: u32 = 1;

impl Service {
    /// Begins where the last process ended. Returns the service and its thread.
    ///
    /// # Errors
    /// The store cannot be opened.
    pub fn start(parts: Parts) -> Result<(Self, std::thread::JoinHandle<()>), StoreError> {
        let mut driver = Driver::open((parts.open)()?, Arc::clone(&parts.policy), parts.settings.clone(), parts.clock.now())?;
        let reader = driver.store().reader()?;
        let inner = Inner {
            queue: Queue::new(parts.limits),
            policy: RwLock::new(Arc::clone(driver.policy())),
            ladder: RwLock::new(Arc::new(driver.ladder().clone())),
            head: Mutex::new(driver.head()),
            marks: settle::Marks::default(),
            origin: Mutex::new(reader),
            scratch: Mutex::default(),
            spares: Mutex::default(),
            readers: Mutex::default(),
            state: AtomicU8::new(State::Running as u8),
            why: Mutex::default(),
            counters: Counters::default(),
            library: Library::default(),
            parts,
        };
        let service = Self(Arc::new(inner));
        let thread = thread::spawn(service.clone(), driver)?;
        Ok((service, thread))
    }

    /// Offers records of `source`, as `sender` sent them. What becomes of them is in the basket when it is full.
    pub fn offer(&self, source: Option<&str>, sender: &Arc<str>, records: Vec<Incoming>) -> Basket {
        let (basket, places) = Basket::new(records.len());
        let policy = self.policy();
        let mut scratch = self.scratch();
        let now = self.0.parts.clock.now();
        // Memory that many alerts at once were read into is better given back: kept, it would hold whole regions of the allocator.
        let few = records.len() <= SPARES_FOR;
        for (record, place) in records.into_iter().zip(places) {
            if self.state() != State::Running {
                place.fill(self.unavailable());
                continue;
            }
            let bytes = record.bytes.len();
            match policy.prepare(
                (record, source),
                (sender, now),
                (&mut scratch, if few { self.spare() } else { Spare::default() }),
            ) {
                Ok(prepared) => {
                    let severity = prepared.severity;
                    self.enter(Waiting { work: Work::Alert(prepared), place }, severity, bytes);
                }
                Err(problem) => {
                    count(&self.0.counters.failed);
                    place.fill(Fate::Failed { code: problem.code.clone(), detail: problem.to_string() }.into());
                }
            }
        }
        lock(&self.0.scratch).push(scratch);
        basket
    }

    /// Offers records and waits for what becomes of them, one after the other.
    pub async fn submit(&self, source: Option<&str>, sender: &Arc<str>, records: Vec<Incoming>) -> Vec<Fate> {
        self.offer(source, sender, records).fates().await
    }

    /// Has `command` carried out for `by`.
    ///
    /// # Errors
    /// It was refused, or nothing can be stored now.
    pub async fn command(&self, by: &str, command: Command) -> Result<Reply, Failed> {
        self.order(by, command).ended().await
    }

    /// The same for whoever has no executor: waits on this thread.
    ///
    /// # Errors
    /// It was refused, or nothing can be stored now.
    pub fn command_blocking(&self, by: &str, command: Command) -> Result<Reply, Failed> {
        self.order(by, command).ended_blocking()
    }

    fn order(&self, by: &str, command: Command) -> Basket {
        let (basket, places) = Basket::new(1);
        for place in places {
            let work = Work::Command { by: by.into(), command: command.clone() };
            if self.state() == State::Running {
                self.enter(Waiting { work, place }, COMMANDS, 0);
            } else {
                place.fill(self.unavailable());
            }
        }
        basket
    }

    fn enter(&self, waiting: Waiting, severity: u8, bytes: usize) {
        match self.0.queue.enter(waiting, severity, bytes, self.0.parts.clock.now()) {
            Entered::Waits => {}
            Entered::Displaced(others) => others.into_iter().for_each(|other| self.refuse(other)),
            Entered::Refused(waiting) => self.refuse(waiting),
        }
    }

    fn refuse(&self, waiting: Waiting) {
        count(&self.0.counters.refused);
        waiting.place.fill(Fate::Refused { retry_after_s: RETRY_AFTER_S }.into());
    }

    fn unavailable(&self) -> Ended {
        count(&self.0.counters.unavailable);
        Ended::Unavailable(lock(&self.0.why).clone())
    }

    fn scratch(&self) -> Scratch {
        lock(&self.0.scratch).pop().unwrap_or_default()
    }

    fn spare(&self) -> Spare {
        lock(&self.0.spares).pop().unwrap_or_default()
    }

    /// Keeps what alerts were read into for others.
    fn keep(&self, spent: impl Iterator<Item = Spare>) {
        let mut spares = lock(&self.0.spares);
        let room = SPARES_KEPT.saturating_sub(spares.len());
        spares.extend(spent.take(room));
    }

    /// Reads what was committed, with a reader that is given back.
    ///
    /// # Errors
    /// What `read` failed with, or that there is no reader.
    pub fn read<T>(&self, read: impl FnOnce(&mut dyn Read) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let kept = lock(&self.0.readers).pop();
        let mut reader = match kept {
            Some(reader) => reader,
            None => self.other_reader()?,
        };
        let result = read(&mut *reader)?;
        // What people are told must not go with the power.
        self.0.marks.wait()?;
        let mut readers = lock(&self.0.readers);
        if readers.len() < READERS_KEPT {
            readers.push(reader);
        }
        Ok(result)
    }

    /// A reader of one's own.
    ///
    /// # Errors
    /// There is none.
    pub fn other_reader(&self) -> Result<Box<dyn Read>, StoreError> {
        lock(&self.0.origin).another()
    }

    /// The books that decided.
    pub fn library(&self) -> &Library {
        &self.0.library
    }

    /// What decides now.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.0.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The ladder as it stands.
    pub fn ladder(&self) -> Arc<Ladder> {
        Arc::clone(&self.0.ladder.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Number and root of the durable entries.
    pub fn head(&self) -> (u64, Hash) {
        *lock(&self.0.head)
    }

    /// How it is.
    pub fn state(&self) -> State {
        match self.0.state.load(Ordering::Acquire) {
            0 => State::Running,
            1 => State::Unavailable,
            _ => State::Stopped,
        }
    }

    /// Why nothing can be stored; empty while it can.
    pub fn why(&self) -> String {
        lock(&self.0.why).clone()
    }

    /// What was counted since the process began.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// How many alerts wait, and their bytes.
    pub fn waiting(&self) -> (usize, usize) {
        self.0.queue.len()
    }

    /// How many alerts may wait.
    pub fn limits(&self) -> queue::Limits {
        self.0.queue.limits()
    }

    /// What became of look-ups since the process began, by the contract that asks.
    pub fn lookups(&self) -> std::collections::BTreeMap<String, crate::drive::LookupCount> {
        self.0.parts.settings.lookups.all()
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.parts.clock
    }

    /// Takes nothing more in; what waits is still decided. Join the thread to wait for that.
    pub fn stop(&self) {
        self.0.queue.close();
    }
}

/// How one piece of work ended.
#[derive(Clone, Debug)]
enum Ended {
    Done(Done),
    Fate(Fate),
    Unavailable(String),
}

impl From<Fate> for Ended {
    fn from(fate: Fate) -> Self {
        Ended::Fate(fate)
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
