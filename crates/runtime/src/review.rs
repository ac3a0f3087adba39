//! Retroactive review: every decision that used a source in a stretch of time, decided again with today's facts.
//!
//! For when a source was wrong. What flips is put before people; nothing that was decided is changed. The present book judges
//! both times, so that a flip comes from the facts and not from the book.

use crate::archive::Entry;
use crate::drive::{Command, Reply, slots};
use crate::event::{self, Kind, What, flag};
use crate::policy::Policy;
use crate::ports::{Parts, Read, StoreError};
use crate::service::{Failed, Service};
use crate::view::within;
use adjutant_engine::desk::Scratch;
use adjutant_model::{CaseId, Origin, Outcome, Revision, Time};

/// What to review.
#[derive(Clone, Debug)]
pub struct Question {
    /// The source of facts that was wrong.
    pub source: String,
    /// Decisions from this time on …
    pub from: Time,
    /// … and before this.
    pub to: Time,
}

/// One decision that comes out differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// Its entry.
    pub seq: u64,
    /// Its case.
    pub case: CaseId,
    /// What was decided.
    pub was: Outcome,
    /// What would be.
    pub is: Outcome,
    /// The score now.
    pub score: i32,
}

/// What a review found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub review: String,
    /// Decisions in that time.
    pub decisions: u64,
    /// Those that used the source.
    pub used: u64,
    /// Those that come out differently.
    pub flips: Vec<Flip>,
}

/// Why a review cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such source.
    #[error("the book has no context source `{0}`")]
    NoSource(String),
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its result cannot be kept.
    #[error(transparent)]
    Failed(#[from] Failed),
}

/// Reviews, and puts what flips before people, as asked by `by`. May take long: call it where that may be.
///
/// # Errors
/// No such source, or the store cannot be used.
pub fn review(service: &Service, by: &str, question: &Question) -> Result<Found, Error> {
    let policy = service.policy();
    if !policy.book.contracts.iter().any(|contract| contract.name == question.source) {
        return Err(Error::NoSource(question.source.clone()));
    }
    let mut found = service.read(|reader| look(service, reader, &policy, question))?;
    found.review = format!("{}-{}", question.source, service.head().0);
    for flip in &found.flips {
        let Flip { seq, case, was, is, score } = *flip;
        let review = found.review.clone();
        service.command_blocking(by, Command::Reconsider { review, case, about: seq, was, is, score })?;
    }
    let what = What::Review {
        review: found.review.clone(),
        source: question.source.clone(),
        from: question.from.to_string(),
        to: question.to.to_string(),
        used: found.used,
        flipped: found.flips.len() as u64,
    };
    let body = serde_json::json!({ "by": by, "source": question.source, "decisions": found.decisions, "used": found.used,
        "flipped": found.flips.len(), "from": question.from.to_string(), "to": question.to.to_string() });
    let _: Reply = service.command_blocking(by, Command::Reviewed { what, body: body.to_string() })?;
    Ok(found)
}

fn look(service: &Service, reader: &mut dyn Read, policy: &Policy, question: &Question) -> Result<Found, StoreError> {
    let first = reader.since(question.from)?;
    let mut others = service.other_reader()?;
    let (mut found, mut entry, mut scratch) = (Found::default(), Entry::default(), Scratch::default());
    let now = service.clock().now();
    let mut flips: Vec<(Revision, Flip)> = Vec::new();
    reader.blocks(first, Parts::Entries, &mut |block| {
        if block.at >= question.to {
            return Ok(false);
        }
        for (seq, bytes) in (block.first..).zip(event::pieces(&block.entries)) {
            let broken = |_| StoreError::Damaged(format!("entry {seq} cannot be read"));
            let Kind::Decided(head, _, rest) = event::kind(bytes.map_err(broken)?).map_err(broken)? else { continue };
            if !within(head.at, question.from, question.to) {
                continue;
            }
            found.decisions += 1;
            if head.flags & flag::AGAIN != 0 {
                // What was decided before, without what was looked up, stands no longer.
                flips.retain(|(revision, flip)| (flip.case, *revision) != (head.case, head.revision));
            }
            let slots = slots(&mut *others, head.book, policy)?;
            event::decided(&head, rest, &slots, &mut entry).map_err(broken)?;
            let then_book = service.library().book(head.book, policy, &mut *others)?;
            let of_source =
                |origin: Origin| matches!(origin, Origin::Context(n) if then_book.contract_name(n) == question.source);
            if !entry.alert.row.cells().any(|(_, cell)| of_source(cell.origin)) {
                continue;
            }
            found.used += 1;
            flips.extend(flip(policy, seq, &mut entry, now, &mut scratch).map(|flip| (head.revision, flip)));
        }
        Ok(true)
    })?;
    found.flips = flips.into_iter().map(|(_, flip)| flip).collect();
    Ok(found)
}

fn flip(policy: &Policy, seq: u64, entry: &mut Entry, now: Time, scratch: &mut Scratch) -> Option<Flip> {
    let desk = policy.desk();
    let at = desk.now(&entry.alert);
    let was = desk.again(&entry.alert, &entry.decision, at).outcome;
    desk.refresh(&mut entry.alert, now, scratch);
    let again = desk.again(&entry.alert, &entry.decision, at);
    (again.outcome != was).then_some(Flip { seq, case: again.case, was, is: again.outcome, score: again.score })
}
