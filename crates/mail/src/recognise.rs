//! Whether some bytes are a message: told by content, never by name.

use memchr::memchr_iter;

/// Lines that are looked at.
const LINES_MAX: usize = 60;

/// Header fields that hardly anything but a message has.
const FIELDS: [&str; 12] = [
    "from", "to", "subject", "date", "received", "return-path", "message-id", "mime-version", "delivered-to", "reply-to",
    "content-type", "dkim-signature",
];

/// Whether `raw` begins like an RFC 5322 message: header fields line by line, at least three of those that messages have.
pub fn is_message(raw: &[u8]) -> bool {
    let mut seen = [false; FIELDS.len()];
    let mut start = 0;
    let ends = memchr_iter(b'\n', raw).chain(std::iter::once(raw.len())).take(LINES_MAX);
    for (number, end) in ends.enumerate() {
        let line = raw.get(start..end).unwrap_or(&[]);
        start = end + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.first() {
            None => break,
            Some(b' ' | b'\t') if number > 0 => continue,
            Some(_) => {}
        }
        let Some(name) = field_name(line) else { return false };
        let known = FIELDS.iter().zip(&mut seen).find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        if let Some((_, seen)) = known {
            *seen = true;
        }
    }
    seen.iter().filter(|seen| **seen).count() >= 3
}

/// The name of the header field that a line begins.
fn field_name(line: &[u8]) -> Option<&[u8]> {
    const NAME_BYTES_MAX: usize = 100;
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
        assert!(!is_message(b"{\"From\": 1}"));
        assert!(!is_message(b"From: x@y.example"));
        assert!(!is_message(b"Mar  1 09:14:07 web-1 sshd[99]: Failed password\nFrom: a\nTo: b\nSubject: c"));
        assert!(!is_message(b""));
    }
}
