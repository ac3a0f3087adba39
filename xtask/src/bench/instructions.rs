//! Instructions of short pieces of work, counted by valgrind: the same on a noisy machine, so that a regression shows.
//!
//! The piece is run few and many times; the difference leaves out start and end.

use crate::figures::thousands;
use crate::{setup, sh};
use anyhow::{Context as _, Result, ensure};

/// Repetitions of the short and of the long run.
const FEW: u64 = 10;
const MANY: u64 = 110;

/// `cargo xtask bench --instructions`.
pub fn run() -> Result<bool> {
    let missing = setup::ensure(setup::VALGRIND);
    ensure!(missing.is_empty(), "{}", missing.join("\n"));
    let build = sh::cargo(&["build", "--quiet", "--release", "--package", "xtask", "--bin", "allocations"]);
    let (built, text) = sh::captured(build, "bench-build")?;
    ensure!(built, "the program that is counted does not build:\n{text}");
    let per_step = (counted(MANY)? - counted(FEW)?) / (MANY - FEW);
    println!("step_instructions  {}", thousands(per_step as i64));
    Ok(true)
}

fn counted(steps: u64) -> Result<u64> {
    let program = sh::target().join("release/allocations");
    let out = format!("--callgrind-out-file={}", sh::target().join("xtask/callgrind.out").display());
    let steps = steps.to_string();
    let command = sh::program("valgrind", &["--tool=callgrind", &out, &program.to_string_lossy(), &steps]);
    let (ran, text) = sh::captured(command, "callgrind")?;
    ensure!(ran, "valgrind failed:\n{text}");
    let line = text.lines().find_map(|line| line.split_once("Collected :")).context("valgrind says how much it collected")?;
    line.1.trim().parse().context("a number of instructions")
}
