//! `adjutant audit`: proves that the ledger is what it was, or names the first entry that is not.

use super::kept::Kept;
use super::{PUBLIC, open, public, under, unsigned, verdict};
use crate::args::service::{Audit, AuditCommand};
use crate::exit::Exit;
use crate::serve::{Folder, ORIGIN};
use crate::table::painted;
use crate::term::{self, OutputFailed};
use adjutant_engine::explain::style::Line;
use adjutant_ledger::{Hash, VerifierKey};
use adjutant_model::quantity::Grouped;
use adjutant_runtime::audit::{self, Audit as Audited, Error};
use adjutant_runtime::event;
use adjutant_runtime::ports::{Block, Parts, Read, Store, StoreError};
use adjutant_runtime::seal::{CHECKPOINT, LATEST, Seal};
use adjutant_server::serve::wall_clock;
use adjutant_store::{Options, Sqlite};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(crate) fn run(args: &Audit) -> anyhow::Result<Exit> {
    match &args.command {
        AuditCommand::Verify { data, checkpoint } => verify(&data.data, checkpoint),
        AuditCommand::Export { data } => export(&data.data),
        AuditCommand::Rotate { data } => rotate(&data.data),
    }
}

/// Lets a new key follow the old one, which is gone afterwards.
fn rotate(folder: &Path) -> anyhow::Result<Exit> {
    let locked = Folder::lock(folder)?;
    let mut store = Sqlite::open(folder, Options::default())?;
    let old = locked.key()?;
    let new = locked.next_key()?;
    let (was, is) = (old.verifier().id(), new.verifier().id());
    // A change that was interrupted may have come as far as the ledger.
    let held = audit::audit(&mut *store.reader()?, &[])?.handovers;
    if !held.iter().any(|(_, handover)| handover.new_key() == new.verifier()) {
        Seal::new(old, ORIGIN.into()).rotate(new, &mut store, wall_clock()())?;
    }
    locked.turn_key(&locked.next_key()?)?;
    let lines = [
        verdict(true, &format!("key {is} follows key {was}")),
        under("the ledger says so, signed by both; checkpoints of the old key stay valid for what they count"),
    ];
    term::output(painted(&lines).as_bytes())?;
    Ok(Exit::Ok)
}

fn verify(folder: &Path, checkpoints: &[PathBuf]) -> anyhow::Result<Exit> {
    let began = Instant::now();
    let mut reader = open(folder)?;
    let (mut external, mut unread) = (Vec::new(), Vec::new());
    for path in checkpoints {
        let kept = Kept::read(path)?;
        external.extend(kept.checkpoints);
        if kept.unread > 0 {
            unread.push(under(&format!("`{}`: {} pieces are no whole checkpoint", path.display(), kept.unread)));
        }
    }
    let (well, mut lines) = verified(&mut reader, &external, public(&folder.join(PUBLIC))?.as_ref())?;
    lines.extend(unread);
    lines.push(under(&format!("{:.2} s", began.elapsed().as_secs_f64())));
    term::output(painted(&lines).as_bytes())?;
    Ok(if well { Exit::Ok } else { Exit::Problems })
}

/// Verifies what `reader` reads and whose checkpoint it holds. Whether all is well, and what to say.
pub(super) fn verified(
    reader: &mut dyn Read,
    external: &[Vec<u8>],
    key: Option<&VerifierKey>,
) -> anyhow::Result<(bool, Vec<Line>)> {
    let own = reader.document(CHECKPOINT, LATEST)?;
    let audited = match audit::audit(reader, external) {
        Ok(audited) => audited,
        // That the store cannot be opened or read now says nothing about the ledger.
        Err(Error::Store(error @ (StoreError::Unavailable(_) | StoreError::Full(_) | StoreError::Version(_)))) => {
            return Err(error.into());
        }
        Err(error) => return Ok((false, bad(&error))),
    };
    let signature = own.as_deref().zip(key).map(|(own, key)| unsigned(own, key, &audited.handovers));
    if let Some(Some(why)) = &signature {
        let lines = vec![
            verdict(false, &format!("the store's checkpoint is not signed by the key in {PUBLIC}: {why}")),
            under(
                "after a restore under a new key that is so until the service made its first checkpoint; else somebody changed it",
            ),
        ];
        return Ok((false, lines));
    }
    Ok((true, good(&audited, external.len(), key.filter(|_| signature.is_some()))))
}

fn bad(error: &Error) -> Vec<Line> {
    let mut lines = vec![verdict(false, &error.to_string())];
    if let Some(seq) = error.first_bad() {
        lines.push(under(&format!("first bad entry: {seq}")));
    }
    lines.push(under("keep this folder as it is, and restore a backup from before into a new one"));
    lines
}

fn good(audited: &Audited, external: usize, key: Option<&VerifierKey>) -> Vec<Line> {
    let Audited { report, raw, cases, own, .. } = audited;
    let number = |number: u64| Grouped(number.cast_signed()).to_string();
    let len = report.tree.len();
    let mut lines = vec![verdict(true, &format!("{} entries, root {}", number(len), report.tree.root().to_base64()))];
    let signed = key.map_or_else(|| ", whose signature was not checked".into(), |key| format!(", signed by key {}", key.id()));
    let whose = match (own, external) {
        (None, 0) => "no checkpoint; nothing but the entries themselves".into(),
        (None, external) => format!("{external} kept elsewhere"),
        (Some(_), 0) => format!("the store's own{signed}"),
        (Some(_), external) => format!("the store's own{signed}, and {external} kept elsewhere"),
    };
    lines.push(under(&format!("{} entries are vouched for by checkpoints: {whose}", number(report.vouched))));
    let removed = format!("{} entries are known by their leaf alone: retention removed their bytes", number(report.removed));
    lines.push(under(&removed));
    lines.push(under(&format!("{} raw alerts and {} cases are what their entries say", number(*raw), number(*cases))));
    lines
}

/// An entry, as docs/ledger.md says.
#[derive(Serialize)]
struct Exported {
    seq: u64,
    leaf: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<String>,
}

fn export(folder: &Path) -> anyhow::Result<Exit> {
    let mut reader = open(folder)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut failed = None;
    reader.blocks(0, Parts::Entries, &mut |block| {
        let mut pieces = event::pieces(&block.entries);
        for (seq, leaf) in (block.first..).zip(&block.leaves) {
            let line = exported(seq, leaf, block, &mut pieces)?;
            if let Err(error) = out.write_all(line.as_bytes()) {
                failed = Some(error);
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    failed.map_or_else(|| out.flush(), Err).map_err(OutputFailed)?;
    Ok(Exit::Ok)
}

fn exported<'b>(
    seq: u64,
    leaf: &Hash,
    block: &Block,
    pieces: &mut impl Iterator<Item = Result<&'b [u8], event::Broken>>,
) -> Result<String, StoreError> {
    let damaged = || StoreError::Damaged(format!("entry {seq} cannot be read"));
    let entry = match pieces.next() {
        Some(Ok(bytes)) => Some(STANDARD.encode(bytes)),
        None if block.entries.is_empty() => None,
        _ => return Err(damaged()),
    };
    let line = serde_json::to_string(&Exported { seq, leaf: leaf.to_string(), entry }).map_err(|_| damaged())?;
    Ok(line + "\n")
}
