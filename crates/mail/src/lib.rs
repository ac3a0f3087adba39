//! What a message says about itself: facts from its bytes alone, each with its place in the message.
//!
//! One file for each aspect. Nothing here judges: a [`Finding`] says what is there, the book says what it is worth.
//! Pure: no I/O, no network, no clock. Every aspect works within the [`limits`]; what lies beyond them, or cannot be
//! read, is told as [`Unread`] and never taken for clean.
//!
//! [`facts()`] is the one way in. Its result is one flat record: the book's source `mail` maps it like any other.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod answered;
mod attachments;
mod authentication;
mod bulk;
mod container;
mod content;
pub mod dns;
mod facts;
pub mod familiar;
mod finding;
mod hidden;
mod html;
pub mod limits;
mod links;
mod markup;
mod message;
mod names;
mod original;
mod pdf;
mod pictures;
mod recognise;
mod sender;
mod shape;
mod sketch;
mod structure;
mod thread;
mod url;
mod verify;

pub use answered::{Answered, NotAnswered, is_answered};
pub use authentication::Results;
pub use facts::{Facts, facts, facts_of_text, facts_verified};
pub use finding::{Aspect, Finding, KNOWN, Unread};
pub use recognise::{Verdict, is_message, verdict};
pub use sketch::PLACES as SKETCH_PLACES;
pub use verify::{Signature, Verified, Wish, Word, questions};
