//! Bytes that are read into again and again, so that room once made is not cleared each time.

use std::ops::Deref;

/// Bytes, and room for more behind them.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// The bytes, and behind them what earlier ones left.
    room: Vec<u8>,
    filled: usize,
}

impl Buffer {
    /// Forgets the bytes, keeping the room.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    /// Room for `want` bytes more.
    pub(super) fn room(&mut self, want: usize) -> &mut [u8] {
        let end = self.filled + want;
        if self.room.len() < end {
            self.room.resize(end, 0);
        }
        &mut self.room[self.filled..end]
    }

    /// The first `count` bytes of the room were filled.
    pub(super) fn fill(&mut self, count: usize) {
        self.filled = (self.filled + count).min(self.room.len());
    }

    /// Appends `bytes`.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.fill(bytes.len());
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.room[..self.filled]
    }
}
