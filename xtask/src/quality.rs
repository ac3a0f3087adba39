//! `cargo xtask quality`: measures what triage gets right on labelled data.

pub mod logins;

use anyhow::Result;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Logins of a generated company under three kinds of attacker
    Logins(logins::Arguments),
}

/// Runs `quality`; false when a bar is missed.
///
/// # Errors
/// When something cannot be read or written.
pub fn run(arguments: &Arguments) -> Result<bool> {
    match &arguments.what {
        What::Logins(arguments) => logins::run(arguments),
    }
}
