//! Advances one case by one input. The only door through which a case changes.
//!
//! Total: every pair of case and input yields a step or a [`Refusal`]; it never panics. Deterministic: time and chance
//! arrive in the input. A case's outcome may rise and never falls by itself: evidence that left a window does not unmake
//! what was seen. A case is closed by itself only where the ladder lets its playbook, and never when the blind sample drew it.

use crate::autonomy::{CLOSE, Ladder, Pause};
use crate::context::Touched;
use crate::correlate::Joined;
use crate::decide::{decide, decide_about};
use adjutant_model::{Alert, Autonomy, CaseId, Decision, Outcome, Revision, Time};
use adjutant_rules::Book;
use adjutant_rules::contract::Subject;
use serde::{Deserialize, Serialize};

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
    /// Whether it is worked.
    pub status: Status,
    /// The blind sample drew it: people judge it as any other.
    pub sampled: bool,
}

/// Whether a case is worked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Status {
    /// It waits for a person.
    #[default]
    Open,
    /// It was closed by itself.
    ClosedItself,
    /// A person closed it.
    ClosedByPerson,
    /// A person took it on as an incident.
    Escalated,
}

/// What a person says about a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is harmless.
    Close,
    /// It is worked again.
    Reopen,
    /// It is harmful: an incident.
    Escalate,
}

/// How far playbooks may go by themselves, and how much of that is checked by people.
#[derive(Clone, Copy, Debug)]
pub struct Leave<'a> {
    /// The ladder.
    pub ladder: &'a Ladder,
    /// Context that should have spoken and could not.
    pub touched: Touched,
    /// Chance: a number below [`DRAWS`], made from a secret, that nobody who sends alerts can foresee.
    pub draw: u32,
    /// Draws below this number are sampled.
    pub sampled_below: u32,
}

/// Draws are numbers below this: parts per million.
pub const DRAWS: u32 = 1_000_000;

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
        /// What may be done by itself.
        leave: Option<Leave<'a>>,
    },
    /// A connector answered about one of its alerts, whose row holds that now: it is decided again.
    LookedUp {
        /// The alert.
        alert: &'a Alert,
        /// What was decided about it.
        then: &'a Decision,
        /// When this is decided.
        now: Time,
        /// What may be done by itself.
        leave: Leave<'a>,
        /// Nothing else was said of the case since: no other alert joined it, and nobody took it up.
        alone: bool,
    },
    /// A person judged it.
    Judged(Verdict),
    /// Somebody who was asked said that it was not they, said nothing, or could not be asked: a person looks.
    Raised,
    /// A decision of it was wrong in the light of what is known now.
    Reconsidered(Outcome),
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
    /// The case's only alert was decided again, and this is what stands of the case now.
    Stands {
        /// Its outcome.
        outcome: Outcome,
        /// And its score.
        score: i32,
    },
    /// The case would have been closed by itself, and chance drew it for people.
    Sampled,
    /// It has this status now.
    Became(Status),
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
    /// Ask a connector about a subject of the alert.
    LookUp {
        /// The number of the contract that says whom.
        contract: u16,
        /// The number of its subject.
        subject: u16,
    },
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
    /// The case is so already.
    #[error("the case is {0} already")]
    AlreadySo(Status),
}

impl Case {
    /// A case before its first alert.
    pub const fn new(id: CaseId) -> Self {
        Self { id, revision: Revision(0), outcome: None, score: 0, status: Status::Open, sampled: false }
    }

    /// The case after `event`.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Decided(decision) => {
                self.revision = self.revision.max(decision.revision);
                self.score = self.score.max(decision.score);
            }
            Event::Rose { to, .. } => self.outcome = Some(*to),
            Event::Stands { outcome, score } => (self.outcome, self.score) = (Some(*outcome), *score),
            Event::Sampled => self.sampled = true,
            Event::Became(status) => self.status = *status,
        }
    }
}

/// Advances `case` by `input` under `book`.
///
/// # Errors
/// A [`Refusal`] when the input is not about this case, or asks for what is so already.
pub fn step(case: &Case, input: &Input<'_>, book: &Book) -> Result<Step, Refusal> {
    match input {
        Input::Joined { alert, joined, now, leave } if joined.case == case.id => {
            let decision = decide(alert, joined, book, *now, Decision::undecided(book.digest));
            let decision = decided_as_allowed(decision, alert, leave.as_ref(), book);
            let asks = look_ups(&decision, alert, leave.as_ref(), book);
            Ok(asking(joined_by(case, decision, leave.as_ref()), asks))
        }
        Input::Joined { joined, .. } => Err(Refusal::OtherCase(joined.case)),
        Input::LookedUp { alert, then, now, leave, alone } if then.case == case.id => {
            let about = (alert.id(), then.case, then.revision);
            let mut decision = decide_about(&alert.row, about, book, *now, Decision::undecided(book.digest));
            (decision.links, decision.again) = (then.links.clone(), then.again.saturating_add(1));
            let decision = decided_as_allowed(decision, alert, Some(leave), book);
            let asks = look_ups(&decision, alert, Some(leave), book);
            Ok(asking(looked_up(case, decision, leave, *alone), asks))
        }
        Input::LookedUp { then, .. } => Err(Refusal::OtherCase(then.case)),
        Input::Judged(verdict) => judged(case, *verdict),
        Input::Raised => Ok(reconsidered(case, Outcome::Escalate)),
        Input::Reconsidered(outcome) => Ok(reconsidered(case, *outcome)),
    }
}

/// The decision with the autonomy in force. Where nothing may be proposed, a person looks, whatever the score.
fn decided_as_allowed(mut decision: Decision, alert: &Alert, leave: Option<&Leave<'_>>, book: &Book) -> Decision {
    let (Some(leave), Some(playbook)) = (leave, book.playbooks.get(usize::from(decision.playbook))) else { return decision };
    let in_force = leave.ladder.in_force(playbook, CLOSE, &alert.row, book);
    // Context that broke its contract, or is too old, leaves nothing to be done by itself.
    decision.autonomy = if leave.touched.is_empty() { in_force } else { in_force.min(Autonomy::Recommend) };
    if leave.ladder.paused(&playbook.name) <= Pause::EnrichmentOnly {
        decision.outcome = decision.outcome.max(Outcome::Escalate);
    }
    decision
}

fn joined_by(case: &Case, decision: Decision, leave: Option<&Leave<'_>>) -> Step {
    let (outcome, autonomy) = (decision.outcome, decision.autonomy);
    let mut step = Step { events: vec![Event::Decided(decision)], effects: Vec::new() };
    let rises = case.outcome < Some(outcome);
    if rises {
        step.events.push(Event::Rose { from: case.outcome, to: outcome });
    }
    let highest = case.outcome.max(Some(outcome));
    let by_itself = autonomy == Autonomy::Act && highest == Some(Outcome::Close);
    match case.status {
        Status::Open if by_itself && !case.sampled => step.events.push(closed_or_sampled(leave)),
        Status::ClosedItself | Status::ClosedByPerson if rises => step.events.push(Event::Became(Status::Open)),
        Status::Open | Status::ClosedItself | Status::ClosedByPerson | Status::Escalated => {}
    }
    if rises && !matches!(step.events.last(), Some(Event::Became(Status::ClosedItself))) {
        step.effects.push(effect(case.id, outcome));
    }
    step
}

/// What is known now is added to the case. Its outcome rises by that as by any alert; it falls only where nothing else was said
/// of the case, and is then closed as the ladder lets a first decision be. Nothing is done to a case that a person took up.
fn looked_up(case: &Case, decision: Decision, leave: &Leave<'_>, alone: bool) -> Step {
    let (to, score) = (decision.outcome, decision.score);
    let is_first = alone && case.revision == decision.revision && case.status == Status::Open && !case.sampled;
    if is_first && case.outcome >= Some(to) {
        let before = Case { outcome: None, ..case.clone() };
        let mut step = joined_by(&before, decision, Some(leave));
        step.effects.clear();
        for event in &mut step.events {
            if matches!(event, Event::Rose { .. }) {
                *event = Event::Stands { outcome: to, score };
            }
        }
        return step;
    }
    let taken = matches!(case.status, Status::ClosedByPerson | Status::Escalated);
    let mut step = joined_by(&Case { sampled: true, ..case.clone() }, decision, Some(leave));
    if taken {
        step.events.retain(|event| !matches!(event, Event::Became(_)));
        step.effects.clear();
    }
    step
}

/// Who could be asked what is unknown of an alert that goes to a person. Nobody is asked about what is closed by itself, or
/// while everything is off.
fn look_ups<'b>(
    decision: &Decision,
    alert: &'b Alert,
    leave: Option<&Leave<'_>>,
    book: &'b Book,
) -> impl Iterator<Item = Effect> + use<'b> {
    let playbook = book.playbooks.get(usize::from(decision.playbook));
    let may = leave.zip(playbook).is_some_and(|(leave, playbook)| leave.ladder.paused(&playbook.name) != Pause::Off);
    let outcome = decision.outcome;
    let asked =
        book.look_ups.iter().filter(move |_| may).filter_map(|number| Some((*number, book.contracts.get(usize::from(*number))?)));
    let asked = asked.filter(move |(_, contract)| contract.lookup().is_some_and(|lookup| lookup.outcome <= outcome));
    asked.flat_map(move |(contract, of)| {
        let is_unknown = |subject: &&Subject| subject.slots.iter().any(|slot| !alert.row.value(*slot).is_known());
        let unknown = (0_u16..).zip(&of.subjects).filter(move |(_, subject)| is_unknown(subject));
        unknown.map(move |(subject, _)| Effect::LookUp { contract, subject })
    })
}

fn asking(mut step: Step, asks: impl Iterator<Item = Effect>) -> Step {
    if !step.events.contains(&Event::Became(Status::ClosedItself)) {
        step.effects.extend(asks);
    }
    step
}

fn closed_or_sampled(leave: Option<&Leave<'_>>) -> Event {
    match leave {
        Some(leave) if leave.draw < leave.sampled_below => Event::Sampled,
        _ => Event::Became(Status::ClosedItself),
    }
}

const fn effect(case: CaseId, outcome: Outcome) -> Effect {
    match outcome {
        Outcome::Close => Effect::ProposeClose(case),
        Outcome::Escalate => Effect::Escalate(case),
        Outcome::Respond => Effect::ProposeResponse(case),
    }
}

fn judged(case: &Case, verdict: Verdict) -> Result<Step, Refusal> {
    let status = match verdict {
        Verdict::Close => Status::ClosedByPerson,
        Verdict::Reopen => Status::Open,
        Verdict::Escalate => Status::Escalated,
    };
    if case.status == status {
        return Err(Refusal::AlreadySo(status));
    }
    Ok(Step { events: vec![Event::Became(status)], effects: Vec::new() })
}

/// What is known now makes more of the case than was decided, or less: a closed case is looked at again either way, and its
/// outcome only rises.
fn reconsidered(case: &Case, outcome: Outcome) -> Step {
    let mut step = Step::default();
    if case.outcome < Some(outcome) {
        step.events.push(Event::Rose { from: case.outcome, to: outcome });
    }
    if matches!(case.status, Status::ClosedItself | Status::ClosedByPerson) {
        step.events.push(Event::Became(Status::Open));
    }
    step.effects.push(effect(case.id, outcome.max(Outcome::Escalate)));
    step
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Status::Open => "open",
            Status::ClosedItself => "closed-itself",
            Status::ClosedByPerson => "closed-by-person",
            Status::Escalated => "escalated",
        })
    }
}

impl Status {
    /// The status with code `code`, as stored.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Status::Open),
            1 => Some(Status::ClosedItself),
            2 => Some(Status::ClosedByPerson),
            3 => Some(Status::Escalated),
            _ => None,
        }
    }
}
