//! All routes together with what holds for each: the path is plain, the answer comes in time, a fault is an answer,
//! and no browser makes anything of it.

use crate::limits::REQUEST_WAIT;
use crate::problem::{Kind, Problem};
use crate::traces::Asked;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use tower::Service as _;

/// On every answer, unless its handler says otherwise. There is no CORS header: no other site reads us.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Browsers that came by TLS once come by nothing else for a year.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The finished table of routes. Cloning it costs a count.
#[derive(Clone)]
pub struct Doors {
    router: axum::Router,
    tls: bool,
    traced: bool,
}

impl Doors {
    pub(super) fn new(router: axum::Router) -> Self {
        Self { router, tls: false, traced: false }
    }

    /// The same doors behind TLS: browsers are told to stay there.
    #[must_use]
    pub fn behind_tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// The same doors, with a span for each request.
    #[must_use]
    pub fn traced(mut self, traced: bool) -> Self {
        self.traced = traced;
        self
    }

    /// Answers one request.
    pub async fn answer(&self, mut request: Request<Body>) -> Response {
        if !self.traced {
            return self.answer_untraced(request).await;
        }
        let asked = Asked::begin(&mut request);
        let answer = self.answer_untraced(request).await;
        asked.end(&answer);
        answer
    }

    async fn answer_untraced(&self, request: Request<Body>) -> Response {
        let answer = match plain_path(request.uri().path()) {
            Err(problem) => problem.into_response(),
            Ok(()) => {
                let answer = caught(self.router.clone().call(request));
                match tokio::time::timeout(REQUEST_WAIT, answer).await {
                    Ok(Some(Ok(response))) => as_problem(response),
                    Ok(None) => Problem::new(Kind::Internal, "the request met a fault; others go on").into_response(),
                    Err(_) => Problem::new(Kind::Timeout, "").retry_after_s(1).into_response(),
                }
            }
        };
        self.dress(answer)
    }

    fn dress(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        for (name, value) in &HEADERS {
            headers.entry(name).or_insert_with(|| value.clone());
        }
        if self.tls {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, ONLY_TLS);
        }
        response
    }
}

/// The future's result, or none when it panicked: that ends the request, not the connection or the service.
fn caught<F: Future>(future: F) -> impl Future<Output = Option<F::Output>> {
    let mut future: Pin<Box<F>> = Box::pin(future);
    std::future::poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
}

/// A path says one thing only: no dot segments, no doubled or encoded separators, no encoded controls.
fn plain_path(path: &str) -> Result<(), Problem> {
    let encoded = |code: &[u8]| match code {
        [b'2', b'f' | b'F' | b'e' | b'E'] | [b'5', b'c' | b'C'] | [b'7', b'f' | b'F'] | [b'0' | b'1', _] => false,
        [high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        _ => false,
    };
    let bytes = path.as_bytes();
    let codes_fit = !bytes.contains(&b'%')
        || bytes
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'%')
            .all(|(at, _)| encoded(bytes.get(at + 1..at + 3).unwrap_or(&[])));
    if codes_fit && !path.contains("//") && !path.contains("/.") && !path.contains('\\') {
        return Ok(());
    }
    Err(Problem::new(Kind::Malformed, "a path has no empty or dot segments and no encoded separators or controls"))
}

/// What axum itself refuses (no such path, no such method, a body that is too large) in our form.
fn as_problem(response: Response) -> Response {
    let status = response.status();
    let is_ours = |value: &HeaderValue| !value.as_bytes().starts_with(b"text/plain");
    if !(status.is_client_error() || status.is_server_error())
        || response.headers().get(header::CONTENT_TYPE).is_some_and(is_ours)
    {
        return response;
    }
    let mut problem = Problem::new(Kind::of_status(status), "").into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        problem.headers_mut().insert(header::ALLOW, allow.clone());
    }
    problem
}
