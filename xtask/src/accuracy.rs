//! `cargo xtask accuracy DIR`: our fields against a reference's, record by record.
//!
//! DIR has one `<product>.jsonl` for each product, `expected/` and `text/` beside it. A reference document is in
//! the Elastic Common Schema; [`compare`] says which of its fields stands for which of ours. A value counts
//! only when the record states it: what a reference looked up or computed (geography, reverse names) is not
//! the record's to state. Nothing read here enters the project.

mod compare;
mod report;

use adjutant_engine::normalize::{Hints, Scratch, Terms, normalize_into};
use adjutant_model::row::Origin;
use adjutant_model::schema::slots;
use adjutant_model::{Alert, Place, RawAlert, Schema};
use adjutant_rules::lang::Lists;
use adjutant_rules::source::{Source, Sources};
use anyhow::{Context, bail};
use compare::{FIELDS, Verdict};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How many were right of how many were stated.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Right.
    pub(crate) right: u64,
    /// Stated by reference and record.
    pub(crate) stated: u64,
}

/// One product's figures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Product {
    /// Records read.
    pub(crate) records: u64,
    /// Records that a source of their own read.
    pub(crate) recognised: u64,
    /// Records that gave no alert, with the first reason.
    pub(crate) dropped: Vec<String>,
    /// Records whose time differs from the reference's although the record states date and year.
    pub(crate) times_wrong: u64,
    /// Which sources read them.
    pub(crate) sources: BTreeMap<String, u64>,
    /// Figures of each field.
    pub(crate) fields: BTreeMap<&'static str, Tally>,
    /// A few differences, for people.
    pub(crate) examples: Vec<String>,
}

/// Everything that was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accuracy {
    /// By product.
    pub(crate) products: BTreeMap<String, Product>,
}

/// Measures the records under `dir` with the sources under `book`.
///
/// # Errors
/// The book has faults, or a file cannot be read.
pub(crate) fn run(dir: &Path, book: &Path, json: Option<&Path>, examples: bool) -> anyhow::Result<Accuracy> {
    let schema = Schema::built_in();
    let sources = load(book, &schema)?;
    let mut accuracy = Accuracy::default();
    for (folder, text) in [(dir.to_path_buf(), false), (dir.join("text"), true)] {
        for file in records_of(&folder)? {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let product = accuracy.products.entry(if text { format!("text/{name}") } else { name }).or_default();
            let lines = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            let expected = folder.join("expected").join(file.file_name().unwrap_or_default());
            let expected = std::fs::read_to_string(expected).unwrap_or_default();
            let mut worker = Worker { sources: &sources, schema: &schema, scratch: Scratch::default(), alert: Alert::default() };
            for (at, line) in lines.lines().enumerate() {
                let reference = expected.lines().nth(at).and_then(|line| serde_json::from_str(line).ok()).unwrap_or(Value::Null);
                worker.record(line, text, &reference, product)?;
            }
        }
    }
    accuracy.print(examples);
    if let Some(path) = json {
        std::fs::write(path, serde_json::to_string_pretty(&accuracy.figures())? + "\n")?;
    }
    Ok(accuracy)
}

/// The sources in `folder`, or all their faults.
fn load(folder: &Path, schema: &Schema) -> anyhow::Result<Sources> {
    let lists = lists(&folder.with_file_name("lists"))?;
    let mut loaded = Vec::new();
    let mut faults = String::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "yaml")) {
        let name = format!("sources/{}", file.file_name().unwrap_or_default().to_string_lossy());
        let text = std::fs::read_to_string(file)?;
        match Source::load(&name, &text, schema, &lists) {
            Ok(source) => loaded.push((name, source)),
            Err(found) => found.iter().for_each(|fault| faults.push_str(&fault.render(&text, false))),
        }
    }
    if !faults.is_empty() {
        bail!("the sources have faults\n{faults}");
    }
    Sources::new(loaded).map_err(|faults| anyhow::anyhow!("{faults:?}"))
}

/// The lists in `folder`, which sources may ask.
fn lists(folder: &Path) -> anyhow::Result<Lists> {
    let mut lists = Lists::default();
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".txt")) {
            lists.add(name, &std::fs::read_to_string(&path)?);
        }
    }
    Ok(lists)
}

fn records_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    Ok(files)
}

struct Worker<'w> {
    sources: &'w Sources,
    schema: &'w Schema,
    scratch: Scratch,
    alert: Alert,
}

impl Worker<'_> {
    fn record(&mut self, line: &str, text: bool, reference: &Value, product: &mut Product) -> anyhow::Result<()> {
        let parsed: Value = serde_json::from_str(line).unwrap_or(Value::Null);
        let raw = match parsed.get("_raw").and_then(Value::as_str).filter(|_| text) {
            Some(raw) => raw,
            None => line,
        };
        product.records += 1;
        let mut problems = Vec::new();
        let record = RawAlert { bytes: raw.as_bytes(), place: Place::default() };
        let read = normalize_into(
            &record,
            Terms { sources: self.sources, slots: self.schema.len(), hints: Hints::default() },
            &mut self.scratch,
            &mut self.alert,
            &mut problems,
        );
        if let Err(problem) = read {
            product.dropped.push(problem.to_string());
            return Ok(());
        }
        if let Some(source) = self.sources.get(self.alert.source) {
            *product.sources.entry(source.name.clone()).or_default() += 1;
            product.recognised += u64::from(!source.is_fallback());
        }
        let doc = reference.get("doc").filter(|_| reference.get("schema").is_some_and(|schema| schema == "ecs-elastic"));
        if let Some(doc) = doc.filter(|doc| doc.is_object()) {
            self.compare(raw, doc, product);
        }
        Ok(())
    }

    fn compare(&self, raw: &str, doc: &Value, product: &mut Product) {
        let stated = compare::Stated::of(raw);
        for field in FIELDS {
            let verdict = field.compare(&self.alert.row, self.schema, doc, &stated);
            let (right, ours, theirs) = match verdict {
                Verdict::NotStated => continue,
                Verdict::Right => (true, String::new(), String::new()),
                Verdict::Wrong { ours, theirs } => (false, ours, theirs),
            };
            let tally = product.fields.entry(field.name).or_default();
            tally.stated += 1;
            tally.right += u64::from(right);
            if right {
                continue;
            }
            let inferred = self.alert.row.cell(slots::ALERT_TIME).origin == Origin::Inferred;
            product.times_wrong += u64::from(field.name == "time" && ours != "-" && !inferred);
            if product.examples.len() < 400 {
                product.examples.push(format!("{}: ours `{ours}`, theirs `{theirs}`", field.name));
            }
        }
    }
}
