//! Alerts: what a tool sent, and what was read from it.
//!
//! The raw bytes are never changed; their digest names the alert for ever. What cannot be read is a
//! [`Problem`] beside the alert, never a reason to drop it.

use crate::digest::Digest;
use crate::row::Row;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a tool sent, unchanged.
#[derive(Clone, Copy, Debug)]
pub struct RawAlert<'a> {
    /// The record's bytes, without the line ending.
    pub bytes: &'a [u8],
    /// Where it was read.
    pub place: Place,
}

/// Where a record was read: which input, and its line (1 for the first).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Place {
    /// Number of the input, in the order given.
    pub input: u32,
    /// Line of the input where the record begins.
    pub line: u64,
}

/// The first sixteen bytes of the digest of an alert's raw bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AlertId(pub [u8; 16]);

/// The number of a source in the book that read the alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SourceId(pub u16);

/// One vendor record, normalized.
#[derive(Clone, Debug, Default)]
pub struct Alert {
    /// Digest of the raw bytes.
    pub digest: Digest,
    /// Which source read it.
    pub source: SourceId,
    /// Where it was read.
    pub place: Place,
    /// Its fields; the facts join them later in the same row.
    pub row: Row,
}

impl Alert {
    /// The alert's name.
    pub fn id(&self) -> AlertId {
        AlertId(self.digest.prefix())
    }
}

/// Something about a record that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A stable code, such as `time-inferred`.
    pub code: String,
    /// The field or raw path that it is about; empty for the whole record.
    pub field: String,
    /// What is wrong and what was done instead, for people.
    pub detail: String,
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.detail)
    }
}
