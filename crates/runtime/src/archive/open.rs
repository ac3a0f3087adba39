//! Reads an archive: every decision in order, or one by its id.
//!
//! Blocks can be read by any number of threads, each with a [`Cursor`] of its own; entries come in the slots of the
//! schema that is asked for, whatever book decided them.

use super::bytes::Take;
use super::container::{Container, Reading};
use super::entry::{Entry, skip_entry, take_decided, take_entry, take_facts};
use super::index::{self, Position};
use super::row::{Name, SlotMap, names};
use super::{ALERTS, BOOKS, DECISIONS, Error, FORMAT, RUNS, Run};
use adjutant_model::{Decision, Digest, Row, Schema, Slot};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// An archive that is there.
#[derive(Debug)]
pub struct Archive {
    dir: PathBuf,
    runs: Vec<Run>,
}

/// One stretch of decisions, of one run.
#[derive(Debug)]
pub struct Segment {
    /// The number of its run in [`Archive::runs`].
    pub run: usize,
    book: Digest,
    names: Vec<Name>,
    decisions: Container,
    alerts: PathBuf,
}

/// The alerts of a segment as they came.
#[derive(Debug)]
pub struct Raws(Container);

/// One decision that was looked for.
#[derive(Debug)]
pub struct Found {
    /// The number of its run in [`Archive::runs`].
    pub run: usize,
    /// The decision with its alert, in the slots of the schema that was asked for.
    pub entry: Entry,
    /// The alert as it came.
    pub raw: Vec<u8>,
}

/// Memory to read with; one for each thread.
pub struct Cursor {
    reading: Reading,
    entry: Entry,
}

impl Cursor {
    /// A new one.
    ///
    /// # Errors
    /// Not enough memory for the decompressor.
    pub fn new() -> io::Result<Self> {
        Ok(Self { reading: Reading::new()?, entry: Entry::default() })
    }
}

impl Archive {
    /// Opens the archive in `dir`.
    ///
    /// # Errors
    /// It is not there, or it cannot be read.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let runs = dir.join(RUNS);
        if !runs.is_dir() {
            return Err(Error::NoArchive { path: dir.into() });
        }
        let read = |path: &Path| std::fs::read(path).map_err(|source| Error::Read { path: path.into(), source });
        let entries = std::fs::read_dir(&runs).map_err(|source| Error::Read { path: runs.clone(), source })?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let runs = paths.iter().map(|path| {
            let run: Run = serde_json::from_slice(&read(path)?).map_err(|_| Error::Damaged { path: path.clone() })?;
            if run.format == FORMAT { Ok(run) } else { Err(Error::Version { path: path.clone(), version: run.format }) }
        });
        Ok(Self { runs: runs.collect::<Result<_, _>>()?, dir: dir.into() })
    }

    /// Every run, in the order in which they were added.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Where the files of the book with this digest are.
    pub fn book_dir(&self, book: Digest) -> PathBuf {
        self.dir.join(BOOKS).join(book.to_string())
    }

    /// Every stretch of decisions, in the order in which they were made.
    ///
    /// # Errors
    /// A file cannot be read or is damaged.
    pub fn segments(&self) -> Result<Vec<Segment>, Error> {
        let of_run = |(number, run): (usize, &Run)| {
            let open = |files: &super::SegmentFiles| {
                let path = self.dir.join(DECISIONS).join(files.decisions.to_string());
                let decisions = Container::open(&path)?;
                let names = serde_json::from_slice(&decisions.header).map_err(|_| decisions.damaged())?;
                let alerts = self.dir.join(ALERTS).join(files.alerts.to_string());
                Ok(Segment { run: number, book: run.book, names, decisions, alerts })
            };
            run.segments.iter().map(open).collect::<Vec<_>>()
        };
        self.runs.iter().enumerate().flat_map(of_run).collect()
    }

    /// Every decision with an id, or the id of whose alert or case, that begins with the hexadecimal digits `prefix`, latest last.
    /// `schema` gives the schema of a book.
    ///
    /// # Errors
    /// A file cannot be read or is damaged, or `schema` fails.
    pub fn find<E: From<Error>>(
        &self,
        prefix: &str,
        schema: &mut dyn FnMut(Digest) -> Result<Schema, E>,
    ) -> Result<Vec<Found>, E> {
        let prefix = prefix.to_ascii_lowercase();
        let mut found = Vec::new();
        for segment in self.segments()? {
            let mut positions = index::find(&segment.decisions.index, &prefix).map_err(|_| segment.decisions.damaged())?;
            positions.sort_unstable();
            positions.dedup();
            if positions.is_empty() {
                continue;
            }
            let map = segment.map(&schema(segment.book)?);
            for position in positions {
                found.push(segment.at(position, &map)?);
            }
        }
        Ok(found)
    }
}

/// Where the slots of a segment are in another schema.
#[derive(Clone, Debug)]
pub struct Mapping(SlotMap);

/// The facts of one decision, not read yet.
pub struct Unread<'e> {
    segment: &'e Segment,
    left: Take<'e>,
    row: &'e mut Row,
}

impl Unread<'_> {
    /// Reads the facts into the slots that `map` says.
    ///
    /// # Errors
    /// They are damaged.
    pub fn read(&mut self, map: &Mapping) -> Result<&Row, Error> {
        take_facts(self.left, &map.0, self.row).map_err(|_| self.segment.decisions.damaged())?;
        Ok(self.row)
    }
}

impl Segment {
    /// The book that decided.
    pub fn book(&self) -> Digest {
        self.book
    }

    /// How many blocks there are, which may be read in any order.
    pub fn blocks(&self) -> usize {
        self.decisions.blocks.len()
    }

    /// How many decisions there are.
    pub fn entries(&self) -> u64 {
        self.decisions.blocks.iter().map(|block| u64::from(block.entries)).sum()
    }

    /// Where this segment's slots are in `schema`.
    pub fn map(&self, schema: &Schema) -> Mapping {
        Mapping(SlotMap::new(&self.names, schema))
    }

    /// Whether it was written with the names of `schema`, in their order.
    pub fn has_names_of(&self, schema: &Schema) -> bool {
        self.names == names(schema)
    }

    /// The same for nothing but the slots `wanted`: what else an alert says is passed over.
    pub fn map_only(&self, schema: &Schema, wanted: &BTreeSet<Slot>) -> Mapping {
        Mapping(SlotMap::new(&self.names, schema).only(wanted))
    }

    /// Hands every decision of the block with this number to `each`, in order.
    ///
    /// # Errors
    /// The file cannot be read or is damaged; what was handed on before is right.
    pub fn read(&self, block: usize, map: &Mapping, cursor: &mut Cursor, mut each: impl FnMut(&mut Entry)) -> Result<(), Error> {
        let damaged = |_| self.decisions.damaged();
        let block = self.decisions.blocks.get(block).ok_or_else(|| self.decisions.damaged())?;
        let mut take = Take(self.decisions.unpack(block, &mut cursor.reading)?);
        for _ in 0..block.entries {
            let body = skip_entry(&mut take).map_err(damaged)?;
            take_entry(body, self.book, &map.0, &mut cursor.entry).map_err(damaged)?;
            each(&mut cursor.entry);
        }
        Ok(())
    }

    /// Calls `each` with every decision of a block, in order; its facts are read when they are asked for.
    ///
    /// # Errors
    /// The block cannot be read, or what `each` says.
    pub fn skim(
        &self,
        block: usize,
        cursor: &mut Cursor,
        mut each: impl FnMut(&Decision, &mut Unread<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let block = self.decisions.blocks.get(block).ok_or_else(|| self.decisions.damaged())?;
        let Cursor { reading, entry } = cursor;
        let mut take = Take(self.decisions.unpack(block, reading)?);
        for _ in 0..block.entries {
            let body = skip_entry(&mut take).map_err(|_| self.decisions.damaged())?;
            let left = take_decided(body, self.book, entry).map_err(|_| self.decisions.damaged())?;
            each(&entry.decision, &mut Unread { segment: self, left, row: &mut entry.alert.row })?;
        }
        Ok(())
    }

    /// The same alerts as they came.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn raws(&self) -> Result<Raws, Error> {
        Container::open(&self.alerts).map(Raws)
    }

    fn at(&self, position: Position, map: &Mapping) -> Result<Found, Error> {
        let mut cursor = Cursor::new().map_err(|source| Error::Read { path: self.alerts.clone(), source })?;
        let mut entry = None;
        let mut nth = 0;
        self.read(position.block as usize, map, &mut cursor, |here| {
            if nth == position.nth {
                entry = Some(std::mem::take(here));
            }
            nth += 1;
        })?;
        let entry = entry.ok_or_else(|| self.decisions.damaged())?;
        let mut raw = None;
        let mut nth = 0;
        self.raws()?.read(position.block as usize, &mut cursor, |here| {
            if nth == entry.raw {
                raw = Some(here.to_vec());
            }
            nth += 1;
        })?;
        Ok(Found { run: self.run, raw: raw.ok_or_else(|| self.decisions.damaged())?, entry })
    }
}

impl Raws {
    /// Hands every raw alert of the block with this number to `each`, in the order of [`Entry::raw`].
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn read(&self, block: usize, cursor: &mut Cursor, mut each: impl FnMut(&[u8])) -> Result<(), Error> {
        let Self(alerts) = self;
        let block = alerts.blocks.get(block).ok_or_else(|| alerts.damaged())?;
        let mut take = Take(alerts.unpack(block, &mut cursor.reading)?);
        for _ in 0..block.entries {
            each(take.bytes().map_err(|_| alerts.damaged())?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
