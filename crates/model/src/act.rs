//! Actions and plans: what would be done to whom, what takes it back, and what became of it.
//!
//! A plan leaves nothing to choose: each step names one verb and one target that was resolved in our own directory before
//! anybody approved it. What people approve is the [`Plan::digest`], so that a plan that changed is another plan.

use crate::decision::Autonomy;
use crate::digest::Digest;
use crate::entity::EntityKind;
use crate::quantity::{Duration, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What an action is done to: one thing of our own directory. Never what an alert calls it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What kind of thing it is.
    pub kind: EntityKind,
    /// What names it for ever where it lives, such as a directory's `entryUUID`: it stays when the thing is renamed.
    pub id: String,
    /// How people know it.
    pub name: String,
}

/// Changes the world: a verb and one resolved target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What is done, such as `disable-account`: a verb of the book.
    pub verb: String,
    /// To whom or what.
    pub target: Target,
    /// The connector that does it, by its configured name.
    pub connector: String,
    /// What else the verb needs, resolved like the target, such as the group of `remove-from-group`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
    /// What people are told, word for word, such as the text of a ticket. It names nothing, and nothing is looked up by it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, String>,
}

/// Bytes of one text that people are told.
pub const TEXT_BYTES_MAX: usize = 16 << 10;

/// What of a target an action may change, as a connector read it: names and values in the connector's own terms, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct State(pub BTreeMap<String, Vec<String>>);

/// The guard's answer, from the least allowed to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is not done, whoever asks.
    Refuse,
    /// It is done once people approved it.
    Ask,
    /// It may be done.
    Run,
}

/// One reason of a ruling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// What decided, such as `protected.people` or `limit.disable-account`.
    pub name: String,
    /// What it says about this action.
    pub says: String,
}

/// The guard's answer to one action, with every reason for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ruling {
    /// The answer.
    pub answer: Answer,
    /// Why. A refusal names every clause that refuses.
    pub clauses: Vec<Clause>,
    /// Who must approve when people are asked: all of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Need>,
}

/// So many people of a role must approve.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// How many different people.
    pub people: u8,
    /// The role of each, such as `lead`, or the owner of a protected attribute such as `owner:finance`.
    pub role: String,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// What is done.
    pub action: Action,
    /// What the alert called the target.
    pub wished: String,
    /// What takes it back, in words; none when nothing does.
    pub undo: Option<String>,
    /// What the guard said when the plan was made. It is asked again before the act.
    pub ruling: Ruling,
    /// It is taken back by itself after so long, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_after: Option<Duration>,
}

/// What happens to the steps that were done when one fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// They stay, and what follows is not done.
    #[default]
    Stop,
    /// They are taken back, the last first.
    Undo,
    /// They stay, and what follows waits until somebody approves once more.
    Hold,
}

/// Ordered actions, each with its undo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The case that it is for.
    pub case: String,
    /// Who asked for it; empty when the machine did. Nobody approves a plan of their own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// The decision that it follows from.
    pub decision: String,
    /// Digest of the evidence: of the decision's record.
    pub evidence: Digest,
    /// Digest of the book.
    pub book: Digest,
    /// The playbook.
    pub playbook: String,
    /// How far the playbook may go by itself with each of these verbs: the least of them.
    pub autonomy: Autonomy,
    /// What is done, in this order.
    pub steps: Vec<Planned>,
    /// Whose approval an exception of the playbook asks for besides, as a role such as `owner:finance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_for: Option<String>,
    /// What somebody said that it follows from beside the decision, as the service has it: a claim. Empty when nobody was asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// What happens when a step fails.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// When it was made.
    pub made: Time,
    /// An approval after this is none.
    pub expires: Time,
    /// Whatever tells two plans of the same content apart.
    pub nonce: String,
    /// The hand's epoch: a store that was restored from a backup begins another, and older plans are void.
    pub epoch: u64,
}

/// Where an action is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It stands in a plan that nobody approved yet.
    Planned,
    /// The guard refused it, when it was planned or before the act.
    Refused,
    /// Somebody denied it.
    Denied,
    /// Nobody answered in time.
    Expired,
    /// A step before it failed, so that it was not begun.
    Cancelled,
    /// People approved it, or none need to; it waits for its turn.
    Approved,
    /// It is written down that it is about to be done: from here on it may have been done.
    Intended,
    /// It was done.
    Done,
    /// It was so before.
    AlreadySo,
    /// It was not done.
    Failed,
    /// Nobody knows yet whether it was done.
    Unclear,
    /// It is about to be taken back: from here on it may have been.
    Undoing,
    /// The state before is restored.
    Undone,
    /// Somebody else changed the target since; it is not taken back over that.
    Drifted,
    /// Only a person can tell what is to be done.
    Stuck,
}

impl Plan {
    /// What people approve: the SHA-256 of the plan as JSON, its fields in the order of their declaration.
    pub fn digest(&self) -> Digest {
        // Text keys and plain values alone: writing them cannot fail.
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// The least that the guard allows of the steps that it does not refuse; a plan without any is refused.
    pub fn answer(&self) -> Answer {
        let answers = self.steps.iter().map(|step| step.ruling.answer).filter(|answer| *answer != Answer::Refuse);
        answers.min().unwrap_or(Answer::Refuse)
    }

    /// Who must approve: for each role the most that any step asks for.
    pub fn approvals(&self) -> Vec<Need> {
        let mut most: BTreeMap<&str, u8> = BTreeMap::new();
        for need in self.steps.iter().filter(|step| step.ruling.answer == Answer::Ask).flat_map(|step| &step.ruling.approvals) {
            let people = most.entry(&need.role).or_default();
            *people = need.people.max(*people);
        }
        most.into_iter().map(|(role, people)| Need { people, role: role.to_owned() }).collect()
    }
}

impl Action {
    /// What is the same however often it is attempted: the key of the `nth` step of the plan `plan`.
    pub fn key(plan: &Digest, nth: usize) -> String {
        Digest::of_parts([b"adjutant action".as_slice(), &plan.0, &(nth as u64).to_be_bytes()])
            .to_string()
            .chars()
            .take(32)
            .collect()
    }
}

impl Stage {
    /// Every stage, in the order of a life.
    pub const ALL: [Stage; 15] = [
        Stage::Planned,
        Stage::Refused,
        Stage::Denied,
        Stage::Expired,
        Stage::Cancelled,
        Stage::Approved,
        Stage::Intended,
        Stage::Done,
        Stage::AlreadySo,
        Stage::Failed,
        Stage::Unclear,
        Stage::Undoing,
        Stage::Undone,
        Stage::Drifted,
        Stage::Stuck,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Planned => "planned",
            Stage::Refused => "refused",
            Stage::Denied => "denied",
            Stage::Expired => "expired",
            Stage::Cancelled => "cancelled",
            Stage::Approved => "approved",
            Stage::Intended => "intended",
            Stage::Done => "done",
            Stage::AlreadySo => "already-so",
            Stage::Failed => "failed",
            Stage::Unclear => "unclear",
            Stage::Undoing => "undoing",
            Stage::Undone => "undone",
            Stage::Drifted => "drifted",
            Stage::Stuck => "stuck",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Answer::Refuse => "refuse",
            Answer::Ask => "ask",
            Answer::Run => "run",
        })
    }
}
