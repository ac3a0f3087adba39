//! The samples that a book carries beside its sources: what goes in, and what must come out.
//!
//! `sources/NAME/CASE.json` (or `.log`, `.eml`) is one record, `sources/NAME/CASE.expect.yaml` beside it says which
//! source reads it, every field that it states, and the problems' codes. A field too many is a failure like a
//! field too few, so that a changed mapping shows in the diff.

use super::{Hints, Scratch, Terms, normalize_into};
use crate::show::shown;
use adjutant_model::{Alert, Place, RawAlert, Schema, Value};
use adjutant_rules::Files;
use adjutant_rules::diagnostic::read_yaml;
use adjutant_rules::source::Sources;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a record comes to, or must: names to texts.
pub type Stated = BTreeMap<String, String>;

/// One sample of a book.
#[derive(Clone, Debug)]
pub struct Sample<'b> {
    /// The source that carries it.
    pub source: &'b str,
    /// Its name.
    pub case: &'b str,
    /// The record.
    pub record: &'b str,
    /// The path of what must come out.
    pub expect: String,
}

/// Every sample among the files of a book.
pub fn all(files: &Files) -> Vec<Sample<'_>> {
    files.iter().filter_map(|(path, record)| sample(path, record)).collect()
}

fn sample<'b>(path: &'b str, record: &'b str) -> Option<Sample<'b>> {
    let (source, file) = path.strip_prefix("sources/")?.split_once('/')?;
    let case = [".json", ".log", ".eml"].iter().find_map(|end| file.strip_suffix(end))?;
    Some(Sample { source, case, record, expect: format!("sources/{source}/{case}.expect.yaml") })
}

/// What `sample` comes to: `source`, `problems`, and every field that is stated.
pub fn stated(sources: &Sources, schema: &Schema, sample: &Sample<'_>) -> Stated {
    let (mut alert, mut problems) = (Alert::default(), Vec::new());
    let raw = RawAlert { bytes: sample.record.trim_end().as_bytes(), place: Place::default() };
    let mut scratch = Scratch::default();
    let terms = Terms { sources, slots: schema.len(), hints: Hints::default() };
    let read = normalize_into(&raw, terms, &mut scratch, &mut alert, &mut problems);
    let mut stated = Stated::new();
    if let Err(problem) = read {
        stated.insert("refused".into(), problem.code);
        return stated;
    }
    stated.insert("source".into(), sources.get(alert.source).map_or_else(String::new, |source| source.name.clone()));
    let known = alert.row.cells().filter(|(_, cell)| cell.value.is_known());
    stated.extend(known.map(|(slot, cell)| {
        let text = match cell.value {
            Value::Int(number) => number.to_string(),
            value => shown(&alert.row, slot, value, schema),
        };
        (schema.name(slot).to_owned(), text)
    }));
    let mut codes: Vec<String> = problems.into_iter().map(|problem| problem.code).collect();
    codes.dedup();
    if !codes.is_empty() {
        stated.insert("problems".into(), codes.join(", "));
    }
    stated
}

/// What is not as `sample` demands.
pub fn failures(files: &Files, sources: &Sources, schema: &Schema, sample: &Sample<'_>) -> Vec<String> {
    let Some(text) = files.get(&sample.expect) else {
        return vec![format!("`{}` is missing; it says what must come out", sample.expect)];
    };
    let expected: Stated = match read_yaml(&sample.expect, text) {
        Ok(expected) => expected,
        Err(fault) => return vec![fault.to_string()],
    };
    let stated = stated(sources, schema, sample);
    let mut names: Vec<&String> = expected.keys().chain(stated.keys()).collect();
    names.sort();
    names.dedup();
    let differing = names.into_iter().filter(|name| expected.get(*name) != stated.get(*name));
    let nothing = || "nothing".to_owned();
    differing
        .map(|name| {
            let shown = |of: &Stated| of.get(name).map_or_else(nothing, |text| format!("`{text}`"));
            format!("{name}: expected {}, and it is {}", shown(&expected), shown(&stated))
        })
        .collect()
}

/// `stated` as the text of an expect file.
pub fn expect_text(stated: &Stated) -> String {
    let mut text = String::new();
    for (name, value) in stated {
        // JSON's strings are YAML's.
        let quoted = serde_json::Value::from(value.as_str());
        let _ = writeln!(text, "{name}: {quoted}");
    }
    text
}
