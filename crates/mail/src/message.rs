//! Opens a message: its headers at every level, its texts and its attachments, each with its place.
//!
//! A level is a message: the one that arrived, one attached to it, or one that was forwarded inside its text. What is
//! dangerous may stand at any of them, so every aspect looks at all; the innermost is what a report is about.

use crate::finding::Notes;
use crate::limits::{BODIES_MAX, BODY_BYTES_MAX, FILES_MAX, HEADER_BYTES_MAX, RECIPIENTS_MAX, VALUE_BYTES_MAX};
use crate::names::Mailbox;
use crate::shape;
use mail_parser::{Address, DateTime, HeaderName, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use std::borrow::Cow;
use std::sync::LazyLock;

/// How a level came to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As it arrived.
    Arrived,
    /// Attached to the level above.
    Attached,
    /// Forwarded inside the text of the level above.
    Inline,
}

impl Kind {
    /// The level's name in places.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::Arrived => "message",
            Kind::Attached => "attached message",
            Kind::Inline => "forwarded text",
        }
    }
}

/// The headers of one level.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers {
    /// Senders with an address.
    pub(crate) from: Vec<Mailbox>,
    /// The From field has entries without an address, too.
    pub(crate) malformed_from: bool,
    pub(crate) reply_to: Option<Mailbox>,
    pub(crate) return_path: Option<Mailbox>,
    pub(crate) sender: Option<Mailbox>,
    pub(crate) to: Vec<Mailbox>,
    pub(crate) subject: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) has_message_id: bool,
    pub(crate) date: Option<DateTime>,
    /// What it answers: In-Reply-To and References.
    pub(crate) answers: Vec<String>,
    /// Every header field as it stands, in order.
    pub(crate) raw: Vec<(String, String)>,
}

impl Headers {
    /// The values of the header `name`, from the top.
    pub(crate) fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        self.raw.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// One level.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    pub(crate) kind: Kind,
    pub(crate) headers: Headers,
}

/// A part with text.
#[derive(Clone, Debug)]
pub(crate) struct Body<'m> {
    pub(crate) place: String,
    pub(crate) html: bool,
    pub(crate) text: Cow<'m, str>,
    /// Its text is plain ASCII and was written in base64 all the same.
    pub(crate) encoded: bool,
}

/// A part that is an attachment.
#[derive(Clone, Debug)]
pub(crate) struct File<'m> {
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) bytes: &'m [u8],
}

/// A message, opened.
#[derive(Debug, Default)]
pub(crate) struct Opened<'m> {
    pub(crate) levels: Vec<Level>,
    pub(crate) bodies: Vec<Body<'m>>,
    pub(crate) files: Vec<File<'m>>,
    /// The bytes of the innermost level that has some of its own.
    pub(crate) raw: &'m [u8],
}

impl Opened<'_> {
    /// The level that a report is about.
    pub(crate) fn innermost(&self) -> Option<&Level> {
        self.levels.last()
    }
}

static PARSER: LazyLock<MessageParser> = LazyLock::new(MessageParser::default);

/// Parses `raw`, or only its first headers when it is a bomb; none when it is no message at all.
pub(crate) fn parse<'m>(raw: &'m [u8], notes: &mut Notes) -> Option<Message<'m>> {
    match shape::refusal(raw) {
        None => PARSER.parse(raw),
        Some(why) => {
            notes.cannot_read(why, "message");
            PARSER.parse_headers(raw.get(..HEADER_BYTES_MAX).unwrap_or(raw))
        }
    }
}

/// The headers that begin `raw`, whatever follows them; none when it is no message at all.
pub(crate) fn parse_headers(raw: &[u8]) -> Option<Headers> {
    let message = PARSER.parse_headers(raw.get(..HEADER_BYTES_MAX).unwrap_or(raw))?;
    Some(headers(&message))
}

/// Opens a parsed message.
pub(crate) fn open<'m>(message: &'m Message<'m>, notes: &mut Notes) -> Opened<'m> {
    let mut opened = Opened::default();
    open_level(message, (Kind::Arrived, message.raw_message.as_ref()), &mut opened, notes);
    opened
}

/// Messages are nested at most [`NESTED_MAX`](crate::limits::NESTED_MAX) deep, which `shape` has seen to.
fn open_level<'m>(message: &'m Message<'m>, (kind, raw): (Kind, &'m [u8]), opened: &mut Opened<'m>, notes: &mut Notes) {
    opened.levels.push(Level { kind, headers: headers(message) });
    opened.raw = raw;
    for (number, part) in message.parts.iter().enumerate() {
        let place = format!("part {number} of the {}", kind.name());
        if part.is_encoding_problem {
            notes.cannot_read("broken-encoding", &place);
        }
        open_part((message, part), place, opened, notes);
    }
}

/// The bytes of the message that `part` of `outer` holds. One that was encoded has its own; others stand in the outer one.
fn inner_bytes<'m>(outer: &'m Message<'m>, part: &MessagePart<'_>, inner: &'m Message<'m>) -> &'m [u8] {
    let (start, end) = (part.offset_body as usize, part.offset_end as usize);
    let encoded = part.encoding != mail_parser::Encoding::None;
    if encoded { &inner.raw_message } else { outer.raw_message.get(start..end).unwrap_or(&[]) }
}

fn open_part<'m>(
    (outer, part): (&'m Message<'m>, &'m MessagePart<'m>),
    place: String,
    opened: &mut Opened<'m>,
    notes: &mut Notes,
) {
    let named = part.attachment_name().is_some();
    let attached = part.content_disposition().is_some_and(mail_parser::ContentType::is_attachment);
    match &part.body {
        PartType::Text(text) | PartType::Html(text) if !(named || attached) => {
            let html = matches!(part.body, PartType::Html(_)) || looks_like_html(text);
            let encoded = part.encoding == mail_parser::Encoding::Base64 && text.is_ascii() && text.len() > 200;
            body(Body { place, html, text: Cow::Borrowed(text.as_ref()), encoded }, opened, notes);
        }
        PartType::Text(text) | PartType::Html(text) => file(part, place, text.as_bytes(), opened, notes),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => file(part, place, bytes.as_ref(), opened, notes),
        PartType::Message(message) => {
            file(part, place, &[], opened, notes);
            open_level(message, (Kind::Attached, inner_bytes(outer, part, message)), opened, notes);
        }
        PartType::Multipart(_) => {}
    }
}

/// A text that is called plain and is HTML is shown as such by some programs.
fn looks_like_html(text: &str) -> bool {
    let start = text.trim_start();
    let start = start.get(..start.floor_char_boundary(15)).unwrap_or("").to_ascii_lowercase();
    start.starts_with("<html") || start.starts_with("<!doctype html")
}

fn body<'m>(mut body: Body<'m>, opened: &mut Opened<'m>, notes: &mut Notes) {
    if opened.bodies.len() >= BODIES_MAX {
        return notes.cannot_read("too-many-texts", "message");
    }
    if body.text.len() > BODY_BYTES_MAX {
        notes.cannot_read("long-text", &body.place);
        if let Cow::Borrowed(text) = body.text {
            body.text = Cow::Borrowed(text.get(..text.floor_char_boundary(BODY_BYTES_MAX)).unwrap_or(""));
        }
    }
    opened.bodies.push(body);
}

fn file<'m>(part: &'m MessagePart<'m>, place: String, bytes: &'m [u8], opened: &mut Opened<'m>, notes: &mut Notes) {
    if opened.files.len() >= FILES_MAX {
        return notes.cannot_read("too-many-attachments", "message");
    }
    let media_type = part
        .content_type()
        .map_or_else(String::new, |media| format!("{}/{}", media.ctype(), media.subtype().unwrap_or("")).to_ascii_lowercase());
    let name = part.attachment_name().unwrap_or("").chars().take(VALUE_BYTES_MAX / 8).collect();
    opened.files.push(File { place, name, media_type, bytes });
}

fn headers(message: &Message<'_>) -> Headers {
    let Some(root) = message.parts.first() else { return Headers::default() };
    let value =
        |name: HeaderName<'static>| root.headers.iter().rev().find(|header| header.name == name).map(|header| &header.value);
    let address = |name| value(name).map(mailboxes).unwrap_or_default().into_iter().next();
    let texts = |name| value(name).map(texts).unwrap_or_default();
    let (from, malformed_from) = senders(value(HeaderName::From).map(mailboxes).unwrap_or_default());
    Headers {
        from,
        malformed_from,
        reply_to: address(HeaderName::ReplyTo),
        return_path: texts(HeaderName::ReturnPath).first().map(|address| Mailbox::new("", address)),
        sender: address(HeaderName::Sender),
        to: [HeaderName::To, HeaderName::Cc].into_iter().filter_map(value).flat_map(mailboxes).take(RECIPIENTS_MAX).collect(),
        subject: texts(HeaderName::Subject).into_iter().next(),
        message_id: texts(HeaderName::MessageId).into_iter().next(),
        has_message_id: value(HeaderName::MessageId).is_some(),
        date: value(HeaderName::Date).and_then(HeaderValue::as_datetime).copied().filter(DateTime::is_valid),
        answers: [HeaderName::InReplyTo, HeaderName::References].into_iter().flat_map(texts).collect(),
        raw: root.headers.iter().map(|header| (header.name.as_str().to_owned(), raw_value(message, header))).collect(),
    }
}

/// The senders that have an address; a name that stands apart from its address is given to the first.
fn senders(all: Vec<Mailbox>) -> (Vec<Mailbox>, bool) {
    let (mut from, rest): (Vec<Mailbox>, Vec<Mailbox>) = all.into_iter().partition(|mailbox| mailbox.address.contains('@'));
    let apart: Vec<&str> =
        rest.iter().flat_map(|rest| [rest.name.as_str(), &rest.address]).filter(|text| !text.is_empty()).collect();
    if let Some(first) = from.first_mut().filter(|first| first.name.is_empty()) {
        *first = Mailbox::new(&apart.join(" "), &first.address);
    }
    (from, !rest.is_empty())
}

fn raw_value(message: &Message<'_>, header: &mail_parser::Header<'_>) -> String {
    let (start, end) = (header.offset_start as usize, header.offset_end as usize);
    let bytes = message.raw_message.get(start..end.min(start.saturating_add(VALUE_BYTES_MAX))).unwrap_or(&[]);
    String::from_utf8_lossy(bytes).trim().to_owned()
}

fn mailboxes(value: &HeaderValue<'_>) -> Vec<Mailbox> {
    let one = |addr: &mail_parser::Addr<'_>| Mailbox::new(addr.name().unwrap_or(""), addr.address().unwrap_or(""));
    match value.as_address() {
        Some(Address::List(list)) => list.iter().take(RECIPIENTS_MAX).map(one).collect(),
        Some(Address::Group(groups)) => groups.iter().flat_map(|group| &group.addresses).take(RECIPIENTS_MAX).map(one).collect(),
        None => Vec::new(),
    }
}

fn texts(value: &HeaderValue<'_>) -> Vec<String> {
    let cut = |text: &str| text.get(..text.floor_char_boundary(VALUE_BYTES_MAX)).unwrap_or("").to_owned();
    match value {
        HeaderValue::Text(text) => vec![cut(text)],
        HeaderValue::TextList(list) => list.iter().take(RECIPIENTS_MAX).map(|text| cut(text)).collect(),
        HeaderValue::Address(address) => address.iter().filter_map(|addr| addr.address()).map(cut).take(1).collect(),
        _ => Vec::new(),
    }
}
