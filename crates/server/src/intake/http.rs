//! The routes of intake: each takes the body, asks its format for records, hands them to the sink and answers in the format's words.
//!
//! Who the caller is was found out before: the gate puts a [`Caller`] into the request, or nothing. Only a signed delivery needs none.
//! A caller that is bound to one source cannot send as another.

use super::body::{self, Limits};
use super::webhook::{self, Deliveries, Secret};
use super::{Fate, Piece, Sink, alertmanager, bulk, hand, hec};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Extension, Path, Query, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use std::collections::HashMap;
use std::sync::Arc;

mod answer;

pub use answer::{failure, hec_reply};

/// Who sends, as the gate found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its name, for the record.
    pub name: String,
    /// The only source that it may send as, if it is bound to one.
    pub source: Option<String>,
}

/// Who knows the secrets of signed deliveries.
pub trait Secrets: Send + Sync {
    /// The secrets of `source`: the one in force and, while it is being changed, the one before. None: nothing is accepted.
    fn of(&self, source: &str) -> Vec<Secret>;
}

/// What the routes need.
#[derive(Clone)]
pub struct Intake {
    /// Who takes the records.
    pub sink: Arc<dyn Sink>,
    /// What one request may cost.
    pub limits: Limits,
    /// The clock, in milliseconds since 1970.
    pub now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Who knows the secrets of signed deliveries.
    pub secrets: Arc<dyn Secrets>,
    /// Who remembers accepted deliveries.
    pub deliveries: Arc<dyn Deliveries>,
}

type Body = Result<Bytes, BytesRejection>;
type From = Option<Extension<Caller>>;
/// A signed delivery, and when it came, in seconds.
type Signed = (webhook::Delivery, i64);

/// All routes of intake.
pub fn routes(intake: Intake) -> Router {
    let limit = DefaultBodyLimit::max(intake.limits.packed_bytes_max);
    let collector = Router::new()
        .route("/services/collector", post(hec_events))
        .route("/services/collector/event", post(hec_events))
        .route("/services/collector/event/1.0", post(hec_events))
        .route("/services/collector/raw", post(hec_raw))
        .route("/services/collector/raw/1.0", post(hec_raw))
        .route("/services/collector/ack", any(hec_ack))
        .route("/services/collector/health", get(hec_health))
        .route("/services/collector/health/1.0", get(hec_health));
    let elastic = Router::new()
        .route("/", get(elastic_welcome))
        .route("/_bulk", post(bulk_all).put(bulk_all))
        .route("/{index}/_bulk", post(bulk_index).put(bulk_index))
        .route("/{index}/_doc", post(document))
        .route("/{index}/_doc/{id}", post(document_id).put(document_id))
        .route("/{index}/_create/{id}", post(document_id).put(document_id));
    Router::new()
        .route("/v1/alerts", post(alerts))
        .route("/v1/alerts/{source}", post(alerts_of))
        .route("/v1/alertmanager", post(group))
        .route("/v1/alertmanager/{source}", post(group_of))
        .merge(collector)
        .merge(elastic)
        .layer(limit)
        .with_state(intake)
}

/// The source to take records as.
fn source(caller: &Caller, wanted: Option<String>) -> Result<Option<String>, Box<Response>> {
    match (&caller.source, wanted) {
        (Some(bound), Some(wanted)) if *bound != wanted => {
            let detail = format!("this token sends as `{bound}` and cannot send as another source");
            Err(failure(StatusCode::FORBIDDEN, "source-not-allowed", &detail).into())
        }
        (Some(bound), _) => Ok(Some(bound.clone())),
        (None, wanted) => Ok(wanted),
    }
}

fn encoding(headers: &HeaderMap) -> Option<&str> {
    // Several headers, or one that is no text, are as unknown as any other name.
    let mut all = headers.get_all(header::CONTENT_ENCODING).iter();
    let first = all.next()?.to_str().unwrap_or("?");
    Some(if all.next().is_some() { "several" } else { first })
}

/// Bodies above this are unpacked and cut where that holds nobody up.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// Runs `work` on a body here when it is short, else where it may take long.
async fn cut<T: Send + 'static>(len: usize, packed: bool, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    if len <= INLINE_BYTES_MAX && !packed { Some(work()) } else { tokio::task::spawn_blocking(work).await.ok() }
}

fn is_packed(body: &[u8], encoding: Option<&str>) -> bool {
    encoding.is_some() || body.starts_with(&[0x1f, 0x8b]) || body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

async fn alerts(State(intake): State<Intake>, from: From, headers: HeaderMap, body: Body) -> Response {
    alerts_as(intake, from, None, &headers, body).await
}

async fn alerts_of(
    State(intake): State<Intake>,
    Path(source): Path<String>,
    from: From,
    headers: HeaderMap,
    body: Body,
) -> Response {
    alerts_as(intake, from, Some(source), &headers, body).await
}

async fn alerts_as(intake: Intake, from: From, wanted: Option<String>, headers: &HeaderMap, body: Body) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejected) => return failure(rejected.status(), "body-not-read", &rejected.body_text()),
    };
    let (caller, delivery) = match known(&intake, from, wanted.as_deref(), headers, &body) {
        Ok(known) => known,
        Err(refused) => return *refused,
    };
    if delivery.is_some_and(|(delivery, _)| intake.deliveries.seen(&delivery)) {
        return answer::repeated();
    }
    let response = match source(&caller, wanted) {
        Ok(source) => take(&intake, source.as_deref(), &caller.name, headers, body).await,
        Err(refused) => *refused,
    };
    if let (Some((delivery, now_s)), true) = (delivery, response.status().is_success()) {
        intake.deliveries.remember(delivery, now_s);
    }
    response
}

/// The caller, as the gate says or as its signature proves; with the delivery and the time when it came in the latter case.
fn known(
    intake: &Intake,
    from: From,
    wanted: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Caller, Option<Signed>), Box<Response>> {
    if let Some(Extension(caller)) = from {
        return Ok((caller, None));
    }
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| headers.get(name)?.to_str().ok());
    let signed = webhook::Headers {
        id: text(["webhook-id", "svix-id"]),
        timestamp: text(["webhook-timestamp", "svix-timestamp"]),
        signature: text(["webhook-signature", "svix-signature"]),
    };
    let (Some(source), Some(_)) = (wanted, signed.signature) else {
        return Err(failure(StatusCode::UNAUTHORIZED, "unauthorised", "send a token, or a signed delivery for a source").into());
    };
    let now_s = i64::try_from((intake.now_ms)() / 1000).unwrap_or(i64::MAX);
    match webhook::verify(&intake.secrets.of(source), signed, body, now_s) {
        Ok(delivery) => {
            let caller = Caller { name: format!("webhook {source}"), source: Some(source.to_owned()) };
            Ok((caller, Some((delivery, now_s))))
        }
        Err(refused) => Err(failure(StatusCode::UNAUTHORIZED, "unauthorised", &refused.to_string()).into()),
    }
}

async fn take(intake: &Intake, source: Option<&str>, sender: &str, headers: &HeaderMap, body: Bytes) -> Response {
    let encoding = encoding(headers).map(str::to_owned);
    let (len, packed, limits) = (body.len(), is_packed(&body, encoding.as_deref()), intake.limits);
    let whole = if packed { None } else { Some(body.clone()) };
    match cut(len, packed, move || body::pieces(body, encoding.as_deref(), &limits)).await {
        Some(Ok(pieces)) => {
            let single = whole.is_some_and(|whole| is_single(&whole, &pieces));
            let lines = pieces.iter().map(line).collect::<Vec<u64>>();
            let fates = hand(&*intake.sink, source, sender, pieces).await;
            if single { answer::single(&fates) } else { answer::batch(&lines, &fates) }
        }
        Some(Err(refused)) => {
            failure(StatusCode::from_u16(refused.status()).unwrap_or_default(), refused.code(), &refused.to_string())
        }
        None => answer::broken(),
    }
}

fn line(piece: &Piece) -> u64 {
    match piece {
        Piece::Record(record) => record.line,
        Piece::Fault(fault) => fault.line,
    }
}

/// Whether a body is one record and nothing else, so that one answer is expected and no list of them.
fn is_single(body: &[u8], pieces: &[Piece]) -> bool {
    match pieces {
        [Piece::Record(record)] => record.bytes.len() == body.trim_ascii().len(),
        [Piece::Fault(_)] => !body.trim_ascii_start().starts_with(b"["),
        _ => false,
    }
}

async fn group(State(intake): State<Intake>, from: From, headers: HeaderMap, body: Body) -> Response {
    group_as(intake, from, "alertmanager".into(), &headers, body).await
}

async fn group_of(
    State(intake): State<Intake>,
    Path(source): Path<String>,
    from: From,
    headers: HeaderMap,
    body: Body,
) -> Response {
    group_as(intake, from, source, &headers, body).await
}

async fn group_as(intake: Intake, from: From, wanted: String, headers: &HeaderMap, body: Body) -> Response {
    let Some(Extension(caller)) = from else {
        return failure(StatusCode::UNAUTHORIZED, "unauthorised", "send a token");
    };
    let source = match source(&caller, Some(wanted)) {
        Ok(source) => source,
        Err(refused) => return *refused,
    };
    let body = match body {
        Ok(body) => body,
        Err(rejected) => return failure(rejected.status(), "body-not-read", &rejected.body_text()),
    };
    let unpacked = body::unpack(body, encoding(headers), &intake.limits).and_then(body::Unpacked::whole);
    let pieces = match unpacked.map(|body| alertmanager::records(&body, &intake.limits)) {
        Ok(Ok(pieces)) => pieces,
        Ok(Err(malformed)) => {
            let status = StatusCode::from_u16(malformed.status()).unwrap_or_default();
            return failure(status, "not-a-notification", &malformed.to_string());
        }
        Err(refused) => {
            let status = StatusCode::from_u16(refused.status()).unwrap_or_default();
            return failure(status, refused.code(), &refused.to_string());
        }
    };
    let lines = pieces.iter().map(line).collect::<Vec<u64>>();
    let fates = hand(&*intake.sink, source.as_deref(), &caller.name, pieces).await;
    // Alertmanager sends again after 5xx only.
    if fates.iter().any(|fate| matches!(fate, Fate::Refused { .. } | Fate::Unavailable { .. })) {
        return failure(StatusCode::SERVICE_UNAVAILABLE, "over-capacity", "not all alerts could be stored; send them again");
    }
    answer::batch(&lines, &fates)
}

/// The token is looked at by the gate; here is said what is wrong where there is no caller.
fn hec_refused(headers: &HeaderMap, query: Option<&str>) -> hec::Reply {
    let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or("?"));
    hec::token(authorization, query).err().unwrap_or(hec::Reply::InvalidToken)
}

async fn hec_events(
    State(intake): State<Intake>,
    from: From,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let cut = |body, encoding: Option<String>, limits| hec::events(body, encoding.as_deref(), &limits);
    hec_take(intake, from, query.as_deref(), &headers, body, cut).await
}

async fn hec_raw(
    State(intake): State<Intake>,
    from: From,
    (RawQuery(query), Query(parameters)): (RawQuery, Query<HashMap<String, String>>),
    headers: HeaderMap,
    body: Body,
) -> Response {
    let cut = move |body, encoding: Option<String>, limits| hec::raw(body, encoding.as_deref(), &parameters, &limits);
    hec_take(intake, from, query.as_deref(), &headers, body, cut).await
}

async fn hec_take<F>(intake: Intake, from: From, query: Option<&str>, headers: &HeaderMap, body: Body, work: F) -> Response
where
    F: FnOnce(Bytes, Option<String>, Limits) -> Result<Vec<Piece>, body::Refused> + Send + 'static,
{
    let query_token = hec::token(Some("Splunk x"), query).is_err();
    let caller = match from {
        Some(Extension(caller)) if !query_token => caller,
        _ => return hec_reply(hec_refused(headers, query)),
    };
    let Ok(body) = body else { return hec_reply(hec::Reply::InvalidFormat(0)) };
    let encoding = encoding(headers).map(str::to_owned);
    let (len, packed, limits) = (body.len(), is_packed(&body, encoding.as_deref()), intake.limits);
    match cut(len, packed, move || work(body, encoding, limits)).await {
        Some(Ok(pieces)) => hec_reply(hec::reply(&hand(&*intake.sink, caller.source.as_deref(), &caller.name, pieces).await)),
        Some(Err(refused)) => {
            let status = StatusCode::from_u16(refused.status()).unwrap_or_default();
            (status, hec_reply(hec::Reply::InvalidFormat(0))).into_response()
        }
        None => hec_reply(hec::Reply::InternalError),
    }
}

async fn hec_ack(from: From, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    hec_reply(if from.is_some() { hec::Reply::AckDisabled } else { hec_refused(&headers, query.as_deref()) })
}

async fn hec_health(State(intake): State<Intake>) -> Response {
    hec_reply(if intake.sink.is_ready() { hec::Reply::Healthy } else { hec::Reply::Unhealthy })
}

fn elastic(reply: bulk::Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or_default();
    let product = [("x-elastic-product", HeaderValue::from_static("Elasticsearch"))];
    (status, product, [(header::CONTENT_TYPE, "application/json")], reply.body).into_response()
}

fn elastic_unauthorised() -> Response {
    elastic(bulk::failure(401, "security_exception", "missing or unknown authentication credentials for this request"))
}

async fn elastic_welcome(from: From) -> Response {
    if from.is_some() { elastic(bulk::welcome()) } else { elastic_unauthorised() }
}

async fn bulk_all(State(intake): State<Intake>, from: From, headers: HeaderMap, body: Body) -> Response {
    bulk_as(intake, from, None, &headers, body).await
}

async fn bulk_index(
    State(intake): State<Intake>,
    Path(index): Path<String>,
    from: From,
    headers: HeaderMap,
    body: Body,
) -> Response {
    bulk_as(intake, from, Some(index), &headers, body).await
}

/// The caller and the body of a request to the Elasticsearch routes, unpacked.
async fn elastic_body(intake: &Intake, from: From, headers: &HeaderMap, body: Body) -> Result<(Caller, Bytes), Box<Response>> {
    let Some(Extension(caller)) = from else { return Err(elastic_unauthorised().into()) };
    let too_large = |status, why: &str| Box::new(elastic(bulk::failure(status, "illegal_argument_exception", why)));
    let body = body.map_err(|rejected| too_large(rejected.status().as_u16(), &rejected.body_text()))?;
    let (encoding, limits) = (encoding(headers).map(str::to_owned), intake.limits);
    let packed = is_packed(&body, encoding.as_deref());
    let unpack = move || body::unpack(body, encoding.as_deref(), &limits).and_then(body::Unpacked::whole);
    match cut(0, packed, unpack).await {
        Some(Ok(body)) => Ok((caller, body)),
        Some(Err(refused)) => Err(too_large(refused.status(), &refused.to_string())),
        None => Err(too_large(500, "the request could not be worked on")),
    }
}

async fn bulk_as(intake: Intake, from: From, index: Option<String>, headers: &HeaderMap, body: Body) -> Response {
    let began_ms = (intake.now_ms)();
    let (caller, body) = match elastic_body(&intake, from, headers, body).await {
        Ok(taken) => taken,
        Err(refused) => return *refused,
    };
    let (len, limits) = (body.len(), intake.limits);
    let items = match cut(len, false, move || bulk::items(&body, index.as_deref(), &limits)).await {
        Some(Ok(items)) => items,
        Some(Err(malformed)) => return elastic(bulk::Reply::from(&malformed)),
        None => return elastic(bulk::failure(500, "exception", "the request could not be worked on")),
    };
    let pieces = items.iter().map(|item| item.piece.clone()).collect();
    let fates = hand(&*intake.sink, caller.source.as_deref(), &caller.name, pieces).await;
    elastic(bulk::reply(&items, &fates, (intake.now_ms)().saturating_sub(began_ms)))
}

async fn document(
    State(intake): State<Intake>,
    Path(index): Path<String>,
    from: From,
    headers: HeaderMap,
    body: Body,
) -> Response {
    document_as(intake, from, (index, None), &headers, body).await
}

async fn document_id(
    State(intake): State<Intake>,
    Path((index, id)): Path<(String, String)>,
    from: From,
    headers: HeaderMap,
    body: Body,
) -> Response {
    document_as(intake, from, (index, Some(id)), &headers, body).await
}

async fn document_as(
    intake: Intake,
    from: From,
    (index, id): (String, Option<String>),
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let (caller, body) = match elastic_body(&intake, from, headers, body).await {
        Ok(taken) => taken,
        Err(refused) => return *refused,
    };
    let item = bulk::single(&body, bulk::Action::Index, &index, id.as_deref());
    let fates = hand(&*intake.sink, caller.source.as_deref(), &caller.name, vec![item.piece.clone()]).await;
    let fate = fates.first().cloned().unwrap_or(Fate::Unavailable { detail: "nothing was said about it".into() });
    elastic(bulk::document(&item, &fate))
}

#[cfg(test)]
mod tests;
