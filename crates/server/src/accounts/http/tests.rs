//! Accounts over HTTP, from login to revocation.

use super::*;
use crate::gate::Doors;
use crate::gate::fixture::{PASSWORD, World, json, request};
use adjutant_model::Duration;
use serde_json::{Value, json as body};

struct Site {
    world: World,
    doors: Doors,
}

impl Site {
    /// A service with an administrator `ann` and an analyst `bob`, and routes that need what each role has.
    async fn new() -> Self {
        let world = World::new();
        for (name, role) in [("ann", Role::Admin), ("bob", Role::Analyst)] {
            world.gate.make_user("setup", name, vec![role], Some(Secret::new(PASSWORD.into()))).await.unwrap();
        }
        let doors = routes(Routes::new(Arc::clone(&world.gate))).finish(Arc::clone(&world.gate));
        Self { world, doors }
    }

    async fn ask_from(
        &self,
        address: &str,
        method: &str,
        path: &str,
        token: Option<&Secret>,
        body: Option<Value>,
    ) -> (u16, Value) {
        let mut request = request(method, path, token, body);
        request.extensions_mut().insert(Peer(format!("{address}:4000").parse().unwrap()));
        let response = self.doors.answer(request).await;
        (response.status().as_u16(), json(response).await)
    }

    async fn ask(&self, method: &str, path: &str, token: Option<&Secret>, body: Option<Value>) -> (u16, Value) {
        self.ask_from("192.0.2.1", method, path, token, body).await
    }

    async fn log_in(&self, address: &str, name: &str, password: &str) -> (u16, Value) {
        let login = body!({ "name": name, "password": password });
        self.ask_from(address, "POST", "/v1/login", None, Some(login)).await
    }

    async fn session(&self, name: &str) -> Secret {
        let (status, session) = self.log_in("192.0.2.1", name, PASSWORD).await;
        assert_eq!(status, 200, "{session}");
        Secret::new(session["token"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn a_person_logs_in_is_known_and_logs_out() {
    let site = Site::new().await;
    let token = site.session("bob").await;
    let (status, me) = site.ask("GET", "/v1/me", Some(&token), None).await;
    assert_eq!((status, &me["name"], &me["person"]), (200, &"bob".into(), &true.into()));
    assert_eq!(me["roles"], body!(["analyst"]));
    assert_eq!(site.ask("GET", "/v1/users", Some(&token), None).await.0, 403);
    assert_eq!(site.ask("POST", "/v1/logout", Some(&token), None).await.0, 204);
    assert_eq!(site.ask("GET", "/v1/me", Some(&token), None).await.0, 401);
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let site = Site::new().await;
    let token = site.session("bob").await;
    site.world.pass(Duration::from_hours(8));
    assert_eq!(site.ask("GET", "/v1/me", Some(&token), None).await.0, 401);
}

#[tokio::test]
async fn whoever_is_not_let_in_learns_nothing() {
    let site = Site::new().await;
    site.world.gate.make_user("setup", "new", vec![Role::Analyst], None).await.unwrap();
    let wrong = site.log_in("192.0.2.1", "bob", "not the password").await;
    assert_eq!(wrong.0, 401);
    for (name, password) in [("eve", PASSWORD), ("new", PASSWORD), ("new", ""), ("bob", ""), ("", ""), ("a/../b", PASSWORD)] {
        assert_eq!(site.log_in("192.0.2.1", name, password).await, wrong, "{name}");
    }
    site.world.gate.set_access("ann", "bob", false).await.unwrap();
    assert_eq!(site.log_in("192.0.2.2", "bob", PASSWORD).await, wrong);
}

#[tokio::test]
async fn guessing_gets_slower_for_the_name_wherever_it_comes_from() {
    let site = Site::new().await;
    for nth in 0..4 {
        assert_eq!(site.log_in(&format!("198.51.100.{nth}"), "bob", "wrong").await.0, 401);
    }
    let (status, problem) = site.log_in("198.51.100.99", "bob", PASSWORD).await;
    assert_eq!((status, &problem["retry_after_s"]), (429, &2.into()));
    assert_eq!(site.log_in("198.51.100.99", "ann", PASSWORD).await.0, 200, "others are not held up");
    site.world.pass(Duration::from_secs(2));
    assert_eq!(site.log_in("198.51.100.99", "bob", PASSWORD).await.0, 200);
    assert_eq!(site.world.gate.counts().logins_failed, 5);
}

#[tokio::test]
async fn guessing_gets_slower_for_the_address_whatever_the_name() {
    let site = Site::new().await;
    let mut last = 0;
    for nth in 0..22 {
        last = site.log_in("198.51.100.1", &format!("user{nth}"), "wrong").await.0;
    }
    assert_eq!(last, 429);
    assert_eq!(site.log_in("198.51.100.1", "bob", PASSWORD).await.0, 429);
    assert_eq!(site.log_in("198.51.100.2", "bob", PASSWORD).await.0, 200);
}

#[tokio::test]
async fn an_administrator_makes_lists_and_revokes_tokens() {
    let site = Site::new().await;
    let ann = site.session("ann").await;
    let wanted = body!({ "name": "okta-hook", "role": "source", "source": "okta", "days": 30 });
    let (status, given) = site.ask("POST", "/v1/tokens", Some(&ann), Some(wanted)).await;
    assert_eq!(status, 200, "{given}");
    let text = given["token"].as_str().unwrap();
    let tool = Secret::new(text.to_owned());
    assert_eq!(site.world.caller(&tool).unwrap().source(), Some("okta"));
    let (_, list) = site.ask("GET", "/v1/tokens", Some(&ann), None).await;
    let first = &list["items"][0];
    assert_eq!((&first["name"], &first["made_by"]), (&"okta-hook".into(), &"ann".into()));
    assert!(text.ends_with(first["last_four"].as_str().unwrap()));
    assert!(!list.to_string().contains(text));
    let path = format!("/v1/tokens/{}", given["id"].as_str().unwrap());
    assert_eq!(site.ask("DELETE", &path, Some(&ann), None).await.0, 204);
    assert_eq!(site.ask("DELETE", &path, Some(&ann), None).await.0, 404);
    assert!(site.world.caller(&tool).is_err());
}

impl Site {
    /// The member `name` of all rows of a listing, page after page; `between` happens after the first.
    async fn names(&self, ann: &Secret, (path, name): (&str, &str), limit: u32, between: impl AsyncFn()) -> Vec<String> {
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let (status, page) = self.ask("GET", &format!("{path}?limit={limit}{cursor}"), Some(ann), None).await;
            assert_eq!(status, 200, "{page}");
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit as usize);
            names.extend(items.iter().map(|item| item[name].as_str().unwrap().to_owned()));
            if cursor.is_empty() {
                between().await;
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return names,
            }
        }
    }
}

#[tokio::test]
async fn tokens_and_users_are_listed_page_by_page_in_the_order_in_which_they_were_made() {
    let site = Site::new().await;
    let ann = site.session("ann").await;
    let gate = &site.world.gate;
    let token =
        |name: &str| NewToken { name: name.into(), role: Role::Source, scopes: None, source: None, expires: gate.expiry(9) };
    for number in 0..7 {
        // Some are made at the same time.
        site.world.pass(Duration::from_secs(number % 2));
        gate.make_user("setup", &format!("u{number}"), vec![Role::Analyst], None).await.unwrap();
        gate.make_token("setup", token(&format!("t{number}"))).await.unwrap();
    }
    let nothing = async || ();
    for listing in [("/v1/users", "name"), ("/v1/tokens", "id")] {
        let whole = site.names(&ann, listing, 200, nothing).await;
        assert_eq!(whole.len(), if listing.0 == "/v1/users" { 9 } else { 7 });
        for limit in [1, 4] {
            assert_eq!(site.names(&ann, listing, limit, nothing).await, whole, "{listing:?}, pages of {limit}");
        }
    }
    site.world.pass(Duration::from_secs(1));
    let late = async || gate.make_user("setup", "aaa", vec![Role::Analyst], None).await.unwrap();
    let names = site.names(&ann, ("/v1/users", "name"), 4, late).await;
    assert_eq!((names.len(), names.last().unwrap().as_str()), (10, "aaa"), "what is made meanwhile comes last");
    let (_, page) = site.ask("GET", "/v1/users?limit=1", Some(&ann), None).await;
    for bad in ["limit=0", "colour=red", "cursor=x"] {
        assert_eq!(site.ask("GET", &format!("/v1/users?{bad}"), Some(&ann), None).await.0, 400, "{bad}");
    }
    let next = page["next"].as_str().unwrap();
    assert_eq!(site.ask("GET", &format!("/v1/tokens?cursor={next}"), Some(&ann), None).await.0, 400, "another listing's");
}

#[tokio::test]
async fn tokens_that_may_not_be_are_refused_with_a_reason() {
    let site = Site::new().await;
    let ann = site.session("ann").await;
    for (wanted, status, reason) in [
        (body!({ "name": "x", "role": "root" }), 422, "unknown variant"),
        (body!({ "name": "x", "role": "source", "admin": true }), 422, "unknown field"),
        (body!({ "name": "x", "role": "source", "days": 401 }), 422, "within 400 days"),
        (body!({ "name": "x", "role": "source", "days": 0 }), 422, "expires after now"),
        (body!({ "name": "x", "role": "engineer", "scopes": [] }), 422, "non-empty"),
        (body!({ "name": "x", "role": "engineer", "scopes": ["make-tokens"] }), 422, "part of what the role allows"),
        (body!({ "name": "x y", "role": "source" }), 422, "is no name"),
    ] {
        let (got, problem) = site.ask("POST", "/v1/tokens", Some(&ann), Some(wanted.clone())).await;
        assert!(got == status && problem["detail"].as_str().unwrap().contains(reason), "{wanted} {problem}");
    }
}

#[tokio::test]
async fn nobody_gives_themselves_a_role_and_the_last_administrator_stays() {
    let site = Site::new().await;
    let ann = site.session("ann").await;
    let roles = Some(body!({ "roles": ["admin", "lead"] }));
    assert_eq!(site.ask("PUT", "/v1/users/ann/roles", Some(&ann), roles.clone()).await.0, 403);
    assert_eq!(site.ask("PUT", "/v1/users/bob/roles", Some(&ann), roles).await.0, 204);
    assert_eq!(site.ask("PUT", "/v1/users/bob/access", Some(&ann), Some(body!({ "enabled": false }))).await.0, 204);
    let (status, problem) = site.ask("PUT", "/v1/users/ann/access", Some(&ann), Some(body!({ "enabled": false }))).await;
    assert_eq!((status, &problem["type"]), (409, &"urn:adjutant:conflict".into()));
    assert_eq!(site.ask("PUT", "/v1/users/eve/access", Some(&ann), Some(body!({ "enabled": false }))).await.0, 404);
}

#[tokio::test]
async fn a_new_password_ends_the_sessions_of_the_old_one() {
    let site = Site::new().await;
    let (one, two) = (site.session("bob").await, site.session("bob").await);
    let change = |current: &str| body!({ "current": current, "new": "another sentence entirely" });
    assert_eq!(site.ask("PUT", "/v1/me/password", Some(&one), Some(change("wrong"))).await.0, 401);
    assert_eq!(site.ask("PUT", "/v1/me/password", Some(&one), Some(change(PASSWORD))).await.0, 204);
    for token in [&one, &two] {
        assert_eq!(site.ask("GET", "/v1/me", Some(token), None).await.0, 401);
    }
    assert_eq!(site.log_in("192.0.2.1", "bob", PASSWORD).await.0, 401);
    assert_eq!(site.log_in("192.0.2.1", "bob", "another sentence entirely").await.0, 200);
}

#[tokio::test]
async fn a_bad_password_makes_no_user() {
    let site = Site::new().await;
    let ann = site.session("ann").await;
    let user = body!({ "name": "eve", "roles": ["analyst"], "password": "short" });
    let (status, problem) = site.ask("POST", "/v1/users", Some(&ann), Some(user)).await;
    assert!(status == 422 && !problem.to_string().contains("`short`"), "{problem}");
    let (_, users) = site.ask("GET", "/v1/users", Some(&ann), None).await;
    assert_eq!(users["items"].as_array().unwrap().len(), 2);
    assert!(!users.to_string().contains("argon2"));
}

#[tokio::test]
async fn when_the_store_cannot_write_nothing_is_given() {
    let site = Site::new().await;
    site.world.shelf.broken.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(site.log_in("192.0.2.1", "bob", PASSWORD).await.0, 503);
}
