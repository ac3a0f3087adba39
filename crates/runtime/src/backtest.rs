//! Decides an archive's decisions again under another book, on every core.
//!
//! Facts are taken as they were recorded, unless the new book reads or correlates alerts differently: then a run is
//! read anew from its stored alerts (`replay`). Blocks are summed up in the archive's order, so that the outcome
//! does not depend on the number of workers.

mod replay;

use crate::archive::{Archive, Cursor, Error, Mapping, Segment, Unread};
use adjutant_engine::backtest::{Backtest, Common, Facts, Tally, changed};
use adjutant_engine::context::Snapshot;
use adjutant_engine::headline;
use adjutant_model::schema::slots;
use adjutant_model::{AlertId, Digest, Row, Slot};
use adjutant_rules::Book;
use adjutant_rules::playbook::Playbook;
use replay::Replay;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Blocks that a worker takes at a time.
const PIECE_BLOCKS: usize = 64;

/// Labels of alerts: true when harmful.
pub type Labels = HashMap<AlertId, bool>;

/// One segment whose decisions are made again on recorded facts.
struct Part<'s> {
    segment: &'s Segment,
    /// Where everything is that either book reads.
    map: Mapping,
    /// Where that is which names an alert.
    names: Mapping,
    /// What the books have in common, and where the rest of what the new one reads is.
    common: Option<(Common<'s>, Mapping)>,
    backtest: Backtest<'s>,
}

/// Some neighbouring blocks of a segment, which one worker takes at once.
struct Piece<'s> {
    part: usize,
    of: &'s Part<'s>,
    blocks: std::ops::Range<usize>,
}

impl<'s> Part<'s> {
    fn new(segment: &'s Segment, archive: &Archive, books: &'s HashMap<Digest, Book>, new: &'s Book) -> Self {
        let old = books.get(&segment.book()).unwrap_or(new);
        let now = archive.runs().get(segment.run).and_then(|run| run.now);
        let common = Common::of(old, new).filter(|_| segment.has_names_of(&new.schema));
        let common = common.map(|common| {
            let asked = segment.map_only(&new.schema, &common.reads());
            (common, asked)
        });
        let read: BTreeSet<Slot> = reads(old).chain(reads(new)).collect();
        let map = |wanted: &BTreeSet<Slot>| segment.map_only(&new.schema, wanted);
        let (map, names) = (map(&read), map(&headline::reads().collect()));
        Self { segment, map, names, common, backtest: Backtest::new(old, new, now) }
    }

    /// Its pieces; `part` is its number.
    fn pieces(&self, part: usize) -> impl Iterator<Item = Piece<'_>> {
        let starts = (0..self.segment.blocks()).step_by(PIECE_BLOCKS);
        starts.map(move |start| Piece { part, of: self, blocks: start..self.segment.blocks().min(start + PIECE_BLOCKS) })
    }
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
    let changed: HashMap<Digest, Vec<String>> = books.iter().map(|(digest, old)| (*digest, changed(old, new))).collect();
    let reads_anew = |book: &Digest| changed.get(book).is_some_and(|files| !files.is_empty());
    let (context, mut outcome) = (Snapshot::empty(new.contracts.clone()), Outcome::default());
    let of_facts = segments.iter().filter(|segment| !reads_anew(&segment.book()));
    let parts: Vec<Part<'_>> = of_facts.map(|segment| Part::new(segment, archive, books, new)).collect();
    outcome.tally = from_facts(&parts, labels, workers)?;
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
fn reads(book: &Book) -> impl Iterator<Item = Slot> {
    book.playbooks.iter().flat_map(Playbook::reads).chain([slots::ALERT_TIME])
}

/// The facts of one decision, in the slots that are asked for.
struct Asked<'u, 'e> {
    unread: &'u mut Unread<'e>,
    map: &'u Mapping,
    names: &'u Mapping,
}

impl Facts for Asked<'_, '_> {
    type Error = Error;

    fn row(&mut self) -> Result<&Row, Error> {
        self.unread.read(self.map)
    }

    fn names(&mut self) -> Result<&Row, Error> {
        self.unread.read(self.names)
    }
}

/// Decides again on recorded facts. What the books have in common is taken from the record of a part, as long as its
/// samples show that the old book says today what it said then.
fn from_facts(parts: &[Part<'_>], labels: &Labels, workers: usize) -> Result<Tally, Error> {
    let pieces: Vec<Piece<'_>> = parts.iter().enumerate().flat_map(|(number, part)| part.pieces(number)).collect();
    let mut tallies = all(&pieces, workers, |piece| one(piece, piece.of.common.as_ref(), labels))?;
    let stale: BTreeSet<usize> =
        pieces.iter().zip(&tallies).filter(|(_, came)| came.is_none()).map(|(piece, _)| piece.part).collect();
    let again: Vec<usize> =
        (0..pieces.len()).filter(|at| pieces.get(*at).is_some_and(|piece| stale.contains(&piece.part))).collect();
    let anew = all(&again, workers, |at| one(&pieces[*at], None, labels))?;
    again.iter().zip(anew).for_each(|(at, tally)| tallies[*at] = tally);
    let mut whole = Tally::default();
    tallies.into_iter().flatten().for_each(|tally| whole.merge(tally));
    Ok(whole)
}

/// What each item comes to, in their order, or the first that went wrong.
fn all<I: Sync, T: Send>(items: &[I], workers: usize, one: impl Fn(&I) -> Result<T, Error> + Sync) -> Result<Vec<T>, Error> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, T)>, Error> {
        let number = || next.fetch_add(1, Ordering::Relaxed);
        let items = std::iter::from_fn(|| Some(number()).and_then(|number| Some((number, items.get(number)?))));
        items.map(|(number, item)| Ok((number, one(item)?))).collect()
    };
    let done: Result<Vec<_>, Error> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let mut done: Vec<(usize, T)> = done?.into_iter().flatten().collect();
    done.sort_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, came_to)| came_to).collect())
}

/// Judges what is not common, or everything; none when a sample was decided otherwise than the old book does today, so
/// that its record answers nothing.
fn one(piece: &Piece<'_>, common: Option<&(Common<'_>, Mapping)>, labels: &Labels) -> Result<Option<Tally>, Error> {
    let Part { segment, map: whole, names, backtest, .. } = piece.of;
    let (common, map) = common.map_or((None, whole), |(common, asked)| (Some(common), asked));
    let mut cursor = Cursor::new().map_err(no_memory)?;
    let (mut tally, mut spare, mut stands) = (Tally::default(), None, true);
    for block in piece.blocks.clone() {
        let mut is_sample = common.is_some();
        segment.skim(block, &mut cursor, |then, unread| {
            stands &= common.is_none_or(|common| common.is_answered_by(then));
            if std::mem::take(&mut is_sample) {
                stands &= backtest.stands(unread.read(whole)?, then);
            }
            let harmful = labels.get(&then.alert).copied();
            backtest.again(common, (then, harmful), &mut Asked { unread, map, names }, &mut tally, &mut spare)
        })?;
        if !stands {
            return Ok(None);
        }
    }
    Ok(Some(tally))
}

fn no_memory(source: io::Error) -> Error {
    Error::Read { path: "the archive".into(), source }
}
