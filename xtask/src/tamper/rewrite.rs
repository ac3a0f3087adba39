//! Everything rewritten by whoever holds the key: one byte of an entry, its leaf, and a new checkpoint over the whole.

use super::rows::pieces;
use super::{Trials, plain, put, unpacked};
use adjutant_ledger::{Checkpoint, Hash, SigningKey, Tree, leaf};
use adjutant_runtime::ports::Read as _;
use adjutant_runtime::seal::{CHECKPOINT, LATEST};
use anyhow::{Context as _, Result};
use std::path::Path;

/// The last byte of the entry's evidence, far from what the audit compares with other tables.
const FROM_END: usize = 1;

/// Rewrites the store once for each entry; returns how many of them show without a checkpoint from elsewhere.
pub(super) fn all(trials: &mut Trials, data: &Path) -> Result<u64> {
    let text = std::fs::read_to_string(data.join("ledger.key"))?;
    let key = SigningKey::from_secret_text(text.trim())?;
    let kept = trials.reader.document(CHECKPOINT, LATEST)?.context("a checkpoint")?.into_bytes();
    let mut seen = 0;
    for first in trials.firsts("leaves")? {
        let entries = pieces(&unpacked(&trials.blob("entries", first)?).context("a block")?);
        for at in 0..entries.len() {
            rewrite(trials, &key, first, at, &entries)?;
            seen += u64::from(trials.is_found()?);
            let found = trials.is_found_with(std::slice::from_ref(&kept))?;
            trials.count("everything rewritten with the key", found, || format!("entry {}", first + at as i64));
            trials.restore()?;
        }
    }
    Ok(seen)
}

fn rewrite(trials: &mut Trials, key: &SigningKey, first: i64, at: usize, entries: &[Vec<u8>]) -> Result<()> {
    let mut entries = entries.to_vec();
    let entry = entries.get_mut(at).context("an entry")?;
    let place = entry.len() - FROM_END;
    // JSON stays JSON: another digit or letter; a decision's evidence is any bytes.
    entry[place] = if entry[4] == 2 { b' ' } else { entry[place] ^ 1 };
    if entry[4] == 2 {
        entry.splice(place..=place, *b"}");
        entry.insert(5, b' ');
        let len = u32::try_from(entry.len() - 4)?;
        entry[..4].copy_from_slice(&len.to_le_bytes());
    }
    let mut leaves = trials.blob("leaves", first)?;
    leaves[at * 32..][..32].copy_from_slice(&leaf(&entry[4..]).0);
    put(&trials.connection, "entries", first, &plain(&entries.concat()))?;
    put(&trials.connection, "leaves", first, &leaves)?;
    let mut tree = Tree::new();
    for first in trials.firsts("leaves")? {
        let leaves = trials.blob("leaves", first)?;
        let (chunks, _) = leaves.as_chunks::<32>();
        chunks.iter().for_each(|leaf| tree.append(Hash(*leaf)));
    }
    let note = Checkpoint::of("adjutant", &tree)?.sign(&[key])?.to_string();
    let sql = "UPDATE documents SET body = ?1 WHERE kind = 'checkpoint' AND id = 'latest'";
    trials.connection.execute(sql, [note])?;
    Ok(())
}
