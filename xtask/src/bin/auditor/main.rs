//! Verifies a store from outside: `auditor FOLDER [JOURNAL]`.
//!
//! Reads nothing but SQLite's file and what a client wrote down of its answers, and shares no code with the product: the
//! formats are those of docs/store.md and docs/ledger.md. Prints counts as one JSON line, or the first violation.

mod cases;
mod entry;
mod journal;
mod store;
mod tree;

use anyhow::{Context as _, Result, ensure};
use cases::Cases;
use entry::{Decided, Entry};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use store::{Row, Store};

/// What the entries say, together.
#[derive(Default)]
struct Told {
    leaves: Vec<[u8; 32]>,
    decided: Vec<(u64, Decided)>,
    raw: u64,
    /// What was noted: the kind, by entry.
    noted: HashMap<u64, String>,
    /// The number of the first entry that retention did not remove is at least this, by what the ledger says.
    removed: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let result = match arguments.as_slice() {
        [folder] => audit(folder, None),
        [folder, journal] => audit(folder, Some(journal)),
        _ => Err(anyhow::anyhow!("usage: auditor FOLDER [JOURNAL]")),
    };
    match result {
        Ok(counts) => {
            println!("ok {counts}");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("VIOLATION: {violation:#}");
            ExitCode::FAILURE
        }
    }
}

fn audit(folder: &Path, journal: Option<&PathBuf>) -> Result<serde_json::Value> {
    let store = Store::open(folder)?;
    let (mut told, mut cases) = (Told::default(), Cases::default());
    let mut last_at = i64::MIN;
    for row in store.rows()? {
        ensure!(row.at >= last_at, "the commit at entry {} is older than the one before", row.first);
        last_at = row.at;
        told.row(&row, &mut cases).with_context(|| format!("the commit at entry {}", row.first))?;
    }
    let keys = once(&told)?;
    known(&store, &told)?;
    let rows = cases.agree_with(&store)?;
    let messages = outbox(&store, &told)?;
    let sealed = checkpoint(&store, folder, &told)?;
    let acknowledged = journal.map_or(Ok(0), |journal| journal::verify(journal, &told.decided, &told.noted))?;
    Ok(json!({
        "entries": told.leaves.len(), "decisions": told.decided.len(), "noted": told.noted.len(), "raw": told.raw, "keys": keys,
        "cases": rows, "outbox": messages, "sealed": sealed, "acknowledged": acknowledged, "removed": told.removed,
    }))
}

impl Told {
    /// One commit: its numbers follow on, and each entry is what its leaf, its name and its raw alert say.
    fn row(&mut self, row: &Row, cases: &mut Cases) -> Result<()> {
        ensure!(row.first == self.leaves.len() as u64, "entry {} is missing", self.leaves.len());
        let counts = (row.ids.len(), row.keys.len());
        ensure!(counts == (row.leaves.len(), row.leaves.len()), "{} leaves, names and keys {counts:?}", row.leaves.len());
        let Some(entries) = &row.entries else {
            self.removed += row.leaves.len() as u64;
            self.leaves.extend(&row.leaves);
            return Ok(());
        };
        ensure!(entries.len() == row.leaves.len(), "{} entries for {} leaves", entries.len(), row.leaves.len());
        let mut raws = row.raw.as_ref().map(|raws| raws.iter());
        for (((bytes, leaf), id), key) in entries.iter().zip(&row.leaves).zip(&row.ids).zip(&row.keys) {
            let seq = self.leaves.len() as u64;
            ensure!(tree::leaf(bytes) == *leaf, "entry {seq} is not what its leaf says");
            self.leaves.push(*leaf);
            match Entry::read(bytes).with_context(|| format!("entry {seq}"))? {
                Entry::Decided(decided) => {
                    ensure!(decided.decision == *id, "entry {seq} has another name");
                    ensure!(decided.at == row.at, "entry {seq} has another time than its commit");
                    let (by, content) = key.split_at(8);
                    let content_is = content.iter().rev().eq(decided.alert.iter().take(8));
                    ensure!(by == decided.key.to_le_bytes() && content_is, "entry {seq} is known by another key or content");
                    if let Some(raws) = &mut raws {
                        let raw = raws.next().with_context(|| format!("entry {seq} has no raw alert"))?;
                        ensure!(tree::digest(raw) == decided.alert, "the raw alert of entry {seq} is another");
                        self.raw += 1;
                    }
                    cases.decided(seq, &decided)?;
                    self.decided.push((seq, *decided));
                }
                Entry::Noted(noted) => {
                    ensure!(*id == [0; 8] && *key == [0; 16], "entry {seq} has the name or key of a decision and is none");
                    self.noted.insert(seq, noted["kind"].as_str().unwrap_or_default().to_owned());
                    cases.noted(seq, row.at, &noted)?;
                }
            }
        }
        ensure!(raws.is_none_or(|mut raws| raws.next().is_none()), "there are more raw alerts than decisions");
        Ok(())
    }
}

/// Nothing is decided twice: neither the same content under one key, nor two contents under one key.
fn once(told: &Told) -> Result<usize> {
    let (mut keys, mut names) = (HashSet::new(), HashSet::new());
    for (seq, decided) in &told.decided {
        ensure!(keys.insert(decided.key), "entry {seq} decides again what was decided under its key");
        ensure!(names.insert((decided.decision, decided.case)), "entry {seq} has the name of another decision of its case");
    }
    Ok(keys.len())
}

/// The tree of what is known says what was decided, and has everything up to where it says so.
fn known(store: &Store, told: &Told) -> Result<()> {
    let (mut known, whole) = store.tree("known")?;
    for (seq, decided) in &told.decided {
        match known.remove(&decided.key) {
            Some(found) => ensure!(found == *seq, "what is known of entry {seq} is entry {found}"),
            None => ensure!(*seq >= whole, "entry {seq} is not known"),
        }
    }
    let stray = known.iter().find(|(_, seq)| **seq >= told.removed);
    ensure!(stray.is_none(), "something is known that was never decided: {stray:?}");
    Ok(())
}

/// Messages are about decisions that there are.
fn outbox(store: &Store, told: &Told) -> Result<usize> {
    let decisions: HashMap<String, &Decided> =
        told.decided.iter().map(|(_, decided)| (entry::hex(&decided.decision), decided)).collect();
    let messages = store.outbox()?;
    for message in messages.iter().filter(|message| message["topic"] == "case") {
        let body: serde_json::Value = serde_json::from_str(message["body"].as_str().unwrap_or_default())?;
        let decision = body["decision"].as_str().unwrap_or_default();
        let about = decisions.get(decision).with_context(|| format!("a message is about `{decision}`, which is not there"))?;
        // People get the first digits of a case's name.
        let names_it = body["case"].as_str().is_some_and(|case| case.len() >= 6 && entry::hex(&about.case).starts_with(case));
        ensure!(names_it, "a message about `{decision}` names another case");
    }
    Ok(messages.len())
}

/// The checkpoint that the store keeps is of this tree, and signed with the key beside it.
fn checkpoint(store: &Store, folder: &Path, told: &Told) -> Result<usize> {
    let Some(note) = store.document("checkpoint", "latest")? else { return Ok(0) };
    let (size, root) = tree::open(&note, &folder.join("ledger.pub"))?;
    let covered = told.leaves.get(..size).with_context(|| format!("the checkpoint counts {size} entries"))?;
    ensure!(tree::root(covered) == root, "the tree of {size} entries is not the checkpoint's");
    Ok(size)
}
