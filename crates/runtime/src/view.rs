//! What people read of what was committed: one decision with its reasons, one case with its evidence and its story.

use crate::archive::Entry;
use crate::drive::{entry_at, kind};
use crate::event::flag;
use crate::event::{self, Evidence, Head, Kind, LookedUp, Noted, Slots, What};
use crate::policy::Policy;
use crate::ports::{Kept, Parts, Read, StoreError};
use crate::service::Service;
use adjutant_engine::context::Said;
use adjutant_engine::explain::{self, style::Line};
use adjutant_engine::flip;
use adjutant_engine::record::{Parts as RecordParts, Record, Signal};
use adjutant_model::schema::slots as s;
use adjutant_model::{Digest, Outcome, Time};
use adjutant_rules::Book;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Characters of what a look-up found that a story shows.
const LOOKED_UP_CHARS_MAX: usize = 400;

/// Books of the past that are kept compiled.
const BOOKS_KEPT: usize = 4;

/// The books that decided, compiled when they are asked for.
#[derive(Default)]
pub struct Library(Mutex<HashMap<Digest, Arc<Book>>>);

/// One decision.
pub struct Decision {
    /// Its number in the ledger.
    pub seq: u64,
    /// What its entry begins with.
    pub head: Head,
    /// Who sent the alert.
    pub sender: String,
    /// The decision with everything that led to it.
    pub entry: Entry,
    /// The book that decided.
    pub book: Arc<Book>,
}

/// One moment of a case's story.
#[derive(Clone, Debug, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Moment {
    /// The number of its entry in the ledger.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// Who; empty for the machine itself.
    pub by: String,
    /// What kind of thing: `decided`, `verdict`, `assigned`, `commented`, `reconsidered`.
    pub kind: String,
    /// What, in words.
    pub text: String,
    /// The decision's name, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
}

impl Library {
    /// The book with this digest.
    ///
    /// # Errors
    /// It is not stored, or does not compile any more.
    pub fn book(&self, digest: Digest, policy: &Policy, reader: &mut dyn Read) -> Result<Arc<Book>, StoreError> {
        if policy.book.digest == digest {
            return Ok(Arc::clone(&policy.book));
        }
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(book) = lock().get(&digest) {
            return Ok(Arc::clone(book));
        }
        let book = Arc::new(load(digest, reader)?);
        let mut books = lock();
        if books.len() >= BOOKS_KEPT {
            books.clear();
        }
        books.insert(digest, Arc::clone(&book));
        Ok(book)
    }
}

fn load(digest: Digest, reader: &mut dyn Read) -> Result<Book, StoreError> {
    let missing = || StoreError::Damaged(format!("the book {digest} decided here and cannot be read"));
    let text = reader.document(kind::BOOK, &digest.to_string())?.ok_or_else(missing)?;
    let files = serde_json::from_str(&text).map_err(|_| missing())?;
    Book::load(files).map_err(|_| missing())
}

impl Service {
    /// The decision that is the entry `seq`; none when that is no decision, or retention removed it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn decision(&self, seq: u64) -> Result<Option<Decision>, StoreError> {
        let policy = self.policy();
        self.read(|reader| {
            let Some(bytes) = entry_at(reader, seq)? else { return Ok(None) };
            let broken = |_| StoreError::Damaged(format!("entry {seq} cannot be read"));
            let Kind::Decided(head, sender, rest) = event::kind(&bytes).map_err(broken)? else { return Ok(None) };
            let book = self.library().book(head.book, &policy, reader)?;
            let mut entry = Entry::default();
            event::decided(&head, rest, &Slots::of(&book), &mut entry).map_err(broken)?;
            Ok(Some(Decision { seq, head, sender: sender.to_owned(), entry, book }))
        })
    }

    /// What is noted as the entry `seq`; none when that is something else, or retention removed it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn noted(&self, seq: u64) -> Result<Option<Noted>, StoreError> {
        self.read(|reader| {
            let Some(bytes) = entry_at(reader, seq)? else { return Ok(None) };
            let broken = |_| StoreError::Damaged(format!("entry {seq} cannot be read"));
            Ok(match event::kind(&bytes).map_err(broken)? {
                Kind::Noted(noted) => Some(*noted),
                Kind::Decided(..) | Kind::Handover => None,
            })
        })
    }

    /// The raw alert of the decision that is the entry `seq`; none when retention removed it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn raw(&self, seq: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|reader| raw_at(reader, seq))
    }

    /// The story of a case, the latest moment first: at most `most`, beginning with the entry `last` minus one. The second
    /// is where to go on; zero at the end. Where `blind`, it does not say what the machine made of the case.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn story(&self, mut last: u64, most: usize, blind: bool) -> Result<(Vec<Moment>, u64), StoreError> {
        self.read(|reader| {
            let mut story = Vec::new();
            while let (Some(seq), true) = (last.checked_sub(1), story.len() < most) {
                // Retention removed what was before.
                let Some(bytes) = entry_at(reader, seq)? else { return Ok((story, 0)) };
                let broken = |_| StoreError::Damaged(format!("entry {seq} cannot be read"));
                let (moment, previous) = moment(seq, event::kind(&bytes).map_err(broken)?, blind);
                story.push(moment);
                // A chain that does not lead back would be walked for ever.
                last = if previous < last { previous } else { 0 };
            }
            Ok((story, last))
        })
    }
}

/// The raw alert of the decision that is the entry `seq`; none when retention removed it.
pub(crate) fn raw_at(reader: &mut dyn Read, seq: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let mut raw = None;
    reader.blocks(seq, Parts::Raw, &mut |block| {
        let nth = usize::try_from(seq.saturating_sub(block.first)).unwrap_or(usize::MAX);
        // Raw alerts are stored in the order of the decisions of their commit.
        let is_decision =
            |piece: &Result<&[u8], _>| piece.as_ref().is_ok_and(|piece: &&[u8]| piece.first() == Some(&event::DECIDED));
        let before = event::pieces(&block.entries).take(nth).filter(is_decision).count();
        raw = event::pieces(&block.raw).nth(before).and_then(Result::ok).map(<[u8]>::to_vec);
        Ok(false)
    })?;
    Ok(raw)
}

fn moment(seq: u64, what: Kind<'_>, blind: bool) -> (Moment, u64) {
    match what {
        Kind::Decided(head, sender, _) => {
            let came = if blind { "decided".into() } else { format!("{} with score {}", head.outcome(), head.score) };
            let again = if head.flags & flag::AGAIN == 0 { "" } else { ", again with what was looked up" };
            let text = format!("{came} (revision {}, from {sender}{again})", head.revision.0);
            let (at, kind, decision) = (head.at.to_string(), "decided".into(), Some(hex(&head.decision)));
            (Moment { seq, at, by: String::new(), kind, text, decision }, head.previous)
        }
        // A handover is about no case, so no story leads to it.
        Kind::Handover => {
            let text = "a new key of the ledger follows the old one".to_owned();
            (Moment { seq, at: String::new(), by: String::new(), kind: "handover".into(), text, decision: None }, 0)
        }
        Kind::Noted(noted) => {
            let Noted { at, by, previous, what, .. } = *noted;
            let (kind, text) = match &what {
                What::Reconsidered { review, .. } if blind => {
                    ("reconsidered", format!("with what is known now (review {review})"))
                }
                what => in_words(what),
            };
            (Moment { seq, at, by, kind: kind.into(), text, decision: None }, previous)
        }
    }
}

/// What was noted, as its kind and a sentence.
pub fn in_words(what: &What) -> (&'static str, String) {
    match what {
        What::Verdict { verdict, because, note, .. } => {
            let rows = because.iter().map(|evidence| format!("{} ({})", evidence.row, evidence.name)).collect::<Vec<_>>();
            let note = if note.is_empty() { String::new() } else { format!(": {note}") };
            let verdict = match verdict {
                adjutant_engine::step::Verdict::Close => "closed",
                adjutant_engine::step::Verdict::Reopen => "reopened",
                adjutant_engine::step::Verdict::Escalate => "escalated",
            };
            ("verdict", format!("{verdict} because of {}{note}", rows.join(", ")))
        }
        What::Assigned { to } if to.is_empty() => ("assigned", "assigned to nobody".into()),
        What::Assigned { to } => ("assigned", format!("assigned to {to}")),
        What::Commented { text } => ("commented", text.clone()),
        What::Reconsidered { was, is, score, review, .. } => {
            ("reconsidered", format!("{was} then, {is} with what is known now (score {score}; review {review})"))
        }
        What::Book { book } => ("book", format!("the book {} decides", book.get(..6).unwrap_or(book))),
        What::Asked { rung, level } => {
            ("asked", format!("{} {} {} to {level}: waits for a second person", rung.playbook, rung.verb, rung.scope))
        }
        What::Autonomy { rung, from, level, asked_by } => {
            let second = if asked_by.is_empty() { String::new() } else { format!(", asked by {asked_by}") };
            ("autonomy", format!("{} {} {}: {from} to {level}{second}", rung.playbook, rung.verb, rung.scope))
        }
        What::Paused { playbook, pause } => ("paused", format!("{}: {pause:?}", playbook.as_deref().unwrap_or("everything"))),
        What::Context { source, condition, because } => ("context", format!("{source} is {condition} {}", because.join("; "))),
        What::Review { review, source, used, flipped, .. } => {
            ("review", format!("{review}: {flipped} of {used} decisions that used {source} come out differently"))
        }
        What::Account { change } => ("account", change.to_string()),
        What::Forgot { raw_before, entries_before, .. } => {
            ("forgot", format!("raw alerts from before {raw_before} and entries from before {entries_before}, as retention says"))
        }
        What::Signed { note } => ("signed", note.lines().take(2).collect::<Vec<_>>().join(" ")),
        What::Hand { says, body, .. } => ("hand", of_hand(says, body)),
        What::LookedUp(looked) => ("looked-up", of_lookup(looked)),
        What::Questioned(asked) => {
            let instead = if asked.instead.is_empty() { String::new() } else { format!(" ({})", asked.instead) };
            let of = if asked.to == asked.of { String::new() } else { format!(" about {}", asked.of) };
            let (to, way, until) = (&asked.to, asked.way.name(), &asked.until);
            ("questioned", format!("{to} was asked{of} by {way}{instead}, until {until}: \"{}\"", asked.wording))
        }
        What::Unasked { question, of, why } => ("unasked", format!("{question}: nobody can be asked about {of}: {why}")),
        What::Opened { .. } => ("opened", "the question was shown to whoever has the letter".into()),
        What::Answered(said) => {
            let (to, way, assurance) = (&said.to, said.way.name(), said.assurance.name());
            let claim = format!("a claim, {} and by {way}, of {assurance} assurance", said.choice.means.name());
            let advice = said.choice.advice.as_ref().map_or_else(String::new, |advice| format!("; {advice}"));
            ("answered", format!("{to}: \"{}\" ({claim}){advice}", said.choice.says))
        }
        What::Silent { question, to, .. } => ("silent", format!("{to} did not answer {question} in time, which says nothing")),
        What::Prompted { plan, to, way, .. } => {
            ("prompted", format!("{to} was told by {} that plan {} waits", way.name(), plan.get(..12).unwrap_or(plan)))
        }
        What::Reminded { about, to, way, .. } => {
            ("reminded", format!("{to} was reminded by {} of {}", way.name(), about.get(..12).unwrap_or(about)))
        }
        What::Clicked { who, member, button, plan } => {
            let plan = plan.get(..12).unwrap_or(plan);
            ("clicked", format!("{who} ({member}) clicked {button} about plan {plan}: the channel's word, and no signature"))
        }
        What::Undelivered { about, to, why } => {
            ("undelivered", format!("a letter to {to} about {} was not delivered: {why}", about.get(..40).unwrap_or(about)))
        }
        What::Restored { entries } => ("restored", format!("from a backup of {entries} entries")),
    }
}

/// What came of a look-up as a sentence.
fn of_lookup(looked: &LookedUp) -> String {
    let LookedUp { connector, of, name, said, why, .. } = looked;
    let Some(Said { at, found }) = said else { return format!("{connector} did not say who {of} {name} is: {why}") };
    let [one] = &**found else {
        let many = if found.is_empty() { "knows no" } else { "knows more than one" };
        return format!("{connector} {many} {of} {name} (at {at})");
    };
    let groups = one.groups.as_ref().filter(|groups| !groups.is_empty()).map(|groups| format!("groups {}", groups.join(", ")));
    let facts = one.facts.iter().map(|(fact, value)| format!("{fact} {value}")).chain(groups).collect::<Vec<_>>();
    let short: String = facts.join("; ").chars().take(LOOKED_UP_CHARS_MAX).collect();
    format!("{connector} knows {of} {name} as {}: {short} (at {at})", one.name)
}

/// A line of the hand's journal as a sentence.
fn of_hand(says: &str, body: &serde_json::Value) -> String {
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let short = |name: &str| text(name).get(..12).unwrap_or(text(name));
    match says {
        "plan" => format!("plan {} was made", short("plan")),
        "stage" => format!("action {} was {} and is {}: {}", short("action"), text("was"), text("is"), text("says")),
        "approve" | "deny" | "undo" | "resume" => format!("{} said {says} about {}", text("by"), short("about")),
        "key" => format!("the key {} of {}", text("id"), text("name")),
        "pause" if text("pause").is_empty() => "the hand acts again".into(),
        "pause" => format!("the hand begins nothing more: {}", text("pause")),
        other => format!("{other} {body}"),
    }
}

impl Decision {
    /// The decision's name.
    pub fn id(&self) -> String {
        hex(&self.head.decision)
    }

    /// The published record.
    pub fn record(&self) -> Record {
        let Entry { alert, decision, problems, duplicate, .. } = &self.entry;
        Record::new(RecordParts { decision, alert, problems, input: &self.sender, duplicate: *duplicate, book: &self.book })
    }

    /// The walk from the raw field to the outcome.
    pub fn explained(&self, width: usize) -> Vec<Line> {
        let row = &self.entry.alert.row;
        let flips = flip::flips(&self.entry.decision, row, row.time(s::ALERT_TIME).unwrap_or_default(), &self.book);
        explain::explain(&self.record(), &flips, width)
    }
}

/// The rows of evidence of a decision, as people cite them: what fired, what was muted, what could not be told.
pub fn evidence(record: &Record) -> Vec<Evidence> {
    let weighed = |signal: &Signal| format!("{:+} {}: {}", signal.points, signal.state, signal.because);
    rows(record, weighed, format!("score {} of {} signals", record.score, record.signals.len()))
}

/// The same rows without what they count.
pub fn unweighed(record: &Record) -> Vec<Evidence> {
    let plain = |signal: &Signal| format!("{}: {}", signal.state, signal.because);
    rows(record, plain, format!("what {} signals say together", record.signals.len()))
}

fn rows(record: &Record, says: impl Fn(&Signal) -> String, sum: String) -> Vec<Evidence> {
    let telling = record.signals.iter().filter(|signal| signal.state != "silent");
    let signals = telling.map(|signal| (signal.id.clone(), says(signal)));
    let guards = record.guards.iter().map(|guard| ("guard".to_owned(), guard.clone()));
    // Where nothing fired, that is the evidence.
    let silent = ("score".to_owned(), sum);
    let rows = signals.chain(guards).chain([silent]);
    (1..).zip(rows).map(|(number, (name, says))| Evidence { row: format!("E{number}"), name, says }).collect()
}

/// What is left to cite of a decision that retention removed: without it nobody could judge its case any more.
pub fn removed(seq: u64) -> Evidence {
    let says = format!("retention removed the decision; its leaf stays in the ledger as entry {seq}");
    Evidence { row: "E1".into(), name: "removed".into(), says }
}

/// What a queue shows of a case: the blind sample must not show.
pub fn shown_outcome(kept: &Kept) -> Outcome {
    if kept.sampled && kept.status == adjutant_engine::step::Status::Open {
        kept.outcome.max(Outcome::Escalate)
    } else {
        kept.outcome
    }
}

/// Whether a moment lies in a stretch of time.
pub(crate) fn within(at: Time, from: Time, to: Time) -> bool {
    at >= from && at < to
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}
