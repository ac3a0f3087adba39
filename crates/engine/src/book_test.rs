//! Runs the tests that a book carries: each playbook's facts and what must come of them, each source's samples.

use crate::decide::judge;
use crate::normalize::samples;
use adjutant_model::decision::Reason;
use adjutant_model::{Decision, SignalState, Time};
use adjutant_rules::Book;
use adjutant_rules::playbook::{Playbook, Test};

/// What became of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The playbook, or `source` and its name.
    pub playbook: String,
    /// The test's name.
    pub name: String,
    /// What was not as demanded; empty when it passed.
    pub failures: Vec<String>,
}

/// Runs every test of every playbook, and every sample of every source.
pub fn run(book: &Book) -> Vec<Tested> {
    let of_playbook = |playbook| {
        let tested = move |test: &Test| Tested {
            playbook: name(playbook),
            name: test.name.clone(),
            failures: check(book, playbook, test),
        };
        playbook.tests.iter().map(tested)
    };
    let of_source = |sample: &samples::Sample<'_>| Tested {
        playbook: format!("source {}", sample.source),
        name: sample.case.to_owned(),
        failures: samples::failures(&book.files, &book.sources, &book.schema, sample),
    };
    let sources = samples::all(&book.files);
    book.playbooks.iter().flat_map(of_playbook).chain(sources.iter().map(of_source)).collect()
}

fn name(playbook: &Playbook) -> String {
    playbook.name.clone()
}

fn check(book: &Book, playbook: &Playbook, test: &Test) -> Vec<String> {
    let now = test.given.time(adjutant_model::schema::slots::ALERT_TIME).unwrap_or(Time(0));
    let mut decision = blank(book);
    judge(playbook, &test.given, now, &mut decision);
    let expect = &test.expect;
    let mut failures = Vec::new();
    if let Some(outcome) = expect.outcome.filter(|outcome| *outcome != decision.outcome) {
        failures.push(format!("expected {outcome}, and it is {} with a score of {}", decision.outcome, decision.score));
    }
    if let Some(score) = expect.score.filter(|score| *score != decision.score) {
        failures.push(format!("expected a score of {score}, and it is {}", decision.score));
    }
    let demands = [
        (&expect.fired, SignalState::Fired),
        (&expect.silent, SignalState::Silent),
        (&expect.unknown, SignalState::Unknown),
        (&expect.muted, SignalState::Muted),
    ];
    for (names, state) in demands {
        failures.extend(names.iter().filter_map(|name| wrong(playbook, &decision.reasons, name, state)));
    }
    failures
}

fn wrong(playbook: &Playbook, reasons: &[Reason], signal: &str, wanted: SignalState) -> Option<String> {
    let (index, _) = playbook.signal(signal)?;
    let found = reasons.get(usize::from(index))?.state;
    (found != wanted).then(|| format!("signal `{signal}` should be {wanted:?}, and it is {found:?}").to_lowercase())
}

fn blank(book: &Book) -> Decision {
    Decision::undecided(book.digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(extra: &str) -> Book {
        let generic = format!(
            "playbook: p\nsignals:\n  - {{ id: s, family: f, if: alert.repeats > 1, points: 30, because: x }}\ndecide: {{ close_below: 20 }}\n{extra}"
        );
        Book::load([("playbooks/p.yaml".to_owned(), generic)].into()).unwrap()
    }

    #[test]
    fn a_test_passes_or_says_what_is_wrong() {
        let tests = "tests:\n  - { name: good, given: { alert.repeats: 2 }, expect: { outcome: escalate, score: 30, fired: [s] } }\n  - { name: bad, given: { alert.repeats: 1 }, expect: { outcome: respond, score: 1, fired: [s] } }\n";
        let tested = run(&book(tests));
        assert_eq!(tested[0].failures, Vec::<String>::new());
        assert_eq!(tested[1].failures.len(), 3, "{:?}", tested[1].failures);
    }
}
