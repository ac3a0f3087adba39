//! Sends letters, bounded per person and hour, and notes when nobody answered.
//!
//! Everything that is left to do is in the letters themselves, so that a restart goes on where it was: a letter that was
//! sent and could not be noted is sent again under the same name, with one more link.

use super::{About, Addressee, Document, Letter, ask, keep, open, plans};
use crate::app::App;
use crate::problem::{Kind, Problem};
use adjutant_hand::protocol::{Reply, Request};
use adjutant_model::{Digest, Duration, Time};
use adjutant_runtime::drive::{Command, kind};
use adjutant_runtime::event::What;
use adjutant_runtime::ports::CallError;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Plans that one message gathers.
const GATHERED_MAX: usize = 20;

/// A letter that could not be sent is tried again after some seconds, then twice as long each time, at most half an hour.
const AGAIN_SECONDS: i64 = 5;
const AGAIN_SECONDS_MAX: i64 = 1_800;

/// The time in which so many letters go to a person at most.
const WINDOW: Duration = Duration::from_hours(1);

/// A message to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The same each time that it is sent.
    pub id: String,
    /// To whom.
    pub to: Addressee,
    /// Its subject.
    pub subject: String,
    /// Its text: words of ours, names of our own directory, and links to our own pages.
    pub text: String,
}

/// Brings messages to people.
pub trait Carrier {
    /// Brings one message.
    ///
    /// # Errors
    /// A [`CallError`] that says whether to try again.
    fn carry(&self, message: &Message) -> Result<(), CallError>;
}

/// Does what is due: writes, sends, and notes silence.
///
/// # Errors
/// Nothing can be read or written now; what was left is done at the next call.
pub fn tend(app: &App, carrier: &dyn Carrier) -> Result<(), Problem> {
    if !app.letters.are_written() {
        return Ok(());
    }
    ask::put_what_waits(app)?;
    let written = plans::write(app);
    let now = app.service.clock().now();
    let mut waiting: BTreeMap<Addressee, Vec<Letter>> = BTreeMap::new();
    for letter in open(&app.service)? {
        if letter.until <= now {
            end(app, &letter.id, now)?;
        } else if (letter.sent.is_none() && letter.due <= now) || is_to_be_reminded(app, &letter, now) {
            waiting.entry(letter.to.clone()).or_default().push(letter);
        }
    }
    for letters in waiting.into_values() {
        let (plans, questions): (Vec<_>, Vec<_>) = letters.into_iter().partition(|one| matches!(one.about, About::Plan(_)));
        for question in questions {
            send(app, carrier, vec![question], now)?;
        }
        let plans: Vec<Letter> = plans.into_iter().take(GATHERED_MAX).collect();
        if !plans.is_empty() {
            send(app, carrier, plans, now)?;
        }
    }
    written
}

/// Whether half of the time is over and an answer still waited for. Of a plan the hand knows; where it does not answer now, it is
/// asked at the next look.
fn is_to_be_reminded(app: &App, letter: &Letter, now: Time) -> bool {
    let waits = || match &letter.about {
        About::Question(_) => true,
        About::Plan(plan) => {
            let shown = crate::api::plans::ask(app, &Request::Show { plan: plan.clone() });
            matches!(shown, Ok(Reply::Plan(shown)) if plans::waits(&shown, now))
        }
    };
    letter.is_half_over(now) && waits()
}

/// Has the letter about a plan to one person sent once more, as soon as they may get another.
///
/// # Errors
/// They have none, or nothing can be written now.
pub fn send_again(app: &App, plan: &str, who: &str) -> Result<(), Problem> {
    let _alone = app.letters.alone();
    let is_theirs = |letter: &Letter| letter.to.who == who && matches!(&letter.about, About::Plan(about) if about == plan);
    let none = || Problem::new(Kind::Conflict, "no letter of theirs about this plan waits");
    let letter = open(&app.service)?.into_iter().find(is_theirs).ok_or_else(none)?;
    let now = app.service.clock().now();
    Ok(keep(app, vec![Letter { sent: None, due: now, ..letter }.kept()])?)
}

/// The time of a letter is over.
fn end(app: &App, id: &str, now: Time) -> Result<(), Problem> {
    let _alone = app.letters.alone();
    // Whoever answered meanwhile was in time.
    let Some(letter) = stored(app, id)?.filter(|letter| letter.until <= now) else { return Ok(()) };
    let what = match &letter.about {
        // The hand itself notes that a plan expired.
        About::Plan(_) => return Ok(keep(app, letter.gone())?),
        About::Question(asked) if letter.sent.is_some() => {
            What::Silent { letter: letter.id.clone(), question: asked.question.clone(), to: asked.to.clone() }
        }
        About::Question(asked) => unasked(asked.question.clone(), asked.of.clone(), "no letter could be delivered in time"),
    };
    note(app, &letter, what, letter.gone())
}

fn unasked(question: String, of: String, why: &str) -> What {
    What::Unasked { question, of, why: why.to_owned() }
}

fn stored(app: &App, id: &str) -> Result<Option<Letter>, Problem> {
    let body = app.service.read(|reader| reader.document(kind::LETTER, id))?;
    Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
}

fn note(app: &App, letter: &Letter, what: What, documents: Vec<Document>) -> Result<(), Problem> {
    app.service.command_blocking(&letter.by, Command::About { case: letter.case_id(), what, documents })?;
    Ok(())
}

/// Sends one message, if the person got fewer than they may in an hour.
fn send(app: &App, carrier: &dyn Carrier, mut letters: Vec<Letter>, now: Time) -> Result<(), Problem> {
    let alone = app.letters.alone();
    let Some(to) = letters.first().map(|letter| letter.to.clone()) else { return Ok(()) };
    let noted = app.service.read(|reader| reader.document(kind::PROMPTED, &to.who))?;
    let sent: Vec<Time> = noted.and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default();
    let mut sent: Vec<Time> = sent.into_iter().filter(|at| now.since(*at) < WINDOW).collect();
    if sent.len() >= app.letters.per_hour_max {
        return Ok(());
    }
    let (mut urls, mut links) = (Vec::new(), Vec::new());
    for letter in &mut letters {
        let (url, link) = letter.link(&app.letters)?;
        urls.push(url);
        links.push(link);
    }
    links.extend(letters.iter().map(Letter::kept));
    // The digest of a link is there before anybody can hold it.
    keep(app, links)?;
    drop(alone);
    let message = message(app, to, &letters, &urls);
    let carried = carrier.carry(&message);
    // Nobody waits for a mail server; what became of the letters meanwhile counts.
    let _alone = app.letters.alone();
    let letters = letters.iter().filter_map(|letter| stored(app, &letter.id).transpose()).collect::<Result<Vec<_>, _>>()?;
    match carried {
        Ok(()) => {
            sent.push(now);
            let times = serde_json::to_string(&sent).ok();
            let prompted = vec![(kind::PROMPTED, message.to.who.clone(), times)];
            keep(app, prompted)?;
            letters.into_iter().try_for_each(|letter| delivered(app, letter, now))
        }
        Err(CallError::Retry(_) | CallError::Unclear(_)) => {
            Ok(keep(app, letters.into_iter().map(|it| again(it, now)).collect())?)
        }
        Err(CallError::Permanent(why)) => letters.into_iter().try_for_each(|letter| match letter.sent {
            // They have it, and are not reminded of it.
            Some(_) => Ok(keep(app, vec![Letter { reminded: Some(now), ..letter }.kept()])?),
            None => refused(app, &letter, &why),
        }),
    }
}

fn delivered(app: &App, mut letter: Letter, now: Time) -> Result<(), Problem> {
    let is_reminder = letter.sent.is_some();
    if is_reminder {
        letter.reminded = Some(now);
    } else {
        letter.sent = Some(now);
    }
    let documents = vec![letter.kept()];
    let what = match &letter.about {
        about if is_reminder => {
            let about = match about {
                About::Question(asked) => asked.question.clone(),
                About::Plan(plan) => plan.clone(),
            };
            let (to, way) = (letter.to.who.clone(), letter.to.way);
            What::Reminded { letter: letter.id.clone(), about, to, way }
        }
        About::Question(asked) => What::Questioned(asked.clone()),
        About::Plan(plan) => {
            let (to, way) = (letter.to.who.clone(), letter.to.way);
            What::Prompted { letter: letter.id.clone(), plan: plan.clone(), to, way }
        }
    };
    note(app, &letter, what, documents)
}

fn again(mut letter: Letter, now: Time) -> Document {
    let seconds = AGAIN_SECONDS.checked_shl(letter.attempts).unwrap_or(AGAIN_SECONDS_MAX).clamp(AGAIN_SECONDS, AGAIN_SECONDS_MAX);
    letter.attempts = letter.attempts.saturating_add(1).min(16);
    letter.due = now.plus(Duration::from_secs(seconds));
    letter.kept()
}

/// Nobody will ever get the letter: what it was to bring about, a person does.
fn refused(app: &App, letter: &Letter, why: &str) -> Result<(), Problem> {
    let about = match &letter.about {
        About::Question(asked) => asked.question.clone(),
        About::Plan(plan) => plan.clone(),
    };
    let what = What::Undelivered { about, to: letter.to.who.clone(), why: crate::problem::tame(why) };
    note(app, letter, what, letter.gone())?;
    match &letter.about {
        About::Question(asked) => {
            note(app, letter, unasked(asked.question.clone(), asked.of.clone(), "the letter was refused"), Vec::new())
        }
        About::Plan(_) => Ok(()),
    }
}

fn message(app: &App, to: Addressee, letters: &[Letter], urls: &[String]) -> Message {
    let names: Vec<&[u8]> = letters.iter().map(|letter| letter.id.as_bytes()).collect();
    let id = Digest::of_parts(names).to_string().chars().take(16).collect();
    let (subject, text) = match (letters, urls) {
        ([letter], [url]) => match &letter.about {
            About::Question(asked) => question_text(asked, url),
            About::Plan(plan) => plan_text(app, plan, letter.until, url),
        },
        _ => {
            let mut text = format!(
                "{} plans wait for people who may approve them, and you are one.\nEach has a page of its own. If nobody answers in time, nothing of it is done.\n",
                letters.len()
            );
            for (letter, url) in letters.iter().zip(urls) {
                let _ = write!(text, "\nuntil {}\n{url}\n", letter.until);
            }
            (format!("Adjutant: {} plans wait for you", letters.len()), text)
        }
    };
    // Reminders and news are never in one message but of plans, where each has its own page.
    let reminds = letters.iter().all(|letter| letter.sent.is_some());
    let (id, subject) = if reminds { (format!("{id}-reminder"), format!("Reminder: {subject}")) } else { (id, subject) };
    Message { id, to, subject, text: text + FOOT }
}

const FOOT: &str = "\nThe link is for you alone. Its page asks for no password, and opening it changes nothing.\n\
If you doubt this message, ask your security team on a way that you know.\n";

fn question_text(asked: &adjutant_runtime::event::Questioned, url: &str) -> (String, String) {
    let whom = if asked.to == asked.of { "for you" } else { "about somebody who reports to you" };
    let text = format!(
        "Your security team has one question {whom}.\nIt takes a minute: choose one of {} answers on this page.\n\n{url}\n\nIt can be answered once, until {}.\n",
        asked.choices.len(),
        asked.until
    );
    ("A question from your security team".to_owned(), text)
}

/// What would be done, to whom, and until when: all of it from the hand, which looked everybody up.
fn plan_text(app: &App, plan: &str, until: Time, url: &str) -> (String, String) {
    use adjutant_model::act::Answer;
    let short = plan.get(..12).unwrap_or(plan);
    let mut text = format!("Plan {short} waits for people who may approve it, and you are one.\n");
    if let Ok(Reply::Plan(shown)) = crate::api::plans::ask(app, &Request::Show { plan: plan.to_owned() }) {
        let steps = shown.plan.steps.iter().filter(|step| step.ruling.answer != Answer::Refuse);
        if !shown.plan.because.is_empty() {
            let _ = writeln!(text, "\n{}", super::page::plain_line(&shown.plan.because));
        }
        let _ = write!(text, "\n{}", super::page::blast(&shown));
        text.push_str(":\n");
        for step in steps {
            let undo = step.undo.as_deref().unwrap_or("cannot be taken back");
            let name = super::page::plain(&step.action.target.name);
            let _ = writeln!(text, "  {} {name} ({undo})", step.action.verb);
        }
    }
    let _ = write!(text, "\nRead it and answer here, until {until}. If nobody answers, nothing is done.\n\n{url}\n");
    (format!("Adjutant: plan {short} waits for you"), text)
}
