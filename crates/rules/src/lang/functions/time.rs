//! Instants and spans: reading them, and their parts in UTC or at a fixed offset. Named time zones are not
//! supported, because their rules change and a decision must not.

use super::Args;
use super::arithmetic::{SPANS, TIMES};
use crate::lang::val::Val;
use adjutant_model::{Duration, Time};
use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::Offset;

fn time_val(micros: Option<i64>) -> Val<'static> {
    micros.filter(|micros| TIMES.contains(micros)).map_or(Val::ERROR, |micros| Val::Time(Time(micros)))
}

/// RFC 3339: a date, a time and a zone. Digits beyond microseconds are dropped.
fn rfc3339(text: &str) -> Option<i64> {
    let separated = text.as_bytes().get(10).is_some_and(|b| matches!(b, b'T' | b't' | b' '));
    let plain = text.as_bytes().get(4) == Some(&b'-') && text.get(..10)?.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let (local, offset) = match text.strip_suffix(['Z', 'z']) {
        Some(local) => (local, Offset::UTC),
        None => {
            let at = text.get(10..)?.rfind(['+', '-'])?.checked_add(10)?;
            (text.get(..at)?, offset(text.get(at..)?)?)
        }
    };
    let local: DateTime = local.parse().ok().filter(|_| separated && plain && local.len() >= 19)?;
    micros_of(local)?.checked_sub(i64::from(offset.seconds()).checked_mul(1_000_000)?)
}

/// Microseconds since 1970 of a date and time in UTC.
fn micros_of(local: DateTime) -> Option<i64> {
    i64::try_from(local.duration_since(jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0)).as_nanos().div_euclid(1000)).ok()
}

/// The date and time in UTC of microseconds since 1970.
fn datetime_of(micros: i64) -> Option<DateTime> {
    jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0).checked_add(SignedDuration::from_micros(micros)).ok()
}

pub(super) fn timestamp<'a>([value, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    match value {
        Val::Time(time) => Val::Time(time),
        Val::Int(seconds) => time_val(seconds.checked_mul(1_000_000)),
        Val::Text(text) => time_val(rfc3339(&text)),
        _ => Val::ERROR,
    }
}

/// The instant that `value` means: RFC 3339 text, or seconds, milli-, micro- or nanoseconds since 1970 by their size.
pub fn time_of(value: &Val<'_>) -> Option<Time> {
    let micros = match value {
        Val::Time(time) => return Some(*time),
        Val::Text(text) => rfc3339(text.trim()).or_else(|| epoch_text(text.trim())),
        Val::Int(number) => epoch(*number),
        Val::Uint(number) => i64::try_from(*number).ok().and_then(epoch),
        Val::Double(number) => epoch_double(*number),
        _ => None,
    };
    micros.filter(|micros| TIMES.contains(micros)).map(Time)
}

fn epoch_text(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().and_then(epoch).or_else(|| epoch_double(text.parse().ok().filter(|_| text.contains('.'))?))
}

/// Seconds until the year 5138, milliseconds, microseconds or nanoseconds beyond.
fn epoch(number: i64) -> Option<i64> {
    match number.unsigned_abs() {
        0..100_000_000_000 => number.checked_mul(1_000_000),
        100_000_000_000..100_000_000_000_000 => number.checked_mul(1_000),
        100_000_000_000_000..100_000_000_000_000_000 => Some(number),
        _ => Some(number.div_euclid(1_000)),
    }
}

fn epoch_double(number: f64) -> Option<i64> {
    let seconds = match number.abs() {
        size if size < 1e11 => number,
        size if size < 1e14 => number / 1e3,
        size if size < 1e17 => number / 1e6,
        _ => return None,
    };
    // Rounded to milliseconds: a double of today's seconds is no more exact than that.
    Some(((seconds * 1e3).round() as i64).saturating_mul(1_000))
}

pub(super) fn time<'a>([value, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    time_of(&value).map_or(Val::ERROR, Val::Time)
}

/// `time(text, format)` with strftime's letters; without a zone it is UTC.
pub(super) fn time_by_format<'a>([text, format, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    let (Val::Text(text), Val::Text(format)) = (text, format) else { return Val::ERROR };
    let Ok(parts) = jiff::fmt::strtime::parse(format.as_ref(), text.as_ref()) else { return Val::ERROR };
    // An epoch (`%s`) is an instant already; a date and time is one in the zone that stands beside it.
    if let Some(stamp) = parts.timestamp() {
        return time_val(Some(stamp.as_microsecond()));
    }
    let local = parts.to_datetime().ok().and_then(micros_of);
    let offset = i64::from(parts.offset().map_or(0, Offset::seconds)).saturating_mul(1_000_000);
    time_val(local.and_then(|micros| micros.checked_sub(offset)))
}

/// `1h30m`, `-1.5s`, `250ms`, and days as `7d`.
fn span(text: &str) -> Option<i64> {
    const UNITS: [(&str, i128); 7] = [
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
    ];
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut nanos = 0_i128;
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    while !rest.is_empty() && rest != "0" {
        let len = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at_checked(len)?;
        let (name, size) = UNITS.iter().find(|(name, _)| unit.starts_with(name))?;
        nanos = nanos.checked_add(decimal(number, *size)?)?;
        rest = unit.strip_prefix(name)?;
    }
    let micros = i64::try_from(if negative { -nanos } else { nanos } / 1000).ok()?;
    SPANS.contains(&micros).then_some(micros)
}

/// `number`, which may have a fraction, times `size`.
fn decimal(number: &str, size: i128) -> Option<i128> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && part.is_empty() || whole.len() > 20 || part.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part = part.get(..part.len().min(12))?;
    let scale = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let part: i128 = if part.is_empty() { 0 } else { part.parse().ok()? };
    whole.checked_mul(size)?.checked_add(part.checked_mul(size)? / scale)
}

pub(super) fn duration<'a>([value, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    match value {
        Val::Duration(span) => Val::Duration(span),
        Val::Text(text) => span(&text).map_or(Val::ERROR, |micros| Val::Duration(Duration(micros))),
        _ => Val::ERROR,
    }
}

/// `UTC`, `+01:00`, `-5:30`, `02:00`.
fn offset(zone: &str) -> Option<Offset> {
    if matches!(zone, "UTC" | "Z" | "GMT") {
        return Some(Offset::UTC);
    }
    let (negative, rest) = match zone.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, zone.strip_prefix('+').unwrap_or(zone)),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i32>().ok()).flatten();
    let seconds = digits(hours).filter(|h| *h < 24)? * 3600 + digits(minutes).filter(|m| *m < 60)? * 60;
    Offset::from_seconds(if negative { -seconds } else { seconds }).ok()
}

/// The local date and time of an instant in the zone that the second argument names.
fn local(time: &Val<'_>, zone: &Val<'_>) -> Option<DateTime> {
    let Val::Time(time) = time else { return None };
    let offset = match zone {
        Val::Text(zone) => offset(zone)?,
        _ => Offset::UTC,
    };
    datetime_of(time.0.checked_add(i64::from(offset.seconds()).checked_mul(1_000_000)?)?)
}

fn part<'a>([time, zone, ..]: Args<'a>, of: impl Fn(DateTime) -> i64) -> Val<'a> {
    local(&time, &zone).map_or(Val::ERROR, |local| Val::Int(of(local)))
}

/// A part of an instant's time of day, or a whole duration in that unit.
fn clock<'a>(args: Args<'a>, unit: i64, of: impl Fn(DateTime) -> i64) -> Val<'a> {
    match &args {
        [Val::Duration(span), ..] => Val::Int(span.0 / unit),
        _ => part(args, of),
    }
}

pub(super) fn full_year<'a>(args: Args<'a>, _: &mut u32) -> Val<'a> {
    part(args, |local| local.year().into())
}
pub(super) fn month<'a>(args: Args<'a>, _: &mut u32) -> Val<'a> {
    part(args, |local| i64::from(local.month()) - 1)
}
pub(super) fn date<'a>(args: Args<'a>, _: &mut u32) -> Val<'a> {
    part(args, |local| local.day().into())
}
pub(super) fn day_of_month<'a>(args: Args<'a>, _: &mut u32) -> Val<'a> {
    part(args, |local| i64::from(local.day()) - 1)
}
pub(super) fn day_of_week<'a>(args: Args<'a>, _: &mut u32) -> Val<'a> {
    part(args, |local| local.weekday().to_sunday_zero_offset().into())
}
pub(super) fn day_of_year<'a>(args: Args<'a>, _: &mut u32) -> Val<'a> {
    part(args, |local| i64::from(local.day_of_year()) - 1)
}
pub(super) fn hours<'a>(args: Args<'a>, _: &mut u32) -> Val<'a> {
    clock(args, 3_600_000_000, |local| local.hour().into())
}
pub(super) fn minutes<'a>(args: Args<'a>, _: &mut u32) -> Val<'a> {
    clock(args, 60_000_000, |local| local.minute().into())
}
pub(super) fn seconds<'a>(args: Args<'a>, _: &mut u32) -> Val<'a> {
    clock(args, 1_000_000, |local| local.second().into())
}

/// Of a duration, CEL means the milliseconds beyond its whole seconds.
pub(super) fn milliseconds<'a>(args: Args<'a>, _: &mut u32) -> Val<'a> {
    match &args {
        [Val::Duration(span), ..] => Val::Int(span.0 / 1_000 % 1_000),
        _ => part(args, |local| local.millisecond().into()),
    }
}
