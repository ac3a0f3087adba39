//! Finds the row of a table that a field of an alert is about.
//!
//! One thing has one row however tools spell it. A name with a domain in the alert never finds an account that the
//! table gives another domain: `ana@partner.example` is not `ana@corp.example`. A short name finds the only row that
//! has it, and no row where several do.

use super::names::{AMBIGUOUS, Names};
use super::ranges::{Network, Ranges};
use adjutant_model::value::Addr;
use adjutant_model::{EntityKind, Row, Slot, Value};
use adjutant_rules::contract::{KeyKind, Subject};

/// What looking for a subject came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// This row.
    Row(u32),
    /// The alert names nobody.
    Nobody,
    /// The table does not know it.
    Absent,
    /// Several rows have the name.
    Ambiguous,
}

/// The keys of a table.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Whole names, by kind.
    pub(super) names: Vec<(KeyKind, Names)>,
    /// Domains that also stand for everything below them.
    pub(super) suffixes: Names,
    /// Single addresses.
    pub(super) addresses: Addresses,
    /// Networks.
    pub(super) networks: Ranges,
    /// Rows whose account names carry a mail domain.
    pub(super) qualified: Vec<bool>,
}

/// Single addresses, each with a row.
#[derive(Debug, Default)]
pub(super) struct Addresses(hashbrown::HashTable<(Addr, u32)>);

impl Addresses {
    /// The row of `addr`.
    pub(super) fn find(&self, addr: Addr) -> Option<u32> {
        if self.0.is_empty() {
            return None;
        }
        self.0.find(super::names::hash(&addr.bytes()), |(known, _)| *known == addr).map(|(_, row)| *row)
    }

    /// Gives `addr` the row `row`, whatever it had before.
    pub(super) fn set(&mut self, addr: Addr, row: u32) {
        let key = super::names::hash(&addr.bytes());
        match self.0.find_mut(key, |(known, _)| *known == addr) {
            Some(entry) => entry.1 = row,
            None => {
                self.0.insert_unique(key, (addr, row), |(addr, _)| super::names::hash(&addr.bytes()));
            }
        }
    }

    /// Every address with its row.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Addr, u32)> {
        self.0.iter().copied()
    }
}

/// Where an account name is split from its domain; none: it has none.
pub(super) fn domain_at(kind: KeyKind, text: &str) -> Option<usize> {
    match kind {
        KeyKind::Entity(EntityKind::User) => text.find('@').filter(|at| *at > 0),
        KeyKind::Entity(EntityKind::Host) if Addr::parse(text).is_none() => text.trim_end_matches('.').find('.'),
        _ => None,
    }
}

/// Writes the whole name of an account or host, domain included, to `out`; false when it has no domain.
pub(super) fn whole_name(kind: KeyKind, text: &str, out: &mut String) -> bool {
    let text = text.trim();
    if domain_at(kind, text).is_none() {
        return false;
    }
    match kind {
        KeyKind::Entity(EntityKind::User) => EntityKind::Mailbox.canonical(text, out),
        _ => EntityKind::Domain.canonical(text.trim_end_matches('$'), out),
    }
}

impl Index {
    /// The row that `subject` of `row` is about.
    pub(super) fn find(&self, subject: &Subject, row: &Row, key: &mut String) -> Found {
        let mut found = Found::Nobody;
        let mut elsewhere = false;
        for (slot, kind) in &subject.lookup {
            match self.find_field(*slot, *kind, row, key, &mut elsewhere) {
                Found::Row(number) => return Found::Row(number),
                Found::Ambiguous => found = Found::Ambiguous,
                Found::Absent if found == Found::Nobody => found = Found::Absent,
                Found::Absent | Found::Nobody => {}
            }
        }
        found
    }

    fn find_field(&self, slot: Slot, kind: KeyKind, row: &Row, key: &mut String, elsewhere: &mut bool) -> Found {
        match row.value(slot) {
            Value::Addr(addr) => self.find_address(addr),
            Value::Text(range) => self.find_text(kind, row.text_at(range), key, elsewhere),
            Value::List(_) => {
                let mut found = Found::Nobody;
                for text in row.texts(slot) {
                    match self.find_text(kind, text, key, elsewhere) {
                        Found::Row(number) => return Found::Row(number),
                        Found::Nobody => {}
                        other => found = other,
                    }
                }
                found
            }
            _ => Found::Nobody,
        }
    }

    fn find_address(&self, addr: Addr) -> Found {
        self.addresses.find(addr).or_else(|| self.networks.find(addr)).map_or(Found::Absent, Found::Row)
    }

    fn find_text(&self, kind: KeyKind, text: &str, key: &mut String, elsewhere: &mut bool) -> Found {
        let may_be_address = matches!(kind, KeyKind::Entity(EntityKind::Address | EntityKind::Host));
        if let Some(addr) = Some(text).filter(|_| may_be_address).and_then(Addr::parse) {
            return self.find_address(addr);
        }
        let Some((_, names)) = self.names.iter().find(|(known, _)| *known == kind) else { return Found::Nobody };
        key.clear();
        let whole = whole_name(kind, text, key);
        if let Some(row) = Some(&*key).filter(|_| whole).and_then(|key| names.find(key)) {
            return if row == AMBIGUOUS { Found::Ambiguous } else { Found::Row(row) };
        }
        key.clear();
        if !kind.canonical(text, key) {
            return Found::Nobody;
        }
        let strict = kind == KeyKind::Entity(EntityKind::User);
        match names.find(key).or_else(|| self.find_suffix(kind, key)) {
            None => {
                *elsewhere |= whole && strict;
                Found::Absent
            }
            Some(AMBIGUOUS) => Found::Ambiguous,
            Some(row) if strict && self.is_other_account(row, whole, elsewhere) => Found::Absent,
            Some(row) => Found::Row(row),
        }
    }

    /// Whether the row found by a short name is an account of another domain than the one that the alert names.
    fn is_other_account(&self, row: u32, whole: bool, elsewhere: &mut bool) -> bool {
        let qualified = self.qualified.get(row as usize).copied().unwrap_or(false);
        if whole && qualified {
            *elsewhere = true;
        }
        qualified && *elsewhere
    }

    fn find_suffix(&self, kind: KeyKind, name: &str) -> Option<u32> {
        if kind != KeyKind::Entity(EntityKind::Domain) {
            return None;
        }
        let mut rest = name;
        for _ in 0..LABELS_MAX {
            if let Some(row) = self.suffixes.find(rest) {
                return Some(row);
            }
            (_, rest) = rest.split_once('.')?;
        }
        None
    }

    /// The row that `name` has among the names of `kind`.
    pub(super) fn name(&self, kind: KeyKind, name: &str) -> Option<u32> {
        self.names.iter().find(|(known, _)| *known == kind)?.1.find(name)
    }

    /// Calls `row` by `name` among the names of `kind`.
    pub(super) fn set_name(&mut self, kind: KeyKind, name: &str, row: u32) {
        self.know(kind);
        if let Some((_, names)) = self.names.iter_mut().find(|(known, _)| *known == kind) {
            names.set(name, row);
        }
    }

    /// Gives `row` the domain `name` and everything below it.
    pub(super) fn set_suffix(&mut self, name: &str, row: u32) {
        self.know(KeyKind::Entity(EntityKind::Domain));
        self.suffixes.set(name, row);
    }

    fn know(&mut self, kind: KeyKind) {
        if !self.names.iter().any(|(known, _)| *known == kind) {
            self.names.push((kind, Names::default()));
        }
    }

    /// Makes the networks searchable.
    pub(super) fn set_networks(&mut self, networks: Vec<Network>, combine: impl FnMut(u32, u32) -> u32) {
        self.networks = Ranges::new(networks, combine);
    }
}

/// A domain has at most 127 labels (RFC 1035); hostile names may have more.
const LABELS_MAX: usize = 127;
