//! `cargo xtask flood`: many times more alerts than the service can decide. Every critical one among them is decided in time,
//! none is refused without a word, and memory stays bounded.
//!
//! First it is measured how many the service takes from clients that wait for their answers. Then many connections send
//! twenty times as many of low severity without waiting, as far as the service reads them, while one client sends critical
//! ones and repeats what is refused. What was acknowledged is looked for by the auditor afterwards.

mod load;

use crate::bench::measure;
use crate::figures::Figures;
use crate::live;
use crate::live::journal::Journal;
use crate::live::process::{Served, Setting};
use anyhow::{Context as _, Result, anyhow};
use load::{Critical, Load, Tally};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long the capacity is measured.
const MEASURED: Duration = Duration::from_secs(4);

/// Connections that wait for their answers, and that do not.
const CALM: usize = 4;
const FLOODING: usize = 48;

/// How many times the capacity is sent.
const TIMES: f64 = 20.0;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Bar: megabytes that the service may need.
const PEAK_MB_MAX: f64 = 600.0;

#[derive(clap::Args)]
pub struct Arguments {
    /// How long to flood
    #[arg(long, value_name = "N", default_value_t = 120)]
    seconds: u64,
    /// The program; built for debugging when it is not given
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What came of it.
struct Outcome {
    capacity: f64,
    seconds: f64,
    flood: Tally,
    critical: Critical,
    peak_mb: f64,
}

/// `cargo xtask flood`; false when a bar is missed.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let binary = arguments.binary.clone().map_or_else(live::build, Ok)?;
    let folder = tempfile::tempdir()?;
    let (data, path) = (folder.path().join("data"), folder.path().join("journal.jsonl"));
    let served = Setting::new(&binary, &data).start()?.context("the service does not start")?;
    let outcome = flood(&served, &path, Duration::from_secs(arguments.seconds))?;
    let ended = served.stop()?;
    let violation = live::audit(&data, Some(&path))?.err();
    violation.iter().for_each(|violation| println!("{violation}"));
    let Outcome { capacity, seconds, flood, critical, peak_mb } = outcome;
    let silent = flood.silent + critical.silent + u64::from(violation.is_some());
    let offered = flood.offered as f64 / seconds;
    let mut figures = Figures::default();
    figures.add("flood_capacity", capacity, "alerts a second from clients that wait for answers");
    figures.add(
        "flood_offered",
        offered,
        format!("alerts a second that were sent, {:.1} times as many", offered / capacity.max(1.0)),
    );
    figures.add("flood_accepted", flood.accepted as f64 / seconds, "of them a second were decided");
    figures.add(
        "flood_refused",
        flood.refused as f64,
        "were refused with 429 or 503, or their connection was closed (none: it was no flood)",
    );
    figures.add("flood_criticals", critical.sent as f64, "critical alerts among them, repeated until they were decided");
    figures.add("flood_criticals_late", critical.late as f64, "decided later than 30 s after the first try (bar 0)");
    figures.add(
        "flood_critical_worst_s",
        critical.worst_s,
        format!("s was the longest; {} tries were refused", critical.refused),
    );
    figures.add("flood_refused_silently", silent as f64, "alerts without an answer, or acknowledged and missing (bar 0)");
    figures.add("flood_peak_mb", peak_mb, format!("MB of memory at most (bar < {PEAK_MB_MAX:.0})"));
    figures.report(arguments.json.as_deref())?;
    Ok(silent == 0 && flood.refused > 0 && critical.late == 0 && critical.sent > 0 && peak_mb < PEAK_MB_MAX && ended.success())
}

fn flood(served: &Served, journal: &Path, time: Duration) -> Result<Outcome> {
    let journal = Journal::without_sync(journal)?;
    let load = Load::new(served.address, served.tokens.get(1).context("a source's token")?, &journal);
    let began = Instant::now();
    let calm = side_by_side(CALM, |_| load.calm(began + MEASURED))?;
    let capacity = calm.accepted as f64 / began.elapsed().as_secs_f64();
    let (over, until) = (AtomicBool::new(false), Instant::now() + time);
    thread::scope(|scope| {
        let looking = scope.spawn(|| peak(served.id(), &over));
        let critical = scope.spawn(|| load.criticals(until));
        let began = Instant::now();
        let flood = side_by_side(FLOODING, |_| load.pour(until, capacity * TIMES / FLOODING as f64));
        let seconds = began.elapsed().as_secs_f64().max(time.as_secs_f64());
        over.store(true, Ordering::SeqCst);
        let critical = critical.join().map_err(|_| anyhow!("the client of critical alerts stopped"))??;
        let peak_mb = looking.join().map_err(|_| anyhow!("looking stopped"))?;
        Ok(Outcome { capacity, seconds, flood: flood?, critical, peak_mb })
    })
}

/// The same on so many threads, counted together.
fn side_by_side(threads: usize, work: impl Fn(usize) -> Result<Tally> + Sync) -> Result<Tally> {
    thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (0..threads).map(|nth| scope.spawn(move || work(nth))).collect();
        let mut sum = Tally::default();
        for thread in running {
            sum += thread.join().map_err(|_| anyhow!("a connection stopped"))??;
        }
        Ok(sum)
    })
}

/// The most memory that a process held until it is over.
fn peak(process: u32, over: &AtomicBool) -> f64 {
    let mut peak_mb = 0.0;
    while !over.load(Ordering::SeqCst) {
        peak_mb = measure::look(process).map_or(peak_mb, |(_, peak)| f64::max(peak_mb, peak));
        thread::sleep(LOOK);
    }
    peak_mb
}
