//! What a client wrote down of the answers that it got, durably, before it believes them.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The file; one for all connections.
pub struct Journal {
    file: Mutex<File>,
    synced: bool,
}

impl Journal {
    pub fn new(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path).with_context(|| format!("open {}", path.display()))?;
        Ok(Self { file: Mutex::new(file), synced: true })
    }

    /// One whose client is not ended: nothing is lost with its machine.
    pub fn without_sync(path: &Path) -> Result<Self> {
        Ok(Self { synced: false, ..Self::new(path)? })
    }

    /// Writes that these records were acknowledged with these answers.
    pub fn acknowledged<'r>(&self, records: impl Iterator<Item = (&'r [u8], Value)>) -> Result<u64> {
        let (mut text, mut count) = (String::new(), 0);
        for (record, answer) in records {
            let digest: String = Sha256::digest(record).iter().map(|byte| format!("{byte:02x}")).collect();
            let line = json!({
                "sha256": digest, "decision": answer["decision"], "outcome": answer["outcome"], "score": answer["score"],
            });
            text.push_str(&line.to_string());
            text.push('\n');
            count += 1;
        }
        self.write(&text).map(|()| count)
    }

    /// Writes that this command is this entry.
    pub fn done(&self, seq: u64, kind: &str) -> Result<()> {
        self.write(&format!("{}\n", json!({ "seq": seq, "kind": kind })))
    }

    fn write(&self, text: &str) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(text.as_bytes())?;
        if self.synced {
            file.sync_data()?;
        }
        Ok(())
    }
}
