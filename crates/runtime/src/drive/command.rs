//! What people, and the machine itself, want of the loop: each becomes an entry of the ledger, or is refused with a reason.

use super::alert::{as_case, entry_at, take};
use super::{Done, Driver};
use crate::event::{self, Evidence, Kind, Noted, What};
#[cfg(feature = "planted")]
use crate::planted::{Bug, is};
use crate::policy::Policy;
use crate::ports::{Kept, Outgoing, PLAN, StoreError};
use adjutant_engine::autonomy::{self, Ladder, Pause, Rung};
use adjutant_engine::context::Said;
use adjutant_engine::memory::Keys;
use adjutant_engine::memory::parts::PARTS;
use adjutant_engine::step::{self, Case, Event, Input, Refusal, Verdict};
use adjutant_model::{Alert, Autonomy, CaseId, Duration, Outcome, Time};
use std::sync::Arc;

/// What a person asked for waits so long for a second one (a day).
const AGREE_WITHIN: Duration = Duration::from_hours(24);

/// Who began to lead is not one of the two who raise a rung for so long (a day): others see the new name first.
const COOL_OFF: Duration = Duration::from_hours(24);

/// Characters of a note or comment.
pub const NOTE_CHARS_MAX: usize = 4_000;

/// Kinds of documents that the loop itself writes.
pub mod kind {
    /// The ladder, as `current`.
    pub const LADDER: &str = "ladder";
    /// Rungs that one person wants raised, by the rung.
    pub const ASKED: &str = "asked";
    /// Every book that ever decided, by its digest.
    pub const BOOK: &str = "book";
    /// The names of each book's facts, in the order of their slots.
    pub const SLOTS: &str = "slots";
    /// How each context source was when it last changed.
    pub const CONTEXT: &str = "context";
    /// Verdicts on cases that the blind sample drew, by the case.
    pub const SAMPLE: &str = "sample";
    /// Reviews, by their names.
    pub const REVIEW: &str = "review";
    /// How far the hand's journal was read, as `journal`.
    pub const HAND: &str = "hand";
    /// Letters to people that wait for an answer, by their names.
    pub const LETTER: &str = "letter";
    /// The letter of each link, by the digest of the link's secret.
    pub const LINK: &str = "link";
    /// When people were last written to, by their names.
    pub const PROMPTED: &str = "prompted";
    /// Questions that a case's playbook asks, by the case and whom they are about: they wait to be put.
    pub const TO_ASK: &str = "to-ask";
    /// Questions that were put, by the case, the question and whom it is about.
    pub const QUESTION: &str = "question";
    /// What connectors are asked and have not answered, by contract and name.
    pub const ASKING: &str = "asking";
    /// What connectors answered, by contract and name.
    pub const ANSWER: &str = "answer";
    /// How many questions each contract put in its hour.
    pub const SPENT: &str = "spent";
}

/// Something wanted.
#[derive(Clone)]
pub enum Command {
    /// A verdict on a case.
    Judge {
        /// The case.
        case: CaseId,
        /// What is said.
        verdict: Verdict,
        /// The evidence cited.
        because: Vec<Evidence>,
        /// What else is said.
        note: String,
    },
    /// Give a case to somebody.
    Assign {
        /// The case.
        case: CaseId,
        /// To whom; empty to take it back.
        to: String,
    },
    /// Say something about a case.
    Comment {
        /// The case.
        case: CaseId,
        /// What.
        text: String,
    },
    /// Set a rung of the ladder; raising needs two people.
    SetAutonomy {
        /// The rung.
        rung: Rung,
        /// To what.
        level: Autonomy,
        /// Since when who asks leads; none where that does not matter.
        leads_since: Option<Time>,
    },
    /// Pause the whole or a playbook, or resume it.
    Pause {
        /// The playbook; none for the whole.
        playbook: Option<String>,
        /// How much is to run.
        pause: Pause,
    },
    /// A change of users or tokens, with the documents that it leads to.
    Account {
        /// What changed; never a secret.
        change: serde_json::Value,
        /// Documents to write or remove.
        documents: Vec<(&'static str, String, Option<String>)>,
    },
    /// A context source can, or cannot, be used from here on.
    Context {
        /// Which.
        source: String,
        /// How it is.
        condition: String,
        /// What broke it.
        because: Vec<String>,
    },
    /// Decide under this policy from here on.
    Adopt(Arc<Policy>),
    /// A review is done.
    Reviewed {
        /// What is noted of it.
        what: What,
        /// Its result, as a document.
        body: String,
    },
    /// A decision would come out differently.
    Reconsider {
        /// The review.
        review: String,
        /// The case.
        case: CaseId,
        /// The entry with the decision.
        about: u64,
        /// What was decided, what would be, and the score now.
        was: Outcome,
        /// See `was`.
        is: Outcome,
        /// See `was`.
        score: i32,
    },
    /// Note something that the machine did.
    Note(What),
    /// Note something about a case, with the documents that it leads to. Without a case, or for one that is not there, it is
    /// noted all the same. What [raises](What::raises) a case brings it before people.
    About {
        /// The case.
        case: Option<CaseId>,
        /// What.
        what: What,
        /// Documents to write or remove.
        documents: Vec<(&'static str, String, Option<String>)>,
    },
    /// Remove what retention does not keep; noted before it is done.
    Forget {
        /// Raw alerts from before.
        raw_before: Time,
        /// Entries from before.
        entries_before: Time,
        /// At most so many commits.
        blocks_max: u32,
    },
    /// A connector that was asked answered, or why it did not.
    LookedUp {
        /// The context contract that asks.
        contract: String,
        /// About whom or what.
        name: String,
        /// What it answered; an error is tried again.
        answer: Result<Said, String>,
    },
    /// Messages were delivered, or are due again.
    Delivered(Vec<(i64, Option<Outgoing>)>),
    /// Tell the world something.
    Tell(Outgoing),
    /// Keep documents that are no event, such as a checkpoint.
    Keep(Vec<(&'static str, String, Option<String>)>),
}

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is done, as this entry.
    Done(u64),
    /// It is kept until a second person agrees.
    Asked(u64),
    /// It is done, and is no entry.
    Kept,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such case.
    #[error("there is no case {0}")]
    NoCase(CaseId),
    /// It is so already.
    #[error("{0}")]
    AlreadySo(Refusal),
    /// A rung that cannot be.
    #[error("{0}")]
    Autonomy(#[from] autonomy::Error),
    /// There is no such playbook.
    #[error("the book has no playbook `{0}`")]
    NoPlaybook(String),
    /// The text is empty or too long.
    #[error("a note or comment has 1 to {NOTE_CHARS_MAX} characters")]
    Text,
    /// A verdict without evidence.
    #[error("a verdict cites evidence: name rows of the case, such as E1")]
    NoEvidence,
    /// Who leads for less than a day is none of the two who raise.
    #[error("raising takes two people who lead for a day at least: you are one from {0} on, another lead may be one now")]
    New(Time),
}

impl Driver {
    pub(super) fn command(&mut self, by: &str, command: Command) -> Result<Done, StoreError> {
        let carried = match command {
            Command::Judge { case, verdict, because, note } => self.judge(by, case, verdict, because, note)?,
            Command::Assign { case, to } => self.assign(by, case, to)?,
            Command::Comment { case, text } => self.comment(by, case, text)?,
            Command::SetAutonomy { rung, level, leads_since } => self.set_autonomy(by, (rung, level), leads_since)?,
            Command::Pause { playbook, pause } => self.pause(by, playbook, pause),
            Command::Account { change, documents } => {
                self.batch.documents.extend(documents);
                Ok(Reply::Done(self.note(by, What::Account { change })))
            }
            Command::Context { source, condition, because } => Ok(self.context(source, condition, because)),
            Command::Adopt(policy) => Ok(self.adopt(by, policy)?),
            Command::Reviewed { what, body } => Ok(self.reviewed(by, what, body)),
            Command::Reconsider { review, case, about, was, is, score } => {
                self.reconsider(by, case, What::Reconsidered { review, about, was, is, score }, is)?
            }
            Command::Forget { raw_before, entries_before, blocks_max } => {
                self.forget(by, (raw_before, entries_before), blocks_max)?
            }
            Command::Note(what) => Ok(Reply::Done(self.note(by, what))),
            Command::About { case, what, documents } => {
                self.batch.documents.extend(documents);
                let kept = case.map(|case| self.case(case)).transpose()?.flatten();
                Ok(Reply::Done(match kept {
                    Some(kept) => self.about_case(by, kept, what),
                    None => self.note(by, what),
                }))
            }
            Command::LookedUp { contract, name, answer } => Ok(self.looked_up(&contract, &name, answer)?),
            Command::Delivered(messages) => {
                self.batch.delivered.extend(messages);
                Ok(Reply::Kept)
            }
            Command::Tell(message) => {
                self.batch.outbox.push(message);
                Ok(Reply::Kept)
            }
            Command::Keep(documents) => {
                self.batch.documents.extend(documents);
                Ok(Reply::Kept)
            }
        };
        Ok(carried.map_or_else(Done::Refused, Done::Carried))
    }

    pub(super) fn note(&mut self, by: &str, what: What) -> u64 {
        let noted = Noted { at: self.at.to_string(), by: by.into(), case: String::new(), previous: 0, what };
        self.batch.note(&noted)
    }

    fn about_case(&mut self, by: &str, mut kept: Kept, what: What) -> u64 {
        if what.raises(kept.status) {
            let mut case: Case = as_case(&kept);
            let step = step::step(&case, &Input::Raised, &self.policy.book).unwrap_or_default();
            step.events.iter().for_each(|event: &Event| case.apply(event));
            take(&mut kept, &case);
            if self.settings.notify {
                self.batch.outbox.push(raised(&kept, &what, self.at));
            }
        }
        let (case, is_answer) = (kept.id, matches!(what, What::Answered(_)));
        let seq = self.note_case(by, kept, what);
        // What the playbook would do after this answer, if anything, whoever delivers this finds out.
        if self.settings.plans && is_answer {
            self.batch.outbox.push(Outgoing {
                id: 0,
                topic: PLAN.into(),
                body: format!("{case} {seq}"),
                attempts: 0,
                due: self.at,
            });
        }
        seq
    }

    /// Notes something about a case, which then leads to the entry.
    pub(super) fn note_case(&mut self, by: &str, mut kept: Kept, what: What) -> u64 {
        let at = self.at.to_string();
        let case = hex(&kept.id.0);
        let seq = self.batch.note(&Noted { at, by: by.into(), case, previous: kept.last, what });
        (kept.last, kept.updated) = (seq + 1, self.at);
        self.batch.put_case(kept);
        seq
    }

    fn judge(
        &mut self,
        by: &str,
        id: CaseId,
        verdict: Verdict,
        because: Vec<Evidence>,
        note: String,
    ) -> Result<Result<Reply, Refused>, StoreError> {
        let Some(mut kept) = self.case(id)? else { return Ok(Err(Refused::NoCase(id))) };
        if because.is_empty() {
            return Ok(Err(Refused::NoEvidence));
        }
        if note.chars().count() > NOTE_CHARS_MAX {
            return Ok(Err(Refused::Text));
        }
        let mut case = as_case(&kept);
        let step = match step::step(&case, &Input::Judged(verdict), &self.policy.book) {
            Ok(step) => step,
            Err(refusal) => return Ok(Err(Refused::AlreadySo(refusal))),
        };
        step.events.iter().for_each(|event| case.apply(event));
        take(&mut kept, &case);
        kept.review = false;
        let (about, sampled) = (kept.worst, kept.sampled);
        if verdict != Verdict::Reopen {
            self.learn(about, verdict == Verdict::Close, PARTS)?;
            if sampled {
                self.sample(&kept, by, verdict);
            }
        }
        Ok(Ok(Reply::Done(self.note_case(by, kept, What::Verdict { verdict, because, note, about, sampled }))))
    }

    /// What people said of a case that the blind sample drew is what misses are counted from.
    fn sample(&mut self, kept: &Kept, by: &str, verdict: Verdict) {
        let body = serde_json::json!({
            "playbook": kept.playbook, "verdict": verdict, "by": by, "at": self.at.to_string(),
            "sampled_ppm": self.settings.sampled_ppm,
        });
        self.batch.documents.push((kind::SAMPLE, hex(&kept.id.0), Some(body.to_string())));
    }

    /// Feeds a verdict on the decision `about` to memory, where only the first `parts` of it do not know it yet.
    pub(super) fn learn(&mut self, about: u64, benign: bool, parts: usize) -> Result<(), StoreError> {
        if let Some(alert) = self.alert_of(about)? {
            let keys = self.keys(&alert);
            self.memory.catch_up_verdict(&keys, benign, parts);
        }
        Ok(())
    }

    pub(super) fn keys(&self, alert: &Alert) -> Keys {
        let unit = self.policy.book.schema.slot("user.unit");
        Keys::of(alert, unit, self.policy.key, &mut String::new())
    }

    fn alert_of(&mut self, seq: u64) -> Result<Option<Alert>, StoreError> {
        // What was decided in this very transaction is not stored yet; a replay will find it there.
        let mine = self.batch.entry_bytes(seq).map(<[u8]>::to_vec);
        let Some(bytes) = mine.map_or_else(|| entry_at(&mut *self.reader, seq), |mine| Ok(Some(mine)))? else { return Ok(None) };
        let Ok(Kind::Decided(head, _, rest)) = event::kind(&bytes) else { return Ok(None) };
        let slots = self.slots(head.book)?;
        let mut entry = crate::archive::Entry::default();
        Ok(event::decided(&head, rest, &slots, &mut entry).ok().map(|()| entry.alert))
    }

    fn assign(&mut self, by: &str, case: CaseId, to: String) -> Result<Result<Reply, Refused>, StoreError> {
        let Some(mut kept) = self.case(case)? else { return Ok(Err(Refused::NoCase(case))) };
        kept.assignee.clone_from(&to);
        Ok(Ok(Reply::Done(self.note_case(by, kept, What::Assigned { to }))))
    }

    fn comment(&mut self, by: &str, case: CaseId, text: String) -> Result<Result<Reply, Refused>, StoreError> {
        let Some(kept) = self.case(case)? else { return Ok(Err(Refused::NoCase(case))) };
        if text.trim().is_empty() || text.chars().count() > NOTE_CHARS_MAX {
            return Ok(Err(Refused::Text));
        }
        Ok(Ok(Reply::Done(self.note_case(by, kept, What::Commented { text }))))
    }

    fn set_autonomy(
        &mut self,
        by: &str,
        (rung, level): (Rung, Autonomy),
        leads_since: Option<Time>,
    ) -> Result<Result<Reply, Refused>, StoreError> {
        if let Err(error) = Ladder::check(&self.policy.book, &rung, level) {
            return Ok(Err(error.into()));
        }
        let from = self.ladder.level(&rung);
        let name = format!("{} {} {}", rung.playbook, rung.verb, rung.scope);
        let leads_from = leads_since.map(|since| since.plus(COOL_OFF)).filter(|leads_from| self.at < *leads_from);
        if let Some(leads_from) = leads_from.filter(|_| level > from) {
            return Ok(Err(Refused::New(leads_from)));
        }
        let asked_by = if level > from { self.asked(&name, level, by)? } else { Some(String::new()) };
        let Some(asked_by) = asked_by else {
            let body = serde_json::json!({ "by": by, "level": level, "at": self.at.0 });
            self.batch.documents.push((kind::ASKED, name, Some(body.to_string())));
            return Ok(Ok(Reply::Asked(self.note(by, What::Asked { rung, level }))));
        };
        self.ladder.set(rung.clone(), level);
        self.batch.documents.push((kind::ASKED, name, None));
        self.keep_ladder();
        Ok(Ok(Reply::Done(self.note(by, What::Autonomy { rung, from, level, asked_by }))))
    }

    /// Who else asked for this, lately.
    fn asked(&mut self, name: &str, level: Autonomy, by: &str) -> Result<Option<String>, StoreError> {
        #[derive(serde::Deserialize)]
        struct Asked {
            by: String,
            level: Autonomy,
            at: i64,
        }
        // One wish is good for one raise, also where both are in this transaction.
        let stored = match self.batch.document(kind::ASKED, name) {
            Some(body) => body.map(str::to_owned),
            None => self.reader.document(kind::ASKED, name)?,
        };
        let asked = stored.and_then(|body| serde_json::from_str::<Asked>(&body).ok());
        #[cfg(feature = "planted")]
        if is(Bug::OnePersonRaises) {
            return Ok(asked.map(|asked| asked.by));
        }
        let lately = |asked: &Asked| self.at.since(Time(asked.at)) <= AGREE_WITHIN;
        Ok(asked.filter(|asked| asked.level == level && asked.by != by && lately(asked)).map(|asked| asked.by))
    }

    fn pause(&mut self, by: &str, playbook: Option<String>, pause: Pause) -> Result<Reply, Refused> {
        match &playbook {
            Some(name) if !self.policy.book.playbooks.iter().any(|playbook| playbook.name == *name) => {
                return Err(Refused::NoPlaybook(name.clone()));
            }
            Some(name) if pause == Pause::None => {
                self.ladder.paused.remove(name);
            }
            Some(name) => {
                self.ladder.paused.insert(name.clone(), pause);
            }
            None => self.ladder.pause = pause,
        }
        self.keep_ladder();
        Ok(Reply::Done(self.note(by, What::Paused { playbook, pause })))
    }

    fn keep_ladder(&mut self) {
        self.batch.documents.push((kind::LADDER, "current".into(), Some(super::restart::ladder_text(&self.ladder))));
    }

    fn context(&mut self, source: String, condition: String, because: Vec<String>) -> Reply {
        self.batch.documents.push((kind::CONTEXT, source.clone(), Some(condition.clone())));
        Reply::Done(self.note("", What::Context { source, condition, because }))
    }

    /// Removal follows the commit that notes it: see [`Driver::turn`].
    fn forget(&mut self, by: &str, (raw, entries): (Time, Time), blocks: u32) -> Result<Result<Reply, Refused>, StoreError> {
        if self.store.forgettable(raw, entries)? == 0 {
            return Ok(Ok(Reply::Kept));
        }
        self.forgetting = Some((raw, entries, blocks));
        let (raw_before, entries_before) = (raw.to_string(), entries.to_string());
        let (raw_to, entries_to) = (self.reader.since(raw.max(entries))?, self.reader.since(entries)?);
        Ok(Ok(Reply::Done(self.note(by, What::Forgot { raw_before, entries_before, raw_to, entries_to }))))
    }

    fn reviewed(&mut self, by: &str, what: What, body: String) -> Reply {
        if let What::Review { review, .. } = &what {
            self.batch.documents.push((kind::REVIEW, review.clone(), Some(body)));
        }
        Reply::Done(self.note(by, what))
    }

    fn reconsider(&mut self, by: &str, id: CaseId, what: What, outcome: Outcome) -> Result<Result<Reply, Refused>, StoreError> {
        let Some(mut kept) = self.case(id)? else { return Ok(Err(Refused::NoCase(id))) };
        let mut case: Case = as_case(&kept);
        let step = step::step(&case, &Input::Reconsidered(outcome), &self.policy.book).unwrap_or_default();
        step.events.iter().for_each(|event: &Event| case.apply(event));
        take(&mut kept, &case);
        kept.review = true;
        Ok(Ok(Reply::Done(self.note_case(by, kept, what))))
    }
}

/// What people are told of a case that somebody's answer, or silence, raised.
fn raised(kept: &Kept, what: &What, at: Time) -> Outgoing {
    let body = serde_json::json!({
        "case": kept.id.to_string(), "outcome": kept.outcome.to_string(), "score": kept.score,
        "playbook": kept.playbook, "subject": kept.subject, "title": kept.title, "because": crate::view::in_words(what).1,
    });
    Outgoing { id: 0, topic: "case".into(), body: body.to_string(), attempts: 0, due: at }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}
