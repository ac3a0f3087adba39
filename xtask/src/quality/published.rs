//! The published decision record, as somebody outside reads it.
//!
//! What is measured is read from the record's JSON and from nothing else of a decision, so that anybody can score a
//! release with a script of their own. `adjutant schema --record` describes all of it.

use adjutant_engine::record::{Parts, Record};
use adjutant_rules::Book;
use adjutant_runtime::triage::Decided;
use anyhow::{Context as _, Result};
use serde::Deserialize;

/// What measuring needs of a record.
#[derive(Debug, Deserialize)]
pub struct Published {
    pub time: String,
    pub outcome: String,
    pub score: i32,
    pub playbook: String,
    pub close_below: i32,
    pub alert: Alert,
    pub case: Case,
    pub signals: Vec<Signal>,
    pub guards: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct Alert {
    pub line: u64,
}

#[derive(Debug, Deserialize)]
pub struct Case {
    pub id: String,
    pub linked: Vec<Linked>,
}

#[derive(Debug, Deserialize)]
pub struct Linked {
    pub strong: String,
    pub case: String,
}

#[derive(Debug, Deserialize)]
pub struct Signal {
    pub id: String,
    pub state: String,
    pub points: i32,
}

impl Published {
    /// What `adjutant triage --format jsonl` writes of a decision, read again.
    ///
    /// # Errors
    /// When the record lacks what is published.
    pub fn of(decided: &Decided<'_>, book: &Book) -> Result<Self> {
        let record = Record::new(Parts {
            decision: decided.decision,
            alert: decided.alert,
            problems: decided.problems,
            input: "",
            duplicate: decided.observed.duplicate,
            book,
        });
        let line = serde_json::to_vec(&record)?;
        serde_json::from_slice(&line).context("the record of a decision")
    }

    /// Whether a person gets to see it.
    pub fn is_raised(&self) -> bool {
        self.outcome != "close"
    }

    /// Whether its points alone would not have closed it.
    pub const fn is_raised_by_points(&self) -> bool {
        self.score >= self.close_below
    }

    /// Seconds since 1970 of what the alert reports.
    ///
    /// # Errors
    /// When the time is not RFC 3339.
    pub fn seconds(&self) -> Result<i64> {
        let time: jiff::Timestamp = self.time.parse().with_context(|| format!("the time `{}` of a record", self.time))?;
        Ok(time.as_second())
    }

    /// The signals that gave points and what forbade closing, by name.
    pub fn fired(&self) -> String {
        let signals = self.signals.iter().filter(|signal| signal.points > 0);
        let names = signals.map(|signal| format!("{}{}", signal.id, if signal.state == "unknown" { "?" } else { "" }));
        let guards = self.guards.iter().map(|guard| format!("({})", guard.split(" is ").next().unwrap_or(guard)));
        let names: Vec<String> = names.chain(guards).collect();
        format!("{}: {}", self.playbook, names.join(" "))
    }
}
