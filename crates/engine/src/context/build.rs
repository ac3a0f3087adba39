//! Makes a table of the records that a loader reads, and holds it against its contract.
//!
//! A record that cannot be used is counted and shown as an example; it never stops the others. Whether the
//! table may be believed is decided once, at the end.

use super::index::whole_name;
use super::names::AMBIGUOUS;
use super::ranges::{self, Network};
use super::table::{Body, Rows, State, Table, store};
use adjutant_model::quantity::Grouped;
use adjutant_model::value::Addr;
use adjutant_model::{EntityKind, Time, Type, Value, Why};
use adjutant_rules::contract::known::{Known, says_nothing, time};
use adjutant_rules::contract::{AsOf, Contract, Fact, Key, KeyKind, Reading};
use std::borrow::Cow;
use std::collections::HashMap;

/// A cell longer than this is bad: no fact and no key is.
pub const CELL_BYTES_MAX: usize = 64 * 1024;
/// More rows than this are a breach.
pub const ROWS_MAX: u64 = 20_000_000;
/// How many bad records and duplicates a report shows.
const EXAMPLES: usize = 3;

/// One cell of a record, as a loader found it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Raw<'a> {
    /// The record does not have it.
    #[default]
    Missing,
    /// Text, or a number or boolean as text.
    Text(Cow<'a, str>),
    /// Several texts.
    List(Vec<Cow<'a, str>>),
    /// Something that no fact can be.
    Unreadable,
}

/// A table being made.
#[derive(Debug)]
pub struct Builder<'c> {
    contract: &'c Contract,
    columns: Vec<String>,
    rows: Rows,
    networks: Vec<Network>,
    places: Vec<u64>,
    texts: HashMap<String, Value>,
    read: u64,
    bad: u64,
    duplicates: u64,
    examples: Vec<String>,
    doubled: Vec<String>,
    skipped: u64,
    skipped_example: Option<String>,
}

/// One record on its way into the table.
struct Record<'r, 'a> {
    place: u64,
    columns: &'r [String],
    cells: &'r [Raw<'a>],
}

impl<'a> Record<'_, 'a> {
    fn cell(&self, column: &str) -> &Raw<'a> {
        let index = self.columns.iter().position(|known| known == column);
        index.and_then(|index| self.cells.get(index)).unwrap_or(&Raw::Missing)
    }

    fn text(&self, column: &str) -> Option<&str> {
        match self.cell(column) {
            Raw::Text(text) if !says_nothing(text) => Some(text),
            _ => None,
        }
    }
}

impl<'c> Builder<'c> {
    /// A table under `contract`, still empty.
    pub fn new(contract: &'c Contract) -> Self {
        let columns = contract.columns().into_iter().map(String::from).collect();
        let rows = Rows { columns: vec![Vec::new(); contract.facts.len()], ..Rows::default() };
        Self {
            contract,
            columns,
            rows,
            networks: Vec::new(),
            places: Vec::new(),
            texts: HashMap::new(),
            read: 0,
            bad: 0,
            duplicates: 0,
            examples: Vec::new(),
            doubled: Vec::new(),
            skipped: 0,
            skipped_example: None,
        }
    }

    /// The columns that a record's cells must be given in.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Counts a record that the loader could not read at all.
    pub fn bad(&mut self, sentence: String) {
        self.read = self.read.saturating_add(1);
        self.count_bad(sentence);
    }

    /// Counts a record that this kind of source holds and a table cannot: nothing is wrong with it.
    pub fn skip(&mut self, example: String) {
        self.skipped = self.skipped.saturating_add(1);
        self.skipped_example.get_or_insert(example);
    }

    fn count_bad(&mut self, sentence: String) {
        self.bad = self.bad.saturating_add(1);
        if self.examples.len() < EXAMPLES {
            self.examples.push(sentence);
        }
    }

    /// Adds one record; `place` is its line or number in the data.
    pub fn push(&mut self, place: u64, cells: &[Raw<'_>]) {
        self.read = self.read.saturating_add(1);
        let columns = std::mem::take(&mut self.columns);
        let record = Record { place, columns: &columns, cells };
        if let Err(sentence) = self.add(&record) {
            self.count_bad(format!("row {place}: {sentence}"));
        }
        self.columns = columns;
    }

    fn add(&mut self, record: &Record<'_, '_>) -> Result<(), String> {
        let contract = self.contract;
        if let Some(column) = contract.sanity.required.iter().find(|column| record.text(column).is_none()) {
            return Err(format!("`{column}` is empty"));
        }
        if let Some(cell) = record.cells.iter().find_map(|cell| too_long(cell)) {
            return Err(format!("a cell is {} bytes long; at most {} are read", Grouped(cell), Grouped(CELL_BYTES_MAX as i64)));
        }
        let observed = self.observed(record)?;
        let valid = self.validity(record)?;
        let number = u32::try_from(self.places.len()).ok().filter(|row| *row != AMBIGUOUS).ok_or("there are too many rows")?;
        let winner = self.claim(record, number, observed, valid)?;
        if !winner {
            return Ok(());
        }
        self.places.push(record.place);
        self.rows.observed.extend(observed);
        self.rows.valid.extend(valid);
        let mut fault = Ok(());
        for (index, fact) in contract.facts.iter().enumerate() {
            let value = self.read_fact(fact, record).unwrap_or_else(|sentence| {
                fault = Err(sentence);
                Value::Unknown(Why::Unreadable)
            });
            if let Some(column) = self.rows.columns.get_mut(index) {
                column.push(value);
            }
        }
        fault
    }

    fn observed(&self, record: &Record<'_, '_>) -> Result<Option<Time>, String> {
        let AsOf::Column(column) = &self.contract.as_of else { return Ok(None) };
        let text = record.text(column).ok_or_else(|| format!("`{column}`, which says how old the row is, is empty"))?;
        time(text).map(Some).ok_or_else(|| format!("`{column}` is `{}`, which is no time", short(text)))
    }

    fn validity(&self, record: &Record<'_, '_>) -> Result<Option<(Time, Time)>, String> {
        let valid = &self.contract.valid;
        if valid.from.is_none() && valid.until.is_none() {
            return Ok(None);
        }
        let read = |column: &Option<String>, default: Time| match column.as_deref().and_then(|column| record.text(column)) {
            Some(text) => time(text).ok_or_else(|| format!("`{}` is no time", short(text))),
            None => Ok(default),
        };
        Ok(Some((read(&valid.from, Time(i64::MIN))?, read(&valid.until, Time(i64::MAX))?)))
    }

    fn read_fact(&mut self, fact: &Fact, record: &Record<'_, '_>) -> Result<Value, String> {
        let column = match &fact.reading {
            Reading::Constant(known) => return Ok(self.keep(known)),
            Reading::Lists(_) => return Ok(Value::default()),
            groups @ Reading::Groups(_) => {
                return Ok(match record.cell("groups") {
                    Raw::List(names) => Value::Bool(super::answers::is_in(groups, names)),
                    Raw::Missing | Raw::Text(_) | Raw::Unreadable => Value::Unknown(Why::NotStated),
                });
            }
            Reading::Column(column) => column,
        };
        match record.cell(column) {
            Raw::Missing => Ok(Value::Unknown(Why::NotStated)),
            Raw::Text(text) if says_nothing(text) && fact.words.is_empty() => Ok(Value::Unknown(Why::NotStated)),
            Raw::Text(text) => match fact.read(text) {
                Some(known) => Ok(self.keep(&known)),
                None => Err(format!("`{column}` is `{}`, not {}", short(text), fact.expected())),
            },
            Raw::List(texts) if fact.ty == Type::Texts => {
                Ok(self.keep(&Known::Texts(texts.iter().map(|text| text.trim().to_owned()).collect())))
            }
            Raw::List(_) | Raw::Unreadable => Err(format!("`{column}` is not {}", fact.expected())),
        }
    }

    /// Stores a value; the same text is stored once.
    fn keep(&mut self, known: &Known) -> Value {
        let Known::Text(text) = known else { return store(known, &mut self.rows.arena) };
        if let Some(value) = self.texts.get(text) {
            return *value;
        }
        let value = self.rows.arena.push_text(text);
        self.texts.insert(text.clone(), value);
        value
    }

    /// Gives the record's keys the row `number`. Says whether the row is wanted: an older duplicate is not.
    fn claim(
        &mut self,
        record: &Record<'_, '_>,
        number: u32,
        observed: Option<Time>,
        valid: Option<(Time, Time)>,
    ) -> Result<bool, String> {
        let keys = self.keys(record)?;
        let older = keys.iter().find_map(|key| self.owner(key)).filter(|row| *row != AMBIGUOUS);
        if let Some(older) = older {
            let newer_known = self.rows.observed(older) > observed;
            let longer_known = self.rows.valid.get(older as usize).map(|(_, until)| *until) > valid.map(|(_, until)| until);
            self.count_duplicate(record.place, older);
            if newer_known || longer_known {
                return Ok(false);
            }
        }
        let qualified = keys.iter().any(|key| matches!(key, Claimed::Whole(..)));
        self.rows.index.qualified.push(qualified);
        for key in keys {
            self.give(key, number, older);
        }
        Ok(true)
    }

    fn count_duplicate(&mut self, place: u64, older: u32) {
        self.duplicates = self.duplicates.saturating_add(1);
        if self.doubled.len() < EXAMPLES {
            let before = self.places.get(older as usize).copied().unwrap_or_default();
            self.doubled.push(format!("rows {before} and {place}"));
        }
    }

    /// The row that already owns a key. A short name is no proof that two rows are one.
    fn owner(&self, key: &Claimed) -> Option<u32> {
        match key {
            Claimed::Whole(kind, name) => self.rows.index.name(*kind, name),
            Claimed::Name { kind, name, whole: false } => {
                self.rows.index.name(*kind, name).filter(|row| !self.is_qualified(*row))
            }
            Claimed::Name { .. } | Claimed::Network(..) => None,
            Claimed::Suffix(name) => self.rows.index.suffixes.find(name),
            Claimed::Address(addr) => self.rows.index.addresses.find(*addr),
        }
    }

    fn is_qualified(&self, row: u32) -> bool {
        self.rows.index.qualified.get(row as usize).copied().unwrap_or(false)
    }

    fn give(&mut self, key: Claimed, number: u32, older: Option<u32>) {
        match key {
            Claimed::Whole(kind, name) => self.rows.index.set_name(kind, &name, number),
            Claimed::Suffix(name) => self.rows.index.set_suffix(&name, number),
            Claimed::Address(addr) => self.rows.index.addresses.set(addr, number),
            Claimed::Network(first, last) => self.networks.push(Network { first, last, row: number }),
            Claimed::Name { kind, name, .. } => {
                let owner = self.rows.index.name(kind, &name);
                let other = owner.is_some_and(|owner| Some(owner) != older && owner != number);
                let several = other
                    && (self.is_qualified(number) || owner.is_some_and(|owner| owner == AMBIGUOUS || self.is_qualified(owner)));
                self.rows.index.set_name(kind, &name, if several { AMBIGUOUS } else { number });
            }
        }
    }

    fn keys(&self, record: &Record<'_, '_>) -> Result<Vec<Claimed>, String> {
        let mut claimed = Vec::new();
        for key in &self.contract.keys {
            for column in &key.columns {
                let cell = record.cell(column);
                for text in texts(cell, key.split) {
                    claim(key, text, &mut claimed)
                        .ok_or_else(|| format!("`{column}` is `{}`, which is no {}", short(text), key.kind.name()))?;
                }
            }
        }
        if claimed.is_empty() && self.contract.lookup().is_none() {
            return Err("it has no key".into());
        }
        Ok(claimed)
    }

    /// The finished table, held against its contract. `previous` is the number of rows that it had before.
    pub fn finish(mut self, as_of: Option<Time>, previous: Option<u64>) -> Table {
        let as_of = match self.contract.as_of {
            AsOf::Column(_) => self.rows.observed.iter().max().copied(),
            AsOf::File | AsOf::Value(_) | AsOf::Given(_) => as_of,
        };
        self.rows.index.set_networks(std::mem::take(&mut self.networks), |_, inner| inner);
        let mut table = Table { rows: self.places.len() as u64, as_of, ..Table::default() };
        if self.bad > 0 {
            let bad = format!(
                "{} of {} rows are bad ({})",
                Grouped(self.bad as i64),
                Grouped(self.read as i64),
                self.examples.join("; ")
            );
            if thousandths(self.bad, self.read) > u64::from(self.contract.sanity.bad_rows_max) {
                table.breach(bad)
            } else {
                table.note(bad)
            }
        }
        if self.duplicates > 0 {
            table.note(format!(
                "{} rows repeat a key, and the newer row counts, or else the later one ({})",
                Grouped(self.duplicates as i64),
                self.doubled.join("; ")
            ));
        }
        if let Some(example) = self.skipped_example {
            table.note(format!(
                "{} records are passed over, because a table cannot hold them (`{example}`)",
                Grouped(self.skipped as i64)
            ));
        }
        table.body = Body::Rows(Box::new(self.rows));
        check(&mut table, self.contract, previous);
        table
    }
}

/// Holds a table's size and age against its contract.
pub fn check(table: &mut Table, contract: &Contract, previous: Option<u64>) {
    if table.state == State::Absent {
        return;
    }
    let rows = table.rows;
    let sanity = &contract.sanity;
    if rows < sanity.min_rows {
        table.breach(format!(
            "{} rows, and the contract wants at least {}",
            Grouped(rows as i64),
            Grouped(sanity.min_rows as i64)
        ));
    }
    if rows > ROWS_MAX {
        table.breach(format!("{} rows, and at most {} are held", Grouped(rows as i64), Grouped(ROWS_MAX as i64)));
    }
    if let (Some(max), Some(previous)) = (sanity.max_change, previous) {
        let change = thousandths(rows.abs_diff(previous), previous);
        if change > u64::from(max) {
            table.breach(format!(
                "{} rows after {}, a change of {}, and the contract allows {}",
                Grouped(rows as i64),
                Grouped(previous as i64),
                percent(change),
                percent(u64::from(max))
            ));
        }
    }
    if contract.max_age.is_some() && table.as_of.is_none() && table.state == State::Good {
        table.breach("nothing says how old the data is; give `as_of` in the contract".into());
    }
}

/// `part` of `whole` in thousandths, rounded up so that a limit is never missed.
pub(super) fn thousandths(part: u64, whole: u64) -> u64 {
    part.saturating_mul(1000).div_ceil(whole.max(1))
}

/// Thousandths as people write them: `2.5 %`.
pub(super) fn percent(thousandths: u64) -> String {
    match thousandths % 10 {
        0 => format!("{} %", thousandths / 10),
        tenth => format!("{}.{tenth} %", thousandths / 10),
    }
}

/// A key that a record claims.
enum Claimed {
    /// A name with its domain.
    Whole(KeyKind, String),
    /// A canonical name, and whether the record also gives it a domain.
    Name { kind: KeyKind, name: String, whole: bool },
    /// A domain with everything below it.
    Suffix(String),
    /// One address.
    Address(Addr),
    /// A network.
    Network(u128, u128),
}

/// What `text` claims as `key`; none when it is no such key.
fn claim(key: &Key, text: &str, claimed: &mut Vec<Claimed>) -> Option<()> {
    let mut name = String::new();
    let may_be_address = matches!(key.kind, KeyKind::Entity(EntityKind::Address | EntityKind::Host));
    if let Some(addr) = Addr::parse(text).filter(|_| may_be_address) {
        claimed.push(Claimed::Address(addr));
        return Some(());
    }
    if key.kind == KeyKind::Entity(EntityKind::Address) {
        let (first, last) = ranges::parse(text)?;
        claimed.push(Claimed::Network(first, last));
        return Some(());
    }
    let whole = whole_name(key.kind, text, &mut name);
    if whole {
        claimed.push(Claimed::Whole(key.kind, std::mem::take(&mut name)));
    }
    name.clear();
    let text = if key.suffix { text.trim_start_matches("*.").trim_start_matches('.') } else { text };
    if !key.kind.canonical(text, &mut name) {
        return None;
    }
    claimed.push(if key.suffix { Claimed::Suffix(name) } else { Claimed::Name { kind: key.kind, name, whole } });
    Some(())
}

fn texts<'t>(cell: &'t Raw<'_>, separator: Option<char>) -> Vec<&'t str> {
    let parts: Vec<&str> = match (cell, separator) {
        (Raw::Text(text), Some(separator)) => text.split(separator).collect(),
        (Raw::Text(text), None) => vec![text],
        (Raw::List(texts), _) => texts.iter().map(AsRef::as_ref).collect(),
        (Raw::Missing | Raw::Unreadable, _) => Vec::new(),
    };
    parts.into_iter().map(str::trim).filter(|part| !says_nothing(part)).collect()
}

fn too_long(cell: &Raw<'_>) -> Option<i64> {
    let len = match cell {
        Raw::Text(text) => text.len(),
        Raw::List(texts) => texts.iter().map(|text| text.len()).sum(),
        Raw::Missing | Raw::Unreadable => 0,
    };
    (len > CELL_BYTES_MAX).then_some(len as i64)
}

/// The beginning of `text` for a message, without what a terminal would obey.
pub fn short(text: &str) -> String {
    let cut = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(40).collect::<String>();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}
