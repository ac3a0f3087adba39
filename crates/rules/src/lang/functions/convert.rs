//! CEL's conversions between types. What does not convert is unknown, never zero or empty.

use super::Args;
use crate::lang::val::Val;
use std::borrow::Cow;

pub(super) fn same<'a>([value, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    value
}

pub(super) fn bool<'a>([value, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    match value {
        Val::Bool(value) => Val::Bool(value),
        Val::Text(text) => match text.as_ref() {
            "true" | "True" | "TRUE" | "t" | "1" => Val::Bool(true),
            "false" | "False" | "FALSE" | "f" | "0" => Val::Bool(false),
            _ => Val::ERROR,
        },
        _ => Val::ERROR,
    }
}

pub(super) fn int<'a>([value, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    let number = match value {
        Val::Int(number) => Some(number),
        Val::Uint(number) => i64::try_from(number).ok(),
        // The doubles at the ends are refused: they stand for numbers beyond them too.
        Val::Double(number) if number > -9_223_372_036_854_775_808.0 && number < 9_223_372_036_854_775_808.0 => {
            Some(number as i64)
        }
        Val::Text(text) => text.parse().ok().filter(|_| is_number(&text)),
        Val::Time(time) => Some(time.secs()),
        _ => None,
    };
    number.map_or(Val::ERROR, Val::Int)
}

pub(super) fn uint<'a>([value, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    let number = match value {
        Val::Int(number) => u64::try_from(number).ok(),
        Val::Uint(number) => Some(number),
        Val::Double(number) if (0.0..18_446_744_073_709_551_616.0).contains(&number) => Some(number as u64),
        Val::Text(text) => text.parse().ok().filter(|_| is_number(&text)),
        _ => None,
    };
    number.map_or(Val::ERROR, Val::Uint)
}

pub(super) fn double<'a>([value, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    let number = match value {
        Val::Int(number) => Some(number as f64),
        Val::Uint(number) => Some(number as f64),
        Val::Double(number) => Some(number),
        Val::Text(text) => text.parse().ok(),
        _ => None,
    };
    number.map_or(Val::ERROR, Val::Double)
}

pub(super) fn string<'a>([value, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    match value {
        Val::Text(text) => Val::Text(text),
        Val::Duration(span) => Val::Text(Cow::Owned(seconds(span.0))),
        Val::Distance(distance) => Val::Text(Cow::Owned(format!("{} m", distance.0))),
        Val::Null | Val::List(_) | Val::Map(_) | Val::Geo(_) => Val::ERROR,
        Val::Level(index, levels) => Val::text(levels.name_of(index)),
        other => Val::Text(Cow::Owned(other.to_string())),
    }
}

/// CEL's text of a duration: seconds with as many decimals as are needed.
fn seconds(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let (whole, part) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    match part {
        0 => format!("{sign}{whole}s"),
        part => format!("{sign}{whole}.{}s", format!("{part:06}").trim_end_matches('0')),
    }
}

/// Rust reads `+1` as a number, CEL does not.
fn is_number(text: &str) -> bool {
    !text.starts_with('+')
}
