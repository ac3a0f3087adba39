//! How the service is set up: a file, the environment and flags, each over the one before.
//!
//! Reads nothing itself: file, environment and flags are given, and what comes back is either a [`Config`] that was
//! checked as a whole or every fault with its place. Policy is not here; that is the book. Secrets are not here either:
//! a setting only says where one stands.

mod check;
mod layers;
mod settings;
mod tree;

pub use adjutant_hand::secret_ref::{NoSecret, SecretPlaces, SecretRef};
pub(crate) use check::is_mailbox;
pub use check::network;
pub use layers::{Fault, Faults, Layers, Place};
pub use settings::{
    Approver, Carries, Checkpoints, Config, DecideAt, Folder, GroupCommit, Http, Letters, Limits, Notify, NotifySlack,
    NotifyWebhook, Protocol, Retention, Smtp, Syslog, Tls, Webhook,
};

/// What every name of the environment begins with that is a setting.
pub const ENVIRONMENT_PREFIX: &str = "ADJUTANT_";

/// The schema of the file (JSON Schema 2020-12), for editors and for the manual.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Config).to_value()
}

/// Every setting that the environment can give, as (name, path in the file).
pub fn environment_names() -> Vec<(String, String)> {
    tree::leaves(&schema()).into_iter().map(|path| (layers::environment_name(&path), path)).collect()
}

#[cfg(test)]
mod tests;
