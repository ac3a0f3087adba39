//! What a replay got right, by the labels that triage never saw.

use super::stream::Stream;
use std::collections::{BTreeMap, BTreeSet};

/// Phases that are so like everyday activity that a link is enough.
pub(super) const HARD: [&str; 2] = ["crack_passwords", "dnsteal"];

/// Labels of this phase begin days before the attack, on what looks like everyday traffic.
const EARLY: &str = "dnsteal";

const DAY: i64 = 86_400;

/// What triage said about one scenario, alert by alert. Cases are numbered in the order in which they opened.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// The case that each alert joined.
    pub(super) cases: Vec<usize>,
    /// When each escalated case was first escalated, in seconds.
    pub(super) escalated: BTreeMap<usize, i64>,
    /// The cases that each strong case names.
    pub(super) links: BTreeMap<usize, BTreeSet<usize>>,
}

/// How a hard phase was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// In an escalated case.
    Escalated,
    /// In a case that an escalated one names.
    Linked,
    /// Not at all.
    Missed,
}

/// What was right and wrong in one scenario.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    /// The scenario.
    pub(super) name: String,
    /// Alerts.
    pub(super) alerts: usize,
    /// How long it lasts, in days.
    pub(super) days: f64,
    /// Escalated cases.
    pub(super) cases: usize,
    /// … the most of them first escalated on one day of the calendar (UTC).
    pub(super) cases_per_day_max: usize,
    /// … that hold a labelled alert.
    pub(super) hits: usize,
    /// Phases that must be in an escalated case.
    pub(super) phases: usize,
    /// … that are not.
    pub(super) missed: Vec<String>,
    /// The hard phases.
    pub(super) hard: Vec<(String, Found)>,
    /// Seconds from the attack's first labelled alert to the first escalation of a case that holds one; none when there
    /// is no such case.
    pub(super) first_seconds: Option<i64>,
    /// Alerts that are neither labelled nor twins of labelled ones.
    pub(super) benign: usize,
    /// … in escalated cases.
    pub(super) benign_in_cases: usize,
    /// Twins of labelled alerts.
    pub(super) twins: usize,
    /// … in escalated cases.
    pub(super) twins_in_cases: usize,
    /// Cases that an escalated one names and that are not escalated themselves.
    pub(super) linked: usize,
    /// … that hold a labelled alert.
    pub(super) linked_hits: usize,
    /// As many hours of one host as there are escalated cases, those with the most different rules: how many hold a
    /// labelled alert.
    pub(super) baseline_hits: usize,
}

/// Compares what triage said with the labels.
pub(super) fn measure(stream: &Stream, replayed: &Replayed) -> Measured {
    let labels = labels_of_cases(stream, replayed);
    let holds = |case: &usize, label: &str| labels.get(case).is_some_and(|labels| labels.contains(label));
    let is_hit = |case: &usize| labels.contains_key(case);
    let linked = linked(replayed);
    let find = |phase: &str| match () {
        () if replayed.escalated.keys().any(|case| holds(case, phase)) => Found::Escalated,
        () if linked.iter().any(|case| holds(case, phase)) => Found::Linked,
        () => Found::Missed,
    };
    let (hard, plain): (Vec<&str>, Vec<&str>) = stream.phases().into_iter().partition(|phase| HARD.contains(phase));
    let (benign, benign_in_cases) = count(stream, replayed, |twin| !twin);
    let (twins, twins_in_cases) = count(stream, replayed, |twin| twin);
    Measured {
        name: stream.name.clone(),
        alerts: stream.rows.len(),
        days: stream.days(),
        cases: replayed.escalated.len(),
        cases_per_day_max: per_day_max(replayed),
        hits: replayed.escalated.keys().filter(|case| is_hit(case)).count(),
        phases: plain.len(),
        missed: plain.iter().filter(|phase| find(phase) != Found::Escalated).map(|phase| (*phase).to_owned()).collect(),
        hard: hard.iter().map(|phase| ((*phase).to_owned(), find(phase))).collect(),
        first_seconds: first_seconds(stream, replayed, &labels),
        benign,
        benign_in_cases,
        twins,
        twins_in_cases,
        linked: linked.len(),
        linked_hits: linked.iter().filter(|case| is_hit(case)).count(),
        baseline_hits: baseline(stream).into_iter().take(replayed.escalated.len()).filter(|hit| *hit).count(),
    }
}

/// The labels that each case holds; a case without any is not in it.
fn labels_of_cases<'s>(stream: &'s Stream, replayed: &Replayed) -> BTreeMap<usize, BTreeSet<&'s str>> {
    let mut labels: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for (row, case) in stream.rows.iter().zip(&replayed.cases) {
        if let Some(label) = &row.label {
            labels.entry(*case).or_default().insert(label);
        }
    }
    labels
}

fn linked(replayed: &Replayed) -> BTreeSet<usize> {
    let named = replayed.escalated.keys().filter_map(|case| replayed.links.get(case)).flatten();
    named.filter(|case| !replayed.escalated.contains_key(case)).copied().collect()
}

/// Unlabelled alerts that are twins, or are not: how many, and how many of them in escalated cases.
fn count(stream: &Stream, replayed: &Replayed, wanted: impl Fn(bool) -> bool) -> (usize, usize) {
    let unlabelled = stream.rows.iter().zip(&replayed.cases).filter(|(row, _)| row.label.is_none() && wanted(row.twin));
    let inside: Vec<bool> = unlabelled.map(|(_, case)| replayed.escalated.contains_key(case)).collect();
    (inside.len(), inside.iter().filter(|inside| **inside).count())
}

fn per_day_max(replayed: &Replayed) -> usize {
    let mut days: BTreeMap<i64, usize> = BTreeMap::new();
    for time in replayed.escalated.values() {
        *days.entry(time.div_euclid(DAY)).or_default() += 1;
    }
    days.into_values().max().unwrap_or(0)
}

fn first_seconds(stream: &Stream, replayed: &Replayed, labels: &BTreeMap<usize, BTreeSet<&str>>) -> Option<i64> {
    let begin = stream.rows.iter().find(|row| row.label.as_deref().is_some_and(|label| label != EARLY))?.time;
    let of_attack = |case: &usize| labels.get(case).is_some_and(|labels| labels.iter().any(|label| *label != EARLY));
    let first = replayed.escalated.iter().filter(|(case, _)| of_attack(case)).map(|(_, time)| *time).min()?;
    Some((first - begin).max(0))
}

/// Whether each hour of each host holds a labelled alert; those with the most different rules first, then the earliest.
fn baseline(stream: &Stream) -> Vec<bool> {
    let mut hours: BTreeMap<(i64, &str), (BTreeSet<&str>, bool)> = BTreeMap::new();
    for row in &stream.rows {
        let (rules, hit) = hours.entry((row.time.div_euclid(3600), &row.host)).or_default();
        rules.insert(&row.rule);
        *hit |= row.label.is_some();
    }
    let mut hours: Vec<(usize, bool)> = hours.into_values().map(|(rules, hit)| (rules.len(), hit)).collect();
    hours.sort_by_key(|(rules, _)| std::cmp::Reverse(*rules));
    hours.into_iter().map(|(_, hit)| hit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(rows: &[(i64, &str, &str, &str)]) -> Stream {
        let line = |(time, rule, host, label): &(i64, &str, &str, &str)| format!("{time},{rule},{host},{label}\n");
        let text = rows.iter().map(line).collect::<String>();
        Stream::parse("s", format!("time,name,host,event_label\n{text}").as_bytes()).unwrap()
    }

    #[test]
    fn every_figure_on_a_small_scenario() {
        let stream = stream(&[
            (0, "a", "web", "-"),
            (10, "a", "web", "dnsteal"),
            (100_000, "b", "web", "scan"),
            (100_020, "c", "web", "webshell"),
            (100_030, "c", "web", "-"),
            (100_040, "d", "web", "-"),
            (100_050, "e", "db", "crack_passwords"),
            (100_060, "e", "mail", "sudo"),
        ]);
        let replayed = Replayed {
            cases: vec![0, 0, 1, 1, 1, 1, 2, 3],
            escalated: [(1, 100_020)].into(),
            links: [(1, [2].into()), (3, [0].into())].into(),
        };
        let measured = measure(&stream, &replayed);
        assert_eq!((measured.cases, measured.hits, measured.cases_per_day_max, measured.phases), (1, 1, 1, 3));
        assert_eq!(measured.missed, ["sudo"]);
        assert_eq!(measured.hard, [("dnsteal".to_owned(), Found::Missed), ("crack_passwords".to_owned(), Found::Linked)]);
        assert_eq!(measured.first_seconds, Some(20));
        assert_eq!((measured.benign, measured.benign_in_cases), (1, 1), "the first `a` is a twin of the second");
        assert_eq!((measured.twins, measured.twins_in_cases), (2, 1));
        assert_eq!((measured.linked, measured.linked_hits), (1, 1));
        assert_eq!(measured.baseline_hits, 1, "the hour of `web` with three rules");
    }

    #[test]
    fn an_escalation_before_the_attack_is_no_early_find() {
        let stream = stream(&[(0, "a", "web", "-"), (50, "b", "db", "scan")]);
        let replayed = Replayed { cases: vec![0, 1], escalated: [(0, 0)].into(), ..Replayed::default() };
        let measured = measure(&stream, &replayed);
        assert_eq!((measured.first_seconds, measured.hits, measured.benign_in_cases), (None, 0, 1));
    }
}
