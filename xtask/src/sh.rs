//! Running other programs: what they print goes to a log, and to the reader only when they fail.

use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

/// Builds what ships and what measures. Always both, because building one alone asks the libraries for other features
/// and builds them anew.
pub const RELEASE: [&str; 8] = ["build", "--quiet", "--release", "--package", "adjutant", "--package", "xtask", "--bins"];

/// A program of a gate that runs for longer hangs, and is stopped: it shall fail by itself and say which it was, before whoever
/// runs the gate gives up waiting for all. `cargo xtask prove` allows more.
static MINUTES_MAX: AtomicU64 = AtomicU64::new(30);

/// Lets each program run for `minutes` from now on.
pub fn allow(minutes: u64) {
    MINUTES_MAX.store(minutes, Ordering::Relaxed);
}

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

/// Whether `command` ran and succeeded in time, and everything that it printed. The text is kept as `log` under the target
/// directory.
pub fn captured(command: Command, log: &str) -> Result<(bool, String)> {
    let dir = target().join("xtask");
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    let path = dir.join(format!("{log}.log"));
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    let name = command.get_program().to_string_lossy().into_owned();
    let minutes = MINUTES_MAX.load(Ordering::Relaxed);
    let mut limited = limited(&command, minutes * 60);
    let status = limited.stdout(file.try_clone()?).stderr(file).status().with_context(|| format!("run `{name}`"))?;
    let mut text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
    if status.code() == Some(TIMED_OUT) {
        text.push_str(&format!("\n`{name}` was stopped after {minutes} minutes\n"));
    }
    Ok((status.success(), text))
}

/// How `timeout` of coreutils says that it stopped a program.
const TIMED_OUT: i32 = 124;

/// `command`, stopped with everything that it started when it runs for longer.
fn limited(command: &Command, seconds: u64) -> Command {
    let mut limited = Command::new("timeout");
    limited.args(["--kill-after=10", &seconds.to_string()]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.stdin(Stdio::null()).current_dir(command.get_current_dir().unwrap_or(root()));
    limited
}

/// Whether `name` can be run with `arguments` and succeeds.
pub fn works(name: &str, arguments: &[&str]) -> bool {
    program(name, arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_stopped_and_others_run_as_they_were_asked_to() {
        let mut hanging = program("sh", &["-c", "sleep 600 & wait"]);
        hanging.env("SAID", "so");
        assert_eq!(limited(&hanging, 1).status().unwrap().code(), Some(TIMED_OUT));
        let mut asked = program("sh", &["-c", "test $SAID = so && test $PWD = /"]);
        asked.env("SAID", "so").current_dir("/");
        assert!(limited(&asked, 60).status().unwrap().success());
    }
}
