//! `cargo xtask bench`: speed and memory beside a reference written by hand, in one run on one machine.
//!
//! Every side runs as a process of its own, in turns (A B A B), measured from outside alike. A run during which other
//! programs used more than a third of a core is marked, because on shared cores it says little.

mod guard;
mod hand;
mod instructions;
mod mail;
pub mod measure;
mod mixed;
mod reference;
mod search;
mod serve;
mod step;
pub mod vary;

use crate::figures::{Figures, thousands};
use crate::{data, sh};
use anyhow::{Context as _, Result, ensure};
use measure::{OTHERS_CORES_MAX, Run, median};
use mixed::Mixed;
use std::ffi::OsStr;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// How often a short piece of work is repeated to be timed, and how often that is tried.
const REPEATS: u32 = 50;
const BATCHES: u32 = 2_000;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    triage: Triage,
}

#[derive(clap::Subcommand)]
enum What {
    /// Measures the service beside a bare handler that does the same work item
    Serve(serve::Arguments),
    /// Measures one ruling beside the policies alone
    Guard(guard::Arguments),
    /// Measures how fast a core reads messages of mail
    Mail(mail::Arguments),
}

/// Without a subcommand: triage of files and backtests.
#[derive(clap::Args)]
struct Triage {
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Megabytes of alerts; the default makes more than a million
    #[arg(long, value_name = "N", default_value_t = 2048)]
    megabytes: u64,
    /// Turns of each side
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// Count the instructions of the short pieces of work with valgrind instead
    #[arg(long)]
    instructions: bool,
    /// Be the reference for this file, then end (this is how a bench starts it)
    #[arg(long, value_name = "FILE", hide = true)]
    reference: Option<PathBuf>,
}

/// `cargo xtask bench`.
pub fn run(arguments: &Arguments) -> Result<bool> {
    match &arguments.what {
        Some(What::Serve(arguments)) => serve::run(arguments),
        Some(What::Guard(arguments)) => guard::run(arguments),
        Some(What::Mail(arguments)) => mail::run(arguments),
        None => run_triage(&arguments.triage),
    }
}

fn run_triage(arguments: &Triage) -> Result<bool> {
    let data = data::find()?.context(data::MISSING)?;
    let dir = sh::target().join("bench");
    if let Some(file) = &arguments.reference {
        return be_reference(file, &dir.join("context").join(mixed::IDENTITIES), &data.join("intel"));
    }
    if arguments.instructions {
        return instructions::run();
    }
    let mixed = mixed::prepare(&data, &dir, arguments.megabytes << 20)?;
    let product = Product::build()?;
    let mut figures = Figures::default();
    triage(arguments, &mixed, &product, &mut figures)?;
    let finding = one_finding(&mixed, &data)?;
    figures.add(
        "reference_us",
        finding,
        format!("µs of the reference for a GuardDuty finding of {} bytes; bar ≤ 5", mixed.finding.len()),
    );
    backtest(&mixed, &product, &dir, &mut figures)?;
    let prepared = step::prepare()?;
    figures.add(
        "step_ns",
        best_of(|| prepared.once())? * 1e9,
        "ns of one step with ten signals, its decision built; bar < 2,000",
    );
    figures.add("step_allocations", allocations()?, "allocations of that step");
    println!();
    figures.report(arguments.json.as_deref())?;
    Ok(true)
}

/// Microseconds that the reference needs for one finding.
fn one_finding(mixed: &Mixed, data: &Path) -> Result<f64> {
    let lookups = reference::Lookups::load(&mixed.context.join(mixed::IDENTITIES), &data.join("intel"))?;
    let line = mixed.finding.as_bytes();
    best_of(|| {
        let event = reference::parse(black_box(line)).context("the finding is understood")?;
        black_box(lookups.all(line, &event));
        Ok(())
    })
    .map(|seconds| seconds * 1e6)
}

/// Seconds that `work` takes at best: the quickest of many short batches, so that what other programs take in between does not count.
fn best_of(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..BATCHES {
        let started = Instant::now();
        for _ in 0..REPEATS {
            work()?;
        }
        best = best.min(started.elapsed().as_secs_f64() / f64::from(REPEATS));
    }
    Ok(best)
}

fn be_reference(file: &Path, users: &Path, intel: &Path) -> Result<bool> {
    let lookups = reference::Lookups::load(users, intel)?;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let total = reference::run(file, &lookups, workers)?;
    eprintln!("reference: {} records, {} not understood, {}", total.records, total.failed, total.hits);
    Ok(true)
}

/// The release build of `adjutant`.
struct Product(PathBuf);

impl Product {
    fn build() -> Result<Self> {
        let (built, text) = sh::captured(sh::cargo(&sh::RELEASE), "bench-build")?;
        ensure!(built, "adjutant does not build:\n{text}");
        Ok(Self(sh::target().join("release/adjutant")))
    }

    fn triage(&self, mixed: &Mixed, more: &[&OsStr]) -> Command {
        let mut command = Command::new(&self.0);
        command.arg("triage").arg(&mixed.records).arg("--context").arg(&mixed.context).arg("--quiet").args(more);
        command
    }
}

/// Triage and reference in turns over the same file.
fn triage(arguments: &Triage, mixed: &Mixed, product: &Product, figures: &mut Figures) -> Result<()> {
    let records = lines(&mixed.records)?;
    let bytes = fs::metadata(&mixed.records)?.len();
    println!("{} alerts of {} vendor formats, {} MB", thousands(records as i64), mixed::PRODUCTS.len(), bytes >> 20);
    let (mut references, mut triages) = (Vec::new(), Vec::new());
    for _ in 0..arguments.rounds {
        references.push(shown("reference", measure::run(reference_command(&mixed.records)?)?, records, bytes));
        triages.push(shown("triage", measure::run(product.triage(mixed, &[]))?, records, bytes));
    }
    let ratio = median(references.iter().zip(&triages).map(|(reference, triage)| reference.seconds / triage.seconds));
    let per_cpu = median(references.iter().zip(&triages).map(|(reference, triage)| reference.cpu_seconds / triage.cpu_seconds));
    let per_s = records as f64 / median(triages.iter().map(|run| run.seconds));
    figures.add("triage_ratio", ratio, "of the reference's speed, median of the turns; bar ≥ 0.5");
    figures.add("triage_cpu_ratio", per_cpu, "the same by CPU time, which other programs disturb less");
    figures.add("triage_per_s", per_s, "alerts/s");
    figures.add("triage_mb_per_s", bytes as f64 / records as f64 * per_s / 1e6, "MB/s");
    figures.add("triage_cores", median(triages.iter().map(|run| run.cpu_seconds / run.seconds)), "cores used");
    figures.add("triage_peak_mb", triages.iter().map(|run| run.peak_mb).fold(0.0, f64::max), "MB of memory at most; bar < 300");
    Ok(())
}

/// Decides everything again under a book that closes a little less, and under one that has other playbooks by name, so that
/// nothing is taken over from the record.
fn backtest(mixed: &Mixed, product: &Product, dir: &Path, figures: &mut Figures) -> Result<()> {
    let (archive, book) = (dir.join("archive"), dir.join("book"));
    for old in [&archive, &book] {
        if old.is_dir() {
            fs::remove_dir_all(old)?;
        }
    }
    let records = lines(&mixed.records)?;
    let bytes = fs::metadata(&mixed.records)?.len();
    shown("with --out", measure::run(product.triage(mixed, &["--out".as_ref(), archive.as_os_str()]))?, records, bytes);
    let mut init = Command::new(&product.0);
    init.arg("init").arg(&book);
    measure::run(init)?;
    replaced(&book, "close_below: 20", "close_below: 5")?;
    let again = |side: &str| -> Result<f64> {
        let mut command = Command::new(&product.0);
        command.arg("backtest").arg("--book").arg(&book).arg(&archive);
        Ok(records as f64 / shown(side, measure::run(command)?, records, bytes).seconds)
    };
    let decisions = thousands(records as i64);
    figures.add("backtest_per_s", again("backtest")?, format!("decisions/s over {decisions}; bar ≥ 500,000"));
    replaced(&book, "playbook: generic", "playbook: renamed")?;
    figures.add("backtest_anew_per_s", again("all anew")?, "decisions/s when the books have nothing in common".to_owned());
    fs::remove_dir_all(&archive)?;
    Ok(())
}

/// Replaces `from` in the book's playbooks.
fn replaced(book: &Path, from: &str, to: &str) -> Result<()> {
    for entry in fs::read_dir(book.join("playbooks"))? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        fs::write(&path, text.replace(from, to))?;
    }
    Ok(())
}

fn allocations() -> Result<f64> {
    let command = sh::cargo(&["run", "--quiet", "--release", "--package", "xtask", "--bin", "allocations"]);
    let (ran, text) = sh::captured(command, "allocations")?;
    ensure!(ran, "counting allocations failed:\n{text}");
    text.lines().last().and_then(|line| line.parse().ok()).context("a number of allocations")
}

fn reference_command(file: &Path) -> Result<Command> {
    sh::again(&["bench", "--reference", &file.to_string_lossy()])
}

fn shown(side: &str, run: Run, records: u64, bytes: u64) -> Run {
    let rate = records as f64 / run.seconds;
    let busy = if run.others_cores > OTHERS_CORES_MAX { "  (does not count: others were busy)" } else { "" };
    println!(
        "  {side:<10} {:>9}/s {:>6.0} MB/s {:>5.2} cores {:>6.0} MB peak, others {:.2} cores{busy}",
        thousands(rate as i64),
        bytes as f64 / 1e6 / run.seconds,
        run.cpu_seconds / run.seconds,
        run.peak_mb,
        run.others_cores,
    );
    run
}

fn lines(path: &Path) -> Result<u64> {
    use std::io::Read;
    let mut file = fs::File::open(path)?;
    let (mut buffer, mut lines) = (vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(lines),
            read => lines += memchr::memchr_iter(b'\n', &buffer[..read]).count() as u64,
        }
    }
}
