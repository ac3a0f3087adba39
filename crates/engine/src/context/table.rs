//! One context source in memory: its rows, what they say, and whether they may be believed.
//!
//! A table never changes after it is made. What its contract found wrong is written in it as sentences, so that
//! a report and an explanation can say why a fact is unknown.

use super::calendar::Calendar;
use super::index::Index;
use super::mmdb::GeoDatabase;
use adjutant_model::{Row, Time, Value, Why};
use adjutant_rules::contract::known::Known;

/// One context source in memory.
#[derive(Debug, Default)]
pub struct Table {
    pub(super) state: State,
    pub(super) rows: u64,
    pub(super) as_of: Option<Time>,
    /// What broke the contract, one sentence each.
    pub(super) breaches: Vec<String>,
    /// What is worth knowing and broke nothing.
    pub(super) notes: Vec<String>,
    pub(super) body: Body,
}

/// Whether a table may be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It is as its contract says.
    #[default]
    Good,
    /// There is no data, and the contract allows that.
    Absent,
    /// It broke its contract.
    Broken,
}

/// How a table answers.
#[derive(Debug, Default)]
pub(super) enum Body {
    /// Not at all.
    #[default]
    Nothing,
    /// From rows in memory.
    Rows(Box<Rows>),
    /// From a MaxMind DB.
    Geo(Box<GeoDatabase>),
    /// From rules about instants.
    Calendar(Box<Calendar>),
    /// By what connectors answered; see [`super::Answers`].
    Asked,
}

/// Rows in memory, one column for each fact of the contract.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) index: Index,
    pub(super) columns: Vec<Vec<Value>>,
    pub(super) arena: Row,
    /// When each row was observed; empty: all when the table was.
    pub(super) observed: Vec<Time>,
    /// Between which instants each row counts; empty: always.
    pub(super) valid: Vec<(Time, Time)>,
}

impl Table {
    /// A table whose data is not there although its contract does not allow that, or cannot be read.
    pub fn broken(sentence: String) -> Self {
        Self { state: State::Broken, breaches: vec![sentence], ..Self::default() }
    }

    /// A table whose data is not there, as its contract allows.
    pub fn absent() -> Self {
        Self { state: State::Absent, ..Self::default() }
    }

    /// A table that a MaxMind DB answers.
    pub fn geo(database: GeoDatabase, as_of: Option<Time>) -> Self {
        let rows = database.nodes();
        Self { rows, as_of, body: Body::Geo(Box::new(database)), ..Self::default() }
    }

    /// A table that a calendar answers.
    pub fn calendar(calendar: Calendar, as_of: Option<Time>) -> Self {
        let rows = calendar.len() as u64;
        Self { rows, as_of, body: Body::Calendar(Box::new(calendar)), ..Self::default() }
    }

    /// No table: whoever is asked about a subject answers.
    pub fn asked() -> Self {
        Self { body: Body::Asked, ..Self::default() }
    }

    /// Says that the table broke its contract.
    pub fn breach(&mut self, sentence: String) {
        self.state = State::Broken;
        self.breaches.push(sentence);
    }

    /// Says something that broke nothing.
    pub fn note(&mut self, sentence: String) {
        self.notes.push(sentence);
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether it may be believed.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why none of the table's facts may be used; none: they may.
    pub(super) fn unusable(&self) -> Option<Why> {
        match self.state {
            State::Good => None,
            State::Absent => Some(Why::NoSource),
            State::Broken => Some(Why::Breach),
        }
    }

    pub(super) fn body_rows(&self) -> Option<&Rows> {
        match &self.body {
            Body::Rows(rows) => Some(rows),
            Body::Nothing | Body::Geo(_) | Body::Calendar(_) | Body::Asked => None,
        }
    }
}

impl Rows {
    /// What the fact with number `fact` is in `row`.
    pub(super) fn value(&self, fact: usize, row: u32) -> Value {
        self.columns.get(fact).and_then(|column| column.get(row as usize)).copied().unwrap_or_default()
    }

    /// When `row` was observed, where rows say so.
    pub(super) fn observed(&self, row: u32) -> Option<Time> {
        self.observed.get(row as usize).copied()
    }

    /// Whether `row` counts at `now`.
    pub(super) fn counts(&self, row: u32, now: Time) -> bool {
        self.valid.get(row as usize).is_none_or(|(from, until)| *from <= now && now < *until)
    }
}

/// Puts `known` into a row's arenas.
pub(super) fn store(known: &Known, arena: &mut Row) -> Value {
    match known {
        Known::Bool(value) => Value::Bool(*value),
        Known::Int(value) => Value::Int(*value),
        Known::Time(value) => Value::Time(*value),
        Known::Duration(value) => Value::Duration(*value),
        Known::Geo(value) => Value::Geo(*value),
        Known::Level(value) => Value::Level(*value),
        Known::Addr(value) => Value::Addr(*value),
        Known::Text(text) => arena.push_text(text),
        Known::Texts(texts) => {
            let items: Vec<Value> = texts.iter().map(|text| arena.push_text(text)).collect();
            arena.push_list(&items)
        }
    }
}

/// Copies `value` of the arena `from` into the arena of `to`.
pub(super) fn copy(value: Value, from: &Row, to: &mut Row, list: &mut Vec<Value>) -> Value {
    match value {
        Value::Text(range) => to.push_text(from.text_at(range)),
        Value::List(range) => {
            list.clear();
            for item in from.list_at(range) {
                list.push(match item {
                    Value::Text(text) => to.push_text(from.text_at(*text)),
                    other => *other,
                });
            }
            to.push_list(list)
        }
        other => other,
    }
}

/// Whether two values of two arenas are the same; text in any letter case.
pub(super) fn same(a: Value, of_a: &Row, b: Value, of_b: &Row) -> bool {
    match (a, b) {
        (Value::Text(x), Value::Text(y)) => of_a.text_at(x).eq_ignore_ascii_case(of_b.text_at(y)),
        (Value::List(x), Value::List(y)) => {
            let (x, y) = (of_a.list_at(x), of_b.list_at(y));
            x.len() == y.len() && x.iter().zip(y).all(|(a, b)| same(*a, of_a, *b, of_b))
        }
        _ => a == b,
    }
}
