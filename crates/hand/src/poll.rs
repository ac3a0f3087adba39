//! Fetches what a vendor saw, and hands it to the service as alerts, at least once.
//!
//! The place up to which everything was taken stands in a file of the hand's folder, and moves only after the service has said
//! that it holds the records. Each look goes back a little before it: what arrived late at the vendor is fetched too, and what
//! comes twice is one alert to the service.

use crate::connector::{CallError, Connector};
use crate::hand::Clock;
use crate::thanks::Thanks;
use adjutant_model::{Digest, Duration, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Records that are handed on at once.
const TOGETHER: usize = 200;

/// Records that are remembered as taken, so that they are not sent again within the overlap.
const REMEMBERED_MAX: usize = 50_000;

/// Pages of one look; the next look goes on where this ended.
const PAGES_MAX: usize = 50;

/// What a connector polls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polls {
    /// Of which source of the book the records are; empty when they are verdicts.
    pub source: String,
    /// The records say which cases people closed elsewhere, and are no alerts.
    pub verdicts: bool,
    /// How far each look goes back before what was taken already.
    pub overlap: Duration,
    /// The vendor's own mark of a place is kept and not a time: nothing that is new to the vendor has an older one, whatever time
    /// it bears.
    pub marks: bool,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Its records, each with the time that the vendor sorts by; `null` is one that is nobody's business.
    pub records: Vec<(String, Value)>,
    /// Messages of mail, which are handed on as they stand, alone or with what DNS says about each; only with [`Polls::marks`].
    pub messages: Vec<Message>,
    /// Where the next one is, for [`Connector::poll`] alone; with [`Polls::marks`] the place up to which this one goes.
    pub next: Option<String>,
}

/// A message of mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its bytes (RFC 5322), alone or with what DNS says.
    pub raw: Vec<u8>,
    /// Who reported it, where that is one of ours and a machine may answer; with the digest of the report alone.
    pub thanks: Option<(String, Digest)>,
}

/// What the service made of a message that it took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Taken {
    /// The case that it joined.
    pub case: String,
    /// The decision's name.
    pub decision: String,
}

/// Takes records. When it returns, they are held, or known already.
pub trait Intake: Send + Sync {
    /// Takes `records` of `source`.
    ///
    /// # Errors
    /// [`CallError::Permanent`] when it will never take these; what it holds of them otherwise is not known.
    fn take(&self, source: &str, records: &[&Value]) -> Result<(), CallError>;

    /// Takes one raw message of mail (RFC 5322), whose bytes are kept; or one with what DNS says about it, as one record.
    ///
    /// # Errors
    /// [`CallError::Permanent`] when it will never take this.
    fn take_message(&self, _message: &[u8]) -> Result<Taken, CallError> {
        Err(CallError::Permanent("no messages are taken here".to_owned()))
    }
}

/// Polls one connector.
pub struct Poller {
    /// Its configured name.
    pub name: String,
    /// It.
    pub connector: Arc<dyn Connector>,
    /// Where the records go.
    pub intake: Arc<dyn Intake>,
    /// The file with the place up to which everything was taken.
    pub file: PathBuf,
    /// How far the very first look goes back.
    pub first: Duration,
    /// The clock.
    pub clock: Clock,
    /// Thanks whoever reports something, if anybody does.
    pub thanks: Option<Thanks>,
}

/// What is known between two looks; nothing of it is needed for everything to be taken.
#[derive(Default)]
pub struct Between {
    /// The next page of a look that did not end.
    next: Option<String>,
    taken: HashMap<Digest, Time>,
}

/// What came of a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Records that the service took, or knew.
    pub taken: u64,
    /// Records that it will never take; it has noted why.
    pub refused: u64,
    /// There is more.
    pub more: bool,
}

impl Poller {
    /// Fetches what is new.
    ///
    /// # Errors
    /// The vendor or the service does not answer, or the place cannot be kept; the next look fetches the same again.
    pub fn look(&self, between: &mut Between) -> Result<Looked, CallError> {
        let unkept =
            |error: io::Error| CallError::Retry(format!("the place in `{}` cannot be kept: {error}", self.file.display()));
        let polls = self.connector.polls().ok_or_else(|| CallError::Permanent(format!("{} polls nothing", self.name)))?;
        if polls.marks {
            return self.look_by_mark(&polls.source, between);
        }
        let mut place = self.place().map_err(unkept)?;
        let mut looked = Looked::default();
        between.taken.retain(|_, at| at.0 >= place.0.saturating_sub(polls.overlap.0));
        let since = Time(place.0.saturating_sub(polls.overlap.0));
        for _ in 0..PAGES_MAX {
            let page = match self.connector.poll(since, between.next.as_deref()) {
                // A page that is not there any more: from the beginning again.
                Err(CallError::Permanent(_)) if between.next.take().is_some() => continue,
                page => page?,
            };
            self.hand_on(&polls.source, &page, between, &mut looked)?;
            let newest = page.records.iter().filter_map(|(at, _)| time(at)).max();
            // A time ahead of ours must not have everything before it skipped.
            let newest = newest.map(|newest| newest.min((self.clock)()));
            if let Some(newest) = newest.filter(|newest| *newest > place) {
                keep(&self.file, &newest).map_err(unkept)?;
                place = newest;
            }
            between.next = page.next;
            if between.next.is_none() {
                return Ok(looked);
            }
        }
        Ok(Looked { more: true, ..looked })
    }

    /// The same, where the place is the vendor's own mark: each record is handed on once, unless this process ends in between.
    fn look_by_mark(&self, source: &str, between: &mut Between) -> Result<Looked, CallError> {
        let unkept =
            |error: io::Error| CallError::Retry(format!("the place in `{}` cannot be kept: {error}", self.file.display()));
        let first = Time((self.clock)().0.saturating_sub(self.first.0));
        let (mut mark, mut looked) = (self.mark().map_err(unkept)?, Looked::default());
        for _ in 0..PAGES_MAX {
            let page = self.connector.poll(first, mark.as_deref())?;
            between.taken.clear();
            self.hand_on(source, &page, between, &mut looked)?;
            for message in &page.messages {
                match self.intake.take_message(&message.raw) {
                    Ok(taken) => {
                        looked.taken += 1;
                        self.owe(message, taken);
                    }
                    Err(CallError::Permanent(_)) => looked.refused += 1,
                    Err(error) => return Err(error),
                }
            }
            // Who waits for thanks is written down before the place moves past what they reported.
            self.thanks.as_ref().map_or(Ok(()), Thanks::keep).map_err(unkept)?;
            if let Some(next) = page.next.filter(|next| mark.as_ref() != Some(next)) {
                keep(&self.file, &next).map_err(unkept)?;
                mark = Some(next);
            }
            if page.records.is_empty() && page.messages.is_empty() {
                self.thank()?;
                return Ok(looked);
            }
        }
        self.thank()?;
        Ok(Looked { more: true, ..looked })
    }

    fn owe(&self, message: &Message, taken: Taken) {
        if let (Some(thanks), Some((reporter, digest))) = (&self.thanks, &message.thanks) {
            thanks.owe(reporter, *digest, taken);
        }
    }

    fn thank(&self) -> Result<(), CallError> {
        let unsent = |refused: crate::hand::Refused| CallError::Retry(format!("nobody can be thanked: {refused}"));
        let unkept = |error: io::Error| CallError::Retry(format!("who waits for thanks cannot be kept: {error}"));
        self.thanks.as_ref().map_or(Ok(()), |thanks| thanks.send().map_err(unsent).and(thanks.keep().map_err(unkept)))
    }

    fn mark(&self) -> io::Result<Option<String>> {
        match std::fs::read_to_string(&self.file) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn hand_on(&self, source: &str, page: &Page, between: &mut Between, looked: &mut Looked) -> Result<(), CallError> {
        let digest = |record: &Value| Digest::of(record.to_string().as_bytes());
        let fresh: Vec<&(String, Value)> =
            page.records.iter().filter(|(_, record)| !record.is_null() && !between.taken.contains_key(&digest(record))).collect();
        for some in fresh.chunks(TOGETHER) {
            let records: Vec<&Value> = some.iter().map(|(_, record)| record).collect();
            self.take(source, &records, looked)?;
            for (at, record) in some {
                if between.taken.len() < REMEMBERED_MAX {
                    between.taken.insert(digest(record), time(at).unwrap_or_default());
                }
            }
        }
        Ok(())
    }

    /// Hands records on; where some are refused for good, the others are not held up by them.
    fn take(&self, source: &str, records: &[&Value], looked: &mut Looked) -> Result<(), CallError> {
        match (self.intake.take(source, records), records.len()) {
            (Ok(()), taken) => looked.taken += taken as u64,
            (Err(CallError::Permanent(_)), 1) => looked.refused += 1,
            (Err(CallError::Permanent(_)), many) => {
                let (first, second) = records.split_at(many / 2);
                self.take(source, first, looked)?;
                self.take(source, second, looked)?;
            }
            (Err(error), _) => return Err(error),
        }
        Ok(())
    }

    /// The place up to which everything was taken.
    fn place(&self) -> io::Result<Time> {
        match std::fs::read_to_string(&self.file) {
            Ok(text) => {
                let damaged = || io::Error::other("it holds no time: remove it, and what was seen before now is not fetched");
                time(text.trim()).ok_or_else(damaged)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let first = Time((self.clock)().0.saturating_sub(self.first.0));
                keep(&self.file, &first)?;
                Ok(first)
            }
            Err(error) => Err(error),
        }
    }
}

/// A time as vendors write it; with an offset, with or without parts of seconds.
pub fn time(text: &str) -> Option<Time> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Time(at.as_microsecond()))
}

/// Writes the file so that it is whole, whenever the machine stops.
pub(crate) fn keep(file: &Path, place: &dyn std::fmt::Display) -> io::Result<()> {
    let new = file.with_added_extension("new");
    let mut writes = File::create(&new)?;
    writeln!(writes, "{place}")?;
    writes.sync_all()?;
    std::fs::rename(&new, file)?;
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests;
