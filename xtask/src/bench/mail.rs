//! `cargo xtask bench mail`: how fast a core reads the facts of messages, what the slowest tenth of them has in common, and how
//! long a search through mailboxes takes.

use super::search;
use crate::figures::Figures;
use crate::sh;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

/// The bar.
const MESSAGES_PER_SECOND_MIN: f64 = 3_000.0;

/// How often each message is read; the best time counts.
const ROUNDS: usize = 5;

#[derive(clap::Args)]
pub struct Arguments {
    /// A directory of messages [default: `cases/mail`]
    dir: Option<PathBuf>,
    /// Only the search through mailboxes
    #[arg(long)]
    search: bool,
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// One message, and what may make it slow.
struct Measured {
    name: String,
    seconds: f64,
    bytes: f64,
    html_tags: f64,
    links: f64,
    attached: f64,
    /// With a look into pictures and PDFs.
    whole_seconds: f64,
}

/// `cargo xtask bench mail`; false under the bar.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let dir = arguments.dir.clone().unwrap_or_else(|| sh::root().join("cases/mail"));
    let messages = read(&dir)?;
    let raw: Vec<Vec<u8>> = messages.iter().map(|(_, raw)| raw.clone()).collect();
    let mut figures = Figures::default();
    // It is the server that searches, whatever this is built as.
    if arguments.search {
        let within = search::run(&raw, &mut figures)?;
        figures.report(arguments.json.as_deref())?;
        return Ok(within);
    }
    if cfg!(debug_assertions) {
        return crate::quality::optimised();
    }
    let mut measured = messages.iter().map(|(name, raw)| measure(name, raw)).collect::<Vec<_>>();
    ensure!(!measured.is_empty(), "no *.eml in {}", dir.display());
    measured.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let all: f64 = measured.iter().map(|one| one.seconds).sum();
    let (slow, rest) = measured.split_at(measured.len().div_ceil(10));
    let share = 100.0 * slow.iter().map(|one| one.seconds).sum::<f64>() / all;
    println!("the slowest tenth ({} messages) takes {share:.0} % of the time; beside the rest it has", slow.len());
    let (cause, ratio) = causes(slow, rest);
    slow.iter().take(5).for_each(|one| println!("  {:>8.0} µs  {:>8.0} bytes  {}", one.seconds * 1e6, one.bytes, one.name));
    let rate = measured.len() as f64 / all;
    figures.add("messages_per_s_core", rate, format!("messages a second on one core; bar ≥ {MESSAGES_PER_SECOND_MIN}"));
    figures.add(
        "slowest_decile_us",
        1e6 * slow.iter().map(|one| one.seconds).sum::<f64>() / slow.len() as f64,
        format!("µs of a message of the slowest tenth; it has {ratio:.1} times the {cause}"),
    );
    figures.add(
        "bytes_mean",
        measured.iter().map(|one| one.bytes).sum::<f64>() / measured.len() as f64,
        "bytes of a message on average",
    );
    let within = search::run(&raw, &mut figures)?;
    let whole: f64 = measured.iter().map(|one| one.whole_seconds).sum();
    let slowest = measured.iter().map(|one| one.whole_seconds).fold(0.0, f64::max);
    figures.add("messages_with_pictures_per_s_core", measured.len() as f64 / whole, "messages a second with pictures and PDFs");
    figures.add("slowest_with_pictures_ms", 1e3 * slowest, "ms of the slowest message with pictures and PDFs");
    figures.report(arguments.json.as_deref())?;
    Ok(within && rate >= MESSAGES_PER_SECOND_MIN)
}

fn read(dir: &std::path::Path) -> Result<Vec<(String, Vec<u8>)>> {
    let entries = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    let paths = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "eml"));
    let read = |path: PathBuf| {
        let raw = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok((path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()), raw))
    };
    paths.map(read).collect()
}

fn measure(name: &str, raw: &[u8]) -> Measured {
    let once = |read: fn(&[u8]) -> adjutant_mail::Facts| {
        let start = Instant::now();
        black_box(read(black_box(raw)));
        start.elapsed().as_secs_f64()
    };
    let best = |read: fn(&[u8]) -> adjutant_mail::Facts| (0..ROUNDS).map(|_| once(read)).fold(f64::INFINITY, f64::min);
    // The bar is about what every message takes; pictures and PDFs have a budget of their own.
    let (seconds, whole_seconds) = (best(adjutant_mail::facts_of_text), best(adjutant_mail::facts));
    let facts = adjutant_mail::facts(raw);
    Measured {
        name: name.to_owned(),
        seconds,
        bytes: raw.len() as f64,
        html_tags: memchr::memchr_iter(b'<', raw).count() as f64,
        links: facts.links as f64,
        attached: facts.attachments.len() as f64,
        whole_seconds,
    }
}

/// Something that a message has more or less of.
type Property = fn(&Measured) -> f64;

/// What the slow ones have most more of than the rest.
fn causes(slow: &[Measured], rest: &[Measured]) -> (&'static str, f64) {
    let mean = |of: &[Measured], what: Property| of.iter().map(what).sum::<f64>() / of.len().max(1) as f64;
    let whats: [(&str, Property); 4] = [
        ("bytes", |one| one.bytes),
        ("tags", |one| one.html_tags),
        ("links", |one| one.links),
        ("attachments", |one| one.attached),
    ];
    let ratios = whats.map(|(name, what)| (name, mean(slow, what) / mean(rest, what).max(1e-9)));
    ratios.iter().for_each(|(name, ratio)| println!("  {ratio:>5.1} times the {name}"));
    ratios.into_iter().filter(|(_, ratio)| ratio.is_finite()).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(("bytes", 1.0))
}
