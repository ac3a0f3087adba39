//! Where the measuring data is: real alerts, labels and lists that the licences keep out of the repository.

use crate::sh;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// Where to look for it when nothing is said: an archive beside the repository that unpacks itself.
const BESIDE: &str = "../shared/data/unpack.sh";

/// What to do when there is none.
pub const MISSING: &str = "no measuring data: set ADJUTANT_DATA to its directory";

/// The directory of the measuring data, if there is any.
pub fn find() -> Result<Option<PathBuf>> {
    if let Some(dir) = std::env::var_os("ADJUTANT_DATA").map(PathBuf::from) {
        ensure!(dir.join("alerts").is_dir(), "ADJUTANT_DATA is {}, which has no `alerts`", dir.display());
        return Ok(Some(dir));
    }
    let script = sh::root().join(BESIDE);
    if script.is_file() { unpack(&script).map(Some) } else { Ok(None) }
}

fn unpack(script: &Path) -> Result<PathBuf> {
    let dir = sh::target().join("measuring-data");
    let command = sh::program(&script.to_string_lossy(), &[&dir.to_string_lossy()]);
    let (unpacked, text) = sh::captured(command, "unpack")?;
    ensure!(unpacked, "{} failed:\n{text}", script.display());
    Ok(dir)
}
