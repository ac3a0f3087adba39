//! Messages of `cases/mail` through the real path: modern honest ones, and attacks of kinds that are rare in collections.
//!
//! `labels.csv` says what each is; `expect.tsv` what comes of it, word for word. `UPDATE_EXPECT=1` writes what comes out: read
//! it before you commit it.
#![allow(clippy::disallowed_methods, reason = "a test reads its environment")]

use adjutant_engine::context::Snapshot;
use adjutant_rules::Book;
use adjutant_runtime::triage::Options;
use adjutant_runtime::{alone, book_dir};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Modern honest messages, at least; and how many of them may cost a person's time.
const LEGITIMATE_MIN: usize = 150;
const LEGITIMATE_ESCALATED_MAX: usize = 8;

/// Attacks of each kind, at least.
const ATTACKS_MIN: usize = 10;

struct Told {
    label: String,
    source: String,
    outcome: String,
    line: String,
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases/mail")
}

fn told() -> Vec<Told> {
    let book = Book::load(book_dir::shipped()).unwrap();
    let context = Snapshot::empty(book.contracts.clone());
    let options = Options { book: &book, context: &context, source: None, now: None };
    let labels = fs::read_to_string(cases().join("labels.csv")).unwrap();
    let one = |line: &str| {
        let [file, label, source] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let record = alone::decide(options, &fs::read(cases().join(file)).unwrap(), file, 100).unwrap().record;
        assert_eq!(record.playbook, "phishing", "{file}");
        let fired: Vec<&str> =
            record.signals.iter().filter(|signal| signal.points > 0).map(|signal| signal.id.as_str()).collect();
        let line = format!("{file}\t{}\t{}\t{}", record.outcome, record.score, fired.join(" "));
        Told { label: label.into(), source: source.into(), outcome: record.outcome.clone(), line }
    };
    labels.lines().skip(1).map(one).collect()
}

#[test]
fn honest_mail_is_left_alone_and_attacks_are_not() {
    let told = told();
    let mut text = String::new();
    told.iter().for_each(|told| writeln!(text, "{}", told.line).unwrap());
    let kept = cases().join("expect.tsv");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&kept, &text).unwrap();
    }
    let honest: Vec<&Told> = told.iter().filter(|told| told.label == "legit").collect();
    let escalated: Vec<&str> = honest.iter().filter(|told| told.outcome != "close").map(|told| told.line.as_str()).collect();
    assert!(honest.len() >= LEGITIMATE_MIN && honest.iter().all(|told| told.outcome != "respond"), "{escalated:#?}");
    assert!(escalated.len() <= LEGITIMATE_ESCALATED_MAX, "{escalated:#?}");
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for attack in told.iter().filter(|told| told.label == "phishing") {
        assert_ne!(attack.outcome, "close", "{}", attack.line);
        *kinds.entry(&attack.source).or_default() += 1;
    }
    assert!(kinds.len() >= 7 && kinds.values().all(|count| *count >= ATTACKS_MIN), "{kinds:?}");
    let differing: Vec<(&str, &str)> = fs::read_to_string(&kept)
        .unwrap_or_default()
        .leak()
        .lines()
        .zip(text.lines())
        .filter(|(kept, now)| kept != now)
        .collect();
    assert!(differing.is_empty() && fs::read_to_string(&kept).unwrap_or_default() == text, "{differing:#?}");
}

#[test]
fn a_file_that_is_a_message_is_one_record() {
    use adjutant_runtime::read::{Chunk, Input, Reader};
    let file = cases().join("legit-newsletter-00.eml");
    let mut reader = Reader::new(vec![Input::Path(file.clone())], std::sync::Arc::default()).with_chunk_bytes(100);
    let mut chunk = Chunk::default();
    assert!(reader.fill(&mut chunk));
    let records: Vec<&[u8]> = chunk.records().iter().map(|record| chunk.bytes(record)).collect();
    assert_eq!(records, [fs::read(file).unwrap().as_slice()]);
    assert!(!reader.fill(&mut chunk));
}
