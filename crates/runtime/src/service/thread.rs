//! The driver's thread: takes what waits, turns, answers; snapshots when it is idle; begins anew when the store failed.

use super::{Ended, Service, State, Waiting, count, lock};
use crate::drive::{Command, Done, Driver, Work};
use crate::failpoint::reach;
use crate::ports::{Change, StoreError};
use adjutant_model::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// At most so many alerts and commands in one transaction …
const TURN_MAX: usize = 2_048;

/// … and so many bytes of raw alerts.
const TURN_BYTES_MAX: usize = 8 << 20;

/// Nothing came for so long: the machine is idle.
const IDLE: Duration = Duration::from_millis(500);

/// Between two attempts to write again after the store failed.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What is written to see whether there is room again.
const PROBE_BYTES: usize = 64 << 10;

pub(super) fn spawn(service: Service, driver: Driver) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("driver".into()).spawn(move || run(&service, driver))
}

fn run(service: &Service, mut driver: Driver) {
    let mut turn = Turn::default();
    while service.0.queue.take(&mut turn.waiting, TURN_MAX, TURN_BYTES_MAX, IDLE) {
        let idle = turn.waiting.is_empty();
        if !idle && let Err(error) = turn.run(service, &mut driver) {
            match recovered(service, driver, error) {
                Some(again) => driver = again,
                None => return,
            }
        }
        if driver.wants_snapshot(idle) && driver.snapshot().is_err() {
            // The snapshot before still stands; a restart only takes longer. The next commit tells whether the disk is full.
            count(&service.0.counters.unavailable);
        }
    }
    // What was decided since the last snapshot would be read again at the next start.
    let _ = driver.snapshot();
    service.0.state.store(State::Stopped as u8, Ordering::Release);
}

#[derive(Default)]
struct Turn {
    waiting: Vec<Waiting>,
    work: Vec<Work>,
    places: Vec<super::Place>,
    done: Vec<Done>,
}

impl Turn {
    fn run(&mut self, service: &Service, driver: &mut Driver) -> Result<(), StoreError> {
        for Waiting { work, place } in self.waiting.drain(..) {
            self.work.push(work);
            self.places.push(place);
        }
        let clock = &service.0.parts.clock;
        let began = clock.now();
        let commands = self.work.iter().any(|work| matches!(work, Work::Command { .. }));
        if let Err(error) = driver.turn(began, &mut self.work, &mut self.done) {
            self.work.clear();
            let why = error.to_string();
            for place in self.places.drain(..) {
                count(&service.0.counters.unavailable);
                place.fill(Ended::Unavailable(why.clone()));
            }
            return Err(error);
        }
        self.count(service, clock.now().since(began).0);
        if commands {
            *service.0.policy.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::clone(driver.policy());
            let ladder = Arc::new(driver.ladder().clone());
            *service.0.ladder.write().unwrap_or_else(std::sync::PoisonError::into_inner) = ladder;
        }
        service.0.publish(driver);
        reach("answer.before");
        self.places.drain(..).zip(self.done.drain(..)).for_each(|(place, done)| place.fill(Ended::Done(done)));
        reach("answer.after");
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
fn recovered(service: &Service, driver: Driver, error: StoreError) -> Option<Driver> {
    drop(driver);
    *lock(&service.0.why) = error.to_string();
    if matches!(error, StoreError::Unclear(_) | StoreError::Damaged(_) | StoreError::Version(_)) {
        return stopped(service, &error);
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
            Ok(driver) => {
                lock(&service.0.why).clear();
                service.0.state.store(State::Running as u8, Ordering::Release);
                service.0.parts.bus.changed(Change::Health);
                return Some(driver);
            }
            Err(error @ StoreError::Unclear(_)) => return stopped(service, &error),
            Err(error) => *lock(&service.0.why) = error.to_string(),
        }
    }
}

fn stopped(service: &Service, error: &StoreError) -> Option<Driver> {
    service.0.state.store(State::Stopped as u8, Ordering::Release);
    service.0.queue.close();
    refuse_all(service);
    (service.0.parts.fatal)(&error.to_string());
    None
}

/// Opens the store and writes to it.
fn again(service: &Service) -> Result<Driver, StoreError> {
    let parts = &service.0.parts;
    lock(&service.0.readers).clear();
    let mut driver = Driver::open((parts.open)()?, service.policy(), parts.settings.clone(), parts.clock.now())?;
    for body in [Some("·".repeat(PROBE_BYTES / 2)), None] {
        let command = Command::Keep(vec![("probe", "write".into(), body)]);
        let mut work = vec![Work::Command { by: String::new(), command }];
        driver.turn(Time::default(), &mut work, &mut Vec::new())?;
    }
    Ok(driver)
}

fn refuse_all(service: &Service) {
    for waiting in service.0.queue.drain() {
        waiting.place.fill(service.unavailable());
    }
}

/// Waits a while, refusing what comes meanwhile. False when the service is to end.
fn wait(service: &Service) -> bool {
    let mut waiting = Vec::new();
    let open = service.0.queue.take(&mut waiting, usize::MAX, usize::MAX, PROBE_EVERY);
    let came = !waiting.is_empty();
    waiting.into_iter().for_each(|waiting| waiting.place.fill(service.unavailable()));
    if came {
        // Somebody entered just before the state changed; the rest of the time is waited without the queue.
        std::thread::park_timeout(PROBE_EVERY);
    }
    open
}
