//! Advances one case by one input. The only door through which a case changes.
//!
//! Total: every pair of case and input yields a step or a [`Refusal`]; it never panics. Deterministic: time
//! arrives in the input. A case's outcome may rise and never falls by itself: evidence that left a window
//! does not unmake what was seen.

use crate::correlate::Joined;
use crate::decide::decide;
use adjutant_model::{Alert, CaseId, Decision, Outcome, Revision, Time};
use adjutant_rules::Book;

/// What is known of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub id: CaseId,
    /// How many alerts joined it.
    pub revision: Revision,
    /// The highest outcome of its revisions; none before the first.
    pub outcome: Option<Outcome>,
    /// The highest score of its revisions.
    pub score: i32,
}

/// What can happen to a case.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// An alert joined it; its row holds all facts.
    Joined {
        /// The alert.
        alert: &'a Alert,
        /// What correlation said of it.
        joined: &'a Joined,
        /// When this is decided; for files, the alert's own time.
        now: Time,
    },
}

/// What became true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// This was decided about a revision of the case.
    Decided(Decision),
    /// The outcome of the case rose.
    Rose {
        /// What it was.
        from: Option<Outcome>,
        /// What it is.
        to: Outcome,
    },
}

/// What to ask of the world, after commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Put the case before a person.
    Escalate(CaseId),
    /// Propose to a person that the case be closed.
    ProposeClose(CaseId),
    /// Propose the response to a person.
    ProposeResponse(CaseId),
}

/// What one input led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What became true.
    pub events: Vec<Event>,
    /// What to ask of the world.
    pub effects: Vec<Effect>,
}

/// Why an input was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The alert joined another case.
    #[error("the alert joined case {0}, not this one")]
    OtherCase(CaseId),
}

impl Case {
    /// A case before its first alert.
    pub const fn new(id: CaseId) -> Self {
        Self { id, revision: Revision(0), outcome: None, score: 0 }
    }

    /// The case after `event`.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Decided(decision) => {
                self.revision = self.revision.max(decision.revision);
                self.score = self.score.max(decision.score);
            }
            Event::Rose { to, .. } => self.outcome = Some(*to),
        }
    }
}

/// Advances `case` by `input` under `book`.
///
/// # Errors
/// A [`Refusal`] when the input is not about this case.
pub fn step(case: &Case, input: &Input<'_>, book: &Book) -> Result<Step, Refusal> {
    match input {
        Input::Joined { alert, joined, now } if joined.case == case.id => {
            Ok(joined_by(case, decide(alert, joined, book, *now, Decision::undecided(book.digest))))
        }
        Input::Joined { joined, .. } => Err(Refusal::OtherCase(joined.case)),
    }
}

fn joined_by(case: &Case, decision: Decision) -> Step {
    let outcome = decision.outcome;
    let mut step = Step { events: vec![Event::Decided(decision)], effects: Vec::new() };
    if case.outcome < Some(outcome) {
        step.events.push(Event::Rose { from: case.outcome, to: outcome });
        step.effects.push(match outcome {
            Outcome::Close => Effect::ProposeClose(case.id),
            Outcome::Escalate => Effect::Escalate(case.id),
            Outcome::Respond => Effect::ProposeResponse(case.id),
        });
    }
    step
}
