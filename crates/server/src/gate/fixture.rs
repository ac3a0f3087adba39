//! A gate for tests: documents in memory, a clock that stands still.

use super::{Caller, Gate, NewToken, Role};
use crate::accounts::{Commit, Document, Documents, DocumentsError, Pending};
use crate::problem::Problem;
use crate::secret::Secret;
use adjutant_model::{Duration, Time};
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use http_body_util::BodyExt as _;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

/// Documents and entries in memory; fails when told to.
#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) documents: Mutex<BTreeMap<(&'static str, String), String>>,
    pub(crate) entries: Mutex<Vec<(String, String)>>,
    pub(crate) broken: AtomicBool,
}

impl Documents for Shelf {
    fn all(&self, kind: &str) -> Result<Vec<(String, String)>, DocumentsError> {
        let documents = self.documents.lock().unwrap();
        Ok(documents.iter().filter(|((of, _), _)| *of == kind).map(|((_, id), body)| (id.clone(), body.clone())).collect())
    }

    fn commit(&self, commit: Commit) -> Pending<'_, Result<(), DocumentsError>> {
        Box::pin(async move {
            if self.broken.load(Ordering::Relaxed) {
                return Err(DocumentsError("no space left".into()));
            }
            self.entries.lock().unwrap().push((commit.by, commit.entry));
            let mut documents = self.documents.lock().unwrap();
            for Document { kind, id, body } in commit.documents {
                match body {
                    Some(body) => documents.insert((kind, id), body),
                    None => documents.remove(&(kind, id)),
                };
            }
            Ok(())
        })
    }
}

/// A gate, what it keeps, and its clock.
pub(crate) struct World {
    pub(crate) gate: Arc<Gate>,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) now: Arc<AtomicI64>,
}

pub(crate) const PASSWORD: &str = "a sentence nobody guesses";

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|gate| gate)
    }

    pub(crate) fn with(build: impl FnOnce(Gate) -> Gate) -> Self {
        let (shelf, now) = (Arc::new(Shelf::default()), Arc::new(AtomicI64::new(Time::from_secs(1_790_000_000).0)));
        let gate = Self::open(&shelf, &now);
        Self { gate: Arc::new(build(gate)), shelf, now }
    }

    fn open(shelf: &Arc<Shelf>, now: &Arc<AtomicI64>) -> Gate {
        let now = Arc::clone(now);
        Gate::open(Arc::clone(shelf) as Arc<dyn Documents>, Arc::new(move || Time(now.load(Ordering::Relaxed)))).unwrap()
    }

    /// The same documents read again, as after a restart.
    pub(crate) fn restarted(&self) -> Arc<Gate> {
        Arc::new(Self::open(&self.shelf, &self.now))
    }

    pub(crate) fn pass(&self, span: Duration) {
        self.now.fetch_add(span.0, Ordering::Relaxed);
    }

    pub(crate) async fn token(&self, role: Role) -> (String, Secret) {
        self.token_for(role, None).await
    }

    pub(crate) async fn token_for(&self, role: Role, source: Option<&str>) -> (String, Secret) {
        let new = NewToken {
            name: format!("a-{}", role.name()),
            role,
            scopes: None,
            source: source.map(str::to_owned),
            expires: self.gate.expiry(30),
        };
        self.gate.make_token("test", new).await.unwrap()
    }

    pub(crate) fn caller(&self, token: &Secret) -> Result<Caller, Problem> {
        self.gate.authenticate(&bearer(token))
    }
}

pub(crate) fn bearer(token: &Secret) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.reveal())).unwrap();
    HeaderMap::from_iter([(header::AUTHORIZATION, value)])
}

/// A request as a client sends it.
pub(crate) fn request(method: &str, path: &str, token: Option<&Secret>, body: Option<serde_json::Value>) -> Request {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {}", token.reveal()));
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap()
}

/// The body of an answer as JSON; null when it is none.
pub(crate) async fn json(response: Response) -> serde_json::Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap_or_default()
}
