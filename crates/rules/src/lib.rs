//! The book: what it says, checked and compiled, with every fault at its place.
//!
//! Pure: no I/O, no clock, no random number, and nothing here panics on any input.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod book;
pub mod check;
pub mod contract;
pub mod correlate;
pub mod diagnostic;
pub mod globe;
pub mod guardrails;
pub mod lang;
pub mod playbook;
pub mod question;
pub mod source;

pub use book::{Book, Files};
