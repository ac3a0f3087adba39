//! What must hold when the world does not: kills, tampering, floods, a full disk, callers who may not, vendors that break in the
//! middle of an act.
//!
//! `test` runs each in short and `prove` in full. All use one build for debugging, with the places where a kill can be asked
//! for; only the flood, which is about how many, is of the program as it is released.

use crate::count::Count;
use crate::gate::{Ending, Gate};
use crate::live;
use crate::measured::Size;
use crate::sh;
use std::process::Command;

/// The names of the steps.
const STEPS: [&str; 11] =
    ["crash", "crash-act", "tamper", "flood", "authz", "ssrf", "contract", "approvals", "hostile-brain", "pause", "full"];

/// How often the service is killed, and how often the hand.
const KILLS: [u64; 2] = [40, 500];

/// Every how many bytes one is flipped.
const STRIDES: [usize; 2] = [29, 1];

/// How long the flood lasts.
const FLOOD_SECONDS: [u64; 2] = [15, 120];

/// Trials of each verb at each fault point.
const SEEDS: [u64; 2] = [10, 200];

/// Forged approvals.
const FORGED: [u64; 2] = [10_000, 100_000];

/// Attacks of a hostile brain.
const ATTACKS: [u64; 2] = [4_000, 100_000];

/// Pauses under load.
const PAUSES: [u64; 2] = [100, 1_000];

/// This program, as it was built for debugging with what it starts.
fn harness(arguments: &[String]) -> Command {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    sh::program(&sh::target().join("debug/xtask").to_string_lossy(), &arguments)
}

/// Runs them all.
pub fn all(gate: &mut Gate<'_>, size: Size) {
    let nth = usize::from(size == Size::Full);
    let words = |text: String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    gate.before(&STEPS, "live-build", sh::cargo(&live::BUILD));
    gate.command("crash", harness(&words(format!("crash --kills {}", KILLS[nth]))));
    gate.command("crash-act", harness(&words(format!("crash --act --kills {}", KILLS[nth]))));
    gate.command("tamper", harness(&words(format!("tamper --stride {}", STRIDES[nth]))));
    let released = sh::target().join("release/adjutant").to_string_lossy().into_owned();
    let flood = words(format!("flood --seconds {} --binary", FLOOD_SECONDS[nth])).into_iter().chain([released]);
    gate.command("flood", harness(&flood.collect::<Vec<_>>()));
    gate.command("authz", harness(&words("authz".into())));
    gate.command("ssrf", harness(&words("ssrf".into())));
    gate.command("contract", harness(&words(format!("contract --seeds {}", SEEDS[nth]))));
    gate.command("approvals", harness(&words(format!("approvals --trials {}", FORGED[nth]))));
    gate.command("hostile-brain", harness(&words(format!("hostile-brain --trials {}", ATTACKS[nth]))));
    gate.command("pause", harness(&words(format!("pause --trials {}", PAUSES[nth]))));
    gate.step("full", || {
        let (passed, text) = sh::captured(harness(&words("full".into())), "full")?;
        if let Some(why) = text.lines().find_map(|line| line.strip_prefix("skipped: ")) {
            return Ok(Ending::Skipped(why.to_owned()));
        }
        if !passed {
            println!("{}", text.trim_end());
        }
        Ok(Ending::Done(Count::one(passed)))
    });
}
