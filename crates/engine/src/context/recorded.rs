//! Context as it was: facts recorded with an alert, brought into the alert as it is read anew.
//!
//! Nothing is looked up afresh. A fact is taken over when its source was asked about the same subject then, found its
//! rows by the same columns and read the fact from the same one; otherwise what the source would have said was never
//! recorded, and is unknown.

use adjutant_model::{Cell, Origin, Row, Schema, Slot, Time, Value, Why};
use adjutant_rules::Book;
use adjutant_rules::contract::{self, Contract, KeyKind, Subject};

/// Which recorded facts belong to which source of another book.
#[derive(Clone, Debug)]
pub struct Recorded {
    facts: Vec<Fact>,
}

/// One fact of one source.
#[derive(Clone, Debug)]
struct Fact {
    slot: Slot,
    /// The number of its contract in the book that decided, when that asked for the same by the same fields.
    then: Option<u16>,
    /// The number of its contract in the new book.
    now: u16,
    /// The fields that the source is asked by.
    keys: Vec<Slot>,
}

impl Recorded {
    /// Facts recorded under `old`, for `new`.
    pub fn new(old: &Book, new: &Book) -> Self {
        let mut facts = Vec::new();
        for (number, contract) in (0_u16..).zip(new.contracts.iter()) {
            let before = (0_u16..).zip(old.contracts.iter()).find(|(_, before)| before.name == contract.name);
            let before = before.filter(|(_, before)| before.keys == contract.keys);
            for subject in &contract.subjects {
                let same = |was: &Subject| was.name == subject.name && asked(was, &old.schema) == asked(subject, &new.schema);
                let before = before.filter(|(_, before)| before.subjects.iter().any(same));
                let keys: Vec<Slot> = subject.lookup.iter().map(|(slot, _)| *slot).collect();
                for (slot, fact) in subject.slots.iter().zip(&contract.facts) {
                    let then = before.filter(|(_, before)| tells(before, fact)).map(|(number, _)| number);
                    facts.push(Fact { slot: *slot, then, now: number, keys: keys.clone() });
                }
            }
        }
        Self { facts }
    }

    /// Puts the context facts of `then`, a recorded row in the new book's slots, into `row`, which holds what the record
    /// says under the new book.
    pub fn fill(&self, then: &Row, row: &mut Row) {
        // Twice: a source may be asked by what a later one says.
        for fact in self.facts.iter().chain(&self.facts) {
            if row.value(fact.slot).is_known() {
                continue;
            }
            let was = then.cell(fact.slot);
            let from_here = fact.then.is_some_and(|number| was.origin == Origin::Context(number));
            let cell = if from_here && fact.keys.iter().all(|key| same(then, row, *key)) {
                Cell { value: copy(was.value, then, row), origin: Origin::Context(fact.now), ..was }
            } else if row.cell(fact.slot).origin != Origin::Nothing {
                continue;
            } else {
                Cell { value: Value::Unknown(Why::NotFound), origin: Origin::Context(fact.now), observed_at: Time(0) }
            };
            row.set_cell(fact.slot, cell);
        }
    }
}

/// Whether `contract` reads `fact` as well, in the same way.
fn tells(contract: &Contract, fact: &contract::Fact) -> bool {
    let same = |was: &contract::Fact| (&was.reading, &was.absent, &was.words) == (&fact.reading, &fact.absent, &fact.words);
    contract.facts.iter().any(|was| was.name == fact.name && was.ty == fact.ty && was.range == fact.range && same(was))
}

/// By which fields, compared as what, a subject is asked about.
fn asked<'s>(subject: &'s Subject, schema: &'s Schema) -> Vec<(&'s str, KeyKind)> {
    subject.lookup.iter().map(|(slot, kind)| (schema.field(*slot).map_or("", |field| field.name.as_str()), *kind)).collect()
}

/// Whether a field says the same in both rows.
fn same(then: &Row, now: &Row, slot: Slot) -> bool {
    equal((then, then.value(slot)), (now, now.value(slot)))
}

fn equal((a_row, a): (&Row, Value), (b_row, b): (&Row, Value)) -> bool {
    match (a, b) {
        (Value::Unknown(_), Value::Unknown(_)) => true,
        (Value::Text(a), Value::Text(b)) => a_row.text_at(a) == b_row.text_at(b),
        (Value::List(a), Value::List(b)) => {
            let (a, b) = (a_row.list_at(a), b_row.list_at(b));
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal((a_row, *a), (b_row, *b)))
        }
        (a, b) => a == b,
    }
}

/// Copies a value with what it holds in its row's arena. Lists of lists do not exist.
fn copy(value: Value, from: &Row, to: &mut Row) -> Value {
    match value {
        Value::Text(range) => to.push_text(from.text_at(range)),
        Value::List(range) => {
            let items: Vec<Value> = from.list_at(range).iter().map(|item| copy_item(*item, from, to)).collect();
            to.push_list(&items)
        }
        other => other,
    }
}

fn copy_item(item: Value, from: &Row, to: &mut Row) -> Value {
    match item {
        Value::Text(range) => to.push_text(from.text_at(range)),
        other => other,
    }
}
