//! Phishing: what the shipped playbook makes of labelled mail, the real way, message by message.
//!
//! DIR holds `*.eml` beside `labels.csv` (file, label, source; labels `phishing`, `legit` and `spam`). Each message goes
//! alone through desk and book. Everything is measured twice: as it came, and *stripped* of what tells the collections
//! apart and not phishing from mail: receivers' headers, results and signatures, list headers, recipients and dates.
//! The address that one collector wrote in place of every recipient is made an ordinary one both times.
//! No reputation is asked. Nothing here says anything about modern business mail: `cases/mail` has that.

use crate::figures::Figures;
use adjutant_engine::binomial;
use adjutant_engine::context::Snapshot;
use adjutant_engine::explain::style;
use adjutant_rules::Book;
use adjutant_runtime::triage::Options;
use adjutant_runtime::{alone, book_dir};
use anyhow::{Context as _, Result, anyhow};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

mod beside;
mod strip;

/// Messages that are explained for each kind of error.
const EXPLAINED: usize = 10;

/// The two forms in which messages are measured.
const AS_CAME: &str = "as they came";
const STRIPPED: &str = "stripped of what tells the collections apart";

/// How sure the bounds are.
const CONFIDENCE: f64 = 0.95;

/// The bars.
const CAUGHT_PCT_MIN: f64 = 90.0;
const ESCALATED_PCT_MAX: f64 = 2.0;
const CAUGHT_STRIPPED_PCT_MIN: f64 = 80.0;
const ESCALATED_STRIPPED_PCT_MAX: f64 = 2.5;
const QUARANTINED_PCT_MIN: f64 = 50.0;
const SOURCE_PCT_MAX: f64 = 5.0;
const HARD_SOURCE_PCT_MAX: f64 = 10.0;

/// What `quality mail` is asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Messages (`*.eml`) with `labels.csv`
    dir: PathBuf,
    /// A book to measure instead of the shipped one
    #[arg(long, value_name = "DIR")]
    book: Option<PathBuf>,
    /// Writes the figures as one flat JSON object into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Lets SpamAssassin and rspamd judge the same messages, where they are installed; with a number, every so-many-th
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    beside: Option<std::num::NonZero<usize>>,
    /// Writes every decision as one line of tab-separated values into this file
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
}

/// A line of `labels.csv`.
#[derive(Clone, Debug, Deserialize)]
struct Label {
    file: String,
    label: String,
    source: String,
}

/// A message with its label.
type Message = (Label, Vec<u8>);

/// What was decided about one message.
struct Judged {
    label: Label,
    /// Half of the messages were looked at while the book's weights were found; the other half was not.
    held_out: bool,
    outcome: String,
    score: i32,
    /// The signals that spoke against it.
    fired: Vec<String>,
    explanation: String,
}

impl Judged {
    fn is(&self, label: &str) -> bool {
        self.label.label == label
    }

    fn escalated(&self) -> bool {
        self.outcome != "close"
    }

    fn quarantined(&self) -> bool {
        self.outcome == "respond"
    }
}

/// Runs `quality mail`; false when a bar is missed.
///
/// # Errors
/// When the messages or the book cannot be read.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let files = match &arguments.book {
        Some(dir) => book_dir::read(dir)?,
        None => book_dir::shipped(),
    };
    let book =
        Book::load(files).map_err(|faults| anyhow!("the book has {} faults; `adjutant check` shows them", faults.len()))?;
    let messages = messages(arguments)?;
    let (as_came, without) = (prepared(&messages, strip::neutral), prepared(&messages, strip::stripped));
    let (whole, stripped) = (judge(&book, &as_came)?, judge(&book, &without)?);
    if let Some(path) = &arguments.list {
        let lines: String = [("whole", &whole), ("stripped", &stripped)]
            .into_iter()
            .flat_map(|(how, all)| all.iter().map(move |one| line(how, one)))
            .collect();
        fs::write(path, lines)?;
    }
    println!("{AS_CAME}");
    tables(&whole);
    println!("\n{STRIPPED}");
    tables(&stripped);
    worst(&whole);
    if let Some(nth) = arguments.beside {
        for (title, messages, judged) in [(AS_CAME, &as_came, &whole), (STRIPPED, &without, &stripped)] {
            println!("\nbeside others, {title}");
            let messages: Vec<&[u8]> = messages.iter().step_by(nth.get()).map(|(_, raw)| raw.as_slice()).collect();
            let judged: Vec<&Judged> = judged.iter().step_by(nth.get()).collect();
            beside::print(&messages, &judged)?;
        }
    }
    report(&whole, &stripped, arguments)
}

fn messages(arguments: &Arguments) -> Result<Vec<Message>> {
    let path = arguments.dir.join("labels.csv");
    let mut reader = csv::Reader::from_path(&path).with_context(|| format!("reading {}", path.display()))?;
    let labels = reader.deserialize().collect::<Result<Vec<Label>, _>>()?;
    let read = |label: Label| {
        let path = arguments.dir.join(&label.file);
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok((label, bytes))
    };
    labels.into_iter().map(read).collect()
}

fn prepared(messages: &[Message], prepare: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Message> {
    messages.iter().map(|(label, raw)| (label.clone(), prepare(raw))).collect()
}

/// Judges all messages, on every core.
fn judge(book: &Book, messages: &[Message]) -> Result<Vec<Judged>> {
    let context = Snapshot::empty(book.contracts.clone());
    let source = book.sources.named("mail").context("the book has no source `mail`")?;
    let (next, context) = (AtomicUsize::new(0), &context);
    let work = || {
        let mut judged = Vec::new();
        while let Some((at, (label, raw))) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, messages.get(at)?)))
        {
            judged.push((at, one(Options { book, context, source: Some(source), now: None }, label, raw)));
        }
        judged
    };
    let mut judged: Vec<(usize, Judged)> = std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("judging does not panic")).collect()
    });
    judged.sort_by_key(|(at, _)| *at);
    Ok(judged.into_iter().map(|(_, judged)| judged).collect())
}

fn one(options: Options<'_>, label: &Label, raw: &[u8]) -> Judged {
    const WIDTH: usize = 120;
    let held_out = held_out(&label.file);
    match alone::decide(options, raw, &label.file, WIDTH) {
        Ok(alone) => Judged {
            label: label.clone(),
            held_out,
            outcome: alone.record.outcome.clone(),
            score: alone.record.score,
            fired: alone.record.signals.iter().filter(|signal| signal.points > 0).map(|signal| signal.id.clone()).collect(),
            explanation: style::plain(&alone.explanation),
        },
        Err(problem) => Judged {
            label: label.clone(),
            held_out,
            outcome: "refused".into(),
            score: 0,
            fired: Vec::new(),
            explanation: problem.to_string(),
        },
    }
}

/// Whether a message is in the half that nobody looked at: by the name's SHA-256.
fn held_out(file: &str) -> bool {
    use sha2::Digest as _;
    sha2::Sha256::digest(file.as_bytes()).last().is_some_and(|byte| byte % 2 == 1)
}

/// `hits` of `all` in percent with both exact bounds.
fn share(hits: usize, all: usize) -> String {
    let (hits, all) = (hits as u64, all as u64);
    let (low, high) = (binomial::lower(hits, all, CONFIDENCE), binomial::upper(hits, all, CONFIDENCE));
    let percent = percent(hits as usize, all as usize);
    format!("{hits:>4}/{all:<4} {percent:>6.2} % ({:>5.2} to {:>5.2})", 100.0 * low, 100.0 * high)
}

fn percent(hits: usize, all: usize) -> f64 {
    100.0 * hits as f64 / all.max(1) as f64
}

/// How many of the messages that are `of` are `so`, in percent.
fn part(judged: &[Judged], of: impl Fn(&Judged) -> bool, so: impl Fn(&Judged) -> bool) -> f64 {
    let all = judged.iter().filter(|one| of(one)).count();
    percent(judged.iter().filter(|one| of(one) && so(one)).count(), all)
}

fn tables(judged: &[Judged]) {
    let sources: BTreeSet<(&str, &str)> =
        judged.iter().map(|one| (one.label.label.as_str(), one.label.source.as_str())).collect();
    println!("{:<9} {:<24} {:<34} quarantined", "label", "source", "escalated (exact bounds, 95 % each)");
    for (label, source) in sources {
        let all: Vec<&Judged> = judged.iter().filter(|one| one.is(label) && one.label.source == source).collect();
        let count = |so: fn(&Judged) -> bool| all.iter().filter(|one| so(one)).count();
        println!(
            "{label:<9} {source:<24} {:<34} {}",
            share(count(Judged::escalated), all.len()),
            share(count(Judged::quarantined), all.len())
        );
    }
    for (name, held_out) in [("looked at", false), ("held out", true)] {
        let of = |label: &'static str| move |one: &Judged| one.is(label) && one.held_out == held_out;
        println!(
            "{name:<9} phishing escalated {:>6.2} %, quarantined {:>6.2} %; legitimate escalated {:>6.2} %",
            part(judged, of("phishing"), Judged::escalated),
            part(judged, of("phishing"), Judged::quarantined),
            part(judged, of("legit"), Judged::escalated),
        );
    }
    let mut confusion: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    judged.iter().for_each(|one| *confusion.entry((&one.label.label, &one.outcome)).or_default() += 1);
    let confusion: Vec<String> = confusion.iter().map(|((label, outcome), count)| format!("{label} {outcome} {count}")).collect();
    println!("{}", confusion.join(", "));
}

/// The worst errors each way, explained: the highest scores of legitimate mail, the lowest of phishing.
fn worst(judged: &[Judged]) {
    let mut legit: Vec<&Judged> = judged.iter().filter(|one| one.is("legit") && one.escalated()).collect();
    legit.sort_by_key(|one| std::cmp::Reverse(one.score));
    let mut missed: Vec<&Judged> = judged.iter().filter(|one| one.is("phishing") && !one.escalated()).collect();
    missed.sort_by_key(|one| one.score);
    for (what, errors) in [("legitimate, escalated", legit), ("phishing, closed", missed)] {
        println!("\n{what}: {} in all, the worst {}", errors.len(), errors.len().min(EXPLAINED));
        for one in errors.into_iter().take(EXPLAINED) {
            println!("\n{} ({})\n{}", one.label.file, one.label.source, one.explanation);
        }
    }
}

fn line(how: &str, one: &Judged) -> String {
    let Judged { label, held_out, outcome, score, .. } = one;
    format!(
        "{how}\t{}\t{}\t{}\t{outcome}\t{score}\t{}\n",
        label.label,
        label.source,
        label.file,
        if *held_out { "held out" } else { "looked at" }
    )
}

/// The share of the legitimate source that is escalated most, but for the one that is bulk mail by design.
fn worst_source(judged: &[Judged], hard: bool) -> f64 {
    let sources: BTreeSet<&str> = judged.iter().filter(|one| one.is("legit")).map(|one| one.label.source.as_str()).collect();
    let shares = sources
        .into_iter()
        .filter(|source| source.contains("hard") == hard)
        .map(|source| part(judged, |one| one.is("legit") && one.label.source == source, Judged::escalated));
    shares.fold(0.0, f64::max)
}

fn report(whole: &[Judged], stripped: &[Judged], arguments: &Arguments) -> Result<bool> {
    let phishing = |one: &Judged| one.is("phishing");
    let legit = |one: &Judged| one.is("legit");
    let bars = [
        ("phishing_caught_pct", part(whole, phishing, Judged::escalated), CAUGHT_PCT_MIN, true),
        ("legit_escalated_pct", part(whole, legit, Judged::escalated), ESCALATED_PCT_MAX, false),
        ("legit_quarantined_pct", part(whole, legit, Judged::quarantined), 0.0, false),
        ("phishing_quarantined_pct", part(whole, phishing, Judged::quarantined), QUARANTINED_PCT_MIN, true),
        ("worst_source_pct", worst_source(whole, false), SOURCE_PCT_MAX, false),
        ("worst_hard_source_pct", worst_source(whole, true), HARD_SOURCE_PCT_MAX, false),
        ("caught_stripped_pct", part(stripped, phishing, Judged::escalated), CAUGHT_STRIPPED_PCT_MIN, true),
        ("legit_escalated_stripped_pct", part(stripped, legit, Judged::escalated), ESCALATED_STRIPPED_PCT_MAX, false),
        ("legit_quarantined_stripped_pct", part(stripped, legit, Judged::quarantined), 0.0, false),
    ];
    let mut figures = Figures::default();
    println!();
    for (name, value, bar, at_least) in bars {
        figures.add(name, value, format!("% ({} {bar})", if at_least { "at least" } else { "at most" }));
    }
    figures.add("messages", whole.len() as f64, "messages measured, twice");
    figures.report(arguments.json.as_deref())?;
    Ok(bars.iter().all(|(_, value, bar, at_least)| if *at_least { value >= bar } else { value <= bar }))
}
