//! A message with what DNS answered about it, as one record.
//!
//! The answers stand beside the message and never in it, so that nobody who writes a message writes them; and the record
//! holds both, so that what follows from it is the same whenever it is read again.

use crate::dns::Answers;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The name of the first member, by which the record is known.
const MESSAGE: &str = "\"message/rfc822\"";

/// A message and what DNS answered about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The message as it came (RFC 5322).
    pub message: Vec<u8>,
    /// The answers.
    pub dns: Answers,
}

/// Bytes that begin like such a record and are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// It is no such JSON object.
    #[error("it is no message with answers of DNS: {0}")]
    Json(String),
    /// The message is not base64.
    #[error("its message is no base64")]
    Base64,
    /// What it holds is no message.
    #[error("what it holds is no message")]
    NoMessage,
}

/// The record as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    #[serde(rename = "message/rfc822", borrow)]
    message: Cow<'a, str>,
    dns: Answers,
}

/// Whether `raw` begins as a message with answers does: with the message, as the first member of an object.
pub fn is_answered(raw: &[u8]) -> bool {
    let inside = raw.trim_ascii_start().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    inside.is_some_and(|inside| inside.starts_with(MESSAGE.as_bytes()))
}

impl Answered {
    /// Reads a record.
    ///
    /// # Errors
    /// It is none.
    pub fn read(raw: &[u8]) -> Result<Self, NotAnswered> {
        let written: Written<'_> = serde_json::from_slice(raw).map_err(|error| NotAnswered::Json(error.to_string()))?;
        let message = STANDARD.decode(written.message.as_bytes()).map_err(|_| NotAnswered::Base64)?;
        if !crate::is_message(&message) {
            return Err(NotAnswered::NoMessage);
        }
        Ok(Self { message, dns: written.dns })
    }

    /// The record.
    pub fn write(&self) -> Vec<u8> {
        let written = Written { message: STANDARD.encode(&self.message).into(), dns: self.dns.clone() };
        // Texts and lists of them: nothing that JSON cannot say.
        serde_json::to_vec(&written).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Answer, Kind};

    #[test]
    fn what_is_written_is_read() {
        let message = b"From: a@b.example\r\nTo: c@d.example\r\nSubject: \xff\r\n\r\n\x00".to_vec();
        let answer = Answer { name: "b.example".into(), kind: Kind::Txt, records: vec!["v=spf1".into()], failed: None };
        let answered = Answered { message, dns: Answers { at: "2026-03-02T09:00:00Z".into(), answers: vec![answer] } };
        let record = answered.write();
        assert!(is_answered(&record) && Answered::read(&record) == Ok(answered));
        assert!(is_answered(b" {\n \"message/rfc822\": 1}") && !is_answered(b"{\"dns\": {}, \"message/rfc822\": \"\"}"));
    }

    #[test]
    fn what_is_none_says_why() {
        let why = |text: &str| Answered::read(text.as_bytes()).unwrap_err().to_string();
        assert!(why(r#"{"message/rfc822":"YQ=="}"#).contains("missing field `dns`"));
        let of = |message: &str| format!(r#"{{"message/rfc822":"{message}","dns":{{"at":"","answers":[]}}}}"#);
        assert!(why(&of("!")).contains("no base64") && why(&of("YQ==")).contains("no message"));
    }
}
