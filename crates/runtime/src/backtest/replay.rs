//! A backtest from the stored alerts: read, correlated and decided anew under a book that does so differently.
//!
//! The alerts of one run pass one memory, in the order in which they came. Context is as it was recorded; nothing is
//! looked up afresh.

use super::Labels;
use crate::archive::{Cursor, Error, Mapping, Raws, Run, Segment};
use adjutant_engine::backtest::{Backtest, Tally};
use adjutant_engine::context::{Recorded, Snapshot};
use adjutant_engine::desk::{Desk, Options, Scratch};
use adjutant_engine::memory::{Keys, Limits, Memory};
use adjutant_model::{Alert, Decision, RawAlert};
use adjutant_rules::Book;

/// One run to be read anew.
pub(super) struct Replay<'s> {
    desk: Desk<'s>,
    recorded: Recorded,
    backtest: Backtest<'s>,
    labels: &'s Labels,
}

/// One stored alert, read under the new book.
struct Item {
    alert: Alert,
    /// None when the new book cannot read it.
    keys: Option<Keys>,
    then: Decision,
}

impl<'s> Replay<'s> {
    /// What `run` decided under `old`, anew under `new`. `context` is of `new` and empty.
    pub(super) fn new(run: &Run, old: &'s Book, new: &'s Book, context: &'s Snapshot, labels: &'s Labels) -> Self {
        let source = run.source.as_deref().and_then(|name| new.sources.named(name));
        Self {
            desk: Desk::new(Options { book: new, context, source, now: run.now }),
            recorded: Recorded::new(old, new),
            backtest: Backtest::new(old, new, run.now),
            labels,
        }
    }

    /// Decides the alerts of `segments`, which are those of one run, in order. Up to `workers` blocks are read at once.
    pub(super) fn run<'a>(
        &self,
        segments: impl Iterator<Item = (&'a Segment, &'a Mapping)>,
        workers: usize,
    ) -> Result<Tally, Error> {
        let mut memory = self.desk.memory(Limits::default());
        let mut tally = Tally::default();
        for (segment, map) in segments {
            let raws = segment.raws()?;
            for start in (0..segment.blocks()).step_by(workers.max(1)) {
                let blocks = start..segment.blocks().min(start + workers.max(1));
                for items in self.wave(segment, &raws, map, blocks) {
                    items?.into_iter().for_each(|item| self.decide(item, &mut memory, &mut tally));
                }
            }
        }
        Ok(tally)
    }

    /// Reads some blocks side by side.
    fn wave(
        &self,
        segment: &Segment,
        raws: &Raws,
        map: &Mapping,
        blocks: std::ops::Range<usize>,
    ) -> Vec<Result<Vec<Item>, Error>> {
        std::thread::scope(|scope| {
            let threads: Vec<_> = blocks.map(|block| scope.spawn(move || self.read(segment, raws, map, block))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(join).collect()
        })
    }

    fn read(&self, segment: &Segment, raws: &Raws, map: &Mapping, block: usize) -> Result<Vec<Item>, Error> {
        let mut cursor = Cursor::new().map_err(super::no_memory)?;
        let mut bytes: Vec<Vec<u8>> = Vec::new();
        raws.read(block, &mut cursor, |raw| bytes.push(raw.to_vec()))?;
        let (mut scratch, mut items) = (Scratch::default(), Vec::new());
        segment.read(block, map, &mut cursor, |entry| {
            let raw = bytes.get(entry.raw as usize).map_or(&[][..], Vec::as_slice);
            let raw = RawAlert { bytes: raw, place: entry.alert.place };
            let mut item = Item { alert: Alert::default(), keys: None, then: entry.decision.clone() };
            if self.desk.normalize(&raw, &mut scratch, &mut item.alert, &mut Vec::new()).is_ok() {
                self.recorded.fill(&entry.alert.row, &mut item.alert.row);
                item.keys = Some(self.desk.keys(&mut item.alert, &mut scratch));
            }
            items.push(item);
        })?;
        Ok(items)
    }

    fn decide(&self, item: Item, memory: &mut Memory, tally: &mut Tally) {
        let Item { mut alert, keys, then } = item;
        let Some(keys) = keys else {
            tally.unreadable += 1;
            return;
        };
        let seen = memory.observe(&mut alert, &keys);
        let decision = self.desk.decide(&mut alert, &seen.joined, Decision::undecided(self.desk.book().digest));
        let harmful = self.labels.get(&then.alert).copied();
        let Ok(()) = self.backtest.compare((&then, &decision), harmful, &mut &alert.row, tally);
    }
}
