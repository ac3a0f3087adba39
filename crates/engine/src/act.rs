//! The life of an action: which stage follows which, in one table. Whatever the table does not have cannot happen.

use adjutant_model::Stage;
use std::fmt;

/// What can happen to an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happened {
    /// The guard refused it.
    Refused,
    /// Somebody denied it.
    Denied,
    /// Its time ran out before anybody answered, or before it was begun.
    Expired,
    /// Enough people approved it, or none need to.
    Approved,
    /// A step before it was not done.
    Cancelled,
    /// A step before it was not done, and people are to say whether it goes on.
    Held,
    /// It was written down that it is about to be done.
    Intended,
    /// The target is as the action makes it, and nothing was called.
    SeenSo,
    /// The target is as the action makes it, after a call.
    SeenDone,
    /// It is certain that nothing was changed.
    Failed,
    /// The process ended right after the intent, and it is certain that nothing was changed: it is ruled on and begun again.
    Unbegun,
    /// There was no answer that says what became of it.
    Lost,
    /// Nobody could find out in time.
    GaveUp,
    /// It was written down that it is about to be taken back.
    UndoIntended,
    /// The target is as it was before the action.
    Restored,
    /// The target is neither as it was before nor as the action left it.
    Changed,
}

use Happened as H;
use Stage as S;

/// Stage, what happens, and the stage after. In the order of a life.
pub const TABLE: [(Stage, Happened, Stage); 36] = [
    (S::Planned, H::Refused, S::Refused),
    (S::Planned, H::Denied, S::Denied),
    (S::Planned, H::Expired, S::Expired),
    (S::Planned, H::Cancelled, S::Cancelled),
    (S::Planned, H::Approved, S::Approved),
    (S::Approved, H::Refused, S::Refused),
    (S::Approved, H::Expired, S::Expired),
    (S::Approved, H::Cancelled, S::Cancelled),
    (S::Approved, H::Held, S::Planned),
    (S::Approved, H::Failed, S::Failed),
    (S::Approved, H::SeenSo, S::AlreadySo),
    (S::Approved, H::Intended, S::Intended),
    (S::Intended, H::SeenDone, S::Done),
    (S::Intended, H::Failed, S::Failed),
    (S::Intended, H::Unbegun, S::Approved),
    (S::Intended, H::Lost, S::Unclear),
    (S::Unclear, H::SeenDone, S::Done),
    (S::Unclear, H::Failed, S::Failed),
    (S::Unclear, H::GaveUp, S::Stuck),
    (S::Done, H::UndoIntended, S::Undoing),
    (S::Done, H::Restored, S::Undone),
    (S::Done, H::Changed, S::Drifted),
    (S::Done, H::GaveUp, S::Stuck),
    (S::Undoing, H::Restored, S::Undone),
    (S::Undoing, H::Changed, S::Drifted),
    (S::Undoing, H::Failed, S::Stuck),
    (S::Undoing, H::GaveUp, S::Stuck),
    (S::Drifted, H::SeenDone, S::Done),
    (S::Drifted, H::Restored, S::Undone),
    (S::Drifted, H::Changed, S::Drifted),
    (S::Stuck, H::SeenDone, S::Done),
    (S::Stuck, H::Failed, S::Failed),
    (S::Stuck, H::Restored, S::Undone),
    (S::Stuck, H::Changed, S::Drifted),
    (S::Stuck, H::UndoIntended, S::Undoing),
    (S::Stuck, H::GaveUp, S::Stuck),
];

/// The stage after; none when that cannot happen.
pub fn next(stage: Stage, happened: Happened) -> Option<Stage> {
    TABLE.iter().find(|(from, what, _)| *from == stage && *what == happened).map(|(_, _, to)| *to)
}

/// Whether nothing more happens by itself: what is left waits for a person, if for anybody.
pub const fn is_at_rest(stage: Stage) -> bool {
    !matches!(stage, S::Approved | S::Intended | S::Unclear | S::Undoing)
}

/// The table as Markdown, for the documentation.
pub fn markdown() -> String {
    let head = "| stage | what happens | stage after |\n|---|---|---|\n".to_owned();
    TABLE.iter().fold(head, |text, (from, what, to)| text + &format!("| {from} | {what} | {to} |\n"))
}

impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            H::Refused => "the guard refuses",
            H::Denied => "somebody denies it",
            H::Expired => "its time runs out",
            H::Approved => "enough people approve, or none need to",
            H::Cancelled => "a step before it was not done",
            H::Held => "a step before it was not done, and people are asked once more",
            H::Intended => "its intent is durable",
            H::SeenSo => "the target is so already",
            H::SeenDone => "read back: done",
            H::Failed => "certainly nothing changed",
            H::Unbegun => "read back after a crash: not begun",
            H::Lost => "no clear answer",
            H::GaveUp => "nobody could find out in time",
            H::UndoIntended => "the intent to undo is durable",
            H::Restored => "read back: as before",
            H::Changed => "read back: changed by somebody else",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Stages that an action can get to from `from`.
    fn reachable(from: Stage) -> HashSet<Stage> {
        let mut seen = HashSet::from([from]);
        while let Some((_, _, to)) = TABLE.iter().find(|(from, _, to)| seen.contains(from) && !seen.contains(to)) {
            seen.insert(*to);
        }
        seen
    }

    #[test]
    fn one_stage_and_event_have_one_outcome_and_every_stage_can_be_reached() {
        let pairs: HashSet<_> = TABLE.iter().map(|(from, what, _)| (*from, *what)).collect();
        assert_eq!(pairs.len(), TABLE.len());
        assert_eq!(reachable(Stage::Planned).len(), Stage::ALL.len());
    }

    #[test]
    fn nothing_is_done_without_an_intent_and_an_approval_before() {
        for (from, _, to) in TABLE {
            match to {
                Stage::Done => assert!(matches!(from, S::Intended | S::Unclear | S::Stuck | S::Drifted), "{from}"),
                Stage::Intended => assert_eq!(from, S::Approved),
                Stage::Approved => assert!(matches!(from, S::Planned | S::Intended), "{from}"),
                _ => {}
            }
        }
        for end in [S::Refused, S::Denied, S::Expired, S::Cancelled, S::Failed, S::AlreadySo, S::Undone] {
            assert_eq!(reachable(end).len(), 1, "{end} is an end");
        }
    }

    #[test]
    fn the_documentation_has_the_table() {
        let page = include_str!("../../../docs/operate/response.md");
        assert!(page.contains(&markdown()), "docs/operate/response.md needs this:\n{}", markdown());
    }

    #[test]
    fn a_stage_that_is_not_at_rest_can_always_come_to_rest() {
        for stage in S::ALL.into_iter().filter(|stage| !is_at_rest(*stage)) {
            assert!(reachable(stage).into_iter().any(is_at_rest), "{stage}");
        }
    }
}
