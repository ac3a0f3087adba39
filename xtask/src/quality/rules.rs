//! Rule-test pairs: events on which a vendor's rule raises an alert, and events on which it must not.
//!
//! DIR holds `labelled/panther_rule_tests.jsonl`: each line a rule, whether it should alert, and the event. Each
//! event goes the real way alone: normalized, observed by a fresh memory, decided by the book. An alerting event
//! is right when a person gets to see it, a benign one when closing is proposed. Half of the tests alert, so the
//! figures say nothing about precision in the field; nothing here may be tuned to single records.

use crate::figures::Figures;
use adjutant_engine::context::Snapshot;
use adjutant_engine::desk::{Desk, Options, Scratch};
use adjutant_engine::explain::{explain, style};
use adjutant_engine::memory::Limits;
use adjutant_engine::record::{Parts, Record};
use adjutant_engine::{binomial, flip};
use adjutant_model::{Alert, Decision, Outcome, Place, RawAlert};
use adjutant_rules::Book;
use adjutant_runtime::book_dir;
use anyhow::{Context as _, Result, anyhow};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Rules whose wrong decisions are explained.
const EXPLAINED: usize = 10;

/// Floors, not goals: a little under what was measured when they were set, so that no change makes it worse unseen.
const ALERTING_ESCALATED_PCT_MIN: f64 = 63.2;
const BENIGN_CLOSED_PCT_MIN: f64 = 43.0;

/// How sure the bounds are.
const CONFIDENCE: f64 = 0.95;

/// What `quality rules` is asked for.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The unpacked alerts, with `labelled/panther_rule_tests.jsonl`
    dir: PathBuf,
    /// A book to measure instead of the shipped one
    #[arg(long, value_name = "DIR")]
    book: Option<PathBuf>,
    /// Writes the figures as one flat JSON object into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes every decision as one line of tab-separated values into this file
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
}

/// One test of one rule.
#[derive(Deserialize)]
struct Test {
    rule_id: String,
    log_types: Option<Vec<String>>,
    test: String,
    should_alert: bool,
    has_mocks: bool,
    log: Value,
}

/// What was decided about one test; none when the event is no record.
struct Decided {
    test: Test,
    record: Option<Record>,
    explanation: String,
}

/// How many were right of how many.
#[derive(Clone, Copy, Default)]
struct Share {
    right: u64,
    all: u64,
}

/// Alerting and benign events.
#[derive(Clone, Copy, Default)]
struct Shares {
    alerting: Share,
    benign: Share,
}

impl Decided {
    fn right(&self) -> bool {
        let closed = self.record.as_ref().is_some_and(|record| record.outcome == Outcome::Close.to_string());
        closed != self.test.should_alert
    }
}

impl Share {
    fn add(&mut self, right: bool) {
        self.right += u64::from(right);
        self.all += 1;
    }

    fn percent(self) -> f64 {
        100.0 * self.right as f64 / self.all.max(1) as f64
    }

    fn shown(self) -> String {
        let (low, high) = (binomial::lower(self.right, self.all, CONFIDENCE), binomial::upper(self.right, self.all, CONFIDENCE));
        format!("{:>4}/{:<4} {:>5.1} % ({:>4.1} to {:>5.1})", self.right, self.all, self.percent(), 100.0 * low, 100.0 * high)
    }
}

impl Shares {
    fn of<'d>(decided: impl Iterator<Item = &'d Decided>) -> Self {
        let mut shares = Self::default();
        for one in decided {
            let share = if one.test.should_alert { &mut shares.alerting } else { &mut shares.benign };
            share.add(one.right());
        }
        shares
    }

    fn meet_floors(&self) -> bool {
        self.alerting.percent() >= ALERTING_ESCALATED_PCT_MIN && self.benign.percent() >= BENIGN_CLOSED_PCT_MIN
    }
}

/// Runs `quality rules`; false under a floor. There is no goal: the tests are not a sample of anything that a team sees.
///
/// # Errors
/// When the tests or the book cannot be read.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let files = match &arguments.book {
        Some(dir) => book_dir::read(dir)?,
        None => book_dir::shipped(),
    };
    let book =
        Book::load(files).map_err(|faults| anyhow!("the book has {} faults; `adjutant check` shows them", faults.len()))?;
    let decided: Vec<Decided> = tests(arguments)?.into_iter().map(|test| decide(test, &book)).collect();
    if let Some(path) = &arguments.list {
        fs::write(path, decided.iter().map(line).collect::<String>())?;
    }
    by_source(&decided);
    worst(&decided);
    report(&decided, arguments)
}

fn tests(arguments: &Arguments) -> Result<Vec<Test>> {
    let path = arguments.dir.join("labelled/panther_rule_tests.jsonl");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let mut tests = text.lines().map(serde_json::from_str::<Test>).collect::<Result<Vec<_>, _>>()?;
    for log in tests.iter_mut().filter_map(|test| test.log.as_object_mut()) {
        // What the rules' own platform added is not the vendor's record.
        log.retain(|key, _| !key.starts_with("p_"));
    }
    Ok(tests)
}

/// Decides about one event as if it were the first that Adjutant ever saw.
fn decide(test: Test, book: &Book) -> Decided {
    let context = Snapshot::empty(book.contracts.clone());
    let desk = Desk::new(Options { book, context: &context, source: None, now: None });
    let few = Limits { users_max: 16, addresses_max: 16, entities_max: 16, rules_max: 16, pairs_max: 16, duplicates_max: 16 };
    let mut memory = desk.memory(few);
    let (mut alert, mut problems) = (Alert::default(), Vec::new());
    let bytes = test.log.to_string();
    let raw = RawAlert { bytes: bytes.as_bytes(), place: Place { input: 0, line: 1 } };
    let Ok((keys, _)) = desk.read(&raw, &mut Scratch::default(), &mut alert, &mut problems) else {
        return Decided { test, record: None, explanation: String::new() };
    };
    let seen = memory.observe(&mut alert, &keys);
    let decision = desk.decide(&mut alert, &seen.joined, Decision::undecided(desk.book().digest));
    let parts = Parts { decision: &decision, alert: &alert, problems: &problems, input: &test.rule_id, duplicate: false, book };
    let record = Record::new(parts);
    let mut decided = Decided { test, record: None, explanation: String::new() };
    decided.record = Some(record);
    if let (false, Some(record)) = (decided.right(), &decided.record) {
        let flips = flip::flips(&decision, &alert.row, desk.now(&alert), book);
        decided.explanation = style::plain(&explain(record, &flips, 120));
    }
    decided
}

fn line(decided: &Decided) -> String {
    let Decided { test, record, .. } = decided;
    let field = |name: &str| {
        let record = record.as_ref()?;
        record.fields.get(name)?.value.as_ref().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let (outcome, score, playbook, source) = record.as_ref().map_or(("dropped", 0, "", ""), |record| {
        (record.outcome.as_str(), record.score, record.playbook.as_str(), record.alert.source.as_str())
    });
    let wanted = if test.should_alert { "alerting" } else { "benign" };
    let rule = field("alert.rule").unwrap_or_default().replace(['\t', '\n'], " ");
    let class = field("alert.class").unwrap_or_default();
    let right = if decided.right() { "right" } else { "wrong" };
    format!(
        "{right}\t{wanted}\t{outcome}\t{score}\t{playbook}\t{source}\t{class}\t{rule}\t{}\t{}\t{}\n",
        test.rule_id,
        test.test,
        if test.has_mocks { "mocks" } else { "" }
    )
}

fn measured(decided: &[Decided]) -> impl Iterator<Item = &Decided> {
    decided.iter().filter(|one| !one.test.has_mocks)
}

fn by_source(decided: &[Decided]) {
    let mut sources: BTreeMap<&str, Vec<&Decided>> = BTreeMap::new();
    for one in measured(decided) {
        let log_type = match one.test.log_types.as_deref() {
            Some([one]) => one.as_str(),
            Some([_, ..]) => "several sources",
            Some([]) | None => "not said",
        };
        sources.entry(log_type).or_default().push(one);
    }
    println!("{:<32} {:<32} benign events closed", "log type", "alerting events escalated");
    let mut sources: Vec<_> = sources.into_iter().collect();
    sources.sort_by_key(|(_, tests)| std::cmp::Reverse(tests.len()));
    for (name, tests) in sources {
        let shares = Shares::of(tests.into_iter());
        println!("{name:<32} {:<32} {}", shares.alerting.shown(), shares.benign.shown());
    }
}

/// The rules with the most wrong decisions, each with one of them explained.
fn worst(decided: &[Decided]) {
    let mut rules: BTreeMap<&str, Vec<&Decided>> = BTreeMap::new();
    for one in measured(decided).filter(|one| !one.right()) {
        rules.entry(&one.test.rule_id).or_default().push(one);
    }
    let mut rules: Vec<_> = rules.into_iter().collect();
    rules.sort_by_key(|(_, wrong)| std::cmp::Reverse(wrong.len()));
    for (rule, wrong) in rules.into_iter().take(EXPLAINED) {
        let Some(first) = wrong.first() else { continue };
        let wanted = if first.test.should_alert { "should be escalated" } else { "should be closed" };
        println!("\n{rule}: {} wrong; `{}` {wanted}\n{}", wrong.len(), first.test.test, first.explanation);
    }
}

fn report(decided: &[Decided], arguments: &Arguments) -> Result<bool> {
    let shares = Shares::of(measured(decided));
    let mocked = Shares::of(decided.iter().filter(|one| one.test.has_mocks));
    println!("\nall        {}   {}", shares.alerting.shown(), shares.benign.shown());
    println!(
        "with mocks {}   {}   (their verdict needs a lookup that is not in the event)\n",
        mocked.alerting.shown(),
        mocked.benign.shown()
    );
    let mut figures = Figures::default();
    figures.add(
        "alerting_escalated_pct",
        shares.alerting.percent(),
        "% of alerting events that a person gets to see (floor 63.2)",
    );
    figures.add("benign_closed_pct", shares.benign.percent(), "% of benign events proposed for closing (floor 43)");
    figures.add("tests", (shares.alerting.all + shares.benign.all) as f64, "tests measured");
    figures.add("dropped", decided.iter().filter(|one| one.record.is_none()).count() as f64, "events that are no record");
    figures.report(arguments.json.as_deref())?;
    Ok(shares.meet_floors())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_floors_count() {
        let share = |right| Share { right, all: 100 };
        assert!(Shares { alerting: share(64), benign: share(44) }.meet_floors());
        assert!(!Shares { alerting: share(63), benign: share(44) }.meet_floors());
        assert!(!Shares { alerting: share(64), benign: share(42) }.meet_floors());
    }
}
