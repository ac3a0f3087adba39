//! Membership of lists: which of a hundred lists hold this address or domain?
//!
//! Rows are the distinct sets of lists, so that a hundred thousand entries need a few hundred rows. An entry inside a
//! wider one (an address in a listed network, a host below a listed domain) belongs to the lists of both.

use super::build;
use super::index::Index;
use super::names::AMBIGUOUS;
use super::ranges::{self, Network};
use super::table::{Body, Rows, Table, store};
use adjutant_model::{EntityKind, Row, Time, Value, Why};
use adjutant_rules::contract::known::Known;
use adjutant_rules::contract::{Contract, KeyKind, Reading};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How an entry of a list stands for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// For itself only.
    Exactly,
    /// For itself and everything below it.
    Below,
    /// A network for its addresses.
    Network,
}

/// Lists being read.
#[derive(Debug)]
pub struct Members<'c> {
    contract: &'c Contract,
    lists: Vec<List>,
    exact: BTreeMap<String, BTreeSet<u16>>,
    below: BTreeMap<String, BTreeSet<u16>>,
    networks: Vec<(u128, u128, u16)>,
    entries: u64,
    bad: u64,
    notes: Vec<String>,
    lost: Vec<String>,
}

#[derive(Debug)]
struct List {
    file: String,
    title: String,
}

const DOMAIN: KeyKind = KeyKind::Entity(EntityKind::Domain);

impl<'c> Members<'c> {
    /// No list yet.
    pub fn new(contract: &'c Contract) -> Self {
        Self {
            contract,
            lists: Vec::new(),
            exact: BTreeMap::new(),
            below: BTreeMap::new(),
            networks: Vec::new(),
            entries: 0,
            bad: 0,
            notes: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// Begins a list; the entries that follow are of it.
    pub fn list(&mut self, file: &str, title: &str) {
        self.lists.push(List { file: file.into(), title: title.into() });
    }

    /// Says something about the lists that the report should show.
    pub fn note(&mut self, sentence: String) {
        self.notes.push(sentence);
    }

    /// Says that a whole list could not be read, which breaks the contract.
    pub fn lost(&mut self, sentence: String) {
        self.lost.push(sentence);
    }

    /// Counts an entry that could not be read.
    pub fn bad(&mut self) {
        self.entries = self.entries.saturating_add(1);
        self.bad = self.bad.saturating_add(1);
    }

    /// Adds an entry to the list begun last.
    pub fn push(&mut self, text: &str, stands: Stands) {
        let Some(list) = self.lists.len().checked_sub(1).and_then(|list| u16::try_from(list).ok()) else { return };
        if let (Some((first, last)), true) = (ranges::parse(text), stands == Stands::Network || !text.contains('-')) {
            self.entries = self.entries.saturating_add(1);
            self.networks.push((first, last, list));
            return;
        }
        let mut name = String::new();
        let below = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
        if stands == Stands::Network || text.len() > 1024 || !DOMAIN.canonical(below.unwrap_or(text), &mut name) {
            self.bad();
            return;
        }
        self.entries = self.entries.saturating_add(1);
        let names = if stands == Stands::Below || below.is_some() { &mut self.below } else { &mut self.exact };
        names.entry(name).or_default().insert(list);
    }

    /// The finished table, held against its contract.
    pub fn finish(mut self, as_of: Option<Time>, previous: Option<u64>) -> Table {
        let mut sets = Sets::default();
        let mut index = Index::default();
        let below: Vec<String> = self.below.keys().cloned().collect();
        for name in &below {
            index.set_suffix(name, sets.row(self.above(name)));
        }
        for (name, own) in &self.exact {
            let set = own.union(&self.above(name)).copied().collect();
            index.set_name(DOMAIN, name, sets.row(set));
        }
        let networks = std::mem::take(&mut self.networks);
        let networks =
            networks.into_iter().map(|(first, last, list)| Network { first, last, row: sets.row(BTreeSet::from([list])) });
        let networks: Vec<Network> = networks.collect();
        index.set_networks(networks, |outer, inner| sets.union(outer, inner));
        let mut table = Table { rows: self.entries, as_of, notes: std::mem::take(&mut self.notes), ..Table::default() };
        std::mem::take(&mut self.lost).into_iter().for_each(|sentence| table.breach(sentence));
        self.hold_share(&mut table);
        table.body = Body::Rows(Box::new(self.columns(index, &sets)));
        build::check(&mut table, self.contract, previous);
        table
    }

    fn hold_share(&self, table: &mut Table) {
        let share = build::thousandths(self.bad, self.entries);
        if self.bad > 0 && share > u64::from(self.contract.sanity.bad_rows_max) {
            table.breach(format!("{} of {} entries cannot be read", self.bad, self.entries));
        } else if self.bad > 0 {
            table.note(format!("{} of {} entries cannot be read", self.bad, self.entries));
        }
    }

    /// The lists that hold `name` or a domain above it, with everything below.
    fn above(&self, name: &str) -> BTreeSet<u16> {
        let mut found = BTreeSet::new();
        let mut rest = Some(name);
        while let Some(name) = rest {
            found.extend(self.below.get(name).into_iter().flatten().copied());
            rest = name.split_once('.').map(|(_, rest)| rest);
        }
        found
    }

    fn columns(&self, index: Index, sets: &Sets) -> Rows {
        let mut arena = Row::new(0);
        let columns = self.contract.facts.iter().map(|fact| {
            let value = |set: &BTreeSet<u16>, arena: &mut Row| match &fact.reading {
                Reading::Lists(patterns) if self.files(set).any(|file| patterns.iter().any(|p| matches(p, file))) => {
                    Value::Bool(true)
                }
                // On other lists only: as if on none.
                Reading::Lists(_) => fact.absent.as_ref().map_or(Value::Unknown(Why::NotFound), |known| store(known, arena)),
                Reading::Column(column) if column == "count" => Value::Int(set.len() as i64),
                Reading::Column(_) => store(&Known::Texts(self.titles(set)), arena),
                Reading::Groups(_) => Value::default(),
                Reading::Constant(known) => store(known, arena),
            };
            sets.sets.iter().map(|set| value(set, &mut arena)).collect()
        });
        let columns = columns.collect();
        Rows { index, columns, arena, ..Rows::default() }
    }

    fn files<'s>(&'s self, set: &'s BTreeSet<u16>) -> impl Iterator<Item = &'s str> {
        set.iter().filter_map(|list| self.lists.get(usize::from(*list))).map(|list| list.file.as_str())
    }

    fn titles(&self, set: &BTreeSet<u16>) -> Vec<String> {
        set.iter().filter_map(|list| self.lists.get(usize::from(*list))).map(|list| list.title.clone()).collect()
    }
}

/// The distinct sets of lists, each one row.
#[derive(Default)]
struct Sets {
    sets: Vec<BTreeSet<u16>>,
    rows: HashMap<BTreeSet<u16>, u32>,
}

impl Sets {
    fn row(&mut self, set: BTreeSet<u16>) -> u32 {
        if let Some(row) = self.rows.get(&set) {
            return *row;
        }
        let row = u32::try_from(self.sets.len()).unwrap_or(AMBIGUOUS);
        self.sets.push(set.clone());
        self.rows.insert(set, row);
        row
    }

    fn union(&mut self, a: u32, b: u32) -> u32 {
        let of = |row: u32| self.sets.get(row as usize).cloned().unwrap_or_default();
        let mut set = of(a);
        set.append(&mut of(b));
        self.row(set)
    }
}

/// Whether `text` matches `pattern`, in which `*` is any text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        assert!(matches("*-scanning", "shodan-scanning") && matches("vpn*", "vpn-ipv4") && matches("a*b*c", "a-b-b-c"));
        assert!(matches("cloudflare", "cloudflare") && matches("*", ""));
        assert!(!matches("cloudflare", "cloudflare-top10k") && !matches("a*a", "a") && !matches("*x", "xy"));
    }
}
