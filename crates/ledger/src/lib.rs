//! A tamper-evident log: an RFC 9162 Merkle tree with signed checkpoints. Append, prove, verify; nothing else.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
