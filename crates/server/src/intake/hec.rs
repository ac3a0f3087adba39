//! Splunk's HTTP Event Collector, as its senders know it: tokens, events with metadata around them, and its own answers.
//!
//! The event itself is the record: an object as it stands, or what a text says. The metadata around it are what is said beside it. Events are cut
//! by the same cutter as everything else, so a broken one leaves its neighbours: they are taken, and the answer names the first broken
//! one by its number. Sending all of them again is harmless.
//! <https://docs.splunk.com/Documentation/Splunk/latest/Data/TroubleshootHTTPEventCollector>

use super::body::{self, Limits, Refused};
use super::{Beside, Fate, Fault, Incoming, Piece};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;

/// What the collector answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// All events were taken.
    Success,
    /// The token is known and switched off.
    TokenDisabled,
    /// There is no token.
    TokenRequired,
    /// The `Authorization` header is written in another way.
    InvalidAuthorization,
    /// Nobody knows the token.
    InvalidToken,
    /// The body is empty.
    NoData,
    /// The event with this number, 0 for the first, is none.
    InvalidFormat(usize),
    /// Something failed here.
    InternalError,
    /// Over capacity, or nothing can be stored now: send all again.
    Busy,
    /// The event with this number has no `event`.
    EventRequired(usize),
    /// The event with this number is an empty text.
    EventBlank(usize),
    /// Acknowledgements have no use here: the answer itself says that the events are stored.
    AckDisabled,
    /// The event with this number has `fields` that are no flat object.
    InvalidFields(usize),
    /// A token in the address ends up in logs.
    QueryToken,
    /// Events are taken at present.
    Healthy,
    /// Events are not taken at present.
    Unhealthy,
}

impl Reply {
    /// HTTP status, code and text, as documented.
    fn parts(self) -> (u16, u32, &'static str) {
        match self {
            Reply::Success => (200, 0, "Success"),
            Reply::TokenDisabled => (403, 1, "Token disabled"),
            Reply::TokenRequired => (401, 2, "Token is required"),
            Reply::InvalidAuthorization => (401, 3, "Invalid authorization"),
            Reply::InvalidToken => (403, 4, "Invalid token"),
            Reply::NoData => (400, 5, "No data"),
            Reply::InvalidFormat(_) => (400, 6, "Invalid data format"),
            Reply::InternalError => (500, 8, "Internal server error"),
            Reply::Busy => (503, 9, "Server is busy"),
            Reply::EventRequired(_) => (400, 12, "Event field is required"),
            Reply::EventBlank(_) => (400, 13, "Event field cannot be blank"),
            Reply::AckDisabled => (400, 14, "ACK is disabled"),
            Reply::InvalidFields(_) => (400, 15, "Error in handling indexed fields"),
            Reply::QueryToken => (400, 16, "Query string authorization is not enabled"),
            Reply::Healthy => (200, 17, "HEC is healthy"),
            Reply::Unhealthy => (503, 18, "HEC is unhealthy, queues are full"),
        }
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.parts().0
    }

    /// The body, JSON.
    pub fn body(self) -> String {
        let (_, code, text) = self.parts();
        match self {
            Reply::InvalidFormat(number)
            | Reply::EventRequired(number)
            | Reply::EventBlank(number)
            | Reply::InvalidFields(number) => {
                format!(r#"{{"text":"{text}","code":{code},"invalid-event-number":{number}}}"#)
            }
            _ => format!(r#"{{"text":"{text}","code":{code}}}"#),
        }
    }

    /// What says that the event `number` failed with the fault `code`.
    fn of_fault(code: &str, number: usize) -> Self {
        match code {
            EVENT_MISSING => Reply::EventRequired(number),
            EVENT_BLANK => Reply::EventBlank(number),
            FIELDS_NESTED => Reply::InvalidFields(number),
            "input-empty" => Reply::NoData,
            _ => Reply::InvalidFormat(number),
        }
    }
}

const EVENT_MISSING: &str = "event-missing";
const EVENT_BLANK: &str = "event-blank";
const EVENT_INVALID: &str = "event-invalid";
const FIELDS_NESTED: &str = "fields-nested";

/// The token of a request: `Authorization: Splunk TOKEN`, or Basic with the token as password. `query` is the address's query string.
///
/// # Errors
/// The answer that says what is wrong with it; whether the token is good, the gate says.
pub fn token<'h>(authorization: Option<&'h str>, query: Option<&str>) -> Result<Cow<'h, str>, Reply> {
    if query.is_some_and(|query| query.split('&').any(|pair| pair == "token" || pair.starts_with("token="))) {
        return Err(Reply::QueryToken);
    }
    let header = authorization.map(str::trim).filter(|header| !header.is_empty()).ok_or(Reply::TokenRequired)?;
    let (scheme, rest) = header.split_once(' ').ok_or(Reply::InvalidAuthorization)?;
    let token = if scheme.eq_ignore_ascii_case("splunk") {
        Cow::Borrowed(rest.trim())
    } else if scheme.eq_ignore_ascii_case("basic") {
        let pair = STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let password = pair.as_deref().and_then(|pair| pair.split_once(':')).map(|(_, password)| password.to_owned());
        Cow::Owned(password.ok_or(Reply::InvalidAuthorization)?)
    } else {
        return Err(Reply::InvalidAuthorization);
    };
    if token.is_empty() { Err(Reply::TokenRequired) } else { Ok(token) }
}

/// Cuts a body of events, one after the other, into their records.
///
/// # Errors
/// The body breaks off where it is packed, or a limit is passed.
pub fn events(body: Bytes, encoding: Option<&str>, limits: &Limits) -> Result<Vec<Piece>, Refused> {
    let text = body::unpack(body, encoding, limits)?.whole()?;
    let event = |piece| match piece {
        Piece::Record(record) => match event(&record) {
            Ok(event) => Piece::Record(event),
            Err((code, detail)) => Piece::Fault(Fault { line: record.line, code, detail: detail.to_owned() }),
        },
        fault @ Piece::Fault(_) => fault,
    };
    Ok(body::cut(&text, None, limits)?.into_iter().map(event).collect())
}

/// Cuts a raw body into records; `parameters` of the address say what is known about all of them.
///
/// # Errors
/// The body breaks off where it is packed, or a limit is passed.
pub fn raw(
    body: Bytes,
    encoding: Option<&str>,
    parameters: &HashMap<String, String>,
    limits: &Limits,
) -> Result<Vec<Piece>, Refused> {
    let text = body::unpack(body, encoding, limits)?.whole()?;
    let said = |name: &str| parameters.get(name).filter(|value| !value.is_empty()).cloned();
    let beside = Beside {
        time: said("time"),
        host: said("host"),
        origin: said("source"),
        kind: said("sourcetype").or_else(|| said("index")),
        ..Beside::default()
    };
    let beside = (beside != Beside::default()).then(|| Box::new(beside));
    let mut pieces = body::cut(&text, None, limits)?;
    for piece in &mut pieces {
        if let Piece::Record(record) = piece {
            record.beside.clone_from(&beside);
        }
    }
    Ok(pieces)
}

/// The answer to events of which `fates` says what became of each.
pub fn reply(fates: &[Fate]) -> Reply {
    if fates.iter().any(|fate| matches!(fate, Fate::Refused { .. } | Fate::Unavailable { .. })) {
        return Reply::Busy;
    }
    let failed = fates.iter().enumerate().find_map(|(number, fate)| match fate {
        Fate::Failed { code, .. } => Some(Reply::of_fault(code, number)),
        _ => None,
    });
    failed.unwrap_or(if fates.is_empty() { Reply::NoData } else { Reply::Success })
}

/// An event as it is sent. `null` is as good as nothing.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    host: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    sourcetype: Option<&'a RawValue>,
    #[serde(borrow)]
    index: Option<&'a RawValue>,
    #[serde(borrow)]
    fields: Option<&'a RawValue>,
}

/// The record inside an event.
fn event(record: &Incoming) -> Result<Incoming, (&'static str, &'static str)> {
    let invalid = (EVENT_INVALID, "this is no event: an object with a member `event` is expected");
    let envelope: Envelope<'_> = serde_json::from_slice(&record.bytes).map_err(|_| invalid)?;
    let raw = envelope.event.ok_or((EVENT_MISSING, "the object has no member `event`"))?;
    let bytes = content(&record.bytes, raw).ok_or(invalid)?;
    if bytes.trim_ascii().is_empty() {
        return Err((EVENT_BLANK, "the event is an empty text"));
    }
    let fields = envelope.fields.map(|fields| flat(fields).then(|| record.bytes.slice_ref(fields.get().as_bytes())));
    let fields = match fields {
        Some(None) => return Err((FIELDS_NESTED, "`fields` must be an object without objects in it")),
        Some(Some(fields)) if fields.as_ref() != b"{}" => Some(fields),
        _ => None,
    };
    let beside = Beside {
        id: None,
        time: envelope.time.and_then(text),
        host: envelope.host.and_then(text),
        origin: envelope.source.and_then(text),
        kind: envelope.sourcetype.or(envelope.index).and_then(text),
        fields,
    };
    let beside = (beside != Beside::default()).then(|| Box::new(beside));
    Ok(Incoming { bytes, line: record.line, beside })
}

/// What a text says, or any other value as it stands; a range of `whole` wherever it can be.
fn content(whole: &Bytes, raw: &RawValue) -> Option<Bytes> {
    let value = raw.get();
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) if !inside.contains('\\') => Some(whole.slice_ref(inside.as_bytes())),
        Some(_) => serde_json::from_str::<String>(value).ok().map(Bytes::from),
        None => Some(whole.slice_ref(value.as_bytes())),
    }
}

/// A text or a number as text.
fn text(raw: &RawValue) -> Option<String> {
    let value = raw.get();
    match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(value).ok().filter(|text| !text.is_empty()),
        Some(b'{' | b'[') => None,
        _ => Some(value.to_owned()),
    }
}

/// Whether a value is an object without objects in it.
fn flat(fields: &RawValue) -> bool {
    serde_json::from_str::<HashMap<Cow<'_, str>, &RawValue>>(fields.get())
        .is_ok_and(|fields| fields.values().all(|value| !value.get().starts_with('{')))
}

#[cfg(test)]
mod tests;
