//! Calendars: a CSV of working hours, holidays and change freezes.
//!
//! | unit | kind | days | from | until | zone | name |
//! |---|---|---|---|---|---|---|
//! | `*` | hours | mon-fri | 08:00 | 18:00 | Europe/Madrid | |
//! | sales | holiday | | 2026-12-25 | 2026-12-26 | Europe/Madrid | Christmas |
//! | `*` | freeze | | 2026-12-20T18:00 | 2027-01-04T06:00 | UTC | year-end close |

use adjutant_engine::context::{Calendar, Freeze, Holiday, Hours, Zone, short};
use adjutant_model::Time;
use adjutant_rules::contract::KeyKind;
use jiff::civil::{Date, DateTime, Time as Clock, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::collections::HashMap;

/// Reads a calendar; says what is wrong with rows that cannot be used.
///
/// # Errors
/// That the header lacks a column.
pub(super) fn read(text: &str) -> Result<(Calendar, Vec<String>), String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| format!("its header cannot be read ({error})"))?.clone();
    for column in ["unit", "kind", "from", "until"] {
        if !header.iter().any(|name| name == column) {
            return Err(format!("there is no column `{column}`; a calendar has unit, kind, days, from, until, zone and name"));
        }
    }
    let (mut calendar, mut problems) = (Calendar::default(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let row: HashMap<&str, &str> = header.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty()).collect();
        if let Err(sentence) = add(&row, &mut calendar) {
            problems.push(format!("line {line}: {sentence}"));
        }
    }
    Ok((calendar, problems))
}

fn add(row: &HashMap<&str, &str>, calendar: &mut Calendar) -> Result<(), String> {
    let cell = |name: &str| row.get(name).copied();
    let needed = |name: &str| cell(name).ok_or_else(|| format!("`{name}` is empty"));
    let mut word = String::new();
    let unit = match needed("unit")? {
        "*" => None,
        name => KeyKind::Word.canonical(name, &mut word).then_some(word),
    };
    let zone = zone(cell("zone").unwrap_or("UTC"))?;
    let name = cell("name").unwrap_or("").to_owned();
    match needed("kind")? {
        "hours" => {
            let (from, until) = (minute(needed("from")?)?, minute(needed("until")?)?);
            calendar.add_hours(unit, Hours { days: days(needed("days")?)?, from, until, zone: Zone::new(&zone) });
        }
        "holiday" => {
            let from = date(needed("from")?)?;
            let until = cell("until").map_or(Ok(from), date)?;
            calendar.add_holiday(unit, Holiday::new(from, until, Zone::new(&zone), name));
        }
        "freeze" => {
            let (from, until) = (instant(needed("from")?, &zone)?, instant(needed("until")?, &zone)?);
            calendar.add_freeze(unit, Freeze { from, until, name });
        }
        other => return Err(format!("`{}` is no kind; write hours, holiday or freeze", short(other))),
    }
    Ok(())
}

fn zone(name: &str) -> Result<TimeZone, String> {
    // The zones of this binary, so that every machine knows the same.
    TimeZoneDatabase::bundled()
        .get(name)
        .map_err(|_| format!("`{}` is no time zone; write one such as Europe/Madrid", short(name)))
}

fn date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("`{}` is no date; write 2026-12-25", short(text)))
}

fn instant(text: &str, zone: &TimeZone) -> Result<Time, String> {
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Ok(Time(stamp.as_microsecond()));
    }
    let civil = text.parse::<DateTime>().ok().and_then(|local| zone.to_timestamp(local).ok());
    civil
        .map(|stamp| Time(stamp.as_microsecond()))
        .ok_or_else(|| format!("`{}` is no instant; write 2026-12-20T18:00", short(text)))
}

/// Minutes since midnight of `08:00`; `24:00` is the end of the day.
fn minute(text: &str) -> Result<u16, String> {
    if text == "24:00" {
        return Ok(24 * 60);
    }
    let clock: Clock = text.parse().map_err(|_| format!("`{}` is no time of day; write 08:00", short(text)))?;
    Ok(u16::try_from(i32::from(clock.hour()) * 60 + i32::from(clock.minute())).unwrap_or(0))
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Reads `mon-fri`, `sat`, `mon wed fri`, `sat-mon`.
fn days(text: &str) -> Result<Vec<Weekday>, String> {
    let place = |name: &str| {
        let found = DAYS.iter().position(|(known, _)| known.eq_ignore_ascii_case(name.trim()));
        found.ok_or_else(|| format!("`{}` is no day; write mon, tue, wed, thu, fri, sat, sun, or mon-fri", short(name)))
    };
    let mut found = Vec::new();
    for part in text.split([' ', ';', ',']).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (place(first)?, place(last)?);
        let count = (last + 7 - first) % 7 + 1;
        found.extend(DAYS.iter().cycle().skip(first).take(count).map(|(_, day)| *day));
    }
    Ok(found)
}
