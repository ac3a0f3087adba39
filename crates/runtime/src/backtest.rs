//! Decides an archive's decisions again under another book, on every core.
//!
//! Facts are taken as they were recorded. Blocks are read in any order and summed up in the archive's, so that
//! the outcome does not depend on the number of workers.

use crate::archive::{Archive, Cursor, Error, Mapping, Segment};
use adjutant_engine::backtest::{Backtest, Tally};
use adjutant_model::{AlertId, Digest};
use adjutant_rules::Book;
use std::collections::HashMap;
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
) -> Result<Tally, Error> {
    let segments = archive.segments()?;
    let maps: Vec<Mapping> = segments.iter().map(|segment| segment.map(&new.schema)).collect();
    let pieces = pieces(&segments, &maps, books, new);
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Result<Tally, Error>>>> = pieces.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            scope.spawn(|| {
                while let Some((piece, place)) = take(&pieces, &done, &next) {
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

fn pieces<'s>(segments: &'s [Segment], maps: &'s [Mapping], books: &'s HashMap<Digest, Book>, new: &'s Book) -> Vec<Piece<'s>> {
    let of_segment = |(segment, map): (&'s Segment, &'s Mapping)| {
        let backtest = Backtest::new(books.get(&segment.book()).unwrap_or(new), new);
        let starts = (0..segment.blocks()).step_by(PIECE_BLOCKS);
        starts.map(move |start| {
            let blocks = start..segment.blocks().min(start + PIECE_BLOCKS);
            Piece { segment, map, backtest, blocks }
        })
    };
    segments.iter().zip(maps).flat_map(of_segment).collect()
}

fn one(piece: &Piece<'_>, labels: &Labels) -> Result<Tally, Error> {
    let mut cursor = Cursor::new().map_err(no_memory)?;
    let mut tally = Tally::default();
    for block in piece.blocks.clone() {
        piece.segment.read(block, piece.map, &mut cursor, |entry| {
            let harmful = labels.get(&entry.decision.alert).copied();
            piece.backtest.again(&entry.alert, &entry.decision, harmful, &mut tally);
        })?;
    }
    Ok(tally)
}

fn no_memory(source: io::Error) -> Error {
    Error::Read { path: "the archive".into(), source }
}
