//! Whether a server may send for a domain (RFC 7208).

mod macros;
mod record;

use super::{Judged, Word};
use crate::dns::{Kind, Unknown, Zone};
use macros::{dotted, expand};
use record::{Bits, Mechanism, Record};
use std::net::IpAddr;

/// Terms that may cause a look-up (RFC 7208, 4.6.4).
const LOOKUPS_MAX: usize = 10;

/// Look-ups that may find nothing (the same).
const VOID_MAX: usize = 2;

/// Names of one mail exchange or address that are looked at (the same).
const NAMES_MAX: usize = 10;

/// Who sends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client<'c> {
    pub(super) address: IpAddr,
    /// Where bounces go, or `postmaster` at the name that the client gave.
    pub(super) sender: &'c str,
    pub(super) helo: &'c str,
}

/// Why there is no result.
enum Stop {
    Unknown,
    Permanent(&'static str),
}

impl From<Unknown> for Stop {
    fn from(_: Unknown) -> Self {
        Stop::Unknown
    }
}

/// Whether `client` may send for `domain`.
pub(super) fn verify(client: &Client<'_>, domain: &str, zone: &mut Zone<'_>) -> Judged {
    let mut work = Work { client, zone, lookups: 0, void: 0 };
    match work.host(domain) {
        Ok(word) => Judged::new(word, ""),
        Err(Stop::Unknown) => Judged::unknown(),
        Err(Stop::Permanent(why)) => Judged::new(Word::Permerror, why),
    }
}

struct Work<'w, 'a> {
    client: &'w Client<'w>,
    zone: &'w mut Zone<'a>,
    lookups: usize,
    void: usize,
}

impl<'a> Work<'_, 'a> {
    /// The result for `domain`: `none` when it has no policy.
    fn host(&mut self, domain: &str) -> Result<Word, Stop> {
        if !domain.contains('.') {
            return Ok(Word::None);
        }
        let texts = self.zone.ask(Kind::Txt, domain)?;
        let mut policies = texts.iter().filter(|text| record::is_record(text));
        let text = match (policies.next(), policies.next()) {
            (None, _) => return Ok(Word::None),
            (Some(text), None) => text,
            (Some(_), Some(_)) => return Err(Stop::Permanent("there are several policies")),
        };
        let record = record::read(text).ok_or(Stop::Permanent("the policy cannot be read"))?;
        self.policy(&record, domain)
    }

    fn policy(&mut self, record: &Record<'_>, domain: &str) -> Result<Word, Stop> {
        for (word, mechanism) in &record.directives {
            if self.matches(mechanism, domain)? {
                return Ok(*word);
            }
        }
        let has_all = record.directives.iter().any(|(_, mechanism)| *mechanism == Mechanism::All);
        let Some(target) = record.redirect.filter(|_| !has_all) else { return Ok(Word::Neutral) };
        let target = self.target(Some(target), domain)?;
        match self.host(&target)? {
            Word::None => Err(Stop::Permanent("the policy goes on where there is none")),
            word => Ok(word),
        }
    }

    fn matches(&mut self, mechanism: &Mechanism<'_>, domain: &str) -> Result<bool, Stop> {
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip(network, bits) => Ok(is_in(self.client.address, *network, *bits)),
            Mechanism::Include(target) => {
                let target = self.target(Some(target), domain)?;
                match self.host(&target)? {
                    Word::Pass => Ok(true),
                    Word::None => Err(Stop::Permanent("the policy includes one that is not there")),
                    _ => Ok(false),
                }
            }
            Mechanism::A(target, bits) => {
                let target = self.target(*target, domain)?;
                self.is_address_of(&target, *bits)
            }
            Mechanism::Mx(target, bits) => {
                let target = self.target(*target, domain)?;
                self.is_exchange_of(&target, *bits)
            }
            Mechanism::Exists(target) => {
                let target = self.target(Some(target), domain)?;
                Ok(!self.ask(Kind::A, &target)?.is_empty())
            }
            Mechanism::Ptr(target) => {
                let target = match target {
                    Some(_) => self.target(*target, domain)?,
                    None => self.target(None, domain)?,
                };
                self.is_named(&target)
            }
        }
    }

    /// The name that a term is about, which costs one of its look-ups.
    fn target(&mut self, target: Option<&str>, domain: &str) -> Result<String, Stop> {
        self.lookups += 1;
        if self.lookups > LOOKUPS_MAX {
            return Err(Stop::Permanent("the policy takes more than ten look-ups"));
        }
        let Some(target) = target else { return Ok(domain.to_owned()) };
        expand(target, self.client, domain).ok_or(Stop::Permanent("the policy has a macro that is none"))
    }

    fn ask(&mut self, kind: Kind, name: &str) -> Result<&'a [String], Stop> {
        let records = self.zone.ask(kind, name)?;
        if records.is_empty() {
            self.void += 1;
        }
        if self.void > VOID_MAX { Err(Stop::Permanent("the policy names what is not there")) } else { Ok(records) }
    }

    fn is_address_of(&mut self, name: &str, bits: Bits) -> Result<bool, Stop> {
        let (kind, bits) = match self.client.address {
            IpAddr::V4(_) => (Kind::A, bits.0),
            IpAddr::V6(_) => (Kind::Aaaa, bits.1),
        };
        let records = self.ask(kind, name)?;
        let client = self.client.address;
        Ok(records.iter().filter_map(|record| record.parse().ok()).any(|address| is_in(client, address, bits)))
    }

    fn is_exchange_of(&mut self, name: &str, bits: Bits) -> Result<bool, Stop> {
        let records = self.ask(Kind::Mx, name)?;
        if records.len() > NAMES_MAX {
            return Err(Stop::Permanent("a domain has more than ten mail servers"));
        }
        let hosts = records.iter().filter_map(|record| record.split_once(' ')).map(|(_, host)| host.trim());
        let mut unknown = false;
        for host in hosts.filter(|host| *host != ".") {
            match self.is_address_of(host, bits) {
                Ok(false) => {}
                // The others are asked for, too, so that all questions are known at once.
                Err(Stop::Unknown) => unknown = true,
                end => return end,
            }
        }
        if unknown { Err(Stop::Unknown) } else { Ok(false) }
    }

    /// Whether the client's own name is `target` or below it, and has the client's address. A failure here matches nothing.
    fn is_named(&mut self, target: &str) -> Result<bool, Stop> {
        let client = self.client.address;
        let turned = dotted(client).split('.').rev().collect::<Vec<_>>().join(".");
        let zone = if client.is_ipv4() { "in-addr.arpa" } else { "ip6.arpa" };
        let names = self.ask(Kind::Ptr, &format!("{turned}.{zone}"))?;
        let all = if client.is_ipv4() { Bits(32, 128) } else { Bits(0, 128) };
        for name in names.iter().take(NAMES_MAX) {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let below =
                name.strip_suffix(&target.to_ascii_lowercase()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            if below && self.is_address_of(&name, all)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether the first `bits` of both are the same.
fn is_in(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let apart = u32::from(a) ^ u32::from(n);
            bits == 0 || apart.leading_zeros() >= u32::from(bits)
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            let apart = u128::from(a) ^ u128::from(n);
            bits == 0 || apart.leading_zeros() >= u32::from(bits)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
