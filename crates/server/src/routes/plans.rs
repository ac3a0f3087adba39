//! Routes about acting: plans, what people sign, actions, and the hand.

use super::{Answer, blocking};
use crate::api::plans::{self, Check, Lookup, Signed};
use crate::app::App;
use crate::body::Input;
use crate::filter::{Field, Form, Query};
use crate::gate::{Caller, Endpoint, Permission as P, Routes};
use crate::problem::{Kind, Problem};
use adjutant_hand::protocol::{Reply, Request};
use axum::Json;
use axum::extract::{Path, RawQuery, State};

const ACTIONS: &[Field] = &[
    Field { name: "case", form: Form::Text, says: "Actions of this case." },
    Field { name: "playbook", form: Form::Text, says: "Actions of this playbook." },
    Field { name: "since", form: Form::Integer { min: 0, max: i64::MAX }, says: "Begun since, in microseconds since 1970." },
];

pub(super) fn add(routes: Routes<App>) -> Routes<App> {
    routes
        .add(
            Endpoint::post("/v1/cases/{id}/plan", P::MakePlans)
                .says("Makes a plan of what the case's playbook would do: to whom, what takes it back, who must approve.")
                .answers::<Reply>(),
            make,
        )
        .add(
            Endpoint::post("/v1/cases/{id}/simulate", P::MakePlans)
                .says("What would become of such a plan now, each step after the ones before it; nothing is made or changed.")
                .answers::<Reply>(),
            simulate,
        )
        .add(
            Endpoint::post("/v1/cases/{id}/answers/{entry}/plan", P::MakePlans)
                .says("Makes a plan of what the case's playbook would do after this answer to a question, for the person it is about.")
                .answers::<Reply>(),
            make_after,
        )
        .add(
            Endpoint::post("/v1/cases/{id}/answers/{entry}/simulate", P::MakePlans)
                .says("What would become of such a plan now; nothing is made or changed.")
                .answers::<Reply>(),
            simulate_after,
        )
        .add(Endpoint::get("/v1/limits", P::ReadPlans).says("How much of each limit is spent.").answers::<Reply>(), limits)
        .add(Endpoint::get("/v1/plans/{id}", P::ReadPlans).says("A plan with its actions.").answers::<Reply>(), show)
        .add(
            Endpoint::post("/v1/signed", P::Sign)
                .says("Hands on what a person signed: to approve or deny a plan, to undo an action, to resume after a pause.")
                .takes::<Signed>()
                .answers::<Reply>(),
            signed,
        )
        .add(
            Endpoint::get("/v1/actions", P::ReadPlans)
                .says("Actions of a case or playbook that took effect, the latest first.")
                .lists(ACTIONS)
                .answers::<Reply>(),
            actions,
        )
        .add(Endpoint::get("/v1/actions/{id}", P::ReadPlans).says("An action as it stands.").answers::<Reply>(), action)
        .add(
            Endpoint::post("/v1/guard", P::ReadPlans)
                .says("What the guard would say now if a person asked for this.")
                .takes::<Check>()
                .answers::<Reply>(),
            check,
        )
        .add(
            Endpoint::post("/v1/lookups", P::ReadPlans)
                .says("What the hand's connectors know of somebody or something, each with the time of its answer, or why that is not known.")
                .takes::<Lookup>()
                .answers::<Reply>(),
            lookup,
        )
        .add(Endpoint::get("/v1/approvers", P::ReadPlans).says("Whose signatures count.").answers::<Reply>(), approvers)
        .add(Endpoint::get("/v1/hand", P::ReadPlans).says("How the hand and its connectors are.").answers::<Reply>(), hand)
        .add(
            Endpoint::get("/v1/hand/{id}", P::ReadPlans).says("How one connector is, after asking it.").answers::<Reply>(),
            connector,
        )
}

async fn asked(app: App, request: Request) -> Answer<Reply> {
    blocking(move || plans::ask(&app, &request)).await.map(Json)
}

async fn make(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer<Reply> {
    let by = caller.id().to_owned();
    blocking(move || plans::make(&app, &by, &id, None)).await.map(Json)
}

async fn make_after(State(app): State<App>, caller: Caller, Path((id, entry)): Path<(String, String)>) -> Answer<Reply> {
    let (by, entry) = (caller.id().to_owned(), number(&entry)?);
    blocking(move || plans::make(&app, &by, &id, Some(entry))).await.map(Json)
}

async fn simulate_after(State(app): State<App>, caller: Caller, Path((id, entry)): Path<(String, String)>) -> Answer<Reply> {
    let (by, entry) = (caller.id().to_owned(), number(&entry)?);
    blocking(move || plans::simulate(&app, &by, &id, Some(entry))).await.map(Json)
}

async fn simulate(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Answer<Reply> {
    let by = caller.id().to_owned();
    blocking(move || plans::simulate(&app, &by, &id, None)).await.map(Json)
}

/// The number of an entry of the ledger.
fn number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Problem::new(Kind::Invalid, "the answer is named by the number of its entry"))
}

async fn limits(State(app): State<App>) -> Answer<Reply> {
    asked(app, Request::Limits).await
}

async fn show(State(app): State<App>, Path(id): Path<String>) -> Answer<Reply> {
    asked(app, Request::Show { plan: id }).await
}

async fn signed(State(app): State<App>, caller: Caller, Input(signed): Input<Signed>) -> Answer<Reply> {
    plans::signed(&app, caller.id(), signed).await.map(Json)
}

async fn actions(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Json<Reply>, Problem> {
    let query = Query::read("/v1/actions", query.as_deref(), ACTIONS)?;
    let text = |name: &str| query.text(name).unwrap_or_default().to_owned();
    let request =
        Request::Effective { case: text("case"), playbook: text("playbook"), since: query.integer("since").unwrap_or(0) };
    asked(app, request).await
}

async fn action(State(app): State<App>, Path(id): Path<String>) -> Answer<Reply> {
    asked(app, Request::Action { action: id }).await
}

async fn check(State(app): State<App>, Input(check): Input<Check>) -> Answer<Reply> {
    blocking(move || plans::check(&app, check)).await.map(Json)
}

async fn lookup(State(app): State<App>, Input(lookup): Input<Lookup>) -> Answer<Reply> {
    blocking(move || plans::lookup(&app, lookup)).await.map(Json)
}

async fn approvers(State(app): State<App>) -> Answer<Reply> {
    asked(app, Request::Keys).await
}

async fn hand(State(app): State<App>) -> Answer<Reply> {
    asked(app, Request::Health { connector: None }).await
}

async fn connector(State(app): State<App>, Path(id): Path<String>) -> Answer<Reply> {
    asked(app, Request::Health { connector: Some(id) }).await
}
