//! `cargo xtask prove`: the same harnesses as `test`, in full and for hours.

use crate::gate::{Ending, Gate};
use crate::measured::{self, Size};
use crate::{fuzz, reliable, sh, sim};
use anyhow::Result;
use std::time::Duration;

/// What runs for longer hangs.
const MINUTES_MAX: u64 = 24 * 60;

#[derive(clap::Args)]
pub struct Arguments {
    /// How long to fuzz, in all
    #[arg(long, value_name = "H", default_value_t = 1.0)]
    hours: f64,
    /// Run only the steps whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// `cargo xtask prove`.
pub fn run(arguments: &Arguments) -> Result<bool> {
    sh::allow(MINUTES_MAX);
    let mut gate = Gate::new(arguments.only.as_deref());
    measured::build(&mut gate);
    sim::full(&mut gate);
    measured::all(&mut gate, Size::Full);
    reliable::all(&mut gate, Size::Full);
    let time = Duration::from_secs_f64((arguments.hours * 3600.0).clamp(1.0, 1e7));
    gate.step("fuzz", || fuzz::all(time).map(Ending::Done));
    Ok(gate.report())
}
