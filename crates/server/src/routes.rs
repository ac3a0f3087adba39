//! The table of routes: every path with what it needs, takes and answers.

use crate::api::blind::Eyes;
use crate::api::{self, Done, autonomy, cases, connectors, containment, decisions, health, ledger, reviews};
use crate::app::App;
use crate::body::Input;
use crate::etag::Etag;
use crate::filter::{Field, Form, Page, Query};
use crate::gate::{Caller, Doors, Endpoint, Permission, Routes};
use crate::intake::Piece;
use crate::intake::body::{self, Refused};
use crate::problem::{Kind, Problem};
use adjutant_hand::protocol::Request;
use adjutant_runtime::service::{Fate, State as Running};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

mod alerts;
mod collectors;
mod letters;
mod mail;
mod plans;

type Answer<T> = Result<Json<T>, Problem>;

const QUEUE: &[Field] = &[
    Field {
        name: "status",
        form: Form::Choice(&["open", "closed-itself", "closed-by-person", "escalated"]),
        says: "One status; open ones when it is not given.",
    },
    Field { name: "outcome", form: Form::Choice(&["close", "escalate", "respond"]), says: "What is proposed." },
    Field { name: "playbook", form: Form::Text, says: "The playbook of the worst decision." },
    Field { name: "assignee", form: Form::Text, says: "Who works on it." },
    Field { name: "review", form: Form::Flag, says: "Only cases that wait after a review." },
];

const DECISIONS: &[Field] = &[
    Field { name: "since", form: Form::Text, says: "A time, or how long ago: 24h." },
    Field { name: "outcome", form: Form::Choice(&["close", "escalate", "respond"]), says: "What was decided." },
    Field { name: "oldest_first", form: Form::Flag, says: "In the order in which they were made, to follow what comes." },
];

const CONTAINMENT: &[Field] =
    &[Field { name: "since", form: Form::Text, says: "A time, or how long ago; 30 days when it is not given." }];

const ENTRIES: &[Field] = &[Field { name: "from", form: Form::Integer { min: 0, max: i64::MAX }, says: "The first entry." }];

/// Every route of the service.
pub fn doors(app: App) -> Doors {
    table(&app).finish(app)
}

/// The table, for the API description and for whoever tests that it holds.
pub fn table(app: &App) -> Routes<App> {
    let routes = Routes::new(std::sync::Arc::clone(&app.gate));
    let routes = alerts::add(routes, &app.limits);
    let routes = mail::add(routes, &app.limits);
    let routes = collectors::add(routes, &app.limits);
    let routes = crate::health::routes(routes, faults(app));
    let routes = crate::events::routes(crate::accounts::http::routes(routes));
    crate::openapi::serve(own(routes))
}

/// What keeps the service from its work.
fn faults(app: &App) -> crate::health::Faults {
    let service = app.service.clone();
    std::sync::Arc::new(move || match service.state() {
        Running::Running => Vec::new(),
        Running::Unavailable => vec!["nothing can be stored now"],
        Running::Stopped => vec!["the service is stopping"],
    })
}

fn own(routes: Routes<App>) -> Routes<App> {
    letters::add(plans::add(about_automation(about_cases(about_health(routes)))))
}

fn about_health(routes: Routes<App>) -> Routes<App> {
    use Permission as P;
    routes
        .add(Endpoint::get("/metrics", P::ReadMetrics).says("Numbers for Prometheus.").answers_as("text/plain"), metrics)
        .add(Endpoint::get("/v1/health", P::ReadMetrics).says("How well the machine is.").answers::<health::Health>(), well)
        .add(
            Endpoint::get("/v1/missed", P::ReadMetrics)
                .says("What people found of the blind sample.")
                .answers::<Vec<health::Missed>>(),
            missed,
        )
        .add(
            Endpoint::get("/v1/containment", P::ReadMetrics)
                .says(
                    "How quickly acts followed the first alert, and what of them was restored or was about something legitimate.",
                )
                .lists(CONTAINMENT)
                .answers::<containment::Containment>(),
            contained,
        )
}

fn about_cases(routes: Routes<App>) -> Routes<App> {
    use Permission as P;
    routes
        .add(
            Endpoint::get("/v1/cases", P::ReadCases).says("The queue, worst first.").lists(QUEUE).answers::<Page<cases::Case>>(),
            queue,
        )
        .add(
            Endpoint::get("/v1/cases/{id}", P::ReadCases).says("A case with its evidence and story.").answers::<cases::Whole>(),
            case,
        )
        .add(
            Endpoint::post("/v1/cases/{id}/verdict", P::JudgeCases)
                .says("Judges a case, citing its evidence.")
                .takes::<cases::Judge>()
                .answers::<Done>(),
            judge,
        )
        .add(
            Endpoint::post("/v1/cases/{id}/assignee", P::AssignCases)
                .says("Gives a case to somebody.")
                .takes::<cases::Assign>()
                .answers::<Done>(),
            assign,
        )
        .add(
            Endpoint::post("/v1/cases/{id}/comments", P::JudgeCases)
                .says("Says something about a case.")
                .takes::<cases::Comment>()
                .answers::<Done>(),
            comment,
        )
        .add(
            Endpoint::get("/v1/decisions", P::ReadCases)
                .says("Decisions, the newest first.")
                .lists(DECISIONS)
                .answers::<Page<decisions::Short>>(),
            listed,
        )
        .add(
            Endpoint::get("/v1/decisions/{id}", P::ReadCases)
                .says("A decision with everything that led to it. Who judges sees outcome and score after the verdict, where the blind sample may have drawn it.")
                .answers::<adjutant_engine::record::Record>(),
            decision,
        )
        .add(
            Endpoint::get("/v1/decisions/{id}/explanation", P::ReadCases)
                .says("A decision, explained as text.")
                .answers_as("text/plain"),
            explained,
        )
        .add(
            Endpoint::get("/v1/decisions/{id}/raw", P::ReadCases)
                .says("The alert as it came.")
                .answers_as("application/octet-stream"),
            raw,
        )
}

fn about_automation(routes: Routes<App>) -> Routes<App> {
    use Permission as P;
    routes
        .add(
            Endpoint::get("/v1/autonomy", P::ReadAutonomy).says("The ladder as it stands.").answers::<autonomy::Ladder>(),
            ladder,
        )
        .add(
            Endpoint::post("/v1/autonomy", P::ChangeAutonomy)
                .says("Sets a rung; raising needs a second person, and both lead for a day at least.")
                .takes::<autonomy::Set>()
                .answers::<Done>(),
            set,
        )
        .add(
            Endpoint::post("/v1/pause", P::Pause)
                .says("Pauses the whole or a playbook.")
                .takes::<autonomy::Paused>()
                .answers::<Done>(),
            pause,
        )
        .add(
            Endpoint::post("/v1/resume", P::Resume)
                .says("Lets the whole or a playbook go on.")
                .takes::<autonomy::Paused>()
                .answers::<Done>(),
            resume,
        )
        .add(Endpoint::get("/v1/reviews", P::Review).says("Past reviews.").answers::<Vec<serde_json::Value>>(), reviewed)
        .add(
            Endpoint::post("/v1/reviews", P::Review)
                .says("Decides again what used a source that was wrong.")
                .takes::<reviews::Ask>()
                .answers::<reviews::Review>(),
            review,
        )
        .add(Endpoint::get("/v1/ledger", P::ReadLedger).says("The ledger as it stands.").answers::<ledger::Head>(), ledger_head)
        .add(
            Endpoint::get("/v1/ledger/entries", P::ReadLedger)
                .says("Entries with their leaves.")
                .lists(ENTRIES)
                .answers::<Vec<ledger::Entry>>(),
            entries,
        )
}

/// Runs what may take long where a thread may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|_| Err(Problem::new(Kind::Internal, "the request met a fault; others go on")))
}

async fn metrics(State(app): State<App>) -> Response {
    let unread = app.heard.faults.load(std::sync::atomic::Ordering::Relaxed);
    let mut text = health::prometheus(&app.service, unread);
    let hand = app.hand_health.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    text.push_str(&connectors::prometheus(hand.as_ref(), app.service.clock().now()));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn well(State(app): State<App>) -> Json<health::Health> {
    let notices = app.notices.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    Json(health::health(&app.service, notices))
}

async fn missed(State(app): State<App>) -> Answer<Vec<health::Missed>> {
    blocking(move || health::missed(&app.service)).await.map(Json)
}

async fn contained(State(app): State<App>, RawQuery(query): RawQuery) -> Answer<containment::Containment> {
    let query = Query::read("/v1/containment", query.as_deref(), CONTAINMENT)?;
    let now = app.service.clock().now();
    let since = query.text("since").map(|text| api::time(text, now)).transpose()?;
    let since = since.unwrap_or_else(|| now.plus(adjutant_model::Duration(-containment::BACK.0)));
    blocking(move || containment::containment(&app.service, since)).await.map(Json)
}

fn eyes(caller: &Caller) -> Eyes {
    Eyes::of(caller.roles())
}

async fn queue(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(text): RawQuery,
) -> Result<Response, Problem> {
    let eyes = eyes(&caller);
    let query = Query::read("/v1/cases", text.as_deref(), QUEUE)?;
    // No case changes without an entry. Asked before the cases are read, so that the tag is never newer than what it names.
    let (entries, root) = app.service.head();
    let text = text.unwrap_or_default();
    let tag = Etag::of([&b"/v1/cases"[..], text.as_bytes(), &entries.to_be_bytes(), &root.0, &[eyes as u8]]);
    if tag.is_held(&headers) {
        return Ok(tag.answer(&headers, || StatusCode::NOT_MODIFIED.into_response()));
    }
    let one = |name: &str| query.chosen(name).and_then(|chosen| chosen.first()).map(|choice| (*choice).to_owned());
    let filter = cases::Filter {
        status: one("status"),
        outcome: one("outcome"),
        playbook: query.text("playbook").map(str::to_owned),
        assignee: query.text("assignee").map(str::to_owned),
        review: query.flag("review").unwrap_or(false),
        after: query.after.map(|after| (after.rank, after.seq)),
        limit: query.limit as usize + 1,
    };
    let found = blocking(move || cases::queue(&app.service, &filter, eyes)).await?;
    let page = query.page(found, |(_, rank, first)| crate::cursor::Position { rank: *rank, seq: *first });
    let page = Page { items: page.items.into_iter().map(|(case, ..)| case).collect(), next: page.next };
    Ok(tag.answer(&headers, || Json(page).into_response()))
}

async fn case(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer<cases::Whole> {
    blocking(move || cases::case(&app.service, &id, eyes(&caller))).await.map(Json)
}

async fn judge(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Input(judge): Input<cases::Judge>,
) -> Answer<Done> {
    cases::judge(&app.service, caller.id(), &id, &judge).await.map(Json)
}

async fn assign(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Input(assign): Input<cases::Assign>,
) -> Answer<Done> {
    if !assign.to.is_empty() && app.gate.accounts().user(&assign.to).is_none() {
        return Err(Problem::new(Kind::Invalid, format!("there is no user `{}`", assign.to)));
    }
    cases::assign(&app.service, caller.id(), &id, assign).await.map(Json)
}

async fn comment(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Input(comment): Input<cases::Comment>,
) -> Answer<Done> {
    cases::comment(&app.service, caller.id(), &id, comment).await.map(Json)
}

async fn listed(State(app): State<App>, caller: Caller, RawQuery(query): RawQuery) -> Answer<Page<decisions::Short>> {
    let query = Query::read("/v1/decisions", query.as_deref(), DECISIONS)?;
    let since = query.text("since").map(|text| api::time(text, app.service.clock().now())).transpose()?;
    let filter = decisions::Filter {
        since: since.unwrap_or_default(),
        outcome: query.chosen("outcome").and_then(|chosen| chosen.first()).map(|choice| (*choice).to_owned()),
        oldest_first: query.flag("oldest_first").unwrap_or(false),
        after: query.after.map(|after| after.seq),
        limit: query.limit as usize + 1,
    };
    let found = blocking(move || decisions::list(&app.service, &filter, eyes(&caller))).await?;
    Ok(Json(query.page(found, |short| crate::cursor::Position { rank: 0, seq: short.seq })))
}

async fn decision(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer<serde_json::Value> {
    blocking(move || decisions::record(&app.service, &id, eyes(&caller))).await.map(Json)
}

async fn explained(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<String, Problem> {
    blocking(move || decisions::explained(&app.service, &id, eyes(&caller))).await
}

async fn raw(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let raw = blocking(move || decisions::raw(&app.service, &id)).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream"), (header::CONTENT_DISPOSITION, "attachment")], raw).into_response())
}

async fn ladder(State(app): State<App>) -> Json<autonomy::Ladder> {
    Json(autonomy::show(&app.service))
}

async fn set(State(app): State<App>, caller: Caller, Input(set): Input<autonomy::Set>) -> Answer<Done> {
    // Two tokens may be one person's: raising takes people who logged in.
    if caller.person().is_none() && autonomy::raises(&app.service, &set)? {
        return Err(Problem::new(Kind::Forbidden, "a rung is raised by a person who logged in, not by a tool's token"));
    }
    let leads_since = caller.person().and_then(|person| app.gate.accounts().leads_since(person));
    autonomy::set(&app.service, (caller.id(), leads_since), &set).await.map(Json)
}

async fn pause(State(app): State<App>, caller: Caller, Input(asked): Input<autonomy::Paused>) -> Answer<Done> {
    let pause = autonomy::asked(&asked)?;
    if autonomy::resumes(&app.service, &asked, pause) {
        return Err(Problem::new(Kind::Conflict, "that would let more happen than now: use /v1/resume"));
    }
    if asked.playbook.is_none() && app.hand.is_some() {
        // The hand first: whatever cannot be noted here, nothing more is begun.
        let (app, by) = (app.clone(), caller.id().to_owned());
        blocking(move || api::plans::ask(&app, &Request::Pause { by })).await?;
    }
    autonomy::pause(&app.service, caller.id(), asked, pause).await.map(Json)
}

async fn resume(State(app): State<App>, caller: Caller, Input(asked): Input<autonomy::Paused>) -> Answer<Done> {
    let pause = autonomy::asked(&asked)?;
    autonomy::pause(&app.service, caller.id(), asked, pause).await.map(Json)
}

async fn reviewed(State(app): State<App>) -> Answer<Vec<serde_json::Value>> {
    blocking(move || reviews::list(&app.service)).await.map(Json)
}

async fn review(State(app): State<App>, caller: Caller, Input(ask): Input<reviews::Ask>) -> Answer<reviews::Review> {
    let by = caller.id().to_owned();
    blocking(move || reviews::run(&app.service, &by, &ask)).await.map(Json)
}

async fn ledger_head(State(app): State<App>) -> Answer<ledger::Head> {
    blocking(move || ledger::head(&app.service)).await.map(Json)
}

async fn entries(State(app): State<App>, RawQuery(query): RawQuery) -> Answer<Vec<ledger::Entry>> {
    let query = Query::read("/v1/ledger/entries", query.as_deref(), ENTRIES)?;
    let from = query.integer("from").unwrap_or(0).cast_unsigned();
    let limit = query.limit as usize;
    blocking(move || ledger::entries(&app.service, from, limit)).await.map(Json)
}
