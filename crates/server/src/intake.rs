//! How alerts come in: one file per format, each a pure function from bytes to records, and thin listeners around them.
//!
//! Every door hands its records to a [`Sink`] and answers only after it did: what the sender is told of a record is what became of it.
//! What cannot be read as a record is a [`Fault`], told to the sender where the protocol has room for that, and to the sink always.

pub mod alertmanager;
pub mod body;
pub mod bulk;
pub mod folder;
pub mod hec;
pub mod syslog;

pub use adjutant_runtime::policy::{Beside, Incoming};
use std::future::Future;
use std::pin::Pin;
use tokio::sync::watch;

/// A refused record waits no longer than this before it is handed in again.
const RETRY_S_MAX: u32 = 60;

/// Something that could not be read as a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line where it begins, 1 for the first; 0 when it is about the whole.
    pub line: u64,
    /// A stable code, such as `too-long`.
    pub code: &'static str,
    /// What is wrong, and what was done instead, for people.
    pub detail: String,
}

/// One piece of what came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A record.
    Record(Incoming),
    /// What could not be read.
    Fault(Fault),
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// New: durable and decided.
    Decided(Answer),
    /// Known already: the decision that stands.
    Known(Answer),
    /// No record at all; kept as a problem.
    Failed {
        /// A stable code.
        code: String,
        /// What is wrong with it, for people.
        detail: String,
    },
    /// Over capacity: the sender keeps it and sends it again.
    Refused {
        /// When to send it again.
        retry_after_s: u32,
    },
    /// It cannot be stored now: the sender keeps it and sends it again.
    Unavailable {
        /// Why, for people.
        detail: String,
    },
}

/// The decision that a record led to.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Answer {
    /// Id of the decision.
    pub decision: String,
    /// Id of the alert.
    pub alert: String,
    /// Id of the case that it joined.
    pub case: String,
    /// Revision of that case.
    pub revision: u32,
    /// `close`, `escalate` or `respond`.
    pub outcome: &'static str,
    /// The sum of the points.
    pub score: i32,
    /// Number of the decision's ledger entry.
    pub seq: u64,
}

/// What is being waited for.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who takes records: the service, or a test.
pub trait Sink: Send + Sync {
    /// Takes `records` that `sender` sent as `source` (where somebody says so) and says what became of each, in order, once that is durable.
    fn submit<'a>(&'a self, source: Option<&'a str>, sender: &'a str, records: Vec<Incoming>) -> Pending<'a, Vec<Fate>>;

    /// Keeps what could not be read, so that a person sees it.
    fn report<'a>(&'a self, source: Option<&'a str>, sender: &'a str, faults: Vec<Fault>) -> Pending<'a, ()>;

    /// Whether records are taken at present.
    fn is_ready(&self) -> bool {
        true
    }
}

/// Hands `pieces` to `sink`; says what became of each, in order.
///
/// A fault is reported and has failed. A record of which the sink says nothing is not known to be stored, so it has to come again.
pub async fn hand(sink: &dyn Sink, source: Option<&str>, sender: &str, pieces: Vec<Piece>) -> Vec<Fate> {
    let mut fates = Vec::with_capacity(pieces.len());
    let (mut records, mut faults) = (Vec::with_capacity(pieces.len()), Vec::new());
    for piece in pieces {
        match piece {
            Piece::Record(record) => {
                fates.push(Fate::Unavailable { detail: "nothing was said about this record".into() });
                records.push(record);
            }
            Piece::Fault(fault) => {
                fates.push(Fate::Failed { code: fault.code.to_owned(), detail: fault.detail.clone() });
                faults.push(fault);
            }
        }
    }
    if !faults.is_empty() {
        sink.report(source, sender, faults).await;
    }
    if !records.is_empty() {
        let told = sink.submit(source, sender, records).await;
        let open = fates.iter_mut().filter(|fate| matches!(fate, Fate::Unavailable { .. }));
        open.zip(told).for_each(|(open, told)| *open = told);
    }
    fates
}

/// Waits until told to stop, or until nobody is left who could say so.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The records that have to come again, and after how many seconds.
fn again(records: Vec<Incoming>, fates: &[Fate]) -> (Vec<Incoming>, u32) {
    let mut wait_s = 1;
    let mut fates = fates.iter();
    let keep = |_: &Incoming| match fates.next() {
        Some(Fate::Refused { retry_after_s }) => {
            wait_s = wait_s.max((*retry_after_s).min(RETRY_S_MAX));
            true
        }
        Some(Fate::Unavailable { .. }) | None => true,
        Some(Fate::Decided(_) | Fate::Known(_) | Fate::Failed { .. }) => false,
    };
    let again = records.into_iter().filter(keep).collect();
    (again, wait_s)
}

#[cfg(test)]
pub(crate) mod testing;
