//! Decisions: listed, and one with everything that led to it.

use super::blind::{self, Blind, Eyes};
use super::cases::{self, hex};
use super::digits;
use crate::problem::{Kind, Problem};
use adjutant_engine::explain::style;
use adjutant_model::{Outcome, Time};
use adjutant_runtime::event::{self, Head};
use adjutant_runtime::ports::{Parts, Read, StoreError};
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
    /// The score; none for people who judge, where the blind sample may have drawn the case.
    pub score: Option<i32>,
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
    /// The oldest first, and not the newest.
    pub oldest_first: bool,
    /// Go on after the decision with this entry.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// Entries that are looked through at a time on the way back, at first and at most: what is asked for is mostly near.
const BACK: std::ops::RangeInclusive<u64> = 256..=16_384;

/// Decisions as these eyes see them, the newest first unless the filter says otherwise.
///
/// # Errors
/// The filter names what does not exist, or the store cannot be read.
pub fn list(service: &Service, filter: &Filter, eyes: Eyes) -> Result<Vec<Short>, Problem> {
    let mut sight =
        Sight { outcome: filter.outcome.as_deref().map(cases::outcome).transpose()?, blind: Blind::new(service, eyes) };
    let Filter { since, oldest_first, after, limit, .. } = *filter;
    let listed = service.read(|reader| {
        let first = reader.since(since)?;
        if oldest_first {
            let first = after.map_or(first, |after| first.max(after.saturating_add(1)));
            return between(reader, (first, u64::MAX), &mut sight, limit);
        }
        let (mut end, mut back, mut found) = (reader.since(Time(i64::MAX))?, *BACK.start(), Vec::new());
        end = after.map_or(end, |after| end.min(after));
        while end > first && found.len() < limit {
            let begin = end.saturating_sub(back).max(first);
            let part = between(reader, (begin, end), &mut sight, usize::MAX)?;
            found.extend(part.into_iter().rev().take(limit - found.len()));
            (end, back) = (begin, (back * 4).min(*BACK.end()));
        }
        Ok(found)
    })?;
    Ok(listed)
}

/// At most `limit` decisions from the entry `first` on and before `end`, in their order.
fn between(
    reader: &mut dyn Read,
    (first, end): (u64, u64),
    sight: &mut Sight<'_>,
    limit: usize,
) -> Result<Vec<Short>, StoreError> {
    let mut found = Vec::new();
    reader.blocks(first, Parts::Entries, &mut |block| {
        let entries = (block.first..).zip(event::pieces(&block.entries));
        for (seq, entry) in entries.skip_while(|(seq, _)| *seq < first).take_while(|(seq, _)| *seq < end) {
            let broken = |_| StoreError::Damaged(format!("entry {seq} cannot be read"));
            let event::Kind::Decided(head, sender, _) = event::kind(entry.map_err(broken)?).map_err(broken)? else {
                continue;
            };
            if found.len() == limit {
                return Ok(false);
            }
            found.extend(sight.short(seq, &head, sender)?);
        }
        Ok(block.first + (block.leaves.len() as u64) < end)
    })?;
    Ok(found)
}

/// What is asked for, and who asks.
struct Sight<'s> {
    outcome: Option<Outcome>,
    blind: Blind<'s>,
}

impl Sight<'_> {
    /// The row of a decision, if it is asked for.
    fn short(&mut self, seq: u64, head: &Head, sender: &str) -> Result<Option<Short>, StoreError> {
        let is_blind = self.blind.hides_decision(head)?;
        // What would be closed looks like what is before people anyway.
        let outcome = if is_blind { head.outcome().max(Outcome::Escalate) } else { head.outcome() };
        if self.outcome.is_some_and(|asked| asked != outcome) {
            return Ok(None);
        }
        Ok(Some(Short {
            seq,
            decision: hex(&head.decision),
            at: head.at.to_string(),
            case: hex(&head.case.0),
            revision: head.revision.0,
            outcome: outcome.to_string(),
            score: (!is_blind).then_some(head.score),
            sender: sender.to_owned(),
            alert: hex(&head.alert.0[..16]),
            closed: head.flags & event::flag::CLOSED != 0,
        }))
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

/// The published record of a decision, as these eyes see it.
///
/// # Errors
/// There is none, or the store cannot be read.
pub fn record(service: &Service, id: &str, eyes: Eyes) -> Result<serde_json::Value, Problem> {
    let decision = named(service, id)?;
    let record = decision.record();
    if Blind::new(service, eyes).hides_decision(&decision.head)? {
        return blind::record(&record);
    }
    serde_json::to_value(&record).map_err(|error| Problem::new(Kind::Internal, error.to_string()))
}

/// The explanation of a decision as text, as these eyes see it.
///
/// # Errors
/// There is none, or the store cannot be read.
pub fn explained(service: &Service, id: &str, eyes: Eyes) -> Result<String, Problem> {
    let decision = named(service, id)?;
    let is_blind = Blind::new(service, eyes).hides_decision(&decision.head)?;
    let lines = if is_blind { blind::explanation(&decision.record(), WIDTH) } else { decision.explained(WIDTH) };
    Ok(style::plain(&lines))
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
