//! Decides an archive's decisions again under another book, on every core.
//!
//! Facts are taken as they were recorded, unless the new book reads or correlates alerts differently: then a run is
//! read anew from its stored alerts (`replay`). Blocks are summed up in the archive's order, so that the outcome
//! does not depend on the number of workers.

mod replay;

use crate::archive::{Archive, Cursor, Error, Mapping, Segment};
use adjutant_engine::backtest::{Backtest, Tally, changed};
use adjutant_engine::context::Snapshot;
use adjutant_model::schema::slots;
use adjutant_model::{AlertId, Digest, Slot};
use adjutant_rules::Book;
use adjutant_rules::playbook::Playbook;
use replay::Replay;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Blocks that a worker takes at a time.
const PIECE_BLOCKS: usize = 64;

/// Labels of alerts: true when harmful.
pub type Labels = HashMap<AlertId, bool>;

/// One stretch of one segment's blocks.
struct Piece<'s> {
    segment: &'s Segment,
    map: &'s Mapping,
    backtest: Backtest<'s>,
    blocks: std::ops::Range<usize>,
}

/// What a backtest came to, and how.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was decided again.
    pub tally: Tally,
    /// Runs whose recorded facts were decided again.
    pub from_facts: usize,
    /// Runs that were read anew from their stored alerts.
    pub from_raw: usize,
    /// The files of the books that made this necessary.
    pub changed: BTreeSet<String>,
}

/// What `new` would have decided of everything in `archive`; `books` are the books that did decide.
///
/// # Errors
/// A file cannot be read or is damaged.
pub fn run(
    archive: &Archive,
    books: &HashMap<Digest, Book>,
    new: &Book,
    labels: &Labels,
    workers: usize,
) -> Result<Outcome, Error> {
    let segments = archive.segments()?;
    let maps: Vec<Mapping> = segments.iter().map(|segment| segment.map(&new.schema)).collect();
    let read = reads(new);
    let narrow: Vec<Mapping> = segments.iter().map(|segment| segment.map_only(&new.schema, &read)).collect();
    let changed: HashMap<Digest, Vec<String>> = books.iter().map(|(digest, old)| (*digest, changed(old, new))).collect();
    let reads_anew = |book: &Digest| changed.get(book).is_some_and(|files| !files.is_empty());
    let (context, mut outcome) = (Snapshot::empty(new.contracts.clone()), Outcome::default());
    let of_old = |(segment, _): &(&Segment, &Mapping)| !reads_anew(&segment.book());
    let facts = segments.iter().zip(&narrow).filter(of_old);
    outcome.tally = from_facts(&pieces(facts, archive, books, new), labels, workers)?;
    for (number, run) in archive.runs().iter().enumerate() {
        let Some(old) = books.get(&run.book).filter(|_| reads_anew(&run.book)) else {
            outcome.from_facts += 1;
            continue;
        };
        let of_run = segments.iter().zip(&maps).filter(|(segment, _)| segment.run == number);
        outcome.tally.merge(Replay::new(run, old, new, &context, labels).run(of_run, workers)?);
        outcome.from_raw += 1;
        outcome.changed.extend(changed.get(&run.book).into_iter().flatten().cloned());
    }
    Ok(outcome)
}

/// Every field and fact that decisions under `book` read.
fn reads(book: &Book) -> BTreeSet<Slot> {
    book.playbooks.iter().flat_map(Playbook::reads).chain([slots::ALERT_TIME]).collect()
}

fn from_facts(pieces: &[Piece<'_>], labels: &Labels, workers: usize) -> Result<Tally, Error> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Result<Tally, Error>>>> = pieces.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            scope.spawn(|| {
                while let Some((piece, place)) = take(pieces, &done, &next) {
                    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(one(piece, labels));
                }
            });
        }
    });
    let mut whole = Tally::default();
    for tally in done {
        if let Some(tally) = tally.into_inner().unwrap_or_else(PoisonError::into_inner) {
            whole.merge(tally?);
        }
    }
    Ok(whole)
}

fn take<'p, 's, T>(pieces: &'p [Piece<'s>], done: &'p [T], next: &AtomicUsize) -> Option<(&'p Piece<'s>, &'p T)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    pieces.get(number).zip(done.get(number))
}

fn pieces<'s>(
    segments: impl Iterator<Item = (&'s Segment, &'s Mapping)>,
    archive: &Archive,
    books: &'s HashMap<Digest, Book>,
    new: &'s Book,
) -> Vec<Piece<'s>> {
    let of_segment = |(segment, map): (&'s Segment, &'s Mapping)| {
        let now = archive.runs().get(segment.run).and_then(|run| run.now);
        let backtest = Backtest::new(books.get(&segment.book()).unwrap_or(new), new, now);
        let starts = (0..segment.blocks()).step_by(PIECE_BLOCKS);
        starts.map(move |start| {
            let blocks = start..segment.blocks().min(start + PIECE_BLOCKS);
            Piece { segment, map, backtest, blocks }
        })
    };
    segments.flat_map(of_segment).collect()
}

fn one(piece: &Piece<'_>, labels: &Labels) -> Result<Tally, Error> {
    let mut cursor = Cursor::new().map_err(no_memory)?;
    let (mut tally, mut spare) = (Tally::default(), None);
    for block in piece.blocks.clone() {
        piece.segment.read(block, piece.map, &mut cursor, |entry| {
            let harmful = labels.get(&entry.decision.alert).copied();
            piece.backtest.again(&entry.alert, &entry.decision, harmful, &mut tally, &mut spare);
        })?;
    }
    Ok(tally)
}

fn no_memory(source: io::Error) -> Error {
    Error::Read { path: "the archive".into(), source }
}
