//! The gate, asked as a client asks it.

use super::fixture::{World, bearer, json, request};
use super::*;
use crate::accounts::Change;
use crate::problem::PROBLEM_JSON;
use adjutant_model::Duration;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::http::StatusCode;

/// A route for each permission, an open one, and a few that go wrong.
fn doors(gate: &Arc<Gate>) -> Doors {
    let mut routes = Routes::<()>::new(Arc::clone(gate));
    for permission in Permission::ALL {
        let path: &'static str = Box::leak(format!("/needs/{}", permission.name()).into_boxed_str());
        routes = routes.add(Endpoint::get(path, permission), async |caller: Caller| caller.name().to_owned());
        routes = routes.add(Endpoint::post(path, permission), async |body: String| body);
    }
    routes
        .add(Endpoint::get("/open", Open), async || "open")
        .add(Endpoint::get("/open/who", Open), async |caller: Caller| caller.name().to_owned())
        .add(Endpoint::post("/v1/alerts/{source}", Permission::SendAlerts), async |caller: Caller, Path(source): Path<String>| {
            caller.source_for(Some(&source)).map(|source| source.unwrap_or("-").to_owned())
        })
        .add(Endpoint::get("/fault", Open), fault)
        .add(Endpoint::get("/slow", Open), async || std::future::pending::<()>().await)
        .add(Endpoint::post("/v1/webhooks/{source}", Signed).body_bytes_max(1000), async |caller: Caller, body: String| {
            format!("{} {body}", caller.source().unwrap_or("-"))
        })
        .finish(())
}

async fn fault() -> &'static str {
    panic!("a fault in a handler")
}

#[tokio::test]
async fn every_role_may_exactly_what_its_row_of_the_table_says() {
    let world = World::new();
    let doors = doors(&world.gate);
    for role in Role::ALL {
        let (_, token) = world.token(role).await;
        for permission in Permission::ALL {
            let path = format!("/needs/{}", permission.name());
            for method in ["GET", "HEAD", "POST"] {
                let status = doors.answer(request(method, &path, Some(&token), None)).await.status();
                let expected = if role.permissions().contains(&permission) { 200 } else { 403 };
                assert_eq!(status, expected, "{role:?} {method} {permission:?}");
            }
        }
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_there_but_what_is_open() {
    let world = World::new();
    let doors = doors(&world.gate);
    for permission in Permission::ALL {
        let response = doors.answer(request("GET", &format!("/needs/{}", permission.name()), None, None)).await;
        assert_eq!(response.status(), 401, "{permission:?}");
        assert_eq!(response.headers()["content-type"], PROBLEM_JSON);
    }
    assert_eq!(doors.answer(request("GET", "/open", None, None)).await.status(), 200);
    assert_eq!(world.gate.counts().unauthenticated, Permission::ALL.len() as u64);
}

#[tokio::test]
async fn the_handler_does_not_run_and_no_body_is_read_for_who_may_not() {
    let world = World::new();
    let doors = doors(&world.gate);
    let (_, token) = world.token(Role::Auditor).await;
    let read = || -> Result<bytes::Bytes, std::io::Error> { panic!("the body was read") };
    let endless = Body::from_stream(futures_util::stream::iter(std::iter::repeat_with(read)));
    let mut request = Request::post("/needs/judge-cases").body(endless).unwrap();
    *request.headers_mut() = bearer(&token);
    assert_eq!(doors.answer(request).await.status(), 403);
}

#[tokio::test]
async fn a_token_of_another_source_is_refused() {
    let world = World::new();
    let doors = doors(&world.gate);
    let (_, bound) = world.token_for(Role::Source, Some("okta")).await;
    let (_, free) = world.token(Role::Source).await;
    let send = async |source: &str, token| {
        let response = doors.answer(request("POST", &format!("/v1/alerts/{source}"), Some(token), None)).await;
        response.status().as_u16()
    };
    assert_eq!(send("okta", &bound).await, 200);
    assert_eq!(send("suricata", &bound).await, 403);
    assert_eq!(send("OKTA", &bound).await, 403);
    assert_eq!(send("suricata", &free).await, 200);
    let caller = world.caller(&bound).unwrap();
    assert_eq!(caller.source_for(None).unwrap(), Some("okta"));
}

#[tokio::test]
async fn an_expired_and_a_revoked_token_get_the_answer_of_an_unknown_one() {
    let world = World::new();
    let doors = doors(&world.gate);
    let (_, expiring) = world.token(Role::Analyst).await;
    let (id, revoked) = world.token(Role::Analyst).await;
    let unknown = crate::accounts::draw().unwrap().text;
    let ask = async |token: &Secret| {
        let response = doors.answer(request("GET", "/needs/read-cases", Some(token), None)).await;
        (response.status(), json(response).await)
    };
    assert_eq!(ask(&expiring).await.0, 200);
    assert_eq!(ask(&revoked).await.0, 200);
    world.gate.revoke_token("test", &id).await.unwrap();
    world.pass(Duration::from_days(30));
    let expected = ask(&unknown).await;
    assert_eq!(expected.0, 401);
    assert_eq!(ask(&expiring).await, expected);
    assert_eq!(ask(&revoked).await, expected);
}

#[tokio::test]
async fn a_token_that_shares_its_first_bytes_is_not_taken_for_another() {
    let world = World::new();
    let (_, token) = world.token(Role::Admin).await;
    let mut hash = adjutant_model::Digest::of(token.reveal().as_bytes());
    assert!(world.gate.accounts().caller(&hash, world.gate.now()).is_some());
    hash.0[31] ^= 1;
    assert!(world.gate.accounts().caller(&hash, world.gate.now()).is_none());
}

#[tokio::test]
async fn a_fault_is_an_answer_and_the_next_request_goes_on() {
    let world = World::new();
    let doors = doors(&world.gate);
    assert_eq!(doors.answer(request("GET", "/fault", None, None)).await.status(), 500);
    assert_eq!(doors.answer(request("GET", "/open/who", None, None)).await.status(), 500);
    assert_eq!(doors.answer(request("GET", "/open", None, None)).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_ended() {
    let doors = doors(&World::new().gate);
    let response = doors.answer(request("GET", "/slow", None, None)).await;
    assert_eq!((response.status(), response.headers().contains_key("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, true));
}

#[tokio::test]
async fn every_answer_is_dressed_and_every_error_is_a_problem() {
    let world = World::new();
    let doors = doors(&world.gate);
    let (_, token) = world.token(Role::Analyst).await;
    let big = Some(serde_json::Value::String("x".repeat(100_000)));
    for (method, path, token, body, status) in [
        ("GET", "/open", None, None, 200),
        ("GET", "/nowhere", None, None, 404),
        ("POST", "/open", None, None, 405),
        ("OPTIONS", "/open", None, None, 405),
        ("GET", "/needs/read-cases", None, None, 401),
        ("GET", "/needs/backup", Some(&token), None, 403),
        ("POST", "/needs/judge-cases", Some(&token), big, 413),
        ("GET", "//open", None, None, 400),
        ("GET", "/needs/../open", None, None, 400),
        ("GET", "/needs%2fbackup", None, None, 400),
        ("GET", "/open%00", None, None, 400),
        ("GET", "/open%", None, None, 400),
    ] {
        let response = doors.clone().behind_tls().answer(request(method, path, token, body)).await;
        let headers = response.headers().clone();
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        assert!(headers.contains_key("strict-transport-security"));
        assert!(!headers.keys().any(|name| name.as_str().starts_with("access-control")), "no CORS");
        assert_eq!(headers.contains_key("allow"), status == 405, "{method} {path}");
        if status != 200 {
            assert_eq!(headers["content-type"], PROBLEM_JSON, "{method} {path}");
            assert_eq!(json(response).await["status"], status);
        }
    }
}

#[tokio::test]
async fn only_what_the_sources_key_signed_comes_in_without_a_token() {
    let key = || SigningKey::read(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into())).unwrap();
    let world = World::with(|gate| gate.with_signer("okta", key()));
    let doors = doors(&world.gate);
    let now = world.gate.now().secs();
    let send = async |source: &str, seconds: i64, signature: String, body: &str| {
        let request = Request::post(format!("/v1/webhooks/{source}"))
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signature)
            .body(Body::from(body.to_owned()));
        let response = doors.answer(request.unwrap()).await;
        response.status().as_u16()
    };
    let good = key().sign("msg_1", now, b"{}");
    assert_eq!(send("okta", now, good.clone(), "{}").await, 200);
    assert_eq!(send("okta", now, format!("v1a,x v1,AAAA {good}"), "{}").await, 200, "one of several");
    assert_eq!(send("okta", now, good.clone(), "{ }").await, 401, "another body");
    assert_eq!(send("okta", now + 1, good.clone(), "{}").await, 401, "another time");
    assert_eq!(send("suricata", now, good.clone(), "{}").await, 401, "a source without a key");
    assert_eq!(send("okta", now, String::new(), "{}").await, 401, "no signature");
    for late in [now - 301, now + 301] {
        assert_eq!(send("okta", late, key().sign("msg_1", late, b"{}"), "{}").await, 401, "too far in time");
    }
    let big = "x".repeat(1001);
    assert_eq!(send("okta", now, key().sign("msg_1", now, big.as_bytes()), &big).await, 413);
    let (_, token) = world.token_for(Role::Source, Some("okta")).await;
    let response = doors.answer(request("POST", "/v1/webhooks/okta", Some(&token), None)).await;
    assert_eq!(response.status(), 401, "a token is no signature");
}

#[tokio::test]
async fn what_takes_access_away_works_at_once_even_when_the_store_does_not() {
    let world = World::new();
    let (id, token) = world.token(Role::Analyst).await;
    world.shelf.broken.store(true, std::sync::atomic::Ordering::Relaxed);
    let made = world.gate.make_token(
        "test",
        NewToken { name: "x".into(), role: Role::Analyst, scopes: None, source: None, expires: world.gate.expiry(1) },
    );
    assert!(matches!(made.await, Err(ChangeError::Store(_))));
    assert_eq!(world.gate.accounts().tokens().count(), 1);
    assert!(matches!(world.gate.revoke_token("test", &id).await, Err(ChangeError::Store(_))));
    assert!(world.caller(&token).is_err());
}

#[tokio::test]
async fn a_restart_finds_what_was_in_force() {
    let world = World::new();
    let (_, kept) = world.token(Role::Analyst).await;
    let (id, revoked) = world.token(Role::Analyst).await;
    world.gate.revoke_token("test", &id).await.unwrap();
    let gate = world.restarted();
    assert_eq!(gate.authenticate(&bearer(&kept)).unwrap().name(), "a-analyst");
    assert!(gate.authenticate(&bearer(&revoked)).is_err());
}

#[tokio::test]
async fn a_document_that_is_not_what_was_written_opens_no_gate() {
    let world = World::new();
    world.token(Role::Analyst).await;
    let body = world.shelf.documents.lock().unwrap().values().next().unwrap().replace("\"analyst\"", "\"root\"");
    world.shelf.documents.lock().unwrap().insert(("token", "t1".into()), body);
    let opened = Gate::open(Arc::clone(&world.shelf) as Arc<dyn Documents>, Arc::new(Time::default));
    assert!(matches!(opened, Err(CannotOpen::Documents(_))));
}

#[tokio::test]
async fn no_secret_is_in_what_is_kept_of_a_change() {
    let world = World::new();
    let (_, token) = world.token(Role::Admin).await;
    world.gate.make_user("test", "ann", vec![Role::Admin], Some(Secret::new(fixture::PASSWORD.into()))).await.unwrap();
    let entries = format!("{:?}", world.shelf.entries.lock().unwrap());
    let documents = format!("{:?}", world.shelf.documents.lock().unwrap());
    assert!(entries.contains("token-made") && entries.contains("password-set"), "{entries}");
    assert!(!entries.contains("argon2") && documents.contains("$argon2id$"));
    for text in [&entries, &documents] {
        assert!(!text.contains(token.reveal()) && !text.contains(fixture::PASSWORD));
    }
    let change = Change::PasswordSet { name: "ann".into(), at: Time::default(), hash: Default::default() };
    assert_eq!(serde_json::to_string(&change).unwrap(), r#"{"change":"password-set","name":"ann","at":0}"#);
}

#[test]
fn the_matrix_has_a_row_for_each_route() {
    let list = [Endpoint::post("/b", Permission::MakeTokens), Endpoint::get("/a", Open)];
    assert_eq!(
        matrix(&list),
        "| route | needs | source | analyst | lead | engineer | auditor | admin |\n\
         |---|---|---|---|---|---|---|---|\n\
         | `GET /a` | nothing | yes | yes | yes | yes | yes | yes |\n\
         | `POST /b` | make-tokens | | | | | | yes |\n"
    );
}

use crate::secret::Secret;
