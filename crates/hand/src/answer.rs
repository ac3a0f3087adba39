//! What the hand answers to each request.

use crate::connector::Found;
use crate::draft::{NAME_CHARS_MAX, resolve, subject};
use crate::hand::{Hand, Refused, missing};
use crate::protocol::{ConnectorHealth, Health, Identity, JOURNAL_LINES_MAX, Known, OfferShown, Reply, Request, Shown};
use crate::store::{Kept, StoreError};
use adjutant_engine::guard::{Asked, By};
use adjutant_model::act::{Action, Answer, Ruling, Target};
use adjutant_model::{Digest, Duration, EntityKind, Time};
use std::collections::BTreeMap;

/// What is known for longer is asked for again.
const AGE_SECONDS_MAX: u32 = 86_400;

impl Hand {
    /// Answers one request. Whatever is answered is durable.
    pub fn answer(&self, request: Request) -> Reply {
        let answered = self.answered(request).and_then(|reply| Ok(self.store().settle().map(|()| reply)?));
        answered.unwrap_or_else(|error| Reply::Refused {
            none: matches!(error, Refused::Store(StoreError::None(_))),
            why: error.to_string(),
        })
    }

    fn answered(&self, request: Request) -> Result<Reply, Refused> {
        match request {
            Request::Plan { draft } => self.plan(draft).and_then(|(digest, _)| self.shown(&digest)),
            Request::Simulate { draft } => Ok(Reply::Simulated { steps: self.simulated(&draft)? }),
            Request::Limits => Ok(Reply::Limits { limits: self.limits() }),
            Request::Show { plan } => self.shown(&self.named_plan(&plan)?),
            Request::Action { action } => Ok(Reply::Actions { actions: vec![self.named_action(&action)?] }),
            Request::Hear { note } => Ok(Reply::Heard { heard: self.hear(note.as_bytes())? }),
            Request::Withdraw { plan, by } => Ok(Reply::Heard { heard: self.withdrawn(&plan, &by)? }),
            Request::Effective { case, playbook, since } => {
                let wanted = |plan: &adjutant_model::Plan| {
                    (!case.is_empty() || !playbook.is_empty())
                        && (case.is_empty() || plan.case == case)
                        && (playbook.is_empty() || plan.playbook == playbook)
                };
                Ok(Reply::Actions { actions: self.store().effective(wanted, Time(since))? })
            }
            Request::Pause { by } => {
                let (pause, under_way) = self.pause(&by)?;
                Ok(Reply::Paused { pause, under_way })
            }
            Request::Journal { after } => {
                self.heard_of(after)?;
                Ok(Reply::Journal { lines: self.store().journal(after, JOURNAL_LINES_MAX)? })
            }
            Request::Check { verb, kind, name } => Ok(self.check(&verb, kind, &name)),
            Request::Facts { kind, name, age_seconds_max, connector } => {
                self.facts((kind, &name), age_seconds_max, connector.as_deref())
            }
            Request::Keys => Ok(Reply::Keys { keys: self.store().approvers()? }),
            Request::Health { connector } => self.health(connector.as_deref()),
        }
    }

    fn shown(&self, digest: &Digest) -> Result<Reply, Refused> {
        let plan = self.store().plan(digest)?;
        let approvers = self.counting("approve", &digest.to_string())?;
        let missing = missing(&plan.approvals(), &approvers);
        let approved = approvers.into_iter().map(|approver| approver.name).collect();
        let actions = self.store().actions(digest)?;
        Ok(Reply::Plan(Box::new(Shown { digest: *digest, plan, actions, approved, missing })))
    }

    fn named_plan(&self, prefix: &str) -> Result<Digest, Refused> {
        one(self.store().plans_named(digits(prefix)?)?, "plan", prefix)
    }

    fn named_action(&self, prefix: &str) -> Result<Kept, Refused> {
        one(self.store().actions_named(digits(prefix)?)?, "action", prefix)
    }

    /// What the guard would say now if a person asked for this.
    fn check(&self, verb: &str, kind: EntityKind, name: &str) -> Reply {
        let refused = |clause| Reply::Ruled {
            target: None,
            ruling: Ruling { answer: Answer::Refuse, clauses: vec![clause], approvals: Vec::new() },
        };
        let found = self.offering(verb, kind).and_then(|(by, connector, _)| Ok((by, resolve(connector, kind, name)?)));
        match found {
            Err(clause) => refused(clause),
            Ok((by, found)) => {
                let target: Target = found.target.clone();
                let action =
                    Action { verb: verb.into(), target, connector: by.into(), with: BTreeMap::new(), texts: BTreeMap::new() };
                let person = By::Person("whoever is logged in", &[]);
                let asked = Asked { action: &action, subject: subject(&found), by: person, undo: false, now: self.now() };
                Reply::Ruled { target: Some(found.target.clone()), ruling: self.rule(&asked, self) }
            }
        }
    }

    /// What each connector knows; one that does not answer is told beside the others.
    fn facts(&self, (kind, name): (EntityKind, &str), age_seconds_max: u32, only: Option<&str>) -> Result<Reply, Refused> {
        self.is_there(only)?;
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            return Err(Refused::Form("the name is empty, too long or no text".into()));
        }
        let age_max = Duration::from_secs(age_seconds_max.min(AGE_SECONDS_MAX).into());
        let of_one = |(connector, asked): (&String, &std::sync::Arc<dyn crate::connector::Connector>)| {
            let told = asked.recall(kind, name, age_max);
            let known = Known { connector: connector.clone(), ..Known::default() };
            match told {
                Ok((found, at)) => Known { at: Some(at), found: found.into_iter().map(identity).collect(), ..known },
                Err(error) => Known { unknown: error.to_string(), ..known },
            }
        };
        let asked = self.connectors().iter().filter(|(name, _)| only.is_none_or(|only| only == *name));
        Ok(Reply::Facts { known: asked.map(of_one).collect() })
    }

    /// Refuses a connector that there is not.
    fn is_there(&self, asked: Option<&str>) -> Result<(), Refused> {
        match asked.filter(|name| !self.connectors().contains_key(*name)) {
            Some(name) => Err(StoreError::None(format!("connector `{name}`")).into()),
            None => Ok(()),
        }
    }

    fn health(&self, asked: Option<&str>) -> Result<Reply, Refused> {
        self.is_there(asked)?;
        let of_one = |(name, connector): (&String, &std::sync::Arc<dyn crate::connector::Connector>)| {
            let offers = connector.verbs().iter().map(|offer| OfferShown {
                verb: offer.verb.to_owned(),
                kind: offer.kind,
                reversible: offer.reversible,
                per_minute: offer.per_minute,
            });
            let told = (asked == Some(name)).then(|| connector.health());
            let answers = matches!(told, Some(Ok(_)));
            let says = told.map(|told| told.unwrap_or_else(|error| error.to_string()));
            ConnectorHealth { name: name.clone(), verbs: offers.collect(), says, answers, condition: connector.condition() }
        };
        let connectors =
            self.connectors().iter().filter(|(name, _)| asked.is_none_or(|asked| asked == *name)).map(of_one).collect();
        let health = Health { epoch: self.epoch()?, pause: self.paused()?, journal: self.store().last_line()?, connectors };
        Ok(Reply::Health(Box::new(health)))
    }
}

fn identity(found: Found) -> Identity {
    let Found { target, aliases, groups, facts } = found;
    Identity { id: target.id, name: target.name, aliases, groups, facts }
}

fn digits(prefix: &str) -> Result<&str, Refused> {
    let fits = (4..=64).contains(&prefix.len()) && prefix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fits.then_some(prefix)
        .ok_or_else(|| Refused::Form("plans and actions are named by 4 to 64 of their first hexadecimal digits".into()))
}

fn one<T>(mut found: Vec<T>, what: &str, prefix: &str) -> Result<T, Refused> {
    match (found.pop(), found.is_empty()) {
        (Some(found), true) => Ok(found),
        (Some(_), false) => Err(Refused::Form(format!("more than one {what} begins with {prefix}: give more digits"))),
        _ => Err(StoreError::None(format!("{what} {prefix}")).into()),
    }
}
