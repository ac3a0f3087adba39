//! When and where the next kill is.

use super::PATIENCE;
use crate::live::process::Served;
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};

/// Places of the program, and whether they come only when it was asked to end.
const LABELS: [(&str, bool); 19] = [
    ("observe.before", false),
    ("commit.after", false),
    ("answer.before", false),
    ("replay", false),
    ("snapshot.written", true),
    ("commit.before", false),
    ("commit.inside", false),
    ("outbox.delivered", false),
    ("seal.before", false),
    ("observe.after", false),
    ("snapshot.renamed", true),
    ("commit.written", false),
    ("answer.after", false),
    ("start.opened", false),
    ("outbox.before", false),
    ("seal.after", false),
    ("snapshot.opened", true),
    ("commit.after", true),
    ("seal.before", true),
];

/// Places that only the first start in a folder has, with their occurrence.
const FIRST: [(&str, u64); 10] = [
    ("start.secret", 1),
    ("adopt", 1),
    ("commit.inside", 1),
    ("commit.after", 1),
    ("commit.before", 2),
    ("commit.after", 2),
    ("commit.after", 3),
    ("greeted", 1),
    ("commit.written", 3),
    ("start.opened", 1),
];

/// How often a place is reached before the kill, at most.
const NTH_MAX: u64 = 40;

/// One kill.
#[derive(Debug)]
pub enum Kill {
    /// At a labelled place; with `asked` only when the program was asked to end.
    Label { label: &'static str, nth: u64, asked: bool },
    /// At some time.
    Random { after: Duration },
    /// It is asked to end, and does.
    Asked { after: Duration },
}

/// Random numbers that a number makes again (SplitMix64).
pub struct Draw(pub u64);

impl Draw {
    /// A number below `below`.
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % below.max(1)
    }
}

/// The kills, one after the other.
pub struct Plan {
    draw: Draw,
    made: usize,
    begun: usize,
}

impl Plan {
    pub fn new(seed: u64) -> Self {
        Self { draw: Draw(seed), made: 0, begun: 0 }
    }

    /// The first kill in a folder.
    pub fn first(&mut self) -> Kill {
        let (label, nth) = FIRST[self.begun % FIRST.len()];
        self.begun += 1;
        Kill::Label { label, nth, asked: false }
    }

    /// Any other.
    pub fn next(&mut self) -> Kill {
        self.made += 1;
        if self.made.is_multiple_of(2) {
            return Kill::Random { after: Duration::from_millis(self.draw.below(900)) };
        }
        let round = self.made / 2;
        let (label, asked) = LABELS[round % LABELS.len()];
        let most = if asked || label.starts_with("se") || label.starts_with("start") { 1 } else { NTH_MAX };
        let nth = if round < LABELS.len() { most.min(3) } else { 1 + self.draw.below(most) };
        Kill::Label { label, nth, asked }
    }
}

impl Kill {
    /// Waits for the kill, or kills.
    pub fn carry_out(&self, served: &mut Served) -> Result<()> {
        match self {
            Kill::Label { asked: false, .. } => {
                served.wait(PATIENCE)?;
            }
            Kill::Label { asked: true, .. } => {
                served.wait(PATIENCE / 4)?;
                served.terminate()?;
                served.wait(PATIENCE)?;
            }
            Kill::Random { after } => {
                served.wait(*after)?;
            }
            Kill::Asked { after } => {
                served.wait(*after)?;
                served.terminate()?;
                let began = Instant::now();
                let ended = served.wait(Duration::from_secs(300))?;
                ensure!(ended.is_some_and(|status| status.success()), "it ends with {ended:?} after {:?}", began.elapsed());
            }
        }
        served.end_now()
    }
}
