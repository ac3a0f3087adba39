//! Answers about instants: working hours of a unit, holidays, change freezes.
//!
//! The rules of a unit stand before the rules for everybody (`*`) of the same kind. Where nothing says when a unit
//! works, its working hours are unknown: nobody is assumed to work from nine to five.

use adjutant_model::{Row, Time, Value, Why};
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
    pub zone: TimeZone,
}

/// Days on which a unit does not work.
#[derive(Clone, Debug)]
pub struct Holiday {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub until: Date,
    /// Where they are days.
    pub zone: TimeZone,
    /// What people call it.
    pub name: String,
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

/// What a calendar says of one instant.
struct Answer<'c> {
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

    /// What `column` is for `unit` at `now`.
    pub(super) fn value(&self, column: &str, unit: Option<&str>, now: Time, row: &mut Row) -> Value {
        let Ok(stamp) = jiff::Timestamp::from_microsecond(now.0) else { return Value::Unknown(Why::NotStated) };
        let answer = self.answer(unit, now, stamp);
        let name = answer.freeze.map(|freeze| &freeze.name).or(answer.holiday.map(|holiday| &holiday.name));
        match column {
            "working_hours" => answer.working.map_or(Value::Unknown(Why::NotFound), Value::Bool),
            "holiday" => Value::Bool(answer.holiday.is_some()),
            "freeze" => Value::Bool(answer.freeze.is_some()),
            _ => name.map_or(Value::Unknown(Why::NotStated), |name| row.push_text(name)),
        }
    }

    fn answer(&self, unit: Option<&str>, now: Time, stamp: jiff::Timestamp) -> Answer<'_> {
        let holiday = rules(&self.holidays, unit).find(|holiday| {
            let today = holiday.zone.to_datetime(stamp).date();
            holiday.from <= today && today <= holiday.until
        });
        let freeze = rules(&self.freezes, unit).find(|freeze| freeze.from <= now && now < freeze.until);
        let own = self.hours.iter().any(|rule| rule.unit.is_some() && rule.unit.as_deref() == unit);
        let mut hours =
            self.hours.iter().filter(|rule| if own { rule.unit.as_deref() == unit } else { rule.unit.is_none() }).peekable();
        let known = hours.peek().is_some();
        let inside = hours.any(|rule| rule.rule.holds(stamp));
        Answer { working: known.then_some(inside && holiday.is_none()), holiday, freeze }
    }
}

/// The rules for `unit` and for everybody.
fn rules<'c, T>(rules: &'c [Rule<T>], unit: Option<&str>) -> impl Iterator<Item = &'c T> {
    rules.iter().filter(move |rule| rule.unit.is_none() || rule.unit.as_deref() == unit).map(|rule| &rule.rule)
}

impl Hours {
    fn holds(&self, stamp: jiff::Timestamp) -> bool {
        let local = self.zone.to_datetime(stamp);
        let minute =
            u16::try_from(i32::from(local.hour()).saturating_mul(60).saturating_add(i32::from(local.minute()))).unwrap_or(0);
        let works = |day: Weekday| self.days.contains(&day);
        let today = local.date().weekday();
        if self.from < self.until {
            return works(today) && (self.from..self.until).contains(&minute);
        }
        (works(today) && minute >= self.from) || (works(today.previous()) && minute < self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time(text.parse::<jiff::Timestamp>().expect(text).as_microsecond())
    }

    fn hours(days: &[Weekday], from: u16, until: u16, offset: i8) -> Hours {
        Hours { days: days.to_vec(), from: from * 60, until: until * 60, zone: TimeZone::fixed(jiff::tz::offset(offset)) }
    }

    fn working(calendar: &Calendar, unit: Option<&str>, text: &str) -> Value {
        calendar.value("working_hours", unit, at(text), &mut Row::new(0))
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
        calendar
            .add_holiday(Some("sales".into()), Holiday { from: day, until: day, zone: TimeZone::UTC, name: "Carnival".into() });
        assert_eq!(working(&calendar, Some("sales"), "2026-03-02T09:00:00Z"), Value::Bool(false));
        assert_eq!(working(&calendar, None, "2026-03-02T09:00:00Z"), Value::Bool(true));
        assert_eq!(calendar.value("holiday", Some("sales"), at("2026-03-03T00:00:00Z"), &mut Row::new(0)), Value::Bool(false));
    }

    #[test]
    fn times_outside_the_calendar_are_unknown() {
        let value = Calendar::default().value("holiday", None, Time(i64::MAX), &mut Row::new(0));
        assert_eq!(value, Value::Unknown(Why::NotStated));
    }
}
