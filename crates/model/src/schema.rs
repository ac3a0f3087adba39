//! The declared names that the book may speak of, their types and their slots.
//!
//! Fields are what a source can say about an alert; facts are what history, context and arithmetic add.
//! Both live in one space of slots. The built-in names are in [`fields`](crate::schema::BUILT_IN); a book's
//! context contracts add more. A name that is not declared is an error when the book is loaded, never at run time.

mod fields;

pub use fields::{BUILT_IN, Declaration, slots};

use std::collections::HashMap;
use std::sync::Arc;

/// The place of a field or fact in a [`Row`](crate::Row).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot with this index. Indices beyond 65,535 are the last slot, which no schema fills.
    pub const fn new(index: usize) -> Self {
        Self(if index > u16::MAX as usize { u16::MAX } else { index as u16 })
    }
    /// The index into a row's cells.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A named set of values, from least to most when `ordered`.
#[derive(Debug, PartialEq, Eq)]
pub struct Levels {
    /// What the enumeration is called in messages.
    pub name: String,
    /// The values' names, as the book writes them.
    pub names: Vec<String>,
    /// Whether `<` and `>` mean something.
    pub ordered: bool,
}

impl Levels {
    /// The index of `name`, in any letter case.
    pub fn index_of(&self, name: &str) -> Option<u8> {
        self.names.iter().position(|n| n.eq_ignore_ascii_case(name)).and_then(|i| u8::try_from(i).ok())
    }
    /// The name of the value with this index.
    pub fn name_of(&self, index: u8) -> &str {
        self.names.get(usize::from(index)).map_or("?", String::as_str)
    }
}

/// What kind of value a field or fact holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A whole number without unit.
    Int,
    /// An instant.
    Time,
    /// A span of time.
    Duration,
    /// A distance.
    Distance,
    /// A speed.
    Speed,
    /// A place.
    Geo,
    /// An IP address.
    Addr,
    /// Text.
    Text,
    /// A list of texts.
    Texts,
    /// One of a declared set of values.
    Level(Arc<Levels>),
}

impl Type {
    /// The type's name as messages and documentation write it.
    pub fn name(&self) -> &str {
        match self {
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Time => "time",
            Type::Duration => "duration",
            Type::Distance => "distance",
            Type::Speed => "speed",
            Type::Geo => "place",
            Type::Addr => "address",
            Type::Text => "text",
            Type::Texts => "list of text",
            Type::Level(levels) => &levels.name,
        }
    }
}

/// Who fills a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The alert itself, through its source's mapping.
    Field,
    /// What Adjutant saw before this alert.
    History,
    /// Arithmetic over other cells.
    Derived,
    /// A context source of the book.
    Context,
}

/// One declared name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The dotted name, such as `login.speed`.
    pub name: String,
    /// What it holds.
    pub ty: Type,
    /// Who fills it.
    pub kind: Kind,
    /// One sentence for people.
    pub about: String,
}

/// Every declared name with its slot.
#[derive(Clone, Debug)]
pub struct Schema {
    fields: Vec<Field>,
    by_name: HashMap<String, Slot>,
}

impl Schema {
    /// The built-in names only.
    pub fn built_in() -> Self {
        let mut schema = Self { fields: Vec::new(), by_name: HashMap::new() };
        for declaration in BUILT_IN {
            schema.declare(declaration.field());
        }
        schema
    }

    /// Adds `field`, or finds it: a name that is declared already keeps its slot and must have the same type.
    ///
    /// # Errors
    /// The field that already has this name with another type.
    pub fn add(&mut self, field: Field) -> Result<Slot, Field> {
        match self.by_name.get(&field.name).and_then(|slot| Some((*slot, self.field(*slot)?))) {
            Some((slot, known)) if known.ty == field.ty => Ok(slot),
            Some((_, known)) => Err(known.clone()),
            None => Ok(self.declare(field)),
        }
    }

    fn declare(&mut self, field: Field) -> Slot {
        let slot = Slot::new(self.fields.len());
        self.by_name.insert(field.name.clone(), slot);
        self.fields.push(field);
        slot
    }

    /// The slot called `name`.
    pub fn slot(&self, name: &str) -> Option<Slot> {
        self.by_name.get(name).copied()
    }

    /// What `slot` holds.
    pub fn field(&self, slot: Slot) -> Option<&Field> {
        self.fields.get(slot.index())
    }

    /// The name of `slot`.
    pub fn name(&self, slot: Slot) -> &str {
        self.field(slot).map_or("?", |field| field.name.as_str())
    }

    /// Every field with its slot, in slot order.
    pub fn fields(&self) -> impl Iterator<Item = (Slot, &Field)> {
        self.fields.iter().enumerate().map(|(index, field)| (Slot::new(index), field))
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_name_their_own_slots() {
        let schema = Schema::built_in();
        assert_eq!(schema.slot("alert.id"), Some(slots::ALERT_ID));
        assert_eq!(schema.slot("src.ip"), Some(slots::SRC_IP));
        assert_eq!(schema.len(), BUILT_IN.len());
        assert_eq!(schema.by_name.len(), BUILT_IN.len(), "two built-in fields share a name");
    }

    #[test]
    fn a_name_keeps_one_type() {
        let mut schema = Schema::built_in();
        let field = |ty| Field { name: "user.badge".into(), ty, kind: Kind::Context, about: String::new() };
        let slot = schema.add(field(Type::Text));
        assert_eq!(schema.add(field(Type::Text)), slot);
        assert!(schema.add(field(Type::Int)).is_err());
    }

    #[test]
    fn every_field_says_what_it_is() {
        for declaration in BUILT_IN {
            assert!(declaration.about.ends_with('.'), "{}: `{}`", declaration.name, declaration.about);
        }
    }
}
