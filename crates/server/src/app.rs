//! The service as its doors see it: what routes get as their state, who keeps accounts, and where alerts go in.

use crate::accounts::{Commit, Documents, DocumentsError, Pending as Kept};
use crate::events::Events;
use crate::gate::Gate;
use crate::intake::body;
use crate::intake::{Answer, Fate, Fault, Incoming, Pending, Sink};
use crate::letters::Letters;
use adjutant_model::Time;
use adjutant_runtime::drive::{self, Command};
use adjutant_runtime::queue::Limits;
use adjutant_runtime::service::{self, Failed, Service, State};
use axum::extract::FromRef;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Records of a request beyond which it is read on a thread that may block.
const RECORDS_INLINE_MAX: usize = 64;

/// A request takes this part of the queue at a time: half.
const QUEUE_SHARE: usize = 2;

/// Sources whose last alert is remembered.
const SOURCES_MAX: usize = 1_000;

/// What the hand said of itself at a time; none when it did not answer.
pub type HandHealth = (Time, Option<adjutant_hand::protocol::Health>);

/// What routes get as their state; all clones are one.
#[derive(Clone)]
pub struct App {
    /// The service.
    pub service: Service,
    /// Who has access.
    pub gate: Arc<Gate>,
    /// What one request may hold.
    pub limits: body::Limits,
    /// What came in, by source.
    pub heard: Arc<Heard>,
    /// Who watches for changes.
    pub events: Arc<Events>,
    /// The process that acts; none where there is none.
    pub hand: Option<Arc<adjutant_hand::socket::Client>>,
    /// Letters to people.
    pub letters: Arc<Letters>,
    /// Clicks in a channel; none where they are not heard.
    pub slack: Option<Arc<crate::slack::Clicks>>,
    /// What the hand last said of itself, and when; nothing where it did not answer.
    pub hand_health: Arc<Mutex<Option<HandHealth>>>,
    /// What is worth a look, as the watchers last said.
    pub notices: Arc<Mutex<Vec<String>>>,
}

impl FromRef<App> for Arc<Gate> {
    fn from_ref(app: &App) -> Self {
        Arc::clone(&app.gate)
    }
}

impl FromRef<App> for Arc<Events> {
    fn from_ref(app: &App) -> Self {
        Arc::clone(&app.events)
    }
}

/// When each source was last heard.
#[derive(Default)]
pub struct Heard {
    /// Microseconds since 1970, by source.
    sources: Mutex<HashMap<String, i64>>,
    /// Pieces that could not be read as a record.
    pub faults: AtomicU64,
}

impl Heard {
    fn note(&self, source: &str, now: i64) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = sources.get_mut(source) {
            *last = now;
        } else if sources.len() < SOURCES_MAX {
            sources.insert(source.to_owned(), now);
        }
    }

    /// When each source was last heard, microseconds since 1970.
    pub fn sources(&self) -> Vec<(String, i64)> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<(String, i64)> = sources.iter().map(|(source, at)| (source.clone(), *at)).collect();
        all.sort();
        all
    }
}

impl App {
    /// Offers records and waits until each is durable or refused.
    ///
    /// What holds more than the queue has room for goes in part after part. Refused at once, the end of it would never get
    /// in: whoever repeats the whole fills the room with its beginning again.
    pub async fn offer(&self, source: Option<&str>, sender: &Arc<str>, records: Vec<Incoming>) -> Vec<service::Fate> {
        self.heard.note(source.unwrap_or("(unnamed)"), self.service.clock().now().0);
        if records.len() == 1 {
            return self.service.submit(source, sender, records).await;
        }
        let mut fates = Vec::with_capacity(records.len());
        for part in parts(records, self.service.limits()) {
            fates.append(&mut self.offer_part(source, sender, part).await);
        }
        fates
    }

    async fn offer_part(&self, source: Option<&str>, sender: &Arc<str>, records: Vec<Incoming>) -> Vec<service::Fate> {
        let count = records.len();
        if count <= RECORDS_INLINE_MAX {
            return self.service.submit(source, sender, records).await;
        }
        // Reading thousands of records takes long enough to hold up others on this thread.
        let (service, source, sender) = (self.service.clone(), source.map(str::to_owned), Arc::clone(sender));
        let offered = tokio::task::spawn_blocking(move || service.offer(source.as_deref(), &sender, records));
        match offered.await {
            Ok(basket) => basket.fates().await,
            Err(_) => vec![service::Fate::Unavailable { detail: "the request met a fault; others go on".into() }; count],
        }
    }
}

/// Cuts what one request holds into parts, each of which leaves room in the queue for what others send meanwhile.
fn parts(records: Vec<Incoming>, limits: Limits) -> Vec<Vec<Incoming>> {
    let (alerts_max, bytes_max) = ((limits.alerts_max / QUEUE_SHARE).max(1), limits.bytes_max / QUEUE_SHARE);
    let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for record in records {
        let is_full = part.len() >= alerts_max || bytes + record.bytes.len() > bytes_max;
        if is_full && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += record.bytes.len();
        part.push(record);
    }
    parts.push(part);
    parts
}

impl Sink for App {
    fn submit<'a>(&'a self, source: Option<&'a str>, sender: &'a str, records: Vec<Incoming>) -> Pending<'a, Vec<Fate>> {
        Box::pin(async move { self.offer(source, &sender.into(), records).await.into_iter().map(fate).collect() })
    }

    fn report<'a>(&'a self, _: Option<&'a str>, _: &'a str, faults: Vec<Fault>) -> Pending<'a, ()> {
        self.heard.faults.fetch_add(faults.len() as u64, Ordering::Relaxed);
        Box::pin(async {})
    }

    fn is_ready(&self) -> bool {
        self.service.state() == State::Running
    }
}

fn fate(fate: service::Fate) -> Fate {
    match fate {
        service::Fate::Decided(answer) => Fate::Decided(told(&answer)),
        service::Fate::Known(answer) => Fate::Known(told(&answer)),
        service::Fate::Failed { code, detail } => Fate::Failed { code, detail },
        service::Fate::Refused { retry_after_s } => Fate::Refused { retry_after_s },
        service::Fate::Unavailable { detail } => Fate::Unavailable { detail },
    }
}

fn told(answer: &drive::Answer) -> Answer {
    use crate::api::cases::hex;
    Answer {
        decision: hex(&answer.decision),
        alert: hex(&answer.alert.0[..16]),
        case: hex(&answer.case.0),
        revision: answer.revision,
        outcome: match answer.outcome {
            adjutant_model::Outcome::Close => "close",
            adjutant_model::Outcome::Escalate => "escalate",
            adjutant_model::Outcome::Respond => "respond",
        },
        score: answer.score,
        seq: answer.seq,
    }
}

/// Accounts are kept by the service: each change is one entry of the ledger with its documents.
pub struct Ledgered(pub Service);

impl Documents for Ledgered {
    fn all(&self, kind: &str) -> Result<Vec<(String, String)>, DocumentsError> {
        self.0.read(|reader| reader.documents(kind)).map_err(|error| DocumentsError(error.to_string()))
    }

    fn commit(&self, commit: Commit) -> Kept<'_, Result<(), DocumentsError>> {
        Box::pin(async move {
            let change = serde_json::from_str(&commit.entry).map_err(|error| DocumentsError(error.to_string()))?;
            let documents = commit.documents.into_iter().map(|document| (document.kind, document.id, document.body)).collect();
            let carried = self.0.command(&commit.by, Command::Account { change, documents }).await;
            carried.map(|_| ()).map_err(|failed: Failed| DocumentsError(failed.to_string()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lens(sizes: &[usize], alerts_max: usize, bytes_max: usize) -> Vec<usize> {
        let records = sizes.iter().map(|bytes| Incoming::new(vec![b'x'; *bytes].into(), 1)).collect();
        parts(records, Limits { alerts_max, bytes_max }).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_request_is_cut_into_parts_of_half_the_queue() {
        assert_eq!(lens(&[], 8, 100), [0]);
        assert_eq!(lens(&[1; 4], 8, 100), [4]);
        assert_eq!(lens(&[1; 9], 8, 100), [4, 4, 1]);
        assert_eq!(lens(&[1; 3], 1, 100), [1, 1, 1], "one at least");
        assert_eq!(lens(&[30, 30, 200, 1, 1], 8, 100), [1, 1, 1, 2], "by their bytes, too");
    }
}
