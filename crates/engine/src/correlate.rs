//! Which case an alert joins.
//!
//! An alert joins the open case that most recently shared one of its linking entities, the most telling
//! role first, unless that case is too old, too quiet or too large; otherwise it opens a case of its own.
//! An entity that links too many alerts in a day (a NAT address, a proxy, a scanner) stops linking, so
//! that one busy thing does not swallow everything. Cases are never merged: what else was related is
//! reported as a link.

use crate::bounded::Bounded;
use crate::entities::{Entities, Role};
use crate::memory::window::Day;
use adjutant_model::{AlertId, CaseId, Digest, Duration, Revision, Time};

/// How alerts become cases. From the book; these are the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Roles whose entity links alerts, the most telling first.
    pub by: Vec<Role>,
    /// A case that was quiet for longer is over.
    pub gap: Duration,
    /// A case that is older takes no more alerts.
    pub age_max: Duration,
    /// A case that holds this many takes no more.
    pub alerts_max: u32,
    /// An address or domain with more alerts than this in 24 hours stops linking.
    pub busy_per_day: i64,
    /// Open cases remembered at once.
    pub cases_max: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            by: vec![Role::Host, Role::User, Role::Target, Role::Resource, Role::File, Role::Message, Role::Source],
            gap: Duration::from_hours(1),
            age_max: Duration::from_hours(6),
            alerts_max: 10_000,
            busy_per_day: 1_000,
            cases_max: 100_000,
        }
    }
}

/// What an alert's joining says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The case.
    pub case: CaseId,
    /// Which revision of the case the alert makes.
    pub revision: Revision,
    /// When the case was opened.
    pub opened: Time,
    /// Different rules in the case, this one included; at most [`DIFFERENT_MAX`].
    pub rules: u32,
    /// Different sources and detectors in the case, this one included.
    pub detectors: u32,
    /// Different entities in the case.
    pub entities: u32,
}

/// Different things counted in one case; beyond, the count stays.
pub const DIFFERENT_MAX: usize = 64;

#[derive(Clone, Debug, Default)]
struct Open {
    id: CaseId,
    opened: Time,
    last: Time,
    alerts: u32,
    rules: Few,
    detectors: Few,
    entities: Few,
}

/// A small set of hashes that stops growing.
#[derive(Clone, Debug, Default)]
struct Few(Vec<u64>);

impl Few {
    fn add(&mut self, item: u64) -> u32 {
        if !self.0.contains(&item) && self.0.len() < DIFFERENT_MAX {
            self.0.push(item);
        }
        self.0.len() as u32
    }
}

#[derive(Clone, Copy, Default)]
struct Link {
    case: u64,
    day: Day,
}

/// The open cases and what leads to them.
pub struct Cases {
    policy: Policy,
    open: Bounded<Open>,
    links: Bounded<Link>,
}

/// What correlation needs to know of an alert.
pub struct Arrival<'a> {
    /// The alert's name.
    pub alert: AlertId,
    /// When it happened.
    pub time: Time,
    /// What it is about.
    pub entities: &'a Entities,
    /// Hash of its rule.
    pub rule: u64,
    /// Hash of its source and detector.
    pub detector: u64,
}

impl Cases {
    /// No cases yet.
    pub fn new(policy: Policy) -> Self {
        let open = Bounded::new(policy.cases_max);
        let links = Bounded::new(policy.cases_max.saturating_mul(4));
        Self { policy, open, links }
    }

    /// The case that the alert joins.
    pub fn join(&mut self, arrival: &Arrival<'_>) -> Joined {
        let key = self.find(arrival).unwrap_or_else(|| self.open_case(arrival));
        for role in &self.policy.by {
            if let Some(entity) = arrival.entities.get(*role) {
                let (link, _) = self.links.touch(link_key(*role, entity.0));
                link.case = key;
                link.day.add(arrival.time);
            }
        }
        let (case, _) = self.open.touch(key);
        case.alerts = case.alerts.saturating_add(1);
        case.last = case.last.max(arrival.time);
        case.opened = case.opened.min(arrival.time);
        let entities = arrival.entities.iter().map(|(_, id)| case.entities.add(id.0)).last().unwrap_or(0);
        Joined {
            case: case.id,
            revision: Revision(case.alerts),
            opened: case.opened,
            rules: case.rules.add(arrival.rule),
            detectors: case.detectors.add(arrival.detector),
            entities,
        }
    }

    fn find(&self, arrival: &Arrival<'_>) -> Option<u64> {
        self.policy.by.iter().find_map(|role| {
            let entity = arrival.entities.get(*role)?;
            let link = self.links.get(link_key(*role, entity.0))?;
            let busy = shared_by_many(*role) && link.day.count(arrival.time) >= self.policy.busy_per_day;
            let case = self.open.get(link.case)?;
            (!busy && self.takes(case, arrival.time)).then_some(link.case)
        })
    }

    /// Whether `case` still takes an alert of `time`, early or late.
    fn takes(&self, case: &Open, time: Time) -> bool {
        let quiet = time.since(case.last) > self.policy.gap || case.opened.since(time) > self.policy.gap;
        let old = time.since(case.opened) > self.policy.age_max || case.last.since(time) > self.policy.age_max;
        !quiet && !old && case.alerts < self.policy.alerts_max
    }

    fn open_case(&mut self, arrival: &Arrival<'_>) -> u64 {
        let digest = Digest::of_parts([b"case".as_slice(), &arrival.alert.0, &arrival.time.0.to_be_bytes()]).prefix();
        let id = CaseId(digest);
        let key = u64::from_be_bytes(*digest.first_chunk().unwrap_or(&[0; 8]));
        let (case, _) = self.open.touch(key);
        *case = Open { id, opened: arrival.time, last: arrival.time, ..Open::default() };
        key
    }
}

/// Roles that many unrelated things can share.
fn shared_by_many(role: Role) -> bool {
    matches!(role, Role::Source | Role::Destination | Role::Domain | Role::Device)
}

/// The account that acts and the account acted upon are one and the same link.
fn link_key(role: Role, entity: u64) -> u64 {
    entity ^ (role.kind() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entities::HashKey;
    use adjutant_model::schema::slots as s;
    use adjutant_model::{Origin, Row, Schema};

    fn entities(host: &str, user: &str) -> Entities {
        let mut row = Row::new(Schema::built_in().len());
        row.set_text(s::HOST_NAME, host, Origin::Derived);
        row.set_text(s::USER_NAME, user, Origin::Derived);
        Entities::of(&row, HashKey([0; 16]), &mut String::new())
    }

    fn join(cases: &mut Cases, n: u8, minute: i64, host: &str, user: &str) -> Joined {
        let entities = entities(host, user);
        let time = Time::from_secs(1_000_000 + minute * 60);
        cases.join(&Arrival { alert: AlertId([n; 16]), time, entities: &entities, rule: u64::from(n % 3), detector: 1 })
    }

    #[test]
    fn alerts_about_one_host_or_user_are_one_case() {
        let mut cases = Cases::new(Policy::default());
        let first = join(&mut cases, 1, 0, "web01", "ana");
        assert_eq!(join(&mut cases, 2, 10, "WEB01.corp.example", "-").case, first.case);
        let third = join(&mut cases, 3, 20, "-", "CORP\\Ana");
        assert_eq!((third.case, third.revision, third.rules), (first.case, Revision(3), 3));
        assert_ne!(join(&mut cases, 4, 20, "web02", "bob").case, first.case);
    }

    #[test]
    fn a_quiet_an_old_and_a_full_case_end() {
        let mut cases = Cases::new(Policy { alerts_max: 5, ..Policy::default() });
        let first = join(&mut cases, 1, 0, "a", "-");
        assert_ne!(join(&mut cases, 2, 61, "a", "-").case, first.case, "quiet for 61 minutes");
        let mut cases = Cases::new(Policy::default());
        let first = join(&mut cases, 1, 0, "a", "-");
        let last = (1..=7).map(|n| join(&mut cases, n, i64::from(n) * 59, "a", "-")).last();
        assert_ne!(last.map(|joined| joined.case), Some(first.case), "older than six hours");
        let mut cases = Cases::new(Policy { alerts_max: 5, ..Policy::default() });
        let joined: Vec<_> = (1..=6).map(|n| join(&mut cases, n, 0, "a", "-").case).collect();
        assert!(joined[4] == joined[0] && joined[5] != joined[0], "full");
    }

    #[test]
    fn a_late_alert_joins_the_case_of_its_time() {
        let mut cases = Cases::new(Policy::default());
        let first = join(&mut cases, 1, 0, "a", "-");
        assert_eq!(join(&mut cases, 2, -30, "a", "-").case, first.case);
        assert_ne!(join(&mut cases, 3, -120, "a", "-").case, first.case);
    }

    #[test]
    fn a_busy_address_stops_linking() {
        let mut cases = Cases::new(Policy { busy_per_day: 3, ..Policy::default() });
        let mut row = Row::new(Schema::built_in().len());
        row.set(s::SRC_IP, adjutant_model::Value::Addr(adjutant_model::Addr::from_bytes([9; 16])), Origin::Derived);
        let entities = Entities::of(&row, HashKey([0; 16]), &mut String::new());
        let mut join = |n: u8| {
            let arrival =
                Arrival { alert: AlertId([n; 16]), time: Time::from_secs(n.into()), entities: &entities, rule: 1, detector: 1 };
            cases.join(&arrival).case
        };
        let joined: Vec<_> = (0..6).map(&mut join).collect();
        assert!(joined[0] == joined[2] && joined[3] != joined[0] && joined[4] != joined[3]);
    }
}
