//! Reads a record's value as a field's type.
//!
//! What tools write for "nothing" (`""`, `-`, `N/A`, `null`) is not stated. What is there and cannot be read
//! as the field's type is unreadable: unknown, with a problem, never a guess. Coercing allocates nothing but
//! the field's own text in the row.

use super::country;
use super::time::{self, Guess, Reading};
use adjutant_model::entity::NAME_BYTES_MAX;
use adjutant_model::schema::Levels;
use adjutant_model::{Addr, Geo, Row, Time, Value};
use adjutant_rules::lang::{List, Map, Val};
use adjutant_rules::source::Shape;

/// The longest text that a field keeps; the raw record keeps the rest.
pub(super) const TEXT_BYTES_MAX: usize = 32 * 1024;

/// The most items that a field's list keeps.
const ITEMS_MAX: usize = 256;

/// What a value comes to as a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Coerced {
    /// The field's value.
    Value(Value),
    /// The field's value, after a guess.
    Guessed(Value, Guess),
    /// The field's text, cut to [`TEXT_BYTES_MAX`].
    Cut(Value),
    /// The record says nothing.
    NotStated,
    /// The record says something that is not of this type.
    Unreadable,
    /// A time without year, and nothing to take the year from.
    NoYear,
}

/// Reads `value` in the given shape, its text copied into `row`. `received` is when the record arrived.
pub(super) fn coerce(value: &Val<'_>, shape: &Shape, row: &mut Row, received: Option<Time>) -> Coerced {
    match value {
        Val::Unknown(_) | Val::Null => Coerced::NotStated,
        Val::Text(text) if says_nothing(text) => Coerced::NotStated,
        Val::List(list) if list.is_empty() => Coerced::NotStated,
        Val::List(list) if !matches!(shape, Shape::Texts | Shape::Techniques | Shape::Geo) => {
            first_of(list, shape, row, received)
        }
        _ => one(value, shape, row, received),
    }
}

/// Of a list, the first item that says something.
fn first_of(list: &List<'_>, shape: &Shape, row: &mut Row, received: Option<Time>) -> Coerced {
    let nested = |item: &Val<'_>| matches!(item, Val::List(_));
    let items = list.iter().take(ITEMS_MAX).filter(|item| !nested(item));
    items.map(|item| coerce(&item, shape, row, received)).find(|read| *read != Coerced::NotStated).unwrap_or(Coerced::NotStated)
}

fn one(value: &Val<'_>, shape: &Shape, row: &mut Row, received: Option<Time>) -> Coerced {
    let value = match shape {
        Shape::Bool => boolean(value).map(Value::Bool),
        Shape::Int => integer(value).map(Value::Int),
        Shape::Time => return instant(value, received),
        Shape::Duration => duration(value),
        Shape::Geo => return place(value),
        Shape::Addr => return address(value),
        Shape::Level(levels) => level(value, levels),
        Shape::Texts => return texts(value, row),
        Shape::Techniques => return techniques(value, row),
        Shape::Never => None,
        Shape::Text | Shape::Lower | Shape::Name | Shape::Mail | Shape::Hash(_) | Shape::Country | Shape::MessageId => {
            return text(value, shape, row);
        }
    };
    value.map_or(Coerced::Unreadable, Coerced::Value)
}

/// What tools write when there is nothing.
pub(super) fn says_nothing(text: &str) -> bool {
    const NOTHING: [&str; 10] = ["", "-", "--", "null", "<null>", "n/a", "none", "(null)", "undefined", "unknown"];
    const LONGEST: usize = 9;
    let text = trimmed(text);
    // Most texts are told by their first letter.
    let may_be = matches!(text.as_bytes().first(), None | Some(b'-' | b'<' | b'(' | b'n' | b'N' | b'u' | b'U'));
    may_be && text.len() <= LONGEST && NOTHING.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// `text` without the blanks around it, told at a glance where there are none.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

fn boolean(value: &Val<'_>) -> Option<bool> {
    match value {
        Val::Bool(value) => Some(*value),
        Val::Int(0) => Some(false),
        Val::Int(1) => Some(true),
        Val::Text(text) => {
            let is = |words: &[&str]| words.iter().any(|word| text.trim().eq_ignore_ascii_case(word));
            if is(&["true", "yes", "1", "on"]) {
                Some(true)
            } else if is(&["false", "no", "0", "off"]) {
                Some(false)
            } else {
                None
            }
        }
        _ => None,
    }
}

fn integer(value: &Val<'_>) -> Option<i64> {
    match value {
        Val::Int(number) => Some(*number),
        Val::Uint(number) => i64::try_from(*number).ok(),
        // The sources' own numbers; a fraction is not one.
        Val::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
        Val::Text(text) => {
            let text = text.trim();
            match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                Some(hex) => i64::from_str_radix(hex, 16).ok(),
                None => text.parse().ok().or_else(|| whole(text)),
            }
        }
        _ => None,
    }
}

/// `55836.0` and `AS55836` are written for 55836.
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix("AS").unwrap_or(text);
    let digits =
        digits.split_once('.').filter(|(_, zeros)| zeros.bytes().all(|byte| byte == b'0')).map_or(digits, |(whole, _)| whole);
    digits.parse().ok()
}

fn instant(value: &Val<'_>, received: Option<Time>) -> Coerced {
    let reading = match value {
        Val::Time(time) => Some(Reading { time: *time, guess: Guess::Nothing }),
        Val::Int(number) => time::epoch(*number).map(|time| Reading { time, guess: Guess::Nothing }),
        Val::Uint(number) => {
            i64::try_from(*number).ok().and_then(time::epoch).map(|time| Reading { time, guess: Guess::Nothing })
        }
        Val::Double(number) => time::epoch_f64(*number).map(|time| Reading { time, guess: Guess::Nothing }),
        Val::Text(text) => match time::read(text, received) {
            None if received.is_none() && time::read(text, Some(Time(0))).is_some() => return Coerced::NoYear,
            reading => reading,
        },
        // Zero is "never", not 1970.
        _ => None,
    };
    match reading {
        Some(Reading { time, guess: Guess::Nothing }) => Coerced::Value(Value::Time(time)),
        Some(Reading { time, guess }) => Coerced::Guessed(Value::Time(time), guess),
        None if matches!(value, Val::Int(0)) => Coerced::NotStated,
        None => Coerced::Unreadable,
    }
}

fn duration(value: &Val<'_>) -> Option<Value> {
    match value {
        Val::Duration(span) => Some(Value::Duration(*span)),
        _ => integer(value).map(|seconds| Value::Duration(adjutant_model::Duration::from_secs(seconds))),
    }
}

/// `{lat, lon}` under their usual names, or `[lat, lon]`. Zero and zero is what tools write for "nowhere".
fn place(value: &Val<'_>) -> Coerced {
    let coordinates = match value {
        Val::Geo(geo) => return Coerced::Value(Value::Geo(*geo)),
        Val::Map(map) => {
            let field = |names: &[&str]| names.iter().find_map(|name| named(map, name));
            field(&["lat", "latitude"]).zip(field(&["lon", "longitude", "lng", "long"]))
        }
        Val::List(list) if list.len() == 2 => {
            let number = |at| list.get(at).and_then(|value| degrees(&value));
            number(0).zip(number(1))
        }
        _ => None,
    };
    match coordinates {
        Some((lat, lon)) if lat == 0.0 && lon == 0.0 => Coerced::NotStated,
        Some((lat, lon)) => Geo::from_degrees(lat, lon).map_or(Coerced::Unreadable, |geo| Coerced::Value(Value::Geo(geo))),
        None => Coerced::NotStated,
    }
}

fn named(map: &Map<'_>, name: &str) -> Option<f64> {
    map.field(name).and_then(|value| degrees(&value))
}

fn degrees(value: &Val<'_>) -> Option<f64> {
    match value {
        Val::Int(number) => Some(*number as f64),
        Val::Double(number) => Some(*number),
        Val::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn address(value: &Val<'_>) -> Coerced {
    const UNSPECIFIED: [&str; 2] = ["0.0.0.0", "::"];
    match value {
        Val::Addr(addr) => Coerced::Value(Value::Addr(*addr)),
        Val::Text(text) => match Addr::parse(text) {
            Some(_) if UNSPECIFIED.contains(&text.trim()) => Coerced::NotStated,
            Some(addr) => Coerced::Value(Value::Addr(addr)),
            None => Coerced::Unreadable,
        },
        _ => Coerced::Unreadable,
    }
}

/// One of the declared values, by its name or by another word that tools use for it.
fn level(value: &Val<'_>, levels: &Levels) -> Option<Value> {
    let text = match value {
        Val::Text(text) => text.trim(),
        Val::Level(index, of) => of.name_of(*index),
        _ => return None,
    };
    let direct = levels.index_of(text);
    let index = direct.or_else(|| synonym(&levels.name, text).and_then(|name| levels.index_of(name)));
    index.map(Value::Level)
}

fn synonym(levels: &str, text: &str) -> Option<&'static str> {
    const SEVERITY: [(&str, &str); 18] = [
        ("informational", "info"),
        ("information", "info"),
        ("debug", "info"),
        ("notice", "info"),
        ("minor", "low"),
        ("warning", "medium"),
        ("warn", "medium"),
        ("moderate", "medium"),
        ("med", "medium"),
        ("error", "medium"),
        ("err", "medium"),
        ("important", "high"),
        ("major", "high"),
        ("severe", "high"),
        ("crit", "critical"),
        ("alert", "critical"),
        ("emergency", "critical"),
        ("fatal", "critical"),
    ];
    const RESULT: [(&str, &str); 14] = [
        ("succeeded", "success"),
        ("successful", "success"),
        ("allowed", "success"),
        ("allow", "success"),
        ("ok", "success"),
        ("failed", "failure"),
        ("fail", "failure"),
        ("error", "failure"),
        ("denied", "blocked"),
        ("deny", "blocked"),
        ("block", "blocked"),
        ("dropped", "blocked"),
        ("drop", "blocked"),
        ("prevented", "blocked"),
    ];
    let words: &[(&str, &'static str)] = match levels {
        "severity" => &SEVERITY,
        "result" => &RESULT,
        _ => &[],
    };
    words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, name)| *name)
}

fn text(value: &Val<'_>, shape: &Shape, row: &mut Row) -> Coerced {
    let mut number = Digits { bytes: [0; 40], len: 0 };
    let text = match value {
        Val::Text(text) => trimmed(text),
        Val::Map(_) | Val::List(_) => return Coerced::NotStated,
        other => number.write(other),
    };
    match shape {
        Shape::Mail if !text.contains('@') => return Coerced::NotStated,
        Shape::Hash(digits) => return hash(text, *digits, row),
        Shape::Country => {
            return country::code(text).map_or(Coerced::Unreadable, |code| Coerced::Value(row.push_text(code)));
        }
        Shape::Name => {
            return Coerced::Value(
                row.push_text(text.get(..text.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or("").trim_end_matches('.')),
            );
        }
        Shape::MessageId => return Coerced::Value(row.push_text(text.trim_start_matches('<').trim_end_matches('>'))),
        _ => {}
    }
    if text.len() > TEXT_BYTES_MAX {
        let start = text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or("");
        return Coerced::Cut(row.push_text(start));
    }
    match shape {
        Shape::Lower if text.bytes().any(|byte| byte.is_ascii_uppercase()) => lower(text, row),
        _ => Coerced::Value(row.push_text(text)),
    }
}

fn lower(text: &str, row: &mut Row) -> Coerced {
    const LONGEST: usize = 64;
    let mut buffer = [0_u8; LONGEST];
    let Some(place) = buffer.get_mut(..text.len()) else { return Coerced::Value(row.push_text(&text.to_ascii_lowercase())) };
    place.copy_from_slice(text.as_bytes());
    place.make_ascii_lowercase();
    std::str::from_utf8(place).map_or(Coerced::Unreadable, |text| Coerced::Value(row.push_text(text)))
}

/// A hash of another length is another kind of hash and not stated here; all zeros is no hash.
fn hash(text: &str, digits: usize, row: &mut Row) -> Coerced {
    let is_hash = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hash || text.bytes().all(|byte| byte == b'0') { Coerced::NotStated } else { lower(text, row) }
}

/// A list of texts as it is; one text is split at its commas.
fn texts(value: &Val<'_>, row: &mut Row) -> Coerced {
    collect(value, row, |item, items, row| {
        if items.len() < ITEMS_MAX && !says_nothing(item) {
            items.push(row.push_text(item.trim()));
        }
    })
}

/// The identifiers `T1110` and `T1110.001` wherever they are in the texts; a text without one stays as it is.
fn techniques(value: &Val<'_>, row: &mut Row) -> Coerced {
    collect(value, row, |item, items, row| {
        let mut found = false;
        for word in item.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.')) {
            let word = word.trim_end_matches('.');
            if is_technique(word) && items.len() < ITEMS_MAX {
                items.push(row.push_text(word));
                found = true;
            }
        }
        if !found && items.len() < ITEMS_MAX && !says_nothing(item) {
            items.push(row.push_text(item.trim()));
        }
    })
}

fn is_technique(word: &str) -> bool {
    let Some(digits) = word.strip_prefix('T') else { return false };
    let (main, sub) = digits.split_once('.').unwrap_or((digits, "000"));
    main.len() == 4 && sub.len() == 3 && main.bytes().chain(sub.bytes()).all(|byte| byte.is_ascii_digit())
}

fn collect(value: &Val<'_>, row: &mut Row, each: impl Fn(&str, &mut Vec<Value>, &mut Row)) -> Coerced {
    let mut items = Vec::new();
    match value {
        Val::Text(text) => text.split(',').take(ITEMS_MAX).for_each(|part| each(part, &mut items, row)),
        Val::List(list) => {
            for item in list.iter().take(ITEMS_MAX) {
                match item {
                    Val::Text(text) => each(&text, &mut items, row),
                    // `map` over a list gives a list of lists where each item had one.
                    Val::List(inner) => inner.iter().take(ITEMS_MAX).for_each(|item| {
                        if let Val::Text(text) = item {
                            each(&text, &mut items, row);
                        }
                    }),
                    _ => {}
                }
            }
        }
        Val::Int(_) | Val::Uint(_) | Val::Bool(_) => each(&value.to_string(), &mut items, row),
        _ => return Coerced::NotStated,
    }
    if items.is_empty() { Coerced::NotStated } else { Coerced::Value(row.push_list(&items)) }
}

/// A number as text, on the stack.
struct Digits {
    bytes: [u8; 40],
    len: usize,
}

impl Digits {
    fn write(&mut self, value: &Val<'_>) -> &str {
        self.len = 0;
        let written = std::fmt::Write::write_fmt(self, format_args!("{value}"));
        let text = self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok());
        text.filter(|_| written.is_ok()).unwrap_or("")
    }
}

impl std::fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let place = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(std::fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}
