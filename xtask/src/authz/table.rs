//! Who may use which route, by hand; and every route asked by every role, by nobody, and with tokens that are none.

use super::Probes;
use super::world::World;
use adjutant_model::Duration as Span;
use adjutant_server::gate::Role;
use anyhow::Result;
use std::collections::BTreeSet;

/// Anybody, without a token.
const ALL: &str = "open";
/// Whoever signs.
const SIGNED: &str = "signed";

const SOURCE: &str = "source";
const READERS: &str = "analyst lead engineer auditor";
const JUDGES: &str = "analyst lead";
const LEAD: &str = "lead";
const OPERATORS: &str = "lead engineer auditor admin";
const PROVERS: &str = "lead engineer auditor";
const PEOPLE: &str = "analyst lead engineer auditor admin";
const PAUSERS: &str = "analyst lead engineer admin";
const LOOKERS: &str = "auditor admin";
const ADMIN: &str = "admin";

/// Every route, and who may use it.
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/healthz", ALL),
    ("GET", "/readyz", ALL),
    ("GET", "/openapi.json", ALL),
    ("POST", "/v1/login", ALL),
    ("GET", "/services/collector/health", ALL),
    ("GET", "/services/collector/health/1.0", ALL),
    ("GET", "/l/{secret}", ALL),
    ("POST", "/l/{secret}", ALL),
    ("POST", "/v1/slack", ALL),
    ("POST", "/v1/webhooks/{source}", SIGNED),
    ("POST", "/v1/alerts", SOURCE),
    ("POST", "/v1/alerts/{source}", SOURCE),
    ("POST", "/v1/mail", SOURCE),
    ("POST", "/v1/alertmanager", SOURCE),
    ("POST", "/v1/alertmanager/{source}", SOURCE),
    ("POST", "/services/collector", SOURCE),
    ("POST", "/services/collector/event", SOURCE),
    ("POST", "/services/collector/event/1.0", SOURCE),
    ("POST", "/services/collector/raw", SOURCE),
    ("POST", "/services/collector/raw/1.0", SOURCE),
    ("POST", "/services/collector/ack", SOURCE),
    ("GET", "/", SOURCE),
    ("POST", "/_bulk", SOURCE),
    ("PUT", "/_bulk", SOURCE),
    ("POST", "/{index}/_bulk", SOURCE),
    ("PUT", "/{index}/_bulk", SOURCE),
    ("POST", "/{index}/_doc", SOURCE),
    ("POST", "/{index}/_doc/{id}", SOURCE),
    ("PUT", "/{index}/_doc/{id}", SOURCE),
    ("POST", "/{index}/_create/{id}", SOURCE),
    ("PUT", "/{index}/_create/{id}", SOURCE),
    ("GET", "/v1/events", READERS),
    ("GET", "/v1/cases", READERS),
    ("GET", "/v1/cases/{id}", READERS),
    ("POST", "/v1/cases/{id}/verdict", JUDGES),
    ("POST", "/v1/cases/{id}/assignee", LEAD),
    ("POST", "/v1/cases/{id}/comments", JUDGES),
    ("GET", "/v1/decisions", READERS),
    ("GET", "/v1/decisions/{id}", READERS),
    ("GET", "/v1/decisions/{id}/explanation", READERS),
    ("GET", "/v1/decisions/{id}/raw", READERS),
    ("GET", "/v1/autonomy", READERS),
    ("POST", "/v1/autonomy", LEAD),
    ("POST", "/v1/pause", PAUSERS),
    ("POST", "/v1/resume", LEAD),
    ("GET", "/v1/reviews", JUDGES),
    ("POST", "/v1/reviews", JUDGES),
    ("GET", "/v1/ledger", PROVERS),
    ("GET", "/v1/ledger/entries", PROVERS),
    ("POST", "/v1/cases/{id}/plan", JUDGES),
    ("POST", "/v1/cases/{id}/simulate", JUDGES),
    ("POST", "/v1/cases/{id}/answers/{entry}/plan", JUDGES),
    ("POST", "/v1/cases/{id}/answers/{entry}/simulate", JUDGES),
    ("GET", "/v1/limits", READERS),
    ("POST", "/v1/cases/{id}/questions", JUDGES),
    ("GET", "/v1/plans/{id}", READERS),
    ("POST", "/v1/signed", JUDGES),
    ("GET", "/v1/actions", READERS),
    ("GET", "/v1/actions/{id}", READERS),
    ("POST", "/v1/guard", READERS),
    ("GET", "/v1/approvers", READERS),
    ("POST", "/v1/lookups", READERS),
    ("GET", "/v1/hand", READERS),
    ("GET", "/v1/hand/{id}", READERS),
    ("GET", "/metrics", OPERATORS),
    ("GET", "/v1/health", OPERATORS),
    ("GET", "/v1/missed", OPERATORS),
    ("GET", "/v1/containment", OPERATORS),
    ("POST", "/v1/logout", PEOPLE),
    ("GET", "/v1/me", PEOPLE),
    ("PUT", "/v1/me/password", PEOPLE),
    ("GET", "/v1/tokens", LOOKERS),
    ("POST", "/v1/tokens", ADMIN),
    ("DELETE", "/v1/tokens/{id}", ADMIN),
    ("GET", "/v1/users", LOOKERS),
    ("POST", "/v1/users", ADMIN),
    ("PUT", "/v1/users/{name}/roles", ADMIN),
    ("PUT", "/v1/users/{name}/password", ADMIN),
    ("PUT", "/v1/users/{name}/access", ADMIN),
];

/// Values of `authorization` that are no token.
const MALFORMED: [&str; 10] = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer adj_",
    "Bearer adj_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "adj_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "Basic OnBhc3N3b3Jk",
    "Basic ????",
    "Digest username=\"admin\"",
    "Splunk 00000000-0000-0000-0000-000000000000",
];

pub(super) async fn all(world: &World, probes: &mut Probes) -> Result<()> {
    whole(world, probes);
    for role in Role::ALL {
        by_role(world, role, probes).await?;
    }
    by_nobody(world, probes).await
}

/// What is served is what is written here.
fn whole(world: &World, probes: &mut Probes) {
    let served: BTreeSet<(&str, &str)> = world.list.iter().map(|(verb, path, _)| (verb.as_str(), path.as_str())).collect();
    let written: BTreeSet<(&str, &str)> = ROUTES.iter().map(|(verb, path, _)| (*verb, *path)).collect();
    for route in served.union(&written) {
        let both = served.contains(route) && written.contains(route);
        probes.expect(both, || format!("{route:?} is only {}", if served.contains(route) { "served" } else { "written here" }));
    }
}

/// A path for the route, to things that are not there.
fn path(route: &str) -> String {
    route
        .replace("{id}", "ffffffffffffffffffffffffffffffff")
        .replace("{name}", "nobody")
        .replace("{source}", "okta")
        .replace("{secret}", "none")
        .replace("{index}", "logs")
}

async fn by_role(world: &World, role: Role, probes: &mut Probes) -> Result<()> {
    // No person plays the part of a source.
    let session = if role == Role::Source { None } else { Some(world.person(&format!("a-{}", role.name()), role).await?) };
    for (verb, route, who) in ROUTES.iter().filter(|(_, _, who)| *who != SIGNED) {
        let may = *who == ALL || who.split(' ').any(|name| name == role.name());
        let mut tokens = vec![world.token(role, None, None).await?.1];
        // A logout ends what is shown.
        tokens.extend(session.clone().filter(|_| *route != "/v1/logout"));
        for token in tokens {
            let methods: &[&str] = if *verb == "GET" { &["GET", "HEAD"] } else { &[verb] };
            for method in methods {
                // An empty object says too little for anything to be done.
                let (status, body) = world.ask_as(&token, method, &path(route), "{}").await?;
                let right = match (may, *who) {
                    // Who logs in with nothing is told that the request is malformed.
                    (true, _) => !matches!(status, 0 | 401 | 403 | 500..),
                    (false, _) => status == 403,
                };
                probes.expect(right, || format!("{} {method} {route}: {status} {}", role.name(), String::from_utf8_lossy(&body)));
            }
        }
    }
    Ok(())
}

async fn by_nobody(world: &World, probes: &mut Probes) -> Result<()> {
    let (id, revoked) = world.token(Role::Lead, None, None).await?;
    let (_, expiring) = world.token(Role::Lead, None, None).await?;
    let before = world.ask_as(&expiring, "GET", "/v1/cases", "").await?.0;
    probes.expect(before == 200, || format!("a token in force: {before}"));
    world.gate.revoke_token("harness", &id).await?;
    world.pass(Span::from_hours(24 * 31));
    let values: Vec<String> = MALFORMED
        .iter()
        .map(|value| (*value).to_owned())
        .chain([revoked, expiring].map(|token| format!("Bearer {token}")))
        .collect();
    for (verb, route, _) in ROUTES.iter().filter(|(_, _, who)| *who != ALL) {
        let (status, _) = world.ask(verb, &path(route), &[("content-type", "application/json")], "{}").await?;
        probes.expect(status == 401, || format!("nobody {verb} {route}: {status}"));
        for value in &values {
            let (status, _) = world.ask(verb, &path(route), &[("authorization", value)], "{}").await?;
            probes.expect(status == 401, || format!("`{value}` {verb} {route}: {status}"));
        }
    }
    Ok(())
}
