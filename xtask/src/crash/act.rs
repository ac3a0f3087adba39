//! `cargo xtask crash --act`: the real hand, killed at every labelled place of a plan of three steps and at random times,
//! while people have it act; and the service, through which they do. What is acted on, the hand's store and what was signed end
//! as if nobody had killed anything, and the ledger has every line of the hand's journal once.

mod brain;
mod house;
mod people;
mod target;

use super::{Arguments, plan::Draw};
use crate::figures::Figures;
use crate::live;
use crate::together::together;
use anyhow::{Result, ensure};
use house::{Outcome, Played, Plot};
use people::SCENE;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Places of the hand. Each is killed at every time that it is reached.
const LABELS: [&str; 11] = [
    "hand.opened",
    "hand.taken-up",
    "hand.commit.before",
    "hand.commit.inside",
    "hand.commit.after",
    "hand.call.before",
    "hand.call.after",
    "hand.undo.before",
    "hand.undo.after",
    "hand.answer.before",
    "hand.answer.after",
];

/// Places of the service that it comes to while it carries what people say, and lines of the journal.
const BRAIN_LABELS: [&str; 8] = [
    "commit.before",
    "commit.inside",
    "commit.written",
    "commit.after",
    "settle.before",
    "settle.after",
    "answer.before",
    "answer.after",
];

/// Each is reached so often in the scene, at least.
const BRAIN_NTH_MAX: u64 = 12;

/// Of the kills at random, every such one is the service's.
const BRAIN_EVERY: u64 = 4;

/// Answers are read again and again by whoever waits: so many of them are places enough.
const ANSWERS_MAX: u64 = 8;

/// Kills at random times, at least.
const RANDOM_MIN: u64 = 8;

/// Houses at a time: they wait more than they work.
const HOUSES: usize = 4;

/// One kill.
#[derive(Clone, Debug)]
pub enum Kill {
    /// At a labelled place.
    Label { label: &'static str, nth: u64 },
    /// At some time after the start.
    Random { after: Duration },
}

impl Kill {
    fn earlier(&self) -> Self {
        match self {
            Kill::Label { label, nth } => Kill::Label { label, nth: (nth / 2).max(1) },
            Kill::Random { after } => Kill::Random { after: *after / 2 },
        }
    }
}

/// What was counted.
#[derive(Default)]
struct Counts {
    kills: AtomicU64,
    at_labels: AtomicU64,
    differs: AtomicU64,
}

/// `cargo xtask crash --act`; false when something ends otherwise.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let binary = arguments.binary.clone().map_or_else(live::build, Ok)?;
    let plot = Plot::new(&binary)?;
    let began = Instant::now();
    let undisturbed = plot.play(None)?;
    let as_wanted = undisturbed.outcome.effects.len() == SCENE.len() + 1 && undisturbed.outcome.unintended.is_empty();
    ensure!(as_wanted && undisturbed.outcome.others.is_empty(), "undisturbed: {:#?}", undisturbed.outcome);
    let counts = Counts::default();
    at_labels(&plot, &undisturbed.outcome, &counts)?;
    brain::looks::at_labels(&plot, &counts)?;
    let labels = counts.kills.load(Ordering::SeqCst);
    counts.at_labels.store(labels, Ordering::SeqCst);
    let random = RANDOM_MIN.max(arguments.kills.saturating_sub(labels));
    at_random(&plot, &undisturbed, &counts, (arguments.seed, random))?;
    let [kills, labels, differs] = [&counts.kills, &counts.at_labels, &counts.differs].map(|count| count.load(Ordering::SeqCst));
    let mut figures = Figures::default();
    let seconds = began.elapsed().as_secs_f64();
    figures.add("kills", kills as f64, format!("times killed in {seconds:.0} s, {labels} of them at every labelled place"));
    figures.add(
        "final_state_differs",
        differs as f64,
        "after which the target, the store or what was signed ended otherwise (bar 0)",
    );
    figures.report(arguments.json.as_deref())?;
    Ok(differs == 0 && kills >= arguments.kills.min(labels + random))
}

/// Kills at each place, the first time that it is reached, the second, and so on until it is not reached any more.
fn at_labels(plot: &Plot, undisturbed: &Outcome, counts: &Counts) -> Result<()> {
    together(HOUSES, LABELS.to_vec(), |label| {
        for nth in 1.. {
            let kill = Kill::Label { label, nth };
            let played = plot.play(Some(&kill))?;
            if !played.killed {
                ensure!(nth > 1, "{label} is never reached");
                break;
            }
            judge(&kill, &played, undisturbed, counts);
            if label.starts_with("hand.answer") && nth >= ANSWERS_MAX {
                break;
            }
        }
        Ok(())
    })
}

/// Kills hand and service at random times, and the service at one of its labels now and then.
fn at_random(plot: &Plot, undisturbed: &Played, counts: &Counts, (seed, kills): (u64, u64)) -> Result<()> {
    let through = brain::play(plot, None)?;
    ensure!(through.outcome == undisturbed.outcome, "through the service: {:#?}", through.outcome);
    let mut draw = Draw(seed);
    let mut random = |played: &Played| Kill::Random { after: Duration::from_micros(draw.below(played.took.as_micros() as u64)) };
    let kill = |nth: u64| {
        let round = nth / (2 * BRAIN_EVERY);
        match nth % (2 * BRAIN_EVERY) {
            0 => (random(&through), true),
            BRAIN_EVERY => {
                let label = BRAIN_LABELS[round as usize % BRAIN_LABELS.len()];
                (Kill::Label { label, nth: 1 + round % BRAIN_NTH_MAX }, true)
            }
            _ => (random(undisturbed), false),
        }
    };
    together(HOUSES, (0..kills).map(kill).collect(), |(mut kill, is_brain)| {
        loop {
            let played = if is_brain { brain::play(plot, Some(&kill))? } else { plot.play(Some(&kill))? };
            if played.killed {
                judge(&kill, &played, &undisturbed.outcome, counts);
                return Ok(());
            }
            // It came too late for this house.
            kill = kill.earlier();
        }
    })
}

fn judge(kill: &Kill, played: &Played, undisturbed: &Outcome, counts: &Counts) {
    counts.kills.fetch_add(1, Ordering::SeqCst);
    if played.outcome != *undisturbed {
        counts.differs.fetch_add(1, Ordering::SeqCst);
        println!("after {kill:?}: {:#?}\ninstead of {undisturbed:#?}", played.outcome);
    }
}
