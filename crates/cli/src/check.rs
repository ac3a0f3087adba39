//! `adjutant check`: every fault of a book, with what to do.

use crate::args::Check;
use crate::book::{count, files, show};
use crate::exit::Exit;
use crate::term::output;
use adjutant_model::Time;
use adjutant_rules::diagnostic::{Diagnostic, Severity};
use adjutant_rules::{Book, check};
use std::time::SystemTime;

pub(crate) fn run(args: &Check) -> anyhow::Result<Exit> {
    let files = files(args.dir.as_deref())?;
    let texts = files.clone();
    let (mut found, loaded) = match Book::load(files) {
        Ok(book) => (check::check(&book, now()), Some(book)),
        Err(found) => (found, None),
    };
    found.extend(crate::lint::of_book(&texts));
    let mut text = show(&found, &texts);
    text.push_str(&verdict(&found, loaded.as_ref()));
    output(text.as_bytes())?;
    let faulty = found.iter().any(|fault| fault.severity == Severity::Error);
    Ok(if faulty { Exit::Faulty } else { Exit::Ok })
}

fn verdict(found: &[Diagnostic], book: Option<&Book>) -> String {
    let (errors, warnings) = (count(found, Severity::Error), count(found, Severity::Warning));
    match book {
        // The book decides all the same; the hand does not start with such a connector.
        Some(_) if found.iter().any(|fault| fault.severity == Severity::Error) => {
            format!("the book loads, its connectors do not: {errors}, {warnings}\n")
        }
        Some(book) => {
            let (sources, playbooks) = (book.sources.iter().count(), book.playbooks.len());
            let signals: usize = book.playbooks.iter().map(|playbook| playbook.signals.len()).sum();
            format!(
                "book {} loads: {sources} sources, {playbooks} playbooks, {signals} signals; {warnings}\n",
                book.digest.short()
            )
        }
        None => format!("the book does not load: {errors}, {warnings}\n"),
    }
}

/// The time now, at which exceptions expire.
fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
