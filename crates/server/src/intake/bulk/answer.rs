//! What a bulk request is answered: the words and numbers that Elasticsearch's clients look for.

use super::{Action, ID, Item, Malformed, OPERATION};
use crate::intake::Fate;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// The version that we behave like.
const VERSION: &str = "8.17.0";

/// An answer: HTTP status and JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, JSON.
    pub body: String,
}

impl Reply {
    fn new(status: u16, body: &impl Serialize) -> Self {
        Self { status, body: serde_json::to_string(body).unwrap_or_default() }
    }
}

/// The answer to a bulk request that took `took_ms`. All of it comes again when none of it could be stored.
pub fn reply(items: &[Item], fates: &[Fate], took_ms: u64) -> Reply {
    let told: Vec<Told<'_>> =
        items.iter().zip(fates).map(|(item, fate)| Told { action: item.action, done: done(item, fate) }).collect();
    let errors = told.iter().any(|told| told.done.error.is_some());
    let unavailable = !told.is_empty() && told.iter().all(|told| told.done.status == 503);
    Reply::new(if unavailable { 503 } else { 200 }, &Bulk { took: took_ms, errors, items: told })
}

/// The answer to a single document.
pub fn document(item: &Item, fate: &Fate) -> Reply {
    let done = done(item, fate);
    match &done.error {
        Some(error) => failure(done.status, error.kind, &error.reason),
        None => Reply::new(done.status, &done),
    }
}

/// The answer to a request that is refused as a whole, for a reason of the kind `kind`.
pub fn failure(status: u16, kind: &str, reason: &str) -> Reply {
    let cause = serde_json::json!({ "type": kind, "reason": reason });
    let error = serde_json::json!({ "root_cause": [cause], "type": kind, "reason": reason });
    Reply::new(status, &serde_json::json!({ "error": error, "status": status }))
}

impl From<&Malformed> for Reply {
    fn from(malformed: &Malformed) -> Self {
        let kind = if matches!(malformed, Malformed::Empty) { "parse_exception" } else { "illegal_argument_exception" };
        failure(malformed.status(), kind, &malformed.to_string())
    }
}

/// What a client asks before it sends anything: who is there.
pub fn welcome() -> Reply {
    let version = serde_json::json!({
        "number": VERSION,
        "build_flavor": "default",
        "build_type": "tar",
        "build_snapshot": false,
        "lucene_version": "9.12.0",
        "minimum_wire_compatibility_version": "7.17.0",
        "minimum_index_compatibility_version": "7.0.0",
    });
    let body = serde_json::json!({
        "name": "adjutant",
        "cluster_name": "adjutant",
        "cluster_uuid": "adjutant",
        "version": version,
        "tagline": "You Know, for Search",
    });
    Reply::new(200, &body)
}

#[derive(Serialize)]
struct Bulk<'a> {
    took: u64,
    errors: bool,
    items: Vec<Told<'a>>,
}

/// `{"create": {…}}`
struct Told<'a> {
    action: Action,
    done: Done<'a>,
}

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.action.name(), &self.done)?;
        map.end()
    }
}

/// What became of one document.
#[derive(Serialize)]
struct Done<'a> {
    #[serde(rename = "_index")]
    index: &'a str,
    #[serde(rename = "_id")]
    id: Option<&'a str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    stored: Option<Stored>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Cause<'a>>,
    status: u16,
}

#[derive(Serialize)]
struct Stored {
    #[serde(rename = "_version")]
    version: u32,
    result: &'static str,
    #[serde(rename = "_shards")]
    shards: Shards,
    #[serde(rename = "_seq_no")]
    seq: u64,
    #[serde(rename = "_primary_term")]
    term: u32,
}

#[derive(Serialize)]
struct Shards {
    total: u32,
    successful: u32,
    failed: u32,
}

#[derive(Serialize)]
struct Cause<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    reason: std::borrow::Cow<'a, str>,
}

fn done<'a>(item: &'a Item, fate: &'a Fate) -> Done<'a> {
    let given = item.id.as_deref();
    let stored =
        |result, seq| Some(Stored { version: 1, result, shards: Shards { total: 1, successful: 1, failed: 0 }, seq, term: 1 });
    let failed = |status, kind, reason: std::borrow::Cow<'a, str>| Done {
        index: &item.index,
        id: given,
        stored: None,
        error: Some(Cause { kind, reason }),
        status,
    };
    match fate {
        Fate::Decided(answer) => Done {
            index: &item.index,
            id: given.or(Some(&answer.alert)),
            stored: stored("created", answer.seq),
            error: None,
            status: 201,
        },
        Fate::Known(answer) => Done {
            index: &item.index,
            id: given.or(Some(&answer.alert)),
            stored: stored("noop", answer.seq),
            error: None,
            status: 200,
        },
        Fate::Failed { code, detail } if code == OPERATION || code == ID => {
            failed(400, "illegal_argument_exception", detail.into())
        }
        Fate::Failed { code, detail } => failed(400, "document_parsing_exception", format!("{code}: {detail}").into()),
        Fate::Refused { retry_after_s } => {
            let reason = format!("over capacity; send it again in {retry_after_s} s");
            failed(429, "es_rejected_execution_exception", reason.into())
        }
        Fate::Unavailable { detail } => failed(503, "unavailable_shards_exception", detail.into()),
    }
}
