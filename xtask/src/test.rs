//! `cargo xtask test`: everything that must hold, in the order in which a mistake is cheapest to find.
//!
//! What needs the measuring data is skipped with a message where there is none; nothing else is ever skipped.
//! `cargo xtask prove` runs the same harnesses longer.

use crate::count::Count;
use crate::gate::{Ending, Gate};
use crate::measured::{self, Size};
use crate::{clients, fuzz, reliable, setup, sh, sim};
use anyhow::Result;
use std::process::Command;
use std::time::Duration;

/// Seconds of fuzzing in all.
const FUZZ_SECONDS: u64 = 60;

/// The one crate that has other code under a feature.
const PLANTED_LINTS: [&str; 10] =
    ["clippy", "--quiet", "--package", "adjutant-sim", "--all-targets", "--features", "planted", "--", "-D", "warnings"];

#[derive(clap::Args)]
pub struct Arguments {
    /// Run only the steps whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// `cargo xtask test`.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let mut gate = Gate::new(arguments.only.as_deref());
    gate.step("setup", || Ok(Ending::Done(prepare())));
    gate.command("format", sh::cargo(&["fmt", "--all", "--check"]));
    gate.command("lints", sh::cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]));
    gate.command("lints-planted", sh::cargo(&PLANTED_LINTS));
    gate.tests("tests", runner());
    gate.tests("doc-tests", sh::cargo(&["test", "--quiet", "--workspace", "--doc"]));
    gate.step("clients", clients::step);
    gate.command("docs", documented());
    measured::build(&mut gate);
    gate.command("book-check", measured::product(&["check"]));
    gate.tests("book-tests", measured::product(&["test"]));
    gate.step("fuzz", || fuzz::all(Duration::from_secs(FUZZ_SECONDS)).map(Ending::Done));
    sim::short(&mut gate);
    measured::all(&mut gate, Size::Short);
    reliable::all(&mut gate, Size::Short);
    Ok(gate.report())
}

fn prepare() -> Count {
    let missing = setup::ensure(setup::TESTS);
    missing.iter().for_each(|line| println!("{line}"));
    Count { passed: (setup::TESTS.len() - missing.len()) as u64, failed: missing.len() as u64 }
}

/// All tests of the workspace, with nextest where it is installed.
fn runner() -> Command {
    if sh::works("cargo", &["nextest", "--version"]) {
        sh::cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "fail"])
    } else {
        sh::cargo(&["test", "--quiet", "--workspace", "--all-targets", "--no-fail-fast"])
    }
}

/// The documentation, whose links must lead somewhere.
fn documented() -> Command {
    let mut command = sh::cargo(&["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"]);
    command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links -A rustdoc::redundant_explicit_links");
    command
}
