//! Commands that read the service's folder themselves, also while it runs.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod doctor;
mod kept;

use crate::serve::{KEY, LOCK, PUBLIC};
use crate::term;
use adjutant_engine::explain::style::{Line, Paint};
use adjutant_ledger::{Handover, Keyring, VerifierKey};
use adjutant_store::{FILE, Reader};
use anyhow::Context;
use std::path::Path;

/// Larger files are neither a checkpoint nor a key.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// Opens the store in `folder` to read.
fn open(folder: &Path) -> anyhow::Result<Reader> {
    let file = folder.join(FILE);
    if !file.is_file() {
        anyhow::bail!("`{}` holds no store; name the service's folder with --data", folder.display());
    }
    Reader::open(&file).with_context(|| format!("`{}`", file.display()))
}

/// A small file; none when it is not there.
fn small(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Ok(found) if found.len() > TEXT_BYTES_MAX => anyhow::bail!("`{}` is too large", path.display()),
        _ => {}
    }
    std::fs::read(path).map(Some).with_context(|| format!("`{}` cannot be read", path.display()))
}

/// The key that the folder began with, in the file `path`; none when it is not there.
fn public(path: &Path) -> anyhow::Result<Option<VerifierKey>> {
    let Some(bytes) = small(path)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    let key = text.lines().next().unwrap_or("").trim().parse();
    key.map(Some).with_context(|| format!("`{}` is no public key of a ledger", path.display()))
}

/// Why a checkpoint is not one that the owner of the ledger signed; none when it is. The key that the folder began with is
/// trusted, and whatever follows it by handovers that the ledger itself holds.
fn unsigned(checkpoint: &str, first: &VerifierKey, handovers: &[(u64, Handover)]) -> Option<String> {
    let mut keys = Keyring::new(first.clone());
    for (index, handover) in handovers {
        if let Err(error) = keys.accept(*index, handover) {
            return Some(error.to_string());
        }
    }
    keys.open(checkpoint.as_bytes()).err().map(|error| error.to_string())
}

/// One line of a verdict: well, or what to look at.
fn verdict(well: bool, text: &str) -> Line {
    let (word, paint) = if well { ("ok    ", Paint::Calm) } else { ("look  ", Paint::Warm) };
    Line::new().with(paint, word).plain(term::safe(text))
}

/// What goes under a verdict.
fn under(text: &str) -> Line {
    Line::new().plain("      ").plain(term::safe(text))
}
