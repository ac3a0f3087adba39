//! Every signal of every shipped playbook has a case that it must catch and one that it must not, and both are run.

use adjutant_engine::book_test;
use adjutant_model::Time;
use adjutant_rules::{Book, Files, check};
use adjutant_runtime::book_dir;

fn load(files: Files) -> Book {
    Book::load(files).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// How many of a book's own tests fail.
fn failures(book: &Book) -> usize {
    book_test::run(book).iter().filter(|tested| !tested.failures.is_empty()).count()
}

#[test]
fn every_signal_is_seen_firing_and_seen_silent() {
    let book = load(book_dir::shipped());
    let doubts = check::check(&book, Time(0));
    assert!(doubts.is_empty(), "{doubts:?}");
    assert_eq!(failures(&book), 0);
    for playbook in &book.playbooks {
        for signal in &playbook.signals {
            let fires = playbook.tests.iter().any(|test| test.expect.fired.contains(&signal.id));
            let silent = playbook.tests.iter().any(|test| test.expect.silent.contains(&signal.id));
            assert!(fires && silent, "{}: signal `{}` fires {fires}, silent {silent}", playbook.name, signal.id);
        }
    }
}

/// The condition of the signal `id` in the text of a playbook, replaced by `condition`.
fn with_condition(text: &str, id: &str, condition: &str) -> String {
    let start = text.find(&format!("- id: {id}\n")).unwrap_or_else(|| panic!("no signal `{id}`"));
    let (before, signal) = text.split_at(start);
    let from = signal.find("\n    if:").unwrap_or_else(|| panic!("`{id}` has no condition")) + 1;
    let length = signal[from..].lines().skip(1).take_while(|line| line.starts_with("      ")).map(|line| line.len() + 1);
    let to = from + signal[from..].find('\n').unwrap_or(0) + 1 + length.sum::<usize>();
    format!("{before}{}    if: {condition}\n{}", &signal[..from], &signal[to..])
}

#[test]
fn a_signal_that_says_always_or_never_fails_its_tests() {
    let files = book_dir::shipped();
    let book = load(files.clone());
    let mut broken = 0;
    for playbook in &book.playbooks {
        let mut small = files.clone();
        small.retain(|path, _| !path.starts_with("playbooks/") || *path == playbook.file || path.ends_with("/generic.yaml"));
        small.retain(|path, _| !path.starts_with("sources/") || path == "sources/generic.yaml");
        let text = &files[&playbook.file];
        for signal in &playbook.signals {
            for condition in ["alert.repeats == alert.repeats || true", "alert.repeats != alert.repeats && false"] {
                small.insert(playbook.file.clone(), with_condition(text, &signal.id, condition));
                assert!(
                    failures(&load(small.clone())) > 0,
                    "{}: nothing notices `{}` as `{condition}`",
                    playbook.name,
                    signal.id
                );
                broken += 1;
            }
        }
    }
    assert!(broken > 100, "{broken}");
}
