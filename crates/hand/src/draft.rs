//! A plan from what the brain would like: every target resolved, every step ruled on.

use crate::connector::{CallError, Connector, Found, Offer};
use crate::hand::{Hand, Refused};
use crate::statement;
use adjutant_engine::guard::{Asked, By, Spent, Subject};
use adjutant_model::act::{Action, Answer, Clause, Need, OnFailure, Plan, Planned, Ruling, TEXT_BYTES_MAX, Target};
use adjutant_model::{Autonomy, Digest, Duration, EntityKind, Stage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Steps of a plan.
pub const STEPS_MAX: usize = 20;

/// Things that one step of a draft may be done to, where its verb is done to each.
pub const EACH_MAX: usize = 50;

/// Characters of a name that is looked up.
pub const NAME_CHARS_MAX: usize = 320;

/// What the brain would like to be done. Names only: it is the hand that says who they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The case.
    pub case: String,
    /// Who asked for it; empty when the machine did.
    #[serde(default)]
    pub by: String,
    /// The decision that it follows from.
    pub decision: String,
    /// Digest of the decision's record.
    pub evidence: Digest,
    /// Digest of the book.
    pub book: Digest,
    /// The playbook.
    pub playbook: String,
    /// The least of how far the playbook may go with each of the verbs, as the brain sees it.
    pub autonomy: Autonomy,
    /// What would be done, in order.
    pub steps: Vec<Wish>,
    /// Whose approval an exception of the playbook asks for besides, as a role such as `owner:finance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_for: Option<String>,
    /// What somebody said that it follows from beside the decision, as the service has it. Nothing is looked up by it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// What happens when a step fails.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// One step of a draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// The verb.
    pub verb: String,
    /// What kind of thing it is done to.
    pub kind: EntityKind,
    /// Its name, as our own context has it.
    pub name: String,
    /// What else the verb needs, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
    /// What people may be told, by name. What the verb does not tell is left out of the plan.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, String>,
    /// What takes it back, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// It is taken back by itself after so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Duration>,
}

/// How the guard's clauses about limits begin.
const LIMIT: &str = "limit";

/// What became of something that was to be done without asking anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alone {
    /// It is being done, by the plan of this digest.
    Begun(Digest),
    /// A limit is reached: later it may be done.
    Later,
    /// People would have to be asked, or it may not be done, and why.
    Never(String),
}

/// On whose behalf something is done.
pub(crate) struct Whose<'a> {
    /// The playbook.
    pub(crate) playbook: &'a str,
    /// How far it may go by itself, as the brain sees it.
    pub(crate) autonomy: Autonomy,
    /// Who asked for it.
    pub(crate) by: &'a str,
    /// The role of somebody who must approve besides.
    pub(crate) held_for: Option<&'a str>,
}

impl Draft {
    fn whose(&self) -> Whose<'_> {
        Whose { playbook: &self.playbook, autonomy: self.autonomy, by: &self.by, held_for: self.held_for.as_deref() }
    }
}

impl Hand {
    /// Makes a plan of what is wished, and keeps it.
    ///
    /// # Errors
    /// There is nothing to do, too much, or the store cannot be used.
    pub fn plan(&self, draft: Draft) -> Result<(Digest, Plan), Refused> {
        if draft.steps.is_empty() {
            return Err(Refused::Form("a plan has at least one step: nothing is to be done".into()));
        }
        if draft.steps.len() > STEPS_MAX {
            return Err(Refused::Form(format!("a plan has at most {STEPS_MAX} steps, not {}", draft.steps.len())));
        }
        if draft.because.len() > TEXT_BYTES_MAX {
            return Err(Refused::Form(format!("what a plan follows from is told in at most {TEXT_BYTES_MAX} bytes")));
        }
        if let Some(known) = self.proposed(&draft)? {
            return Ok(known);
        }
        let plan = self.drafted(draft)?;
        let digest = plan.digest();
        self.kept(&plan, &digest)?;
        Ok((digest, plan))
    }

    /// Does what is wished where that needs nobody. Otherwise nothing is made, and nobody is asked.
    ///
    /// # Errors
    /// The store cannot be used.
    pub fn alone(&self, draft: Draft) -> Result<Alone, Refused> {
        let plan = self.drafted(draft)?;
        if plan.answer() != Answer::Run {
            let clauses = || plan.steps.iter().flat_map(|step| &step.ruling.clauses);
            let held_up = clauses().any(|clause| clause.name.starts_with(LIMIT));
            let says = || clauses().map(|clause| clause.says.as_str()).collect::<Vec<_>>().join("; ");
            return Ok(if held_up { Alone::Later } else { Alone::Never(says()) });
        }
        let digest = plan.digest();
        self.kept(&plan, &digest)?;
        Ok(Alone::Begun(digest))
    }

    /// The plan of what is wished, which is not kept yet.
    fn drafted(&self, draft: Draft) -> Result<Plan, Refused> {
        let now = self.now();
        let autonomy = draft.autonomy;
        let mut steps = Vec::with_capacity(draft.steps.len());
        for wish in &draft.steps {
            match self.each(wish) {
                Ok(each) => steps.extend(each.iter().map(|one| self.planned_for(wish, one, &draft, self))),
                Err(clause) => steps.push(refusal(wish, "", clause)),
            }
        }
        Ok(Plan {
            case: draft.case,
            by: draft.by,
            decision: draft.decision,
            evidence: draft.evidence,
            book: draft.book,
            playbook: draft.playbook,
            autonomy,
            steps,
            held_for: draft.held_for,
            because: draft.because,
            on_failure: draft.on_failure,
            made: now,
            expires: now.plus(self.settings().plan_lives),
            nonce: statement::nonce().map_err(|error| Refused::Form(error.to_string()))?,
            epoch: self.epoch()?,
        })
    }

    /// The plan that the machine proposed for this case before, with the same steps: whatever became of it, people are asked
    /// once, however many alerts the case still gets. What nobody answered in time is proposed again.
    fn proposed(&self, draft: &Draft) -> Result<Option<(Digest, Plan)>, Refused> {
        if !draft.by.is_empty() {
            return Ok(None);
        }
        let mut wished: Vec<(&str, &str)> = draft.steps.iter().map(|wish| (wish.name.as_str(), wish.verb.as_str())).collect();
        wished.dedup();
        let epoch = self.epoch()?;
        for (digest, plan) in self.store().plans_of(&draft.case)? {
            let mut planned: Vec<(&str, &str)> =
                plan.steps.iter().map(|step| (step.wished.as_str(), step.action.verb.as_str())).collect();
            // One wish may be many steps.
            planned.dedup();
            let is_same = plan.by.is_empty() && plan.epoch == epoch && planned == wished;
            if is_same && self.store().actions(&digest)?.iter().any(|action| action.stage != Stage::Expired) {
                return Ok(Some((digest, plan)));
            }
        }
        Ok(None)
    }

    /// A wish whose verb is done to each of what its name means, as one wish for each.
    ///
    /// # Errors
    /// They are too many, or nobody can say which they are.
    pub(crate) fn each(&self, wish: &Wish) -> Result<Vec<Wish>, Clause> {
        let whole = || Ok(vec![wish.clone()]);
        let Ok((_, connector, _)) = self.offering(&wish.verb, wish.kind) else { return whole() };
        if !connector.is_for_each(&wish.verb) || !is_name(wish.name.trim()) {
            return whole();
        }
        let found = connector.lookup(wish.kind, wish.name.trim()).map_err(|error| unknown(wish.kind, &wish.name, &error))?;
        match found.len() {
            0 | 1 => whole(),
            2..=EACH_MAX => Ok(found.into_iter().map(|found| Wish { name: found.target.id, ..wish.clone() }).collect()),
            many => {
                let says = format!("{} is {many} of {}, and a plan does it to at most {EACH_MAX}", wish.name, wish.kind.name());
                Err(clause("target.too-many", says))
            }
        }
    }

    /// What becomes of `one` of a wish.
    pub(crate) fn planned_for(&self, wish: &Wish, one: &Wish, draft: &Draft, spent: &dyn Spent) -> Planned {
        Planned { wished: wish.name.clone(), ..self.planned(one, draft, spent) }
    }

    fn planned(&self, wish: &Wish, draft: &Draft, spent: &dyn Spent) -> Planned {
        let refused = |connector: &str, clause: Clause| refusal(wish, connector, clause);
        let (name, connector, offer) = match self.offering(&wish.verb, wish.kind) {
            Ok(offering) => offering,
            Err(clause) => return refused("", clause),
        };
        let resolved = resolve(connector, wish.kind, &wish.name)
            .and_then(|found| Ok((found, with(connector, offer, wish)?, texts(connector, wish)?)));
        let (found, with, texts) = match resolved {
            Ok(resolved) => resolved,
            Err(clause) => return refused(name, clause),
        };
        let action = Action { texts, ..action(wish, name, found.target.clone(), with) };
        let undo = offer.reversible.then(|| wish.undo.clone().unwrap_or_else(|| "restore the state before".into()));
        let ruling = self.says((&action, &found), &draft.whose(), spent);
        Planned { action, wished: wish.name.clone(), undo, ruling, ends_after: wish.lasts.filter(|_| offer.reversible) }
    }

    /// What the guard says now: of the playbook, and where that may not run by itself, of the person who asks for it, if any.
    pub(crate) fn says(&self, (action, found): (&Action, &Found), whose: &Whose<'_>, spent: &dyn Spent) -> Ruling {
        let rung = self.autonomy(whose.playbook, &action.verb, whose.autonomy);
        let asked = |by| Asked { action, subject: subject(found), by, undo: false, now: self.now() };
        let alone = self.rule(&asked(By::Playbook(whose.playbook, rung)), spent);
        let by_itself = alone.answer == Answer::Run || whose.by.is_empty();
        let ruling = if by_itself { alone } else { self.rule(&asked(By::Person(whose.by, &[])), spent) };
        held(ruling, whose.held_for)
    }

    /// The connector that offers `verb` for this kind of thing: exactly one, or the one that the settings name.
    pub(crate) fn offering(&self, verb: &str, kind: EntityKind) -> Result<(&str, &dyn Connector, &Offer), Clause> {
        let chosen = self.settings().verbs.get(verb);
        let mut offering = self.connectors().iter().filter(|(name, _)| chosen.is_none_or(|chosen| chosen == *name)).filter_map(
            |(name, connector)| {
                let offer = connector.verbs().iter().find(|offer| offer.verb == verb && offer.kind == kind)?;
                Some((name.as_str(), &**connector, offer))
            },
        );
        let none = || clause("connector.none", format!("no connector offers `{verb}` for a {}", kind.name()));
        let first = offering.next().ok_or_else(none)?;
        match offering.next() {
            Some(second) => {
                let says = format!("`{}` and `{}` both offer `{verb}`: say in the settings which does it", first.0, second.0);
                Err(clause("connector.ambiguous", says))
            }
            None => Ok(first),
        }
    }
}

fn action(wish: &Wish, connector: &str, target: Target, with: BTreeMap<String, String>) -> Action {
    Action { verb: wish.verb.clone(), target, connector: connector.to_owned(), with, texts: BTreeMap::new() }
}

/// A step that is not done.
pub(crate) fn refusal(wish: &Wish, connector: &str, clause: Clause) -> Planned {
    let nobody = Target { kind: wish.kind, id: String::new(), name: wish.name.clone() };
    Planned {
        action: action(wish, connector, nobody, BTreeMap::new()),
        wished: wish.name.clone(),
        undo: None,
        ruling: Ruling { answer: Answer::Refuse, clauses: vec![clause], approvals: Vec::new() },
        ends_after: None,
    }
}

pub(crate) fn subject(found: &Found) -> Subject<'_> {
    Subject { target: &found.target, aliases: &found.aliases, groups: found.groups.as_deref(), facts: &found.facts }
}

pub(crate) fn clause(name: &str, says: String) -> Clause {
    Clause { name: name.to_owned(), says }
}

/// The ruling, where somebody of a role must approve besides. Whoever asks can only add to what a guard wants.
fn held(ruling: Ruling, role: Option<&str>) -> Ruling {
    let Some(role) = role.filter(|_| ruling.answer != Answer::Refuse) else { return ruling };
    let (mut clauses, mut approvals) = (ruling.clauses, ruling.approvals);
    clauses.push(clause("held", format!("an exception of the playbook holds this for {role}")));
    if !approvals.iter().any(|need| need.role == role) {
        approvals.push(Need { people: 1, role: role.to_owned() });
    }
    Ruling { answer: Answer::Ask, clauses, approvals }
}

/// What else the verb needs, each resolved to its identifier.
fn with(connector: &dyn Connector, offer: &Offer, wish: &Wish) -> Result<BTreeMap<String, String>, Clause> {
    let needed = offer.with.iter().map(|(name, kind)| {
        let given = wish.with.get(*name).ok_or_else(|| clause("target.incomplete", format!("`{}` needs a {name}", wish.verb)))?;
        Ok(((*name).to_owned(), resolve(connector, *kind, given)?.target.id))
    });
    needed.collect()
}

/// What people are told.
fn texts(connector: &dyn Connector, wish: &Wish) -> Result<BTreeMap<String, String>, Clause> {
    let told = connector.texts(&wish.verb).iter().map(|name| {
        let given = wish.texts.get(*name).filter(|text| !text.is_empty());
        let given = given.ok_or_else(|| clause("target.incomplete", format!("`{}` needs a text `{name}`", wish.verb)))?;
        Ok(((*name).to_owned(), given.clone()))
    });
    told.collect()
}

/// Whether it can be looked up.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control)
}

/// The one thing that `name` means.
pub(crate) fn resolve(connector: &dyn Connector, kind: EntityKind, name: &str) -> Result<Found, Clause> {
    let name = name.trim();
    if !is_name(name) {
        return Err(clause("target.name", format!("the name of the {} is empty, too long or no text", kind.name())));
    }
    let mut found = connector.lookup(kind, name).map_err(|error| unknown(kind, name, &error))?;
    match (found.pop(), found.is_empty()) {
        (Some(found), true) if !found.target.id.is_empty() => Ok(found),
        (Some(_), false) => Err(clause("target.ambiguous", format!("more than one {} is called {name}", kind.name()))),
        _ => Err(clause("target.unresolved", format!("no {} is called {name}", kind.name()))),
    }
}

fn unknown(kind: EntityKind, name: &str, error: &CallError) -> Clause {
    clause("target.unknown", format!("who the {} {name} is could not be found out: {error}", kind.name()))
}
