//! `adjutant backtest`: what another book would have decided.

use crate::args::Backtest;
use crate::exit::Exit;
use crate::table::{cut, painted};
use crate::triage::workers;
use crate::{book, term};
use adjutant_engine::backtest::{Example, Flips, Group, Labelled};
use adjutant_engine::binomial;
use adjutant_engine::explain::style::{Line, Paint};
use adjutant_model::quantity::Grouped;
use adjutant_model::{AlertId, Digest, Outcome};
use adjutant_rules::Book;
use adjutant_runtime::archive::Archive;
use adjutant_runtime::backtest::{self, Labels};
use anyhow::Context;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How sure the bounds are.
const CONFIDENCE: f64 = 0.95;

/// Columns of who or what a decision that flips is about, and of what happened.
const SUBJECT: usize = 34;
const TITLE: usize = 46;

/// Changed files that are named.
const FILES_MAX: usize = 4;

pub(crate) fn run(args: &Backtest) -> anyhow::Result<Exit> {
    let archive = Archive::open(&args.archive)?;
    let (new, books) = thread::scope(|scope| {
        let books = scope.spawn(|| books(&archive));
        (book::quietly(Some(&args.book)), books.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    new.as_ref().err().into_iter().chain(books.as_ref().err()).for_each(book::show_faults);
    let (new, books) = match (new, books) {
        (Err(new), Err(old)) => return Err(new.context(old.to_string())),
        (new, books) => (new?, books?),
    };
    let labels = args.labels.as_deref().map(labels).transpose()?.unwrap_or_default();
    let start = Instant::now();
    let done = backtest::run(&archive, &books, &new, &labels, workers(args.workers))?;
    let took = start.elapsed();
    let text = if args.json { json(&done, took)? } else { painted(&report(&done, args, took)) };
    term::output(text.as_bytes())?;
    Ok(if done.tally.flipped() == 0 { Exit::Ok } else { Exit::Changes })
}

/// Every book that decided in `archive`.
fn books(archive: &Archive) -> anyhow::Result<HashMap<Digest, Book>> {
    let mut books = HashMap::new();
    for run in archive.runs() {
        if let Entry::Vacant(entry) = books.entry(run.book) {
            entry.insert(book::quietly(Some(&archive.book_dir(run.book)))?);
        }
    }
    Ok(books)
}

/// Reads `id,verdict` lines.
fn labels(path: &Path) -> anyhow::Result<Labels> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let label = |(number, line): (usize, &str)| {
        let read = line.split_once(',').and_then(|(id, verdict)| Some((alert_id(id.trim())?, harmful(verdict.trim())?)));
        read.with_context(|| format!("{}:{}: not `ALERT-ID,benign` or `ALERT-ID,malicious`", path.display(), number + 1))
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(label).collect()
}

fn alert_id(text: &str) -> Option<AlertId> {
    let mut id = [0; 16];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != id.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(AlertId(id))
}

fn harmful(verdict: &str) -> Option<bool> {
    match verdict {
        "malicious" => Some(true),
        "benign" => Some(false),
        _ => None,
    }
}

fn report(done: &backtest::Outcome, args: &Backtest, took: Duration) -> Vec<Line> {
    let tally = &done.tally;
    let mut lines = Vec::new();
    for (group, flips) in &tally.groups {
        lines.extend(group_lines(group, flips, args.top));
    }
    if !lines.is_empty() {
        lines.push(Line::new());
    }
    let queue = tally.queue();
    let flipped = number(tally.flipped());
    lines.push(Line::new().with(Paint::Strong, format!("{} decisions made again, {flipped} change", number(tally.decisions))));
    lines.extend(how(done));
    let change = queue.now as i64 - queue.then as i64;
    let sign = if change > 0 { "+" } else { "" };
    lines.push(Line::new().plain(format!(
        "queue: {} of {} cases before a person, {} of {} under the new book ({sign}{})",
        number(queue.then),
        number(queue.cases),
        number(queue.now),
        number(queue.cases_now),
        Grouped(change)
    )));
    let (then, now) = tally.labelled();
    if then.harmful + then.harmless > 0 {
        lines.extend(labelled_lines(&then, &now));
    }
    let rate = tally.decisions as f64 / took.as_secs_f64().max(1e-9);
    lines.push(Line::new().with(Paint::Dim, format!("{:.1} s, {} decisions/s", took.as_secs_f64(), Grouped(rate as i64))));
    lines
}

/// Whether facts were taken as recorded or alerts were read anew, and why.
fn how(done: &backtest::Outcome) -> Vec<Line> {
    let runs = |count: usize| format!("{count} run{}", if count == 1 { "" } else { "s" });
    let mut lines = Vec::new();
    if done.from_facts > 0 {
        let why = "the books read, look up and correlate alike";
        lines.push(Line::new().plain(format!("{} decided again on the recorded facts: {why}", runs(done.from_facts))));
    }
    if done.from_raw > 0 {
        let mut files: Vec<&str> = done.changed.iter().take(FILES_MAX).map(String::as_str).collect();
        let more = format!("{} more", done.changed.len().saturating_sub(FILES_MAX));
        files.extend((done.changed.len() > FILES_MAX).then_some(more.as_str()));
        let differ = if done.changed.len() == 1 { "differs" } else { "differ" };
        let why = format!("{} {differ}; context as it was recorded", files.join(", "));
        lines.push(Line::new().plain(format!("{} read anew from the stored alerts: {why}", runs(done.from_raw))));
    }
    if done.tally.unreadable > 0 {
        let count = number(done.tally.unreadable);
        lines.push(Line::new().with(Paint::Alarm, format!("{count} stored alerts cannot be read under the new book")));
    }
    lines
}

fn group_lines(group: &Group, flips: &Flips, top: usize) -> Vec<Line> {
    let paint = if group.to == Outcome::Close { Paint::Alarm } else { Paint::Warm };
    let head = Line::new()
        .with(paint, format!("{:>9} × {} → {}", number(flips.count), group.from, group.to))
        .plain(format!("  {}  ", group.playbook))
        .with(Paint::Dim, format!("because of {}", group.cause));
    let example = |flip: &Example| {
        let Example { alert, subject, title, from, to } = flip;
        Line::new()
            .plain(format!("{:>12}{:<SUBJECT$}  {:<TITLE$}  ", "", cut(subject, SUBJECT), cut(title, TITLE)))
            .with(Paint::Dim, format!("score {from} → {to}  alert {alert}"))
    };
    [head].into_iter().chain(flips.examples.iter().take(top).map(example)).collect()
}

fn labelled_lines(then: &Labelled, now: &Labelled) -> Vec<Line> {
    let share = |hits: u64, of: u64| {
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        let (low, high) = (binomial::lower(hits, of, CONFIDENCE), binomial::upper(hits, of, CONFIDENCE));
        format!("{} of {} ({} to {})", number(hits), number(of), percent(low), percent(high))
    };
    let line = |what: &str, then: String, now: String| Line::new().plain(format!("{what:<20} {then}, then {now}"));
    vec![
        line("malicious closed", share(then.missed, then.harmful), share(now.missed, now.harmful)),
        line("benign escalated", share(then.false_escalations, then.harmless), share(now.false_escalations, now.harmless)),
        Line::new().with(Paint::Dim, "exact binomial bounds, one-sided 95 % each"),
    ]
}

fn json(done: &backtest::Outcome, took: Duration) -> anyhow::Result<String> {
    let tally = &done.tally;
    let (queue, (then, now)) = (tally.queue(), tally.labelled());
    let numbers = serde_json::json!({
        "decisions": tally.decisions,
        "unreadable": tally.unreadable,
        "runs_from_facts": done.from_facts,
        "runs_from_raw": done.from_raw,
        "flips": tally.flipped(),
        "cases": queue.cases,
        "cases_now": queue.cases_now,
        "queue_then": queue.then,
        "queue_now": queue.now,
        "missed_then": then.missed,
        "missed_now": now.missed,
        "malicious": now.harmful,
        "false_escalations_then": then.false_escalations,
        "false_escalations_now": now.false_escalations,
        "benign": now.harmless,
        "backtest_per_s": tally.decisions as f64 / took.as_secs_f64().max(1e-9),
    });
    Ok(serde_json::to_string_pretty(&numbers)? + "\n")
}

fn number(count: u64) -> String {
    Grouped(i64::try_from(count).unwrap_or(i64::MAX)).to_string()
}
