//! Random books and rows: the real scorer against a naive one, flips decided again, evidence that only adds.

mod naive;

use adjutant_engine::backtest::{Common, Facts};
use adjutant_engine::decide::judge;
use adjutant_engine::flip::flips;
use adjutant_model::{Decision, Outcome, Row, SignalState, Time};
use adjutant_rules::Book;
use naive::{Case, FIELDS, Random, Truth};

const ROUNDS: u64 = 150;

fn load(text: &str) -> Book {
    let files = [("playbooks/p.yaml".to_owned(), text.to_owned())];
    Book::load(files.into()).unwrap_or_else(|faults| panic!("{text}\n{faults:?}"))
}

fn decide(book: &Book, row: &Row) -> Decision {
    let mut decision = naive::blank(book);
    judge(&book.playbooks[0], row, Time(0), &mut decision);
    decision
}

#[test]
fn the_scorer_agrees_with_a_naive_one() {
    for seed in 1..=ROUNDS {
        let case = Case::new(&mut Random::new(seed));
        let book = load(&case.playbook());
        let decision = decide(&book, &case.row(&book));
        let (outcome, score, states) = case.judge();
        let found: Vec<SignalState> = decision.reasons.iter().map(|reason| reason.state).collect();
        assert_eq!((decision.outcome, decision.score, found), (outcome, score, states), "seed {seed}\n{}", case.playbook());
        let sum: i32 = decision.reasons.iter().map(|reason| reason.points).sum();
        let caps: i32 = decision.caps.iter().map(|(_, points)| points).sum();
        assert_eq!(decision.score, sum + caps, "seed {seed}: the score is the sum of what is shown");
    }
}

#[test]
fn every_flip_flips_and_no_single_one_is_missed() {
    for seed in 1..=ROUNDS {
        let case = Case::new(&mut Random::new(seed));
        let book = load(&case.playbook());
        let row = case.row(&book);
        let decision = decide(&book, &row);
        let found = flips(&decision, &row, Time(0), &book);
        for flip in &found {
            let mut changed = row.clone();
            flip.changes.iter().for_each(|change| change.put(&mut changed));
            let again = decide(&book, &changed);
            assert_eq!((again.outcome, again.score), (flip.outcome, flip.score), "seed {seed}: {}", flip.sentence());
            assert_ne!(again.outcome, decision.outcome, "seed {seed}: {}", flip.sentence());
        }
        for outcome in case.reached_by_one() {
            let single = found.iter().any(|flip| flip.outcome == outcome && flip.changes.len() == 1);
            assert!(single, "seed {seed}: one fact leads to {outcome}, and no flip says so\n{}", case.playbook());
        }
    }
}

#[test]
fn more_evidence_never_lowers_an_outcome() {
    for seed in 1..=ROUNDS {
        let mut random = Random::new(seed);
        let case = Case::new(&mut random);
        let mut before: Option<(Outcome, i32)> = None;
        // One signal more in each round, and it fires.
        for more in 0..4 {
            let mut grown = case.clone();
            (0..more).for_each(|_| grown.add_fired(&mut Random::new(seed)));
            let book = load(&grown.playbook());
            let decision = decide(&book, &grown.row(&book));
            if let Some(before) = before {
                assert!((decision.outcome, decision.score) >= before, "seed {seed}\n{}", grown.playbook());
            }
            before = Some((decision.outcome, decision.score));
        }
    }
}

#[test]
fn a_condition_that_becomes_known_and_true_never_scores_less() {
    for seed in 1..=ROUNDS {
        let case = Case::new(&mut Random::new(seed));
        for at in 0..case.signals.len() {
            if case.truth_of(at) == Truth::Unknown {
                let (outcome, score) = case.with_state(at, SignalState::Fired);
                let (before, points) = case.with_state(at, SignalState::Unknown);
                assert!(outcome >= before && score >= points, "seed {seed}, signal {at}");
            }
        }
    }
    assert_eq!(FIELDS.len(), 6);
}

/// Facts that count how often they are asked for.
struct Counted<'r>(&'r Row, u32);

impl Facts for Counted<'_> {
    type Error = std::convert::Infallible;

    fn row(&mut self) -> Result<&Row, Self::Error> {
        self.1 += 1;
        Ok(self.0)
    }

    fn names(&mut self) -> Result<&Row, Self::Error> {
        Ok(self.0)
    }
}

/// What `new` decides by what it has in common with `old`, and how often facts were asked for.
fn by_common(old: &Book, new: &Book, row: &Row) -> (Decision, u32) {
    let common = Common::of(old, new).expect("both have one playbook");
    let mut facts = Counted(row, 0);
    let spare = naive::blank(new);
    let Ok(decision) = common.again(&decide(old, row), (Some(Time(0)), new), &mut facts, spare);
    (decision, facts.1)
}

#[test]
fn what_books_have_in_common_decides_as_everything_does() {
    let mut carried = 0;
    for seed in 1..=ROUNDS * 4 {
        let mut random = Random::new(seed);
        let case = Case::new(&mut random);
        let edited = case.edited(&mut random);
        let (old, new) = (load(&case.playbook()), load(&edited.playbook()));
        let row = case.row(&old);
        let (decision, asked) = by_common(&old, &new, &row);
        assert_eq!(decision, decide(&new, &row), "seed {seed}\n{}\n{}", case.playbook(), edited.playbook());
        carried += u64::from(asked == 0);
    }
    assert!(carried > ROUNDS / 2 && carried < ROUNDS * 4, "{carried} without a look at the facts");
}

#[test]
fn other_points_and_thresholds_need_no_facts() {
    let case = Case::new(&mut Random::new(7));
    let old = load(&case.playbook());
    let text =
        case.playbook().replace("points: ", "points: 1").replace("f0: ", "f0: 1").replace("close_below: 1", "close_below: ");
    let new = load(&text);
    assert_ne!(old.files, new.files);
    let (decision, asked) = by_common(&old, &new, &case.row(&old));
    assert_eq!((decision, asked), (decide(&new, &case.row(&new)), 0));
}

#[test]
fn a_record_without_all_answers_answers_nothing() {
    let case = Case::new(&mut Random::new(7));
    let book = load(&case.playbook());
    let common = Common::of(&book, &book).expect("a book is like itself");
    let mut then = decide(&book, &case.row(&book));
    assert!(common.is_answered_by(&then));
    then.reasons.pop();
    assert!(!common.is_answered_by(&then));
    then.playbook = 9;
    assert!(!common.is_answered_by(&then));
}
