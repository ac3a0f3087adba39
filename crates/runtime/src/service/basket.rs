//! Where the answers to one request are collected: one place for each record, and one waker for all.

use super::{Ended, Failed, Fate};
use crate::drive::{Done, Reply};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Wake, Waker};
use std::thread::Thread;

/// The answers to one request.
pub struct Basket(Arc<Shared>);

struct Shared(Mutex<Answers>);

#[derive(Default)]
struct Answers {
    /// Most requests hold one record, and need no list.
    first: Option<Ended>,
    others: Vec<Option<Ended>>,
    len: usize,
    left: usize,
    waker: Option<Waker>,
}

/// Where one answer goes. A place that is dropped empty counts as answered: nobody waits for ever.
pub(super) struct Place {
    shared: Arc<Shared>,
    at: usize,
}

impl Basket {
    pub(super) fn new(len: usize) -> (Self, impl Iterator<Item = Place>) {
        let others = (1..len).map(|_| None).collect();
        let shared = Arc::new(Shared(Mutex::new(Answers { others, len, left: len, ..Answers::default() })));
        let of = Arc::clone(&shared);
        (Self(shared), (0..len).map(move |at| Place { shared: Arc::clone(&of), at }))
    }

    /// What became of each record, once it is known of all.
    pub async fn fates(self) -> Vec<Fate> {
        self.full().await;
        self.0.take().map(fate).collect()
    }

    /// The same on a thread that may block.
    pub fn fates_blocking(self) -> Vec<Fate> {
        self.wait();
        self.0.take().map(fate).collect()
    }

    pub(super) async fn ended(self) -> Result<Reply, Failed> {
        self.full().await;
        reply(self.0.take().next().flatten())
    }

    pub(super) fn ended_blocking(self) -> Result<Reply, Failed> {
        self.wait();
        reply(self.0.take().next().flatten())
    }

    fn full(&self) -> impl Future<Output = ()> {
        poll_fn(|context| self.0.full(context.waker()))
    }

    fn wait(&self) {
        let waker = Waker::from(Arc::new(Sleeper(std::thread::current())));
        while self.0.full(&waker).is_pending() {
            std::thread::park();
        }
    }
}

/// A thread that waits.
struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is nothing left to wait for; else `waker` is told when that is so.
    fn full(&self, waker: &Waker) -> Poll<()> {
        let mut answers = self.lock();
        if answers.left == 0 {
            return Poll::Ready(());
        }
        match &mut answers.waker {
            Some(other) => other.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        Poll::Pending
    }

    /// The answers in the order of the records; none where nobody is left who could answer.
    fn take(&self) -> impl Iterator<Item = Option<Ended>> + use<> {
        let mut answers = self.lock();
        let (first, others, len) = (answers.first.take(), std::mem::take(&mut answers.others), answers.len);
        std::iter::once(first).chain(others).take(len)
    }
}

impl Place {
    pub(super) fn fill(self, ended: Ended) {
        let mut answers = self.shared.lock();
        let place = match self.at.checked_sub(1) {
            None => Some(&mut answers.first),
            Some(at) => answers.others.get_mut(at),
        };
        if let Some(place) = place {
            *place = Some(ended);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut answers = self.shared.lock();
        answers.left -= 1;
        let waker = if answers.left == 0 { answers.waker.take() } else { None };
        drop(answers);
        // Whoever asked may have gone; what was decided stands all the same.
        waker.into_iter().for_each(Waker::wake);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable(why: &str) -> Ended {
        Ended::Unavailable(why.into())
    }

    fn told(fates: Vec<Fate>) -> Vec<String> {
        let text = |fate| match fate {
            Fate::Unavailable { detail } => detail,
            other => format!("{other:?}"),
        };
        fates.into_iter().map(text).collect()
    }

    #[test]
    fn answers_stand_in_the_order_of_the_records() {
        let (basket, places) = Basket::new(3);
        let places: Vec<Place> = places.collect();
        let answering = std::thread::spawn(move || {
            for (place, why) in places.into_iter().zip(["a", "b", "c"]).rev() {
                place.fill(unavailable(why));
            }
        });
        assert_eq!(told(basket.fates_blocking()), ["a", "b", "c"]);
        answering.join().unwrap();
    }

    #[test]
    fn nobody_waits_for_what_nobody_answers() {
        let (basket, places) = Basket::new(2);
        places.zip([true, false]).for_each(|(place, answers)| {
            if answers {
                place.fill(unavailable("a"))
            }
        });
        assert_eq!(told(basket.fates_blocking()), ["a", STOPPED]);
        assert!(Basket::new(0).0.fates_blocking().is_empty());
    }
}
