//! A fake world for the ports of the runtime: seeds, faults, invariant checkers. Never part of the product.
//!
//! Everything here is decided by a seed, so that a failure can be had again: [`Rng`] draws, [`Clock`] is stepped by
//! hand, and [`disk::Disk`] is what a real SQLite writes to.

mod clock;
pub mod disk;
mod rng;

pub use clock::Clock;
pub use disk::Disk;
pub use rng::Rng;
