//! Locks on files and the shared memory of a WAL, between the connections of this process.

use super::content::Number;
use sqlite_plugin::flags::{LockLevel, ShmLockMode};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What SQLite maps at a time.
pub(super) const REGION_BYTES: usize = 32 << 10;
/// The locks on shared memory (`SQLITE_SHM_NLOCK`).
const SLOTS: usize = 8;

/// Shared memory that lives as long as the process: SQLite holds pointers into it.
type Region = &'static [AtomicU64];

/// Regions that nobody maps any more, to be given out again: nothing else bounds what thousands of disks would leave behind.
static SPARE: Mutex<Vec<Region>> = Mutex::new(Vec::new());

fn region() -> Region {
    let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let region = spare.unwrap_or_else(|| Box::leak((0..REGION_BYTES / 8).map(|_| AtomicU64::new(0)).collect()));
    region.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    region
}

/// What one handle holds of the shared memory of its file.
#[derive(Debug, Default)]
pub(super) struct Held {
    mapped: bool,
    shared: [bool; SLOTS],
    exclusive: [bool; SLOTS],
}

#[derive(Debug, Default)]
struct Memory {
    regions: Vec<Region>,
    shared: [u32; SLOTS],
    exclusive: [bool; SLOTS],
    handles: u32,
}

impl Drop for Memory {
    fn drop(&mut self) {
        SPARE.lock().unwrap_or_else(PoisonError::into_inner).append(&mut self.regions);
    }
}

/// All locks of a disk.
#[derive(Debug, Default)]
pub(super) struct Locks {
    files: BTreeMap<Number, BTreeMap<u64, LockLevel>>,
    memories: BTreeMap<Number, Memory>,
}

impl Locks {
    /// Raises the lock of a handle; false if another is in the way.
    pub(super) fn lock(&mut self, file: Number, handle: u64, level: LockLevel) -> bool {
        let levels = self.files.entry(file).or_default();
        if levels.get(&handle).is_some_and(|held| *held >= level) {
            return true;
        }
        let highest = levels.iter().filter(|(of, _)| **of != handle).map(|(_, held)| *held).max();
        let highest = highest.unwrap_or(LockLevel::Unlocked);
        let free = match level {
            LockLevel::Unlocked => true,
            LockLevel::Shared => highest < LockLevel::Pending,
            LockLevel::Reserved | LockLevel::Pending => highest < LockLevel::Reserved,
            LockLevel::Exclusive => highest == LockLevel::Unlocked,
        };
        if free {
            levels.insert(handle, level);
        } else if level == LockLevel::Exclusive && highest == LockLevel::Shared {
            // Readers finish, none begins.
            levels.insert(handle, LockLevel::Pending);
        }
        free
    }

    /// Lowers the lock of a handle.
    pub(super) fn unlock(&mut self, file: Number, handle: u64, level: LockLevel) {
        let levels = self.files.entry(file).or_default();
        if level == LockLevel::Unlocked {
            levels.remove(&handle);
        } else {
            levels.insert(handle, level);
        }
    }

    /// Whether anybody is about to write.
    pub(super) fn is_reserved(&self, file: Number) -> bool {
        self.files.get(&file).is_some_and(|levels| levels.values().any(|held| *held >= LockLevel::Reserved))
    }

    /// The shared memory of a file; nothing if it does not reach so far and must not be extended.
    pub(super) fn map(&mut self, file: Number, held: &mut Held, index: usize, extend: bool) -> Option<NonNull<u8>> {
        let memory = self.memories.entry(file).or_default();
        if !held.mapped {
            held.mapped = true;
            memory.handles += 1;
        }
        while extend && memory.regions.len() <= index {
            memory.regions.push(region());
        }
        memory.regions.get(index).map(|region| NonNull::from(*region).cast())
    }

    /// Takes or gives back locks on the shared memory; false if another handle is in the way.
    pub(super) fn lock_memory(&mut self, file: Number, held: &mut Held, first: usize, count: usize, mode: ShmLockMode) -> bool {
        let memory = self.memories.entry(file).or_default();
        let slots = first.min(SLOTS)..(first + count).min(SLOTS);
        let free = slots.clone().all(|slot| match mode {
            ShmLockMode::LockShared => held.exclusive[slot] || !memory.exclusive[slot],
            ShmLockMode::LockExclusive => {
                let others = memory.shared[slot] - u32::from(held.shared[slot]);
                others == 0 && (held.exclusive[slot] || !memory.exclusive[slot])
            }
            ShmLockMode::UnlockShared | ShmLockMode::UnlockExclusive => true,
        });
        if free {
            slots.for_each(|slot| memory.set(held, slot, mode));
        }
        free
    }

    /// Gives everything back that a handle holds of the shared memory; it is gone with the last one.
    pub(super) fn unmap(&mut self, file: Number, held: &mut Held) {
        if !std::mem::take(&mut held.mapped) {
            return;
        }
        self.lock_memory(file, held, 0, SLOTS, ShmLockMode::UnlockShared);
        let Some(memory) = self.memories.get_mut(&file) else { return };
        memory.handles -= 1;
        if memory.handles == 0 {
            self.memories.remove(&file);
        }
    }
}

impl Memory {
    fn set(&mut self, held: &mut Held, slot: usize, mode: ShmLockMode) {
        // Whatever was held of a slot is given back first, as only one of the two can be.
        self.shared[slot] -= u32::from(std::mem::take(&mut held.shared[slot]));
        self.exclusive[slot] &= !std::mem::take(&mut held.exclusive[slot]);
        match mode {
            ShmLockMode::LockShared => {
                held.shared[slot] = true;
                self.shared[slot] += 1;
            }
            ShmLockMode::LockExclusive => {
                held.exclusive[slot] = true;
                self.exclusive[slot] = true;
            }
            ShmLockMode::UnlockShared | ShmLockMode::UnlockExclusive => {}
        }
    }
}
