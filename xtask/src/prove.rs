//! `cargo xtask prove`: the same harnesses as `test`, for hours.

use crate::count::Count;
use crate::fuzz;
use anyhow::Result;
use std::time::Duration;

#[derive(clap::Args)]
pub struct Arguments {
    /// How long in all
    #[arg(long, value_name = "H", default_value_t = 1.0)]
    hours: f64,
}

/// `cargo xtask prove`.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let time = Duration::from_secs_f64((arguments.hours * 3600.0).clamp(1.0, 1e7));
    let Count { passed, failed } = fuzz::all(time)?;
    println!("\n{passed} passed, {failed} failed");
    Ok(failed == 0)
}
