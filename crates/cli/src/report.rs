//! What `triage` makes of decisions: text, the queue, the archive, and counts.

use crate::args::Format;
use crate::queue::{CASES_MAX, Queue};
use adjutant_engine::context::{Snapshot, Tally};
use adjutant_engine::ocsf;
use adjutant_engine::record::{Parts, Record};
use adjutant_model::Time;
use adjutant_model::schema::slots as s;
use adjutant_rules::Book;
use adjutant_runtime::archive::{self, Keep, Writer};
use adjutant_runtime::triage::{Decided, Failed, Output};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Failures kept to be shown.
const FAILURES_MAX: usize = 1000;

/// Cases remembered when each has its worst decision with it.
const PAGES_MAX: usize = 2000;

/// The output of a triage.
pub(crate) struct Report<'b> {
    pub(crate) book: &'b Book,
    pub(crate) context: &'b Snapshot,
    pub(crate) format: Format,
    /// The names of the inputs.
    pub(crate) inputs: &'b [String],
    pub(crate) keep: bool,
    /// How many are decided, for the progress bar.
    pub(crate) seen: Arc<AtomicU64>,
}

/// How many of what.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// By outcome, in its order.
    pub(crate) outcomes: [u64; 3],
    /// By number of the source.
    pub(crate) sources: Vec<u64>,
    /// Problems of decided alerts by code.
    pub(crate) problems: BTreeMap<String, u64>,
    pub(crate) duplicates: u64,
    /// Alerts that met context sources which could not be used.
    pub(crate) touched: Tally,
    /// The time of the latest alert.
    pub(crate) latest: Time,
    pub(crate) failed: u64,
}

/// A record that was not decided.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) input: u32,
    pub(crate) line: u64,
    pub(crate) code: String,
    pub(crate) detail: String,
}

/// What a worker makes of one chunk.
pub(crate) struct Batch {
    text: Vec<u8>,
    queue: Queue,
    counts: Counts,
    failures: Vec<Failure>,
    archive: Option<archive::Batch>,
    /// What went wrong where nothing could be returned.
    error: Option<io::Error>,
}

/// Everything so far.
pub(crate) struct Totals {
    pub(crate) counts: Counts,
    pub(crate) cases: u64,
    pub(crate) queue: Queue,
    pub(crate) failures: Vec<Failure>,
    pub(crate) out: Box<dyn Write + Send>,
    pub(crate) writer: Option<Writer>,
    pub(crate) begun: bool,
}

impl Counts {
    /// Decided alerts.
    pub(crate) fn decided(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    fn add(&mut self, decided: &Decided<'_>) {
        let [close, escalate, respond] = &mut self.outcomes;
        *match decided.decision.outcome {
            adjutant_model::Outcome::Close => close,
            adjutant_model::Outcome::Escalate => escalate,
            adjutant_model::Outcome::Respond => respond,
        } += 1;
        let source = usize::from(decided.alert.source.0);
        if source >= self.sources.len() {
            self.sources.resize(source + 1, 0);
        }
        self.sources[source] += 1;
        for problem in decided.problems {
            match self.problems.get_mut(&problem.code) {
                Some(count) => *count += 1,
                None => drop(self.problems.insert(problem.code.clone(), 1)),
            }
        }
        self.duplicates += u64::from(decided.observed.duplicate);
        self.touched.add(decided.touched);
        self.latest = self.latest.max(decided.alert.row.time(s::ALERT_TIME).unwrap_or_default());
    }

    fn append(&mut self, later: &mut Counts) {
        let later = std::mem::take(later);
        self.outcomes.iter_mut().zip(later.outcomes).for_each(|(count, more)| *count += more);
        self.sources.resize(self.sources.len().max(later.sources.len()), 0);
        self.sources.iter_mut().zip(later.sources).for_each(|(count, more)| *count += more);
        for (code, more) in later.problems {
            *self.problems.entry(code).or_default() += more;
        }
        self.duplicates += later.duplicates;
        self.touched.merge(&later.touched);
        self.latest = self.latest.max(later.latest);
        self.failed += later.failed;
    }
}

impl Report<'_> {
    fn record(&self, decided: &Decided<'_>) -> Record {
        let input = self.inputs.get(decided.alert.place.input as usize).map_or("", String::as_str);
        Record::new(Parts {
            decision: decided.decision,
            alert: decided.alert,
            problems: decided.problems,
            input,
            duplicate: decided.observed.duplicate,
            book: self.book,
        })
    }

    fn write(&self, decided: &Decided<'_>, text: &mut Vec<u8>) -> io::Result<()> {
        match self.format {
            Format::Table | Format::Html => return Ok(()),
            Format::Json => {
                text.extend_from_slice(b",\n");
                serde_json::to_writer(&mut *text, &self.record(decided))?;
            }
            Format::Jsonl => {
                serde_json::to_writer(&mut *text, &self.record(decided))?;
                text.push(b'\n');
            }
            Format::Ocsf => {
                serde_json::to_writer(&mut *text, &ocsf::finding(&self.record(decided)))?;
                text.push(b'\n');
            }
        }
        Ok(())
    }

    /// What stands before the first decision.
    fn begin(&self, out: &mut dyn Write, text: &[u8]) -> io::Result<()> {
        match self.format {
            // The comma before the first record becomes the array's bracket.
            Format::Json => out.write_all(b"[").and_then(|()| out.write_all(text.get(1..).unwrap_or(b""))),
            _ => out.write_all(text),
        }
    }

    /// What stands behind the last decision.
    pub(crate) fn end(&self, totals: &mut Totals) -> io::Result<()> {
        if self.format == Format::Json {
            totals.out.write_all(if totals.begun { b"\n]\n" } else { b"[]\n" })?;
        }
        totals.out.flush()
    }
}

impl Totals {
    /// Nothing so far, to be written to `out` and `writer`.
    pub(crate) fn new(out: Box<dyn Write + Send>, writer: Option<Writer>) -> Self {
        let (counts, queue) = (Counts::default(), Queue::default());
        Self { counts, cases: 0, queue, failures: Vec::new(), out, writer, begun: false }
    }
}

impl Output for Report<'_> {
    type Batch = Batch;
    type Sink = Totals;

    fn batch(&self) -> Batch {
        let (archive, error) = match self.keep.then(archive::Batch::new).transpose() {
            Ok(batch) => (batch, None),
            Err(error) => (None, Some(error)),
        };
        let (queue, counts) = (Queue::default(), Counts::default());
        Batch { text: Vec::new(), queue, counts, failures: Vec::new(), archive, error }
    }

    fn clear(&self, batch: &mut Batch) {
        batch.text.clear();
        batch.queue = Queue::default();
        batch.counts = Counts::default();
        batch.failures.clear();
        if let Some(archive) = &mut batch.archive {
            archive.clear();
        }
    }

    fn decided(&self, batch: &mut Batch, decided: &Decided<'_>) {
        batch.counts.add(decided);
        batch.queue.add(decided, self.format == Format::Html);
        if let Err(error) = self.write(decided, &mut batch.text) {
            batch.error.get_or_insert(error);
        }
        if let Some(archive) = &mut batch.archive {
            let Decided { raw, alert, decision, problems, observed, .. } = *decided;
            archive.add(&Keep { raw, alert, decision, problems, duplicate: observed.duplicate });
        }
    }

    fn failed(&self, batch: &mut Batch, failed: &Failed<'_>) {
        batch.counts.failed += 1;
        if batch.failures.len() < FAILURES_MAX {
            let Failed { input, line, code, detail } = *failed;
            batch.failures.push(Failure { input, line, code: code.into(), detail: detail.into() });
        }
    }

    fn finish(&self, batch: &mut Batch) {
        if let Some(Err(error)) = batch.archive.as_mut().map(archive::Batch::pack) {
            batch.error.get_or_insert(error);
        }
    }

    fn emit(&self, totals: &mut Totals, batch: &mut Batch) -> io::Result<()> {
        if let Some(error) = batch.error.take() {
            return Err(error);
        }
        if totals.begun || batch.text.is_empty() {
            totals.out.write_all(&batch.text)?;
        } else {
            self.begin(&mut *totals.out, &batch.text)?;
            totals.begun = true;
        }
        totals.out.flush()?;
        if let (Some(writer), Some(archive)) = (&mut totals.writer, &batch.archive) {
            writer.append(archive)?;
        }
        totals.counts.append(&mut batch.counts);
        totals.cases += batch.queue.opened;
        totals.queue.append(&mut batch.queue);
        totals.queue.bound(if self.format == Format::Html { PAGES_MAX } else { CASES_MAX });
        let room = FAILURES_MAX.saturating_sub(totals.failures.len());
        totals.failures.extend(batch.failures.drain(..).take(room));
        self.seen.store(totals.counts.decided() + totals.counts.failed, Ordering::Relaxed);
        Ok(())
    }
}
