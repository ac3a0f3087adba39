//! What one past message says about who writes to whom.

use crate::authentication::{Results, results};
use crate::message::{self, Headers, Kind, Level};
use crate::structure::arrival;
use adjutant_model::{Digest, Time};

/// An address longer than this is none (RFC 5321).
const ADDRESS_BYTES_MAX: usize = 254;

/// Headers in which the server that delivers a message notes for whom it is.
const DELIVERED: [&str; 3] = ["Delivered-To", "X-Original-To", "Envelope-To"];

/// Who is ours, and whose word on authentication counts.
pub struct Own<'a> {
    /// Our mail domains, in lower case.
    pub domains: &'a [String],
    /// Whether a host is one of our mail servers.
    pub server: &'a dyn Fn(&str) -> bool,
}

/// Why a message teaches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skipped {
    /// It is no message, or has no sender.
    NoMessage,
    /// Nobody knows when it was.
    NoTime,
    /// Neither its sender nor a recipient is ours.
    Foreign,
    /// A server of ours says that its sender is forged.
    Forged,
}

impl Skipped {
    /// The reason for people.
    pub const fn says(self) -> &'static str {
        match self {
            Skipped::NoMessage => "no message, or no sender",
            Skipped::NoTime => "no time that can be read",
            Skipped::Foreign => "neither from nor to a domain of ours",
            Skipped::Forged => "DMARC failed: somebody else wrote it",
        }
    }
}

/// A message that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Message-ID, where it has one.
    pub message_id: Option<String>,
    /// When it arrived, or was written where it never travelled.
    pub time: Time,
    identity: Digest,
    from: String,
    /// It came to these of ours.
    to: Vec<String>,
    /// One of ours certainly wrote it, to these.
    written_to: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Came,
    Written,
    Attack,
}

/// One message to one person.
pub(super) struct Delivery<'l> {
    pub(super) own: &'l String,
    pub(super) other: &'l String,
    pub(super) way: Way,
    /// What it is known by among all deliveries.
    pub(super) key: u64,
}

/// Reads what a message says about who writes to whom, of its first headers alone.
///
/// # Errors
/// It says nothing.
pub fn letter(raw: &[u8], own: &Own<'_>) -> Result<Letter, Skipped> {
    let parsed = message::parse_headers(raw).ok_or(Skipped::NoMessage)?;
    let level = Level { kind: Kind::Arrived, headers: parsed };
    let headers = &level.headers;
    let from = headers.from.first().map(|from| from.address.clone()).filter(|from| is_address(from));
    let from = from.ok_or(Skipped::NoMessage)?;
    let date = arrival(&level).or(headers.date).ok_or(Skipped::NoTime)?;
    let dmarc = believed(headers, own);
    if dmarc.as_deref().is_some_and(|dmarc| matches!(dmarc, "fail" | "reject" | "quarantine")) {
        return Err(Skipped::Forged);
    }
    let all: Vec<String> = headers.to.iter().map(|to| to.address.clone()).filter(|to| is_address(to)).collect();
    let to = recipients(headers, &all, own);
    // A copy that one of ours keeps of what they wrote never travelled; anything else from our own domain may be forged.
    let ours = is_own(&from, own) && (headers.all("received").next().is_none() || dmarc.as_deref() == Some("pass"));
    let written_to: Vec<String> = if ours { all.iter().filter(|to| **to != from).cloned().collect() } else { Vec::new() };
    if to.is_empty() && written_to.is_empty() {
        return Err(Skipped::Foreign);
    }
    Ok(Letter {
        message_id: headers.message_id.clone(),
        time: Time::from_secs(date.to_timestamp()),
        identity: identity(headers),
        from,
        to,
        written_to,
    })
}

/// What DMARC of the message is, by the topmost word of a server of ours with nobody else's hop above it.
fn believed(headers: &Headers, own: &Own<'_>) -> Option<String> {
    let is_ours =
        |results: &Results| results.first && (own.server)(&results.server) && results.above.iter().all(|hop| (own.server)(hop));
    results(headers).into_iter().find(is_ours)?.dmarc
}

/// Which of ours it came to: those it names, or else the one to whom it was delivered.
fn recipients(headers: &Headers, named: &[String], own: &Own<'_>) -> Vec<String> {
    let mut ours: Vec<String> = named.iter().filter(|to| is_own(to, own)).cloned().collect();
    if ours.is_empty() {
        let noted = DELIVERED.iter().find_map(|name| headers.all(name).next());
        let noted = noted.map(|address| address.trim().trim_matches(['<', '>']).to_lowercase());
        ours.extend(noted.filter(|address| is_address(address) && is_own(address, own)));
    }
    ours.sort();
    ours.dedup();
    ours
}

/// What makes two copies one message: its Message-ID, or else what a copy has in common with the other.
fn identity(headers: &Headers) -> Digest {
    let date = headers.all("date").next().unwrap_or("");
    match &headers.message_id {
        Some(id) => Digest::of_parts([&b"id"[..], id.as_bytes()]),
        None => Digest::of_parts([&b"of"[..], date.as_bytes(), headers.subject.as_deref().unwrap_or("").as_bytes()]),
    }
}

fn is_own(address: &str, own: &Own<'_>) -> bool {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let below = |ours: &String| domain.strip_suffix(ours.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    own.domains.iter().any(below)
}

/// Whether `text` is an address that stands in a table as it is.
fn is_address(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '"' | '<' | '>');
    let (local, domain) = text.rsplit_once('@').unwrap_or(("", ""));
    !local.is_empty() && domain.contains('.') && text.len() <= ADDRESS_BYTES_MAX && !text.chars().any(odd)
}

impl Letter {
    /// Every delivery of it.
    pub(super) fn deliveries(&self, attack: bool) -> Vec<Delivery<'_>> {
        let way = if attack { Way::Attack } else { Way::Came };
        let came = self.to.iter().map(|own| self.delivery(own, &self.from, way));
        let written = self.written_to.iter().filter(|_| !attack).map(|other| self.delivery(&self.from, other, Way::Written));
        came.chain(written).collect()
    }

    fn delivery<'l>(&'l self, own: &'l String, other: &'l String, way: Way) -> Delivery<'l> {
        let way_name: &[u8] = match way {
            Way::Came => b"came",
            Way::Written => b"written",
            Way::Attack => b"attack",
        };
        let digest = Digest::of_parts([&self.identity.0[..], own.as_bytes(), other.as_bytes(), way_name]);
        Delivery { own, other, way, key: u64::from_be_bytes(*digest.0.first_chunk().unwrap_or(&[0; 8])) }
    }
}
