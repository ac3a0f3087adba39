//! Decisions: what to do about a case, as the sum of its reasons.
//!
//! A decision holds numbers only: which signals fired, with how many points, and what forbade closing.
//! The sentences are made from the book and the row when somebody reads it, by one renderer.

use crate::alert::AlertId;
use crate::case::{CaseId, Revision};
use crate::digest::Digest;
use crate::schema::Slot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What to do, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Outcome {
    /// Harmless or not worth a person's time: close, with the evidence.
    Close,
    /// A person should look: escalate, with a recommendation.
    Escalate,
    /// Strong evidence in several families: respond, with a plan.
    Respond,
}

/// How far a playbook may go by itself with a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Autonomy {
    /// Decide silently, for the record only.
    Observe,
    /// Show what it would do.
    #[default]
    Recommend,
    /// Prepare it and ask a person.
    Ask,
    /// Do it.
    Act,
}

/// What became of one signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum SignalState {
    /// Its condition is true.
    Fired,
    /// Its condition is false.
    Silent,
    /// Its condition could not be told; its `unknown` points count.
    Unknown,
    /// It fired, and an exception silenced it: shown with no points.
    Muted,
}

/// One signal of the playbook, in the playbook's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What became of it.
    pub state: SignalState,
    /// The points that it gave before its family's cap.
    pub points: i32,
    /// The number of the exception that muted it.
    pub muted_by: Option<u16>,
}

/// What stood in the way of closing although the score was low enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The playbook's `never_close` is true.
    NeverClose,
    /// The playbook's `never_close` could not be told.
    NeverCloseUnknown,
    /// A fact that the playbook needs is unknown.
    NeedUnknown(Slot),
}

/// How one case is linked to a strong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Relation {
    /// Something unusual on another entity at about the same time.
    Near,
    /// Something unusual before, on an entity that is drawn in now.
    Before,
}

/// A link between two cases that an alert made known. A hint for people: it never changes a count or a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The strong case.
    pub strong: CaseId,
    /// The case that it names.
    pub case: CaseId,
    /// How they are related.
    pub relation: Relation,
}

/// What was decided about one revision of a case, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The alert that led to it.
    pub alert: AlertId,
    /// The case that the alert joined.
    pub case: CaseId,
    /// Which revision of the case.
    pub revision: Revision,
    /// How often it was decided before, without what was looked up since.
    pub again: u32,
    /// Links that the alert made known, of this case and of others.
    pub links: Vec<Link>,
    /// Digest of the book that decided.
    pub book: Digest,
    /// The number of the playbook in that book.
    pub playbook: u16,
    /// What to do.
    pub outcome: Outcome,
    /// The sum of the reasons' points and of the families' caps.
    pub score: i32,
    /// Every signal of the playbook, in its order.
    pub reasons: Vec<Reason>,
    /// What was taken off by the caps of families: (number of the family, points, negative).
    pub caps: Vec<(u16, i32)>,
    /// What stood in the way of closing.
    pub guards: Vec<Guard>,
    /// The number of the exception that holds the act for its owner.
    pub held_by: Option<u16>,
    /// How far the playbook may go by itself with this outcome.
    pub autonomy: Autonomy,
}

impl Decision {
    /// Before anything was judged under the book with this digest.
    pub fn undecided(book: Digest) -> Self {
        Self {
            alert: AlertId::default(),
            case: CaseId::default(),
            revision: Revision(1),
            again: 0,
            links: Vec::new(),
            book,
            playbook: 0,
            outcome: Outcome::Escalate,
            score: 0,
            reasons: Vec::new(),
            caps: Vec::new(),
            guards: Vec::new(),
            held_by: None,
            autonomy: Autonomy::Recommend,
        }
    }

    /// [Undecided](Self::undecided) in the memory of this one.
    #[must_use]
    pub fn undone(self, book: Digest) -> Self {
        let Self { mut links, mut reasons, mut caps, mut guards, .. } = self;
        links.clear();
        reasons.clear();
        caps.clear();
        guards.clear();
        Self { links, reasons, caps, guards, ..Self::undecided(book) }
    }
}

impl Outcome {
    /// The outcome as one upper-case word.
    pub const fn word(self) -> &'static str {
        match self {
            Outcome::Close => "CLOSE",
            Outcome::Escalate => "ESCALATE",
            Outcome::Respond => "RESPOND",
        }
    }
    /// The outcome with code `code`, as stored on disk.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Outcome::Close),
            1 => Some(Outcome::Escalate),
            2 => Some(Outcome::Respond),
            _ => None,
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Relation::Near => "near",
            Relation::Before => "before",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Close => "close",
            Outcome::Escalate => "escalate",
            Outcome::Respond => "respond",
        })
    }
}

impl fmt::Display for Autonomy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Autonomy::Observe => "observe",
            Autonomy::Recommend => "recommend",
            Autonomy::Ask => "ask",
            Autonomy::Act => "act",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_ordered_and_keep_their_codes() {
        assert!(Outcome::Close < Outcome::Escalate && Outcome::Escalate < Outcome::Respond);
        for outcome in [Outcome::Close, Outcome::Escalate, Outcome::Respond] {
            assert_eq!(Outcome::from_code(outcome as u8), Some(outcome));
        }
    }
}
