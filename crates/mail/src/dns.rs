//! What DNS answered, as data: nothing here asks.
//!
//! Whoever may ask does so for [`questions`](crate::questions), and hands the answers on beside the message; the same
//! message and answers always verify alike. An answer that is missing, failed or older than its message is unknown.

use crate::limits::{ANSWERS_MAX, QUESTIONS_MAX, RECORD_BYTES_MAX, RECORDS_MAX};
use mail_parser::DateTime;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is asked of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// Texts, each put together from its strings.
    Txt,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail servers: `PREFERENCE HOST`.
    Mx,
    /// Names of an address.
    Ptr,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Question {
    /// The name asked about, in lower case and without a final dot.
    pub name: String,
    /// What is asked of it.
    #[serde(rename = "type")]
    pub kind: Kind,
}

/// What was answered to one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The name that was asked about.
    pub name: String,
    /// What was asked of it.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its records; none where there is no such name, or nothing of this kind.
    #[serde(default)]
    pub records: Vec<String>,
    /// Why nobody knows: the server did not answer, or said that it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// What was answered about one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// When it was asked (RFC 3339).
    pub at: String,
    /// The answers.
    pub answers: Vec<Answer>,
}

impl Answers {
    /// When it was asked, in seconds since 1970; none when `at` is no time.
    pub(crate) fn seconds(&self) -> Option<i64> {
        DateTime::parse_rfc3339(&self.at).filter(DateTime::is_valid).map(|at| at.to_timestamp())
    }
}

/// Nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unknown;

/// Answers to look into, and what was looked for in vain.
#[derive(Debug)]
pub(crate) struct Zone<'a> {
    answers: &'a [Answer],
    wanted: BTreeSet<Question>,
}

impl<'a> Zone<'a> {
    pub(crate) fn new(answers: &'a [Answer]) -> Self {
        Self { answers: answers.get(..ANSWERS_MAX).unwrap_or(answers), wanted: BTreeSet::new() }
    }

    /// The records of `name`; none for what can be no name.
    pub(crate) fn ask(&mut self, kind: Kind, name: &str) -> Result<&'a [String], Unknown> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if !is_name(name) {
            return Ok(&[]);
        }
        let known = self.answers.iter().find(|answer| answer.kind == kind && answer.name.eq_ignore_ascii_case(name));
        match known {
            Some(Answer { failed: None, records, .. }) if is_bounded(records) => Ok(records),
            Some(_) => Err(Unknown),
            None => {
                if self.wanted.len() < QUESTIONS_MAX {
                    self.wanted.insert(Question { name: name.to_ascii_lowercase(), kind });
                }
                Err(Unknown)
            }
        }
    }

    /// What was looked for and is not there.
    pub(crate) fn wanted(self) -> Vec<Question> {
        self.wanted.into_iter().collect()
    }
}

/// What is longer was cut or made to hurt: nobody knows what it says.
fn is_bounded(records: &[String]) -> bool {
    records.len() <= RECORDS_MAX && records.iter().all(|record| record.len() <= RECORD_BYTES_MAX)
}

/// Whether DNS can have such a name (RFC 1035, 2.3.4).
fn is_name(name: &str) -> bool {
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_graphic());
    name.len() <= 253 && name.split('.').all(label)
}
