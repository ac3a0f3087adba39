//! An alert on its way through the loop: known already, or observed, decided, and written with all that follows.

use super::{Answer, Done, Driver};
use crate::archive::Keep;
use crate::event::{self, Head, Kind, flag, put_decided};
use crate::failpoint::reach;
#[cfg(feature = "planted")]
use crate::planted::{Bug, is};
use crate::policy::{Policy, Prepared};
use crate::ports::{Kept, Known, Outgoing, PLAN, StoreError};
use adjutant_engine::context::Touched;
use adjutant_engine::headline;
use adjutant_engine::memory::Observation;
use adjutant_engine::plan;
use adjutant_engine::record;
use adjutant_engine::step::{Case, Effect, Event, Input, Leave, Status, Step, step};
use adjutant_model::{CaseId, Decision, Digest, Outcome, Revision, Row};

/// Of a turn's alerts, so many leave what they were read into; that of the others is free before the turn ends.
const SPENT_MAX: usize = 64;

/// Characters of a case's subject and title that are kept.
const TEXT_CHARS_MAX: usize = 160;

/// What was decided about an alert, with what it takes to keep its case.
#[derive(Clone, Copy)]
pub(super) struct Judged<'a> {
    pub(super) policy: &'a Policy,
    pub(super) row: &'a Row,
    /// How grave the source says it is.
    pub(super) severity: u8,
    pub(super) step: &'a Step,
    pub(super) decision: &'a Decision,
    /// The entry.
    pub(super) seq: u64,
}

/// Whether something arrived before.
enum Arrival {
    /// It is decided already, like this.
    Again(Answer),
    /// It is new, and known by this key from now on.
    New { key: u64, revised: bool },
}

impl Driver {
    pub(super) fn alert(&mut self, mut prepared: Prepared) -> Result<Done, StoreError> {
        let done = self.arrived(&mut prepared)?;
        if self.spent.len() < SPENT_MAX {
            self.spent.push(prepared.into());
        }
        Ok(done)
    }

    fn arrived(&mut self, prepared: &mut Prepared) -> Result<Done, StoreError> {
        let (key, revised) = match self.arrival(prepared)? {
            Arrival::Again(answer) => return Ok(Done::Known(answer)),
            Arrival::New { key, revised } => (key, revised),
        };
        let policy = std::sync::Arc::clone(&prepared.policy);
        let asks = !policy.book.look_ups.is_empty();
        if asks {
            self.take_answers(prepared);
        }
        reach("observe.before");
        let read = &mut *prepared.read;
        let observed = self.memory.observe(&mut read.alert, &read.keys);
        reach("observe.after");
        policy.desk().travel(&mut prepared.read.alert);
        let kept = self.case(observed.joined.case)?;
        let case = kept.as_ref().map_or_else(|| Case::new(observed.joined.case), as_case);
        let step = self.step(&case, prepared, &observed)?;
        let Some(Event::Decided(decision)) = step.events.first() else {
            return Err(StoreError::Damaged("a step without a decision; please report this".into()));
        };
        if asks {
            self.ask_connectors(&policy, &step, &mut prepared.read.alert.row, (case.id, kept.is_none()));
        }
        let read = &*prepared.read;
        let keep = Keep { raw: &read.raw, alert: &read.alert, decision, problems: &read.problems, duplicate: observed.duplicate };
        let marks = if revised { flag::REVISED } else { 0 } | if prepared.touched.is_empty() { 0 } else { flag::TOUCHED };
        let last = kept.as_ref().map_or(0, |case| case.last);
        let answer = self.write(&keep, &prepared.sender, (key, last, marks), &step);
        let (row, severity) = (&read.alert.row, prepared.severity);
        self.keep_case(kept, case, &Judged { policy: &policy, row, severity, step: &step, decision, seq: answer.seq });
        self.batch.know(key, Known { seq: answer.seq, content: prepared.content });
        self.batch.answer(answer);
        Ok(Done::Decided(answer))
    }

    fn arrival(&mut self, prepared: &Prepared) -> Result<Arrival, StoreError> {
        let content = prepared.content;
        let (mut key, mut revised) = (prepared.key, false);
        while let Some(known) = self.known(key)? {
            if known.content == content || key != prepared.key {
                // When retention removed what was decided, nobody can say it again: it is decided anew, under a key of its own.
                if let Some(answer) = self.answered(known.seq)? {
                    return Ok(Arrival::Again(answer));
                }
            } else {
                revised = true;
            }
            key = prepared.policy.key_of_revision(key, content);
        }
        Ok(Arrival::New { key, revised })
    }

    fn known(&mut self, key: u64) -> Result<Option<Known>, StoreError> {
        match self.batch.known(key) {
            Some(known) => Ok(Some(known)),
            None => self.store.known(key),
        }
    }

    /// What was decided as the entry `seq`; none when retention removed it.
    fn answered(&mut self, seq: u64) -> Result<Option<Answer>, StoreError> {
        if let Some(answer) = self.batch.answered(seq) {
            return Ok(Some(answer));
        }
        let Some(entry) = entry_at(&mut *self.reader, seq)? else { return Ok(None) };
        match event::kind(&entry) {
            Ok(Kind::Decided(head, ..)) => Ok(Some(answer(&head, seq))),
            _ => Err(StoreError::Damaged(format!("entry {seq} is no decision"))),
        }
    }

    pub(super) fn case(&mut self, id: CaseId) -> Result<Option<Kept>, StoreError> {
        match self.batch.case(id) {
            Some(case) => Ok(Some(case.clone())),
            None => self.store.case(id),
        }
    }

    fn step(&self, case: &Case, prepared: &Prepared, observed: &Observation) -> Result<Step, StoreError> {
        let desk = prepared.policy.desk();
        let joined = &observed.joined;
        let leave = self.leave(&prepared.policy, (joined.case, joined.revision), prepared.touched);
        let now = prepared.now.unwrap_or_else(|| desk.now(&prepared.read.alert));
        let input = Input::Joined { alert: &prepared.read.alert, joined, now, leave: Some(leave) };
        step(case, &input, &prepared.policy.book).map_err(|refusal| StoreError::Damaged(refusal.to_string()))
    }

    /// What may be done by itself about a revision of a case.
    pub(super) fn leave(&self, policy: &Policy, (case, revision): (CaseId, Revision), touched: Touched) -> Leave<'_> {
        // Drawn by the case and its revision, so that a replay draws the same.
        let mut about = [0; 8];
        for (place, byte) in about.iter_mut().zip(case.0) {
            *place = byte;
        }
        let draw = policy.draw((u64::from_be_bytes(about) ^ u64::from(revision.0)).to_be_bytes());
        Leave { ladder: &self.ladder, touched, draw, sampled_below: self.settings.sampled_ppm }
    }

    /// Appends the entry of what a step decided, known by `key` and following the entry before `last` of its case.
    pub(super) fn write(&mut self, keep: &Keep<'_>, sender: &str, (key, last, marks): (u64, u64, u8), step: &Step) -> Answer {
        let mut head = Head::of(keep, self.at, last, key);
        let sampled = step.events.contains(&Event::Sampled);
        let closed = step.events.contains(&Event::Became(Status::ClosedItself));
        head.flags = marks | if sampled { flag::SAMPLED } else { 0 } | if closed { flag::CLOSED } else { 0 };
        head.sampled_ppm = if sampled || closed { self.settings.sampled_ppm } else { 0 };
        let raw = self.batch.raw(keep.raw);
        let seq = self.batch.entry(head.decision, |out| put_decided(out, &head, sender, keep, raw));
        answer(&head, seq)
    }

    /// The case as the step left it, and what people are to be told of it.
    pub(super) fn keep_case(&mut self, kept: Option<Kept>, mut case: Case, judged: &Judged<'_>) {
        let Judged { step, decision, seq, .. } = *judged;
        let came_to = (decision.outcome, decision.score);
        let worse = kept.as_ref().is_none_or(|kept| came_to > (kept.outcome, kept.score));
        // Of two decisions alike people see the one that knows more.
        let as_bad = decision.again > 0 && kept.as_ref().is_some_and(|kept| came_to == (kept.outcome, kept.score));
        let stands = step.events.iter().any(|event| matches!(event, Event::Stands { .. }));
        step.events.iter().for_each(|event| case.apply(event));
        let mut kept = kept.unwrap_or_else(|| opened(case.id, seq, self.at));
        if worse || as_bad || stands {
            describe(&mut kept, judged);
        }
        self.ask(&kept, judged);
        kept.severity = kept.severity.max(judged.severity);
        kept.updated = self.at;
        kept.last = seq + 1;
        take(&mut kept, &case);
        #[cfg(feature = "planted")]
        if is(Bug::SampledClosed) && kept.sampled {
            kept.status = Status::ClosedItself;
        }
        if self.settings.notify {
            let told = step.effects.iter().filter(|effect| matches!(effect, Effect::Escalate(_) | Effect::ProposeResponse(_)));
            self.batch.outbox.extend(told.map(|_| message(&kept, decision)));
        }
        // The plan follows from the case's worst decision: what makes it no worse changes nothing in it.
        if self.settings.plans && worse && decision.outcome == Outcome::Respond {
            let body = kept.id.to_string();
            self.batch.outbox.push(Outgoing { id: 0, topic: PLAN.into(), body, attempts: 0, due: self.at });
        }
        self.batch.put_case(kept);
    }
}

impl Driver {
    /// Leaves word of what is to be asked about a decision that responds, where its playbook may ask by itself: in one case several
    /// people may be named, and each is asked once. Of a case that a person closed nobody is asked more, unless it rises.
    fn ask(&mut self, kept: &Kept, &Judged { policy, row, step, decision, seq, .. }: &Judged<'_>) {
        let rises = step.effects.iter().any(|effect| matches!(effect, Effect::ProposeResponse(_)));
        let is_first = decision.again == 0 && kept.status != Status::ClosedByPerson;
        let responds = rises || (is_first && decision.outcome == Outcome::Respond);
        let book = &policy.book;
        let Some(playbook) = book.playbooks.get(usize::from(decision.playbook)).filter(|_| responds) else { return };
        // Context that could not answer does not hold a question back: it changes nothing, and may say what is missing.
        if !plan::asks_alone(&self.ladder, (book, playbook), row) {
            return;
        }
        let asks = plan::asks(playbook, decision, row).map(|asking| (asking.question.as_str(), asking.of.name(), seq));
        let asks: Vec<(&str, &str, u64)> = asks.collect();
        if let (false, Ok(body)) = (asks.is_empty(), serde_json::to_string(&asks)) {
            let names: Vec<String> = asks.iter().map(|(_, of, _)| plan::named(of, row).unwrap_or_default()).collect();
            let whom = Digest::of_parts(names.iter().map(String::as_bytes));
            self.batch.documents.push((super::kind::TO_ASK, format!("{} {}", super::command::hex(&kept.id.0), whom), Some(body)));
        }
    }
}

/// The case's state, without what the queue shows of it.
pub(super) fn as_case(kept: &Kept) -> Case {
    Case {
        id: kept.id,
        revision: Revision(kept.alerts),
        outcome: Some(kept.outcome),
        score: kept.score,
        status: kept.status,
        sampled: kept.sampled,
    }
}

/// Takes the state of `case` over.
pub(super) fn take(kept: &mut Kept, case: &Case) {
    kept.status = case.status;
    kept.outcome = case.outcome.unwrap_or(kept.outcome);
    kept.score = case.score;
    kept.alerts = case.revision.0;
    kept.sampled = case.sampled;
}

fn opened(id: CaseId, first: u64, at: adjutant_model::Time) -> Kept {
    Kept {
        id,
        first,
        status: Status::Open,
        outcome: Outcome::Close,
        score: 0,
        severity: 0,
        alerts: 0,
        opened: at,
        updated: at,
        last: 0,
        worst: 0,
        playbook: String::new(),
        subject: String::new(),
        title: String::new(),
        assignee: String::new(),
        sampled: false,
        review: false,
    }
}

fn describe(kept: &mut Kept, &Judged { policy, row, decision, seq, .. }: &Judged<'_>) {
    let short = |text: String| match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    };
    let playbook = policy.book.playbooks.get(usize::from(decision.playbook));
    kept.playbook = playbook.map_or_else(String::new, |playbook| playbook.name.clone());
    kept.subject = short(headline::subject(row));
    kept.title = short(headline::title(row));
    kept.worst = seq;
}

fn message(kept: &Kept, decision: &Decision) -> Outgoing {
    let body = serde_json::json!({
        "case": kept.id.to_string(), "outcome": decision.outcome.to_string(), "score": decision.score,
        "playbook": kept.playbook, "subject": kept.subject, "title": kept.title, "decision": record::id(decision),
    });
    Outgoing { id: 0, topic: "case".into(), body: body.to_string(), attempts: 0, due: kept.updated }
}

/// What a decision's head answers to whoever sent the alert.
pub(crate) fn answer(head: &Head, seq: u64) -> Answer {
    Answer {
        seq,
        decision: head.decision,
        alert: head.alert,
        case: head.case,
        revision: head.revision.0,
        outcome: head.outcome(),
        score: head.score,
    }
}

/// The bytes of the entry `seq`; none when retention removed it, or there is no such entry.
pub(crate) fn entry_at(reader: &mut dyn crate::ports::Read, seq: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let mut found = Ok(None);
    reader.blocks(seq, crate::ports::Parts::Entries, &mut |block| {
        if !block.entries.is_empty() {
            let nth = seq.checked_sub(block.first).and_then(|nth| usize::try_from(nth).ok()).unwrap_or(usize::MAX);
            let bytes = event::pieces(&block.entries).nth(nth).and_then(Result::ok);
            found = match bytes {
                Some(bytes) => Ok(Some(bytes.to_vec())),
                None => Err(StoreError::Damaged(format!("entry {seq} cannot be read"))),
            };
        }
        Ok(false)
    })?;
    found
}
