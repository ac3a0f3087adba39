//! Bugs that tests plant, one at a time, to prove that the harnesses find them.
//!
//! Compiled with the feature `planted` alone, which nothing turns on but the simulation's own runs. A harness that misses one
//! of these would miss the like of it.

use std::sync::atomic::{AtomicU8, Ordering};

static PLANTED: AtomicU8 = AtomicU8::new(0);

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// The store does not sync.
    NothingSynced = 1,
    /// Answers go out before the commit that holds them.
    AnsweredBeforeCommit,
    /// What is to be told is not written.
    OutboxForgotten,
    /// What was accepted is not remembered as known.
    KeyNotRecorded,
    /// The case's row is not written.
    CaseNotWritten,
    /// The leaf is the hash of something else.
    WrongLeaf,
    /// A restart does not feed verdicts to memory.
    VerdictsNotReplayed,
    /// A case that the blind sample drew is closed all the same.
    SampledClosed,
    /// A restart forgets what was paused.
    PauseForgotten,
    /// A full disk counts as a success.
    FullIsSuccess,
    /// A snapshot of memory from before counts as one from now.
    OldMemory,
    /// What one person asked for is enough.
    OnePersonRaises,
    /// A log that another process left counts as durable.
    LogTrusted,
    /// Answers go out before the log is synced.
    NotSettled,
    /// Keys leave memory without having been written into their tree.
    KeysSwept,
    /// A tree claims what came after the hand began its round.
    RoundTooLate,
}

/// All of them.
pub const ALL: [Bug; 16] = [
    Bug::NothingSynced,
    Bug::AnsweredBeforeCommit,
    Bug::OutboxForgotten,
    Bug::KeyNotRecorded,
    Bug::CaseNotWritten,
    Bug::WrongLeaf,
    Bug::VerdictsNotReplayed,
    Bug::SampledClosed,
    Bug::PauseForgotten,
    Bug::FullIsSuccess,
    Bug::OldMemory,
    Bug::OnePersonRaises,
    Bug::LogTrusted,
    Bug::NotSettled,
    Bug::KeysSwept,
    Bug::RoundTooLate,
];

/// Plants `bug` in this process, or takes out what was planted.
pub fn plant(bug: Option<Bug>) {
    PLANTED.store(bug.map_or(0, |bug| bug as u8), Ordering::SeqCst);
}

/// Whether `bug` is planted.
pub fn is(bug: Bug) -> bool {
    PLANTED.load(Ordering::SeqCst) == bug as u8
}
