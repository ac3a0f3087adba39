//! The LDAP connector against a real OpenLDAP, which each test starts for itself. Without OpenLDAP the tests are skipped, and say
//! so; `cargo xtask setup` gets it.

mod broken;
mod forest;
mod lists;
mod lookup;
mod proxy;
mod secure;
mod slapd;
mod verbs;

use adjutant_connect::ldap::{Ldap, Settings};
use adjutant_hand::connector::{CallError, Connector as _, Found, Permit};
use adjutant_model::act::{Action, State};
use adjutant_model::{EntityKind, Secret};
use slapd::Slapd;
use std::collections::BTreeMap;

const BASE: &str = "dc=corp,dc=example";

/// A connector that binds as `who` of the service accounts.
fn connector(url: &str, who: &str, more: &str) -> Ldap {
    Ldap::new(settings(url, who, more), Secret::new(format!("{who}-correct-horse"))).unwrap()
}

fn settings(url: &str, who: &str, more: &str) -> Settings {
    let text = format!(
        "url = '{url}'\nbind_dn = 'cn={who},ou=service,{BASE}'\npassword = {{ env = 'PASSWORD' }}\nflavour = 'openldap'\n\
         users = 'ou=people,{BASE}'\ngroups = 'ou=groups,{BASE}'\n{more}\n"
    );
    toml::from_str(&text).unwrap()
}

/// The one thing that is called `name`.
fn one(ldap: &Ldap, kind: EntityKind, name: &str) -> Found {
    let mut found = ldap.lookup(kind, name).unwrap();
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found.remove(0)
}

/// `verb` on the user called `name`; of the group, where one is named.
fn action(ldap: &Ldap, verb: &str, name: &str, group: Option<&str>) -> Action {
    let with = group.map(|group| ("group".to_owned(), one(ldap, EntityKind::Resource, group).target.id));
    Action {
        verb: verb.to_owned(),
        target: one(ldap, EntityKind::User, name).target,
        connector: "directory".to_owned(),
        with: BTreeMap::from_iter(with),
        texts: BTreeMap::new(),
    }
}

fn act(ldap: &Ldap, action: &Action, before: &State) -> Result<(), CallError> {
    ldap.act(action, before, Permit::of_a_test("key"), "key")
}

fn undo(ldap: &Ldap, action: &Action, before: &State) -> Result<(), CallError> {
    ldap.undo(action, before, Permit::of_a_test("key"), "key")
}

fn person(name: &str) -> String {
    format!("uid={name},ou=people,{BASE}")
}

fn group(name: &str) -> String {
    format!("cn={name},ou=groups,{BASE}")
}

/// A running server, or the end of the test where there is none to be had.
macro_rules! server {
    () => {
        match Slapd::start() {
            Some(server) => server,
            None => return,
        }
    };
}
use server;
