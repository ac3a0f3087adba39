//! The hand: the process that acts.
//!
//! It alone holds credentials. Whoever asks it to act, the brain included, is not believed: it resolves each target again,
//! asks the guard again with its own limits, its own protected set and its own copies of the approvers' keys, writes down
//! what it is about to do, and only then makes the [permit](connector::Permit) that a connector takes.

mod answer;
pub mod connector;
pub mod draft;
#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
pub mod foresee;
mod hand;
pub mod hello;
#[cfg(test)]
mod planted;
pub mod poll;
pub mod protocol;
mod saga;
pub mod secret_ref;
pub mod socket;
pub mod statement;
pub mod steady;
pub mod store;
pub mod table;
pub mod thanks;
mod under_way;
mod withdrawn;

#[cfg(test)]
mod tests;

pub use draft::{Draft, Wish};
pub use hand::{Clock, Connectors, Hand, Heard, Parts, Refused, Rule, Settings};
