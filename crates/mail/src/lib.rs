//! What a message says about itself: facts from its bytes alone, each with its place in the message.
//!
//! One file for each aspect. Nothing here judges: a [`Finding`] says what is there, the book says what it is worth.
//! Pure: no I/O, no network, no clock. Every aspect works within the [`limits`]; what lies beyond them, or cannot be
//! read, is told as [`Unread`] and never taken for clean.
//!
//! [`facts`] is the one way in. Its result is one flat record: the book's source `mail` maps it like any other.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod attachments;
pub mod authentication;
pub mod bulk;
mod container;
pub mod content;
mod facts;
mod finding;
pub mod html;
pub mod limits;
pub mod links;
mod message;
mod names;
mod original;
mod recognise;
pub mod sender;
mod shape;
pub mod structure;
pub mod thread;
mod url;

pub use facts::{Facts, facts};
pub use finding::{Aspect, Finding, KNOWN, Unread};
pub use recognise::is_message;
