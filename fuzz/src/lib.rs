//! What fuzz targets share: a file that holds the input, for what reads files.

use std::path::{Path, PathBuf};
use std::{env, fs, process};

/// A directory of this process alone, in memory where the system has such.
pub fn directory(target: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { env::temp_dir() };
    let dir = base.join(format!("adjutant-fuzz-{target}-{}", process::id()));
    fs::create_dir_all(&dir).expect("a directory for inputs can be made");
    dir
}
