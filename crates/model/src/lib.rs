//! The nouns of Adjutant: what an alert, a fact, an entity and a decision *are*.
//!
//! Everything here is plain data with the operations that keep it well-formed. The crate does no I/O,
//! reads no clock and draws no random number, and none of its functions panics on any input.
//!
//! The central type is [`Row`]: one alert's fields and facts, each in the slot that the [`Schema`] gave
//! its name, each either a [`Value`] with where it came from or *unknown, because …* ([`Why`]).
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod act;
pub mod alert;
pub mod case;
pub mod decision;
pub mod digest;
pub mod entity;
pub mod quantity;
pub mod role;
pub mod row;
pub mod schema;
pub mod secret;
pub mod value;

pub use act::{Action, Plan, Stage};
pub use alert::{Alert, AlertId, Place, Problem, RawAlert, SourceId};
pub use case::{CaseId, Revision};
pub use decision::{Autonomy, Decision, Outcome, SignalState};
pub use digest::Digest;
pub use entity::{EntityId, EntityKind};
pub use quantity::{Distance, Duration, Geo, Speed, Time};
pub use role::Role;
pub use row::{Cell, Origin, Row};
pub use schema::{Schema, Slot, Type};
pub use secret::Secret;
pub use value::{Addr, Range, Value, Why};
