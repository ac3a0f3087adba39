//! A tamper-evident log: an RFC 9162 Merkle tree with signed checkpoints. Append, prove, verify; nothing else.
//!
//! An entry is bytes; its [`leaf`] hash stands in the [`Tree`] for ever, the bytes until retention removes them.
//! The log's owner signs a [`Checkpoint`] of the tree's size and root; whoever kept one can tell whether the log was
//! rewritten since, with a [`Verifier`] that names the first bad entry. When the key changes, a [`Handover`] in the
//! log itself says so.
//!
//! The crate does no I/O, reads no clock and draws no random number, uses no other crate of this workspace, and none
//! of its functions panics on any input. Formats: `docs/ledger.md`.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod checkpoint;
pub mod handover;
pub mod key;
pub mod note;
pub mod proof;
pub mod tree;
pub mod verify;

pub use checkpoint::{Checkpoint, Opened};
pub use handover::{Handover, Keyring};
pub use key::{SigningKey, VerifierKey};
pub use note::Note;
pub use tree::{Hash, Tree, leaf, node};
pub use verify::{Fault, Report, Verifier};
