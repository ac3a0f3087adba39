//! What is remembered of a user's logins, and the facts that it gives about the next one.
//!
//! Only successful logins make a baseline, and a login through a VPN or relay never becomes a country or a
//! place to travel from; its network is remembered, so that whoever always uses a relay may go on. An event that arrives late is compared with what came before it in its own time.

use super::window::{RareDay, Seen};
use adjutant_model::schema::slots as s;
use adjutant_model::{Addr, Duration, Geo, Origin, Row, Slot, Time, Value, Why};
use serde::{Deserialize, Serialize};

/// Logins of a user that are kept as places to travel from; more than one because events arrive late.
const PLACES: usize = 4;

/// Fewer logins than this say nothing about a person's habits (Wiefling et al. 2022: about 12 logins).
const HABIT_MIN: u32 = 12;

/// What is remembered of one user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserHistory {
    logins: u32,
    first: Time,
    last: Time,
    places: Vec<Placed>,
    places_forgotten: bool,
    devices: Seen<24>,
    agents: Seen<24>,
    networks: Seen<48>,
    subnets: Seen<64>,
    countries: Seen<24>,
    factors: Seen<8>,
    registered: u32,
    hours_of_day: u32,
    failures: RareDay,
    mfa_failures: RareDay,
    mfa_refused: RareDay,
    findings: RareDay,
}

/// A successful login from a place that can be compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Placed {
    time: Time,
    ip: Option<[u8; 16]>,
    geo: Option<Geo>,
    country: String,
    city: String,
}

/// The hashes of one login's features; `None` where the alert does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Features {
    /// The device.
    pub device: Option<u64>,
    /// Browser and system, without versions.
    pub agent: Option<u64>,
    /// The network.
    pub network: Option<u64>,
    /// The /24 or /48 of the address.
    pub subnet: Option<u64>,
    /// The country.
    pub country: Option<u64>,
    /// The kind of second factor that was passed.
    pub factor: Option<u64>,
}

impl UserHistory {
    /// Writes what was known of this user before `time` into `row`.
    pub fn facts(&self, row: &mut Row, time: Time, features: &Features) {
        put(row, s::HISTORY_LOGINS, Value::Int(i64::from(self.logins)));
        put(row, s::HISTORY_FAILURES, Value::Int(self.failures.count(time)));
        put(row, s::HISTORY_MFA_FAILURES, Value::Int(self.mfa_failures.count(time)));
        put(row, s::HISTORY_MFA_REFUSED, Value::Int(self.mfa_refused.count(time)));
        put(row, s::HISTORY_FACTORS, Value::Int(self.factors.len() as i64));
        put(row, s::HISTORY_USER_ALERTS, Value::Int(self.findings.count(time)));
        if self.logins == 0 {
            return;
        }
        put(row, s::HISTORY_SPAN, Value::Duration(self.last.since(self.first)));
        put(row, s::HISTORY_DEVICE_KNOWN, known(&self.devices, features.device, time));
        put(row, s::HISTORY_AGENT_KNOWN, known(&self.agents, features.agent, time));
        put(row, s::HISTORY_NETWORK_KNOWN, known(&self.networks, features.network, time));
        put(row, s::HISTORY_SUBNET_KNOWN, known(&self.subnets, features.subnet, time));
        put(row, s::HISTORY_FACTOR_KNOWN, known(&self.factors, features.factor, time));
        put(row, s::HISTORY_REGISTERED, self.uses_registered());
        put(row, s::HISTORY_COUNTRY_KNOWN, known(&self.countries, features.country, time));
        put(row, s::HISTORY_HOUR_KNOWN, self.hour_known(time));
        self.previous(row, time);
    }

    /// Some number that takes looking at what [`facts`](Self::facts) reads; see
    /// [`Memory::look_ahead`](super::Memory::look_ahead).
    pub(super) fn look_ahead(&self) -> usize {
        [&self.failures, &self.mfa_failures, &self.mfa_refused, &self.findings]
            .into_iter()
            .filter(|day| day.is_untouched())
            .count()
    }

    /// Remembers a successful login.
    pub fn succeeded(&mut self, row: &Row, time: Time, features: &Features) {
        self.first = if self.logins == 0 { time } else { self.first.min(time) };
        self.last = if self.logins == 0 { time } else { self.last.max(time) };
        self.logins = self.logins.saturating_add(1);
        self.hours_of_day |= 1 << hour_of_day(time);
        remember(&mut self.devices, features.device, time);
        remember(&mut self.agents, features.agent, time);
        remember(&mut self.networks, features.network, time);
        remember(&mut self.subnets, features.subnet, time);
        remember(&mut self.factors, features.factor, time);
        self.registered = self.registered.saturating_add(u32::from(row.value(s::DEVICE_REGISTERED) == Value::Bool(true)));
        if row.value(s::LOGIN_VIA_VPN) != Value::Bool(true) {
            remember(&mut self.countries, features.country, time);
            self.place(row, time);
        }
    }

    /// Remembers a login that failed.
    pub fn failed(&mut self, time: Time) {
        self.failures.add(time);
    }

    /// Remembers a second factor that failed or was refused.
    pub fn second_factor_failed(&mut self, time: Time) {
        self.mfa_failures.add(time);
    }

    /// Remembers a second factor that its owner refused.
    pub fn second_factor_refused(&mut self, time: Time) {
        self.mfa_refused.add(time);
    }

    /// Remembers a detection about this user.
    pub fn found(&mut self, time: Time) {
        self.findings.add(time);
    }

    fn uses_registered(&self) -> Value {
        if self.logins < HABIT_MIN {
            return Value::Unknown(Why::NoHistory);
        }
        Value::Bool(self.registered > self.logins / 2)
    }

    fn hour_known(&self, time: Time) -> Value {
        if self.logins < HABIT_MIN {
            return Value::Unknown(Why::NoHistory);
        }
        let hour = hour_of_day(time);
        let around = [(hour + 23) % 24, hour, (hour + 1) % 24];
        Value::Bool(around.iter().any(|hour| self.hours_of_day & (1 << hour) != 0))
    }

    fn previous(&self, row: &mut Row, time: Time) {
        let Some(place) = self.places.iter().filter(|place| place.time <= time).max_by_key(|place| place.time) else {
            let why = if self.places_forgotten { Why::Evicted } else { Why::NoHistory };
            put(row, s::PREVIOUS_TIME, Value::Unknown(why));
            return;
        };
        put(row, s::PREVIOUS_TIME, Value::Time(place.time));
        put(row, s::PREVIOUS_VIA_VPN, Value::Bool(false));
        put(row, s::PREVIOUS_IP, place.ip.map_or(Value::Unknown(Why::NotStated), |ip| Value::Addr(Addr::from_bytes(ip))));
        put(row, s::PREVIOUS_GEO, place.geo.map_or(Value::Unknown(Why::NotStated), Value::Geo));
        for (slot, text) in [(s::PREVIOUS_COUNTRY, &place.country), (s::PREVIOUS_CITY, &place.city)] {
            if !text.is_empty() {
                row.set_text(slot, text, Origin::History);
            }
        }
    }

    fn place(&mut self, row: &Row, time: Time) {
        let geo = match row.value(s::SRC_GEO) {
            Value::Geo(geo) => Some(geo),
            _ => None,
        };
        let country = row.text(s::SRC_COUNTRY).unwrap_or("");
        if geo.is_none() && country.is_empty() {
            return;
        }
        let ip = match row.value(s::SRC_IP) {
            Value::Addr(addr) => Some(addr.bytes()),
            _ => None,
        };
        let city = row.text(s::SRC_CITY).unwrap_or("");
        let index = self.place_to_reuse();
        let Some(place) = self.places.get_mut(index) else {
            self.places.push(Placed { time, ip, geo, country: country.into(), city: city.into() });
            return;
        };
        if place.time > time {
            return;
        }
        self.places_forgotten = true;
        (place.time, place.ip, place.geo) = (time, ip, geo);
        place.country.clear();
        place.country.push_str(country);
        place.city.clear();
        place.city.push_str(city);
    }

    /// The index of the oldest place once all are taken, else of the next free one.
    fn place_to_reuse(&self) -> usize {
        if self.places.len() < PLACES {
            return self.places.len();
        }
        self.places.iter().enumerate().min_by_key(|(_, place)| place.time).map_or(0, |(index, _)| index)
    }
}

fn put(row: &mut Row, slot: Slot, value: Value) {
    row.set(slot, value, Origin::History);
}

fn known<const N: usize>(seen: &Seen<N>, item: Option<u64>, time: Time) -> Value {
    match item.map(|item| seen.known(item, time)) {
        None => Value::Unknown(Why::NotStated),
        Some(Ok(known)) => Value::Bool(known),
        Some(Err(why)) => Value::Unknown(why),
    }
}

fn remember<const N: usize>(seen: &mut Seen<N>, item: Option<u64>, time: Time) {
    if let Some(item) = item {
        seen.add(item, time);
    }
}

fn hour_of_day(time: Time) -> u32 {
    time.secs().div_euclid(3600).rem_euclid(24) as u32
}

/// Facts about travel from the previous place, once the row holds both ends. See `enrich`.
pub fn elapsed(row: &Row) -> Option<Duration> {
    Some(row.time(s::ALERT_TIME)?.since(row.time(s::PREVIOUS_TIME)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_model::Schema;

    fn day(number: i64) -> Time {
        Time::from_secs(number * 86_400)
    }

    fn facts(history: &UserHistory, time: Time, features: &Features) -> Row {
        let mut row = Row::new(Schema::built_in().len());
        history.facts(&mut row, time, features);
        row
    }

    #[test]
    fn a_relay_becomes_known_as_a_network_and_never_as_a_place() {
        let mut history = UserHistory::default();
        let features = Features { network: Some(1), subnet: Some(2), country: Some(3), ..Features::default() };
        let mut row = Row::new(Schema::built_in().len());
        row.set(s::LOGIN_VIA_VPN, Value::Bool(true), Origin::Derived);
        row.set_text(s::SRC_COUNTRY, "DE", Origin::Raw(0));
        history.succeeded(&row, day(0), &features);
        let later = facts(&history, day(2), &features);
        assert_eq!(later.value(s::HISTORY_NETWORK_KNOWN), Value::Bool(true));
        assert_eq!(later.value(s::HISTORY_SUBNET_KNOWN), Value::Bool(true));
        assert_eq!(later.value(s::HISTORY_COUNTRY_KNOWN), Value::Bool(false));
        assert_eq!(later.value(s::PREVIOUS_COUNTRY), Value::default());
    }

    #[test]
    fn an_intruder_does_not_become_known_within_a_day() {
        let mut history = UserHistory::default();
        let (own, strange) =
            (Features { subnet: Some(1), ..Features::default() }, Features { subnet: Some(2), ..Features::default() });
        let row = Row::new(Schema::built_in().len());
        history.succeeded(&row, day(0), &own);
        history.succeeded(&row, day(9), &strange);
        assert_eq!(facts(&history, day(9), &strange).value(s::HISTORY_SUBNET_KNOWN), Value::Bool(false));
        assert_eq!(facts(&history, day(9), &own).value(s::HISTORY_SUBNET_KNOWN), Value::Bool(true));
    }

    #[test]
    fn the_habit_of_registered_devices_needs_twelve_logins() {
        let mut history = UserHistory::default();
        let mut row = Row::new(Schema::built_in().len());
        row.set(s::DEVICE_REGISTERED, Value::Bool(true), Origin::Raw(0));
        for number in 0..11 {
            history.succeeded(&row, day(number), &Features::default());
        }
        assert_eq!(facts(&history, day(20), &Features::default()).value(s::HISTORY_REGISTERED), Value::Unknown(Why::NoHistory));
        history.succeeded(&row, day(12), &Features { factor: Some(7), ..Features::default() });
        let later = facts(&history, day(20), &Features { factor: Some(8), ..Features::default() });
        assert_eq!(later.value(s::HISTORY_REGISTERED), Value::Bool(true));
        assert_eq!(later.value(s::HISTORY_FACTORS), Value::Int(1));
        assert_eq!(later.value(s::HISTORY_FACTOR_KNOWN), Value::Bool(false));
    }
}
