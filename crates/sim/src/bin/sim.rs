//! Runs the simulations and writes their figures: `sim powercut --cuts N`, `sim sim --seeds N`.
//!
//! A program of its own and no part of `cargo xtask`, because the fake disk needs libclang to be built.

use adjutant_sim::powercut::{Cut, powercut};
use adjutant_sim::simulate::{Simulated, simulate};
use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "sim", about = "Simulates the service over stores that break")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Cuts the power under the real store
    Powercut {
        /// Power cuts
        #[arg(long, value_name = "N", default_value_t = 500)]
        cuts: u64,
        /// The first seed
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
        /// Also write the figures as one flat JSON object
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Lives through many worlds
    Sim {
        /// Worlds
        #[arg(long, value_name = "N", default_value_t = 2_000)]
        seeds: u64,
        /// The first seed
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
        /// Also write the figures as one flat JSON object
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let (good, figures, json) = match Arguments::parse().command {
        Command::Powercut { cuts, seed, json } => {
            let cut = powercut(cuts, seed, |_| false);
            let (good, figures) = of_cut(&cut);
            (good, figures, json)
        }
        Command::Sim { seeds, seed, json } => {
            let (good, figures) = of_simulated(&simulate(seed, seeds, |_| false));
            (good, figures, json)
        }
    };
    println!("{figures}");
    let written = json.as_deref().is_none_or(|path| write(path, &figures));
    if good && written { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn write(path: &Path, figures: &Value) -> bool {
    match std::fs::write(path, format!("{figures}\n")) {
        Ok(()) => true,
        Err(error) => {
            eprintln!("error: write `{}`: {error}", path.display());
            false
        }
    }
}

fn of_cut(cut: &Cut) -> (bool, Value) {
    cut.says.iter().for_each(|says| println!("{says}"));
    println!("{} power cuts over {} entries", cut.cuts, cut.entries);
    let figures = json!({ "cuts": cut.cuts, "lost": cut.lost, "unopenable": cut.unopenable });
    (cut.lost + cut.unopenable == 0, figures)
}

fn of_simulated(simulated: &Simulated) -> (bool, Value) {
    for violation in &simulated.violations {
        println!("seed {}: {}", violation.seed, violation.says);
    }
    let Simulated { seeds, entries, closed, sampled, told, .. } = simulated;
    println!("{seeds} worlds: {entries} entries, {closed} closed by themselves, {sampled} drawn for people, {told} told");
    let (planted, missed) = hunted();
    let violations = simulated.violations.len();
    let figures = json!({ "seeds": seeds, "violations": violations, "planted_bugs": planted, "planted_bugs_missed": missed });
    (violations == 0 && missed == 0, figures)
}

#[cfg(not(feature = "planted"))]
fn hunted() -> (usize, usize) {
    println!("built without planted bugs");
    (0, 0)
}

#[cfg(feature = "planted")]
fn hunted() -> (usize, usize) {
    // A panic of a planted bug is one way to find it.
    std::panic::set_hook(Box::new(|_| {}));
    let hunted = adjutant_sim::planted::hunt();
    let _ = std::panic::take_hook();
    for (bug, found) in &hunted {
        println!("{bug:?}: {}", found.as_deref().unwrap_or("MISSED"));
    }
    (hunted.len(), hunted.iter().filter(|(_, found)| found.is_none()).count())
}
