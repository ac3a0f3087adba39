//! What a request to our own interface is answered, and how other formats' answers become responses.

use crate::intake::{Answer, Fate, hec};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// The answer of the event collector; the gate answers with it too.
pub fn hec_reply(reply: hec::Reply) -> Response {
    let status = StatusCode::from_u16(reply.status()).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], reply.body()).into_response()
}

/// A refusal: `{"code","detail"}`.
pub fn failure(status: StatusCode, code: &str, detail: &str) -> Response {
    with(status, &json!({ "code": code, "detail": detail }))
}

fn with(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_string(body).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A signed delivery came again: its records are stored.
pub(super) fn repeated() -> Response {
    with(StatusCode::OK, &json!({ "known": true, "detail": "this delivery was accepted before" }))
}

/// Something broke here; the sender keeps what it has.
pub(super) fn broken() -> Response {
    failure(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request could not be worked on; send it again")
}

/// A decision, and whether it stood already.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    answer: &'a Answer,
    known: bool,
}

/// What became of one record of several.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Item<'a> {
    Failed {
        line: u64,
        code: &'a str,
        detail: &'a str,
    },
    Refused {
        line: u64,
        retry_after_s: u32,
    },
    Unavailable {
        line: u64,
        detail: &'a str,
    },
    #[serde(untagged)]
    Told(Told<'a>),
}

fn item(line: u64, fate: &Fate) -> Item<'_> {
    match fate {
        Fate::Decided(answer) => Item::Told(Told { answer, known: false }),
        Fate::Known(answer) => Item::Told(Told { answer, known: true }),
        Fate::Failed { code, detail } => Item::Failed { line, code, detail },
        Fate::Refused { retry_after_s } => Item::Refused { line, retry_after_s: *retry_after_s },
        Fate::Unavailable { detail } => Item::Unavailable { line, detail },
    }
}

/// The answer to a body that is one record.
pub(super) fn single(fates: &[Fate]) -> Response {
    match fates.first() {
        Some(Fate::Decided(answer)) => with(StatusCode::OK, &Told { answer, known: false }),
        Some(Fate::Known(answer)) => with(StatusCode::OK, &Told { answer, known: true }),
        Some(Fate::Failed { code, detail }) => failure(StatusCode::BAD_REQUEST, code, detail),
        Some(Fate::Refused { retry_after_s }) => {
            let detail = format!("over capacity; send it again in {retry_after_s} s");
            later(failure(StatusCode::TOO_MANY_REQUESTS, "over-capacity", &detail), *retry_after_s)
        }
        Some(Fate::Unavailable { detail }) => failure(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail),
        None => broken(),
    }
}

#[derive(Serialize)]
struct Batch<'a> {
    accepted: usize,
    known: usize,
    failed: usize,
    refused: usize,
    items: Vec<Item<'a>>,
}

/// The answer to a body of several records, each with its line. It is a success as soon as anything was taken: the items say the rest.
pub(super) fn batch(lines: &[u64], fates: &[Fate]) -> Response {
    let count = |what: fn(&Fate) -> bool| fates.iter().filter(|fate| what(fate)).count();
    let batch = Batch {
        accepted: count(|fate| matches!(fate, Fate::Decided(_))),
        known: count(|fate| matches!(fate, Fate::Known(_))),
        failed: count(|fate| matches!(fate, Fate::Failed { .. })),
        refused: count(|fate| matches!(fate, Fate::Refused { .. } | Fate::Unavailable { .. })),
        items: lines.iter().zip(fates).map(|(line, fate)| item(*line, fate)).collect(),
    };
    let retry_after_s =
        fates.iter().filter_map(|fate| if let Fate::Refused { retry_after_s } = fate { Some(*retry_after_s) } else { None });
    match (batch.accepted + batch.known, batch.refused, retry_after_s.max()) {
        (0, 1.., Some(after_s)) => later(with(StatusCode::TOO_MANY_REQUESTS, &batch), after_s),
        (0, 1.., None) => with(StatusCode::SERVICE_UNAVAILABLE, &batch),
        (0, 0, _) if batch.failed > 0 => with(StatusCode::BAD_REQUEST, &batch),
        _ => with(StatusCode::OK, &batch),
    }
}

fn later(mut response: Response, after_s: u32) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after_s));
    response
}
