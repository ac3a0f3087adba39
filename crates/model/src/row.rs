//! One alert's fields and facts, each in the slot that the schema gave its name.
//!
//! Of the several hundred slots an alert fills a few dozen, so a slot holds two bytes: why nothing is known, or which
//! cell is its. A row owns its cells, one text arena and one list arena, so building one costs four allocations that
//! [`Row::clear`] lets the next alert use again; cells that are the same in all rows it [shares](Shared). A row never
//! says that something is absent: a cell is known, with its origin, or unknown, with its reason.

use crate::quantity::Time;
use crate::schema::Slot;
use crate::value::{Range, Value, Why};
use std::sync::Arc;

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
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// For each slot the code of a [`Why`], or [`CELLS_FROM`] and more for the cell with that number, or [`SHARED_FROM`]
    /// and more for the shared one.
    places: Vec<u16>,
    cells: Vec<Cell>,
    shared: Arc<[Cell]>,
    text: String,
    list: Vec<Value>,
}

/// Room for text that a cleared row keeps: without a bound, each of thousands would be as large as the largest alert.
const TEXT_BYTES_KEPT: usize = 4 << 10;

/// Room for list items that a cleared row keeps.
const ITEMS_KEPT: usize = 256;

/// The first place that is the number of a cell; those below are why nothing is known.
const CELLS_FROM: u16 = 64;

/// The first place that is the number of a shared cell.
const SHARED_FROM: u16 = 1 << 15;

const _: () = assert!(Why::ALL.len() <= CELLS_FROM as usize);

/// Cells that many rows share, each with its slot. Text and lists cannot be shared: their ranges are of one row.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// For each slot the place of its cell, zero where none is shared.
    places: Box<[u16]>,
    cells: Arc<[Cell]>,
}

impl Shared {
    /// Shares `cells`, up to 32,768 that differ; text and lists are left out. Cells alike have one place, by which
    /// [`Row::runs`] sees that they are alike.
    pub fn new(cells: &[(Slot, Cell)]) -> Self {
        let whole = |(_, cell): &&(Slot, Cell)| !matches!(cell.value, Value::Text(_) | Value::List(_));
        let mut places = vec![0; cells.iter().map(|(slot, _)| slot.index() + 1).max().unwrap_or(0)];
        let mut different: Vec<Cell> = Vec::new();
        for (slot, cell) in cells.iter().filter(whole) {
            let number = different.iter().position(|other| other == cell).unwrap_or_else(|| {
                different.push(*cell);
                different.len() - 1
            });
            let number = u16::try_from(number).ok().and_then(|number| SHARED_FROM.checked_add(number));
            if let (Some(place), Some(number)) = (places.get_mut(slot.index()), number) {
                *place = number;
            }
        }
        Self { places: places.into(), cells: different.into() }
    }
}

impl Row {
    /// A row with `slots` unknown cells.
    pub fn new(slots: usize) -> Self {
        Self { places: vec![0; slots], ..Self::default() }
    }

    /// Makes every cell unknown again, keeping as much memory as most alerts need.
    pub fn clear(&mut self, slots: usize) {
        self.places.clear();
        self.places.resize(slots, 0);
        self.cells.clear();
        self.text.clear();
        self.text.shrink_to(TEXT_BYTES_KEPT);
        self.list.clear();
        self.list.shrink_to(ITEMS_KEPT);
    }

    /// The cell in `slot`; unknown when the row has no such slot.
    pub fn cell(&self, slot: Slot) -> Cell {
        self.places.get(slot.index()).map_or(NOTHING, |place| *self.cell_at(*place))
    }

    fn cell_at(&self, place: u16) -> &Cell {
        self.known(place).or_else(|| UNKNOWN.get(usize::from(place))).unwrap_or(&NOTHING)
    }

    fn known(&self, place: u16) -> Option<&Cell> {
        match place.checked_sub(SHARED_FROM) {
            Some(number) => self.shared.get(usize::from(number)),
            None => self.cells.get(usize::from(place.checked_sub(CELLS_FROM)?)),
        }
    }

    /// The value in `slot`.
    pub fn value(&self, slot: Slot) -> Value {
        let place = self.places.get(slot.index()).copied().unwrap_or(0);
        self.known(place).map_or_else(|| unknown(place), |cell| cell.value)
    }

    /// Puts `value` into `slot`; a slot beyond the row is ignored.
    pub fn set(&mut self, slot: Slot, value: Value, origin: Origin) {
        self.set_cell(slot, Cell { value, origin, observed_at: Time(0) });
    }

    /// Puts a whole cell into `slot`; a slot beyond the row is ignored, as is what a full row (32,704 cells) cannot take.
    pub fn set_cell(&mut self, slot: Slot, cell: Cell) {
        let Some(place) = self.places.get_mut(slot.index()) else { return };
        if let Cell { value: Value::Unknown(why), origin: Origin::Nothing, observed_at: Time(0) } = cell {
            *place = why as u16;
        } else if let Some(own) = place.checked_sub(CELLS_FROM).and_then(|number| self.cells.get_mut(usize::from(number))) {
            *own = cell;
        } else if let Some(new) = own_place(self.cells.len()) {
            *place = new;
            self.cells.push(cell);
        }
    }

    /// Puts each of `shared` into its slot where nothing is set yet.
    pub fn share(&mut self, shared: &Shared) {
        if !Arc::ptr_eq(&self.shared, &shared.cells) {
            self.own_what_is_shared();
            self.shared = Arc::clone(&shared.cells);
        }
        // Without a branch, so that many places are done at once.
        for (place, shared) in self.places.iter_mut().zip(&shared.places) {
            let takes = (*place < CELLS_FROM) & (*shared != 0);
            *place = if takes { *shared } else { *place };
        }
    }

    fn own_what_is_shared(&mut self) {
        for place in self.places.iter_mut().filter(|place| **place >= SHARED_FROM) {
            let cell = self.shared.get(usize::from(*place - SHARED_FROM)).copied().unwrap_or_default();
            let own = own_place(self.cells.len());
            *place = own.unwrap_or_default();
            self.cells.extend(own.map(|_| cell));
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
        self.places.len()
    }

    /// Whether the row has no slot at all.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Every cell with its slot, in slot order.
    pub fn cells(&self) -> impl Iterator<Item = (Slot, Cell)> + '_ {
        self.places.iter().enumerate().map(|(index, place)| (Slot::new(index), *self.cell_at(*place)))
    }

    /// The cells that say something, neighbours that say the same together: where each run begins, its cell, and how many
    /// there are. What a context source knows nothing of is dozens of neighbours that say the same.
    pub fn runs(&self) -> impl Iterator<Item = (Slot, &Cell, usize)> {
        let mut next = 0;
        std::iter::from_fn(move || {
            loop {
                let start = next + silent(self.places.get(next..)?);
                let (first, others) = self.places.get(start..)?.split_first()?;
                let len = 1 + others.iter().take_while(|place| self.say_the_same(*first, **place)).count();
                next = start + len;
                let cell = self.cell_at(*first);
                if *cell != NOTHING {
                    return Some((Slot::new(start), cell, len));
                }
            }
        })
    }

    fn say_the_same(&self, a: u16, b: u16) -> bool {
        a == b || (a >= CELLS_FROM && b >= CELLS_FROM && self.known(a) == self.known(b))
    }
}

/// How many places come first of which nothing is said, which is the reason with code 0. Most are, so they are passed many at a time.
fn silent(places: &[u16]) -> usize {
    let (chunks, _) = places.as_chunks::<16>();
    let passed = 16 * chunks.iter().take_while(|chunk| chunk.iter().fold(0, |all, place| all | place) == 0).count();
    passed + places.iter().skip(passed).take_while(|place| **place == 0).count()
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.arenas() == other.arenas() && self.cells().eq(other.cells())
    }
}

/// The place of the own cell with this number; `None` when there are too many.
fn own_place(number: usize) -> Option<u16> {
    let place = number.checked_add(usize::from(CELLS_FROM))?;
    u16::try_from(place).ok().filter(|place| *place < SHARED_FROM)
}

/// A cell of which nothing is said.
const NOTHING: Cell = Cell { value: Value::Unknown(Why::NotStated), origin: Origin::Nothing, observed_at: Time(0) };

/// The cells that places below [`CELLS_FROM`] stand for, by their codes.
#[expect(clippy::indexing_slicing, reason = "at compile time")]
static UNKNOWN: [Cell; Why::ALL.len()] = {
    let mut cells = [NOTHING; Why::ALL.len()];
    let mut code = 0;
    while code < cells.len() {
        cells[code].value = Value::Unknown(Why::ALL[code]);
        code += 1;
    }
    cells
};

/// What a place below [`CELLS_FROM`] says.
fn unknown(place: u16) -> Value {
    Value::Unknown(u8::try_from(place).ok().and_then(Why::from_code).unwrap_or_default())
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
    fn a_slot_says_what_was_put_last_and_its_neighbours_nothing() {
        let mut row = Row::new(3);
        row.set(Slot::new(1), Value::Int(7), Origin::History);
        row.set_unknown(Slot::new(1), Why::Stale, Origin::Context(4));
        assert_eq!(
            row.cell(Slot::new(1)),
            Cell { value: Value::Unknown(Why::Stale), origin: Origin::Context(4), ..Cell::default() }
        );
        row.set_unknown(Slot::new(1), Why::NoSource, Origin::Nothing);
        assert_eq!(row.value(Slot::new(1)), Value::Unknown(Why::NoSource));
        row.set(Slot::new(1), Value::Bool(true), Origin::Derived);
        assert_eq!(
            row.cells().map(|(_, cell)| cell.value).collect::<Vec<_>>(),
            [Value::default(), Value::Bool(true), Value::default()]
        );
        assert_ne!(row, Row::new(3));
    }

    #[test]
    fn every_reason_is_kept_without_a_cell() {
        let mut row = Row::new(1);
        for why in Why::ALL {
            row.set_unknown(Slot::new(0), why, Origin::Nothing);
            assert_eq!((row.value(Slot::new(0)), row.cell(Slot::new(0)).value), (Value::Unknown(why), Value::Unknown(why)));
        }
    }

    #[test]
    fn what_is_shared_stands_only_where_nothing_does() {
        let cell = |number, origin| Cell { value: Value::Int(number), origin: Origin::Context(origin), ..Cell::default() };
        let (one, other) = (Shared::new(&[(Slot::new(0), cell(1, 7)), (Slot::new(1), cell(2, 7))]), cell(3, 8));
        let mut row = Row::new(3);
        row.set(Slot::new(1), Value::Int(9), Origin::Raw(1));
        row.share(&one);
        assert_eq!((row.cell(Slot::new(0)), row.value(Slot::new(1))), (cell(1, 7), Value::Int(9)));
        row.share(&Shared::new(&[(Slot::new(0), other), (Slot::new(2), other)]));
        assert_eq!((row.cell(Slot::new(0)), row.cell(Slot::new(2))), (cell(1, 7), other), "what was shared before stays");
        row.set_cell(Slot::new(2), cell(4, 9));
        assert_eq!(row.cell(Slot::new(2)), cell(4, 9));
        row.clear(3);
        assert_eq!(row, Row::new(3));
        row.share(&one);
        assert_eq!(row.cell(Slot::new(0)), cell(1, 7));
    }

    #[test]
    fn runs_are_neighbours_that_say_the_same() {
        let cell = |number| Cell { value: Value::Int(number), origin: Origin::Context(7), ..Cell::default() };
        let mut row = Row::new(9);
        for (slot, number) in [(1, 5), (2, 5), (3, 6), (6, 5)] {
            row.set_cell(Slot::new(slot), cell(number));
        }
        row.set_unknown(Slot::new(7), Why::Stale, Origin::Nothing);
        row.share(&Shared::new(&[(Slot::new(4), cell(6)), (Slot::new(5), cell(5)), (Slot::new(0), cell(9))]));
        let runs: Vec<_> = row.runs().map(|(slot, cell, len)| (slot.index(), cell.value, len)).collect();
        let int = Value::Int;
        assert_eq!(runs, [(0, int(9), 1), (1, int(5), 2), (3, int(6), 2), (5, int(5), 2), (7, Value::Unknown(Why::Stale), 1)]);
    }

    #[test]
    fn runs_pass_over_nothing_and_over_nothing_else() {
        const SLOTS: usize = 40;
        for (a, b) in (0..SLOTS).flat_map(|a| (a..SLOTS).map(move |b| (a, b))) {
            let mut row = Row::new(SLOTS);
            row.set_unknown(Slot::new(a), Why::Stale, Origin::Nothing);
            row.set(Slot::new(b), Value::Int(1), Origin::Derived);
            let runs: Vec<_> = row.runs().map(|(slot, cell, len)| (slot.index(), *cell, len)).collect();
            let says = |(slot, cell): (Slot, Cell)| (cell != NOTHING).then_some((slot.index(), cell, 1));
            assert_eq!(runs, row.cells().filter_map(says).collect::<Vec<_>>(), "{a} and {b}");
        }
    }

    #[test]
    fn clearing_forgets_everything() {
        let mut row = Row::new(1);
        row.set_text(Slot::new(0), "x", Origin::Derived);
        row.clear(1);
        assert_eq!(row, Row::new(1));
    }
}
