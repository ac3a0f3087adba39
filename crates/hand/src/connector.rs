//! What the hand asks of a connector, and what it promises in return.
//!
//! A connector knows one vendor or protocol and nothing of plans, limits or people. Everything that could go wrong between
//! a call and its record is the hand's: it writes down what it is about to do, calls, reads back, and writes down what it
//! saw. So a connector never tries again by itself, and says *unclear* whenever it cannot know.

use crate::poll::{Page, Polls};
use crate::table::{List, Rows};
use adjutant_model::act::{Action, State, Target};
use adjutant_model::{Duration, EntityKind, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Knows one vendor or protocol.
pub trait Connector: Send + Sync {
    /// What it can do.
    fn verbs(&self) -> &[Offer];

    /// Which of the texts of a plan `verb` tells people.
    fn texts(&self, _verb: &str) -> &[&'static str] {
        &[]
    }

    /// Whether `verb` is done to each of what a name means, one step each: one message is in many mailboxes. Otherwise a name that
    /// is not of exactly one thing resolves to nothing.
    fn is_for_each(&self, _verb: &str) -> bool {
        false
    }

    /// Everything of `kind` that `name` may mean, compared without case as the vendor does. Two are enough: a name that is
    /// not of exactly one thing resolves to nothing.
    ///
    /// # Errors
    /// A [`CallError`]; never [`CallError::Unclear`], since nothing was changed.
    fn lookup(&self, kind: EntityKind, name: &str) -> Result<Vec<Found>, CallError>;

    /// The same from an answer that is at most so old, with the time of that answer. For what enriches, never for what acts.
    ///
    /// # Errors
    /// As [`Connector::lookup`]; an answer that is too old is none.
    fn recall(&self, kind: EntityKind, name: &str, _age_max: Duration) -> Result<(Vec<Found>, Time), CallError> {
        Ok((self.lookup(kind, name)?, Time(0)))
    }

    /// What it polls, if anything.
    fn polls(&self) -> Option<Polls> {
        None
    }

    /// A page of what the vendor saw since, in the order of its times: the first, or the one at `next` of the page before.
    ///
    /// # Errors
    /// A [`CallError`]; never [`CallError::Unclear`].
    fn poll(&self, _since: Time, _next: Option<&str>) -> Result<Page, CallError> {
        Err(CallError::Permanent("it polls nothing".to_owned()))
    }

    /// What it lists as a whole.
    fn lists(&self) -> Vec<List> {
        Vec::new()
    }

    /// A page of the list of this name: the first, or the one at `next` of the page before.
    ///
    /// # Errors
    /// A [`CallError`]; never [`CallError::Unclear`].
    fn list(&self, name: &str, _next: Option<&str>) -> Result<Rows, CallError> {
        Err(CallError::Permanent(format!("it has no list `{name}`")))
    }

    /// Whether there is something new to poll, waiting for it at most so long; none where the vendor does not tell.
    fn news(&self, _within: std::time::Duration) -> Option<bool> {
        None
    }

    /// How the calls to it went; none where nobody counts.
    fn condition(&self) -> Option<Condition> {
        None
    }

    /// What the action may change, as it is now: everything that undoing it restores, and nothing else.
    ///
    /// # Errors
    /// A [`CallError`]; [`CallError::Permanent`] when the target is not there any more.
    fn probe(&self, action: &Action) -> Result<State, CallError>;

    /// Whether `state` is as `action` makes it.
    fn is_done(&self, action: &Action, state: &State) -> bool;

    /// Does `action` to a target that is in the state `before`. Sent with `key` where the vendor takes a key that makes a
    /// second call the same call.
    ///
    /// # Errors
    /// A [`CallError`]: [`CallError::Unclear`] unless it is certain that nothing was changed.
    fn act(&self, action: &Action, before: &State, permit: Permit, key: &str) -> Result<(), CallError>;

    /// Restores the state `before` of a target to which `action` was done. Not the opposite of the action: what was disabled
    /// before stays disabled.
    ///
    /// # Errors
    /// As [`Connector::act`].
    fn undo(&self, action: &Action, before: &State, permit: Permit, key: &str) -> Result<(), CallError>;

    /// Says in a sentence what answers there, after a call that changes nothing.
    ///
    /// # Errors
    /// A [`CallError`].
    fn health(&self) -> Result<String, CallError>;
}

/// How the calls to a connector went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// It is left alone for a while.
    pub rests: bool,
    /// Calls in a row that failed.
    pub failures: u32,
    /// What the last of them said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub says: String,
    /// When a call succeeded last, since the hand started.
    pub last_good: Option<Time>,
    /// Calls in this hour.
    pub calls: u32,
    /// As many are allowed.
    pub calls_max: u32,
    /// All calls since the hand started, by what they were for and how they ended.
    #[serde(default)]
    pub counts: Vec<Count>,
    /// Answers that were remembered, and so not asked for.
    #[serde(default)]
    pub remembered: u64,
    /// Where its credentials stand, such as `env OKTA`; never what they are.
    #[serde(default)]
    pub credentials: Vec<String>,
}

/// Calls of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Count {
    /// `enrichment`, `action`, or `urgent`: what takes back, and what a person asks.
    pub purpose: String,
    /// `answered`, `refused`, `failed`, `unclear`, or `held`: not made, for the budget or because it rests.
    pub class: String,
    /// How many.
    pub calls: u64,
}

/// One verb of a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The verb of the book, such as `disable-account`.
    pub verb: &'static str,
    /// What it is done to.
    pub kind: EntityKind,
    /// Whether [`Connector::undo`] can restore the state before.
    pub reversible: bool,
    /// Why a second call does no more than the first.
    pub idempotency: Idempotency,
    /// Calls a minute that the vendor takes; the hand makes no more.
    pub per_minute: u32,
    /// Names in [`Action::with`] that it needs, each with the kind of thing that it names.
    pub with: &'static [(&'static str, EntityKind)],
}

/// Why a second call does no more than the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// The vendor honours the key.
    Key,
    /// The state is read back first, and the call sets a state.
    ReadBack,
    /// Doing it again is no more than doing it once, and no state shows that it was done: sessions that are ended twice are
    /// ended. [`Connector::is_done`] is always false.
    Repeat,
}

/// Something that a lookup found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// It.
    pub target: Target,
    /// Everything that it is called elsewhere: login names, addresses, security identifiers. The protected set is compared
    /// with all of them.
    pub aliases: Vec<String>,
    /// The groups that it is in, also through other groups, where the vendor says; none when that could not be read.
    pub groups: Option<Vec<String>>,
    /// What else is known of it, such as `department` or `manager`.
    pub facts: BTreeMap<String, String>,
}

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing was changed; the same call may succeed later.
    #[error("{0}; it can be tried again")]
    Retry(String),
    /// Nothing was changed, and the same call will never succeed.
    #[error("{0}")]
    Permanent(String),
    /// Nobody knows whether it was done.
    #[error("{0}; whether it was done is not known")]
    Unclear(String),
}

/// Leave for one call. Made by the hand alone, after its own check, and spent by being moved: it cannot be copied, kept or
/// sent.
///
/// ```compile_fail,E0451
/// let permit = adjutant_hand::connector::Permit { key: String::new() };
/// ```
///
/// ```compile_fail,E0599
/// fn twice(permit: adjutant_hand::connector::Permit) { let other = permit.clone(); }
/// ```
#[derive(Debug)]
pub struct Permit {
    key: String,
}

impl Permit {
    /// Leave for the call with this key.
    pub(crate) fn new(key: &str) -> Self {
        Self { key: key.to_owned() }
    }

    /// Leave for a call that a test makes.
    #[cfg(any(test, feature = "fixture"))]
    pub fn of_a_test(key: &str) -> Self {
        Self { key: key.to_owned() }
    }

    /// The key of the call.
    pub fn key(&self) -> &str {
        &self.key
    }
}
