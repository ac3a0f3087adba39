//! Each verb: what it changes, that a second time changes nothing more, and that undoing restores everything.

use super::*;

/// A verb, on whom, in which group, and the entries that it may touch.
type Case = (&'static str, &'static str, Option<&'static str>, Vec<String>);

fn cases() -> Vec<Case> {
    vec![
        ("disable-account", "ana", None, vec![person("ana")]),
        ("force-password-change", "ana", None, vec![person("ana")]),
        ("remove-from-group", "ana", Some("staff"), vec![person("ana"), group("staff")]),
        ("remove-from-group", "ana", Some("vpn"), vec![person("ana"), group("vpn")]),
        ("remove-from-group", "dora", Some("written"), vec![person("dora"), group("written")]),
    ]
}

#[test]
fn each_verb_is_done_once_and_undone_to_the_byte() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    for (verb, name, of, entries) in cases() {
        let read = || entries.iter().map(|dn| server.entry(dn)).collect::<Vec<_>>();
        let action = action(&ldap, verb, name, of);
        let (untouched, before) = (read(), ldap.probe(&action).unwrap());
        assert!(!ldap.is_done(&action, &before), "{verb} {before:?}");

        act(&ldap, &action, &before).unwrap();
        let (changed, after) = (read(), ldap.probe(&action).unwrap());
        assert!(ldap.is_done(&action, &after), "{verb} {after:?}");
        assert_ne!(changed, untouched, "{verb} {of:?}");
        act(&ldap, &action, &before).unwrap();
        assert_eq!(read(), changed, "{verb} {of:?}: done twice is done once");

        undo(&ldap, &action, &before).unwrap();
        assert_eq!(ldap.probe(&action).unwrap(), before, "{verb}");
        assert_eq!(read(), untouched, "{verb} {of:?}");
        undo(&ldap, &action, &before).unwrap();
        assert_eq!(read(), untouched, "{verb} {of:?}: undone twice is undone once");
    }
}

#[test]
fn a_disabled_account_lets_nobody_in_and_an_enabled_one_does() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    let action = action(&ldap, "disable-account", "ana", None);
    let before = ldap.probe(&action).unwrap();
    assert!(server.lets_in(&person("ana"), "ana-secret"));
    act(&ldap, &action, &before).unwrap();
    assert!(!server.lets_in(&person("ana"), "ana-secret"));
    undo(&ldap, &action, &before).unwrap();
    assert!(server.lets_in(&person("ana"), "ana-secret"));
}

#[test]
fn what_was_so_before_stays_so() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    let action = action(&ldap, "disable-account", "chen", None);
    let (untouched, before) = (server.entry(&person("chen")), ldap.probe(&action).unwrap());
    assert!(ldap.is_done(&action, &before), "{before:?}");
    act(&ldap, &action, &before).unwrap();
    undo(&ldap, &action, &before).unwrap();
    assert_eq!(server.entry(&person("chen")), untouched);
}

#[test]
fn an_attribute_of_our_own_choice_is_replaced_and_restored() {
    let server = server!();
    let more = "disabled = { attribute = 'loginShell', value = '/usr/sbin/nologin' }";
    let ldap = connector(&server.url(), "hand", more);
    for name in ["ana", "dora"] {
        let action = action(&ldap, "disable-account", name, None);
        let (untouched, before) = (server.entry(&person(name)), ldap.probe(&action).unwrap());
        act(&ldap, &action, &before).unwrap();
        assert!(server.entry(&person(name)).contains(&"loginShell: /usr/sbin/nologin".to_owned()));
        undo(&ldap, &action, &before).unwrap();
        assert_eq!(server.entry(&person(name)), untouched, "{name}");
    }
}

#[test]
fn what_somebody_else_changed_is_not_changed_over() {
    let server = server!();
    let more = "disabled = { attribute = 'loginShell', value = '/usr/sbin/nologin' }";
    let ldap = connector(&server.url(), "hand", more);
    let action = action(&ldap, "disable-account", "ana", None);
    let before = ldap.probe(&action).unwrap();
    let to = |shell: &str| {
        server.change(&format!("dn: {}\nchangetype: modify\nreplace: loginShell\nloginShell: {shell}\n", person("ana")));
    };
    to("/bin/fish");
    assert!(matches!(act(&ldap, &action, &before), Err(CallError::Permanent(_))));
    to("/bin/zsh");
    act(&ldap, &action, &before).unwrap();
    to("/bin/fish");
    assert!(matches!(undo(&ldap, &action, &before), Err(CallError::Permanent(_))));
    assert!(server.entry(&person("ana")).contains(&"loginShell: /bin/fish".to_owned()));
}

#[test]
fn who_is_renamed_is_still_the_same() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    let actions = [action(&ldap, "disable-account", "ana", None), action(&ldap, "remove-from-group", "ana", Some("staff"))];
    let before = actions.each_ref().map(|action| ldap.probe(action).unwrap());
    let rename = |from: &str, to: &str| {
        server.change(&format!("dn: {}\nchangetype: modrdn\nnewrdn: uid={to}\ndeleteoldrdn: 1\n", person(from)));
        // Somebody else takes the name.
        let fields = format!("objectClass: inetOrgPerson\nuid: {from}\ncn: Other\nsn: Other\n");
        server.change(&format!("dn: {}\nchangetype: add\n{fields}", person(from)));
    };
    rename("ana", "ana.kos");
    let other = server.entry(&person("ana"));
    for (action, before) in actions.iter().zip(&before) {
        act(&ldap, action, before).unwrap();
    }
    assert!(server.entry(&person("ana.kos")).iter().any(|line| line.starts_with("pwdAccountLockedTime")));
    assert!(!server.entry(&group("staff")).iter().any(|line| line.contains("uid=ana")));

    rename("ana.kos", "ana.horvat");
    for (action, before) in actions.iter().zip(&before) {
        undo(&ldap, action, before).unwrap();
        assert_eq!(ldap.probe(action).unwrap(), *before);
    }
    assert!(server.entry(&group("staff")).contains(&format!("member: {}", person("ana.horvat"))));
    assert_eq!(server.entry(&person("ana")), other);
}

#[test]
fn who_is_gone_cannot_be_changed() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    let actions = [action(&ldap, "disable-account", "emil", None), action(&ldap, "remove-from-group", "emil", Some("staff"))];
    let before = actions.each_ref().map(|action| ldap.probe(action).unwrap());
    server.change(&format!("dn: {}\nchangetype: delete\n", person("emil")));
    for (action, before) in actions.iter().zip(&before) {
        let gone = |result: Result<(), CallError>| matches!(result, Err(CallError::Permanent(says)) if says.contains("any more"));
        assert!(gone(ldap.probe(action).map(drop)));
        assert!(gone(act(&ldap, action, before)));
        assert!(gone(undo(&ldap, action, before)));
    }
}

#[test]
fn a_member_through_another_group_is_not_taken_for_removed() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    for (name, of) in [("ana", "core"), ("chen", "core"), ("chen", "admins")] {
        let action = action(&ldap, "remove-from-group", name, Some(of));
        let untouched = server.entry(&group(of));
        let refused =
            |result: Result<(), CallError>| matches!(result, Err(CallError::Permanent(says)) if says.contains("through"));
        assert!(refused(ldap.probe(&action).map(drop)), "{name} {of}");
        assert!(refused(act(&ldap, &action, &State::default())), "{name} {of}");
        assert_eq!(server.entry(&group(of)), untouched);
    }
}

#[test]
fn groups_that_hold_each_other_end() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    let action = action(&ldap, "remove-from-group", "emil", Some("right"));
    assert!(matches!(ldap.probe(&action), Err(CallError::Permanent(says)) if says.contains("through")));
    let found = one(&ldap, EntityKind::User, "emil").groups.unwrap();
    assert_eq!(found.iter().filter(|name| !name.contains('=')).collect::<Vec<_>>(), ["left", "right", "solo", "staff"]);
}

#[test]
fn the_last_member_of_a_group_cannot_be_taken_out() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    let action = action(&ldap, "remove-from-group", "emil", Some("solo"));
    let before = ldap.probe(&action).unwrap();
    let refused = act(&ldap, &action, &before);
    assert!(matches!(&refused, Err(CallError::Permanent(says)) if says.contains("objectClassViolation")), "{refused:?}");
}

#[test]
fn who_may_not_change_it_is_told_so_for_good() {
    let server = server!();
    let ldap = connector(&server.url(), "reader", "");
    for (verb, name, of, entries) in cases() {
        let action = action(&ldap, verb, name, of);
        let untouched: Vec<_> = entries.iter().map(|dn| server.entry(dn)).collect();
        let before = ldap.probe(&action).unwrap();
        let refused = act(&ldap, &action, &before);
        assert!(matches!(&refused, Err(CallError::Permanent(says)) if says.contains("insufficientAccess")), "{refused:?}");
        assert_eq!(entries.iter().map(|dn| server.entry(dn)).collect::<Vec<_>>(), untouched);
    }
}

#[test]
fn what_a_directory_cannot_do_is_refused_without_asking_it() {
    let ldap = connector("ldapi://%2Fnowhere", "hand", "");
    let target = adjutant_model::act::Target { kind: EntityKind::User, id: "x".into(), name: "x".into() };
    let mut action = Action {
        verb: "isolate-host".into(),
        target,
        connector: "directory".into(),
        with: BTreeMap::new(),
        texts: BTreeMap::new(),
    };
    assert!(matches!(ldap.probe(&action), Err(CallError::Permanent(_))));
    assert!(!ldap.is_done(&action, &State::default()));
    action.verb = "disable-account".into();
    action.target.kind = EntityKind::Host;
    assert!(matches!(act(&ldap, &action, &State::default()), Err(CallError::Permanent(_))));
    assert_eq!(ldap.lookup(EntityKind::Host, "x"), Ok(Vec::new()));
    let verbs: Vec<&str> = ldap.verbs().iter().map(|offer| offer.verb).collect();
    assert_eq!(verbs, ["disable-account", "force-password-change", "remove-from-group"]);
}

#[test]
fn an_id_out_of_form_or_of_a_group_is_nobody() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    let mut action = action(&ldap, "remove-from-group", "ana", Some("staff"));
    let staff = action.with["group"].clone();
    for id in ["*", "*)(uid=bruno", "", &staff] {
        action.target.id = id.to_owned();
        assert!(matches!(ldap.probe(&action), Err(CallError::Permanent(_))), "{id}");
    }
    action.with.clear();
    assert!(matches!(ldap.probe(&action), Err(CallError::Permanent(_))));
}

#[test]
fn a_lock_of_the_server_is_restored_and_failed_logins_are_forgotten_with_ours() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    let locked = "pwdAccountLockedTime: 20260101000000Z";
    server.change(&format!("dn: {}\nchangetype: modify\nreplace: pwdAccountLockedTime\n{locked}\n", person("bruno")));
    assert!(!server.lets_in(&person("ana"), "wrong"));
    let restored = |name: &str| {
        let action = action(&ldap, "disable-account", name, None);
        let (untouched, before) = (server.entry(&person(name)), ldap.probe(&action).unwrap());
        act(&ldap, &action, &before).unwrap();
        undo(&ldap, &action, &before).unwrap();
        let now = server.entry(&person(name));
        assert!(now.iter().all(|line| untouched.contains(line)), "{now:?}");
        untouched.into_iter().filter(|line| !now.contains(line)).collect::<Vec<_>>()
    };
    assert_eq!(restored("bruno"), Vec::<String>::new());
    // The password policy itself forgets them when a lock is taken away, and takes them back from nobody.
    let lost = restored("ana");
    assert!(matches!(lost.as_slice(), [line] if line.starts_with("pwdFailureTime: ")), "{lost:?}");
}
