//! Our own intake: one alert, JSON Lines, an array, or anything else that a file may hold; gzip and Zstandard.

use super::collectors::{Sent, cut};
use super::{
    App, Caller, Endpoint, Fate, IntoResponse, Kind, Path, Permission, Piece, Problem, Refused, Response, Routes, State,
    StatusCode, body, header,
};
use crate::intake::{Fault, Sink as _};
use adjutant_runtime::drive::Answer;
use axum::http::{HeaderMap, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Offered to whoever sends more than one record: a row for each.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Many {
    /// New and decided.
    accepted: usize,
    /// Known already.
    known: usize,
    /// No records at all.
    failed: usize,
    /// For which there was no room: send them again.
    refused: usize,
    /// What became of each, in the order of the body.
    items: Vec<Item>,
}

/// What became of one record.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Item {
    /// Its line in the body.
    line: u64,
    /// 200 decided or known, 400 no record, 429 no room, 503 nothing can be stored now.
    status: u16,
    /// The decision's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<String>,
    /// `close`, `escalate` or `respond`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    /// The score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<i32>,
    /// Whether it was known already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known: Option<bool>,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

pub(super) fn add(routes: Routes<App>, limits: &body::Limits) -> Routes<App> {
    let intake = |path, says| {
        let endpoint = Endpoint::post(path, Permission::SendAlerts).says(says);
        endpoint.answers::<Many>().body_bytes_max(limits.packed_bytes_max)
    };
    routes
        .add(intake("/v1/alerts", "Takes alerts; who wrote each is told by its content."), unnamed)
        .add(intake("/v1/alerts/{source}", "Takes alerts of a source."), named)
}

async fn unnamed(State(app): State<App>, caller: Caller, sent: Sent) -> Result<Response, Problem> {
    take(&app, &caller, None, sent).await
}

pub(super) async fn named(
    State(app): State<App>,
    caller: Caller,
    Path(source): Path<String>,
    sent: Sent,
) -> Result<Response, Problem> {
    take(&app, &caller, Some(&source), sent).await
}

async fn take(app: &App, caller: &Caller, asked: Option<&str>, sent: Sent) -> Result<Response, Problem> {
    let source = caller.source_for(asked)?;
    let (limits, len, packed) = (app.limits, sent.body.len(), sent.is_packed());
    let work = move || {
        let body = body::unpack(sent.body, sent.encoding.as_deref(), &limits)?;
        let is_list = body.bytes.trim_ascii_start().starts_with(b"[");
        Ok((is_list, body::cut(&body.bytes, body.broken, &limits)?))
    };
    let (is_list, pieces) = cut(len, packed, work).await?;
    let lines: Vec<Line> = pieces.iter().map(Line::of).collect();
    let (mut records, mut faults) = (Vec::with_capacity(pieces.len()), Vec::new());
    for piece in pieces {
        match piece {
            Piece::Record(record) => records.push(record),
            Piece::Fault(fault) => faults.push(fault),
        }
    }
    report(app, source, caller, faults).await;
    let fates = app.offer(source, caller.sender(), records).await;
    Ok(match (&lines[..], &fates[..]) {
        ([Line::Record(_)], [fate]) if !is_list => one(fate),
        _ => many(&lines, fates),
    })
}

pub(super) async fn report(app: &App, source: Option<&str>, caller: &Caller, faults: Vec<Fault>) {
    if !faults.is_empty() {
        app.report(source, caller.name(), faults).await;
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
        Problem::new(Kind::of_status(status), refused.to_string())
    }
}

enum Line {
    Record(u64),
    Fault(u64, String),
}

impl Line {
    fn of(piece: &Piece) -> Self {
        match piece {
            Piece::Record(record) => Line::Record(record.line),
            Piece::Fault(fault) => Line::Fault(fault.line, format!("{}: {}", fault.code, fault.detail)),
        }
    }
}

/// The answer to a single alert, written without a detour: thousands a second come so.
pub(super) fn one(fate: &Fate) -> Response {
    match fate {
        Fate::Decided(answer) => json(single(answer, false)),
        Fate::Known(answer) => json(single(answer, true)),
        Fate::Failed { code, detail } => Problem::new(Kind::Malformed, format!("{code}: {detail}")).into_response(),
        Fate::Refused { retry_after_s } => {
            Problem::new(Kind::TooMany, "as many alerts wait as may").retry_after_s(*retry_after_s).into_response()
        }
        Fate::Unavailable { detail } => Problem::new(Kind::Unavailable, detail).retry_after_s(1).into_response(),
    }
}

fn json(text: String) -> Response {
    let mut response = Response::new(text.into());
    // Room also for what every answer says, and for its length.
    let mut headers = HeaderMap::with_capacity(HEADERS_USUAL);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.headers_mut() = headers;
    response
}

/// Headers that most answers have.
const HEADERS_USUAL: usize = 7;

fn single(answer: &Answer, known: bool) -> String {
    let Answer { seq, decision, alert, case, revision, outcome, score } = answer;
    let mut text = String::with_capacity(256);
    text.push_str("{\"decision\":\"");
    push_hex(&mut text, decision);
    text.push_str("\",\"alert\":\"");
    push_hex(&mut text, &alert.0[..16]);
    text.push_str("\",\"case\":\"");
    push_hex(&mut text, &case.0);
    // Outcomes and numbers need no escape, and writing to a text cannot fail.
    let _ =
        write!(text, "\",\"revision\":{revision},\"outcome\":\"{outcome}\",\"score\":{score},\"seq\":{seq},\"known\":{known}}}");
    text
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

fn many(lines: &[Line], fates: Vec<Fate>) -> Response {
    let (mut fates, mut items) = (fates.into_iter(), Vec::with_capacity(lines.len()));
    for line in lines {
        items.push(match line {
            Line::Record(line) => fates.next().map_or_else(|| item(*line, 503), |fate| of(*line, fate)),
            Line::Fault(line, detail) => Item { detail: Some(detail.clone()), ..item(*line, 400) },
        });
    }
    let count = |status: u16, known: Option<bool>| {
        items.iter().filter(|item| item.status == status && (known.is_none() || item.known == known)).count()
    };
    let (accepted, known) = (count(200, Some(false)), count(200, Some(true)));
    let (failed, full, unavailable) = (count(400, None), count(429, None), count(503, None));
    let many = Many { accepted, known, failed, refused: full + unavailable, items };
    let status = match (accepted + known, full, unavailable) {
        (_, _, 1..) => StatusCode::SERVICE_UNAVAILABLE,
        (_, 1.., _) => StatusCode::TOO_MANY_REQUESTS,
        (0, ..) if failed > 0 => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    };
    let mut response = (status, axum::Json(many)).into_response();
    if full + unavailable > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn item(line: u64, status: u16) -> Item {
    Item { line, status, decision: None, outcome: None, score: None, known: None, detail: None }
}

fn of(line: u64, fate: Fate) -> Item {
    let decided = |answer: Answer, known: bool| {
        let mut decision = String::new();
        push_hex(&mut decision, &answer.decision);
        let (outcome, score) = (Some(answer.outcome.to_string()), Some(answer.score));
        Item { decision: Some(decision), outcome, score, known: Some(known), ..item(line, 200) }
    };
    match fate {
        Fate::Decided(answer) => decided(answer, false),
        Fate::Known(answer) => decided(answer, true),
        Fate::Failed { code, detail } => Item { detail: Some(format!("{code}: {detail}")), ..item(line, 400) },
        Fate::Refused { .. } => item(line, 429),
        Fate::Unavailable { detail } => Item { detail: Some(detail), ..item(line, 503) },
    }
}
