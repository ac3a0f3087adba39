//! What is remembered of a rule: how often it fires, where, and when in the week.

use adjutant_model::Time;
use serde::{Deserialize, Serialize};

/// What is remembered of one rule, everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleHistory {
    /// Times it fired.
    pub fires: u32,
    /// Different entities that it fired on.
    pub entities: u32,
    /// When it last fired.
    pub last: Time,
    hours_of_week: [u64; 3],
}

/// What is remembered of one rule on one entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleHere {
    /// Times it fired here.
    pub fires: u32,
    /// When it last fired here.
    pub last: Time,
    /// Times it fired here in the clock hour of `last`.
    pub hour_fires: u32,
    /// The most that it fired here in an hour before that.
    pub hour_busiest: u32,
    /// Times that an analyst closed it here as harmless.
    pub closed: u16,
    /// Times that an analyst confirmed it here.
    pub confirmed: u16,
}

impl RuleHistory {
    /// Whether it has fired before in the hour of the week of `time`.
    pub fn hour_seen(&self, time: Time) -> bool {
        let (word, bit) = place(time);
        self.hours_of_week.get(word).is_some_and(|hours| hours & bit != 0)
    }

    /// Remembers that it fired.
    pub fn fired(&mut self, time: Time) {
        self.last = if self.fires == 0 { time } else { self.last.max(time) };
        self.fires = self.fires.saturating_add(1);
        let (word, bit) = place(time);
        if let Some(hours) = self.hours_of_week.get_mut(word) {
            *hours |= bit;
        }
    }
}

impl RuleHere {
    /// Remembers that it fired. What arrives late counts into the hour that is running.
    pub fn fired(&mut self, time: Time) {
        if self.fires == 0 {
            self.last = time;
        } else if hour(time) > hour(self.last) {
            self.hour_busiest = self.hour_busiest.max(self.hour_fires);
            self.hour_fires = 0;
        }
        self.fires = self.fires.saturating_add(1);
        self.hour_fires = self.hour_fires.saturating_add(1);
        self.last = self.last.max(time);
    }
}

fn hour(time: Time) -> i64 {
    time.secs().div_euclid(3600)
}

fn place(time: Time) -> (usize, u64) {
    let hour = time.hour_of_week();
    (usize::from(hour / 64), 1 << (hour % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_hour_of_the_week() {
        let mut rule = RuleHistory::default();
        let monday_noon = Time::from_secs(4 * 86_400 + 12 * 3_600);
        rule.fired(monday_noon);
        assert!(rule.hour_seen(monday_noon) && rule.hour_seen(Time::from_secs(monday_noon.secs() + 7 * 86_400)));
        assert!(!rule.hour_seen(Time::from_secs(monday_noon.secs() + 3_600)));
        assert_eq!(rule.fires, 1);
    }

    #[test]
    fn remembers_the_busiest_hour_before_the_running_one() {
        let mut here = RuleHere::default();
        for minute in [0, 10, 59, 61, 30, 200] {
            here.fired(Time::from_secs(minute * 60));
        }
        assert_eq!((here.hour_fires, here.hour_busiest, here.fires), (1, 3, 6), "the late alert counts into the second hour");
        assert_eq!(here.last, Time::from_secs(200 * 60));
    }
}
