//! How good the context is: what each source holds, how old it is, what it broke, what it touched.
//!
//! Sources that must agree are compared here, once, when a snapshot is made.

use super::Snapshot;
use super::build::{percent, thousandths};
use super::names::AMBIGUOUS;
use super::table::{Body, State, Table, same};
use adjutant_model::quantity::Grouped;
use adjutant_model::{Duration, Time, Value, Why};
use adjutant_rules::contract::Contract;

/// Which contracts could not answer for an alert, and so left facts unknown; one bit for each contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Contracts that were broken.
    pub broken: u64,
    /// Contracts that were stale.
    pub stale: u64,
}

/// How many alerts each contract touched while it could not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    broken: Vec<u64>,
    stale: Vec<u64>,
}

/// Whether a source can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is as its contract says.
    Good,
    /// There is no data, and the contract allows that.
    Absent,
    /// It is older than its contract allows.
    Stale,
    /// It broke its contract.
    Broken,
}

/// What one source holds and whether it can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quality {
    /// The contract's name.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// Whether it can be used.
    pub condition: Condition,
    /// How many rows, entries or nodes it holds.
    pub rows: u64,
    /// When its data was true.
    pub as_of: Option<Time>,
    /// How old it was at the moment asked about; none where nothing says.
    pub age: Option<Duration>,
    /// What broke the contract, one sentence each.
    pub breaches: Vec<String>,
    /// What is worth knowing and broke nothing.
    pub notes: Vec<String>,
    /// How many alerts it left with unknown facts, because it was stale or broken.
    pub touched: u64,
}

impl Touched {
    pub(super) fn note(&mut self, contract: usize, why: Option<Why>) {
        let bit = u32::try_from(contract).ok().and_then(|shift| 1u64.checked_shl(shift)).unwrap_or(0);
        match why {
            Some(Why::Breach) => self.broken |= bit,
            Some(Why::Stale) => self.stale |= bit,
            _ => {}
        }
    }

    /// Whether every source that was asked could answer.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The numbers of the contracts that could not answer.
    pub fn contracts(self) -> impl Iterator<Item = usize> {
        bits(self.broken | self.stale)
    }
}

impl Tally {
    /// Counts what one alert met.
    pub fn add(&mut self, touched: Touched) {
        if touched.is_empty() {
            return;
        }
        for (counts, mask) in [(&mut self.broken, touched.broken), (&mut self.stale, touched.stale)] {
            for contract in bits(mask) {
                add_to(counts, contract, 1);
            }
        }
    }

    /// Adds what another worker counted.
    pub fn merge(&mut self, other: &Tally) {
        for (mine, theirs) in [(&mut self.broken, &other.broken), (&mut self.stale, &other.stale)] {
            for (contract, count) in theirs.iter().enumerate() {
                add_to(mine, contract, *count);
            }
        }
    }

    /// How many alerts met the contract with this number while it was broken, and while it was stale.
    pub fn of(&self, contract: usize) -> (u64, u64) {
        let at = |counts: &Vec<u64>| counts.get(contract).copied().unwrap_or(0);
        (at(&self.broken), at(&self.stale))
    }
}

fn add_to(counts: &mut Vec<u64>, index: usize, count: u64) {
    if counts.len() <= index {
        counts.resize(index.saturating_add(1), 0);
    }
    if let Some(place) = counts.get_mut(index) {
        *place = place.saturating_add(count);
    }
}

fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = mask.trailing_zeros() as usize;
        mask &= mask.wrapping_sub(1);
        (bit < 64).then_some(bit)
    })
}

impl Snapshot {
    /// What every source holds and whether it could be used at `now`, with what `tally` counted.
    pub fn quality(&self, now: Time, tally: &Tally) -> Vec<Quality> {
        let pairs = self.contracts.iter().zip(&*self.tables).enumerate();
        let of_one = |(number, (contract, table)): (usize, (&Contract, &Table))| {
            let quality = quality(contract, table, now, tally.of(number));
            Quality { rows: quality.rows.saturating_add(self.answers().count(&contract.name) as u64), ..quality }
        };
        pairs.map(of_one).collect()
    }
}

fn quality(contract: &Contract, table: &Table, now: Time, (broken, stale): (u64, u64)) -> Quality {
    let age = table.as_of.map(|as_of| now.since(as_of));
    let too_old = contract.max_age.zip(age).is_some_and(|(max, age)| age > max);
    Quality {
        name: contract.name.clone(),
        owner: contract.owner.clone(),
        condition: match table.state {
            State::Broken => Condition::Broken,
            State::Absent => Condition::Absent,
            State::Good if too_old || stale > 0 => Condition::Stale,
            State::Good => Condition::Good,
        },
        rows: table.rows,
        as_of: table.as_of,
        age,
        breaches: table.breaches.clone(),
        notes: table.notes.clone(),
        touched: broken.saturating_add(stale),
    }
}

/// Compares the facts that must agree: where two tables differ about a subject, the first one's fact is disputed.
pub(super) fn compare(contracts: &[Contract], tables: &mut [Table]) {
    for number in 0..contracts.len() {
        let Some(contract) = contracts.get(number) else { continue };
        for (fact, other) in contract.facts.iter().enumerate().filter_map(|(index, fact)| Some((index, fact.agrees_with?))) {
            let disputes = tables.get(number).zip(tables.get(other.0)).map(|(a, b)| differences(a, fact, b, other.1));
            let Some((disputed, compared)) = disputes else { continue };
            if let Some(table) = tables.get_mut(number) {
                let against = contracts.get(other.0).map_or("?", |contract| contract.name.as_str());
                dispute(table, contract, fact, against, &disputed, compared);
            }
        }
    }
}

/// The rows of `a` whose fact differs in `b`, and how many could be compared.
fn differences(a: &Table, fact: usize, b: &Table, other: usize) -> (Vec<u32>, u64) {
    let (Some(a), Some(b)) = (a.body_rows(), b.body_rows()) else { return (Vec::new(), 0) };
    let names = a
        .index
        .names
        .iter()
        .flat_map(|(kind, names)| names.iter().filter_map(|(name, row)| Some((row, b.index.name(*kind, name)?))));
    let addresses = a.index.addresses.iter().filter_map(|(addr, row)| Some((row, b.index.addresses.find(addr)?)));
    let mut compared = std::collections::BTreeMap::new();
    for (mine, theirs) in names.chain(addresses).filter(|(mine, theirs)| *mine != AMBIGUOUS && *theirs != AMBIGUOUS) {
        let (x, y) = (a.value(fact, mine), b.value(other, theirs));
        if x.is_known() && y.is_known() {
            *compared.entry(mine).or_insert(false) |= !same(x, &a.arena, y, &b.arena);
        }
    }
    let disputed = compared.iter().filter(|(_, differs)| **differs).map(|(row, _)| *row).collect();
    (disputed, compared.len() as u64)
}

fn dispute(table: &mut Table, contract: &Contract, fact: usize, against: &str, disputed: &[u32], compared: u64) {
    if let Body::Rows(rows) = &mut table.body {
        for row in disputed {
            if let Some(value) = rows.columns.get_mut(fact).and_then(|column| column.get_mut(*row as usize)) {
                *value = Value::Unknown(Why::Disputed);
            }
        }
    }
    let share = thousandths(disputed.len() as u64, compared);
    let name = contract.facts.get(fact).map_or("?", |fact| fact.name.as_str());
    let count = Grouped(disputed.len() as i64);
    let sentence = format!("`{name}` differs from `{against}` in {count} of {} rows", Grouped(compared as i64));
    if share > u64::from(contract.sanity.disagree_max) {
        table.breach(format!("{sentence}, and the contract allows {}", percent(u64::from(contract.sanity.disagree_max))));
    } else if !disputed.is_empty() {
        table.note(sentence);
    }
}
