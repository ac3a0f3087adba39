//! The service in this process: its real routes over a real store, with a clock that can be moved for the gate.

use adjutant_engine::entities::HashKey;
use adjutant_model::{Duration as Span, Time};
use adjutant_rules::Book;
use adjutant_runtime::context::{self, Embedded};
use adjutant_runtime::drive::Settings;
use adjutant_runtime::policy::Policy;
use adjutant_runtime::ports::{Bus, CallError, Change, Clock, Outgoing};
use adjutant_runtime::service::{Parts, Service};
use adjutant_runtime::{book_dir, queue};
use adjutant_server::app::{App, Ledgered};
use adjutant_server::gate::{Access, Doors, Endpoint, Gate, NewToken, Permission, Role, SigningKey};
use adjutant_server::routes;
use adjutant_server::secret::Secret;
use adjutant_server::serve::wall_clock;
use adjutant_store::{Options, Sqlite};
use anyhow::{Context as _, Result};
use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// An answer takes no longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(90);

/// The password of everybody.
pub const PASSWORD: &str = "a sentence nobody guesses";

/// Where everybody comes from.
pub const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The source that signs, and another one.
pub const SIGNED: [&str; 2] = ["signed", "other"];

struct Wall(adjutant_server::gate::Clock);

impl Clock for Wall {
    fn now(&self) -> Time {
        (self.0)()
    }
}

struct Nobody;

impl Bus for Nobody {
    fn changed(&self, _: Change) {}
    fn deliver(&self, _: &Outgoing) -> Result<(), CallError> {
        Ok(())
    }
}

pub struct World {
    pub gate: Arc<Gate>,
    pub doors: Doors,
    pub list: Vec<(String, String, Access)>,
    service: Service,
    /// How far the gate's clock is ahead, in microseconds.
    ahead: Arc<AtomicI64>,
    _dir: tempfile::TempDir,
}

/// The key with which a source signs.
pub fn key(source: &str) -> Result<SigningKey> {
    use base64::Engine as _;
    let bytes: Vec<u8> = source.bytes().cycle().take(32).collect();
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    Ok(SigningKey::read(&Secret::new(format!("whsec_{text}")))?)
}

impl World {
    pub fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let folder = dir.path().to_path_buf();
        let book = Book::load(book_dir::shipped()).map_err(|faults| anyhow::anyhow!("the book: {faults:?}"))?;
        let data = Embedded { files: book_dir::shipped_data(), modified: None };
        let context = Arc::new(context::load(book.contracts.clone(), &data, None));
        let policy = Arc::new(Policy { book: Arc::new(book), context, key: HashKey([7; 16]), at_arrival: true });
        let (service, _) = Service::start(Parts {
            open: Box::new(move || Ok(Box::new(Sqlite::open(&folder, Options::default())?))),
            policy,
            settings: Settings::default(),
            limits: queue::Limits::default(),
            turn: adjutant_runtime::service::Turn::default(),
            clock: Arc::new(Wall(wall_clock())),
            bus: Arc::new(Nobody),
            fatal: Box::new(|why| println!("the service ended: {why}")),
        })?;
        let ahead = Arc::new(AtomicI64::new(0));
        let (moved, wall) = (Arc::clone(&ahead), wall_clock());
        let clock: adjutant_server::gate::Clock = Arc::new(move || wall().plus(Span(moved.load(Ordering::Relaxed))));
        let mut gate = Gate::open(Arc::new(Ledgered(service.clone())), clock)?;
        for source in SIGNED {
            gate = gate.with_signer(source, key(source)?);
        }
        let (gate, limits) = (Arc::new(gate), adjutant_server::intake::body::Limits::default());
        let (heard, events, notices) = (Arc::default(), Arc::default(), Arc::default());
        let app = App {
            service: service.clone(),
            gate: Arc::clone(&gate),
            limits,
            heard,
            events,
            hand: None,
            slack: None,
            hand_health: Arc::default(),
            letters: Arc::default(),
            notices,
        };
        let named = |endpoint: &Endpoint| (endpoint.verb.name().to_uppercase(), endpoint.path.to_owned(), endpoint.access);
        let list = routes::table(&app).list().iter().map(named).collect();
        Ok(Self { gate, doors: routes::doors(app), list, service, ahead, _dir: dir })
    }

    pub fn end(&self) {
        self.service.stop();
    }

    /// Moves the gate's clock on.
    pub fn pass(&self, span: Span) {
        self.ahead.fetch_add(span.0, Ordering::Relaxed);
    }

    /// A new token of a tool.
    pub async fn token(&self, role: Role, source: Option<&str>, scopes: Option<Vec<Permission>>) -> Result<(String, String)> {
        let new =
            NewToken { name: "probe".into(), role, scopes, source: source.map(str::to_owned), expires: self.gate.expiry(30) };
        let (id, secret) = self.gate.make_token("harness", new).await?;
        Ok((id, secret.reveal().to_owned()))
    }

    /// A user who is made and logs in.
    pub async fn person(&self, name: &str, role: Role) -> Result<String> {
        self.gate.make_user("harness", name, vec![role], Some(Secret::new(PASSWORD.into()))).await?;
        self.log_in(name).await
    }

    pub async fn log_in(&self, name: &str) -> Result<String> {
        let begun = self.gate.log_in(name, Secret::new(PASSWORD.into()), ADDRESS).await;
        Ok(begun.map_err(|problem| anyhow::anyhow!("{name} cannot log in: {problem:?}"))?.token.reveal().to_owned())
    }

    /// Status and body; status 0 when no answer came in time.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Result<(u16, Bytes)> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body: Bytes = body.into();
        let mut request = request.body(Body::from(body)).with_context(|| format!("{method} {path}"))?;
        request.extensions_mut().insert(adjutant_server::gate::Peer(SocketAddr::from((ADDRESS, 4711))));
        let Ok(answer) = tokio::time::timeout(PATIENCE, self.doors.answer(request)).await else {
            return Ok((0, Bytes::from_static(b"no answer in time")));
        };
        let status = answer.status().as_u16();
        if answer.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
            return Ok((status, Bytes::new())); // It never ends.
        }
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// The same with a token.
    pub async fn ask_as(&self, token: &str, method: &str, path: &str, body: impl Into<Bytes>) -> Result<(u16, Bytes)> {
        self.ask(method, path, &[("authorization", &format!("Bearer {token}")), ("content-type", "application/json")], body).await
    }
}
