//! Streams of alerts for tests of memory: each alert is a few words.
#![allow(dead_code, reason = "each test uses its part")]

use adjutant_engine::correlate::{Link, Policy};
use adjutant_engine::entities::HashKey;
use adjutant_engine::memory::{Keys, Limits, Memory};
use adjutant_model::schema::slots as s;
use adjutant_model::{Alert, CaseId, Digest, Origin, Row, Schema, Slot, Time, Value};

/// An alert to come: minute, host or user, detector, rule.
pub(crate) type Word = (i64, String, String, String);

/// What memory said about one alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) case: CaseId,
    pub(crate) row: Row,
    pub(crate) links: Vec<Link>,
}

impl Seen {
    pub(crate) fn value(&self, slot: Slot) -> Value {
        self.row.value(slot)
    }
    /// The number in `slot`; -1 when it is unknown.
    pub(crate) fn int(&self, slot: Slot) -> i64 {
        self.row.int(slot).unwrap_or(-1)
    }
}

/// A memory and how many alerts it saw.
pub(crate) struct Stream {
    pub(crate) memory: Memory,
    slots: usize,
    count: u64,
}

impl Default for Stream {
    fn default() -> Self {
        Self::new(Limits::default(), Policy::default())
    }
}

impl Stream {
    pub(crate) fn new(limits: Limits, policy: Policy) -> Self {
        Self::over(Memory::new(HashKey([5; 16]), limits, policy), 0)
    }

    /// Goes on with `memory`, which saw `count` alerts.
    pub(crate) fn over(memory: Memory, count: u64) -> Self {
        Self { memory, slots: Schema::built_in().len(), count }
    }

    /// An alert of an intrusion detector about a host.
    pub(crate) fn fire(&mut self, minute: i64, host: &str, detector: &str, rule: &str) -> Seen {
        self.count += 1;
        self.observe(self.count, minute, &[(s::HOST_NAME, host), (s::ALERT_DETECTOR, detector), (s::ALERT_RULE, rule)])
    }

    /// An event of an identity provider about a user.
    pub(crate) fn login(&mut self, minute: i64, user: &str, rule: &str) -> Seen {
        self.count += 1;
        self.observe(self.count, minute, &[(s::USER_NAME, user), (s::ALERT_RULE, rule)])
    }

    /// The alert `word`; alerts with the same `number` and content are duplicates of each other.
    pub(crate) fn say(&mut self, number: u64, word: &Word) -> Seen {
        let (minute, host, detector, rule) = word;
        self.observe(number, *minute, &[(s::HOST_NAME, host), (s::ALERT_DETECTOR, detector), (s::ALERT_RULE, rule)])
    }

    fn observe(&mut self, number: u64, minute: i64, texts: &[(Slot, &str)]) -> Seen {
        let row = Row::new(self.slots);
        let mut alert = Alert { digest: Digest::of(&number.to_be_bytes()), row, ..Alert::default() };
        alert.row.set(s::ALERT_TIME, Value::Time(Time::from_secs(1_700_000_000 / 3600 * 3600 + minute * 60)), Origin::Derived);
        for (slot, text) in texts {
            alert.row.set_text(*slot, text, Origin::Derived);
        }
        let keys = Keys::of(&alert, None, self.memory.key(), &mut String::new());
        let observation = self.memory.observe(&mut alert, &keys);
        Seen { case: observation.joined.case, row: alert.row, links: observation.joined.links }
    }
}

/// Minutes of `hours`.
pub(crate) fn hours(hours: i64) -> i64 {
    hours * 60
}
