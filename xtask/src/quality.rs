//! `cargo xtask quality`: measures what triage gets right on labelled data.

pub mod ait;
pub mod logins;
pub mod rules;

use anyhow::Result;

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
    /// Events on which a vendor's rule alerts, and events on which it must not
    Rules(rules::Arguments),
}

/// Runs `quality`; false when a bar is missed.
///
/// # Errors
/// When something cannot be read or written.
pub fn run(arguments: &Arguments) -> Result<bool> {
    match &arguments.what {
        What::Ait(arguments) => ait::run(arguments),
        What::Logins(arguments) => logins::run(arguments),
        What::Rules(arguments) => rules::run(arguments),
    }
}
