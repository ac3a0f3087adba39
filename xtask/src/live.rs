//! The real program as a service, from outside: started, sent to, ended in every way, and audited.

pub mod alerts;
pub mod http;
pub mod journal;
pub mod process;

use crate::sh;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// Builds `adjutant` with the places where it can be ended, and the auditor. Both and this program at once, because each
/// alone asks the libraries for other features and builds them anew.
pub const BUILD: [&str; 9] =
    ["build", "--quiet", "--package", "adjutant", "--package", "xtask", "--bins", "--features", "adjutant/failpoints"];

/// Builds what is tested, for debugging; returns where the program is.
pub fn build() -> Result<PathBuf> {
    let (built, text) = sh::captured(sh::cargo(&BUILD), "live-build")?;
    ensure!(built, "adjutant does not build:\n{text}");
    Ok(sh::target().join("debug/adjutant"))
}

/// What the auditor finds, `ok` with its counts or the first violation. It reads a copy: opening SQLite's file would
/// repair what the service has to repair itself.
pub fn audit(folder: &Path, journal: Option<&Path>) -> Result<Result<serde_json::Value, String>> {
    let copy = tempfile::tempdir()?;
    for name in ["adjutant.db", "adjutant.db-wal", "ledger.pub"] {
        match fs::copy(folder.join(name), copy.path().join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let mut command = sh::program(&sh::target().join("debug/auditor").to_string_lossy(), &[]);
    command.arg(copy.path()).args(journal);
    let output = command.output().context("run the auditor")?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(match text.strip_prefix("ok ") {
        Some(counts) if output.status.success() => Ok(serde_json::from_str(counts)?),
        _ => Err(if text.is_empty() { String::from_utf8_lossy(&output.stderr).into_owned() } else { text }),
    })
}
