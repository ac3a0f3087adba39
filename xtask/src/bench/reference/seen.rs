//! What was seen before, by hand: the same bytes, the rule's firings, the user's logins.

use super::records::Event;
use super::{HashMap, RandomState};
use sha2::{Digest as _, Sha256};
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks over which the users are spread, and the rules.
const SHARDS: usize = 64;

/// Different places, devices and networks that are kept of a user.
const KEPT: usize = 24;

/// Counts and logins of everybody, in shards.
#[derive(Default)]
pub(super) struct Seen {
    random: RandomState,
    duplicates: Shards<[u8; 16], u32>,
    rules: Shards<u64, Firings>,
    users: Shards<u64, User>,
}

struct Shards<K, V>(Vec<Mutex<HashMap<K, V>>>);

#[derive(Default)]
struct Firings {
    count: u32,
    last: i64,
}

/// What is kept of a user.
#[derive(Default)]
struct User {
    logins: u32,
    last: i64,
    country: Option<[u8; 2]>,
    networks: Vec<u64>,
    agents: Vec<u64>,
    countries: Vec<u64>,
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }
}

impl<K: Hash + Eq, V: Default> Shards<K, V> {
    fn of(&self, hash: u64) -> MutexGuard<'_, HashMap<K, V>> {
        self.0[hash as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Looks up what was seen before of `event`, and notes it; something of every answer.
    pub(super) fn note(&self, line: &[u8], event: &Event<'_>, user: Option<&str>, country: Option<[u8; 2]>) -> u64 {
        let mut hits = self.duplicate(line);
        let rule = self.random.hash_one(event.rule.as_ref().or(event.title.as_ref()).map(|text| &*text.0));
        let entity = user.or(event.host.as_ref().map(|text| &*text.0));
        hits += self.fired(rule, event.time);
        if let Some(entity) = entity {
            hits += self.fired(self.random.hash_one((rule, entity)), event.time);
        }
        match (user, event.source) {
            (Some(user), Some(source)) if event.login => hits + self.login(user, event, source, country),
            _ => hits,
        }
    }

    fn duplicate(&self, line: &[u8]) -> u64 {
        let digest = Sha256::digest(line);
        let Some(key) = digest.first_chunk::<16>() else { return 0 };
        let mut shard = self.duplicates.of(u64::from(key[0]));
        let count = shard.entry(*key).or_default();
        *count += 1;
        u64::from(*count > 1)
    }

    fn fired(&self, key: u64, time: i64) -> u64 {
        let mut shard = self.rules.of(key >> 32);
        let firings = shard.entry(key).or_default();
        let quiet = time - firings.last > 86_400_000_000;
        (firings.count, firings.last) = (firings.count + 1, time);
        u64::from(quiet) + u64::from(firings.count)
    }

    fn login(&self, user: &str, event: &Event<'_>, source: IpAddr, country: Option<[u8; 2]>) -> u64 {
        let key = self.random.hash_one(user);
        let network = match source {
            IpAddr::V4(v4) => self.random.hash_one(&v4.octets()[..3]),
            IpAddr::V6(v6) => self.random.hash_one(&v6.octets()[..6]),
        };
        let agent = self.random.hash_one(event.agent.as_ref().map(|text| &*text.0));
        let mut shard = self.users.of(key >> 32);
        let user = shard.entry(key).or_default();
        let soon = event.time - user.last < 3_600_000_000;
        let moved = soon && user.country != country;
        (user.logins, user.last, user.country) = (user.logins + 1, event.time, country);
        let new = keep(&mut user.networks, network)
            + keep(&mut user.agents, agent)
            + keep(&mut user.countries, self.random.hash_one(country));
        new + u64::from(moved) + u64::from(user.logins)
    }
}

/// Notes `item`; 1 when it is new.
fn keep(items: &mut Vec<u64>, item: u64) -> u64 {
    let new = !items.contains(&item);
    if new {
        if items.len() == KEPT {
            items.remove(0);
        }
        items.push(item);
    }
    u64::from(new)
}
