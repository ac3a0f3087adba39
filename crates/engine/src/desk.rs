//! The stages of triage in the order in which a driver calls them.
//!
//! [`Desk::read`] and [`Desk::decide`] need no state and run in parallel; between them the driver feeds each
//! alert to [`Memory::observe`](crate::memory::Memory::observe) in intake order. Nothing else decides about an alert.

use crate::correlate::{Joined, Policy};
use crate::decide::decide;
use crate::enrich;
use crate::entities::{HashKey, Role};
use crate::memory::Keys;
use crate::normalize::{self, Hints, Terms, normalize_into};
use adjutant_model::schema::slots as s;
use adjutant_model::{Alert, Decision, Problem, RawAlert, Slot, Time};
use adjutant_rules::Book;

/// What one worker reuses from alert to alert.
#[derive(Default)]
pub struct Scratch {
    normalize: normalize::Scratch,
    names: String,
}

/// Everything that decides about an alert, but for what was seen before.
#[derive(Clone, Copy)]
pub struct Desk<'b> {
    book: &'b Book,
    key: HashKey,
    unit: Option<Slot>,
    now: Option<Time>,
}

impl<'b> Desk<'b> {
    /// Decides by `book`. With `now`, as of that instant; else each alert as of its own time.
    pub fn new(book: &'b Book, key: HashKey, now: Option<Time>) -> Self {
        let unit = ["asset.unit", "user.unit"].into_iter().find_map(|name| book.schema.slot(name));
        Self { book, key, unit, now }
    }

    /// The book that decides.
    pub const fn book(&self) -> &'b Book {
        self.book
    }

    /// Reads a record into `alert`, with everything that can be known of it without history.
    ///
    /// # Errors
    /// The bytes are no record at all.
    pub fn read(
        &self,
        raw: &RawAlert<'_>,
        hints: Hints,
        scratch: &mut Scratch,
        alert: &mut Alert,
        problems: &mut Vec<Problem>,
    ) -> Result<Keys, Problem> {
        normalize_into(raw, Terms::of(self.book, hints), &mut scratch.normalize, alert, problems)?;
        Ok(self.enrich(alert, scratch))
    }

    /// Adds to a normalized `alert` everything that can be known of it without history.
    pub fn enrich(&self, alert: &mut Alert, scratch: &mut Scratch) -> Keys {
        enrich::place(&mut alert.row);
        Keys::of(alert, self.unit, self.key, &mut scratch.names)
    }

    /// When an alert is decided.
    pub fn now(&self, alert: &Alert) -> Time {
        self.now.or_else(|| alert.row.time(s::ALERT_TIME)).unwrap_or_default()
    }

    /// Decides about an `alert` that memory has seen.
    pub fn decide(&self, alert: &mut Alert, joined: &Joined) -> Decision {
        enrich::travel(&mut alert.row);
        decide(alert, joined, self.book, self.now(alert))
    }
}

/// How alerts become cases, as the book says, else by default.
pub fn policy(book: &Book) -> Policy {
    let (mut policy, said) = (Policy::default(), &book.correlate);
    if let Some(by) = &said.by {
        policy.by = by.iter().filter_map(|name| Role::ALL.into_iter().find(|role| role.name() == name)).collect();
    }
    policy.gap = said.gap.unwrap_or(policy.gap);
    policy.age_max = said.age_max.unwrap_or(policy.age_max);
    policy.alerts_max = said.alerts_max.unwrap_or(policy.alerts_max);
    policy.busy_per_day = said.busy_per_day.unwrap_or(policy.busy_per_day);
    policy
}
