//! Whether some bytes are a message: told by content, never by name.

use memchr::memchr;

/// A longer name is no header field's.
const NAME_BYTES_MAX: usize = 100;

/// A longer first line is no mailbox's.
const MBOX_BYTES_MAX: usize = 1_000;

/// Lines that are looked at.
const LINES_MAX: usize = 1_000;

/// Header fields that hardly anything but a message has.
const FIELDS: [&str; 12] = [
    "from",
    "to",
    "subject",
    "date",
    "received",
    "return-path",
    "message-id",
    "mime-version",
    "delivered-to",
    "reply-to",
    "content-type",
    "dkim-signature",
];

/// What the first line of a message may begin with beside these.
const STARTS: [&str; 5] = ["x-", "arc-", "authentication-results", "envelope-to", "received-spf"];

/// What some bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A message.
    Yes,
    /// Something else.
    No,
    /// Not to be told before more bytes are there.
    More,
}

/// Whether `raw` begins like an RFC 5322 message: header fields line by line, at least three of those that messages have.
pub fn is_message(raw: &[u8]) -> bool {
    verdict(raw, true) == Verdict::Yes
}

/// The same of bytes that more may follow; the answer does not depend on how many are there yet. `last` says that none follow.
pub fn verdict(raw: &[u8], last: bool) -> Verdict {
    let mut seen = [false; FIELDS.len()];
    // Mailboxes of the mbox family put a line of their own in front.
    let mut start = match raw.starts_with(b"From ").then(|| memchr(b'\n', raw)) {
        Some(Some(end)) if end <= MBOX_BYTES_MAX => end + 1,
        Some(Some(_)) => return Verdict::No,
        Some(None) if !last && raw.len() <= MBOX_BYTES_MAX => return Verdict::More,
        Some(None) => return Verdict::No,
        None if !last && b"From ".starts_with(raw) => return Verdict::More,
        None => 0,
    };
    for number in 0..LINES_MAX {
        let rest = raw.get(start..).unwrap_or(&[]);
        let (line, next) = match memchr(b'\n', rest) {
            Some(end) => (rest.get(..end).unwrap_or(rest), start + end + 1),
            // Of a first line its name is enough to say no, so that other formats never wait.
            None if !last => {
                let hopeless = number == 0 && rest.len() > NAME_BYTES_MAX && !begins(rest);
                return if hopeless { Verdict::No } else { Verdict::More };
            }
            None => (rest, raw.len()),
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let folded = number > 0 && matches!(line.first(), Some(b' ' | b'\t'));
        if !folded && (number == 0 && !begins(line) || !field(line, &mut seen)) {
            return Verdict::No;
        }
        if seen.iter().filter(|seen| **seen).count() >= 3 {
            return Verdict::Yes;
        }
        start = next;
    }
    Verdict::No
}

fn begins(line: &[u8]) -> bool {
    let is = |start: &&str| line.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()));
    FIELDS.iter().chain(&STARTS).any(is)
}

/// Notes the field that a line begins; false when it begins none.
fn field(line: &[u8], seen: &mut [bool; FIELDS.len()]) -> bool {
    let Some(name) = field_name(line) else { return false };
    let known = FIELDS.iter().zip(seen).find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
    if let Some((_, seen)) = known {
        *seen = true;
    }
    true
}

/// The name of the header field that a line begins.
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().take(NAME_BYTES_MAX).position(|byte| *byte == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    (!name.is_empty() && name.iter().all(|byte| (33..127).contains(byte))).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_from_logs() {
        assert!(is_message(b"Received: from a\r\n\tby b\r\nFrom: x@y.example\r\nSubject: hi\r\n\r\nhello"));
        assert!(is_message(b"From a@b.example Mon Mar  2 09:00:00 2026\nFrom: x@y.example\nTo: z\nDate: today\n\nhello"));
        assert!(!is_message(b"{\"From\": 1}"));
        assert!(!is_message(b"From: x@y.example"));
        let receivers = format!("Received: a\n{}From: b\nTo: c\n\n", "X-Long-List: d\n\te\n".repeat(200));
        assert!(is_message(receivers.as_bytes()));
        assert!(!is_message(b"Mar  1 09:14:07 web-1 sshd[99]: Failed password\nFrom: a\nTo: b\nSubject: c"));
        assert!(!is_message(b"") && !is_message(b"From"));
        let mailbox = |name: usize| format!("From {}\nFrom: a\nTo: b\nSubject: c\n\n", "a".repeat(name));
        let (longest, longer) = (mailbox(MBOX_BYTES_MAX - 5), mailbox(MBOX_BYTES_MAX - 4));
        assert!(is_message(longest.as_bytes()) && !is_message(longer.as_bytes()));
        for end in 1..longest.len() {
            assert_ne!(verdict(&longest.as_bytes()[..end], false), Verdict::No, "{end}");
            assert_ne!(verdict(&longer.as_bytes()[..end], false), Verdict::Yes, "{end}");
        }
        assert_eq!(verdict(b"Fro", false), Verdict::More);
        assert_eq!(verdict(b"msg: hello\n", false), Verdict::No);
        assert_eq!(verdict(b"From: a\nTo: b\nSubject: c", false), Verdict::More);
        assert_eq!(verdict(b"From: a\nTo: b\nSubject: c\n\n", false), Verdict::Yes);
    }
}
