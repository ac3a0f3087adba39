//! Connectors to HTTP APIs that files of the book describe: `connectors/*.yaml`.
//!
//! A file says what to look up, what reads a state, what changes it and what restores it. It cannot say where to call or
//! with which credential: that is the configuration's. And it cannot compute: inputs go to declared places, each escaped for
//! the place where it stands, so that no text of an alert becomes anything but one value.
//!
//! - [`check`](check::lint) reads a file and finds every fault of it.
//! - [`address`] says which addresses may be called, [`origin`] how a place may be written, `client` makes one call.
//! - `connector` and `lookup` do what the hand asks.
//! - [`ssrf`] tries to make all of that call where it must not.

pub mod address;
mod auth;
mod check;
mod client;
mod connector;
mod definition;
mod file;
mod json;
mod list;
mod lookup;
pub mod origin;
mod poll;
mod settings;
pub mod ssrf;
mod template;

pub use check::lint;
pub use client::{BODY_BYTES_MAX, Names, SystemNames};
pub use connector::{Clock, HttpConnector};
pub use definition::{Definition, Doors};
pub use poll::{Intake, IntakeSettings, Verdicts};
pub use settings::{Auth, Fault, Settings};
