//! The driver's thread: decides what waits, commits when the disk is free, hands on what is to be settled; snapshots when it is
//! idle; begins anew when the store failed.
//!
//! While the disk is busy with one commit the next one is decided as its alerts come, and written when the disk is free or enough
//! came: neither waits for the other.

use super::back;
use super::settle::{self, Handed, Turned};
use super::{Ended, Service, State, Waiting, count, lock};
use crate::drive::{Command, Done, Driver, Work};
use crate::ports::{Change, Settle, StoreError};
use adjutant_model::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

/// At most so many bytes of raw alerts in one transaction.
const TURN_BYTES_MAX: usize = 8 << 20;

/// So many alerts are committed without giving way to anybody first.
const WORTH_A_COMMIT: usize = 56;

/// So many are written while the disk is still busy with those before: its next sync takes all that is written then.
const WORTH_A_SYNC: usize = 16;

/// Others are given way to so many times before a commit of fewer.
const YIELDS: usize = 8;

/// Nothing came for so long: the machine is idle.
const IDLE: Duration = Duration::from_millis(500);

/// Between two attempts to write again after the store failed.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What is written to see whether there is room again.
const PROBE_BYTES: usize = 64 << 10;

pub(super) fn spawn(service: Service, mut driver: Driver) -> Result<JoinHandle<()>, StoreError> {
    let settler = settled(&mut driver)?;
    let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
    let (settle, settling) = settle::spawn(service.clone(), settler).map_err(unavailable)?;
    let (commits, writing_back) = back::spawn(service.clone()).map_err(unavailable)?;
    let run = move || {
        run(&service, driver, Told { settle, commits });
        // A panic there has ended the process already.
        let _ = (settling.join(), writing_back.join());
        service.0.state.store(State::Stopped as u8, Ordering::Release);
    };
    std::thread::Builder::new().name("driver".into()).spawn(run).map_err(unavailable)
}

/// Who is told of a commit.
struct Told {
    settle: SyncSender<Handed>,
    commits: back::Commits,
}

/// What settles the driver's commits, after it settled what there is.
fn settled(driver: &mut Driver) -> Result<Box<dyn Settle>, StoreError> {
    let mut settler = driver.store().settler()?;
    settler.settle()?;
    Ok(settler)
}

fn run(service: &Service, mut driver: Driver, mut told: Told) {
    let mut turn = Making::default();
    while service.0.queue.wait(IDLE, turn.is_begun()) {
        let idle = match turn.go_on(service, &mut driver, &mut told) {
            Ok(idle) => idle,
            Err(error) => match recovered(service, driver, error) {
                Some((again, settler)) => {
                    driver = again;
                    // Nobody there is nobody who could answer: the process is about to end.
                    let _ = told.settle.send(Handed::Store(settler));
                    false
                }
                None => return,
            },
        };
        if !turn.is_begun() && driver.wants_snapshot(idle) && driver.snapshot().is_err() {
            // The snapshot before still stands; a restart only takes longer. The next commit tells whether the disk is full.
            count(&service.0.counters.unavailable);
        }
    }
    // What was decided since the last snapshot would be read again at the next start.
    let _ = driver.snapshot_whole();
}

/// One transaction in the making, in memory that is used again.
#[derive(Default)]
struct Making {
    waiting: Vec<Waiting>,
    work: Vec<Work>,
    places: Vec<super::Place>,
    done: Vec<Done>,
    /// Of the raw alerts in it.
    bytes: usize,
    /// When it began.
    began: Time,
    /// Whether a command is in it.
    commands: bool,
}

impl Making {
    /// Whether there is something to commit.
    fn is_begun(&self) -> bool {
        !self.places.is_empty()
    }

    /// Whether it is written while the disk is busy.
    fn is_large(&self) -> bool {
        self.places.len() >= WORTH_A_SYNC || self.bytes >= TURN_BYTES_MAX
    }

    /// Decides what waits, and commits when the disk is free or there is enough to commit. True when there was nothing to do.
    fn go_on(&mut self, service: &Service, driver: &mut Driver, told: &mut Told) -> Result<bool, StoreError> {
        let came = self.gather(service, driver)?;
        if !self.is_begun() {
            return Ok(true);
        }
        // Where nothing came the patience ended, or the disk is free, or the service stops.
        if came && service.0.queue.is_busy() && !self.is_large() {
            return Ok(false);
        }
        if self.let_others_go_first(service) {
            self.gather(service, driver)?;
        }
        self.commit(service, driver, told).map(|()| false)
    }

    /// While others have work for this processor, more alerts come of it, and one commit for many costs little more than one for
    /// a few. Where nobody else has any, this takes some microseconds. Whether more came.
    fn let_others_go_first(&self, service: &Service) -> bool {
        for _ in 0..YIELDS {
            if self.places.len() + service.0.queue.len().0 >= WORTH_A_COMMIT {
                break;
            }
            std::thread::yield_now();
        }
        service.0.queue.len().0 > 0
    }

    /// Decides what waits. Whether anything did.
    fn gather(&mut self, service: &Service, driver: &mut Driver) -> Result<bool, StoreError> {
        let room = service.0.parts.turn.alerts_max.saturating_sub(self.places.len());
        self.bytes += service.0.queue.take(&mut self.waiting, room, TURN_BYTES_MAX.saturating_sub(self.bytes));
        if self.waiting.is_empty() {
            return Ok(false);
        }
        if self.places.is_empty() {
            self.began = service.0.parts.clock.now();
        }
        for Waiting { work, place } in self.waiting.drain(..) {
            self.commands |= matches!(work, Work::Command { .. });
            self.work.push(work);
            self.places.push(place);
        }
        if let Err(error) = driver.decide(self.began, &mut self.work, &mut self.done) {
            self.give_up(service, &error);
            return Err(error);
        }
        service.keep(driver.spent());
        Ok(true)
    }

    /// Everybody in it is told that nothing could be stored.
    fn give_up(&mut self, service: &Service, error: &StoreError) {
        let Self { places, .. } = std::mem::take(self);
        let why = error.to_string();
        for place in places {
            count(&service.0.counters.unavailable);
            place.fill(Ended::Unavailable(why.clone()));
        }
    }

    fn commit(&mut self, service: &Service, driver: &mut Driver, told: &mut Told) -> Result<(), StoreError> {
        let (number, began, asked) = (service.0.marks.begin(), self.began, service.0.parts.clock.now());
        if let Err(error) = driver.commit() {
            self.give_up(service, &error);
            // Nothing of it can be seen: it is as settled as those before it.
            let nothing = Turned { places: Vec::new(), done: Vec::new(), head: driver.head(), number, began };
            service.0.queue.handed();
            let _ = told.settle.send(Handed::Turn(nothing));
            return Err(error);
        }
        self.count(service, service.0.parts.clock.now().since(asked).0);
        if std::mem::take(&mut self.commands) {
            *service.0.policy.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::clone(driver.policy());
            let ladder = Arc::new(driver.ladder().clone());
            *service.0.ladder.write().unwrap_or_else(std::sync::PoisonError::into_inner) = ladder;
        }
        self.bytes = 0;
        let (places, done) = (std::mem::take(&mut self.places), std::mem::take(&mut self.done));
        let turned = Turned { places, done, head: driver.head(), number, began };
        service.0.queue.handed();
        // Where nobody settles any more, places that are dropped count as answered: the process is about to end.
        let _ = told.settle.send(Handed::Turn(turned));
        // Whoever was just woken for it often waits for this very processor, and the disk stands idle meanwhile: what it takes to
        // begin a sync is a few microseconds, and what is decided next takes hundreds.
        std::thread::yield_now();
        told.commits.one_more(began);
        Ok(())
    }

    fn count(&self, service: &Service, micros: i64) {
        let counters = &service.0.counters;
        count(&counters.commits);
        counters.commit_micros.fetch_add(micros.max(0) as u64, Ordering::Relaxed);
        for done in &self.done {
            match done {
                Done::Decided(answer) => {
                    count(&counters.decided);
                    let outcome: Option<&AtomicU64> = counters.outcomes.get(answer.outcome as usize);
                    outcome.into_iter().for_each(count);
                }
                Done::Known(_) => count(&counters.known),
                Done::Carried(_) | Done::Refused(_) => {}
            }
        }
    }
}

/// A driver that can write again; none when the process has to end.
fn recovered(service: &Service, driver: Driver, error: StoreError) -> Option<(Driver, Box<dyn Settle>)> {
    drop(driver);
    *lock(&service.0.why) = error.to_string();
    if matches!(error, StoreError::Unclear(_) | StoreError::Damaged(_) | StoreError::Version(_)) {
        stopped(service, &error);
        return None;
    }
    service.0.state.store(State::Unavailable as u8, Ordering::Release);
    service.0.parts.bus.changed(Change::Health);
    loop {
        refuse_all(service);
        if !wait(service) {
            service.0.state.store(State::Stopped as u8, Ordering::Release);
            return None;
        }
        match again(service) {
            Ok(again) => {
                lock(&service.0.why).clear();
                service.0.state.store(State::Running as u8, Ordering::Release);
                service.0.parts.bus.changed(Change::Health);
                return Some(again);
            }
            Err(error @ StoreError::Unclear(_)) => {
                stopped(service, &error);
                return None;
            }
            Err(error) => *lock(&service.0.why) = error.to_string(),
        }
    }
}

/// The disk did not confirm a write: nothing more is taken, and whoever runs this process is told to end it.
pub(super) fn stopped(service: &Service, error: &StoreError) {
    service.0.state.store(State::Stopped as u8, Ordering::Release);
    service.0.queue.close();
    refuse_all(service);
    (service.0.parts.fatal)(&error.to_string());
}

/// Opens the store and writes to it.
fn again(service: &Service) -> Result<(Driver, Box<dyn Settle>), StoreError> {
    let parts = &service.0.parts;
    lock(&service.0.readers).clear();
    let mut driver = Driver::open((parts.open)()?, service.policy(), parts.settings.clone(), parts.clock.now())?;
    for body in [Some("·".repeat(PROBE_BYTES / 2)), None] {
        let command = Command::Keep(vec![("probe", "write".into(), body)]);
        let mut work = vec![Work::Command { by: String::new(), command }];
        driver.turn(Time::default(), &mut work, &mut Vec::new())?;
    }
    let settler = settled(&mut driver)?;
    Ok((driver, settler))
}

fn refuse_all(service: &Service) {
    for waiting in service.0.queue.drain() {
        waiting.place.fill(service.unavailable());
    }
}

/// Waits a while, refusing what comes meanwhile. False when the service is to end.
fn wait(service: &Service) -> bool {
    let mut waiting = Vec::new();
    let open = service.0.queue.wait(PROBE_EVERY, false);
    service.0.queue.take(&mut waiting, usize::MAX, usize::MAX);
    let came = !waiting.is_empty();
    waiting.into_iter().for_each(|waiting| waiting.place.fill(service.unavailable()));
    if came {
        // Somebody entered just before the state changed; the rest of the time is waited without the queue.
        std::thread::park_timeout(PROBE_EVERY);
    }
    open
}
