//! A connector in whose calls the hand's process can end.

use super::fault::Crash;
use adjutant_hand::connector::{CallError, Connector, Found, Offer, Permit};
use adjutant_model::EntityKind;
use adjutant_model::act::{Action, State};
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Unwinds a thread of the hand: it writes nothing more, as if its process had ended there.
struct Ended;

/// Lets planned ends be silent.
pub fn quiet() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<Ended>().is_none() {
            usual(info);
        }
    }));
}

/// The connector.
#[derive(Clone)]
pub struct Watched {
    inner: Arc<dyn Connector>,
    crash: Arc<Mutex<Option<Crash>>>,
    looks: Arc<AtomicU32>,
    ended: Arc<AtomicBool>,
}

impl Watched {
    /// Over another.
    pub fn over(inner: Arc<dyn Connector>) -> Self {
        Self { inner, crash: Arc::default(), looks: Arc::default(), ended: Arc::default() }
    }

    /// Where the process ends next.
    pub fn end_at(&self, crash: Option<Crash>) {
        self.looks.store(0, Ordering::SeqCst);
        *self.crash.lock().unwrap_or_else(PoisonError::into_inner) = crash;
    }

    /// Whether it ended since this was last asked.
    pub fn has_ended(&self) -> bool {
        self.ended.swap(false, Ordering::SeqCst)
    }

    fn may_end(&self, here: Crash) {
        let planned = self.crash.lock().unwrap_or_else(PoisonError::into_inner).take_if(|crash| *crash == here);
        if planned.is_some() {
            self.ended.store(true, Ordering::SeqCst);
            panic::panic_any(Ended);
        }
    }

    fn looked(&self) {
        self.may_end(Crash::Look(self.looks.fetch_add(1, Ordering::SeqCst)));
    }
}

impl Connector for Watched {
    fn verbs(&self) -> &[Offer] {
        self.inner.verbs()
    }

    fn texts(&self, verb: &str) -> &[&'static str] {
        self.inner.texts(verb)
    }

    fn lookup(&self, kind: EntityKind, name: &str) -> Result<Vec<Found>, CallError> {
        self.looked();
        self.inner.lookup(kind, name)
    }

    fn probe(&self, action: &Action) -> Result<State, CallError> {
        self.looked();
        self.inner.probe(action)
    }

    fn is_done(&self, action: &Action, state: &State) -> bool {
        self.inner.is_done(action, state)
    }

    fn act(&self, action: &Action, before: &State, permit: Permit, key: &str) -> Result<(), CallError> {
        self.may_end(Crash::BeforeAct);
        let answer = self.inner.act(action, before, permit, key);
        self.may_end(Crash::AfterAct);
        answer
    }

    fn undo(&self, action: &Action, before: &State, permit: Permit, key: &str) -> Result<(), CallError> {
        self.may_end(Crash::BeforeUndo);
        let answer = self.inner.undo(action, before, permit, key);
        self.may_end(Crash::AfterUndo);
        answer
    }

    fn health(&self) -> Result<String, CallError> {
        self.inner.health()
    }
}
