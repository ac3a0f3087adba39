//! Routes of letters: their pages, for whoever holds a link, and asking by hand.

use super::{Answer, blocking};
use crate::app::App;
use crate::body::Input;
use crate::gate::{Caller, Endpoint, Open, Peer, Permission as P, Routes};
use crate::letters::ask::{Ask, Put, ask};
use crate::letters::{Form, look, say};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use bytes::Bytes;

/// Bytes of a form: a signed note, and little else.
const FORM_BYTES_MAX: usize = 16 << 10;

/// Bytes of a click: Slack sends the message along that was clicked.
const CLICK_BYTES_MAX: usize = 64 << 10;

pub(super) fn add(routes: Routes<App>) -> Routes<App> {
    routes
        .add(
            Endpoint::get("/l/{secret}", Open)
                .says("The page of a letter, for whoever holds its link. Changes nothing.")
                .answers_as("text/html"),
            page,
        )
        .add(
            Endpoint::post("/l/{secret}", Open)
                .says("Takes the answer to a letter, once: a form of its page.")
                .answers_as("text/html")
                .body_bytes_max(FORM_BYTES_MAX),
            sent,
        )
        .add(
            Endpoint::post("/v1/slack", Open)
                .says("Hears a click in a channel of Slack, which Slack signed: denies a plan, or sends its letter again. Approves nothing.")
                .answers_as("text/plain")
                .body_bytes_max(CLICK_BYTES_MAX),
            clicked,
        )
        .add(
            Endpoint::post("/v1/cases/{id}/questions", P::AskPeople)
                .says("Asks a person a question of the book about a case, on a way that is not under suspicion.")
                .takes::<Ask>()
                .answers::<Vec<Put>>(),
            put,
        )
}

async fn page(State(app): State<App>, peer: Peer, Path(secret): Path<String>) -> Result<Response, Problem> {
    blocking(move || Ok(look(&app, &secret, peer.address()))).await
}

async fn sent(
    State(app): State<App>,
    peer: Peer,
    Path(secret): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let form = Form::read(&body).filter(|_| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    blocking(move || Ok(say(&app, &secret, form.as_ref(), peer.address()))).await
}

async fn put(State(app): State<App>, caller: Caller, Path(id): Path<String>, Input(wanted): Input<Ask>) -> Answer<Vec<Put>> {
    let by = caller.id().to_owned();
    blocking(move || ask(&app, &by, &id, &wanted)).await.map(Json)
}

async fn clicked(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Result<&'static str, Problem> {
    // Slack shows what is answered to nobody, and a warning where it is no success.
    blocking(move || crate::slack::hear(&app, &headers, &body).map(|()| "")).await
}
