//! Counters over the last 24 hours, and small sets of what was seen before.
//!
//! Both are a fixed size, tolerate late and out-of-order events, and never answer "no" where the
//! honest answer is "not known any more".

use adjutant_model::{Duration, Time, Why};
use serde::{Deserialize, Serialize};

/// What was first seen less than this before does not count as known: an intruder's first login of the
/// night must not vouch for the second.
pub const SEASONING: Duration = Duration::from_hours(24);

/// History older than this is not used: six months, beyond which it does not help (Wiefling et al. 2022).
pub const HORIZON: Duration = Duration::from_days(183);

const HOURS: usize = 24;

/// How often something happened in the last 24 hours, by hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Day {
    latest_hour: i64,
    #[serde(with = "super::hours")]
    counts: [u16; HOURS],
}

impl Day {
    /// Counts one event at `time`. An event more than 24 hours before the latest is too late to count.
    pub fn add(&mut self, time: Time) {
        let hour = time.secs().div_euclid(3600);
        if hour > self.latest_hour {
            self.advance(hour);
        }
        if self.latest_hour - hour < HOURS as i64
            && let Some(count) = self.counts.get_mut(slot(hour))
        {
            *count = count.saturating_add(1);
        }
    }

    /// How many events there were in the 24 hours up to `time`.
    pub fn count(&self, time: Time) -> i64 {
        let hour = time.secs().div_euclid(3600);
        if hour == self.latest_hour {
            return self.counts.iter().map(|count| i64::from(*count)).sum();
        }
        if hour - self.latest_hour >= HOURS as i64 {
            return 0;
        }
        let inside = |past: &i64| *past <= hour && hour - past < HOURS as i64 && self.latest_hour - past < HOURS as i64;
        let oldest = self.latest_hour - HOURS as i64 + 1;
        (oldest..=self.latest_hour).filter(inside).filter_map(|past| self.counts.get(slot(past))).map(|c| i64::from(*c)).sum()
    }

    fn advance(&mut self, hour: i64) {
        let steps = (hour - self.latest_hour).min(HOURS as i64);
        for step in 0..steps {
            if let Some(count) = self.counts.get_mut(slot(hour - step)) {
                *count = 0;
            }
        }
        self.latest_hour = hour;
    }
}

/// A [`Day`] of something that happens to few: until it does, it takes the room of a pointer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RareDay(Option<Box<Day>>);

impl RareDay {
    /// Counts one event at `time`.
    pub fn add(&mut self, time: Time) {
        self.0.get_or_insert_default().add(time);
    }

    /// How many events there were in the 24 hours up to `time`.
    pub fn count(&self, time: Time) -> i64 {
        self.0.as_ref().map_or(0, |day| day.count(time))
    }

    /// Whether nothing was ever counted.
    pub(super) fn is_untouched(&self) -> bool {
        self.0.is_none()
    }
}

fn slot(hour: i64) -> usize {
    hour.rem_euclid(HOURS as i64) as usize
}

/// Up to `N` things that were seen, with first and last time; the one unused longest is forgotten first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen<const N: usize> {
    items: Vec<(u64, Time, Time)>,
    forgot: bool,
}

impl<const N: usize> Seen<N> {
    /// Whether `item` was known at `time`: seen within the horizon, and first at least [`SEASONING`] ago.
    ///
    /// # Errors
    /// [`Why::Evicted`] when it is not here but could have been forgotten.
    pub fn known(&self, item: u64, time: Time) -> Result<bool, Why> {
        match self.items.iter().find(|(known, ..)| *known == item) {
            Some((_, first, last)) => Ok(time.since(*first) >= SEASONING && time.since(*last) <= HORIZON),
            None if self.forgot => Err(Why::Evicted),
            None => Ok(false),
        }
    }

    /// Notes that `item` was seen at `time`.
    pub fn add(&mut self, item: u64, time: Time) {
        if let Some((_, first, last)) = self.items.iter_mut().find(|(known, ..)| *known == item) {
            // After a silence beyond the horizon it is new again.
            *first = if time.since(*last) > HORIZON { time } else { (*first).min(time) };
            *last = (*last).max(time);
            return;
        }
        if self.items.len() >= N {
            self.forget_one();
        }
        if self.items.is_empty() {
            // Most addresses and devices are seen with one user, for whom there need not be room for four.
            self.items.reserve_exact(1);
        }
        self.items.push((item, time, time));
    }

    /// Whether `item` is remembered, however young.
    pub fn holds(&self, item: u64) -> bool {
        self.items.iter().any(|(held, ..)| *held == item)
    }

    /// How many different things were last seen at `time` or later.
    pub fn seen_since(&self, time: Time) -> usize {
        self.items.iter().filter(|(.., last)| *last >= time).count()
    }

    /// How many different things are remembered.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn forget_one(&mut self) {
        let oldest = self.items.iter().enumerate().min_by_key(|(_, (.., last))| *last).map(|(index, _)| index);
        if let Some(index) = oldest {
            self.items.swap_remove(index);
            self.forgot = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(h: i64) -> Time {
        Time::from_secs(h * 3600)
    }

    #[test]
    fn a_day_counts_the_last_24_hours_in_any_order() {
        let mut day = Day::default();
        for h in [100, 101, 99, 123, 100, 50] {
            day.add(hour(h));
        }
        assert_eq!(day.count(hour(123)), 4, "hours 100, 100, 101 and 123");
        assert_eq!(day.count(hour(101)), 3, "an earlier moment does not see the future");
        assert_eq!(day.count(hour(146)), 1);
        assert_eq!(day.count(hour(500)), 0);
        day.add(hour(1_000_000));
        assert_eq!(day.count(hour(1_000_000)), 1);
    }

    #[test]
    fn new_things_need_a_day_before_they_vouch() {
        let mut seen = Seen::<2>::default();
        seen.add(1, hour(0));
        assert_eq!(seen.known(1, hour(1)), Ok(false));
        assert_eq!(seen.known(1, hour(24)), Ok(true));
        assert_eq!(seen.known(9, hour(24)), Ok(false));
        assert_eq!(seen.known(1, hour(24 * 400)), Ok(false), "beyond the horizon");
    }

    #[test]
    fn what_was_forgotten_is_unknown() {
        let mut seen = Seen::<2>::default();
        for item in 1..=3 {
            seen.add(item, hour(item as i64));
        }
        assert_eq!(seen.known(1, hour(48)), Err(Why::Evicted));
        assert_eq!(seen.known(3, hour(48)), Ok(true));
    }
}
