//! The Merkle tree of RFC 9162 §2.1.1 by recursion, and checkpoints as signed notes.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};
use std::path::Path;

pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(crate) fn leaf(entry: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

pub(crate) fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => digest(b""),
        [leaf] => *leaf,
        _ => {
            // The largest power of two below the number of leaves.
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Sha256::new().chain_update([1]).chain_update(root(left)).chain_update(root(right)).finalize().into()
        }
    }
}

/// Size and root of a signed checkpoint, verified with the key in the file `public`.
pub(crate) fn open(note: &str, public: &Path) -> Result<(usize, [u8; 32])> {
    let key = std::fs::read_to_string(public).with_context(|| format!("read {}", public.display()))?;
    let (name, rest) = key.trim().split_once('+').context("a public key")?;
    let (id, key) = rest.split_once('+').context("a public key")?;
    let key = STANDARD.decode(key)?;
    ensure!(key.first() == Some(&1), "the key is not for Ed25519");
    let of_key = Sha256::new().chain_update(name).chain_update("\n").chain_update(&key).finalize();
    ensure!(crate::entry::hex(of_key.get(..4).unwrap_or_default()) == id, "the key's number is wrong");
    let (body, signatures) = note.split_once("\n\n").context("a note without signatures")?;
    let line = signatures.lines().find_map(|line| line.strip_prefix(&format!("— {name} "))).context("no signature of the key")?;
    let signature = STANDARD.decode(line)?;
    let signature = Signature::from_slice(signature.get(4..).context("a signature")?)?;
    let key = VerifyingKey::from_bytes(key.get(1..).and_then(|key| key.first_chunk()).context("a public key")?)?;
    key.verify_strict(format!("{body}\n").as_bytes(), &signature).context("the signature is wrong")?;
    let lines: Vec<&str> = body.lines().collect();
    let [_, size, root] = lines[..] else { anyhow::bail!("a checkpoint has three lines") };
    Ok((size.parse()?, STANDARD.decode(root)?.try_into().ok().context("a root has 32 bytes")?))
}
