//! `cargo xtask`: sets up, tests, proves and measures Adjutant. One file per command.
//!
//! Everything here drives the product from outside or measures it; nothing of it ships.
#![expect(
    clippy::disallowed_methods,
    reason = "sets up and measures: it reads the environment and the clock, and decides nothing"
)]
#![expect(unreachable_pub, reason = "one binary: `pub` means for other files")]

mod accuracy;
mod acting;
mod approvals;
mod authz;
mod bench;
mod clients;
mod contract;
mod count;
mod crash;
mod data;
mod dice;
mod figures;
mod flood;
mod full;
mod fuzz;
mod gate;
mod guard;
mod hostile;
mod live;
mod measured;
mod pause;
mod prove;
mod quality;
mod reliable;
mod setup;
mod sh;
mod sim;
mod ssrf;
mod stream;
mod tamper;
mod test;
mod together;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Sets up, tests, proves and measures Adjutant")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what the tests need, or says exactly what is missing
    Setup,
    /// Runs everything that must hold, in at most 20 minutes on two cores beside the cold build
    Test(test::Arguments),
    /// Runs the same harnesses for hours
    Prove(prove::Arguments),
    /// Feeds the parsers and the compiler inputs that coverage guides
    Fuzz(fuzz::Arguments),
    /// Measures speed and memory beside a reference written by hand
    Bench(bench::Arguments),
    /// Sends a long stream of alerts through `triage -`: memory stays flat, and the counts add up
    Stream(stream::Arguments),
    /// Kills the service again and again: what was acknowledged is there, once, and the ledger is whole
    Crash(crash::Arguments),
    /// Changes a store in every way; the audit has to find each
    Tamper(tamper::Arguments),
    /// Asks every route as everybody, and sends hostile bodies through every intake door
    Authz(authz::Arguments),
    /// Sends many times more than the service can decide; the critical are decided in time
    Flood(flood::Arguments),
    /// Tries to make an HTTP connector call where it must not
    Ssrf(ssrf::Arguments),
    /// Does and takes back every verb of every connector while everything goes wrong, and audits it from outside
    Contract(contract::Arguments),
    /// Forges approvals in every way; none may count
    Approvals(approvals::Arguments),
    /// Pauses a hand under load; nothing may begin after the answer
    Pause(pause::Arguments),
    /// Speaks to a hand with all that a brain holds, and wants it to act where it must not
    HostileBrain(hostile::Arguments),
    /// Fills the disk under the service: 503, nothing lost, and it goes on
    Full(full::Arguments),
    /// Compares the fields that we read with a reference's, record by record
    Accuracy {
        /// The directory with `<product>.jsonl` and `expected/`
        dir: PathBuf,
        /// Also write the figures as one flat JSON object
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Show some differences
        #[arg(long)]
        examples: bool,
    },
    /// Cuts the power under the real store: nothing that was acknowledged may be lost
    Powercut(sim::Powercut),
    /// Simulates the service over stores that break, and plants bugs that must be found
    Sim(sim::Sim),
    /// Compares the guard with a second one, on random requests
    GuardDiff(guard::Arguments),
    /// Asks for acts on what is protected, under every name that it has
    Protected(guard::Arguments),
    /// Measures what triage gets right on labelled data
    Quality(quality::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Setup => setup::run(),
        Command::Test(arguments) => test::run(&arguments),
        Command::Prove(arguments) => prove::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Stream(arguments) => stream::run(&arguments),
        Command::Crash(arguments) => crash::run(&arguments),
        Command::Tamper(arguments) => tamper::run(&arguments),
        Command::Authz(arguments) => authz::run(&arguments),
        Command::Flood(arguments) => flood::run(&arguments),
        Command::Ssrf(arguments) => ssrf::run(&arguments),
        Command::Contract(arguments) => contract::run(&arguments),
        Command::Approvals(arguments) => approvals::run(&arguments),
        Command::Pause(arguments) => pause::run(&arguments),
        Command::HostileBrain(arguments) => hostile::run(&arguments),
        Command::Full(arguments) => full::run(&arguments),
        Command::Accuracy { dir, json, examples } => {
            accuracy::run(&dir, &sh::root().join("book/sources"), json.as_deref(), examples).map(|accuracy| accuracy.meets_bars())
        }
        Command::Powercut(arguments) => sim::powercut(&arguments),
        Command::Sim(arguments) => sim::sim(&arguments),
        Command::GuardDiff(arguments) => guard::diff(&arguments),
        Command::Protected(arguments) => guard::protected(&arguments),
        Command::Quality(arguments) => quality::run(&arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
