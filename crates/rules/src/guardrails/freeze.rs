//! Change freezes: times in which nothing, or only some of it, is done without people.

use super::Reader;
use crate::book::Files;
use crate::contract::known;
use crate::diagnostic::{Diagnostic, Located};
use adjutant_model::Time;
use serde::Deserialize;

const FILE: &str = "guardrails/freezes.yaml";

/// Seconds of a week.
const WEEK: i64 = 7 * 86_400;

/// The days, as they are written.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A time in which nothing is done without people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Its name.
    pub name: String,
    /// When.
    pub when: When,
    /// Which verbs; empty: all.
    pub verbs: Vec<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
}

/// When a freeze is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// From the first instant up to but without the second.
    Once(Time, Time),
    /// Every week from the first second of the week up to but without the second, in UTC; second 0 is Monday 00:00.
    Weekly(i64, i64),
}

impl When {
    /// Whether it is so at `now`.
    pub const fn holds(self, now: Time) -> bool {
        match self {
            When::Once(from, until) => from.0 <= now.0 && now.0 < until.0,
            When::Weekly(from, until) => {
                // 1970-01-01 was a Thursday, three days after a Monday.
                let second = (now.secs() + 3 * 86_400).rem_euclid(WEEK);
                if from < until { from <= second && second < until } else { from <= second || second < until }
            }
        }
    }
}

impl Freeze {
    /// Whether it stops `verb` at `now`.
    pub fn stops(&self, verb: &str, now: Time) -> bool {
        (self.verbs.is_empty() || self.verbs.iter().any(|frozen| frozen == verb)) && self.when.holds(now)
    }
}

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    freezes: Vec<WrittenFreeze>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFreeze {
    name: Located<String>,
    from: Option<Located<String>>,
    until: Option<Located<String>>,
    weekly: Option<Located<String>>,
    #[serde(default)]
    verbs: Vec<Located<String>>,
    owner: Option<Located<String>>,
    reason: Option<Located<String>>,
}

/// Reads the file; absent is no freeze.
pub(super) fn load(files: &Files, faults: &mut Vec<Diagnostic>) -> Vec<Freeze> {
    let Some(written) = super::written::<Written>(FILE, files, faults) else { return Vec::new() };
    let mut reader = Reader { file: FILE, code: "freezes", faults };
    written.freezes.into_iter().filter_map(|freeze| read(freeze, &mut reader)).collect()
}

fn read(written: WrittenFreeze, reader: &mut Reader<'_>) -> Option<Freeze> {
    let at = written.name.span;
    let owner = reader.said(written.owner, "owner", at);
    let reason = reader.said(written.reason, "reason", at);
    let verbs = written.verbs.iter().filter_map(|verb| reader.verb(verb, verb.span)).map(str::to_owned).collect();
    let when = match (written.from, written.until, written.weekly) {
        (Some(from), Some(until), None) => once(&from, &until, reader),
        (None, None, Some(text)) => weekly(&text, reader),
        _ => {
            let help = "write either `from:` and `until:`, or `weekly:`";
            reader.fault(at, format!("`{}` does not say when", written.name.value), help);
            None
        }
    }?;
    Some(Freeze { name: written.name.value, when, verbs, owner, reason })
}

fn once(from: &Located<String>, until: &Located<String>, reader: &mut Reader<'_>) -> Option<When> {
    let (first, last) = (instant(from, reader)?, instant(until, reader)?);
    if first >= last {
        reader.fault(until.span, "it ends before it begins", "make `until` the later one");
    }
    Some(When::Once(first, last))
}

fn instant(text: &Located<String>, reader: &mut Reader<'_>) -> Option<Time> {
    let stamp = text.contains('T').then(|| known::time(text)).flatten();
    if stamp.is_none() {
        reader.fault(text.span, format!("`{}` is no instant", text.value), "write it as 2026-12-20T00:00:00Z");
    }
    stamp
}

fn weekly(text: &Located<String>, reader: &mut Reader<'_>) -> Option<When> {
    let read = || {
        let (from, until) = text.split_once('-')?;
        let (from, until) = (second_of_week(from)?, second_of_week(until)?);
        (from != until).then_some(When::Weekly(from, until))
    };
    let found = read();
    if found.is_none() {
        reader.fault(text.span, format!("`{}` is no time of a week", text.value), "write it as `Mon 08:00 - Fri 18:00`, in UTC");
    }
    found
}

fn second_of_week(text: &str) -> Option<i64> {
    let (day, time) = text.trim().split_once(' ')?;
    let day = DAYS.iter().position(|known| day.eq_ignore_ascii_case(known))?;
    let (hour, minute) = time.trim().split_once(':')?;
    let number = |text: &str, below: i64| text.parse::<i64>().ok().filter(|number| (0..below).contains(number));
    Some(day as i64 * 86_400 + number(hour, 24)? * 3600 + number(minute, 60)? * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Vec<Freeze>, Vec<Diagnostic>) {
        let mut faults = Vec::new();
        (load(&Files::from([(FILE.to_owned(), text.to_owned())]), &mut faults), faults)
    }

    fn at(text: &str) -> Time {
        known::time(text).unwrap()
    }

    #[test]
    fn a_freeze_begins_and_ends_to_the_second() {
        let who = "owner: o, reason: r";
        let text = format!(
            "freezes:\n  - {{ name: a, from: 2026-12-20T00:00:00Z, until: 2027-01-04T00:00:00Z, {who} }}\n  \
             - {{ name: b, weekly: Fri 18:00 - Mon 06:00, verbs: [isolate-host], {who} }}\n"
        );
        let (freezes, faults) = read_text(&text);
        assert!(faults.is_empty(), "{faults:?}");
        let stopped = |verb: &str, now: &str| -> Vec<&str> {
            freezes.iter().filter(|freeze| freeze.stops(verb, at(now))).map(|freeze| freeze.name.as_str()).collect()
        };
        assert_eq!(stopped("block-domain", "2026-12-20T00:00:00Z"), ["a"]);
        assert!(stopped("block-domain", "2026-12-19T23:59:59Z").is_empty());
        assert!(stopped("block-domain", "2027-01-04T00:00:00Z").is_empty());
        assert_eq!(stopped("isolate-host", "2026-11-27T18:00:00Z"), ["b"]);
        assert_eq!(stopped("isolate-host", "2026-11-30T05:59:59Z"), ["b"]);
        assert!(stopped("isolate-host", "2026-11-30T06:00:00Z").is_empty());
        assert!(stopped("isolate-host", "2026-11-27T17:59:59Z").is_empty());
    }

    #[test]
    fn nonsense_is_a_fault_at_its_place() {
        let who = "owner: o, reason: r";
        let cases = [
            (format!("{{ name: a, {who} }}"), "a,", "`a` does not say when", "write either `from:` and `until:`, or `weekly:`"),
            (
                format!("{{ name: a, weekly: weekends, {who} }}"),
                "weekends",
                "`weekends` is no time of a week",
                "write it as `Mon 08:00 - Fri 18:00`, in UTC",
            ),
            (
                format!("{{ name: a, from: soon, until: 2027-01-04T00:00:00Z, {who} }}"),
                "soon",
                "`soon` is no instant",
                "write it as 2026-12-20T00:00:00Z",
            ),
            (
                format!("{{ name: a, from: 2027-01-04T00:00:00Z, until: 2026-01-04T00:00:00Z, {who} }}"),
                "2026",
                "it ends before it begins",
                "make `until` the later one",
            ),
        ];
        for (freeze, place, message, help) in cases {
            let text = format!("freezes: [{freeze}]\n");
            let (_, faults) = read_text(&text);
            let [fault] = faults.as_slice() else { panic!("{text}: {faults:?}") };
            assert!(text[fault.span.start..].starts_with(place), "{text}: {:?}", fault.span);
            assert_eq!((fault.message.as_str(), fault.help.as_str()), (message, help), "{text}");
        }
    }
}
