//! What is measured on every change, each by the release build and against its bars.
//!
//! `test` measures in short and `prove` in full. Shorter in `test` are only three: the generated company has
//! [`USERS_SHORT`] people instead of ten thousand, under one seed instead of three; the stream is
//! [`STREAM_MB_SHORT`] MB long instead of [`STREAM_MB_FULL`]; and the guard is asked [`TRIALS_SHORT`] times
//! instead of [`TRIALS_FULL`]. The labelled data is measured whole in both.

use crate::gate::{Ending, Gate};
use crate::{data, sh};
use std::path::Path;
use std::process::Command;

/// Accounts of the generated company in `test`.
const USERS_SHORT: u32 = 2_500;
/// Accounts of the generated company in `prove`.
const USERS_FULL: u32 = 10_000;
/// Length of the stream in `test`.
const STREAM_MB_SHORT: u64 = 240;
/// Length of the stream in `prove`.
const STREAM_MB_FULL: u64 = 5 * 1024;

/// Requests to the guard in `test`.
const TRIALS_SHORT: u64 = 50_000;
/// Requests to the guard in `prove`.
const TRIALS_FULL: u64 = 1_000_000;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// What fits into minutes.
    Short,
    /// Everything.
    Full,
}

/// The names of the steps that need the release build.
const STEPS: [&str; 11] = [
    "flood",
    "guard-diff",
    "protected",
    "book-check",
    "book-tests",
    "stream",
    "logins-1",
    "accuracy",
    "rules",
    "ait",
    "measuring",
];

/// Builds what ships and what measures, as they are released.
pub fn build(gate: &mut Gate<'_>) {
    gate.before(&STEPS, "release-build", sh::cargo(&sh::RELEASE));
}

/// The release build of `adjutant`.
pub fn product(arguments: &[&str]) -> Command {
    sh::program(&sh::target().join("release/adjutant").to_string_lossy(), arguments)
}

/// The release build of this program.
fn measuring(arguments: &[&str]) -> Command {
    sh::program(&sh::target().join("release/xtask").to_string_lossy(), arguments)
}

/// Measures everything.
pub fn all(gate: &mut Gate<'_>, size: Size) {
    let (megabytes, users, seeds, trials) = match size {
        Size::Short => (STREAM_MB_SHORT, USERS_SHORT, 1..=1, TRIALS_SHORT),
        Size::Full => (STREAM_MB_FULL, USERS_FULL, 1..=3, TRIALS_FULL),
    };
    for name in ["guard-diff", "protected"] {
        gate.command(name, measuring(&[name, "--trials", &trials.to_string()]));
    }
    gate.command("stream", measuring(&["stream", "--megabytes", &megabytes.to_string()]));
    for seed in seeds {
        let arguments = ["quality", "logins", "--seed", &seed.to_string(), "--users", &users.to_string()];
        gate.command(&format!("logins-{seed}"), measuring(&arguments));
    }
    match data::find() {
        Ok(Some(dir)) => labelled(gate, &dir.join("alerts")),
        Ok(None) => gate.step("measuring", || Ok(Ending::Skipped(data::MISSING.into()))),
        Err(error) => gate.step("measuring", || Err(error)),
    }
}

/// What real records are measured for.
fn labelled(gate: &mut Gate<'_>, alerts: &Path) {
    let alerts = alerts.to_string_lossy();
    gate.command("accuracy", measuring(&["accuracy", &alerts]));
    gate.command("rules", measuring(&["quality", "rules", &alerts]));
    gate.command("ait", measuring(&["quality", "ait", &alerts]));
}
