//! Changes of access: what each writes and which are refused.

use super::*;
use crate::limits::SESSIONS_PER_USER_MAX;

fn accounts() -> Accounts {
    let mut accounts = Accounts::default();
    for (name, role) in [("ann", Role::Admin), ("bob", Role::Analyst)] {
        apply(&mut accounts, &Change::UserMade { name: name.into(), roles: vec![role], at: Time(1) }).unwrap();
        let hash = PasswordHash::default();
        apply(&mut accounts, &Change::PasswordSet { name: name.into(), at: Time(1), hash }).unwrap();
    }
    accounts
}

fn apply(accounts: &mut Accounts, change: &Change) -> Result<(), Refusal> {
    accounts.plan(change).map(|writes| accounts.apply(writes))
}

fn token(id: &str, role: Role) -> Token {
    Token {
        id: id.into(),
        name: "sensor".into(),
        user: None,
        roles: vec![role],
        scopes: None,
        source: None,
        hash: Digest::of(id.as_bytes()),
        last_four: "abcd".into(),
        made_by: "ann".into(),
        made: Time(1),
        expires: Time(1_000),
        revoked: None,
    }
}

fn session(id: &str, user: &str, made: i64) -> Change {
    let token = Token { user: Some(user.into()), roles: vec![Role::Admin], made: Time(made), ..token(id, Role::Source) };
    Change::SessionBegun { token }
}

#[test]
fn tokens_that_would_mean_something_else_than_they_say_are_refused() {
    let accounts = accounts();
    let plan = |change: &dyn Fn(&mut Token)| {
        let mut token = token("t1", Role::Source);
        change(&mut token);
        accounts.plan(&Change::TokenMade { token }).map(|writes| writes.len())
    };
    assert_eq!(plan(&|_| ()), Ok(1));
    assert_eq!(plan(&|token| token.source = Some("okta".into())), Ok(1));
    assert_eq!(plan(&|token| token.roles.clear()), Err(Refusal::NoRoles));
    assert_eq!(plan(&|token| token.scopes = Some(vec![])), Err(Refusal::BadScopes));
    assert_eq!(plan(&|token| token.scopes = Some(vec![Permission::Backup])), Err(Refusal::BadScopes));
    assert_eq!(plan(&|token| token.scopes = Some(vec![Permission::SendAlerts])), Ok(1));
    assert_eq!(plan(&|token| token.source = Some("../okta".into())), Err(Refusal::BadName("../okta".into())));
    assert_eq!(plan(&|token| token.expires = token.made), Err(Refusal::BadExpiry));
    assert_eq!(plan(&|token| token.expires = Time(i64::MAX)), Err(Refusal::BadExpiry));
    let bound = |token: &mut Token| (token.roles, token.source) = (vec![Role::Admin], Some("okta".into()));
    assert_eq!(plan(&bound), Err(Refusal::BindsNothing));
}

#[test]
fn an_id_or_a_digest_is_used_once() {
    let mut accounts = accounts();
    apply(&mut accounts, &Change::TokenMade { token: token("t1", Role::Source) }).unwrap();
    let same_hash = Token { id: "t2".into(), ..token("t1", Role::Admin) };
    assert_eq!(accounts.plan(&Change::TokenMade { token: same_hash }), Err(Refusal::Drawn));
    let same_id = Token { hash: Digest::of(b"other"), ..token("t1", Role::Admin) };
    assert_eq!(accounts.plan(&Change::TokenMade { token: same_id }), Err(Refusal::Drawn));
}

#[test]
fn names_are_plain() {
    let accounts = accounts();
    for bad in ["", ".", "-x", "a b", "a/b", "a\n", "é", "<b>", "=1+1", &"x".repeat(65)] {
        let change = Change::UserMade { name: bad.into(), roles: vec![Role::Analyst], at: Time(1) };
        assert!(matches!(accounts.plan(&change), Err(Refusal::BadName(_))), "{bad:?}");
    }
    let change = Change::UserMade { name: "ann.lee@corp.example".into(), roles: vec![Role::Analyst], at: Time(1) };
    assert!(accounts.plan(&change).is_ok());
}

#[test]
fn a_user_has_roles_of_people_and_a_name_of_their_own() {
    let accounts = accounts();
    let plan = |name: &str, roles: Vec<Role>| accounts.plan(&Change::UserMade { name: name.into(), roles, at: Time(1) });
    assert_eq!(plan("eve", vec![]), Err(Refusal::NoRoles));
    assert_eq!(plan("eve", vec![Role::Analyst, Role::Source]), Err(Refusal::SourceIsNoPerson));
    assert_eq!(plan("ann", vec![Role::Analyst]), Err(Refusal::NameTaken("ann".into())));
}

#[test]
fn the_last_administrator_stays() {
    let mut accounts = accounts();
    let disable = Change::UserDisabled { name: "ann".into(), at: Time(2) };
    let demote = Change::RolesSet { name: "ann".into(), roles: vec![Role::Auditor], at: Time(2) };
    assert_eq!(accounts.plan(&disable), Err(Refusal::LastAdmin("ann".into())));
    assert_eq!(accounts.plan(&demote), Err(Refusal::LastAdmin("ann".into())));
    apply(&mut accounts, &Change::RolesSet { name: "bob".into(), roles: vec![Role::Admin], at: Time(2) }).unwrap();
    assert!(accounts.plan(&disable).is_ok() && accounts.plan(&demote).is_ok());
    apply(&mut accounts, &Change::UserDisabled { name: "bob".into(), at: Time(3) }).unwrap();
    assert!(accounts.plan(&disable).is_err());
}

#[test]
fn a_session_has_the_users_roles_and_ends_with_any_change_of_the_user() {
    let hash = PasswordHash::default();
    for change in [
        Change::RolesSet { name: "bob".into(), roles: vec![Role::Lead], at: Time(3) },
        Change::PasswordSet { name: "bob".into(), at: Time(3), hash },
        Change::UserDisabled { name: "bob".into(), at: Time(3) },
        Change::TokenRevoked { id: "s1".into(), at: Time(3) },
    ] {
        let mut accounts = accounts();
        apply(&mut accounts, &session("s1", "bob", 2)).unwrap();
        let digest = Digest::of(b"s1");
        assert_eq!(accounts.caller(&digest, Time(2)).unwrap().roles(), [Role::Analyst]);
        apply(&mut accounts, &change).unwrap();
        assert!(accounts.caller(&digest, Time(3)).is_none(), "{change:?}");
        assert!(!accounts.holds("s1", Time(3)));
    }
}

#[test]
fn only_who_is_there_and_enabled_has_sessions() {
    let mut accounts = accounts();
    assert_eq!(accounts.plan(&session("s1", "eve", 2)), Err(Refusal::NoSuchUser("eve".into())));
    apply(&mut accounts, &Change::UserDisabled { name: "bob".into(), at: Time(2) }).unwrap();
    assert_eq!(accounts.plan(&session("s1", "bob", 2)), Err(Refusal::Disabled("bob".into())));
    apply(&mut accounts, &Change::UserEnabled { name: "bob".into(), at: Time(2) }).unwrap();
    assert!(accounts.plan(&session("s1", "bob", 2)).is_ok());
}

#[test]
fn sessions_are_bounded_and_the_oldest_goes() {
    let mut accounts = accounts();
    for nth in 0..40 {
        apply(&mut accounts, &session(&format!("s{nth}"), "bob", nth)).unwrap();
    }
    assert_eq!(accounts.sessions_of("bob").count(), SESSIONS_PER_USER_MAX);
    assert!(accounts.holds("s39", Time(40)) && !accounts.holds("s0", Time(40)));
    let late = Token { user: Some("bob".into()), made: Time(2_000), expires: Time(3_000), ..token("late", Role::Source) };
    apply(&mut accounts, &Change::SessionBegun { token: late }).unwrap();
    assert_eq!(accounts.sessions_of("bob").count(), 1, "expired ones are cleared away");
}

#[test]
fn a_token_is_revoked_once_and_stays_to_be_seen() {
    let mut accounts = accounts();
    apply(&mut accounts, &Change::TokenMade { token: token("t1", Role::Source) }).unwrap();
    let revoke = Change::TokenRevoked { id: "t1".into(), at: Time(5) };
    apply(&mut accounts, &revoke).unwrap();
    assert_eq!(accounts.plan(&revoke), Err(Refusal::NoSuchToken("t1".into())));
    assert_eq!(accounts.token("t1").unwrap().revoked, Some(Time(5)));
    assert!(accounts.caller(&Digest::of(b"t1"), Time(5)).is_none());
}

#[test]
fn since_when_somebody_leads_is_kept_and_counts_once_others_led() {
    let mut accounts = Accounts::default();
    let roles = |name: &str, roles: &[Role], at| Change::RolesSet { name: name.into(), roles: roles.to_vec(), at: Time(at) };
    for name in ["bob", "cy"] {
        apply(&mut accounts, &Change::UserMade { name: name.into(), roles: vec![Role::Analyst], at: Time(1) }).unwrap();
    }
    assert_eq!(accounts.user("bob").unwrap().raised, None);
    apply(&mut accounts, &roles("bob", &[Role::Lead], 5)).unwrap();
    assert_eq!((accounts.user("bob").unwrap().raised, accounts.leads_since("bob")), (Some(Time(5)), None), "the first lead");
    apply(&mut accounts, &roles("cy", &[Role::Lead], 7)).unwrap();
    assert_eq!((accounts.leads_since("bob"), accounts.leads_since("cy")), (Some(Time(5)), Some(Time(7))));
    apply(&mut accounts, &roles("cy", &[Role::Lead, Role::Auditor], 9)).unwrap();
    assert_eq!(accounts.leads_since("cy"), Some(Time(7)), "a lead already");
    apply(&mut accounts, &roles("bob", &[Role::Analyst], 10)).unwrap();
    assert_eq!(accounts.leads_since("cy"), Some(Time(7)), "nobody becomes the first");
    apply(&mut accounts, &roles("bob", &[Role::Lead], 11)).unwrap();
    assert_eq!(accounts.leads_since("bob"), Some(Time(11)), "a lead again");
    apply(&mut accounts, &Change::UserMade { name: "di".into(), roles: vec![Role::Admin], at: Time(12) }).unwrap();
    assert_eq!((accounts.leads_since("di"), accounts.leads_since("nobody")), (Some(Time(12)), None));

    let old = r#"{"name":"di","roles":["lead"],"password":null,"made":1,"disabled":null}"#;
    let old: User = serde_json::from_str(old).unwrap();
    assert_eq!(old.raised, None, "what an earlier release wrote");
}
