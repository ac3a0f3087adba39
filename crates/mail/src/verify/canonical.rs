//! Header fields and body in the two forms in which they are signed (RFC 6376, 3.4).
//!
//! A line may end in LF alone, as files keep messages: it counts as CRLF, which is how it travelled.

use super::fields::Field;
use memchr::memchr;
use ring::digest::{Context, Digest, SHA256};

/// How much may change on the way without a signature noticing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing.
    #[default]
    Simple,
    /// White space.
    Relaxed,
}

/// Writes `field` in this form, with a line end after it.
pub(crate) fn header(form: Form, field: &Field<'_>, out: &mut Vec<u8>) {
    match form {
        Form::Simple => simple(field.raw, out),
        Form::Relaxed => {
            out.extend(field.name.bytes().map(|byte| byte.to_ascii_lowercase()));
            out.push(b':');
            relaxed(field.value, out);
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn simple(raw: &[u8], out: &mut Vec<u8>) {
    let mut before = 0;
    for byte in raw {
        if *byte == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(*byte);
        before = *byte;
    }
}

fn relaxed(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).filter(|word| !word.is_empty());
    for (number, word) in words.enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// What a body hashes to.
pub(crate) struct Hashed {
    pub(crate) digest: Digest,
    /// The length of the whole body in this form.
    pub(crate) length: u64,
}

/// Hashes the body in this form, or its first `limit` bytes.
pub(crate) fn body(form: Form, body: &[u8], limit: Option<u64>) -> Hashed {
    let mut sink = Sink { context: Context::new(&SHA256), left: limit.unwrap_or(u64::MAX), length: 0 };
    let (mut rest, mut empty_lines) = (body, 0_u64);
    while !rest.is_empty() {
        let end = memchr(b'\n', rest);
        let (line, after) = rest.split_at_checked(end.map_or(rest.len(), |at| at + 1)).unwrap_or((rest, &[]));
        rest = after;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if is_empty(form, line) {
            empty_lines += 1;
            continue;
        }
        (0..std::mem::take(&mut empty_lines)).for_each(|_| sink.write(b"\r\n"));
        match form {
            Form::Simple => sink.write(line),
            Form::Relaxed => relaxed_line(line, &mut sink),
        }
        sink.write(b"\r\n");
    }
    if sink.length == 0 && form == Form::Simple {
        sink.write(b"\r\n");
    }
    Hashed { digest: sink.context.finish(), length: sink.length }
}

fn is_empty(form: Form, line: &[u8]) -> bool {
    match form {
        Form::Simple => line.is_empty(),
        Form::Relaxed => line.iter().all(|byte| matches!(byte, b' ' | b'\t')),
    }
}

/// Runs of white space become one space, and none stays at the end.
fn relaxed_line(line: &[u8], sink: &mut Sink) {
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t'));
    // A line that begins with white space begins with an empty word.
    if let Some(first) = words.next() {
        sink.write(first);
    }
    for word in words.filter(|word| !word.is_empty()) {
        sink.write(b" ");
        sink.write(word);
    }
}

/// Hashes what fits, and counts all.
struct Sink {
    context: Context,
    left: u64,
    length: u64,
}

impl Sink {
    fn write(&mut self, bytes: &[u8]) {
        let length = bytes.len() as u64;
        let taken = length.min(self.left);
        self.context.update(bytes.get(..taken as usize).unwrap_or(bytes));
        self.left -= taken;
        self.length += length;
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields::split;
    use super::*;
    use ring::digest::digest;

    /// The examples of RFC 6376, 3.4.5.
    #[test]
    fn as_the_standard_shows() {
        let raw = b"A: X \r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let parts = split(raw).unwrap();
        let headers = |form| {
            let mut out = Vec::new();
            parts.fields.iter().for_each(|field| header(form, field, &mut out));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(headers(Form::Relaxed), "a:X\r\nb:Y Z\r\n");
        assert_eq!(headers(Form::Simple), "A: X \r\nB : Y\t\r\n\tZ  \r\n");
        let same = |form, wanted: &str, limit: Option<u64>| {
            let hashed = body(form, parts.body, limit);
            let end = limit.map_or(wanted.len(), |limit| limit as usize);
            assert_eq!(hashed.digest.as_ref(), digest(&SHA256, &wanted.as_bytes()[..end]).as_ref());
            assert_eq!(hashed.length, wanted.len() as u64);
        };
        same(Form::Relaxed, " C\r\nD E\r\n", None);
        same(Form::Simple, " C \r\nD \t E\r\n", None);
        same(Form::Relaxed, " C\r\nD E\r\n", Some(3));
    }

    #[test]
    fn an_empty_body_and_line_ends_of_files() {
        let hash = |form, raw: &[u8]| body(form, raw, None).digest.as_ref().to_vec();
        let of = |bytes: &[u8]| digest(&SHA256, bytes).as_ref().to_vec();
        for empty in [&b""[..], b"\r\n", b"\r\n\r\n", b"\n"] {
            assert_eq!(hash(Form::Simple, empty), of(b"\r\n"));
            assert_eq!(hash(Form::Relaxed, empty), of(b""));
        }
        assert_eq!(hash(Form::Relaxed, b" \t\r\n \r\n"), of(b""));
        assert_eq!(hash(Form::Simple, b"a\n\nb"), of(b"a\r\n\r\nb\r\n"));
        assert_eq!(hash(Form::Relaxed, b"a  \nb\tc \n\n"), of(b"a\r\nb c\r\n"));
    }
}
