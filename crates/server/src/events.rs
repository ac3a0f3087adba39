//! Tells who watches that something changed, as server-sent events that carry no content.
//!
//! A reader who hears `queue` asks for the queue, through the same gate as everybody. There is no queue per reader:
//! each looks at a few counters, so a slow reader costs nothing and misses nothing but numbers in between.

use crate::gate::{Caller, Endpoint, Gate, Permission, Routes};
use crate::limits::{CHANGES_PAUSE, HEARTBEAT, SUBSCRIBERS_MAX};
use crate::problem::{Kind, Problem};
use axum::body::Body;
use axum::extract::{FromRef, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// What can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The queue: a case came, went or moved.
    Queue,
    /// A case: a verdict, a comment, a new revision.
    Case,
    /// The health of a part of the service.
    Health,
}

impl Topic {
    const ALL: [Topic; 3] = [Topic::Queue, Topic::Case, Topic::Health];

    /// The name of its event.
    pub const fn name(self) -> &'static str {
        match self {
            Topic::Queue => "queue",
            Topic::Case => "case",
            Topic::Health => "health",
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Changes {
    /// How often each topic changed.
    changes: [u64; Topic::ALL.len()],
    closed: bool,
}

/// Where changes are told and heard.
pub struct Events {
    state: watch::Sender<Changes>,
    readers: Arc<Semaphore>,
}

impl Default for Events {
    fn default() -> Self {
        Self { state: watch::Sender::default(), readers: Arc::new(Semaphore::new(SUBSCRIBERS_MAX)) }
    }
}

impl Events {
    /// Tells that something changed. Never waits; costs next to nothing when nobody listens.
    pub fn tell(&self, topic: Topic) {
        self.state.send_modify(|state| {
            if let Some(count) = state.changes.get_mut(topic as usize) {
                *count = count.wrapping_add(1);
            }
        });
    }

    /// Ends every reader's stream: the service stops.
    pub fn close(&self) {
        self.state.send_modify(|state| state.closed = true);
    }

    /// How many listen.
    pub fn readers(&self) -> usize {
        SUBSCRIBERS_MAX.saturating_sub(self.readers.available_permits())
    }
}

/// One reader's stream.
struct Reader {
    state: watch::Receiver<Changes>,
    heard: [u64; Topic::ALL.len()],
    heartbeat: tokio::time::Interval,
    gate: Arc<Gate>,
    caller: Caller,
    greeted: bool,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// What to send next; none ends the stream.
    async fn next(&mut self) -> Option<String> {
        if !self.greeted {
            self.greeted = true;
            return Some("retry: 3000\n\n".to_owned());
        }
        loop {
            let beat = tokio::select! {
                biased;
                changed = self.state.changed() => {
                    changed.ok()?;
                    false
                }
                _ = self.heartbeat.tick() => true,
            };
            let state = *self.state.borrow_and_update();
            // A token that was revoked hears nothing more, not even that something changed.
            if state.closed || !self.gate.still_holds(&self.caller) {
                return None;
            }
            let mut text = String::new();
            for (topic, (heard, count)) in Topic::ALL.iter().zip(self.heard.iter_mut().zip(state.changes)) {
                if *heard != count {
                    *heard = count;
                    let _ = write!(text, "event: {}\ndata: {count}\n\n", topic.name());
                }
            }
            if !text.is_empty() {
                return Some(text);
            }
            if beat {
                return Some(":\n\n".to_owned());
            }
        }
    }
}

/// Adds the stream of changes.
#[must_use]
pub fn routes<S>(routes: Routes<S>) -> Routes<S>
where
    S: Clone + Send + Sync + 'static,
    Arc<Gate>: FromRef<S>,
    Arc<Events>: FromRef<S>,
{
    let endpoint = Endpoint::get("/v1/events", Permission::ReadCases).says("Tells that something changed.");
    routes.add(endpoint.answers_as("text/event-stream"), listen)
}

async fn listen(State(gate): State<Arc<Gate>>, State(events): State<Arc<Events>>, caller: Caller) -> Result<Response, Problem> {
    let Ok(place) = Arc::clone(&events.readers).try_acquire_owned() else {
        return Err(Problem::new(Kind::TooMany, "too many readers wait for changes").retry_after_s(30));
    };
    let state = events.state.subscribe();
    let heard = state.borrow().changes;
    let heartbeat = tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
    let reader = Reader { state, heard, heartbeat, gate, caller, greeted: false, _place: place };
    let stream = futures_util::stream::unfold((reader, false), async |(mut reader, told)| {
        if told {
            tokio::time::sleep(CHANGES_PAUSE).await;
        }
        let text = reader.next().await?;
        let told = text.starts_with("event");
        Some((Ok::<_, Infallible>(Bytes::from(text)), (reader, told)))
    });
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::fixture::{World, request};
    use crate::gate::{Doors, Role};
    use http_body_util::BodyExt as _;

    #[derive(Clone)]
    struct Parts(Arc<Gate>, Arc<Events>);

    impl FromRef<Parts> for Arc<Gate> {
        fn from_ref(parts: &Parts) -> Self {
            Arc::clone(&parts.0)
        }
    }

    impl FromRef<Parts> for Arc<Events> {
        fn from_ref(parts: &Parts) -> Self {
            Arc::clone(&parts.1)
        }
    }

    struct Site {
        world: World,
        events: Arc<Events>,
        doors: Doors,
    }

    impl Site {
        fn new() -> Self {
            let (world, events) = (World::new(), Arc::new(Events::default()));
            let parts = Parts(Arc::clone(&world.gate), Arc::clone(&events));
            let doors = routes(Routes::new(Arc::clone(&world.gate))).finish(parts);
            Self { world, events, doors }
        }

        async fn listen(&self, role: Role) -> (String, Response) {
            let (id, token) = self.world.token(role).await;
            (id, self.doors.answer(request("GET", "/v1/events", Some(&token), None)).await)
        }
    }

    async fn next(body: &mut Body) -> Option<String> {
        let frame = body.frame().await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_hears_that_something_changed_and_a_heartbeat() {
        let site = Site::new();
        site.events.tell(Topic::Case);
        let (_, response) = site.listen(Role::Analyst).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut body = response.into_body();
        assert_eq!(next(&mut body).await.unwrap(), "retry: 3000\n\n");
        assert_eq!(next(&mut body).await.unwrap(), ":\n\n", "what was before is no change");
        site.events.tell(Topic::Queue);
        assert_eq!(next(&mut body).await.unwrap(), "event: queue\ndata: 1\n\n");
        (0..1000).for_each(|_| site.events.tell(Topic::Queue));
        site.events.tell(Topic::Health);
        assert_eq!(next(&mut body).await.unwrap(), "event: queue\ndata: 1001\n\nevent: health\ndata: 1\n\n");
        site.events.close();
        assert_eq!(next(&mut body).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_revoked_token_hears_nothing_more() {
        let site = Site::new();
        let (id, response) = site.listen(Role::Analyst).await;
        let mut body = response.into_body();
        assert!(next(&mut body).await.is_some());
        site.world.gate.revoke_token("test", &id).await.unwrap();
        site.events.tell(Topic::Queue);
        assert_eq!(next(&mut body).await, None);
    }

    #[tokio::test]
    async fn the_stream_is_behind_the_gate() {
        let site = Site::new();
        assert_eq!(site.listen(Role::Source).await.1.status(), 403);
        assert_eq!(site.doors.answer(request("GET", "/v1/events", None, None)).await.status(), 401);
        assert_eq!(site.events.readers(), 0);
    }

    #[tokio::test]
    async fn readers_are_bounded_and_who_goes_makes_room() {
        let site = Site::new();
        let (_, token) = site.world.token(Role::Lead).await;
        let listen = async || site.doors.answer(request("GET", "/v1/events", Some(&token), None)).await;
        let mut open = Vec::new();
        for _ in 0..SUBSCRIBERS_MAX {
            open.push(listen().await);
        }
        assert_eq!((listen().await.status().as_u16(), site.events.readers()), (429, SUBSCRIBERS_MAX));
        open.pop();
        assert_eq!(listen().await.status(), 200);
    }
}
