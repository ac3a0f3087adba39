//! The same lookups as triage does, by hand: directory, block list, countries, previous logins.

use super::records::{Event, Text};
use anyhow::{Context as _, Result};
use maxminddb::Reader;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Locks over which the users are spread.
const SHARDS: usize = 64;

/// What the directory says of a user.
struct User {
    privileged: bool,
    department: Box<str>,
}

/// Where a user last came from.
#[derive(Clone, Copy)]
struct Login {
    time: i64,
    address: IpAddr,
    country: Option<[u8; 2]>,
}

/// Everything that records are looked up in.
pub struct Lookups {
    users: HashMap<Box<str>, User>,
    blocked: HashSet<IpAddr>,
    countries: Reader<Vec<u8>>,
    logins: Vec<Mutex<HashMap<Box<str>, Login>>>,
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(borrow)]
    country_code: Option<&'a str>,
}

impl Lookups {
    /// Reads the tables: `users` is `id,upn,sam,privileged,department`; the lists are in `intel`.
    pub fn load(users: &Path, intel: &Path) -> Result<Self> {
        let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
        let user = |line: &str| {
            let mut parts = line.split(',');
            let name = parts.nth(2)?.into();
            Some((name, User { privileged: parts.next()? == "true", department: parts.next()?.into() }))
        };
        let mmdb = intel.join("geo/geo-whois-asn-country.mmdb");
        Ok(Self {
            users: read(users)?.lines().skip(1).filter_map(user).collect(),
            blocked: read(&intel.join("ipsum/levels/1.txt"))?.lines().filter_map(|line| line.trim().parse().ok()).collect(),
            countries: Reader::open_readfile(&mmdb).with_context(|| format!("open {}", mmdb.display()))?,
            logins: (0..SHARDS).map(|_| Mutex::default()).collect(),
        })
    }

    /// Looks up everything of `event`; something of every answer.
    pub fn all(&self, event: &Event<'_>) -> u64 {
        let country = event.source.and_then(|address| self.country(address));
        let blocked = [event.source, event.destination].iter().flatten().any(|address| self.blocked.contains(address));
        let mut hits = u64::from(blocked) + u64::from(country.is_some()) + u64::from(event.severity);
        hits += event.said().map(|text| text.len() as u64).sum::<u64>();
        let Some(name) = event.user.as_ref().map(canonical) else { return hits };
        if let Some(user) = self.users.get(&*name) {
            hits += 1 + u64::from(user.privileged) + user.department.len() as u64;
        }
        if event.login
            && let Some(address) = event.source
        {
            hits += self.login(&name, Login { time: event.time, address, country });
        }
        hits
    }

    fn country(&self, address: IpAddr) -> Option<[u8; 2]> {
        let place: Place<'_> = self.countries.lookup(address).ok()?.decode().ok()??;
        place.country_code?.as_bytes().try_into().ok()
    }

    fn login(&self, name: &str, now: Login) -> u64 {
        let shard = name.bytes().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte))) % SHARDS;
        let mut logins = self.logins[shard].lock().unwrap_or_else(PoisonError::into_inner);
        match logins.get_mut(name) {
            Some(before) => {
                let moved = before.country != now.country || before.address != now.address;
                let soon = now.time - before.time < 3_600_000_000;
                *before = now;
                u64::from(moved) + u64::from(soon)
            }
            None => {
                logins.insert(name.into(), now);
                0
            }
        }
    }
}

/// `CORP\Ana` and `ana@corp.example` are `ana`.
fn canonical<'a>(name: &'a Text<'_>) -> std::borrow::Cow<'a, str> {
    let text = name.0.rsplit_once('\\').map_or(&*name.0, |(_, user)| user);
    let text = text.split_once('@').map_or(text, |(user, _)| user);
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { text.to_ascii_lowercase().into() } else { text.into() }
}
