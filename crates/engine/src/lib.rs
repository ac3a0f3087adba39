//! The pipeline of Adjutant, one file per stage, in reading order:
//! normalize a record, look up its context, [`memory::Memory::observe`] it (history and [`correlate`]),
//! [`enrich`] it with what follows from both, [`score`] it under its playbook, and [`decide`].
//!
//! No stage does I/O, reads a clock or draws a random number: time arrives in the alert, context in an
//! immutable snapshot, and the same inputs give the same decision, byte for byte.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod act;
pub mod autonomy;
pub mod backtest;
pub mod binomial;
pub mod book_test;
pub mod bounded;
pub mod context;
pub mod correlate;
pub mod decide;
pub mod desk;
pub mod enrich;
pub mod entities;
pub mod explain;
pub mod flip;
pub mod geo;
pub mod guard;
pub mod headline;
pub mod memory;
pub mod normalize;
pub mod ocsf;
pub mod plan;
pub mod record;
pub mod score;
pub mod show;
pub mod step;
