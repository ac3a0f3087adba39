//! `adjutant explain`: one decision, from the raw field to the outcome.

use crate::args::{Explain, ExplainFormat};
use crate::exit::Exit;
use crate::table::painted;
use crate::{book, html, term};
use adjutant_engine::explain::style::{self, Line};
use adjutant_engine::record::{self, Parts, Record};
use adjutant_engine::{explain, flip};
use adjutant_model::Schema;
use adjutant_model::schema::slots as s;
use adjutant_rules::Book;
use adjutant_runtime::archive::{Archive, Entry, Found};

/// Columns when the output is no terminal.
const WIDTH: usize = 100;

/// Decisions listed when an id names several.
const LISTED_MAX: usize = 20;

pub(crate) fn run(args: &Explain) -> anyhow::Result<Exit> {
    let archive = Archive::open(&args.archive)?;
    if args.id.is_empty() || !args.id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        anyhow::bail!("`{}` is no id; ids are hexadecimal digits, as the queue and the records show them", args.id);
    }
    let mut schema = |digest| -> anyhow::Result<Schema> { Ok(book::load(Some(&archive.book_dir(digest)))?.schema) };
    let found = archive.find(&args.id, &mut schema)?;
    let Some(found) = the_one(found, args)? else { return Ok(Exit::Faulty) };
    let book = book::load(Some(&archive.book_dir(found.entry.decision.book)))?;
    let inputs = archive.runs().get(found.run).map_or(&[][..], |run| &run.inputs);
    let text = match args.format {
        ExplainFormat::Json => serde_json::to_string_pretty(&record_of(&found.entry, &book, inputs))? + "\n",
        ExplainFormat::Html => html::page(&lines(&found.entry, &book, inputs, WIDTH)),
        ExplainFormat::Svg => style::svg(&lines(&found.entry, &book, inputs, WIDTH), WIDTH),
        ExplainFormat::Text => painted(&lines(&found.entry, &book, inputs, term::width().unwrap_or(WIDTH))),
    };
    term::output(text.as_bytes())?;
    if args.raw {
        term::output(painted(&[Line::new(), Line::new().plain(String::from_utf8_lossy(&found.raw))]).as_bytes())?;
    }
    Ok(Exit::Ok)
}

/// The decision that was meant: the only one, or the latest of the only case.
fn the_one(mut found: Vec<Found>, args: &Explain) -> anyhow::Result<Option<Found>> {
    let Some(last) = found.pop() else {
        anyhow::bail!("nothing in `{}` has an id that begins with `{}`", args.archive.display(), args.id);
    };
    let case = last.entry.decision.case;
    if found.iter().all(|other| other.entry.decision.case == case) {
        return Ok(Some(last));
    }
    eprintln!("`{}` begins {} ids; write more of it:", args.id, found.len() + 1);
    for other in found.iter().chain([&last]).take(LISTED_MAX) {
        let decision = &other.entry.decision;
        eprintln!("  decision {}  alert {}  case {}  {}", record::id(decision), decision.alert, decision.case, decision.outcome);
    }
    Ok(None)
}

fn record_of(entry: &Entry, book: &Book, inputs: &[String]) -> Record {
    let input = inputs.get(entry.alert.place.input as usize).map_or("", String::as_str);
    let Entry { alert, decision, problems, duplicate, .. } = entry;
    Record::new(Parts { decision, alert, problems, input, duplicate: *duplicate, book })
}

/// The explanation of a kept decision.
pub(crate) fn lines(entry: &Entry, book: &Book, inputs: &[String], width: usize) -> Vec<Line> {
    let record = record_of(entry, book, inputs);
    let row = &entry.alert.row;
    let flips = flip::flips(&entry.decision, row, row.time(s::ALERT_TIME).unwrap_or_default(), book);
    explain::explain(&record, &flips, width)
}

/// The name of a kept decision.
pub(crate) fn id(entry: &Entry) -> String {
    record::id(&entry.decision)
}
