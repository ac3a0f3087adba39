//! Takes a link apart the way a browser would, as far as its host is concerned.

use crate::names::{is_invisible, turns};

/// A link, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Url {
    /// In lower case.
    pub(crate) scheme: String,
    /// What stands before the `@`.
    pub(crate) user: String,
    /// In lower case, without port, as written otherwise.
    pub(crate) host: String,
    pub(crate) port: String,
    /// Path, query and fragment.
    pub(crate) rest: String,
    /// It was written with backslashes or too few slashes, which browsers forgive.
    pub(crate) crooked: bool,
    /// Invisible or turning characters stood in it.
    pub(crate) disguised: bool,
}

impl Url {
    /// Reads `text`; none when it has no scheme.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let disguised = text.chars().any(|c| is_invisible(c) || turns(c));
        // Browsers drop these wherever they stand.
        let clean: String =
            text.trim().chars().filter(|c| !matches!(c, '\t' | '\n' | '\r') && !is_invisible(*c) && !turns(*c)).collect();
        let (scheme, rest) = clean.split_once(':')?;
        let scheme = scheme.trim().to_ascii_lowercase();
        let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
        if !named || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
            return None;
        }
        if !matches!(scheme.as_str(), "http" | "https" | "ftp") {
            return Some(Self { scheme, rest: rest.to_owned(), disguised, ..Self::default() });
        }
        let crooked = !rest.starts_with("//") || rest.starts_with("///") || rest.starts_with("/\\");
        let after = rest.trim_start_matches(['/', '\\']);
        let end = after.find(['/', '?', '#', '\\']).unwrap_or(after.len());
        let (authority, rest) = after.split_at_checked(end).unwrap_or((after, ""));
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (host, port) = split_port(host);
        Some(Self {
            scheme,
            user: user.to_owned(),
            host: host.trim_end_matches('.').to_lowercase(),
            port: port.to_owned(),
            rest: rest.to_owned(),
            crooked: crooked || rest.starts_with('\\'),
            disguised,
        })
    }

    /// Whether it leads to a site.
    pub(crate) fn is_web(&self) -> bool {
        matches!(self.scheme.as_str(), "http" | "https") && !self.host.is_empty()
    }

    /// The path without query and fragment.
    pub(crate) fn path(&self) -> &str {
        self.rest.split(['?', '#']).next().unwrap_or("")
    }

    /// Query and fragment.
    pub(crate) fn query(&self) -> &str {
        self.rest.get(self.path().len()..).unwrap_or("")
    }
}

fn split_port(host: &str) -> (&str, &str) {
    if let Some(end) = host.find(']') {
        let (host, port) = host.split_at_checked(end + 1).unwrap_or((host, ""));
        return (host, port.trim_start_matches(':'));
    }
    host.rsplit_once(':').unwrap_or((host, ""))
}

/// `text` with percent signs decoded once; what is no UTF-8 is left out.
pub(crate) fn unescaped(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether a host is a number that browsers take for an address: decimal, octal or hexadecimal.
pub(crate) fn is_number(host: &str) -> bool {
    let number = |part: &str| {
        let digits = part.strip_prefix("0x").unwrap_or(part);
        let radix = if digits.len() < part.len() { 16 } else { 10 };
        !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix))
    };
    let parts: Vec<&str> = host.split('.').collect();
    let plain =
        parts.len() == 4 && parts.iter().all(|part| part.parse::<u8>().is_ok() && (*part == "0" || !part.starts_with('0')));
    !plain && parts.len() <= 4 && parts.iter().all(|part| number(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_what_a_browser_takes_for_them() {
        let host = |text| Url::read(text).map(|url| url.host);
        assert_eq!(host("https://paypal.com@evil.example/x").as_deref(), Some("evil.example"));
        assert_eq!(host("http:\\\\evil.example\\x").as_deref(), Some("evil.example"));
        assert_eq!(host("HTTPS://Evil.Example.:8443/#a").as_deref(), Some("evil.example"));
        assert_eq!(host("http://[2001:db8::1]:80/").as_deref(), Some("[2001:db8::1]"));
        assert_eq!(host("ht\ntp://evil.example").as_deref(), Some("evil.example"));
        assert_eq!(host("no link"), None);
        assert!(Url::read("http:evil.example/x").is_some_and(|url| url.crooked));
    }

    #[test]
    fn numbers_in_disguise() {
        assert!(is_number("3232235777") && is_number("0xc0a80101") && is_number("0300.0250.1.1"));
        assert!(!is_number("192.168.1.1") && !is_number("example.com") && !is_number(""));
    }
}
