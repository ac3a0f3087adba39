//! How many targets a verb may get in a while, over all playbooks and people together.
//!
//! Two things count: a number, and a share of how many such things there are. `guardrails/limits.yaml` may set them as low as
//! it likes, and as high as the ceilings in this file.

use super::Reader;
use crate::book::Files;
use crate::contract::known::{duration, share};
use crate::diagnostic::{Diagnostic, Located};
use adjutant_model::{Duration, EntityKind};
use serde::Deserialize;
use std::collections::BTreeMap;

const FILE: &str = "guardrails/limits.yaml";

/// Targets of a verb in a window, where the file says nothing.
pub const TARGETS_DEFAULT: u64 = 5;
/// Thousandths of all such things, where the file says nothing.
pub const SHARE_DEFAULT: u32 = 5;
/// The window, where the file says nothing.
pub const WINDOW_DEFAULT: Duration = Duration::from_secs(600);
/// Targets of all verbs together in an hour, where the file says nothing.
pub const TOTAL_DEFAULT: u64 = 20;
/// No file allows a verb more targets than this for each ten minutes of its window.
pub const TARGETS_MAX: u64 = 50;
/// No file allows a verb a larger share, in thousandths.
pub const SHARE_MAX: u32 = 50;
/// No file allows all verbs together more targets in an hour.
pub const HOUR_MAX: u64 = 200;
/// No window is longer: the hand keeps its records for longer than that.
const WINDOW_MAX: Duration = Duration::from_days(30);

/// How often a verb may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// At most so many different targets …
    pub targets: u64,
    /// … and at most so many thousandths of all such things, but always one; none: only the number counts.
    pub share: Option<u32>,
    /// In such a window, which ends now.
    pub window: Duration,
    /// The file gives the share for this verb, so that it counts even for things that nobody counts.
    pub share_stated: bool,
}

/// Every limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Targets of all verbs together in an hour.
    pub hour: u64,
    /// What counts for a verb that has no limit of its own.
    pub default: Limit,
    /// The verbs that have one.
    pub verbs: BTreeMap<String, Limit>,
}

impl Default for Limits {
    fn default() -> Self {
        let default = Limit { targets: TARGETS_DEFAULT, share: Some(SHARE_DEFAULT), window: WINDOW_DEFAULT, share_stated: false };
        Self { hour: TOTAL_DEFAULT, default, verbs: BTreeMap::new() }
    }
}

impl Limits {
    /// The limit of `verb`.
    pub fn of(&self, verb: &str) -> Limit {
        self.verbs.get(verb).copied().unwrap_or(self.default)
    }
}

impl Limit {
    /// The share that counts for things of `kind`. Nobody can count the addresses, domains, files and messages of the world: for
    /// these it counts only where the file says so for the verb.
    pub fn share_of(&self, kind: EntityKind) -> Option<u32> {
        let counted = matches!(kind, EntityKind::User | EntityKind::Host | EntityKind::Mailbox | EntityKind::Device);
        self.share.filter(|_| counted || self.share_stated)
    }
}

/// How many targets a share of a population is: rounded down, and never less than one. A limit that lets nothing through is
/// written as `targets: 0` or as a freeze, not as a share of a small company.
pub const fn targets_of(share: u32, population: u64) -> u64 {
    let part = (population as u128 * share as u128 / 1000) as u64;
    if part == 0 { 1 } else { part }
}

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    per_hour: Option<Located<u64>>,
    default: Option<WrittenLimit>,
    #[serde(default)]
    verbs: Vec<WrittenVerb>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenVerb {
    verb: Located<String>,
    targets: Option<Located<u64>>,
    share: Option<Located<String>>,
    window: Option<Located<String>>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimit {
    targets: Option<Located<u64>>,
    share: Option<Located<String>>,
    window: Option<Located<String>>,
}

/// Reads the file; absent is all defaults.
pub(super) fn load(files: &Files, faults: &mut Vec<Diagnostic>) -> Limits {
    let mut limits = Limits::default();
    let Some(written) = super::written::<Written>(FILE, files, faults) else { return limits };
    let mut reader = Reader { file: FILE, code: "limits", faults };
    if let Some(hour) = written.per_hour {
        limits.hour = at_most(&hour, HOUR_MAX, &mut reader);
    }
    if let Some(default) = written.default {
        limits.default = limit(&default, limits.default, &mut reader);
        limits.default.share_stated = false;
    }
    for WrittenVerb { verb, targets, share, window } in written.verbs {
        let own = limit(&WrittenLimit { targets, share, window }, limits.default, &mut reader);
        let Some(known) = reader.verb(&verb, verb.span) else { continue };
        if limits.verbs.insert(known.to_owned(), own).is_some() {
            reader.fault(verb.span, format!("`{known}` stands here twice"), "take one of them out");
        }
    }
    limits
}

fn limit(written: &WrittenLimit, default: Limit, reader: &mut Reader<'_>) -> Limit {
    let window = written.window.as_ref().map_or(default.window, |text| window(text, reader));
    let share = written.share.as_ref().map(|text| share_at_most(text, reader));
    let ceiling = TARGETS_MAX.saturating_mul((window.secs().max(600) as u64) / 600);
    let targets = match &written.targets {
        Some(targets) => at_most(targets, ceiling, reader),
        None => default.targets,
    };
    Limit { targets, share: share.or(default.share), window, share_stated: share.is_some() }
}

fn at_most(number: &Located<u64>, most: u64, reader: &mut Reader<'_>) -> u64 {
    if number.value > most {
        let message = format!("{} is more than the {most} that no book may exceed", number.value);
        reader.fault(number.span, message, "lower it: more than that is done by hand, with its own tools");
    }
    number.value.min(most)
}

fn share_at_most(text: &Located<String>, reader: &mut Reader<'_>) -> u32 {
    match share(text) {
        Some(found) if found <= SHARE_MAX => found,
        Some(_) => {
            let message = format!("`{}` is more than the 5% that no book may exceed", text.value);
            reader.fault(text.span, message, "lower it: more than that is done by hand, with its own tools");
            SHARE_MAX
        }
        None => {
            reader.fault(text.span, format!("`{}` is no share", text.value), "write `5%` or `0.5%`");
            SHARE_DEFAULT
        }
    }
}

fn window(text: &Located<String>, reader: &mut Reader<'_>) -> Duration {
    match duration(text) {
        Some(found) if found >= Duration::from_secs(60) && found <= WINDOW_MAX => found,
        _ => {
            let message = format!("`{}` is no window from 1 min to 30 d", text.value);
            reader.fault(text.span, message, "write it as 10 min, 1 h or 1 d");
            WINDOW_DEFAULT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Limits, Vec<Diagnostic>) {
        let mut faults = Vec::new();
        (load(&Files::from([(FILE.to_owned(), text.to_owned())]), &mut faults), faults)
    }

    #[test]
    fn what_is_not_said_is_as_by_default() {
        assert_eq!(load(&Files::new(), &mut Vec::new()), Limits::default());
        let (limits, faults) =
            read("per_hour: 10\ndefault: { targets: 3 }\nverbs:\n  - { verb: isolate-host, share: 1%, window: 1 h }\n");
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!((limits.hour, limits.of("disable-account").targets), (10, 3));
        let own = Limit { targets: 3, share: Some(10), window: Duration::from_hours(1), share_stated: true };
        assert_eq!(limits.of("isolate-host"), own);
        assert_eq!(limits.of("block-address").share_of(EntityKind::Address), None);
        assert_eq!(limits.of("isolate-host").share_of(EntityKind::Address), Some(10));
    }

    #[test]
    fn a_share_is_rounded_down_and_never_nothing() {
        assert_eq!([0, 199, 200, 399, 400, 10_000].map(|population| targets_of(5, population)), [1, 1, 1, 1, 2, 50]);
        assert_eq!(targets_of(SHARE_MAX, u64::MAX), u64::MAX / 20);
    }

    #[test]
    fn nonsense_is_a_fault_at_its_place() {
        let lower = "lower it: more than that is done by hand, with its own tools";
        let cases = [
            ("per_hour: 201\n", "201", "201 is more than the 200 that no book may exceed", lower),
            ("default: { targets: 51 }\n", "51", "51 is more than the 50 that no book may exceed", lower),
            (
                "verbs: [{ verb: block-domain, targets: 301, window: 1 h }]\n",
                "301",
                "301 is more than the 300 that no book may exceed",
                lower,
            ),
            ("default: { share: 6% }\n", "6%", "`6%` is more than the 5% that no book may exceed", lower),
            ("default: { share: some }\n", "some", "`some` is no share", "write `5%` or `0.5%`"),
            ("default: { window: 5 s }\n", "5 s", "`5 s` is no window from 1 min to 30 d", "write it as 10 min, 1 h or 1 d"),
            (
                "verbs: [{ verb: isolate-hots, targets: 1 }]\n",
                "isolate-hots",
                "there is no verb `isolate-hots`",
                "did you mean `isolate-host`?",
            ),
        ];
        for (text, place, message, help) in cases {
            let (_, faults) = read(text);
            let [fault] = faults.as_slice() else { panic!("{text}: {faults:?}") };
            assert!(text[fault.span.start..].starts_with(place), "{text}: {:?}", fault.span);
            assert_eq!((fault.message.as_str(), fault.help.as_str()), (message, help), "{text}");
        }
    }
}
