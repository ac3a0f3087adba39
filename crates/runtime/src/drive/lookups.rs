//! Facts that no table has: who is asked what, how much, and what becomes of the answer.
//!
//! A decision never waits. One that goes to a person with facts unknown that a contract of the book has a connector for leaves
//! a question behind, in the transaction that writes the decision. When the answer comes it is noted, kept for as long as the
//! contract says, and what the case's latest alert came to is decided again with it.
//!
//! INVARIANT: what is asked is bounded by the contract, however many alerts come and whatever they say: a number of questions in
//! an hour, asking again included, and a number that waits. Nobody is asked twice about one name while an answer counts.

use super::alert::Judged;
use super::{Driver, Reply, kind};
use crate::archive::{Entry, Keep};
use crate::event::{self, Head, Kind, LookedUp, What, flag};
use crate::policy::{Policy, Prepared, Reading};
use crate::ports::{Kept, Known, Question, Read, StoreError};
use crate::view::raw_at;
use adjutant_engine::autonomy;
use adjutant_engine::context::{self, Answers, Said, Touched, asked_name};
use adjutant_engine::desk::Scratch;
use adjutant_engine::step::{Effect, Event, Input, Step, step};
use adjutant_model::{Alert, CaseId, Duration, Row, Time, Why};
use adjutant_rules::contract::{Contract, Lookup};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Cases that wait for one answer; of more, the facts stay unknown.
const CASES_MAX: usize = 64;

/// Who does not answer is asked again after so long, then twice as long each time, up to so long.
const AGAIN: Duration = Duration::from_secs(5);
const AGAIN_MAX: Duration = Duration::from_secs(600);

/// After so many tries, a day and more, nobody waits for an answer any more.
const TRIES_MAX: u32 = 150;

/// Budgets are of an hour.
const HOUR: Duration = Duration::from_hours(1);

/// A question that waits for its answer, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// What is asked.
    pub question: Question,
    /// When it is to be asked, or asked again.
    pub due: Time,
    /// How often nobody answered.
    pub tries: u32,
    /// The cases that wait.
    cases: Vec<Waits>,
}

/// A case that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Waits {
    case: String,
    /// The entry with the decision that asks.
    seq: u64,
    /// When it was decided, the case had one alert and nobody had said anything of it.
    alone: bool,
}

/// What one contract has asked.
#[derive(Clone, Debug, Default)]
struct Of {
    waiting: BTreeMap<String, Asking>,
    spent: Spent,
}

/// How many questions were put since when.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Spent {
    since: Time,
    asked: u32,
}

/// All questions that wait, and what was spent; as the store has them.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookups(BTreeMap<String, Of>);

/// An answer, as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    contract: String,
    connector: String,
    name: String,
    said: Said,
}

/// What was decided about an alert before it was looked up, and the alert as it came.
struct Before {
    head: Head,
    sender: String,
    entry: Entry,
    raw: Vec<u8>,
}

/// Counts of look-ups since the process began, by contract.
#[derive(Debug, Default)]
pub struct LookupCounts(Mutex<BTreeMap<String, LookupCount>>);

/// What became of the look-ups of one contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookupCount {
    /// Questions put.
    pub asked: u64,
    /// Answers that said who or what it is.
    pub answered: u64,
    /// Answers that nothing, or more than one thing, has the name.
    pub nobody: u64,
    /// Tries without an answer.
    pub failed: u64,
    /// Questions that nobody waits for any more.
    pub given_up: u64,
    /// Questions that were not put, for the budget.
    pub refused: u64,
    /// Decisions that used an answer of before.
    pub remembered: u64,
}

impl LookupCounts {
    /// What was counted so far.
    pub fn all(&self) -> BTreeMap<String, LookupCount> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, contract: &str, count: impl FnOnce(&mut LookupCount)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(contract) {
            Some(tally) => count(tally),
            None => count(all.entry(contract.to_owned()).or_default()),
        }
    }
}

/// The name of a document about one name under one contract.
fn id(contract: &str, name: &str) -> String {
    format!("{contract} {name}")
}

fn text(value: &impl Serialize) -> Option<String> {
    // Text keys and plain values: writing them cannot fail.
    serde_json::to_string(value).ok()
}

/// The documents of a kind that can be read; one that cannot is as none, and can be asked for again.
fn documents<T: for<'de> Deserialize<'de>>(reader: &mut dyn Read, kind: &str) -> Result<Vec<(String, T)>, StoreError> {
    let all = reader.documents(kind)?.into_iter();
    Ok(all.filter_map(|(id, body)| Some((id, serde_json::from_str(&body).ok()?))).collect())
}

/// Every question that waits.
///
/// # Errors
/// They cannot be read.
pub fn asking(reader: &mut dyn Read) -> Result<Vec<Asking>, StoreError> {
    Ok(documents(reader, kind::ASKING)?.into_iter().map(|(_, asking)| asking).collect())
}

/// What connectors answered, read as `contracts` say.
pub(super) fn answers(reader: &mut dyn Read, contracts: &[Contract]) -> Result<Answers, StoreError> {
    let mut answers = Answers::default();
    for (_, Stored { contract, connector, name, said }) in documents::<Stored>(reader, kind::ANSWER)? {
        let is_of = |of: &&Contract| of.name == contract && of.lookup().is_some_and(|lookup| lookup.connector == connector);
        if let Some(of) = contracts.iter().find(is_of) {
            answers.keep(of, &name, said);
        }
    }
    Ok(answers)
}

impl Lookups {
    pub(super) fn open(reader: &mut dyn Read) -> Result<Self, StoreError> {
        let mut all = Self::default();
        for (contract, spent) in documents(reader, kind::SPENT)? {
            all.0.entry(contract).or_default().spent = spent;
        }
        for asking in self::asking(reader)? {
            let Question { contract, name, .. } = asking.question.clone();
            all.0.entry(contract).or_default().waiting.insert(name, asking);
        }
        Ok(all)
    }

    /// Whether one more question may be put under `contract` at `now`; it is counted.
    fn spend(&mut self, contract: &str, lookup: &Lookup, now: Time) -> Option<Spent> {
        let spent = &mut self.0.entry(contract.to_owned()).or_default().spent;
        // A clock that goes back begins another hour.
        if !(0..HOUR.0).contains(&now.since(spent.since).0) {
            *spent = Spent { since: now, asked: 0 };
        }
        (spent.asked < lookup.per_hour).then(|| {
            spent.asked += 1;
            *spent
        })
    }

    /// Decisions about a case that is decided again are followed by those who wait for other answers.
    fn follow(&mut self, case: &str, from: u64, (to, alone): (u64, bool)) -> Vec<Asking> {
        let mut changed = Vec::new();
        for asking in self.0.values_mut().flat_map(|of| of.waiting.values_mut()) {
            let waits = asking.cases.iter_mut().find(|waits| waits.case == case && waits.seq == from);
            if let Some(waits) = waits {
                (waits.seq, waits.alone) = (to, alone);
                changed.push(asking.clone());
            }
        }
        changed
    }
}

impl Driver {
    /// Puts what `step` wants to know to who is asked, and says in the row why it is not known yet.
    pub(super) fn ask_connectors(&mut self, policy: &Policy, step: &Step, row: &mut Row, (case, alone): (CaseId, bool)) {
        for effect in &step.effects {
            let Effect::LookUp { contract, subject } = effect else { continue };
            let (number, nth) = (usize::from(*contract), usize::from(*subject));
            let Some(of) = policy.book.contracts.get(number) else { continue };
            let named = of.subjects.get(nth).and_then(|subject| asked_name(subject, row));
            let (Some(lookup), Some(name)) = (of.lookup(), named) else { continue };
            if self.policy.context.is_answered(of, &name, self.decided_at(policy, row)) {
                continue;
            }
            let waits = Waits { case: super::command::hex(&case.0), seq: self.batch.next(), alone };
            let why = self.ask_one((of, lookup), name, waits);
            policy.context.say(number, nth, why, row);
        }
    }

    fn ask_one(&mut self, (contract, lookup): (&Contract, &Lookup), name: String, waits: Waits) -> Why {
        let (now, counts) = (self.at, Arc::clone(&self.settings.lookups));
        let of = self.lookups.0.entry(contract.name.clone()).or_default();
        if let Some(asking) = of.waiting.get_mut(&name) {
            asking.cases.retain(|other| other.case != waits.case);
            if asking.cases.len() >= CASES_MAX {
                counts.count(&contract.name, |count| count.refused += 1);
                return Why::Budget;
            }
            asking.cases.push(waits);
            self.batch.documents.push((kind::ASKING, id(&contract.name, &name), text(asking)));
            return Why::Asked;
        }
        let has_room = of.waiting.len() < lookup.waiting_max as usize;
        let Some(spent) = has_room.then(|| self.lookups.spend(&contract.name, lookup, now)).flatten() else {
            counts.count(&contract.name, |count| count.refused += 1);
            return Why::Budget;
        };
        let question = Question {
            contract: contract.name.clone(),
            connector: lookup.connector.clone(),
            of: lookup.kind,
            name: name.clone(),
            age_seconds_max: contract.max_age.map_or(0, |age| u32::try_from(age.0 / 1_000_000).unwrap_or(u32::MAX)),
        };
        let asking = Asking { question, due: now, tries: 0, cases: vec![waits] };
        self.batch.documents.push((kind::SPENT, contract.name.clone(), text(&spent)));
        self.batch.documents.push((kind::ASKING, id(&contract.name, &name), text(&asking)));
        self.lookups.0.entry(contract.name.clone()).or_default().waiting.insert(name, asking);
        counts.count(&contract.name, |count| count.asked += 1);
        Why::Asked
    }

    /// What was answered between an alert was read and is decided counts for it; and what of answers decided it is counted.
    pub(super) fn take_answers(&self, prepared: &mut Prepared) {
        let (policy, Reading { alert, keys, .. }) = (&prepared.policy, &mut *prepared.read);
        if !Arc::ptr_eq(policy, &self.policy) && policy.book.digest == self.policy.book.digest {
            let now = self.decided_at(policy, &alert.row);
            self.policy.context.fill_answered(&mut alert.row, now, &mut context::Scratch::default());
            *keys = self.policy.desk().keys(alert, &mut Scratch::default());
        }
        policy.context.from_answers(&alert.row, |contract| {
            self.settings.lookups.count(&contract.name, |count| count.remembered += 1);
        });
    }

    fn decided_at(&self, policy: &Policy, row: &Row) -> Time {
        if policy.at_arrival { self.at } else { row.time(adjutant_model::schema::slots::ALERT_TIME).unwrap_or_default() }
    }

    /// Takes an answer in; what nobody waits for was taken in before.
    pub(super) fn looked_up(&mut self, contract: &str, name: &str, answer: Result<Said, String>) -> Result<Reply, StoreError> {
        let Some(of) = self.lookups.0.get_mut(contract) else { return Ok(Reply::Kept) };
        let Some(asking) = of.waiting.remove(name) else { return Ok(Reply::Kept) };
        self.batch.documents.push((kind::ASKING, id(contract, name), None));
        let counts = Arc::clone(&self.settings.lookups);
        let policy = Arc::clone(&self.policy);
        let known = policy.book.contracts.iter().find(|known| asking.question.is_of(known));
        let (said, why) = match (answer, known) {
            (Ok(said), Some(known)) => {
                let is_one = said.found.len() == 1;
                counts.count(contract, |count| if is_one { count.answered += 1 } else { count.nobody += 1 });
                self.keep_answer(known, name, said.clone());
                (Some(said), String::new())
            }
            (Err(why), Some(known)) => {
                counts.count(contract, |count| count.failed += 1);
                if asking.tries + 1 < TRIES_MAX {
                    self.try_again(known, asking);
                    return Ok(Reply::Kept);
                }
                (None, why)
            }
            (_, None) => (None, "the book does not ask this any more".to_owned()),
        };
        if said.is_none() {
            counts.count(contract, |count| count.given_up += 1);
        }
        let Asking { question, cases, .. } = asking;
        let Question { contract, connector, of, name, .. } = question;
        let what = What::LookedUp(Box::new(LookedUp { contract, connector, of, name, said, why }));
        cases.into_iter().try_for_each(|waits| self.tell_case(waits, what.clone()))?;
        Ok(Reply::Kept)
    }

    fn try_again(&mut self, contract: &Contract, asking: Asking) {
        let Some(lookup) = contract.lookup() else { return };
        let doubled = AGAIN.0.saturating_mul(1 << asking.tries.min(16)).min(AGAIN_MAX.0);
        let due = match self.lookups.spend(&contract.name, lookup, self.at) {
            Some(spent) => {
                self.batch.documents.push((kind::SPENT, contract.name.clone(), text(&spent)));
                self.at.plus(Duration(doubled))
            }
            None => self.at.plus(HOUR),
        };
        let asking = Asking { due, tries: asking.tries + 1, ..asking };
        let name = asking.question.name.clone();
        self.batch.documents.push((kind::ASKING, id(&contract.name, &name), text(&asking)));
        self.lookups.0.entry(contract.name.clone()).or_default().waiting.insert(name, asking);
    }

    fn keep_answer(&mut self, contract: &Contract, name: &str, said: Said) {
        let Some(connector) = contract.lookup().map(|lookup| lookup.connector.clone()) else { return };
        let stored = Stored { contract: contract.name.clone(), connector, name: name.to_owned(), said: said.clone() };
        self.batch.documents.push((kind::ANSWER, id(&contract.name, name), text(&stored)));
        let mut answers = self.policy.context.answers().clone();
        for (of, name) in answers.keep(contract, name, said) {
            self.batch.documents.push((kind::ANSWER, id(&of, &name), None));
        }
        self.answer_with(answers);
    }

    fn answer_with(&mut self, answers: Answers) {
        let context = Arc::new(self.policy.context.with_answers(answers));
        self.policy = Arc::new(Policy { context, ..Policy::clone(&self.policy) });
    }

    /// Takes over what was answered so far into the policy that decides from here on.
    pub(super) fn answer_as_before(&mut self, answers: &Answers) {
        if !self.policy.book.look_ups.is_empty() {
            self.answer_with(answers.under(&self.policy.book.contracts));
        }
    }

    /// Notes what came of a look-up in the story of a case, and decides again what waited for it.
    fn tell_case(&mut self, waits: Waits, what: What) -> Result<(), StoreError> {
        let is_answered = matches!(&what, What::LookedUp(looked) if looked.said.is_some());
        let named = u128::from_str_radix(&waits.case, 16).map(|digits| CaseId(digits.to_be_bytes())).unwrap_or_default();
        let Some(kept) = self.case(named)? else { return Ok(()) };
        let alone = waits.alone && kept.alerts == 1 && kept.last == waits.seq + 1;
        self.note_case("", kept, what);
        match (is_answered, self.case(named)?) {
            (true, Some(kept)) => self.decide_again(waits, kept, alone),
            _ => Ok(()),
        }
    }

    fn decide_again(&mut self, waits: Waits, kept: Kept, alone: bool) -> Result<(), StoreError> {
        // What retention removed meanwhile nobody can decide again.
        let Some(Before { head, sender, mut entry, raw }) = self.before(waits.seq)? else { return Ok(()) };
        let policy = Arc::clone(&self.policy);
        let touched = self.look_again(&policy, &head, &mut entry.alert);
        let case = super::alert::as_case(&kept);
        let leave = self.leave(&policy, (kept.id, head.revision), touched);
        let now = self.decided_at(&policy, &entry.alert.row);
        let input = Input::LookedUp { alert: &entry.alert, then: &entry.decision, now, leave, alone };
        let step = step(&case, &input, &policy.book).map_err(|refusal| StoreError::Damaged(refusal.to_string()))?;
        let Some(Event::Decided(decision)) = step.events.first() else { return Ok(()) };
        let stands = step.events.iter().any(|event| matches!(event, Event::Stands { .. }));
        self.ask_connectors(&policy, &step, &mut entry.alert.row, (kept.id, stands));
        let alert = &entry.alert;
        let keep = Keep { raw: &raw, alert, decision, problems: &entry.problems, duplicate: entry.duplicate };
        let key = policy.key_looked_up(head.key, waits.seq);
        let marks = flag::AGAIN | head.flags & flag::REVISED | if touched.is_empty() { 0 } else { flag::TOUCHED };
        let answer = self.write(&keep, &sender, (key, kept.last, marks), &step);
        let content = u64::from_be_bytes(*alert.digest.0.first_chunk().unwrap_or(&[0; 8]));
        self.batch.know(key, Known { seq: answer.seq, content });
        self.batch.answer(answer);
        for asking in self.lookups.follow(&waits.case, waits.seq, (answer.seq, stands)) {
            let name = id(&asking.question.contract, &asking.question.name);
            self.batch.documents.push((kind::ASKING, name, text(&asking)));
        }
        let severity = autonomy::severity(&alert.row).unwrap_or(0);
        let judged = Judged { policy: &policy, row: &alert.row, severity, step: &step, decision, seq: answer.seq };
        self.keep_case(Some(kept), case, &judged);
        Ok(())
    }

    /// A decision, as the present policy reads it, with its raw alert.
    fn before(&mut self, seq: u64) -> Result<Option<Before>, StoreError> {
        let mine = self.batch.entry_bytes(seq).map(<[u8]>::to_vec);
        let is_mine = mine.is_some();
        let Some(bytes) = mine.map_or_else(|| super::entry_at(&mut *self.reader, seq), |mine| Ok(Some(mine)))? else {
            return Ok(None);
        };
        let damaged = |_| StoreError::Damaged(format!("entry {seq} cannot be read"));
        let Kind::Decided(head, sender, rest) = event::kind(&bytes).map_err(damaged)? else { return Ok(None) };
        let (slots, mut entry) = (self.slots(head.book)?, Entry::default());
        event::decided(&head, rest, &slots, &mut entry).map_err(damaged)?;
        let raw = if is_mine { self.batch.raw_bytes(entry.raw).map(<[u8]>::to_vec) } else { raw_at(&mut *self.reader, seq)? };
        Ok(raw.map(|raw| Before { head, sender: sender.to_owned(), entry, raw }))
    }

    /// Brings what was answered into a recorded alert. Everything else stays as it was known then, unless another book decides.
    fn look_again(&self, policy: &Policy, head: &Head, alert: &mut Alert) -> Touched {
        let now = self.decided_at(policy, &alert.row);
        if head.book != policy.book.digest {
            return policy.desk().refresh(alert, now, &mut Scratch::default());
        }
        policy.desk().answered(alert, now, &mut Scratch::default());
        // Which sources could not be used is not stored, only that there were some.
        Touched { broken: 0, stale: u64::from(head.flags & flag::TOUCHED != 0) }
    }
}
