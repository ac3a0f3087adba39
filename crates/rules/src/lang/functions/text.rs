//! Functions of text: CEL's own and those of its `strings` extension. Places count characters, not bytes.

use super::{Args, TEXT_MADE_BYTES_MAX, spend};
use crate::lang::collection::List;
use crate::lang::val::Val;
use std::borrow::Cow;
use std::ops::Range;

fn owned(text: String) -> Val<'static> {
    if text.len() > TEXT_MADE_BYTES_MAX { Val::ERROR } else { Val::Text(Cow::Owned(text)) }
}

fn int(number: usize) -> Val<'static> {
    i64::try_from(number).map_or(Val::ERROR, Val::Int)
}

/// The bytes `range` of `text`, without a copy where the text is borrowed.
pub(in crate::lang) fn cut(text: Cow<'_, str>, range: Range<usize>) -> Val<'_> {
    match text {
        Cow::Borrowed(text) => text.get(range).map_or(Val::ERROR, Val::text),
        Cow::Owned(text) => text.get(range).map_or(Val::ERROR, |part| Val::Text(Cow::Owned(part.to_owned()))),
    }
}

/// The byte where the character number `place` begins; the end of the text is a place too.
fn byte_of(text: &str, place: i64) -> Option<usize> {
    let place = usize::try_from(place).ok()?;
    text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(place)
}

pub(super) fn size<'a>([value, ..]: Args<'a>, visits: &mut u32) -> Val<'a> {
    match value {
        Val::Text(text) => {
            spend(visits, text.len());
            int(text.chars().count())
        }
        Val::List(list) => int(list.len()),
        Val::Map(map) => int(map.len()),
        _ => Val::ERROR,
    }
}

/// Applies `test` to two texts.
fn pair<'a>([a, b, ..]: Args<'a>, visits: &mut u32, test: impl Fn(&str, &str) -> bool) -> Val<'a> {
    match (a, b) {
        (Val::Text(a), Val::Text(b)) => {
            spend(visits, a.len());
            Val::Bool(test(&a, &b))
        }
        _ => Val::ERROR,
    }
}

pub(super) fn contains<'a>(args: Args<'a>, visits: &mut u32) -> Val<'a> {
    pair(args, visits, |text, part| text.contains(part))
}

pub(super) fn starts_with<'a>(args: Args<'a>, visits: &mut u32) -> Val<'a> {
    pair(args, visits, |text, part| text.starts_with(part))
}

pub(super) fn ends_with<'a>(args: Args<'a>, visits: &mut u32) -> Val<'a> {
    pair(args, visits, |text, part| text.ends_with(part))
}

/// Changes a text's letters, unless there is nothing to change.
fn changed<'a>(value: Val<'a>, visits: &mut u32, same: impl Fn(char) -> bool, change: impl Fn(&str) -> String) -> Val<'a> {
    match value {
        Val::Text(text) => {
            spend(visits, text.len());
            if text.chars().all(same) { Val::Text(text) } else { owned(change(&text)) }
        }
        _ => Val::ERROR,
    }
}

pub(super) fn lower<'a>([text, ..]: Args<'a>, visits: &mut u32) -> Val<'a> {
    changed(text, visits, |c| c.is_ascii() && !c.is_ascii_uppercase(), str::to_lowercase)
}

pub(super) fn upper<'a>([text, ..]: Args<'a>, visits: &mut u32) -> Val<'a> {
    changed(text, visits, |c| c.is_ascii() && !c.is_ascii_lowercase(), str::to_uppercase)
}

pub(super) fn lower_ascii<'a>([text, ..]: Args<'a>, visits: &mut u32) -> Val<'a> {
    changed(text, visits, |c| !c.is_ascii_uppercase(), str::to_ascii_lowercase)
}

pub(super) fn upper_ascii<'a>([text, ..]: Args<'a>, visits: &mut u32) -> Val<'a> {
    changed(text, visits, |c| !c.is_ascii_lowercase(), str::to_ascii_uppercase)
}

pub(super) fn trim<'a>([text, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    let Val::Text(text) = text else { return Val::ERROR };
    let start = text.len() - text.trim_start().len();
    let end = text.trim_end().len().max(start);
    cut(text, start..end)
}

pub(super) fn reverse<'a>([text, ..]: Args<'a>, visits: &mut u32) -> Val<'a> {
    let Val::Text(text) = text else { return Val::ERROR };
    spend(visits, text.len());
    owned(text.chars().rev().collect())
}

pub(super) fn char_at<'a>([text, place, ..]: Args<'a>, visits: &mut u32) -> Val<'a> {
    let (Val::Text(text), Val::Int(place)) = (text, place) else { return Val::ERROR };
    spend(visits, text.len());
    let Some(start) = byte_of(&text, place) else { return Val::ERROR };
    let len = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    cut(text, start..start + len)
}

/// The character's place of a byte's place; −1 for nothing found.
fn place_of(text: &str, found: Option<usize>) -> Val<'static> {
    match found.and_then(|at| text.get(..at)) {
        Some(before) => int(before.chars().count()),
        None => Val::Int(-1),
    }
}

pub(super) fn index_of<'a>([text, part, from, ..]: Args<'a>, visits: &mut u32) -> Val<'a> {
    let (Val::Text(text), Val::Text(part)) = (text, part) else { return Val::ERROR };
    spend(visits, text.len());
    let from = match from {
        Val::Int(from) => byte_of(&text, from),
        _ => Some(0),
    };
    let Some(from) = from else { return Val::ERROR };
    let found = text.get(from..).and_then(|rest| rest.find(part.as_ref())).map(|at| at + from);
    place_of(&text, found)
}

pub(super) fn last_index_of<'a>([text, part, until, ..]: Args<'a>, visits: &mut u32) -> Val<'a> {
    let (Val::Text(text), Val::Text(part)) = (text, part) else { return Val::ERROR };
    spend(visits, text.len());
    let until = match until {
        Val::Int(until) => byte_of(&text, until),
        _ => Some(text.len()),
    };
    let Some(until) = until else { return Val::ERROR };
    // A match may begin at `until` at the latest, wherever it ends.
    let end = text.floor_char_boundary(until.saturating_add(part.len()).min(text.len()));
    let found = text.get(..end).and_then(|before| before.rfind(part.as_ref()));
    place_of(&text, found.filter(|at| *at <= until))
}

pub(super) fn substring<'a>([text, start, end, ..]: Args<'a>, visits: &mut u32) -> Val<'a> {
    let (Val::Text(text), Val::Int(start)) = (text, start) else { return Val::ERROR };
    spend(visits, text.len());
    let start = byte_of(&text, start);
    let end = match end {
        Val::Int(end) => byte_of(&text, end),
        _ => Some(text.len()),
    };
    match (start, end) {
        (Some(start), Some(end)) if start <= end => cut(text, start..end),
        _ => Val::ERROR,
    }
}

pub(super) fn replace<'a>([text, old, new, limit]: Args<'a>, visits: &mut u32) -> Val<'a> {
    let (Val::Text(text), Val::Text(old), Val::Text(new)) = (text, old, new) else { return Val::ERROR };
    spend(visits, text.len());
    let limit = match limit {
        Val::Int(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    let count = text.matches(old.as_ref()).take(limit).count();
    if count == 0 {
        return Val::Text(text);
    }
    let added = count.saturating_mul(new.len());
    spend(visits, added);
    if added.saturating_add(text.len()) > TEXT_MADE_BYTES_MAX {
        return Val::ERROR;
    }
    owned(text.replacen(old.as_ref(), &new, limit))
}

pub(super) fn split<'a>([text, separator, limit, ..]: Args<'a>, visits: &mut u32) -> Val<'a> {
    let (Val::Text(text), Val::Text(separator)) = (text, separator) else { return Val::ERROR };
    spend(visits, text.len());
    let limit = match limit {
        Val::Int(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    let most = (*visits as usize).min(limit);
    // An empty separator cuts between characters; Rust would add two empty ends.
    let parts: Vec<Range<usize>> = if separator.is_empty() {
        characters(&text, most)
    } else {
        let mut at = 0;
        let ranges = text.splitn(most, separator.as_ref()).map(|part| {
            let range = at..at + part.len();
            at = range.end + separator.len();
            range
        });
        ranges.collect()
    };
    *visits = visits.saturating_sub(u32::try_from(parts.len()).unwrap_or(u32::MAX));
    if *visits == 0 {
        return Val::ERROR;
    }
    let part = |range| match &text {
        Cow::Borrowed(text) => cut(Cow::Borrowed(text), range),
        Cow::Owned(text) => owned(text.get(range).unwrap_or("").to_owned()),
    };
    Val::List(List::of(parts.into_iter().map(part).collect()))
}

fn characters(text: &str, most: usize) -> Vec<Range<usize>> {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).take(most).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

pub(super) fn join<'a>([list, separator, ..]: Args<'a>, visits: &mut u32) -> Val<'a> {
    let Val::List(list) = list else { return Val::ERROR };
    let separator = match separator {
        Val::Text(separator) => separator,
        _ => Cow::Borrowed(""),
    };
    let mut made = String::new();
    for (place, item) in list.iter().enumerate() {
        let Val::Text(item) = item else { return Val::ERROR };
        if place > 0 {
            made.push_str(&separator);
        }
        made.push_str(&item);
        *visits = visits.saturating_sub(1);
        if made.len() > TEXT_MADE_BYTES_MAX || *visits == 0 {
            return Val::ERROR;
        }
    }
    spend(visits, made.len());
    owned(made)
}
