//! `adjutant connect lint`: every fault of connectors' files, and for each verb of those in order what takes it back.

use crate::book::{count, show};
use crate::exit::Exit;
use crate::term::output;
use adjutant_connect::http::{Definition, lint};
use adjutant_rules::Files;
use adjutant_rules::diagnostic::{Diagnostic, Severity};
use anyhow::Context as _;
use std::fmt::Write as _;
use std::path::Path;

/// Where a book keeps its connectors.
const FOLDER: &str = "connectors";

/// No connector is as long; what is longer is another file.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn run(path: &Path) -> anyhow::Result<Exit> {
    let files = read(path)?;
    let found: Vec<Diagnostic> = files.iter().flat_map(|(file, text)| lint(file, text)).collect();
    let mut text = show(&found, &files);
    for (file, content) in &files {
        if let Ok(definition) = Definition::load(file, content) {
            text.push_str(&proof(&definition));
        }
    }
    let (errors, warnings) = (count(&found, Severity::Error), count(&found, Severity::Warning));
    let faulty = found.iter().any(|fault| fault.severity == Severity::Error);
    let files = if files.len() == 1 { "1 file".to_owned() } else { format!("{} files", files.len()) };
    let verdict = if faulty { "no connector with a fault is used" } else { "every act has a probe, and an undo or a reason" };
    let _ = writeln!(text, "{files}: {errors}, {warnings}; {verdict}");
    output(text.as_bytes())?;
    Ok(if faulty { Exit::Faulty } else { Exit::Ok })
}

/// What is wrong with the connectors of a book.
pub(crate) fn of_book(files: &Files) -> Vec<Diagnostic> {
    let connectors = files.iter().filter(|(file, _)| file.starts_with("connectors/") && file.ends_with(".yaml"));
    connectors.flat_map(|(file, text)| lint(file, text)).collect()
}

/// A line for each verb: what takes it back, or why nothing does.
fn proof(definition: &Definition) -> String {
    let mut text = format!("{}: {}\n", definition.name, definition.title);
    for offer in definition.offers() {
        let waived = definition.waivers().find(|(verb, _)| *verb == offer.verb);
        let undo = waived.map_or_else(|| "undo".to_owned(), |(_, reason)| format!("no undo: {reason}"));
        let _ = writeln!(text, "  {:<22} {:<8} probe, {undo}", offer.verb, offer.kind.name());
    }
    if definition.offers().is_empty() {
        text.push_str("  looks up, and changes nothing\n");
    }
    text
}

/// The files at `path`: it, or those in it; of a book, those of its connectors.
fn read(path: &Path) -> anyhow::Result<Files> {
    let inside = path.join(FOLDER);
    let folder = if inside.is_dir() { inside } else { path.to_path_buf() };
    let mut paths = vec![folder.clone()];
    if folder.is_dir() {
        let entries = std::fs::read_dir(&folder).with_context(|| format!("`{}` cannot be read", folder.display()))?;
        paths = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_connector(path)).collect();
        if paths.is_empty() {
            anyhow::bail!("`{}` has no connector: their files end in .yaml", folder.display());
        }
    }
    paths.iter().map(|path| Ok((path.display().to_string(), one(path)?))).collect()
}

fn is_connector(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|extension| extension == "yaml")
}

fn one(path: &Path) -> anyhow::Result<String> {
    let unread = || format!("`{}` cannot be read", path.display());
    let size = std::fs::metadata(path).with_context(unread)?.len();
    if size > FILE_BYTES_MAX {
        anyhow::bail!("`{}` is longer than a connector may be: {FILE_BYTES_MAX} bytes", path.display());
    }
    std::fs::read_to_string(path).with_context(unread)
}
