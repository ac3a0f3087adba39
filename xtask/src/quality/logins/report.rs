//! Counts decisions against the truth, and prints what was decided wrongly and why.
//!
//! An attack is found when any of its records is escalated or above. Beside that stands how many were found by
//! their points alone: an attack on an account that is never closed anyway flatters nobody.

use super::attack::Planned;
use super::company::Truth;
use super::event::{Act, Attacker, Cause};
use crate::figures::Figures;
use crate::quality::published::Published;
use adjutant_engine::binomial::{lower, upper};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// How sure the printed bounds are, each side.
const CONFIDENCE: f64 = 0.95;

/// What was seen of one attack.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    login: bool,
    login_by_points: bool,
    afterwards: bool,
}

/// Benign alerts of one kind and cause.
#[derive(Clone, Copy, Debug, Default)]
struct Benign {
    all: u64,
    closed: u64,
    by_points: u64,
    kept: u64,
}

/// The counts.
pub struct Tally {
    planned: Vec<Planned>,
    attacks: HashMap<u32, Seen>,
    benign: BTreeMap<(&'static str, Cause), Benign>,
    reasons: BTreeMap<(Cause, String), u64>,
    missed: BTreeMap<(Attacker, String), u64>,
    privileged_closed: u64,
    unreliable_closed: u64,
    plain: u64,
    plain_raised: BTreeMap<(Cause, String), u64>,
    records: u64,
}

/// A share that was counted, with its exact bounds.
struct Share {
    hits: u64,
    all: u64,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(planned: &[Planned]) -> Self {
        Self {
            planned: planned.to_vec(),
            attacks: HashMap::new(),
            benign: BTreeMap::new(),
            reasons: BTreeMap::new(),
            missed: BTreeMap::new(),
            privileged_closed: 0,
            unreliable_closed: 0,
            plain: 0,
            plain_raised: BTreeMap::new(),
            records: 0,
        }
    }

    /// Counts one decision.
    pub fn count(&mut self, record: &Published, truth: &Truth) {
        self.records += 1;
        let (raised, by_points) = (record.is_raised(), record.is_raised_by_points());
        if let Some(attack) = truth.attack {
            let seen = self.attacks.entry(attack.number).or_default();
            if attack.afterwards {
                seen.afterwards |= raised;
            } else {
                seen.login |= raised;
                seen.login_by_points |= by_points;
                if !seen.login && matches!(truth.act, Act::SignIn(_)) {
                    *self.missed.entry((attack.attacker, record.fired())).or_default() += 1;
                }
            }
            return;
        }
        if !truth.counted {
            return;
        }
        if !truth.alert {
            self.plain += 1;
            if raised {
                *self.plain_raised.entry((truth.cause, record.fired())).or_default() += 1;
            }
            return;
        }
        self.privileged_closed += u64::from(!raised && truth.privileged);
        self.unreliable_closed += u64::from(!raised && truth.unreliable);
        if by_points {
            *self.reasons.entry((truth.cause, record.fired())).or_default() += 1;
        }
        let benign = self.benign.entry((kind(truth.act), truth.cause)).or_default();
        benign.all += 1;
        benign.closed += u64::from(!raised);
        benign.by_points += u64::from(by_points);
        benign.kept += u64::from(raised && !by_points);
    }

    /// Prints everything, and writes the figures when `json` names a file; true when every bar is met.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn report(&self, json: Option<&Path>) -> anyhow::Result<bool> {
        self.print_benign();
        print_most("Benign alerts escalated by points, by what fired", &self.reasons);
        print_most("Attacks missed at login, by what fired", &self.missed);
        print_most("Ordinary records escalated, by what fired", &self.plain_raised);
        let raised: u64 = self.plain_raised.values().sum();
        println!("{} records; of {} ordinary ones {raised} were escalated.\n", self.records, self.plain);
        let found = |attacker, of: fn(&Seen) -> bool| self.found(attacker, false, of);
        let remote = found(Attacker::Remote, |seen| seen.login);
        let targeted = found(Attacker::Targeted, |seen| seen.login);
        let very = found(Attacker::VeryTargeted, |seen| seen.login);
        let post = self.found(Attacker::VeryTargeted, true, |seen| seen.login || seen.afterwards);
        let closed = self.closed();
        let by_points = |attacker| found(attacker, |seen| seen.login_by_points).says("by points alone, whoever the victim");
        let mut figures = Figures::default();
        figures.add("remote_pct", remote.percent(), remote.says("escalated (bar 99.9)"));
        figures.add("targeted_pct", targeted.percent(), targeted.says("escalated (bar 99)"));
        figures.add("very_targeted_pct", very.percent(), very.says("escalated from the login alone (bar 75)"));
        figures.add("very_targeted_post_pct", post.percent(), post.says("escalated where something followed (bar 95)"));
        figures.add("benign_closed_pct", closed.percent(), closed.says("of benign alerts proposed for closing (bar 90)"));
        figures.add("privileged_closed", self.privileged_closed as f64, "benign alerts of privileged accounts closed (bar 0)");
        figures.add("stale_closed", self.unreliable_closed as f64, "benign alerts closed on a stale or missing fact (bar 0)");
        figures.report(json)?;
        println!();
        for attacker in [Attacker::Remote, Attacker::Targeted, Attacker::VeryTargeted] {
            println!("{attacker:?}: {}", by_points(attacker));
        }
        let bars = remote.percent() >= 99.9 && targeted.percent() >= 99.0 && very.percent() >= 75.0 && post.percent() >= 95.0;
        Ok(bars && closed.percent() >= 90.0 && self.privileged_closed == 0 && self.unreliable_closed == 0)
    }

    fn found(&self, attacker: Attacker, followed: bool, of: impl Fn(&Seen) -> bool) -> Share {
        let planned =
            self.planned.iter().filter(|planned| planned.attack.attacker == attacker && (planned.followed || !followed));
        let seen: Vec<bool> = planned.map(|planned| self.attacks.get(&planned.attack.number).is_some_and(&of)).collect();
        Share { hits: seen.iter().filter(|seen| **seen).count() as u64, all: seen.len() as u64 }
    }

    fn closed(&self) -> Share {
        Share { hits: self.benign.values().map(|b| b.closed).sum(), all: self.benign.values().map(|b| b.all).sum() }
    }

    fn print_benign(&self) {
        println!("{:<16} {:<15} {:>7} {:>7} {:>8} {:>9}", "benign alerts", "cause", "all", "closed", "points", "never");
        for ((kind, cause), b) in &self.benign {
            println!("{kind:<16} {:<15} {:>7} {:>7} {:>8} {:>9}", format!("{cause:?}"), b.all, b.closed, b.by_points, b.kept);
        }
        println!();
    }
}

impl Share {
    fn percent(&self) -> f64 {
        if self.all == 0 { 0.0 } else { 100.0 * self.hits as f64 / self.all as f64 }
    }

    fn says(&self, what: &str) -> String {
        let low = 100.0 * lower(self.hits, self.all, CONFIDENCE);
        let high = 100.0 * upper(self.hits, self.all, CONFIDENCE);
        format!("{what}; {} of {}, between {low:.2} and {high:.2} at 95 % each", self.hits, self.all)
    }
}

fn kind(act: Act) -> &'static str {
    match act {
        Act::SignIn(_) => "login",
        Act::PushDenied | Act::WrongPassword | Act::FactorFailed => "failed login",
        Act::FactorAdded => "new factor",
        Act::Granted(_) => "privilege",
        Act::InboxRule(_) => "mailbox rule",
        Act::Consented(_) => "consent",
    }
}

fn print_most<K: std::fmt::Debug>(title: &str, counts: &BTreeMap<(K, String), u64>) {
    let mut most: Vec<_> = counts.iter().collect();
    most.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    println!("{title}");
    for ((key, signals), count) in most.into_iter().take(15) {
        println!("{count:>7}  {:<15} {signals}", format!("{key:?}"));
    }
    println!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_nothing_and_closes_nothing_misses_the_bars() {
        assert_eq!(Tally::new(&[]).report(None).ok(), Some(false));
    }

    #[test]
    fn a_share_comes_with_its_exact_bounds() {
        let share = Share { hits: 299, all: 299 };
        assert!((share.percent() - 100.0).abs() < 1e-9);
        assert!(share.says("found").contains("299 of 299, between 99.00 and 100.00"), "{}", share.says("found"));
        assert!(Share { hits: 0, all: 0 }.percent().abs() < 1e-9, "nothing counted is nothing found");
    }
}
