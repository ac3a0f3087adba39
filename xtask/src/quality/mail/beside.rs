//! The same bytes beside what filters of mail make of them: SpamAssassin and rspamd as Debian has them, with their default rules and
//! without the network, reputation or anything learned. One that is not installed is said and left out.
//!
//! They judge spam and not phishing alone, and so do not answer quite the same question; who is better where is counted both ways.
//! A filter's threshold balances other mail than this, so beside it stands the threshold that flags no more legitimate messages
//! than we escalate.

use super::{Judged, percent};
use crate::setup::{self, Need};
use anyhow::{Result, ensure};
use std::collections::BTreeMap;

mod rspamd;
mod spamassassin;

/// Names that are shown of what fired most.
const NAMES_SHOWN: usize = 8;

/// What a filter makes of one message.
#[derive(Clone, Debug, Default, PartialEq)]
struct Verdict {
    score: f64,
    /// Names of its rules that fired, with their points.
    fired: Vec<(String, f64)>,
}

/// What a filter makes of all messages, in their order.
struct Filter {
    name: String,
    /// The score from which mail is spam by default.
    threshold: f64,
    verdicts: Vec<Verdict>,
}

/// Something that judges messages: what it is, what it needs, and how it is asked.
type Known = (&'static str, fn(&[&[u8]]) -> Result<Vec<Filter>>);

const ALL: [Known; 2] = [("SpamAssassin", spamassassin::judge), ("rspamd", rspamd::judge)];

/// Prints what the filters make of these messages, the first of which is that of the first judgement.
///
/// # Errors
/// A filter is installed and cannot be run.
pub(super) fn print(messages: &[&[u8]], judged: &[&Judged]) -> Result<()> {
    println!("{:<54} {:>9} {:>11} {:>8}", "", "phishing", "legitimate", "spam");
    row("adjutant, escalated", judged, |_, one| one.escalated());
    row("adjutant, quarantined", judged, |_, one| one.quarantined());
    for (what, judge) in ALL {
        let needs = setup::FILTERS.iter().filter(|need| need.what == what);
        let missing: Vec<String> = needs.filter(|need| !need.is_there()).map(Need::advice).collect();
        if missing.is_empty() {
            judge(messages)?.iter().try_for_each(|filter| compare(filter, judged))?;
        } else {
            missing.iter().for_each(|line| println!("{line}"));
        }
    }
    Ok(())
}

fn compare(filter: &Filter, judged: &[&Judged]) -> Result<()> {
    let Filter { name, threshold, verdicts } = filter;
    ensure!(verdicts.len() == judged.len(), "{name} judged {} of {} messages", verdicts.len(), judged.len());
    let equal = equal_threshold(verdicts, judged);
    let over = |nth: usize| verdicts[nth].score >= *threshold;
    let over_equal = |nth: usize| verdicts[nth].score > equal;
    println!();
    row(&format!("{name}, from {threshold:.1} (its default)"), judged, |nth, _| over(nth));
    row(&format!("{name}, above {equal:.1} (as few legitimate)"), judged, |nth, _| over_equal(nth));
    for (how, over) in [("at its default", &over as &dyn Fn(usize) -> bool), ("as few legitimate", &over_equal)] {
        let only = |label: &str, ours: bool| -> Vec<usize> {
            let differ = |nth: &usize| judged[*nth].is(label) && judged[*nth].escalated() == ours && over(*nth) != ours;
            (0..judged.len()).filter(differ).collect()
        };
        let (we, it) = (only("phishing", true), only("phishing", false));
        println!("  {how}: phishing that only we catch {}, only it {}", we.len(), it.len());
        println!("    legitimate that only we flag {}, only it {}", only("legit", true).len(), only("legit", false).len());
        println!("    only we: {}", top(we.iter().flat_map(|nth| judged[*nth].fired.iter().map(String::as_str))));
        println!("    only it: {}", top(it.iter().flat_map(|nth| verdicts[*nth].names())));
    }
    Ok(())
}

impl Verdict {
    /// The rules that spoke against the message.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.fired.iter().filter(|(_, points)| *points >= 0.1).map(|(name, _)| name.as_str())
    }

    /// The same without these rules.
    fn without(&self, names: &[&str]) -> Self {
        let (gone, fired): (Vec<_>, Vec<_>) = self.fired.iter().cloned().partition(|(name, _)| names.contains(&name.as_str()));
        Self { score: self.score - gone.iter().map(|(_, points)| points).sum::<f64>(), fired }
    }
}

/// The score above which a filter flags no more legitimate messages than we escalate.
fn equal_threshold(verdicts: &[Verdict], judged: &[&Judged]) -> f64 {
    let legitimate = || verdicts.iter().zip(judged).filter(|(_, one)| one.is("legit"));
    let ours = legitimate().filter(|(_, one)| one.escalated()).count();
    let mut scores: Vec<f64> = legitimate().map(|(verdict, _)| verdict.score).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores.get(ours).copied().unwrap_or(f64::NEG_INFINITY)
}

/// The names that occur most, each with how often.
fn top<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shown: Vec<String> = counts.iter().take(NAMES_SHOWN).map(|(name, count)| format!("{name} {count}")).collect();
    shown.join(", ")
}

fn row(name: &str, judged: &[&Judged], so: impl Fn(usize, &Judged) -> bool) {
    let share = |label: &str| {
        let all: Vec<(usize, &&Judged)> = judged.iter().enumerate().filter(|(_, one)| one.is(label)).collect();
        percent(all.iter().filter(|(nth, one)| so(*nth, one)).count(), all.len())
    };
    println!("{name:<54} {:>7.2} % {:>9.2} % {:>6.2} %", share("phishing"), share("legit"), share("spam"));
}

/// Does `work` with parts of all messages, on every core, and puts what comes of it in their order.
fn parts<T: Send>(messages: &[&[u8]], work: impl Fn(&[&[u8]]) -> Result<Vec<T>> + Sync) -> Result<Vec<T>> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let each = messages.len().div_ceil(threads).max(1);
    let done: Vec<Result<Vec<T>>> = std::thread::scope(|scope| {
        let running: Vec<_> = messages.chunks(each).map(|part| scope.spawn(|| work(part))).collect();
        running.into_iter().map(|thread| thread.join().expect("judging does not panic")).collect()
    });
    done.into_iter().collect::<Result<Vec<_>>>().map(|parts| parts.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::super::Label;
    use super::*;

    fn judged(label: &str, outcome: &str) -> Judged {
        let label = Label { file: String::new(), label: label.into(), source: String::new() };
        Judged { label, held_out: false, outcome: outcome.into(), score: 0, fired: Vec::new(), explanation: String::new() }
    }

    fn scored(score: f64) -> Verdict {
        Verdict { score, fired: vec![("A".into(), 1.5), ("B".into(), -0.5)] }
    }

    #[test]
    fn a_threshold_of_equal_cost_flags_as_many_legitimate_messages_as_we_do() {
        let all =
            [judged("legit", "escalate"), judged("legit", "close"), judged("phishing", "escalate"), judged("legit", "close")];
        let judged: Vec<&Judged> = all.iter().collect();
        let verdicts: Vec<Verdict> = [1.0, 7.0, 9.0, 3.0].map(scored).into();
        let threshold = equal_threshold(&verdicts, &judged);
        let flagged = verdicts.iter().zip(&judged).filter(|(verdict, one)| one.is("legit") && verdict.score > threshold).count();
        assert_eq!((threshold, flagged), (3.0, 1));
    }

    #[test]
    fn a_rule_that_is_left_out_takes_its_points_with_it() {
        let left = scored(4.0).without(&["A", "C"]);
        assert_eq!(left, Verdict { score: 2.5, fired: vec![("B".into(), -0.5)] });
        assert_eq!(left.names().count(), 0, "what speaks for a message does not flag it");
    }

    #[test]
    fn parts_come_back_in_their_order() {
        let messages: Vec<Vec<u8>> = (0..7).map(|nth| vec![nth]).collect();
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        assert_eq!(parts(&messages, |part| Ok(part.iter().map(|raw| raw[0]).collect())).unwrap(), [0, 1, 2, 3, 4, 5, 6]);
        assert!(parts(&messages, |_| -> Result<Vec<u8>> { anyhow::bail!("no") }).is_err());
    }
}
