//! What goes wrong in a world, and what may come of it.

use super::{Backing, Broken, World};
use crate::disk::{Error, Fault, Op};
use crate::memory_store::Wrong;
use adjutant_runtime::ports::StoreError;

/// Changes of the disk within which the power goes: about as many as one turn makes.
const CHANGES: u64 = 60;

/// What goes wrong during one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// The process is restarted afterwards, in order.
    Restart,
    /// The process ends after the commit and before anybody is answered.
    Crash,
    /// A store in memory fails.
    Store(Wrong),
    /// The power goes at this change of the disk from now on, or after the turn.
    Power(u64),
    /// The process is killed at this change, or after the turn.
    Kill(u64),
    /// A call fails.
    Call(Fault),
    /// So many bytes are left.
    Room(u64),
}

impl Trouble {
    /// Whether the process does not outlive it even where the turn ends well.
    pub(super) fn ends(self) -> bool {
        matches!(self, Trouble::Restart | Trouble::Power(_) | Trouble::Kill(_))
    }
}

impl World {
    /// Power that goes in the middle of a turn.
    pub fn power(&mut self) -> Trouble {
        Trouble::Power(1 + self.rng.below(CHANGES))
    }

    /// Any trouble that this world's store can have.
    pub fn trouble(&mut self) -> Trouble {
        let rng = &mut self.rng;
        if rng.percent(20) {
            return Trouble::Restart;
        }
        if matches!(self.backing, Backing::Memory(_)) {
            return match rng.below(5) {
                0 => Trouble::Crash,
                1 => Trouble::Store(Wrong::Full),
                2 => Trouble::Store(Wrong::Unavailable),
                3 => Trouble::Store(Wrong::UnclearLost),
                _ => Trouble::Store(Wrong::UnclearKept),
            };
        }
        match rng.below(6) {
            0 => Trouble::Crash,
            1 => Trouble::Power(1 + rng.below(CHANGES)),
            2 | 3 => Trouble::Kill(1 + rng.below(CHANGES)),
            4 => Trouble::Room(rng.below(60_000)),
            _ => {
                let op = *rng.pick(&[Op::Write, Op::Sync, Op::Read, Op::Open, Op::Truncate]);
                let error = *rng.pick(&[Error::Io, Error::Io, Error::Full, Error::Short]);
                Trouble::Call(Fault::Nth { op, n: 1 + rng.below(12), error })
            }
        }
    }

    pub(super) fn arm(&mut self, trouble: Trouble) {
        self.dark = matches!(trouble, Trouble::Power(_));
        match (&self.backing, trouble) {
            (Backing::Memory(store), Trouble::Store(wrong)) => store.fail_next(wrong),
            (Backing::Disk(disk), Trouble::Power(n)) => disk.power_off_at(disk.counts().changes + n),
            (Backing::Disk(disk), Trouble::Kill(n)) => disk.snapshot_at(disk.counts().changes + n),
            (Backing::Disk(disk), Trouble::Call(fault)) => disk.fail(fault),
            (Backing::Disk(disk), Trouble::Room(bytes)) => disk.capacity(Some(disk.used() + bytes)),
            _ => {}
        }
    }

    /// Whether the process was gone before it could answer.
    pub(super) fn killed(&mut self, trouble: Trouble) -> bool {
        let Backing::Disk(disk) = &self.backing else { return trouble == Trouble::Crash };
        let (left, killed) = match (trouble, disk.take_snapshot()) {
            (Trouble::Kill(_), Some(left)) => (left, true),
            (Trouble::Kill(_), None) => (disk.snapshot(), false),
            (Trouble::Crash, _) => (disk.snapshot(), true),
            _ => return false,
        };
        self.left = Some(left);
        killed
    }

    /// Takes the trouble away.
    pub(super) fn calm(&self) {
        match &self.backing {
            Backing::Memory(store) => store.heal(),
            Backing::Disk(disk) => {
                disk.heal();
                disk.capacity(None);
            }
        }
    }

    /// Whether `error` is one that `trouble` may lead to.
    pub(super) fn expected(&self, error: &StoreError, trouble: Trouble) -> Result<(), Broken> {
        let right = match (trouble, error) {
            (Trouble::None | Trouble::Restart | Trouble::Crash, _) => false,
            (_, StoreError::Damaged(_) | StoreError::Version(_)) => false,
            (Trouble::Store(Wrong::Full) | Trouble::Room(_), error) => matches!(error, StoreError::Full(_)),
            (Trouble::Store(Wrong::Unavailable), error) => matches!(error, StoreError::Unavailable(_)),
            (Trouble::Call(Fault::Nth { op: Op::Sync, .. }), error) => matches!(error, StoreError::Unclear(_)),
            _ => true,
        };
        if right { Ok(()) } else { Err(Broken::Rule(format!("{trouble:?} is told as: {error}"))) }
    }
}
