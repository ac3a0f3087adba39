//! Every byte, flipped: of what a block holds, and of the block as it is stored.

use super::{Trials, plain, put, unpacked};
use anyhow::Result;

/// Columns of a commit, and whether they hold packed blocks.
const COLUMNS: [(&str, &str, bool); 4] = [
    ("a byte of a leaf", "leaves", false),
    ("a byte of a name", "ids", false),
    ("a byte of an entry", "entries", true),
    ("a byte of a raw alert", "alerts", true),
];

pub(super) fn all(trials: &mut Trials, stride: usize) -> Result<()> {
    for (kind, column, packed) in COLUMNS {
        for first in trials.firsts(column)? {
            let stored = trials.blob(column, first)?;
            if packed {
                let bytes = unpacked(&stored).unwrap_or_default();
                flip(trials, (kind, column, first), &bytes, stride, plain)?;
                flip(trials, ("a byte of a block as stored", column, first), &stored, stride, <[u8]>::to_vec)?;
            } else {
                flip(trials, (kind, column, first), &stored, stride, <[u8]>::to_vec)?;
            }
            put(&trials.connection, column, first, &stored)?;
        }
    }
    note(trials, stride)
}

/// Flips one bit of every byte of `bytes`, each time another one.
fn flip(
    trials: &mut Trials,
    (kind, column, first): (&'static str, &str, i64),
    bytes: &[u8],
    stride: usize,
    stored: impl Fn(&[u8]) -> Vec<u8>,
) -> Result<()> {
    let mut changed = bytes.to_vec();
    for at in (first as usize % stride..bytes.len()).step_by(stride) {
        changed[at] ^= 1 << (at % 8);
        // Some bits of a frame say nothing: what unpacks to the same is the same.
        let same = kind.ends_with("as stored") && unpacked(&changed) == unpacked(bytes);
        if !same {
            put(&trials.connection, column, first, &stored(&changed))?;
            let found = trials.is_found()?;
            trials.count(kind, found, || format!("byte {at} of {column} of commit {first}"));
        }
        changed[at] = bytes[at];
    }
    Ok(())
}

/// Every byte of the store's own checkpoint.
fn note(trials: &mut Trials, stride: usize) -> Result<()> {
    let sql = "SELECT body FROM documents WHERE kind = 'checkpoint' AND id = 'latest'";
    let text: String = trials.connection.query_row(sql, [], |row| row.get(0))?;
    let set = "UPDATE documents SET body = CAST(?1 AS TEXT) WHERE kind = 'checkpoint' AND id = 'latest'";
    for at in (0..text.len()).step_by(stride.min(3)) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1 << (at % 7);
        trials.connection.prepare_cached(set)?.execute([bytes])?;
        let found = trials.is_found()?;
        trials.count("a byte of the checkpoint", found, || format!("byte {at}"));
    }
    trials.connection.execute(set, [text.into_bytes()])?;
    Ok(())
}
