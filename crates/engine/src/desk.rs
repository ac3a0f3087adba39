//! The stages of triage in the order in which a driver calls them: the one way to run them.
//!
//! [`Desk::read`] and [`Desk::decide`] need no state and run in parallel; between them the driver feeds each
//! alert to [`Memory::observe`] in intake order. Nothing else decides about an alert.

use crate::context::{self, Snapshot, Touched};
use crate::correlate::{Joined, Policy};
use crate::decide::{decide, decide_about};
use crate::enrich;
use crate::entities::HashKey;
use crate::memory::{Keys, Limits, Memory};
use crate::normalize::{self, Hints, Terms, normalize_into};
use adjutant_model::schema::slots as s;
use adjutant_model::{Alert, Decision, Origin, Problem, RawAlert, Slot, SourceId, Time, Why};
use adjutant_rules::Book;

/// How to triage.
#[derive(Clone, Copy, Debug)]
pub struct Options<'b> {
    /// The book that decides.
    pub book: &'b Book,
    /// What the organisation knows.
    pub context: &'b Snapshot,
    /// The source of every record, where somebody says so.
    pub source: Option<SourceId>,
    /// Decide as at this time; otherwise at each alert's own.
    pub now: Option<Time>,
}

/// What one worker reuses from alert to alert.
#[derive(Default)]
pub struct Scratch {
    normalize: normalize::Scratch,
    context: context::Scratch,
    names: String,
}

/// Everything that decides about an alert, but for what was seen before.
#[derive(Clone, Copy)]
pub struct Desk<'b> {
    options: Options<'b>,
    /// The business unit of the account that acted, where the book's context knows it.
    unit: Option<Slot>,
    key: HashKey,
}

impl<'b> Desk<'b> {
    /// Decides as `options` say.
    pub fn new(options: Options<'b>) -> Self {
        Self { options, unit: options.book.schema.slot("user.unit"), key: HashKey(options.book.digest.prefix()) }
    }

    /// The same with this key of memory instead of the book's, so that memory outlives the book.
    #[must_use]
    pub const fn with_key(self, key: HashKey) -> Self {
        Self { key, ..self }
    }

    /// The book that decides.
    pub const fn book(&self) -> &'b Book {
        self.options.book
    }

    /// A memory that has seen nothing yet. Its key is the book's, so that a replay gives the same bytes.
    pub fn memory(&self, limits: Limits) -> Memory {
        Memory::new(self.key, limits, Policy::of(&self.options.book.correlate))
    }

    /// Reads a record into `alert`, with everything that can be known of it without history. Says which context sources
    /// could not be used.
    ///
    /// # Errors
    /// The bytes are no record at all.
    pub fn read(
        &self,
        raw: &RawAlert<'_>,
        scratch: &mut Scratch,
        alert: &mut Alert,
        problems: &mut Vec<Problem>,
    ) -> Result<(Keys, Touched), Problem> {
        self.normalize(raw, scratch, alert, problems)?;
        let touched = self.context(alert, scratch);
        Ok((self.keys(alert, scratch), touched))
    }

    /// The first part of [`Desk::read`]: what the record says. Whoever has many alerts takes each part over all of them,
    /// so that its code stays in the processor's cache.
    ///
    /// # Errors
    /// The bytes are no record at all.
    pub fn normalize(
        &self,
        raw: &RawAlert<'_>,
        scratch: &mut Scratch,
        alert: &mut Alert,
        problems: &mut Vec<Problem>,
    ) -> Result<(), Problem> {
        let Options { book, source, now, .. } = self.options;
        let hints = Hints { source, received: now };
        problems.clear();
        normalize_into(raw, Terms::of(book, hints), &mut scratch.normalize, alert, problems)
    }

    /// The second part: what the organisation knows.
    pub fn context(&self, alert: &mut Alert, scratch: &mut Scratch) -> Touched {
        let now = self.now(alert);
        self.options.context.fill(&mut alert.row, now, &mut scratch.context)
    }

    /// The last part of [`Desk::read`], once context has spoken: what follows from it, and whom the alert is about.
    pub fn keys(&self, alert: &mut Alert, scratch: &mut Scratch) -> Keys {
        enrich::place(&mut alert.row);
        Keys::of(alert, self.unit, self.key, &mut scratch.names)
    }

    /// Looks up again, as of `now`, every fact of a recorded alert that came from context, and what follows from them. What
    /// the alert itself said and what history knew stays.
    pub fn refresh(&self, alert: &mut Alert, now: Time, scratch: &mut Scratch) -> Touched {
        // Nobody is asked for this: what a connector answered then stands until it answered anew.
        let asked = |number: u16| self.options.book.look_ups.contains(&number);
        let of_then = |origin: Origin| matches!(origin, Origin::Context(number) if !asked(number));
        let slots: Vec<Slot> = alert.row.cells().filter(|(_, cell)| of_then(cell.origin)).map(|(slot, _)| slot).collect();
        for slot in slots {
            alert.row.set_unknown(slot, Why::default(), Origin::Nothing);
        }
        let touched = self.options.context.fill(&mut alert.row, now, &mut scratch.context);
        self.answered(alert, now, scratch);
        touched
    }

    /// Brings into a recorded alert what connectors answered by `now`, and what follows from it. Everything else stays.
    pub fn answered(&self, alert: &mut Alert, now: Time, scratch: &mut Scratch) {
        self.options.context.fill_answered(&mut alert.row, now, &mut scratch.context);
        enrich::place(&mut alert.row);
        enrich::travel(&mut alert.row);
    }

    /// Decides again about a recorded alert as it stands, for the case and revision of then.
    pub fn again(&self, alert: &Alert, then: &Decision, now: Time) -> Decision {
        let blank = Decision::undecided(self.options.book.digest);
        decide_about(&alert.row, (alert.id(), then.case, then.revision), self.options.book, now, blank)
    }

    /// When an alert is decided.
    pub fn now(&self, alert: &Alert) -> Time {
        self.options.now.or_else(|| alert.row.time(s::ALERT_TIME)).unwrap_or_default()
    }

    /// Adds what follows from history to an `alert` that memory has seen.
    pub fn travel(&self, alert: &mut Alert) {
        enrich::travel(&mut alert.row);
    }

    /// Decides about an `alert` that memory has seen. `spare` is a decision that is not needed any more, for its memory.
    pub fn decide(&self, alert: &mut Alert, joined: &Joined, spare: Decision) -> Decision {
        enrich::travel(&mut alert.row);
        decide(alert, joined, self.options.book, self.now(alert), spare)
    }
}
