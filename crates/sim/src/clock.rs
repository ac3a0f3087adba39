//! A clock that stands still until it is stepped.

use adjutant_model::{Duration, Time};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A fake clock; its clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock {
    microseconds: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that shows `time`.
    #[must_use]
    pub fn at(time: Time) -> Self {
        Self { microseconds: Arc::new(AtomicI64::new(time.0)) }
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Time {
        Time(self.microseconds.load(Ordering::SeqCst))
    }

    /// Moves it on, or back when the step is negative, as real clocks are set back at times; returns what it then shows.
    pub fn step(&self, step: Duration) -> Time {
        Time(self.microseconds.fetch_add(step.0, Ordering::SeqCst).wrapping_add(step.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_until_it_is_stepped() {
        let clock = Clock::at(Time(1_000));
        let same = clock.clone();
        assert_eq!((clock.now(), clock.step(Duration(500)), same.now()), (Time(1_000), Time(1_500), Time(1_500)));
        assert_eq!(same.step(Duration(-700)), Time(800));
    }
}
