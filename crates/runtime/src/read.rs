//! Reads alerts from files and pipes: opens, unpacks and cuts them into records.
//!
//! One [`Reader`] goes through all inputs in order and fills one [`Chunk`] after another; a chunk owns its bytes,
//! so that workers can take chunks away and memory stays flat however long the input is. Formats are told by
//! content, never by name. What cannot be read is a [`Fault`] with its line; reading goes on behind it.

mod buffer;
mod envelope;
mod memory;
mod message;
mod open;
mod pipe;
mod scan;
mod split;

pub use memory::{Text, cut};
pub use message::message;

use buffer::Buffer;
use open::Opened;
use split::{Cuts, Splitter};
use std::io::{ErrorKind, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A longer record is a fault and is skipped.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// A chunk is handed on when it holds this many bytes or [`CHUNK_RECORDS`] records: enough to make taking turns cheap and to have
/// several records of each kind, and few enough that what a worker makes of them stays in its cache.
pub const CHUNK_BYTES: usize = 512 << 10;

/// Records and faults of a chunk, at most.
pub const CHUNK_RECORDS: usize = 512;

/// One thing to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file or named pipe.
    Path(PathBuf),
    /// Bytes that are part of the program, under a name.
    Bundled(&'static str, &'static [u8]),
}

impl Input {
    /// The input as a command line names it: `-` is standard input.
    pub fn from_arg(arg: &str) -> Self {
        if arg == "-" { Input::Stdin } else { Input::Path(arg.into()) }
    }

    /// The input's name for people.
    pub fn name(&self) -> String {
        match self {
            Input::Stdin => "standard input".into(),
            Input::Path(path) => path.display().to_string(),
            Input::Bundled(name, _) => (*name).to_owned(),
        }
    }
}

/// One record: a range of its chunk's bytes, and the line where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    start: u32,
    end: u32,
    /// Line of the input where the record begins, 1 for the first.
    pub line: u64,
}

impl Record {
    fn new(start: usize, end: usize, line: u64) -> Self {
        let fit = |offset: usize| u32::try_from(offset).expect("a chunk is smaller than 4 GiB");
        Self { start: fit(start), end: fit(end), line }
    }

    /// Where its bytes are among those that were cut.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Something that could not be read as a record, or a whole input that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line where it begins; 0 when it is about the whole input.
    pub line: u64,
    /// A stable code, such as `too-long`.
    pub code: &'static str,
    /// What is wrong and what was done instead, for people.
    pub detail: String,
    /// How many records of its chunk come before it.
    pub before: usize,
}

/// Some consecutive records of one input, with the bytes they are ranges of.
#[derive(Debug, Default)]
pub struct Chunk {
    bytes: Buffer,
    cuts: Cuts,
    input: u32,
}

impl Chunk {
    /// The number of the input, in the order given.
    pub fn input(&self) -> u32 {
        self.input
    }
    /// The records, in order.
    pub fn records(&self) -> &[Record] {
        &self.cuts.records
    }
    /// What could not be read, in order.
    pub fn faults(&self) -> &[Fault] {
        &self.cuts.faults
    }
    /// The bytes of `record`.
    pub fn bytes(&self, record: &Record) -> &[u8] {
        self.bytes.get(record.range()).unwrap_or(&[])
    }
}

/// How far reading is, to be looked at from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes read, before unpacking.
    pub bytes: AtomicU64,
    /// The number of the input that is being read.
    pub input: AtomicU64,
}

/// Goes through all inputs and fills chunks.
#[derive(Debug)]
pub struct Reader {
    inputs: Vec<Input>,
    next: usize,
    open: Option<Stream>,
    /// Bytes that were read and belong to the next chunk.
    tail: Buffer,
    chunk_bytes: usize,
    progress: Arc<Progress>,
    stop: Arc<AtomicBool>,
}

/// The input that is being read.
#[derive(Debug)]
struct Stream {
    opened: Opened,
    splitter: Splitter,
    end: End,
    /// The chunk before was full, so there may be more records in what it left over.
    full: bool,
}

/// Whether an input goes on.
#[derive(Debug, Default)]
enum End {
    /// There may be more.
    #[default]
    No,
    /// All was read.
    Last,
    /// It cannot be read any further: a stable code, and why.
    Failed(&'static str, String),
}

impl Reader {
    /// A reader of `inputs`, in this order. It stops early, at the end of a record, when `stop` becomes true.
    pub fn new(inputs: Vec<Input>, stop: Arc<AtomicBool>) -> Self {
        Self { inputs, next: 0, open: None, tail: Buffer::default(), chunk_bytes: CHUNK_BYTES, progress: Arc::default(), stop }
    }

    /// The same with chunks of about `chunk_bytes`.
    #[must_use]
    pub fn with_chunk_bytes(self, chunk_bytes: usize) -> Self {
        Self { chunk_bytes: chunk_bytes.max(1), ..self }
    }

    /// How far it is.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Fills `chunk` with the next records and faults; returns false, with an empty chunk, when nothing is left.
    pub fn fill(&mut self, chunk: &mut Chunk) -> bool {
        loop {
            chunk.cuts.clear();
            chunk.bytes.clear();
            if self.stop.load(Ordering::Relaxed) || (self.open.is_none() && !self.open_next(chunk)) {
                return false;
            }
            if let Some(stream) = &mut self.open {
                chunk.input = (self.next - 1) as u32;
                std::mem::swap(&mut chunk.bytes, &mut self.tail);
                if !stream.fill(chunk, &mut self.tail, self.chunk_bytes, &self.stop) {
                    self.open = None;
                }
            }
            if !chunk.cuts.records.is_empty() || !chunk.cuts.faults.is_empty() {
                return true;
            }
        }
    }

    /// Opens the next input, or puts the reason why it cannot be opened into `chunk`; false when there is none.
    fn open_next(&mut self, chunk: &mut Chunk) -> bool {
        let Some(input) = self.inputs.get(self.next) else { return false };
        chunk.input = self.next as u32;
        self.progress.input.store(self.next as u64, Ordering::Relaxed);
        self.next += 1;
        match open::open(input, &self.progress, &self.stop) {
            Ok(opened) => self.open = Some(Stream { opened, splitter: Splitter::default(), end: End::No, full: false }),
            Err((code, detail)) => chunk.cuts.fault(0, code, detail),
        }
        true
    }
}

impl Stream {
    /// Reads on into `chunk`, which begins with what was left over, and leaves over in `tail` what is not done with.
    /// Returns false at the end of the input.
    fn fill(&mut self, chunk: &mut Chunk, tail: &mut Buffer, chunk_bytes: usize, stop: &AtomicBool) -> bool {
        let mut want = chunk_bytes;
        let done = loop {
            if !std::mem::take(&mut self.full) && matches!(self.end, End::No) {
                self.end = self.read(&mut chunk.bytes, want, stop);
            }
            let last = matches!(self.end, End::Last);
            let done = self.splitter.split(&chunk.bytes, last, CHUNK_RECORDS, &mut chunk.cuts);
            self.full = chunk.cuts.len() >= CHUNK_RECORDS;
            if self.full || !matches!(self.end, End::No) || done > 0 || stop.load(Ordering::Relaxed) {
                break done;
            }
            // A record longer than the chunk: read at least as much again, so that looking for its end stays linear.
            want = chunk.bytes.len().max(chunk_bytes);
        };
        self.leave(chunk, tail, done)
    }

    /// Leaves over in `tail` what of `chunk` is not done with, or tells at the end of the input what is to be told.
    fn leave(&mut self, chunk: &mut Chunk, tail: &mut Buffer, done: usize) -> bool {
        tail.clear();
        if self.full {
            // There may be much more: what was cut is copied, and the rest stays where it is.
            std::mem::swap(&mut chunk.bytes, tail);
            chunk.bytes.extend(&tail[..done]);
            tail.skip(done);
            return true;
        }
        match std::mem::take(&mut self.end) {
            End::No => {
                tail.extend(&chunk.bytes[done..]);
                return true;
            }
            End::Failed(code, detail) => {
                let left = chunk.bytes.len() > done;
                let unfinished = if left { "; the record that begins here is not complete and was not triaged" } else { "" };
                chunk.cuts.fault(self.splitter.line(), code, format!("{detail}{unfinished}"));
            }
            End::Last if self.splitter.is_blank() => {
                chunk.cuts.fault(0, "input-empty", "there is nothing in it".into());
            }
            End::Last => {}
        }
        false
    }

    /// Appends up to `want` bytes.
    fn read(&mut self, bytes: &mut Buffer, mut want: usize, stop: &AtomicBool) -> End {
        loop {
            let read = self.opened.read(bytes.room(want));
            if stop.load(Ordering::Relaxed) {
                // Told to stop: a pipe ends then, which says nothing about its data.
                bytes.fill(read.unwrap_or(0));
                return End::No;
            }
            match read {
                Ok(0) => return End::Last,
                Ok(count) => {
                    bytes.fill(count);
                    want -= count;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let (code, detail) = self.opened.explain(&error);
                    return End::Failed(code, detail);
                }
            }
            if want == 0 || self.opened.is_live() {
                return End::No;
            }
        }
    }
}
