//! Cases, derived again from their entries, and compared with what the store keeps of them.

use crate::entry::{Decided, hex};
use crate::store::{Case, Store};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::HashMap;

const OPEN: u8 = 0;
const CLOSED_ITSELF: u8 = 1;
const CLOSED_BY_PERSON: u8 = 2;
const ESCALATED: u8 = 3;

/// What the entries make of one case.
#[derive(Default)]
struct Folded {
    status: u8,
    outcome: Option<u8>,
    score: i32,
    alerts: u32,
    sampled: bool,
    review: bool,
    opened: i64,
    first: u64,
    updated: i64,
    /// The entry that last changed it, plus one.
    last: u64,
    worst: u64,
    assignee: String,
    /// It has one alert, and nothing else was said of it than what was looked up.
    alone: bool,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Cases(HashMap<String, Folded>);

impl Cases {
    pub(crate) fn decided(&mut self, seq: u64, decided: &Decided) -> Result<()> {
        let case = self.0.entry(hex(&decided.case)).or_default();
        ensure!(decided.previous == case.last, "entry {seq} follows {}, its case is at {}", decided.previous, case.last);
        if case.last == 0 {
            (case.opened, case.first) = (decided.at, seq);
        }
        let rises = case.outcome < Some(decided.outcome);
        let (came_to, before) = ((Some(decided.outcome), decided.score), (case.outcome, case.score));
        let stands = decided.again && !rises && case.alone && case.status == OPEN && !case.sampled;
        let worse = case.outcome.is_none() || came_to > before;
        if worse || stands || (decided.again && came_to == before) {
            case.worst = seq;
        }
        if decided.closed {
            ensure!(case.status == OPEN && !case.sampled, "entry {seq} closed a case that it may not");
            case.status = CLOSED_ITSELF;
        } else if rises && (case.status == CLOSED_ITSELF || (case.status == CLOSED_BY_PERSON && !decided.again)) {
            case.status = OPEN;
        }
        (case.outcome, case.score) = if stands { came_to } else { (before.0.max(came_to.0), before.1.max(came_to.1)) };
        case.alone = if decided.again { stands } else { case.last == 0 };
        case.alerts = case.alerts.max(decided.revision);
        case.sampled |= decided.sampled;
        (case.updated, case.last) = (decided.at, seq + 1);
        Ok(())
    }

    pub(crate) fn noted(&mut self, seq: u64, at: i64, noted: &Value) -> Result<()> {
        let text = |name: &str| noted[name].as_str().unwrap_or_default();
        let stated: jiff::Timestamp = text("at").parse().with_context(|| format!("the time of entry {seq}"))?;
        ensure!(stated.as_microsecond() == at, "entry {seq} has another time than its commit");
        if text("case").is_empty() {
            return Ok(());
        }
        let case = self.0.get_mut(text("case")).with_context(|| format!("entry {seq} is about a case that is not there"))?;
        let previous = noted["previous"].as_u64().unwrap_or(0);
        ensure!(previous == case.last, "entry {seq} follows {previous}, its case is at {}", case.last);
        case.alone &= text("kind") == "looked-up" && noted.get("said").is_some();
        match (text("kind"), text("verdict")) {
            ("verdict", "close") => (case.status, case.review) = (CLOSED_BY_PERSON, false),
            ("verdict", "reopen") => (case.status, case.review) = (OPEN, false),
            ("verdict", "escalate") => (case.status, case.review) = (ESCALATED, false),
            ("assigned", _) => text("to").clone_into(&mut case.assignee),
            ("reconsidered", _) => {
                let names = ["close", "escalate", "respond"];
                let is = names.iter().position(|name| *name == text("is")).context("an outcome of no known name")?;
                case.outcome = case.outcome.max(Some(u8::try_from(is)?));
                if matches!(case.status, CLOSED_ITSELF | CLOSED_BY_PERSON) {
                    case.status = OPEN;
                }
                case.review = true;
            }
            _ => {}
        }
        (case.updated, case.last) = (at, seq + 1);
        Ok(())
    }

    /// Whether the store keeps exactly these cases, as the entries say; how many there are.
    pub(crate) fn agree_with(mut self, store: &Store) -> Result<usize> {
        let rows = store.cases()?;
        let (named, whole) = store.tree("named")?;
        let (mut queue, listed_to) = store.queue()?;
        for row in &rows {
            let name = hex(&row.id);
            let key = row.id.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
            let found = named.get(&key).map_or(row.first >= whole, |first| *first == row.first);
            ensure!(found, "case {name} is not found by its name");
            let listed = row.state.0 == OPEN && row.first < listed_to;
            ensure!(
                queue.remove(&(row.rank, row.first)) == listed,
                "case {name} is in the queue, or is not, as it should not be"
            );
            let folded = self.0.remove(&name).with_context(|| format!("case {name} has no entry"))?;
            folded.agrees(row).with_context(|| format!("case {name}"))?;
        }
        ensure!(queue.is_empty(), "the queue lists what is no open case: {queue:?}");
        ensure!(self.0.is_empty(), "case {:?} is not kept", self.0.keys().next());
        Ok(rows.len())
    }
}

impl Folded {
    fn agrees(&self, row: &Case) -> Result<()> {
        let outcome = self.outcome.unwrap_or_default();
        let state = (self.status, outcome, self.score, self.alerts, self.sampled, self.review);
        ensure!(row.state == state, "it is kept as {:?}, its entries say {state:?}", row.state);
        let places = (self.opened, self.first, self.updated, self.last, self.worst);
        let kept = (row.opened, row.first, row.updated, row.last, row.worst);
        ensure!(kept == places, "its times and entries are kept as {kept:?}, and are {places:?}");
        ensure!(row.assignee == self.assignee, "it is given to `{}`, its entries say `{}`", row.assignee, self.assignee);
        let score = i64::from(row.state.2.clamp(-1_000_000, 1_000_000)) + 1_000_000;
        let rank = i64::from(outcome) << 40 | score << 8 | i64::from(row.severity);
        ensure!(row.rank == rank, "it is not in its place in the queue");
        Ok(())
    }
}
