//! The file with a snapshot of memory: the entry before which it was made (8 bytes, little-endian), and one Zstandard frame
//! with a checksum. It is written beside the last one and then takes its name, so that a whole one is always there.

use adjutant_runtime::failpoint::reach;
use adjutant_runtime::ports::{Settle, Snapshot, Writing};
use std::fs::{self, File};
use std::io::{self, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// The file in the folder that holds a snapshot of memory.
pub const MEMORY: &str = "memory";

/// Hardly compressed at all: whoever decides waits for this thread, and level -1 takes three times as long for 38 MB of 62.
const LEVEL: i32 = -100;

/// Bytes that are handed over at a time, and how many such pieces may wait. They are freed on the other thread: larger ones would
/// leave holes in the memory of the one that decides.
const PIECE_BYTES: usize = 64 << 10;
const PIECES_MAX: usize = 8;

/// A snapshot that a thread of its own compresses and makes durable: whoever decides stands still only while its bytes are made.
/// Dropping it waits for the thread.
pub(crate) struct Keeping(Option<JoinHandle<io::Result<()>>>);

/// What the thread is handed.
enum Piece {
    Bytes(Vec<u8>),
    /// Nothing is missing.
    End,
}

impl Keeping {
    /// Begins a snapshot of what `write` writes. `settler` makes durable what memory knows, before the snapshot counts.
    pub(crate) fn begin(folder: PathBuf, next: u64, settler: Box<dyn Settle>, write: &mut Writing<'_>) -> io::Result<Self> {
        let (sender, pieces) = sync_channel(PIECES_MAX);
        let keep = move || keep(&folder, next, settler, &pieces);
        let keeping = Self(Some(std::thread::Builder::new().name("snapshot".into()).spawn(keep)?));
        let mut out = Pieces { sender, bytes: Vec::new() };
        let written = write(&mut out).and_then(|()| out.flush()).and_then(|()| out.hand(Piece::End));
        drop(out);
        match written {
            Ok(()) => Ok(keeping),
            // A thread that is no more there failed, and knows why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(keeping.end().err().unwrap_or(error)),
            Err(error) => Err(error),
        }
    }

    /// Waits until it is durable.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        self.0.take().map_or(Ok(()), |thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("it panicked"))))
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        // The snapshot before still stands.
        let _ = self.join();
    }
}

/// Hands over what is written to it.
struct Pieces {
    sender: SyncSender<Piece>,
    bytes: Vec<u8>,
}

impl Pieces {
    fn hand(&self, piece: Piece) -> io::Result<()> {
        self.sender.send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Pieces {
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
        self.hand(Piece::Bytes(bytes))
    }
}

fn keep(folder: &Path, next: u64, mut settler: Box<dyn Settle>, pieces: &Receiver<Piece>) -> io::Result<()> {
    let new = folder.join("memory.new");
    let mut open = fs::OpenOptions::new();
    open.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    let mut file = open.open(&new)?;
    reach("snapshot.opened");
    file.write_all(&next.to_le_bytes())?;
    let mut encoder = zstd::stream::write::Encoder::new(file, LEVEL)?;
    encoder.include_checksum(true)?;
    loop {
        match pieces.recv() {
            Ok(Piece::Bytes(bytes)) => encoder.write_all(&bytes)?,
            Ok(Piece::End) => break,
            Err(_) => return Err(io::Error::other("it was not written to its end")),
        }
    }
    encoder.finish()?.sync_all()?;
    // It must not know entries that the power can take back.
    settler.settle().map_err(io::Error::other)?;
    reach("snapshot.written");
    fs::rename(&new, folder.join(MEMORY))?;
    reach("snapshot.renamed");
    File::open(folder)?.sync_all()
}

/// The snapshot that there is.
pub(crate) fn read(folder: &Path) -> io::Result<Option<Snapshot>> {
    let mut file = match File::open(folder.join(MEMORY)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut next = [0; 8];
    if file.read_exact(&mut next).is_err() {
        return Ok(None);
    }
    let decoder = zstd::stream::read::Decoder::new(file)?;
    Ok(Some((u64::from_le_bytes(next), Box::new(BufReader::new(decoder)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settle::Durable;

    fn kept(folder: &Path, next: u64, write: &mut Writing<'_>) -> io::Result<()> {
        Keeping::begin(folder.into(), next, Box::new(Durable), write)?.end()
    }

    fn is(folder: &Path) -> Option<(u64, Vec<u8>)> {
        let (next, mut of) = read(folder).unwrap()?;
        let mut bytes = Vec::new();
        of.read_to_end(&mut bytes).unwrap();
        Some((next, bytes))
    }

    #[test]
    fn what_is_not_written_to_its_end_leaves_the_snapshot_before() {
        let folder = tempfile::tempdir().unwrap();
        let many: Vec<u8> = (0..3 * PIECE_BYTES * PIECES_MAX).map(|n| (n % 251) as u8).collect();
        kept(folder.path(), 7, &mut |out| many.chunks(1_000).try_for_each(|part| out.write_all(part))).unwrap();
        let failed = kept(folder.path(), 8, &mut |out| {
            out.write_all(&many)?;
            Err(io::Error::other("memory is no more"))
        });
        assert!(failed.unwrap_err().to_string().contains("memory is no more"));
        assert_eq!(is(folder.path()), Some((7, many)));
    }

    #[test]
    fn a_folder_that_is_gone_is_told() {
        let folder = tempfile::tempdir().unwrap().path().join("gone");
        let told = kept(&folder, 1, &mut |out| (0..64).try_for_each(|_| out.write_all(&[0; PIECE_BYTES])));
        assert_eq!(told.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
