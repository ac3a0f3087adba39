//! The pages of letters: plain HTML without a script, in which nothing from elsewhere is markup or a link.

use super::{Addressee, Letter};
use crate::problem::Problem;
use adjutant_engine::explain::style::{self, Line, escape};
use adjutant_engine::record::Record;
use adjutant_hand::protocol::Shown;
use adjutant_hand::statement::{SIGNED_FOR_MAX, Statement, Verb};
use adjutant_model::act::{Answer, Clause, Plan, Planned};
use adjutant_model::{Duration, Time};
use adjutant_runtime::event::Questioned;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How the pages look; the policy of each answer allows this very text and nothing else. Every pair of colours has a contrast of
/// at least 4.5 (WCAG 2.2, 1.4.3), and nothing is wider than a telephone.
const STYLE: &str = "
:root { color-scheme: light dark; --ground: #fbfbfc; --ink: #1b1f24; --line: #c8ccd2; --dim: #535b67; --act: #1a56a8; --alarm: #b00020 }
@media (prefers-color-scheme: dark) { :root { --ground: #15181d; --ink: #e4e7ec; --line: #454b55; --dim: #a4acb8; --act: #8ab8ff; --alarm: #ff8b97 } }
* { box-sizing: border-box }
body { font: 17px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 44rem; padding: 0 1rem; background: var(--ground); color: var(--ink); overflow-wrap: anywhere }
h1 { font-size: 1.4rem; line-height: 1.25 } h2 { font-size: 1.1rem; margin: 1.8rem 0 .5rem } h3 { font-size: 1rem; margin: 1.2rem 0 .3rem }
.dim { color: var(--dim) } .alarm { color: var(--alarm); font-weight: 600 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .5rem 0 }
dt { color: var(--dim) } dd { margin: 0 }
blockquote { font-size: 1.2rem; margin: 1.2rem 0; padding-left: 1rem; border-left: 4px solid var(--act) }
ol, ul { padding-left: 1.4rem; margin: .5rem 0 } ol.steps > li { border-top: 1px solid var(--line); padding: .6rem 0 } ul.why > li { padding: .15rem 0 }
pre, textarea { font: 14px/1.4 ui-monospace, monospace; border: 1px solid var(--dim); border-radius: 6px; padding: .7rem; width: 100%; background: transparent; color: inherit }
pre { white-space: pre-wrap; margin: .3rem 0 1rem } pre.note { user-select: all; -webkit-user-select: all } textarea { min-height: 11rem }
button { font: inherit; min-height: 3rem; padding: .5rem 1.2rem; border: 2px solid var(--act); border-radius: 6px; background: transparent; color: inherit; cursor: pointer }
.answers button { display: block; width: 100%; margin: .6rem 0; text-align: left }
button:focus-visible, textarea:focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .6rem; font-size: .9rem; color: var(--dim) }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: .5rem } }
";

/// A note that is signed from the page is good for so long: clocks differ a little, so it is less than the hand takes.
const NOTE_FOR: Duration = Duration(SIGNED_FOR_MAX.0 * 4 / 5);

/// Characters of a name that are shown.
const NAME_CHARS_MAX: usize = 100;

/// Characters of a line that are shown.
const LINE_CHARS_MAX: usize = 400;

/// Reasons that are shown, those with the most points.
const REASONS_MAX: usize = 8;

/// Text from elsewhere as one short line of characters that do nothing.
pub(super) fn plain(text: &str) -> String {
    let fits = |c: char| c.is_alphanumeric() || " .,_-+@:/\\()'".contains(c);
    text.chars().map(|c| if fits(c) { c } else { '\u{fffd}' }).take(NAME_CHARS_MAX).collect()
}

/// A whole answer.
pub(super) fn page(status: StatusCode, title: &str, main: &str) -> Response {
    let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let body = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"no-referrer\"><meta name=\"robots\" content=\"noindex, nofollow\">\
         <title>{0}</title><style>{STYLE}</style></head>\n<body><main><h1>{0}</h1>\n{main}</main>\n\
         <footer>Adjutant. This page never asks for a password. If you doubt it, ask your security team on a way that you know.\
         </footer></body></html>\n",
        escape(title)
    );
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; sandbox allow-forms"
    );
    let mut response = (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The link leads nowhere: it was never there, is used, or its time is over. Which, nobody is told.
pub(super) fn nowhere() -> Response {
    let main = "<p>This link was answered already, its time is over, or it is not whole. Nothing was changed.</p>";
    page(StatusCode::NOT_FOUND, "There is nothing to answer here", main)
}

/// Something is wrong with what was sent; `why` may be anybody's text.
pub(super) fn wrong(status: StatusCode, why: &str) -> Response {
    let main = format!("<p class=\"alarm\" role=\"alert\">{}</p>\n<p>Go back, and try again.</p>", escape(why));
    page(status, "This was not taken", &main)
}

/// It cannot be done now.
pub(super) fn not_now(problem: Problem) -> Response {
    let main = format!("<p class=\"alarm\" role=\"alert\">{}</p>\n<p>Try again later.</p>", escape(problem.detail()));
    let (mut head, _) = problem.into_response().into_parts();
    let mut response = page(head.status, "This does not work now", &main);
    if let Some(after) = head.headers.remove(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, after);
    }
    response
}

/// It is done.
pub(super) fn thanks(title: &str, text: &str) -> Response {
    page(StatusCode::OK, title, &format!("<p>{}</p>", escape(text)))
}

/// What somebody sees who opens the link of a question: that there is one, and no more.
pub(super) fn cover(letter: &Letter) -> Response {
    let main = format!(
        "<p>Your security team has one question for {}. It can be answered once, until <time>{}</time>.</p>\n\
         <form method=\"post\"><input type=\"hidden\" name=\"step\" value=\"open\"><button>Read the question</button></form>\n\
         <p class=\"dim\">Kept: that you read it, your answer, when, and on which way you got this letter. The people who work on \
         the case see it.</p>",
        name(&letter.to),
        Time::from_secs(letter.until.secs())
    );
    page(StatusCode::OK, "A question from your security team", &main)
}

fn name(to: &Addressee) -> String {
    format!("<strong>{}</strong>", escape(&plain(&to.who)))
}

/// The question with its answers.
pub(super) fn question(asked: &Questioned, wording: &str) -> Response {
    let mut main = String::new();
    if asked.to != asked.of {
        let _ = writeln!(
            main,
            "<p>It is about <strong>{}</strong>, who reports to you. Please ask them in person or by telephone.</p>",
            escape(&plain(&asked.of))
        );
    }
    let _ = writeln!(
        main,
        "<blockquote>{}</blockquote>\n<form method=\"post\" class=\"answers\"><input type=\"hidden\" name=\"step\" value=\"answer\">\
         <input type=\"hidden\" name=\"wording\" value=\"{}\">",
        escape(&asked.wording),
        escape(wording)
    );
    for choice in &asked.choices {
        let (id, says) = (escape(&choice.id), escape(&choice.says));
        let _ = writeln!(main, "<button name=\"choice\" value=\"{id}\">{says}</button>");
    }
    main.push_str("</form>\n<p class=\"dim\">The first answer counts. Not to answer is no answer: it approves nothing.</p>");
    page(StatusCode::OK, "A question from your security team", &main)
}

/// How much a plan does, in a sentence.
pub(super) fn blast(shown: &Shown) -> String {
    let steps: Vec<&Planned> = shown.plan.steps.iter().filter(|step| step.ruling.answer != Answer::Refuse).collect();
    let targets: BTreeSet<_> = steps.iter().map(|step| (step.action.target.kind, &step.action.target.id)).collect();
    let back = steps.iter().filter(|step| step.undo.is_some()).count();
    let many = |count: usize, what: &str| if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") };
    format!("{} on {}, {back} of which can be taken back", many(steps.len(), "step"), many(targets.len(), "target"))
}

/// A plan with the notes to sign: what would be done, why, how far it reaches, and how to answer. `why` is the decision that it
/// follows from, none where the case was decided otherwise since; `by` is what people call who asked for it.
pub(super) fn plan(shown: &Shown, by: &str, why: Option<&Record>, (letter, now): (&Letter, Time)) -> Response {
    let plan = &shown.plan;
    let (of_each, asker) = (of_each_step(plan), (plan.by.as_str(), by));
    let mut main = format!(
        "<p>For {}. It waits until <time>{}</time>, {} from now. If nobody answers, nothing of it is done.</p>\n\
         <h2>What would be done</h2>\n<ol class=\"steps\">\n",
        name(&letter.to),
        Time::from_secs(plan.expires.secs()),
        span(plan.expires.since(now))
    );
    plan.steps.iter().for_each(|step| push_step(&mut main, step, &of_each, asker));
    main.push_str("</ol>\n");
    if !of_each.is_empty() {
        main.push_str("<p class=\"dim\">Of each step the guard says:</p>\n<ul class=\"why dim\">");
        of_each.iter().for_each(|clause| push_clause(&mut main, clause, asker));
        main.push_str("</ul>\n");
    }
    main.push_str("<h2>Why</h2>\n");
    if !plan.because.is_empty() {
        let _ = writeln!(main, "<p>{}</p>", escape(&plain_line(&plan.because)));
    }
    push_why(&mut main, why);
    main.push_str("<h2>The plan</h2>\n");
    push_facts(&mut main, shown, by);
    push_notes(&mut main, shown, now);
    main.push_str(
        "<form method=\"post\"><input type=\"hidden\" name=\"step\" value=\"sign\"><p><label for=\"note\">The signed note</label></p>\
         <textarea id=\"note\" name=\"note\" required maxlength=\"2000\" spellcheck=\"false\" autocapitalize=\"off\" autocomplete=\"off\"></textarea>\
         <p><button>Hand it on</button></p></form>\n\
         <p class=\"dim\">A note is good until the time in it; load this page again for a new one. Whether the signature counts, the \
         hand says, and it looks at everything again before it acts.</p>",
    );
    page(StatusCode::OK, "A plan waits for you", &main)
}

/// Hours and minutes, as people say them.
fn span(span: Duration) -> String {
    let minutes = span.0.max(0) / 60_000_000;
    if minutes < 60 { format!("{minutes} min") } else { format!("{} h {} min", minutes / 60, minutes % 60) }
}

/// What the decision was made of: the score, and what gave points, the most first.
fn push_why(main: &mut String, why: Option<&Record>) {
    let Some(record) = why else {
        main.push_str("<p>The case was decided again since this was planned: look at the case before you answer.</p>\n");
        return;
    };
    let from = record.respond_from.map_or_else(String::new, |from| format!(", and it responds from {from}"));
    let _ = write!(main, "<p>The score is {}{from}.</p>\n<ul class=\"why\">\n", record.score);
    let mut reasons: Vec<_> = record.signals.iter().filter(|signal| signal.points != 0).collect();
    reasons.sort_by_key(|signal| std::cmp::Reverse(signal.points.abs()));
    for signal in reasons.iter().take(REASONS_MAX) {
        let _ = writeln!(main, "<li><strong>{:+}</strong> {}</li>", signal.points, escape(&plain_line(&signal.because)));
    }
    for cap in &record.caps {
        let _ = writeln!(main, "<li><strong>{:+}</strong> all of {} together give no more</li>", cap.points, escape(&cap.family));
    }
    main.push_str("</ul>\n");
    if let Some(more) = reasons.len().checked_sub(REASONS_MAX).filter(|more| *more > 0) {
        let _ = writeln!(main, "<p class=\"dim\">{more} more reasons are in the case.</p>");
    }
}

fn push_facts(main: &mut String, shown: &Shown, by: &str) {
    let plan = &shown.plan;
    let missing = shown.missing.iter().map(|need| format!("{} × {}", need.people, need.role)).collect::<Vec<_>>().join(", ");
    let facts = [
        ("reach", blast(shown)),
        ("asked for by", if by.is_empty() { "the playbook".to_owned() } else { by.to_owned() }),
        ("approved by", if shown.approved.is_empty() { "nobody yet".to_owned() } else { shown.approved.join(", ") }),
        ("still needs", missing),
        ("playbook", plan.playbook.clone()),
        ("case", plan.case.clone()),
        ("plan", shown.digest.to_string()),
    ];
    main.push_str("<dl>");
    for (label, text) in &facts {
        let _ = write!(main, "<dt>{label}</dt><dd>{}</dd>", escape(&plain_line(text)));
    }
    main.push_str("</dl>\n");
}

fn push_notes(main: &mut String, shown: &Shown, now: Time) {
    main.push_str(
        "<h2>Your answer</h2>\n<p>Save one of these notes as a file, sign it with your key where the key is, and paste what is \
         printed:</p>\n<pre>adjutant sign note.txt --key YOUR.key</pre>\n",
    );
    let until = Time::from_secs(now.plus(NOTE_FOR).secs());
    for (verb, label) in [(Verb::Approve, "To approve"), (Verb::Deny, "To deny")] {
        if let Ok(note) = Statement::new(verb, &shown.digest.to_string(), until) {
            let _ = writeln!(main, "<h3>{label}</h3>\n<pre class=\"note\">{}</pre>", escape(&note.to_string()));
        }
    }
}

/// Text from elsewhere on one line, in which what cannot be seen or turns the direction of writing is shown as what it is; escaped
/// by whoever writes it.
pub(super) fn plain_line(text: &str) -> String {
    let text: String = text.chars().take(LINE_CHARS_MAX).collect();
    style::plain(&[Line::new().plain(text)]).trim_end().to_owned()
}

/// What the guard says alike of each of several steps.
fn of_each_step(plan: &Plan) -> Vec<&Clause> {
    let [first, others @ ..] = plan.steps.as_slice() else { return Vec::new() };
    let is_of_all = |clause: &&Clause| others.iter().all(|step| step.ruling.clauses.contains(clause));
    if others.is_empty() { Vec::new() } else { first.ruling.clauses.iter().filter(is_of_all).collect() }
}

/// A reason of the guard, in which whoever asked is called what people call them.
fn push_clause(main: &mut String, clause: &Clause, (id, called): (&str, &str)) {
    let says = if id.is_empty() { clause.says.clone() } else { clause.says.replace(id, called) };
    let _ = write!(main, "<li>{}: {}</li>", escape(&clause.name), escape(&plain_line(&says)));
}

fn push_step(main: &mut String, step: &Planned, of_each: &[&Clause], asker: (&str, &str)) {
    let target = &step.action.target;
    let (kind, undo) = (target.kind.name(), step.undo.as_deref().unwrap_or("cannot be taken back"));
    let (verb, name, id) = (escape(&step.action.verb), escape(&plain(&target.name)), escape(&plain(&target.id)));
    if step.ruling.answer == Answer::Refuse {
        let _ = write!(
            main,
            "<li><strong>{verb}</strong> {kind} {name} <span class=\"alarm\">is refused and will not be done</span>"
        );
    } else {
        let _ = write!(
            main,
            "<li><strong>{verb} {name}</strong><br>To take it back: {}.<br><span class=\"dim\">{kind} {id}, by {}</span>",
            escape(&plain_line(undo)),
            escape(&plain(&step.action.connector))
        );
    }
    main.push_str("<ul class=\"why dim\">");
    step.ruling.clauses.iter().filter(|clause| !of_each.contains(clause)).for_each(|clause| push_clause(main, clause, asker));
    main.push_str("</ul></li>\n");
}
