//! Keeps state, ledger and outbox in one transaction: the store port over SQLite.
//!
//! One file in WAL mode: a commit returns when the disk confirmed it, or where that is asked for apart ([`Options::apart`]) before. What is written for each
//! commit is appended (one row with its leaves, its entries and its raw alerts, the last two compressed; its cases); what must be
//! found by a hash goes into trees later, many to a page. Every tool that reads SQLite reads it.

mod error;
mod filter;
mod forget;
mod keys;
mod pack;
mod queue;
mod read;
mod recent;
mod schema;
mod settle;
mod snapshot;
mod write;

pub use read::Reader;
pub use recent::RECENT_KEYS;
pub use snapshot::MEMORY;
pub use write::{FILE, LOG_PAGES, LogOf, Options, Sqlite, copy};
