//! `+ - * / %` as CEL has them: overflow and division by zero are errors, numbers of two types do not mix.

use super::{TEXT_MADE_BYTES_MAX, spend};
use crate::lang::collection::List;
use crate::lang::syntax::Binary;
use crate::lang::val::Val;
use adjutant_model::{Distance, Duration, Speed, Time, Why};
use std::borrow::Cow;

/// The instants of the calendar, 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999Z.
pub(in crate::lang) const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// CEL's durations, about 10,000 years either way.
pub(in crate::lang) const SPANS: std::ops::RangeInclusive<i64> = -315_576_000_000_000_000..=315_576_000_000_000_000;

/// `a op b`.
pub(in crate::lang) fn arithmetic<'a>(op: Binary, a: Val<'a>, b: Val<'a>, visits: &mut u32) -> Val<'a> {
    match (a, b) {
        (Val::Unknown(why), _) | (_, Val::Unknown(why)) => Val::Unknown(why),
        (Val::Int(a), Val::Int(b)) => int(op, a, b).map_or(Val::ERROR, Val::Int),
        (Val::Uint(a), Val::Uint(b)) => uint(op, a, b).map_or(Val::ERROR, Val::Uint),
        (Val::Double(a), Val::Double(b)) => double(op, a, b).map_or(Val::ERROR, Val::Double),
        (Val::Text(a), Val::Text(b)) if op == Binary::Add => join(a, &b, visits),
        (Val::List(a), Val::List(b)) if op == Binary::Add => append(&a, &b, visits),
        (a, b) => quantity(op, &a, &b),
    }
}

const fn int(op: Binary, a: i64, b: i64) -> Option<i64> {
    match op {
        Binary::Add => a.checked_add(b),
        Binary::Subtract => a.checked_sub(b),
        Binary::Multiply => a.checked_mul(b),
        Binary::Divide => a.checked_div(b),
        Binary::Modulo => a.checked_rem(b),
        Binary::Compare(_) | Binary::In => None,
    }
}

const fn uint(op: Binary, a: u64, b: u64) -> Option<u64> {
    match op {
        Binary::Add => a.checked_add(b),
        Binary::Subtract => a.checked_sub(b),
        Binary::Multiply => a.checked_mul(b),
        Binary::Divide => a.checked_div(b),
        Binary::Modulo => a.checked_rem(b),
        Binary::Compare(_) | Binary::In => None,
    }
}

fn double(op: Binary, a: f64, b: f64) -> Option<f64> {
    match op {
        Binary::Add => Some(a + b),
        Binary::Subtract => Some(a - b),
        Binary::Multiply => Some(a * b),
        Binary::Divide => Some(a / b),
        Binary::Modulo | Binary::Compare(_) | Binary::In => None,
    }
}

fn quantity(op: Binary, a: &Val<'_>, b: &Val<'_>) -> Val<'static> {
    let sum = |a: i64, b: i64| int(op, a, b).filter(|_| matches!(op, Binary::Add | Binary::Subtract));
    let span = |number: i64| Some(Val::Duration(Duration(number))).filter(|_| SPANS.contains(&number));
    let time = |number: i64| Some(Val::Time(Time(number))).filter(|_| TIMES.contains(&number));
    let found = match (a, b) {
        (Val::Time(a), Val::Time(b)) if op == Binary::Subtract => sum(a.0, b.0).and_then(span),
        (Val::Time(a), Val::Duration(b)) => sum(a.0, b.0).and_then(time),
        (Val::Duration(a), Val::Time(b)) if op == Binary::Add => sum(a.0, b.0).and_then(time),
        (Val::Duration(a), Val::Duration(b)) => sum(a.0, b.0).and_then(span),
        (Val::Distance(a), Val::Distance(b)) => sum(a.0, b.0).map(|metres| Val::Distance(Distance(metres))),
        (Val::Speed(a), Val::Speed(b)) => sum(a.0, b.0).map(|speed| Val::Speed(Speed(speed))),
        _ => None,
    };
    found.unwrap_or(Val::ERROR)
}

fn join<'a>(a: Cow<'a, str>, b: &str, visits: &mut u32) -> Val<'a> {
    let bytes = a.len().saturating_add(b.len());
    spend(visits, bytes);
    if bytes > TEXT_MADE_BYTES_MAX || *visits == 0 {
        return Val::ERROR;
    }
    let mut text = a.into_owned();
    text.push_str(b);
    Val::Text(Cow::Owned(text))
}

fn append<'a>(a: &List<'a>, b: &List<'a>, visits: &mut u32) -> Val<'a> {
    *visits = visits.saturating_sub(u32::try_from(a.len().saturating_add(b.len())).unwrap_or(u32::MAX));
    if *visits == 0 { Val::Unknown(Why::Error) } else { Val::List(List::of(a.iter().chain(b.iter()).collect())) }
}
