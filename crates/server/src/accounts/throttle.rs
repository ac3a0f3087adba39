//! Slows down who guesses: after each failure the wait doubles, per user and per address.
//!
//! A table of fixed size: no attacker can fill it, push an own entry out of it, or make it grow. Two names that share
//! a slot share its wait; a name lands elsewhere after each start.

use adjutant_model::{Duration, Time};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};

/// How many slots there are.
const SLOTS: usize = 8192;
/// A slot is forgotten when nothing failed for so long.
const FORGET_SECONDS: i64 = 3600;

#[derive(Clone, Copy, Default)]
struct Slot {
    failures: u32,
    /// No attempt before this.
    until: Time,
    last: Time,
}

/// Failures by key, each with its wait.
pub struct Throttle {
    slots: Vec<Slot>,
    hasher: RandomState,
    /// So many failures cost nothing: everybody mistypes.
    free_failures: u32,
    /// The longest wait. For a name it is short, since anybody can make another's attempts fail.
    wait_seconds_max: i64,
}

impl Throttle {
    /// An empty table: the first `free_failures` cost nothing, and no wait is longer than `wait_seconds_max`.
    pub fn new(free_failures: u32, wait_seconds_max: i64) -> Self {
        Self { slots: vec![Slot::default(); SLOTS], hasher: RandomState::new(), free_failures, wait_seconds_max }
    }

    fn at(&self, key: &str) -> usize {
        (self.hasher.hash_one(key) % SLOTS as u64) as usize
    }

    /// How many seconds are left to wait for, if any.
    pub fn wait_s(&self, key: &str, now: Time) -> Option<u32> {
        let slot = self.slots.get(self.at(key))?;
        let left = slot.until.since(now).0;
        (left > 0).then(|| u32::try_from(left.div_euclid(1_000_000) + 1).unwrap_or(u32::MAX))
    }

    /// Counts an attempt as failed before it is known to succeed, so that attempts side by side count each.
    pub fn fail(&mut self, key: &str, now: Time) {
        let (at, free, longest) = (self.at(key), self.free_failures, self.wait_seconds_max);
        let Some(slot) = self.slots.get_mut(at) else { return };
        if now.since(slot.last) > Duration::from_secs(FORGET_SECONDS) {
            *slot = Slot::default();
        }
        slot.failures = slot.failures.saturating_add(1);
        slot.last = now;
        if let Some(over) = slot.failures.checked_sub(free.saturating_add(1)) {
            let wait = 1_i64.checked_shl(over.min(32)).unwrap_or(i64::MAX).min(longest);
            slot.until = now.plus(Duration::from_secs(wait));
        }
    }

    /// Takes back one failure, because that attempt succeeded; the others stay. So nobody clears an address by
    /// logging in to an own account between two guesses.
    pub fn take_back(&mut self, key: &str) {
        let at = self.at(key);
        if let Some(slot) = self.slots.get_mut(at) {
            slot.failures = slot.failures.saturating_sub(1);
            if slot.failures <= self.free_failures {
                slot.until = Time::default();
            }
        }
    }

    /// Forgets the failures: the attempt succeeded.
    pub fn succeed(&mut self, key: &str) {
        let at = self.at(key);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Slot::default();
        }
    }
}

/// What an address is counted by: one IPv4 address, or the 64-bit network that one customer of IPv6 has.
pub fn address_key(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_bound_and_ends() {
        let mut throttle = Throttle::new(3, 60);
        let mut now = Time::from_secs(1_000_000);
        for _ in 0..4 {
            assert_eq!(throttle.wait_s("ann", now), None);
            throttle.fail("ann", now);
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            let wait = throttle.wait_s("ann", now).unwrap() - 1;
            waits.push(wait);
            now = now.plus(Duration::from_secs(i64::from(wait)));
            assert_eq!(throttle.wait_s("ann", now), None);
            throttle.fail("ann", now);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn success_and_time_forget() {
        let mut throttle = Throttle::new(3, 60);
        let now = Time::from_secs(1_000_000);
        (0..9).for_each(|_| throttle.fail("ann", now));
        throttle.succeed("ann");
        assert_eq!(throttle.wait_s("ann", now), None);
        (0..9).for_each(|_| throttle.fail("ann", now));
        let later = now.plus(Duration::from_secs(FORGET_SECONDS + 1));
        throttle.fail("ann", later);
        assert_eq!(throttle.wait_s("ann", later), None);
    }

    #[test]
    fn an_own_login_clears_no_guesses() {
        let mut throttle = Throttle::new(3, 60);
        for _ in 0..5 {
            throttle.fail("192.0.2.1", Time::default());
        }
        throttle.fail("192.0.2.1", Time::default());
        throttle.take_back("192.0.2.1");
        assert!(throttle.wait_s("192.0.2.1", Time::default()).is_some());
    }

    #[test]
    fn any_number_of_names_takes_the_same_room() {
        let mut throttle = Throttle::new(3, 60);
        (0..100_000).for_each(|nth| throttle.fail(&format!("user-{nth}"), Time::default()));
        (0..1_000_000).for_each(|_| throttle.fail("ann", Time(i64::MAX)));
        assert_eq!(throttle.slots.len(), SLOTS);
    }

    #[test]
    fn one_network_is_one_address() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }
}
