//! What is done about a case: plans, what people sign, actions, and the hand's own answers.
//!
//! The service only carries: it says what a playbook would like, and hands on what people signed, after noting it in the
//! ledger. Who a target is, what may be done and what was done, the hand says.

use super::cases::{hex, named};
use crate::app::App;
use crate::problem::{Kind, Problem};
use adjutant_engine::explain::{style, subject};
use adjutant_engine::plan;
use adjutant_hand::protocol::{Reply, Request};
use adjutant_hand::{Draft, Wish};
use adjutant_ledger::Note;
use adjutant_model::act::TEXT_BYTES_MAX;
use adjutant_model::schema::slots;
use adjutant_model::{Autonomy, Digest, EntityKind};
use adjutant_rules::playbook::{Response, VERBS};
use adjutant_runtime::drive::Command;
use adjutant_runtime::event::{Answered, AskedAbout, What};
use adjutant_runtime::view::Decision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Characters of a note that a person signed: four lines and a signature.
const NOTE_CHARS_MAX: usize = 2_000;

/// Columns of the evidence in a ticket or a message.
const WIDTH: usize = 100;

/// Characters of a summary: trackers take about 250.
const SUMMARY_CHARS: usize = 200;

/// Bytes of what fits a message.
const BRIEF_BYTES: usize = 2_800;

/// Stands where a text was shortened.
const CUT: &str = "\n(shortened; the case has all of it)";

/// What a person signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The signed note, as `adjutant approve`, `deny`, `undo` and `resume` make it.
    pub note: String,
}

/// What would be said of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The verb, such as `disable-account`.
    pub verb: String,
    /// What kind of thing: `user`, `host`, `address` …
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// Asks the hand.
///
/// # Errors
/// There is none, it does not answer, or it refuses.
pub fn ask(app: &App, request: &Request) -> Result<Reply, Problem> {
    let hand = app.hand.as_ref().ok_or_else(|| {
        let detail = "this service has no hand: name its socket in the settings under `hand`, and start `adjutant hand`";
        Problem::new(Kind::Conflict, detail)
    })?;
    match hand.ask(request) {
        Ok(Reply::Refused { why, none: true }) => Err(Problem::new(Kind::NotFound, why)),
        Ok(Reply::Refused { why, none: false }) => Err(Problem::new(Kind::Conflict, why)),
        Ok(reply) => Ok(reply),
        Err(error) => Err(Problem::new(Kind::Unavailable, format!("the hand does not answer: {error}"))),
    }
}

/// Makes a plan for a case, asked for by `by`: what its playbook would do about its worst decision, or after the answer that is
/// the entry `answer`.
///
/// # Errors
/// There is no such case or answer, its playbook would do nothing, or the hand does not make it.
pub fn make(app: &App, by: &str, case: &str, answer: Option<u64>) -> Result<Reply, Problem> {
    let draft = draft(app, by, case, answer)?;
    if draft.steps.is_empty() {
        return Err(Problem::new(Kind::Conflict, format!("`{}` would do nothing about this", draft.playbook)));
    }
    ask(app, &Request::Plan { draft })
}

/// Makes the plan that a decision or an answer proposes, where the ladder lets its playbook prepare what it would do. The hand
/// makes the same plan once for a case, however often it is asked. `about` is the body of a message of the topic
/// [`PLAN`](adjutant_runtime::ports::PLAN).
///
/// # Errors
/// There is no such case, or the hand does not make it.
pub fn propose(app: &App, about: &str) -> Result<(), Problem> {
    // What names no entry must not become the plan of the decision.
    let unnamed = |_| Problem::new(Kind::Invalid, "the answer is named by the number of its entry");
    let (case, answer) = match about.split_once(' ') {
        Some((case, entry)) => (case, Some(entry.parse().map_err(unnamed)?)),
        None => (about, None),
    };
    let draft = draft(app, "", case, answer)?;
    if draft.steps.is_empty() || draft.autonomy < Autonomy::Ask {
        return Ok(());
    }
    ask(app, &Request::Plan { draft }).map(|_| ())
}

/// What would become of the plan that [`make`] would make: nothing is made.
///
/// # Errors
/// As [`make`].
pub fn simulate(app: &App, by: &str, case: &str, answer: Option<u64>) -> Result<Reply, Problem> {
    ask(app, &Request::Simulate { draft: draft(app, by, case, answer)? })
}

/// What somebody answered, and the decision that they were asked about.
struct Heard {
    said: Box<Answered>,
    about: AskedAbout,
    entry: u64,
}

fn draft(app: &App, by: &str, case: &str, answer: Option<u64>) -> Result<Draft, Problem> {
    let kept = named(&app.service, case)?;
    let case = hex(&kept.id.0);
    let heard = answer.map(|entry| heard(app, &case, entry)).transpose()?;
    let gone = || Problem::new(Kind::Conflict, "retention removed the decision: there is nothing to plan from");
    let about = heard.as_ref().map_or(kept.worst, |heard| heard.about.entry);
    let decided = app.service.decision(about)?.ok_or_else(gone)?;
    draft_of(app, by, case, (&decided, heard.as_ref()))
}

/// The answer about this case that is the entry `entry`.
fn heard(app: &App, case: &str, entry: u64) -> Result<Heard, Problem> {
    let none = || Problem::new(Kind::NotFound, format!("entry {entry} is no answer about this case"));
    let noted = app.service.noted(entry)?.filter(|noted| noted.case == case).ok_or_else(none)?;
    let What::Answered(mut said) = noted.what else { return Err(none()) };
    let older = || Problem::new(Kind::Conflict, "the question does not say which decision it was put about");
    let about = said.about.take().ok_or_else(older)?;
    Ok(Heard { said, about, entry })
}

impl Heard {
    /// What is planned follows from these words and no others.
    fn because(&self) -> String {
        let said = &self.said;
        let (to, way, assurance) = (&said.to, said.way.name(), said.assurance.name());
        let of = if said.to == said.of { String::new() } else { format!(" about {}", said.of) };
        format!(
            "{to} answered {}{of}: \"{}\" (a claim by {way}, of {assurance} assurance; entry {})",
            said.question, said.choice.says, self.entry
        )
    }
}

fn draft_of(app: &App, by: &str, case: String, (decided, heard): (&Decision, Option<&Heard>)) -> Result<Draft, Problem> {
    let (decision, row) = (&decided.entry.decision, &decided.entry.alert.row);
    let playbook = decided.book.playbooks.get(usize::from(decision.playbook));
    let playbook = playbook.ok_or_else(|| Problem::new(Kind::Conflict, "the book has no such playbook"))?;
    let because = heard.map_or_else(String::new, Heard::because);
    let texts = texts(decided, &because);
    let alert = row.texts(slots::ALERT_ID).next();
    let with: BTreeMap<String, String> = alert.map(|id| ("alert".to_owned(), id.to_owned())).into_iter().collect();
    let due: Vec<&Response> = match heard {
        None => plan::due(playbook, decision, row).collect(),
        Some(Heard { said, about, .. }) => {
            let answer = plan::Answer { question: &said.question, of: &about.role, choice: &said.choice.id };
            plan::after(playbook, decision, row, answer).collect()
        }
    };
    let autonomy = plan::autonomy(&app.service.ladder(), (&decided.book, playbook), due.iter().copied(), row);
    let wishes = plan::wishes(due.into_iter(), row).into_iter();
    let steps: Vec<Wish> = wishes.map(|step| wish(step, &case, &texts, &with)).collect();
    let record = serde_json::to_vec(&decided.record()).map_err(|error| Problem::new(Kind::Internal, error.to_string()))?;
    Ok(Draft {
        case,
        by: by.to_owned(),
        decision: decided.id(),
        evidence: Digest::of(&record),
        book: decided.head.book,
        playbook: playbook.name.clone(),
        // Whoever holds a link may claim something, and never has anything done by that.
        autonomy: if heard.is_some() { autonomy.min(Autonomy::Ask) } else { autonomy },
        steps,
        because,
        held_for: plan::held_for(playbook, decision),
        on_failure: playbook.on_failure,
    })
}

fn wish(wish: plan::Wish, case: &str, texts: &BTreeMap<String, String>, with: &BTreeMap<String, String>) -> Wish {
    let name = if wish.kind == EntityKind::Case { Some(case.to_owned()) } else { wish.name };
    let tells = VERBS.iter().any(|verb| verb.name == wish.verb && verb.changes.only_tells());
    Wish {
        verb: wish.verb.to_owned(),
        kind: wish.kind,
        name: name.unwrap_or_default(),
        // What of this a verb needs, the hand looks up.
        with: if tells { with.clone() } else { BTreeMap::new() },
        texts: if tells { texts.clone() } else { BTreeMap::new() },
        undo: wish.undo.map(str::to_owned),
        lasts: wish.lasts,
    }
}

/// What people may be told about a case: [`adjutant_rules::playbook::TEXTS`]; what somebody said of it comes first.
fn texts(decided: &Decision, because: &str) -> BTreeMap<String, String> {
    let record = decided.record();
    let evidence = style::plain(&decided.explained(WIDTH));
    let evidence = if because.is_empty() { evidence } else { format!("{because}\n\n{evidence}") };
    let summary = format!("{}: {} ({}, score {})", record.playbook, subject(&record), record.outcome, record.score);
    let summary = summary.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SUMMARY_CHARS).collect();
    let texts = [
        ("summary", summary),
        ("brief", shortened(&evidence, BRIEF_BYTES)),
        ("evidence", shortened(&evidence, TEXT_BYTES_MAX - CUT.len())),
    ];
    texts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// The first lines of `text`, as many as `bytes` hold.
fn shortened(text: &str, bytes: usize) -> String {
    let Some(head) = text.get(..text.floor_char_boundary(bytes)).filter(|head| head.len() < text.len()) else {
        return text.trim_end().to_owned();
    };
    format!("{}{CUT}", head.rsplit_once('\n').map_or(head, |(lines, _)| lines))
}

/// Notes what a person signed, and hands it on.
///
/// # Errors
/// It is no note, cannot be noted, or the hand does not take it.
pub async fn signed(app: &App, by: &str, signed: Signed) -> Result<Reply, Problem> {
    let (app, by) = (app.clone(), by.to_owned());
    crate::routes::blocking(move || hand_on(&app, &by, signed.note)).await
}

/// The same, where a thread may block.
pub(crate) fn hand_on(app: &App, by: &str, note: String) -> Result<Reply, Problem> {
    if note.chars().count() > NOTE_CHARS_MAX {
        return Err(Problem::new(Kind::Invalid, format!("a signed note has at most {NOTE_CHARS_MAX} characters")));
    }
    Note::parse(note.as_bytes()).map_err(|error| Problem::new(Kind::Invalid, error.to_string()))?;
    app.service.command_blocking(by, Command::Note(What::Signed { note: note.clone() }))?;
    ask(app, &Request::Hear { note })
}

/// Who or what is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// What kind of thing: `user`, `host`, `address` …
    pub kind: String,
    /// Its name.
    pub name: String,
    /// How old an answer may be, in seconds; 0 asks anew. A day at most.
    #[serde(default)]
    pub age_seconds_max: u32,
}

/// What the hand's connectors know.
///
/// # Errors
/// There is no such kind, or the hand does not answer.
pub fn lookup(app: &App, lookup: Lookup) -> Result<Reply, Problem> {
    let kind = kind(&lookup.kind)?;
    ask(app, &Request::Facts { kind, name: lookup.name, age_seconds_max: lookup.age_seconds_max, connector: None })
}

fn kind(name: &str) -> Result<EntityKind, Problem> {
    let none = |_| Problem::new(Kind::Invalid, format!("there is no kind of thing called `{name}`; user and host are some"));
    serde_json::from_value(name.into()).map_err(none)
}

/// What the guard would say of this now.
///
/// # Errors
/// There is no such kind, or the hand does not answer.
pub fn check(app: &App, check: Check) -> Result<Reply, Problem> {
    let kind = kind(&check.kind)?;
    ask(app, &Request::Check { verb: check.verb, kind, name: check.name })
}
