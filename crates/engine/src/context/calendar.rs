//! Answers about instants: working hours of a unit, holidays, change freezes.
//!
//! The rules of a unit stand before the rules for everybody (`*`) of the same kind. Where nothing says when a unit
//! works, its working hours are unknown: nobody is assumed to work from nine to five.

use adjutant_model::{Row, Time, Value, Why};
use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

/// The rules of a calendar.
#[derive(Debug, Default)]
pub struct Calendar {
    hours: Vec<Rule<Hours>>,
    holidays: Vec<Rule<Holiday>>,
    freezes: Vec<Rule<Freeze>>,
}

/// A rule and whom it is for; none: everybody.
#[derive(Debug)]
struct Rule<T> {
    unit: Option<String>,
    rule: T,
}

/// When a unit works.
#[derive(Clone, Debug)]
pub struct Hours {
    /// The days of the week.
    pub days: Vec<Weekday>,
    /// The first minute of the day.
    pub from: u16,
    /// The minute after the last one; not after `from`: the next day.
    pub until: u16,
    /// Where the unit works.
    pub zone: Zone,
}

/// Days on which a unit does not work.
#[derive(Clone, Debug)]
pub struct Holiday {
    /// The first day and the last, since 1970-01-01.
    days: (i64, i64),
    /// Where they are days.
    zone: Zone,
    /// What people call it.
    name: String,
}

/// A span in which nothing may be changed.
#[derive(Clone, Debug)]
pub struct Freeze {
    /// The first instant.
    pub from: Time,
    /// The instant after the last one.
    pub until: Time,
    /// What people call it.
    pub name: String,
}

/// The clock of a place: when it moved to which offset from UTC, computed once for all instants that matter.
#[derive(Clone, Debug)]
pub struct Zone {
    /// The offset in seconds before the first change.
    first: i32,
    /// Unix seconds of each change, and the offset in seconds from then on.
    changes: Vec<(i64, i32)>,
}

/// An instant on the clock of a place.
#[derive(Clone, Copy)]
struct Local {
    /// Days since 1970-01-01.
    day: i64,
    /// Minutes since midnight.
    minute: u16,
}

/// What a calendar says of one instant.
pub(super) struct Answer<'c> {
    working: Option<bool>,
    holiday: Option<&'c Holiday>,
    freeze: Option<&'c Freeze>,
}

impl Calendar {
    /// Adds working hours for `unit`.
    pub fn add_hours(&mut self, unit: Option<String>, rule: Hours) {
        self.hours.push(Rule { unit, rule });
    }
    /// Adds a holiday for `unit`.
    pub fn add_holiday(&mut self, unit: Option<String>, rule: Holiday) {
        self.holidays.push(Rule { unit, rule });
    }
    /// Adds a freeze for `unit`.
    pub fn add_freeze(&mut self, unit: Option<String>, rule: Freeze) {
        self.freezes.push(Rule { unit, rule });
    }
    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.hours.len().saturating_add(self.holidays.len()).saturating_add(self.freezes.len())
    }
    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What holds for `unit` at `now`.
    pub(super) fn answer(&self, unit: Option<&str>, now: Time) -> Answer<'_> {
        let holiday = rules(&self.holidays, unit).find(|holiday| {
            let today = holiday.zone.local(now).day;
            holiday.days.0 <= today && today <= holiday.days.1
        });
        let freeze = rules(&self.freezes, unit).find(|freeze| freeze.from <= now && now < freeze.until);
        let own = self.hours.iter().any(|rule| rule.unit.is_some() && rule.unit.as_deref() == unit);
        let mine = |rule: &&Rule<Hours>| if own { rule.unit.as_deref() == unit } else { rule.unit.is_none() };
        let mut hours = self.hours.iter().filter(mine).peekable();
        let known = hours.peek().is_some();
        let inside = hours.any(|rule| rule.rule.holds(now));
        Answer { working: known.then_some(inside && holiday.is_none()), holiday, freeze }
    }
}

impl Answer<'_> {
    /// What `column` is.
    pub(super) fn value(&self, column: &str, row: &mut Row) -> Value {
        let name = self.freeze.map(|freeze| &freeze.name).or(self.holiday.map(|holiday| &holiday.name));
        match column {
            "working_hours" => self.working.map_or(Value::Unknown(Why::NotFound), Value::Bool),
            "holiday" => Value::Bool(self.holiday.is_some()),
            "freeze" => Value::Bool(self.freeze.is_some()),
            _ => name.map_or(Value::Unknown(Why::NotStated), |name| row.push_text(name)),
        }
    }
}

impl Holiday {
    /// The days from `from` to `until`, both included, where the clock is `zone`'s.
    pub fn new(from: Date, until: Date, zone: Zone, name: String) -> Self {
        Self { days: (day_of(from), day_of(until)), zone, name }
    }
}

/// Changes of a clock after this instant (2100-01-01) are not kept: the last offset holds.
const LAST_CHANGE: i64 = 4_102_444_800;

impl Zone {
    /// The clock of `zone`.
    pub fn new(zone: &TimeZone) -> Self {
        let offset = |stamp: Timestamp| zone.to_offset(stamp).seconds();
        let first = offset(Timestamp::UNIX_EPOCH);
        let changes =
            zone.following(Timestamp::UNIX_EPOCH).map(|change| (change.timestamp().as_second(), change.offset().seconds()));
        Self { first, changes: changes.take_while(|(second, _)| *second < LAST_CHANGE).collect() }
    }

    fn local(&self, now: Time) -> Local {
        let second = now.secs();
        let before = self.changes.partition_point(|(change, _)| *change <= second).checked_sub(1);
        let offset = before.and_then(|index| self.changes.get(index)).map_or(self.first, |(_, offset)| *offset);
        let local = second.saturating_add(i64::from(offset));
        let minute = u16::try_from(local.rem_euclid(86_400) / 60).unwrap_or(0);
        Local { day: local.div_euclid(86_400), minute }
    }
}

/// Days since 1970-01-01.
fn day_of(date: Date) -> i64 {
    date.at(0, 0, 0, 0).to_zoned(TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_second().div_euclid(86_400))
}

/// The day of the week, Monday 0, of a day since 1970-01-01, which was a Thursday.
fn weekday(day: i64) -> i64 {
    day.saturating_add(3).rem_euclid(7)
}

/// The rules for `unit` and for everybody.
fn rules<'c, T>(rules: &'c [Rule<T>], unit: Option<&str>) -> impl Iterator<Item = &'c T> {
    rules.iter().filter(move |rule| rule.unit.is_none() || rule.unit.as_deref() == unit).map(|rule| &rule.rule)
}

impl Hours {
    fn holds(&self, now: Time) -> bool {
        let Local { day, minute } = self.zone.local(now);
        let works = |day: i64| self.days.iter().any(|known| i64::from(known.to_monday_zero_offset()) == weekday(day));
        if self.from < self.until {
            return works(day) && (self.from..self.until).contains(&minute);
        }
        (works(day) && minute >= self.from) || (works(day.saturating_sub(1)) && minute < self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time(text.parse::<jiff::Timestamp>().expect(text).as_microsecond())
    }

    fn hours(days: &[Weekday], from: u16, until: u16, offset: i8) -> Hours {
        Hours {
            days: days.to_vec(),
            from: from * 60,
            until: until * 60,
            zone: Zone::new(&TimeZone::fixed(jiff::tz::offset(offset))),
        }
    }

    fn working(calendar: &Calendar, unit: Option<&str>, text: &str) -> Value {
        calendar.answer(unit, at(text)).value("working_hours", &mut Row::new(0))
    }

    #[test]
    fn a_unit_works_by_its_own_clock() {
        let mut calendar = Calendar::default();
        assert_eq!(working(&calendar, None, "2026-03-02T09:00:00Z"), Value::Unknown(Why::NotFound));
        calendar.add_hours(None, hours(&[Weekday::Monday], 8, 18, 0));
        calendar.add_hours(Some("operations".into()), hours(&[Weekday::Sunday], 22, 6, 9));
        assert_eq!(working(&calendar, Some("sales"), "2026-03-02T09:00:00Z"), Value::Bool(true));
        assert_eq!(working(&calendar, Some("sales"), "2026-03-02T18:00:00Z"), Value::Bool(false));
        assert_eq!(working(&calendar, Some("operations"), "2026-03-01T20:00:00Z"), Value::Bool(true), "05:00 on Monday in Tokyo");
        assert_eq!(working(&calendar, Some("operations"), "2026-03-01T21:00:00Z"), Value::Bool(false));
        assert_eq!(working(&calendar, Some("operations"), "2026-03-02T09:00:00Z"), Value::Bool(false));
    }

    #[test]
    fn nobody_works_on_a_holiday() {
        let mut calendar = Calendar::default();
        let day = jiff::civil::date(2026, 3, 2);
        calendar.add_hours(None, hours(&[Weekday::Monday], 0, 24, 0));
        calendar.add_holiday(Some("sales".into()), Holiday::new(day, day, Zone::new(&TimeZone::UTC), "Carnival".into()));
        assert_eq!(working(&calendar, Some("sales"), "2026-03-02T09:00:00Z"), Value::Bool(false));
        assert_eq!(working(&calendar, None, "2026-03-02T09:00:00Z"), Value::Bool(true));
        let after = calendar.answer(Some("sales"), at("2026-03-03T00:00:00Z"));
        assert_eq!(after.value("holiday", &mut Row::new(0)), Value::Bool(false));
    }

    #[test]
    fn times_outside_the_calendar_do_no_harm() {
        let mut calendar = Calendar::default();
        calendar.add_hours(None, hours(&[Weekday::Monday], 8, 18, 1));
        for now in [Time(i64::MAX), Time(i64::MIN), Time(0)] {
            assert_eq!(calendar.answer(None, now).value("holiday", &mut Row::new(0)), Value::Bool(false));
        }
    }
}
