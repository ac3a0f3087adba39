//! What an expression comes to: one value, borrowed from the row or record wherever it can be.
//!
//! *Unknown* is a value like any other. Equality and order follow CEL: numbers compare by their mathematical
//! value whatever their type, values of different kinds are unequal, and only values of one kind have an order.

use super::Truth;
use super::collection::{List, Map};
use adjutant_model::schema::Levels;
use adjutant_model::{Addr, Distance, Duration, Geo, Row, Speed, Time, Value, Why};
use simd_json::{Node, StaticNode};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// A value of an expression.
#[derive(Clone, Debug)]
pub enum Val<'a> {
    /// Not known, because …
    Unknown(Why),
    /// JSON's `null`.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that is never negative.
    Uint(u64),
    /// A number with a fraction; in raw scope only.
    Double(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// An instant.
    Time(Time),
    /// A span of time.
    Duration(Duration),
    /// A distance.
    Distance(Distance),
    /// A speed.
    Speed(Speed),
    /// A place.
    Geo(Geo),
    /// An IP address.
    Addr(Addr),
    /// One of a declared set of values: its index and the set.
    Level(u8, &'a Levels),
    /// A list.
    List(List<'a>),
    /// A map, such as a JSON object.
    Map(Map<'a>),
}

impl<'a> Val<'a> {
    /// It could not be computed.
    pub const ERROR: Val<'static> = Val::Unknown(Why::Error);

    /// Text without a copy.
    pub const fn text(text: &'a str) -> Self {
        Val::Text(Cow::Borrowed(text))
    }

    /// The value of the JSON node that `tape` begins with.
    pub fn from_tape(tape: &'a [Node<'a>]) -> Self {
        match tape.first() {
            None => Val::Unknown(Why::NotStated),
            Some(Node::String(text)) => Val::text(text),
            Some(Node::Static(StaticNode::Null)) => Val::Null,
            Some(Node::Static(StaticNode::Bool(value))) => Val::Bool(*value),
            Some(Node::Static(StaticNode::I64(value))) => Val::Int(*value),
            Some(Node::Static(StaticNode::U64(value))) => i64::try_from(*value).map_or(Val::Uint(*value), Val::Int),
            Some(Node::Static(StaticNode::F64(value))) => Val::Double(*value),
            Some(Node::Array { .. }) => Val::List(List::Tape(tape)),
            Some(Node::Object { .. }) => Val::Map(Map::Tape(tape)),
        }
    }

    /// A value of `row`; `levels` names the values of an enumeration.
    pub fn from_row(value: Value, row: &'a Row, levels: Option<&'a Levels>) -> Self {
        match value {
            Value::Unknown(why) => Val::Unknown(why),
            Value::Bool(value) => Val::Bool(value),
            Value::Int(value) => Val::Int(value),
            Value::Time(value) => Val::Time(value),
            Value::Duration(value) => Val::Duration(value),
            Value::Distance(value) => Val::Distance(value),
            Value::Speed(value) => Val::Speed(value),
            Value::Geo(value) => Val::Geo(value),
            Value::Addr(value) => Val::Addr(value),
            Value::Text(range) => Val::text(row.text_at(range)),
            Value::List(range) => Val::List(List::Row(row, range)),
            Value::Level(index) => levels.map_or(Val::Int(i64::from(index)), |levels| Val::Level(index, levels)),
        }
    }

    /// The value as one that `row` can hold, its text copied into the row. What a row cannot hold is unreadable.
    pub fn store(&self, row: &mut Row) -> Value {
        match self {
            Val::Unknown(why) => Value::Unknown(*why),
            Val::Bool(value) => Value::Bool(*value),
            Val::Int(value) => Value::Int(*value),
            Val::Time(value) => Value::Time(*value),
            Val::Duration(value) => Value::Duration(*value),
            Val::Distance(value) => Value::Distance(*value),
            Val::Speed(value) => Value::Speed(*value),
            Val::Geo(value) => Value::Geo(*value),
            Val::Addr(value) => Value::Addr(*value),
            Val::Level(index, _) => Value::Level(*index),
            Val::Text(text) => row.push_text(text),
            Val::List(list) => {
                let items: Vec<Value> = list.iter().map(|item| item.store(row)).collect();
                row.push_list(&items)
            }
            Val::Null | Val::Uint(_) | Val::Double(_) | Val::Map(_) => Value::Unknown(Why::Unreadable),
        }
    }

    /// The same value, borrowed: text is lent and not copied.
    pub fn lend(&self) -> Val<'_> {
        match self {
            Val::Text(text) => Val::Text(Cow::Borrowed(text)),
            other => other.clone(),
        }
    }

    /// The value with everything it borrowed copied; a level is its name and a record's part is its text.
    pub fn into_owned(self) -> Val<'static> {
        match self {
            Val::Text(text) => Val::Text(Cow::Owned(text.into_owned())),
            Val::Level(index, levels) => Val::Text(Cow::Owned(levels.name_of(index).to_owned())),
            Val::List(list) => Val::List(List::of(list.iter().map(Val::into_owned).collect())),
            Val::Map(map) => {
                Val::Map(Map::of(map.entries().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()))
            }
            Val::Unknown(why) => Val::Unknown(why),
            Val::Null => Val::Null,
            Val::Bool(value) => Val::Bool(value),
            Val::Int(value) => Val::Int(value),
            Val::Uint(value) => Val::Uint(value),
            Val::Double(value) => Val::Double(value),
            Val::Time(value) => Val::Time(value),
            Val::Duration(value) => Val::Duration(value),
            Val::Distance(value) => Val::Distance(value),
            Val::Speed(value) => Val::Speed(value),
            Val::Geo(value) => Val::Geo(value),
            Val::Addr(value) => Val::Addr(value),
        }
    }

    /// Whether there is a value.
    pub const fn is_known(&self) -> bool {
        !matches!(self, Val::Unknown(_))
    }

    /// Whether the value says nothing: unknown, `null`, empty text, an empty list or map.
    pub fn is_blank(&self) -> bool {
        match self {
            Val::Unknown(_) | Val::Null => true,
            Val::Text(text) => text.is_empty(),
            Val::List(list) => list.is_empty(),
            Val::Map(map) => map.is_empty(),
            _ => false,
        }
    }

    /// The text, when it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Val::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value as a condition; anything but true and false is unknown.
    pub fn truth(&self) -> Truth {
        match self {
            Val::Bool(value) => Truth::from(*value),
            Val::Unknown(why) => Truth::Unknown(*why),
            _ => Truth::Unknown(Why::Error),
        }
    }

    /// The number of a value that is ordered like a number, for values of one type.
    pub(super) const fn ordinal(&self) -> Option<i64> {
        match self {
            Val::Int(value) => Some(*value),
            Val::Time(value) => Some(value.0),
            Val::Duration(value) => Some(value.0),
            Val::Distance(value) => Some(value.0),
            Val::Speed(value) => Some(value.0),
            Val::Level(index, _) => Some(*index as i64),
            Val::Bool(value) => Some(*value as i64),
            _ => None,
        }
    }

    /// CEL's order; `None` when the two have none.
    pub(super) fn order(&self, other: &Val<'_>) -> Option<Ordering> {
        match (self, other) {
            (Val::Text(a), Val::Text(b)) => Some(a.as_ref().cmp(b.as_ref())),
            (Val::Addr(a), Val::Addr(b)) => Some(a.cmp(b)),
            (Val::Int(a), Val::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
            (Val::Uint(a), Val::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
            (Val::Uint(a), Val::Uint(b)) => Some(a.cmp(b)),
            (Val::Double(a), Val::Double(b)) => a.partial_cmp(b),
            // As CEL does: beyond 53 bits a whole number counts as the double that is nearest to it.
            (Val::Int(a), Val::Double(b)) => (*a as f64).partial_cmp(b),
            (Val::Uint(a), Val::Double(b)) => (*a as f64).partial_cmp(b),
            (Val::Double(a), Val::Int(b)) => a.partial_cmp(&(*b as f64)),
            (Val::Double(a), Val::Uint(b)) => a.partial_cmp(&(*b as f64)),
            _ if std::mem::discriminant(self) == std::mem::discriminant(other) => Some(self.ordinal()?.cmp(&other.ordinal()?)),
            _ => None,
        }
    }

    pub(super) const fn is_number(&self) -> bool {
        matches!(self, Val::Int(_) | Val::Uint(_) | Val::Double(_))
    }

    pub(super) const fn is_nan(&self) -> bool {
        matches!(self, Val::Double(value) if value.is_nan())
    }

    /// CEL's equality. `visits` is what may still be spent on the elements of lists and maps.
    pub(super) fn equals(&self, other: &Val<'_>, visits: &mut u32, depth: u32) -> Truth {
        if depth > 32 {
            return Truth::Unknown(Why::Error);
        }
        match (self, other) {
            (Val::Unknown(why), _) | (_, Val::Unknown(why)) => Truth::Unknown(*why),
            (Val::Null, Val::Null) => Truth::True,
            (Val::Geo(a), Val::Geo(b)) => Truth::from(a == b),
            (Val::List(a), Val::List(b)) => a.equals(b, visits, depth + 1),
            (Val::Map(a), Val::Map(b)) => a.equals(b, visits, depth + 1),
            _ => Truth::from(self.order(other) == Some(Ordering::Equal)),
        }
    }
}

impl fmt::Display for Val<'_> {
    /// As sentences show it: quantities with their units, lists with commas, unknown as `unknown`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Val::Unknown(_) => f.write_str("unknown"),
            Val::Null => f.write_str("null"),
            Val::Bool(value) => write!(f, "{value}"),
            Val::Int(value) => write!(f, "{value}"),
            Val::Uint(value) => write!(f, "{value}"),
            Val::Double(value) => write!(f, "{value}"),
            Val::Text(text) => f.write_str(text),
            Val::Time(value) => write!(f, "{value}"),
            Val::Duration(value) => write!(f, "{value}"),
            Val::Distance(value) => write!(f, "{value}"),
            Val::Speed(value) => write!(f, "{value}"),
            Val::Geo(value) => write!(f, "{value}"),
            Val::Addr(value) => write!(f, "{value}"),
            Val::Level(index, levels) => f.write_str(levels.name_of(*index)),
            Val::List(list) => {
                for (place, item) in list.iter().take(super::sentence::ITEMS_SHOWN_MAX).enumerate() {
                    let comma = if place > 0 { ", " } else { "" };
                    write!(f, "{comma}{item}")?;
                }
                match list.len().saturating_sub(super::sentence::ITEMS_SHOWN_MAX) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Val::Map(map) => write!(f, "{{{} keys}}", map.len()),
        }
    }
}
