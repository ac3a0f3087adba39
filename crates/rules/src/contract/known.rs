//! Values that a table or a contract writes as text, read as a fact's type.
//!
//! Reading is strict where a mistake would decide something (a level that does not exist, a number with a unit)
//! and lenient in spelling (`Yes`, `TRUE`, `1`). What cannot be read is nothing, never a default.

use adjutant_model::{Duration, Geo, Time, Type, value::Addr};

/// A value on its own, outside of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An instant.
    Time(Time),
    /// A span of time.
    Duration(Duration),
    /// A place.
    Geo(Geo),
    /// The index of a level.
    Level(u8),
    /// An address.
    Addr(Addr),
    /// Text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
}

impl Known {
    /// Reads `text` as `ty`; distances and speeds are computed, so no table provides them.
    pub fn read(ty: &Type, text: &str) -> Option<Known> {
        let text = text.trim();
        match ty {
            Type::Bool => yes_or_no(text).map(Known::Bool),
            Type::Int => text.parse().ok().map(Known::Int),
            Type::Time => time(text).map(Known::Time),
            Type::Duration => duration(text).map(Known::Duration),
            Type::Geo => place(text).map(Known::Geo),
            Type::Addr => Addr::parse(text).map(Known::Addr),
            Type::Text => (!text.is_empty()).then(|| Known::Text(text.into())),
            Type::Texts => Some(Known::Texts(split(text, ';'))),
            Type::Level(levels) => levels.index_of(text).map(Known::Level),
            Type::Distance | Type::Speed => None,
        }
    }
}

/// The parts of `text` between `separator`, without white space around them and without empty ones.
pub fn split(text: &str, separator: char) -> Vec<String> {
    text.split(separator).map(str::trim).filter(|part| !part.is_empty()).map(String::from).collect()
}

/// Whether `text` is what tables write where they say nothing.
pub fn says_nothing(text: &str) -> bool {
    const NOTHING: [&str; 7] = ["", "-", "n/a", "null", "none", "nil", "unknown"];
    let text = text.trim();
    NOTHING.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn yes_or_no(text: &str) -> Option<bool> {
    const YES: [&str; 6] = ["true", "yes", "y", "1", "on", "t"];
    const NO: [&str; 6] = ["false", "no", "n", "0", "off", "f"];
    let is = |words: [&str; 6]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(YES) { Some(true) } else { is(NO).then_some(false) }
}

/// Reads an instant: RFC 3339, a date (its first instant, in UTC), a date and time without zone (UTC), or Unix time in
/// seconds, milliseconds or microseconds by its size.
pub fn time(text: &str) -> Option<Time> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return Some(match number.unsigned_abs() {
            0..100_000_000_000 => Time::from_secs(number),
            100_000_000_000..100_000_000_000_000 => Time::from_millis(number),
            _ => Time(number),
        });
    }
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Some(Time(stamp.as_microsecond()));
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Time(zoned.timestamp().as_microsecond()))
}

/// Reads a span of time: `90s`, `15m`, `36h`, `7d`, `2w`, and sums such as `1d12h`.
pub fn duration(text: &str) -> Option<Duration> {
    let mut total: i64 = 0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(digits)?;
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(end)?;
        let seconds: i64 = match unit.trim() {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(seconds)?)?;
        rest = next;
    }
    (total > 0).then(|| Duration::from_secs(total))
}

/// Reads a share in thousandths: `5%`, `0.5%`, `2.25 %` (rounded down).
pub fn share(text: &str) -> Option<u32> {
    let number = text.trim().strip_suffix('%')?.trim_end();
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return None;
    }
    let tenths = part.chars().next()?.to_digit(10)?;
    whole.parse::<u32>().ok()?.checked_mul(10)?.checked_add(tenths)
}

fn place(text: &str) -> Option<Geo> {
    let (lat, lon) = text.split_once(',')?;
    Geo::from_degrees(lat.trim().parse().ok()?, lon.trim().parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_shares_are_read_with_their_units() {
        assert_eq!(duration("36h"), Some(Duration::from_hours(36)));
        assert_eq!(duration("1d12h"), Some(Duration::from_hours(36)));
        for text in ["", "5", "5 fortnights", "-1d", "0s", "99999999999999999999d", "9999999999999999w"] {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!((share("5%"), share("0.5 %"), share("100%")), (Some(50), Some(5), Some(1000)));
        assert_eq!((share("5"), share("-1%"), share("%"), share("x%")), (None, None, None, None));
    }

    #[test]
    fn instants_are_read_as_tables_write_them() {
        let expected = Some(Time::from_secs(1_772_323_200));
        for text in ["2026-03-01", "2026-03-01T00:00:00Z", "2026-03-01 00:00:00", "1772323200", "1772323200000"] {
            assert_eq!(time(text), expected, "{text}");
        }
        assert_eq!(time("1 March"), None);
    }

    #[test]
    fn a_level_that_does_not_exist_is_nothing() {
        let ty = super::super::levels("criticality", &["low".into(), "high".into()], true);
        assert_eq!(Known::read(&ty, " HIGH "), Some(Known::Level(1)));
        assert_eq!(Known::read(&ty, "urgent"), None);
        assert_eq!(Known::read(&Type::Bool, "perhaps"), None);
        assert_eq!(Known::read(&Type::Int, "5 km"), None);
        assert_eq!(Known::read(&Type::Geo, "NaN,1"), None);
    }
}
