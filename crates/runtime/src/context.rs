//! Reads the organisation's tables into a snapshot of context, as the book's contracts say.
//!
//! A source that is missing, broken or hostile never stops triage: what is wrong with it becomes a sentence that says
//! which file, where in it and what to do, its contract counts as broken, and its facts are unknown.
//! Loading again with the snapshot before lets contracts judge how much the data changed.

mod calendar;
mod csv;
mod data;
mod json;
mod list;
mod sqlite;
mod stix;
mod warninglists;

pub use data::{Data, Directory, Embedded, File, Layers};

use adjutant_engine::context::{Builder, GeoDatabase, Snapshot, State, Table, check};
use adjutant_model::Time;
use adjutant_rules::contract::{AsOf, Contract, From};
use std::sync::Arc;

/// Reads every source of `contracts` from `data`. `previous` is the snapshot that was used before.
pub fn load(contracts: Arc<[Contract]>, data: &dyn Data, previous: Option<&Snapshot>) -> Snapshot {
    let read = |contract: &Contract| {
        let before = previous.and_then(|snapshot| snapshot.table_named(&contract.name));
        let was_there = before.is_some_and(|table| table.state() != State::Absent);
        match table(contract, data, before.and_then(rows_before)) {
            // Optional is what never was there. Decisions rest on what was, and nobody said that they need not any more.
            table if was_there && table.state() == State::Absent => Table::broken(gone(contract)),
            table => table,
        }
    };
    let tables = std::thread::scope(|scope| {
        let reading: Vec<_> = contracts.iter().map(|contract| scope.spawn(move || read(contract))).collect();
        let lost = || Table::broken("its loader stopped; please report this".into());
        reading.into_iter().map(|thread| thread.join().unwrap_or_else(|_| lost())).collect()
    });
    Snapshot::new(contracts, tables)
}

/// How many rows a source had when it was last as its contract says.
fn rows_before(table: &Table) -> Option<u64> {
    (table.state() == State::Good).then(|| table.rows())
}

fn gone(contract: &Contract) -> String {
    format!("`{}` was there and is gone; put it back, or start again without it", contract.from.path())
}

/// Reads one source.
pub fn table(contract: &Contract, data: &dyn Data, previous: Option<u64>) -> Table {
    let read = Read { contract, data, previous };
    match read.table() {
        Ok(table) => table,
        Err(Fault::Missing) if contract.optional => Table::absent(),
        Err(Fault::Missing) => Table::broken(format!(
            "`{}` is not in {}; put it there, or mark the contract `optional: true`",
            contract.from.path(),
            data.place()
        )),
        Err(Fault::Bad(sentence)) => Table::broken(format!("`{}`: {sentence}", contract.from.path())),
    }
}

/// Why a source cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It is there and unusable: what is wrong and what to do.
    Bad(String),
}

impl std::convert::From<String> for Fault {
    fn from(sentence: String) -> Self {
        Fault::Bad(sentence)
    }
}

/// One source being read.
struct Read<'a> {
    contract: &'a Contract,
    data: &'a dyn Data,
    previous: Option<u64>,
}

impl Read<'_> {
    fn table(&self) -> Result<Table, Fault> {
        match &self.contract.from {
            From::Csv { path, delimiter } => self.rows(path, |text, builder| csv::read(text, *delimiter, builder)),
            From::Json { path, at } => self.json(path, at),
            From::JsonLines { path } => self.rows(path, json::read_lines),
            From::List { path } => self.rows(path, list::read),
            From::Stix { path } => self.rows(path, stix::read),
            From::Sqlite { path, query } => self.sqlite(path, query),
            From::Mmdb { path } => self.mmdb(path),
            From::Warninglists { path } => warninglists::read(self, path),
            From::Calendar { path } => self.calendar(path),
            From::Lookup(_) => Ok(Table::asked()),
        }
    }

    fn rows(&self, path: &str, read: impl Fn(&str, &mut Builder<'_>) -> Result<(), String>) -> Result<Table, Fault> {
        let file = self.data.read(path)?;
        let text = data::text(&file.bytes)?;
        let mut builder = Builder::new(self.contract);
        read(&text, &mut builder)?;
        Ok(builder.finish(self.as_of(&file), self.previous))
    }

    fn json(&self, path: &str, at: &[String]) -> Result<Table, Fault> {
        let file = self.data.read(path)?;
        let document = json::parse(&data::text(&file.bytes)?)?;
        let as_of = match &self.contract.as_of {
            AsOf::Value(path) => json::time_at(&document, path)?,
            AsOf::File | AsOf::Column(_) | AsOf::Given(_) => self.as_of(&file),
        };
        let mut builder = Builder::new(self.contract);
        json::read(&document, at, &mut builder)?;
        Ok(builder.finish(as_of, self.previous))
    }

    fn sqlite(&self, path: &str, query: &str) -> Result<Table, Fault> {
        let (file, modified) = self.data.local(path)?;
        let mut builder = Builder::new(self.contract);
        sqlite::read(&file, query, &mut builder)?;
        Ok(builder.finish(self.given().or(modified), self.previous))
    }

    fn mmdb(&self, path: &str) -> Result<Table, Fault> {
        let file = self.data.read(path)?;
        let modified = self.as_of(&file);
        let unreadable = |error| format!("it is no MaxMind DB ({error}); fetch it again, and check that the download is whole");
        let database = GeoDatabase::new(file.bytes.into_owned(), self.contract).map_err(unreadable)?;
        let as_of = match &self.contract.as_of {
            AsOf::Value(_) => Some(database.built()),
            AsOf::File | AsOf::Column(_) | AsOf::Given(_) => modified,
        };
        Ok(self.checked(Table::geo(database, as_of)))
    }

    fn calendar(&self, path: &str) -> Result<Table, Fault> {
        let file = self.data.read(path)?;
        let (calendar, problems) = calendar::read(&data::text(&file.bytes)?)?;
        let mut table = Table::calendar(calendar, self.as_of(&file));
        // A calendar is short and written by hand: one wrong row is a mistake in what decides, not noise.
        problems.into_iter().for_each(|problem| table.breach(problem));
        Ok(self.checked(table))
    }

    fn checked(&self, mut table: Table) -> Table {
        check(&mut table, self.contract, self.previous);
        table
    }

    fn given(&self) -> Option<Time> {
        match &self.contract.as_of {
            AsOf::Given(time) => Some(*time),
            AsOf::File | AsOf::Column(_) | AsOf::Value(_) => None,
        }
    }

    /// When the data was true, unless its own rows or values say so.
    fn as_of(&self, file: &File<'_>) -> Option<Time> {
        self.given().or(file.modified)
    }
}
