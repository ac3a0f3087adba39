//! What a person signs: one sentence about one thing, for one use, until a time.
//!
//! It is a signed note (C2SP `signed-note`, see `adjutant_ledger::note`), so that any tool that reads those can check it
//! without us. The text is four lines:
//!
//! ```text
//! adjutant approve
//! 5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8
//! nonce 1f8b0800000000004bcb
//! until 2026-03-01T09:29:07Z
//! ```

use adjutant_ledger::{Note, SigningKey};
use adjutant_model::{Duration, Time};
use std::fmt;
use std::str::FromStr;

/// A signature counts for so long at most (15 minutes): who approves has the plan before them, and not one of yesterday.
pub const SIGNED_FOR_MAX: Duration = Duration(15 * 60 * 1_000_000);

/// Digits of a nonce: 128 bits.
const NONCE_DIGITS: usize = 32;

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Do this plan.
    Approve,
    /// Do not do this plan.
    Deny,
    /// Take this action back.
    Undo,
    /// Act again after a pause.
    Resume,
}

/// What a person signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What is said.
    pub verb: Verb,
    /// About what: the digest of a plan, the key of an action, or the scope of a pause.
    pub about: String,
    /// For one use.
    pub nonce: String,
    /// Until when.
    pub until: Time,
}

/// The text is no statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the note is none that a person signs for this: it has four lines, the first `adjutant approve`, `deny`, `undo` or `resume`"
)]
pub struct NotAStatement;

impl Verb {
    /// Every verb.
    pub const ALL: [Verb; 4] = [Verb::Approve, Verb::Deny, Verb::Undo, Verb::Resume];

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Verb::Approve => "approve",
            Verb::Deny => "deny",
            Verb::Undo => "undo",
            Verb::Resume => "resume",
        }
    }
}

impl Statement {
    /// A statement with a nonce that nobody can foresee.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new(verb: Verb, about: &str, until: Time) -> Result<Self, getrandom::Error> {
        Ok(Self { verb, about: about.to_owned(), nonce: nonce()?, until })
    }

    /// The note that `key` signs.
    ///
    /// # Errors
    /// What it is about is no line of text.
    pub fn signed(&self, key: &SigningKey) -> Result<Note, adjutant_ledger::note::Error> {
        Note::sign(&self.to_string(), &[key])
    }
}

/// 128 random bits as digits.
///
/// # Errors
/// The system gives no random numbers.
pub fn nonce() -> Result<String, getrandom::Error> {
    let mut bytes = [0; NONCE_DIGITS / 2];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = jiff::Timestamp::from_microsecond(self.until.0).unwrap_or_default();
        writeln!(f, "adjutant {}\n{}\nnonce {}\nuntil {until}", self.verb.name(), self.about, self.nonce)
    }
}

impl FromStr for Statement {
    type Err = NotAStatement;

    fn from_str(text: &str) -> Result<Self, NotAStatement> {
        let lines: Vec<&str> = text.strip_suffix('\n').ok_or(NotAStatement)?.split('\n').collect();
        let [verb, about, nonce, until] = lines[..] else { return Err(NotAStatement) };
        let verb = verb.strip_prefix("adjutant ").and_then(|word| Verb::ALL.into_iter().find(|verb| verb.name() == word));
        let nonce = nonce.strip_prefix("nonce ").filter(|nonce| nonce.len() == NONCE_DIGITS);
        let nonce = nonce.filter(|nonce| nonce.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
        let until = until.strip_prefix("until ").and_then(|until| until.parse::<jiff::Timestamp>().ok());
        let (Some(verb), Some(nonce), Some(until)) = (verb, nonce, until) else { return Err(NotAStatement) };
        let statement = Self { verb, about: about.to_owned(), nonce: nonce.to_owned(), until: Time(until.as_microsecond()) };
        // One text for each statement.
        if statement.to_string() == text { Ok(statement) } else { Err(NotAStatement) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_one_text() {
        let statement = Statement::new(Verb::Approve, &"ab".repeat(32), Time(1_772_357_347_000_000)).unwrap();
        let text = statement.to_string();
        assert_eq!(text.parse(), Ok(statement.clone()));
        assert!(text.starts_with("adjutant approve\nabab"), "{text}");
        assert_ne!(nonce(), nonce());
        let changes: [(&str, &str); 8] = [
            ("approve", "Approve"),
            ("approve", "close"),
            ("nonce ", "nonce  "),
            (&statement.nonce, &statement.nonce[1..]),
            (&statement.nonce, &statement.nonce.replace(|c: char| c.is_ascii_digit(), "A")),
            ("09:29:07Z", "09:29:07.000Z"),
            ("09:29:07Z", "10:29:07+01:00"),
            ("until", "after"),
        ];
        for (from, to) in changes {
            assert_eq!(text.replace(from, to).parse::<Statement>(), Err(NotAStatement), "{from} {to}");
        }
        assert_eq!((text.clone() + "more\n").parse::<Statement>(), Err(NotAStatement));
        assert_eq!(text.trim_end().parse::<Statement>(), Err(NotAStatement));
    }
}
