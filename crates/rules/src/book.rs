//! The book: the reviewed policy as a set of files, loaded, checked and compiled as one.
//!
//! Loading never touches the disk: files arrive as text. The digest over paths and contents names the book in
//! every decision. A book with an error does not load; what is merely doubtful is found by [`crate::check`].

use crate::contract::{self, Contract};
use crate::correlate::{self, Correlate};
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::guardrails::Guardrails;
use crate::lang::Lists;
use crate::playbook::{self, Asking, CASE, Playbook, Response};
use crate::question::{self, Question};
use crate::source::{Source, Sources};
use adjutant_model::{Digest, Schema};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The files of a book: path, with `/`, to content.
pub type Files = BTreeMap<String, String>;

/// Files of a book together are at most this large; a book is policy, not data.
pub const BOOK_BYTES_MAX: usize = 64 << 20;

/// A loaded book.
#[derive(Debug)]
pub struct Book {
    /// Digest over the sorted paths and contents.
    pub digest: Digest,
    /// Every name that its expressions may use.
    pub schema: Schema,
    /// The lists of words, addresses and domains that it carries.
    pub lists: Lists,
    /// The sources, and how to tell them apart.
    pub sources: Sources,
    /// The contracts of context sources, in the order of their files' names.
    pub contracts: Arc<[Contract]>,
    /// The numbers of the contracts without a table, whose connectors are asked.
    pub look_ups: Vec<u16>,
    /// The playbooks, in the order of their files' names.
    pub playbooks: Vec<Playbook>,
    /// The number of the playbook for what no other takes.
    pub generic: u16,
    /// What people may be asked, word for word.
    pub questions: Vec<Question>,
    /// How alerts become cases.
    pub correlate: Correlate,
    /// What nobody may do, or only so often, or only after people said so.
    pub guardrails: Guardrails,
    /// The files that it was loaded from.
    pub files: Files,
}

impl Book {
    /// Loads and checks `files`.
    ///
    /// # Errors
    /// Everything that is wrong, over all files.
    pub fn load(files: Files) -> Result<Book, Vec<Diagnostic>> {
        let mut faults = too_large(&files);
        let digest = digest(&files);
        let lists = lists(&files);
        let mut schema = Schema::built_in();
        let contracts: Arc<[Contract]> = contract::load::load(yaml_in(&files, "context/"), &mut schema, &mut faults).into();
        let look_ups = (0..).zip(contracts.iter()).filter(|(_, contract)| contract.lookup().is_some()).map(|(number, _)| number);
        let look_ups = look_ups.collect();
        let sources = sources(&files, &schema, &lists, &mut faults);
        let playbooks = each(&files, "playbooks/", &mut faults, |file, text| playbook::load(file, text, &schema, &lists));
        let generic = generic(&playbooks, &mut faults);
        let questions = questions(&files, (&schema, &lists), &playbooks, &mut faults);
        let correlate = correlate::load(&files).unwrap_or_else(|fault| {
            faults.extend(fault);
            Correlate::default()
        });
        let guardrails = Guardrails::read(&files, &mut faults);
        if faults.iter().any(|fault| fault.severity == Severity::Error) {
            return Err(faults);
        }
        Ok(Book {
            digest,
            schema,
            lists,
            sources,
            contracts,
            look_ups,
            playbooks,
            generic,
            questions,
            correlate,
            guardrails,
            files,
        })
    }

    /// The contracts of `files` alone, as far as they can be read: whoever loads context needs not wait for the rest.
    pub fn contracts(files: &Files) -> Arc<[Contract]> {
        contract::load::load(yaml_in(files, "context/"), &mut Schema::built_in(), &mut Vec::new()).into()
    }

    /// The question called `id`.
    pub fn question(&self, id: &str) -> Option<&Question> {
        self.questions.iter().find(|question| question.id == id)
    }

    /// The name of the context contract with this number.
    pub fn contract_name(&self, number: u16) -> &str {
        self.contracts.get(usize::from(number)).map_or("?", |contract| contract.name.as_str())
    }

    /// The text of one of its files; empty when there is none.
    pub fn text(&self, file: &str) -> &str {
        self.files.get(file).map_or("", String::as_str)
    }
}

/// The digest that names a book with these files.
pub fn digest(files: &Files) -> Digest {
    Digest::of_parts(files.iter().flat_map(|(path, text)| [path.as_bytes(), text.as_bytes()]))
}

fn too_large(files: &Files) -> Vec<Diagnostic> {
    let bytes: usize = files.values().map(String::len).sum();
    if bytes <= BOOK_BYTES_MAX {
        return Vec::new();
    }
    let message = format!("the book is {bytes} bytes large, more than {BOOK_BYTES_MAX}");
    vec![
        Diagnostic::error("book-large", "", Span::default(), message)
            .with_help("move data out of the book, into the context directory"),
    ]
}

/// Every YAML file directly below `folder`, with its text.
fn yaml_in<'f>(files: &'f Files, folder: &str) -> impl Iterator<Item = (&'f str, &'f str)> {
    files.iter().filter(move |(path, _)| is_yaml_in(path, folder)).map(|(path, text)| (path.as_str(), text.as_str()))
}

/// Loads every YAML file directly below `folder`.
fn each<T>(
    files: &Files,
    folder: &str,
    faults: &mut Vec<Diagnostic>,
    mut load: impl FnMut(&str, &str) -> Result<T, Vec<Diagnostic>>,
) -> Vec<T> {
    let mut loaded = Vec::new();
    for (path, text) in yaml_in(files, folder) {
        match load(path, text) {
            Ok(item) => loaded.push(item),
            Err(found) => faults.extend(found),
        }
    }
    loaded
}

fn is_yaml_in(path: &str, folder: &str) -> bool {
    let name = path.strip_prefix(folder).filter(|name| !name.contains('/'));
    name.is_some_and(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
}

fn lists(files: &Files) -> Lists {
    let mut lists = Lists::default();
    for (path, text) in files {
        if let Some(name) = path.strip_prefix("lists/").and_then(|name| name.strip_suffix(".txt")) {
            lists.add(name, text);
        }
    }
    lists
}

fn sources(files: &Files, schema: &Schema, lists: &Lists, faults: &mut Vec<Diagnostic>) -> Sources {
    let named = |file: &str, text: &str| Source::load(file, text, schema, lists).map(|source| (file.to_owned(), source));
    let loaded = each(files, "sources/", faults, named);
    Sources::new(loaded).unwrap_or_else(|found| {
        faults.extend(found);
        Sources::default()
    })
}

/// The questions, and that there is each that a playbook asks.
fn questions(
    files: &Files,
    (schema, lists): (&Schema, &Lists),
    playbooks: &[Playbook],
    faults: &mut Vec<Diagnostic>,
) -> Vec<Question> {
    let questions = match question::load(files, schema, lists) {
        Ok(questions) => questions,
        Err(found) => {
            faults.extend(found);
            return Vec::new();
        }
    };
    for playbook in playbooks {
        faults.extend(playbook.asks.iter().filter_map(|asking| unknown(&questions, playbook, asking)));
        faults.extend(playbook.respond.iter().filter_map(|step| never_answered(&questions, playbook, step)));
    }
    questions
}

/// The playbook asks what is no question.
fn unknown(questions: &[Question], playbook: &Playbook, asking: &Asking) -> Option<Diagnostic> {
    if questions.iter().any(|question| question.id == asking.question) {
        return None;
    }
    let near = crate::lang::nearest(&asking.question, questions.iter().map(|question| question.id.as_str()));
    let help = near.map_or_else(|| format!("write it into {}", question::FILE), |near| format!("did you mean `{near}`?"));
    let message = format!("there is no question `{}`", asking.question);
    Some(Diagnostic::error("question-unknown", &playbook.file, asking.at, message).with_help(help))
}

/// The step waits for an answer that its target is never asked for, or that the question does not offer.
fn never_answered(questions: &[Question], playbook: &Playbook, step: &Response) -> Option<Diagnostic> {
    let after = step.after.as_ref()?;
    let fault = |message: String, help: String| {
        Some(Diagnostic::error("after-unknown", &playbook.file, after.at, message).with_help(help))
    };
    let is_about = |asking: &Asking| asking.of.name() == step.target || step.target == CASE;
    let is_asked = |asking: &Asking| asking.question == after.question && is_about(asking);
    if !playbook.asks.iter().any(is_asked) {
        let message = format!("`{}` does not ask `{}` about the {}", playbook.name, after.question, step.target);
        return fault(message, format!("add the step `ask: {}({})`", after.question, step.target));
    }
    let offered = questions.iter().find(|question| question.id == after.question)?;
    let names = || offered.choices.iter().map(|choice| choice.id.as_str());
    let wrong = after.choices.iter().find(|choice| !names().any(|name| name == **choice))?;
    let near = crate::lang::nearest(wrong, names());
    let help = near.map_or_else(|| format!("write it into {}", question::FILE), |near| format!("did you mean `{near}`?"));
    fault(format!("`{}` offers no answer `{wrong}`", after.question), help)
}

/// The playbook without `applies`; there must be exactly one.
fn generic(playbooks: &[Playbook], faults: &mut Vec<Diagnostic>) -> u16 {
    let mut generics = playbooks.iter().enumerate().filter(|(_, playbook)| playbook.applies.is_none());
    let first = generics.next();
    for (_, extra) in generics {
        let message = format!("`{}` applies to everything, and so does another playbook", extra.name);
        faults.push(Diagnostic::error("generic-twice", &extra.file, Span::default(), message).with_help("give it an `applies:`"));
    }
    if first.is_none() && faults.is_empty() {
        let help = "write one without `applies:`; it escalates what nobody has written a playbook for";
        faults.push(
            Diagnostic::error("generic-missing", "playbooks/", Span::default(), "no playbook takes what the others do not")
                .with_help(help),
        );
    }
    first.map_or(0, |(index, _)| index as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTIONS: &str = r#"
did-you: { ask: "Did you?", within: 1 h, choices: [{ id: yes-i-did, says: "Yes", means: admits }, { id: unsure, says: "?", means: open }] }
"#;

    const PLAYBOOK: &str = r#"
playbook: asks
signals: [{ id: one, family: word, if: alert.title == "x", points: 60, because: "x" }]
families: { word: 60 }
decide: { close_below: 20, respond_from: 50, respond_families: 1 }
respond:
  - ask: did-you(user)
  - { do: revoke-sessions(user), after: did-you(yes-i-did) }
  - { do: comment-ticket(case), after: "did-you(yes-i-did, unsure)" }
"#;

    fn faults(from: &str, to: &str) -> Vec<String> {
        assert!(from.is_empty() || PLAYBOOK.contains(from), "{from}");
        let files = [("questions.yaml", QUESTIONS.to_owned()), ("playbooks/asks.yaml", PLAYBOOK.replacen(from, to, 1))];
        let loaded = Book::load(files.map(|(path, text)| (path.to_owned(), text)).into());
        loaded.err().unwrap_or_default().into_iter().map(|fault| format!("{}: {}", fault.code, fault.message)).collect()
    }

    #[test]
    fn a_step_waits_for_an_answer_that_somebody_can_give() {
        assert!(faults("", "").is_empty(), "{:?}", faults("", ""));
        let cases = [
            ("after: did-you(yes-i-did)", "after: did-you(no)", "`did-you` offers no answer `no`"),
            ("yes-i-did, unsure", "yes-i-did, sure", "`did-you` offers no answer `sure`"),
            ("after: did-you(yes-i-did)", "after: did-they(yes-i-did)", "`asks` does not ask `did-they` about the user"),
            ("do: revoke-sessions(user)", "do: revoke-sessions(target)", "`asks` does not ask `did-you` about the target"),
        ];
        for (from, to, says) in cases {
            assert_eq!(faults(from, to), [format!("after-unknown: {says}")], "{to}");
        }
    }
}
