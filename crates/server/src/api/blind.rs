//! What people who judge are not told of a case that the blind sample may have drawn, until it is judged: what the machine
//! made of it.
//!
//! Whoever knows that the machine would have closed a case agrees more often, and then the sample measures nothing. Facts and
//! signals stay, for they are what is judged; outcome, score, and what adds up to them are left out. They are left out of every
//! open case of a playbook that may close by itself: were it of the drawn ones alone, the gap would mark them.

use super::cases::hex;
use crate::gate::{Permission, Role};
use crate::problem::{Kind, Problem};
use adjutant_engine::autonomy::{CLOSE, Ladder, Rung};
use adjutant_engine::explain::style::{Line, Paint};
use adjutant_engine::explain::subject;
use adjutant_engine::explain::text::wrapped;
use adjutant_engine::record::Record;
use adjutant_engine::step::Status;
use adjutant_model::{Autonomy, CaseId, Outcome};
use adjutant_runtime::event::{Evidence, Head, flag};
use adjutant_runtime::ports::{Kept, StoreError};
use adjutant_runtime::service::Service;
use adjutant_runtime::view;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Members of a record that say what the machine made of the alert.
const TELLING: [&str; 8] = ["outcome", "score", "autonomy", "close_below", "respond_from", "respond_families", "caps", "guards"];

/// What stands in an explanation where outcome and score would.
const LATER: &str = "outcome and score are shown once the case is judged";

/// For whom an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eyes {
    /// Who gives verdicts.
    Judging,
    /// Everybody else who may read.
    Other,
}

impl Eyes {
    /// The eyes of whoever has these roles, however narrow the token is.
    pub fn of(roles: &[Role]) -> Self {
        let judges = roles.iter().any(|role| role.permissions().contains(&Permission::JudgeCases));
        if judges { Eyes::Judging } else { Eyes::Other }
    }
}

/// Knows of which cases these eyes do not see what the machine made of them.
pub struct Blind<'s> {
    service: &'s Service,
    eyes: Eyes,
    ladder: Arc<Ladder>,
    known: HashMap<CaseId, bool>,
}

impl<'s> Blind<'s> {
    /// Nothing is looked up yet.
    pub fn new(service: &'s Service, eyes: Eyes) -> Self {
        Self { service, eyes, ladder: service.ladder(), known: HashMap::new() }
    }

    /// Whether this case is one of them.
    pub fn hides(&self, kept: &Kept) -> bool {
        self.eyes == Eyes::Judging && kept.status == Status::Open && (kept.sampled || self.closes(|name| name == kept.playbook))
    }

    /// Whether the case of this decision is one of them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn hides_decision(&mut self, head: &Head) -> Result<bool, StoreError> {
        let is_drawn = head.outcome() == Outcome::Close && head.flags & flag::CLOSED == 0;
        if self.eyes == Eyes::Other || !(is_drawn || self.closes(|_| true)) {
            return Ok(false);
        }
        if let Some(known) = self.known.get(&head.case) {
            return Ok(*known);
        }
        let found = self.service.read(|reader| reader.case_named(&hex(&head.case.0), 1))?;
        let hides = found.first().is_some_and(|kept| self.hides(kept));
        self.known.insert(head.case, hides);
        Ok(hides)
    }

    /// Whether cases of such a playbook may close by themselves.
    fn closes(&self, is_meant: impl Fn(&str) -> bool) -> bool {
        let may = |(rung, level): (&Rung, Autonomy)| level == Autonomy::Act && rung.verb == CLOSE && is_meant(&rung.playbook);
        self.ladder.rungs().any(may)
    }
}

/// The record without what the machine made of the alert.
///
/// # Errors
/// It cannot be written as JSON.
pub fn record(record: &Record) -> Result<Value, Problem> {
    let unwritable = |error: serde_json::Error| Problem::new(Kind::Internal, error.to_string());
    let mut value = serde_json::to_value(record).map_err(unwritable)?;
    if let Some(members) = value.as_object_mut() {
        TELLING.iter().for_each(|name| drop(members.remove(*name)));
    }
    let signals = value["signals"].as_array_mut().into_iter().flatten();
    signals.filter_map(Value::as_object_mut).for_each(|signal| drop(signal.remove("points")));
    Ok(value)
}

/// The explanation without it: what a verdict may cite.
pub fn explanation(record: &Record, width: usize) -> Vec<Line> {
    let head = Line::new().with(Paint::Strong, &record.playbook).plain("  ").plain(subject(record));
    let place = format!("{} · {} · line {} of {}", record.alert.source, record.time, record.alert.line, record.alert.input);
    let mut lines = vec![head, Line::new().with(Paint::Dim, place), Line::new()];
    for Evidence { row, name, says } in view::unweighed(record) {
        lines.extend(wrapped(&format!("{row:<4} {name}  "), &says, width));
    }
    let foot = format!("case {} revision {} · decision {}", record.case.id, record.case.revision, record.id);
    lines.extend([Line::new(), Line::new().plain(LATER), Line::new().with(Paint::Dim, foot)]);
    lines
}
