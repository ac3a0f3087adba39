//! Power cuts under the real store: what was acknowledged is there afterwards, once, and in the same words.

use crate::Rng;
use crate::disk::{Disk, alone};
use crate::world::{Backing, Broken, Job, Trouble, World};

/// Turns of one disk's life; each fourth ends in the dark.
const TURNS: u64 = 24;

/// What was cut.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    /// Power cuts.
    pub cuts: u64,
    /// Lives in which something that was acknowledged was lost, or another rule did not hold.
    pub lost: u64,
    /// Lives in which the store did not open any more.
    pub unopenable: u64,
    /// What did not hold, with the seed.
    pub says: Vec<String>,
    /// Entries in all.
    pub entries: u64,
}

/// Cuts the power so often, over as many disks as that takes, beginning with the one of `seed`; stops at once when `enough`
/// says so.
pub fn powercut(cuts: u64, seed: u64, mut enough: impl FnMut(&Cut) -> bool) -> Cut {
    let _alone = alone();
    let mut cut = Cut::default();
    let mut seed = seed;
    while cut.cuts < cuts && !enough(&cut) {
        let (happened, entries, result) = life(seed);
        cut.cuts += happened.max(1);
        cut.entries += entries;
        if let Err(broken) = result {
            cut.says.push(format!("seed {seed}: {broken}"));
            match broken {
                Broken::Unopenable(_) => cut.unopenable += 1,
                Broken::Lost(_) | Broken::Rule(_) => cut.lost += 1,
            }
        }
        seed += 1;
    }
    cut
}

fn life(seed: u64) -> (u64, u64, Result<(), Broken>) {
    let mut world = match World::new(seed, Backing::Disk(Disk::new())) {
        Ok(world) => world,
        Err(broken) => return (0, 0, Err(broken)),
    };
    let result = live(&mut world, &mut Rng::new(!seed));
    (world.cuts(), world.fold().head().0, result)
}

fn live(world: &mut World, rng: &mut Rng) -> Result<(), Broken> {
    for _ in 0..TURNS {
        world.tick();
        let jobs = world.jobs();
        match rng.below(8) {
            0 => {
                // Killed, asked again by whoever got no answer, and then the power goes before anything else is written.
                let changes = 1 + rng.below(60);
                world.turn(jobs.clone(), Trouble::Kill(changes))?;
                let alerts = jobs.into_iter().filter(|job| matches!(job, Job::Alert(_))).collect();
                world.turn(alerts, Trouble::Power(u64::MAX >> 1))?;
            }
            1..4 => {
                let power = world.power();
                world.turn(jobs, power)?;
            }
            4 => {
                let power = world.power();
                world.courier(power)?;
            }
            _ => world.turn(jobs, Trouble::None)?,
        }
    }
    world.finish()
}
