//! A search through all mailboxes, several at a time: the server searches, and only what it found is fetched.

use super::copies::day;
use super::link::{Link, Piece, quoted};
use super::trouble::Trouble;
use super::{Imap, clean_text};
use adjutant_hand::connector::{CallError, Found};
use adjutant_model::EntityKind;
use adjutant_model::act::Target;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// References that an answer holds. What there is more is counted.
pub const HITS_MAX: usize = 1_000;

/// The longest text that is searched for.
const TEXT_CHARS_MAX: usize = 250;

/// Mailboxes that an answer to a person has, and messages of each.
const ROWS_MAX: usize = 500;
const SHOWN_MAX: usize = 10;

/// Mailboxes that could not be searched and are named.
const UNREAD_NAMED_MAX: usize = 20;

/// What is searched for: everything that is given must be so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Its Message-ID, or a part of it.
    pub message_id: Option<String>,
    /// A part of the sender's address or name.
    pub sender: Option<String>,
    /// A part of the subject.
    pub subject: Option<String>,
    /// A part of what stands in its text, such as a link's host and path. Servers read every message for that, unless something
    /// else is given besides.
    pub link: Option<String>,
    /// It came on this day or later, in seconds since 1970.
    pub since: Option<i64>,
}

/// Where a message is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Hit {
    /// The mailbox.
    pub mailbox: String,
    /// The folder in it.
    pub folder: String,
    /// Under which numbers the folder has its messages.
    pub validity: u32,
    /// The message's number.
    pub uid: u32,
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hits {
    /// Where the messages are, sorted, at most [`HITS_MAX`].
    pub found: Vec<Hit>,
    /// How many each mailbox has.
    pub counts: BTreeMap<String, usize>,
    /// How many there are in all.
    pub total: usize,
    /// Mailboxes that were searched.
    pub searched: usize,
    /// Mailboxes that were not, with why: a few of them.
    pub unread: BTreeMap<String, String>,
    /// How many were not.
    pub unread_count: usize,
}

impl Query {
    /// What a person asks for: `from:`, `subject:`, `link:` or `id:` with what follows; none when it is no such question. Nothing
    /// that acts asks so: a sender chooses what a message is called.
    pub fn read(text: &str) -> Option<Query> {
        let (key, rest) = text.split_once(':')?;
        let rest = Some(rest.trim().to_owned());
        match key {
            "from" => Some(Query { sender: rest, ..Query::default() }),
            "subject" => Some(Query { subject: rest, ..Query::default() }),
            "link" => Some(Query { link: rest, ..Query::default() }),
            "id" => Some(Query { message_id: rest, ..Query::default() }),
            _ => None,
        }
    }

    /// As the protocol has it; text beyond ASCII goes as a literal.
    fn pieces(&self) -> Result<Vec<String>, CallError> {
        let keys = [("HEADER Message-ID", &self.message_id), ("FROM", &self.sender), ("SUBJECT", &self.subject)];
        let mut pieces = vec!["UID SEARCH CHARSET UTF-8".to_owned()];
        if let Some(since) = self.since {
            pieces.push(format!("SINCE {}", day(since).map_err(Trouble::of_reading)?));
        }
        // What servers have an index of comes first: what it leaves is all that they read for the rest.
        for (key, text) in keys.into_iter().chain([("BODY", &self.link)]) {
            if let Some(text) = text {
                let fits = !text.is_empty() && text.chars().count() <= TEXT_CHARS_MAX && !text.chars().any(char::is_control);
                if !fits {
                    return Err(CallError::Permanent("what is searched for is empty, too long or no text".into()));
                }
                pieces.extend([key.to_owned(), text.clone()]);
            }
        }
        if pieces.len() < 3 {
            return Err(CallError::Permanent("a search needs something to search for".into()));
        }
        Ok(pieces)
    }
}

impl Hits {
    /// One row for each mailbox that has some: how many, and where the first of them are.
    pub(super) fn by_mailbox(&self) -> Vec<Found> {
        let row = |(mailbox, count): (&String, &usize)| {
            let own = self.found.iter().filter(|hit| hit.mailbox == *mailbox).take(SHOWN_MAX);
            let places: Vec<String> = own.map(|hit| format!("{} {}.{}", hit.folder, hit.validity, hit.uid)).collect();
            let mut facts =
                BTreeMap::from([("messages".to_owned(), count.to_string()), ("places".to_owned(), places.join(", "))]);
            if self.unread_count > 0 {
                facts.insert("mailboxes_unread".to_owned(), self.unread_count.to_string());
            }
            let target = Target { kind: EntityKind::Mailbox, id: mailbox.clone(), name: mailbox.clone() };
            Found { target, aliases: Vec::new(), groups: None, facts }
        };
        self.counts.iter().take(ROWS_MAX).map(row).collect()
    }
}

impl Imap {
    /// Searches every folder of every mailbox, what is quarantined too. A mailbox that cannot be read does not end it, and is
    /// said.
    ///
    /// # Errors
    /// There is nothing to search for, or not one mailbox can be read.
    pub fn search(&self, query: &Query) -> Result<Hits, CallError> {
        let pieces = query.pieces()?;
        let per_mailbox = self.everywhere(|mailbox, link| {
            let mut hits = Vec::new();
            for folder in link.folders()? {
                let validity = link.open_folder(&folder.name, false)?;
                let uids = found(link, &pieces)?;
                let hit = |uid| Hit { mailbox: mailbox.to_owned(), folder: folder.name.clone(), validity, uid };
                hits.extend(uids.into_iter().map(hit));
            }
            Ok(hits)
        })?;
        let mut hits = Hits::default();
        for (mailbox, found) in per_mailbox {
            match found {
                Ok(found) => {
                    hits.searched += 1;
                    hits.total += found.len();
                    if !found.is_empty() {
                        hits.counts.insert(mailbox, found.len());
                    }
                    let room = HITS_MAX.saturating_sub(hits.found.len());
                    hits.found.extend(found.into_iter().take(room));
                }
                Err(error) => {
                    hits.unread_count += 1;
                    if hits.unread.len() < UNREAD_NAMED_MAX {
                        hits.unread.insert(mailbox, error.to_string());
                    }
                }
            }
        }
        hits.found.sort();
        Ok(hits)
    }

    /// Does `work` in every mailbox, several at a time, and says what came of each.
    pub(super) fn everywhere<T: Send>(
        &self,
        work: impl Fn(&str, &mut Link) -> Result<T, Trouble> + Sync,
    ) -> Result<BTreeMap<String, Result<T, CallError>>, CallError> {
        let fault = |error: super::Fault| CallError::Permanent(error.to_string());
        let mailboxes: Vec<String> = self.settings.all_mailboxes().map_err(fault)?.into_iter().collect();
        let (next, came) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        let at_once = usize::from(self.settings.connections).min(mailboxes.len());
        std::thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    while let Some(mailbox) = mailboxes.get(next.fetch_add(1, Ordering::SeqCst)) {
                        let done = self.over(mailbox, |link| work(mailbox, link).map_err(Trouble::of_reading));
                        came.lock().unwrap_or_else(PoisonError::into_inner).insert(mailbox.clone(), done);
                    }
                });
            }
        });
        let came = came.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) =
            came.values().next().filter(|_| came.values().all(Result::is_err)).and_then(|first| first.as_ref().err())
        {
            return Err(match error.clone() {
                CallError::Permanent(why) => CallError::Permanent(clean_text(&format!("no mailbox can be read: {why}"))),
                CallError::Retry(why) | CallError::Unclear(why) => {
                    CallError::Retry(clean_text(&format!("no mailbox can be read: {why}")))
                }
            });
        }
        Ok(came)
    }
}

/// What a search finds in the folder that is open.
fn found(link: &mut Link, pieces: &[String]) -> Result<Vec<u32>, Trouble> {
    let (keys, texts): (Vec<&String>, Vec<&String>) = {
        let plain = usize::from(pieces.get(1).is_some_and(|piece| piece.starts_with("SINCE ")));
        let (first, rest) = pieces.split_at(1 + plain);
        (first.iter().chain(rest.iter().step_by(2)).collect(), rest.iter().skip(1).step_by(2).collect())
    };
    let plain = keys.len() - texts.len();
    let quotes: Vec<Option<String>> = texts.iter().map(|text| quoted(text).ok()).collect();
    let mut command: Vec<Piece<'_>> = keys.iter().take(plain).map(|key| Piece::Plain(key)).collect();
    for ((key, text), quote) in keys.iter().skip(plain).zip(&texts).zip(&quotes) {
        command.push(Piece::Plain(key));
        command.push(quote.as_deref().map_or(Piece::Literal(text.as_bytes()), Piece::Plain));
    }
    link.find(&command)
}
