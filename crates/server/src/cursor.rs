//! Where a listing goes on: opaque to clients, bound to the listing and its filters, of fixed size.
//!
//! A cursor is no secret and no permission. A forged one only names another place in what its caller may read anyway.

use adjutant_model::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Changes with the layout of a cursor.
const VERSION: u8 = 1;
/// Version, listing, rank, sequence.
const BYTES: usize = 1 + 4 + 8 + 8;

/// A place in a listing: the last row that was seen, by the order of the listing and a number that is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// What the listing is ordered by, such as a score or a time; zero when only by number.
    pub rank: i64,
    /// The unique number, such as a ledger entry's.
    pub seq: u64,
}

/// The cursor cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCursor {
    /// It was not made here, or by another version.
    #[error("the cursor is not one that a page of this listing gave: begin without a cursor")]
    Unreadable,
    /// It was made for other filters.
    #[error("the cursor is of other filters: begin without a cursor")]
    OfOther,
}

/// Names a listing with its filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing([u8; 4]);

impl Listing {
    /// The listing at `path` under these filters.
    pub fn new<'a>(path: &'a str, filters: impl IntoIterator<Item = &'a str>) -> Self {
        let parts = std::iter::once(path).chain(filters).map(str::as_bytes);
        let [a, b, c, d, ..] = Digest::of_parts(parts).0;
        Self([a, b, c, d])
    }

    /// The cursor that goes on after `position`.
    pub fn cursor(self, position: Position) -> String {
        let mut bytes = [0; BYTES];
        let parts = [&[VERSION][..], &self.0, &position.rank.to_be_bytes(), &position.seq.to_be_bytes()];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place that a cursor of this listing names.
    ///
    /// # Errors
    /// It is not one, or of another listing.
    pub fn read(self, cursor: &str) -> Result<Position, BadCursor> {
        let mut bytes = [0; BYTES];
        // A shorter or longer text does not fill the room exactly, or does not fit.
        if URL_SAFE_NO_PAD.decode_slice(cursor, &mut bytes) != Ok(BYTES) {
            return Err(BadCursor::Unreadable);
        }
        let [version, l0, l1, l2, l3, rest @ ..] = bytes;
        let [r0, r1, r2, r3, r4, r5, r6, r7, s0, s1, s2, s3, s4, s5, s6, s7] = rest;
        if version != VERSION {
            return Err(BadCursor::Unreadable);
        }
        if [l0, l1, l2, l3] != self.0 {
            return Err(BadCursor::OfOther);
        }
        let rank = i64::from_be_bytes([r0, r1, r2, r3, r4, r5, r6, r7]);
        Ok(Position { rank, seq: u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let listing = Listing::new("/v1/queue", ["status=open"]);
        for (rank, seq) in [(0, 0), (i64::MIN, u64::MAX), (i64::MAX, 1), (-5, 812)] {
            let position = Position { rank, seq };
            let cursor = listing.cursor(position);
            assert_eq!(listing.read(&cursor), Ok(position));
            assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        }
    }

    #[test]
    fn a_cursor_of_another_listing_or_filter_is_told_apart() {
        let position = Position { rank: 1, seq: 2 };
        let cursor = Listing::new("/v1/queue", ["status=open"]).cursor(position);
        for other in [Listing::new("/v1/queue", []), Listing::new("/v1/audit", ["status=open"])] {
            assert_eq!(other.read(&cursor), Err(BadCursor::OfOther));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let listing = Listing::new("/v1/queue", []);
        let good = listing.cursor(Position { rank: 1, seq: 2 });
        let mut newer = URL_SAFE_NO_PAD.decode(&good).unwrap();
        newer[0] = 2;
        let newer = URL_SAFE_NO_PAD.encode(newer);
        for bad in ["", "a", "..", &good[1..], &format!("{good}A"), &format!("{good}="), &newer, &"A".repeat(1 << 20)] {
            assert_eq!(listing.read(bad), Err(BadCursor::Unreadable), "{:.40}", bad);
        }
    }
}
