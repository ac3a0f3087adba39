//! Bulk triage: every record of the inputs through the engine's stages, on every core, decided in order.
//!
//! Nothing here decides. What happens to a decision is up to an [`Output`]; each record reaches it exactly once,
//! as decided or as failed, in the order of intake.

use crate::pipeline::Job;
use crate::read::{Chunk, Fault, Record};
use adjutant_engine::context::Touched;
pub use adjutant_engine::desk::Options;
use adjutant_engine::desk::{Desk, Scratch};
use adjutant_engine::memory::{Keys, Limits, Memory, Observation};
use adjutant_model::{Alert, Decision, Place, Problem, RawAlert};
use std::io;

/// One record that was decided.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// The record as it came.
    pub raw: &'a [u8],
    /// The alert, its row filled with all facts.
    pub alert: &'a Alert,
    /// What was decided.
    pub decision: &'a Decision,
    /// What could not be read of it.
    pub problems: &'a [Problem],
    /// What memory said of it.
    pub observed: &'a Observation,
    /// Which context sources should have spoken of it and could not be used.
    pub touched: Touched,
}

/// One record, or one whole input, that could not be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed<'a> {
    /// The number of the input.
    pub input: u32,
    /// Its line; 0 for the whole input.
    pub line: u64,
    /// A stable code.
    pub code: &'a str,
    /// What is wrong, for people.
    pub detail: &'a str,
}

/// What becomes of decisions.
pub trait Output: Sync {
    /// What a worker makes of one chunk's decisions; used again for the next.
    type Batch: Send;
    /// What takes the batches in order.
    type Sink: Send;

    /// An empty batch.
    fn batch(&self) -> Self::Batch;
    /// Forgets what `batch` held.
    fn clear(&self, batch: &mut Self::Batch);
    /// Takes in one decision, where workers run side by side.
    fn decided(&self, batch: &mut Self::Batch, decided: &Decided<'_>);
    /// Takes in one failure, where workers run side by side.
    fn failed(&self, batch: &mut Self::Batch, failed: &Failed<'_>);
    /// Makes a batch ready to be handed on, where workers run side by side.
    fn finish(&self, batch: &mut Self::Batch);
    /// Hands a batch on, in the order of intake.
    ///
    /// # Errors
    /// It cannot be written.
    fn emit(&self, sink: &mut Self::Sink, batch: &mut Self::Batch) -> io::Result<()>;
}

/// A job for [`crate::pipeline::run`].
pub struct Triage<'b, O> {
    desk: Desk<'b>,
    /// What becomes of decisions.
    pub output: O,
}

/// What a worker makes of one chunk.
pub struct Batch<B> {
    work: Scratch,
    /// One for each record of the chunk; more from larger chunks before.
    items: Vec<Item>,
    /// The places of the chunk's records, those that begin alike next to each other.
    alike: Vec<usize>,
    output: B,
}

/// One record on its way.
#[derive(Default)]
struct Item {
    touched: Touched,
    alert: Alert,
    problems: Vec<Problem>,
    keys: Keys,
    observed: Option<Observation>,
    decision: Option<Decision>,
    failed: Option<Problem>,
}

impl<'b, O: Output> Triage<'b, O> {
    /// Triage as `options` say, into `output`.
    pub fn new(options: Options<'b>, output: O) -> Self {
        Self { desk: Desk::new(options), output }
    }

    /// A memory that has seen nothing yet, for [`crate::pipeline::run`].
    pub fn memory(&self) -> Memory {
        self.desk.memory(Limits::default())
    }

    fn normalize_one(&self, raw: RawAlert<'_>, work: &mut Scratch, item: &mut Item) {
        item.observed = None;
        item.failed = self.desk.normalize(&raw, work, &mut item.alert, &mut item.problems).err();
    }

    fn decide_one(&self, item: &mut Item) {
        let Item { alert, observed, decision, .. } = item;
        let spare = decision.take().unwrap_or_else(|| Decision::undecided(self.desk.book().digest));
        *decision = observed.as_ref().map(|observed| self.desk.decide(alert, &observed.joined, spare));
    }

    fn hand_on(&self, raw: &[u8], item: &mut Item, output: &mut O::Batch) {
        let place = item.alert.place;
        let Item { alert, problems, observed: Some(observed), decision: Some(decision), touched, .. } = item else {
            let problem = item.failed.take().unwrap_or_else(not_observed);
            let failed = Failed { input: place.input, line: place.line, code: &problem.code, detail: &problem.to_string() };
            return self.output.failed(output, &failed);
        };
        self.output.decided(output, &Decided { raw, alert, decision, problems, observed, touched: *touched });
    }
}

impl<O: Output> Job for Triage<'_, O> {
    type Batch = Batch<O::Batch>;
    type Order = Memory;
    type Sink = O::Sink;

    fn batch(&self) -> Self::Batch {
        Batch { work: Scratch::default(), items: Vec::new(), alike: Vec::new(), output: self.output.batch() }
    }

    fn prepare(&self, chunk: &Chunk, batch: &mut Self::Batch) {
        let records = chunk.records();
        batch.items.resize_with(records.len().max(batch.items.len()), Item::default);
        batch.alike.clear();
        batch.alike.extend(0..records.len());
        batch.alike.sort_by_cached_key(|at| beginning(chunk.bytes(&records[*at])));
        for at in &batch.alike {
            let record = &records[*at];
            let place = Place { input: chunk.input(), line: record.line };
            self.normalize_one(RawAlert { bytes: chunk.bytes(record), place }, &mut batch.work, &mut batch.items[*at]);
        }
        for item in &mut batch.items[..records.len()] {
            if item.failed.is_none() {
                item.touched = self.desk.context(&mut item.alert, &mut batch.work);
            }
        }
        for item in &mut batch.items[..records.len()] {
            if item.failed.is_none() {
                item.keys = self.desk.keys(&mut item.alert, &mut batch.work);
            }
        }
    }

    fn observe(&self, memory: &mut Memory, chunk: &Chunk, batch: &mut Self::Batch) {
        let items = &mut batch.items[..chunk.records().len()];
        memory.look_ahead(items.iter().filter(|item| item.failed.is_none()).map(|item| &item.keys));
        for item in items {
            if item.failed.is_none() {
                item.observed = Some(memory.observe(&mut item.alert, &item.keys));
            }
        }
    }

    fn decide(&self, chunk: &Chunk, batch: &mut Self::Batch) {
        for at in &batch.alike {
            self.decide_one(&mut batch.items[*at]);
        }
        self.output.clear(&mut batch.output);
        let mut faults = chunk.faults().iter().peekable();
        let fail = |fault: &Fault, output: &mut O::Batch| {
            let failed = Failed { input: chunk.input(), line: fault.line, code: fault.code, detail: &fault.detail };
            self.output.failed(output, &failed);
        };
        let both = chunk.records().iter().zip(&mut batch.items).enumerate();
        for (number, (record, item)) in both {
            while let Some(fault) = faults.next_if(|fault| fault.before <= number) {
                fail(fault, &mut batch.output);
            }
            let record: &Record = record;
            self.hand_on(chunk.bytes(record), item, &mut batch.output);
        }
        faults.for_each(|fault| fail(fault, &mut batch.output));
        self.output.finish(&mut batch.output);
    }

    fn emit(&self, sink: &mut O::Sink, _: &Chunk, batch: &mut Self::Batch) -> io::Result<()> {
        self.output.emit(sink, &mut batch.output)
    }
}

/// How a record begins: records of one vendor mostly begin alike.
fn beginning(bytes: &[u8]) -> u128 {
    bytes.first_chunk().map_or(0, |beginning| u128::from_be_bytes(*beginning))
}

/// Every record is observed or failed; this says so should that ever not be true, instead of losing the record.
fn not_observed() -> Problem {
    Problem { code: "internal".into(), field: String::new(), detail: "the record was not observed; please report it".into() }
}
