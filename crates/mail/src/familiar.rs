//! Who has written to whom, since when, how often, and who wrote first: learned from past mail.
//!
//! Pure, and the same whatever the order: a table is what the set of its messages says. Times are the least and the greatest,
//! and every delivery counts once, however many copies of it are read. So messages may be learned bit by bit.
//!
//! A message that failed DMARC teaches nothing, for somebody else wrote it; one that was decided to be an attack only counts
//! against its sender. Being known is no merit: the book raises what is new, and lowers nothing for what is familiar.

mod csv;
mod letter;

pub use csv::{Fault, Files};
pub use letter::{Letter, Own, Skipped, letter};

use crate::names::registered;
use adjutant_model::{Duration, Time};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Pairs of two people that a table holds: about 300 MB.
pub const PAIRS_MAX: usize = 1_000_000;

/// Deliveries that a table remembers to have counted: about 100 MB.
pub const DELIVERIES_MAX: usize = 4_000_000;

/// A sender of fewer messages is an outlier.
const COMMON_MESSAGES_MIN: u64 = 3;

/// A sender who has been known for less time is an outlier.
const COMMON_AGE_MIN: Duration = Duration::from_hours(7 * 24);

/// What passed between one of our people and somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// When something first came from the other, and last.
    pub came: Option<(Time, Time)>,
    /// How many messages came.
    pub messages: u64,
    /// When ours first wrote, and last.
    pub written: Option<(Time, Time)>,
    /// How many messages ours wrote.
    pub wrote: u64,
    /// Messages of the other that were decided to be attacks.
    pub bad: u64,
}

/// How usual a sender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prevalence {
    /// Nothing good ever came from there.
    New,
    /// Little, or only for a short time.
    Outlier,
    /// Often enough.
    Common,
}

impl Prevalence {
    /// Its name in tables and in the book.
    pub const fn name(self) -> &'static str {
        match self {
            Prevalence::New => "new",
            Prevalence::Outlier => "outlier",
            Prevalence::Common => "common",
        }
    }
}

impl Row {
    /// How usual the other is.
    pub fn prevalence(&self) -> Prevalence {
        match self.came {
            None => Prevalence::New,
            Some((first, last)) if self.messages >= COMMON_MESSAGES_MIN && last.since(first) >= COMMON_AGE_MIN => {
                Prevalence::Common
            }
            Some(_) => Prevalence::Outlier,
        }
    }

    /// Whether ours wrote before anything came.
    pub fn solicited(&self) -> bool {
        match (self.written, self.came) {
            (Some((written, _)), Some((came, _))) => written <= came,
            (written, _) => written.is_some(),
        }
    }

    fn add(&mut self, other: &Row) {
        self.came = wider(self.came, other.came);
        self.written = wider(self.written, other.written);
        self.messages += other.messages;
        self.wrote += other.wrote;
        self.bad += other.bad;
    }
}

fn wider(one: Option<(Time, Time)>, other: Option<(Time, Time)>) -> Option<(Time, Time)> {
    match (one, other) {
        (Some((first, last)), Some((before, after))) => Some((first.min(before), last.max(after))),
        (known, None) | (None, known) => known,
    }
}

/// What became of a message that was to be learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// It says something that was not known.
    Counted,
    /// All of it was known.
    Known,
    /// The table is full: nothing was learned.
    Full,
}

/// What was learned of everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    rows: BTreeMap<(String, String), Row>,
    /// Deliveries that are counted.
    counted: HashSet<u64>,
}

/// What is known of a sender or a domain beside what passed with each of our people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum<'t> {
    row: Row,
    people: BTreeSet<&'t str>,
    solicited: bool,
}

impl Table {
    /// Learns from a message; from one that was decided to be an attack only that.
    pub fn learn(&mut self, letter: &Letter, attack: bool) -> Learned {
        let deliveries = letter.deliveries(attack);
        if self.rows.len() + deliveries.len() > PAIRS_MAX || self.counted.len() + deliveries.len() > DELIVERIES_MAX {
            return Learned::Full;
        }
        let before = self.counted.len();
        for delivery in deliveries {
            let row = self.rows.entry((delivery.own.clone(), delivery.other.clone())).or_default();
            let fresh = u64::from(self.counted.insert(delivery.key));
            let span = Some((letter.time, letter.time));
            match delivery.way {
                letter::Way::Came => (row.came, row.messages) = (wider(row.came, span), row.messages + fresh),
                letter::Way::Written => (row.written, row.wrote) = (wider(row.written, span), row.wrote + fresh),
                letter::Way::Attack => row.bad += fresh,
            }
        }
        if self.counted.len() > before { Learned::Counted } else { Learned::Known }
    }

    /// What passed between one of our people and somebody else.
    pub fn between(&self, own: &str, other: &str) -> Option<&Row> {
        self.rows.get(&(own.to_owned(), other.to_owned()))
    }

    /// How many pairs of people are known.
    pub fn pairs(&self) -> usize {
        self.rows.len()
    }

    /// What is known under each name that `name` gives the other side.
    fn sums<'t>(&'t self, name: impl Fn(&'t str) -> &'t str) -> BTreeMap<&'t str, Sum<'t>> {
        let mut sums: BTreeMap<&str, Sum<'_>> = BTreeMap::new();
        for ((own, other), row) in &self.rows {
            let sum = sums.entry(name(other)).or_default();
            sum.row.add(row);
            sum.solicited |= row.solicited();
            if row.messages > 0 {
                sum.people.insert(own);
            }
        }
        sums
    }

    fn senders(&self) -> BTreeMap<&str, Sum<'_>> {
        self.sums(|address| address)
    }

    fn domains(&self) -> BTreeMap<&str, Sum<'_>> {
        self.sums(|address| registered(address.rsplit_once('@').map_or("", |(_, domain)| domain)))
    }

    /// Our people, each with what they got.
    fn mailboxes(&self) -> BTreeMap<&str, Row> {
        let mut mailboxes: BTreeMap<&str, Row> = BTreeMap::new();
        self.rows.iter().for_each(|((own, _), row)| mailboxes.entry(own).or_default().add(row));
        mailboxes
    }
}

#[cfg(test)]
mod tests;
