//! What people are asked and answer, as the ledger keeps it.

use adjutant_rules::question::{Choice, Way};
use serde::{Deserialize, Serialize};

/// A question as it was put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Questioned {
    /// The letter.
    pub letter: String,
    /// The question's name in the book.
    pub question: String,
    /// Digest of the book that words it.
    pub book: String,
    /// The decision that it was put about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<AskedAbout>,
    /// Whom it is about, as our directory knows them.
    pub of: String,
    /// Who was asked.
    pub to: String,
    /// Why somebody else was asked than whom it is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instead: String,
    /// On which way.
    pub way: Way,
    /// How sure it is that the person themselves answers.
    pub assurance: Assurance,
    /// The exact words.
    pub wording: String,
    /// The answers to choose from.
    pub choices: Vec<Choice>,
    /// Until when an answer is waited for, RFC 3339.
    pub until: String,
}

/// The decision that a question was put about, and whom of its alert the question means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedAbout {
    /// The entry with the decision.
    pub entry: u64,
    /// The role that they play in its alert.
    pub role: String,
}

/// What a person chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The letter.
    pub letter: String,
    /// The question's name in the book.
    pub question: String,
    /// The decision that it was put about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<AskedAbout>,
    /// Whom it is about.
    pub of: String,
    /// Who was asked.
    pub to: String,
    /// On which way.
    pub way: Way,
    /// How sure it is that the person themselves answered.
    pub assurance: Assurance,
    /// Digest of the exact words that were shown.
    pub wording: String,
    /// The answer.
    pub choice: Choice,
}

/// How sure it is that whoever answers is the person: nobody was made to prove it, so there is no *high*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assurance {
    /// Whoever reads the mailbox or the chat; or somebody else's word.
    Low,
    /// Whoever holds the telephone that our directory knows.
    Medium,
}

impl Assurance {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Assurance::Low => "low",
            Assurance::Medium => "medium",
        }
    }
}
