//! Syslog messages out of datagrams and connections. What is inside (RFC 5424, RFC 3164, CEF, LEEF, JSON, text) is for the normalizer.
//!
//! A datagram is one message. On a connection each message says by its beginning how it ends (RFC 6587): a decimal number, a blank and
//! something that begins a message count its bytes; everything else ends with a line feed or a NUL. Over TLS (RFC 5425) it is the same.
//! A count in front of a bare word is believed only on a connection that counted before: a line of text may begin with a number.

mod listen;

pub use listen::{Counters, Door, Settings, stream, tcp, udp};

use super::{Fault, Incoming, Piece};
use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

/// A count has so many digits at most.
const COUNT_DIGITS_MAX: usize = 9;

/// What may begin a message, so that a number before it is a count.
const BEGINNINGS: [&[u8]; 4] = [b"<", b"{", b"CEF:", b"LEEF:"];

/// The message that a datagram is.
pub fn datagram(bytes: Bytes) -> Piece {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r' | 0);
    let len = bytes.iter().rposition(|byte| !is_end(byte)).map_or(0, |last| last + 1);
    if len == 0 {
        return Piece::Fault(Fault { line: 1, code: "empty", detail: "there is nothing in the datagram".into() });
    }
    Piece::Record(Incoming::new(bytes.slice(..len), 1))
}

/// Cuts what comes over one connection into messages.
#[derive(Debug)]
pub struct Framer {
    message_bytes_max: usize,
    /// How many messages and faults there were.
    line: u64,
    /// The message before was counted.
    counted: bool,
    skip: Skip,
    /// So much of the unfinished line holds no end.
    searched: usize,
}

/// What is being passed over because its fault is told already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skip {
    Nothing,
    Bytes(usize),
    Line,
}

/// How the message at hand ends.
enum Head {
    /// More bytes are needed to tell.
    Wait,
    /// Behind a count that is so long, after so many bytes.
    Counted(usize, usize),
    /// With its line.
    Line,
}

impl Framer {
    /// A framer of messages of up to `message_bytes_max`.
    pub fn new(message_bytes_max: usize) -> Self {
        Self { message_bytes_max, line: 0, counted: false, skip: Skip::Nothing, searched: 0 }
    }

    /// Takes the next message or fault off the front of `buffer`; `None` when more bytes are needed or, when the connection `ended`,
    /// when nothing is left.
    pub fn next(&mut self, buffer: &mut BytesMut, ended: bool) -> Option<Piece> {
        loop {
            if !self.skipped(buffer) {
                return None;
            }
            if self.searched == 0 {
                let blank = buffer.iter().take_while(|byte| matches!(byte, b'\n' | b'\r' | 0)).count();
                buffer.advance(blank);
            }
            if buffer.is_empty() {
                return None;
            }
            let piece = match self.head(buffer) {
                Head::Wait if !ended => return None,
                Head::Counted(head, len) => self.counted(buffer, head, len, ended)?,
                Head::Wait | Head::Line => self.line(buffer, ended)?,
            };
            // A line of nothing but carriage returns is no message.
            if !matches!(&piece, Piece::Record(record) if record.bytes.is_empty()) {
                return Some(piece);
            }
        }
    }

    /// Passes over what is to be skipped; false when more bytes are needed for that.
    fn skipped(&mut self, buffer: &mut BytesMut) -> bool {
        match self.skip {
            Skip::Nothing => return true,
            Skip::Bytes(count) if count > buffer.len() => {
                self.skip = Skip::Bytes(count - buffer.len());
                buffer.clear();
                return false;
            }
            Skip::Bytes(count) => buffer.advance(count),
            Skip::Line => match memchr2(b'\n', 0, buffer) {
                Some(end) => buffer.advance(end + 1),
                None => {
                    buffer.clear();
                    return false;
                }
            },
        }
        self.skip = Skip::Nothing;
        true
    }

    fn head(&self, bytes: &[u8]) -> Head {
        if self.searched > 0 || !matches!(bytes.first(), Some(b'1'..=b'9')) {
            return Head::Line;
        }
        let digits = bytes.iter().take(COUNT_DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let count = bytes.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|text| text.parse().ok());
        let (Some(count), true) = (count, digits <= COUNT_DIGITS_MAX) else { return Head::Line };
        match bytes.get(digits) {
            None => return Head::Wait,
            Some(b' ') => {}
            Some(_) => return Head::Line,
        }
        let inside = bytes.get(digits + 1..).unwrap_or(&[]);
        if self.counted || BEGINNINGS.iter().any(|beginning| inside.starts_with(beginning)) {
            return Head::Counted(digits + 1, count);
        }
        if BEGINNINGS.iter().any(|beginning| beginning.starts_with(inside)) { Head::Wait } else { Head::Line }
    }

    fn counted(&mut self, buffer: &mut BytesMut, head: usize, len: usize, ended: bool) -> Option<Piece> {
        self.counted = true;
        if len > self.message_bytes_max {
            self.skip = Skip::Bytes(head + len);
            return Some(self.too_long());
        }
        if buffer.len() < head + len {
            if !ended {
                return None;
            }
            buffer.clear();
            return Some(self.fault("truncated", format!("the connection ended inside a message of {len} bytes")));
        }
        buffer.advance(head);
        let message = buffer.split_to(len).freeze();
        Some(self.message(message))
    }

    fn line(&mut self, buffer: &mut BytesMut, ended: bool) -> Option<Piece> {
        let rest = buffer.get(self.searched..).unwrap_or(&[]);
        let end = memchr2(b'\n', 0, rest).map(|end| self.searched + end);
        self.searched = 0;
        match end.or(ended.then_some(buffer.len())) {
            Some(end) if end <= self.message_bytes_max => {
                self.counted = false;
                let message = buffer.split_to(end).freeze();
                buffer.advance(1.min(buffer.len()));
                Some(self.message(message))
            }
            None if buffer.len() <= self.message_bytes_max => {
                self.searched = buffer.len();
                None
            }
            _ => {
                self.skip = Skip::Line;
                Some(self.too_long())
            }
        }
    }

    /// A message without the carriage return of its line.
    fn message(&mut self, message: Bytes) -> Piece {
        let len = message.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0)).map_or(0, |last| last + 1);
        self.line += u64::from(len > 0);
        Piece::Record(Incoming::new(message.slice(..len), self.line))
    }

    fn too_long(&mut self) -> Piece {
        self.fault("too-long", format!("the message is longer than {} bytes and was skipped", self.message_bytes_max))
    }

    fn fault(&mut self, code: &'static str, detail: String) -> Piece {
        self.line += 1;
        Piece::Fault(Fault { line: self.line, code, detail })
    }
}

#[cfg(test)]
mod tests;
