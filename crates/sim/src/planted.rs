//! Whether the harnesses find bugs that are planted.

use crate::powercut::powercut;
use crate::simulate::simulate;
use adjutant_runtime::planted::{ALL, Bug, plant};

/// Worlds that are made for one bug at most.
const SEEDS: u64 = 400;

/// Power cuts that are made for one bug at most.
const CUTS: u64 = 5_000;

/// Every bug, with what the harnesses said of it; nothing when they missed it.
#[must_use]
pub fn hunt() -> Vec<(Bug, Option<String>)> {
    ALL.iter().map(|bug| (*bug, found(*bug))).collect()
}

fn found(bug: Bug) -> Option<String> {
    plant(Some(bug));
    let said = simulated().or_else(cut);
    plant(None);
    said
}

fn simulated() -> Option<String> {
    let simulated = simulate(1, SEEDS, |simulated| !simulated.violations.is_empty());
    simulated.violations.first().map(|violation| format!("sim, seed {}: {}", violation.seed, violation.says))
}

fn cut() -> Option<String> {
    let cut = powercut(CUTS, 1, |cut| !cut.says.is_empty());
    cut.says.first().map(|says| format!("powercut, {says}"))
}
