//! May this be done? Asked when a plan is made, and again by the hand before each act, of its own guardrails and its own counts.
//!
//! INVARIANT: an error, an unknown fact or an expired fact never widens what is allowed.

use crate::autonomy::Pause;
use adjutant_model::act::{Action, Ruling, Target};
use adjutant_model::{Autonomy, EntityKind, Time};
use std::collections::BTreeMap;

/// What an action is about to be done to, as the hand just read it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// It.
    pub target: &'a Target,
    /// Everything that it is called elsewhere.
    pub aliases: &'a [String],
    /// The groups that it is in, also through other groups; none when that could not be read.
    pub groups: Option<&'a [String]>,
    /// What else is known of it.
    pub facts: &'a BTreeMap<String, String>,
}

/// Who wants it.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// A playbook by itself, up to this rung.
    Playbook(&'a str, Autonomy),
    /// A person with these roles.
    Person(&'a str, &'a [String]),
}

/// What the guard is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What would be done.
    pub action: &'a Action,
    /// To what.
    pub subject: Subject<'a>,
    /// Who wants it.
    pub by: By<'a>,
    /// It takes an earlier action back.
    pub undo: bool,
    /// Now.
    pub now: Time,
}

/// What was done lately, by the hand's own records.
pub trait Spent {
    /// How many different targets got `verb` since; of all verbs when none.
    fn count(&self, verb: Option<&str>, since: Time) -> u64;
    /// How many things of a kind there are; none when nobody counted.
    fn population(&self, kind: EntityKind) -> Option<u64>;
    /// What is switched off.
    fn pause(&self, playbook: &str) -> Pause;
}

/// Rules on what is asked.
pub type Rule = fn(&Asked<'_>, &dyn Spent) -> Ruling;
