//! Okta, as its Users API describes it.

use crate::server::{Answer, Asked, Server, Trouble, Vendor};
use crate::{act, action, connector, state, undo};
use adjutant_hand::connector::{CallError, Connector, Idempotency};
use adjutant_model::EntityKind;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Okta {
    pub(crate) users: BTreeMap<String, User>,
    /// What was really done.
    pub(crate) ledger: Vec<String>,
    /// Reads show a user as it was so many reads ago.
    pub(crate) stale_reads: usize,
    /// Groups on one page.
    page: usize,
    base: String,
}

#[derive(Clone)]
pub(crate) struct User {
    login: &'static str,
    email: &'static str,
    pub(crate) status: &'static str,
    shown: &'static str,
    sessions: usize,
    groups: Vec<String>,
}

impl Okta {
    pub(crate) fn with_users() -> Self {
        let user = |login, email, status, groups: &[&str]| User {
            login,
            email,
            status,
            shown: status,
            sessions: 2,
            groups: groups.iter().map(|&name| name.to_owned()).collect(),
        };
        let users = [
            ("00u1", user("ana@corp.example", "ana.lopez@corp.example", "ACTIVE", &["Everyone", "Finance", "VPN"])),
            ("00u2", user("bo@corp.example", "bo@corp.example", "SUSPENDED", &["Everyone"])),
            ("00u3", user("cy@corp.example", "cy@corp.example", "LOCKED_OUT", &[])),
            ("00u4", user("dup@corp.example", "same@corp.example", "ACTIVE", &[])),
            ("00u5", user("other@corp.example", "SAME@corp.example", "ACTIVE", &[])),
            ("00u6", user("o'neil\"x@corp.example", "oneil@corp.example", "ACTIVE", &[])),
        ];
        let users = users.into_iter().map(|(id, user)| (id.to_owned(), user)).collect();
        Self { users, page: 2, ..Self::default() }
    }

    fn show(id: &str, user: &User) -> Value {
        json!({ "id": id, "status": user.shown, "profile": {
            "login": user.login, "email": user.email, "secondEmail": null, "department": "Treasury" } })
    }

    /// `profile.login eq "x" or profile.email eq "x"`, with `\` before what is meant as it stands.
    fn filtered(&self, filter: &str) -> Vec<Value> {
        let quoted = filter.strip_prefix("profile.login eq ").and_then(|rest| rest.split(" or profile.email eq ").next());
        let Some(name) = quoted.and_then(|text| serde_json::from_str::<String>(text).ok()) else { return Vec::new() };
        // Like the vendor: without case.
        let is = |text: &str| text.eq_ignore_ascii_case(&name);
        let found = self.users.iter().filter(|(_, user)| is(user.login) || is(user.email));
        found.map(|(id, user)| Self::show(id, user)).collect()
    }

    /// Everybody but the deprovisioned, and a next page for ever.
    fn everybody(&self, after: usize) -> Answer {
        let all: Vec<Value> = self.users.iter().map(|(id, user)| Self::show(id, user)).collect();
        let page: Vec<Value> = all.into_iter().skip(after).take(self.page).collect();
        let next = format!("<{}/api/v1/users?limit=2&after={}>; rel=\"next\"", self.base, after + self.page);
        Answer::json(200, &page.into()).with("link", &next)
    }

    fn groups(&self, id: &str, after: usize) -> Answer {
        let Some(user) = self.users.get(id) else { return not_found() };
        let page = user.groups.iter().skip(after).take(self.page);
        let page: Vec<Value> = page.map(|name| json!({ "id": format!("00g{name}"), "profile": { "name": name } })).collect();
        let answer = Answer::json(200, &Value::Array(page));
        let own = format!("<{}/api/v1/users/{id}/groups?after={after}>; rel=\"self\"", self.base);
        let next = after + self.page;
        if next < user.groups.len() {
            let link = format!("<{}/api/v1/users/{id}/groups?after={next}>; rel=\"next\"", self.base);
            return answer.with("link", &own).with("link", &link);
        }
        answer.with("link", &own)
    }

    fn lifecycle(&mut self, id: &str, verb: &str) -> Answer {
        let Some(user) = self.users.get_mut(id) else { return not_found() };
        let (from, to): (&[&str], &str) = match verb {
            "suspend" => (&["ACTIVE"], "SUSPENDED"),
            "unsuspend" => (&["SUSPENDED"], "ACTIVE"),
            "expire_password" => (&["ACTIVE", "PASSWORD_EXPIRED", "RECOVERY"], "PASSWORD_EXPIRED"),
            _ => return not_found(),
        };
        if !from.contains(&user.status) {
            let summary = format!("Cannot {verb} a user that is {}", user.status);
            return Answer::json(400, &json!({ "errorCode": "E0000001", "errorSummary": summary }));
        }
        user.status = to;
        if self.stale_reads == 0 {
            user.shown = to;
        }
        self.ledger.push(format!("{verb} {id}"));
        Answer::json(200, &json!({}))
    }

    fn read(&mut self, id: &str) -> Answer {
        let stale = self.stale_reads > 0;
        self.stale_reads = self.stale_reads.saturating_sub(1);
        let found = self.users.get_mut(id);
        let show = |user: &mut User| {
            if !stale {
                user.shown = user.status;
            }
            Answer::json(200, &Self::show(id, user))
        };
        found.map_or_else(not_found, show)
    }
}

fn not_found() -> Answer {
    Answer::json(404, &json!({ "errorCode": "E0000007", "errorSummary": "Not found: Resource not found" }))
}

impl Vendor for Okta {
    fn answer(&mut self, asked: &Asked) -> Answer {
        if !["Bearer token-of-a-test", "SSWS 00token"].contains(&asked.header("authorization")) {
            let said = format!("Invalid token provided: {}", asked.header("authorization"));
            return Answer::json(401, &json!({ "errorCode": "E0000011", "errorSummary": said }));
        }
        let parts: Vec<&str> = asked.path.trim_start_matches("/api/v1/").split('/').collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["org"]) => Answer::json(200, &json!({ "companyName": "Corp\u{1b}[31m Example" })),
            ("GET", ["users"]) if !asked.query.contains_key("filter") => {
                self.everybody(asked.query.get("after").and_then(|after| after.parse().ok()).unwrap_or(0))
            }
            ("GET", ["users"]) => Answer::json(200, &self.filtered(asked.query.get("filter").map_or("", String::as_str)).into()),
            ("GET", ["users", id]) => self.read(id),
            ("GET", ["users", id, "groups"]) => {
                self.groups(id, asked.query.get("after").and_then(|after| after.parse().ok()).unwrap_or(0))
            }
            ("POST", ["users", id, "lifecycle", verb]) => self.lifecycle(id, verb),
            ("DELETE", ["users", id, "sessions"]) => {
                let tokens = asked.query.get("oauthTokens").map_or("", String::as_str);
                let Some(user) = self.users.get_mut(*id) else { return not_found() };
                if user.sessions > 0 {
                    self.ledger.push(format!("end {} sessions of {id}, tokens {tokens}", user.sessions));
                }
                user.sessions = 0;
                Answer::empty(204)
            }
            _ => not_found(),
        }
    }
}

pub(crate) fn start() -> Server<Okta> {
    let server = Server::start(Okta::with_users());
    server.world.lock().unwrap().base = server.url();
    server
}

fn ledger(server: &Server<Okta>) -> Vec<String> {
    server.world.lock().unwrap().ledger.clone()
}

#[test]
fn a_name_is_found_with_its_groups_over_all_pages() {
    let server = start();
    let okta = connector("okta", &server.url());
    let found = okta.lookup(EntityKind::User, "ANA@corp.example").unwrap();
    let [ana] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((ana.target.id.as_str(), ana.target.name.as_str()), ("00u1", "ana@corp.example"));
    assert_eq!(ana.aliases, ["ana.lopez@corp.example", "ana@corp.example"]);
    assert_eq!(
        ana.groups.as_deref().map(|groups| groups.join(" ")),
        Some("00gEveryone 00gFinance 00gVPN Everyone Finance VPN".into())
    );
    assert_eq!(ana.facts.get("department").map(String::as_str), Some("Treasury"));
}

#[test]
fn a_name_of_two_things_shows_two_and_one_of_none_shows_none() {
    let server = start();
    let okta = connector("okta", &server.url());
    assert_eq!(okta.lookup(EntityKind::User, "same@corp.example").unwrap().len(), 2);
    assert_eq!(okta.lookup(EntityKind::User, "nobody@corp.example"), Ok(vec![]));
    assert!(matches!(okta.lookup(EntityKind::Host, "web01"), Err(CallError::Permanent(_))));
}

#[test]
fn who_was_renamed_is_found_by_id() {
    let server = start();
    let okta = connector("okta", &server.url());
    server.world.lock().unwrap().users.get_mut("00u1").unwrap().login = "ana.married@corp.example";
    assert_eq!(okta.lookup(EntityKind::User, "ana@corp.example"), Ok(vec![]));
    let found = okta.lookup(EntityKind::User, "00u1").unwrap();
    assert_eq!(found.iter().map(|found| found.target.name.as_str()).collect::<Vec<_>>(), ["ana.married@corp.example"]);
    server.trouble("GET", "/api/v1/users/00u9", Trouble::Instead(500, vec![], ""));
    assert!(matches!(okta.lookup(EntityKind::User, "00u9"), Err(CallError::Retry(_))), "not known is not none");
}

#[test]
fn a_name_with_quotes_asks_for_nothing_but_itself() {
    let server = start();
    let okta = connector("okta", &server.url());
    let found = okta.lookup(EntityKind::User, "o'neil\"x@corp.example").unwrap();
    assert_eq!(found.iter().map(|found| found.target.id.as_str()).collect::<Vec<_>>(), ["00u6"]);
    assert_eq!(okta.lookup(EntityKind::User, "x\" or profile.login eq \"ana@corp.example"), Ok(vec![]));
    assert!(okta.lookup(EntityKind::User, "a\r\nb").is_err());
    assert!(okta.lookup(EntityKind::User, "").is_err());
}

#[test]
fn what_the_vendor_finds_and_nobody_asked_for_is_dropped() {
    let server = start();
    let okta = connector("okta", &server.url());
    let all = r#"[{"id": "00u1", "status": "ACTIVE", "profile": {"login": "ana@corp.example", "email": "x@corp.example"}}]"#;
    server.trouble("GET", "/api/v1/users", Trouble::Instead(200, vec![], all));
    assert_eq!(okta.lookup(EntityKind::User, "nobody@corp.example"), Ok(vec![]));
}

#[test]
fn groups_that_could_not_all_be_read_are_none() {
    let server = start();
    let okta = connector("okta", &server.url());
    let elsewhere = ("link", "<http://127.0.0.1:9/api/v1/x>; rel=\"next\"");
    let no_list = Trouble::Instead(200, vec![], "{}");
    for trouble in [Trouble::Instead(500, vec![], ""), Trouble::Instead(200, vec![elsewhere], "[]"), no_list, Trouble::CutInside]
    {
        server.trouble("GET", "/api/v1/users/00u1/groups", trouble.clone());
        let found = okta.lookup(EntityKind::User, "ana@corp.example").unwrap();
        assert_eq!(found.first().map(|found| found.groups.clone()), Some(None), "{trouble:?}");
    }
    server.world.lock().unwrap().page = 1;
    server.world.lock().unwrap().users.get_mut("00u1").unwrap().groups = (0..21).map(|n| format!("g{n}")).collect();
    let found = okta.lookup(EntityKind::User, "ana@corp.example").unwrap();
    assert_eq!(found.first().map(|found| found.groups.clone()), Some(None), "more pages than are read");
}

#[test]
fn an_account_is_suspended_once_and_restored_once() {
    let server = start();
    let okta = connector("okta", &server.url());
    let disable = action("disable-account", "00u1");
    let before = okta.probe(&disable).unwrap();
    assert_eq!(before, state("status", "ACTIVE"));
    assert!(!okta.is_done(&disable, &before));
    for _ in 0..3 {
        act(&okta, &disable, &before, "k1").unwrap();
    }
    assert!(okta.is_done(&disable, &okta.probe(&disable).unwrap()));
    for _ in 0..3 {
        undo(&okta, &disable, &before, "k2").unwrap();
    }
    assert_eq!(okta.probe(&disable).unwrap(), before);
    assert_eq!(ledger(&server), ["suspend 00u1", "unsuspend 00u1"]);
}

#[test]
fn who_was_suspended_before_stays_suspended() {
    let server = start();
    let okta = connector("okta", &server.url());
    let disable = action("disable-account", "00u2");
    let before = okta.probe(&disable).unwrap();
    assert!(okta.is_done(&disable, &before));
    act(&okta, &disable, &before, "k1").unwrap();
    undo(&okta, &disable, &before, "k2").unwrap();
    assert_eq!(okta.probe(&disable).unwrap(), before);
    assert!(ledger(&server).is_empty());
}

#[test]
fn what_cannot_be_suspended_is_not_sent() {
    let server = start();
    let okta = connector("okta", &server.url());
    let disable = action("disable-account", "00u3");
    let before = okta.probe(&disable).unwrap();
    let refused = act(&okta, &disable, &before, "k1").unwrap_err();
    assert_eq!(
        refused,
        CallError::Permanent("`00u3@corp.example` is `status LOCKED_OUT`, from where it cannot be done".to_owned())
    );
    assert_eq!(server.count("POST"), 0);
}

#[test]
fn what_changed_since_it_was_read_is_not_overwritten() {
    let server = start();
    let okta = connector("okta", &server.url());
    let disable = action("disable-account", "00u1");
    let before = okta.probe(&disable).unwrap();
    server.world.lock().unwrap().users.get_mut("00u1").unwrap().status = "LOCKED_OUT";
    assert!(matches!(act(&okta, &disable, &before, "k1"), Err(CallError::Retry(_))));
    assert!(matches!(undo(&okta, &disable, &before, "k1"), Err(CallError::Permanent(_))));
    assert_eq!(server.count("POST"), 0);
}

#[test]
fn sessions_end_and_nothing_takes_that_back() {
    let server = start();
    let okta = connector("okta", &server.url());
    let revoke = action("revoke-sessions", "00u1");
    let offer = okta.verbs().iter().find(|offer| offer.verb == "revoke-sessions").unwrap();
    assert_eq!((offer.reversible, offer.idempotency), (false, Idempotency::Repeat));
    let before = okta.probe(&revoke).unwrap();
    act(&okta, &revoke, &before, "k1").unwrap();
    act(&okta, &revoke, &before, "k1").unwrap();
    assert_eq!(ledger(&server), ["end 2 sessions of 00u1, tokens true"]);
    assert!(matches!(undo(&okta, &revoke, &before, "k2"), Err(CallError::Permanent(_))));
    assert!(matches!(okta.probe(&action("revoke-sessions", "00u9")), Err(CallError::Permanent(_))));
}

#[test]
fn a_password_expires_once() {
    let server = start();
    let okta = connector("okta", &server.url());
    let force = action("force-password-change", "00u1");
    let before = okta.probe(&force).unwrap();
    act(&okta, &force, &before, "k1").unwrap();
    act(&okta, &force, &before, "k1").unwrap();
    assert!(okta.is_done(&force, &okta.probe(&force).unwrap()));
    assert_eq!(ledger(&server), ["expire_password 00u1"]);
}

#[test]
fn a_read_that_lags_behind_never_leads_to_two_effects() {
    let server = start();
    let okta = connector("okta", &server.url());
    let disable = action("disable-account", "00u1");
    let before = okta.probe(&disable).unwrap();
    server.world.lock().unwrap().stale_reads = 3;
    act(&okta, &disable, &before, "k1").unwrap();
    assert!(!okta.is_done(&disable, &okta.probe(&disable).unwrap()), "the vendor shows it as it was");
    let second = act(&okta, &disable, &before, "k1");
    assert!(matches!(second, Err(CallError::Unclear(_))), "{second:?}");
    assert!(okta.is_done(&disable, &okta.probe(&disable).unwrap()));
    assert_eq!(ledger(&server), ["suspend 00u1"]);
}

#[test]
fn health_says_who_answers_and_obeys_nothing() {
    let server = start();
    let okta = connector("okta", &server.url());
    assert_eq!(okta.health().unwrap(), format!("Okta answers at {}: Corp[31m Example", server.url()));
}

#[test]
fn a_secret_that_is_said_back_is_not_shown() {
    let server = start();
    let okta = crate::connector_with("okta", &server.url(), "token-that-is-wrong");
    let refused = okta.health().unwrap_err();
    assert_eq!(refused, CallError::Permanent("Okta answered 401: Invalid token provided: Bearer ***".to_owned()));
}

#[test]
fn everybody_is_listed_over_pages() {
    let server = start();
    let okta = connector("okta", &server.url());
    let (mut rows, mut next, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = okta.list("people", next.as_deref()).unwrap();
        rows.extend(page.rows);
        pages += 1;
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!((rows.len(), pages), (6, 4), "three full ones, and the one without records");
    let of = |nth: usize, column: &str| rows[nth].get(column).map(String::as_str);
    assert_eq!((of(0, "id"), of(0, "upn")), (Some("00u1"), Some("ana@corp.example")));
    assert_eq!((of(0, "department"), of(0, "title")), (Some("Treasury"), None), "what Okta does not say is left out");
    assert_eq!((0..3).map(|nth| of(nth, "active")).collect::<Vec<_>>(), [Some("true"), Some("false"), Some("false")]);
    assert!(matches!(okta.list("machines", None), Err(CallError::Permanent(_))));
    server.trouble("GET", "/api/v1/users", Trouble::Instead(429, vec![], ""));
    assert!(matches!(okta.list("people", None), Err(CallError::Retry(_))));
}
