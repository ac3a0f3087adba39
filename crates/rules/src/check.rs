//! What is doubtful about a book that loads: found by looking at whole playbooks.
//!
//! Signals that nothing tests, thresholds out of reach, families whose cap silences a signal, exceptions that
//! expired or contradict each other, conditions that can never hold. `adjutant check` prints these as warnings
//! beside the errors of loading.

use crate::book::Book;
use crate::diagnostic::{Diagnostic, Span};
use crate::lang::Contradiction;
use crate::playbook::{Effect, Exception, Playbook, Signal};
use adjutant_model::Time;

/// Everything doubtful about `book`; exceptions are judged at `now`.
pub fn check(book: &Book, now: Time) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = book.playbooks.iter().flat_map(|playbook| playbook_faults(playbook, book, now)).collect();
    found.extend(same_name(book));
    found
}

fn playbook_faults(playbook: &Playbook, book: &Book, now: Time) -> Vec<Diagnostic> {
    let mut found = thresholds(playbook);
    for signal in &playbook.signals {
        found.extend(untested(playbook, signal));
        found.extend(never_fires(playbook, signal, book));
        found.extend(over_cap(playbook, signal));
    }
    for exception in &playbook.exceptions {
        found.extend(expired(playbook, exception, now));
    }
    found.extend(contradicting(playbook));
    found
}

fn warn(playbook: &Playbook, code: &'static str, at: Span, message: String, help: &str) -> Diagnostic {
    Diagnostic::warning(code, &playbook.file, at, message).with_help(help)
}

/// Thresholds that no combination of signals reaches, and a playbook that can never close.
fn thresholds(playbook: &Playbook) -> Vec<Diagnostic> {
    let (top, at) = (playbook.score_max(), Span::default());
    let mut found = Vec::new();
    if playbook.signals.is_empty() {
        return found;
    }
    if top < playbook.decide.close_below {
        let message = format!(
            "`{}` reaches {top} points at most and closes below {}: it closes everything",
            playbook.name, playbook.decide.close_below
        );
        found.push(warn(playbook, "escalate-unreachable", at, message, "lower `close_below`, or give more points"));
    }
    if let Some(from) = playbook.decide.respond_from.filter(|from| top < *from) {
        let message = format!("`{}` reaches {top} points at most and responds from {from}", playbook.name);
        found.push(warn(playbook, "respond-unreachable", at, message, "lower `respond_from`, or leave it out"));
    }
    let families = u32::try_from(playbook.families.len()).unwrap_or(u32::MAX);
    if playbook.decide.respond_from.is_some() && families < playbook.decide.respond_families {
        let message =
            format!("`{}` has {families} families and responds with {}", playbook.name, playbook.decide.respond_families);
        found.push(warn(playbook, "families-unreachable", at, message, "lower `respond_families`, or split the families"));
    }
    found
}

/// A signal must be seen firing by one test and silent in another.
fn untested(playbook: &Playbook, signal: &Signal) -> Option<Diagnostic> {
    let fires = playbook.tests.iter().any(|test| test.expect.fired.contains(&signal.id));
    let silent = playbook.tests.iter().any(|test| test.expect.silent.contains(&signal.id));
    let missing = match (fires, silent) {
        (true, true) => return None,
        (true, false) => "no test shows that it stays silent",
        (false, true) => "no test shows that it fires",
        (false, false) => "no test mentions it",
    };
    let message = format!("signal `{}`: {missing}", signal.id);
    Some(warn(
        playbook,
        "signal-untested",
        signal.at,
        message,
        "add a case that it must catch and one that it must not, under `tests:`",
    ))
}

/// A signal whose points alone are more than its family may give.
fn over_cap(playbook: &Playbook, signal: &Signal) -> Option<Diagnostic> {
    let family = playbook.families.get(usize::from(signal.family))?;
    let message =
        format!("signal `{}` gives {} points and its family `{}` at most {}", signal.id, signal.points, family.name, family.cap);
    (signal.points > family.cap).then(|| warn(playbook, "over-cap", signal.at, message, "lower the points or raise the cap"))
}

fn expired(playbook: &Playbook, exception: &Exception, now: Time) -> Option<Diagnostic> {
    let date: String = exception.expires.to_string().chars().take(10).collect();
    let message = format!("exception `{}` expired on {date}", exception.id);
    (exception.expires <= now)
        .then(|| warn(playbook, "exception-expired", exception.at, message, "remove it, or let its owner renew it"))
}

/// Two exceptions with one condition that do different things to one signal, or that say the same twice.
fn contradicting(playbook: &Playbook) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, exception) in playbook.exceptions.iter().enumerate() {
        let others = playbook.exceptions.iter().take(index);
        for other in others.filter(|other| other.when.slots() == exception.when.slots() && clash(other, exception)) {
            let message = format!("exceptions `{}` and `{}` speak about the same facts and do not agree", other.id, exception.id);
            found.push(warn(playbook, "exceptions-clash", exception.at, message, "make one of the two, with one owner"));
        }
    }
    found
}

fn clash(a: &Exception, b: &Exception) -> bool {
    match (&a.effect, &b.effect) {
        (Effect::Mute(a_signal), Effect::Mute(b_signal)) => {
            a_signal == b_signal && (a.owner != b.owner || a.expires != b.expires)
        }
        (Effect::Hold(a_owner), Effect::Hold(b_owner)) => a_owner != b_owner,
        _ => false,
    }
}

/// A condition that no row satisfies, such as `x > 5 && x < 3`.
fn never_fires(playbook: &Playbook, signal: &Signal, book: &Book) -> Option<Diagnostic> {
    let why = match signal.when.contradiction()? {
        Contradiction::Constant => "a part of its condition is always false".to_owned(),
        Contradiction::Field(slot) => format!("its comparisons of `{}` exclude each other", book.schema.name(slot)),
    };
    let message = format!("signal `{}` can never fire: {why}", signal.id);
    Some(warn(playbook, "signal-dead", signal.at, message, "make one of the comparisons wider, or split the signal"))
}

fn same_name(book: &Book) -> Vec<Diagnostic> {
    let twice = |(index, playbook): (usize, &Playbook)| {
        let earlier = book.playbooks.iter().take(index).any(|other| other.name == playbook.name);
        let message = format!("two playbooks are called `{}`", playbook.name);
        earlier.then(|| warn(playbook, "name-twice", Span::default(), message, "give each its own name"))
    };
    book.playbooks.iter().enumerate().filter_map(twice).collect()
}
