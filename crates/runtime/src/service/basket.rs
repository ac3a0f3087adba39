//! Where the answers to one request are collected: one place for each record, and one waker for all.

use super::{Ended, Failed, Fate};
use crate::drive::{Done, Reply};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// The answers to one request.
pub struct Basket {
    shared: Arc<Shared>,
    full: oneshot::Receiver<()>,
}

struct Shared {
    ended: Mutex<Vec<Option<Ended>>>,
    left: AtomicUsize,
    full: Mutex<Option<oneshot::Sender<()>>>,
}

/// Where one answer goes. A place that is dropped empty counts as answered: nobody waits for ever.
pub(super) struct Place {
    shared: Arc<Shared>,
    at: usize,
}

impl Basket {
    pub(super) fn new(len: usize) -> (Self, impl Iterator<Item = Place>) {
        let (sender, full) = oneshot::channel();
        let shared = Arc::new(Shared {
            ended: Mutex::new((0..len).map(|_| None).collect()),
            left: AtomicUsize::new(len),
            full: Mutex::new(Some(sender)),
        });
        if len == 0 {
            shared.fill();
        }
        let of = Arc::clone(&shared);
        let places = (0..len).map(move |at| Place { shared: Arc::clone(&of), at });
        (Self { shared, full }, places)
    }

    /// What became of each record, once it is known of all.
    pub async fn fates(self) -> Vec<Fate> {
        // That nobody is left who could answer is an answer, too: see `fate`.
        let _ = self.full.await;
        self.shared.take().into_iter().map(fate).collect()
    }

    /// The same on a thread that may block.
    pub fn fates_blocking(self) -> Vec<Fate> {
        let _ = self.full.blocking_recv();
        self.shared.take().into_iter().map(fate).collect()
    }

    pub(super) async fn ended(self) -> Result<Reply, Failed> {
        let _ = self.full.await;
        reply(self.shared.take().pop().flatten())
    }

    pub(super) fn ended_blocking(self) -> Result<Reply, Failed> {
        let _ = self.full.blocking_recv();
        reply(self.shared.take().pop().flatten())
    }
}

impl Shared {
    fn take(&self) -> Vec<Option<Ended>> {
        std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn fill(&self) {
        if let Some(full) = self.full.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Whoever asked may have gone; what was decided stands all the same.
            let _ = full.send(());
        }
    }
}

impl Place {
    pub(super) fn fill(self, ended: Ended) {
        if let Some(place) = self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner).get_mut(self.at) {
            *place = Some(ended);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.shared.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.fill();
        }
    }
}

const STOPPED: &str = "the service is stopping";

fn fate(ended: Option<Ended>) -> Fate {
    match ended {
        Some(Ended::Fate(fate)) => fate,
        Some(Ended::Done(Done::Decided(answer))) => Fate::Decided(answer),
        Some(Ended::Done(Done::Known(answer))) => Fate::Known(answer),
        Some(Ended::Unavailable(detail)) => Fate::Unavailable { detail },
        Some(Ended::Done(Done::Carried(_) | Done::Refused(_))) | None => Fate::Unavailable { detail: STOPPED.into() },
    }
}

fn reply(ended: Option<Ended>) -> Result<Reply, Failed> {
    match ended {
        Some(Ended::Done(Done::Carried(reply))) => Ok(reply),
        Some(Ended::Done(Done::Refused(refused))) => Err(Failed::Refused(refused)),
        Some(Ended::Unavailable(why)) => Err(Failed::Unavailable(why)),
        Some(Ended::Done(_) | Ended::Fate(_)) | None => Err(Failed::Unavailable(STOPPED.into())),
    }
}
