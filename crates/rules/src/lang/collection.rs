//! Lists and maps: a part of a record's tape, a list of a row, or one that an expression made.
//!
//! Reading one allocates nothing. Elements are visited on a budget, so that no comparison of two big lists
//! can take long.

use super::keys::same;
use super::{Truth, Val};
use adjutant_model::{Range, Row, Why};
use simd_json::Node;
use std::sync::Arc;

/// A list of values.
#[derive(Clone, Debug)]
pub enum List<'a> {
    /// A JSON array: the tape from its node on.
    Tape(&'a [Node<'a>]),
    /// A list of a row.
    Row(&'a Row, Range),
    /// A list that an expression made.
    Made(Arc<[Val<'a>]>),
}

/// A map of values.
#[derive(Clone, Debug)]
pub enum Map<'a> {
    /// A JSON object: the tape from its node on.
    Tape(&'a [Node<'a>]),
    /// A map that an expression made, without two equal keys.
    Made(Arc<[(Val<'a>, Val<'a>)]>),
}

/// How many nodes of a tape the value takes that `tape` begins with.
pub(super) fn nodes(tape: &[Node<'_>]) -> usize {
    match tape.first() {
        Some(Node::Object { count, .. } | Node::Array { count, .. }) => count.saturating_add(1),
        _ => 1,
    }
}

impl<'a> List<'a> {
    /// A list of `items`.
    pub fn of(items: Vec<Val<'a>>) -> Self {
        List::Made(items.into())
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            List::Tape(tape) => match tape.first() {
                Some(Node::Array { len, .. }) => *len,
                _ => 0,
            },
            List::Row(_, range) => range.len as usize,
            List::Made(items) => items.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in order.
    pub fn iter(&self) -> Items<'a> {
        Items { list: self.clone(), place: 0, offset: 1 }
    }

    /// The element at `place`.
    pub fn get(&self, place: usize) -> Option<Val<'a>> {
        match self {
            List::Tape(tape) => {
                let mut at = (place < self.len()).then_some(1_usize)?;
                for _ in 0..place {
                    at = at.saturating_add(nodes(tape.get(at..)?));
                }
                tape.get(at..).map(Val::from_tape)
            }
            List::Row(row, range) => row.list_at(*range).get(place).map(|item| Val::from_row(*item, row, None)),
            List::Made(items) => items.get(place).cloned(),
        }
    }

    pub(super) fn equals(&self, other: &List<'_>, visits: &mut u32, depth: u32) -> Truth {
        if self.len() != other.len() {
            return Truth::False;
        }
        let pairs = self.iter().zip(other.iter());
        all_true(pairs.map(|(a, b)| {
            *visits = visits.saturating_sub(1);
            if *visits == 0 { Truth::Unknown(Why::Error) } else { a.equals(&b, visits, depth) }
        }))
    }
}

/// The elements of a list, in order.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    list: List<'a>,
    place: usize,
    offset: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Val<'a>;
    fn next(&mut self) -> Option<Val<'a>> {
        if self.place >= self.list.len() {
            return None;
        }
        let item = match &self.list {
            List::Tape(tape) => {
                let tape: &'a [Node<'a>] = tape;
                let item = tape.get(self.offset..)?;
                self.offset = self.offset.saturating_add(nodes(item));
                Val::from_tape(item)
            }
            other => other.get(self.place)?,
        };
        self.place += 1;
        Some(item)
    }
}

impl<'a> Map<'a> {
    /// A map of `entries`, whose keys differ.
    pub fn of(entries: Vec<(Val<'a>, Val<'a>)>) -> Self {
        Map::Made(entries.into())
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        match self {
            Map::Tape(tape) => match tape.first() {
                Some(Node::Object { len, .. }) => *len,
                _ => 0,
            },
            Map::Made(entries) => entries.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keys and values in their order.
    pub fn entries(&self) -> Entries<'a> {
        Entries { map: self.clone(), place: 0, offset: 1 }
    }

    /// The value under the text `key`. Of a key that a record has twice, the last one counts.
    pub fn field(&self, key: &str) -> Option<Val<'a>> {
        match self {
            Map::Tape(tape) => field_of(tape, key).and_then(|at| tape.get(at..)).map(Val::from_tape),
            Map::Made(entries) => entries.iter().find(|(k, _)| k.as_text() == Some(key)).map(|(_, value)| value.clone()),
        }
    }

    /// The value under `key`.
    pub fn get(&self, key: &Val<'_>) -> Option<Val<'a>> {
        match (self, key) {
            (_, Val::Text(text)) => self.field(text),
            (Map::Made(entries), _) => {
                entries.iter().find(|(k, _)| k.order(key) == Some(std::cmp::Ordering::Equal)).map(|(_, value)| value.clone())
            }
            (Map::Tape(_), _) => None,
        }
    }

    pub(super) fn equals(&self, other: &Map<'_>, visits: &mut u32, depth: u32) -> Truth {
        if self.len() != other.len() {
            return Truth::False;
        }
        all_true(self.entries().map(|(key, value)| {
            // Finding a key costs as many visits as there are keys.
            *visits = visits.saturating_sub(u32::try_from(other.len()).unwrap_or(u32::MAX));
            match other.get(&key) {
                _ if *visits == 0 => Truth::Unknown(Why::Error),
                Some(theirs) => value.equals(&theirs, visits, depth),
                None => Truth::False,
            }
        }))
    }
}

/// Where in `tape`, which begins with an object, the value of its key `key` begins.
pub(super) fn field_of(tape: &[Node<'_>], key: &str) -> Option<usize> {
    let Some(Node::Object { len, .. }) = tape.first() else { return None };
    let (mut at, mut found) = (1_usize, None);
    for _ in 0..*len {
        let value = at.saturating_add(1);
        if matches!(tape.get(at), Some(Node::String(name)) if same(name, key)) {
            found = Some(value);
        }
        at = value.saturating_add(nodes(tape.get(value..)?));
    }
    found
}

/// Keys and values of a map, in order.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    map: Map<'a>,
    place: usize,
    offset: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Val<'a>, Val<'a>);
    fn next(&mut self) -> Option<Self::Item> {
        if self.place >= self.map.len() {
            return None;
        }
        let entry = match &self.map {
            Map::Tape(tape) => {
                let tape: &'a [Node<'a>] = tape;
                let value = tape.get(self.offset.saturating_add(1)..)?;
                let key = Val::from_tape(tape.get(self.offset..)?);
                self.offset = self.offset.saturating_add(1).saturating_add(nodes(value));
                (key, Val::from_tape(value))
            }
            Map::Made(entries) => entries.get(self.place).cloned()?,
        };
        self.place += 1;
        Some(entry)
    }
}

/// False if any is false, else unknown if any is unknown, else true.
fn all_true(truths: impl Iterator<Item = Truth>) -> Truth {
    let mut all = Truth::True;
    for truth in truths {
        all = all.and(truth);
        if all == Truth::False {
            break;
        }
    }
    all
}
