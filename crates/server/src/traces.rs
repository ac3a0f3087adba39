//! Traces of what the service does, for whoever collects them: a span for each request, named as OpenTelemetry names those of
//! HTTP servers. <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>
//!
//! Where they go is decided by whoever installs the provider; without one nothing is made. A span says which route was asked
//! and how that ended, and nothing of what was sent: no address, no token, no content.

use adjutant_model::Time;
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use opentelemetry::global::{self, BoxedSpan};
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _};
use opentelemetry::{Context, KeyValue};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

/// The name of what makes the spans.
const SCOPE: &str = "adjutant";

/// The route of a request, once it is known.
#[derive(Clone, Default)]
pub(crate) struct Route(Arc<OnceLock<&'static str>>);

impl Route {
    /// Notes the route of a request whose maker wants to know it.
    pub(crate) fn note<B>(request: &Request<B>, path: &'static str) {
        if let Some(Self(route)) = request.extensions().get() {
            // A request has one route; whoever noted it first was right.
            let _ = route.set(path);
        }
    }
}

/// A request on its way.
pub(crate) struct Asked {
    span: BoxedSpan,
    method: String,
    route: Route,
}

struct Headers<'h>(&'h HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

impl Asked {
    /// Begins the span of a request; it belongs to the trace that the caller names, if he does.
    pub(crate) fn begin<B>(request: &mut Request<B>) -> Self {
        let parent = global::get_text_map_propagator(|propagator| propagator.extract(&Headers(request.headers())));
        let tracer = global::tracer(SCOPE);
        let method = request.method().as_str().to_owned();
        let builder = tracer.span_builder(method.clone()).with_kind(SpanKind::Server);
        let span = tracer.build_with_context(builder, &parent);
        let route = Route::default();
        request.extensions_mut().insert(route.clone());
        Self { span, method, route }
    }

    /// Ends it with what was answered.
    pub(crate) fn end(mut self, response: &Response) {
        let status = response.status();
        if let Some(route) = self.route.0.get() {
            self.span.update_name(format!("{} {route}", self.method));
            self.span.set_attribute(KeyValue::new("http.route", *route));
        }
        self.span.set_attribute(KeyValue::new("http.request.method", self.method));
        self.span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if status.is_server_error() {
            self.span.set_status(Status::error(""));
        }
        self.span.end();
    }
}

/// A span of something that ended at `ended` and took so long.
pub fn took(name: &'static str, ended: Time, micros: u64, attributes: Vec<KeyValue>) {
    let tracer = global::tracer(SCOPE);
    let ended = SystemTime::UNIX_EPOCH + Duration::from_micros(ended.0.max(0).cast_unsigned());
    let began = ended.checked_sub(Duration::from_micros(micros)).unwrap_or(ended);
    let builder = tracer.span_builder(name).with_start_time(began).with_attributes(attributes);
    tracer.build_with_context(builder, &Context::new()).end_with_timestamp(ended);
}
