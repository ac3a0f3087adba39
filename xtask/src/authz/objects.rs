//! Other people's things: sources, sessions, users, scopes, signatures; and paths that mean to be others.

use super::Probes;
use super::world::{World, key};
use adjutant_server::gate::{Permission, Role};
use adjutant_server::secret::Secret;
use anyhow::Result;
use serde_json::json;

/// An alert that any source could have sent.
const ALERT: &str = r#"{"message":"somebody logged in","user":"ana"}"#;

pub(super) async fn all(world: &World, probes: &mut Probes) -> Result<()> {
    sources(world, probes).await?;
    scopes(world, probes).await?;
    sessions(world, probes).await?;
    themselves(world, probes).await?;
    signatures(world, probes).await?;
    elsewhere(world, probes).await
}

async fn sources(world: &World, probes: &mut Probes) -> Result<()> {
    let bound = world.token(Role::Source, Some("okta"), None).await?.1;
    let free = world.token(Role::Source, None, None).await?.1;
    let group = json!({ "version": "4", "status": "firing", "alerts": [{ "status": "firing", "labels": { "alertname": "x" } }] });
    let probe = [
        (&bound, "/v1/alerts/okta", ALERT, 200),
        (&bound, "/v1/alerts", ALERT, 200),
        (&bound, "/v1/alerts/suricata", ALERT, 403),
        (&bound, "/v1/alerts/OKTA", ALERT, 403),
        (&bound, "/v1/alerts/okta%20", ALERT, 403),
        (&bound, "/v1/alertmanager", &group.to_string(), 403),
        (&bound, "/v1/alertmanager/suricata", &group.to_string(), 403),
        (&free, "/v1/alerts/suricata", ALERT, 200),
        (&free, "/v1/alertmanager/suricata", &group.to_string(), 200),
    ];
    for (token, path, body, wanted) in probe {
        let (status, answer) = world.ask_as(token, "POST", path, body.to_owned()).await?;
        probes.expect(status == wanted, || format!("{path}: {status}, not {wanted}: {}", String::from_utf8_lossy(&answer)));
    }
    // What a bound token sends through a collector's door is its source's, whatever the event says.
    let event = json!({ "event": { "message": "hello from a collector" }, "source": "suricata", "index": "other" }).to_string();
    let (status, answer) = world.ask_as(&bound, "POST", "/services/collector/event", event).await?;
    probes.expect(status == 200, || format!("a collector's event: {status} {}", String::from_utf8_lossy(&answer)));
    Ok(())
}

async fn scopes(world: &World, probes: &mut Probes) -> Result<()> {
    let narrow = world.token(Role::Engineer, None, Some(vec![Permission::ReadMetrics])).await?.1;
    let none = world.token(Role::Lead, None, Some(Vec::new())).await;
    let beyond = world.token(Role::Analyst, None, Some(vec![Permission::MakeTokens, Permission::ReadCases])).await;
    let mut probe = vec![(narrow.clone(), "GET", "/metrics", true), (narrow, "GET", "/v1/cases", false)];
    // Such tokens may be refused at once; where they are made, they may nothing more than their role.
    probe.extend(none.ok().map(|(_, token)| (token, "GET", "/v1/cases", false)));
    probe.extend(beyond.ok().map(|(_, token)| (token, "POST", "/v1/tokens", false)));
    for (token, method, path, may) in probe {
        let (status, _) = world.ask_as(&token, method, path, "{}").await?;
        probes.expect(if may { status == 200 } else { status == 403 }, || format!("a scope: {method} {path}: {status}"));
    }
    Ok(())
}

async fn sessions(world: &World, probes: &mut Probes) -> Result<()> {
    let (ana, bob) = (world.person("ana", Role::Analyst).await?, world.person("bob", Role::Analyst).await?);
    let ask = async |token: &str, method: &str, path: &str, body: String| -> Result<u16> {
        Ok(world.ask_as(token, method, path, body).await?.0)
    };
    let (theirs, _) = world.token(Role::Source, None, None).await?;
    let status = ask(&ana, "DELETE", &format!("/v1/tokens/{theirs}"), String::new()).await?;
    probes.expect(status == 403, || format!("an analyst revokes a token: {status}"));
    let status = ask(&ana, "PUT", "/v1/users/bob/password", json!({ "password": "another long sentence" }).to_string()).await?;
    probes.expect(status == 403, || format!("an analyst sets another's password: {status}"));
    let wrong = json!({ "current": "not this one, surely", "new": "another long sentence" }).to_string();
    let status = ask(&ana, "PUT", "/v1/me/password", wrong).await?;
    probes.expect(matches!(status, 401 | 403 | 429), || format!("a password changed without the old one: {status}"));
    let status = ask(&ana, "POST", "/v1/logout", String::new()).await?;
    probes.expect(status == 204, || format!("a logout: {status}"));
    let (after, other) = (ask(&ana, "GET", "/v1/me", String::new()).await?, ask(&bob, "GET", "/v1/me", String::new()).await?);
    probes.expect((after, other) == (401, 200), || format!("after a logout: {after}, and the other's session {other}"));
    world.gate.set_access("harness", "bob", false).await?;
    let status = ask(&bob, "GET", "/v1/me", String::new()).await?;
    probes.expect(status == 401, || format!("a user without access: {status}"));
    let again = world.log_in("bob").await;
    probes.expect(again.is_err(), || "a user without access logs in".into());
    let cleo = world.person("cleo", Role::Lead).await?;
    world.gate.set_password("harness", "cleo", Secret::new("yet another long sentence".into())).await?;
    let status = ask(&cleo, "GET", "/v1/me", String::new()).await?;
    probes.expect(status == 401, || format!("a session from before a new password: {status}"));
    Ok(())
}

/// Nobody raises themselves.
async fn themselves(world: &World, probes: &mut Probes) -> Result<()> {
    let admin = world.person("root", Role::Admin).await?;
    let roles = json!({ "roles": ["admin", "lead"] }).to_string();
    let (status, _) = world.ask_as(&admin, "PUT", "/v1/users/root/roles", roles).await?;
    probes.expect(matches!(status, 403 | 409), || format!("an administrator takes another role: {status}"));
    let made = json!({ "name": "sam", "roles": ["source"] }).to_string();
    let (status, _) = world.ask_as(&admin, "POST", "/v1/users", made).await?;
    probes.expect((400..500).contains(&status), || format!("a person as a source: {status}"));
    let (status, _) = world.ask_as(&admin, "GET", "/v1/me", "").await?;
    probes.expect(status == 200, || format!("the administrator after that: {status}"));
    Ok(())
}

async fn signatures(world: &World, probes: &mut Probes) -> Result<()> {
    let now = world.gate.now().0 / 1_000_000;
    let lead = world.token(Role::Lead, None, None).await?.1;
    // Source of the path, who signed, when, what was signed, and what is right.
    let cases = [
        ("signed", "signed", now, ALERT, 200),
        ("signed", "other", now, ALERT, 401),
        ("other", "signed", now, ALERT, 401),
        ("unknown", "signed", now, ALERT, 401),
        ("signed", "signed", now - 3600, ALERT, 401),
        ("signed", "signed", now + 3600, ALERT, 401),
        ("signed", "signed", now, "{}", 401),
    ];
    for (nth, (source, signer, seconds, signed, wanted)) in cases.into_iter().enumerate() {
        let id = format!("msg_{nth}");
        let signature = key(signer)?.sign(&id, seconds, signed.as_bytes());
        let headers =
            [("webhook-id", id.as_str()), ("webhook-timestamp", &seconds.to_string()), ("webhook-signature", signature.as_str())];
        let (status, body) = world.ask("POST", &format!("/v1/webhooks/{source}"), &headers, ALERT).await?;
        probes.expect(status == wanted, || format!("signature {nth}: {status}: {}", String::from_utf8_lossy(&body)));
    }
    let (status, _) = world.ask_as(&lead, "POST", "/v1/webhooks/signed", ALERT).await?;
    probes.expect(status == 401, || format!("a token where a signature is needed: {status}"));
    Ok(())
}

/// Paths, queries and headers that mean to be others.
async fn elsewhere(world: &World, probes: &mut Probes) -> Result<()> {
    let source = world.token(Role::Source, None, None).await?.1;
    let lead = world.token(Role::Lead, None, None).await?.1;
    for path in [
        "//v1/cases",
        "/v1//cases",
        "/v1/./cases",
        "/v1/alerts/../cases",
        "/v1/%2e%2e/v1/cases",
        "/v1/cases%2f",
        "/V1/cases",
        "/v1/cases/",
    ] {
        let (status, _) = world.ask_as(&source, "GET", path, "").await?;
        probes.expect(matches!(status, 400 | 403 | 404 | 405), || format!("{path}: {status}"));
    }
    let query = format!("/v1/cases?token={lead}&access_token={lead}");
    let (status, _) = world.ask("GET", &query, &[], "").await?;
    probes.expect(status == 401, || format!("a token in a query: {status}"));
    let (one, two) = (format!("Bearer {source}"), format!("Bearer {lead}"));
    let (status, _) = world.ask("GET", "/v1/cases", &[("authorization", &two), ("authorization", &one)], "").await?;
    probes.expect(status == 401, || format!("two tokens: {status}"));
    let headers = [
        ("authorization", one.as_str()),
        ("x-original-url", "/v1/cases"),
        ("x-http-method-override", "GET"),
        ("x-forwarded-user", "root"),
    ];
    let (status, _) = world.ask("GET", "/v1/cases", &headers, "").await?;
    probes.expect(status == 403, || format!("headers of a proxy: {status}"));
    for method in ["PATCH", "OPTIONS", "TRACE", "DELETE", "CONNECT"] {
        let (status, _) = world.ask_as(&lead, method, "/v1/cases", "").await?;
        probes.expect(matches!(status, 400 | 404 | 405), || format!("{method} /v1/cases: {status}"));
    }
    Ok(())
}
