//! The reliability harnesses as steps of the gate: each is a command of its own, run as people run it.

use crate::gate::Gate;
use std::process::Command;

/// Kills in `test`, and in `prove`.
const KILLS_SHORT: &str = "40";
const KILLS_FULL: &str = "500";

/// In `test` every so-manieth byte is flipped, in `prove` every one.
const STRIDE_SHORT: &str = "16";
const STRIDE_FULL: &str = "1";

/// What fits into `test`.
pub fn short(gate: &mut Gate<'_>) {
    steps(gate, KILLS_SHORT, STRIDE_SHORT);
}

/// What `prove` runs.
pub fn full(gate: &mut Gate<'_>) {
    steps(gate, KILLS_FULL, STRIDE_FULL);
}

fn steps(gate: &mut Gate<'_>, kills: &str, stride: &str) {
    for words in [&["authz"][..], &["crash", "--kills", kills], &["tamper", "--stride", stride]] {
        if let (Some(name), Ok(own)) = (words.first(), std::env::current_exe()) {
            let mut command = Command::new(own);
            command.args(words);
            gate.command(name, command);
        }
    }
}
