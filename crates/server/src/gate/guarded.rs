//! A handler behind the gate.

use super::{Access, Caller, Endpoint, Gate};
use crate::etag;
use crate::problem::{Kind, Problem};
use crate::traces::Route;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::Either;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;

/// Asks the gate, then runs the handler. For a caller who may send, neither allocates.
#[derive(Clone)]
pub(super) struct Guarded<H> {
    pub(super) handler: H,
    pub(super) gate: Arc<Gate>,
    pub(super) endpoint: Endpoint,
}

type Refused = Ready<Response>;
type Later = Pin<Box<dyn Future<Output = Response> + Send>>;

impl<H, T, S> Handler<T, S> for Guarded<H>
where
    H: Handler<T, S>,
    T: 'static,
    S: Send + Sync + 'static,
{
    type Future = Either<H::Future, Either<Refused, Later>>;

    fn call(self, mut request: Request, state: S) -> Self::Future {
        DefaultBodyLimit::max(self.endpoint.body_bytes_max).apply(&mut request);
        Route::note(&request, self.endpoint.path);
        let caller = match self.endpoint.access {
            Access::Open => None,
            Access::Needs(permission) => Some(self.gate.allow(request.headers(), permission)),
            Access::Signed => return Either::Right(Either::Right(Box::pin(self.call_signed(request, state)))),
        };
        match caller {
            Some(Err(problem)) => return Either::Right(Either::Left(ready(problem.into_response()))),
            Some(Ok(caller)) => {
                request.extensions_mut().insert(caller);
            }
            None => {}
        }
        if self.endpoint.is_tagged() {
            let headers = request.headers().clone();
            let answer = self.handler.call(request, state);
            return Either::Right(Either::Right(Box::pin(async move { etag::tagged(&headers, answer.await).await })));
        }
        Either::Left(self.handler.call(request, state))
    }
}

impl<H> Guarded<H> {
    /// A signature is over the whole body, so that comes first, bounded.
    async fn call_signed<T, S>(self, request: Request, state: S) -> Response
    where
        H: Handler<T, S>,
    {
        let (parts, body) = request.into_parts();
        // Who is not even known makes nobody read a body.
        let source = parts.uri.path().rsplit('/').next().unwrap_or("");
        if !self.gate.signers.contains_key(source) {
            return self.gate.unauthenticated().into_response();
        }
        let Ok(body) = to_bytes(body, self.endpoint.body_bytes_max).await else {
            return Problem::new(Kind::TooLarge, format!("a body has at most {} bytes", self.endpoint.body_bytes_max))
                .into_response();
        };
        let caller: Result<Caller, Problem> = self.gate.verify(source, &parts.headers, &body);
        match caller {
            Err(problem) => problem.into_response(),
            Ok(caller) => {
                let mut request = Request::from_parts(parts, Body::from(body));
                request.extensions_mut().insert(caller);
                DefaultBodyLimit::max(self.endpoint.body_bytes_max).apply(&mut request);
                self.handler.call(request, state).await
            }
        }
    }
}
