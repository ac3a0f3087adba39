//! Context: what the organisation's own tables say about the subjects of an alert.
//!
//! A [`Snapshot`] holds every source of the book's contracts in memory and never changes. [`Snapshot::fill`] puts its
//! facts into an alert's row, each with its origin and age, or unknown with the reason: stale, broken, disputed,
//! not found, nobody to look for. It never overwrites what the alert itself says, and a table that broke its contract
//! or grew too old says nothing at all.

mod answers;
mod build;
mod calendar;
mod index;
mod members;
mod mmdb;
mod names;
mod quality;
mod ranges;
mod recorded;
mod table;

pub use answers::{ANSWERS_MAX, Answers, Said, Thing, asked_name};
pub use build::{Builder, CELL_BYTES_MAX, ROWS_MAX, Raw, check, short};
pub use calendar::{Calendar, Freeze, Holiday, Hours, Zone};

pub use members::{Members, Stands};
pub use mmdb::GeoDatabase;
pub use quality::{Condition, Quality, Tally, Touched};
pub use recorded::Recorded;
pub use table::{State, Table};

use adjutant_model::row::{Cell, Shared};
use adjutant_model::value::Addr;
use adjutant_model::{Origin, Row, Slot, Time, Value, Why};
use adjutant_rules::contract::{Contract, KeyKind, Reading, Subject};
use index::Found;
use std::sync::Arc;
use table::{Body, Rows};

/// Every context source of a book, in memory.
#[derive(Debug, Default)]
pub struct Snapshot {
    contracts: Arc<[Contract]>,
    tables: Arc<[Table]>,
    /// What connectors answered, where a contract has no table.
    answers: Arc<Answers>,
    /// What every context fact is as long as nobody was looked for.
    base: Shared,
}

/// Memory that filling one row after another uses again.
#[derive(Debug, Default)]
pub struct Scratch {
    key: String,
    list: Vec<Value>,
}

/// One subject being filled.
struct Filling<'s, 'r> {
    contract: &'s Contract,
    subject: &'s Subject,
    origin: Origin,
    row: &'r mut Row,
}

impl Snapshot {
    /// The sources of `contracts`, in their order; a contract without a table has no source.
    pub fn new(contracts: Arc<[Contract]>, mut tables: Vec<Table>) -> Self {
        tables.resize_with(contracts.len(), Table::absent);
        for (table, _) in tables.iter_mut().zip(contracts.iter()).filter(|(_, contract)| contract.lookup().is_some()) {
            *table = Table::asked();
        }
        quality::compare(&contracts, &mut tables);
        let base = Shared::new(&base(&contracts, &tables));
        Self { contracts, tables: tables.into(), answers: Arc::default(), base }
    }

    /// No source for any of `contracts`: all their facts are unknown.
    pub fn empty(contracts: Arc<[Contract]>) -> Self {
        Self::new(contracts, Vec::new())
    }

    /// The table of the contract with this number.
    pub fn table(&self, contract: usize) -> Option<&Table> {
        self.tables.get(contract)
    }

    /// The table of the contract called `name`.
    pub fn table_named(&self, name: &str) -> Option<&Table> {
        let number = self.contracts.iter().position(|contract| contract.name == name)?;
        self.tables.get(number)
    }

    /// The contracts, in the order of the numbers in [`Origin::Context`].
    pub fn contracts(&self) -> &[Contract] {
        &self.contracts
    }

    /// Puts every context fact into `row` as it was known at `now`. Returns which sources could not be used.
    pub fn fill(&self, row: &mut Row, now: Time, scratch: &mut Scratch) -> Touched {
        let mut touched = Touched::default();
        row.share(&self.base);
        for (number, (contract, table)) in self.contracts.iter().zip(&*self.tables).enumerate() {
            if table.state() == State::Absent {
                continue;
            }
            let origin = Origin::Context(u16::try_from(number).unwrap_or(u16::MAX));
            let answers_nobody = matches!(table.body, Body::Calendar(_));
            for subject in &contract.subjects {
                let mut filling = Filling { contract, subject, origin, row };
                if (answers_nobody || filling.has_subject()) && filling.is_wanted() {
                    touched.note(number, self.fill_subject(&mut filling, table, now, scratch));
                }
            }
        }
        touched
    }

    /// Returns why the whole table could not be used.
    fn fill_subject(&self, filling: &mut Filling<'_, '_>, table: &Table, now: Time, scratch: &mut Scratch) -> Option<Why> {
        if let Some(why) = table.unusable() {
            filling.all_unknown(why);
            return Some(why);
        }
        if table.as_of.is_some_and(|as_of| filling.is_stale(as_of, now)) && !has_own_ages(table) {
            filling.all_unknown(Why::Stale);
            return Some(Why::Stale);
        }
        match &table.body {
            Body::Nothing => filling.all_unknown(Why::NoSource),
            Body::Asked => self.fill_from_answers(filling, now, scratch),
            Body::Rows(rows) => return self.fill_from_rows(filling, (rows, table.as_of), now, scratch),
            Body::Geo(database) => filling.fill_from_database(database, table.as_of),
            Body::Calendar(calendar) => filling.fill_from_calendar(calendar, table.as_of, now, scratch),
        }
        None
    }

    fn fill_from_rows(
        &self,
        filling: &mut Filling<'_, '_>,
        (rows, as_of): (&Rows, Option<Time>),
        now: Time,
        scratch: &mut Scratch,
    ) -> Option<Why> {
        let number = match rows.index.find(filling.subject, filling.row, &mut scratch.key) {
            Found::Row(number) if rows.counts(number, now) => number,
            Found::Row(_) | Found::Absent => return filling.absent(as_of),
            Found::Nobody => return filling.all_unknown_and(Why::NoSubject, None),
            Found::Ambiguous => return filling.all_unknown_and(Why::Disputed, None),
        };
        let observed = rows.observed(number).or(as_of);
        if observed.is_some_and(|observed| filling.is_stale(observed, now)) {
            return filling.all_unknown_and(Why::Stale, Some(Why::Stale));
        }
        let mut touched = None;
        for (index, (fact, slot)) in filling.contract.facts.iter().zip(&filling.subject.slots).enumerate() {
            let value = match fact.agrees_with.and_then(|(other, _)| self.unusable(other, now)) {
                Some(why) => {
                    touched = Some(why);
                    Value::Unknown(why)
                }
                None => rows.value(index, number),
            };
            filling.put(*slot, value, observed, |value, row| table::copy(value, &rows.arena, row, &mut scratch.list));
        }
        touched
    }

    /// Why the contract with number `contract` says nothing at `now`.
    fn unusable(&self, contract: usize, now: Time) -> Option<Why> {
        let table = self.tables.get(contract)?;
        let max_age = self.contracts.get(contract).and_then(|contract| contract.max_age);
        let stale = || {
            let too_old = max_age.zip(table.as_of).is_some_and(|(max, as_of)| now.since(as_of) > max);
            too_old.then_some(Why::Stale)
        };
        table.unusable().or_else(stale)
    }
}

/// What every context fact is before anybody is looked for: the gravest of what its contracts say of nobody.
fn base(contracts: &[Contract], tables: &[Table]) -> Vec<(Slot, Cell)> {
    let mut base: Vec<(Slot, Cell)> = Vec::new();
    for (number, (contract, table)) in contracts.iter().zip(tables).enumerate() {
        let value = Value::Unknown(table.unusable().unwrap_or(Why::NoSubject));
        let origin = Origin::Context(u16::try_from(number).unwrap_or(u16::MAX));
        let cell = Cell { value, origin, observed_at: Time(0) };
        for slot in contract.subjects.iter().flat_map(|subject| &subject.slots) {
            match base.iter_mut().find(|(known, _)| known == slot) {
                Some((_, known)) if is_better(value, *known) => *known = cell,
                Some(_) => {}
                None => base.push((*slot, cell)),
            }
        }
    }
    base.sort_by_key(|(slot, _)| *slot);
    base
}

/// Whether each row of the table says how old it is.
fn has_own_ages(table: &Table) -> bool {
    table.body_rows().is_some_and(|rows| !rows.observed.is_empty())
}

impl Filling<'_, '_> {
    fn is_stale(&self, as_of: Time, now: Time) -> bool {
        self.contract.max_age.is_some_and(|max_age| now.since(as_of) > max_age)
    }

    /// Whether any fact of the subject is still unknown.
    fn is_wanted(&self) -> bool {
        self.subject.slots.iter().any(|slot| !self.row.value(*slot).is_known())
    }

    /// Whether the alert names anybody that this source could be asked about.
    fn has_subject(&self) -> bool {
        self.subject.lookup.iter().any(|(slot, _)| self.row.value(*slot).is_known())
    }

    /// Puts `value` where nothing better is known; `copy` brings it into the row.
    fn put(&mut self, slot: Slot, value: Value, observed: Option<Time>, copy: impl FnOnce(Value, &mut Row) -> Value) {
        let old = self.row.cell(slot);
        if !is_better(value, old) {
            return;
        }
        let value = copy(value, self.row);
        self.row.set_cell(slot, Cell { value, origin: self.origin, observed_at: observed.unwrap_or_default() });
    }

    fn all_unknown(&mut self, why: Why) {
        let subject = self.subject;
        for slot in &subject.slots {
            self.put(*slot, Value::Unknown(why), None, |value, _| value);
        }
    }

    fn all_unknown_and(&mut self, why: Why, touched: Option<Why>) -> Option<Why> {
        self.all_unknown(why);
        touched
    }

    /// The table does not know the subject: some facts are then known all the same.
    fn absent(&mut self, as_of: Option<Time>) -> Option<Why> {
        let (contract, subject) = (self.contract, self.subject);
        let could_know = self.could_know();
        for (fact, slot) in contract.facts.iter().zip(&subject.slots) {
            match fact.absent.as_ref().filter(|_| could_know) {
                Some(known) if !self.row.value(*slot).is_known() => {
                    let value = table::store(known, self.row);
                    self.put(*slot, value, as_of, |value, _| value);
                }
                _ => self.put(*slot, Value::Unknown(Why::NotFound), None, |value, _| value),
            }
        }
        None
    }

    /// Whether a table of this kind could have known the subject: a list of IPv4 addresses says nothing about IPv6.
    fn could_know(&self) -> bool {
        let ipv4_only = self.contract.keys.iter().any(|key| key.ipv4_only);
        let is_ipv6 = |slot: Slot| self.address(slot).is_some_and(|addr| addr.ip().is_ipv6());
        !(ipv4_only && self.subject.lookup.iter().any(|(slot, _)| is_ipv6(*slot)))
    }

    fn address(&self, slot: Slot) -> Option<Addr> {
        match self.row.value(slot) {
            Value::Addr(addr) => Some(addr),
            Value::Text(range) => Addr::parse(self.row.text_at(range)),
            _ => None,
        }
    }

    fn fill_from_database(&mut self, database: &GeoDatabase, as_of: Option<Time>) {
        let (contract, subject) = (self.contract, self.subject);
        let Some(addr) = subject.lookup.iter().find_map(|(slot, _)| self.address(*slot)) else {
            return self.all_unknown(Why::NoSubject);
        };
        if !database.could_know(addr.ip()) {
            return self.all_unknown(Why::NotFound);
        }
        let Some(record) = database.find(addr) else {
            self.absent(as_of);
            return;
        };
        for (index, (fact, slot)) in contract.facts.iter().zip(&subject.slots).enumerate() {
            if !self.row.value(*slot).is_known() {
                let value = database.value(index, &fact.ty, &record, self.row);
                self.put(*slot, value, as_of, |value, _| value);
            }
        }
    }

    fn fill_from_calendar(&mut self, calendar: &Calendar, as_of: Option<Time>, now: Time, scratch: &mut Scratch) {
        let (contract, subject) = (self.contract, self.subject);
        scratch.key.clear();
        let named = subject
            .lookup
            .iter()
            .any(|(slot, _)| self.row.text(*slot).is_some_and(|text| KeyKind::Word.canonical(text, &mut scratch.key)));
        let answer = calendar.answer(named.then_some(scratch.key.as_str()), now);
        for (fact, slot) in contract.facts.iter().zip(&subject.slots) {
            if let (Reading::Column(column), false) = (&fact.reading, self.row.value(*slot).is_known()) {
                let value = answer.value(column, self.row);
                self.put(*slot, value, as_of, |value, _| value);
            }
        }
    }
}

/// Whether `new` says more than what stands in a cell: anything says more than nothing, a known value more than any
/// reason, a grave reason more than a light one, and what is known stays.
fn is_better(new: Value, old: Cell) -> bool {
    match (new, old.value) {
        (_, known) if known.is_known() => false,
        (Value::Unknown(new), Value::Unknown(was)) => old.origin == Origin::Nothing || gravity(new) > gravity(was),
        _ => true,
    }
}

/// How much a reason for not knowing matters to a reader.
const fn gravity(why: Why) -> u8 {
    match why {
        Why::Breach | Why::Disputed => 5,
        Why::Stale => 4,
        Why::Unreadable | Why::NotComparable | Why::Error | Why::Asked | Why::Budget => 3,
        Why::NotFound | Why::NotStated | Why::NoHistory | Why::Evicted => 2,
        Why::NoSubject | Why::NotAsked => 1,
        Why::NoSource => 0,
    }
}
