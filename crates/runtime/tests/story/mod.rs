//! Tells a story of `cases/`: its alerts through the real pipeline, the last one explained as `adjutant explain` does.
#![allow(dead_code, reason = "each test uses its part")]

use adjutant_engine::context::Snapshot;
use adjutant_engine::explain::{explain, style};
use adjutant_engine::flip;
use adjutant_engine::record::{Parts, Record};
use adjutant_model::schema::slots as s;
use adjutant_model::{Alert, Decision, Problem, Time};
use adjutant_rules::Book;
use adjutant_rules::diagnostic::read_yaml;
use adjutant_runtime::book_dir;
use adjutant_runtime::context::{self, Data, Embedded, Fault, File, Layers};
use adjutant_runtime::pipeline;
use adjutant_runtime::read::{Input, Reader};
use adjutant_runtime::triage::{Decided, Failed, Options, Output, Triage};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Columns of the explanations.
const WIDTH: usize = 100;

/// What every organisation knows that knows nothing of its own; loading it takes longer than a story.
static SHIPPED: OnceLock<Snapshot> = OnceLock::new();

/// What the organisation knew.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct World {
    /// When it was written down.
    written: Option<String>,
    /// Path under `context/data` to content.
    #[serde(default)]
    context: BTreeMap<String, String>,
}

/// One decision with everything that it was made from.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) alert: Alert,
    pub(crate) decision: Decision,
    pub(crate) problems: Vec<Problem>,
    pub(crate) duplicate: bool,
}

/// A story's end.
pub(crate) struct Told {
    pub(crate) record: Record,
    pub(crate) text: String,
}

struct Keep;

impl Output for Keep {
    type Batch = Vec<Kept>;
    type Sink = Vec<Kept>;

    fn batch(&self) -> Vec<Kept> {
        Vec::new()
    }
    fn clear(&self, batch: &mut Vec<Kept>) {
        batch.clear();
    }
    fn decided(&self, batch: &mut Vec<Kept>, decided: &Decided<'_>) {
        batch.push(Kept {
            alert: decided.alert.clone(),
            decision: decided.decision.clone(),
            problems: decided.problems.to_vec(),
            duplicate: decided.observed.duplicate,
        });
    }
    fn failed(&self, _: &mut Vec<Kept>, failed: &Failed<'_>) {
        panic!("line {}: {}", failed.line, failed.detail);
    }
    fn finish(&self, _: &mut Vec<Kept>) {}
    fn emit(&self, sink: &mut Vec<Kept>, batch: &mut Vec<Kept>) -> io::Result<()> {
        sink.append(batch);
        Ok(())
    }
}

impl World {
    fn of(folder: &Path) -> Self {
        let path = folder.join("world.yaml");
        let Ok(text) = fs::read_to_string(&path) else { return Self::default() };
        read_yaml(&path.display().to_string(), &text).unwrap_or_else(|fault| panic!("{}", fault.render(&text, false)))
    }

    fn modified(&self) -> Option<Time> {
        let written: jiff::Timestamp = self.written.as_ref()?.parse().unwrap();
        Some(Time(written.as_microsecond()))
    }
}

impl Data for World {
    fn place(&self) -> String {
        "the story's world".into()
    }
    fn read(&self, path: &str) -> Result<File<'_>, Fault> {
        let text = self.context.get(path).ok_or(Fault::Missing)?;
        Ok(File { bytes: Cow::Borrowed(text.as_bytes()), modified: self.modified() })
    }
    fn list(&self, path: &str) -> Result<Option<Vec<String>>, Fault> {
        let below = format!("{path}/");
        let found: Vec<String> = self.context.keys().filter(|name| name.starts_with(&below)).cloned().collect();
        Ok((!found.is_empty()).then_some(found))
    }
    fn local(&self, _: &str) -> Result<(PathBuf, Option<Time>), Fault> {
        Err(Fault::Missing)
    }
}

pub(crate) fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases")
}

pub(crate) fn shipped() -> Book {
    Book::load(book_dir::shipped()).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// Every decision about the alerts of `file`, in order.
pub(crate) fn decide(book: &Book, folder: &Path, file: &Path) -> Vec<Kept> {
    let world = World::of(folder);
    let data = Embedded { files: book_dir::shipped_data(), modified: None };
    let load = |world: &World| context::load(book.contracts.clone(), &Layers(vec![world, &data]), None);
    let own = (!world.context.is_empty()).then(|| load(&world));
    let snapshot = own.as_ref().unwrap_or_else(|| SHIPPED.get_or_init(|| load(&World::default())));
    let triage = Triage::new(Options { book, context: snapshot, source: None, now: None }, Keep);
    let reader = Reader::new(vec![Input::Path(file.to_path_buf())], Arc::default());
    pipeline::run(&triage, reader, triage.memory(), Vec::new(), 1).unwrap().1
}

pub(crate) fn record(book: &Book, kept: &Kept) -> Record {
    let Kept { alert, decision, problems, duplicate } = kept;
    Record::new(Parts { decision, alert, problems, input: "alert.jsonl", duplicate: *duplicate, book })
}

/// Tells the story in `folder`.
pub(crate) fn tell(book: &Book, folder: &Path) -> Told {
    let decided = decide(book, folder, &folder.join("alert.jsonl"));
    let last = decided.last().unwrap_or_else(|| panic!("{} has no alert", folder.display()));
    let record = record(book, last);
    let row = &last.alert.row;
    let flips = flip::flips(&last.decision, row, row.time(s::ALERT_TIME).unwrap_or_default(), book);
    let mut lines = explain(&record, &flips, WIDTH);
    lines.pop();
    Told { record, text: style::plain(&lines) }
}
