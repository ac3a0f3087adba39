//! The shipped HTTP connectors, each over a server of its own for each trial.

use super::auditor::Effect;
use super::clock::Clock;
use super::defender::Defender;
use super::entra::Entra;
use super::fault::Fault;
use super::http::{Server, Vendor};
use super::jira::Jira;
use super::okta::Okta;
use super::rt::Tracker;
use super::slack::Slack;
use super::webhook::Webhook;
use super::{Servers, Verb, World};
use crate::sh;
use adjutant_connect::http::{Auth, Definition, HttpConnector, Settings};
use adjutant_hand::connector::{Connector, Idempotency, Offer};
use adjutant_model::{EntityKind, Secret};
use anyhow::{Context as _, Result, anyhow, ensure};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;

/// The connectors that are files, by name.
pub const FILES: [&str; 7] = ["okta", "entra", "webhook", "jira", "rt", "slack", "defender"];

/// The text of a shipped connector's file, as the book names it.
pub fn file(name: &str) -> Result<(String, String)> {
    let path = format!("connectors/{name}.yaml");
    let text = fs::read_to_string(sh::root().join("book").join(&path)).with_context(|| format!("read {path}"))?;
    Ok((path, text))
}

/// One of the connectors that are files.
pub struct Http {
    name: &'static str,
    definition: Definition,
}

impl Http {
    /// The shipped file.
    pub fn new(name: &'static str) -> Result<Self> {
        let (path, text) = file(name)?;
        let definition = Definition::load(&path, &text).map_err(|faults| anyhow!("{path}: {faults:?}"))?;
        Ok(Self { name, definition })
    }

    fn over<V: Vendor>(&self, vendor: V, clock: &Clock, target: (&str, &str)) -> Result<Box<dyn World>>
    where
        Server<V>: Send + Sync,
    {
        let server = Server::start(vendor, clock)?;
        let address = server.address;
        let token_url = format!("http://{address}/tenant/oauth2/v2.0/token");
        let (base, reference, auth) = auth(self.name, token_url);
        let settings = json!({ "base_url": format!("http://{address}{base}"), "auth": reference, "plaintext": true, "connect_seconds": 1,
            "call_seconds": 1, "values": values(self.name) });
        let settings: Settings = serde_json::from_value(settings)?;
        let connector = HttpConnector::new(self.definition.clone(), &settings, auth, clock.told())?;
        let (id, name) = (target.0.to_owned(), target.1.to_owned());
        Ok(Box::new(Place { server, connector: Arc::new(connector), id, name }))
    }
}

/// The path of the API, how the settings say that the vendor lets us in, and with what it does.
fn auth(name: &str, token_url: String) -> (&'static str, Value, Auth<Secret>) {
    let secret = || Secret::new("token-of-a-trial".to_owned());
    let reference = |kind: &str, name: &str| json!({ "kind": kind, name: { "env": "TOKEN" } });
    match name {
        "entra" => {
            let client = json!({ "kind": "client-credentials", "token_url": token_url, "client_id": "app", "client_secret": { "env": "SECRET" } });
            (
                "/v1.0",
                client,
                Auth::ClientCredentials { token_url, client_id: "app".to_owned(), client_secret: secret(), scope: None },
            )
        }
        "rt" => ("", reference("header", "secret"), Auth::Header { secret: secret() }),
        _ => ("", reference("bearer", "token"), Auth::Bearer { token: secret() }),
    }
}

/// What else the connector's file asks for.
fn values(name: &str) -> Value {
    match name {
        "jira" => {
            json!({ "project": "SEC", "account": "bot-1", "issue_type": "Task", "close": "31", "reopen": "21", "renew": "11" })
        }
        "rt" => json!({ "queue": "Security", "account": "adjutant" }),
        "slack" => json!({ "channel": Slack::CHANNEL }),
        _ => json!({}),
    }
}

impl Servers for Http {
    fn verbs(&self) -> Vec<Verb> {
        let offers = self.definition.offers().iter();
        let verb = |offer: &Offer, variant| Verb {
            connector: self.name,
            verb: offer.verb,
            kind: offer.kind,
            reversible: offer.reversible,
            shows: offer.idempotency != Idempotency::Repeat,
            variant,
        };
        let variants = |offer| match self.name {
            // A state that is neither on nor off is restored as it was.
            "webhook" => vec![verb(offer, "off"), verb(offer, "until \"Monday\", {x} \u{e9}")],
            _ => vec![verb(offer, "")],
        };
        offers.flat_map(variants).collect()
    }

    fn world(&self, verb: &Verb, _: usize, clock: &Clock) -> Result<Box<dyn World>> {
        ensure!(FILES.contains(&self.name), "there is no server for `{}`: write one beside okta.rs", self.name);
        match self.name {
            "okta" => self.over(Okta::new(), clock, (Okta::ID, Okta::LOGIN)),
            "entra" => self.over(Entra::new(), clock, (Entra::ID, Entra::UPN)),
            "jira" => self.over(Jira::new(verb.verb != "open-ticket"), clock, (Jira::CASE, Jira::CASE)),
            "rt" => self.over(Tracker::new(verb.verb != "open-ticket"), clock, (Tracker::CASE, Tracker::CASE)),
            "slack" if verb.kind == EntityKind::User => self.over(Slack::new(), clock, (Slack::USER, Slack::MAIL)),
            "slack" => self.over(Slack::new(), clock, (Slack::CASE, Slack::CASE)),
            "defender" => self.over(Defender::new(), clock, (Defender::CASE, Defender::CASE)),
            _ => {
                let name = match verb.kind {
                    EntityKind::Host => "web07",
                    EntityKind::Address => "203.0.113.7",
                    _ => "bad.example",
                };
                self.over(Webhook::new(verb.variant), clock, (name, name))
            }
        }
    }
}

/// A target behind one server.
struct Place<V> {
    server: Server<V>,
    connector: Arc<HttpConnector>,
    id: String,
    name: String,
}

impl<V: Vendor> World for Place<V>
where
    Server<V>: Send + Sync,
{
    fn connector(&self) -> Arc<dyn Connector> {
        self.connector.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn with(&self) -> Vec<(String, String)> {
        let needed = self.connector.verbs().iter().flat_map(|offer| offer.with.iter());
        needed.map(|(name, _)| ((*name).to_owned(), Defender::ALERT.to_owned())).collect()
    }

    fn witness(&self, file: Connection) {
        self.server.witness(file);
    }

    fn break_down(&self, faults: Vec<Fault>) {
        self.server.break_down(faults);
    }

    fn effects(&self) -> Result<Vec<Effect>> {
        Ok(self.server.effects())
    }

    fn state(&self) -> Result<String> {
        Ok(self.server.state(&self.id))
    }

    fn meddle(&self, beside: bool) -> Result<()> {
        self.server.meddle(&self.id, beside);
        Ok(())
    }
}
