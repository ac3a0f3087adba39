//! The one form in which a place to call may be written.
//!
//! Whatever two programs could read differently is refused here, before anything is resolved: user names before a host,
//! backslashes, escapes in a host, addresses as one number, dots of other scripts, dots at the end, steps upwards.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A scheme, a host, a port and the path under which everything is: where a connector's calls go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// In the clear. To this machine alone.
    pub plaintext: bool,
    /// A name in lower case, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, without a `/` at its end; empty when there is none.
    pub path: String,
}

/// Why a text is not taken as a place to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoOrigin(pub &'static str);

const LONG_MAX: usize = 512;

impl Origin {
    /// Reads `https://HOST[:PORT][/PATH]`; `http://` only when `plaintext` is set.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str, plaintext: bool) -> Result<Origin, NoOrigin> {
        if text.len() > LONG_MAX {
            return Err(NoOrigin("it is too long"));
        }
        let (in_the_clear, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) if plaintext => (true, rest),
            (None, Some(_)) => return Err(NoOrigin("it must begin with `https://`; `plaintext = true` allows this machine")),
            (None, None) => return Err(NoOrigin("it must begin with `https://`")),
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = split(authority)?;
        check_host(host)?;
        let port = match port {
            Some(port) => read_port(port)?,
            None if in_the_clear => 80,
            None => 443,
        };
        let path = path.strip_suffix('/').unwrap_or(path);
        check_path(path)?;
        Ok(Origin { plaintext: in_the_clear, host: host.to_owned(), port, path: path.to_owned() })
    }

    /// Whether `other` is the same door: scheme, host and port.
    pub fn is_same_door(&self, other: &Origin) -> bool {
        (self.plaintext, &self.host, self.port) == (other.plaintext, &other.host, other.port)
    }

    /// The target of `url`, a link in an answer, when it leads to this door and below this path; none otherwise.
    pub fn below(&self, url: &str) -> Option<String> {
        let (place, query) = url.split_once('?').map_or((url, None), |(place, query)| (place, Some(query)));
        let other = Origin::read(place, self.plaintext).ok()?;
        let rest = other.path.strip_prefix(self.path.as_str())?;
        let inside = rest.is_empty() || rest.starts_with('/');
        let sound = query
            .is_none_or(|query| query.len() <= 8192 && query.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'#'));
        (inside && sound && self.is_same_door(&other))
            .then(|| query.map_or_else(|| rest.to_owned(), |query| format!("{rest}?{query}")))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.plaintext { ("http", 80) } else { ("https", 443) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port != usual {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

fn split(authority: &str) -> Result<(&str, Option<&str>), NoOrigin> {
    if let Some(end) = authority.strip_prefix('[').and_then(|rest| rest.find(']')) {
        let (host, rest) = authority.split_at(end + 2);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(NoOrigin("there is something behind the address in brackets")),
        };
    }
    Ok(authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))))
}

fn read_port(text: &str) -> Result<u16, NoOrigin> {
    let digits = !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let port = digits.then(|| text.parse().ok()).flatten();
    port.ok_or(NoOrigin("the port is no number from 1 to 65535"))
}

fn check_host(host: &str) -> Result<(), NoOrigin> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().map(|_| ()).map_err(|_| NoOrigin("what is in brackets is no IPv6 address"));
    }
    if host.is_empty() || host.len() > 253 {
        return Err(NoOrigin("it names no host"));
    }
    let last = host.rsplit('.').next().unwrap_or("");
    if last.starts_with(|first: char| first.is_ascii_digit()) {
        // Systems read `1`, `0x7f.1` and `0177.0.0.1` as addresses; only one way of writing one is taken.
        let address = host.parse::<Ipv4Addr>().map_err(|_| NoOrigin("an address is written as four decimal numbers"))?;
        return if address.to_string() == host { Ok(()) } else { Err(NoOrigin("an address is written as four decimal numbers")) };
    }
    let sound = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        plain && !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    if host.split('.').all(sound) {
        Ok(())
    } else {
        Err(NoOrigin("a host has lower-case letters, digits, `-` and single dots only"))
    }
}

fn check_path(path: &str) -> Result<(), NoOrigin> {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'=' | b',' | b'(' | b')' | b'\'');
    let sound = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    if path.is_empty() || path.split('/').skip(1).all(sound) {
        Ok(())
    } else {
        Err(NoOrigin("its path has an empty segment, a step upwards or a character that is not plain"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_and_shown_in_one_form() {
        for text in
            ["https://acme.okta.com", "https://graph.microsoft.com/v1.0", "https://a.example:8443/x/y", "https://[2a00::1]:9"]
        {
            assert_eq!(Origin::read(text, false).map(|origin| origin.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Origin::read("https://a.example/", false).map(|origin| origin.path), Ok(String::new()));
        assert!(Origin::read("http://127.0.0.1:80", false).is_err());
        assert_eq!(Origin::read("http://127.0.0.1:80", true).map(|origin| origin.to_string()), Ok("http://127.0.0.1".to_owned()));
    }

    #[test]
    fn a_link_leads_on_only_below_the_same_door() {
        let origin = Origin::read("https://graph.microsoft.com/v1.0", false).unwrap();
        let below = |url: &str| origin.below(url);
        assert_eq!(below("https://graph.microsoft.com/v1.0/users?$skiptoken=a%20b").as_deref(), Some("/users?$skiptoken=a%20b"));
        for url in [
            "https://graph.microsoft.com/v1.0.evil/users",
            "https://graph.microsoft.com/beta/users",
            "https://graph.microsoft.com:444/v1.0/users",
            "https://graph.microsoft.com.evil.example/v1.0/users",
            "https://graph.microsoft.com@evil.example/v1.0/users",
            "http://graph.microsoft.com/v1.0/users",
            "//graph.microsoft.com/v1.0/users",
            "/v1.0/users",
            "https://graph.microsoft.com/v1.0/../beta",
            "https://graph.microsoft.com/v1.0/users?a=b\r\nx: y",
            "https://graph.microsoft.com/v1.0/users?a#b",
        ] {
            assert_eq!(below(url), None, "{url}");
        }
    }
}
