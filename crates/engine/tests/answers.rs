//! What follows from what somebody answered, in the book that ships.
#![allow(clippy::disallowed_methods, reason = "a test reads the book")]

use adjutant_engine::plan::{Answer, after, asks, due, wishes};
use adjutant_model::schema::slots as s;
use adjutant_model::{Decision, Digest, Origin, Row};
use adjutant_rules::playbook::Response;
use adjutant_rules::{Book, Files};
use std::path::Path;

fn read(folder: &Path, below: &str, files: &mut Files) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            read(&entry.path(), &format!("{name}/"), files);
        } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
            files.insert(name, text);
        }
    }
}

fn book() -> Book {
    let mut files = Files::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../book"), "", &mut files);
    Book::load(files).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn names<'p>(steps: impl Iterator<Item = &'p Response>) -> Vec<&'static str> {
    steps.map(|step| step.verb.name).collect()
}

#[test]
fn what_waits_for_an_answer_is_due_after_that_one_alone() {
    let book = book();
    let playbook = book.playbooks.iter().find(|playbook| playbook.name == "phishing").unwrap();
    let mut row = Row::new(book.schema.len());
    row.set_text(s::MAIL_REPORTER, "ana@corp.example", Origin::Nothing);
    row.set_text(s::USER_EMAIL, "ana@corp.example", Origin::Nothing);
    let decision = Decision { score: 60, ..Decision::undecided(Digest::of(b"book")) };
    let at_once = names(due(playbook, &decision, &row));
    assert_eq!(at_once, ["quarantine-message", "warn-recipient", "tell-reporter"]);
    let answer = Answer { question: "what-did-you-do", of: "user", choice: "entered" };
    let steps = || after(playbook, &decision, &row, answer);
    assert_eq!(names(steps()), ["revoke-sessions", "force-password-change"]);
    assert!(wishes(steps(), &row).iter().all(|wish| wish.name.as_deref() == Some("ana@corp.example")));
    let others = [("replied", "user"), ("opened", "user"), ("nothing", "user"), ("unsure", "user"), ("entered", "target")];
    for (choice, of) in others {
        assert_eq!(names(after(playbook, &decision, &row, Answer { of, choice, ..answer })), [""; 0], "{choice} of {of}");
    }
    let other = Answer { question: "was-this-you", ..answer };
    assert_eq!(names(after(playbook, &decision, &row, other)), [""; 0]);
    // Where nobody reported it, whom it was sent to is asked nothing about a report.
    assert_eq!(asks(playbook, &decision, &row).count(), 1);
    assert_eq!(asks(playbook, &decision, &Row::new(book.schema.len())).count(), 0);
}
