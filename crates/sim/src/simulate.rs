//! Thousands of worlds, each decided by its seed: every rule is looked at after every step.

use crate::Rng;
use crate::disk::{Disk, alone};
use crate::memory_store::MemoryStore;
use crate::world::{Backing, Broken, Trouble, World};
use adjutant_model::Digest;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Steps of one world.
const STEPS: u64 = 30;

/// Every so many seeds the store is SQLite on a fake disk, and not one in memory.
const DISK_EVERY: u64 = 8;

/// Every so many seeds the world is made twice, and must be the same.
const TWICE_EVERY: u64 = 50;

/// A seed whose world broke.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The seed.
    pub seed: u64,
    /// What does not hold.
    pub says: String,
}

/// What was simulated.
#[derive(Clone, Debug, Default)]
pub struct Simulated {
    /// Worlds.
    pub seeds: u64,
    /// Those that broke.
    pub violations: Vec<Violation>,
    /// Entries in all.
    pub entries: u64,
    /// Cases that closed by themselves, and that the sample drew.
    pub closed: u64,
    /// See `closed`.
    pub sampled: u64,
    /// Decisions made again with what was looked up.
    pub again: u64,
    /// Messages that people were told.
    pub told: u64,
    /// Worlds that were made twice.
    pub twice: u64,
}

/// What one world came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lived {
    trace: Digest,
    counts: [u64; 5],
}

/// Simulates the worlds of so many seeds, beginning with `first`, until `enough` says so.
pub fn simulate(first: u64, seeds: u64, mut enough: impl FnMut(&Simulated) -> bool) -> Simulated {
    let _alone = alone();
    let mut simulated = Simulated::default();
    for seed in first..first + seeds {
        simulated.seeds += 1;
        match once(seed) {
            Ok(lived) => simulated.count(&lived),
            Err(says) => simulated.violations.push(Violation { seed, says }),
        }
        if enough(&simulated) {
            break;
        }
    }
    simulated
}

impl Simulated {
    fn count(&mut self, lived: &Lived) {
        let [entries, closed, sampled, told, again] = lived.counts;
        self.entries += entries;
        self.closed += closed;
        self.sampled += sampled;
        self.told += told;
        self.again += again;
    }
}

fn once(seed: u64) -> Result<Lived, String> {
    let lived = caught(|| world(seed))?;
    if seed.is_multiple_of(TWICE_EVERY) {
        let again = caught(|| world(seed))?;
        if again != lived {
            return Err("the same seed made another world".into());
        }
    }
    Ok(lived)
}

/// A panic is a rule that does not hold.
fn caught(live: impl FnOnce() -> Result<Lived, Broken>) -> Result<Lived, String> {
    match catch_unwind(AssertUnwindSafe(live)) {
        Ok(lived) => lived.map_err(|broken| broken.to_string()),
        Err(panic) => {
            let says = panic.downcast_ref::<String>().cloned();
            Err(format!("panics: {}", says.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).into())).unwrap_or_default()))
        }
    }
}

/// Lives through the world of a seed.
///
/// # Errors
/// What does not hold.
pub fn world(seed: u64) -> Result<Lived, Broken> {
    let backing = if seed.is_multiple_of(DISK_EVERY) { Backing::Disk(Disk::new()) } else { Backing::Memory(MemoryStore::new()) };
    let mut rng = Rng::new(!seed);
    let mut world = World::new(seed, backing)?;
    for _ in 0..STEPS {
        world.tick();
        step(&mut world, &mut rng)?;
    }
    world.finish()?;
    let fold = world.fold();
    let counts = [fold.head().0, fold.closed, fold.sampled, fold.told.len() as u64, fold.again];
    Ok(Lived { trace: world.trace(), counts })
}

fn step(world: &mut World, rng: &mut Rng) -> Result<(), Broken> {
    match rng.below(20) {
        0 => world.snapshot(),
        1 => {
            let jobs = world.adoption();
            world.turn(jobs, Trouble::None)
        }
        2..5 => {
            let trouble = if rng.percent(30) { world.trouble() } else { Trouble::None };
            world.courier(trouble).map(|_| ())
        }
        9..12 => {
            let trouble = if rng.percent(30) { world.trouble() } else { Trouble::None };
            world.librarian(trouble).map(|_| ())
        }
        5..9 => {
            let (jobs, trouble) = (world.jobs(), world.trouble());
            world.turn(jobs.clone(), trouble)?;
            // Whoever got no answer asks again, and then the power may go.
            match rng.below(4) {
                0 => world.turn(jobs, Trouble::Power(u64::MAX >> 1)),
                1 => world.turn(jobs, Trouble::None),
                _ => Ok(()),
            }
        }
        _ => {
            let jobs = world.jobs();
            world.turn(jobs, Trouble::None)
        }
    }
}
