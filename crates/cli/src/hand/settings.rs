//! The settings of the hand: its own file, which the brain cannot read.

use crate::book;
use adjutant_engine::guard::{Asked, By, Spent};
use adjutant_hand::socket::own_user;
use adjutant_hand::{Connectors, Rule, Settings};
use adjutant_model::act::{Answer, Clause, Need, Ruling};
use adjutant_model::{Autonomy, Duration};
use anyhow::Context;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// The folder of the hand's own store.
    pub(super) data_dir: PathBuf,
    /// Where it listens for the brain.
    pub(super) socket: PathBuf,
    /// The numbers of the users that may ask it; its own when none.
    #[serde(default)]
    brain_user_ids: Vec<u32>,
    /// The book whose guardrails hold [default: the one that is part of adjutant].
    #[serde(default)]
    book_dir: Option<PathBuf>,
    /// How long a plan waits for its approvals.
    #[serde(default)]
    plan_lives_minutes: Option<u32>,
    /// Which connector does a verb, where several offer it.
    #[serde(default)]
    verbs: BTreeMap<String, String>,
    /// What playbooks may do by themselves.
    #[serde(default)]
    act: Vec<Act>,
    /// Connectors by name.
    #[serde(default)]
    connectors: BTreeMap<String, toml::Table>,
}

/// A verb that a playbook may do by itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    playbook: String,
    verb: String,
}

pub(super) fn load(path: &Path) -> anyhow::Result<File> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    toml::from_str(&text).with_context(|| format!("`{}` is not sound", path.display()))
}

pub(super) fn of(file: &File) -> Settings {
    let mut settings = Settings { verbs: file.verbs.clone(), ..Settings::default() };
    settings.acts = file.act.iter().map(|act| (act.playbook.clone(), act.verb.clone())).collect();
    if let Some(minutes) = file.plan_lives_minutes {
        settings.plan_lives = Duration::from_secs(i64::from(minutes) * 60);
    }
    settings
}

pub(super) fn users(file: &File) -> Vec<u32> {
    if file.brain_user_ids.is_empty() { vec![own_user()] } else { file.brain_user_ids.clone() }
}

pub(super) fn connectors(file: &File) -> anyhow::Result<Connectors> {
    let made = file.connectors.iter().map(|(name, table)| {
        let kind = table.get("kind").and_then(toml::Value::as_str).unwrap_or_default();
        anyhow::bail!("connector `{name}`: there is no kind `{kind}`")
    });
    made.collect()
}

pub(super) fn guard(file: &File) -> anyhow::Result<Rule> {
    let _book = book::load(file.book_dir.as_deref())?;
    Ok(Box::new(ruled))
}

fn ruled(asked: &Asked<'_>, _: &dyn Spent) -> Ruling {
    let told = |answer, name: &str, says: &str| Ruling {
        answer,
        clauses: vec![Clause { name: name.into(), says: says.into() }],
        approvals: if answer == Answer::Ask { vec![Need { people: 1, role: "lead".into() }] } else { Vec::new() },
    };
    match asked.by {
        _ if asked.subject.target.id.is_empty() => told(Answer::Refuse, "target.empty", "nobody is named"),
        By::Playbook(_, Autonomy::Act) => told(Answer::Run, "ladder", "the playbook may do this by itself"),
        _ => told(Answer::Ask, "people", "people are asked"),
    }
}

/// What a hand without a guard says.
pub(super) fn nothing() -> Ruling {
    Ruling { answer: Answer::Refuse, clauses: Vec::new(), approvals: Vec::new() }
}
