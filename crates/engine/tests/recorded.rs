//! Recorded context under another book: the same question keeps its answer, another question has none.

use adjutant_engine::context::Recorded;
use adjutant_model::schema::slots as s;
use adjutant_model::{Origin, Row, Time, Value, Why};
use adjutant_rules::Book;

const CONTRACT: &str = "context: people
title: People of the directory
owner: directory
from: { csv: people.csv }
keys:
  - { kind: user, columns: [upn] }
lookup:
  user: [user.email, user.name]
as_of: file
max_age: 7d
facts:
  privileged: { type: bool, about: Whether the account holds an administrative role. }
  department: { type: text, about: Department of the person. }
";

/// A book in which `from` of the contract reads `to`.
fn book(from: &str, to: &str) -> Book {
    assert!(CONTRACT.contains(from), "{from}");
    let generic = "playbook: generic\nsignals:\n  - { id: s, family: f, if: alert.repeats > 1, points: 30, because: x }\ndecide: { close_below: 20 }\n";
    let files = [("playbooks/generic.yaml", generic.to_owned()), ("context/people.yaml", CONTRACT.replacen(from, to, 1))];
    Book::load(files.map(|(path, text)| (path.to_owned(), text)).into()).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// What the record says.
fn read(book: &Book, email: &str) -> Row {
    let mut row = Row::new(book.schema.len());
    row.set_text(s::USER_EMAIL, email, Origin::Derived);
    row.set_text(s::USER_NAME, "ana", Origin::Derived);
    row
}

/// Ana as she was recorded under `old`, brought to what `new` reads: is she privileged, and where does she work?
fn recall(old: &Book, new: &Book, email: &str) -> (Value, Option<String>) {
    let slot = |name| new.schema.slot(name).expect("a declared fact");
    let (privileged, department) = (slot("user.privileged"), slot("user.department"));
    // A recorded row comes in the slots of the new book.
    let mut then = read(new, "ana@corp.example");
    let number = old.contracts.iter().position(|contract| contract.name == "people").unwrap_or(0) as u16;
    then.set(privileged, Value::Bool(true), Origin::Context(number));
    then.set_text(department, "Finance", Origin::Context(number));
    let mut row = read(new, email);
    Recorded::new(old, new).fill(&then, &mut row);
    (row.value(privileged), row.text(department).map(str::to_owned))
}

const UNKNOWN: (Value, Option<String>) = (Value::Unknown(Why::NotFound), None);

#[test]
fn the_same_question_keeps_its_answer() {
    let old = book("owner: directory", "owner: directory");
    let known = (Value::Bool(true), Some("Finance".to_owned()));
    assert_eq!(recall(&old, &old, "ana@corp.example"), known);
    // Who answers for it, how old it may be and where it lies are not the question.
    for (from, to) in [("owner: directory", "owner: others"), ("max_age: 7d", "max_age: 1d"), ("people.csv", "staff.csv")] {
        assert_eq!(recall(&old, &book(from, to), "ana@corp.example"), known, "{to}");
    }
}

#[test]
fn a_key_that_reads_otherwise_makes_the_fact_unknown() {
    let old = book("owner: directory", "owner: directory");
    assert_eq!(recall(&old, &old, "ben@corp.example"), UNKNOWN);
}

#[test]
fn another_question_has_no_recorded_answer() {
    let old = book("owner: directory", "owner: directory");
    for (from, to) in [
        ("context: people", "context: staff"),
        ("user: [user.email, user.name]", "user: [user.name]"),
        ("user: [user.email, user.name]", "user: [user.name, user.email]"),
        ("columns: [upn]", "columns: [sam]"),
        ("columns: [upn]", "columns: [upn, sam]"),
    ] {
        assert_eq!(recall(&old, &book(from, to), "ana@corp.example"), UNKNOWN, "{to}");
    }
}

#[test]
fn a_fact_that_is_read_elsewhere_is_unknown_and_the_others_stay() {
    let old = book("owner: directory", "owner: directory");
    for (from, to) in [("{ type: bool,", "{ type: bool, column: is_admin,"), ("{ type: bool,", "{ type: bool, absent: false,")] {
        let (privileged, department) = recall(&old, &book(from, to), "ana@corp.example");
        assert_eq!((privileged, department.as_deref()), (UNKNOWN.0, Some("Finance")), "{to}");
    }
}

#[test]
fn what_the_record_says_itself_is_not_overwritten() {
    let book = book("owner: directory", "owner: directory");
    let slot = book.schema.slot("user.department").expect("a declared fact");
    let mut then = read(&book, "ana@corp.example");
    then.set_text(slot, "Finance", Origin::Context(0));
    let mut row = read(&book, "ana@corp.example");
    row.set_text(slot, "Sales", Origin::Derived);
    Recorded::new(&book, &book).fill(&then, &mut row);
    assert_eq!(row.text(slot), Some("Sales"));
    assert_eq!(row.cell(slot).observed_at, Time(0));
}
