//! Whether the conversation that a message continues is plausible.

use crate::finding::{Aspect, Notes};
use crate::message::{Kind, Level};
use crate::names::{is_lookalike, own_label, registered};

/// How far into the text a quoted conversation is looked for.
const QUOTED_BYTES_MAX: usize = 64 << 10;

/// Looks at one level; `text` is what a reader sees of the message.
pub(crate) fn find(level: &Level, text: &str, notes: &mut Notes) {
    if level.kind == Kind::Inline {
        return;
    }
    let headers = &level.headers;
    let place = format!("headers of the {}", level.kind.name());
    let subject = headers.subject.as_deref().unwrap_or("").trim().to_lowercase();
    let quoted = quoted_domains(text);
    if starts_with_any(&subject, REPLY) && headers.answers.is_empty() {
        notes.find(Aspect::Thread, "reply-without-thread", headers.subject.as_deref().unwrap_or(""), &place);
    }
    if starts_with_any(&subject, FORWARD) && headers.answers.is_empty() && quoted.is_empty() && !headers.raw.is_empty() {
        notes.find(Aspect::Thread, "forward-without-message", headers.subject.as_deref().unwrap_or(""), &place);
    }
    let Some(from) = headers.from.first().map(|from| registered(from.domain())).filter(|from| !from.is_empty()) else { return };
    conversation(from, level, &quoted, notes);
}

/// Compares the sender with who took part in the conversation.
fn conversation(from: &str, level: &Level, quoted: &[String], notes: &mut Notes) {
    const LETTERS_MIN: usize = 4;
    let place = "quoted text";
    let alike = |domain: &&String| registered(domain) != from && is_lookalike(own_label(from), own_label(domain), LETTERS_MIN);
    if let Some(domain) = quoted.iter().find(alike) {
        notes.find(Aspect::Thread, "thread-elsewhere", &format!("{from} for {domain}"), place);
    }
    let own = |domain: &str| registered(domain) == from;
    let recipients = level.headers.to.iter().map(|to| registered(to.domain())).collect::<Vec<_>>();
    let foreign = quoted.iter().any(|domain| !recipients.contains(&registered(domain)));
    if foreign && !quoted.iter().any(|domain| own(domain)) && !level.headers.answers.is_empty() {
        notes.find(Aspect::Thread, "thread-new-sender", &quoted.join(" "), place);
    }
}

/// The domains of those whom quoted mail is from.
fn quoted_domains(text: &str) -> Vec<String> {
    const DOMAINS_MAX: usize = 20;
    let text = text.get(..text.floor_char_boundary(QUOTED_BYTES_MAX)).unwrap_or("").to_lowercase();
    let mut domains: Vec<String> = Vec::new();
    for marker in FROM.iter().flat_map(|marker| text.match_indices(marker)) {
        let after = text.get(marker.0 + marker.1.len()..).unwrap_or("");
        let near = after.get(..after.floor_char_boundary(120)).unwrap_or("");
        let Some((_, domain)) = near.split_once('@') else { continue };
        let end = domain.find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-'))).unwrap_or(domain.len());
        let domain = domain.get(..end).unwrap_or("").trim_matches('.').to_owned();
        if domain.contains('.') && !domains.contains(&domain) && domains.len() < DOMAINS_MAX {
            domains.push(domain);
        }
    }
    domains
}

/// What stands before the sender of quoted mail: en, de, fr, es, pt, it, nl.
const FROM: &[&str] = &["from:", "von:", "de:", "de :", "da:", "van:"];

/// What an answer's subject begins with: en and Latin, de, nl, pl, nordic, it, fr.
const REPLY: &[&str] = &["re:", "re :", "aw:", "antw:", "odp:", "sv:", "vs:", "ris:", "r:", "rép:"];

/// What a forwarded message's subject begins with.
const FORWARD: &[&str] = &["fw:", "fwd:", "wg:", "tr:", "rv:", "enc:", "doorst:", "i:"];

/// Whether a subject says that it is forwarded.
pub(crate) fn is_forward(subject: &str) -> bool {
    starts_with_any(&subject.trim().to_lowercase(), FORWARD)
}

fn starts_with_any(text: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Headers;
    use crate::names::Mailbox;

    fn names(from: &str, subject: &str, answers: &[&str], text: &str) -> Vec<&'static str> {
        let headers = Headers {
            from: vec![Mailbox::new("", from)],
            to: vec![Mailbox::new("", "ana@corp.example")],
            subject: Some(subject.into()),
            answers: answers.iter().map(|id| (*id).to_owned()).collect(),
            raw: vec![("From".into(), from.into())],
            ..Headers::default()
        };
        let mut notes = Notes::default();
        find(&Level { kind: Kind::Arrived, headers }, text, &mut notes);
        notes.found.iter().map(|found| found.name).collect()
    }

    #[test]
    fn conversations_that_never_were() {
        assert_eq!(names("x@supplier.example", "Re: invoice", &[], ""), ["reply-without-thread"]);
        assert_eq!(names("x@supplier.example", "Fwd: scan", &[], ""), ["forward-without-message"]);
        let quoted = "From: Bo <bo@supplier.test> Sent: Monday";
        assert_eq!(names("bo@suppller.test", "Re: invoice", &["a@b"], quoted), ["thread-elsewhere", "thread-new-sender"]);
        assert_eq!(names("bo@supplier.test", "Re: invoice", &["a@b"], quoted), Vec::<&str>::new());
        assert_eq!(names("x@supplier.example", "Hello", &[], ""), Vec::<&str>::new());
    }
}
