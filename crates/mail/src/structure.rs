//! How a message is put together, and what of it a reader does not see.

use crate::finding::{Aspect, Notes};
use crate::html::Page;
use crate::message::{Body, Kind, Level, Opened};
use crate::names::{is_invisible, mixes_scripts, turns};
use mail_parser::DateTime;

/// Looks at the headers of the innermost level and at what is missing.
pub(crate) fn headers(level: &Level, notes: &mut Notes) {
    let headers = &level.headers;
    let place = format!("headers of the {}", level.kind.name());
    let mut note = |name, value: &str| notes.find(Aspect::Structure, name, value, &place);
    if level.kind == Kind::Inline {
        return;
    }
    if headers.to.iter().all(|to| to.address.is_empty()) {
        note("no-recipient", "");
    }
    let from = headers.from.first().map_or("", |from| from.address.as_str());
    if !from.is_empty() && !headers.to.is_empty() && headers.to.iter().all(|to| to.address == from) {
        note("to-sender", from);
    }
    if !headers.has_message_id {
        note("no-message-id", "");
    }
    match (&headers.date, arrival(level)) {
        (None, _) => note("no-date", headers.all("date").next().unwrap_or("")),
        (Some(date), Some(arrived)) if date.to_timestamp().abs_diff(arrived.to_timestamp()) > DATE_OFF_SECONDS => {
            note("date-off", &date.to_rfc3339());
        }
        _ => {}
    }
}

const DATE_OFF_SECONDS: u64 = 2 * 24 * 3600;

/// When the level arrived: what its topmost `Received` says.
pub(crate) fn arrival(level: &Level) -> Option<DateTime> {
    let received = level.headers.all("received").next()?;
    let (_, date) = received.rsplit_once(';')?;
    DateTime::parse_rfc822(date.trim()).filter(DateTime::is_valid)
}

/// Looks at one text of the message.
pub(crate) fn text(body: &Body<'_>, page: &Page, notes: &mut Notes) {
    const HIDDEN: usize = 150;
    const COMMENTS: usize = 1_000;
    const FEW: usize = 120;
    let place = body.place.as_str();
    let visible = page.text.trim();
    let mut note = |name, value: &str| notes.find(Aspect::Structure, name, value, place);
    if page.hidden > HIDDEN {
        note("hidden-text", &format!("{} letters", page.hidden));
    }
    if page.comments > COMMENTS && page.comments > visible.len() {
        note("comment-padding", &format!("{} bytes", page.comments));
    }
    if page.linked_images > 0 && visible.chars().count() < FEW {
        note("image-only", visible);
    }
    if body.encoded {
        note("encoded-text", "");
    }
    if padded(&body.text) {
        note("padding", "");
    }
    disguised(visible, place, notes);
}

/// Many empty lines, and then more text.
fn padded(text: &str) -> bool {
    const LINES: usize = 30;
    let mut empty = 0;
    for line in text.lines() {
        if line.trim().is_empty() {
            empty += 1;
        } else if empty >= LINES {
            return true;
        } else {
            empty = 0;
        }
    }
    false
}

/// Characters that make text look like what it is not.
pub(crate) fn disguised(text: &str, place: &str, notes: &mut Notes) {
    const INVISIBLE: usize = 3;
    if text.is_ascii() {
        return;
    }
    let mut letters = text.chars().peekable();
    let (mut before, mut inside, mut turned) = (' ', 0, false);
    while let Some(c) = letters.next() {
        let next = letters.peek().copied().unwrap_or(' ');
        inside += usize::from(is_invisible(c) && before.is_ascii_alphabetic() && next.is_ascii_alphabetic());
        turned |= turns(c);
        before = c;
    }
    if inside >= INVISIBLE {
        notes.find(Aspect::Structure, "zero-width", &format!("{inside} times"), place);
    }
    if turned && !text.chars().any(is_right_to_left) {
        notes.find(Aspect::Structure, "direction-override", "", place);
    }
    let mixed: Vec<&str> = text.split_whitespace().filter(|word| mixes_scripts(word)).take(5).collect();
    if mixed.len() >= 2 {
        notes.find(Aspect::Structure, "mixed-letters", &mixed.join(" "), place);
    }
}

/// Letters of scripts that are written from the right, where turning is ordinary.
const fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

/// What only the whole message shows.
pub(crate) fn together(opened: &Opened<'_>, text: &str, notes: &mut Notes) {
    let html = opened.bodies.iter().any(|body| body.html);
    let plain = opened.bodies.iter().any(|body| !body.html && !body.text.trim().is_empty());
    if html && !plain {
        notes.find(Aspect::Structure, "html-only", "", "message");
    }
    if text.trim().is_empty() {
        notes.find(Aspect::Structure, "empty", "", "message");
    }
    if notes.unread.iter().any(|unread| unread.why == "broken-encoding") {
        notes.find(Aspect::Structure, "broken-mime", "", "message");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguises_are_seen() {
        let names = |text: &str| {
            let mut notes = Notes::default();
            disguised(text, "here", &mut notes);
            notes.found.iter().map(|found| found.name).collect::<Vec<_>>()
        };
        assert_eq!(names("p\u{200b}a\u{200b}y\u{200b}pal"), ["zero-width"]);
        assert_eq!(names("invoice\u{202e}fdp.exe"), ["direction-override"]);
        assert_eq!(names("P\u{430}ssw\u{43e}rd re\u{441}overy"), ["mixed-letters"]);
        assert_eq!(names("שלום \u{202b}עולם\u{202c}"), Vec::<&str>::new());
        assert_eq!(names("Größe, naïve, 日本語"), Vec::<&str>::new());
    }

    #[test]
    fn padding_is_many_empty_lines_before_text() {
        assert!(padded(&format!("hi{}there", "\n".repeat(40))));
        assert!(!padded(&format!("hi{}", "\n".repeat(40))));
    }
}
