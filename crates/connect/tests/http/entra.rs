//! Microsoft Graph, as its reference describes users, and the place that makes tokens for it.

use crate::server::{Answer, Asked, Server, Trouble, Vendor};
use crate::{act, action, clock, settings, shipped, state, undo};
use adjutant_connect::http::{Auth, HttpConnector, Settings};
use adjutant_hand::connector::{CallError, Connector, Idempotency};
use adjutant_hand::secret_ref::{SecretPlaces, SecretRef};
use adjutant_model::EntityKind;
use adjutant_model::act::State;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

#[derive(Default)]
struct Entra {
    base: String,
    /// Whether each account is enabled, and since when its sessions are valid.
    users: BTreeMap<String, (bool, u32)>,
    ledger: Vec<String>,
    /// Tokens that were made; the last one alone is good.
    tokens: usize,
    /// What was asked for the last one.
    form: BTreeMap<String, String>,
    expires_in: Value,
}

fn graph_error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "code": code, "message": message } }))
}

impl Entra {
    fn token(&mut self, asked: &Asked) -> Answer {
        self.form = asked.form();
        if self.form.get("client_secret").is_some_and(|secret| secret != "s3cr&t=") {
            return Answer::json(401, &json!({ "error": "invalid_client", "error_description": "AADSTS7000215" }));
        }
        self.tokens += 1;
        let token = format!("token-{}", self.tokens);
        Answer::json(200, &json!({ "token_type": "Bearer", "expires_in": self.expires_in, "access_token": token }))
    }

    fn show(id: &str, enabled: bool) -> Value {
        let upn = if id == "u-3" { "o'brien@corp.example".to_owned() } else { format!("{id}@corp.example") };
        json!({ "id": id, "userPrincipalName": upn, "mail": null, "otherMails": ["x@home.example"], "accountEnabled": enabled,
            "securityIdentifier": "S-1-12-1-1", "onPremisesSamAccountName": null, "department": "Treasury" })
    }

    fn filtered(&self, filter: &str) -> Answer {
        let quoted = filter.strip_prefix("userPrincipalName eq '").and_then(|rest| rest.split("' or mail eq '").next());
        let name = quoted.map(|text| text.replace("''", "\u{0}")).filter(|text| !text.contains('\''));
        let Some(name) = name.map(|text| text.replace('\u{0}', "'")) else {
            return graph_error(400, "BadRequest", "Invalid filter");
        };
        let found = self.users.iter().map(|(id, (enabled, _))| Self::show(id, *enabled));
        let is_meant = |user: &Value| user["userPrincipalName"].as_str().is_some_and(|upn| upn.eq_ignore_ascii_case(&name));
        Answer::json(200, &json!({ "value": found.filter(is_meant).collect::<Vec<_>>() }))
    }

    fn groups(&self, id: &str, asked: &Asked) -> Answer {
        if asked.query.contains_key("$skiptoken") {
            return Answer::json(200, &json!({ "value": [{ "id": "r1", "displayName": "Global Administrator" }] }));
        }
        let next = format!("{}/v1.0/users/{id}/transitiveMemberOf?$select=id,displayName&$skiptoken=a%20b", self.base);
        Answer::json(200, &json!({ "value": [{ "id": "g1", "displayName": "All staff" }], "@odata.nextLink": next }))
    }
}

impl Vendor for Entra {
    fn answer(&mut self, asked: &Asked) -> Answer {
        if asked.path == "/tenant/oauth2/v2.0/token" {
            return self.token(asked);
        }
        if asked.header("authorization") != format!("Bearer token-{}", self.tokens) {
            return graph_error(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.");
        }
        let parts: Vec<&str> = asked.path.trim_start_matches("/v1.0/").split('/').collect();
        let id = parts.get(1).copied().unwrap_or_default().to_owned();
        let Some(user) = self.users.get_mut(&id).or(None) else {
            return match parts.as_slice() {
                ["organization"] => Answer::json(200, &json!({ "value": [] })),
                ["users"] => self.filtered(asked.query.get("$filter").map_or("", String::as_str)),
                _ => graph_error(404, "Request_ResourceNotFound", "Resource does not exist"),
            };
        };
        match (asked.method.as_str(), parts.get(2)) {
            ("GET", None) => {
                let since = format!("2026-03-01T00:00:{:02}Z", user.1);
                let mut shown = Self::show(&id, user.0);
                shown["signInSessionsValidFromDateTime"] = since.into();
                Answer::json(200, &shown)
            }
            ("GET", Some(&"transitiveMemberOf")) => self.groups(&id, asked),
            ("PATCH", None) => {
                let Some(enabled) = asked.json()["accountEnabled"].as_bool() else {
                    return graph_error(400, "Request_BadRequest", "Cannot convert");
                };
                if user.0 != enabled {
                    self.ledger.push(format!("enabled {id} {enabled}"));
                }
                user.0 = enabled;
                Answer::empty(204)
            }
            ("POST", Some(&"revokeSignInSessions")) if asked.header("content-length") == "0" => {
                user.1 += 1;
                self.ledger.push(format!("revoke {id}"));
                Answer::json(200, &json!({ "value": true }))
            }
            _ => graph_error(411, "LengthRequired", ""),
        }
    }
}

const CLIENT: &str = r#"{"kind": "client-credentials", "token_url": "TOKENS", "client_id": "app", "client_secret": {"env": "SECRET"},
    "scope": "https://graph.microsoft.com/.default"}"#;

struct World {
    server: Server<Entra>,
    entra: HttpConnector,
    seconds: Arc<AtomicI64>,
}

fn start_with(auth: &str, secret: &str) -> World {
    let users = [("u-1", (true, 0)), ("u-2", (false, 0)), ("u-3", (true, 0))];
    let users = users.into_iter().map(|(id, user)| (id.to_owned(), user)).collect();
    let server = Server::start(Entra { users, expires_in: json!(3600), ..Entra::default() });
    server.world.lock().unwrap().base = server.url();
    let auth = auth.replace("TOKENS", &format!("{}/tenant/oauth2/v2.0/token", server.url()));
    let settings: Settings = settings(&format!("{}/v1.0", server.url()), &auth, &[]);
    let environment = |name: &str| (name == "SECRET").then(|| secret.to_owned());
    let secrets = settings.auth.resolve(&SecretPlaces { environment: &environment, credentials: None }).unwrap();
    let (clock, seconds) = clock();
    let entra = HttpConnector::new(shipped("entra"), &settings, secrets, clock).unwrap();
    World { server, entra, seconds }
}

fn start() -> World {
    start_with(CLIENT, "s3cr&t=")
}

#[test]
fn a_name_is_found_with_groups_and_roles_over_all_pages() {
    let world = start();
    let found = world.entra.lookup(EntityKind::User, "U-1@corp.example").unwrap();
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(one.target.id, "u-1");
    assert_eq!(one.aliases, ["S-1-12-1-1", "u-1@corp.example", "x@home.example"]);
    assert_eq!(one.groups.as_deref().map(|groups| groups.join(" ")), Some("All staff Global Administrator g1 r1".into()));
    let found = world.entra.lookup(EntityKind::User, "o'brien@corp.example").unwrap();
    assert_eq!(found.first().map(|one| one.target.id.as_str()), Some("u-3"));
    assert_eq!(world.entra.lookup(EntityKind::User, "x' or userPrincipalName eq 'u-1@corp.example"), Ok(vec![]));
}

#[test]
fn groups_whose_name_is_hidden_are_none() {
    let world = start();
    let hidden = r#"{"value": [{"id": "g1", "displayName": null}]}"#;
    world.server.trouble("GET", "/v1.0/users/u-1/transitiveMemberOf", Trouble::Instead(200, vec![], hidden));
    let found = world.entra.lookup(EntityKind::User, "u-1@corp.example").unwrap();
    assert_eq!(found.first().map(|one| one.groups.clone()), Some(None));
}

#[test]
fn an_account_is_disabled_once_and_restored_once() {
    let World { server, entra, .. } = start();
    let disable = action("disable-account", "u-1");
    let before = entra.probe(&disable).unwrap();
    assert_eq!(before, state("accountEnabled", "true"));
    for _ in 0..3 {
        act(&entra, &disable, &before, "k1").unwrap();
    }
    assert!(entra.is_done(&disable, &entra.probe(&disable).unwrap()));
    for _ in 0..3 {
        undo(&entra, &disable, &before, "k2").unwrap();
    }
    assert_eq!(entra.probe(&disable).unwrap(), before);
    assert_eq!(server.world.lock().unwrap().ledger, ["enabled u-1 false", "enabled u-1 true"]);
}

#[test]
fn who_was_disabled_before_stays_disabled() {
    let World { server, entra, .. } = start();
    let disable = action("disable-account", "u-2");
    let before = entra.probe(&disable).unwrap();
    act(&entra, &disable, &before, "k1").unwrap();
    undo(&entra, &disable, &before, "k2").unwrap();
    assert_eq!(entra.probe(&disable).unwrap(), before);
    assert_eq!(server.count("PATCH"), 0);
}

#[test]
fn revoking_is_repeated_and_its_mark_moves() {
    let World { server, entra, .. } = start();
    let revoke = action("revoke-sessions", "u-1");
    let offer = entra.verbs().iter().find(|offer| offer.verb == "revoke-sessions").unwrap();
    assert_eq!((offer.reversible, offer.idempotency), (false, Idempotency::Repeat));
    let before = entra.probe(&revoke).unwrap();
    server.trouble("POST", "/v1.0/users/u-1/revokeSignInSessions", Trouble::CutAfter);
    assert!(matches!(act(&entra, &revoke, &before, "k1"), Err(CallError::Unclear(_))));
    act(&entra, &revoke, &before, "k1").unwrap();
    assert_ne!(entra.probe(&revoke).unwrap(), before);
}

fn tokens(world: &World) -> usize {
    world.server.world.lock().unwrap().tokens
}

#[test]
fn a_token_is_made_once_for_as_long_as_it_lives_less_a_margin() {
    let world = start();
    let read = || world.entra.probe(&action("disable-account", "u-1"));
    read().unwrap();
    read().unwrap();
    assert_eq!(tokens(&world), 1);
    world.seconds.fetch_add(3_239, Ordering::SeqCst);
    read().unwrap();
    assert_eq!(tokens(&world), 1);
    world.seconds.fetch_add(1, Ordering::SeqCst);
    read().unwrap();
    assert_eq!(tokens(&world), 2);
    let form = world.server.world.lock().unwrap().form.clone();
    assert_eq!(form.get("grant_type").map(String::as_str), Some("client_credentials"));
    assert_eq!(form.get("scope").map(String::as_str), Some("https://graph.microsoft.com/.default"));
}

#[test]
fn many_calls_at_once_share_one_token() {
    let world = start();
    std::thread::scope(|scope| {
        let calls = (0..8).map(|_| scope.spawn(|| world.entra.probe(&action("disable-account", "u-1")).is_ok()));
        let calls: Vec<_> = calls.collect();
        assert!(calls.into_iter().all(|call| call.join().unwrap()));
    });
    assert_eq!(tokens(&world), 1);
}

#[test]
fn a_token_that_lives_for_no_time_is_used_once() {
    let world = start();
    for (life, made) in [(json!(30), 1), (json!("5"), 2), (json!(-1), 3), (json!({}), 4)] {
        world.server.world.lock().unwrap().expires_in = life;
        world.entra.probe(&action("disable-account", "u-1")).unwrap();
        assert_eq!(tokens(&world), made);
    }
}

#[test]
fn a_token_that_was_taken_back_is_made_anew_and_nothing_is_tried_by_itself() {
    let world = start();
    let disable = action("disable-account", "u-1");
    let before = world.entra.probe(&disable).unwrap();
    world.server.trouble("PATCH", "/v1.0/users", Trouble::Instead(401, vec![], "{}"));
    assert!(matches!(act(&world.entra, &disable, &before, "k1"), Err(CallError::Retry(_))));
    assert_eq!((tokens(&world), world.server.count("PATCH")), (1, 1));
    act(&world.entra, &disable, &before, "k1").unwrap();
    assert_eq!(tokens(&world), 2);
}

#[test]
fn without_a_token_nothing_is_sent() {
    let cases = [
        (Trouble::Instead(429, vec![], ""), true),
        (Trouble::Instead(503, vec![], ""), true),
        (Trouble::Instead(200, vec![], "<html>"), true),
        (Trouble::Instead(200, vec![], "{}"), true),
        (Trouble::Instead(200, vec![], r#"{"access_token": "a\nb"}"#), true),
        (Trouble::Instead(200, vec![], r#"{"access_token": "a", "token_type": "mac"}"#), false),
        (Trouble::Instead(302, vec![("location", "http://127.0.0.1:9/")], ""), false),
        (Trouble::CutAfter, true),
        (Trouble::Silent, true),
        (Trouble::Huge, true),
    ];
    for (trouble, again) in cases {
        let world = start();
        world.server.trouble("POST", "/tenant", trouble.clone());
        let disable = action("disable-account", "u-1");
        let told = act(&world.entra, &disable, &State::default(), "k1").unwrap_err();
        assert_eq!(matches!(told, CallError::Retry(_)), again, "{trouble:?}: {told:?}");
        assert!(!matches!(told, CallError::Unclear(_)), "{trouble:?}");
        assert_eq!(world.server.count("PATCH") + world.server.count("GET"), 0, "{trouble:?}");
    }
    let world = start_with(CLIENT, "wrong");
    let told = world.entra.health().unwrap_err();
    assert_eq!(told, CallError::Permanent("no token was made: its maker answered 401".to_owned()));
}

#[test]
fn a_token_is_exchanged_as_the_standard_says() {
    let exchange =
        r#"{"kind": "token-exchange", "token_url": "TOKENS", "subject_token": {"env": "SECRET"}, "audience": "graph"}"#;
    let world = start_with(exchange, "subject");
    world.entra.health().unwrap();
    let form = world.server.world.lock().unwrap().form.clone();
    let expected = [
        ("audience", "graph"),
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", "subject"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
    ];
    assert_eq!(form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), expected);
}

#[test]
fn settings_show_no_secret_and_are_checked() {
    let auth = Auth::Bearer { token: SecretRef::Env("X".to_owned()) };
    let sound = Settings { auth, ..settings("http://127.0.0.1:1/v1.0", r#"{"kind": "bearer", "token": {"env": "X"}}"#, &[]) };
    let fault = |settings: &Settings, auth: Auth<adjutant_model::Secret>| {
        HttpConnector::new(shipped("entra"), settings, auth, clock().0).err().map(|fault| fault.to_string())
    };
    let bearer = || Auth::Bearer { token: adjutant_model::Secret::new("hidden".to_owned()) };
    assert_eq!(fault(&sound, bearer()), None);
    assert!(!format!("{sound:?} {:?}", bearer()).contains("hidden"));
    let changed = |change: fn(&mut Settings)| {
        let mut settings = sound.clone();
        change(&mut settings);
        fault(&settings, bearer()).unwrap_or_default()
    };
    assert_eq!(
        changed(|s| s.plaintext = false),
        "`base_url` is `http://127.0.0.1:1/v1.0`: it must begin with `https://`; `plaintext = true` allows this machine"
    );
    assert_eq!(changed(|s| drop(s.values.insert("x".into(), "y".into()))), "nothing asks for `x` in `values`");
    assert_eq!(
        changed(|s| s.allow.push("inside".into())),
        "`inside` in `allow` is no range of addresses: write one such as 10.20.0.0/16"
    );
    assert_eq!(changed(|s| s.call_seconds = 0), "`call_seconds` must be at least 1");
    assert_eq!(
        changed(|s| s.auth = Auth::Header { secret: SecretRef::Env("X".into()) }),
        "Microsoft Entra ID does not let in by `header`"
    );
    let broken = Auth::Bearer { token: adjutant_model::Secret::new("a\r\nx: y".to_owned()) };
    assert_eq!(fault(&sound, broken).as_deref(), Some("a secret has characters that no header takes"));
}
