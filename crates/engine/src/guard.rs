//! May this be done? Asked when a plan is made, and again by the hand before each act, of its own guardrails and its own counts.
//!
//! Every clause says how much it leaves: run, ask, refuse. The answer is the least of them, and names each clause that says so.
//! [`clauses`] are built in and no file switches them off.
//!
//! INVARIANT: an error, an unknown fact or an expired fact never widens what is allowed.

mod clauses;
mod policy;

use crate::autonomy::Pause;
use adjutant_model::act::{Action, Answer, Clause, Need, Ruling, Target};
use adjutant_model::{Autonomy, EntityKind, Time};
use adjutant_rules::guardrails::Guardrails;
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
    /// How many different targets got `verb` since; of all verbs that do not only tell when none.
    fn count(&self, verb: Option<&str>, since: Time) -> u64;
    /// How many things of a kind there are; none when nobody counted.
    fn population(&self, kind: EntityKind) -> Option<u64>;
    /// What is switched off.
    fn pause(&self, playbook: &str) -> Pause;
}

/// Rules on what is asked.
///
/// Total and deterministic: it reads nothing but its arguments. The strictest clause decides; a refusal names every clause that
/// refuses, and who must approve is said only where people are asked.
///
/// Taking something back narrows what this product did. So an undo is held by no limit, freeze, pause or protected set: whoever
/// was protected after the act, or is the sixth of ten minutes, must get back what was taken. It still needs one target, which is
/// the one that the act had. It counts for nobody's limit.
pub fn rule(asked: &Asked<'_>, guardrails: &Guardrails, spent: &dyn Spent) -> Ruling {
    let mut found = Found::default();
    clauses::one_target(asked, &mut found);
    if asked.undo {
        found.says(Answer::Run, "undo", || "it takes back what was done before".into());
        return found.ruling(&[]);
    }
    clauses::pause(asked, spent, &mut found);
    clauses::asks(asked, &mut found);
    clauses::protected(asked, &guardrails.protected, &mut found);
    clauses::facts(asked, &guardrails.protected, &mut found);
    clauses::limits(asked, &guardrails.limits, spent, &mut found);
    clauses::freezes(asked, &guardrails.freezes, &mut found);
    policy::policies(asked, guardrails.policies.as_ref(), &mut found);
    let needs = clauses::approvals(asked, &guardrails.approvals, &mut found);
    found.ruling(&needs)
}

/// What the clauses said so far.
#[derive(Default)]
struct Found(Vec<(Answer, Clause)>);

impl Found {
    fn says(&mut self, leaves: Answer, name: impl Into<String>, says: impl FnOnce() -> String) {
        // What another clause already goes below is not told: its words would not be read.
        if self.0.iter().all(|(answer, _)| leaves <= *answer) {
            self.0.push((leaves, Clause { name: name.into(), says: says() }));
        }
    }

    /// The least that any clause leaves, with each clause that leaves no more.
    fn ruling(self, needs: &[Need]) -> Ruling {
        let answer = self.0.iter().map(|(answer, _)| *answer).min().unwrap_or(Answer::Refuse);
        let clauses = self.0.into_iter().filter(|(leaves, _)| *leaves == answer).map(|(_, clause)| clause).collect();
        let approvals = if answer == Answer::Ask { needs.to_vec() } else { Vec::new() };
        Ruling { answer, clauses, approvals }
    }
}

#[cfg(test)]
mod tests;
