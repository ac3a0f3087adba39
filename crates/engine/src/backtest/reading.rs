//! Whether another book reads alerts as the one that decided: then recorded facts may be decided again as they are.

use crate::correlate::Policy;
use adjutant_rules::{Book, Files};
use std::collections::BTreeSet;

const SOURCES: &str = "sources/";
const CONTRACTS: &str = "context/";
const LISTS: &str = "lists/";

/// What of `new` normalizes, looks up or correlates differently from `old`: the files, in order. With any, recorded
/// facts are not those that `new` would have seen, and a backtest starts again from the stored alerts.
pub fn changed(old: &Book, new: &Book) -> Vec<String> {
    let names: BTreeSet<&String> = old.files.keys().chain(new.files.keys()).collect();
    let differs = |name: &&&String| old.files.get(**name) != new.files.get(**name);
    let reads = |name: &&&String| {
        is_yaml_in(name, SOURCES) || is_yaml_in(name, CONTRACTS) || used(&old.files, name) || used(&new.files, name)
    };
    let mut changed: Vec<String> = names.iter().filter(reads).filter(differs).map(|name| (*name).clone()).collect();
    if Policy::of(&old.correlate) != Policy::of(&new.correlate) {
        changed.push("correlate.yaml".into());
    }
    changed
}

/// Whether a source of `files` uses the list in the file `name`.
fn used(files: &Files, name: &str) -> bool {
    let Some(list) = name.strip_prefix(LISTS).and_then(|name| name.strip_suffix(".txt")) else { return false };
    let quoted = [format!("\"{list}\""), format!("'{list}'")];
    let names_it = |text: &String| quoted.iter().any(|quoted| text.contains(quoted));
    files.iter().any(|(path, text)| is_yaml_in(path, SOURCES) && names_it(text))
}

fn is_yaml_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|name| !name.contains('/') && (name.ends_with(".yaml") || name.ends_with(".yml")))
}
