//! A row as bytes, and back into the slots of perhaps another book.
//!
//! Only cells that say something are stored. Slots are numbers of the schema that was in force; a [`SlotMap`] says
//! where each is now. A name that is gone, or has another type now, is dropped: its fact is unknown.

use super::bytes::{Damaged, Put, Take};
use adjutant_model::schema::Levels;
use adjutant_model::{Addr, Cell, Distance, Duration, Geo, Origin, Range, Row, Schema, Slot, Speed, Time, Type, Value, Why};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A name of the schema that was in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Name {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    /// The values of an enumeration, in the order of their codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    levels: Vec<String>,
}

/// Every name of `schema`, in slot order.
pub(crate) fn names(schema: &Schema) -> Vec<Name> {
    let levels = |levels: &Levels| levels.names.clone();
    let name = |(_, field): (Slot, &adjutant_model::schema::Field)| Name {
        name: field.name.clone(),
        ty: field.ty.name().into(),
        levels: if let Type::Level(of) = &field.ty { levels(of) } else { Vec::new() },
    };
    schema.fields().map(name).collect()
}

/// Where each slot of the schema that was in force is in the schema that is.
#[derive(Clone, Debug)]
pub(crate) struct SlotMap {
    slots: Vec<Option<Slot>>,
    len: usize,
}

impl SlotMap {
    pub(crate) fn new(was: &[Name], schema: &Schema) -> Self {
        let is = names(schema);
        let slot = |was: &Name| schema.slot(&was.name).filter(|slot| is.get(slot.index()) == Some(was));
        Self { slots: was.iter().map(slot).collect(), len: schema.len() }
    }

    /// The same without any slot but `wanted`: the others' cells are passed over.
    pub(crate) fn only(mut self, wanted: &BTreeSet<Slot>) -> Self {
        for slot in &mut self.slots {
            *slot = slot.filter(|slot| wanted.contains(slot));
        }
        self
    }

    /// Where `len` slots from `was` on are now.
    fn slots(&self, was: usize, len: usize) -> Result<&[Option<Slot>], Damaged> {
        self.slots.get(was..).and_then(|slots| slots.get(..len)).ok_or(Damaged)
    }
}

/// Codes of the kinds of values, in the low four bits of a cell's tag.
mod kind {
    pub(crate) const UNKNOWN: u8 = 0;
    pub(crate) const FALSE: u8 = 1;
    pub(crate) const TRUE: u8 = 2;
    pub(crate) const INT: u8 = 3;
    pub(crate) const TIME: u8 = 4;
    pub(crate) const DURATION: u8 = 5;
    pub(crate) const DISTANCE: u8 = 6;
    pub(crate) const SPEED: u8 = 7;
    pub(crate) const GEO: u8 = 8;
    pub(crate) const LEVEL: u8 = 9;
    pub(crate) const ADDR_4: u8 = 10;
    pub(crate) const ADDR_6: u8 = 11;
    pub(crate) const TEXT: u8 = 12;
    pub(crate) const LIST: u8 = 13;
    /// Several cells alike in neighbouring slots: how many follows, then the cell.
    pub(crate) const RUN: u8 = 14;
}

/// The bit of a cell's tag that says that the time of observation follows.
const OBSERVED: u8 = 0x80;

/// The first bytes of an IPv4 address that is written as IPv6.
const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/// Appends `row` to `out`.
pub(crate) fn put_row(out: &mut Vec<u8>, row: &Row) {
    let (text, list) = row.arenas();
    out.put_bytes(text.as_bytes());
    out.put_uint(list.len() as u64);
    for value in list {
        out.put_byte(kind_of(value));
        put_value(out, value);
    }
    let start = out.len();
    let (mut count, mut next) = (0, 0);
    for (slot, cell, len) in row.runs() {
        count += 1;
        out.put_uint((slot.index() - next) as u64);
        next = slot.index() + len;
        if len > 1 {
            out.put_byte(kind::RUN);
            out.put_uint(len as u64);
        }
        put_cell(out, cell);
    }
    // How many there are stands before them, and is known after them: to count them first takes as long as to write them.
    let end = out.len();
    out.put_uint(count);
    let bytes = out.len() - end;
    out[start..].rotate_right(bytes);
}

fn put_cell(out: &mut Vec<u8>, cell: &Cell) {
    let (origin, number) = match cell.origin {
        Origin::Nothing => (0, None),
        Origin::Raw(number) => (1, Some(number)),
        Origin::Context(number) => (2, Some(number)),
        Origin::History => (3, None),
        Origin::Derived => (4, None),
        Origin::Inferred => (5, None),
    };
    let observed = if cell.observed_at == Time(0) { 0 } else { OBSERVED };
    out.put_byte(kind_of(&cell.value) | origin << 4 | observed);
    if let Some(number) = number {
        out.put_uint(u64::from(number));
    }
    if observed != 0 {
        out.put_slice(&cell.observed_at.0.to_le_bytes());
    }
    put_value(out, &cell.value);
}

fn kind_of(value: &Value) -> u8 {
    match value {
        Value::Unknown(_) => kind::UNKNOWN,
        Value::Bool(false) => kind::FALSE,
        Value::Bool(true) => kind::TRUE,
        Value::Int(_) => kind::INT,
        Value::Time(_) => kind::TIME,
        Value::Duration(_) => kind::DURATION,
        Value::Distance(_) => kind::DISTANCE,
        Value::Speed(_) => kind::SPEED,
        Value::Geo(_) => kind::GEO,
        Value::Level(_) => kind::LEVEL,
        Value::Addr(addr) if addr.bytes().starts_with(&MAPPED) => kind::ADDR_4,
        Value::Addr(_) => kind::ADDR_6,
        Value::Text(_) => kind::TEXT,
        Value::List(_) => kind::LIST,
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Unknown(why) => out.put_byte(*why as u8),
        Value::Bool(_) => {}
        Value::Time(Time(micros)) => out.put_slice(&micros.to_le_bytes()),
        Value::Int(number)
        | Value::Duration(Duration(number))
        | Value::Distance(Distance(number))
        | Value::Speed(Speed(number)) => {
            out.put_int(*number);
        }
        Value::Geo(Geo { lat, lon }) => {
            out.put_slice(&lat.to_le_bytes());
            out.put_slice(&lon.to_le_bytes());
        }
        Value::Level(level) => out.put_byte(*level),
        Value::Addr(addr) => {
            let bytes = addr.bytes();
            out.put_slice(bytes.strip_prefix(&MAPPED).unwrap_or(&bytes));
        }
        Value::Text(range) | Value::List(range) => {
            out.put_uint(range.start.into());
            out.put_uint(range.len.into());
        }
    }
}

/// Takes a row that [`put_row`] wrote, into the slots that `map` says.
pub(crate) fn take_row(from: &mut Take<'_>, map: &SlotMap, row: &mut Row) -> Result<(), Damaged> {
    row.clear(map.len);
    row.push_text(from.text()?);
    let items = from.count()?;
    if items > 0 {
        let list = (0..items).map(|_| from.byte().and_then(|kind| take_value(from, kind))).collect::<Result<Vec<_>, _>>()?;
        row.push_list(&list);
    }
    let mut slot = 0_usize;
    for _ in 0..from.count()? {
        slot = slot.checked_add(from.small()?).ok_or(Damaged)?;
        let tag = from.byte()?;
        let (len, tag) = if tag == kind::RUN { (from.small()?, from.byte()?) } else { (1, tag) };
        let places = map.slots(slot, len)?;
        slot += places.len();
        let cell = take_cell(from, tag)?;
        for place in places.iter().flatten() {
            row.set_cell(*place, cell);
        }
    }
    Ok(())
}

#[inline]
fn take_cell(from: &mut Take<'_>, tag: u8) -> Result<Cell, Damaged> {
    let origin = match (tag >> 4) & 7 {
        0 => Origin::Nothing,
        1 => Origin::Raw(from.small()?),
        2 => Origin::Context(from.small()?),
        3 => Origin::History,
        4 => Origin::Derived,
        5 => Origin::Inferred,
        _ => return Err(Damaged),
    };
    let observed_at = if tag & OBSERVED == 0 { Time(0) } else { Time(i64::from_le_bytes(from.array()?)) };
    Ok(Cell { value: take_value(from, tag & 15)?, origin, observed_at })
}

#[inline]
fn take_value(from: &mut Take<'_>, kind: u8) -> Result<Value, Damaged> {
    Ok(match kind {
        kind::UNKNOWN => Value::Unknown(Why::from_code(from.byte()?).ok_or(Damaged)?),
        kind::FALSE => Value::Bool(false),
        kind::TRUE => Value::Bool(true),
        kind::INT => Value::Int(from.int()?),
        kind::TIME => Value::Time(Time(i64::from_le_bytes(from.array()?))),
        kind::DURATION => Value::Duration(Duration(from.int()?)),
        kind::DISTANCE => Value::Distance(Distance(from.int()?)),
        kind::SPEED => Value::Speed(Speed(from.int()?)),
        kind::GEO => {
            let (lat, lon) = (i32::from_le_bytes(from.array()?), i32::from_le_bytes(from.array()?));
            Value::Geo(Geo { lat, lon })
        }
        kind::LEVEL => Value::Level(from.byte()?),
        kind::ADDR_4 => {
            let mut bytes = [0; 16];
            bytes[..12].copy_from_slice(&MAPPED);
            bytes[12..].copy_from_slice(&from.array::<4>()?);
            Value::Addr(Addr::from_bytes(bytes))
        }
        kind::ADDR_6 => Value::Addr(Addr::from_bytes(from.array()?)),
        kind::TEXT => Value::Text(take_range(from)?),
        kind::LIST => Value::List(take_range(from)?),
        _ => return Err(Damaged),
    })
}

#[inline]
fn take_range(from: &mut Take<'_>) -> Result<Range, Damaged> {
    Ok(Range { start: from.small()?, len: from.small()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_model::schema::{Field, Kind, slots};

    fn sample(schema: &Schema) -> Row {
        let mut row = Row::new(schema.len());
        row.set_text(slots::USER_NAME, "zoë", Origin::Raw(300));
        let items = [row.push_text("T1110"), row.push_text("T1078")];
        let list = row.push_list(&items);
        row.set(slots::ALERT_TECHNIQUE, list, Origin::Raw(2));
        let values = [
            (slots::ALERT_TIME, Value::Time(Time(-62_167_219_200_000_000)), Origin::Inferred),
            (slots::SRC_IP, Value::Addr(Addr::parse("192.0.2.1").unwrap()), Origin::Raw(0)),
            (slots::DST_IP, Value::Addr(Addr::parse("2001:db8::1").unwrap()), Origin::Raw(1)),
            (slots::SRC_PORT, Value::Int(-1), Origin::Raw(4)),
            (slots::SRC_GEO, Value::Geo(Geo { lat: -1, lon: 179_999_999 }), Origin::Context(7)),
            (slots::ALERT_SEVERITY, Value::Level(3), Origin::Raw(5)),
            (slots::DEVICE_MANAGED, Value::Bool(true), Origin::Context(1)),
            (slots::LOGIN_SPEED, Value::Speed(Speed(i64::MAX)), Origin::Derived),
            (slots::LOGIN_DISTANCE, Value::Distance(Distance(5)), Origin::Derived),
            (slots::LOGIN_ELAPSED, Value::Duration(Duration(-5)), Origin::History),
            (slots::USER_ID, Value::Unknown(Why::Stale), Origin::Context(0)),
        ];
        for (slot, value, origin) in values {
            row.set(slot, value, origin);
        }
        for slot in schema
            .fields()
            .map(|(slot, _)| slot)
            .skip(20)
            .take(40)
            .filter(|slot| row.cell(*slot) == Cell::default())
            .collect::<Vec<_>>()
        {
            row.set_unknown(slot, Why::NoSource, Origin::Context(9));
        }
        let observed = Cell { value: Value::Bool(false), origin: Origin::Context(3), observed_at: Time(77) };
        row.set_cell(slots::LOGIN_VIA_VPN, observed);
        row
    }

    #[test]
    fn a_row_comes_back() {
        let schema = Schema::built_in();
        let row = sample(&schema);
        let mut bytes = Vec::new();
        put_row(&mut bytes, &row);
        let map = SlotMap::new(&names(&schema), &schema);
        let mut back = Row::new(1);
        assert_eq!(take_row(&mut Take(&bytes), &map, &mut back), Ok(()));
        assert_eq!(back, row);
        for len in 0..bytes.len() {
            assert_eq!(take_row(&mut Take(&bytes[..len]), &map, &mut back), Err(Damaged), "cut to {len}");
        }
    }

    #[test]
    fn names_find_their_new_slots_and_changed_types_are_unknown() {
        let field = |name: &str, ty| Field { name: name.into(), ty, kind: Kind::Context, about: String::new() };
        let (mut was, mut is) = (Schema::built_in(), Schema::built_in());
        let kept = was.add(field("user.badge", Type::Int)).unwrap();
        let gone = was.add(field("user.gone", Type::Int)).unwrap();
        let changed = was.add(field("user.level", Type::Int)).unwrap();
        is.add(field("user.level", Type::Bool)).unwrap();
        let moved = is.add(field("user.badge", Type::Int)).unwrap();
        let mut row = Row::new(was.len());
        for slot in [kept, gone, changed] {
            row.set(slot, Value::Int(7), Origin::Context(0));
        }
        let mut bytes = Vec::new();
        put_row(&mut bytes, &row);
        let mut back = Row::default();
        assert_eq!(take_row(&mut Take(&bytes), &SlotMap::new(&names(&was), &is), &mut back), Ok(()));
        assert_eq!(back.cells().filter(|(_, cell)| cell.value.is_known()).count(), 1);
        assert_eq!(back.int(moved), Some(7));
    }
}
