//! Questions: what a person may be asked, word for word, with fixed answers and what each of them means.
//!
//! They are one file of the book, `questions.yaml`, so that the wording is reviewed like a rule and is the same each time.
//!
//! INVARIANT: no text of an alert becomes wording. A question may say times, addresses and numbers; a field of text in it is
//! a fault of the book.

use crate::book::Files;
use crate::diagnostic::{Diagnostic, Located, Span, read_yaml};
use crate::lang::{Lists, Sentence};
use adjutant_model::{Duration, Schema, Type};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The file of the book that holds them.
pub const FILE: &str = "questions.yaml";

/// Answers that one question may offer.
pub const CHOICES_MAX: usize = 6;

/// Characters of a wording or an answer.
const WORDS_CHARS_MAX: usize = 600;

/// The longest time that an answer is waited for: seven days.
const WITHIN_MAX: Duration = Duration::from_hours(24 * 7);

/// A question that people may be asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Its name.
    pub id: String,
    /// What the person whom it is about reads.
    pub ask: Sentence,
    /// What somebody reads who is asked in that person's place; nobody is where it is not said.
    pub ask_manager: Option<Sentence>,
    /// The answers to choose from.
    pub choices: Vec<Choice>,
    /// How long an answer is waited for.
    pub within: Duration,
    /// Ways on which the person it is about is never asked, each with the reason.
    pub never_by: BTreeMap<Way, String>,
    /// Where it stands in the file.
    pub at: Span,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Its name.
    pub id: String,
    /// What the person reads.
    pub says: String,
    /// What it means.
    pub means: Meaning,
    /// What people then do about it, for whoever works the case; the person who chose it does not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// What an answer means. Whatever it is, it stays a claim of whoever holds the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// It was they: evidence for people, which lowers nothing.
    Claims,
    /// It was not they: people look at the case.
    Denies,
    /// They did what somebody wanted of them: people look at the case.
    Admits,
    /// It says neither.
    Open,
}

/// A way to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A message to the telephone that our directory knows.
    Phone,
    /// A message in the organisation's chat.
    Chat,
    /// A mail to the mailbox that our directory knows.
    Mail,
}

impl Way {
    /// Every way, the surest first.
    pub const ALL: [Way; 3] = [Way::Phone, Way::Chat, Way::Mail];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Way::Phone => "phone",
            Way::Chat => "chat",
            Way::Mail => "mail",
        }
    }
}

impl Meaning {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Meaning::Claims => "claims",
            Meaning::Denies => "denies",
            Meaning::Admits => "admits",
            Meaning::Open => "open",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    ask: Located<String>,
    ask_manager: Option<Located<String>>,
    choices: Located<Vec<Choice>>,
    within: Located<String>,
    #[serde(default)]
    never_by: BTreeMap<Way, String>,
}

struct Reader<'a> {
    schema: &'a Schema,
    lists: &'a Lists,
    text: &'a str,
    faults: Vec<Diagnostic>,
}

/// Reads the questions of `files`; none where there is no such file.
///
/// # Errors
/// Everything that is wrong with them.
pub(crate) fn load(files: &Files, schema: &Schema, lists: &Lists) -> Result<Vec<Question>, Vec<Diagnostic>> {
    let Some(text) = files.get(FILE) else { return Ok(Vec::new()) };
    let written: BTreeMap<String, Located<Written>> = read_yaml(FILE, text).map_err(|fault| vec![*fault])?;
    let mut reader = Reader { schema, lists, text, faults: Vec::new() };
    let questions = written.into_iter().filter_map(|(id, written)| reader.question(id, written)).collect();
    if reader.faults.is_empty() { Ok(questions) } else { Err(reader.faults) }
}

impl Reader<'_> {
    fn fault(&mut self, at: Span, message: impl Into<String>, help: &str) {
        self.faults.push(Diagnostic::error("question", FILE, at, message).with_help(help));
    }

    fn question(&mut self, id: String, written: Located<Written>) -> Option<Question> {
        let at = written.span;
        let Written { ask, ask_manager, choices, within, never_by } = written.value;
        let fits = !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !fits {
            self.fault(at, format!("`{}` is no name of a question", id.escape_debug()), "write it as was-this-you");
        }
        let ask = self.wording(&ask);
        let ask_manager = ask_manager.as_ref().map(|text| self.wording(text));
        self.choices(&choices);
        let within = self.within(&within);
        if never_by.values().any(|why| why.trim().is_empty()) {
            self.fault(at, format!("`{id}` names a way without the reason"), "write `never_by: { mail: why not }`");
        }
        let ask_manager = match ask_manager {
            Some(wording) => Some(wording?),
            None => None,
        };
        Some(Question { id, ask: ask?, ask_manager, choices: choices.value, within: within?, never_by, at })
    }

    fn wording(&mut self, text: &Located<String>) -> Option<Sentence> {
        let length = text.value.trim().chars().count();
        if !(1..=WORDS_CHARS_MAX).contains(&length) {
            self.fault(text.span, "a wording has 1 to 600 characters", "say in one or two sentences what is asked");
        }
        let sentence = match Sentence::compile(&text.value, self.schema, self.lists) {
            Ok(sentence) => sentence,
            Err(faults) => {
                let located = faults.into_iter().map(|fault| fault.locate(FILE, self.text, text));
                self.faults.extend(located);
                return None;
            }
        };
        let is_text = |ty: &Type| matches!(ty, Type::Text | Type::Texts);
        for slot in sentence.slots() {
            if let Some(field) = self.schema.field(slot).filter(|field| is_text(&field.ty)) {
                let message = format!("`{}` is text, and text of an alert does not become part of a question", field.name);
                self.fault(text.span, message, "say the time, the address or a number; who is meant, the page says by itself");
            }
        }
        Some(sentence)
    }

    fn choices(&mut self, choices: &Located<Vec<Choice>>) {
        let all = &choices.value;
        let mut ids: Vec<&str> = all.iter().map(|choice| choice.id.as_str()).collect();
        ids.sort_unstable();
        let twice = ids.windows(2).any(|two| matches!(two, [one, other] if one == other));
        if twice || !(2..=CHOICES_MAX).contains(&all.len()) {
            self.fault(choices.span, "a question has 2 to 6 answers, each with a name of its own", "add or take out answers");
        }
        let said = |text: &str| (1..=WORDS_CHARS_MAX).contains(&text.trim().chars().count());
        let advised = |choice: &Choice| choice.advice.as_deref().is_none_or(said);
        if all.iter().any(|choice| !said(&choice.id) || !said(&choice.says) || !advised(choice)) {
            self.fault(choices.span, "an answer has a name and words", "write `{ id: not-me, says: \"…\", means: denies }`");
        }
        if !all.iter().any(|choice| choice.means == Meaning::Open) {
            let help = "add `{ id: unsure, says: \"I do not know\", means: open }`";
            self.fault(choices.span, "nobody can say that they do not know", help);
        }
    }

    fn within(&mut self, text: &Located<String>) -> Option<Duration> {
        let read = crate::playbook::span(&text.value).filter(|read| *read > Duration::default() && *read <= WITHIN_MAX);
        if read.is_none() {
            self.fault(
                text.span,
                format!("`{}` is no time to answer", text.value),
                "write it as 20 min, 4 h or 2 d; 7 d at most",
            );
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
was-this-you:
  ask: "Somebody signed in to your account at {alert.time} from {src.ip}. Was this you?"
  ask_manager: "Somebody signed in at {alert.time}. Was it they?"
  choices:
    - { id: me, says: "Yes", means: claims }
    - { id: not-me, says: "No", means: denies, advice: call them }
    - { id: unsure, says: "I do not know", means: open }
  within: 4 h
  never_by: { mail: the thief reads it }
"#;

    fn read(text: &str) -> Result<Vec<Question>, Vec<Diagnostic>> {
        load(&Files::from([(FILE.to_owned(), text.to_owned())]), &Schema::built_in(), &Lists::default())
    }

    #[test]
    fn reads_everything() {
        let questions = read(GOOD).unwrap();
        let [question] = questions.as_slice() else { panic!("{questions:?}") };
        assert_eq!((question.id.as_str(), question.within), ("was-this-you", Duration::from_hours(4)));
        assert_eq!((question.choices[1].means, question.choices[1].advice.as_deref()), (Meaning::Denies, Some("call them")));
        assert_eq!(question.never_by[&Way::Mail], "the thief reads it");
        assert!(load(&Files::new(), &Schema::built_in(), &Lists::default()).unwrap().is_empty());
    }

    #[test]
    fn nonsense_is_a_fault_at_its_place() {
        let cases = [
            ("{src.ip}", "{user.name}", "\"Somebody signed in to your account at"),
            ("{src.ip}", "{src.city}", "\"Somebody signed in to your account at"),
            ("{alert.time} from", "{alert.tim} from", "alert.tim"),
            ("within: 4 h", "within: soon", "soon"),
            ("within: 4 h", "within: 8 d", "8 d"),
            ("within: 4 h", "within: 0 h", "0 h"),
            ("id: not-me", "id: me", ""),
            ("means: open", "means: claims", ""),
            ("the thief reads it", "''", ""),
            ("was-this-you:", "'was this you':", ""),
            ("mail: the", "pigeon: the", ""),
            ("means: denies", "means: guilty", ""),
            ("advice: call them", "advice: ''", ""),
        ];
        for (from, to, at) in cases {
            let text = GOOD.replacen(from, to, 1);
            let faults = read(&text).unwrap_err();
            assert_eq!(faults.len(), 1, "{to}: {faults:?}");
            let covered = text.get(faults[0].span.start..).unwrap_or("");
            assert!(covered.starts_with(at), "{to}: {covered}");
        }
    }
}
