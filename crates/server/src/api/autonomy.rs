//! How far playbooks may go by themselves: the ladder, and pauses.

use super::Done;
use crate::problem::{Kind, Problem};
use adjutant_engine::autonomy::{CLOSE, Error as Wrong, Pause, Rung, Scope};
use adjutant_model::{Autonomy, Time};
use adjutant_runtime::drive::Command;
use adjutant_runtime::service::Service;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The ladder as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ladder {
    /// How much is paused of the whole: `off`, `enrichment-only`, `recommend-only` or `none`.
    pub pause: String,
    /// Every playbook, and every rung that was set.
    pub rungs: Vec<Level>,
}

/// One rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Level {
    /// The playbook.
    pub playbook: String,
    /// The verb.
    pub verb: String,
    /// For which cases; `*` for all.
    pub scope: String,
    /// What it was set to: `observe`, `recommend`, `ask` or `act`.
    pub level: String,
    /// The most that the book allows.
    pub ceiling: String,
    /// How much of the playbook is paused.
    pub pause: String,
}

/// A rung to set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Set {
    /// The playbook.
    pub playbook: String,
    /// The verb: `close`, or one that responds.
    pub verb: String,
    /// For which cases: `*`, or conditions such as `severity=low,unit=Sales`.
    pub scope: String,
    /// `observe`, `recommend`, `ask` or `act`.
    pub level: String,
}

/// How much is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paused {
    /// `off`, `enrichment-only` or `recommend-only`; `none` resumes.
    pub pause: String,
    /// The playbook; the whole when none.
    #[serde(default)]
    pub playbook: Option<String>,
}

/// The ladder as it stands.
pub fn show(service: &Service) -> Ladder {
    let (ladder, policy) = (service.ladder(), service.policy());
    let level = |rung: &Rung, level: Autonomy| {
        let playbook = policy.book.playbooks.iter().find(|playbook| playbook.name == rung.playbook);
        Level {
            playbook: rung.playbook.clone(),
            verb: rung.verb.clone(),
            scope: rung.scope.to_string(),
            level: level.to_string(),
            ceiling: playbook.map_or_else(|| "(no such playbook now)".into(), |playbook| playbook.ceiling.to_string()),
            pause: word(ladder.paused(&rung.playbook)).into(),
        }
    };
    let plain = policy.book.playbooks.iter().map(|playbook| {
        let rung = Rung { playbook: playbook.name.clone(), verb: CLOSE.into(), scope: Scope::default() };
        (rung.clone(), ladder.level(&rung))
    });
    let mut rungs: Vec<(Rung, Autonomy)> = plain.chain(ladder.rungs().map(|(rung, level)| (rung.clone(), level))).collect();
    rungs.sort();
    rungs.dedup();
    Ladder { pause: word(ladder.pause).into(), rungs: rungs.iter().map(|(rung, set)| level(rung, *set)).collect() }
}

/// Whether setting this rung would raise it.
///
/// # Errors
/// There is no such scope or level.
pub fn raises(service: &Service, set: &Set) -> Result<bool, Problem> {
    let (rung, level) = rung(set)?;
    Ok(level > service.ladder().level(&rung))
}

/// Sets a rung for `by`, who leads since then; raising waits for a second person.
///
/// # Errors
/// The rung cannot be, who asks leads not long enough to be the second, or it cannot be stored.
pub async fn set(service: &Service, (by, leads_since): (&str, Option<Time>), set: &Set) -> Result<Done, Problem> {
    let (rung, level) = rung(set)?;
    Ok(service.command(by, Command::SetAutonomy { rung, level, leads_since }).await?.into())
}

fn rung(set: &Set) -> Result<(Rung, Autonomy), Problem> {
    let wrong = |error: Wrong| Problem::new(Kind::Invalid, error.to_string());
    let scope: Scope = set.scope.parse().map_err(wrong)?;
    let all = [Autonomy::Observe, Autonomy::Recommend, Autonomy::Ask, Autonomy::Act];
    let level = all.into_iter().find(|level| level.to_string() == set.level).ok_or_else(|| {
        Problem::new(Kind::Invalid, format!("there is no level `{}`; write observe, recommend, ask or act", set.level))
    })?;
    Ok((Rung { playbook: set.playbook.clone(), verb: set.verb.clone(), scope }, level))
}

/// Reads how much is to run.
///
/// # Errors
/// There is no such word.
pub fn asked(paused: &Paused) -> Result<Pause, Problem> {
    let all = [Pause::Off, Pause::EnrichmentOnly, Pause::RecommendOnly, Pause::None];
    all.into_iter().find(|pause| word(*pause) == paused.pause).ok_or_else(|| {
        let detail = format!("there is no pause `{}`; write off, enrichment-only, recommend-only or none", paused.pause);
        Problem::new(Kind::Invalid, detail)
    })
}

/// Whether `pause` lets more happen than now, so that it is a resumption.
pub fn resumes(service: &Service, paused: &Paused, pause: Pause) -> bool {
    let ladder = service.ladder();
    let now = match &paused.playbook {
        Some(playbook) => ladder.paused.get(playbook).copied().unwrap_or_default(),
        None => ladder.pause,
    };
    pause > now
}

/// Pauses or resumes for `by`.
///
/// # Errors
/// There is no such playbook, or it cannot be stored.
pub async fn pause(service: &Service, by: &str, paused: Paused, pause: Pause) -> Result<Done, Problem> {
    Ok(service.command(by, Command::Pause { playbook: paused.playbook, pause }).await?.into())
}

const fn word(pause: Pause) -> &'static str {
    match pause {
        Pause::Off => "off",
        Pause::EnrichmentOnly => "enrichment-only",
        Pause::RecommendOnly => "recommend-only",
        Pause::None => "none",
    }
}
