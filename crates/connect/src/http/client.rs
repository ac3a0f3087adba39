//! One call over HTTP, and what is known when it fails: that nothing was sent, or that it may have arrived.
//!
//! It calls the doors that the settings name and no other, at addresses that were checked after they were resolved, once:
//! the connection is made to the very address that was checked. It follows nothing, keeps no cookie, asks no proxy, reads
//! no more than it must, and waits for nobody long.

use super::address::may_be_called;
use super::origin::Origin;
use super::settings::Checked;
use adjutant_model::{Duration, Time};
use ipnet::IpNet;
use serde_json::Value;
use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use ureq::http::{Request, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};
use zeroize::Zeroizing;

/// The longest body of an answer.
pub const BODY_BYTES_MAX: u64 = 4 << 20;

/// Addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 16;

/// Resolves a name.
pub trait Names: Send + Sync {
    /// The addresses of `host`.
    ///
    /// # Errors
    /// There are none, or nobody answers within `patience`.
    fn resolve(&self, host: &str, port: u16, patience: std::time::Duration) -> io::Result<Vec<SocketAddr>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug)]
pub struct SystemNames;

impl Names for SystemNames {
    fn resolve(&self, host: &str, port: u16, patience: std::time::Duration) -> io::Result<Vec<SocketAddr>> {
        let (answer, answered) = mpsc::sync_channel(1);
        let name = host.to_owned();
        // The system's resolver has no timeout of its own; whoever waits too long leaves it behind.
        std::thread::spawn(move || {
            answer.send((name.as_str(), port).to_socket_addrs().map(|found| found.collect::<Vec<_>>())).ok()
        });
        answered.recv_timeout(patience).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nothing was sent.
    NotSent(String),
    /// Nothing was sent, and nothing will be.
    Refused(String),
    /// It was sent, at least in part.
    Lost(String),
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// `Link` headers.
    pub(super) links: Vec<String>,
    /// Seconds after which one may ask again, as `Retry-After` says.
    pub(super) retry_after: Option<String>,
    /// When one may ask again, in seconds since 1970, as a header of the vendor's says.
    pub(super) reset: Option<String>,
    body: Result<Zeroizing<Vec<u8>>, String>,
}

impl Answer {
    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, String> {
        let bytes = self.body.as_ref().map_err(Clone::clone)?;
        // Not the parser's text: it may quote what was read.
        serde_json::from_slice(bytes).map_err(|_| "it is no JSON".to_owned())
    }
}

/// What is sent.
pub(super) struct Sent<'a> {
    pub(super) method: &'static str,
    /// Path and query, below the door's path.
    pub(super) target: &'a str,
    pub(super) headers: &'a [(String, Zeroizing<String>)],
    /// Kind and content.
    pub(super) body: Option<(&'static str, Zeroizing<Vec<u8>>)>,
}

/// Calls the doors of one connector.
pub(super) struct Client {
    agent: ureq::Agent,
}

impl Client {
    pub(super) fn new(settings: &Checked, names: Arc<dyn Names>) -> Self {
        Self::with_connector(settings, names, DefaultConnector::default())
    }

    /// The same over another way to connect.
    pub(super) fn with_connector<C: Connector<()>>(settings: &Checked, names: Arc<dyn Names>, connector: C) -> Self {
        let doors: Vec<Origin> = [&settings.base].into_iter().chain(&settings.tokens).cloned().collect();
        let roots = settings.roots.as_ref().map_or(RootCerts::WebPki, |roots| RootCerts::new_with_certs(roots));
        let config = ureq::Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .timeout_connect(Some(settings.connect))
            .timeout_resolve(Some(settings.connect))
            .timeout_global(Some(settings.call))
            .https_only(doors.iter().all(|door| !door.plaintext))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .proxy(None)
            .user_agent("adjutant")
            .build();
        let resolver = CheckedNames { doors, allowed: settings.allowed.clone(), names };
        Self { agent: ureq::Agent::with_parts(config, connector.chain(Watch), resolver) }
    }

    /// Sends it to `door`.
    pub(super) fn send(&self, door: &Origin, sent: Sent<'_>) -> Result<Answer, Failure> {
        let mut request = Request::builder().method(sent.method).uri(format!("{door}{}", sent.target));
        for (name, value) in sent.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        if let Some((kind, _)) = &sent.body {
            request = request.header("content-type", *kind);
        }
        // A reset of the connection says nothing about whether what was sent arrived; whether anything was sent does.
        SENT.set(false);
        let takes_body = matches!(sent.method, "POST" | "PUT" | "PATCH");
        let refused = |_| Failure::Refused("the request cannot be written".to_owned());
        let answered = if takes_body {
            let bytes = sent.body.map(|(_, bytes)| bytes).unwrap_or_default();
            self.agent.run(request.body(bytes.as_slice()).map_err(refused)?)
        } else {
            self.agent.run(request.body(()).map_err(refused)?)
        };
        answered.map(read).map_err(|error| failure(&error))
    }
}

fn read(mut answer: ureq::http::Response<ureq::Body>) -> Answer {
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let links = answer.headers().get_all("link").iter().filter_map(|value| value.to_str().ok()).map(str::to_owned);
    let (links, retry_after, reset) = (links.collect(), header("retry-after"), header("x-rate-limit-reset"));
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec();
    let body = body.map(Zeroizing::new).map_err(|error| match error {
        ureq::Error::BodyExceedsLimit(_) => format!("it is longer than {BODY_BYTES_MAX} bytes"),
        other => format!("it broke off ({other})"),
    });
    Answer { status, links, retry_after, reset, body }
}

fn failure(error: &ureq::Error) -> Failure {
    if let ureq::Error::Other(inner) = error
        && let Some(refused) = inner.downcast_ref::<NotCalled>()
    {
        return Failure::Refused(refused.0.clone());
    }
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::RequireHttpsOnly(_) => Failure::Refused(error.to_string()),
        _ if SENT.get() => Failure::Lost(error.to_string()),
        _ => Failure::NotSent(error.to_string()),
    }
}

/// When to ask again, at most an hour from `now`.
pub(super) fn wait_until(answer: &Answer, now: Time) -> Option<Time> {
    let hour = Duration::from_hours(1);
    let whole =
        |text: &Option<String>| text.as_deref().and_then(|text| text.trim().parse::<i64>().ok()).filter(|number| *number >= 0);
    let after = whole(&answer.retry_after).map(|seconds| Time(now.0.saturating_add(seconds.saturating_mul(1_000_000))));
    // A date instead of seconds is rare, and a minute is polite.
    let dated = answer.retry_after.as_ref().map(|_| Time(now.0.saturating_add(60_000_000)));
    let reset = || whole(&answer.reset).map(Time::from_secs);
    let until = after.or(dated).or_else(reset)?;
    (until > now).then(|| until.min(Time(now.0.saturating_add(hour.0))))
}

/// Why a place is not called.
#[derive(Debug)]
struct NotCalled(String);

impl fmt::Display for NotCalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotCalled {}

/// Resolves the doors of one connector and nothing else, to addresses that may be called.
struct CheckedNames {
    doors: Vec<Origin>,
    allowed: Vec<IpNet>,
    names: Arc<dyn Names>,
}

impl fmt::Debug for CheckedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.doors).finish()
    }
}

impl CheckedNames {
    fn door(&self, uri: &Uri) -> Option<&Origin> {
        let plaintext = uri.scheme_str() == Some("http");
        let port = uri.port_u16().unwrap_or(if plaintext { 80 } else { 443 });
        self.doors.iter().find(|door| (door.plaintext, Some(door.host.as_str()), door.port) == (plaintext, uri.host(), port))
    }

    fn check(&self, door: &Origin, address: IpAddr) -> Result<(), NotCalled> {
        if door.plaintext {
            let why = || NotCalled(format!("`{}` is {address}: only this machine is called in the clear", door.host));
            return if address.is_loopback() { Ok(()) } else { Err(why()) };
        }
        may_be_called(address, &self.allowed).map_err(|refused| {
            let hint = if refused.always { "" } else { "; `allow` in the settings can name its range" };
            NotCalled(format!("`{}` is {address}, which is not called: {refused}{hint}", door.host))
        })
    }
}

impl Resolver for CheckedNames {
    fn resolve(&self, uri: &Uri, _: &ureq::config::Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let not_called = |why: NotCalled| ureq::Error::Other(Box::new(why));
        let door = self.door(uri).ok_or_else(|| not_called(NotCalled("this place is not in the settings".to_owned())))?;
        let bare = door.host.trim_start_matches('[').trim_end_matches(']');
        let found = match bare.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, door.port)],
            Err(_) => self.names.resolve(&door.host, door.port, *timeout.after)?,
        };
        // One bad address among good ones is a trick, and not a choice.
        for address in &found {
            self.check(door, address.ip()).map_err(not_called)?;
        }
        let mut addresses = self.empty();
        for address in found.into_iter().take(ADDRESSES_MAX) {
            addresses.push(SocketAddr::new(address.ip(), door.port));
        }
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}

thread_local! {
    /// Whether the call that this thread makes has begun to send. A blocking call stays on its thread.
    static SENT: Cell<bool> = const { Cell::new(false) };
}

/// Notes when a connection begins to send.
#[derive(Debug)]
struct Watch;

impl<In: Transport> Connector<In> for Watch {
    type Out = Watched<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Watched<In>>, ureq::Error> {
        Ok(chained.map(Watched))
    }
}

#[derive(Debug)]
struct Watched<In>(In);

impl<In: Transport> Transport for Watched<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        SENT.set(true);
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.0.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}
