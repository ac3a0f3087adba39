//! All aspects of one message, as one flat record.

use crate::attachments;
use crate::authentication::{self, Results};
use crate::bulk;
use crate::content;
use crate::dns::Answers;
use crate::finding::{Aspect, Finding, Notes, Unread};
use crate::hidden;
use crate::html::{Page, page};
use crate::limits::TEXT_BYTES_MAX;
use crate::links::{self, Beside, Targets};
use crate::message::{self, Body, Headers, Kind, Level, Opened};
use crate::names::registered;
use crate::original;
use crate::sender;
use crate::sketch::{self, Traits};
use crate::structure;
use crate::thread;
use crate::verify::{self, Signature, Verified};
use adjutant_model::Digest;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a message says about itself.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Facts {
    /// Always `rfc5322`: by this the book's source knows the record.
    pub message_format: &'static str,
    /// Message-ID of the innermost message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// When it arrived, or else its own date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Its subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The name shown.
    pub from_name: String,
    /// The sender's address.
    pub from: String,
    /// The sender's registered domain.
    pub from_domain: String,
    /// Where answers go; empty when nowhere else is named.
    pub reply_to: String,
    /// Where bounces go.
    pub return_path: String,
    /// Recipients.
    pub to: Vec<String>,
    /// Each recipient, and whoever reported it, with the sender: `RECIPIENT SENDER`.
    pub pairs: Vec<String>,
    /// How the innermost message was found: `arrived`, `attached` or `inline`.
    pub reported: &'static str,
    /// Who reported it, where it was found inside another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reporter: Option<String>,
    /// What servers wrote about its authentication.
    pub results: Vec<Results>,
    /// What was verified of it with answers of DNS, the most telling first; nothing where there are no answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verified: Vec<Verified>,
    /// Signatures that were verified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signature>,
    /// Hosts that links go to.
    pub link_hosts: Vec<String>,
    /// Links.
    pub links: usize,
    /// Names of attachments.
    pub attachments: Vec<String>,
    /// SHA-256 of the attachments.
    pub attachment_hashes: Vec<String>,
    /// The names of what was found, by aspect; each begins with `read` when the aspect was looked at, and an aspect that is
    /// missing was not.
    pub aspects: BTreeMap<Aspect, Vec<&'static str>>,
    /// Topics that several different phrases speak of, after `read`.
    pub insists: Vec<&'static str>,
    /// What codes in its pictures and PDFs say, after `read`; none when some could not be read and no code was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes: Option<Vec<String>>,
    /// A sketch of it, by which messages that are nearly the same are told; none where there is too little in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sketch: Option<String>,
    /// What was found.
    pub found: Vec<Finding>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// How many things could not be read.
    pub unread_count: usize,
}

/// The name that begins the findings of an aspect that was looked at.
const READ: &str = "read";

impl Facts {
    /// The facts as the JSON object that the book's source reads.
    pub fn json(&self) -> String {
        // Texts, numbers and lists of them: nothing here that JSON cannot say.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Reads a message. What is no message at all is unread, too.
pub fn facts(raw: &[u8]) -> Facts {
    inspect(raw, true, None)
}

/// The same, verifying who sent it with what DNS answered.
pub fn facts_verified(raw: &[u8], answers: &Answers) -> Facts {
    inspect(raw, true, Some(answers))
}

/// The same without a look into pictures and PDFs, whose codes and links are then unknown: for measuring what that costs.
pub fn facts_of_text(raw: &[u8]) -> Facts {
    inspect(raw, false, None)
}

fn inspect(raw: &[u8], pictures: bool, answers: Option<&Answers>) -> Facts {
    let mut notes = Notes::default();
    let parsed = message::parse(raw, &mut notes);
    let Some(parsed) = parsed else {
        notes.cannot_read("no-message", "message");
        return Facts { message_format: "rfc5322", unread_count: notes.unread.len(), unread: notes.unread, ..Facts::default() };
    };
    let whole = notes.unread.is_empty();
    let mut opened = message::open(&parsed, &mut notes);
    let pages: Vec<Page> = opened.bodies.iter().map(read).collect();
    add_inline(&mut opened, &pages);
    let mut facts = of_headers(&opened);
    if let Some(answers) = answers.filter(|_| whole) {
        let found = verify::verify(&opened, answers);
        (facts.verified, facts.signatures) = (found.verified, found.signatures);
    }
    aspects((&opened, &pages), pictures, &mut facts, &mut notes);
    facts.aspects = names(&notes.found, whole);
    if !whole {
        facts.insists.clear();
        facts.codes = None;
    }
    facts.unread_count = notes.unread.len();
    (facts.found, facts.unread) = (notes.found, notes.unread);
    facts
}

/// The names of `found` by aspect. Where only the first headers were read, the other aspects were not looked at.
fn names(found: &[Finding], whole: bool) -> BTreeMap<Aspect, Vec<&'static str>> {
    let read = Aspect::ALL.into_iter().filter(|aspect| whole || *aspect == Aspect::Identity);
    let mut names: BTreeMap<Aspect, Vec<&'static str>> = read.map(|aspect| (aspect, vec![READ])).collect();
    for finding in found {
        let known = names.entry(finding.aspect).or_default();
        if !known.contains(&finding.name) {
            known.push(finding.name);
        }
    }
    names
}

/// What a reader sees of one text.
fn read(body: &Body<'_>) -> Page {
    if body.html {
        return page(&body.text);
    }
    let cut = body.text.len() > TEXT_BYTES_MAX;
    let text = body.text.get(..body.text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or("");
    Page { text: text.to_owned(), links: links::in_text(&body.text), cut, ..Page::default() }
}

/// A message that was forwarded inside the text is one more level.
fn add_inline(opened: &mut Opened<'_>, pages: &[Page]) {
    let forwarded = opened.innermost().and_then(|level| level.headers.subject.as_deref()).is_some_and(thread::is_forward);
    let plain = opened.bodies.iter().zip(pages).filter(|(body, _)| !body.html);
    let inline = plain.filter_map(|(body, _)| original::inline(&body.text, forwarded)).next_back();
    if forwarded {
        opened.levels.extend(inline);
    }
}

fn of_headers(opened: &Opened<'_>) -> Facts {
    let Some(level) = opened.innermost() else { return Facts { message_format: "rfc5322", ..Facts::default() } };
    let headers = &level.headers;
    let from = headers.from.first().cloned().unwrap_or_default();
    let outer = opened.levels.first().filter(|_| opened.levels.len() > 1);
    let reporter = outer.and_then(|outer| outer.headers.from.first()).map(|from| from.address.clone());
    let address =
        |mailbox: &Option<crate::names::Mailbox>| mailbox.as_ref().map_or_else(String::new, |found| found.address.clone());
    Facts {
        message_format: "rfc5322",
        message_id: headers.message_id.clone(),
        time: structure::arrival(level).or(headers.date).map(|date| date.to_rfc3339()),
        subject: headers.subject.clone(),
        from_domain: registered(from.domain()).to_owned(),
        reply_to: address(&headers.reply_to),
        return_path: address(&headers.return_path),
        to: headers.to.iter().map(|to| to.address.clone()).filter(|to| !to.is_empty()).collect(),
        reported: match level.kind {
            Kind::Arrived => "arrived",
            Kind::Attached => "attached",
            Kind::Inline => "inline",
        },
        pairs: pairs(headers, &from.address, reporter.as_deref()),
        reporter,
        results: authentication::results(headers),
        attachments: opened.files.iter().map(|file| file.name.clone()).filter(|name| !name.is_empty()).collect(),
        attachment_hashes: opened
            .files
            .iter()
            .filter(|file| !file.bytes.is_empty())
            .map(|file| Digest::of(file.bytes).to_string())
            .collect(),
        from_name: from.name,
        from: from.address,
        ..Facts::default()
    }
}

fn sketched(headers: &Headers, visible: &str, facts: &Facts) -> Option<String> {
    let (hosts, sender_domain, attachment_hashes) = (&facts.link_hosts, facts.from_domain.as_str(), &facts.attachment_hashes);
    sketch::sketch(&Traits { headers, visible, hosts, sender_domain, attachment_hashes })
}

/// Whoever got the message, each with its sender. What holds a space is no address, and would name another pair.
fn pairs(headers: &Headers, from: &str, reporter: Option<&str>) -> Vec<String> {
    let own = headers.to.iter().map(|to| to.address.as_str()).chain(reporter);
    let plain = |address: &&str| !address.is_empty() && !address.contains(char::is_whitespace);
    let mut pairs: Vec<String> = own.filter(plain).filter(|_| plain(&from)).map(|own| format!("{own} {from}")).collect();
    pairs.sort();
    pairs.dedup();
    pairs
}

fn aspects((opened, pages): (&Opened<'_>, &[Page]), pictures: bool, facts: &mut Facts, notes: &mut Notes) {
    let recipients: Vec<String> = opened
        .levels
        .iter()
        .flat_map(|level| &level.headers.to)
        .map(|to| to.address.clone())
        .filter(|to| to.contains('@'))
        .collect();
    let beside = Beside { sender: &facts.from_domain, recipients: &recipients };
    let (mut targets, mut visible) = (Targets::default(), String::new());
    for (body, page) in opened.bodies.iter().zip(pages) {
        body_aspects(body, page, notes);
        links::find(&page.links, &beside, &body.place, &mut targets, notes);
        if visible.len() < TEXT_BYTES_MAX {
            visible.push_str(&page.text);
            visible.push('\n');
        }
    }
    if pictures {
        let hidden = hidden::find(&opened.files, notes);
        hidden.links.iter().for_each(|(place, all)| links::find(all, &beside, place, &mut targets, notes));
        facts.codes = hidden.codes.map(|codes| std::iter::once(READ.to_owned()).chain(codes).collect());
    }
    links::together(&targets, &beside, notes);
    structure::together(opened, &visible, notes);
    for level in &opened.levels {
        sender::find(level, notes);
        bulk::find(level, notes);
        thread::find(level, &visible, notes);
        content::subject(&level.headers, notes);
    }
    if let Some(level) = opened.innermost() {
        structure::headers(level, notes);
        facts.insists = vec![READ];
        facts.insists.extend(contents(level, &visible, &targets, notes));
    }
    opened.files.iter().for_each(|file| attachments::find(file, notes));
    facts.links = targets.count;
    facts.link_hosts = targets.hosts.into_iter().collect();
    facts.sketch = opened.innermost().and_then(|level| sketched(&level.headers, &visible, facts));
}

fn body_aspects(body: &Body<'_>, page: &Page, notes: &mut Notes) {
    structure::text(body, page, notes);
    if page.cut {
        notes.cannot_read("long-text", &body.place);
    }
    let mut note = |name, value: &str| notes.find(Aspect::Link, name, value, &body.place);
    if let Some(action) = page.forms.first() {
        note("form", action);
    }
    if page.passwords > 0 {
        note("password-form", page.forms.first().map_or("", String::as_str));
    }
    if let Some(target) = &page.refresh {
        note("refresh", target);
    }
}

/// What the message asks for: its words, and the brands it speaks of.
fn contents(level: &Level, visible: &str, targets: &Targets, notes: &mut Notes) -> Vec<&'static str> {
    let text = content::normalized(visible);
    let subject = content::normalized(level.headers.subject.as_deref().unwrap_or(""));
    let cues = content::cues(&text);
    content::find(&cues, &content::cues(&subject), "text", notes);
    let sender = level.headers.from.first().map_or("", |from| from.domain());
    content::brands(&text, &subject, sender, notes);
    content::numbers(&text, targets.count > 0, notes);
    structure::disguised(level.headers.subject.as_deref().unwrap_or(""), "subject", notes);
    cues.insists()
}

#[cfg(test)]
mod tests;
