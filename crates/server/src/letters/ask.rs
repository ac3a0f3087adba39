//! Puts a question of the book to a person: who is asked, on which way, in which words.

use super::people::{Person, person};
use super::{About, Addressee, Letter, Letters, case_id, has_room, keep, switched_off};
use crate::api::cases::{hex, named};
use crate::app::App;
use crate::problem::{Kind, Problem};
use adjutant_engine::plan;
use adjutant_model::{Outcome, Role, Time};
use adjutant_rules::lang::Sentence;
use adjutant_rules::question::{Question, Way};
use adjutant_runtime::drive::{Command, kind};
use adjutant_runtime::event::{AskedAbout, Assurance, Questioned, What};
use adjutant_runtime::policy::Policy;
use adjutant_runtime::ports::Kept;
use adjutant_runtime::view::Decision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Moments of a case's story, from its end, in which people are looked for who are to be asked.
const EVERYBODY_MAX: usize = 500;

/// What is to be asked about a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// A question of the book; none for those that the case's playbook asks.
    #[serde(default)]
    pub question: Option<String>,
    /// Whom it is about: `user`, or `target`.
    #[serde(default)]
    pub of: Option<String>,
    /// Everybody whom a decision of the case names that responds, and not only whom the worst names.
    #[serde(default)]
    pub everybody: bool,
}

/// A question as it is put, or why it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Put {
    /// The question's name in the book.
    pub question: String,
    /// Whom it is about.
    pub of: String,
    /// Who is asked; nobody when there is no way to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// On which way: `phone`, `chat` or `mail`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
    /// The exact words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wording: Option<String>,
    /// Why somebody else is asked than whom it is about, or nobody.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}

/// Who is asked, and how.
struct Choice<'q> {
    to: Addressee,
    words: &'q Sentence,
    assurance: Assurance,
    instead: String,
}

/// Asks about a case, wanted by `by`.
///
/// # Errors
/// There is no such case or question, it was asked before, or nothing can be written now.
pub fn ask(app: &App, by: &str, case: &str, wanted: &Ask) -> Result<Vec<Put>, Problem> {
    if !app.letters.are_written() {
        return Err(switched_off());
    }
    let kept = named(&app.service, case)?;
    if !wanted.everybody {
        return ask_about(app, by, (&kept, kept.worst), wanted);
    }
    let mut told = Vec::new();
    for entry in responding(app, &kept)? {
        match ask_about(app, by, (&kept, entry), wanted) {
            Ok(put) => told.extend(put),
            // Asked before, or the same person once more.
            Err(problem) if problem.kind() == Kind::Conflict => {}
            Err(problem) => return Err(problem),
        }
    }
    if told.is_empty() {
        return Err(Problem::new(Kind::Conflict, "nobody is left to be asked about this case"));
    }
    Ok(told)
}

/// The decisions of a case that respond, of the latest [`EVERYBODY_MAX`] moments of its story.
fn responding(app: &App, kept: &Kept) -> Result<Vec<u64>, Problem> {
    let (story, _) = app.service.story(kept.last, EVERYBODY_MAX, false)?;
    let decided = story.into_iter().filter(|moment| moment.decision.is_some()).map(|moment| moment.seq);
    let responds = |seq: &u64| {
        let decided = app.service.decision(*seq);
        decided.is_ok_and(|decided| decided.is_some_and(|decided| decided.head.outcome() == Outcome::Respond))
    };
    Ok(decided.filter(responds).collect())
}

/// Asks whom the alert of the decision `entry` names.
fn ask_about(app: &App, by: &str, (kept, entry): (&Kept, u64), wanted: &Ask) -> Result<Vec<Put>, Problem> {
    let gone = || Problem::new(Kind::Conflict, "retention removed the decision: there is nothing to ask about");
    let decided = app.service.decision(entry)?.ok_or_else(gone)?;
    let case = hex(&kept.id.0);
    let _alone = app.letters.alone();
    let asks = asks(&decided, wanted)?;
    asks.into_iter().map(|(question, of)| put(app, by, &case, (&decided, question, of))).collect()
}

/// Questions with whom they are about.
fn asks<'d>(decided: &'d Decision, wanted: &Ask) -> Result<Vec<(&'d Question, Role)>, Problem> {
    let invalid = |detail: String| Problem::new(Kind::Invalid, detail);
    let of = match wanted.of.as_deref() {
        None | Some("user") => Role::User,
        Some("target") => Role::Target,
        Some(_) => return Err(invalid("people are the `user` or the `target` of an alert".into())),
    };
    let book = &decided.book;
    if let Some(id) = &wanted.question {
        let question = book.question(id).ok_or_else(|| invalid("the book that decided has no such question".into()))?;
        return Ok(vec![(question, of)]);
    }
    let playbook = book.playbooks.get(usize::from(decided.entry.decision.playbook));
    let asks = playbook.into_iter().flat_map(|playbook| &playbook.asks);
    let asks: Vec<(&Question, Role)> = asks.filter_map(|asking| Some((book.question(&asking.question)?, asking.of))).collect();
    if asks.is_empty() {
        return Err(invalid("the case's playbook asks nothing: name a question".into()));
    }
    Ok(asks)
}

fn put(app: &App, by: &str, case: &str, (decided, question, of): (&Decision, &Question, Role)) -> Result<Put, Problem> {
    let (now, policy) = (app.service.clock().now(), app.service.policy());
    let row = &decided.entry.alert.row;
    let subject = plan::named(of.name(), row).and_then(|name| person(&policy, &name, now));
    // Alerts can name as many people as they like: of those whom our directory does not know it is noted once.
    let once = [case, &question.id, of.name()].into_iter().chain(subject.as_ref().map(|person| &*person.who));
    let once = once.collect::<Vec<_>>().join(" ");
    if app.service.read(|reader| reader.document(kind::QUESTION, &once))?.is_some() {
        return Err(Problem::new(Kind::Conflict, format!("`{}` was put to them about this case already", question.id)));
    }
    if !has_room(app)? {
        return Err(Problem::new(Kind::TooMany, "too many letters wait for an answer"));
    }
    let who = subject.as_ref().map_or_else(|| format!("the {} of the alert", of.name()), |person| person.who.clone());
    let chosen = subject.as_ref().ok_or_else(|| "our directory does not know them".to_owned());
    let chosen = chosen.and_then(|subject| choose(&app.letters, (&*policy, now), subject, question));
    let mut told = Put { question: question.id.clone(), of: who, to: None, way: None, wording: None, because: String::new() };
    let choice = match chosen {
        Ok(choice) => choice,
        Err(why) => {
            told.because.clone_from(&why);
            let what = What::Unasked { question: question.id.clone(), of: told.of.clone(), why };
            let documents = vec![(kind::QUESTION, once, Some("nobody".to_owned()))];
            app.service.command_blocking(by, Command::About { case: case_id(case), what, documents })?;
            return Ok(told);
        }
    };
    let mut wording = String::new();
    choice.words.render(row, &mut wording);
    let until = now.plus(question.within);
    (told.to, told.way) = (Some(choice.to.who.clone()), Some(choice.to.way.name().to_owned()));
    (told.wording, told.because) = (Some(wording.clone()), choice.instead.clone());
    let questioned = Questioned {
        letter: String::new(),
        question: question.id.clone(),
        book: decided.head.book.to_string(),
        about: Some(AskedAbout { entry: decided.seq, role: of.name().to_owned() }),
        of: told.of.clone(),
        to: choice.to.who.clone(),
        instead: choice.instead,
        way: choice.to.way,
        assurance: choice.assurance,
        wording,
        choices: question.choices.clone(),
        until: until.to_string(),
    };
    let mut letter = Letter::new((by, case), choice.to, About::Question(Box::new(questioned)), (now, until))?;
    if let About::Question(questioned) = &mut letter.about {
        questioned.letter.clone_from(&letter.id);
    }
    keep(app, vec![letter.kept(), (kind::QUESTION, once, Some(letter.id.clone()))])?;
    Ok(told)
}

/// The person it is about on a way that is not under suspicion; else their manager; else nobody, and why.
fn choose<'q>(
    letters: &Letters,
    (policy, now): (&Policy, Time),
    subject: &Person,
    question: &'q Question,
) -> Result<Choice<'q>, String> {
    let reach = |person: &Person, free: &dyn Fn(Way) -> bool| {
        let ways = Way::ALL.into_iter().filter(|way| letters.ways.contains(way) && free(*way));
        let mut to =
            ways.filter_map(|way| Some(Addressee { who: person.who.clone(), way, address: person.address(way)?.into() }));
        to.next()
    };
    if let Some(to) = reach(subject, &|way| !question.never_by.contains_key(&way)) {
        let assurance = if to.way == Way::Phone { Assurance::Medium } else { Assurance::Low };
        return Ok(Choice { to, words: &question.ask, assurance, instead: String::new() });
    }
    let barred = question.never_by.iter().map(|(way, why)| format!("not by {}: {why}", way.name()));
    let mut why = barred.collect::<Vec<_>>().join("; ");
    if why.is_empty() {
        "no way to them is known".clone_into(&mut why);
    }
    let manager = subject.manager.as_deref().and_then(|name| manager(policy, name, now)).filter(|it| it.who != subject.who);
    let to = manager.as_ref().and_then(|manager| reach(manager, &|_| true));
    match (to, &question.ask_manager) {
        (Some(to), Some(words)) => {
            Ok(Choice { to, words, assurance: Assurance::Low, instead: format!("the manager is asked instead; {why}") })
        }
        _ => Err(format!("{why}; and no manager can be asked instead")),
    }
}

/// A manager is written as an address, which is good for mail even where our directory says no more of them.
fn manager(policy: &Policy, name: &str, now: Time) -> Option<Person> {
    let mut person = person(policy, name, now).unwrap_or_default();
    if person.who.is_empty() {
        adjutant_model::EntityKind::User.canonical(name, &mut person.who);
    }
    if person.mailbox.is_none() && crate::config::is_mailbox(name) {
        person.mailbox = Some(name.to_owned());
    }
    (!person.who.is_empty()).then_some(person)
}

/// Puts the questions that playbooks left to be asked.
///
/// # Errors
/// Nothing can be read or written now.
pub fn put_what_waits(app: &App) -> Result<(), Problem> {
    for (name, body) in app.service.read(|reader| reader.documents(kind::TO_ASK))? {
        let case = name.split(' ').next().unwrap_or_default();
        let asks: Vec<(String, String, u64)> = serde_json::from_str(&body).unwrap_or_default();
        for (question, of, entry) in asks {
            let wanted = Ask { question: Some(question), of: Some(of), everybody: false };
            match named(&app.service, case).and_then(|kept| ask_about(app, "", (&kept, entry), &wanted)) {
                // Asked before, or nothing to ask about any more: once is enough.
                Ok(_) => {}
                Err(problem) if matches!(problem.kind(), Kind::Unavailable | Kind::TooMany) => return Err(problem),
                Err(_) => {}
            }
        }
        keep(app, vec![(kind::TO_ASK, name, None)])?;
    }
    Ok(())
}
