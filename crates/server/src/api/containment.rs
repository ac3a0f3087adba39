//! How quickly what was found is contained, and what that costs: time from the first report to the first act, and what was acted on that
//! a person then called legitimate, with how long it was held.
//!
//! Read from the ledger, into which the hand's journal is copied: what stands there nobody can change unseen. By playbook, source
//! and exception, so that an exception which only delays, or a source whose mail is taken for nothing, shows.

use super::cases::{hex, named};
use crate::problem::{Kind as ProblemKind, Problem};
use adjutant_engine::step::Verdict;
use adjutant_model::{Duration, Time};
use adjutant_runtime::event::{self, Kind, Noted, What};
use adjutant_runtime::ports::Parts;
use adjutant_runtime::service::Service;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far back is looked, unless somebody asks for something else.
pub const BACK: Duration = Duration::from_hours(30 * 24);

/// Cases that are looked at; later ones are left out, and the answer says so.
const CASES_MAX: usize = 20_000;

/// What came of acts of one playbook, source and exception.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Contained {
    /// The playbook.
    pub playbook: String,
    /// The source of the case's worst alert.
    pub source: String,
    /// The exception that held the act for its owner; empty when none did.
    pub exception: String,
    /// Cases in which something was done.
    pub cases: u64,
    /// Acts that were done.
    pub acts: u64,
    /// Half of the cases were contained within so many seconds of their first alert.
    pub seconds_median: i64,
    /// All of them within so many.
    pub seconds_max: i64,
    /// Acts that were taken back.
    pub restored: u64,
    /// Minutes for which those were in force, together.
    pub restored_minutes: i64,
    /// Cases that a person then closed: nothing was wrong with what was acted on.
    pub legitimate: u64,
    /// Minutes for which acts of these were in force, together: until restored, or until now.
    pub legitimate_minutes: i64,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Containment {
    /// Since when, RFC 3339.
    pub since: String,
    /// Whether there were more cases than are looked at.
    pub cut: bool,
    /// By playbook, source and exception.
    pub rows: Vec<Contained>,
}

/// What the ledger says of acts about one case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Story {
    /// When each action was done, and when it was taken back.
    acts: BTreeMap<String, (Time, Option<Time>)>,
    /// A person closed it after that, and did not change their mind.
    closed: bool,
}

/// The stories of all cases in which something was done.
#[derive(Debug, Default)]
struct Stories {
    cases: BTreeMap<[u8; 16], Story>,
    cut: bool,
}

impl Stories {
    fn add(&mut self, noted: &Noted) {
        let (Some(case), Ok(at)) = (case_id(&noted.case), noted.at.parse::<jiff::Timestamp>()) else { return };
        let at = Time(at.as_microsecond());
        match &noted.what {
            What::Hand { says, body, .. } if says == "stage" => {
                let text = |name: &str| body[name].as_str().unwrap_or("");
                self.stage(case, (text("action"), text("is")), at);
            }
            What::Verdict { verdict, .. } => {
                if let Some(story) = self.cases.get_mut(&case) {
                    story.closed = *verdict == Verdict::Close;
                }
            }
            _ => {}
        }
    }

    fn stage(&mut self, case: [u8; 16], (action, is): (&str, &str), at: Time) {
        match is {
            "done" if self.cases.len() < CASES_MAX || self.cases.contains_key(&case) => {
                self.cases.entry(case).or_default().acts.entry(action.to_owned()).or_insert((at, None));
            }
            "done" => self.cut = true,
            "undone" => {
                if let Some((_, back)) = self.cases.get_mut(&case).and_then(|story| story.acts.get_mut(action)) {
                    back.get_or_insert(at);
                }
            }
            _ => {}
        }
    }
}

impl Story {
    /// When something was first done.
    fn first(&self) -> Option<Time> {
        self.acts.values().map(|(done, _)| *done).min()
    }

    fn minutes(&self, now: Time, only_restored: bool) -> i64 {
        let held = self.acts.values().filter(|(_, back)| back.is_some() || !only_restored);
        held.map(|(done, back)| seconds(back.unwrap_or(now).since(*done))).sum::<i64>() / 60
    }
}

const fn seconds(span: Duration) -> i64 {
    span.0 / 1_000_000
}

fn case_id(hex: &str) -> Option<[u8; 16]> {
    let digits = u128::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 32)?;
    Some(digits.to_be_bytes())
}

/// What came of acts since then.
///
/// # Errors
/// The store cannot be read.
pub fn containment(service: &Service, since: Time) -> Result<Containment, Problem> {
    let stories = stories(service, since)?;
    let now = service.clock().now();
    let mut rows: BTreeMap<(String, String, String), (Contained, Vec<i64>)> = BTreeMap::new();
    for (case, story) in &stories.cases {
        let kept = match named(service, &hex(case)) {
            Err(gone) if gone.kind() == ProblemKind::NotFound => continue,
            found => found?,
        };
        let (source, exception) = match service.decision(kept.worst)? {
            Some(decision) => {
                let record = decision.record();
                (record.alert.source, record.held_by.unwrap_or_default())
            }
            None => Default::default(),
        };
        let key = (kept.playbook.clone(), source, exception);
        let (row, times) = rows.entry(key).or_default();
        times.extend(story.first().map(|first| seconds(first.since(kept.opened)).max(0)));
        add(row, story, now);
    }
    let rows = rows.into_iter().map(|((playbook, source, exception), (row, mut times))| {
        times.sort_unstable();
        let (median, max) = (times.get(times.len() / 2), times.last());
        let (seconds_median, seconds_max) = (median.copied().unwrap_or(0), max.copied().unwrap_or(0));
        Contained { playbook, source, exception, seconds_median, seconds_max, ..row }
    });
    Ok(Containment { since: since.to_string(), cut: stories.cut, rows: rows.collect() })
}

fn add(row: &mut Contained, story: &Story, now: Time) {
    row.cases += 1;
    row.acts += story.acts.len() as u64;
    row.restored += story.acts.values().filter(|(_, back)| back.is_some()).count() as u64;
    row.restored_minutes += story.minutes(now, true);
    if story.closed {
        row.legitimate += 1;
        row.legitimate_minutes += story.minutes(now, false);
    }
}

fn stories(service: &Service, since: Time) -> Result<Stories, Problem> {
    Ok(service.read(|reader| {
        let (mut stories, from) = (Stories::default(), reader.since(since)?);
        reader.blocks(from, Parts::Entries, &mut |block| {
            for piece in event::pieces(&block.entries).filter_map(Result::ok) {
                if let Ok(Kind::Noted(noted)) = event::kind(piece) {
                    stories.add(&noted);
                }
            }
            Ok(true)
        })?;
        Ok(stories)
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CASE: &str = "000000000000000000000000000000aa";

    fn at(minute: i64) -> Time {
        Time::from_secs(1_772_356_440 + minute * 60)
    }

    fn stage(stories: &mut Stories, minute: i64, action: &str, is: &str) {
        let body = json!({ "action": action, "plan": "p", "was": "intended", "is": is, "says": "" });
        let what = What::Hand { line: 1, says: "stage".into(), body };
        stories.add(&Noted { at: at(minute).to_string(), by: String::new(), case: CASE.into(), previous: 0, what });
    }

    fn verdict(stories: &mut Stories, minute: i64, verdict: Verdict) {
        let what = What::Verdict { verdict, because: Vec::new(), note: String::new(), about: 0, sampled: false };
        stories.add(&Noted { at: at(minute).to_string(), by: "ana".into(), case: CASE.into(), previous: 0, what });
    }

    fn row(stories: &Stories, now: i64) -> Contained {
        let mut row = Contained::default();
        stories.cases.values().for_each(|story| add(&mut row, story, at(now)));
        row
    }

    #[test]
    fn what_was_held_is_counted_until_it_was_restored() {
        let mut stories = Stories::default();
        stage(&mut stories, 5, "a", "intended");
        assert!(stories.cases.is_empty(), "an intent is no act");
        stage(&mut stories, 6, "a", "done");
        stage(&mut stories, 7, "b", "done");
        stage(&mut stories, 16, "a", "undone");
        stage(&mut stories, 99, "a", "undone");
        let told = row(&stories, 27);
        assert_eq!((told.cases, told.acts, told.restored, told.restored_minutes), (1, 2, 1, 10));
        assert_eq!((told.legitimate, told.legitimate_minutes), (0, 0), "nobody called it legitimate");
        verdict(&mut stories, 20, Verdict::Close);
        let told = row(&stories, 27);
        assert_eq!((told.legitimate, told.legitimate_minutes), (1, 30), "ten of one, and twenty of the other until now");
        verdict(&mut stories, 21, Verdict::Escalate);
        assert_eq!(row(&stories, 27).legitimate, 0);
    }

    #[test]
    fn a_case_in_which_nothing_was_done_is_none() {
        let mut stories = Stories::default();
        verdict(&mut stories, 1, Verdict::Close);
        stage(&mut stories, 2, "a", "failed");
        assert!(stories.cases.is_empty() && !stories.cut);
    }
}
