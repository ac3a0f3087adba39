//! One file: what processes see, what the platter holds, and what lies between.

use crate::Rng;
use std::ops::Range;

/// What a disk writes whole or not at all.
pub(super) const SECTOR_BYTES: usize = 512;

/// What a power cut does to what is pending, for the whole disk.
#[derive(Clone, Copy)]
pub(super) struct Odds {
    /// Of a hundred changes so many are kept.
    pub(super) keep: u64,
    /// Of a hundred that are not kept so many are torn, the others dropped.
    pub(super) tear: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { to: usize },
}

impl Change {
    fn range(&self) -> Range<usize> {
        match self {
            Self::Write { at, bytes } => *at..*at + bytes.len(),
            Self::Truncate { to } => *to..usize::MAX,
        }
    }
}

/// A file, whatever its name.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    /// What processes see.
    seen: Vec<u8>,
    /// What surely survives.
    synced: Vec<u8>,
    /// What the next sync makes durable, oldest first.
    pending: Vec<Change>,
    /// Writes that a failed sync dropped: no sync saves them, a cut may still find them on the platter. All older than `pending`.
    lost: Vec<Change>,
    /// How many handles there are.
    pub(super) handles: u32,
    /// How often a sync of it failed: every handle is told of each once.
    pub(super) failures: u64,
}

impl File {
    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Reads what there is of `into.len()` bytes.
    pub(super) fn read(&self, at: usize, into: &mut [u8]) -> usize {
        let bytes = self.seen.get(at..).unwrap_or(&[]);
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        count
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.change(Change::Write { at, bytes: bytes.to_vec() });
        }
    }

    /// Cuts it to a size, or fills it up with zeros.
    pub(super) fn truncate(&mut self, to: usize) {
        self.change(Change::Truncate { to });
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.seen, &change, &mut |_| ());
        self.pending.push(change);
    }

    /// Makes everything pending durable.
    pub(super) fn sync(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        for change in &pending {
            apply(&mut self.synced, change, &mut |_| ());
            // The platter has newer bytes now than those that were lost.
            self.lost = std::mem::take(&mut self.lost).into_iter().flat_map(|lost| without(lost, change.range())).collect();
        }
        // The size is not lost with the bytes: where those are missing stand zeros.
        self.synced.resize(self.seen.len(), 0);
    }

    /// A sync that fails: the bytes are dropped, the sizes stay pending.
    pub(super) fn lose(&mut self) {
        self.failures += 1;
        let (writes, sizes) = std::mem::take(&mut self.pending).into_iter().partition(|c| matches!(c, Change::Write { .. }));
        self.pending = sizes;
        self.lost.extend::<Vec<_>>(writes);
    }

    /// The file as it may be after a power cut.
    pub(super) fn cut(&self, rng: &mut Rng, odds: Odds) -> Self {
        let mut bytes = self.synced.clone();
        let mut changes: Vec<&Change> = self.lost.iter().chain(&self.pending).collect();
        if rng.percent(50) {
            rng.shuffle(&mut changes);
        }
        for change in changes {
            survive(&mut bytes, change, rng, odds);
        }
        Self { seen: bytes.clone(), synced: bytes, ..Self::default() }
    }
}

/// Applies what a power cut leaves of a change.
fn survive(bytes: &mut Vec<u8>, change: &Change, rng: &mut Rng, odds: Odds) {
    let (keep, tear) = (rng.percent(odds.keep), rng.percent(odds.tear));
    if keep {
        return apply(bytes, change, &mut |grown| litter(rng, grown));
    }
    let Change::Write { at, bytes: written } = change else { return };
    // The size may be there without the bytes.
    if rng.percent(50) {
        grow(bytes, at + written.len(), &mut |grown| litter(rng, grown));
    }
    if !tear {
        return;
    }
    for sector in sectors(change.range()) {
        if rng.percent(50) {
            let part = Change::Write { at: sector.start, bytes: written[sector.start - at..sector.end - at].to_vec() };
            apply(bytes, &part, &mut |grown| litter(rng, grown));
        }
    }
}

/// What stands where nobody wrote: zeros, or what was on the platter before.
fn litter(rng: &mut Rng, grown: &mut [u8]) {
    if rng.percent(50) {
        rng.fill(grown);
    }
}

/// Applies a change; `fill` is given what the file grows by beside it.
fn apply(to: &mut Vec<u8>, change: &Change, fill: &mut dyn FnMut(&mut [u8])) {
    match change {
        Change::Write { at, bytes } => {
            grow(to, *at, fill);
            let over = bytes.len().min(to.len() - at);
            to[*at..at + over].copy_from_slice(&bytes[..over]);
            to.extend_from_slice(&bytes[over..]);
        }
        // Bytes after the old end are zeros on every file system: that is part of the size.
        Change::Truncate { to: size } => to.resize(*size, 0),
    }
}

fn grow(to: &mut Vec<u8>, size: usize, fill: &mut dyn FnMut(&mut [u8])) {
    let was = to.len();
    if size > was {
        to.resize(size, 0);
        fill(&mut to[was..]);
    }
}

/// The parts of a range of bytes that lie in one sector each.
fn sectors(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let first = range.start - range.start % SECTOR_BYTES;
    (first..range.end).step_by(SECTOR_BYTES).map(move |start| start.max(range.start)..(start + SECTOR_BYTES).min(range.end))
}

/// What is left of a lost write outside of `range`.
fn without(lost: Change, range: Range<usize>) -> Vec<Change> {
    let Change::Write { at, bytes } = &lost else { return Vec::new() };
    let (start, end) = (*at, at + bytes.len());
    if range.end <= start || end <= range.start {
        return vec![lost];
    }
    let part =
        |from: usize, to: usize| (from < to).then(|| Change::Write { at: from, bytes: bytes[from - start..to - start].to_vec() });
    [part(start, range.start.max(start)), part(range.end.min(end), end)].into_iter().flatten().collect()
}
