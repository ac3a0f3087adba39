//! Somebody has a link: what they see, and what becomes of what they send.

use super::{About, Letter, Letters, found, page};
use crate::accounts::address_key;
use crate::api::cases::named;
use crate::api::plans::{ask, hand_on};
use crate::app::App;
use crate::problem::{Kind, Problem};
use adjutant_engine::record::Record;
use adjutant_hand::Heard;
use adjutant_hand::protocol::{Reply, Request, Shown};
use adjutant_hand::statement::{Statement, Verb};
use adjutant_ledger::Note;
use adjutant_model::Digest;
use adjutant_runtime::drive::Command;
use adjutant_runtime::event::{Answered, Questioned, What};
use axum::http::StatusCode;
use axum::response::Response;
use std::net::IpAddr;
use std::sync::PoisonError;

/// Characters of a note that a person signed: four lines and a signature.
const NOTE_CHARS_MAX: usize = 2_000;

/// What a page sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// `open`, `answer` or `sign`.
    pub step: String,
    /// The name of the answer.
    pub choice: String,
    /// Digest of the words that were shown.
    pub wording: String,
    /// The signed note.
    pub note: String,
}

type Seen = Result<Response, Problem>;

impl Form {
    /// Reads what a form sent. What is there twice, or not of a form of ours, is none.
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let place = match &*name {
                "step" => &mut form.step,
                "choice" => &mut form.choice,
                "wording" => &mut form.wording,
                "note" => &mut form.note,
                _ => return None,
            };
            if !std::mem::replace(place, value.into_owned()).is_empty() {
                return None;
            }
        }
        Some(form)
    }
}

/// Shows a letter. Changes nothing.
pub fn look(app: &App, secret: &str, peer: IpAddr) -> Response {
    looked(app, secret, peer).unwrap_or_else(page::not_now)
}

/// Hears what somebody with a link says.
pub fn say(app: &App, secret: &str, form: Option<&Form>, peer: IpAddr) -> Response {
    let form = form.ok_or_else(|| Problem::new(Kind::MediaType, "this takes the forms of its own pages alone"));
    form.and_then(|form| said(app, secret, form, peer)).unwrap_or_else(page::not_now)
}

fn looked(app: &App, secret: &str, peer: IpAddr) -> Seen {
    let now = app.service.clock().now();
    let Some(letter) = found(&app.service, secret)?.filter(|letter| now < letter.until) else {
        return app.letters.stranger(app, peer);
    };
    match &letter.about {
        About::Question(_) => Ok(page::cover(&letter)),
        About::Plan(plan) => Ok(match shown(app, plan)? {
            Some(shown) => {
                let by = called(app, &shown.plan.by);
                page::plan(&shown, &by, follows_from(app, &shown)?.as_ref(), (&letter, now))
            }
            None => no_longer(),
        }),
    }
}

/// What people call who is named in the ledger: a tool is named there by its token's id.
fn called(app: &App, by: &str) -> String {
    app.gate.accounts().token(by).map_or_else(|| by.to_owned(), |token| token.name.clone())
}

fn no_longer() -> Response {
    page::thanks(
        "This plan waits no longer",
        "It was answered by others, was denied, or its time is over. There is nothing to do.",
    )
}

/// The decision that a plan follows from, as long as nothing worse was decided about its case.
fn follows_from(app: &App, shown: &Shown) -> Result<Option<Record>, Problem> {
    let case = match named(&app.service, &shown.plan.case) {
        Err(problem) if matches!(problem.kind(), Kind::NotFound) => return Ok(None),
        case => case?,
    };
    let decided = app.service.decision(case.worst)?.filter(|decided| decided.id() == shown.plan.decision);
    Ok(decided.map(|decided| decided.record()))
}

/// The plan, as long as it waits.
fn shown(app: &App, plan: &str) -> Result<Option<Box<Shown>>, Problem> {
    let reply = ask(app, &Request::Show { plan: plan.to_owned() })?;
    let Reply::Plan(shown) = reply else { return Ok(None) };
    Ok(Some(shown).filter(|shown| super::plans::waits(shown, app.service.clock().now())))
}

fn said(app: &App, secret: &str, form: &Form, peer: IpAddr) -> Seen {
    let _alone = app.letters.alone();
    let now = app.service.clock().now();
    let Some(letter) = found(&app.service, secret)?.filter(|letter| now < letter.until) else {
        return app.letters.stranger(app, peer);
    };
    if let Some(wait) = app.letters.is_refusing(app, &letter) {
        return Err(wait);
    }
    match (&letter.about, form.step.as_str()) {
        (About::Question(asked), "open") => opened(app, &letter, asked),
        (About::Question(asked), "answer") => answered(app, &letter, asked, form),
        (About::Plan(plan), "sign") => signed(app, &letter, plan, &form.note),
        _ => Ok(app.letters.refuse(app, &letter, "this is no form of this page")),
    }
}

impl Letters {
    /// A link leads nowhere: whoever tries many of them waits. Who has one that leads somewhere never does, for behind one address
    /// there may be a whole office.
    fn stranger(&self, app: &App, peer: IpAddr) -> Seen {
        let (mut strangers, now) = (self.strangers.lock().unwrap_or_else(PoisonError::into_inner), app.service.clock().now());
        let key = address_key(peer);
        if let Some(seconds) = strangers.wait_s(&key, now) {
            return Err(Problem::new(Kind::TooMany, "too many links led nowhere").retry_after_s(seconds));
        }
        strangers.fail(&key, now);
        Ok(page::nowhere())
    }

    fn is_refusing(&self, app: &App, letter: &Letter) -> Option<Problem> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = answers.wait_s(&letter.id, app.service.clock().now())?;
        Some(Problem::new(Kind::TooMany, "too many answers were none").retry_after_s(seconds))
    }

    fn refuse(&self, app: &App, letter: &Letter, why: &str) -> Response {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.fail(&letter.id, app.service.clock().now());
        page::wrong(StatusCode::UNPROCESSABLE_ENTITY, why)
    }
}

/// The name under which the ledger keeps who sent it: whoever held the letter.
fn holder(letter: &Letter) -> String {
    format!("letter {}", letter.id)
}

fn wording(asked: &Questioned) -> String {
    Digest::of(asked.wording.as_bytes()).to_string()
}

fn opened(app: &App, letter: &Letter, asked: &Questioned) -> Seen {
    if !letter.opened {
        let what = What::Opened { letter: letter.id.clone() };
        let documents = vec![Letter { opened: true, ..letter.clone() }.kept()];
        app.service.command_blocking(&holder(letter), Command::About { case: letter.case_id(), what, documents })?;
    }
    Ok(page::question(asked, &wording(asked)))
}

fn answered(app: &App, letter: &Letter, asked: &Questioned, form: &Form) -> Seen {
    // Whoever answers had these very words before them.
    if !letter.opened || form.wording != wording(asked) {
        return Ok(app.letters.refuse(app, letter, "read the question first"));
    }
    let Some(choice) = asked.choices.iter().find(|choice| choice.id == form.choice) else {
        return Ok(app.letters.refuse(app, letter, "this is none of the answers"));
    };
    let said = Answered {
        letter: letter.id.clone(),
        question: asked.question.clone(),
        about: asked.about.clone(),
        of: asked.of.clone(),
        to: asked.to.clone(),
        way: asked.way,
        assurance: asked.assurance,
        wording: wording(asked),
        choice: choice.clone(),
    };
    let command = Command::About { case: letter.case_id(), what: What::Answered(Box::new(said)), documents: letter.gone() };
    app.service.command_blocking(&holder(letter), command)?;
    Ok(page::thanks("Thank you", &format!("Your answer is kept: \u{201c}{}\u{201d}. You can close this page.", choice.says)))
}

/// Hands on what the person signed, if it is theirs and about this plan. Whether it counts, the hand says.
fn signed(app: &App, letter: &Letter, plan: &str, text: &str) -> Seen {
    let note = match own_note(text, plan, &letter.to.who) {
        Ok(note) => note,
        Err(why) => return Ok(app.letters.refuse(app, letter, why)),
    };
    if shown(app, plan)?.is_none() {
        return Ok(no_longer());
    }
    match hand_on(app, &holder(letter), note) {
        Ok(Reply::Heard { heard }) => {
            super::keep(app, letter.gone())?;
            Ok(match heard {
                Heard::Approved => page::thanks("Approved", "Enough people approved it: it is being done."),
                Heard::Waiting { .. } => page::thanks("It counts", "Your approval counts. Others still have to approve it."),
                Heard::Denied => page::thanks("Denied", "Nothing of this plan is done."),
                Heard::Undoing | Heard::Resumed => page::thanks("Heard", "It was taken."),
            })
        }
        Ok(_) => Ok(app.letters.refuse(app, letter, "the hand did not take it")),
        Err(problem) if matches!(problem.kind(), Kind::Conflict | Kind::Invalid) => {
            Ok(app.letters.refuse(app, letter, problem.detail()))
        }
        Err(problem) => Err(problem),
    }
}

/// The note as it was signed: forms end lines with two characters, and people copy spaces along.
fn own_note(text: &str, plan: &str, who: &str) -> Result<String, &'static str> {
    const NONE: &str = "this is no signed note: paste everything that `adjutant sign` printed, and nothing else";
    if text.chars().count() > NOTE_CHARS_MAX {
        return Err(NONE);
    }
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    let text = format!("{}\n", lines.join("\n"));
    let note = Note::parse(text.as_bytes()).map_err(|_| NONE)?;
    let statement: Statement = note.text().parse().map_err(|_| NONE)?;
    if statement.about != plan {
        return Err("the note is about something else than this plan");
    }
    if !matches!(statement.verb, Verb::Approve | Verb::Deny) {
        return Err("a plan is approved or denied, and nothing else");
    }
    // The link is for one person: a note of somebody else goes its own way.
    if note.signers().any(|(name, _)| name != who) {
        return Err("the note is signed by somebody else than whom this link is for");
    }
    Ok(text)
}
