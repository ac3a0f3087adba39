//! What would happen if it were asked for now: a whole plan, and what is left of each limit. Reads, and changes nothing, not
//! even the store.

use crate::connector::CallError;
use crate::draft::{Draft, STEPS_MAX, refusal};
use crate::hand::{Hand, Refused};
use adjutant_engine::autonomy::Pause;
use adjutant_engine::guard::Spent;
use adjutant_model::act::{Answer, Planned, State};
use adjutant_model::{Duration, EntityKind, Time};
use adjutant_rules::guardrails::{Limits, targets_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What would become of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Foreseen {
    /// The step, as a plan would have it. Its ruling counts the steps before it as done.
    pub step: Planned,
    /// What it may change, as it is now; none when it would not be touched or cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<State>,
    /// What would happen, in words.
    pub says: String,
}

/// How much of a limit is spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Used {
    /// The verb; none for all verbs together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// The window, which ends now.
    pub window: Duration,
    /// Targets that were begun in it.
    pub done: u64,
    /// At most so many may be.
    pub targets: u64,
    /// At most so many as a share of all such things; none where no share counts, or nobody said how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_targets: Option<u64>,
}

/// The hand's counts, as if some verbs had been done besides.
struct Ahead<'h> {
    hand: &'h Hand,
    verbs: Vec<String>,
}

impl Spent for Ahead<'_> {
    fn count(&self, verb: Option<&str>, since: Time) -> u64 {
        let besides = self.verbs.iter().filter(|done| verb.is_none_or(|verb| verb == **done)).count();
        self.hand.count(verb, since).saturating_add(besides as u64)
    }

    fn population(&self, kind: EntityKind) -> Option<u64> {
        self.hand.population(kind)
    }

    fn pause(&self, playbook: &str) -> Pause {
        Spent::pause(self.hand, playbook)
    }
}

impl Hand {
    /// Goes through a plan without making it: who each target is, how it is now, and what the guard would say in turn.
    ///
    /// # Errors
    /// There is nothing to do, or too much.
    pub fn simulated(&self, draft: &Draft) -> Result<Vec<Foreseen>, Refused> {
        if !(1..=STEPS_MAX).contains(&draft.steps.len()) {
            return Err(Refused::Form(format!("a plan has 1 to {STEPS_MAX} steps, not {}", draft.steps.len())));
        }
        let mut ahead = Ahead { hand: self, verbs: Vec::new() };
        let mut foreseen = Vec::with_capacity(draft.steps.len());
        for wish in &draft.steps {
            let each = match self.each(wish) {
                Ok(each) => each,
                Err(clause) => {
                    let step = refusal(wish, "", clause);
                    foreseen.push(Foreseen { step, before: None, says: "it would not be begun".into() });
                    continue;
                }
            };
            for one in &each {
                let step = self.planned_for(wish, one, draft, &ahead);
                let (before, says) = self.would(&step);
                if step.ruling.answer != Answer::Refuse {
                    ahead.verbs.push(step.action.verb.clone());
                }
                foreseen.push(Foreseen { step, before, says });
            }
        }
        Ok(foreseen)
    }

    fn would(&self, step: &Planned) -> (Option<State>, String) {
        if step.ruling.answer == Answer::Refuse {
            return (None, "it would not be begun".into());
        }
        let gone = || CallError::Permanent("its connector is gone".into());
        let seen = self.connectors().get(&step.action.connector).ok_or_else(gone).and_then(|connector| {
            let state = connector.probe(&step.action)?;
            Ok((connector.is_done(&step.action, &state), state))
        });
        match seen {
            Ok((true, state)) => (Some(state), "it is so already: nothing would be called".into()),
            Ok((false, state)) => (Some(state), "it would be called once, and read back".into()),
            Err(error) => (None, format!("it would fail before the call: {error}")),
        }
    }

    /// How much of each limit is spent: of each verb that a connector offers, and of all together.
    pub fn limits(&self) -> Vec<Used> {
        let limits = &self.settings().limits;
        let offers = self.connectors().values().flat_map(|connector| connector.verbs());
        let verbs: BTreeSet<(&str, EntityKind)> = offers.map(|offer| (offer.verb, offer.kind)).collect();
        let each = verbs.into_iter().map(|(verb, kind)| self.used(limits, verb, kind));
        std::iter::once(self.used_in_all(limits)).chain(each).collect()
    }

    fn used_in_all(&self, limits: &Limits) -> Used {
        let window = Duration::from_hours(1);
        Used { verb: None, window, done: self.spent_in(None, window), targets: limits.hour, share_targets: None }
    }

    fn used(&self, limits: &Limits, verb: &str, kind: EntityKind) -> Used {
        let limit = limits.of(verb);
        let share = limit.share_of(kind).zip(self.population(kind));
        Used {
            verb: Some(verb.to_owned()),
            window: limit.window,
            done: self.spent_in(Some(verb), limit.window),
            targets: limit.targets,
            share_targets: share.map(|(share, population)| targets_of(share, population)),
        }
    }

    fn spent_in(&self, verb: Option<&str>, window: Duration) -> u64 {
        self.count(verb, self.now().plus(Duration(window.0.saturating_neg())))
    }
}
