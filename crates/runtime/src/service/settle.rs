//! The thread that waits for the disk: it answers for turns when they are durable, while the driver makes the next ones.

use super::{Ended, Place, Service, count, lock, thread};
use crate::drive::Done;
use crate::failpoint::reach;
use crate::ports::{Change, Settle, StoreError};
use adjutant_ledger::Hash;
use adjutant_model::Time;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// So many turns may wait for the disk; then the driver waits too.
const TURNS_MAX: usize = 64;

/// A disk that takes longer than this for a sync is slow: it is worth a wait for more to come.
const SLOW: Duration = Duration::from_millis(2);

/// The share of a slow sync's time that is waited for more.
const GATHER_SHARE: u32 = 4;

/// What the driver hands over.
pub(super) enum Handed {
    /// A turn that was committed.
    Turn(Turned),
    /// The store was opened anew.
    Store(Box<dyn Settle>),
}

/// A turn that was committed, and who waits for it.
pub(super) struct Turned {
    pub(super) places: Vec<Place>,
    pub(super) done: Vec<Done>,
    pub(super) head: (u64, Hash),
    /// Its number, see [`Marks`].
    pub(super) number: u64,
    pub(super) began: Time,
}

/// How far turns have begun, and how far they are durable: whoever read something waits until that is.
pub(super) struct Marks {
    begun: AtomicU64,
    /// None when the disk failed.
    settled: Mutex<Option<u64>>,
    changed: Condvar,
}

impl Default for Marks {
    fn default() -> Self {
        Self { begun: AtomicU64::new(0), settled: Mutex::new(Some(0)), changed: Condvar::new() }
    }
}

impl Marks {
    /// A turn begins, which readers may see from now on. Its number.
    pub(super) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Everything up to the turn `number` is durable, or was never written; with none the disk failed.
    fn settle(&self, number: Option<u64>) {
        *self.settled.lock().unwrap_or_else(PoisonError::into_inner) = number;
        self.changed.notify_all();
    }

    /// Waits until everything that can be seen now is durable.
    ///
    /// # Errors
    /// The disk did not confirm it.
    pub(super) fn wait(&self) -> Result<(), StoreError> {
        let seen = self.begun.load(Ordering::Acquire);
        let settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_while(settled, |settled| settled.is_some_and(|settled| settled < seen));
        let settled = *waited.unwrap_or_else(PoisonError::into_inner);
        settled.map(|_| ()).ok_or_else(|| StoreError::Unavailable("the disk did not confirm a write".into()))
    }
}

/// Starts the thread.
pub(super) fn spawn(service: Service, settler: Box<dyn Settle>) -> std::io::Result<(SyncSender<Handed>, JoinHandle<()>)> {
    let (sender, receiver) = sync_channel(TURNS_MAX);
    let run = move || run(&service, settler, &receiver);
    Ok((sender, std::thread::Builder::new().name("settle".into()).spawn(run)?))
}

fn run(service: &Service, mut settler: Box<dyn Settle>, handed: &Receiver<Handed>) {
    let mut gather = Gather { last: 0, took: Duration::ZERO, longest: service.0.parts.turn.gather_max };
    let mut turns: Vec<Turned> = Vec::new();
    while let Ok(first) = handed.recv() {
        match first {
            Handed::Store(other) => settler = other,
            Handed::Turn(turn) => turns.push(turn),
        }
        let other = gather.more(service, handed, &mut turns);
        if !turns.is_empty() {
            let began = service.0.parts.clock.now();
            let settled = settler.settle();
            service.0.queue.settled(turns.len());
            if let Err(error) = settled {
                return failed(service, turns, &error);
            }
            gather.took = since(service, began);
            gather.last = turns.iter().map(|turn| turn.places.len()).sum();
            turns.drain(..).for_each(|turn| answer(service, turn));
        }
        settler = other.unwrap_or(settler);
    }
}

/// How long more is waited for.
struct Gather {
    /// How many were answered last: who sends one after the other sends again when he is answered.
    last: usize,
    /// How long the last sync took.
    took: Duration,
    longest: Duration,
}

impl Gather {
    /// Takes what is there, and on a slow disk waits a little for those that were answered last: they would stay in two
    /// halves, each of which waits for the other's sync. A store that was opened anew ends it and is returned.
    fn more(&self, service: &Service, handed: &Receiver<Handed>, turns: &mut Vec<Turned>) -> Option<Box<dyn Settle>> {
        let patience = if self.took > SLOW { (self.took / GATHER_SHARE).min(self.longest) } else { Duration::ZERO };
        let began = service.0.parts.clock.now();
        let mut waiting: usize = turns.iter().map(|turn| turn.places.len()).sum();
        loop {
            let left = if waiting < self.last { patience.saturating_sub(since(service, began)) } else { Duration::ZERO };
            match if left.is_zero() { handed.try_recv().ok() } else { handed.recv_timeout(left).ok() } {
                Some(Handed::Turn(turn)) => {
                    waiting += turn.places.len();
                    turns.push(turn);
                }
                Some(Handed::Store(other)) => return Some(other),
                None => return None,
            }
        }
    }
}

fn since(service: &Service, began: Time) -> Duration {
    Duration::from_micros(service.0.parts.clock.now().since(began).0.max(0).cast_unsigned())
}

fn answer(service: &Service, turn: Turned) {
    *lock(&service.0.head) = turn.head;
    service.0.marks.settle(Some(turn.number));
    service.0.parts.bus.changed(Change::Queue);
    service.0.parts.bus.settled(since(service, turn.began).as_micros() as u64, turn.places.len());
    reach("answer.before");
    turn.places.into_iter().zip(turn.done).for_each(|(place, done)| place.fill(Ended::Done(done)));
    reach("answer.after");
}

/// Nobody knows whether these turns are durable: the process has to end.
fn failed(service: &Service, turns: Vec<Turned>, error: &StoreError) {
    let why = error.to_string();
    lock(&service.0.why).clone_from(&why);
    service.0.marks.settle(None);
    for place in turns.into_iter().flat_map(|turn| turn.places) {
        count(&service.0.counters.unavailable);
        place.fill(Ended::Unavailable(why.clone()));
    }
    thread::stopped(service, error);
}
