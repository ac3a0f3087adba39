//! Bytes that are read into again and again, so that room once made is not cleared each time.

use std::ops::Deref;

/// Bytes, and room for more behind them.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// What is done with, the bytes, and behind them what earlier ones left.
    room: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// Forgets the bytes, keeping the room.
    pub(super) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Forgets the first `count` bytes.
    pub(super) fn skip(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Room for `want` bytes more.
    pub(super) fn room(&mut self, want: usize) -> &mut [u8] {
        if self.start > 0 {
            self.room.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let end = self.end + want;
        if self.room.len() < end {
            self.room.resize(end, 0);
        }
        &mut self.room[self.end..end]
    }

    /// The first `count` bytes of the room were filled.
    pub(super) fn fill(&mut self, count: usize) {
        self.end = (self.end + count).min(self.room.len());
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
        &self.room[self.start..self.end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_was_put_in_and_not_taken_off() {
        let mut buffer = Buffer::default();
        buffer.extend(b"abcdef");
        buffer.skip(2);
        buffer.extend(b"gh");
        assert_eq!(&*buffer, b"cdefgh");
        buffer.clear();
        buffer.room(4)[..2].copy_from_slice(b"xy");
        buffer.fill(2);
        assert_eq!(&*buffer, b"xy", "what was there before does not show");
        buffer.skip(9);
        assert!(buffer.is_empty());
    }
}
