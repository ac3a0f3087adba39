//! `cargo xtask fuzz`: libFuzzer over every parser and the expression compiler, on the stable toolchain.
//!
//! The layout is `cargo fuzz`'s, so that `cargo fuzz run -s none TARGET` works too. Coverage comes from LLVM's
//! own pass; without a sanitizer nothing needs a nightly compiler, and our code holds no `unsafe` that one would watch.

use crate::count::Count;
use crate::sh;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// What makes LLVM report which edges ran and what was compared.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// An input that takes longer is a bug.
const INPUT_SECONDS_MAX: u32 = 10;
/// A target that needs more is a bug.
const MEMORY_MB_MAX: u32 = 1024;

#[derive(clap::Args)]
pub struct Arguments {
    /// Only the targets whose name contains this
    target: Option<String>,
    /// How long, over all targets together
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
}

/// `cargo xtask fuzz`.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let wanted = arguments.target.as_deref().unwrap_or("");
    let targets: Vec<String> = targets()?.into_iter().filter(|name| name.contains(wanted)).collect();
    ensure!(!targets.is_empty(), "no target's name contains `{wanted}`");
    Ok(fuzz(&targets, Duration::from_secs(arguments.seconds))?.failed == 0)
}

/// Fuzzes every target for `time` in all, on all cores.
pub fn all(time: Duration) -> Result<Count> {
    fuzz(&targets()?, time)
}

/// The names of all targets.
fn targets() -> Result<Vec<String>> {
    let dir = sh::root().join("fuzz/fuzz_targets");
    let files = fs::read_dir(&dir).with_context(|| format!("read {}", dir.display()))?.flatten();
    let name = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut targets: Vec<String> = files.filter_map(|file| name(file.path())).collect();
    targets.sort();
    Ok(targets)
}

fn fuzz(targets: &[String], time: Duration) -> Result<Count> {
    build()?;
    let cores = thread::available_parallelism().map_or(1, usize::from).min(targets.len().max(1));
    let seconds = (time.as_secs() * cores as u64 / targets.len().max(1) as u64).max(1);
    let queue = Mutex::new(targets.iter());
    let count = Mutex::new(Count::default());
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(target) = queue.lock().ok().and_then(|mut queue| queue.next()) {
                    let passed = one(target, seconds).unwrap_or_else(|error| {
                        println!("fuzz {target}: {error:#}");
                        false
                    });
                    if let Ok(mut count) = count.lock() {
                        *count += Count::one(passed);
                    }
                }
            });
        }
    });
    Ok(count.into_inner().unwrap_or_default())
}

fn triple() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).context("rustc names its host")
}

fn build() -> Result<()> {
    let target_dir = sh::target().join("fuzz");
    let mut command = sh::cargo(&["build", "--quiet", "--profile", "fuzz", "--package", "adjutant-fuzz", "--target", &triple()?]);
    command.arg("--target-dir").arg(&target_dir).env("RUSTFLAGS", COVERAGE).env_remove("CARGO_ENCODED_RUSTFLAGS");
    let (built, text) = sh::captured(command, "fuzz-build")?;
    ensure!(built, "the fuzz targets do not build:\n{text}");
    Ok(())
}

/// Runs one target; false when it found something.
fn one(target: &str, seconds: u64) -> Result<bool> {
    let corpus = sh::target().join("fuzz/corpus").join(target);
    let artifacts = sh::target().join("fuzz/artifacts").join(target);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let program = sh::target().join("fuzz").join(triple()?).join("fuzz").join(target);
    let mut command = Command::new(&program);
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-max_len=16384", "-print_final_stats=1", "-verbosity=0"])
        .arg(&corpus)
        .args(seeds(target))
        .current_dir(sh::root().join("fuzz"));
    let (clean, text) = sh::captured(command, &format!("fuzz-{target}"))?;
    let runs = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")).map_or("?", str::trim);
    println!("  fuzz {target:<16} {runs:>10} inputs in {seconds} s{}", if clean { "" } else { ": FOUND SOMETHING" });
    if !clean {
        println!("{text}\nto see it again: {} <the file named above>", program.display());
    }
    Ok(clean)
}

/// Directories whose files are first inputs: the target's own seeds, and what of the repository it reads anyway.
fn seeds(target: &str) -> Vec<PathBuf> {
    let read_anyway: &[&str] = match target {
        "triage" | "read" | "syslog" => &["cases", "book/sources"],
        "book" => &["book"],
        "mail" => &["cases/mail"],
        _ => &[],
    };
    let own = sh::root().join("fuzz/seeds").join(target);
    let all = std::iter::once(own).chain(read_anyway.iter().map(|dir| sh::root().join(dir)));
    all.filter(|dir| dir.is_dir()).collect()
}
