//! `adjutant demo`: bundled alerts under the book and an invented organisation, one decision explained, and where to go next.

mod service;

use crate::args::{Demo, Format};
use crate::exit::Exit;
use crate::queue::Case;
use crate::report::{Report, Totals};
use crate::triage::{self as command, workers};
use crate::{book, explain, table, term};
use adjutant_engine::context::Snapshot;
use adjutant_engine::explain::style::{Line, Paint};
use adjutant_model::{Outcome, SignalState, Time};
use adjutant_rules::Book;
use adjutant_runtime::archive::Entry;
use adjutant_runtime::context::{self, Embedded, Layers};
use adjutant_runtime::read::{Input, Reader};
use adjutant_runtime::triage::{self, Options};
use adjutant_runtime::{book_dir, pipeline};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Real alerts of several vendors, then a month at an invented company; `demo/README.md` says whose.
const ALERTS: [(&str, &[u8]); 2] =
    [("demo/alerts.jsonl", include_bytes!("../demo/alerts.jsonl")), ("demo/corp.jsonl", include_bytes!("../demo/corp.jsonl"))];

/// What the invented company knows.
const CONTEXT: [(&str, &[u8]); 5] = [
    ("identities.csv", include_bytes!("../demo/context/identities.csv")),
    ("assets.csv", include_bytes!("../demo/context/assets.csv")),
    ("units.csv", include_bytes!("../demo/context/units.csv")),
    ("calendar.csv", include_bytes!("../demo/context/calendar.csv")),
    ("networks/corporate.txt", include_bytes!("../demo/context/networks/corporate.txt")),
];

/// When that was written down: the evening before the story's last day, 2026-03-02T22:00:00Z.
const WRITTEN: Time = Time::from_secs(1_772_488_800);

const TOP: usize = 10;
const WIDTH: usize = 100;

pub(crate) fn run(args: &Demo) -> anyhow::Result<Exit> {
    let book = book::load(None)?;
    let context = context(&book);
    let inputs = ALERTS.map(|(name, bytes)| Input::Bundled(name, bytes)).to_vec();
    let names: Vec<String> = inputs.iter().map(Input::name).collect();
    let out = args.out.as_deref();
    let writer = out.map(|out| command::writer(out, &book, &names)).transpose()?;
    // As `html` keeps the worst decision of each case, so that one can be explained here.
    let report = Report {
        book: &book,
        context: &context,
        format: Format::Html,
        inputs: &names,
        keep: out.is_some(),
        seen: Arc::default(),
    };
    let job = triage::Triage::new(Options { book: &book, context: &context, source: None, now: None }, report);
    let reader = Reader::new(inputs, Arc::default());
    let totals = Totals::new(Box::new(io::sink()), writer);
    let (_, mut totals) = pipeline::run(&job, reader, job.memory(), totals, workers(None))?;
    if let Some(writer) = totals.writer.take() {
        writer.finish(true)?;
    }
    let cases = totals.queue.worst_first();
    let mut lines = table::queue(&cases, &book, TOP, term::width());
    lines.push(Line::new());
    if let Some(worst) = telling(cases.iter().copied().take(TOP)) {
        lines.push(Line::new().with(Paint::Strong, "One of them, explained:"));
        lines.push(Line::new());
        lines.extend(explain::lines(worst, &book, &names, term::width().unwrap_or(WIDTH)));
    }
    lines.push(Line::new());
    lines.extend(table::summary(&totals, &job.output, None, false));
    let closed = cases.iter().copied().filter(|case| case.outcome == Outcome::Close);
    lines.extend(next(out, telling(closed).map(explain::id)));
    term::output(table::painted(&lines).as_bytes())?;
    service::run()?;
    Ok(Exit::Ok)
}

/// What the invented company knows, over what everybody knows.
fn context(book: &Book) -> Snapshot {
    let files = CONTEXT.iter().map(|(path, bytes)| ((*path).to_owned(), *bytes)).collect();
    let own = Embedded { files, modified: Some(WRITTEN) };
    let shipped = Embedded { files: book_dir::shipped_data(), modified: None };
    context::load(book.contracts.clone(), &Layers(vec![&own, &shipped]), None)
}

/// The worst decision of `cases` that has the most to tell: the one in which most signals fired or were muted.
fn telling<'c>(cases: impl DoubleEndedIterator<Item = &'c Case>) -> Option<&'c Entry> {
    let told = |state: SignalState| matches!(state, SignalState::Fired | SignalState::Muted);
    let telling = |entry: &&Entry| entry.decision.reasons.iter().filter(|reason| told(reason.state)).count();
    cases.filter_map(|case| case.worst.as_deref()).rev().max_by_key(telling)
}

/// Commands that work as they stand: this program as it was called, and ids of this demonstration.
fn next(out: Option<&Path>, closed: Option<String>) -> Vec<Line> {
    let program = std::env::args().next().unwrap_or_else(|| "adjutant".into());
    let archive = out.map_or_else(|| "arc".into(), |out| out.display().to_string());
    let id: String = closed.unwrap_or_default().chars().take(table::ID).collect();
    let mut next = vec![
        (format!("explain {id} --in {archive}"), "why that one is proposed for closing"),
        ("init mybook".into(), "the rules as files, to read and to change"),
        (format!("backtest --book mybook {archive}"), "what your changes would have changed"),
        ("triage FILE…".into(), "your own alerts; - reads a pipe"),
        ("triage --help".into(), "all that it reads and writes"),
    ];
    if out.is_none() {
        next.insert(0, (format!("demo --out {archive}"), "the same again, and keep every decision"));
    }
    let width = next.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    let line =
        |(command, what): &(String, &str)| Line::new().plain(format!("  {program} {command:<width$}  ")).with(Paint::Dim, what);
    let head = [Line::new(), Line::new().with(Paint::Strong, "Where to look next:")];
    head.into_iter().chain(next.iter().map(line)).collect()
}
