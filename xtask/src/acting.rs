//! A hand over connectors whose servers keep their own record, everything that can go wrong in between, and an auditor who
//! believes neither.
//!
//! What is tried is the hand itself: its store, its guard with the shipped guardrails, its threads. Only its clock is another,
//! so that nothing is waited for. A connector joins by implementing [`World`].

pub mod accounts;
pub mod auditor;
pub mod bench;
pub mod clock;
pub mod defender;
pub mod directory;
pub mod entra;
pub mod fault;
pub mod http;
pub mod jira;
pub mod mailboxes;
pub mod okta;
mod proxy;
pub mod rt;
pub mod slack;
pub mod trial;
pub mod watched;
pub mod webhook;
pub mod worlds;

use adjutant_hand::connector::Connector;
use adjutant_model::EntityKind;
use anyhow::Result;
use auditor::Effect;
use clock::Clock;
use fault::Fault;
use rusqlite::Connection;
use std::sync::Arc;

/// A verb, and how a trial of it begins.
#[derive(Clone, Copy)]
pub struct Verb {
    /// The connector's name.
    pub connector: &'static str,
    /// The verb.
    pub verb: &'static str,
    /// What kind of thing it is done to.
    pub kind: EntityKind,
    /// Whether it can be taken back.
    pub reversible: bool,
    /// Whether a state shows that it was done. Where none does, a server that says so is believed.
    pub shows: bool,
    /// Which of several ways of the same verb this is; empty when there is one.
    pub variant: &'static str,
}

/// Servers that one connector talks to.
pub trait Servers: Send + Sync {
    /// Everything that it can do, each at least once.
    fn verbs(&self) -> Vec<Verb>;
    /// A target of its own for the `nth` trial of a verb, and the connector to it.
    fn world(&self, verb: &Verb, nth: usize, clock: &Clock) -> Result<Box<dyn World>>;
}

/// One target on one server.
pub trait World: Send + Sync {
    /// The connector under trial.
    fn connector(&self) -> Arc<dyn Connector>;
    /// What an alert would call the target.
    fn name(&self) -> String;
    /// What else the verb needs, by name.
    fn with(&self) -> Vec<(String, String)> {
        Vec::new()
    }
    /// From now on the server sees what the hand's file says when it does something.
    fn witness(&self, file: Connection);
    /// What goes wrong from now on, instead of what went wrong before.
    fn break_down(&self, faults: Vec<Fault>);
    /// Everything that was done to the target, by the server's own record.
    fn effects(&self) -> Result<Vec<Effect>>;
    /// Everything that the server keeps of the target, to the byte.
    fn state(&self) -> Result<String>;
    /// Somebody else changes what the verb changes, or something beside it; that a second time undoes.
    fn meddle(&self, beside: bool) -> Result<()>;
}
