//! The queue, one case with its evidence and story, and what people do with it.

use super::blind::{Blind, Eyes};
use super::{Done, digits};
use crate::problem::{Kind, Problem};
use adjutant_engine::step::{Status, Verdict};
use adjutant_model::Outcome;
use adjutant_runtime::drive::Command;
use adjutant_runtime::event::Evidence;
use adjutant_runtime::ports::{Kept, Position, Wanted};
use adjutant_runtime::service::Service;
use adjutant_runtime::view::{self, Moment, shown_outcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Moments of a story that one answer holds.
const STORY_MAX: usize = 50;

/// Rows of evidence that one verdict cites.
const CITED_MAX: usize = 50;

/// A case as the queue shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Case {
    /// Its name.
    pub id: String,
    /// `open`, `closed-itself`, `closed-by-person`, `escalated`.
    pub status: String,
    /// What is proposed: `close`, `escalate`, `respond`.
    pub outcome: String,
    /// The highest score of its decisions; none for people who judge, where the blind sample may have drawn it.
    pub score: Option<i32>,
    /// The highest severity that a source stated: `info` to `critical`.
    pub severity: String,
    /// How many alerts joined it.
    pub alerts: u32,
    /// When its first alert was accepted, RFC 3339.
    pub opened: String,
    /// When it last changed, RFC 3339.
    pub updated: String,
    /// The playbook of its worst decision.
    pub playbook: String,
    /// Who or what it is about.
    pub subject: String,
    /// What happened.
    pub title: String,
    /// Who works on it; empty when nobody does.
    pub assignee: String,
    /// A past decision of it was reconsidered and waits for a person.
    pub review: bool,
}

/// Which cases are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// By status; open ones when none.
    pub status: Option<String>,
    /// By what is proposed.
    pub outcome: Option<String>,
    /// By playbook.
    pub playbook: Option<String>,
    /// By who works on them.
    pub assignee: Option<String>,
    /// Only those that wait after a review.
    pub review: bool,
    /// Where to go on.
    pub after: Option<(i64, u64)>,
    /// At most so many.
    pub limit: usize,
}

/// A case with its evidence and story.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Whole {
    /// The case.
    #[serde(flatten)]
    pub case: Case,
    /// Its worst decision.
    pub decision: String,
    /// The rows of evidence that a verdict may cite.
    pub evidence: Vec<Row>,
    /// What is recommended.
    pub recommended: Vec<String>,
    /// What happened, the latest first.
    pub story: Vec<Told>,
    /// Whether there is more of the story than is shown.
    pub more: bool,
}

/// One row of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// How a verdict names it: `E1`, `E2` …
    pub row: String,
    /// The signal or fact.
    pub name: String,
    /// What it says.
    pub says: String,
}

/// One moment of the story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// The number of its entry in the ledger.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// Who; empty for the machine itself.
    pub by: String,
    /// What kind of thing.
    pub kind: String,
    /// What, in words.
    pub text: String,
    /// The decision's name, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// `close`, `reopen` or `escalate`.
    pub verdict: String,
    /// Rows of the case's evidence: `E1`, `E3`.
    pub because: Vec<String>,
    /// What else there is to say.
    #[serde(default)]
    pub note: String,
}

/// Who is to work on a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assign {
    /// The user; empty to take it back.
    pub to: String,
}

/// Something said about a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comment {
    /// What.
    pub text: String,
}

const SEVERITIES: [&str; 5] = ["info", "low", "medium", "high", "critical"];

impl Case {
    /// The case, with what the machine made of it or without.
    pub fn of(kept: &Kept, blind: bool) -> Self {
        Self {
            id: hex(&kept.id.0),
            status: kept.status.to_string(),
            outcome: shown_outcome(kept).to_string(),
            score: (!blind).then_some(kept.score),
            severity: SEVERITIES.get(usize::from(kept.severity)).map_or_else(String::new, |name| (*name).to_owned()),
            alerts: kept.alerts,
            opened: kept.opened.to_string(),
            updated: kept.updated.to_string(),
            playbook: kept.playbook.clone(),
            subject: kept.subject.clone(),
            title: kept.title.clone(),
            assignee: kept.assignee.clone(),
            review: kept.review,
        }
    }
}

/// The queue, or other cases: each with its rank and key, which are its place in the listing.
///
/// # Errors
/// The filter names what does not exist, or the store cannot be read.
pub fn queue(service: &Service, filter: &Filter, eyes: Eyes) -> Result<Vec<(Case, i64, u64)>, Problem> {
    let wanted = Wanted {
        status: Some(status(filter.status.as_deref().unwrap_or("open"))?),
        outcome: filter.outcome.as_deref().map(outcome).transpose()?,
        playbook: filter.playbook.clone(),
        assignee: filter.assignee.clone(),
        review: filter.review,
        after: filter.after.map(|(rank, first)| Position { rank, first }),
        limit: filter.limit,
    };
    let found = service.read(|reader| reader.cases(&wanted))?;
    let blind = Blind::new(service, eyes);
    let placed = |kept: &Kept| (Case::of(kept, blind.hides(kept)), kept.position().rank, kept.first);
    Ok(found.iter().map(placed).collect())
}

fn status(text: &str) -> Result<Status, Problem> {
    let all = [Status::Open, Status::ClosedItself, Status::ClosedByPerson, Status::Escalated];
    all.into_iter().find(|status| status.to_string() == text).ok_or_else(|| {
        Problem::new(
            Kind::Invalid,
            format!("there is no status `{text}`; write open, closed-itself, closed-by-person or escalated"),
        )
    })
}

/// An outcome by its name.
///
/// # Errors
/// There is none of that name.
pub fn outcome(text: &str) -> Result<Outcome, Problem> {
    let all = [Outcome::Close, Outcome::Escalate, Outcome::Respond];
    all.into_iter()
        .find(|outcome| outcome.to_string() == text)
        .ok_or_else(|| Problem::new(Kind::Invalid, format!("there is no outcome `{text}`; write close, escalate or respond")))
}

/// The only case whose name begins with `id`.
pub(crate) fn named(service: &Service, id: &str) -> Result<Kept, Problem> {
    let id = digits(id)?;
    let mut found = service.read(|reader| reader.case_named(id, 2))?;
    match (found.pop(), found.len()) {
        (Some(case), 0) => Ok(case),
        (None, _) => Err(Problem::new(Kind::NotFound, format!("there is no case `{id}`"))),
        _ => Err(Problem::new(Kind::Conflict, format!("`{id}` begins several cases; write more of it"))),
    }
}

/// A case with its evidence and story.
///
/// # Errors
/// There is none, or the store cannot be read.
pub fn case(service: &Service, id: &str, eyes: Eyes) -> Result<Whole, Problem> {
    let kept = named(service, id)?;
    let blind = Blind::new(service, eyes).hides(&kept);
    let rows = if blind { view::unweighed } else { view::evidence };
    let (evidence, recommended, decision) = match service.decision(kept.worst)? {
        Some(decision) => {
            let record = decision.record();
            (rows(&record), record.recommended.clone(), decision.id())
        }
        None => (vec![view::removed(kept.worst)], Vec::new(), String::new()),
    };
    let (story, rest) = service.story(kept.last, STORY_MAX, blind)?;
    Ok(Whole {
        case: Case::of(&kept, blind),
        decision,
        evidence: evidence.into_iter().map(|Evidence { row, name, says }| Row { row, name, says }).collect(),
        recommended,
        story: story.into_iter().map(told).collect(),
        more: rest > 0,
    })
}

fn told(moment: Moment) -> Told {
    let Moment { seq, at, by, kind, text, decision } = moment;
    Told { seq, at, by, kind, text, decision }
}

/// Judges a case for `by`.
///
/// # Errors
/// It cites what the case does not show, says what is so already, or cannot be stored.
pub async fn judge(service: &Service, by: &str, id: &str, judge: &Judge) -> Result<Done, Problem> {
    let kept = named(service, id)?;
    let verdict = match judge.verdict.as_str() {
        "close" => Verdict::Close,
        "reopen" => Verdict::Reopen,
        "escalate" => Verdict::Escalate,
        other => {
            let detail = format!("there is no verdict `{other}`; write close, reopen or escalate");
            return Err(Problem::new(Kind::Invalid, detail));
        }
    };
    let decision = service.decision(kept.worst)?;
    let rows = decision.map_or_else(|| vec![view::removed(kept.worst)], |decision| view::evidence(&decision.record()));
    if judge.because.len() > CITED_MAX {
        return Err(Problem::new(Kind::Invalid, format!("a verdict cites at most {CITED_MAX} rows of evidence")));
    }
    let because = judge.because.iter().map(|row| cited(&rows, row)).collect::<Result<_, _>>()?;
    let command = Command::Judge { case: kept.id, verdict, because, note: judge.note.clone() };
    Ok(service.command(by, command).await?.into())
}

fn cited(rows: &[Evidence], name: &str) -> Result<Evidence, Problem> {
    let row = rows.iter().find(|evidence| evidence.row.eq_ignore_ascii_case(name.trim()));
    row.cloned()
        .ok_or_else(|| Problem::new(Kind::Invalid, format!("the case has no evidence `{name}`; it has E1 to E{}", rows.len())))
}

/// Gives a case to somebody.
///
/// # Errors
/// There is no such case, or it cannot be stored.
pub async fn assign(service: &Service, by: &str, id: &str, assign: Assign) -> Result<Done, Problem> {
    let case = named(service, id)?.id;
    Ok(service.command(by, Command::Assign { case, to: assign.to }).await?.into())
}

/// Says something about a case.
///
/// # Errors
/// There is no such case, the text is empty or too long, or it cannot be stored.
pub async fn comment(service: &Service, by: &str, id: &str, comment: Comment) -> Result<Done, Problem> {
    let case = named(service, id)?.id;
    Ok(service.command(by, Command::Comment { case, text: comment.text }).await?.into())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}
