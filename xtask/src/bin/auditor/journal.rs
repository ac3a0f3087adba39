//! What a client wrote down: each acknowledged record is decided exactly once, in the words of its answer.
//!
//! One JSON object a line: `sha256` of the record, and `decision`, `outcome`, `score` as they were answered; or `seq` and
//! `kind` of what a person did. The last line may
//! be half a line: the client, too, may have been ended.

use crate::entry::{Decided, hex};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

/// How many lines there are.
pub(crate) fn verify(journal: &Path, decided: &[(u64, Decided)], noted: &HashMap<u64, String>) -> Result<u64> {
    let mut by_alert: HashMap<String, Vec<&(u64, Decided)>> = HashMap::new();
    for one in decided {
        by_alert.entry(hex(&one.1.alert)).or_default().push(one);
    }
    let text = std::fs::read_to_string(journal).with_context(|| format!("read {}", journal.display()))?;
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut lines = 0;
    for line in whole.lines() {
        let line: Value = serde_json::from_str(line).context("a line of the journal")?;
        lines += 1;
        if let Some(seq) = line["seq"].as_u64() {
            let kind = noted.get(&seq).map(String::as_str);
            ensure!(kind.is_some(), "LOST: {line} was acknowledged, and is no entry");
            ensure!(line["kind"].as_str() == kind, "CHANGED: {line} was acknowledged, the entry is of another kind");
            continue;
        }
        let name = line["sha256"].as_str().context("a line without a digest")?;
        let found = by_alert.get(name).map_or(&[][..], Vec::as_slice);
        ensure!(!found.is_empty(), "LOST: {line} was acknowledged and is not there");
        ensure!(found.len() == 1, "TWICE: {line} is decided {} times", found.len());
        let (seq, decided) = found[0];
        let outcome = ["close", "escalate", "respond"].get(usize::from(decided.outcome)).copied().unwrap_or("?");
        let same =
            line["decision"] == hex(&decided.decision).as_str() && line["outcome"] == outcome && line["score"] == decided.score;
        ensure!(same, "CHANGED: {line} was acknowledged, entry {seq} says something else");
    }
    Ok(lines)
}
