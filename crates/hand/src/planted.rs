//! Bugs that the tests of this crate plant, one at a time, to prove that they would find them. In no other build.

use std::cell::Cell;

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// After a lost answer it is called again.
    CalledAgain,
    /// Whoever asked for a plan may approve it.
    OwnApproval,
    /// The intent is written after the call.
    IntentAfterAct,
    /// A signature counts as often as it is sent.
    SpentTwice,
    /// What was approved before a restore counts after it.
    EpochIgnored,
    /// An approval after the plan's time counts.
    LateApproval,
    /// A revoked key counts.
    RevokedCounts,
    /// Whoever has the name now is taken for who was approved.
    FoundByName,
    /// Undoing does the opposite of the action.
    UndoOpposite,
    /// A pause is forgotten when the process ends.
    PauseForgotten,
    /// The guard is not asked again before the act.
    RuledOnce,
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Plants a bug on this thread.
pub(crate) fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether `bug` is planted on this thread.
pub(crate) fn is(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}
