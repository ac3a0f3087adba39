//! Prints how many allocations one `step` with ten signals makes. A program of its own, because counting slows every allocation down.

#![expect(unreachable_pub, reason = "the step is shared with the bench, where `pub` means for other files")]

#[path = "../bench/step.rs"]
mod step;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Steps, when no number is given.
const STEPS: usize = 1_000;

fn main() -> anyhow::Result<()> {
    let steps = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(STEPS);
    let prepared = step::prepare()?;
    let region = Region::new(COUNTING);
    for _ in 0..steps {
        prepared.once()?;
    }
    println!("{}", region.change().allocations as f64 / steps as f64);
    Ok(())
}
