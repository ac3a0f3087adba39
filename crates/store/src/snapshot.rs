//! The file with a snapshot of memory: one Zstandard frame with a checksum. It is written beside the last one and then takes its
//! name, so that a whole one is always there.

use adjutant_runtime::failpoint::reach;
use adjutant_runtime::ports::{Settle, Snapshot, Writing};
use std::fs::{self, File};
use std::io::{self, BufReader, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// The file in the folder that holds a snapshot of memory.
pub const MEMORY: &str = "memory";

/// Of 33 MB 21 remain.
const LEVEL: i32 = -1;

/// Bytes of it that are made durable at a time.
const LITTLE_BYTES: usize = 1 << 20;

/// Bytes that are handed over at a time, and how many such pieces may wait. They are freed on the other thread: larger ones would
/// leave holes in the memory of the one that decides.
const PIECE_BYTES: usize = 64 << 10;
const PIECES_MAX: usize = 8;

/// A snapshot that a thread of its own compresses and makes durable, after the last stretch: whoever decides stands still only while
/// its bytes are made. Dropping it waits for the thread.
pub(crate) struct Keeping {
    /// None after the last stretch.
    sender: Option<SyncSender<Piece>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// What the thread is handed.
enum Piece {
    Bytes(Vec<u8>),
    /// Nothing is missing.
    End,
}

impl Keeping {
    /// Begins a snapshot. `settler` makes durable what memory knows, before the snapshot counts.
    pub(crate) fn begin(folder: PathBuf, settler: Box<dyn Settle>) -> io::Result<Self> {
        let (sender, pieces) = sync_channel(PIECES_MAX);
        let keep = move || keep(&folder, settler, &pieces);
        let thread = std::thread::Builder::new().name("snapshot".into()).spawn(keep)?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    /// Goes on with what `write` writes.
    pub(crate) fn stretch(&mut self, write: &mut Writing<'_>) -> io::Result<()> {
        let Some(sender) = &self.sender else { return Err(io::Error::other("it is written to its end")) };
        let mut out = Pieces { sender, bytes: Vec::new() };
        let written = write(&mut out).and_then(|()| out.flush());
        written.map_err(|error| self.why(error))
    }

    /// Nothing is missing.
    pub(crate) fn last(&mut self) -> io::Result<()> {
        let handed = self.sender.take().map_or(Ok(()), |sender| hand(&sender, Piece::End));
        handed.map_err(|error| self.why(error))
    }

    /// Whether nothing is missing.
    pub(crate) fn is_whole(&self) -> bool {
        self.sender.is_none()
    }

    /// A thread that is no more there failed, and knows why.
    fn why(&mut self, error: io::Error) -> io::Error {
        if error.kind() != io::ErrorKind::BrokenPipe {
            return error;
        }
        self.join().err().unwrap_or(error)
    }

    /// Waits until it is durable.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        drop(self.sender.take());
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("it panicked"))))
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        // The snapshot before still stands.
        let _ = self.join();
    }
}

fn hand(sender: &SyncSender<Piece>, piece: Piece) -> io::Result<()> {
    sender.send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
}

/// Hands over what is written to it.
struct Pieces<'k> {
    sender: &'k SyncSender<Piece>,
    bytes: Vec<u8>,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > PIECE_BYTES {
            self.flush()?;
        }
        self.bytes.reserve(PIECE_BYTES.saturating_sub(self.bytes.len()));
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.bytes);
        hand(self.sender, Piece::Bytes(bytes))
    }
}

fn keep(folder: &Path, mut settler: Box<dyn Settle>, pieces: &Receiver<Piece>) -> io::Result<()> {
    let mut aside = aside(folder)?;
    reach("snapshot.opened");
    loop {
        match pieces.recv() {
            Ok(Piece::Bytes(bytes)) => aside.write_all(&bytes)?,
            Ok(Piece::End) => break,
            Err(_) => return Err(io::Error::other("it was not written to its end")),
        }
    }
    // From here on nobody waits.
    let new = folder.join("memory.new");
    pack(aside, &new)?;
    // It must not know entries that the power can take back.
    settler.settle().map_err(io::Error::other)?;
    reach("snapshot.written");
    fs::rename(&new, folder.join(MEMORY))?;
    reach("snapshot.renamed");
    File::open(folder)?.sync_all()
}

/// An empty file without a name, which goes with the process. What is written to it stays in the system's memory: it is never
/// synced, and whoever writes it waits for no disk.
fn aside(folder: &Path) -> io::Result<File> {
    let path = folder.join("memory.aside");
    let file = private().read(true).open(&path)?;
    fs::remove_file(&path).map(|()| file)
}

/// Files for their owner alone.
fn private() -> fs::OpenOptions {
    let mut open = fs::OpenOptions::new();
    open.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open
}

/// Compresses what was written aside into the file `new`, durably.
fn pack(mut aside: File, new: &Path) -> io::Result<()> {
    aside.seek(io::SeekFrom::Start(0))?;
    let mut encoder = zstd::stream::write::Encoder::new(Little { file: private().open(new)?, unsynced: 0 }, LEVEL)?;
    encoder.include_checksum(true)?;
    io::copy(&mut aside, &mut encoder)?;
    encoder.finish()?.file.sync_all()
}

/// A file that is made durable a little at a time: the log of commits shares its disk, and waits for whatever is synced at once.
struct Little {
    file: File,
    unsynced: usize,
}

impl Write for Little {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.unsynced >= LITTLE_BYTES {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        let written = self.file.write(bytes)?;
        self.unsynced += written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The snapshot that there is.
pub(crate) fn read(folder: &Path) -> io::Result<Option<Snapshot>> {
    let file = match File::open(folder.join(MEMORY)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let decoder = zstd::stream::read::Decoder::new(file)?;
    Ok(Some(Box::new(BufReader::new(decoder))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settle::Durable;
    use std::io::Read as _;

    fn kept(folder: &Path, write: &mut Writing<'_>) -> io::Result<()> {
        let mut keeping = Keeping::begin(folder.into(), Box::new(Durable))?;
        keeping.stretch(write)?;
        keeping.last()?;
        keeping.end()
    }

    fn is(folder: &Path) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        read(folder).unwrap()?.read_to_end(&mut bytes).unwrap();
        Some(bytes)
    }

    #[test]
    fn what_is_not_written_to_its_end_leaves_the_snapshot_before() {
        let folder = tempfile::tempdir().unwrap();
        let many: Vec<u8> = (0..3 * PIECE_BYTES * PIECES_MAX).map(|n| (n % 251) as u8).collect();
        kept(folder.path(), &mut |out| many.chunks(1_000).try_for_each(|part| out.write_all(part))).unwrap();
        let failed = kept(folder.path(), &mut |out| {
            out.write_all(&many)?;
            Err(io::Error::other("memory is no more"))
        });
        assert!(failed.unwrap_err().to_string().contains("memory is no more"));
        let mut unfinished = Keeping::begin(folder.path().into(), Box::new(Durable)).unwrap();
        unfinished.stretch(&mut |out| out.write_all(b"the first of two")).unwrap();
        assert!(unfinished.end().is_err());
        assert_eq!(is(folder.path()), Some(many));
    }

    #[test]
    fn stretches_are_read_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut keeping = Keeping::begin(folder.path().into(), Box::new(Durable)).unwrap();
        for stretch in ["one, ", "two, ", "three"] {
            keeping.stretch(&mut |out| out.write_all(stretch.as_bytes())).unwrap();
        }
        keeping.last().unwrap();
        assert!(keeping.stretch(&mut |_| Ok(())).is_err());
        keeping.end().unwrap();
        assert_eq!(is(folder.path()), Some(b"one, two, three".to_vec()));
    }

    #[test]
    fn a_folder_that_is_gone_is_told() {
        let folder = tempfile::tempdir().unwrap().path().join("gone");
        let told = kept(&folder, &mut |out| (0..64).try_for_each(|_| out.write_all(&[0; PIECE_BYTES])));
        assert_eq!(told.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
