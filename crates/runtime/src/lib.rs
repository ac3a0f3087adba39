//! The world around the pure core: reads alerts and context, drives the engine over them, keeps the records.
//!
//! Everything here may do I/O and use threads; nothing here decides. What decides is a pure function of
//! what this crate hands it, so that a replay needs no more than what was stored.

pub mod archive;
pub mod backtest;
pub mod book_dir;
pub mod context;
pub mod pipeline;
pub mod read;
pub mod triage;
