//! What a decision would have done: the steps of its playbook's response that its score and facts ask for.
//!
//! Names only. Who they are is for the hand to say, from our own directory: an alert's text can look something up, and
//! never becomes a target.

use adjutant_model::{Autonomy, Decision, Duration, EntityKind, Role, Row, Value};
use adjutant_rules::Book;
use adjutant_rules::lang::Truth;
use adjutant_rules::playbook::{ASK, After, Asking, CASE, Effect, Playbook, Response};

use crate::autonomy::Ladder;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The verb.
    pub verb: &'static str,
    /// What kind of thing it is done to.
    pub kind: EntityKind,
    /// What the alert calls it; none where the alert names nobody, or it is the case.
    pub name: Option<String>,
    /// What takes it back, in words.
    pub undo: Option<&'static str>,
    /// It is taken back by itself after so long.
    pub lasts: Option<Duration>,
}

/// What somebody answered who was asked about a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The question's name in the book.
    pub question: &'a str,
    /// The role of whom it is about in the decision's alert.
    pub of: &'a str,
    /// The name of the answer.
    pub choice: &'a str,
}

/// The steps that are due at once, in the playbook's order: least blast radius first. A condition that cannot be told is not met.
pub fn due<'p>(playbook: &'p Playbook, decision: &'p Decision, row: &'p Row) -> impl Iterator<Item = &'p Response> {
    met(playbook, decision, row).filter(|response| response.after.is_none())
}

/// The steps that waited for this answer, in the playbook's order, under the same conditions.
pub fn after<'p>(
    playbook: &'p Playbook,
    decision: &'p Decision,
    row: &'p Row,
    answer: Answer<'p>,
) -> impl Iterator<Item = &'p Response> {
    let waited = move |response: &&Response| {
        let chosen = |after: &After| after.question == answer.question && after.choices.iter().any(|one| one == answer.choice);
        (response.target == answer.of || response.target == CASE) && response.after.as_ref().is_some_and(chosen)
    };
    met(playbook, decision, row).filter(waited)
}

fn met<'p>(playbook: &'p Playbook, decision: &'p Decision, row: &'p Row) -> impl Iterator<Item = &'p Response> {
    let met = |response: &&Response| response.when.as_ref().is_none_or(|when| when.truth(row) == Truth::True);
    playbook.respond.iter().filter(met).filter(|response| decision.score >= response.score_from)
}

/// These steps, with whom or what the alert names for each.
pub fn wishes<'p>(steps: impl Iterator<Item = &'p Response>, row: &Row) -> Vec<Wish> {
    let wish = |response: &Response| {
        let role = Role::ALL.into_iter().find(|role| role.name() == response.target);
        let kind = if response.target == CASE { EntityKind::Case } else { role.map_or(EntityKind::User, Role::kind) };
        Wish {
            verb: response.verb.name,
            kind,
            name: named(&response.target, row),
            undo: response.verb.undo,
            lasts: response.lasts,
        }
    };
    steps.map(wish).collect()
}

/// Whose approval an exception of the playbook asks for before anything is done, as a role of approvers.
pub fn held_for(playbook: &Playbook, decision: &Decision) -> Option<String> {
    let exception = playbook.exceptions.get(usize::from(decision.held_by?))?;
    match &exception.effect {
        Effect::Hold(owner) => Some(format!("owner:{owner}")),
        Effect::Mute(_) => None,
    }
}

/// The questions that the playbook would have asked, under the same conditions as its steps.
pub fn asks<'p>(playbook: &'p Playbook, decision: &'p Decision, row: &'p Row) -> impl Iterator<Item = &'p Asking> {
    let met = |asking: &&Asking| asking.when.as_ref().is_none_or(|when| when.truth(row) == Truth::True);
    playbook.asks.iter().filter(met).filter(|asking| decision.score >= asking.score_from)
}

/// Whether the playbook may ask people by itself.
pub fn asks_alone(ladder: &Ladder, (book, playbook): (&Book, &Playbook), row: &Row) -> bool {
    ladder.in_force(playbook, ASK, row, book) == Autonomy::Act
}

/// The least of how far the playbook may go with each of the verbs of these steps.
pub fn autonomy<'p>(
    ladder: &Ladder,
    (book, playbook): (&Book, &Playbook),
    steps: impl Iterator<Item = &'p Response>,
    row: &Row,
) -> Autonomy {
    steps.map(|response| ladder.in_force(playbook, response.verb.name, row, book)).min().unwrap_or_default()
}

/// What plays the role called `role` in the alert, as its tool spelled it.
pub fn named(role: &str, row: &Row) -> Option<String> {
    let role = Role::ALL.iter().find(|known| known.name() == role)?;
    role.fields().iter().find_map(|slot| match row.value(*slot) {
        Value::Addr(addr) => Some(addr.to_string()),
        _ => row.texts(*slot).next().map(str::to_owned),
    })
}
