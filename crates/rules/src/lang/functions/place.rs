//! What triage needs and CEL has not: distances, speeds, edit distance, domains.

use super::Args;
use crate::globe::distance;
use crate::lang::val::Val;
use adjutant_model::{Distance, Speed};
use std::borrow::Cow;

/// Longer texts are not compared letter by letter.
const EDIT_CHARS_MAX: usize = 256;

/// How many letters must be added, removed, changed or swapped to make `a` of `b`; `None` for long texts.
pub fn edit_distance(a: &str, b: &str) -> Option<usize> {
    let short = |text: &str| text.chars().nth(EDIT_CHARS_MAX).is_none();
    (short(a) && short(b)).then(|| strsim::osa_distance(a, b))
}

/// The part of a domain that somebody registered: `example.co.uk` of `www.example.co.uk`.
pub fn registered_domain(domain: &str) -> Option<&str> {
    let domain = domain.trim_end_matches('.');
    // The list has letters in lower case only; what is returned keeps the spelling.
    let found = match domain.bytes().any(|b| b.is_ascii_uppercase()) {
        true => psl::domain_str(&domain.to_ascii_lowercase())?.len(),
        false => psl::domain_str(domain)?.len(),
    };
    domain.get(domain.len().checked_sub(found)?..)
}

fn whole<'a>([number, ..]: Args<'a>, make: impl Fn(i64) -> Option<Val<'a>>) -> Val<'a> {
    match number {
        Val::Int(number) => make(number).unwrap_or(Val::ERROR),
        _ => Val::ERROR,
    }
}

pub(super) fn km<'a>(args: Args<'a>, _: &mut u32) -> Val<'a> {
    whole(args, |km| km.checked_mul(1000).map(|metres| Val::Distance(Distance(metres))))
}

pub(super) fn m<'a>(args: Args<'a>, _: &mut u32) -> Val<'a> {
    whole(args, |metres| Some(Val::Distance(Distance(metres))))
}

pub(super) fn kmh<'a>(args: Args<'a>, _: &mut u32) -> Val<'a> {
    whole(args, |kmh| kmh.checked_mul(1000).map(|speed| Val::Speed(Speed(speed))))
}

pub(super) fn distance_between<'a>([a, b, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    match (a, b) {
        (Val::Geo(a), Val::Geo(b)) => Val::Distance(distance(a, b)),
        _ => Val::ERROR,
    }
}

pub(super) fn speed_between<'a>([a, b, span, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    match (a, b, span) {
        (Val::Geo(a), Val::Geo(b), Val::Duration(span)) => Val::Speed(distance(a, b).over(span)),
        _ => Val::ERROR,
    }
}

pub(super) fn edits<'a>([a, b, ..]: Args<'a>, visits: &mut u32) -> Val<'a> {
    let (Val::Text(a), Val::Text(b)) = (a, b) else { return Val::ERROR };
    *visits = visits.saturating_sub(u32::try_from(a.len().min(EDIT_CHARS_MAX)).unwrap_or(u32::MAX));
    edit_distance(&a, &b).and_then(|edits| i64::try_from(edits).ok()).map_or(Val::ERROR, Val::Int)
}

/// Applies `find` to a text that is short enough to be a name or an address.
fn named<'a>(text: Val<'a>, find: impl Fn(&str) -> Option<&str>) -> Val<'a> {
    match text {
        Val::Text(text) if text.len() > 8192 => Val::ERROR,
        Val::Text(Cow::Borrowed(text)) => find(text).map_or(Val::ERROR, Val::text),
        Val::Text(Cow::Owned(text)) => find(&text).map_or(Val::ERROR, |part| Val::Text(Cow::Owned(part.to_owned()))),
        _ => Val::ERROR,
    }
}

pub(super) fn registered<'a>([text, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    named(text, registered_domain)
}

/// The domain of a URL or a mail address; a text that is neither is a domain itself.
pub(super) fn domain_of<'a>([text, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    named(text, |text| {
        let text = text.trim();
        let authority = match text.split_once("://") {
            Some((_, rest)) => rest.split(['/', '?', '#', '\\']).next()?,
            None => text,
        };
        let host = authority.rsplit('@').next()?.trim_end_matches('>');
        let host = match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next()?,
            None => host.split(':').next()?,
        };
        let host = host.trim_end_matches('.');
        (!host.is_empty() && !host.contains([' ', '/'])).then_some(host)
    })
}

/// What stands before the `@` of a mail address or login name.
pub(super) fn local_part<'a>([text, ..]: Args<'a>, _: &mut u32) -> Val<'a> {
    named(text, |text| {
        let inside = text.rsplit_once('<').map_or(text, |(_, inside)| inside);
        inside.trim().rsplit_once('@').map(|(local, _)| local).filter(|local| !local.is_empty())
    })
}
