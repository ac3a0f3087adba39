//! Keeps state, ledger and outbox in one transaction: the store port over SQLite.
//!
//! One file in WAL mode with `synchronous=FULL`: a commit returns when the disk confirmed it. What is written for each
//! commit is appended (its leaves, its entries, its raw alerts, the last two compressed as one block); only what must be found
//! by name (what is known, cases, documents) goes into trees. Every tool that reads SQLite reads it.

mod error;
mod pack;
mod read;
mod schema;
mod write;

pub use read::Reader;
pub use write::{FILE, LOG_PAGES, MEMORY, Options, Sqlite, copy};
