//! One value of one field or fact, small enough to copy.
//!
//! Text and lists live in the arena of the [`Row`](crate::Row) that holds the value; a value names
//! them by range. *Unknown* is a value like any other, so that no reader can forget to ask.

use crate::quantity::{Distance, Duration, Geo, Speed, Time};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a fact is unknown. Unknown is never the same as false, harmless or zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Why {
    /// The source does not say.
    #[default]
    NotStated,
    /// The source says something that cannot be read as this field's type.
    Unreadable,
    /// The fact's subject (say, a user) is not named by the alert.
    NoSubject,
    /// No context source is configured for this fact.
    NoSource,
    /// The context source does not know the subject.
    NotFound,
    /// The context source's value is older than its contract allows.
    Stale,
    /// The context source broke its contract (too few rows, too much change, out of range).
    Breach,
    /// Two context sources disagree about this fact.
    Disputed,
    /// There is no history yet to compare with.
    NoHistory,
    /// History was forgotten to stay within its bound; what was is not known.
    Evicted,
    /// The two ends cannot be compared (a VPN or relay, or a place without coordinates).
    NotComparable,
    /// Evaluating an expression failed (overflow, division by zero, no such key).
    Error,
    /// A connector could be asked about it, and was not.
    NotAsked,
    /// A connector is asked, and has not answered yet.
    Asked,
    /// A connector could be asked, and no more questions may be put to it now.
    Budget,
}

impl Why {
    /// Every reason, in the order of their codes.
    pub const ALL: [Why; 15] = [
        Why::NotStated,
        Why::Unreadable,
        Why::NoSubject,
        Why::NoSource,
        Why::NotFound,
        Why::Stale,
        Why::Breach,
        Why::Disputed,
        Why::NoHistory,
        Why::Evicted,
        Why::NotComparable,
        Why::Error,
        Why::NotAsked,
        Why::Asked,
        Why::Budget,
    ];

    /// The reason with code `code`, as stored on disk.
    pub fn from_code(code: u8) -> Option<Why> {
        Why::ALL.get(usize::from(code)).copied()
    }

    /// The reason as the end of a sentence that begins "unknown: ".
    pub const fn because(self) -> &'static str {
        match self {
            Why::NotStated => "the source does not say",
            Why::Unreadable => "the source says something unreadable",
            Why::NoSubject => "the alert names nobody it could be about",
            Why::NoSource => "no context source provides it",
            Why::NotFound => "the context source does not know it",
            Why::Stale => "the context is older than its contract allows",
            Why::Breach => "the context source broke its contract",
            Why::Disputed => "two context sources disagree",
            Why::NoHistory => "no history to compare with",
            Why::Evicted => "the history was forgotten to stay in bounds",
            Why::NotComparable => "the two ends cannot be compared",
            Why::Error => "it could not be computed",
            Why::NotAsked => "nobody was asked",
            Why::Asked => "it was asked for, and no answer has come yet",
            Why::Budget => "it was not asked for: the budget of look-ups is spent",
        }
    }
}

/// A range of a row's arena: bytes of its text, or values of its lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Range {
    /// Where it starts.
    pub start: u32,
    /// How long it is.
    pub len: u32,
}

/// An IP address. IPv4-mapped IPv6 is IPv4, so that one machine has one address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr([u8; 16]);

/// A value of a field or fact, or the reason why there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Not known, because …
    Unknown(Why),
    /// True or false.
    Bool(bool),
    /// A whole number without unit.
    Int(i64),
    /// An instant.
    Time(Time),
    /// A span of time.
    Duration(Duration),
    /// A distance.
    Distance(Distance),
    /// A speed.
    Speed(Speed),
    /// A place.
    Geo(Geo),
    /// The index of a value of the field's declared enumeration.
    Level(u8),
    /// An IP address.
    Addr(Addr),
    /// Text: a range of the row's text arena.
    Text(Range),
    /// A list: a range of the row's list arena.
    List(Range),
}

impl Value {
    /// Whether there is a value.
    pub const fn is_known(self) -> bool {
        !matches!(self, Value::Unknown(_))
    }
}

impl Default for Value {
    fn default() -> Self {
        Value::Unknown(Why::NotStated)
    }
}

impl Addr {
    /// The address with these sixteen bytes of IPv6 (IPv4 as IPv4-mapped).
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
    /// The sixteen bytes of IPv6 (IPv4 as IPv4-mapped).
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
    /// Reads an address as tools write it: plain, `[v6]`, `v6%zone`, `v4:port`, `[v6]:port`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Some(ip.into());
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (inside, after) = rest.split_once(']')?;
            let port_or_nothing = after.is_empty() || after.strip_prefix(':')?.parse::<u16>().is_ok();
            return if port_or_nothing { inside.parse::<Ipv6Addr>().ok().map(|ip| IpAddr::from(ip).into()) } else { None };
        }
        if let Some((ip, zone)) = text.split_once('%') {
            let named = !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            return if named { ip.parse::<Ipv6Addr>().ok().map(|ip| IpAddr::from(ip).into()) } else { None };
        }
        let (ip, port) = text.split_once(':')?;
        port.parse::<u16>().ok()?;
        ip.parse::<Ipv4Addr>().ok().map(|ip| IpAddr::from(ip).into())
    }
    /// The address as the standard library's type.
    pub fn ip(self) -> IpAddr {
        Ipv6Addr::from(self.0).to_canonical()
    }
    /// Whether the address can be routed on the public Internet.
    pub fn is_public(self) -> bool {
        match self.ip() {
            IpAddr::V4(v4) => {
                let [a, b, ..] = v4.octets();
                let shared = a == 100 && (64..128).contains(&b); // RFC 6598
                let benchmark = a == 198 && (b == 18 || b == 19); // RFC 2544
                !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_documentation())
                    && !(v4.is_multicast() || a == 0 || a >= 240 || shared || benchmark)
            }
            IpAddr::V6(v6) => {
                let [first, second, ..] = v6.segments();
                (first & 0xe000) == 0x2000 && !(first == 0x2001 && second == 0x0db8) // RFC 4291, RFC 3849
            }
        }
    }
}

impl From<IpAddr> for Addr {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self(v4.to_ipv6_mapped().octets()),
            IpAddr::V6(v6) => Self(v6.octets()),
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ip())
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_machine_has_one_address() {
        let same = ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1:443", " 192.0.2.1 ", "[::ffff:192.0.2.1]:80"];
        for text in same {
            assert_eq!(Addr::parse(text).map(|a| a.to_string()).as_deref(), Some("192.0.2.1"), "{text}");
        }
        assert_eq!(Addr::parse("fe80::1%eth0").map(|a| a.to_string()).as_deref(), Some("fe80::1"));
    }

    #[test]
    fn what_is_no_address_is_none() {
        for text in ["", "-", "host", "1.2.3", "1.2.3.4:99999", "[::1", "[::1]x", "::1%", "1.2.3.4%eth0", "٤.٤.٤.٤"] {
            assert_eq!(Addr::parse(text), None, "{text}");
        }
    }

    #[test]
    fn public_means_routable() {
        let public = |text: &str| Addr::parse(text).is_some_and(Addr::is_public);
        assert!(public("8.8.8.8") && public("2606:4700::1111"));
        for text in [
            "10.1.2.3",
            "172.16.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "fc00::1",
            "2001:db8::1",
            "203.0.113.9",
        ] {
            assert!(!public(text), "{text}");
        }
    }

    #[test]
    fn a_value_stays_small() {
        assert!(std::mem::size_of::<Value>() <= 24);
    }

    #[test]
    fn reasons_keep_their_codes() {
        for why in Why::ALL {
            assert_eq!(Why::from_code(why as u8), Some(why));
        }
        assert_eq!(Why::from_code(200), None);
    }
}
