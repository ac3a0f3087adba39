//! What Adjutant itself has seen: correlation and history in one bounded struct.
//!
//! Fed strictly in intake order, alone at its turn; everything that can be computed without state is in
//! [`Keys`], made in parallel beforehand. The same alerts in the same order give the same facts, live and
//! in replay. History that was forgotten to stay in bounds is *unknown*, never "first seen".

mod hours;
pub mod logins;
mod mail;
pub mod parts;
pub mod rules;
pub mod unusual;
pub mod window;

use crate::bounded::Bounded;
use crate::correlate::campaign::Campaigns;
use crate::correlate::{Arrival, Cases, Joined, Policy};
use crate::entities::{Entities, HashKey, Role, hash};
use adjutant_model::schema::slots as s;
use adjutant_model::{Alert, Duration, Origin, Row, Slot, Time, Value, Why};
use logins::{Features, UserHistory};
use rules::{RuleHere, RuleHistory};
use serde::{Deserialize, Serialize};
use unusual::{Firing, Past};
use window::{RareDay, Seen};

/// An exact duplicate or a repeat counts within this time of the first (login.md and most products: 24 h).
const REPEAT_WINDOW: Duration = Duration::from_hours(24);

/// Upper bounds of what is remembered. The defaults take a few hundred MB when all are full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Users.
    pub users_max: usize,
    /// Source addresses and devices, each.
    pub addresses_max: usize,
    /// Things that alerts are about first of all: hosts, users, resources …
    pub entities_max: usize,
    /// Rules.
    pub rules_max: usize,
    /// Pairs of rule and entity, and pairs of hosts, each.
    pub pairs_max: usize,
    /// Digests and fingerprints, each.
    pub duplicates_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            users_max: 200_000,
            addresses_max: 200_000,
            entities_max: 200_000,
            rules_max: 50_000,
            pairs_max: 500_000,
            duplicates_max: 500_000,
        }
    }
}

/// Everything about an alert that memory needs and that takes no state to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Keys {
    /// What it is about.
    pub entities: Entities,
    features: Features,
    rule: u64,
    detector: u64,
    digest: u64,
    /// The rule in the unit of the account that acted.
    rule_unit: Option<u64>,
    /// The rule on what the alert is about first of all.
    rule_here: Option<u64>,
    /// What makes a later alert a repeat of this one.
    repeat: u64,
    /// The two ends of a connection.
    ends: Option<u64>,
}

/// What memory says about an alert beyond the facts that it wrote into the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The case that it joined.
    pub joined: Joined,
    /// The same bytes were seen before, within 24 hours: nothing was learnt from them.
    pub duplicate: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct AddressHistory {
    users: Seen<32>,
    failures: RareDay,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Repeat {
    count: u32,
    first: Time,
}

/// Correlation and history. What is kept of it is written and read in [`parts`].
#[derive(Serialize)]
pub struct Memory {
    key: HashKey,
    cases: Cases,
    users: Bounded<UserHistory>,
    addresses: Bounded<AddressHistory>,
    devices: Bounded<Seen<16>>,
    subnets: Bounded<Seen<16>>,
    entities: Bounded<Option<Time>>,
    rules: Bounded<RuleHistory>,
    here: Bounded<RuleHere>,
    here_horizon: Option<Time>,
    units: Bounded<u32>,
    pairs: Bounded<Time>,
    duplicates: Bounded<Repeat>,
    repeats: Bounded<Repeat>,
    started: Option<Time>,
    campaigns: Campaigns,
}

/// Name spaces of the keyed hash, beyond those of entities.
mod space {
    pub(super) const RULE: u8 = 100;
    pub(super) const DETECTOR: u8 = 101;
    pub(super) const AGENT: u8 = 102;
    pub(super) const TEXT: u8 = 103;
    pub(super) const PAIR: u8 = 104;
    pub(super) const SUBNET: u8 = 105;
}

impl Keys {
    /// The keys of `alert`. `scratch` is memory to work in.
    pub fn of(alert: &Alert, unit: Option<Slot>, key: HashKey, scratch: &mut String) -> Self {
        let row = &alert.row;
        let entities = Entities::of(row, key, scratch);
        let text = |slot: Slot| row.text(slot).map(|text| hash(key, space::TEXT, text.as_bytes()));
        let source = u64::from(alert.source.0);
        let rule = text(s::ALERT_RULE_ID).or_else(|| text(s::ALERT_RULE)).or_else(|| text(s::ALERT_TITLE)).unwrap_or(0);
        let detector = text(s::ALERT_DETECTOR).unwrap_or(0);
        let features = Features {
            device: entities.get(Role::Device).map(|id| id.0),
            agent: agent(row, key, scratch),
            network: text(s::SRC_NETWORK),
            subnet: subnet(row, key),
            country: text(s::SRC_COUNTRY),
            factor: text(s::LOGIN_MFA_METHOD).filter(|_| row.value(s::LOGIN_MFA) == MFA_PASSED),
        };
        let rule = pair(key, space::RULE, rule, source);
        let primary = entities.primary().map(|(_, id)| id.0);
        let (from, to) = (entities.get(Role::Source), entities.get(Role::Destination));
        let about = primary.unwrap_or(0) ^ from.map_or(0, |id| id.0).rotate_left(1);
        Self {
            entities,
            features,
            rule,
            detector: pair(key, space::DETECTOR, detector, source),
            digest: u64::from_be_bytes(*alert.digest.0.first_chunk().unwrap_or(&[0; 8])),
            rule_unit: unit.and_then(text).map(|unit| pair(key, space::PAIR, rule, unit)),
            rule_here: primary.map(|entity| pair(key, space::PAIR, rule, entity)),
            repeat: pair(key, space::PAIR, rule, about),
            ends: from.zip(to).map(|(from, to)| pair(key, space::PAIR, from.0, to.0)),
        }
    }
}

/// The browser and system without their versions, which change every few weeks.
fn agent(row: &Row, key: HashKey, scratch: &mut String) -> Option<u64> {
    let text = row.text(s::AGENT_TEXT)?;
    scratch.clear();
    scratch.extend(text.chars().take(512).filter(|c| !c.is_ascii_digit() && !matches!(c, '.' | '_')));
    Some(hash(key, space::AGENT, scratch.as_bytes()))
}

/// The /24 of an IPv4 address, the /48 of an IPv6 address.
fn subnet(row: &Row, key: HashKey) -> Option<u64> {
    let Value::Addr(addr) = row.value(s::SRC_IP) else { return None };
    match addr.ip() {
        std::net::IpAddr::V4(v4) => v4.octets().first_chunk::<3>().map(|part| hash(key, space::SUBNET, part)),
        std::net::IpAddr::V6(v6) => v6.octets().first_chunk::<6>().map(|part| hash(key, space::SUBNET, part)),
    }
}

fn pair(key: HashKey, space: u8, a: u64, b: u64) -> u64 {
    let mut bytes = [0; 16];
    let (left, right) = bytes.split_at_mut(8);
    left.copy_from_slice(&a.to_be_bytes());
    right.copy_from_slice(&b.to_be_bytes());
    hash(key, space, &bytes)
}

impl Memory {
    /// Nothing seen yet.
    pub fn new(key: HashKey, limits: Limits, policy: Policy) -> Self {
        Self {
            key,
            cases: Cases::new(policy),
            users: Bounded::new(limits.users_max),
            addresses: Bounded::new(limits.addresses_max),
            devices: Bounded::new(limits.addresses_max),
            subnets: Bounded::new(limits.addresses_max),
            entities: Bounded::new(limits.entities_max),
            rules: Bounded::new(limits.rules_max),
            here: Bounded::new(limits.pairs_max),
            here_horizon: None,
            units: Bounded::new(limits.pairs_max),
            pairs: Bounded::new(limits.pairs_max),
            duplicates: Bounded::new(limits.duplicates_max),
            repeats: Bounded::new(limits.duplicates_max),
            started: None,
            campaigns: Campaigns::new(limits.rules_max),
        }
    }

    /// The key that [`Keys`] for this memory are made with.
    pub fn key(&self) -> HashKey {
        self.key
    }

    /// Takes in one alert: says which case it joins, writes what was known before it into its row, and learns.
    pub fn observe(&mut self, alert: &mut Alert, keys: &Keys) -> Observation {
        let (time, duplicate) = self.arrived(&mut alert.row, keys);
        let firing = self.rule_facts(&mut alert.row, keys, time, !duplicate);
        let joined = self.join(alert, keys, firing, (time, !duplicate));
        self.user_facts(&mut alert.row, keys, time, !duplicate);
        self.place_facts(&mut alert.row, keys, time, !duplicate);
        Observation { joined, duplicate }
    }

    /// When it happened, and whether the same bytes came before.
    fn arrived(&mut self, row: &mut Row, keys: &Keys) -> (Time, bool) {
        let time = row.time(s::ALERT_TIME).unwrap_or_default();
        let duplicate = self.duplicate(keys.digest, time);
        let started = *self.started.get_or_insert(time);
        put(row, s::HISTORY_AGE, Value::Duration(time.since(started)));
        (time, duplicate)
    }

    fn join(&mut self, alert: &mut Alert, keys: &Keys, firing: Firing, (time, learn): (Time, bool)) -> Joined {
        let id = alert.id();
        let row = &mut alert.row;
        let campaign = self.campaign_facts(row, time, learn);
        let (rule, detector) = (keys.rule, keys.detector);
        let arrival = Arrival { alert: id, time, entities: &keys.entities, rule, detector, firing, campaign };
        let joined = self.cases.join(&arrival);
        if let Some(seen) = campaign {
            self.campaigns.worked_in(&seen, joined.case);
        }
        case_facts(row, &joined, time);
        joined
    }

    fn place_facts(&mut self, row: &mut Row, keys: &Keys, time: Time, learn: bool) {
        self.address_facts(row, keys, time, learn);
        self.pair_facts(row, keys, time, learn);
    }

    /// Looks for most of what [`observe`](Self::observe) will ask for about these alerts, and changes nothing: what was not
    /// in the processor's caches is fetched for many alerts at once, and not one after another.
    pub fn look_ahead<'k>(&self, alerts: impl Iterator<Item = &'k Keys>) {
        let found = alerts.map(|keys| {
            let id = |role| keys.entities.get(role).map_or(0, |id| id.0);
            let primary = keys.entities.primary().map_or(0, |(_, id)| id.0);
            let (user, source) = (id(Role::User), id(Role::Source));
            usize::from(self.duplicates.holds(keys.digest))
                + usize::from(self.repeats.holds(keys.repeat))
                + usize::from(self.entities.holds(primary))
                + usize::from(keys.rule_here.is_some_and(|key| self.here.holds(key)))
                + usize::from(keys.rule_unit.is_some_and(|key| self.units.holds(key)))
                + usize::from(keys.ends.is_some_and(|key| self.pairs.holds(key)))
                + usize::from(keys.features.subnet.is_some_and(|key| self.subnets.holds(key)))
                + self.users.get(user).map_or(0, UserHistory::look_ahead)
                + usize::from(self.addresses.holds(source))
                + self.cases.look_ahead(&keys.entities)
        });
        std::hint::black_box(found.sum::<usize>());
    }

    fn duplicate(&mut self, digest: u64, time: Time) -> bool {
        let (seen, known) = self.duplicates.touch(digest);
        let again = known && time.since(seen.first) <= REPEAT_WINDOW;
        if !again {
            *seen = Repeat { count: 0, first: time };
        }
        seen.count = seen.count.saturating_add(1);
        again
    }

    fn rule_facts(&mut self, row: &mut Row, keys: &Keys, time: Time, learn: bool) -> Firing {
        let forgotten = self.rules.has_forgotten();
        let rule = self.rules.touch(keys.rule).0;
        let before = *rule;
        if learn {
            rule.fired(time);
        }
        let known = before.fires > 0;
        put(row, s::RULE_FIRES, count(before.fires, known, forgotten));
        put(row, s::RULE_ENTITIES, count(before.entities, known, forgotten || self.here.has_forgotten()));
        put(row, s::RULE_SILENCE, silence(before.last, time, known, forgotten));
        let hour_seen = if known || !forgotten { Value::Bool(before.hour_seen(time)) } else { Value::Unknown(Why::Evicted) };
        put(row, s::RULE_HOUR_SEEN, hour_seen);
        self.unit_facts(row, keys, learn);
        self.repeat_facts(row, keys, time);
        self.here_facts(row, keys, (&before, forgotten), time, learn)
    }

    fn unit_facts(&mut self, row: &mut Row, keys: &Keys, learn: bool) {
        let Some(rule_unit) = keys.rule_unit else { return };
        let forgotten = self.units.has_forgotten();
        let (fires, known) = self.units.touch(rule_unit);
        put(row, s::RULE_UNIT_FIRES, count(*fires, known, forgotten));
        *fires = fires.saturating_add(u32::from(learn));
    }

    /// What is known of the rule on the alert's entity; `everywhere` is the rule before this alert, and whether rules were
    /// forgotten.
    fn here_facts(&mut self, row: &mut Row, keys: &Keys, everywhere: (&RuleHistory, bool), time: Time, learn: bool) -> Firing {
        let (Some((_, entity)), Some(rule_here)) = (keys.entities.primary(), keys.rule_here) else { return Firing::default() };
        let age = self.entity_age(row, entity.0, time);
        let here = self.here.touch(rule_here).0;
        let before = *here;
        if learn {
            here.fired(time);
        }
        let after = *here;
        let horizon = self.horizon();
        let seen = before.fires > 0;
        if learn && !seen {
            let history = self.rules.touch(keys.rule).0;
            history.entities = history.entities.saturating_add(1);
        }
        put(row, s::RULE_FIRES_HERE, count(before.fires, seen, horizon.is_some()));
        put(row, s::RULE_SILENCE_HERE, silence(before.last, time, seen, horizon.is_some()));
        put(row, s::RULE_CLOSED, Value::Int(i64::from(before.closed)));
        put(row, s::RULE_CONFIRMED, Value::Int(i64::from(before.confirmed)));
        put(row, s::RULE_HOUR_FIRES, Value::Int(i64::from(after.hour_fires)));
        put(row, s::RULE_HOUR_BUSIEST, count(after.hour_busiest, seen, horizon.is_some()));
        let past = Past { age, everywhere: everywhere.0, rules_forgotten: everywhere.1, here: &before, horizon };
        let firing = Firing::of(&past, &after, time, &self.cases.policy().apart.firing);
        let firing = Firing { burst: firing.burst && learn, ..firing };
        put(row, s::RULE_UNUSUAL, told(firing.known, Value::Bool(firing.unusual)));
        put(row, s::RULE_BURST, told(firing.known, Value::Bool(firing.burst)));
        firing
    }

    /// The latest firing of any pair of rule and entity that was forgotten; none while nothing was.
    fn horizon(&mut self) -> Option<Time> {
        if let Some(forgotten) = self.here.take_forgotten() {
            self.here_horizon = self.here_horizon.max(Some(forgotten.last));
        }
        self.here_horizon
    }

    /// How long the entity has been known, at least.
    fn entity_age(&mut self, row: &mut Row, entity: u64, time: Time) -> Duration {
        let forgotten = self.entities.has_forgotten();
        let (first, known) = self.entities.touch(entity);
        let age = time.since(*first.get_or_insert(time));
        *first = (*first).min(Some(time));
        let fact = if known || !forgotten { Value::Duration(Duration(age.0.max(0))) } else { Value::Unknown(Why::Evicted) };
        put(row, s::HISTORY_ENTITY_AGE, fact);
        age
    }

    fn repeat_facts(&mut self, row: &mut Row, keys: &Keys, time: Time) {
        let (repeat, _) = self.repeats.touch(keys.repeat);
        if repeat.count == 0 || time.since(repeat.first) > REPEAT_WINDOW {
            *repeat = Repeat { count: 0, first: time };
        }
        put(row, s::ALERT_REPEATS, Value::Int(i64::from(repeat.count)));
        repeat.count = repeat.count.saturating_add(1);
    }

    fn user_facts(&mut self, row: &mut Row, keys: &Keys, time: Time, learn: bool) {
        let Some(user) = keys.entities.get(Role::User) else { return };
        let why = self.users.miss();
        let (history, known) = self.users.touch(user.0);
        history.facts(row, time, &keys.features);
        if !known && why == Why::Evicted {
            put(row, s::HISTORY_LOGINS, Value::Unknown(Why::Evicted));
        }
        if learn {
            learn_user(history, row, time, &keys.features);
        }
    }

    fn address_facts(&mut self, row: &mut Row, keys: &Keys, time: Time, learn: bool) {
        let user = keys.entities.get(Role::User);
        if let Some(device) = keys.entities.get(Role::Device) {
            let (users, _) = self.devices.touch(device.0);
            put(row, s::HISTORY_DEVICE_USERS, Value::Int(users.len() as i64));
            if let (Some(user), true) = (user, learn) {
                users.add(user.0, time);
            }
        }
        self.subnet_facts(row, keys, time, learn);
        let Some(address) = keys.entities.get(Role::Source) else { return };
        if row.value(s::ALERT_CLASS) == LOGIN {
            let (history, _) = self.addresses.touch(address.0);
            put(row, s::HISTORY_ADDRESS_USERS, Value::Int(history.users.seen_since(time.plus(Duration::from_hours(-24))) as i64));
            put(row, s::HISTORY_ADDRESS_FAILURES, Value::Int(history.failures.count(time)));
            if learn {
                if let Some(user) = user {
                    history.users.add(user.0, time);
                }
                if row.value(s::ALERT_OUTCOME) == FAILURE {
                    history.failures.add(time);
                }
            }
        }
    }

    /// Colleagues who signed in from the neighbourhood of this address before.
    fn subnet_facts(&mut self, row: &mut Row, keys: &Keys, time: Time, learn: bool) {
        let Some(subnet) = keys.features.subnet else { return };
        let user = keys.entities.get(Role::User);
        let forgotten = self.subnets.has_forgotten();
        let (users, known) = self.subnets.touch(subnet);
        let others = users.len() - usize::from(user.is_some_and(|user| users.holds(user.0)));
        put(row, s::HISTORY_SUBNET_USERS, count(others as u32, known, forgotten));
        if let (Some(user), true) = (user, learn && row.value(s::ALERT_CLASS) == LOGIN && row.value(s::ALERT_OUTCOME) == SUCCESS)
        {
            users.add(user.0, time);
        }
    }

    fn pair_facts(&mut self, row: &mut Row, keys: &Keys, time: Time, learn: bool) {
        let Some(ends) = keys.ends else { return };
        let miss = self.pairs.miss();
        let (last, known) = self.pairs.touch(ends);
        let fact = if known || miss == Why::NoHistory { Value::Bool(known) } else { Value::Unknown(miss) };
        put(row, s::HISTORY_HOST_PAIR_KNOWN, fact);
        if learn {
            *last = (*last).max(time);
        }
    }

    /// Learns what an analyst said about the rule of `keys` on its entity.
    pub fn learn_verdict(&mut self, keys: &Keys, benign: bool) {
        let Some(rule_here) = keys.rule_here else { return };
        let (here, _) = self.here.touch(rule_here);
        let verdicts = if benign { &mut here.closed } else { &mut here.confirmed };
        *verdicts = verdicts.saturating_add(1);
        self.horizon();
    }
}

/// `alert.class == "login"`.
const LOGIN: Value = Value::Level(0);
/// `alert.outcome == "success"`.
const SUCCESS: Value = Value::Level(0);
/// `alert.outcome == "failure"`.
const FAILURE: Value = Value::Level(1);
/// `login.mfa == "passed"`.
const MFA_PASSED: Value = Value::Level(0);
/// `login.mfa == "refused"`.
const MFA_REFUSED: Value = Value::Level(4);
/// `login.mfa >= "failed"`: failed or refused.
const MFA_FAILED: u8 = 3;

fn learn_user(history: &mut UserHistory, row: &Row, time: Time, features: &Features) {
    if row.value(s::ALERT_CLASS) == LOGIN {
        match row.value(s::ALERT_OUTCOME) {
            SUCCESS => history.succeeded(row, time, features),
            FAILURE => history.failed(time),
            _ => {}
        }
        if matches!(row.value(s::LOGIN_MFA), Value::Level(result) if result >= MFA_FAILED) {
            history.second_factor_failed(time);
        }
        if row.value(s::LOGIN_MFA) == MFA_REFUSED {
            history.second_factor_refused(time);
        }
    }
    if row.value(s::ALERT_FINDING) == Value::Bool(true) {
        history.found(time);
    }
}

fn case_facts(row: &mut Row, joined: &Joined, time: Time) {
    put(row, s::CASE_ALERTS, Value::Int(i64::from(joined.revision.0)));
    put(row, s::CASE_RULES, Value::Int(i64::from(joined.rules)));
    put(row, s::CASE_DETECTORS, Value::Int(i64::from(joined.detectors)));
    put(row, s::CASE_ENTITIES, Value::Int(i64::from(joined.entities)));
    put(row, s::CASE_AGE, Value::Duration(time.since(joined.opened)));
    let counts = joined.unusual.unwrap_or_default();
    let facts = [
        (s::CASE_UNUSUAL_RULES, counts.rules),
        (s::CASE_NEW_RULES, counts.new_here),
        (s::CASE_NEW_ANYWHERE, counts.new_anywhere),
        (s::CASE_UNUSUAL_DETECTORS, counts.detectors),
        (s::CASE_BURSTS, counts.bursts),
        (s::CASE_SHARED_RULES, counts.shared),
    ];
    for (slot, number) in facts {
        put(row, slot, told(joined.unusual.is_some(), Value::Int(i64::from(number))));
    }
}

/// `value`, or unknown while there is not enough history to tell.
fn told(known: bool, value: Value) -> Value {
    if known { value } else { Value::Unknown(Why::NoHistory) }
}

/// A count that starts at zero only when nothing can have been forgotten.
fn count(value: u32, known: bool, forgotten: bool) -> Value {
    if known || !forgotten { Value::Int(i64::from(value)) } else { Value::Unknown(Why::Evicted) }
}

fn silence(last: Time, time: Time, known: bool, forgotten: bool) -> Value {
    match (known, forgotten) {
        (true, _) => Value::Duration(time.since(last)),
        (false, false) => Value::Unknown(Why::NoHistory),
        (false, true) => Value::Unknown(Why::Evicted),
    }
}

fn put(row: &mut Row, slot: Slot, value: Value) {
    row.set(slot, value, Origin::History);
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_model::Schema;

    #[test]
    fn constants_mean_what_they_say() {
        let schema = Schema::built_in();
        let name = |slot, index| match schema.field(slot).map(|field| field.ty.clone()) {
            Some(adjutant_model::Type::Level(levels)) => levels.name_of(index).to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!((LOGIN, name(s::ALERT_CLASS, 0).as_str()), (Value::Level(0), "login"));
        assert_eq!((SUCCESS, name(s::ALERT_OUTCOME, 0).as_str()), (Value::Level(0), "success"));
        assert_eq!((FAILURE, name(s::ALERT_OUTCOME, 1).as_str()), (Value::Level(1), "failure"));
        assert_eq!(name(s::LOGIN_MFA, MFA_FAILED), "failed");
        assert_eq!((MFA_PASSED, name(s::LOGIN_MFA, 0).as_str()), (Value::Level(0), "passed"));
        assert_eq!((MFA_REFUSED, name(s::LOGIN_MFA, 4).as_str()), (Value::Level(4), "refused"));
    }
}
