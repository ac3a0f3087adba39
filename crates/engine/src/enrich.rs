//! Facts that follow from other facts: networks, travel, anonymity.
//!
//! [`place`] runs before history is asked, [`travel`] after. Neither guesses: without both ends there is
//! no speed, and through a VPN or relay two places cannot be compared.

use crate::geo::{country_distance_min, distance};
use adjutant_model::schema::slots as s;
use adjutant_model::{Addr, Origin, Row, Slot, Value, Why};
use std::fmt::Write as _;
use std::net::IpAddr;

/// Nearer than this and sooner than [`NOISE_SECONDS`], two places are one: the error of locating addresses.
const NOISE_METRES: i64 = 50_000;
const NOISE_SECONDS: i64 = 600;

/// `alert.class == "network"`.
const NETWORK: Value = Value::Level(2);

/// Facts about where the activity came from, once context has spoken.
pub fn place(row: &mut Row) {
    for (address, public) in [(s::SRC_IP, s::SRC_PUBLIC), (s::DST_IP, s::DST_PUBLIC)] {
        if let Value::Addr(addr) = row.value(address) {
            row.set(public, Value::Bool(addr.is_public()), Origin::Derived);
        }
    }
    inside(row);
    network(row);
    via_vpn(row);
}

/// The host of a network alert that names none: its end inside, the attacked one if both are.
fn inside(row: &mut Row) {
    let named = [s::HOST_NAME, s::HOST_ID, s::HOST_IP].into_iter().any(|slot| row.value(slot).is_known());
    if named || row.value(s::ALERT_CLASS) != NETWORK {
        return;
    }
    let end = |address: Slot| match row.value(address) {
        Value::Addr(addr) if is_inside(addr) => Some(Value::Addr(addr)),
        _ => None,
    };
    if let Some(host) = end(s::DST_IP).or_else(|| end(s::SRC_IP)) {
        row.set(s::HOST_IP, host, Origin::Derived);
    }
}

/// Whether the address is one machine of a private network: a group or everybody is nobody.
fn is_inside(addr: Addr) -> bool {
    let nobody = match addr.ip() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_multicast() || v6.is_unspecified(),
    };
    !addr.is_public() && !nobody
}

/// The autonomous system where it is known, else the /24 or /48 of the address.
fn network(row: &mut Row) {
    let mut name = [0_u8; 48];
    let text = match (row.value(s::SRC_ASN), row.value(s::SRC_IP)) {
        (Value::Int(asn), _) => format_in(&mut name, |out| write!(out, "AS{asn}")),
        (_, Value::Addr(addr)) => format_in(&mut name, |out| subnet(out, addr)),
        _ => return,
    };
    row.set_text(s::SRC_NETWORK, text, Origin::Derived);
}

fn subnet(out: &mut Fixed<'_>, addr: Addr) -> std::fmt::Result {
    match addr.ip() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            write!(out, "{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            write!(out, "{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

/// Text written to a small buffer without allocating.
struct Fixed<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl std::fmt::Write for Fixed<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

fn format_in(bytes: &mut [u8], write: impl FnOnce(&mut Fixed<'_>) -> std::fmt::Result) -> &str {
    let mut fixed = Fixed { bytes, len: 0 };
    let _ = write(&mut fixed);
    let Fixed { bytes, len } = fixed;
    bytes.get(..len).and_then(|written| std::str::from_utf8(written).ok()).unwrap_or("")
}

/// True when anything says so, false when something can say and nothing does, else unknown.
fn via_vpn(row: &mut Row) {
    const SAY: [Slot; 4] = [s::LOGIN_PROXY, s::SRC_VPN, s::SRC_TOR, s::SRC_PROXY];
    let mut said = SAY.iter().map(|slot| row.value(*slot));
    let mut any_false = false;
    let truth = said.any(|value| {
        any_false |= value == Value::Bool(false);
        value == Value::Bool(true)
    });
    let value = if truth || any_false { Value::Bool(truth) } else { Value::Unknown(Why::NotStated) };
    row.set(s::LOGIN_VIA_VPN, value, Origin::Derived);
}

/// Facts about the way from the previous comparable login, for logins.
pub fn travel(row: &mut Row) {
    let (Some(now), Some(before)) = (row.time(s::ALERT_TIME), row.time(s::PREVIOUS_TIME)) else {
        let why = match row.value(s::PREVIOUS_TIME) {
            Value::Unknown(why) => why,
            _ => Why::NotStated,
        };
        return not_comparable(row, why);
    };
    let elapsed = now.since(before);
    row.set(s::LOGIN_ELAPSED, Value::Duration(elapsed), Origin::Derived);
    if row.value(s::LOGIN_VIA_VPN) == Value::Bool(true) {
        return not_comparable(row, Why::NotComparable);
    }
    let far = match (row.value(s::SRC_IP), row.value(s::PREVIOUS_IP)) {
        (Value::Addr(here), Value::Addr(there)) if here == there => Some(adjutant_model::Distance(0)),
        _ => apart(row),
    };
    let noise = |far: adjutant_model::Distance| far.0 < NOISE_METRES && elapsed.secs() < NOISE_SECONDS;
    let far = far.map(|far| if noise(far) { adjutant_model::Distance(0) } else { far });
    set_way(row, far, (s::LOGIN_DISTANCE, s::LOGIN_SPEED), elapsed);
    let at_least = far.or_else(|| country_distance_min(row.text(s::SRC_COUNTRY)?, row.text(s::PREVIOUS_COUNTRY)?));
    set_way(row, at_least, (s::LOGIN_DISTANCE_MIN, s::LOGIN_SPEED_MIN), elapsed);
}

fn apart(row: &Row) -> Option<adjutant_model::Distance> {
    match (row.value(s::SRC_GEO), row.value(s::PREVIOUS_GEO)) {
        (Value::Geo(here), Value::Geo(there)) => Some(distance(here, there)),
        _ => None,
    }
}

fn set_way(row: &mut Row, far: Option<adjutant_model::Distance>, slots: (Slot, Slot), elapsed: adjutant_model::Duration) {
    let (distance, speed) = match far {
        Some(far) => (Value::Distance(far), Value::Speed(far.over(elapsed))),
        None => (Value::Unknown(Why::NotStated), Value::Unknown(Why::NotStated)),
    };
    row.set(slots.0, distance, Origin::Derived);
    row.set(slots.1, speed, Origin::Derived);
}

fn not_comparable(row: &mut Row, why: Why) {
    for slot in [s::LOGIN_DISTANCE, s::LOGIN_SPEED, s::LOGIN_DISTANCE_MIN, s::LOGIN_SPEED_MIN] {
        row.set_unknown(slot, why, Origin::Derived);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_model::{Geo, Schema, Speed, Time};

    fn login(from: (f64, f64), to: (f64, f64), minutes: i64) -> Row {
        let mut row = Row::new(Schema::built_in().len());
        let geo = |(lat, lon)| Geo::from_degrees(lat, lon).map_or(Value::default(), Value::Geo);
        row.set(s::PREVIOUS_GEO, geo(from), Origin::History);
        row.set(s::PREVIOUS_TIME, Value::Time(Time::from_secs(0)), Origin::History);
        row.set(s::SRC_GEO, geo(to), Origin::Raw(0));
        row.set(s::ALERT_TIME, Value::Time(Time::from_secs(minutes * 60)), Origin::Raw(0));
        row
    }

    fn speed(row: &Row) -> Value {
        row.value(s::LOGIN_SPEED)
    }

    const MADRID: (f64, f64) = (40.4168, -3.7038);
    const LAGOS: (f64, f64) = (6.5244, 3.3792);

    #[test]
    fn a_known_trip() {
        let mut row = login(MADRID, LAGOS, 24);
        travel(&mut row);
        assert!(
            matches!(speed(&row), Value::Speed(s) if (Speed::from_kmh(9_500)..Speed::from_kmh(9_700)).contains(&s)),
            "{:?}",
            speed(&row)
        );
    }

    #[test]
    fn noise_a_relay_and_the_same_address_are_no_travel() {
        let mut near = login(MADRID, (40.70, -3.70), 5);
        travel(&mut near);
        assert_eq!(speed(&near), Value::Speed(Speed(0)));
        let mut relay = login(MADRID, LAGOS, 24);
        relay.set(s::LOGIN_PROXY, Value::Bool(true), Origin::Raw(0));
        place(&mut relay);
        travel(&mut relay);
        assert_eq!(speed(&relay), Value::Unknown(Why::NotComparable));
        let mut same = login(MADRID, LAGOS, 24);
        same.set(s::SRC_IP, Value::Addr(Addr::from_bytes([1; 16])), Origin::Raw(0));
        same.set(s::PREVIOUS_IP, Value::Addr(Addr::from_bytes([1; 16])), Origin::History);
        travel(&mut same);
        assert_eq!(speed(&same), Value::Speed(Speed(0)));
    }

    #[test]
    fn without_coordinates_there_is_no_speed() {
        let mut row = login(MADRID, LAGOS, 24);
        row.set_unknown(s::SRC_GEO, Why::NotStated, Origin::Raw(0));
        travel(&mut row);
        assert_eq!(speed(&row), Value::Unknown(Why::NotStated));
        row.set_text(s::SRC_COUNTRY, "NG", Origin::Raw(0));
        row.set_text(s::PREVIOUS_COUNTRY, "ES", Origin::History);
        travel(&mut row);
        assert_eq!(speed(&row), Value::Unknown(Why::NotStated));
        assert!(matches!(row.value(s::LOGIN_SPEED_MIN), Value::Speed(s) if s > Speed::from_kmh(2_000)));
    }

    #[test]
    fn networks() {
        let network = |text: &str| {
            let mut row = Row::new(Schema::built_in().len());
            row.set(s::SRC_IP, Addr::parse(text).map_or(Value::default(), Value::Addr), Origin::Raw(0));
            place(&mut row);
            row.text(s::SRC_NETWORK).map(str::to_owned)
        };
        assert_eq!(network("192.0.2.17").as_deref(), Some("192.0.2.0/24"));
        assert_eq!(network("2001:db8:1:2::9").as_deref(), Some("2001:db8:1::/48"));
        assert_eq!(network("ffff:ffff:ffff:2::9").as_deref(), Some("ffff:ffff:ffff::/48"));
    }

    #[test]
    fn a_network_alert_is_about_its_end_inside() {
        let addr = |text: &str| Addr::parse(text).map_or(Value::default(), Value::Addr);
        let host = |class: Value, from: &str, to: &str, named: &str| {
            let mut row = Row::new(Schema::built_in().len());
            row.set(s::ALERT_CLASS, class, Origin::Raw(0));
            row.set(s::SRC_IP, addr(from), Origin::Raw(0));
            row.set(s::DST_IP, addr(to), Origin::Raw(0));
            if !named.is_empty() {
                row.set_text(s::HOST_NAME, named, Origin::Raw(0));
            }
            place(&mut row);
            row.value(s::HOST_IP)
        };
        assert_eq!(host(NETWORK, "8.8.8.8", "10.0.0.5", ""), addr("10.0.0.5"));
        assert_eq!(host(NETWORK, "10.0.0.5", "8.8.8.8", ""), addr("10.0.0.5"));
        assert_eq!(host(NETWORK, "10.0.0.5", "10.0.0.9", ""), addr("10.0.0.9"));
        assert_eq!(host(NETWORK, "10.0.0.5", "224.0.0.251", ""), addr("10.0.0.5"));
        for none in [
            host(NETWORK, "8.8.8.8", "9.9.9.9", ""),
            host(NETWORK, "8.8.8.8", "10.0.0.5", "web01"),
            host(Value::Level(0), "10.0.0.5", "8.8.8.8", ""),
        ] {
            assert!(!none.is_known());
        }
        let class = Schema::built_in().field(s::ALERT_CLASS).map(|field| field.ty.clone());
        assert!(matches!(class, Some(adjutant_model::Type::Level(levels)) if levels.name_of(2) == "network"));
    }
}
