//! Sends traces to a collector: OTLP over HTTP by the one HTTP client that there is.

use super::teller;
use adjutant_server::config::Config;
use async_trait::async_trait;
use opentelemetry::global;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use std::sync::atomic::{AtomicBool, Ordering};

/// What sends traces until it is dropped.
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send traces where the configuration says so.
    pub(super) fn start(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(url) = &config.traces.url else { return Ok(None) };
        let client = Client { agent: teller::agent(), failing: AtomicBool::new(false) };
        let exporter = SpanExporter::builder().with_http().with_http_client(client).with_endpoint(url).build()?;
        let share = Sampler::TraceIdRatioBased(config.traces.sampled_percent.clamp(0.0, 100.0) / 100.0);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(share)))
            .with_resource(Resource::builder_empty().with_service_name("adjutant").build())
            .build();
        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_tracer_provider(provider.clone());
        Ok(Some(Self(provider)))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // What a collector does not take now is lost: traces are no record.
        let _ = self.0.shutdown();
    }
}

/// Blocks, as it may on the exporter's own thread.
#[derive(Debug)]
struct Client {
    agent: ureq::Agent,
    /// The last call failed; said once.
    failing: AtomicBool,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request);
        let failed = sent.is_err();
        if let Err(error) = &sent
            && !self.failing.swap(true, Ordering::Relaxed)
        {
            eprintln!("adjutant: traces cannot be sent: {error}");
        }
        self.failing.store(failed, Ordering::Relaxed);
        sent
    }
}

impl Client {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let mut post = self.agent.post(parts.uri);
        for (name, value) in &parts.headers {
            post = post.header(name, value);
        }
        let mut answer = post.send(&body[..])?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("the collector answered {status}").into());
        }
        let body = answer.body_mut().read_to_vec()?;
        Ok(Response::builder().status(status).body(body.into())?)
    }
}
