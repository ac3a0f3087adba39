//! `adjutant sources`: what is recognised, and what is read from it.

use crate::args::Sources;
use crate::book;
use crate::exit::Exit;
use crate::term::output;
use adjutant_rules::Book;
use adjutant_rules::source::Source;
use std::fmt::Write as _;

pub(crate) fn run(args: &Sources) -> anyhow::Result<Exit> {
    let book = book::load(args.book.book.as_deref())?;
    let text = match &args.name {
        None => list(&book),
        Some(name) => match book.sources.iter().find(|(_, source)| &source.name == name) {
            Some((_, source)) => fields(&book, source),
            None => anyhow::bail!("{}", book::no_source(&book, name)),
        },
    };
    output(text.as_bytes())?;
    Ok(Exit::Ok)
}

fn list(book: &Book) -> String {
    let width = book.sources.iter().map(|(_, source)| source.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (_, source) in book.sources.iter() {
        let _ = writeln!(text, "{:width$}  {:4}  {}", source.name, source.format.name(), source.title);
    }
    text
}

fn fields(book: &Book, source: &Source) -> String {
    let mut text = format!("{} ({})\n{}\n\n", source.title, source.format.name(), source.docs);
    let width = source.fields.iter().map(|mapping| book.schema.name(mapping.slot).len()).max().unwrap_or(0);
    for mapping in &source.fields {
        let about = book.schema.field(mapping.slot).map_or("", |field| field.about.as_str());
        let _ = writeln!(text, "{:width$}  {about}", book.schema.name(mapping.slot));
    }
    text
}
