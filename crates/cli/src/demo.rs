//! `adjutant demo`: bundled real alerts, the queue, one decision explained, and where to go next.

use crate::args::Format;
use crate::exit::Exit;
use crate::queue::Case;
use crate::report::{Report, Totals};
use crate::triage::workers;
use crate::{book, explain, table, term};
use adjutant_engine::explain::style::{Line, Paint};
use adjutant_model::SignalState;
use adjutant_runtime::archive::Entry;
use adjutant_runtime::pipeline;
use adjutant_runtime::read::{Input, Reader};
use adjutant_runtime::triage::{self, Options};
use std::io;
use std::sync::Arc;

/// Real alerts of several vendors; `demo/README.md` says whose.
const ALERTS: &[u8] = include_bytes!("../demo/alerts.jsonl");

const TOP: usize = 10;
const WIDTH: usize = 100;

pub(crate) fn run() -> anyhow::Result<Exit> {
    let book = book::load(None)?;
    let context = book::context(&book, None, None)?;
    let input = Input::Bundled("demo/alerts.jsonl", ALERTS);
    let names = [input.name()];
    let reader = Reader::new(vec![input], Arc::default());
    // As `html` keeps the worst decision of each case, so that one can be explained here.
    let report =
        Report { book: &book, context: &context, format: Format::Html, inputs: &names, keep: false, seen: Arc::default() };
    let job = triage::Triage::new(Options { book: &book, context: &context, source: None, now: None }, report);
    let totals = Totals::new(Box::new(io::sink()), None);
    let (_, mut totals) = pipeline::run(&job, reader, job.memory(), totals, workers(None))?;
    let cases = std::mem::take(&mut totals.queue).worst_first();
    let mut lines = table::queue(&cases, &book, TOP);
    lines.push(Line::new());
    if let Some(worst) = telling(&cases) {
        lines.push(Line::new().with(Paint::Strong, "One of them, explained:"));
        lines.push(Line::new());
        lines.extend(explain::lines(worst, &book, &names, term::width().unwrap_or(WIDTH)));
    }
    lines.push(Line::new());
    lines.extend(table::summary(&totals, &job.output, None, false));
    lines.extend(next());
    term::output(table::painted(&lines).as_bytes())?;
    Ok(Exit::Ok)
}

/// The decision of the queue's first cases that has the most to tell: the one with the most signals that fired.
fn telling(cases: &[Case]) -> Option<&Entry> {
    let fired = |entry: &&Entry| entry.decision.reasons.iter().filter(|reason| reason.state == SignalState::Fired).count();
    cases.iter().take(TOP).filter_map(|case| case.worst.as_deref()).rev().max_by_key(fired)
}

fn next() -> Vec<Line> {
    let line = |command: &str, what: &str| Line::new().plain(format!("  {command:<52}")).with(Paint::Dim, what);
    vec![
        Line::new(),
        Line::new().with(Paint::Strong, "Next:"),
        line("adjutant triage alerts/*.jsonl --out archive", "your own alerts; - reads a pipe"),
        line("adjutant explain ID --in archive", "any decision, like the one above"),
        line("adjutant init mybook && adjutant check mybook", "the rules as files, to read and to change"),
        line("adjutant backtest --book mybook archive", "what a change would have changed"),
    ]
}
