//! Envelopes: objects that are nothing but an array of records, as some vendors' files and interfaces write them:
//! `{"Records":[…]}` (CloudTrail files), `{"value":[…]}` (Microsoft Graph), `{"events":[…]}`, `{"Findings":[…]}`.
//!
//! An object is one when the array of objects is its first member, paging members (`@odata.…`, `nextLink`, …) aside,
//! and no other member but those stands behind it; an alert that merely begins with a list of events stays whole.
//! Where the object is longer than a record may be, so that nobody can look behind the array, its beginning decides.

use super::scan::{Scan, Scanner};

/// Members whose elements are the records.
const ARRAYS: [&[u8]; 4] = [b"Records", b"value", b"events", b"Findings"];

/// Members that only tell about the page, in any case of letters; so does what begins with `@`.
const PAGING: [&str; 9] =
    ["nextlink", "next", "nexttoken", "next_token", "nextpagetoken", "next_page_token", "count", "total", "hasmore"];

/// What an object turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Envelope {
    /// No envelope: a record of its own, or broken.
    No,
    /// More bytes are needed to tell.
    Wait,
    /// An envelope; its array's first element begins behind this many bytes, blanks aside.
    Opens(usize),
}

/// A cheap look that rules out almost every record.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    let mut inside = bytes.iter().skip(1).filter(|byte| !byte.is_ascii_whitespace());
    match (inside.next(), inside.next()) {
        (Some(b'"'), first) => first.is_none_or(|first| matches!(first, b'R' | b'v' | b'e' | b'F' | b'@')),
        (first, _) => first.is_none(),
    }
}

/// Whether an envelope begins `bytes`; `all` says that no more of them will come.
pub(super) fn find(bytes: &[u8], all: bool) -> Envelope {
    let unsure = if all { Envelope::No } else { Envelope::Wait };
    let start = match array_start(bytes) {
        Ok(start) => start,
        Err(Stop::Short) => return unsure,
        Err(Stop::Other) => return Envelope::No,
    };
    match Scanner::default().feed(bytes.get(start - 1..).unwrap_or(&[])) {
        Scan::End(len) => match paging_until_end(bytes.get(start - 1 + len..).unwrap_or(&[])) {
            Ok(()) => Envelope::Opens(start),
            Err(Stop::Other) => Envelope::No,
            Err(Stop::Short) if all => Envelope::Opens(start),
            Err(Stop::Short) => Envelope::Wait,
        },
        Scan::Broken(..) => Envelope::Opens(start),
        Scan::More if all => Envelope::Opens(start),
        Scan::More => Envelope::Wait,
    }
}

/// Why reading a beginning stopped.
enum Stop {
    /// The bytes end.
    Short,
    /// It is something else.
    Other,
}

/// Where the array of records begins, behind its bracket.
fn array_start(bytes: &[u8]) -> Result<usize, Stop> {
    let mut at = Walk { bytes, at: 1 };
    loop {
        let key = at.key()?;
        if ARRAYS.contains(&key) {
            at.expect(b'[')?;
            let start = at.at;
            return if matches!(at.next()?, b'{' | b']') { Ok(start) } else { Err(Stop::Other) };
        }
        at.paging(key)?;
        at.expect(b',')?;
    }
}

/// Whether only paging members stand in `bytes` before the object's end.
fn paging_until_end(bytes: &[u8]) -> Result<(), Stop> {
    let mut at = Walk { bytes, at: 0 };
    while at.next()? == b',' {
        let key = at.key()?;
        at.paging(key)?;
    }
    if at.bytes.get(at.at - 1) == Some(&b'}') { Ok(()) } else { Err(Stop::Other) }
}

/// A place in the bytes of an object.
struct Walk<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Walk<'b> {
    /// The next byte that is no white space.
    fn next(&mut self) -> Result<u8, Stop> {
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += 1;
            if !byte.is_ascii_whitespace() {
                return Ok(*byte);
            }
        }
        Err(Stop::Short)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        if self.next()? == byte { Ok(()) } else { Err(Stop::Other) }
    }

    /// A text, without its quotes.
    fn text(&mut self) -> Result<&'b [u8], Stop> {
        let start = self.at;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += 1 + usize::from(*byte == b'\\');
            if *byte == b'"' {
                return Ok(self.bytes.get(start..self.at - 1).unwrap_or(&[]));
            }
        }
        Err(Stop::Short)
    }

    /// A member's name, and the colon behind it.
    fn key(&mut self) -> Result<&'b [u8], Stop> {
        self.expect(b'"')?;
        let key = self.text()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Passes over the value of the member `key`, which must be a paging one and no list or object.
    fn paging(&mut self, key: &[u8]) -> Result<(), Stop> {
        if !key.starts_with(b"@") && !PAGING.iter().any(|known| key.eq_ignore_ascii_case(known.as_bytes())) {
            return Err(Stop::Other);
        }
        match self.next()? {
            b'"' => self.text().map(drop),
            byte if byte.is_ascii_alphanumeric() || byte == b'-' => {
                while self.bytes.get(self.at).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)) {
                    self.at += 1;
                }
                if self.at < self.bytes.len() { Ok(()) } else { Err(Stop::Short) }
            }
            _ => Err(Stop::Other),
        }
    }
}
