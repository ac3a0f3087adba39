//! `cargo xtask quality`: measures what triage gets right on labelled data.

pub mod ait;
pub mod logins;
pub mod mail;
mod published;
pub mod rules;

use anyhow::{Context as _, Result};
use std::process::Command;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// An intrusion-detection stream over five labelled testbeds
    Ait(ait::Arguments),
    /// Logins of a generated company under three kinds of attacker
    Logins(logins::Arguments),
    /// Phishing and legitimate mail, as it came and stripped of what tells the collections apart
    Mail(mail::Arguments),
    /// Events on which a vendor's rule alerts, and events on which it must not
    Rules(rules::Arguments),
}

/// Runs `quality`; false when a bar is missed.
///
/// # Errors
/// When something cannot be read or written.
pub fn run(arguments: &Arguments) -> Result<bool> {
    // A few thousand messages need no optimised build; millions of alerts do.
    if cfg!(debug_assertions) && !matches!(arguments.what, What::Mail(_)) {
        return optimised();
    }
    match &arguments.what {
        What::Ait(arguments) => ait::run(arguments),
        What::Logins(arguments) => logins::run(arguments),
        What::Mail(arguments) => mail::run(arguments),
        What::Rules(arguments) => rules::run(arguments),
    }
}

/// The same command in a build that is optimised: millions of records are triaged.
pub(crate) fn optimised() -> Result<bool> {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--release", "--quiet", "--package", "xtask", "--"]).args(std::env::args_os().skip(1));
    Ok(cargo.status().context("cannot run cargo")?.success())
}
