//! A fake world for the ports of the runtime: seeds, faults, invariant checkers. Never part of the product.
//!
//! Everything here is decided by a seed, so that a failure can be had again: [`Rng`] draws, [`Clock`] is stepped by
//! hand, [`disk::Disk`] is what a real SQLite writes to, and [`world::World`] lives through all of it while
//! [`fold::Fold`] watches. [`simulate`] and [`powercut`] make many of them.

mod clock;
pub mod conformance;
pub mod disk;
pub mod far;
pub mod fold;
pub mod memory_store;
#[cfg(feature = "planted")]
pub mod planted;
pub mod policies;
pub mod powercut;
pub mod records;
mod rng;
pub mod simulate;
pub mod world;

pub use clock::Clock;
pub use disk::Disk;
pub use rng::Rng;
