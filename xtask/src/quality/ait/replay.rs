//! One scenario through the product: a file of records in, decisions out, as `adjutant triage` does it.
//!
//! Labels stay behind: a record carries time, rule and host, and nothing else. The book is the shipped one with a
//! source that reads these records; an inventory lists every host as a machine of middling importance, because a
//! host that no inventory knows is never proposed for closing.

use super::measure::Replayed;
use super::stream::{Row, Stream};
use crate::quality::published::Published;
use adjutant_rules::Book;
use adjutant_runtime::context::{self, Directory, Embedded, Layers};
use adjutant_runtime::read::{Input, Reader};
use adjutant_runtime::triage::{Decided, Failed, Options, Output, Triage};
use adjutant_runtime::{book_dir, pipeline};
use anyhow::{Context as _, Result, bail};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

/// The source that reads the replayed records.
const SOURCE: &str = include_str!("source.yaml");

/// The product as it ships.
pub(super) struct Product {
    book: Book,
}

impl Product {
    /// The shipped book with the source of the replayed records.
    ///
    /// # Errors
    /// When the book has faults.
    pub(super) fn new() -> Result<Self> {
        let mut files = book_dir::shipped();
        files.insert("sources/ait-stream.yaml".to_owned(), SOURCE.to_owned());
        match Book::load(files) {
            Ok(book) => Ok(Self { book }),
            Err(faults) => bail!("the book has {} faults, first: {:?}", faults.len(), faults.first()),
        }
    }

    /// Triages every alert of `stream`, oldest first.
    ///
    /// # Errors
    /// When a record cannot be read or decided: no alert may be dropped.
    pub(super) fn replay(&self, stream: &Stream) -> Result<Replayed> {
        let place = tempfile::tempdir()?;
        let records = place.path().join("alerts.jsonl");
        write_records(stream, &records)?;
        fs::write(place.path().join("assets.csv"), inventory(stream))?;
        let (own, shipped) = (Directory(place.path().into()), Embedded { files: book_dir::shipped_data(), modified: None });
        let context = context::load(self.book.contracts.clone(), &Layers(vec![&own, &shipped]), None);
        let options = Options { book: &self.book, context: &context, source: None, now: None };
        let job = Triage::new(options, Watch { book: &self.book });
        let reader = Reader::new(vec![Input::Path(records)], Arc::default());
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (_, seen) = pipeline::run(&job, reader, job.memory(), Seen::default(), workers)?;
        if let Some(failure) = seen.failure {
            bail!("{}: {failure}", stream.name);
        }
        Ok(seen.replayed)
    }
}

fn write_records(stream: &Stream, path: &Path) -> Result<()> {
    let mut file = BufWriter::new(fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?);
    for (index, row) in stream.rows.iter().enumerate() {
        writeln!(file, "{}", record(index, row))?;
    }
    file.flush().context("cannot write the records")
}

/// The record that the detection system would have sent.
fn record(index: usize, row: &Row) -> String {
    serde_json::json!({ "row": index, "time": row.time, "name": row.rule, "host": row.host }).to_string()
}

/// Every host of the testbed, as an inventory lists machines.
fn inventory(stream: &Stream) -> String {
    let hosts: BTreeSet<&str> = stream.rows.iter().map(|row| row.host.as_str()).collect();
    let lines = hosts.iter().map(|host| format!("{host},,medium,server,test,testbed,testbed,false\n"));
    let header = "name,address,criticality,kind,environment,owner,unit,internet_facing\n";
    std::iter::once(header.to_owned()).chain(lines).collect()
}

/// Notes which case each alert joined, what was decided and which cases were linked.
struct Watch<'b> {
    book: &'b Book,
}

/// Notes of one chunk, and the first failure.
#[derive(Default)]
struct Notes {
    notes: Vec<Published>,
    failure: Option<String>,
}

/// What was seen of the whole scenario.
#[derive(Default)]
struct Seen {
    numbers: HashMap<String, usize>,
    replayed: Replayed,
    failure: Option<String>,
}

impl Output for Watch<'_> {
    type Batch = Notes;
    type Sink = Seen;

    fn batch(&self) -> Notes {
        Notes::default()
    }

    fn clear(&self, batch: &mut Notes) {
        batch.notes.clear();
    }

    fn decided(&self, batch: &mut Notes, decided: &Decided<'_>) {
        if let Some(problem) = decided.problems.first() {
            batch.failure.get_or_insert_with(|| format!("line {}: {problem}", decided.alert.place.line));
        }
        match Published::of(decided, self.book) {
            Ok(record) => batch.notes.push(record),
            Err(error) => drop(batch.failure.get_or_insert_with(|| format!("{error:#}"))),
        }
    }

    fn failed(&self, batch: &mut Notes, failed: &Failed<'_>) {
        batch.failure.get_or_insert_with(|| format!("line {}: {}", failed.line, failed.detail));
    }

    fn finish(&self, _: &mut Notes) {}

    fn emit(&self, sink: &mut Seen, batch: &mut Notes) -> io::Result<()> {
        for record in &batch.notes {
            sink.note(record).map_err(io::Error::other)?;
        }
        sink.failure = sink.failure.take().or(batch.failure.take());
        Ok(())
    }
}

impl Seen {
    fn note(&mut self, record: &Published) -> Result<()> {
        let case = self.number(&record.case.id);
        self.replayed.cases.push(case);
        if record.is_raised() {
            self.replayed.escalated.entry(case).or_insert(record.seconds()?);
        }
        for link in &record.case.linked {
            let (strong, named) = (self.number(&link.strong), self.number(&link.case));
            self.replayed.links.entry(strong).or_default().insert(named);
        }
        Ok(())
    }

    fn number(&mut self, case: &str) -> usize {
        if let Some(number) = self.numbers.get(case) {
            return *number;
        }
        let next = self.numbers.len();
        self.numbers.insert(case.to_owned(), next);
        next
    }
}
