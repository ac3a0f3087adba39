//! Elasticsearch's bulk interface, as far as its senders need it: documents in, one status for each.
//!
//! `index` and `create` hand a record in; `update` and `delete` are refused one by one, since an alert is never changed from outside.
//! A document's `_id` is the sender's own id of the record. Documents stand on a line of their own by definition, so the line is the
//! record. A line of actions that cannot be read refuses the whole request before anything is taken, as Elasticsearch does: behind it
//! nobody can tell actions from documents, and the sender still has all of them.
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>

mod answer;

pub use answer::{Reply, document, failure, reply, welcome};

use super::body::Limits;
use super::{Beside, Fault, Incoming, Piece};
use adjutant_runtime::read::RECORD_BYTES_MAX;
use bytes::Bytes;
use memchr::memchr;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A longer id is refused, as Elasticsearch does.
pub const ID_BYTES_MAX: usize = 512;

/// The index of a document that names none.
const INDEX: &str = "alerts";

/// What a sender wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Take the document.
    Index,
    /// Take the document if it is new; the same here.
    Create,
    /// Change a document: refused.
    Update,
    /// Remove a document: refused.
    Delete,
}

impl Action {
    /// Its name in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            Action::Index => "index",
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
        }
    }
}

/// One action of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is wanted.
    pub action: Action,
    /// The index that is named.
    pub index: String,
    /// The id that is given.
    pub id: Option<String>,
    /// The document, or why it is none.
    pub piece: Piece,
}

/// The whole request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A line that should say what to do does not.
    #[error("Malformed action/metadata line [{line}], expected an object with one of `index`, `create`, `update`, `delete`")]
    Action {
        /// The line's number, 1 for the first.
        line: u64,
    },
    /// There is nothing in it.
    #[error("request body is required")]
    Empty,
    /// There are more actions than one request may hold.
    #[error("the body holds more than {max} actions; send it in parts")]
    TooMany {
        /// The limit.
        max: usize,
    },
}

impl Malformed {
    /// The HTTP status that says so.
    pub fn status(&self) -> u16 {
        if matches!(self, Malformed::TooMany { .. }) { 413 } else { 400 }
    }
}

/// Cuts a bulk request into its actions; `index` is the one that its address names.
///
/// # Errors
/// A line of actions cannot be read, there is none, or there are too many.
pub fn items(body: &Bytes, index: Option<&str>, limits: &Limits) -> Result<Vec<Item>, Malformed> {
    let mut lines = Lines { body, at: 0, line: 0 };
    let mut items = Vec::new();
    while let Some((line, number)) = lines.next() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if items.len() >= limits.records_max {
            return Err(Malformed::TooMany { max: limits.records_max });
        }
        let action: Line<'_> = serde_json::from_slice(&line).map_err(|_| Malformed::Action { line: number })?;
        let (action, Meta { index: own, id }) = action.parts();
        let piece = match action {
            Action::Delete => fault(number, OPERATION, "an alert cannot be deleted from here"),
            Action::Update => {
                lines.next();
                fault(number, OPERATION, "an alert cannot be changed from here; send it with `index` or `create`")
            }
            Action::Index | Action::Create => match lines.next() {
                Some((document, line)) => piece(document, line),
                None => fault(number, "document-missing", "no document stands behind this action: the request is cut short"),
            },
        };
        items.push(item(action, own.and_then(text).as_deref().or(index), id.and_then(text), piece));
    }
    if items.is_empty() { Err(Malformed::Empty) } else { Ok(items) }
}

/// The one action of a request that hands in a single document.
pub fn single(body: &Bytes, action: Action, index: &str, id: Option<&str>) -> Item {
    item(action, Some(index), id.map(str::to_owned), piece(body.clone(), 1))
}

const OPERATION: &str = "operation-refused";
const ID: &str = "id-invalid";

fn item(action: Action, index: Option<&str>, id: Option<String>, mut piece: Piece) -> Item {
    let index = index.unwrap_or(INDEX).to_owned();
    if id.as_ref().is_some_and(|id| id.is_empty() || id.len() > ID_BYTES_MAX) {
        let line = if let Piece::Record(record) = &piece { record.line } else { 0 };
        piece = fault(line, ID, &format!("the `_id` must have 1 to {ID_BYTES_MAX} bytes"));
    }
    if let Piece::Record(record) = &mut piece {
        record.beside = Some(Box::new(Beside { id: id.clone(), kind: Some(index.clone()), ..Beside::default() }));
    }
    Item { action, index, id, piece }
}

/// A document as a record.
fn piece(line: Bytes, number: u64) -> Piece {
    let document = line.trim_ascii();
    if document.len() > RECORD_BYTES_MAX {
        let detail = format!("the document is longer than {RECORD_BYTES_MAX} bytes and was skipped");
        return fault(number, "too-long", &detail);
    }
    if !document.starts_with(b"{") || !document.ends_with(b"}") {
        return fault(number, "not-an-object", "the document is no JSON object, or it is cut short");
    }
    Piece::Record(Incoming::new(line.slice_ref(document), number))
}

fn fault(line: u64, code: &'static str, detail: &str) -> Piece {
    Piece::Fault(Fault { line, code, detail: detail.to_owned() })
}

/// The lines of a body, each with its number.
struct Lines<'b> {
    body: &'b Bytes,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn next(&mut self) -> Option<(Bytes, u64)> {
        let rest = self.body.get(self.at..).filter(|rest| !rest.is_empty())?;
        let len = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = self.body.slice(self.at..self.at + len);
        self.at += (len + 1).min(rest.len());
        self.line += 1;
        Some((line, self.line))
    }
}

/// A line that says what to do.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line<'a> {
    #[serde(borrow)]
    Index(Meta<'a>),
    #[serde(borrow)]
    Create(Meta<'a>),
    #[serde(borrow)]
    Update(Meta<'a>),
    #[serde(borrow)]
    Delete(Meta<'a>),
}

impl<'a> Line<'a> {
    fn parts(self) -> (Action, Meta<'a>) {
        match self {
            Line::Index(meta) => (Action::Index, meta),
            Line::Create(meta) => (Action::Create, meta),
            Line::Update(meta) => (Action::Update, meta),
            Line::Delete(meta) => (Action::Delete, meta),
        }
    }
}

/// To what; whatever else it says (routing, pipeline, version) means nothing here.
#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "_index")]
    index: Option<&'a RawValue>,
    #[serde(borrow, rename = "_id")]
    id: Option<&'a RawValue>,
}

/// A text, or a number as it is written.
fn text(raw: &RawValue) -> Option<String> {
    match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw.get()).ok(),
        Some(b'{' | b'[') => None,
        _ => Some(raw.get().to_owned()),
    }
}

#[cfg(test)]
mod tests;
