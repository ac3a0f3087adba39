//! One record as a template: the same record at another time, with other ids, addresses and people.
//!
//! Repeating records as they are would make a file of duplicates, which triage recognises and skips most of its work for.
//! What looks like a time, a UUID or long hexadecimal id, an IPv4 address or the local part of a mail address
//! is replaced, alike wherever it occurs in the record; everything else stays byte for byte.

use jiff::civil::DateTime;

/// Different people made of one mail address.
pub const PEOPLE: u64 = 97;

/// A piece of a record.
#[derive(Debug, PartialEq)]
enum Piece {
    /// Text that stays.
    Fixed(String),
    /// `2020-03-04T13:55:05`, in seconds; the byte between date and time.
    Civil(i64, char),
    /// Seconds, or with `1000` milliseconds, since 1970.
    Epoch(i64, i64),
    /// The varying end of an id, in hexadecimal or decimal digits.
    Id(String, u32),
    /// The last part of an IPv4 address.
    Octet(u64),
    /// A number after the local part of a mail address.
    Person,
}

/// A record that can be written again and again.
pub struct Template {
    pieces: Vec<Piece>,
    /// The record's first time: the one that is moved to where it shall be.
    anchor: Option<i64>,
}

impl Template {
    /// The template of `record`.
    pub fn new(record: &str) -> Self {
        let mut pieces = Vec::new();
        let (mut rest, mut fixed, mut before) = (record, String::new(), ' ');
        while let Some(first) = rest.chars().next() {
            let starts = !before.is_ascii_alphanumeric() && before != '.' && before != '_';
            let found = if starts { piece(rest) } else { None };
            let (taken, piece) = found.unwrap_or((first.len_utf8(), None));
            let (text, after) = rest.split_at(taken);
            match piece {
                Some((kept, piece)) => {
                    fixed.push_str(text.get(..kept).unwrap_or(text));
                    pieces.push(Piece::Fixed(std::mem::take(&mut fixed)));
                    pieces.push(piece);
                }
                None => fixed.push_str(text),
            }
            before = text.chars().next_back().unwrap_or(first);
            rest = after;
        }
        pieces.push(Piece::Fixed(fixed));
        let anchor = pieces.iter().find_map(|piece| match piece {
            Piece::Civil(seconds, _) => Some(*seconds),
            Piece::Epoch(value, unit) => Some(value / unit),
            _ => None,
        });
        Self { pieces, anchor }
    }

    /// Appends the record as variation `nth`, as if it had happened at `time`.
    pub fn write(&self, nth: u64, time: i64, out: &mut String) {
        use std::fmt::Write as _;
        let shift = self.anchor.map_or(0, |anchor| time - anchor);
        for piece in &self.pieces {
            let written = match piece {
                Piece::Fixed(text) => write!(out, "{text}"),
                Piece::Civil(seconds, between) => civil(seconds + shift, *between, out),
                Piece::Epoch(value, unit) => write!(out, "{}", value + shift * unit),
                Piece::Id(text, radix) => id(text, *radix, nth, out),
                Piece::Octet(octet) => write!(out, "{}", (octet + nth) % 254 + 1),
                Piece::Person => write!(out, "{}", nth % PEOPLE),
            };
            written.expect("writing to a string succeeds");
        }
    }

    /// The local parts of the record's mail addresses.
    pub fn people(&self) -> impl Iterator<Item = &str> {
        let pairs = self.pieces.windows(2).filter_map(|pair| match pair {
            [Piece::Fixed(text), Piece::Person] => Some(text),
            _ => None,
        });
        pairs.filter_map(|text| text.rsplit(|c: char| !is_local(c)).next())
    }
}

fn civil(seconds: i64, between: char, out: &mut String) -> std::fmt::Result {
    use std::fmt::Write as _;
    let time = jiff::Timestamp::from_second(seconds).map_err(|_| std::fmt::Error)?.to_zoned(jiff::tz::TimeZone::UTC);
    write!(out, "{}{between}{}", time.strftime("%Y-%m-%d"), time.strftime("%H:%M:%S"))
}

/// As many digits as `text` has, mixed from it and `nth`.
fn id(text: &str, radix: u32, nth: u64, out: &mut String) -> std::fmt::Result {
    let seed = text.bytes().fold(nth, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mut mixed = (seed ^ seed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    for _ in text.bytes() {
        out.push(char::from_digit((mixed >> 60) as u32 % radix, radix).unwrap_or('0'));
        mixed = mixed.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    Ok(())
}

/// What begins here: its length, and how many of its bytes stay before the piece that varies.
fn piece(rest: &str) -> Option<(usize, Option<(usize, Piece)>)> {
    date(rest).or_else(|| address(rest)).or_else(|| person(rest)).or_else(|| digits(rest)).or_else(|| hex(rest))
}

type Found = Option<(usize, Option<(usize, Piece)>)>;

fn date(rest: &str) -> Found {
    let text = rest.get(..19)?;
    let between = text.chars().nth(10).filter(|c| matches!(c, 'T' | ' '))?;
    let time: DateTime = text.replace(' ', "T").parse().ok().filter(|_| text.is_ascii())?;
    let seconds = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    Some((19, Some((0, Piece::Civil(seconds, between)))))
}

fn address(rest: &str) -> Found {
    let len = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let text = rest.get(..len)?;
    let octets: Vec<u64> = text.split('.').map(|part| part.parse().unwrap_or(999)).collect();
    let [_, _, _, last] = octets[..] else { return None };
    let valid = octets.iter().all(|octet| *octet < 256) && text != "0.0.0.0" && text != "127.0.0.1";
    valid.then(|| (len, Some((text.rfind('.').unwrap_or(0) + 1, Piece::Octet(last)))))
}

fn is_local(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+')
}

fn person(rest: &str) -> Found {
    let len = rest.find(|c| !is_local(c))?;
    let domain = rest.get(len..)?.strip_prefix('@')?;
    let named = domain.starts_with(|c: char| c.is_ascii_alphanumeric());
    (len > 0 && named).then_some((len, Some((len, Piece::Person))))
}

/// A time since 1970, or a long number.
fn digits(rest: &str) -> Found {
    let len = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let next = rest.get(len..)?.chars().next().unwrap_or(' ');
    if len < 10 || next.is_ascii_alphanumeric() || next == '.' || next == '-' {
        return None;
    }
    let text = rest.get(..len)?;
    let number: i64 = text.parse().unwrap_or(0);
    let plausible = |unit: i64| (1_100_000_000..2_000_000_000).contains(&(number / unit));
    match len {
        10 if plausible(1) => Some((len, Some((0, Piece::Epoch(number, 1))))),
        13 if plausible(1000) => Some((len, Some((0, Piece::Epoch(number, 1000))))),
        15.. => Some((len, Some((len - 8, Piece::Id(text.get(len - 8..)?.into(), 10))))),
        _ => Some((len, None)),
    }
}

/// A UUID, or sixteen and more hexadecimal digits.
fn hex(rest: &str) -> Found {
    let len = rest.find(|c: char| !c.is_ascii_hexdigit() && c != '-').unwrap_or(rest.len());
    let text = rest.get(..len)?;
    let next = rest.get(len..)?.chars().next().unwrap_or(' ');
    let tail = text.get(len.checked_sub(8)?..)?;
    let mixed = text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().filter(|b| *b != b'-').count() >= 16;
    let whole = !next.is_ascii_alphanumeric() && !tail.contains('-');
    (mixed && whole).then(|| (len, Some((len - 8, Piece::Id(tail.into(), 16)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varied(record: &str, nth: u64, time: i64) -> String {
        let mut out = String::new();
        Template::new(record).write(nth, time, &mut out);
        out
    }

    #[test]
    fn times_move_together() {
        let record = r#"{"a":"2020-01-01T00:00:00.123Z","b":"2020-01-01 01:00:00","c":1577836860,"d":1577836861000}"#;
        let moved = r#"{"a":"2026-01-01T00:00:00.123Z","b":"2026-01-01 01:00:00","c":1767225660,"d":1767225661000}"#;
        assert_eq!(varied(record, 3, 1_767_225_600), moved);
    }

    #[test]
    fn ids_addresses_and_people_vary_alike_within_a_record() {
        let record = r#"{"id":"219bad61-7764-4adc-bc78-5620acc14ce7","same":"219bad61-7764-4adc-bc78-5620acc14ce7","ip":"10.0.0.7","u":"ana@corp.example"}"#;
        let one = varied(record, 1, 0);
        let ids: Vec<&str> = one.split('"').filter(|part| part.starts_with("219bad61-7764-4adc-bc78-5620")).collect();
        assert_eq!((ids.len(), ids[0]), (2, ids[1]));
        assert!(one.contains("10.0.0.9") && one.contains("ana1@corp.example"), "{one}");
        assert_ne!(one, varied(record, 2, 0));
        assert_eq!(Template::new(record).people().collect::<Vec<_>>(), ["ana"]);
    }

    #[test]
    fn everything_else_stays() {
        for record in [r#"{"port":443,"v":"1.2.3","t":"é","n":-12.5e3,"x":"deadbeef"}"#, "", "12345", "192.0.2"] {
            assert_eq!(varied(record, 5, 99), record);
        }
    }
}
