//! The doors that other products' senders know: Splunk's event collector, Elastic's bulk interface, Alertmanager's webhook.
//!
//! Each asks its format for records, hands them on, and answers in the format's words; what a format cannot say of a caller
//! who may not come in is a problem document, as everywhere.

use super::{
    App, Bytes, Caller, Endpoint, HeaderMap, IntoResponse, Kind, Path, Permission, Piece, Problem, Response, Routes, State,
    StatusCode, blocking, body, header,
};
use crate::gate::{Open, Signed};
use crate::intake::body::Limits;
use crate::intake::{Fate, Sink as _, alertmanager, bulk, hand, hec};
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Query, RawQuery, Request};
use axum::http::HeaderValue;
use std::collections::HashMap;

/// Bodies above this are unpacked and cut where that holds nobody up.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// Adds them all.
pub(super) fn add(routes: Routes<App>, limits: &Limits) -> Routes<App> {
    alertmanagers(elastic(splunk(routes, limits), limits), limits)
}

fn intake(endpoint: Endpoint, says: &'static str, limits: &Limits) -> Endpoint {
    endpoint.says(says).body_bytes_max(limits.packed_bytes_max)
}

fn splunk(mut routes: Routes<App>, limits: &Limits) -> Routes<App> {
    const EVENTS: [&str; 3] = ["/services/collector", "/services/collector/event", "/services/collector/event/1.0"];
    const RAW: [&str; 2] = ["/services/collector/raw", "/services/collector/raw/1.0"];
    let send = |path| Endpoint::post(path, Permission::SendAlerts);
    for path in EVENTS {
        routes = routes.add(intake(send(path), "Takes events as Splunk's HTTP Event Collector does.", limits), hec_events);
    }
    for path in RAW {
        routes = routes.add(intake(send(path), "Takes raw text as Splunk's HTTP Event Collector does.", limits), hec_raw);
    }
    let ack = async || hec_reply(hec::Reply::AckDisabled);
    let health =
        async |State(app): State<App>| hec_reply(if app.is_ready() { hec::Reply::Healthy } else { hec::Reply::Unhealthy });
    routes
        .add(send("/services/collector/ack").says("Says that acknowledgements are the answers themselves."), ack)
        .add(Endpoint::get("/services/collector/health", Open).says("Whether events are taken."), health)
        .add(Endpoint::get("/services/collector/health/1.0", Open).says("Whether events are taken."), health)
}

fn elastic(routes: Routes<App>, limits: &Limits) -> Routes<App> {
    const BULK: &str = "Takes documents as Elastic's bulk interface does.";
    const ONE: &str = "Takes one document as Elastic does.";
    let (post, put) = (|path| Endpoint::post(path, Permission::SendAlerts), |path| Endpoint::put(path, Permission::SendAlerts));
    routes
        .add(Endpoint::get("/", Permission::SendAlerts).says("Says to Elastic's clients whom they talk to."), async || {
            elastic_reply(bulk::welcome())
        })
        .add(intake(post("/_bulk"), BULK, limits), bulk_all)
        .add(intake(put("/_bulk"), BULK, limits), bulk_all)
        .add(intake(post("/{index}/_bulk"), BULK, limits), bulk_index)
        .add(intake(put("/{index}/_bulk"), BULK, limits), bulk_index)
        .add(intake(post("/{index}/_doc"), ONE, limits), document)
        .add(intake(post("/{index}/_doc/{id}"), ONE, limits), document_id)
        .add(intake(put("/{index}/_doc/{id}"), ONE, limits), document_id)
        .add(intake(post("/{index}/_create/{id}"), ONE, limits), document_id)
        .add(intake(put("/{index}/_create/{id}"), ONE, limits), document_id)
}

fn alertmanagers(routes: Routes<App>, limits: &Limits) -> Routes<App> {
    const SAYS: &str = "Takes notifications of Prometheus Alertmanager's webhook (version 4).";
    let send = |path| Endpoint::post(path, Permission::SendAlerts);
    let signed = Endpoint::post("/v1/webhooks/{source}", Signed);
    routes
        .add(intake(send("/v1/alertmanager"), SAYS, limits), group)
        .add(intake(send("/v1/alertmanager/{source}"), SAYS, limits), group_of)
        .add(intake(signed, "Takes alerts of a source that signs them (Standard Webhooks).", limits), super::alerts::named)
}

/// The body of a request, and how it says that it is packed.
pub(super) struct Sent {
    pub(super) encoding: Option<String>,
    pub(super) body: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = BytesRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, BytesRejection> {
        let encoding = encoding(request.headers());
        Bytes::from_request(request, state).await.map(|body| Self { encoding, body })
    }
}

impl Sent {
    pub(super) fn is_packed(&self) -> bool {
        self.encoding.is_some() || self.body.starts_with(&[0x1f, 0x8b]) || self.body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
    }
}

fn encoding(headers: &HeaderMap) -> Option<String> {
    // Several headers, or one that is no text, are as unknown as any other name.
    let mut all = headers.get_all(header::CONTENT_ENCODING).iter();
    let first = all.next()?.to_str().unwrap_or("?");
    Some(if all.next().is_some() { "several" } else { first }.to_owned())
}

/// Runs `work` on a body here when it is short and not packed, else where it may take long.
pub(super) async fn cut<T, W>(bytes: usize, packed: bool, work: W) -> Result<T, Problem>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, Problem> + Send + 'static,
{
    if bytes <= INLINE_BYTES_MAX && !packed { work() } else { blocking(work).await }
}

fn hec_reply(reply: hec::Reply) -> Response {
    let status = StatusCode::from_u16(reply.status()).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], reply.body()).into_response()
}

async fn hec_events(State(app): State<App>, caller: Caller, RawQuery(query): RawQuery, sent: Sent) -> Result<Response, Problem> {
    let work = |body, encoding: Option<String>, limits: Limits| hec::events(body, encoding.as_deref(), &limits);
    hec_take(&app, &caller, query.as_deref(), sent, work).await
}

async fn hec_raw(
    State(app): State<App>,
    caller: Caller,
    (RawQuery(query), Query(parameters)): (RawQuery, Query<HashMap<String, String>>),
    sent: Sent,
) -> Result<Response, Problem> {
    let work = move |body, encoding: Option<String>, limits: Limits| hec::raw(body, encoding.as_deref(), &parameters, &limits);
    hec_take(&app, &caller, query.as_deref(), sent, work).await
}

async fn hec_take<W>(app: &App, caller: &Caller, query: Option<&str>, sent: Sent, work: W) -> Result<Response, Problem>
where
    W: FnOnce(Bytes, Option<String>, Limits) -> Result<Vec<Piece>, body::Refused> + Send + 'static,
{
    // A token in a URL is refused even beside a good one: it would stand in logs.
    if let Err(reply) = hec::token(Some("Splunk x"), query) {
        return Ok(hec_reply(reply));
    }
    let (limits, packed) = (app.limits, sent.is_packed());
    let Sent { encoding, body } = sent;
    let pieces = cut(body.len(), packed, move || work(body, encoding, limits).map_err(Problem::from)).await?;
    Ok(hec_reply(hec::reply(&hand(app, caller.source(), caller.name(), pieces).await)))
}

fn elastic_reply(reply: bulk::Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or_default();
    let product = [("x-elastic-product", HeaderValue::from_static("Elasticsearch"))];
    (status, product, [(header::CONTENT_TYPE, "application/json")], reply.body).into_response()
}

async fn bulk_all(State(app): State<App>, caller: Caller, sent: Sent) -> Result<Response, Problem> {
    bulk_as(&app, &caller, None, sent).await
}

async fn bulk_index(State(app): State<App>, caller: Caller, Path(index): Path<String>, sent: Sent) -> Result<Response, Problem> {
    bulk_as(&app, &caller, Some(index), sent).await
}

async fn unpacked(app: &App, sent: Sent) -> Result<Bytes, Problem> {
    let (limits, packed) = (app.limits, sent.is_packed());
    let work = move || Ok(body::unpack(sent.body, sent.encoding.as_deref(), &limits).and_then(body::Unpacked::whole)?);
    cut(0, packed, work).await
}

async fn bulk_as(app: &App, caller: &Caller, index: Option<String>, sent: Sent) -> Result<Response, Problem> {
    let began = app.service.clock().now();
    let (body, limits) = (unpacked(app, sent).await?, app.limits);
    let items = cut(body.len(), false, move || Ok(bulk::items(&body, index.as_deref(), &limits))).await?;
    let items = match items {
        Ok(items) => items,
        Err(malformed) => return Ok(elastic_reply(bulk::Reply::from(&malformed))),
    };
    let pieces = items.iter().map(|item| item.piece.clone()).collect();
    let fates = hand(app, caller.source(), caller.name(), pieces).await;
    let took_ms = app.service.clock().now().since(began).0 / 1000;
    Ok(elastic_reply(bulk::reply(&items, &fates, took_ms.max(0).cast_unsigned())))
}

async fn document(State(app): State<App>, caller: Caller, Path(index): Path<String>, sent: Sent) -> Result<Response, Problem> {
    document_as(&app, &caller, (index, None), sent).await
}

async fn document_id(
    State(app): State<App>,
    caller: Caller,
    Path((index, id)): Path<(String, String)>,
    sent: Sent,
) -> Result<Response, Problem> {
    document_as(&app, &caller, (index, Some(id)), sent).await
}

async fn document_as(app: &App, caller: &Caller, (index, id): (String, Option<String>), sent: Sent) -> Result<Response, Problem> {
    let body = unpacked(app, sent).await?;
    let item = bulk::single(&body, bulk::Action::Index, &index, id.as_deref());
    let fates = hand(app, caller.source(), caller.name(), vec![item.piece.clone()]).await;
    let fate = fates.first().cloned().unwrap_or(Fate::Unavailable { detail: "nothing was said about it".into() });
    Ok(elastic_reply(bulk::document(&item, &fate)))
}

async fn group(State(app): State<App>, caller: Caller, sent: Sent) -> Result<Response, Problem> {
    group_as(&app, &caller, "alertmanager", sent).await
}

async fn group_of(State(app): State<App>, caller: Caller, Path(source): Path<String>, sent: Sent) -> Result<Response, Problem> {
    group_as(&app, &caller, &source, sent).await
}

async fn group_as(app: &App, caller: &Caller, wanted: &str, sent: Sent) -> Result<Response, Problem> {
    let source = caller.source_for(Some(wanted))?;
    let body = unpacked(app, sent).await?;
    let pieces = alertmanager::records(&body, &app.limits).map_err(|malformed| {
        let status = StatusCode::from_u16(malformed.status()).unwrap_or(StatusCode::BAD_REQUEST);
        Problem::new(Kind::of_status(status), malformed.to_string())
    })?;
    let fates = hand(app, source, caller.name(), pieces).await;
    // Alertmanager sends again after 5xx only.
    if fates.iter().any(|fate| matches!(fate, Fate::Refused { .. } | Fate::Unavailable { .. })) {
        return Err(Problem::new(Kind::Unavailable, "not all alerts could be stored; send them again").retry_after_s(1));
    }
    let taken = fates.iter().filter(|fate| matches!(fate, Fate::Decided(_) | Fate::Known(_))).count();
    Ok(axum::Json(serde_json::json!({ "accepted": taken, "failed": fates.len() - taken })).into_response())
}
