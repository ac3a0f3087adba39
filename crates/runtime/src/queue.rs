//! What waits for the driver: bounded, by severity, and aged so that nothing starves.
//!
//! Everything that waits has a time by which it should be taken: when it came, plus the patience of its severity. Whatever
//! is due first is taken first, so a critical alert overtakes thousands of low ones, and a low one that waited long enough
//! goes before a critical one that just came. When there is no room, what is due last gives way: it is refused, which its
//! sender sees; nothing is dropped silently.

use adjutant_model::Time;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long each severity may wait, in milliseconds: information, low, medium, high, critical.
const PATIENCE_MS: [i64; LANES - 1] = [120_000, 60_000, 20_000, 5_000, 0];

/// One lane for each severity, and the last for what people and the machine itself want.
const LANES: usize = 6;

/// The lane of what people and the machine itself want; it is never refused.
pub const COMMANDS: u8 = LANES as u8 - 1;

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Alerts.
    pub alerts_max: usize,
    /// Bytes of raw alerts.
    pub bytes_max: usize,
}

impl Default for Limits {
    /// 20,000 alerts or 64 MiB.
    fn default() -> Self {
        Self { alerts_max: 20_000, bytes_max: 64 << 20 }
    }
}

/// Fewer are not worth waking the driver for while the disk is busy.
const FEW: usize = 4;

struct Waiting<T> {
    item: T,
    due: i64,
    bytes: usize,
}

struct Lanes<T> {
    lanes: [VecDeque<Waiting<T>>; LANES],
    len: usize,
    bytes: usize,
    closed: bool,
    /// The driver waits: otherwise nobody wakes it for nothing.
    awaited: bool,
    /// What was taken out and the disk did not confirm yet, see [`Queue::handed`].
    handed: usize,
    /// The driver has something to commit.
    begun: bool,
}

/// What waits.
pub struct Queue<T> {
    limits: Limits,
    lanes: Mutex<Lanes<T>>,
    some: Condvar,
}

/// What became of something that was to wait.
#[derive(Debug, PartialEq, Eq)]
pub enum Entered<T> {
    /// It waits.
    Waits,
    /// It waits, and these gave way.
    Displaced(Vec<T>),
    /// There is no room.
    Refused(T),
}

impl<T> Queue<T> {
    /// Nothing waits yet.
    pub fn new(limits: Limits) -> Self {
        let lanes = Lanes { lanes: Default::default(), len: 0, bytes: 0, closed: false, awaited: false, handed: 0, begun: false };
        Self { limits, lanes: Mutex::new(lanes), some: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Lanes<T>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `item` of `bytes` wait in the lane of its severity.
    pub fn enter(&self, item: T, severity: u8, bytes: usize, now: Time) -> Entered<T> {
        let lane = usize::from(severity.min(COMMANDS));
        let patience = PATIENCE_MS.get(lane).copied().unwrap_or(0);
        let due = now.0 / 1000 + patience;
        let mut lanes = self.lock();
        let mut displaced = Vec::new();
        while lane != usize::from(COMMANDS) && lanes.is_full(&self.limits, bytes) {
            match lanes.give_way(due) {
                Some(item) => displaced.push(item),
                None => return Self::refused(item, displaced),
            }
        }
        if lanes.closed {
            return Entered::Refused(item);
        }
        lanes.push(lane, Waiting { item, due, bytes });
        let wake = lanes.awaited && lanes.is_worth_it();
        lanes.awaited &= !wake;
        drop(lanes);
        if wake {
            self.some.notify_one();
        }
        if displaced.is_empty() { Entered::Waits } else { Entered::Displaced(displaced) }
    }

    /// What gave way for something that was refused all the same (one alert larger than all of them) is not lost either.
    fn refused(item: T, mut displaced: Vec<T>) -> Entered<T> {
        if displaced.is_empty() {
            return Entered::Refused(item);
        }
        displaced.push(item);
        Entered::Displaced(displaced)
    }

    /// One more commit was handed to the disk: until it is free a few alerts need not be taken, since nobody commits them.
    pub fn handed(&self) {
        self.lock().handed += 1;
    }

    /// The disk has done with so many of the commits that were handed to it.
    pub fn settled(&self, commits: usize) {
        let mut lanes = self.lock();
        lanes.handed = lanes.handed.saturating_sub(commits);
        if lanes.awaited && lanes.is_worth_it() {
            lanes.awaited = false;
            drop(lanes);
            self.some.notify_one();
        }
    }

    /// Whether the disk has still to do with something that was handed to it.
    pub fn is_busy(&self) -> bool {
        self.lock().handed > 0
    }

    /// Waits up to `patience` for something to come; for the disk too where something is `begun`, which is to be committed.
    /// False when the queue is closed, and there is nothing to do any more.
    pub fn wait(&self, patience: Duration, begun: bool) -> bool {
        let mut lanes = self.lock();
        lanes.begun = begun;
        if !lanes.is_worth_it() && !lanes.closed {
            lanes.awaited = true;
            let waited = self.some.wait_timeout_while(lanes, patience, |lanes| {
                lanes.awaited = !lanes.is_worth_it() && !lanes.closed;
                lanes.awaited
            });
            lanes = waited.unwrap_or_else(PoisonError::into_inner).0;
            lanes.awaited = false;
        }
        !(lanes.closed && lanes.len == 0 && !begun)
    }

    /// Takes at most `most` of what waits, due first, and not much more than `bytes_max`, into `into`. How many bytes it took.
    pub fn take(&self, into: &mut Vec<T>, most: usize, bytes_max: usize) -> usize {
        let mut lanes = self.lock();
        let (mut taken, mut bytes) = (0, 0);
        while taken < most && bytes <= bytes_max {
            let Some(waiting) = lanes.pop() else { break };
            taken += 1;
            bytes += waiting.bytes;
            into.push(waiting.item);
        }
        bytes
    }

    /// Takes everything that waits.
    pub fn drain(&self) -> Vec<T> {
        let mut lanes = self.lock();
        std::iter::from_fn(|| lanes.pop()).map(|waiting| waiting.item).collect()
    }

    /// Lets nothing more in.
    pub fn close(&self) {
        self.lock().closed = true;
        self.some.notify_all();
    }

    /// How many wait, and their bytes.
    pub fn len(&self) -> (usize, usize) {
        let lanes = self.lock();
        (lanes.len, lanes.bytes)
    }

    /// How much may wait.
    pub fn limits(&self) -> Limits {
        self.limits
    }
}

impl<T> Lanes<T> {
    /// Whether there is enough to do.
    fn is_worth_it(&self) -> bool {
        if self.handed > 0 { self.len >= FEW } else { self.len > 0 || self.begun }
    }

    fn is_full(&self, limits: &Limits, bytes: usize) -> bool {
        // One alert larger than the limit is let in when it is alone: the limit of a body bounds it.
        self.len >= limits.alerts_max || (self.len > 0 && self.bytes + bytes > limits.bytes_max)
    }

    fn push(&mut self, lane: usize, waiting: Waiting<T>) {
        self.len += 1;
        self.bytes += waiting.bytes;
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.push_back(waiting);
        }
    }

    /// What is due first.
    fn pop(&mut self) -> Option<Waiting<T>> {
        let first = |lane: &&mut VecDeque<Waiting<T>>| lane.front().map(|waiting| waiting.due);
        let lane = self.lanes.iter_mut().filter(|lane| !lane.is_empty()).min_by_key(first)?;
        let waiting = lane.pop_front()?;
        self.len -= 1;
        self.bytes -= waiting.bytes;
        Some(waiting)
    }

    /// Takes out what is due last, if that is later than `due`; commands never give way.
    fn give_way(&mut self, due: i64) -> Option<T> {
        let last = |lane: &&mut VecDeque<Waiting<T>>| lane.back().map(|waiting| waiting.due);
        let alerts = self.lanes.iter_mut().take(usize::from(COMMANDS));
        let lane = alerts.filter(|lane| !lane.is_empty()).max_by_key(last)?;
        let waiting = lane.pop_back_if(|waiting| waiting.due > due)?;
        self.len -= 1;
        self.bytes -= waiting.bytes;
        Some(waiting.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: u8 = 1;
    const CRITICAL: u8 = 4;

    fn queue(alerts_max: usize) -> Queue<&'static str> {
        Queue::new(Limits { alerts_max, bytes_max: 100 })
    }

    fn taken(queue: &Queue<&'static str>) -> Vec<&'static str> {
        let mut taken = Vec::new();
        queue.take(&mut taken, 100, usize::MAX);
        taken
    }

    #[test]
    fn the_grave_overtake_and_nothing_starves() {
        let queue = queue(10);
        let at = |seconds| Time::from_secs(seconds);
        for (item, severity, seconds) in
            [("low", LOW, 0), ("critical", CRITICAL, 30), ("low, later", LOW, 1), ("critical, much later", CRITICAL, 90)]
        {
            assert_eq!(queue.enter(item, severity, 1, at(seconds)), Entered::Waits);
        }
        assert_eq!(taken(&queue), ["critical", "low", "low, later", "critical, much later"]);
    }

    #[test]
    fn what_is_due_last_gives_way_and_is_told() {
        let queue = queue(2);
        assert_eq!(queue.enter("a", LOW, 1, Time(0)), Entered::Waits);
        assert_eq!(queue.enter("b", LOW, 1, Time(1_000_000)), Entered::Waits);
        assert_eq!(queue.enter("c", LOW, 1, Time(2_000_000)), Entered::Refused("c"));
        assert_eq!(queue.enter("d", CRITICAL, 1, Time(2_000_000)), Entered::Displaced(vec!["b"]));
        assert_eq!(queue.enter("e", COMMANDS, 1, Time(2_000_000)), Entered::Waits, "commands are never refused");
        assert_eq!(taken(&queue), ["d", "e", "a"]);
        assert_eq!(queue.len(), (0, 0));
    }

    #[test]
    fn waiting_ends_when_enough_came_and_when_patience_does() {
        let queue = queue(10);
        assert!(queue.wait(Duration::ZERO, false), "open, and nothing came");
        queue.enter("a", LOW, 1, Time(0));
        assert!(queue.wait(Duration::MAX, false), "something waits");
        taken(&queue);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.wait(Duration::MAX, false));
            queue.enter("b", LOW, 1, Time(0));
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn a_few_wait_for_a_busy_disk_and_no_longer() {
        let queue = queue(100);
        queue.handed();
        queue.handed();
        queue.enter("a", LOW, 1, Time(0));
        assert!(queue.wait(Duration::ZERO, false), "patience ends");
        queue.settled(1);
        assert!(queue.is_busy());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.wait(Duration::MAX, false));
            queue.settled(1);
            assert!(waiting.join().unwrap());
        });
        queue.handed();
        (0..FEW).for_each(|_| assert_eq!(queue.enter("b", LOW, 1, Time(0)), Entered::Waits));
        assert!(queue.wait(Duration::MAX, false), "many are worth it");
    }

    #[test]
    fn what_is_begun_waits_for_the_disk_alone_and_is_not_left_at_the_end() {
        let queue = queue(100);
        assert!(queue.wait(Duration::MAX, true), "the disk is free");
        queue.handed();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.wait(Duration::MAX, true));
            queue.settled(1);
            assert!(waiting.join().unwrap());
        });
        queue.close();
        assert!(queue.wait(Duration::MAX, true), "closed, and something is to be committed");
        assert!(!queue.wait(Duration::MAX, false));
    }

    #[test]
    fn bytes_are_bounded_and_one_large_alert_passes_alone() {
        let queue = queue(100);
        assert_eq!(queue.enter("large", LOW, 1000, Time(0)), Entered::Waits);
        assert_eq!(queue.enter("small", LOW, 1, Time(0)), Entered::Refused("small"));
        assert_eq!(queue.enter("grave", CRITICAL, 1, Time(0)), Entered::Displaced(vec!["large"]));
        queue.close();
        assert_eq!(queue.enter("late", CRITICAL, 1, Time(0)), Entered::Refused("late"));
        assert_eq!(taken(&queue), ["grave"]);
        assert!(!queue.wait(Duration::ZERO, false), "closed and empty");
    }
}
