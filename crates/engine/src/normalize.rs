//! The first stage: one vendor record becomes one alert.
//!
//! Decode the bytes, recognise the source by what is in them, and state each field from the first of its
//! expressions that says something. Pure, and without memory of other records, so records are normalized in
//! any order and in parallel. No record is lost: what no source knows is read by the generic one, what cannot
//! be read of a field is unknown with a [`Problem`], and only what is no record at all is refused.
//!
//! Envelopes (EventBridge, Elasticsearch, a syslog line around JSON …) are taken off first, up to
//! [`ENVELOPES_MAX`] of them. After the first few records nothing is allocated for a field.

mod beside;
mod builder;
mod cef;
mod coerce;
mod country;
mod decode;
mod loose;
mod pairs;
pub mod samples;
mod syslog;
pub mod time;

use adjutant_model::row::Origin;
use adjutant_model::schema::slots;
use adjutant_model::{Alert, Digest, Problem, RawAlert, Slot, SourceId, Time, Why};
use adjutant_rules::Book;
use adjutant_rules::lang::{Doc, Evaluating, Found, List, Map, RawExpr, Val};
use adjutant_rules::source::{Format, Mapping, Source, Sources};
pub use beside::Beside;
use coerce::{Coerced, TEXT_BYTES_MAX, coerce};
use decode::Reader;
use simd_json::{Node, Tape};
use time::Guess;

/// How many envelopes around a record are taken off.
pub const ENVELOPES_MAX: usize = 3;

/// The problem of a record that does not say when it happened.
const TIME_MISSING: &str = "time-missing";

/// What is known about a record besides its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints {
    /// The source, where somebody says so; otherwise it is recognised.
    pub source: Option<SourceId>,
    /// When the record arrived: where a time without year takes its year from.
    pub received: Option<Time>,
}

/// What records are read by.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'b> {
    /// The sources of the book.
    pub sources: &'b Sources,
    /// How many slots the book's schema has.
    pub slots: usize,
    /// What is known about this record.
    pub hints: Hints,
}

impl<'b> Terms<'b> {
    /// The terms of `book` for a record of which `hints` is known.
    pub fn of(book: &'b Book, hints: Hints) -> Self {
        Self { sources: &book.sources, slots: book.schema.len(), hints }
    }
}

/// Memory that records are normalized in, used again and again.
#[derive(Default)]
pub struct Scratch {
    stages: [Stage; ENVELOPES_MAX + 1],
}

/// What one envelope's reading needs.
#[derive(Default)]
struct Stage {
    reader: Reader,
    found: Found,
    nodes: Vec<Node<'static>>,
}

/// Normalizes one record into `alert`, and tells what could not be read.
///
/// # Errors
/// The bytes are no record at all: empty, binary, or broken beyond what can be forgiven.
pub fn normalize_into(
    raw: &RawAlert<'_>,
    terms: Terms<'_>,
    scratch: &mut Scratch,
    alert: &mut Alert,
    problems: &mut Vec<Problem>,
) -> Result<(), Problem> {
    alert.row.clear(terms.slots);
    alert.digest = Digest::of(raw.bytes);
    alert.place = raw.place;
    let mut work = Work { terms, inside: false, alert, problems };
    let Some((first, rest)) = scratch.stages.split_first_mut() else { return Ok(()) };
    match work.bytes(raw.bytes, first, rest)? {
        true => Ok(()),
        false => Err(problem("no-source", "", "no source of the book reads such records")),
    }
}

/// Normalizes one record, in memory of its own.
///
/// # Errors
/// As [`normalize_into`].
pub fn normalize(raw: &RawAlert<'_>, terms: Terms<'_>) -> Result<(Alert, Vec<Problem>), Problem> {
    let (mut alert, mut problems) = (Alert::default(), Vec::new());
    normalize_into(raw, terms, &mut Scratch::default(), &mut alert, &mut problems)?;
    Ok((alert, problems))
}

pub(crate) fn problem(code: &str, field: &str, detail: &str) -> Problem {
    Problem { code: code.to_owned(), field: field.to_owned(), detail: detail.to_owned() }
}

/// One record on its way.
struct Work<'w> {
    terms: Terms<'w>,
    /// Whether an envelope is being taken off: inside one the generic sources and the hint do not count.
    inside: bool,
    alert: &'w mut Alert,
    problems: &'w mut Vec<Problem>,
}

impl Work<'_> {
    /// Reads bytes; true when a source took them.
    fn bytes(&mut self, raw: &[u8], stage: &mut Stage, rest: &mut [Stage]) -> Result<bool, Problem> {
        let mut tape = Tape(std::mem::take(&mut stage.nodes)).reset();
        let format = stage.reader.read((raw, self.inside), &mut tape, self.problems);
        let taken = format.map(|format| self.nodes(&tape.0, format, &mut stage.found, rest));
        stage.nodes = tape.reset().0;
        taken
    }

    fn nodes(&mut self, tape: &[Node<'_>], format: Format, found: &mut Found, rest: &mut [Stage]) -> bool {
        let sources = self.terms.sources;
        // A source finds nothing in a record of another format: that one is better recognised.
        let reads = |id: &SourceId| sources.get(*id).is_some_and(|source| source.format == format);
        let named = self.terms.hints.source.filter(reads).filter(|_| !self.inside);
        let id = named.or_else(|| sources.recognise(format, tape, found));
        let Some((id, source)) = id.and_then(|id| Some((id, sources.get(id)?))) else { return false };
        if self.inside && source.is_fallback() {
            return false;
        }
        if named.is_some() {
            found.fill(&source.paths, tape, 0);
        }
        let doc = Doc::new(tape, found);
        if source.unwrap.iter().any(|inner| self.envelope(inner, doc, rest)) {
            return true;
        }
        self.alert.source = id;
        self.fields(source, doc);
        true
    }

    /// Reads what an envelope holds; true when a source took it.
    fn envelope(&mut self, inner: &RawExpr, doc: Doc<'_>, rest: &mut [Stage]) -> bool {
        let Some((stage, rest)) = rest.split_first_mut() else { return false };
        let before = self.problems.len();
        let was_inside = std::mem::replace(&mut self.inside, true);
        let taken = match inner.eval(doc) {
            Val::Map(Map::Tape(tape)) => self.nodes(tape, Format::Json, &mut stage.found, rest),
            Val::List(List::Tape([Node::Array { len: 1, .. }, tape @ ..])) => {
                self.nodes(tape, Format::Json, &mut stage.found, rest)
            }
            Val::Text(text) if looks_like_a_record(&text) => self.bytes(text.as_bytes(), stage, rest).unwrap_or(false),
            _ => false,
        };
        self.inside = was_inside;
        if !taken {
            self.problems.truncate(before);
        }
        taken
    }

    fn fields(&mut self, source: &Source, doc: Doc<'_>) {
        let mut reading = Evaluating::new(doc);
        for mapping in source.fields_in(doc) {
            self.field(mapping, source, &mut reading);
        }
        for path in doc.found().duplicates() {
            let detail = "the record states it more than once; the last one counts";
            self.problems.push(problem("duplicate-key", source.paths.text(*path), detail));
        }
        if !self.alert.row.value(slots::ALERT_TIME).is_known() && !self.said("alert.time") {
            self.problems.push(problem(TIME_MISSING, "alert.time", "the record does not say when it happened"));
        }
    }

    fn said(&self, field: &str) -> bool {
        self.problems.iter().any(|problem| problem.field == field)
    }

    /// States one field from the first of its expressions that says something readable.
    fn field<'d>(&mut self, mapping: &'d Mapping, source: &Source, reading: &mut Evaluating<'d>) {
        let slot = mapping.slot;
        let mut unreadable = None;
        let mut why = Why::NotStated;
        for expression in &mapping.first_of {
            if expression.needs().is_some_and(|path| !reading.doc().has(path)) {
                continue;
            }
            let value = reading.eval(expression);
            let read = coerce(&value, &mapping.shape, &mut self.alert.row, self.terms.hints.received);
            let origin = origin(expression);
            match read {
                Coerced::NotStated => {
                    if let Val::Unknown(Why::Unreadable) = value {
                        why = Why::Unreadable;
                    }
                }
                Coerced::Value(value) => return self.alert.row.set(slot, value, origin),
                Coerced::Cut(value) => {
                    self.alert.row.set(slot, value, origin);
                    let detail = format!("the text is longer than {TEXT_BYTES_MAX} bytes and was cut; the raw record keeps it");
                    return self.problems.push(problem("cut", field_name(source, expression), &detail));
                }
                Coerced::Guessed(value, guess) => {
                    self.alert.row.set(slot, value, Origin::Inferred);
                    return self.problems.push(problem("time-inferred", "alert.time", guessed(guess)));
                }
                Coerced::Unreadable | Coerced::NoYear => {
                    unreadable.get_or_insert((expression, origin, read));
                }
            }
        }
        self.alert.row.set_unknown(slot, why, Origin::Nothing);
        if let Some((expression, origin, read)) = unreadable {
            self.alert.row.set_unknown(slot, Why::Unreadable, origin);
            self.unreadable(slot, source, expression, read);
        }
    }

    fn unreadable(&mut self, slot: Slot, source: &Source, expression: &RawExpr, read: Coerced) {
        let field = if slot == slots::ALERT_TIME { "alert.time" } else { field_name(source, expression) };
        self.problems.push(match read {
            Coerced::NoYear => {
                problem("time-without-year", field, "the time has no year, and when the record arrived is not known")
            }
            _ => problem("unreadable", field, "the value is not of the field's type; the field is unknown"),
        });
    }
}

/// The path that an expression reads first, for messages.
fn field_name<'s>(source: &'s Source, expression: &RawExpr) -> &'s str {
    expression.first_path().map_or("", |path| source.paths.text(path))
}

fn origin(expression: &RawExpr) -> Origin {
    expression.first_path().map_or(Origin::Derived, Origin::Raw)
}

const fn guessed(guess: Guess) -> &'static str {
    match guess {
        Guess::Year => "the time has no year; it is taken to be the latest before the record arrived",
        Guess::Zone => "the time's zone is not one that everybody reads alike; it is taken for UTC",
        Guess::Order => "the date may be day or month first; it is taken for month first",
        Guess::Nothing => "",
    }
}

/// Whether a text inside a record may be a record itself.
fn looks_like_a_record(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('{') || text.starts_with('<') || cef::find(text).is_some()
}

#[cfg(test)]
mod tests;
