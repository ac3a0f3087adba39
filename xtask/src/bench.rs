//! `cargo xtask bench`: speed and memory beside a reference written by hand, in one run on one machine.

use anyhow::Result;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// `cargo xtask bench`.
pub fn run(arguments: &Arguments) -> Result<bool> {
    crate::figures::Figures::default().report(arguments.json.as_deref())?;
    Ok(true)
}
