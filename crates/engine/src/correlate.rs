//! Which case an alert joins.
//!
//! An alert joins the open case that most recently shared one of its linking entities, the most telling
//! role first, unless that case is too old, too quiet or too large; otherwise it opens a case of its own.
//! An entity that links too many alerts in a day (a NAT address, a proxy, a scanner) stops linking, so
//! that one busy thing does not swallow everything. Cases are never merged: what else was related is
//! reported as a link.
//!
//! What is *unusual* on a host or resource (see [`crate::memory::unusual`]) forms a case of its own there, apart
//! from the routine: a rule that entered it stays in it while it runs, the rest of the entity's alerts do not.

pub mod campaign;
mod evidence;
mod links;

pub use adjutant_model::decision::{Link, Relation};
pub use evidence::Counts;

use crate::bounded::Bounded;
use crate::entities::{Entities, Role};
use crate::memory::unusual::{self, Firing};
use crate::memory::window::Day;
use adjutant_model::{AlertId, CaseId, Digest, Duration, Revision, Time};
use adjutant_rules::correlate::Correlate;
use campaign::Seen;
use evidence::{Evidence, Owner};
use links::Active;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// How alerts become cases. From the book; these are the defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Mail that is nearly the same as mail of a case joins it within this time, whatever else is quiet.
    pub campaign: Duration,
    /// Open cases remembered at once.
    pub cases_max: usize,
    /// What is worked apart from an entity's routine.
    pub apart: Apart,
}

/// How what is unusual on an entity becomes cases, apart from its routine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// The roles of entities whose unusual alerts are worked apart, when the alert is about them first of all. Users are
    /// not among them: what an account does, usual or not, is read together.
    pub roles: Vec<Role>,
    /// When an alert is unusual or part of a burst.
    pub firing: unusual::Policy,
    /// An unusual case that holds this many alerts takes no more. Higher than for a routine case: a flood is one case.
    pub alerts_max: u32,
    /// Unusual rules that a case keeps; more do not count.
    pub evidence_max: usize,
    /// A case is strong with so many unusual rules …
    pub strong_rules: u32,
    /// … from so many detectors.
    pub strong_detectors: u32,
    /// A strong case owns its rules for so long: they do not count in the cases of other entities.
    pub owns: Duration,
    /// A strong case names what was unusual elsewhere so near to it …
    pub near: Duration,
    /// … and what was unusual there so long before …
    pub back: Duration,
    /// … if it was at least so many rules.
    pub back_rules: u32,
    /// Cases that a strong case names as near, at most.
    pub near_max: usize,
    /// Cases that a strong case names as before, at most.
    pub before_max: usize,
}

impl Default for Apart {
    fn default() -> Self {
        Self {
            roles: vec![Role::Host, Role::Resource],
            firing: unusual::Policy::default(),
            alerts_max: 1_000_000,
            evidence_max: 32,
            strong_rules: 6,
            strong_detectors: 2,
            owns: Duration::from_hours(1),
            near: Duration::from_hours(1),
            back: Duration::from_hours(48),
            back_rules: 2,
            near_max: 16,
            before_max: 8,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::of(&Correlate::default())
    }
}

impl Policy {
    /// The policy that a book asks for.
    pub fn of(book: &Correlate) -> Self {
        let Correlate { by, gap, age_max, alerts_max, busy_per_day, campaign } = book.clone();
        Self { by, gap, age_max, alerts_max, busy_per_day, campaign, cases_max: 100_000, apart: Apart::default() }
    }
}

/// What an alert's joining says.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// How much of the case is unusual; none while nobody can tell, because its entity is not known long enough.
    pub unusual: Option<Counts>,
    /// Links between cases that this alert made known, of this case and of others.
    pub links: Vec<Link>,
}

/// Different things counted in one case; beyond, the count stays.
pub const DIFFERENT_MAX: usize = 64;

/// Unusual cases of an entity that are remembered, the open one included.
const PAST: usize = 4;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Open {
    id: [u8; 16],
    opened: Time,
    last: Time,
    alerts: u32,
    rules: Few,
    detectors: Few,
    entities: Few,
    unusual: Option<Box<Evidence>>,
}

/// A small set of hashes that stops growing. Most have a few, which stand in the case itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Few(SmallVec<[u64; 4]>);

impl Few {
    /// Adds `item`; returns whether it is in the set only now.
    fn add(&mut self, item: u64) -> bool {
        let fresh = !self.0.contains(&item) && self.0.len() < DIFFERENT_MAX;
        if fresh {
            self.0.push(item);
        }
        fresh
    }

    fn len(&self) -> u32 {
        self.0.len() as u32
    }
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Lead {
    case: u64,
    day: Day,
}

/// An entity's latest unusual cases, the latest last; zero where there is none.
#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Place {
    cases: [u64; PAST],
}

/// The open cases and what leads to them.
#[derive(Serialize, Deserialize)]
pub struct Cases {
    policy: Policy,
    open: Bounded<Open>,
    leads: Bounded<Lead>,
    places: Bounded<Place>,
    owners: Bounded<Owner>,
    active: Vec<Active>,
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
    /// Whether it is unusual.
    pub firing: Firing,
    /// What is known of its campaign, where it is a message of mail.
    pub campaign: Option<Seen>,
}

impl Open {
    fn is_strong(&self) -> bool {
        self.unusual.as_ref().is_some_and(|evidence| evidence.strong)
    }
}

impl Cases {
    /// No cases yet.
    pub fn new(policy: Policy) -> Self {
        let (open, leads) = (Bounded::new(policy.cases_max), Bounded::new(policy.cases_max.saturating_mul(4)));
        let (places, owners) = (Bounded::new(policy.cases_max), Bounded::new(policy.cases_max));
        Self { policy, open, leads, places, owners, active: Vec::new() }
    }

    /// The same cases under another policy.
    pub fn with_policy(self, policy: Policy) -> Self {
        Self {
            open: self.open.with_limit(policy.cases_max),
            leads: self.leads.with_limit(policy.cases_max.saturating_mul(4)),
            places: self.places.with_limit(policy.cases_max),
            owners: self.owners.with_limit(policy.cases_max),
            policy,
            active: self.active,
        }
    }

    /// How alerts become cases.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Some number that takes looking at every case that these entities lead to; see
    /// [`Memory::look_ahead`](crate::memory::Memory::look_ahead).
    pub(crate) fn look_ahead(&self, entities: &Entities) -> usize {
        let lead = |role: &Role| self.leads.get(lead_key(*role, entities.get(*role)?.0));
        let cases = self.policy.by.iter().filter_map(lead).filter_map(|lead| self.open.get(lead.case));
        cases.filter(|case| case.alerts == 0).count()
    }

    /// The case that the alert joins.
    pub fn join(&mut self, arrival: &Arrival<'_>) -> Joined {
        let key = self.apart(arrival).unwrap_or_else(|| self.routine(arrival));
        let (case, _) = self.open.touch(key);
        case.alerts = case.alerts.saturating_add(1);
        case.last = case.last.max(arrival.time);
        case.opened = case.opened.min(arrival.time);
        let (fresh, is_apart) = (case.rules.add(arrival.rule), case.unusual.is_some());
        case.detectors.add(arrival.detector);
        for (_, entity) in arrival.entities.iter() {
            case.entities.add(entity.0);
        }
        let mut joined = Joined {
            case: CaseId(case.id),
            revision: Revision(case.alerts),
            opened: case.opened,
            rules: case.rules.len(),
            detectors: case.detectors.len(),
            entities: case.entities.len(),
            unusual: (arrival.firing.known && self.place(arrival).is_some()).then(Counts::default),
            links: Vec::new(),
        };
        if is_apart {
            self.weigh(key, arrival, fresh, &mut joined);
        }
        joined
    }

    /// Weighs what the alert adds to the unusual case `key`; a routine case is not weighed.
    fn weigh(&mut self, key: u64, arrival: &Arrival<'_>, fresh: bool, joined: &mut Joined) {
        let apart = &self.policy.apart;
        let Some(case) = self.open.get_mut(key) else { return };
        let Some(evidence) = &mut case.unusual else { return };
        let grew = evidence.add(arrival.rule, arrival.detector, &arrival.firing, fresh, apart);
        if grew {
            evidence.judge(key, case.last, &mut self.owners, apart);
        }
        joined.unusual = Some(evidence.counts);
        if grew {
            joined.links = self.link(key);
        }
    }

    /// The entity whose unusual alerts are worked apart, when the alert is about one.
    fn place(&self, arrival: &Arrival<'_>) -> Option<u64> {
        let (role, entity) = arrival.entities.primary()?;
        self.policy.apart.roles.contains(&role).then_some(entity.0)
    }

    /// The unusual case that the alert belongs to: by itself, or because its rule is in it already.
    fn apart(&mut self, arrival: &Arrival<'_>) -> Option<u64> {
        let entity = self.place(arrival)?;
        let notable = arrival.firing.unusual || arrival.firing.burst;
        let latest = self.places.get(entity).and_then(|place| place.cases.last()).copied();
        let open = latest.and_then(|key| Some((key, self.open.get(key)?)));
        match open.filter(|(_, case)| self.takes(case, arrival.time)) {
            Some((key, case)) => (notable || case.rules.0.contains(&arrival.rule)).then_some(key),
            None if notable => Some(self.open_apart(arrival, entity)),
            None => None,
        }
    }

    fn open_apart(&mut self, arrival: &Arrival<'_>, entity: u64) -> u64 {
        let key = self.open_case(arrival);
        if let Some(case) = self.open.get_mut(key) {
            case.unusual.get_or_insert_with(|| Box::new(Evidence::of(entity)));
        }
        let (place, _) = self.places.touch(entity);
        place.cases.rotate_left(1);
        if let Some(latest) = place.cases.last_mut() {
            *latest = key;
        }
        key
    }

    /// The routine case that the alert's entities lead to, opened if there is none.
    fn routine(&mut self, arrival: &Arrival<'_>) -> u64 {
        let key = self.of_campaign(arrival).or_else(|| self.find(arrival)).unwrap_or_else(|| self.open_case(arrival));
        for role in self.policy.by.iter().filter(|role| links(**role, arrival)) {
            if let Some(entity) = arrival.entities.get(*role) {
                let (lead, _) = self.leads.touch(lead_key(*role, entity.0));
                lead.case = key;
                lead.day.add(arrival.time);
            }
        }
        key
    }

    /// The case that nearly the same mail is worked in.
    fn of_campaign(&self, arrival: &Arrival<'_>) -> Option<u64> {
        let key = arrival.campaign?.case?;
        let (case, window) = (self.open.get(key)?, self.policy.campaign);
        let near = arrival.time.since(case.last) <= window && case.opened.since(arrival.time) <= window;
        (near && case.alerts < self.policy.alerts_max).then_some(key)
    }

    fn find(&self, arrival: &Arrival<'_>) -> Option<u64> {
        self.policy.by.iter().filter(|role| links(**role, arrival)).find_map(|role| {
            let entity = arrival.entities.get(*role)?;
            let lead = self.leads.get(lead_key(*role, entity.0))?;
            let busy = shared_by_many(*role) && lead.day.count(arrival.time) >= self.policy.busy_per_day;
            let case = self.open.get(lead.case)?;
            (!busy && self.takes(case, arrival.time)).then_some(lead.case)
        })
    }

    /// Whether `case` still takes an alert of `time`, early or late.
    fn takes(&self, case: &Open, time: Time) -> bool {
        let quiet = time.since(case.last) > self.policy.gap || case.opened.since(time) > self.policy.gap;
        let old = time.since(case.opened) > self.policy.age_max || case.last.since(time) > self.policy.age_max;
        let alerts_max = if case.unusual.is_some() { self.policy.apart.alerts_max } else { self.policy.alerts_max };
        !quiet && !old && case.alerts < alerts_max
    }

    fn open_case(&mut self, arrival: &Arrival<'_>) -> u64 {
        let id = Digest::of_parts([b"case".as_slice(), &arrival.alert.0, &arrival.time.0.to_be_bytes()]).prefix();
        let key = case_key(CaseId(id));
        let (case, known) = self.open.touch(key);
        // The duplicate of an alert that opened a case, which is full by now, must not empty it.
        if !known {
            *case = Open { id, opened: arrival.time, last: arrival.time, ..Open::default() };
        }
        key
    }
}

/// Roles that many unrelated things can share.
fn shared_by_many(role: Role) -> bool {
    matches!(role, Role::Source | Role::Destination | Role::Domain | Role::Device)
}

/// Whether an entity in this role links the alert: mail that can be told from other mail is linked by what it is and carries, and not
/// by who reported it, so that one campaign is one case and two reports of one person are not.
fn links(role: Role, arrival: &Arrival<'_>) -> bool {
    arrival.campaign.is_none() || matches!(role, Role::Message | Role::File)
}

/// What a case is known by among the open ones.
fn case_key(case: CaseId) -> u64 {
    u64::from_be_bytes(*case.0.first_chunk().unwrap_or(&[0; 8]))
}

/// The account that acts and the account acted upon lead to the same case.
fn lead_key(role: Role, entity: u64) -> u64 {
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
        let alert = AlertId([n; 16]);
        let rule = u64::from(n % 3);
        cases.join(&Arrival { alert, time, entities: &entities, rule, detector: 1, firing: Firing::default(), campaign: None })
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
            let (alert, time) = (AlertId([n; 16]), Time::from_secs(n.into()));
            let arrival =
                Arrival { alert, time, entities: &entities, rule: 1, detector: 1, firing: Firing::default(), campaign: None };
            cases.join(&arrival).case
        };
        let joined: Vec<_> = (0..6).map(&mut join).collect();
        assert!(joined[0] == joined[2] && joined[3] != joined[0] && joined[4] != joined[3]);
    }
}
