//! Keeps decisions with everything that led to them, so that a replay or a backtest needs nothing else.
//!
//! ```text
//! DIR/books/<digest>/…         every book that decided, as files
//! DIR/decisions/<digest>       alerts with their facts, and what was decided (see `entry`)
//! DIR/alerts/<digest>          the same alerts as they came
//! DIR/runs/<number>-<digest>   what one run added; written last, so that a run is there whole or not at all
//! ```
//! All names are digests of content. Files are written elsewhere, made durable and then renamed into place.

pub(crate) mod bytes;
mod container;
pub(crate) mod entry;
mod index;
mod open;
pub(crate) mod row;
mod write;

pub use entry::{Entry, Keep};
pub use open::{Archive, Cursor, Found, Mapping, Raws, Segment, Unread};
pub use write::{Batch, Writer};

use adjutant_model::{Digest, Time};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// The version of the files' layout.
const FORMAT: u32 = 1;

const BOOKS: &str = "books";
const DECISIONS: &str = "decisions";
const ALERTS: &str = "alerts";
const RUNS: &str = "runs";

/// What one run added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The version of the layout.
    pub format: u32,
    /// The book that decided.
    pub book: Digest,
    /// The names of the inputs, by their number.
    pub inputs: Vec<String>,
    /// The source that every record was said to be of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The time as of which everything was decided, if not each alert's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Time>,
    /// The files, in the order of intake.
    pub segments: Vec<SegmentFiles>,
    /// False when the run was interrupted: then the archive holds what came before.
    pub complete: bool,
}

/// Two files of the same stretch of alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentFiles {
    /// The decisions.
    pub decisions: Digest,
    /// The alerts as they came.
    pub alerts: Digest,
    /// How many decisions.
    pub entries: u64,
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory cannot be read.
    #[error("`{path}` cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no archive here.
    #[error("`{path}` is not an archive: it has no `runs`; make one with `adjutant triage --out {path} …`")]
    NoArchive {
        /// Where.
        path: PathBuf,
    },
    /// A file is not what was written.
    #[error("`{path}` is damaged or cut short; triage its alerts again")]
    Damaged {
        /// Which.
        path: PathBuf,
    },
    /// A file was written by a newer release.
    #[error("`{path}` has format {version}, which this release does not read; use a newer one")]
    Version {
        /// Which.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
}
