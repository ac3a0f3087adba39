//! Sends the company's records through the product and counts what comes of them.
//!
//! The path is the product's own, the one of `adjutant triage`: bulk triage of a file by the shipped book, one
//! file a week, memory going on from week to week. What a company would change is changed here as well: its
//! directory says in a column when each row was confirmed, and is exported anew every week. The truth is
//! looked at after the decision and never before.

use super::company::{Company, Truth};
use super::directory::{self, EXPORT_DAYS};
use super::event::START;
use super::people::DAYS;
use super::report::Tally;
use crate::quality::published::Published;
use adjutant_engine::context::Snapshot;
use adjutant_engine::memory::Memory;
use adjutant_model::Time;
use adjutant_rules::Book;
use adjutant_runtime::read::{Input, Reader};
use adjutant_runtime::triage::{Decided, Failed, Options, Output, Triage};
use adjutant_runtime::{book_dir, context, pipeline};
use anyhow::{Context as _, Result, anyhow, bail};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Runs the whole company through the product.
///
/// # Errors
/// The book has faults, or a record that the generator wrote cannot be read.
pub fn measure(company: Company) -> Result<Tally> {
    let book = book()?;
    let exports: Vec<String> = (0..=DAYS / EXPORT_DAYS).map(|week| directory::identities(&company, week * EXPORT_DAYS)).collect();
    let networks = directory::own_networks(company.network());
    let tally = Tally::new(company.attacks());
    let context = Snapshot::empty(book.contracts.clone());
    let mut product = Product { book: &book, context, memory: None, tally: Some(tally) };
    let mut week = Week::default();
    company.run(|event, text, truth| -> Result<()> {
        let number = event.day().clamp(0, DAYS - 1) / EXPORT_DAYS;
        if number != week.number {
            product.triage(&week, &exports, &networks)?;
            week = Week { number, ..Week::default() };
        }
        week.records.extend_from_slice(text.as_bytes());
        week.records.push(b'\n');
        week.truths.push(truth);
        Ok(())
    })?;
    product.triage(&week, &exports, &networks)?;
    product.tally.context("no week was counted")
}

/// The records of one week, a line each, with the truth about each line.
#[derive(Default)]
struct Week {
    number: i64,
    records: Vec<u8>,
    truths: Vec<Truth>,
}

/// The shipped book, in which the directory says when each row was confirmed.
fn book() -> Result<Book> {
    let mut shipped = book_dir::shipped();
    let contract = shipped.get_mut("context/identities.yaml").context("the book has no contract for identities")?;
    if !contract.contains("as_of: file") {
        bail!("the contract for identities no longer says `as_of: file`");
    }
    *contract = contract.replace("as_of: file", "as_of: column updated_at");
    Book::load(shipped).map_err(|faults| anyhow!("the book has faults: {faults:?}"))
}

/// The product, and what it remembers from week to week.
struct Product<'b> {
    book: &'b Book,
    context: Snapshot,
    memory: Option<Memory>,
    tally: Option<Tally>,
}

impl Product<'_> {
    /// Triages one week's file with what the company exported then.
    fn triage(&mut self, week: &Week, exports: &[String], networks: &str) -> Result<()> {
        let identities = exports.get(week.number as usize).map_or("", String::as_str);
        self.load(identities, networks, week.number);
        let mut file = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
        file.write_all(&week.records).and_then(|()| file.flush()).context("cannot write the week's records")?;
        let reader = Reader::new(vec![Input::Path(file.path().to_owned())], Arc::new(AtomicBool::new(false)));
        let options = Options { book: self.book, context: &self.context, source: None, now: None };
        let job = Triage::new(options, Judge { book: self.book, truths: &week.truths });
        let memory = self.memory.take().unwrap_or_else(|| job.memory());
        let sink = Sink { tally: self.tally.take().context("no tally")?, lines: 0, fault: None };
        let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (memory, sink) = pipeline::run(&job, reader, memory, sink, workers)?;
        if let Some(fault) = sink.fault {
            bail!("week {}: {fault}", week.number);
        }
        if sink.lines != week.truths.len() {
            bail!("week {}: {} records went in and {} came out", week.number, week.truths.len(), sink.lines);
        }
        (self.memory, self.tally) = (Some(memory), Some(sink.tally));
        Ok(())
    }

    /// Loads what the company exported in `week`.
    fn load(&mut self, identities: &str, networks: &str, week: i64) {
        let written = Time::from_secs(START + week * EXPORT_DAYS * 86_400);
        let files = [("identities.csv", identities), ("networks/corporate.txt", networks)];
        let brought = Brought { files: files.into_iter().collect(), written };
        let shipped = context::Embedded { files: book_dir::shipped_data(), modified: None };
        let layers = context::Layers(vec![&brought, &shipped]);
        self.context = context::load(self.book.contracts.clone(), &layers, Some(&self.context));
    }
}

/// Puts each decision beside its truth.
struct Judge<'w> {
    book: &'w Book,
    truths: &'w [Truth],
}

/// What comes of one chunk: the records of its decisions, and the first thing that must not happen.
#[derive(Default)]
struct Judged {
    decisions: Vec<Published>,
    fault: Option<String>,
}

struct Sink {
    tally: Tally,
    lines: usize,
    fault: Option<String>,
}

impl Output for Judge<'_> {
    type Batch = Judged;
    type Sink = Sink;

    fn batch(&self) -> Judged {
        Judged::default()
    }

    fn clear(&self, batch: &mut Judged) {
        batch.decisions.clear();
        batch.fault = None;
    }

    fn decided(&self, batch: &mut Judged, decided: &Decided<'_>) {
        match Published::of(decided, self.book) {
            Ok(record) => batch.decisions.push(record),
            Err(error) => drop(batch.fault.get_or_insert_with(|| format!("{error:#}"))),
        }
        if let Some(problem) = decided.problems.first() {
            batch.fault.get_or_insert_with(|| format!("{problem}: {}", String::from_utf8_lossy(decided.raw)));
        }
    }

    fn failed(&self, batch: &mut Judged, failed: &Failed<'_>) {
        batch.fault.get_or_insert_with(|| format!("line {}: {}", failed.line, failed.detail));
    }

    fn finish(&self, _: &mut Judged) {}

    fn emit(&self, sink: &mut Sink, batch: &mut Judged) -> io::Result<()> {
        for record in batch.decisions.drain(..) {
            let line = record.alert.line;
            let truth = usize::try_from(line).ok().and_then(|line| self.truths.get(line.checked_sub(1)?));
            match truth {
                Some(truth) => sink.tally.count(&record, truth),
                None => sink.fault = Some(format!("line {line} has no truth")),
            }
            sink.lines += 1;
        }
        sink.fault = sink.fault.take().or(batch.fault.take());
        Ok(())
    }
}

/// The files that the company brings, in memory.
struct Brought<'f> {
    files: BTreeMap<&'static str, &'f str>,
    written: Time,
}

impl context::Data for Brought<'_> {
    fn place(&self) -> String {
        "the company's files".into()
    }

    fn read(&self, path: &str) -> Result<context::File<'_>, context::Fault> {
        let text = self.files.get(path).ok_or(context::Fault::Missing)?;
        Ok(context::File { bytes: Cow::Borrowed(text.as_bytes()), modified: Some(self.written) })
    }

    fn list(&self, _: &str) -> Result<Option<Vec<String>>, context::Fault> {
        Ok(None)
    }

    fn local(&self, _: &str) -> Result<(PathBuf, Option<Time>), context::Fault> {
        Err(context::Fault::Missing)
    }
}
