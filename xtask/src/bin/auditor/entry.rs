//! Entries of the ledger: the head of a decision, or JSON.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// What a decision's entry begins with, as far as it is verified.
pub(crate) struct Decided {
    pub(crate) at: i64,
    pub(crate) previous: u64,
    pub(crate) decision: [u8; 8],
    pub(crate) alert: [u8; 32],
    pub(crate) case: [u8; 16],
    pub(crate) revision: u32,
    pub(crate) outcome: u8,
    pub(crate) score: i32,
    pub(crate) sampled: bool,
    pub(crate) closed: bool,
    /// The alert was decided before, without what was looked up since.
    pub(crate) again: bool,
    pub(crate) key: u64,
}

/// One entry.
pub(crate) enum Entry {
    Decided(Box<Decided>),
    Noted(Value),
}

struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().context("it ends too early")?;
        self.0 = rest;
        Ok(*taken)
    }
}

impl Entry {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        match bytes.split_first() {
            Some((1, head)) => Ok(Entry::Decided(Box::new(decided(head)?))),
            Some((2, json)) => Ok(Entry::Noted(serde_json::from_slice(json).context("it is no JSON")?)),
            _ => bail!("it is of an unknown kind"),
        }
    }
}

fn decided(head: &[u8]) -> Result<Decided> {
    let mut from = Bytes(head);
    let (at, previous) = (i64::from_le_bytes(from.take()?), u64::from_le_bytes(from.take()?));
    let _book: [u8; 32] = from.take()?;
    let (decision, alert, case) = (from.take()?, from.take()?, from.take()?);
    let revision = u32::from_le_bytes(from.take()?);
    let [outcome, autonomy] = from.take()?;
    let score = i32::from_le_bytes(from.take()?);
    let [flags] = from.take()?;
    let sampled_ppm = u32::from_le_bytes(from.take()?);
    let key = u64::from_le_bytes(from.take()?);
    let (sampled, closed) = (flags & 1 != 0, flags & 2 != 0);
    ensure!(outcome <= 2 && autonomy <= 4, "it has outcome {outcome} and autonomy {autonomy}");
    ensure!(!(sampled && closed), "it is closed, and drawn for people");
    ensure!((sampled || closed) == (sampled_ppm > 0), "its flags are {flags} and {sampled_ppm} of a million are drawn");
    ensure!(!closed || outcome == 0, "it closed a case with outcome {outcome}");
    let again = flags & 16 != 0;
    Ok(Decided { at, previous, decision, alert, case, revision, outcome, score, sampled, closed, again, key })
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
