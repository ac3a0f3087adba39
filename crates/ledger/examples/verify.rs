//! Verifies an exported log with nothing but this crate: `verify EXPORT KEY CHECKPOINT…`.
//!
//! EXPORT is JSON Lines, an entry each: `{"seq":0,"leaf":"<64 hex digits>","entry":"<base64>"}`, without `entry` where
//! retention removed the bytes (docs/ledger.md). KEY is the verifier key that you trust, the first one of the log or
//! the one since you last looked; changes of keys are followed. Each CHECKPOINT is a file with a signed checkpoint,
//! best one that was kept outside. Prints what was verified, or names the first bad entry and ends with 1.

use adjutant_ledger::verify::Whose;
use adjutant_ledger::{Checkpoint, Handover, Hash, Keyring, Note, Report, Verifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::process::ExitCode;

/// A longer line is no entry.
const LINE_BYTES_MAX: u64 = 64 << 20;

type Outcome<T> = Result<T, Box<dyn Error>>;

struct Record {
    seq: u64,
    leaf: Hash,
    entry: Option<Vec<u8>>,
}

/// Reads a line, strictly: a field under a wrong name must not look like bytes that were removed.
fn record(line: &[u8]) -> Outcome<Record> {
    let mut fields: BTreeMap<String, Value> = serde_json::from_slice(line)?;
    let entry = match fields.remove("entry") {
        None => None,
        Some(entry) => Some(STANDARD.decode(entry.as_str().ok_or("`entry` is not text")?)?),
    };
    let seq = fields.remove("seq").as_ref().and_then(Value::as_u64).ok_or("`seq` is not a number")?;
    let leaf = fields.remove("leaf").as_ref().and_then(Value::as_str).ok_or("`leaf` is not text")?.parse()?;
    match fields.first_key_value() {
        Some((name, _)) => Err(format!("unknown field `{name}`").into()),
        None => Ok(Record { seq, leaf, entry }),
    }
}

/// Feeds every entry of the file, and follows the changes of keys in it.
fn feed(path: &str, verifier: &mut Verifier, keys: &mut Keyring) -> Outcome<()> {
    let mut file = BufReader::new(File::open(path).map_err(|error| format!("{path}: {error}"))?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if file.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let index = verifier.len();
        let Record { seq, leaf, entry } = record(&line).map_err(|error| format!("entry {index} cannot be read: {error}"))?;
        verifier.feed(seq, leaf, entry.as_deref())?;
        // A handover to the key that is trusted already is history.
        if let Some(entry) = entry.filter(|entry| Handover::is_claimed_by(entry)) {
            let handover = Handover::parse(&entry).map_err(|error| format!("entry {index}: {error}"))?;
            if handover.old_key() == keys.current() {
                keys.accept(index, &handover)?;
            }
        }
    }
}

/// Verifies the export against every checkpoint.
pub(crate) fn verify(export: &str, key: &str, paths: &[String]) -> Outcome<Report> {
    let mut keys = Keyring::new(key.parse()?);
    let mut verifier = Verifier::new();
    let mut checkpoints = Vec::new();
    for path in paths {
        let bytes = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
        // Which key must have signed it is known only when the log was read; until then it is a claim to compare with.
        let claim = Checkpoint::parse(Note::parse(&bytes)?.text()).map_err(|error| format!("{path}: {error}"))?;
        verifier.expect(&claim, Whose::External).map_err(|fault| format!("{path}: {fault}"))?;
        checkpoints.push((path, bytes));
    }
    feed(export, &mut verifier, &mut keys)?;
    for (path, bytes) in checkpoints {
        keys.open(&bytes).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(verifier.finish()?)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [export, key, checkpoints @ ..] = arguments.as_slice() else {
        eprintln!("usage: verify EXPORT KEY CHECKPOINT…");
        return ExitCode::from(2);
    };
    match verify(export, key, checkpoints) {
        Ok(Report { tree, removed, checkpoints, vouched }) => {
            println!("OK: {} entries, root {}", tree.len(), tree.root().to_base64());
            println!("{checkpoints} checkpoints agree, the last one after {vouched} entries");
            println!("{removed} entries were verified by their leaf alone: retention removed their bytes");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("BAD: {error}");
            ExitCode::FAILURE
        }
    }
}
