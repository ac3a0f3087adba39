//! `adjutant schema`: the names that conditions may use, and the shape of the decision record.

use crate::args::Schema;
use crate::book;
use crate::exit::Exit;
use crate::term::output;
use adjutant_engine::record::Record;
use adjutant_model::Type;
use adjutant_model::schema::{Field, Kind};
use std::fmt::Write as _;

pub(crate) fn run(args: &Schema) -> anyhow::Result<Exit> {
    let text = if args.record { record()? } else { names(args)? };
    output(text.as_bytes())?;
    Ok(Exit::Ok)
}

fn record() -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&schemars::schema_for!(Record))? + "\n")
}

fn names(args: &Schema) -> anyhow::Result<String> {
    let book = book::load(args.book.book.as_deref())?;
    let mut text = String::new();
    for (kind, heading) in [
        (Kind::Field, "fields: what a source says"),
        (Kind::History, "history: what was seen before"),
        (Kind::Derived, "derived: what follows from other facts"),
        (Kind::Context, "context: what the book's context sources say"),
    ] {
        let _ = writeln!(text, "{heading}\n");
        for (_, field) in book.schema.fields().filter(|(_, field)| field.kind == kind) {
            let _ = writeln!(text, "  {:24} {:14} {}", field.name, field.ty.name(), about(field));
        }
        text.push('\n');
    }
    Ok(text)
}

fn about(field: &Field) -> String {
    match &field.ty {
        Type::Level(levels) => {
            let between = if levels.ordered { " < " } else { ", " };
            format!("{} One of {}.", field.about, levels.names.join(between))
        }
        _ => field.about.clone(),
    }
}
