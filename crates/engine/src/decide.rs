//! Decides: which playbook, its score, and what follows from it.
//!
//! INVARIANT: an unknown fact never closes. A close needs a low score, every fact that the playbook
//! needs, and a `never_close` that is known to be false.

use crate::correlate::Joined;
use crate::score::{Score, exception, score};
use adjutant_model::decision::Guard;
use adjutant_model::{Alert, AlertId, CaseId, Decision, Outcome, Revision, Row, Slot, Time};
use adjutant_rules::Book;
use adjutant_rules::lang::{Judging, Truth};
use adjutant_rules::playbook::{Effect, Playbook};

/// The number of the playbook that applies: the first whose `applies` is true, else the generic one.
fn playbook<'r>(book: &'r Book, judging: &mut Judging<'r>) -> u16 {
    let mut applies =
        |playbook: &'r Playbook| playbook.applies.as_ref().is_some_and(|applies| judging.truth(applies) == Truth::True);
    book.playbooks.iter().position(&mut applies).map_or(book.generic, |index| index as u16)
}

/// Decides about one alert whose facts are in its row. Exceptions are judged at the alert's own time.
/// `spare` is a decision that is not needed any more, for its memory.
pub fn decide(alert: &Alert, joined: &Joined, book: &Book, now: Time, spare: Decision) -> Decision {
    let mut decision = decide_about(&alert.row, (alert.id(), joined.case, joined.revision), book, now, spare);
    decision.links.clone_from(&joined.links);
    decision
}

/// Decides about a row as the alert of this name, which made this revision of this case.
pub(crate) fn decide_about(
    row: &Row,
    (alert, case, revision): (AlertId, CaseId, Revision),
    book: &Book,
    now: Time,
    spare: Decision,
) -> Decision {
    let judging = &mut Judging::new(row);
    let playbook = playbook(book, judging);
    let mut decision = Decision { alert, case, revision, playbook, ..spare.undone(book.digest) };
    if let Some(playbook) = book.playbooks.get(usize::from(playbook)) {
        judge_with(playbook, row, judging, now, &mut decision);
    }
    decision
}

/// Fills in what `playbook` says about `row`.
pub fn judge(playbook: &Playbook, row: &Row, now: Time, decision: &mut Decision) {
    judge_with(playbook, row, &mut Judging::new(row), now, decision);
}

pub(crate) fn judge_with<'r>(
    playbook: &'r Playbook,
    row: &'r Row,
    judging: &mut Judging<'r>,
    now: Time,
    decision: &mut Decision,
) {
    let memory = (std::mem::take(&mut decision.reasons), std::mem::take(&mut decision.caps));
    let score = score(playbook, judging, now, memory);
    decision.guards.clear();
    if score.points < playbook.decide.close_below {
        guards(playbook, row, judging, &mut decision.guards);
    }
    decision.held_by = exception(playbook, judging, now, |effect| matches!(effect, Effect::Hold(_)));
    conclude(playbook, score, decision);
}

/// What follows from a score, once it is known what stands in the way of closing.
pub(crate) fn conclude(playbook: &Playbook, score: Score, decision: &mut Decision) {
    decision.outcome = outcome(playbook, &score, &decision.guards);
    decision.score = score.points;
    decision.reasons = score.reasons;
    decision.caps = score.caps;
}

fn outcome(playbook: &Playbook, score: &Score, guards: &[Guard]) -> Outcome {
    let decide = &playbook.decide;
    if score.points < decide.close_below && guards.is_empty() {
        return Outcome::Close;
    }
    match decide.respond_from {
        Some(from) if score.points >= from && score.families >= decide.respond_families => Outcome::Respond,
        _ => Outcome::Escalate,
    }
}

/// Adds what stands in the way of closing, however low the score.
pub(crate) fn guards<'r>(playbook: &'r Playbook, row: &Row, judging: &mut Judging<'r>, guards: &mut Vec<Guard>) {
    guards.extend(playbook.decide.never_close.as_ref().and_then(|never| match judging.truth(never) {
        Truth::True => Some(Guard::NeverClose),
        Truth::Unknown(_) => Some(Guard::NeverCloseUnknown),
        Truth::False => None,
    }));
    let missing = |slot: &&Slot| !row.value(**slot).is_known();
    guards.extend(playbook.needs.iter().filter(missing).map(|slot| Guard::NeedUnknown(*slot)));
}
