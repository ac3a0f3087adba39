//! The same lookups as triage does, by hand: directory, block lists, warning lists, countries, and what was seen before.

use super::HashMap;
use super::records::{Event, Text};
use super::seen::Seen;
use super::warning_lists::WarningLists;
use anyhow::{Context as _, Result};
use maxminddb::Reader;
use serde::Deserialize;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

/// What the directory says of a user.
struct User {
    privileged: bool,
    department: Box<str>,
}

/// Everything that records are looked up in.
pub struct Lookups {
    users: HashMap<Box<str>, User>,
    blocked: HashMap<IpAddr, u8>,
    known: WarningLists,
    countries: Reader<Vec<u8>>,
    seen: Seen,
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
        let mut blocked = HashMap::default();
        for level in 1..=8 {
            for line in read(&intel.join(format!("ipsum/levels/{level}.txt")))?.lines() {
                blocked.extend(line.trim().parse().ok().map(|address: IpAddr| (address, level)));
            }
        }
        let mmdb = intel.join("geo/geo-whois-asn-country.mmdb");
        Ok(Self {
            users: read(users)?.lines().skip(1).filter_map(user).collect(),
            blocked,
            known: WarningLists::load(&intel.join("misp-warninglists"))?,
            countries: Reader::open_readfile(&mmdb).with_context(|| format!("open {}", mmdb.display()))?,
            seen: Seen::default(),
        })
    }

    /// Looks up everything of the `event` in `line`; something of every answer.
    pub fn all(&self, line: &[u8], event: &Event<'_>) -> u64 {
        let country = event.source.and_then(|address| self.country(address));
        let mut hits = u64::from(country.is_some()) + u64::from(event.severity);
        for address in [event.source, event.destination].into_iter().flatten() {
            hits += self.blocked.get(&address).copied().map_or(0, u64::from) + self.known.address(address);
        }
        hits += event.domain.as_ref().map_or(0, |domain| self.known.domain(&domain.0));
        hits += event.said().map(|text| text.len() as u64).sum::<u64>();
        let name = event.user.as_ref().map(canonical);
        if let Some(user) = name.as_ref().and_then(|name| self.users.get(&**name)) {
            hits += 1 + u64::from(user.privileged) + user.department.len() as u64;
        }
        hits + self.seen.note(line, event, name.as_deref(), country)
    }

    fn country(&self, address: IpAddr) -> Option<[u8; 2]> {
        let place: Place<'_> = self.countries.lookup(address).ok()?.decode().ok()??;
        place.country_code?.as_bytes().try_into().ok()
    }
}

/// `CORP\Ana` and `ana@corp.example` are `ana`.
fn canonical<'a>(name: &'a Text<'_>) -> std::borrow::Cow<'a, str> {
    let text = name.0.rsplit_once('\\').map_or(&*name.0, |(_, user)| user);
    let text = text.split_once('@').map_or(text, |(user, _)| user);
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { text.to_ascii_lowercase().into() } else { text.into() }
}
