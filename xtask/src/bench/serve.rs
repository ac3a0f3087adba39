//! `cargo xtask bench serve`: the service beside a bare handler that does the same work item, in one run on one machine.
//!
//! Every answer is compared with the expected decision. The sides take turns, each on an empty directory; a turn during
//! which other programs used more than a third of a core is made again, and if it stays so the run does not count.

mod book;
mod decide;
mod disk;
mod http;
mod item;
mod load;
mod others;
mod side;
mod turn;

use super::measure::{OTHERS_CORES_MAX, median};
use crate::figures::{Figures, thousands};
use crate::sh;
use anyhow::{Result, ensure};
use decide::Tables;
use item::World;
use side::{Place, Side};
use std::fs;
use std::path::{Path, PathBuf};
use turn::{Bench, Measured};

/// Bars, as the README states them.
const RATIO_MIN: f64 = 0.5;
const BATCHED_PER_S_MIN: f64 = 20_000.0;
const P99_MS_MAX: f64 = 25.0;
const MEMORY_MB_MAX: f64 = 200.0;
const START_S_MAX: f64 = 1.0;
const RESTART_S_MAX: f64 = 3.0;

#[derive(clap::Args)]
pub struct Arguments {
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Turns of each side
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// Single alerts of one turn at concurrency 64; a tenth of it at concurrency 1
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    requests: u64,
    /// Alerts of the batched run, which are stored when memory is read
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    alerts: u64,
    /// How often a disturbed turn is made again
    #[arg(long, value_name = "N", default_value_t = 3)]
    again: usize,
    /// What is measured beside the reference; the reference itself shows how exact the ratio is
    #[arg(long, value_enum, default_value_t = Side::Adjutant)]
    subject: Side,
    /// Only write book, tables and this many alerts below the target directory, with their expected decisions
    #[arg(long, value_name = "N")]
    only_write: Option<u64>,
}

/// `cargo xtask bench serve`; false when a bar is missed or the run does not count.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let dir = sh::target().join("bench-serve");
    let place = Place { book: dir.join("book"), context: dir.join("context"), dir };
    let world = prepare(&place)?;
    let tables = Tables::load(&place.context)?;
    if let Some(alerts) = arguments.only_write {
        return write_alerts(&place.dir, (&world, &tables), alerts);
    }
    let (built, text) = sh::captured(sh::cargo(&sh::RELEASE), "bench-build")?;
    ensure!(built, "the release build fails:\n{text}");
    let peer = side::prepare_peer(&place.dir)?;
    let syncs = disk::syncs_per_s(&place.dir)?;
    println!("{}; the disk syncs {} appends of 4 KB a second", others::processor(), thousands(syncs as i64));
    let bench = Bench { place, world, tables, subject: arguments.subject, again: arguments.again };
    let measured = measure(&bench, arguments, peer)?;
    let mut figures = Figures::default();
    let counts = report(&measured, &mut figures);
    figures.add("fsync_per_s", syncs, "appends of 4 KB with fdatasync on that disk, measured before");
    println!();
    figures.report(arguments.json.as_deref())?;
    Ok(counts)
}

/// Everything that one run measures.
struct Results {
    singles: Vec<(Measured, Measured)>,
    ones: Vec<(Measured, Measured)>,
    half: (Measured, Measured),
    batched: Measured,
    peer: Option<(Measured, Measured)>,
}

fn measure(bench: &Bench, arguments: &Arguments, peer: bool) -> Result<Results> {
    let subject = arguments.subject;
    let (mut singles, mut ones) = (Vec::new(), Vec::new());
    for _ in 0..arguments.rounds.max(1) {
        let one = |side| bench.single(side, arguments.requests / 10, 1);
        ones.push((one(Side::Reference)?, one(subject)?));
        let many = |side| bench.single(side, arguments.requests, 64);
        singles.push((many(Side::Reference)?, many(subject)?));
    }
    let half = median(singles.iter().map(|(_, subject)| subject.load.per_s())) / 2.0;
    let half = (bench.at_rate(Side::Reference, half)?, bench.at_rate(subject, half)?);
    let batched = bench.batched(subject, arguments.alerts)?;
    let few = arguments.requests / 20;
    let peer = match peer {
        true => Some((bench.single(Side::Fastapi, few / 2, 1)?, bench.single(Side::Fastapi, few, 64)?)),
        false => None,
    };
    Ok(Results { singles, ones, half, batched, peer })
}

impl Results {
    fn all(&self) -> impl Iterator<Item = &Measured> {
        let pairs = self.singles.iter().chain(&self.ones).chain([&self.half]).flat_map(|(a, b)| [a, b]);
        pairs.chain([&self.batched]).chain(self.peer.iter().flat_map(|(a, b)| [a, b]))
    }
}

/// The median of the turns' ratios.
fn ratio(turns: &[(Measured, Measured)]) -> f64 {
    median(turns.iter().map(|(reference, subject)| subject.load.per_s() / reference.load.per_s()))
}

fn rates(figures: &mut Figures, (one, other): (&'static str, &'static str), turns: &[(Measured, Measured)], how: &str) {
    figures.add(one, median(turns.iter().map(|(_, subject)| subject.load.per_s())), format!("alerts/s {how}"));
    figures.add(other, median(turns.iter().map(|(reference, _)| reference.load.per_s())), format!("the reference, {how}"));
}

/// Adds the figures; false when a bar is missed or the run does not count.
fn report(results: &Results, figures: &mut Figures) -> bool {
    let (c64, c1) = (ratio(&results.singles), ratio(&results.ones));
    let batched = results.batched.load.per_s();
    let p99 = results.half.1.load.latency_ms(99);
    let wrong: u64 = results.all().map(|measured| measured.load.wrong).sum();
    let disturbed = results.all().filter(|measured| measured.others_cores > OTHERS_CORES_MAX).count();
    let start = median(results.all().filter(|measured| measured.is_subject).map(|measured| measured.start_s));
    let (memory, peak) = results.batched.memory_mb;
    let restart = results.batched.restart_s.unwrap_or(f64::INFINITY);
    let stored = thousands(results.batched.load.right as i64);
    figures.add("single_ratio_c64", c64, "of the reference's speed at concurrency 64, median of the turns; bar ≥ 0.5");
    figures.add("single_ratio_c1", c1, "the same at concurrency 1; bar ≥ 0.5");
    figures.add("batched_per_s", batched, format!("alerts/s in requests of {}; bar ≥ 20,000", turn::BATCH));
    figures.add("p99_ms_half_rate", p99, format!("ms at {}/s, from when each was due; bar ≤ 25", turn::rate(&results.half.1)));
    figures.add("wrong_answers", wrong as f64, "answers that are not the expected decision, or none; bar 0");
    figures.add("disturbed", disturbed as f64, "turns during which others used more than 0.3 core; bar 0");
    figures.add("peak_mb", peak, format!("MB of memory at most until {stored} are stored; bar < 200"));
    figures.add("memory_mb", memory, "MB of memory then");
    figures.add("start_s", start, "s from start to ready, empty; bar < 1");
    figures.add("restart_s", restart, format!("s from start to ready after a kill, {stored} stored; bar < 3"));
    figures.add("p50_ms_half_rate", results.half.1.load.latency_ms(50), "ms");
    figures.add("reference_p99_ms", results.half.0.load.latency_ms(99), "ms of the reference at the same rate");
    rates(figures, ("single_per_s_c64", "reference_per_s_c64"), &results.singles, "at concurrency 64");
    rates(figures, ("single_per_s_c1", "reference_per_s_c1"), &results.ones, "at concurrency 1");
    if let Some((one, many)) = &results.peer {
        figures.add("fastapi_per_s_c64", many.load.per_s(), "FastAPI with SQLite by hand, at concurrency 64");
        figures.add("fastapi_per_s_c1", one.load.per_s(), "the same at concurrency 1");
    }
    let meets = c64 >= RATIO_MIN && c1 >= RATIO_MIN && batched >= BATCHED_PER_S_MIN && p99 <= P99_MS_MAX;
    let starts = start < START_S_MAX && restart < RESTART_S_MAX;
    meets && starts && wrong == 0 && disturbed == 0 && peak < MEMORY_MB_MAX
}

/// Writes book and tables.
fn prepare(place: &Place) -> Result<World> {
    book::write(&place.book)?;
    let world = World::new();
    world.write(&place.context)?;
    Ok(world)
}

/// Writes alerts, and beside them what each must come to.
fn write_alerts(dir: &Path, (world, tables): (&World, &Tables), alerts: u64) -> Result<bool> {
    let (mut lines, mut expected) = (String::new(), String::from("id\toutcome\tscore\n"));
    for nth in 0..alerts {
        let start = lines.len();
        world.alert(nth, &mut lines);
        let judged = tables.judge(decide::Login::read(&lines.as_bytes()[start..])?);
        expected.push_str(&format!("{}\t{}\t{}\n", judged.id, judged.outcome, judged.score));
        lines.push('\n');
    }
    fs::write(dir.join("alerts.jsonl"), lines)?;
    fs::write(dir.join("expected.tsv"), expected)?;
    println!("{} alerts, their book and their tables are in {}", thousands(alerts as i64), dir.display());
    Ok(true)
}
