//! Reads a pipe on a thread of its own, so that a silent writer cannot hold up an interrupt.
//!
//! The thread ends with the pipe, or with the process when somebody is told to stop before.

use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Bytes per read, and reads in advance: half a megabyte in all.
const READ_BYTES: usize = 64 << 10;
const READS_AHEAD: usize = 8;

/// How long a stop may go unnoticed.
const PATIENCE: Duration = Duration::from_millis(100);

/// What [`pump`] reads from.
pub(super) struct Pump {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    used: usize,
    stop: Arc<AtomicBool>,
}

/// Starts to read `from` ahead. It ends once `stop` is true and nothing is at hand.
pub(super) fn pump(mut from: impl Read + Send + 'static, stop: Arc<AtomicBool>) -> Pump {
    let (sender, pieces) = sync_channel(READS_AHEAD);
    std::thread::spawn(move || {
        loop {
            let mut piece = vec![0; READ_BYTES];
            let read = match from.read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read,
            };
            let over = !matches!(read, Ok(count) if count > 0);
            let sent = sender.send(read.map(|count| {
                piece.truncate(count);
                piece
            }));
            if over || sent.is_err() {
                return;
            }
        }
    });
    Pump { pieces, piece: Vec::new(), used: 0, stop }
}

impl Read for Pump {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.used == self.piece.len() {
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.piece = piece?,
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Relaxed) => return Ok(0),
                Err(RecvTimeoutError::Timeout) => continue,
            }
            self.used = 0;
            if self.piece.is_empty() {
                return Ok(0);
            }
        }
        let rest = self.piece.get(self.used..).unwrap_or(&[]);
        let count = rest.len().min(to.len());
        to[..count].copy_from_slice(&rest[..count]);
        self.used += count;
        Ok(count)
    }
}
