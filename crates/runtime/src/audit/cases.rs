//! Cases, made again from the entries: what the queue shows of a case's state is what its entries say.

use super::Error;
use super::removed::Removed;
use crate::event::{Head, Noted, What, flag};
use crate::ports::{Kept, Position, Read, StoreError, Wanted};
use adjutant_engine::step::{Status, Verdict};
use adjutant_model::{CaseId, Outcome, Time};
use std::collections::HashMap;

/// Cases read at a time.
const PAGE: usize = 1_000;

/// What the entries make of one case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Folded {
    status: Status,
    outcome: Option<Outcome>,
    score: i32,
    alerts: u32,
    sampled: bool,
    review: bool,
    opened: Time,
    first: u64,
    updated: Time,
    /// The entry that last changed it, plus one.
    last: u64,
    worst: u64,
    assignee: String,
    /// It has one alert, and nobody said anything of it but who was asked about the alert.
    alone: bool,
    /// Retention removed entries of it: what they said is not known.
    in_part: bool,
}

/// All cases that entries speak of.
#[derive(Default)]
pub(super) struct Cases(HashMap<CaseId, Folded>);

impl Cases {
    pub(super) fn decided(&mut self, seq: u64, head: &Head, removed: &Removed) -> Result<(), Error> {
        let case = self.0.entry(head.case).or_default();
        case.follow(seq, head.previous, removed)?;
        if case.last == 0 {
            (case.opened, case.first) = (head.at, seq);
        }
        let (outcome, again) = (head.outcome(), head.flags & flag::AGAIN != 0);
        let rises = case.outcome < Some(outcome);
        let came_to = (Some(outcome), head.score);
        let stands = again && !rises && case.alone && case.status == Status::Open && !case.sampled;
        let before = (case.outcome, case.score);
        if stands || before < came_to || case.outcome.is_none() || (again && before == came_to) {
            case.worst = seq;
        }
        let reopens = case.status == Status::ClosedItself || (case.status == Status::ClosedByPerson && !again);
        if head.flags & flag::CLOSED != 0 {
            case.status = Status::ClosedItself;
        } else if rises && reopens {
            case.status = Status::Open;
        }
        (case.outcome, case.score) = if stands { came_to } else { (case.outcome.max(came_to.0), case.score.max(came_to.1)) };
        case.alone = if again { stands } else { case.last == 0 };
        case.alerts = case.alerts.max(head.revision.0);
        case.sampled |= head.flags & flag::SAMPLED != 0;
        (case.updated, case.last) = (head.at, seq + 1);
        Ok(())
    }

    pub(super) fn noted(&mut self, seq: u64, at: Time, noted: &Noted, removed: &Removed) -> Result<(), Error> {
        if noted.case.is_empty() {
            return Ok(());
        }
        let Some(id) = named(&noted.case) else { return Err(Error::Chain(seq)) };
        let case = self.0.entry(id).or_default();
        case.follow(seq, noted.previous, removed)?;
        case.alone &= matches!(&noted.what, What::LookedUp(looked) if looked.said.is_some());
        match &noted.what {
            What::Verdict { verdict, .. } => {
                case.review = false;
                case.status = match verdict {
                    Verdict::Close => Status::ClosedByPerson,
                    Verdict::Reopen => Status::Open,
                    Verdict::Escalate => Status::Escalated,
                };
            }
            What::Assigned { to } => case.assignee.clone_from(to),
            What::Reconsidered { is, .. } => {
                case.review = true;
                case.outcome = case.outcome.max(Some(*is));
                if matches!(case.status, Status::ClosedItself | Status::ClosedByPerson) {
                    case.status = Status::Open;
                }
            }
            what if what.raises(case.status) => {
                case.outcome = case.outcome.max(Some(Outcome::Escalate));
                if matches!(case.status, Status::ClosedItself | Status::ClosedByPerson) {
                    case.status = Status::Open;
                }
            }
            _ => {}
        }
        (case.updated, case.last) = (at, seq + 1);
        Ok(())
    }

    /// Whether exactly these cases are stored, as their entries say.
    pub(super) fn agree_with(self, reader: &mut dyn Read, removed: &Removed) -> Result<u64, Error> {
        let (mut from, mut found, mut rows, mut open) = (0, 0, 0, 0);
        loop {
            let page = reader.cases_from(from, PAGE)?;
            for kept in &page {
                match self.0.get(&kept.id) {
                    Some(folded) if folded.agrees(kept) && is_found(reader, kept.id)? => found += 1,
                    // Nothing is left that says anything about it.
                    None if kept.last.checked_sub(1).is_some_and(|last| removed.contains(last)) => {}
                    _ => return Err(Error::Case(kept.id)),
                }
                open += u64::from(kept.status == Status::Open);
            }
            rows += page.len() as u64;
            match page.last() {
                Some(last) if page.len() == PAGE => from = last.first + 1,
                _ => break,
            }
        }
        if found != self.0.len() {
            return Err(Error::Cases(self.0.len() - found));
        }
        let listed = listed(reader)?;
        if listed == open { Ok(rows) } else { Err(Error::Queue(open, listed)) }
    }
}

/// How many cases the queue lists.
fn listed(reader: &mut dyn Read) -> Result<u64, StoreError> {
    let (mut after, mut listed) = (None::<Position>, 0);
    loop {
        let page = reader.cases(&Wanted { status: Some(Status::Open), after, limit: PAGE, ..Wanted::default() })?;
        listed += page.len() as u64;
        after = page.last().map(Kept::position);
        if page.len() < PAGE {
            return Ok(listed);
        }
    }
}

impl Folded {
    /// Each entry of a case names the one before.
    fn follow(&mut self, seq: u64, previous: u64, removed: &Removed) -> Result<(), Error> {
        if previous == self.last {
            return Ok(());
        }
        self.in_part = true;
        let gone = previous.checked_sub(1).is_some_and(|before| removed.contains(before));
        if gone && previous > self.last { Ok(()) } else { Err(Error::Chain(seq)) }
    }

    fn agrees(&self, kept: &Kept) -> bool {
        let ends = (self.last, self.updated) == (kept.last, kept.updated);
        if self.in_part {
            return ends;
        }
        let state =
            (kept.status, Some(kept.outcome), kept.score, kept.alerts) == (self.status, self.outcome, self.score, self.alerts);
        let marks = (kept.sampled, kept.review) == (self.sampled, self.review);
        ends && state
            && marks
            && (kept.opened, kept.first, kept.worst) == (self.opened, self.first, self.worst)
            && kept.assignee == self.assignee
    }
}

/// Whether the case is found by its name, as whoever asks for it finds it.
fn is_found(reader: &mut dyn Read, id: CaseId) -> Result<bool, StoreError> {
    let digits = format!("{:032x}", u128::from_be_bytes(id.0));
    Ok(reader.case_named(&digits, 2)?.iter().any(|kept| kept.id == id))
}

/// The case of this name: 32 hexadecimal digits.
fn named(digits: &str) -> Option<CaseId> {
    let number = u128::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 32 && !digits.starts_with('+'))?;
    Some(CaseId(number.to_be_bytes()))
}
