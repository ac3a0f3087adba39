//! Everybody as a list, and a list that is not whole is none.

use super::*;
use adjutant_hand::table::{Row, Rows};
use std::fmt::Write as _;

const COLUMNS: &str = "[lists.people.columns]\nid = { is = 'id' }\nupn = 'mail'\nsam = 'uid'\ntitle = 'title'\n\
    department = 'departmentNumber'\nactive = { is = 'enabled' }\nmanager = { is = 'manager' }\n";

fn people(ldap: &Ldap) -> BTreeMap<String, Row> {
    let Rows { rows, next } = ldap.list("people", None).unwrap();
    assert_eq!(next, None);
    rows.into_iter().map(|row| (row["sam"].clone(), row)).collect()
}

fn of<'r>(people: &'r BTreeMap<String, Row>, name: &str, column: &str) -> Option<&'r str> {
    people[name].get(column).map(String::as_str)
}

#[test]
fn everybody_is_listed_with_what_the_directory_says() {
    let server = server!();
    let ldap = connector(&server.url(), "hand", &format!("{COLUMNS}privileged = {{ groups = ['core'] }}"));
    let disable = action(&ldap, "disable-account", "emil", None);
    act(&ldap, &disable, &ldap.probe(&disable).unwrap()).unwrap();
    let found = people(&ldap);
    assert!(!found.contains_key("hand"), "only people are listed");
    let ana = one(&ldap, EntityKind::User, "ana");
    for (column, cell) in [
        ("id", ana.target.id.as_str()),
        ("upn", "ana@corp.example"),
        ("title", "Accountant"),
        ("department", "Finance"),
        ("manager", "bruno"),
        ("active", "true"),
        ("privileged", "true"),
    ] {
        assert_eq!(of(&found, "ana", column), Some(cell), "{column}");
    }
    for name in ["chen", "emil"] {
        assert_eq!(of(&found, name, "active"), Some("false"), "{name}");
    }
    assert_eq!(of(&found, "dora", "manager"), None, "who is not there is nobody's manager");
    assert_eq!(of(&found, "dora", "department"), None, "what is not said is left out");
    // As the groups of each are found by looking her up, upwards, so they are found here, downwards.
    let [mut inside, mut outside] = [0, 0];
    for name in found.keys() {
        let groups = one(&ldap, EntityKind::User, name).groups.unwrap();
        let is_in = groups.contains(&"core".to_owned());
        assert_eq!(of(&found, name, "privileged"), Some(is_in.to_string().as_str()), "{name}: {groups:?}");
        *(if is_in { &mut inside } else { &mut outside }) += 1;
    }
    assert!(inside > 0 && outside > 0);
    assert_eq!(ldap.lists()[0].columns.len(), 8);
}

#[test]
fn a_list_of_more_than_a_page_is_whole() {
    let server = server!();
    let mut more = String::new();
    for nth in 0..1_100 {
        let name = format!("p{nth:04}");
        let _ = write!(more, "dn: {}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n\n", person(&name));
    }
    server.change(&more);
    let ldap = connector(&server.url(), "hand", COLUMNS);
    let found = people(&ldap);
    assert_eq!(found.keys().filter(|name| name.starts_with('p') && name.len() == 5).count(), 1_100);
    // Whom the server shows 200 entries at most gets no list, and not the first 200.
    let cut = connector(&server.url(), "reader", COLUMNS).list("people", None);
    assert!(matches!(&cut, Err(CallError::Permanent(says)) if says.contains("sizeLimitExceeded")), "{cut:?}");
}

#[test]
fn who_is_in_a_group_that_cannot_be_read_is_not_said() {
    let server = server!();
    for (groups, why) in [("'core', 'nobody'", "no group is called"), ("'*'", "no group is called")] {
        let ldap = connector(&server.url(), "hand", &format!("{COLUMNS}privileged = {{ groups = [{groups}] }}"));
        let answer = ldap.list("people", None);
        assert!(matches!(&answer, Err(CallError::Permanent(says)) if says.contains(why)), "{groups}: {answer:?}");
    }
    let blind = connector(&server.url(), "blind", &format!("{COLUMNS}privileged = {{ groups = ['core'] }}"));
    assert!(blind.list("people", None).is_err());
    let ldap = connector(&server.url(), "hand", COLUMNS);
    assert!(matches!(ldap.list("machines", None), Err(CallError::Permanent(_))));
    server.kill();
    assert!(matches!(ldap.list("people", None), Err(CallError::Retry(_))));
}
