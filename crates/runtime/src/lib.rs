//! The world around the pure core: reads alerts and context, drives the engine over them, keeps the records.
//!
//! Everything here may do I/O and use threads; nothing here decides. What decides is a pure function of
//! what this crate hands it, so that a replay needs no more than what was stored.

pub mod alone;
pub mod archive;
pub mod audit;
pub mod backtest;
pub mod book_dir;
pub mod context;
pub mod drive;
pub mod event;
pub mod failpoint;
pub mod learn;
pub mod lookups;
pub mod pipeline;
#[cfg(feature = "planted")]
pub mod planted;
pub mod policy;
pub mod ports;
pub mod queue;
pub mod read;
pub mod review;
pub mod seal;
pub mod service;
pub mod triage;
pub mod view;
pub mod watch;
