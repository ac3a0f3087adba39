//! The far side of the ports that touch the world: who is told, who answers, who acts. It fails, and it counts.

use crate::{Clock, Rng};
use adjutant_engine::context::{Said, Thing};
use adjutant_model::Time;
use adjutant_runtime::ports::{self, CallError, Change, Outgoing, Question};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

impl ports::Clock for Clock {
    fn now(&self) -> Time {
        Clock::now(self)
    }
}

/// What came to the far side.
#[derive(Debug, Default)]
struct Come {
    /// Messages, by their identifiers.
    messages: BTreeMap<i64, String>,
    /// What was done, by its key.
    acts: BTreeMap<String, String>,
    asked: u64,
    changes: u64,
    /// Something came twice under one name and was not the same.
    confused: Option<String>,
}

/// The far side.
#[derive(Debug)]
pub struct Far {
    rng: Mutex<Rng>,
    fails_percent: u64,
    come: Mutex<Come>,
}

impl Far {
    /// A far side where so many of a hundred calls fail.
    #[must_use]
    pub fn new(rng: Rng, fails_percent: u64) -> Self {
        Self { rng: Mutex::new(rng), fails_percent, come: Mutex::default() }
    }

    fn come(&self) -> MutexGuard<'_, Come> {
        self.come.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How this call goes: it is not done, or it is and nobody learns of it, or all is well.
    fn call(&self) -> (bool, Result<(), CallError>) {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        match (rng.percent(self.fails_percent), rng.percent(50)) {
            (false, _) => (true, Ok(())),
            (true, false) => (false, Err(CallError::Retry("the far side is away".into()))),
            (true, true) => (true, Err(CallError::Unclear("no answer came".into()))),
        }
    }

    /// The messages that came, by their identifiers.
    #[must_use]
    pub fn messages(&self) -> BTreeMap<i64, String> {
        self.come().messages.clone()
    }

    /// How often it was asked, how much it did, and how many changes it was told of.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, u64) {
        let come = self.come();
        (come.asked, come.acts.len() as u64, come.changes)
    }

    /// Two things under one name.
    #[must_use]
    pub fn confused(&self) -> Option<String> {
        self.come().confused.clone()
    }
}

impl ports::Bus for Far {
    fn changed(&self, _: Change) {
        self.come().changes += 1;
    }

    fn deliver(&self, message: &Outgoing) -> Result<(), CallError> {
        let (done, result) = self.call();
        if done {
            let mut come = self.come();
            let was = come.messages.insert(message.id, message.body.clone());
            if was.is_some_and(|was| was != message.body) {
                come.confused = Some(format!("message {} is another one than before", message.id));
            }
        }
        result
    }
}

impl ports::Lookup for Far {
    fn ask(&self, question: &Question) -> Result<Said, CallError> {
        self.come().asked += 1;
        self.call().1.map(|()| said(&question.name))
    }
}

impl ports::Responder for Far {
    fn act(&self, key: &str, action: &str) -> Result<(), CallError> {
        let (done, result) = self.call();
        if done {
            let mut come = self.come();
            let was = come.acts.insert(key.to_owned(), action.to_owned());
            if was.is_some_and(|was| was != action) {
                come.confused = Some(format!("action {key} is another one than before"));
            }
        }
        result
    }
}

/// What is known of a name: of some nothing, of some one thing, of some two.
fn said(name: &str) -> Said {
    let sum: usize = name.bytes().map(usize::from).sum();
    let groups = if sum.is_multiple_of(2) { vec!["admins".to_owned()] } else { Vec::new() };
    let facts = BTreeMap::from([("department".to_owned(), "Finance".to_owned())]);
    let thing = Thing { id: format!("id-{name}"), name: name.to_owned(), groups: Some(groups), facts, ..Thing::default() };
    Said { at: Time(0), found: vec![thing; sum % 3] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_model::EntityKind;
    use adjutant_runtime::ports::{Bus, Lookup, Responder};

    fn question() -> Question {
        let (contract, connector, name) = ("people".into(), "directory".into(), "ana".into());
        Question { contract, connector, of: EntityKind::User, name, age_seconds_max: 60 }
    }

    fn message(id: i64, body: &str) -> Outgoing {
        Outgoing { id, topic: "case".into(), body: body.into(), attempts: 0, due: Time(0) }
    }

    #[test]
    fn one_name_is_one_thing_however_often_it_comes() {
        let far = Far::new(Rng::new(1), 0);
        assert!(far.deliver(&message(1, "a")).is_ok() && far.deliver(&message(1, "a")).is_ok());
        assert!(far.act("k", "block").is_ok() && far.act("k", "block").is_ok() && far.ask(&question()).is_ok());
        assert_eq!((far.messages().len(), far.counts(), far.confused()), (1, (1, 1, 0), None));
        assert!(far.deliver(&message(1, "b")).is_ok());
        assert!(far.confused().is_some());
    }

    #[test]
    fn some_calls_fail_and_of_some_nobody_learns() {
        let far = Far::new(Rng::new(2), 50);
        let results: Vec<_> = (0..200).map(|id| far.deliver(&message(id, "x"))).collect();
        let of = |wanted: fn(&Result<(), CallError>) -> bool| results.iter().filter(|result| wanted(result)).count();
        let (retry, unclear) = (of(|r| matches!(r, Err(CallError::Retry(_)))), of(|r| matches!(r, Err(CallError::Unclear(_)))));
        assert!(retry > 20 && unclear > 20 && far.messages().len() == 200 - retry);
    }
}
