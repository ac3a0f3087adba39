//! Whether the service lives and whether it can do its work, for whoever starts and balances it.
//!
//! Open to everybody, so it says no more than a few fixed words.

use crate::gate::{Endpoint, Open, Routes};
use crate::problem::{Kind, Problem};
use std::sync::Arc;

/// Says what keeps the service from its work, in fixed words; nothing when all is well.
pub type Faults = Arc<dyn Fn() -> Vec<&'static str> + Send + Sync>;

/// Adds `/healthz`, which answers as long as anything does, and `/readyz`, which asks `faults`.
#[must_use]
pub fn routes<S: Clone + Send + Sync + 'static>(routes: Routes<S>, faults: Faults) -> Routes<S> {
    let ready = async move || match faults().as_slice() {
        [] => Ok("ready\n"),
        faults => Err(Problem::new(Kind::Unavailable, faults.join("; ")).advise("see the service's log")),
    };
    routes
        .add(Endpoint::get("/healthz", Open).says("Says that the service lives.").answers_as("text/plain"), async || "alive\n")
        .add(Endpoint::get("/readyz", Open).says("Says whether the service can work.").answers_as("text/plain"), ready)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::fixture::{World, json, request};
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test]
    async fn a_service_that_cannot_work_lives_and_is_not_ready() {
        let broken = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&broken);
        let faults = move || if seen.load(Ordering::Relaxed) { vec!["the store cannot be written"] } else { Vec::new() };
        let doors = routes(Routes::<()>::new(World::new().gate), Arc::new(faults)).finish(());
        let ask = async |path: &str| doors.answer(request("GET", path, None, None)).await;
        assert_eq!(ask("/readyz").await.status(), 200);
        broken.store(true, Ordering::Relaxed);
        let response = ask("/readyz").await;
        assert_eq!(response.status(), 503);
        assert_eq!(json(response).await["detail"], "the store cannot be written");
        assert_eq!(ask("/healthz").await.status(), 200);
    }
}
