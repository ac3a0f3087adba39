//! A real OpenLDAP whose access log is the record of what was done, and for each trial a proxy before it that breaks what passes.

mod ldap;
mod slapd;

use super::auditor::Effect;
use super::clock::Clock;
use super::fault::Fault;
use super::proxy::Proxy;
use super::{Servers, Verb, World};
use adjutant_connect::ldap::{Ldap, Settings};
use adjutant_hand::connector::Connector;
use adjutant_model::{EntityKind, Secret};
use anyhow::{Context as _, Result};
use rusqlite::Connection;
use serde_json::json;
use slapd::{Admin, GROUPS, HAND, PASSWORD, PEOPLE, Slapd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// A verb, which way of it, and what of a change says that it is done and not taken back.
const VERBS: [(&str, &str, &str); 4] = [
    ("disable-account", "", "pwdAccountLockedTime:+ 000001010000Z"),
    ("disable-account", "login shell", "loginShell:+ /usr/sbin/nologin"),
    ("force-password-change", "", "pwdReset:+ TRUE"),
    ("remove-from-group", "", "member:- "),
];

/// The directory.
pub struct Directory(Arc<Slapd>);

impl Directory {
    /// Starts one.
    pub fn start() -> Result<Self> {
        Ok(Self(Arc::new(Slapd::start()?)))
    }
}

impl Servers for Directory {
    fn verbs(&self) -> Vec<Verb> {
        let verb =
            |(verb, variant, _)| Verb { connector: "ldap", verb, kind: EntityKind::User, reversible: true, shows: true, variant };
        VERBS.into_iter().map(verb).collect()
    }

    fn world(&self, verb: &Verb, nth: usize, clock: &Clock) -> Result<Box<dyn World>> {
        let (user, group) = (format!("t{nth}"), format!("g{nth}"));
        let mut admin = self.0.admin()?;
        admin.add_person(&user)?;
        admin.add_group(&group, &user)?;
        let id = admin.id(&format!("uid={user},{PEOPLE}"))?;
        let (mut proxy, socket) = (Proxy::new(clock), self.0.socket());
        let door = proxy.before(move |client| Ok(ldap::Pipe { client, server: UnixStream::connect(&socket)? }))?;
        let mut settings = json!({ "url": format!("ldap://{door}"), "bind_dn": HAND, "password": { "env": "P" }, "flavour": "openldap",
            "users": PEOPLE, "groups": GROUPS, "connect_seconds": 1, "request_seconds": 1 });
        if verb.variant == "login shell" {
            settings["disabled"] = json!({ "attribute": "loginShell", "value": "/usr/sbin/nologin" });
        }
        let settings: Settings = serde_json::from_value(settings)?;
        let connector = Arc::new(Ldap::new(settings, Secret::new(PASSWORD.to_owned()))?);
        let does = VERBS.iter().find(|known| known.0 == verb.verb && known.1 == verb.variant).map(|known| known.2);
        let does = does.context("the verb is not known")?;
        Ok(Box::new(Person { slapd: Arc::clone(&self.0), proxy, connector, user, group, id, verb: *verb, does }))
    }
}

/// A user with a group.
struct Person {
    slapd: Arc<Slapd>,
    proxy: Proxy,
    connector: Arc<Ldap>,
    user: String,
    group: String,
    id: String,
    verb: Verb,
    does: &'static str,
}

impl Person {
    fn entries(&self) -> [String; 2] {
        [format!("uid={},{PEOPLE}", self.user), format!("cn={},{GROUPS}", self.group)]
    }

    fn admin(&self) -> Result<Admin> {
        self.slapd.admin()
    }
}

impl World for Person {
    fn connector(&self) -> Arc<dyn Connector> {
        self.connector.clone()
    }

    fn name(&self) -> String {
        self.user.clone()
    }

    fn with(&self) -> Vec<(String, String)> {
        if self.verb.verb == "remove-from-group" { vec![("group".into(), self.group.clone())] } else { Vec::new() }
    }

    fn witness(&self, file: Connection) {
        self.proxy.witness(file);
    }

    fn break_down(&self, faults: Vec<Fault>) {
        self.proxy.break_down(faults);
    }

    /// The changes in the access log that were done; what the hand's file said then is known by the proxy, which passed them
    /// on in this order.
    fn effects(&self) -> Result<Vec<Effect>> {
        let changes = self.admin()?.changes(&self.entries())?;
        let mut seen = self.proxy.seen().into_iter();
        let mut effects = Vec::new();
        for (code, says) in changes {
            let seen = seen.next().unwrap_or(0);
            if code == 0 {
                let undoes = !says.contains(self.does);
                effects.push(Effect { target: self.id.clone(), undoes, says, seen });
            }
        }
        Ok(effects)
    }

    fn state(&self) -> Result<String> {
        self.admin()?.entries(&self.entries())
    }

    fn meddle(&self, beside: bool) -> Result<()> {
        let [person, group] = self.entries();
        let mut admin = self.admin()?;
        match (beside, self.verb.verb, self.verb.variant) {
            (true, ..) => admin.toggle(&person, "description", "somebody else's"),
            (false, "disable-account", "") => admin.set(&person, "pwdAccountLockedTime", "20260101000000Z"),
            (false, "disable-account", _) => admin.set(&person, "loginShell", "/bin/fish"),
            (false, "force-password-change", _) => admin.set(&person, "pwdReset", "FALSE"),
            (false, ..) => admin.toggle(&group, "member", &person),
        }
    }
}
