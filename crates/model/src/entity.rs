//! Entities: the users, hosts, addresses … that alerts are about, each under one canonical name.
//!
//! Tools spell one thing in many ways. The canonical form decides who is the same; the original
//! spelling stays in the alert. A canonical form is for comparing, never for showing or for acting.

use crate::value::Addr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of thing an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum EntityKind {
    /// An account.
    User,
    /// A machine.
    Host,
    /// An IP address.
    Address,
    /// A domain name.
    Domain,
    /// A URL.
    Url,
    /// A file, by its strongest hash.
    File,
    /// A mailbox.
    Mailbox,
    /// A mail message, by its Message-ID.
    Message,
    /// A cloud resource.
    Resource,
    /// A device that a person signs in from.
    Device,
    /// A case of ours, by its identifier.
    Case,
}

/// A keyed 64-bit hash of kind and canonical form. Made where history is kept; equal ids are the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(pub u64);

/// Names longer than this are cut before they are compared.
pub const NAME_BYTES_MAX: usize = 1024;

impl EntityKind {
    /// Writes the canonical form of `text` to `out`; returns false, writing nothing, when `text` names nobody.
    ///
    /// | kind | one thing however it is written |
    /// |---|---|
    /// | user | `CORP\ana`, `ana@CORP.example`, `Ana`: the local name in lower case |
    /// | host | `WEB01.corp.example.`, `web01`, `WEB01$`: the first label in lower case |
    /// | address | `::ffff:192.0.2.1`, `192.0.2.1` |
    /// | domain | `Bücher.example.`, `xn--bcher-kva.example` (UTS 46) |
    /// | url | scheme and host in lower case, no default port, no fragment |
    /// | file, message, device, case | lower case |
    /// | mailbox | the whole address in lower case, no display name |
    pub fn canonical(self, text: &str, out: &mut String) -> bool {
        let text = text.trim();
        let text = text.get(..text.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or(text);
        if names_nobody(text) {
            return false;
        }
        let start = out.len();
        match self {
            EntityKind::User => user(text, out),
            EntityKind::Host => host(text, out),
            EntityKind::Address => address(text, out),
            EntityKind::Domain => domain(text, out),
            EntityKind::Url => url(text, out),
            EntityKind::Mailbox => mailbox(text, out),
            EntityKind::File | EntityKind::Device | EntityKind::Case => push_lower(text, out),
            EntityKind::Message => push_lower(text.trim_start_matches('<').trim_end_matches('>'), out),
            EntityKind::Resource => out.push_str(text),
        }
        out.len() > start
    }

    /// The kind's name in messages and records.
    pub const fn name(self) -> &'static str {
        match self {
            EntityKind::User => "user",
            EntityKind::Host => "host",
            EntityKind::Address => "address",
            EntityKind::Domain => "domain",
            EntityKind::Url => "url",
            EntityKind::File => "file",
            EntityKind::Mailbox => "mailbox",
            EntityKind::Message => "message",
            EntityKind::Resource => "resource",
            EntityKind::Device => "device",
            EntityKind::Case => "case",
        }
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What tools write when there is nobody.
fn names_nobody(text: &str) -> bool {
    const NOBODY: [&str; 9] = ["", "-", "--", "n/a", "na", "null", "none", "unknown", "undefined"];
    NOBODY.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn push_lower(text: &str, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        if let Some(pushed) = out.get_mut(start..) {
            pushed.make_ascii_lowercase();
        }
    } else {
        out.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// `CORP\ana`, `ana@corp.example` and `ANA` are one account name; a directory resolves who that is.
fn user(text: &str, out: &mut String) {
    let local = text.rsplit_once('\\').map_or(text, |(_, name)| name);
    let local = match local.split_once('@') {
        Some((name, _)) if !name.is_empty() => name,
        _ => local,
    };
    push_lower(local.trim(), out);
}

fn host(text: &str, out: &mut String) {
    let text = text.trim_end_matches(['.', '$']);
    let text = text.rsplit_once('\\').map_or(text, |(_, name)| name);
    if let Some(addr) = Addr::parse(text) {
        out.push_str(&addr.to_string());
        return;
    }
    push_lower(text.split_once('.').map_or(text, |(label, _)| label), out);
}

fn address(text: &str, out: &mut String) {
    if let Some(addr) = Addr::parse(text) {
        out.push_str(&addr.to_string());
    }
}

fn domain(text: &str, out: &mut String) {
    let text = text.trim_end_matches('.');
    let plain = text.is_ascii() && !text.contains("xn--") && !text.contains("XN--");
    if plain {
        return push_lower(text, out);
    }
    match idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::EMPTY) {
        Ok(ascii) => out.push_str(&ascii),
        Err(_) => push_lower(text, out),
    }
}

fn mailbox(text: &str, out: &mut String) {
    let inside = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(text, |(inside, _)| inside);
    match inside.trim().rsplit_once('@') {
        Some((local, at)) => {
            push_lower(local, out);
            out.push('@');
            domain(at, out);
        }
        None => push_lower(inside.trim(), out),
    }
}

fn url(text: &str, out: &mut String) {
    let Some((scheme, rest)) = text.split_once("://") else {
        out.push_str(text.split_once('#').map_or(text, |(before, _)| before));
        return;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let start = out.len();
    push_lower(scheme, out);
    let default_port = match out.get(start..) {
        Some("http") => ":80",
        Some("https") => ":443",
        _ => "",
    };
    out.push_str("://");
    let bare = authority.strip_suffix(default_port).unwrap_or(authority);
    domain(bare, out);
    out.push_str(path.split_once('#').map_or(path, |(before, _)| before));
    if path.is_empty() {
        out.push('/');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(kind: EntityKind, text: &str) -> Option<String> {
        let mut out = String::new();
        kind.canonical(text, &mut out).then_some(out)
    }

    fn same(kind: EntityKind, expected: &str, spellings: &[&str]) {
        for text in spellings {
            assert_eq!(canonical(kind, text).as_deref(), Some(expected), "{kind} `{text}`");
        }
    }

    #[test]
    fn one_thing_has_one_name() {
        same(EntityKind::User, "ana", &["ana", "ANA", "CORP\\ana", "ana@corp.example", " Ana@CORP.EXAMPLE "]);
        same(EntityKind::User, "@home", &["@home"]);
        same(EntityKind::Host, "web01", &["web01", "WEB01.corp.example", "web01.corp.example.", "WEB01$", "CORP\\WEB01$"]);
        same(EntityKind::Host, "192.0.2.1", &["192.0.2.1", "::ffff:192.0.2.1"]);
        same(EntityKind::Address, "192.0.2.1", &["192.0.2.1", "::FFFF:192.0.2.1", "192.0.2.1:443"]);
        same(EntityKind::Domain, "xn--bcher-kva.example", &["Bücher.example", "xn--bcher-kva.example.", "XN--BCHER-KVA.EXAMPLE"]);
        same(EntityKind::Mailbox, "ana@corp.example", &["Ana <ana@CORP.example>", "ANA@corp.example"]);
        same(EntityKind::Url, "https://corp.example/A?b=C", &["HTTPS://Corp.Example:443/A?b=C#d", "https://corp.example/A?b=C"]);
        same(EntityKind::Url, "http://corp.example/", &["http://corp.example", "http://CORP.example:80/"]);
        same(EntityKind::Message, "a@b", &["<A@b>", "a@B"]);
    }

    #[test]
    fn nobody_is_nobody() {
        for text in ["", " ", "-", "N/A", "null", "Unknown"] {
            assert_eq!(canonical(EntityKind::User, text), None, "`{text}`");
        }
        assert_eq!(canonical(EntityKind::Address, "not an address"), None);
    }

    #[test]
    fn hostile_names_are_cut_not_refused() {
        let long = "é".repeat(100_000);
        assert!(canonical(EntityKind::User, &long).is_some_and(|name| name.len() <= NAME_BYTES_MAX));
    }
}
