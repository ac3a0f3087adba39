//! Active Directory's names, identifiers and bits, on an OpenLDAP with that part of its schema. What only its own servers do is
//! not tried here: entries addressed by `<GUID=…>` or found by `distinguishedName`, and groups followed by the server.

use super::*;

/// `0a1b2c3d-…`, of which the directory holds the first three groups with their least byte first.
const GRETA: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e801";

fn forest(url: &str, more: &str) -> Ldap {
    let text = format!(
        "url = '{url}'\nbind_dn = 'cn=hand,ou=service,{BASE}'\npassword = {{ env = 'PASSWORD' }}\nflavour = 'active-directory'\n\
         users = 'ou=people,{BASE}'\ngroups = 'ou=groups,{BASE}'\ndomains = ['CORP']\n{more}\n"
    );
    Ldap::new(toml::from_str(&text).unwrap(), Secret::new("hand-correct-horse".into())).unwrap()
}

macro_rules! domain {
    () => {
        match Slapd::forest() {
            Some(server) => server,
            None => return,
        }
    };
}

#[test]
fn an_account_is_found_by_each_of_its_names_and_by_no_other() {
    let server = domain!();
    let ldap = forest(&server.url(), "");
    let greta = one(&ldap, EntityKind::User, "gholm");
    assert_eq!((greta.target.id.as_str(), greta.target.name.as_str()), (GRETA, "gholm"));
    for name in [
        "GHOLM",
        "CORP\\gholm",
        "gholm@corp.example",
        "greta.holm@corp.example",
        "G.Holm@corp.example",
        "S-1-5-21-1000-2000-3000-1101",
        GRETA,
    ] {
        assert_eq!(one(&ldap, EntityKind::User, name), greta, "{name}");
    }
    for name in [
        "OTHER\\gholm",
        "smtp:g.holm@corp.example",
        "S-1-5-21-1000-2000-3000-9999",
        "3d2c1b0a-5f4e-7160-8293-a4b5c6d7e801",
        "gholm*",
    ] {
        assert_eq!(ldap.lookup(EntityKind::User, name), Ok(Vec::new()), "{name}");
    }
    for alias in ["g.holm@corp.example", "S-1-5-21-1000-2000-3000-1101", "Greta Holm", GRETA] {
        assert!(greta.aliases.iter().any(|known| known == alias), "{alias}: {:?}", greta.aliases);
    }
    let facts = [("admin_count", "1"), ("department", "Finance"), ("manager", "hrast"), ("title", "Accountant")];
    assert_eq!(greta.facts, facts.map(|(name, text)| (name.to_owned(), text.to_owned())).into());
    // The group that it is in without being its member.
    assert!(greta.groups.unwrap().contains(&"Domain Users".to_owned()));
}

#[test]
fn an_account_is_disabled_by_one_bit_whatever_else_is_set() {
    let server = domain!();
    let ldap = forest(&server.url(), "[lists.people.columns]\nsam = 'sAMAccountName'\nactive = { is = 'enabled' }\n");
    let rows = ldap.list("people", None).unwrap().rows;
    for (name, set) in [("gholm", false), ("hrast", false), ("isund", true), ("jvik", true)] {
        let disable = action(&ldap, "disable-account", name, None);
        let state = ldap.probe(&disable).unwrap();
        assert_eq!(ldap.is_done(&disable, &state), set, "{name}: {state:?}");
        let row = rows.iter().find(|row| row["sam"] == name).unwrap();
        assert_eq!(row["active"], (!set).to_string(), "{name}");
        let force = action(&ldap, "force-password-change", name, None);
        assert_eq!(ldap.is_done(&force, &ldap.probe(&force).unwrap()), name == "jvik", "{name}");
    }
}
