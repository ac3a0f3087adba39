//! One alert's fields and facts, each in the slot that the schema gave its name.
//!
//! A row owns one text arena and one list arena, so building one costs three allocations that
//! [`Row::clear`] lets the next alert use again. A row never says that something is absent: a cell
//! is known, with its origin, or unknown, with its reason.

use crate::quantity::Time;
use crate::schema::Slot;
use crate::value::{Range, Value, Why};

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Origin {
    /// Nowhere: nothing was set.
    #[default]
    Nothing,
    /// The alert itself: the path with this number in its source's table of raw paths.
    Raw(u16),
    /// The context source with this number in the book.
    Context(u16),
    /// What Adjutant itself saw before.
    History,
    /// Computed from other cells.
    Derived,
    /// Filled in because the alert did not say (a year, a time zone, the time of arrival).
    Inferred,
}

/// A value with where it came from and when that was so.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Cell {
    /// The value, or why there is none.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
    /// When the source observed it; zero means "at the time of the alert".
    pub observed_at: Time,
}

/// The fields and facts of one alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    cells: Vec<Cell>,
    text: String,
    list: Vec<Value>,
}

impl Row {
    /// A row with `slots` unknown cells.
    pub fn new(slots: usize) -> Self {
        Self { cells: vec![Cell::default(); slots], ..Self::default() }
    }

    /// Makes every cell unknown again, keeping the memory.
    pub fn clear(&mut self, slots: usize) {
        self.cells.clear();
        self.cells.resize(slots, Cell::default());
        self.text.clear();
        self.list.clear();
    }

    /// The cell in `slot`; unknown when the row has no such slot.
    pub fn cell(&self, slot: Slot) -> Cell {
        self.cells.get(slot.index()).copied().unwrap_or_default()
    }

    /// The value in `slot`.
    pub fn value(&self, slot: Slot) -> Value {
        self.cell(slot).value
    }

    /// Puts `value` into `slot`; a slot beyond the row is ignored.
    pub fn set(&mut self, slot: Slot, value: Value, origin: Origin) {
        self.set_cell(slot, Cell { value, origin, observed_at: Time(0) });
    }

    /// Puts a whole cell into `slot`; a slot beyond the row is ignored.
    pub fn set_cell(&mut self, slot: Slot, cell: Cell) {
        if let Some(place) = self.cells.get_mut(slot.index()) {
            *place = cell;
        }
    }

    /// Puts `text` into `slot`.
    pub fn set_text(&mut self, slot: Slot, text: &str, origin: Origin) {
        let value = self.push_text(text);
        self.set(slot, value, origin);
    }

    /// Says why `slot` is unknown.
    pub fn set_unknown(&mut self, slot: Slot, why: Why, origin: Origin) {
        self.set(slot, Value::Unknown(why), origin);
    }

    /// Copies `text` into the arena. Text beyond 4 GiB in one row is unknown.
    pub fn push_text(&mut self, text: &str) -> Value {
        let (Ok(start), Ok(len)) = (u32::try_from(self.text.len()), u32::try_from(text.len())) else {
            return Value::Unknown(Why::Unreadable);
        };
        if start.checked_add(len).is_none() {
            return Value::Unknown(Why::Unreadable);
        }
        self.text.push_str(text);
        Value::Text(Range { start, len })
    }

    /// Copies `items` into the list arena.
    pub fn push_list(&mut self, items: &[Value]) -> Value {
        let (Ok(start), Ok(len)) = (u32::try_from(self.list.len()), u32::try_from(items.len())) else {
            return Value::Unknown(Why::Unreadable);
        };
        self.list.extend_from_slice(items);
        Value::List(Range { start, len })
    }

    /// The text of `range`; empty when the range is not of this row.
    pub fn text_at(&self, range: Range) -> &str {
        let start = range.start as usize;
        self.text.get(start..start.saturating_add(range.len as usize)).unwrap_or("")
    }

    /// The items of `range`; empty when the range is not of this row.
    pub fn list_at(&self, range: Range) -> &[Value] {
        let start = range.start as usize;
        self.list.get(start..start.saturating_add(range.len as usize)).unwrap_or(&[])
    }

    /// The text in `slot`, when it is known and text.
    pub fn text(&self, slot: Slot) -> Option<&str> {
        match self.value(slot) {
            Value::Text(range) => Some(self.text_at(range)),
            _ => None,
        }
    }

    /// The instant in `slot`, when it is known and an instant.
    pub fn time(&self, slot: Slot) -> Option<Time> {
        match self.value(slot) {
            Value::Time(time) => Some(time),
            _ => None,
        }
    }

    /// The number in `slot`, when it is known and a whole number.
    pub fn int(&self, slot: Slot) -> Option<i64> {
        match self.value(slot) {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    /// The texts in `slot`: of a text, that one; of a list, those that are text; of anything else, none.
    pub fn texts(&self, slot: Slot) -> impl Iterator<Item = &str> {
        let single = self.value(slot);
        let items = match &single {
            Value::List(range) => self.list_at(*range),
            _ => &[],
        };
        let one = self.text(slot);
        one.into_iter().chain(items.iter().filter_map(|item| match item {
            Value::Text(range) => Some(self.text_at(*range)),
            _ => None,
        }))
    }

    /// The whole text arena and the whole list arena, for storing a row: pushed into a cleared row first, they make
    /// every range of its cells mean the same again.
    pub fn arenas(&self) -> (&str, &[Value]) {
        (&self.text, &self.list)
    }

    /// How many slots the row has.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether the row has no slot at all.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Every cell with its slot, in slot order.
    pub fn cells(&self) -> impl Iterator<Item = (Slot, Cell)> + '_ {
        self.cells.iter().enumerate().map(|(index, cell)| (Slot::new(index), *cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_lists_come_back() {
        let mut row = Row::new(3);
        row.set_text(Slot::new(0), "héllo", Origin::Raw(1));
        let items = [row.push_text("a"), row.push_text("b"), Value::Int(3)];
        let list = row.push_list(&items);
        row.set(Slot::new(1), list, Origin::Raw(2));
        assert_eq!(row.text(Slot::new(0)), Some("héllo"));
        assert_eq!(row.texts(Slot::new(1)).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(row.value(Slot::new(2)), Value::Unknown(Why::NotStated));
        assert_eq!(row.value(Slot::new(99)), Value::Unknown(Why::NotStated));
    }

    #[test]
    fn clearing_forgets_everything() {
        let mut row = Row::new(1);
        row.set_text(Slot::new(0), "x", Origin::Derived);
        row.clear(1);
        assert_eq!(row, Row::new(1));
    }
}
