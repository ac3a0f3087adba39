//! Decisions: listed, and one with everything that led to it.

use super::cases::{self, hex};
use super::digits;
use crate::problem::{Kind, Problem};
use adjutant_engine::explain::style;
use adjutant_engine::record::Record;
use adjutant_model::Time;
use adjutant_runtime::event::{self, Head};
use adjutant_runtime::ports::{Parts, StoreError};
use adjutant_runtime::service::Service;
use adjutant_runtime::view::Decision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Columns of an explanation as text.
const WIDTH: usize = 100;

/// A decision in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Short {
    /// The number of its entry in the ledger.
    pub seq: u64,
    /// The decision's name.
    pub decision: String,
    /// When it was made, RFC 3339.
    pub at: String,
    /// The case.
    pub case: String,
    /// Which revision of the case.
    pub revision: u32,
    /// `close`, `escalate` or `respond`.
    pub outcome: String,
    /// The score.
    pub score: i32,
    /// Who sent the alert.
    pub sender: String,
    /// The first sixteen bytes of the alert's digest.
    pub alert: String,
    /// The case was closed by itself.
    pub closed: bool,
}

/// Which decisions are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Made at this time or later.
    pub since: Time,
    /// Only with this outcome.
    pub outcome: Option<String>,
    /// Begin at this entry.
    pub from: u64,
    /// At most so many.
    pub limit: usize,
}

/// Decisions in the order in which they were made.
///
/// # Errors
/// The filter names what does not exist, or the store cannot be read.
pub fn list(service: &Service, filter: &Filter) -> Result<Vec<Short>, Problem> {
    let outcome = filter.outcome.as_deref().map(cases::outcome).transpose()?;
    let listed = service.read(|reader| {
        let first = reader.since(filter.since)?.max(filter.from);
        let mut found = Vec::new();
        reader.blocks(first, Parts::Entries, &mut |block| {
            for (seq, entry) in (block.first..).zip(event::pieces(&block.entries)).filter(|(seq, _)| *seq >= first) {
                let broken = |_| StoreError::Damaged(format!("entry {seq} cannot be read"));
                let event::Kind::Decided(head, sender, _) = event::kind(entry.map_err(broken)?).map_err(broken)? else {
                    continue;
                };
                if outcome.is_some_and(|outcome| outcome != head.outcome()) {
                    continue;
                }
                if found.len() == filter.limit {
                    return Ok(false);
                }
                found.push(short(seq, &head, sender));
            }
            Ok(true)
        })?;
        Ok(found)
    })?;
    Ok(listed)
}

fn short(seq: u64, head: &Head, sender: &str) -> Short {
    Short {
        seq,
        decision: hex(&head.decision),
        at: head.at.to_string(),
        case: hex(&head.case.0),
        revision: head.revision.0,
        outcome: head.outcome().to_string(),
        score: head.score,
        sender: sender.to_owned(),
        alert: hex(&head.alert.0[..16]),
        closed: head.flags & event::flag::CLOSED != 0,
    }
}

/// The only decision whose name begins with `id`.
fn named(service: &Service, id: &str) -> Result<Decision, Problem> {
    let id = digits(id)?;
    let mut found = service.read(|reader| reader.find(id, 2))?;
    let seq = match (found.pop(), found.len()) {
        (Some(seq), 0) => seq,
        (None, _) => return Err(Problem::new(Kind::NotFound, format!("there is no decision `{id}`"))),
        _ => return Err(Problem::new(Kind::Conflict, format!("`{id}` begins several decisions; write more of it"))),
    };
    let gone =
        || Problem::new(Kind::NotFound, format!("the decision `{id}` was removed by retention; its leaf in the ledger stays"));
    service.decision(seq)?.ok_or_else(gone)
}

/// The published record of a decision.
///
/// # Errors
/// There is none, or the store cannot be read.
pub fn record(service: &Service, id: &str) -> Result<Record, Problem> {
    Ok(named(service, id)?.record())
}

/// The explanation of a decision, as text.
///
/// # Errors
/// There is none, or the store cannot be read.
pub fn explained(service: &Service, id: &str) -> Result<String, Problem> {
    Ok(style::plain(&named(service, id)?.explained(WIDTH)))
}

/// The raw alert of a decision.
///
/// # Errors
/// There is none, or the store cannot be read.
pub fn raw(service: &Service, id: &str) -> Result<Vec<u8>, Problem> {
    let decision = named(service, id)?;
    let gone = || Problem::new(Kind::NotFound, "the raw alert was removed by retention; its digest stays in the ledger");
    service.raw(decision.seq)?.ok_or_else(gone)
}
