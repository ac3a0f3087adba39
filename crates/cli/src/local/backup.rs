//! `adjutant backup` and `adjutant restore`: a copy counts only after it was verified.

use super::{KEY, PUBLIC, audit, public, verdict};
use crate::args::service::{Backup, Restore};
use crate::exit::Exit;
use crate::serve::Folder;
use crate::table::painted;
use crate::term;
use adjutant_engine::explain::style::Line;
use adjutant_hand::store as hand_store;
use adjutant_ledger::{VerifierKey, leaf};
use adjutant_model::Time;
use adjutant_runtime::event::{self, Noted, What};
use adjutant_runtime::ports::{Commit, Parts, Read, Store};
use adjutant_server::serve::wall_clock;
use adjutant_store::{FILE, MEMORY, Options, Reader, Sqlite};
use anyhow::Context;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub(crate) fn backup(args: &Backup) -> anyhow::Result<Exit> {
    if let Some(hand) = &args.hand {
        hand_store::copy(hand, &args.file)?;
        let said = format!(
            "written to {}: plans, what was signed for, and what was done; no key and no credential",
            args.file.display()
        );
        return say(&[verdict(true, &said)], true);
    }
    let (folder, to) = (&args.data.data, &args.file);
    let from = folder.join(FILE);
    if !from.is_file() {
        anyhow::bail!("`{}` holds no store; name the service's folder with --data", folder.display());
    }
    let key = public(&folder.join(PUBLIC))?;
    let beside = beside(to);
    if beside.exists() {
        anyhow::bail!("`{}` is there already; name a new file", beside.display());
    }
    adjutant_store::copy(&from, to)?;
    let (well, mut lines) = verify(to, key.as_ref())?;
    if !well {
        fs::remove_file(to).with_context(|| format!("`{}` cannot be removed, and is no good backup", to.display()))?;
        lines.insert(0, verdict(false, "no backup was made: what is stored is not what was written"));
        return say(&lines, false);
    }
    if let Some(key) = &key {
        write_new(&beside, format!("{key}\n").as_bytes()).with_context(|| format!("`{}`", beside.display()))?;
    }
    lines.insert(0, verdict(true, &format!("written to {} and verified there", to.display())));
    lines.push(Line::new());
    lines.push(Line::new().plain(format!(
        "`{KEY}` is not in it: who has both can write another ledger. Keep a copy of `{}` apart from backups.",
        folder.join(KEY).display()
    )));
    say(&lines, true)
}

pub(crate) fn restore(args: &Restore) -> anyhow::Result<Exit> {
    if let Some(hand) = &args.hand {
        hand_store::put_back(&args.file, hand)?;
        let said =
            format!("restored to {}: at the next start another epoch begins, and what was approved is void", hand.display());
        return say(&[verdict(true, &said)], true);
    }
    let (data, from) = (&args.data.data, &args.file);
    if !from.is_file() {
        anyhow::bail!("`{}` is no file; name a backup that `adjutant backup` wrote", from.display());
    }
    let key = public(&beside(from))?;
    let folder = Folder::lock(data)?;
    // A log or a snapshot of another store would be read into this one.
    let wal = format!("{FILE}-wal");
    if let Some(there) = [FILE, &wal, MEMORY].into_iter().find(|name| data.join(name).exists()) {
        anyhow::bail!("`{}` holds a store already (`{there}`); name a new folder with --data", data.display());
    }
    let new = data.join(format!("{FILE}.new"));
    if new.exists() {
        fs::remove_file(&new).with_context(|| format!("`{}` is of an earlier attempt and cannot be removed", new.display()))?;
    }
    adjutant_store::copy(from, &new).with_context(|| format!("`{}`", from.display()))?;
    let (well, mut lines) = verify(&new, key.as_ref())?;
    if !well {
        fs::remove_file(&new).with_context(|| format!("`{}` cannot be removed", new.display()))?;
        lines.insert(0, verdict(false, "nothing was restored: the backup is not what was written"));
        return say(&lines, false);
    }
    fs::rename(&new, data.join(FILE))
        .and_then(|()| fs::File::open(data)?.sync_all())
        .context("the copy cannot be put in place")?;
    let entry = note(&folder)?;
    lines.insert(0, verdict(true, &format!("restored to {} and verified there; entry {entry} says so", data.display())));
    lines.push(Line::new());
    lines.push(Line::new().plain(format!(
        "Put `{KEY}` back into the folder before the first start, or a new key is made. Checkpoints that were kept since the \
         backup will not agree with what comes now: keep them, they show what was lost."
    )));
    say(&lines, true)
}

fn say(lines: &[Line], well: bool) -> anyhow::Result<Exit> {
    term::output(painted(lines).as_bytes())?;
    Ok(if well { Exit::Ok } else { Exit::Problems })
}

/// Where the public key lies that belongs to a backup.
fn beside(backup: &Path) -> PathBuf {
    let mut name: OsString = backup.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn verify(file: &Path, key: Option<&VerifierKey>) -> anyhow::Result<(bool, Vec<Line>)> {
    audit::verified(&mut Reader::open(file)?, &[], key)
}

/// Writes into the ledger that it was restored. Returns the number of the entry.
fn note(folder: &Folder) -> anyhow::Result<u64> {
    let mut store = Sqlite::open(&folder.path, Options::default())?;
    let entries = store.entries()?;
    let at = latest(&mut *store.reader()?, entries)?.max(wall_clock()());
    let what = What::Restored { entries };
    let bytes = event::noted(&Noted { at: at.to_string(), by: String::new(), case: String::new(), previous: 0, what });
    let mut packed = Vec::new();
    event::put_piece(&mut packed, |out| out.extend_from_slice(&bytes));
    let commit = Commit { first: entries, at, leaves: &[leaf(&bytes)], ids: &[[0; 8]], entries: &packed, ..Commit::default() };
    store.commit(&commit)?;
    Ok(entries)
}

/// When the last entry was written: time never goes back in a ledger.
fn latest(reader: &mut dyn Read, entries: u64) -> anyhow::Result<Time> {
    let mut at = Time::default();
    reader.blocks(entries.saturating_sub(1), Parts::Leaves, &mut |block| {
        at = at.max(block.at);
        Ok(true)
    })?;
    Ok(at)
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
