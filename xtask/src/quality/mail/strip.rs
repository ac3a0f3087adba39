//! Takes out of a message what tells collections apart and says nothing about phishing.

/// The address that stands in place of every recipient.
const RECIPIENT: &str = "recipient@example.org";

/// When every stripped message was sent.
const DATE: &str = "Mon, 02 Mar 2026 09:00:00 +0000";

/// Headers of receivers and collectors, and those that one collection has and the other cannot have.
const DROPPED: [&str; 12] = [
    "x-",
    "authentication-results",
    "arc-",
    "received",
    "dkim-",
    "list-",
    "delivered-to",
    "to:",
    "cc:",
    "date:",
    "received-spf",
    "domainkey-",
];

/// Names by which a collector's addresses and hosts are known.
const COLLECTORS: [&str; 5] = ["jmason", "jm@", "zzzz@", "spamassassin.taint.org", "netnoteinc"];

/// `raw` with the recipient that a collector wrote as an ordinary address; nothing else is changed.
pub(super) fn neutral(raw: &[u8]) -> Vec<u8> {
    replaced(raw, b"phishing@pot", RECIPIENT.as_bytes())
}

/// `raw` without what tells the collections apart.
pub(super) fn stripped(raw: &[u8]) -> Vec<u8> {
    let end =
        [&b"\r\n\r\n"[..], b"\n\n"].into_iter().filter_map(|blank| memchr::memmem::find(raw, blank)).min().unwrap_or(raw.len());
    let (headers, body) = raw.split_at(end);
    let mut kept = Vec::with_capacity(raw.len());
    let mut keep = true;
    for line in headers.split(|byte| *byte == b'\n') {
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            keep = !DROPPED
                .iter()
                .any(|start| line.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes())));
        }
        if keep {
            kept.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
            kept.push(b'\n');
        }
    }
    kept.extend_from_slice(format!("To: {RECIPIENT}\nDate: {DATE}").as_bytes());
    kept.extend_from_slice(body);
    without_collectors(&neutral(&kept))
}

/// Addresses and hosts of a collector become ordinary ones.
fn without_collectors(raw: &[u8]) -> Vec<u8> {
    let mut out = raw.to_vec();
    for name in COLLECTORS {
        let mut from = 0;
        while let Some((start, end)) = find(&out, name, from) {
            let with: &[u8] = if out[start..end].contains(&b'@') { RECIPIENT.as_bytes() } else { b"example.org" };
            out.splice(start..end, with.iter().copied());
            from = start + with.len();
        }
    }
    out
}

/// The address or host around the first `name` from `from` on.
fn find(raw: &[u8], name: &str, from: usize) -> Option<(usize, usize)> {
    let rest = raw.get(from..)?;
    let at = rest.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name.as_bytes()))? + from;
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_+@".contains(byte);
    let start = raw.get(from..at)?.iter().rposition(|byte| !part(byte)).map_or(from, |end| from + end + 1);
    let end = raw.get(at..)?.iter().position(|byte| !part(byte)).map_or(raw.len(), |len| at + len);
    Some((start, end.max(at + name.len())))
}

fn replaced(raw: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(raw, what) {
        out.extend_from_slice(&raw[from..at]);
        out.extend_from_slice(with);
        from = at + what.len();
    }
    out.extend_from_slice(&raw[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_tells_collections_apart_goes() {
        let raw = b"Received: from a\r\n by b\r\nFrom: Eve <e@evil.example>\r\nTo: phishing@pot\r\nX-MS-Y: 1\r\nSubject: hi\r\n\r\nfor phishing@pot and jm@jmason.org";
        let text = String::from_utf8(stripped(raw)).unwrap();
        assert!(text.contains("From: Eve <e@evil.example>\nSubject: hi\nTo: recipient@example.org\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nfor recipient@example.org and recipient@example.org"), "{text}");
        assert!(!text.contains("Received") && !text.contains("X-MS"));
    }
}
