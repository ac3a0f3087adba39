//! `cargo xtask powercut` and `cargo xtask sim`: the service over stores that break, in a program of its own.
//!
//! That program is built only when it is asked for: the fake disk under SQLite needs libclang, which a first
//! `cargo xtask setup` must not. It is built with planted bugs, so that each run also shows that it finds some.

use crate::gate::Gate;
use crate::sh;
use anyhow::{Result, ensure};
use std::path::PathBuf;
use std::process::Command;

/// How the program is built: as what ships, with what tests plant.
const BUILD: [&str; 9] = ["build", "--quiet", "--release", "--package", "adjutant-sim", "--features", "planted", "--bin", "sim"];

/// The names of the steps that need the program.
const STEPS: [&str; 2] = ["powercut", "sim"];

#[derive(clap::Args)]
pub struct Powercut {
    /// Power cuts
    #[arg(long, value_name = "N", default_value_t = CUTS_SHORT)]
    cuts: u64,
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(clap::Args)]
pub struct Sim {
    /// Worlds
    #[arg(long, value_name = "N", default_value_t = SEEDS_SHORT)]
    seeds: u64,
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Power cuts in `test`.
const CUTS_SHORT: u64 = 500;
/// Worlds in `test`.
const SEEDS_SHORT: u64 = 2_000;
/// Power cuts in `prove`.
const CUTS_FULL: u64 = 5_000;
/// Worlds in `prove`.
const SEEDS_FULL: u64 = 100_000;

/// `cargo xtask powercut`; false when something was lost.
pub fn powercut(arguments: &Powercut) -> Result<bool> {
    run("powercut", &["--cuts", &arguments.cuts.to_string()], arguments.json.as_ref())
}

/// `cargo xtask sim`; false when a rule did not hold, or a planted bug was missed.
pub fn sim(arguments: &Sim) -> Result<bool> {
    run("sim", &["--seeds", &arguments.seeds.to_string()], arguments.json.as_ref())
}

fn run(name: &str, numbers: &[&str], json: Option<&PathBuf>) -> Result<bool> {
    let (built, text) = sh::captured(sh::cargo(&BUILD), "sim-build")?;
    ensure!(built, "the simulation does not build:\n{text}");
    let mut command = program(&[&[name], numbers].concat());
    if let Some(path) = json {
        command.arg("--json").arg(std::path::absolute(path)?);
    }
    Ok(command.status()?.success())
}

fn program(arguments: &[&str]) -> Command {
    sh::program(&sh::target().join("release/sim").to_string_lossy(), arguments)
}

/// The steps of `test`.
pub fn short(gate: &mut Gate<'_>) {
    steps(gate, CUTS_SHORT, SEEDS_SHORT);
}

/// The steps of `prove`.
pub fn full(gate: &mut Gate<'_>) {
    steps(gate, CUTS_FULL, SEEDS_FULL);
}

fn steps(gate: &mut Gate<'_>, cuts: u64, seeds: u64) {
    gate.before(&STEPS, "sim-build", sh::cargo(&BUILD));
    gate.command("powercut", program(&["powercut", "--cuts", &cuts.to_string()]));
    gate.command("sim", program(&["sim", "--seeds", &seeds.to_string()]));
}
