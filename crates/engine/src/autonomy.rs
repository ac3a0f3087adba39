//! The ladder of autonomy: how far a playbook may go by itself, for one verb, in one scope.
//!
//! Everything starts at *recommend*. A rung is set by people and held until it is set again; the book's ceiling, a pause and
//! context that could not answer only ever lower what is in force. Closing is a verb like any other.
//!
//! INVARIANT: an unknown fact never widens what is allowed: a scope that asks about it does not match.

use adjutant_model::schema::slots as s;
use adjutant_model::{Autonomy, Row, Slot, Value};
use adjutant_rules::Book;
use adjutant_rules::playbook::{ASK, Playbook, VERBS};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The verb that closes a case.
pub const CLOSE: &str = "close";

/// Characters of a scope.
pub const SCOPE_CHARS_MAX: usize = 256;

/// What a rung is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rung {
    /// The playbook.
    pub playbook: String,
    /// What it may do: [`CLOSE`], [`ASK`] or one of [`VERBS`].
    pub verb: String,
    /// For which cases.
    pub scope: Scope,
}

/// Which cases a rung is for: all of its conditions hold. Without any, all cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope {
    /// What a field must be, by the field's short name.
    conditions: BTreeMap<String, String>,
}

/// The fields that a scope may ask about, by their short names.
const ASKED: [(&str, &str); 4] =
    [("severity", "alert.severity"), ("asset", "asset.criticality"), ("unit", "user.unit"), ("class", "alert.class")];

/// Why a scope or rung cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A condition is not `name=value`.
    #[error("`{0}` is no scope; write `*`, or conditions such as `severity=low,unit=Sales`")]
    Scope(String),
    /// It asks about something else.
    #[error("a scope cannot ask about `{0}`; it can about severity, asset, unit and class")]
    Unknown(String),
    /// The book has no such playbook.
    #[error("the book has no playbook `{0}`")]
    Playbook(String),
    /// There is no such verb.
    #[error("there is no verb `{0}`; `close` is one")]
    Verb(String),
    /// The book does not allow it.
    #[error("the book allows `{playbook}` no more than {ceiling}; raise its `ceiling:` there first, with a review")]
    Ceiling {
        /// The playbook.
        playbook: String,
        /// Its ceiling.
        ceiling: Autonomy,
    },
}

impl Scope {
    /// Whether it is for all cases.
    pub fn is_all(&self) -> bool {
        self.conditions.is_empty()
    }

    /// Whether all its conditions are known to hold.
    fn holds(&self, row: &Row, book: &Book) -> bool {
        self.conditions.iter().all(|(name, wanted)| {
            let field = ASKED.iter().find(|(short, _)| short == name).and_then(|(_, field)| book.schema.slot(field));
            field.is_some_and(|slot| is(row, slot, wanted, book))
        })
    }
}

fn is(row: &Row, slot: Slot, wanted: &str, book: &Book) -> bool {
    match row.value(slot) {
        Value::Unknown(_) => false,
        value => crate::show::shown(row, slot, value, &book.schema).eq_ignore_ascii_case(wanted),
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut conditions = BTreeMap::new();
        if text.chars().count() > SCOPE_CHARS_MAX {
            return Err(Error::Scope(text.chars().take(40).collect()));
        }
        for condition in text.split(',').map(str::trim).filter(|condition| !matches!(*condition, "" | "*")) {
            let (name, value) = condition.split_once('=').ok_or_else(|| Error::Scope(condition.into()))?;
            let (name, value) = (name.trim(), value.trim());
            if !ASKED.iter().any(|(short, _)| *short == name) {
                return Err(Error::Unknown(name.into()));
            }
            if value.is_empty() || value.chars().any(char::is_control) {
                return Err(Error::Scope(condition.into()));
            }
            conditions.insert(name.to_owned(), value.to_owned());
        }
        Ok(Self { conditions })
    }
}

impl TryFrom<String> for Scope {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("*");
        }
        for (number, (name, value)) in self.conditions.iter().enumerate() {
            write!(f, "{}{name}={value}", if number > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

/// How much of the whole machine is switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pause {
    /// Nothing is proposed: alerts are kept and put before people as they are.
    Off,
    /// Facts are shown, nothing is proposed.
    EnrichmentOnly,
    /// Everything is proposed, nothing is done.
    RecommendOnly,
    /// Not paused.
    #[default]
    None,
}

impl Pause {
    /// The highest rung that it leaves.
    pub const fn leaves(self) -> Autonomy {
        match self {
            Pause::Off | Pause::EnrichmentOnly => Autonomy::Observe,
            Pause::RecommendOnly => Autonomy::Recommend,
            Pause::None => Autonomy::Act,
        }
    }
}

/// The ladder as it stands, with what is paused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    rungs: BTreeMap<Rung, Autonomy>,
    /// The whole is paused so far.
    pub pause: Pause,
    /// Playbooks that are paused.
    pub paused: BTreeMap<String, Pause>,
}

impl Ladder {
    /// Sets `rung` to `level`; *recommend* and below need not be kept for all cases.
    pub fn set(&mut self, rung: Rung, level: Autonomy) {
        self.rungs.insert(rung, level);
    }

    /// Every rung that was set.
    pub fn rungs(&self) -> impl Iterator<Item = (&Rung, Autonomy)> {
        self.rungs.iter().map(|(rung, level)| (rung, *level))
    }

    /// The level that `rung` was set to; *recommend* when it was not.
    pub fn level(&self, rung: &Rung) -> Autonomy {
        self.rungs.get(rung).copied().unwrap_or_default()
    }

    /// Whether `rung` may be set to `level` under `book`.
    ///
    /// # Errors
    /// The book has no such playbook or verb, or does not allow so much.
    pub fn check(book: &Book, rung: &Rung, level: Autonomy) -> Result<(), Error> {
        let playbook = book.playbooks.iter().find(|playbook| playbook.name == rung.playbook);
        let playbook = playbook.ok_or_else(|| Error::Playbook(rung.playbook.clone()))?;
        if ![CLOSE, ASK].contains(&rung.verb.as_str()) && !VERBS.iter().any(|verb| verb.name == rung.verb) {
            return Err(Error::Verb(rung.verb.clone()));
        }
        if level > ceiling(playbook, &rung.verb) && level > Autonomy::Recommend {
            return Err(Error::Ceiling { playbook: playbook.name.clone(), ceiling: playbook.ceiling });
        }
        Ok(())
    }

    /// How much `playbook` is paused.
    pub fn paused(&self, playbook: &str) -> Pause {
        self.paused.get(playbook).copied().unwrap_or_default().min(self.pause)
    }

    /// How far `playbook` may go with `verb` for the case whose facts are in `row`: of the scopes that hold, the one with most
    /// conditions says, the lowest where several do; never more than the ceiling, the pause, or *recommend* where nobody said.
    pub fn in_force(&self, playbook: &Playbook, verb: &str, row: &Row, book: &Book) -> Autonomy {
        let mine = |rung: &&Rung| rung.playbook == playbook.name && rung.verb == verb && rung.scope.holds(row, book);
        let holding = || self.rungs.iter().filter(|(rung, _)| mine(rung));
        let most = holding().map(|(rung, _)| rung.scope.conditions.len()).max();
        let told = holding().filter(|(rung, _)| Some(rung.scope.conditions.len()) == most).map(|(_, level)| *level).min();
        let level = told.unwrap_or_default();
        level.min(ceiling(playbook, verb).max(Autonomy::Recommend)).min(self.paused(&playbook.name).leaves())
    }
}

/// What the book leaves to the playbook: its ceiling. A question changes nothing on any system, and that it may be asked is
/// itself written in the playbook, so that the ceiling is not about it.
fn ceiling(playbook: &Playbook, verb: &str) -> Autonomy {
    if verb == ASK { Autonomy::Act } else { playbook.ceiling }
}

/// The severity that `row` states, as the number of its level; none where it states none.
pub fn severity(row: &Row) -> Option<u8> {
    match row.value(s::ALERT_SEVERITY) {
        Value::Level(level) => Some(level),
        _ => None,
    }
}
