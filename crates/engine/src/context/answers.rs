//! What connectors answered about single subjects: context that is asked for one by one instead of read from a table.
//!
//! Each answer is held against its contract as a table of one row is. An answer counts for as long as the contract says;
//! then, and before there is one, its facts are unknown and whoever decides may ask. A [`Snapshot`] never changes: with one more
//! answer it is another one, of the same tables.

use super::build::Builder;
use super::table::{State, Table};
use super::{Filling, Raw, Scratch, Snapshot, table};
use adjutant_model::{EntityKind, Origin, Row, Time, Value, Why};
use adjutant_rules::contract::{Contract, KeyKind, LOOKUP_COLUMNS, Reading, Subject};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Answers that are kept; of more, the oldest are forgotten and can be asked for again.
pub const ANSWERS_MAX: usize = 10_000;

/// A longer name is asked about by nobody: the hand takes none.
const NAME_CHARS_MAX: usize = 320;

/// What a connector answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// When, in microseconds since 1970.
    pub at: Time,
    /// What has the name there: nothing, one thing, or more than one, and then nobody knows which is meant.
    pub found: Vec<Thing>,
}

/// Somebody or something that a connector knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    /// What names it for ever.
    pub id: String,
    /// How people know it.
    pub name: String,
    /// What it is called elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The groups that it is in; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// What else is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

/// Answers, by the names of their contracts and of what they are about.
#[derive(Clone, Debug, Default)]
pub struct Answers(HashMap<String, HashMap<String, Arc<Answer>>>);

/// An answer, read as its contract says.
#[derive(Debug)]
struct Answer {
    connector: String,
    said: Said,
    means: Means,
}

/// What an answer means for the facts.
#[derive(Debug)]
enum Means {
    /// There is nobody of this name.
    Nobody,
    /// There are several.
    Several,
    /// There is one, as a table of one row.
    One(Box<Table>),
}

impl Answers {
    /// Keeps one more answer under `contract`. Returns what is forgotten for it, as contract and name.
    pub fn keep(&mut self, contract: &Contract, name: &str, said: Said) -> Vec<(String, String)> {
        let all = &mut self.0;
        let answer = Answer::new(contract, said);
        all.entry(contract.name.clone()).or_default().insert(name.to_owned(), Arc::new(answer));
        let mut forgotten = Vec::new();
        while all.values().map(HashMap::len).sum::<usize>() > ANSWERS_MAX {
            let each = all.iter().flat_map(|(of, known)| known.iter().map(move |(name, answer)| (answer.said.at, of, name)));
            let Some((of, name)) = each.min().map(|(_, of, name)| (of.clone(), name.clone())) else { break };
            all.get_mut(&of).map(|known| known.remove(&name));
            forgotten.push((of, name));
        }
        forgotten
    }

    /// The same, read as other contracts say; what these do not ask, or ask somebody else, is left out.
    #[must_use]
    pub fn under(&self, contracts: &[Contract]) -> Self {
        let asked = contracts.iter().filter(|contract| contract.lookup().is_some());
        let of_one = |contract: &Contract| {
            let known = self.0.get(&contract.name)?;
            let known =
                known.iter().filter(|(_, answer)| contract.lookup().is_some_and(|lookup| lookup.connector == answer.connector));
            let again = |answer: &Answer| Arc::new(Answer::new(contract, answer.said.clone()));
            Some((contract.name.clone(), known.map(|(name, answer)| (name.clone(), again(answer))).collect()))
        };
        Self(asked.filter_map(of_one).collect())
    }

    /// How many there are under the contract called `contract`.
    pub fn count(&self, contract: &str) -> usize {
        self.0.get(contract).map_or(0, HashMap::len)
    }

    /// The answer about `name` that still counts at `now`.
    fn fresh(&self, contract: &Contract, name: &str, now: Time) -> Option<&Answer> {
        let answer = self.0.get(&contract.name)?.get(name)?;
        let is_fresh = contract.max_age.is_none_or(|max_age| now.since(answer.said.at) <= max_age);
        is_fresh.then_some(&**answer)
    }
}

impl Answer {
    fn new(contract: &Contract, said: Said) -> Self {
        let connector = contract.lookup().map_or_else(String::new, |lookup| lookup.connector.clone());
        Self { connector, means: means(contract, &said), said }
    }
}

fn means(contract: &Contract, said: &Said) -> Means {
    match &*said.found {
        [] => Means::Nobody,
        [one] => Means::One(Box::new(row(contract, one, said.at))),
        _ => Means::Several,
    }
}

/// A table of one row, held against its contract: what cannot be read breaks it.
fn row(contract: &Contract, thing: &Thing, at: Time) -> Table {
    let mut builder = Builder::new(contract);
    let texts = |texts: &'_ [String]| Raw::List(texts.iter().map(|text| Cow::Owned(text.clone())).collect());
    let [id, name, aliases, groups] = LOOKUP_COLUMNS;
    let cell = |column: &String| match column.as_str() {
        column if column == id => Raw::Text(Cow::Borrowed(thing.id.as_str())),
        column if column == name => Raw::Text(Cow::Borrowed(thing.name.as_str())),
        column if column == aliases => texts(&thing.aliases),
        column if column == groups => thing.groups.as_deref().map_or(Raw::Missing, texts),
        column => thing.facts.get(column).map_or(Raw::Missing, |text| Raw::Text(Cow::Borrowed(text.as_str()))),
    };
    let cells: Vec<Raw<'_>> = builder.columns().iter().map(cell).collect();
    builder.push(1, &cells);
    builder.finish(Some(at), None)
}

/// The name by which somebody is asked about `subject` of `row`: a name with its domain stays one, because `ana@partner.example`
/// is not our `ana`. None when the alert names nobody, or by a name that cannot be asked about.
pub fn asked_name(subject: &Subject, row: &Row) -> Option<String> {
    let mut canonical = String::new();
    subject.lookup.iter().find_map(|(slot, kind)| {
        let text = match row.value(*slot) {
            Value::Addr(addr) => addr.to_string(),
            Value::Text(_) | Value::List(_) => row.texts(*slot).next()?.trim().to_owned(),
            _ => return None,
        };
        canonical.clear();
        let names_somebody = kind.canonical(&text, &mut canonical);
        let name = match kind {
            KeyKind::Entity(EntityKind::User | EntityKind::Host) => text.to_lowercase(),
            KeyKind::Entity(_) | KeyKind::Word => canonical.clone(),
        };
        let fits = name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control);
        (names_somebody && fits).then_some(name)
    })
}

impl Snapshot {
    /// The same sources with other answers, read as its contracts say.
    #[must_use]
    pub fn with_answers(&self, answers: Answers) -> Self {
        let (contracts, tables) = (Arc::clone(&self.contracts), Arc::clone(&self.tables));
        Self { contracts, tables, base: self.base.clone(), answers: Arc::new(answers) }
    }

    /// What connectors answered.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Whether an answer about `name` under `contract` counts at `now`.
    pub fn is_answered(&self, contract: &Contract, name: &str, now: Time) -> bool {
        self.answers.fresh(contract, name, now).is_some()
    }

    /// Puts into `row` what connectors answered by now. Of what none answered, what stands there stays.
    pub fn fill_answered(&self, row: &mut Row, now: Time, scratch: &mut Scratch) {
        self.each_asked(|contract, subject, origin| {
            let Some(name) = asked_name(subject, row).filter(|name| self.is_answered(contract, name, now)) else { return };
            for slot in &subject.slots {
                if row.cell(*slot).origin == origin {
                    row.set_unknown(*slot, Why::default(), Origin::Nothing);
                }
            }
            self.fill_named(&mut Filling { contract, subject, origin, row }, &name, now, scratch);
        });
    }

    /// Says in `row` why facts of the `nth` subject of a contract are unknown.
    pub fn say(&self, contract: usize, nth: usize, why: Why, row: &mut Row) {
        let Some(of) = self.contracts.get(contract) else { return };
        if let Some(subject) = of.subjects.get(nth) {
            Filling { contract: of, subject, origin: origin(contract), row }.all_unknown(why);
        }
    }

    /// Tells `each` contract of whose answers `row` has facts.
    pub fn from_answers(&self, row: &Row, mut each: impl FnMut(&Contract)) {
        self.each_asked(|contract, subject, origin| {
            let is_from = |cell: adjutant_model::Cell| cell.origin == origin && cell.value.is_known();
            if subject.slots.iter().any(|slot| is_from(row.cell(*slot))) {
                each(contract);
            }
        });
    }

    fn each_asked(&self, mut each: impl FnMut(&Contract, &Subject, Origin)) {
        for (number, contract) in self.contracts.iter().enumerate().filter(|(_, contract)| contract.lookup().is_some()) {
            contract.subjects.iter().for_each(|subject| each(contract, subject, origin(number)));
        }
    }

    pub(super) fn fill_from_answers(&self, filling: &mut Filling<'_, '_>, now: Time, scratch: &mut Scratch) {
        match asked_name(filling.subject, filling.row) {
            Some(name) => self.fill_named(filling, &name, now, scratch),
            None => filling.all_unknown(Why::NoSubject),
        }
    }

    fn fill_named(&self, filling: &mut Filling<'_, '_>, name: &str, now: Time, scratch: &mut Scratch) {
        let Some(answer) = self.answers.fresh(filling.contract, name, now) else { return filling.all_unknown(Why::NotAsked) };
        match &answer.means {
            Means::Nobody => {
                filling.absent(Some(answer.said.at));
            }
            Means::Several => filling.all_unknown(Why::Disputed),
            Means::One(one) if one.state() != State::Good => filling.all_unknown(Why::Breach),
            Means::One(one) => fill_from_row(filling, one, answer.said.at, scratch),
        }
    }
}

fn fill_from_row(filling: &mut Filling<'_, '_>, one: &Table, at: Time, scratch: &mut Scratch) {
    let Some(rows) = one.body_rows() else { return };
    for (index, slot) in filling.subject.slots.iter().enumerate() {
        let value = rows.value(index, 0);
        filling.put(*slot, value, Some(at), |value, row| table::copy(value, &rows.arena, row, &mut scratch.list));
    }
}

fn origin(contract: usize) -> Origin {
    Origin::Context(u16::try_from(contract).unwrap_or(u16::MAX))
}

/// Whether one of the `groups` is one of these, compared without case.
pub(super) fn is_in(reading: &Reading, groups: &[Cow<'_, str>]) -> bool {
    let Reading::Groups(patterns) = reading else { return false };
    let lower: Vec<String> = groups.iter().map(|group| group.to_lowercase()).collect();
    patterns.iter().any(|pattern| lower.iter().any(|group| super::members::matches(&pattern.to_lowercase(), group)))
}
