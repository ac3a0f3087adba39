//! Who a name means, and who it does not.

use super::*;

#[test]
fn a_person_is_found_by_every_name_and_told_with_everything_known() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "domains = ['CORP']");
    let ana = one(&ldap, EntityKind::User, "ana");
    for name in ["ANA", " ana ", "CORP\\ana", "ana@corp.example", "A.Horvat@Corp.example", &ana.target.id, &person("ana")] {
        assert_eq!(one(&ldap, EntityKind::User, name), ana, "{name}");
    }
    assert_eq!((ana.target.name.as_str(), ana.target.id.len()), ("ana", 36));
    for alias in ["ana", "ana@corp.example", "a.horvat@corp.example", "Ana Horvat", &ana.target.id, &person("ana")] {
        assert!(ana.aliases.iter().any(|known| known == alias), "{alias}: {:?}", ana.aliases);
    }
    let facts = [("department", "Finance"), ("employee_type", "regular"), ("manager", "bruno"), ("title", "Accountant")];
    assert_eq!(ana.facts, facts.map(|(name, text)| (name.to_owned(), text.to_owned())).into());
    let groups = ana.groups.unwrap();
    for name in ["staff", "engineers", "core", "admins", "vpn"] {
        assert!(groups.contains(&name.to_owned()) && groups.contains(&group(name)), "{name}: {groups:?}");
    }
    assert_eq!(groups.len(), 12, "{groups:?}");
}

#[test]
fn a_group_is_found_as_a_resource_with_the_groups_above_it() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    let engineers = one(&ldap, EntityKind::Resource, "Engineers");
    assert_eq!(one(&ldap, EntityKind::Resource, &engineers.target.id), engineers);
    assert_eq!(engineers.groups.unwrap(), ["admins", &group("admins"), &group("core"), "core"]);
    assert_eq!(ldap.lookup(EntityKind::User, "engineers"), Ok(Vec::new()));
    assert_eq!(ldap.lookup(EntityKind::Resource, "ana"), Ok(Vec::new()));
}

#[test]
fn two_of_a_name_are_two() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    let found = ldap.lookup(EntityKind::User, "shared@corp.example").unwrap();
    let mut names: Vec<&str> = found.iter().map(|found| found.target.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["dora", "emil"]);
}

#[test]
fn a_name_that_is_written_as_a_filter_finds_nobody() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", "");
    let long = "a".repeat(10_240);
    let names = [
        "*)(uid=*",
        "a*",
        "*a",
        "ana)(|(uid=*",
        "ana\0",
        "\0",
        "",
        " ",
        "(uid=ana)",
        "ana\\",
        "\\61na",
        "EVIL\\ana",
        "a\u{301}na",
        "ａｎａ",
        "résumé",
        "nobody",
        "ana\u{200b}",
        "ana\r\nuid: bruno",
        &long,
    ];
    for name in names {
        assert_eq!(ldap.lookup(EntityKind::User, name), Ok(Vec::new()), "{name:?}");
        assert_eq!(ldap.lookup(EntityKind::Resource, name), Ok(Vec::new()), "{name:?}");
    }
    assert_eq!(one(&ldap, EntityKind::User, "*").target.name, "star", "a star is a letter like others");
}

#[test]
fn groups_and_managers_that_cannot_be_read_are_unknown() {
    let server = server!();
    let blind = connector(&server.url(), "hand", "groups_max = 2");
    assert_eq!(one(&blind, EntityKind::User, "ana").groups, None);
    let elsewhere = Settings { groups: format!("ou=none,{BASE}"), ..settings(&server.url(), "hand", "") };
    let elsewhere = Ldap::new(elsewhere, Secret::new("hand-correct-horse".into())).unwrap();
    let dora = one(&elsewhere, EntityKind::User, "dora");
    assert_eq!((dora.groups, dora.facts.get("manager")), (None, None));
}

#[test]
fn health_says_who_answers_and_what_cannot_be_read() {
    let server = server!();
    let says = connector(&server.url(), "hand", "").health().unwrap();
    assert!(says.contains(&server.url()) && says.contains("cn=hand,ou=service"), "{says}");
    assert!(says.contains("and makes changes depend"), "{says}");
    let blind = connector(&server.url(), "blind", "").health();
    assert!(matches!(&blind, Err(CallError::Permanent(says)) if says.contains("groups")), "{blind:?}");
}
