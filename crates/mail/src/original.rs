//! Finds a message that was forwarded inside the text of another, as Outlook, Gmail and Apple Mail do it.
//!
//! Only its first lines are there to be read, so it has no more than a sender, recipients and a subject.

use crate::message::{Headers, Kind, Level};
use crate::names::Mailbox;

/// Header lines that are looked at after the mark.
const LINES_MAX: usize = 16;

/// How far into a text the mark is looked for.
const BYTES_MAX: usize = 64 << 10;

/// What stands before a forwarded message, in lower case: Gmail, Apple Mail, Outlook, Thunderbird; en, de, fr, es, pt, it, nl.
const MARKS: [&str; 18] = [
    "forwarded message",
    "begin forwarded message",
    "original message",
    "weitergeleitete nachricht",
    "ursprüngliche nachricht",
    "originalnachricht",
    "anfang der weitergeleiteten",
    "message transféré",
    "message d'origine",
    "début du message",
    "mensaje reenviado",
    "mensaje original",
    "mensagem encaminhada",
    "mensagem original",
    "messaggio inoltrato",
    "messaggio originale",
    "doorgestuurd bericht",
    "oorspronkelijk bericht",
];

const FROM: [&str; 8] = ["from", "von", "de", "da", "van", "od", "från", "fra"];
const TO: [&str; 6] = ["to", "an", "à", "para", "a", "aan"];
const SUBJECT: [&str; 7] = ["subject", "betreff", "objet", "asunto", "assunto", "oggetto", "onderwerp"];

/// The innermost message forwarded inside `text`; none when there is none. `forwarded` says that the subject calls it that,
/// so that Outlook's bare header lines are enough.
pub(crate) fn inline(text: &str, forwarded: bool) -> Option<Level> {
    let text = text.get(..text.floor_char_boundary(BYTES_MAX)).unwrap_or("");
    let lines: Vec<&str> = text.lines().map(|line| line.trim_start_matches(['>', ' ', '\t']).trim()).collect();
    let begins = |line: &str| {
        let lower = line.to_lowercase();
        MARKS.iter().any(|mark| lower.contains(mark)) && lower.len() < 100
    };
    let marked = lines.iter().rposition(|line| begins(line)).map(|at| at + 1);
    let bare = || lines.iter().position(|line| field(line).is_some_and(|(name, _)| FROM.contains(&name.as_str())));
    let start = marked.or_else(|| bare().filter(|_| forwarded))?;
    let headers = headers(lines.get(start..)?);
    (!headers.from.is_empty()).then_some(Level { kind: Kind::Inline, headers })
}

fn headers(lines: &[&str]) -> Headers {
    let mut headers = Headers::default();
    for line in lines.iter().take(LINES_MAX) {
        let Some((name, value)) = field(line) else { continue };
        match name.as_str() {
            name if FROM.contains(&name) && headers.from.is_empty() => headers.from.extend(mailbox(value)),
            name if TO.contains(&name) && headers.to.is_empty() => headers.to.extend(value.split([',', ';']).filter_map(mailbox)),
            name if SUBJECT.contains(&name) && headers.subject.is_none() => headers.subject = Some(value.to_owned()),
            _ => {}
        }
    }
    headers
}

/// `Name: value`, as programs write it into text, bold or not.
fn field(line: &str) -> Option<(String, &str)> {
    const NAME_BYTES_MAX: usize = 24;
    let (name, value) = line.split_once(':')?;
    let name = name.trim_matches(['*', ' ', '\u{a0}']);
    (name.len() <= NAME_BYTES_MAX).then(|| (name.to_lowercase(), value.trim_matches(['*', ' ', '\u{a0}'])))
}

/// `Name <address>`, `Name [mailto:address]` or an address alone.
fn mailbox(text: &str) -> Option<Mailbox> {
    let at = text.find('@')?;
    let is_end = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '[' | ']' | '(' | ')' | '"' | ':' | ',' | ';');
    let start = text
        .get(..at)?
        .rfind(is_end)
        .map_or(0, |end| end + text.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
    let end = text.get(at..)?.find(is_end).map_or(text.len(), |end| at + end);
    let name = text.split(['<', '[', '(']).next().unwrap_or("").trim_matches(['"', ' ', '\'']);
    let name = if name.contains('@') { "" } else { name };
    Some(Mailbox::new(name, text.get(start..end)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str, forwarded: bool) -> Option<(String, String)> {
        inline(text, forwarded).map(|level| (level.headers.from[0].name.clone(), level.headers.from[0].address.clone()))
    }

    #[test]
    fn forwarded_messages_are_found() {
        let wanted = Some(("Pay Pal".to_owned(), "x@evil.example".to_owned()));
        let gmail = "look\n---------- Forwarded message ---------\nFrom: Pay Pal <x@evil.example>\nDate: Mon\nSubject: now\nTo: <ana@corp.example>\n";
        assert_eq!(from(gmail, true), wanted);
        let apple = "Anfang der weitergeleiteten Nachricht:\n\n> Von: Pay Pal <x@evil.example>\n> Betreff: jetzt\n";
        assert_eq!(from(apple, true), wanted);
        let outlook =
            "bitte prüfen\n\nVon: Pay Pal [mailto:x@evil.example]\nGesendet: Montag\nAn: ana@corp.example\nBetreff: jetzt\n";
        assert_eq!(from(outlook, true), wanted);
        assert_eq!(from(outlook, false), None, "an answer quotes like this, too");
        assert_eq!(from("hello\nfrom me\n", true), None);
    }

    #[test]
    fn the_innermost_counts() {
        let twice = "-----Original Message-----\nFrom: a@b.example\n\n-----Original Message-----\nFrom: Eve <e@evil.example>\n";
        assert_eq!(from(twice, true).unwrap().1, "e@evil.example");
    }
}
