//! Writes a run into an archive: whole, or not at all.
//!
//! Workers pack their own batches; the writer only appends them in order. Everything stays in a directory of its
//! own until [`Writer::finish`] renames it into place; a run that fails leaves nothing behind.

use super::bytes::Put;
use super::container::{Create, Packer};
use super::entry::{Keep, put_entry};
use super::index::{Ids, Index, Position};
use super::row::names;
use super::{ALERTS, BOOKS, DECISIONS, FORMAT, RUNS, Run, SegmentFiles};
use adjutant_engine::record::id_bytes;
use adjutant_model::{Digest, Schema, Time};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A file is closed and the next begun at this size or number of entries: it bounds the index in memory.
const SEGMENT_BYTES: u64 = 256 << 20;
const SEGMENT_ENTRIES: usize = 1 << 18;

/// What a worker packs of one chunk.
pub struct Batch {
    packer: Packer,
    entries: Vec<u8>,
    ids: Vec<Ids>,
    raw: Vec<u8>,
    raws: usize,
    packed: Vec<u8>,
    packed_raw: Vec<u8>,
}

impl Batch {
    /// An empty batch.
    ///
    /// # Errors
    /// Not enough memory for the compressor.
    pub fn new() -> io::Result<Self> {
        let (entries, raw, packed, packed_raw) = Default::default();
        Ok(Self { packer: Packer::new()?, entries, ids: Vec::new(), raw, raws: 0, packed, packed_raw })
    }

    /// Forgets what it held, keeping the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.ids.clear();
        self.raw.clear();
        self.raws = 0;
    }

    /// Adds a decision.
    pub fn add(&mut self, keep: &Keep<'_>) {
        let nth = self.raws as u32;
        self.raw.put_bytes(keep.raw);
        self.raws += 1;
        put_entry(&mut self.entries, keep, nth);
        let (alert, case) = (keep.alert.id().0, keep.decision.case.0);
        self.ids.push(Ids { decision: id_bytes(keep.decision), alert, case });
    }

    /// Packs what was added; call it where workers run side by side.
    ///
    /// # Errors
    /// The compressor fails, which it does only for lack of memory.
    pub fn pack(&mut self) -> io::Result<()> {
        self.packer.pack(&self.entries, &mut self.packed)?;
        self.packer.pack(&self.raw, &mut self.packed_raw)
    }
}

/// Writes one run.
pub struct Writer {
    dir: PathBuf,
    /// Where everything is until it is complete.
    incoming: PathBuf,
    header: Vec<u8>,
    open: Option<Open>,
    segments: Vec<SegmentFiles>,
    run: Run,
}

/// The two files that are being written.
struct Open {
    decisions: Create,
    alerts: Create,
    index: Index,
}

impl Writer {
    /// Begins a run in the archive `dir`, which is made when it is not there, decided by the book with these `files`.
    ///
    /// # Errors
    /// The directory cannot be made or written to.
    pub fn create(
        dir: &Path,
        book: Digest,
        files: &BTreeMap<String, String>,
        schema: &Schema,
        inputs: Vec<String>,
    ) -> io::Result<Self> {
        for name in [BOOKS, DECISIONS, ALERTS, RUNS] {
            fs::create_dir_all(dir.join(name))?;
        }
        let incoming = dir.join(format!("incoming-{}", std::process::id()));
        fs::create_dir(&incoming)?;
        let run = Run { format: FORMAT, book, inputs, source: None, now: None, segments: Vec::new(), complete: false };
        let header = serde_json::to_vec(&names(schema)).map_err(io::Error::other)?;
        let writer = Self { dir: dir.into(), incoming, header, open: None, segments: Vec::new(), run };
        writer.write_book(files)?;
        Ok(writer)
    }

    /// The same, for a run that was told the source of its records or as of when to decide.
    #[must_use]
    pub fn as_told(mut self, source: Option<&str>, now: Option<Time>) -> Self {
        (self.run.source, self.run.now) = (source.map(str::to_owned), now);
        self
    }

    fn write_book(&self, files: &BTreeMap<String, String>) -> io::Result<()> {
        let book = self.incoming.join("book");
        fs::create_dir(&book)?;
        for (name, content) in files {
            let path = book.join(name);
            fs::create_dir_all(path.parent().unwrap_or(&book))?;
            fs::write(&path, content)?;
            File::open(&path)?.sync_all()?;
        }
        Ok(())
    }

    /// Appends a batch that was packed.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn append(&mut self, batch: &Batch) -> io::Result<()> {
        if batch.ids.is_empty() {
            return Ok(());
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        let block = open.decisions.append(&batch.packed, batch.entries.len(), batch.ids.len())?;
        open.alerts.append(&batch.packed_raw, batch.raw.len(), batch.raws)?;
        for (nth, ids) in batch.ids.iter().enumerate() {
            open.index.add(ids, Position { block, nth: nth as u32 });
        }
        if open.index.len() >= SEGMENT_ENTRIES || open.decisions.len().max(open.alerts.len()) >= SEGMENT_BYTES {
            self.close(open)
        } else {
            self.open = Some(open);
            Ok(())
        }
    }

    fn begin(&self) -> io::Result<Open> {
        let number = self.segments.len();
        let path = |kind: &str| self.incoming.join(format!("{kind}-{number}"));
        let decisions = Create::new(path(DECISIONS), &self.header)?;
        Ok(Open { decisions, alerts: Create::new(path(ALERTS), b"")?, index: Index::default() })
    }

    fn close(&mut self, open: Open) -> io::Result<()> {
        let entries = open.index.len() as u64;
        let (was, decisions) = open.decisions.finish(&open.index.into_bytes())?;
        fs::rename(was, self.incoming.join(decisions.to_string()))?;
        let (was, alerts) = open.alerts.finish(&[])?;
        fs::rename(was, self.incoming.join(alerts.to_string()))?;
        self.segments.push(SegmentFiles { decisions, alerts, entries });
        Ok(())
    }

    /// Completes the run: from here on it is in the archive. The same run again changes nothing.
    ///
    /// # Errors
    /// The disk is full or fails; the archive is as it was before the run.
    pub fn finish(mut self, complete: bool) -> io::Result<()> {
        if let Some(open) = self.open.take() {
            self.close(open)?;
        }
        self.run.complete = complete;
        self.run.segments = std::mem::take(&mut self.segments);
        for segment in &self.run.segments {
            for (kind, digest) in [(DECISIONS, segment.decisions), (ALERTS, segment.alerts)] {
                fs::rename(self.incoming.join(digest.to_string()), self.dir.join(kind).join(digest.to_string()))?;
            }
        }
        let book = self.dir.join(BOOKS).join(self.run.book.to_string());
        if !book.exists() {
            fs::rename(self.incoming.join("book"), book)?;
        }
        for name in [BOOKS, DECISIONS, ALERTS] {
            File::open(self.dir.join(name))?.sync_all()?;
        }
        self.enter_run()
    }

    /// Writes the run's own file, which makes everything else count.
    fn enter_run(&self) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(&self.run).map_err(io::Error::other)?;
        let digest = Digest::of(&text).to_string();
        let runs = self.dir.join(RUNS);
        let names = fs::read_dir(&runs)?.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        let names = names.collect::<io::Result<Vec<_>>>()?;
        if names.iter().any(|name| name.ends_with(&digest)) {
            return Ok(());
        }
        let last = names.iter().filter_map(|name| name.split_once('-')?.0.parse::<u64>().ok()).max();
        let path = self.incoming.join("run");
        fs::write(&path, &text)?;
        File::open(&path)?.sync_all()?;
        fs::rename(path, runs.join(format!("{:06}-{digest}", last.unwrap_or(0) + 1)))?;
        File::open(&runs)?.sync_all()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // What is left here is of no use to anybody; that it cannot be removed must not hide why the run failed.
        let _ = fs::remove_dir_all(&self.incoming);
    }
}
