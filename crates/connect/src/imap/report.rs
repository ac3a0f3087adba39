//! The mailbox where people report: each message of it is handed on once, in the order of its numbers.

use super::answer::Fetched;
use super::copies::{field, halves};
use super::link::{Link, Piece};
use super::settings::{Report, address};
use super::trouble::Trouble;
use super::{Imap, letters, locked};
use crate::dns::Resolver;
use adjutant_hand::connector::CallError;
use adjutant_hand::poll::{Message, Page};
use adjutant_mail::Answered;
use adjutant_model::{Digest, Time};
use std::collections::BTreeSet;
use std::time::Duration;

/// Messages of a page.
const PAGE: usize = 20;

/// Longer ones the service does not take as they stand: what can be seen in them is handed on.
const RAW_BYTES_MAX: usize = 16 << 20;

/// A connection that waits for news.
pub(super) struct Waiting {
    link: Link,
    tag: String,
}

/// Up to where a folder was read: the number of its last message, and under which numbers that was.
fn place(mark: &str) -> Option<(u32, u32)> {
    let (validity, uid) = mark.split_once(' ')?;
    Some((validity.parse().ok()?, uid.parse().ok()?))
}

impl Imap {
    fn report(&self) -> Result<&Report, CallError> {
        self.settings.report.as_ref().ok_or_else(|| CallError::Permanent("the settings name no mailbox of reports".into()))
    }

    /// The next page of reports after `mark`; from `since` on where there is none.
    pub(super) fn reported(&self, since: Time, mark: Option<&str>) -> Result<Page, CallError> {
        let report = self.report()?;
        // Whoever reads does not wait any more.
        let waiting = locked(&self.waiting).take();
        if let Some(Waiting { mut link, tag }) = waiting
            && link.rouse(&tag).is_ok()
        {
            self.keep(&report.mailbox, link);
        }
        let mut page = self.over(&report.mailbox, |link| {
            page(link, report, since, mark, self.settings.message_bytes_max).map_err(Trouble::of_reading)
        })?;
        let people = self.settings.all_mailboxes().unwrap_or_default();
        page.messages.iter_mut().for_each(|message| message.thanks = self.to_thank(&message.raw, &people));
        let resolver = report.resolver.as_deref().map(Resolver::at).transpose();
        if let Some(mut resolver) = resolver.map_err(|fault| CallError::Permanent(fault.to_string()))? {
            for message in &mut page.messages {
                message.raw = answered(std::mem::take(&mut message.raw), &mut resolver, (self.clock)());
            }
        }
        Ok(page)
    }

    /// Who is to be thanked for this report: one of ours who says that somebody else wrote it, and never a machine.
    fn to_thank(&self, raw: &[u8], people: &BTreeSet<String>) -> Option<(String, Digest)> {
        let own = letters::address(self.settings.letters_from.as_deref()?);
        if is_automatic(halves(raw).0) {
            return None;
        }
        let facts = adjutant_mail::facts_of_text(raw);
        let reporter = address(facts.reporter.as_deref()?)?;
        let is_sender = address(&facts.from).is_none_or(|from| from == reporter);
        (people.contains(&reporter) && !is_sender && !reporter.eq_ignore_ascii_case(own)).then(|| (reporter, Digest::of(raw)))
    }

    /// Whether something new came within `span`; none when that cannot be waited for.
    pub(super) fn news_of_reports(&self, span: Duration) -> Option<bool> {
        let report = self.report().ok()?;
        let kept = locked(&self.waiting).take();
        let begun = kept.or_else(|| {
            let mut link = self.link(&report.mailbox).ok()?;
            link.open_folder(&report.folder, false).ok()?;
            let tag = link.idle().ok()?;
            Some(Waiting { link, tag })
        });
        let mut waiting = begun?;
        let news = waiting.link.news_within(span).ok()?;
        *locked(&self.waiting) = Some(waiting);
        Some(news)
    }
}

fn page(link: &mut Link, report: &Report, since: Time, mark: Option<&str>, most: u64) -> Result<Page, Trouble> {
    let validity = link.open_folder(&report.folder, false)?;
    let last = mark.and_then(place).filter(|(known, _)| *known == validity).map(|(_, uid)| uid);
    let search = match (last, mark) {
        (Some(last), _) => format!("UID SEARCH UID {}:*", last.saturating_add(1)),
        // The folder gave out its numbers anew: everything in it is handed on again, and known by whoever has it.
        (None, Some(_)) => "UID SEARCH ALL".to_owned(),
        (None, None) => format!("UID SEARCH SINCE {}", super::copies::day(since.0 / 1_000_000)?),
    };
    // `5:*` is also the last message where there is none from 5 on.
    let fresh = |uid: &u32| last.is_none_or(|last| *uid > last);
    let mut uids: Vec<u32> = link.find(&[Piece::Plain(&search)])?.into_iter().filter(fresh).collect();
    uids.truncate(PAGE);
    let mut page = Page { next: Some(format!("{validity} {}", last.unwrap_or(0))), ..Page::default() };
    for uid in uids {
        // One that was removed meanwhile is nobody's report any more.
        if let Some(fetched) = link.message(uid, &format!("UID INTERNALDATE BODY.PEEK[]<0.{most}>"))? {
            put(fetched, &mut page);
        }
        page.next = Some(format!("{validity} {uid}"));
    }
    Ok(page)
}

/// Whether a machine wrote the message, which no machine answers (RFC 3834, 2): it would answer again.
fn is_automatic(head: &[u8]) -> bool {
    let has = |name: &str, says: &[&str]| {
        let value = field(head, name).unwrap_or_default().to_ascii_lowercase();
        says.iter().any(|word| value.starts_with(word))
    };
    let automatic = field(head, "auto-submitted").is_some_and(|value| !value.to_ascii_lowercase().starts_with("no"));
    let of_list = ["list-id", "list-post", "list-unsubscribe"].iter().any(|name| field(head, name).is_some());
    automatic
        || of_list
        || has("precedence", &["bulk", "junk", "list"])
        || has("return-path", &["<>"])
        || has("content-type", &["multipart/report"])
}

/// The message with what DNS says about it; the message alone where both together are longer than the service takes.
fn answered(message: Vec<u8>, resolver: &mut Resolver, now: Time) -> Vec<u8> {
    let dns = resolver.answers(&message, now);
    let answered = Answered { message, dns };
    let record = answered.write();
    if record.len() <= RAW_BYTES_MAX { record } else { answered.message }
}

/// Adds the message to the page.
fn put(Fetched { body, date, .. }: Fetched, page: &mut Page) {
    match body {
        Some(body) if body.len() <= RAW_BYTES_MAX && adjutant_mail::is_message(&body) => {
            page.messages.push(Message { raw: body, thanks: None });
        }
        Some(body) => {
            let at = jiff::Timestamp::from_second(date.unwrap_or(0)).unwrap_or_default();
            let seen = serde_json::from_str(&adjutant_mail::facts(&body).json()).unwrap_or_default();
            page.records.push((at.to_string(), seen));
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_machine_is_thanked() {
        for head in [
            "Auto-Submitted: auto-replied",
            "auto-submitted: Auto-Generated; x",
            "Precedence: bulk",
            "X: y\r\nPrecedence: LIST",
            "List-Id: <all.corp.example>",
            "Return-Path: <>",
            "Content-Type: multipart/report; report-type=delivery-status",
        ] {
            assert!(is_automatic(head.as_bytes()), "{head}");
        }
        for head in ["From: ana@corp.example", "Auto-Submitted: no", "Precedence: first-class", "Return-Path: <ana@corp.example>"]
        {
            assert!(!is_automatic(head.as_bytes()), "{head}");
        }
    }

    #[test]
    fn a_place_is_two_numbers() {
        assert_eq!(place("7 9"), Some((7, 9)));
        for mark in ["", "7", "7 ", "7 9 1", "x 9", "2026-03-01T00:00:00Z"] {
            assert_eq!(place(mark), None, "{mark}");
        }
    }
}
