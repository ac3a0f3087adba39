//! Playbooks: what makes an alert of one kind worth a person's time, as signals with points.
//!
//! Loading a playbook checks everything that can be checked without running it: names, types, quantities,
//! families, dates. What needs the whole playbook to see (signals that cannot fire, thresholds out of
//! reach) is in [`crate::check`]. Conditions are expressions over declared facts; nothing here runs code.

use crate::diagnostic::Span;
use crate::lang::{FactExpr, Sentence};
use adjutant_model::act::OnFailure;
use adjutant_model::{Autonomy, Duration, Outcome, Role, Slot, Time};

mod load;
mod test;

pub use load::load;
pub use test::{Expect, Given, Test, span};

/// A compiled playbook.
#[derive(Debug)]
pub struct Playbook {
    /// Its name.
    pub name: String,
    /// The file in the book that holds it.
    pub file: String,
    /// What it is for, in a sentence.
    pub about: String,
    /// When it applies; none in the generic playbook, which takes what no other does.
    pub applies: Option<FactExpr>,
    /// Facts without which it never closes.
    pub needs: Vec<Slot>,
    /// Its signals, in the order of the file.
    pub signals: Vec<Signal>,
    /// Its families with their caps.
    pub families: Vec<Family>,
    /// When it closes and responds.
    pub decide: Thresholds,
    /// Its exceptions, in the order of the file.
    pub exceptions: Vec<Exception>,
    /// What it recommends to people when it escalates.
    pub recommend: Vec<Advice>,
    /// Whom it would ask before it does anything.
    pub asks: Vec<Asking>,
    /// What it would do, least blast radius first.
    pub respond: Vec<Response>,
    /// What happens to the steps that were done when one fails.
    pub on_failure: OnFailure,
    /// The rung that it may reach by itself at most.
    pub ceiling: Autonomy,
    /// Its own tests.
    pub tests: Vec<Test>,
}

/// One condition that adds points, with a sentence saying why.
#[derive(Debug)]
pub struct Signal {
    /// Its name in the playbook.
    pub id: String,
    /// The number of its family.
    pub family: u16,
    /// When it fires.
    pub when: FactExpr,
    /// The points that it gives when it fires; more than zero.
    pub points: i32,
    /// The points that it gives when its condition is unknown; zero to `points`.
    pub unknown: i32,
    /// Why, with the facts.
    pub because: Sentence,
    /// Where it stands in its file.
    pub at: Span,
}

/// A group of signals that say the same kind of thing; its sum is capped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name.
    pub name: String,
    /// The most that its signals give together.
    pub cap: i32,
}

/// When a playbook closes and responds.
#[derive(Debug)]
pub struct Thresholds {
    /// A score below closes.
    pub close_below: i32,
    /// A score from here responds, if given.
    pub respond_from: Option<i32>,
    /// … when at least so many families gave points.
    pub respond_families: u32,
    /// What is never closed without a person.
    pub never_close: Option<FactExpr>,
}

/// Context that explains a signal away, or that holds the act for its owner.
#[derive(Debug)]
pub struct Exception {
    /// Its name.
    pub id: String,
    /// When it applies.
    pub when: FactExpr,
    /// What it does.
    pub effect: Effect,
    /// Who answers for it.
    pub owner: String,
    /// Why it exists.
    pub reason: String,
    /// When it ends.
    pub expires: Time,
    /// Where it stands in its file.
    pub at: Span,
}

/// What an exception does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The signal with this number is shown with no points.
    Mute(u16),
    /// The act waits for this owner.
    Hold(String),
}

/// One sentence of a recommendation.
#[derive(Debug)]
pub struct Advice {
    /// When it is given; always when none.
    pub when: Option<FactExpr>,
    /// What to do.
    pub text: Sentence,
}

/// One step of a response.
#[derive(Debug)]
pub struct Response {
    /// The verb.
    pub verb: &'static Verb,
    /// The role in the alert that names its target.
    pub target: String,
    /// When it is done; always when none.
    pub when: Option<FactExpr>,
    /// … and only from this score.
    pub score_from: i32,
    /// It is taken back by itself after so long; never when none.
    pub lasts: Option<Duration>,
    /// It waits for an answer of the person who is its target, or of anybody where that is the case, and is no step of the plan
    /// before; it waits for nothing when none.
    pub after: Option<After>,
}

/// The answers that a step waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// The question's name in the book, which the playbook asks.
    pub question: String,
    /// The names of the answers, any of which is enough.
    pub choices: Vec<String>,
    /// Where it stands in its file.
    pub at: Span,
}

/// A question to a person, as a step of a response.
#[derive(Debug)]
pub struct Asking {
    /// The question's name in the book.
    pub question: String,
    /// Who it is about: a role in the alert, `user` or `target`.
    pub of: Role,
    /// When it is asked; always when none.
    pub when: Option<FactExpr>,
    /// … and only from this score.
    pub score_from: i32,
    /// Where it stands in its file.
    pub at: Span,
}

/// The verb of asking, as the ladder of autonomy knows it.
pub const ASK: &str = "ask";

/// Something that a response can do.
#[derive(Debug, PartialEq, Eq)]
pub struct Verb {
    /// Its name in the book.
    pub name: &'static str,
    /// What people read.
    pub says: &'static str,
    /// What takes it back; none when nothing does.
    pub undo: Option<&'static str>,
    /// What it changes.
    pub changes: Changes,
}

/// What a verb changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// What somebody or something can do. Its target plays a role in the alert.
    Access,
    /// What stands somewhere about a case. Its target is the case, and it has texts.
    Record,
    /// Nothing; it tells somebody who plays a role in the alert.
    Nothing,
}

impl Changes {
    /// Whether people are told something, and nobody is kept from anything.
    pub const fn only_tells(self) -> bool {
        matches!(self, Changes::Record | Changes::Nothing)
    }
}

/// What people may be told about a case: one line, what fits a message, and everything that led to the decision.
pub const TEXTS: [&str; 3] = ["summary", "brief", "evidence"];

/// The target of verbs that change a record.
pub const CASE: &str = "case";

/// Every verb that a playbook may name.
pub const VERBS: &[Verb] = &[
    Verb { name: "revoke-sessions", says: "revoke the sessions of", undo: None, changes: Changes::Access },
    Verb {
        name: "force-password-change",
        says: "force a password change of",
        undo: Some("lift the forced change"),
        changes: Changes::Access,
    },
    Verb { name: "disable-account", says: "disable the account", undo: Some("enable it"), changes: Changes::Access },
    Verb {
        name: "remove-mfa-device",
        says: "remove the new second factor of",
        undo: Some("add it back"),
        changes: Changes::Access,
    },
    Verb {
        name: "remove-from-group",
        says: "take the granted membership back from",
        undo: Some("grant it again"),
        changes: Changes::Access,
    },
    Verb { name: "disable-rule", says: "disable the mailbox rule of", undo: Some("enable it"), changes: Changes::Access },
    Verb { name: "disable-access-key", says: "disable the access key of", undo: Some("enable it"), changes: Changes::Access },
    Verb { name: "isolate-host", says: "isolate the host", undo: Some("release it"), changes: Changes::Access },
    Verb { name: "quarantine-file", says: "quarantine the file", undo: Some("restore it"), changes: Changes::Access },
    Verb { name: "quarantine-message", says: "quarantine the message", undo: Some("restore it"), changes: Changes::Access },
    Verb { name: "block-address", says: "block the address", undo: Some("unblock it"), changes: Changes::Access },
    Verb { name: "block-domain", says: "block the domain", undo: Some("unblock it"), changes: Changes::Access },
    Verb { name: "open-ticket", says: "open a ticket about", undo: None, changes: Changes::Record },
    Verb {
        name: "update-ticket",
        says: "say anew what the ticket is about",
        undo: Some("say what it said"),
        changes: Changes::Record,
    },
    Verb { name: "comment-ticket", says: "comment on the ticket of", undo: None, changes: Changes::Record },
    Verb { name: "close-ticket", says: "close the ticket of", undo: Some("open it again"), changes: Changes::Record },
    Verb {
        name: "update-alert",
        says: "write back to its source how the alert was judged",
        undo: Some("write what it said"),
        changes: Changes::Record,
    },
    Verb { name: "comment-alert", says: "comment at its source on the alert of", undo: None, changes: Changes::Record },
    Verb { name: "notify-channel", says: "tell a channel about", undo: None, changes: Changes::Record },
    Verb { name: "acknowledge-report", says: "thank for the report, by letter,", undo: None, changes: Changes::Nothing },
    Verb { name: "tell-reporter", says: "tell what came of the report, by letter,", undo: None, changes: Changes::Nothing },
    Verb { name: "warn-recipient", says: "warn by letter whoever received", undo: None, changes: Changes::Nothing },
    Verb { name: "tell-person", says: "send a message to", undo: None, changes: Changes::Nothing },
];

impl Playbook {
    /// The most points that it can reach: the sum of its families' caps or of their signals.
    pub fn score_max(&self) -> i32 {
        let reach = |index: usize, family: &Family| {
            let signals = self.signals.iter().filter(|signal| usize::from(signal.family) == index);
            signals.map(|signal| signal.points).fold(0, i32::saturating_add).min(family.cap)
        };
        self.families.iter().enumerate().map(|(index, family)| reach(index, family)).fold(0, i32::saturating_add)
    }

    /// The signal called `id`.
    pub fn signal(&self, id: &str) -> Option<(u16, &Signal)> {
        let index = self.signals.iter().position(|signal| signal.id == id)?;
        Some((u16::try_from(index).ok()?, self.signals.get(index)?))
    }

    /// Every field and fact that a decision under it reads, some more than once; advice and responses read more.
    pub fn reads(&self) -> impl Iterator<Item = Slot> {
        let conditions = self.applies.iter().chain(&self.decide.never_close);
        let conditions = conditions.chain(self.signals.iter().map(|signal| &signal.when));
        let conditions = conditions.chain(self.exceptions.iter().map(|exception| &exception.when));
        conditions.flat_map(FactExpr::slots).chain(&self.needs).copied()
    }

    /// What a score of `points` without guards comes to.
    pub fn outcome_of(&self, points: i32, families: u32) -> Outcome {
        match self.decide.respond_from {
            _ if points < self.decide.close_below => Outcome::Close,
            Some(from) if points >= from && families >= self.decide.respond_families => Outcome::Respond,
            _ => Outcome::Escalate,
        }
    }
}
