//! What decides at the moment: a book, the context it asks for, and the key of its memory; and reading a record under it.
//!
//! A policy never changes. When the book or the context does, a new one takes its place, and what was read under the old one
//! is decided under the old one.

use adjutant_engine::autonomy;
use adjutant_engine::context::{Snapshot, Touched};
use adjutant_engine::desk::{Desk, Options, Scratch};
use adjutant_engine::entities::{HashKey, hash};
use adjutant_engine::memory::Keys;
use adjutant_engine::normalize;
use adjutant_mail::Answered;
use adjutant_model::schema::slots as s;
use adjutant_model::{Alert, Digest, Place, Problem, RawAlert, Time};
use adjutant_rules::Book;
use bytes::Bytes;
use std::sync::Arc;

/// What decides at the moment.
#[derive(Clone)]
pub struct Policy {
    /// The book.
    pub book: Arc<Book>,
    /// What the organisation knows.
    pub context: Arc<Snapshot>,
    /// The secret that keys of memory are made with.
    pub key: HashKey,
    /// Decide as of the time of arrival, and not of each alert's own.
    pub at_arrival: bool,
}

/// One record on its way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The record's bytes, unchanged.
    pub bytes: Bytes,
    /// Line of the body, file or connection where it begins, 1 for the first.
    pub line: u64,
    /// What the sender said about it beside it; part of what makes two records of the same bytes one.
    pub beside: Option<Box<Beside>>,
}

impl Incoming {
    /// A record of which nothing is known but its bytes.
    pub fn new(bytes: Bytes, line: u64) -> Self {
        Self { bytes, line, beside: None }
    }
}

/// What a sender says about a record beside it. It fills what the record leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Beside {
    /// The sender's own id of the record: the same id from the same source is the same alert.
    pub id: Option<String>,
    /// When it happened, as written: seconds since 1970, with a fraction or without.
    pub time: Option<String>,
    /// The machine that it is about or comes from.
    pub host: Option<String>,
    /// Where it was read, such as a file's name.
    pub origin: Option<String>,
    /// What kind of record it is, such as a source type or an index: the source of the book with this name reads it.
    pub kind: Option<String>,
    /// More of the same, as a JSON object.
    pub fields: Option<Bytes>,
}

impl Beside {
    /// The digest of everything but the id; none when nothing is said.
    pub fn digest(&self) -> Option<Digest> {
        let texts = [&self.time, &self.host, &self.origin, &self.kind].map(|text| text.as_deref().map(str::as_bytes));
        let all = texts.into_iter().chain([self.fields.as_deref()]);
        // Nothing and an empty text are as good as the same.
        all.clone().any(|part| part.is_some()).then(|| Digest::of_parts(all.map(Option::unwrap_or_default)))
    }
}

/// A record that was read and waits to be decided.
pub struct Prepared {
    /// What decides about it.
    pub policy: Arc<Policy>,
    /// Who sent it.
    pub sender: Arc<str>,
    /// The record itself, in memory that is used again.
    pub read: Box<Reading>,
    /// Context that should have spoken and could not.
    pub touched: Touched,
    /// What it is known by.
    pub key: u64,
    /// The first eight bytes of the digest of what was sent: under the same key another content is another alert.
    pub content: u64,
    /// As of when it is decided; its own time when none.
    pub now: Option<Time>,
    /// How grave its source says it is, as the number of the level.
    pub severity: u8,
}

/// A record and what was read of it.
#[derive(Debug, Default)]
pub struct Reading {
    /// The record as it came: a copy, so that the buffer of a connection is free for the next request.
    pub raw: Vec<u8>,
    /// What was read of it.
    pub alert: Alert,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// What memory needs to know of it.
    pub keys: Keys,
}

/// What an alert was read into, emptied for another: an alert that is decided on one thread would otherwise be freed there,
/// which waits for the allocator of the thread that read it.
#[derive(Debug, Default)]
pub struct Spare(Box<Reading>);

/// Room for a raw record that is kept.
const RAW_BYTES_KEPT: usize = 4 << 10;

/// Room for problems that is kept.
const PROBLEMS_KEPT: usize = 16;

impl From<Prepared> for Spare {
    fn from(Prepared { mut read, .. }: Prepared) -> Self {
        let Reading { raw, alert, problems, .. } = &mut *read;
        raw.clear();
        raw.shrink_to(RAW_BYTES_KEPT);
        alert.row.clear(0);
        problems.clear();
        problems.shrink_to(PROBLEMS_KEPT);
        Self(read)
    }
}

/// The source whose senders may send what DNS answered beside a message.
const MAIL: &str = "mail";

/// Elsewhere such a record may be what a stranger had logged, and it would say who sent a message.
fn not_taken() -> Problem {
    let detail = "a message with answers of DNS is taken from senders of the source `mail` alone";
    Problem { code: "answers-not-taken".into(), field: String::new(), detail: detail.into() }
}

/// Name spaces of the keyed hash.
mod space {
    pub(super) const ID: u8 = 200;
    pub(super) const CONTENT: u8 = 201;
    pub(super) const REVISION: u8 = 202;
    pub(super) const DRAW: u8 = 203;
    pub(super) const LOOKED_UP: u8 = 204;
}

impl Policy {
    /// The desk that decides under this policy.
    pub fn desk(&self) -> Desk<'_> {
        Desk::new(Options { book: &self.book, context: &self.context, source: None, now: None }).with_key(self.key)
    }

    /// Reads a record that came from `source` into `spare`, as far as that takes no state.
    ///
    /// # Errors
    /// The bytes are no record at all.
    pub fn prepare(
        self: &Arc<Self>,
        (record, source): (Incoming, Option<&str>),
        (sender, now): (&Arc<str>, Time),
        (scratch, Spare(mut into)): (&mut Scratch, Spare),
    ) -> Result<Prepared, Problem> {
        if source != Some(MAIL) && adjutant_mail::is_answered(&record.bytes) {
            return Err(not_taken());
        }
        let beside = record.beside.as_deref();
        let kind = beside.and_then(|beside| beside.kind.as_deref());
        let known = [source, kind].into_iter().flatten().find_map(|name| self.book.sources.named(name));
        let now = self.at_arrival.then_some(now);
        let options = Options { book: &self.book, context: &self.context, source: known, now };
        let desk = Desk::new(options).with_key(self.key);
        let read = RawAlert { bytes: &record.bytes, place: Place { input: 0, line: record.line } };
        let Reading { raw, alert, problems, keys } = &mut *into;
        desk.normalize(&read, scratch, alert, problems)?;
        if let Some(Beside { time, host, .. }) = beside {
            normalize::Beside { time: time.as_deref(), host: host.as_deref() }.fill(alert, problems);
        }
        let touched = desk.context(alert, scratch);
        *keys = desk.keys(alert, scratch);
        let content = content(&record.bytes, alert);
        let key = self.key_of((alert, content), source, beside);
        let severity = autonomy::severity(&alert.row).unwrap_or(0);
        raw.extend_from_slice(&record.bytes);
        let content = u64::from_be_bytes(*content.0.first_chunk().unwrap_or(&[0; 8]));
        Ok(Prepared { policy: Arc::clone(self), sender: Arc::clone(sender), read: into, touched, key, content, now, severity })
    }

    /// What an alert is known by: its source and the identifier that the source gave it, or else its content.
    fn key_of(&self, (alert, content): (&Alert, Digest), source: Option<&str>, beside: Option<&Beside>) -> u64 {
        let read = self.book.sources.get(alert.source).map_or("", |source| source.name.as_str());
        let source = source.unwrap_or(read);
        let scope = hash(self.key, space::ID, source.as_bytes()).to_le_bytes();
        let told = beside.and_then(|beside| beside.id.as_deref());
        let id = told.or_else(|| alert.row.text(s::ALERT_ID)).filter(|id| !id.is_empty());
        match id {
            Some(id) => hash(HashKey(twice(scope)), space::ID, id.as_bytes()),
            None => {
                let beside = beside.and_then(Beside::digest);
                let content = beside.map_or(content, |beside| Digest::of_parts([&content.0[..], &beside.0]));
                hash(HashKey(twice(scope)), space::CONTENT, &content.0)
            }
        }
    }

    /// What a later content under the same identifier is known by.
    pub fn key_of_revision(&self, key: u64, content: u64) -> u64 {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&key.to_le_bytes());
        bytes[8..].copy_from_slice(&content.to_le_bytes());
        hash(self.key, space::REVISION, &bytes)
    }

    /// What the decision is known by that follows the entry `seq`, itself known by `key`, with what was looked up since.
    pub(crate) fn key_looked_up(&self, key: u64, seq: u64) -> u64 {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&key.to_le_bytes());
        bytes[8..].copy_from_slice(&seq.to_le_bytes());
        hash(self.key, space::LOOKED_UP, &bytes)
    }

    /// Chance, for the decision with this name: below a million, and not to be foreseen without the key.
    pub fn draw(&self, decision: [u8; 8]) -> u32 {
        (hash(self.key, space::DRAW, &decision) % u64::from(adjutant_engine::step::DRAWS)) as u32
    }
}

fn twice(half: [u8; 8]) -> [u8; 16] {
    let mut whole = [0; 16];
    whole[..8].copy_from_slice(&half);
    whole[8..].copy_from_slice(&half);
    whole
}

/// The digest of what was sent. What DNS says differs whenever it is asked, and the message is the same.
fn content(raw: &[u8], alert: &Alert) -> Digest {
    let answered = adjutant_mail::is_answered(raw).then(|| Answered::read(raw).ok()).flatten();
    answered.map_or(alert.digest, |answered| Digest::of_parts([&b"answered"[..], &answered.message]))
}
