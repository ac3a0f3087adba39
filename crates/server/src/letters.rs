//! Letters: a link for one person and one purpose, with which they answer a question or a plan.
//!
//! Whoever holds the link may answer once, until its time is over. For a question the link is all that it takes, so that the
//! answer is a claim and no more. For a plan it is a way to the page: what decides is a note signed with the person's own key,
//! which the hand checks as it checks every other.
//!
//! Of a link's secret its digest alone is kept. It is drawn when the letter is sent, and never stands in the store.
//!
//! INVARIANT: reading a letter changes nothing, however often and whoever does it: programs of the mail system open links.

pub mod ask;
mod page;
pub mod people;
pub mod plans;
pub mod post;
mod visit;

pub use visit::{Form, look, say};

use crate::accounts::{Throttle, draw, token_digest};
use crate::api::cases::hex;
use crate::app::App;
use crate::config::{Carries, Config};
use crate::problem::{Kind, Problem};
use adjutant_model::{CaseId, Digest, Time};
use adjutant_rules::question::Way;
use adjutant_runtime::drive::{Command, kind};
use adjutant_runtime::event::Questioned;
use adjutant_runtime::ports::StoreError;
use adjutant_runtime::service::{Failed, Service};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Letters that may be open at a time.
const OPEN_MAX: usize = 10_000;

/// Links that lead nowhere which an address may try for nothing, and its longest wait, in seconds.
const STRANGER_FAILURES: (u32, i64) = (10, 900);

/// Answers that are none which a letter takes for nothing, and the longest wait between two, in seconds.
const ANSWER_FAILURES: (u32, i64) = (5, 300);

/// One document as it is written or removed.
type Document = (&'static str, String, Option<String>);

/// A letter that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Its name.
    pub id: String,
    /// Who wanted it; empty for the machine itself.
    #[serde(default)]
    pub by: String,
    /// The case.
    pub case: String,
    /// To whom.
    pub to: Addressee,
    /// About what.
    pub about: About,
    /// Until when it can be answered.
    pub until: Time,
    /// Digests of the secrets of its links: one for each time that it was sent.
    #[serde(default)]
    pub links: Vec<String>,
    /// When it was sent.
    #[serde(default)]
    pub sent: Option<Time>,
    /// When somebody was reminded of it: once.
    #[serde(default)]
    pub reminded: Option<Time>,
    /// Whether its question was shown.
    #[serde(default)]
    pub opened: bool,
    /// How often it was tried to be sent.
    #[serde(default)]
    pub attempts: u32,
    /// When it is to be sent.
    pub due: Time,
}

/// A person and a way to them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Addressee {
    /// Who, as our directory or the list of keys knows them.
    pub who: String,
    /// On which way.
    pub way: Way,
    /// The address there.
    pub address: String,
}

/// What a letter is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// A question.
    Question(Box<Questioned>),
    /// A plan that waits for approval: its digest.
    Plan(String),
}

/// How letters are written here, and what holds for their answers.
pub struct Letters {
    url: Option<String>,
    per_hour_max: usize,
    ways: BTreeSet<Way>,
    people: BTreeMap<String, String>,
    /// Held from reading a letter until what became of it is durable: a link is good for one answer.
    changing: Mutex<()>,
    strangers: Mutex<Throttle>,
    answers: Mutex<Throttle>,
}

impl Default for Letters {
    /// None are written.
    fn default() -> Self {
        Self::new(&Config::default())
    }
}

impl Letters {
    /// As the configuration says.
    pub fn new(config: &Config) -> Self {
        let letters = &config.letters;
        let carried = letters.webhook.filter(|_| config.notify.webhook.is_some()).map(|carries| match carries {
            Carries::Phone => Way::Phone,
            Carries::Chat => Way::Chat,
        });
        let throttle = |(free, longest)| Mutex::new(Throttle::new(free, longest));
        Self {
            url: letters.url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
            per_hour_max: letters.per_hour_max as usize,
            ways: config.notify.smtp.iter().map(|_| Way::Mail).chain(carried).collect(),
            people: letters.people.iter().map(|person| (person.name.clone(), person.mail.clone())).collect(),
            changing: Mutex::new(()),
            strangers: throttle(STRANGER_FAILURES),
            answers: throttle(ANSWER_FAILURES),
        }
    }

    /// Whether letters are written at all.
    pub fn are_written(&self) -> bool {
        self.url.is_some() && !self.ways.is_empty()
    }

    /// Waits until nobody else changes letters.
    fn alone(&self) -> MutexGuard<'_, ()> {
        // What a panic left half done was not committed.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Letter {
    /// A letter with a name of its own.
    ///
    /// # Errors
    /// The system gives no random numbers.
    fn new((by, case): (&str, &str), to: Addressee, about: About, (due, until): (Time, Time)) -> Result<Self, Problem> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|_| no_randomness())?;
        let (id, by, case) = (hex(&id), by.to_owned(), case.to_owned());
        Ok(Self {
            id,
            by,
            case,
            to,
            about,
            until,
            links: Vec::new(),
            sent: None,
            reminded: None,
            opened: false,
            attempts: 0,
            due,
        })
    }

    /// Whether somebody is to be reminded of it: half of the time that it gave them is over.
    fn is_half_over(&self, now: Time) -> bool {
        let is_over = |sent: Time| now.since(sent).0 >= self.until.since(sent).0 / 2;
        self.reminded.is_none() && self.sent.is_some_and(is_over) && self.due <= now
    }

    /// The document that keeps it.
    fn kept(&self) -> Document {
        // Text keys and plain values alone: writing them cannot fail.
        (kind::LETTER, self.id.clone(), serde_json::to_string(self).ok())
    }

    /// What removes it with its links.
    fn gone(&self) -> Vec<Document> {
        let links = self.links.iter().map(|link| (kind::LINK, link.clone(), None));
        links.chain([(kind::LETTER, self.id.clone(), None)]).collect()
    }

    /// Draws one more link to it; returns the URL, and the document that leads from its digest to the letter.
    fn link(&mut self, letters: &Letters) -> Result<(String, Document), Problem> {
        let url = letters.url.as_deref().ok_or_else(switched_off)?;
        let drawn = draw().map_err(|_| no_randomness())?;
        let digest = drawn.hash.to_string();
        self.links.push(digest.clone());
        Ok((format!("{url}/l/{}", drawn.text.reveal()), (kind::LINK, digest, Some(self.id.clone()))))
    }

    /// The case that it is about.
    fn case_id(&self) -> Option<CaseId> {
        case_id(&self.case)
    }
}

/// The case with this whole name.
pub(crate) fn case_id(text: &str) -> Option<CaseId> {
    let digits = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32)?;
    Some(CaseId(digits.to_be_bytes()))
}

/// Every letter that waits.
///
/// # Errors
/// The store cannot be read.
pub fn open(service: &Service) -> Result<Vec<Letter>, StoreError> {
    let all = service.read(|reader| reader.documents(kind::LETTER))?;
    Ok(all.into_iter().filter_map(|(_, body)| serde_json::from_str(&body).ok()).collect())
}

/// The letter to which this link's secret leads.
fn found(service: &Service, secret: &str) -> Result<Option<Letter>, StoreError> {
    let Some(digest): Option<Digest> = token_digest(secret.as_bytes()) else { return Ok(None) };
    service.read(|reader| {
        let Some(id) = reader.document(kind::LINK, &digest.to_string())? else { return Ok(None) };
        let letter = reader.document(kind::LETTER, &id)?;
        Ok(letter.and_then(|body| serde_json::from_str(&body).ok()))
    })
}

/// Keeps documents, without an entry of the ledger.
fn keep(app: &App, documents: Vec<Document>) -> Result<(), Failed> {
    app.service.command_blocking("", Command::Keep(documents)).map(|_| ())
}

/// Whether one more letter may be opened.
fn has_room(app: &App) -> Result<bool, StoreError> {
    Ok(app.service.read(|reader| reader.documents(kind::LETTER))?.len() < OPEN_MAX)
}

fn switched_off() -> Problem {
    let detail =
        "this service writes no letters: set `letters.url`, and `notify.smtp` or `notify.webhook` with `letters.webhook`";
    Problem::new(Kind::Conflict, detail)
}

fn no_randomness() -> Problem {
    Problem::new(Kind::Unavailable, "the operating system gives no random bytes")
}

#[cfg(test)]
mod tests;
