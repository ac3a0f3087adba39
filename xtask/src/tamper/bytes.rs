//! Every byte, flipped: of what a block holds, and of the block as it is stored.

use super::{Trials, plain, put, unpacked};
use anyhow::Result;

/// Columns with their tables, and whether they hold packed blocks.
const COLUMNS: [(&str, &str, &str, bool); 4] = [
    ("a byte of a leaf", "head", "leaves", false),
    ("a byte of a name", "head", "ids", false),
    ("a byte of an entry", "body", "entries", true),
    ("a byte of a raw alert", "raw", "alerts", true),
];

pub(super) fn all(trials: &mut Trials, stride: usize) -> Result<()> {
    for (kind, table, column, packed) in COLUMNS {
        for first in trials.firsts(table)? {
            let stored = trials.blob(table, column, first)?;
            if packed {
                let bytes = unpacked(&stored).unwrap_or_default();
                flip(trials, (kind, table, column, first), &bytes, stride, plain)?;
                flip(trials, ("a byte of a block as stored", table, column, first), &stored, stride, <[u8]>::to_vec)?;
            } else {
                flip(trials, (kind, table, column, first), &stored, stride, <[u8]>::to_vec)?;
            }
            put(&trials.connection, table, column, first, &stored)?;
        }
    }
    note(trials, stride)
}

/// Flips one bit of every byte of `bytes`, each time another one.
fn flip(
    trials: &mut Trials,
    (kind, table, column, first): (&'static str, &str, &str, i64),
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
            put(&trials.connection, table, column, first, &stored(&changed))?;
            let found = trials.is_found()?;
            trials.count(kind, found, || format!("byte {at} of {table}.{column} of commit {first}"));
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
