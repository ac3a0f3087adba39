//! Loads a book and shows what is wrong with it.

use crate::term;
use adjutant_engine::context::Snapshot;
use adjutant_rules::contract::Contract;
use adjutant_rules::diagnostic::{Diagnostic, Severity};
use adjutant_rules::{Book, Files, lang};
use adjutant_runtime::book_dir;
use adjutant_runtime::context::{self, Data, Directory, Embedded, Layers};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::thread;

/// Faults shown when another command than `check` meets them.
const SHOWN_MAX: usize = 10;

/// A book that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{name} has {errors}; nothing was done (`{check}` shows all)")]
pub(crate) struct Faulty {
    /// What is wrong, as it is to be shown.
    shown: String,
    name: String,
    errors: String,
    check: String,
}

/// The files of the book in `dir`, or of the one that is part of the program.
pub(crate) fn files(dir: Option<&Path>) -> Result<Files, book_dir::Error> {
    dir.map_or_else(|| Ok(book_dir::shipped()), book_dir::read)
}

/// The book in `dir`, or the one that is part of the program. What is wrong with it is shown.
pub(crate) fn load(dir: Option<&Path>) -> anyhow::Result<Book> {
    quietly(dir).inspect_err(show_faults)
}

/// The same, with nothing shown yet.
pub(crate) fn quietly(dir: Option<&Path>) -> anyhow::Result<Book> {
    Ok(compile(files(dir)?, dir)?)
}

/// Shows what is wrong with a book that could not be loaded, if that is what failed.
pub(crate) fn show_faults(error: &anyhow::Error) {
    if let Some(faulty) = error.downcast_ref::<Faulty>() {
        eprint!("{}", faulty.shown);
    }
}

/// The same with what the organisation knows; neither waits for the other.
pub(crate) fn with_context(dir: Option<&Path>, asked: Option<&Path>) -> anyhow::Result<(Book, Snapshot)> {
    let files = files(dir)?;
    let contracts = Book::contracts(&files);
    thread::scope(|scope| {
        let context = scope.spawn(|| context(contracts, dir, asked));
        let book = compile(files, dir).map_err(anyhow::Error::from).inspect_err(show_faults)?;
        Ok((book, context.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?))
    })
}

fn compile(files: Files, dir: Option<&Path>) -> Result<Book, Faulty> {
    let texts = files.clone();
    Book::load(files).map_err(|found| {
        let name = dir.map_or_else(|| "the shipped book".to_owned(), |dir| format!("the book in `{}`", dir.display()));
        let check = dir.map_or_else(|| "adjutant check".to_owned(), |dir| format!("adjutant check {}", dir.display()));
        let shown = show(found.get(..SHOWN_MAX).unwrap_or(&found), &texts);
        Faulty { shown, name, errors: count(&found, Severity::Error), check }
    })
}

/// Every diagnostic with its line.
pub(crate) fn show(found: &[Diagnostic], files: &Files) -> String {
    let mut text = String::new();
    for diagnostic in found {
        let source = files.get(&diagnostic.file).map_or("", String::as_str);
        let _ = writeln!(text, "{}", diagnostic.render(source, term::color()));
    }
    text
}

/// `3 errors`, `1 warning`.
pub(crate) fn count(found: &[Diagnostic], severity: Severity) -> String {
    let number = found.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let word = if severity == Severity::Error { "error" } else { "warning" };
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// What the organisation knows: the data in `asked`, else in the book's own directory, else the shipped data.
pub(crate) fn context(contracts: Arc<[Contract]>, dir: Option<&Path>, asked: Option<&Path>) -> anyhow::Result<Snapshot> {
    if let Some(missing) = asked.filter(|dir| !dir.is_dir()) {
        anyhow::bail!("there is no directory `{}`", missing.display());
    }
    Ok(context_again(contracts, dir, asked, None))
}

/// The same where a folder may have gone since; `previous` is what was known before.
pub(crate) fn context_again(
    contracts: Arc<[Contract]>,
    dir: Option<&Path>,
    asked: Option<&Path>,
    previous: Option<&Snapshot>,
) -> Snapshot {
    let asked = asked.map(|dir| Directory(dir.into()));
    let own: Box<dyn Data> = match dir {
        Some(dir) => Box::new(Directory(dir.join(book_dir::DATA))),
        None => Box::new(Embedded { files: book_dir::shipped_data(), modified: None }),
    };
    let mut layers: Vec<&dyn Data> = Vec::new();
    layers.extend(asked.as_ref().map(|directory| directory as &dyn Data));
    layers.push(&*own);
    context::load(contracts, &Layers(layers), previous)
}

/// That no source is called `name`, and which one was probably meant.
pub(crate) fn no_source(book: &Book, name: &str) -> String {
    let nearest = lang::nearest(name, book.sources.iter().map(|(_, source)| source.name.as_str()));
    let meant = nearest.map_or_else(String::new, |nearest| format!("did you mean `{nearest}`? "));
    format!("the book has no source `{name}`; {meant}`adjutant sources` lists them")
}
