//! Random books over random streams of records, on the way that every record takes: read, observed, decided.
//!
//! What the naive scorer is asked about is what the real path found out: facts of the record and of history.

mod naive;

use adjutant_engine::context::Snapshot;
use adjutant_engine::desk::{Desk, Options, Scratch};
use adjutant_engine::memory::Limits;
use adjutant_model::{Alert, Decision, Place, RawAlert, Row, SignalState};
use adjutant_rules::Book;
use naive::{Case, Random};

const ROUNDS: u64 = 60;
const RECORDS: i64 = 25;

const SOURCE: &str = r#"source: probe
title: Records of a test
docs: https://example.com/
format: json
keys: [probe]
fields:
  alert.time: raw.time
  alert.rule: raw.rule
  user.name: raw.user
  malware.blocked: raw.blocked
  device.managed: raw.managed
  login.legacy: raw.legacy
"#;

fn load(playbook: &str) -> Book {
    let files = [("playbooks/p.yaml", playbook), ("sources/probe.yaml", SOURCE)];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
    Book::load(files).unwrap_or_else(|faults| panic!("{playbook}\n{faults:?}"))
}

/// A record a minute: few users and rules, so that history has something to say; each fact may be missing.
fn records(random: &mut Random) -> Vec<String> {
    let record = |minute: i64| {
        let (user, rule) = (random.below(3), random.below(4));
        let mut text =
            format!(r#"{{"probe":{minute},"time":{},"user":"user{user}","rule":"rule {rule}""#, 1_767_571_200 + minute * 60);
        for name in ["blocked", "managed", "legacy"] {
            match random.below(3) {
                0 => {}
                truth => text.push_str(&format!(r#","{name}":{}"#, truth == 1)),
            }
        }
        text + "}"
    };
    (0..RECORDS).map(record).collect()
}

/// What is decided about each record, and what was known then.
fn triage(book: &Book, records: &[String]) -> Vec<(Decision, Row)> {
    let context = Snapshot::empty(book.contracts.clone());
    let desk = Desk::new(Options { book, context: &context, source: None, now: None });
    let (mut memory, mut scratch, mut problems) = (desk.memory(Limits::default()), Scratch::default(), Vec::new());
    let mut spare = Decision::undecided(book.digest);
    let decide = |(line, text): (u64, &String)| {
        let (raw, mut alert) = (RawAlert { bytes: text.as_bytes(), place: Place { input: 0, line } }, Alert::default());
        let (keys, _) = desk.read(&raw, &mut scratch, &mut alert, &mut problems).expect("a record");
        let observed = memory.observe(&mut alert, &keys);
        let decision = desk.decide(&mut alert, &observed.joined, Decision::undecided(book.digest));
        spare = desk.decide(&mut alert, &observed.joined, spare.clone());
        assert_eq!(spare, decision, "nothing is left of the decision whose memory is used");
        (decision, alert.row)
    };
    (1..).zip(records).map(decide).collect()
}

#[test]
fn the_desk_agrees_with_the_naive_scorer() {
    let (mut outcomes, mut histories) = ([0; 3], 0);
    for seed in 1..=ROUNDS {
        let mut random = Random::new(seed);
        let (case, records) = (Case::new(&mut random), records(&mut random));
        let book = load(&case.playbook());
        for (decision, row) in triage(&book, &records) {
            let (outcome, score, states) = case.about(&row, &book).judge();
            let found: Vec<SignalState> = decision.reasons.iter().map(|reason| reason.state).collect();
            assert_eq!((decision.outcome, decision.score, found), (outcome, score, states), "seed {seed}\n{}", case.playbook());
            outcomes[decision.outcome as usize] += 1;
            histories += i32::from(row.int(adjutant_model::schema::slots::CASE_RULES).is_some_and(|rules| rules > 1));
        }
    }
    assert!(outcomes.iter().all(|count| *count > 50) && histories > 500, "too dull: {outcomes:?}, {histories}");
}

#[test]
fn another_signal_never_lowers_what_is_decided() {
    let mut raised = 0;
    for seed in 1..=ROUNDS {
        let mut random = Random::new(seed);
        let (case, records) = (Case::new(&mut random), records(&mut random));
        let before = triage(&load(&case.playbook()), &records);
        // A signal that fires on the last record; on the others it may, and may be unknown.
        let Some((_, row)) = before.last() else { continue };
        let mut grown = case.about(row, &load(&case.playbook()));
        grown.add_fired(&mut random);
        let after = triage(&load(&grown.playbook()), &records);
        for ((was, _), (is, _)) in before.iter().zip(&after) {
            assert!((is.outcome, is.score) >= (was.outcome, was.score), "seed {seed}\n{}", grown.playbook());
            raised += i32::from(is.outcome > was.outcome);
        }
    }
    assert!(raised > 50, "too dull: {raised}");
}

#[test]
fn the_same_records_are_decided_the_same() {
    for seed in 1..=ROUNDS / 4 {
        let mut random = Random::new(seed);
        let (case, records) = (Case::new(&mut random), records(&mut random));
        let book = load(&case.playbook());
        assert_eq!(triage(&book, &records), triage(&book, &records), "seed {seed}");
    }
}
