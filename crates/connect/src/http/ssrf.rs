//! Tries to make a connector call where it must not, and counts what was reached.
//!
//! Every trial goes through the connector itself. Where it would connect is seen at the last moment, by a way to connect
//! that only notes the address; what it does with answers is seen by two servers on this machine, the vendor's and a trap.
//! The trials do not ask `address` what is inside: whatever is connected to and is not the vendor was reached.

mod tricks;

use super::client::Names;
use super::connector::HttpConnector;
use super::definition::Definition;
use super::settings::{Auth, Settings};
use adjutant_hand::connector::Connector;
use adjutant_hand::secret_ref::SecretRef;
use adjutant_model::act::{Action, Target};
use adjutant_model::{EntityKind, Secret, Time};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tricks::{ADDRESSES, LINKS, MOVED, PLACES, REDIRECTS, VALUES};
use ureq::unversioned::transport::{self, ConnectionDetails, Transport};

/// A connector whose one input stands in a path and in a query.
const FILE: &str = r#"connector: trial
title: Trial
docs: https://vendor.example/docs
example: https://vendor.example
permissions: [none]
auth: { bearer: true, client-credentials: true }
per_minute: 6000
health: { request: { get: /health } }
lookup:
  user:
    request: { get: /users, query: { q: 'name eq "{name}"' }, quotes: backslash }
    records: items
    next: { url: next }
    pages: 3
    id: id
    name: name
    match: [name]
verbs:
  disable-account:
    kind: user
    probe: { request: { get: "/users/{target.id}/state" }, state: { status: status } }
    done: { status: "off" }
    act: { request: { post: "/users/{target.id}/off" } }
    undo: [{ to: { status: "on" }, request: { post: "/users/{target.id}/on" } }]
"#;

/// The address that the vendor has, on the public internet.
const VENDOR: IpAddr = IpAddr::V4(Ipv4Addr::new(104, 18, 0, 1));

/// Where an inner name leads.
const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// What came of the trials.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How often it was tried.
    pub trials: u64,
    /// What reached a place that must not be called.
    pub reached: Vec<String>,
    /// Calls of the vendor itself that arrived: without any, nothing was tried.
    pub arrived: u64,
}

/// Tries everything.
///
/// # Errors
/// The trial itself could not be made.
pub fn run() -> io::Result<Outcome> {
    let definition =
        Definition::load("connectors/trial.yaml", FILE).map_err(|_| io::Error::other("the trial's own file has faults"))?;
    let mut trials = Trials { definition, outcome: Outcome::default() };
    trials.places();
    trials.names();
    trials.rebinding();
    trials.values();
    trials.answers()?;
    Ok(trials.outcome)
}

struct Trials {
    definition: Definition,
    outcome: Outcome,
}

impl Trials {
    fn count(&mut self, what: &str, reached: bool) {
        self.outcome.trials += 1;
        if reached {
            self.outcome.reached.push(what.to_owned());
        }
    }

    /// A connector that only notes where it would connect; none when the settings are refused.
    fn noting(&self, settings: &Settings, names: Arc<dyn Names>, seen: &Seen) -> Option<HttpConnector> {
        let auth = secrets(&settings.auth);
        HttpConnector::over_connector(self.definition.clone(), settings, auth, names, Notes(seen.clone())).ok()
    }

    /// Whether anything but the vendor was connected to. Anything that was becomes a call that arrived or was reached.
    fn strayed(&mut self, seen: &Seen) -> bool {
        let seen = std::mem::take(&mut *seen.0.lock().unwrap_or_else(PoisonError::into_inner));
        let good =
            |call: &&Call| call.addresses.iter().all(|address| *address == SocketAddr::new(VENDOR, 443)) && call.is_of_vendor;
        let arrived = seen.iter().filter(good).count();
        self.outcome.arrived += arrived as u64;
        arrived < seen.len()
    }

    fn places(&mut self) {
        for place in PLACES {
            let token_url = |url: &str| Auth::ClientCredentials {
                token_url: url.to_owned(),
                client_id: "trial".to_owned(),
                client_secret: SecretRef::Env("TRIAL".to_owned()),
                scope: None,
            };
            let vendor = "https://vendor.example";
            let both = [(*place, bearer()), (vendor, token_url(place))];
            for (base_url, auth) in both {
                for plaintext in [false, true] {
                    // This is what the setting allows.
                    if plaintext && place.starts_with("http://127.0.0.1:") {
                        continue;
                    }
                    let seen = Seen::default();
                    let settings = Settings { auth: auth.clone(), ..settings(base_url, plaintext) };
                    if let Some(connector) = self.noting(&settings, Arc::new(Lenient), &seen) {
                        let _ = connector.health();
                    }
                    let strayed = self.strayed(&seen);
                    self.count(&format!("{} {place:?}", if base_url == vendor { "token URL" } else { "base URL" }), strayed);
                }
            }
        }
    }

    fn names(&mut self) {
        for text in ADDRESSES {
            let Ok(address) = text.parse::<IpAddr>() else { continue };
            for answer in [vec![address], vec![VENDOR, address], vec![address, VENDOR]] {
                let seen = Seen::default();
                let names = Arc::new(Scripted(Mutex::new(vec![answer.clone()])));
                if let Some(connector) = self.noting(&settings("https://vendor.example", false), names, &seen) {
                    let _ = connector.health();
                }
                let strayed = self.strayed(&seen);
                self.count(&format!("a name that is {answer:?}"), strayed);
            }
        }
    }

    /// A name that is the vendor's when it is first asked for, and leads inside after that.
    fn rebinding(&mut self) {
        for text in ADDRESSES {
            let Ok(address) = text.parse::<IpAddr>() else { continue };
            let seen = Seen::default();
            let names = Arc::new(Scripted(Mutex::new(vec![vec![VENDOR], vec![address]])));
            if let Some(connector) = self.noting(&settings("https://vendor.example", false), names, &seen) {
                for _ in 0..3 {
                    let _ = connector.health();
                }
            }
            let strayed = self.strayed(&seen);
            self.count(&format!("a name that becomes {address}"), strayed);
        }
    }

    fn values(&mut self) {
        for value in VALUES {
            let seen = Seen::default();
            let names = Arc::new(Scripted(Mutex::new(vec![vec![VENDOR]])));
            let Some(connector) = self.noting(&settings("https://vendor.example", false), names, &seen) else { continue };
            let _ = connector.probe(&action(value));
            let strayed = self.strayed(&seen);
            self.count(&format!("an id {value:?}"), strayed);
            let _ = connector.lookup(EntityKind::User, value);
            let strayed = self.strayed(&seen);
            self.count(&format!("a name {value:?}"), strayed);
        }
    }

    /// Links and redirects, which only an answer can hold.
    fn answers(&mut self) -> io::Result<()> {
        let (vendor, trap) = (Ear::start()?, Ear::start()?);
        let put = |text: &str| {
            let text = text.replace("VENDOR", &vendor.address.to_string()).replace("TRAP", &trap.address.to_string());
            text.replace("PORT", &trap.address.port().to_string())
        };
        let settings = settings(&format!("http://{}/v1", vendor.address), true);
        let connector = HttpConnector::new(self.definition.clone(), &settings, secrets(&settings.auth), Arc::new(|| Time(0)));
        let Ok(connector) = connector else { return Err(io::Error::other("the trial's own settings have faults")) };
        for link in LINKS.iter().map(|link| put(link)) {
            vendor.say(format!("HTTP/1.1 200 OK\r\n\r\n{}", serde_json::json!({ "items": [], "next": link })));
            let _ = connector.lookup(EntityKind::User, "ana");
            let strayed = vendor.was_asked_elsewhere() || trap.was_asked_elsewhere();
            self.count(&format!("a next page {link:?}"), strayed);
        }
        for status in MOVED {
            for place in REDIRECTS.iter().map(|place| put(place)) {
                vendor.say(format!(
                    "HTTP/1.1 {status} Moved\r\nlocation: {place}\r\nrefresh: 0; url={place}\r\ncontent-length: 0\r\n\r\n"
                ));
                let _ = connector.health();
                let strayed = vendor.was_asked_elsewhere() || trap.was_asked_elsewhere();
                self.count(&format!("{status} to {place:?}"), strayed);
            }
        }
        self.outcome.arrived += vendor.asked.load(Ordering::SeqCst);
        Ok(())
    }
}

fn bearer() -> Auth<SecretRef> {
    Auth::Bearer { token: SecretRef::Env("TRIAL".to_owned()) }
}

fn settings(base_url: &str, plaintext: bool) -> Settings {
    let (connect_seconds, call_seconds) = (2, 2);
    let (values, allow, ca) = (BTreeMap::new(), Vec::new(), None);
    Settings { base_url: base_url.to_owned(), auth: bearer(), values, plaintext, allow, ca, connect_seconds, call_seconds }
}

fn secrets(auth: &Auth<SecretRef>) -> Auth<Secret> {
    let secret = || Secret::new("a-secret-of-a-trial".to_owned());
    match auth.token_url() {
        Some(url) => Auth::ClientCredentials {
            token_url: url.to_owned(),
            client_id: "trial".to_owned(),
            client_secret: secret(),
            scope: None,
        },
        None => Auth::Bearer { token: secret() },
    }
}

fn action(id: &str) -> Action {
    let target = Target { kind: EntityKind::User, id: id.to_owned(), name: "ana".to_owned() };
    Action {
        verb: "disable-account".to_owned(),
        target,
        connector: "trial".to_owned(),
        with: BTreeMap::new(),
        texts: BTreeMap::new(),
    }
}

/// One connection that would have been made.
#[derive(Debug)]
struct Call {
    addresses: Vec<SocketAddr>,
    /// The request is one of those that the file describes, to the vendor.
    is_of_vendor: bool,
}

#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<Call>>>);

/// Notes where a connection would be made, and makes none.
#[derive(Debug)]
struct Notes(Seen);

impl transport::Connector<()> for Notes {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Self::Out>, ureq::Error> {
        let segments: Vec<&str> = details.uri.path().split('/').collect();
        let path = match segments.as_slice() {
            ["", "health"] => details.uri.query().is_none(),
            ["", "users"] => details.uri.query().is_some_and(|query| query.starts_with("q=") && !query.contains(['&', '#', ' '])),
            ["", "users", id, "state"] => !matches!(*id, "" | "." | "..") && details.uri.query().is_none(),
            _ => false,
        };
        let is_of_vendor = path && details.uri.host() == Some("vendor.example") && details.uri.scheme_str() == Some("https");
        let call = Call { addresses: details.addrs.to_vec(), is_of_vendor };
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        Err(io::Error::from(io::ErrorKind::ConnectionRefused).into())
    }
}

/// A resolver that takes what the most careless of them takes: every text is a name, and leads inside.
struct Lenient;

impl Names for Lenient {
    fn resolve(&self, host: &str, port: u16, _: Duration) -> io::Result<Vec<SocketAddr>> {
        let address = if host == "vendor.example" { VENDOR } else { INSIDE };
        Ok(vec![SocketAddr::new(address, port)])
    }
}

/// A resolver that answers from a list; its last answer stays.
struct Scripted(Mutex<Vec<Vec<IpAddr>>>);

impl Names for Scripted {
    fn resolve(&self, _: &str, port: u16, _: Duration) -> io::Result<Vec<SocketAddr>> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers.first().cloned().unwrap_or_default() };
        Ok(answer.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }
}

/// A server on this machine that says one thing, and notes whether it was asked for something that nobody should ask for.
struct Ear {
    address: SocketAddr,
    says: Arc<Mutex<String>>,
    asked: Arc<AtomicU64>,
    elsewhere: Arc<AtomicBool>,
}

impl Ear {
    fn start() -> io::Result<Ear> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let ear = Ear { address: listener.local_addr()?, says: Arc::default(), asked: Arc::default(), elsewhere: Arc::default() };
        let (says, asked, elsewhere) = (ear.says.clone(), ear.asked.clone(), ear.elsewhere.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = says.lock().unwrap_or_else(PoisonError::into_inner).clone();
                asked.fetch_add(1, Ordering::SeqCst);
                // The trap has nothing to say: whoever asks it is where nobody should be.
                let expected = !answer.is_empty() && is_expected(&stream).unwrap_or(false);
                elsewhere.fetch_or(!expected, Ordering::SeqCst);
                let _ = (&stream).write_all(answer.as_bytes());
            }
        });
        Ok(ear)
    }

    fn say(&self, answer: String) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    fn was_asked_elsewhere(&self) -> bool {
        self.elsewhere.swap(false, Ordering::SeqCst)
    }
}

/// Whether a request is one of those that the file describes.
fn is_expected(stream: &TcpStream) -> io::Result<bool> {
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut head = String::new();
    let mut reader = BufReader::new(stream).take(1 << 16);
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    Ok(head.starts_with("GET /v1/health HTTP/1.1") || head.starts_with("GET /v1/users?q="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reached_is_seen() {
        let definition = Definition::load("connectors/trial.yaml", FILE).unwrap();
        let mut trials = Trials { definition, outcome: Outcome::default() };
        let seen = Seen::default();
        let careless = Settings { allow: vec!["10.0.0.0/8".to_owned()], ..settings("https://vendor.example", false) };
        let names = Arc::new(Scripted(Mutex::new(vec![vec!["10.0.0.1".parse().unwrap()]])));
        let connector = trials.noting(&careless, names, &seen).unwrap();
        connector.health().unwrap_err();
        assert!(trials.strayed(&seen));
        assert!(!trials.strayed(&seen), "it is seen once");
    }

    #[test]
    fn nothing_is_reached_that_must_not_be() {
        let outcome = run().unwrap();
        assert_eq!(outcome.reached, Vec::<String>::new());
        assert!(outcome.trials >= 900, "{}", outcome.trials);
        assert!(outcome.arrived >= 100, "{}", outcome.arrived);
    }
}
