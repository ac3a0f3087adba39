//! `adjutant triage`: alerts in, decisions out.

use crate::args::{Format, Triage};
use crate::exit::Exit;
use crate::progress::Bar;
use crate::report::{Report, Totals};
use crate::{book, html, interrupt, table, term};
use adjutant_engine::context::Snapshot;
use adjutant_model::{SourceId, Time};
use adjutant_rules::Book;
use adjutant_runtime::archive::Writer;
use adjutant_runtime::pipeline;
use adjutant_runtime::read::{Input, Reader};
use adjutant_runtime::triage::{self, Options};
use anyhow::Context;
use std::io::{self, BufWriter};
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) fn run(args: &Triage) -> anyhow::Result<Exit> {
    let (book, context) = book::with_context(args.book.book.as_deref(), args.context.as_deref())?;
    let inputs: Vec<Input> = args.files.iter().map(|arg| Input::from_arg(arg)).collect();
    let stop = interrupt::flag()?;
    let reader = Reader::new(inputs.clone(), Arc::clone(&stop));
    let names: Vec<String> = inputs.iter().map(Input::name).collect();
    let report = Report {
        book: &book,
        context: &context,
        format: args.format,
        inputs: &names,
        keep: args.out.is_some(),
        seen: Arc::default(),
    };
    let bar = Bar::start(&inputs, reader.progress(), Arc::clone(&report.seen), args.quiet);
    let job = triage::Triage::new(options(args, &book, &context)?, report);
    let totals = Totals::new(Box::new(BufWriter::new(io::stdout())), told(args, &book, &names)?);
    let ended = pipeline::run(&job, reader, job.memory(), totals, workers(args.workers));
    drop(bar);
    let (memory, totals) = ended.map_err(|error| output_failed(error, args))?;
    // The process ends soon: the system takes memory back at once, and taking a million entries apart first is no work for
    // a user to wait for.
    std::mem::forget(memory);
    let interrupted = stop.load(Ordering::Relaxed);
    finish(args, &job.output, totals, interrupted)
}

fn options<'b>(args: &Triage, book: &'b Book, context: &'b Snapshot) -> anyhow::Result<Options<'b>> {
    Ok(Options { book, context, source: source(args, book)?, now: now(args)? })
}

fn source(args: &Triage, book: &Book) -> anyhow::Result<Option<SourceId>> {
    let Some(name) = &args.source else { return Ok(None) };
    let source = book.sources.named(name);
    source.map(Some).with_context(|| book::no_source(book, name))
}

fn now(args: &Triage) -> anyhow::Result<Option<Time>> {
    let Some(text) = &args.now else { return Ok(None) };
    let read = adjutant_engine::normalize::time::read(text, None).map(|reading| reading.time);
    read.map(Some).with_context(|| format!("`{text}` is no time; write it as 2026-03-01T09:14:07Z"))
}

/// Makes `dir` an archive of what the book decides about `inputs`.
pub(crate) fn writer(dir: &Path, book: &Book, inputs: &[String]) -> anyhow::Result<Writer> {
    let writer = Writer::create(dir, book.digest, &book.files, &book.schema, inputs.to_vec());
    writer.with_context(|| format!("`{}` cannot be made into an archive", dir.display()))
}

fn told(args: &Triage, book: &Book, inputs: &[String]) -> anyhow::Result<Option<Writer>> {
    let Some(dir) = &args.out else { return Ok(None) };
    Ok(Some(writer(dir, book, inputs)?.as_told(args.source.as_deref(), now(args)?)))
}

/// As many workers as asked for, else one for each core.
pub(crate) fn workers(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get)).max(1)
}

fn output_failed(error: pipeline::Error, args: &Triage) -> anyhow::Error {
    match error {
        pipeline::Error::Output(error) => match (&args.out, error.kind()) {
            (Some(dir), kind) if kind != io::ErrorKind::BrokenPipe => {
                let what = format!("writing failed; nothing of this run is kept in `{}`", dir.display());
                anyhow::Error::new(term::OutputFailed(error)).context(what)
            }
            _ => term::OutputFailed(error).into(),
        },
        panicked => panicked.into(),
    }
}

fn finish(args: &Triage, report: &Report<'_>, mut totals: Totals, interrupted: bool) -> anyhow::Result<Exit> {
    report.end(&mut totals).map_err(term::OutputFailed)?;
    if let Some(writer) = totals.writer.take() {
        writer.finish(!interrupted).map_err(|error| output_failed(error.into(), args))?;
    }
    let cases = totals.queue.worst_first();
    let summary = table::summary(&totals, report, args.out.as_deref(), interrupted);
    match args.format {
        Format::Table => term::output(table::painted(&table::queue(&cases, report.book, args.top, term::width())).as_bytes())?,
        Format::Html => term::output(html::report(&cases, report, &summary, args.top).as_bytes())?,
        Format::Json | Format::Jsonl | Format::Ocsf => {}
    }
    if !args.quiet {
        eprint!("{}", table::painted(&summary));
    }
    Ok(match (interrupted, totals.counts.failed) {
        (true, _) => Exit::Interrupted,
        (false, 0) => Exit::Ok,
        _ => Exit::Problems,
    })
}
