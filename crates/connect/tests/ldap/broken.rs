//! What a call says when the connection or the server breaks at the worst moment, and that nothing is sent twice.

use super::proxy::{Fate, NUMBER, Proxy, answer};
use super::*;
use std::sync::Arc;

/// The account is disabled through the proxy, with what the connector says of it, and whether it then is.
fn disabled(server: &Slapd, proxy: &Proxy, more: &str, fate: Fate) -> (Result<(), CallError>, bool) {
    let ldap = connector(&proxy.url(), "hand", more);
    let action = action(&ldap, "disable-account", "ana", None);
    let before = ldap.probe(&action).unwrap();
    let sent = proxy.changes();
    proxy.set(fate);
    let result = act(&ldap, &action, &before);
    assert_eq!(proxy.changes(), sent + 1, "one call is one request");
    proxy.set(Fate::Pass);
    // The connector connects again by itself, and what was lost can be read back.
    let done = ldap.is_done(&action, &ldap.probe(&action).unwrap());
    undo(&ldap, &action, &before).unwrap();
    assert_eq!(ldap.probe(&action).unwrap(), before);
    let locked = |line: &String| line.starts_with("pwdAccountLockedTime");
    assert!(!server.entry(&person("ana")).iter().any(locked));
    (result, done)
}

#[test]
fn an_answer_that_never_came_leaves_it_unclear() {
    let server = server!();
    let proxy = Proxy::before(server.socket());
    for (fate, is_done) in [(Fate::CutBefore, false), (Fate::CutAfter, true), (Fate::Silence, true)] {
        let (result, done) = disabled(&server, &proxy, "request_seconds = 1", fate.clone());
        assert!(matches!(result, Err(CallError::Unclear(_))), "{fate:?}: {result:?}");
        assert_eq!(done, is_done, "{fate:?}");
    }
}

#[test]
fn an_answer_out_of_form_leaves_it_unclear() {
    let server = server!();
    let proxy = Proxy::before(server.socket());
    let garbage = [
        answer(NUMBER, 53, &[0xff, 0xfe]),
        vec![0x30, 3, 2, 1, NUMBER],
        vec![0x30, 0],
        vec![0xff; 64],
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
    ];
    for bytes in garbage {
        let (result, done) = disabled(&server, &proxy, "request_seconds = 1", Fate::Answer(bytes.clone()));
        assert!(matches!(result, Err(CallError::Unclear(_))), "{bytes:?}: {result:?}");
        assert!(!done);
    }
}

#[test]
fn only_a_server_that_did_nothing_is_asked_again() {
    let server = server!();
    let proxy = Proxy::before(server.socket());
    for code in [1, 3, 10, 16, 19, 50, 51, 52, 53, 80, 122] {
        let says = b"no \x1b[31m hand-correct-horse\r\n\0";
        let (result, done) = disabled(&server, &proxy, "", Fate::Answer(answer(NUMBER, code, says)));
        let error = result.unwrap_err();
        match code {
            51 => assert!(matches!(error, CallError::Retry(_)), "{code}: {error:?}"),
            1 | 3 | 52 | 80 => assert!(matches!(error, CallError::Unclear(_)), "{code}: {error:?}"),
            _ => assert!(matches!(error, CallError::Permanent(_)), "{code}: {error:?}"),
        }
        assert!(!done);
        let text = error.to_string();
        assert!(!text.contains(char::is_control) && !text.contains("correct-horse"), "{text:?}");
    }
}

/// What the connector says of a verb on `ana` while somebody else makes this change, between its reading and its changing.
fn meanwhile(more: &str, verb: &str, of: Option<&str>, ldif: String) -> Option<(Result<(), CallError>, Arc<Slapd>)> {
    let server = Arc::new(Slapd::start()?);
    let proxy = Proxy::before(server.socket());
    let ldap = connector(&proxy.url(), "hand", more);
    let action = action(&ldap, verb, "ana", of);
    let before = ldap.probe(&action).unwrap();
    let other = Arc::clone(&server);
    proxy.meanwhile(move || other.change(&ldif));
    let result = act(&ldap, &action, &before);
    assert_eq!(proxy.changes(), 1);
    Some((result, server))
}

#[test]
fn who_changes_it_at_the_same_time_is_not_overwritten() {
    let at = format!("dn: {}\nchangetype: modify\n", person("ana"));
    let shell = "disabled = { attribute = 'loginShell', value = '/usr/sbin/nologin' }";
    let cases = [
        (shell, format!("{at}replace: loginShell\nloginShell: /bin/fish\n"), "loginShell: /bin/fish"),
        (shell, format!("{at}delete: loginShell\n"), "uid: ana"),
        (
            "",
            format!("{at}add: pwdAccountLockedTime\npwdAccountLockedTime: 20260101000000Z\n"),
            "pwdAccountLockedTime: 20260101000000Z",
        ),
    ];
    for (more, ldif, stays) in cases {
        let Some((result, server)) = meanwhile(more, "disable-account", None, ldif) else { return };
        assert!(matches!(&result, Err(CallError::Permanent(says)) if says.contains("at the same time")), "{result:?}");
        let entry = server.entry(&person("ana"));
        assert!(entry.iter().any(|line| line == stays), "{entry:?}");
        assert!(!entry.iter().any(|line| line.contains("nologin") || line.contains("000001010000Z")), "{entry:?}");
    }
}

#[test]
fn who_takes_the_name_at_the_same_time_is_not_changed() {
    let rename = format!("dn: {}\nchangetype: modrdn\nnewrdn: uid=ana2\ndeleteoldrdn: 1\n", person("ana"));
    let other = format!("dn: {}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: ana\ncn: Other\nsn: Other\n", person("ana"));
    let Some((result, server)) = meanwhile("", "disable-account", None, format!("{rename}\n{other}")) else { return };
    assert!(matches!(result, Err(CallError::Permanent(_))), "{result:?}");
    for name in ["ana", "ana2"] {
        assert!(!server.entry(&person(name)).iter().any(|line| line.contains("000001010000Z")), "{name}");
    }
}

#[test]
fn who_is_taken_out_of_the_group_at_the_same_time_is_out() {
    let ldif = format!("dn: {}\nchangetype: modify\ndelete: member\nmember: {}\n", group("staff"), person("ana"));
    let Some((result, server)) = meanwhile("", "remove-from-group", Some("staff"), ldif) else { return };
    assert!(matches!(&result, Err(CallError::Permanent(says)) if says.contains("at the same time")), "{result:?}");
    assert!(!server.entry(&group("staff")).iter().any(|line| line.contains("uid=ana")));
}

#[test]
fn a_connection_that_broke_while_nothing_was_asked_is_made_again() {
    let server = server!();
    let proxy = Proxy::before(server.socket());
    let ldap = connector(&proxy.url(), "hand", "");
    let action = action(&ldap, "disable-account", "ana", None);
    let before = ldap.probe(&action).unwrap();
    assert_eq!(proxy.connections(), 1, "one connection is kept");
    proxy.cut();
    act(&ldap, &action, &before).unwrap();
    proxy.cut();
    undo(&ldap, &action, &before).unwrap();
    assert_eq!((proxy.connections(), proxy.changes()), (3, 2));
}

#[test]
fn a_server_that_is_not_there_is_tried_again_later() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    let action = action(&ldap, "disable-account", "ana", None);
    let before = ldap.probe(&action).unwrap();
    server.kill();
    for _ in 0..2 {
        assert!(matches!(act(&ldap, &action, &before), Err(CallError::Retry(_))));
        assert!(matches!(ldap.lookup(EntityKind::User, "ana"), Err(CallError::Retry(_))));
        assert!(matches!(ldap.health(), Err(CallError::Retry(_))));
    }
    server.start_again();
    act(&ldap, &action, &before).unwrap();
    assert!(ldap.is_done(&action, &ldap.probe(&action).unwrap()));
}

#[test]
fn a_wrong_password_is_wrong_for_good_and_is_not_repeated() {
    let server = server!();
    let wrong = Ldap::new(settings(&server.url(), "hand", ""), Secret::new("battery staple".into())).unwrap();
    let refused = wrong.lookup(EntityKind::User, "ana");
    let Err(CallError::Permanent(says)) = refused else { panic!("{refused:?}") };
    assert!(says.contains("bind_dn") && !says.contains("battery"), "{says}");
    assert!(Ldap::new(settings(&server.url(), "hand", ""), Secret::new(String::new())).is_err(), "an empty password is nobody's");
}
