//! How often a second the disk makes an appended block durable: what every durable figure rests on.

use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of one append.
const BLOCK: [u8; 4096] = [0x5a; 4096];
/// How long it is measured.
const SPAN: Duration = Duration::from_secs(1);

/// Appends of 4 KB with `fdatasync`, a second, on the file system that holds `dir`.
pub fn syncs_per_s(dir: &Path) -> Result<f64> {
    let path = dir.join("syncs");
    let mut file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    let (started, mut syncs) = (Instant::now(), 0_u32);
    while started.elapsed() < SPAN {
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        syncs += 1;
    }
    let rate = f64::from(syncs) / started.elapsed().as_secs_f64();
    fs::remove_file(&path)?;
    Ok(rate)
}
