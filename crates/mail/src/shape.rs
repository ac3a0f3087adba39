//! Looks at a message before it is parsed: is it one that can be parsed in bounded memory?
//!
//! A parser makes a value of each header field, part and nested message, and a hostile message has one for every few
//! bytes. This counts them in one pass over the lines, without memory of its own.

use crate::limits::{BOUNDARY_LINES_MAX, HEADER_FIELDS_MAX, NESTED_MAX};
use memchr::memchr;

/// Why a message is not parsed as a whole; none when it can be.
pub(crate) fn refusal(raw: &[u8]) -> Option<&'static str> {
    let mut count = Count { in_header: true, ..Count::default() };
    let mut rest = raw;
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        count.line(line);
        if let Some(refusal) = count.refusal() {
            return Some(refusal);
        }
        rest = after;
    }
    None
}

#[derive(Default)]
struct Count {
    in_header: bool,
    /// The header says that a message follows, which begins with headers of its own.
    holds_message: bool,
    /// There is a digest, whose parts are messages without saying so.
    digest: bool,
    fields: usize,
    boundaries: usize,
    nested: usize,
}

impl Count {
    fn line(&mut self, line: &[u8]) {
        if line.starts_with(b"--") {
            self.boundaries += 1;
            self.in_header = true;
            self.holds_message = self.digest;
        } else if self.in_header && line.trim_ascii().is_empty() {
            self.in_header = std::mem::take(&mut self.holds_message);
        } else if self.in_header {
            self.fields += 1;
            if may_hold_message(line) {
                self.holds_message = true;
                self.digest |= has(line, b"/digest");
                self.nested += 1;
            }
        }
    }

    fn refusal(&self) -> Option<&'static str> {
        match () {
            () if self.boundaries > BOUNDARY_LINES_MAX => Some("too-many-parts"),
            () if self.fields > HEADER_FIELDS_MAX => Some("too-many-headers"),
            () if self.nested > NESTED_MAX => Some("nested-too-deeply"),
            () => None,
        }
    }
}

/// Whether a header line may be of a type whose content is a message, or of parts that are such.
fn may_hold_message(line: &[u8]) -> bool {
    // Only a Content-Type says so, on its own line or on one that continues it.
    let may = matches!(line.first(), Some(b'c' | b'C' | b' ' | b'\t'));
    may && memchr(b'/', line).is_some() && (has(line, b"rfc822") || has(line, b"/global") || has(line, b"/digest"))
}

fn has(line: &[u8], word: &[u8]) -> bool {
    const LONGEST: usize = 512;
    let line = line.get(..LONGEST).unwrap_or(line);
    line.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bombs_are_refused() {
        assert_eq!(refusal(b"From: a@b.example\n\nhello\n"), None);
        let parts = "--b\n\nx\n".repeat(10_000);
        assert_eq!(refusal(parts.as_bytes()), Some("too-many-parts"));
        let headers = "X-A: b\n".repeat(100_000);
        assert_eq!(refusal(headers.as_bytes()), Some("too-many-headers"));
        let nested = "Content-Type: message/rfc822\n\n".repeat(1_000);
        assert_eq!(refusal(nested.as_bytes()), Some("nested-too-deeply"));
    }

    #[test]
    fn long_text_is_no_bomb() {
        let text = format!("From: a@b.example\n\n{}", "a line of text: yes\n".repeat(50_000));
        assert_eq!(refusal(text.as_bytes()), None);
    }
}
