//! Whether a connector's file was tried as it stands: one that was not is refused when it is loaded.
//!
//! `cargo xtask contract NAME --write` does and takes back every verb while everything goes wrong, and when nothing was found
//! writes `connectors/NAME.proof` beside the file: the digest of the file, the harness, and how often it was tried. The book
//! is reviewed, and so is that; it is no signature.

use adjutant_hand::connector::{CallError, Condition, Connector, Found, Offer, Permit};
use adjutant_hand::poll::{Page, Polls};
use adjutant_hand::table::{List, Rows};
use adjutant_model::act::{Action, State};
use adjutant_model::{Digest, Duration, EntityKind, Time};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The harness that tries connectors now. What an earlier one proved must be tried again.
pub const HARNESS: u32 = 1;

/// What was proved of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The digest of the file's text.
    pub definition: Digest,
    /// The harness.
    pub harness: u32,
    /// How many trials there were.
    pub trials: u64,
}

/// Why a connector's file is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// Nobody tried it.
    #[error("`{0}` was never tried: there is no `connectors/{0}.proof`; {how}", how = how(.0))]
    Missing(String),
    /// It was changed since.
    #[error("`{0}` was changed since it was tried; {how}", how = how(.0))]
    Changed(String),
    /// The harness tries more now.
    #[error("`{0}` was tried by an earlier harness; {how}", how = how(.0))]
    Earlier(String),
    /// The file of the proof is none.
    #[error("`connectors/{0}.proof` is not as `cargo xtask contract` writes it; {how}", how = how(.0))]
    Form(String),
}

fn how(name: &str) -> String {
    format!("run `cargo xtask contract {name} --write`, or set `unproven = true`: then it looks up, and never acts")
}

impl Proof {
    /// Checks that the connector `name`, whose file has this text, was tried: `proof` is the text of the file beside it.
    ///
    /// # Errors
    /// It was not.
    pub fn check(name: &str, definition: &str, proof: Option<&str>) -> Result<Self, Unproven> {
        let name = || name.to_owned();
        let proof: Proof = proof.ok_or_else(|| Unproven::Missing(name()))?.parse().map_err(|()| Unproven::Form(name()))?;
        if proof.definition != Digest::of(definition.as_bytes()) {
            return Err(Unproven::Changed(name()));
        }
        if proof.harness != HARNESS || proof.trials == 0 {
            return Err(Unproven::Earlier(name()));
        }
        Ok(proof)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { definition, harness, trials } = self;
        writeln!(f, "# Written by `cargo xtask contract --write`; a changed definition must be tried again.")?;
        writeln!(f, "definition {definition}\nharness {harness}\ntrials {trials}")
    }
}

impl FromStr for Proof {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let [definition, harness, trials] = lines[..] else { return Err(()) };
        Ok(Self {
            definition: definition.strip_prefix("definition ").ok_or(())?.parse().map_err(drop)?,
            harness: harness.strip_prefix("harness ").ok_or(())?.parse().map_err(drop)?,
            trials: trials.strip_prefix("trials ").ok_or(())?.parse().map_err(drop)?,
        })
    }
}

/// A connector that looks up, and offers nothing.
pub struct LooksOnly(pub Arc<dyn Connector>);

fn never() -> CallError {
    CallError::Permanent("this connector is `unproven`: it looks up, and never acts".to_owned())
}

impl Connector for LooksOnly {
    fn verbs(&self) -> &[Offer] {
        &[]
    }

    fn lookup(&self, kind: EntityKind, name: &str) -> Result<Vec<Found>, CallError> {
        self.0.lookup(kind, name)
    }

    fn recall(&self, kind: EntityKind, name: &str, age_max: Duration) -> Result<(Vec<Found>, Time), CallError> {
        self.0.recall(kind, name, age_max)
    }

    fn polls(&self) -> Option<Polls> {
        self.0.polls()
    }

    fn poll(&self, since: Time, next: Option<&str>) -> Result<Page, CallError> {
        self.0.poll(since, next)
    }

    fn lists(&self) -> Vec<List> {
        self.0.lists()
    }

    fn list(&self, name: &str, next: Option<&str>) -> Result<Rows, CallError> {
        self.0.list(name, next)
    }

    fn condition(&self) -> Option<Condition> {
        self.0.condition()
    }

    fn probe(&self, action: &Action) -> Result<State, CallError> {
        self.0.probe(action)
    }

    fn is_done(&self, action: &Action, state: &State) -> bool {
        self.0.is_done(action, state)
    }

    fn act(&self, _: &Action, _: &State, _: Permit, _: &str) -> Result<(), CallError> {
        Err(never())
    }

    fn undo(&self, _: &Action, _: &State, _: Permit, _: &str) -> Result<(), CallError> {
        Err(never())
    }

    fn health(&self) -> Result<String, CallError> {
        self.0.health()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Definition;

    #[test]
    fn only_what_was_tried_as_it_stands_is_taken() {
        let proof = Proof { definition: Digest::of(b"text"), harness: HARNESS, trials: 10 };
        let written = proof.to_string();
        let check = |text: &str, proof: &str| Proof::check("acme", text, Some(proof));
        assert_eq!(check("text", &written), Ok(proof));
        assert_eq!(Proof::check("acme", "text", None), Err(Unproven::Missing("acme".into())));
        assert_eq!(check("text ", &written), Err(Unproven::Changed("acme".into())));
        assert_eq!(check("text", &Proof { harness: 0, ..proof }.to_string()), Err(Unproven::Earlier("acme".into())));
        assert_eq!(check("text", &Proof { trials: 0, ..proof }.to_string()), Err(Unproven::Earlier("acme".into())));
        for broken in ["", "definition x\nharness 1\ntrials 1", "harness 1\n", &format!("{written}more\n")] {
            assert_eq!(check("text", broken), Err(Unproven::Form("acme".into())), "{broken}");
        }
        let says = Unproven::Changed("acme".into()).to_string();
        assert!(says.contains("cargo xtask contract acme --write") && says.contains("unproven = true"), "{says}");
    }

    #[test]
    fn every_shipped_connector_was_tried_as_it_stands() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../book/connectors");
        let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}"));
        let mut names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut tried = 0;
        for name in names.by_ref().filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned)) {
            let text = read(&format!("{name}.yaml")).unwrap();
            if Definition::load(&name, &text).unwrap().offers().is_empty() {
                continue; // It fetches, and changes nothing.
            }
            let proof = read(&format!("{name}.proof")).ok();
            let proof = Proof::check(&name, &text, proof.as_deref());
            assert!(proof.as_ref().is_ok_and(|proof| proof.trials >= 120), "{proof:?}");
            tried += 1;
        }
        assert!(tried >= 7);
    }
}
