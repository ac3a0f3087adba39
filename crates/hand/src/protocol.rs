//! What the brain and the hand say to each other over a Unix socket: one JSON text on a line each way.
//!
//! Either side believes nothing that it cannot check. The hand takes wishes, signed notes and a pause; there is no request
//! that makes it act without what the notes say.

use crate::connector::Condition;
use crate::draft::Draft;
use crate::foresee::{Foreseen, Used};
use crate::hand::Heard;
use crate::store::{Approver, Kept, Line};
use adjutant_model::act::{Need, Plan, Ruling};
use adjutant_model::{Digest, EntityKind, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _, Write};

/// Bytes of a request or an answer.
pub const LINE_BYTES_MAX: u64 = 4 << 20;

/// Lines of the journal in one answer.
pub const JOURNAL_LINES_MAX: usize = 500;

/// What the hand is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Make a plan of this.
    Plan {
        /// What is wished.
        draft: Draft,
    },
    /// Say what would become of this; nothing is made or kept.
    Simulate {
        /// What is wished.
        draft: Draft,
    },
    /// How much of each limit is spent.
    Limits,
    /// Show a plan with its actions.
    Show {
        /// The first digits of its digest.
        plan: String,
    },
    /// Show an action.
    Action {
        /// The first digits of its key.
        action: String,
    },
    /// Hear what a person signed.
    Hear {
        /// The note.
        note: String,
    },
    /// Deny a plan on the service's word that somebody who may approve it wants that, without their signature.
    Withdraw {
        /// Its whole digest.
        plan: String,
        /// The name of their key.
        by: String,
    },
    /// What could be taken back: the actions of a case, or of a playbook since.
    Effective {
        /// The case.
        #[serde(default)]
        case: String,
        /// The playbook.
        #[serde(default)]
        playbook: String,
        /// Begun since, in microseconds since 1970.
        #[serde(default)]
        since: i64,
    },
    /// Begin nothing more.
    Pause {
        /// Who wants it.
        by: String,
    },
    /// Lines of the journal after this one.
    Journal {
        /// Its number.
        after: u64,
    },
    /// What the guard would say if a person asked for this now.
    Check {
        /// The verb.
        verb: String,
        /// What kind of thing.
        kind: EntityKind,
        /// Its name.
        name: String,
    },
    /// What connectors know of somebody or something, from answers that are at most so old.
    Facts {
        /// What kind of thing.
        kind: EntityKind,
        /// Its name.
        name: String,
        /// How old an answer may be.
        age_seconds_max: u32,
        /// The connector that is asked; each when none.
        #[serde(default)]
        connector: Option<String>,
    },
    /// Who may approve.
    Keys,
    /// How the hand and its connectors are; with a name, ask that connector.
    Health {
        /// The connector.
        #[serde(default)]
        connector: Option<String>,
    },
}

/// What the hand answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Reply {
    /// A plan with its actions.
    Plan(Box<Shown>),
    /// What would become of a plan.
    Simulated {
        /// Its steps.
        steps: Vec<Foreseen>,
    },
    /// How much of each limit is spent.
    Limits {
        /// They.
        limits: Vec<Used>,
    },
    /// Actions.
    Actions {
        /// They.
        actions: Vec<Kept>,
    },
    /// What a note led to.
    Heard {
        /// It.
        heard: Heard,
    },
    /// It is paused, under this name.
    Paused {
        /// The name that two people sign to resume.
        pause: String,
        /// Calls that had begun before and are not answered yet.
        #[serde(default)]
        under_way: usize,
    },
    /// Lines of the journal.
    Journal {
        /// They.
        lines: Vec<Line>,
    },
    /// What the guard says.
    Ruled {
        /// Who was found.
        target: Option<adjutant_model::act::Target>,
        /// The ruling.
        ruling: Ruling,
    },
    /// What each connector knows.
    Facts {
        /// They.
        known: Vec<Known>,
    },
    /// Approvers.
    Keys {
        /// Their keys.
        keys: Vec<Approver>,
    },
    /// How it is.
    Health(Box<Health>),
    /// It is not done.
    Refused {
        /// Why.
        why: String,
        /// There is none of what was named.
        #[serde(default)]
        none: bool,
    },
}

/// What one connector knows of somebody or something, or why that is not known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Known {
    /// Its name.
    pub connector: String,
    /// When it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// What has this name there.
    #[serde(default)]
    pub found: Vec<Identity>,
    /// Why it is not known what has.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unknown: String,
}

/// Somebody or something that a connector knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// What names it for ever.
    pub id: String,
    /// How people know it.
    pub name: String,
    /// What it is called elsewhere.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The groups that it is in; none where that is not known.
    #[serde(default)]
    pub groups: Option<Vec<String>>,
    /// What else is known.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// A plan as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// Its digest.
    pub digest: Digest,
    /// It.
    pub plan: Plan,
    /// Its actions.
    pub actions: Vec<Kept>,
    /// Who approved it.
    pub approved: Vec<String>,
    /// Who must still approve it.
    pub missing: Vec<Need>,
}

/// How the hand is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "HandHealth")]
pub struct Health {
    /// Its epoch.
    pub epoch: u64,
    /// The pause in force.
    pub pause: Option<String>,
    /// The number of the last line of its journal.
    pub journal: u64,
    /// Its connectors.
    pub connectors: Vec<ConnectorHealth>,
}

/// How a connector is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectorHealth {
    /// Its name.
    pub name: String,
    /// What it offers.
    pub verbs: Vec<OfferShown>,
    /// What answered there; none when it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// Whether it answered.
    #[serde(default)]
    pub answers: bool,
    /// How the calls to it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

/// A verb that a connector offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OfferShown {
    /// The verb.
    pub verb: String,
    /// What it is done to.
    pub kind: EntityKind,
    /// Whether it can be taken back.
    pub reversible: bool,
    /// Calls a minute.
    pub per_minute: u32,
}

/// Writes one line.
///
/// # Errors
/// The other side is gone, or it is longer than [`LINE_BYTES_MAX`].
pub fn send(to: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    if line.len() as u64 >= LINE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than a line between brain and hand may be"));
    }
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads one line; none at the end.
///
/// # Errors
/// The other side is gone, or it is no such line: then [`io::ErrorKind::InvalidData`].
pub fn receive<T: for<'de> Deserialize<'de>>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut line = Vec::new();
    from.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    match line.split_last() {
        None => Ok(None),
        Some((b'\n', line)) => serde_json::from_slice(line).map(Some).map_err(|error| wrong(error.to_string())),
        Some(_) if line.len() as u64 == LINE_BYTES_MAX => Err(wrong(format!("a line has at most {LINE_BYTES_MAX} bytes"))),
        Some(_) => Err(wrong("a line between brain and hand does not end".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// The branch of a schema that is for this answer.
    fn branch<'s>(schema: &'s Value, answer: &str) -> &'s Value {
        let all = schema["oneOf"].as_array().unwrap();
        all.iter().find(|branch| branch["properties"]["answer"]["const"] == answer).unwrap_or_else(|| panic!("no {answer}"))
    }

    #[test]
    fn what_is_answered_is_described_field_by_field() {
        let schema = serde_json::to_value(schemars::schema_for!(Reply)).unwrap();
        let answers = [
            Reply::Heard { heard: Heard::Denied },
            Reply::Paused { pause: "p".into(), under_way: 1 },
            Reply::Refused { why: "no".into(), none: true },
            Reply::Facts { known: vec![Known { connector: "okta".into(), at: Some(Time(1)), ..Known::default() }] },
            Reply::Keys { keys: Vec::new() },
        ];
        for answer in answers {
            let value = serde_json::to_value(&answer).unwrap();
            let branch = branch(&schema, value["answer"].as_str().unwrap());
            for name in value.as_object().unwrap().keys() {
                assert!(branch["properties"].get(name).is_some(), "{name} of {value}: {branch}");
            }
        }
        // What people sign is the plan's digest: both are described, to the steps.
        let definitions = &schema["$defs"];
        for (kind, field) in
            [("Shown", "digest"), ("Plan", "steps"), ("Planned", "ruling"), ("Kept", "stage"), ("HandHealth", "pause")]
        {
            assert!(definitions[kind]["properties"].get(field).is_some(), "{kind} {field}");
        }
        assert_eq!(definitions["Stage"]["oneOf"].as_array().map(Vec::len), Some(adjutant_model::Stage::ALL.len()));
    }
}
