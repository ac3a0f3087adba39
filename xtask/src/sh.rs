//! Running other programs: what they print goes to a log, and to the reader only when they fail.

use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds what ships and what measures. Always both, because building one alone asks the libraries for other features
/// and builds them anew.
pub const RELEASE: [&str; 8] = ["build", "--quiet", "--release", "--package", "adjutant", "--package", "xtask", "--bins"];

/// The repository's root.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// The directory for everything that is built or downloaded.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// `cargo` with `arguments`, in the repository's root.
pub fn cargo(arguments: &[&str]) -> Command {
    program("cargo", arguments)
}

/// `name` with `arguments`, in the repository's root.
pub fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// This very program with `arguments`, as a process of its own.
pub fn again(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("the path of this program")?);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    Ok(command)
}

/// Whether `command` ran and succeeded, and everything that it printed. The text is kept as `log` under the target directory.
pub fn captured(mut command: Command, log: &str) -> Result<(bool, String)> {
    let dir = target().join("xtask");
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    let path = dir.join(format!("{log}.log"));
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.stdout(file.try_clone()?).stderr(file).status().with_context(|| format!("run `{name}`"))?;
    Ok((status.success(), String::from_utf8_lossy(&fs::read(&path)?).into_owned()))
}

/// Whether `name` can be run with `arguments` and succeeds.
pub fn works(name: &str, arguments: &[&str]) -> bool {
    program(name, arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
