//! Where links go, and the ways in which they say something else.

use crate::finding::{Aspect, Notes};
use crate::html::Link;
use crate::limits::{LINKS_MAX, URL_BYTES_MAX};
use crate::names::{brand_alike, brand_within, decoded, depth, is_random, own_label, registered, same_owner};
use crate::url::{Url, is_number, unescaped};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// What the message says of itself that links are compared with.
pub(crate) struct Beside<'a> {
    /// The registered domain of the sender; empty when there is none.
    pub(crate) sender: &'a str,
    /// Addresses of recipients.
    pub(crate) recipients: &'a [String],
}

/// Where the links of a message go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    pub(crate) hosts: BTreeSet<String>,
    pub(crate) urls: BTreeSet<String>,
    pub(crate) count: usize,
}

/// Looks at the links of one text.
pub(crate) fn find(links: &[Link], beside: &Beside<'_>, place: &str, targets: &mut Targets, notes: &mut Notes) {
    for link in links {
        if targets.count >= LINKS_MAX {
            return notes.cannot_read("too-many-links", place);
        }
        let mut target = link.target.as_str();
        if target.len() > URL_BYTES_MAX {
            target = target.get(..target.floor_char_boundary(URL_BYTES_MAX)).unwrap_or("");
        }
        let Some(url) = Url::read(target) else { continue };
        if let Some(name) = other_scheme(&url) {
            notes.find(Aspect::Link, name, target, place);
        }
        if !url.is_web() {
            continue;
        }
        targets.count += 1;
        let new = targets.hosts.insert(url.host.clone());
        targets.urls.insert(target.split('#').next().unwrap_or("").to_owned());
        form(&url, target, place, notes);
        if new {
            host(&url, place, notes);
        }
        content(&url, target, beside, place, notes);
        text(link, &url, place, notes);
    }
}

fn other_scheme(url: &Url) -> Option<&'static str> {
    match url.scheme.as_str() {
        "data" => Some("data-link"),
        "javascript" | "vbscript" => Some("script-link"),
        _ => None,
    }
}

/// How the link is written.
fn form(url: &Url, target: &str, place: &str, notes: &mut Notes) {
    const LONG: usize = 400;
    let odd_port = !url.port.is_empty() && !matches!(url.port.as_str(), "80" | "443");
    let all = [
        (!url.user.is_empty(), "user-in-link"),
        (url.disguised, "zero-width-link"),
        (url.crooked, "backslash"),
        (odd_port, "odd-port"),
        (target.len() > LONG, "long-link"),
    ];
    all.into_iter().filter(|(is, _)| *is).for_each(|(_, name)| notes.find(Aspect::Link, name, target, place));
}

fn host(url: &Url, place: &str, notes: &mut Notes) {
    const DEEP: usize = 3;
    let mut note = |name, value: &str| notes.find(Aspect::Link, name, value, place);
    let plain = unescaped(&url.host);
    if plain != url.host {
        note("escaped-host", &url.host);
    }
    let host = plain.to_lowercase();
    if host.parse::<Ipv4Addr>().is_ok() || host.starts_with('[') {
        return note("address-as-host", &host);
    }
    if is_number(&host) {
        return note("number-as-host", &host);
    }
    let unicode = if host.contains("xn--") { decoded(&host) } else { host.clone() };
    if !unicode.is_ascii() || host.contains("xn--") {
        note("encoded-host", &unicode);
    }
    if idna::domain_to_ascii(&host).is_err() || !host.contains('.') {
        note("bad-host", &host);
    }
    if depth(&host) >= DEEP {
        note("deep-host", &host);
    }
    let label = own_label(&unicode);
    let below = unicode.strip_suffix(registered(&unicode)).unwrap_or("");
    if is_random(label) || below.split('.').any(is_random) {
        note("random-host", &host);
    }
    brand(&host, label, below, note);
}

/// A brand's name where it is not the brand's.
fn brand(host: &str, label: &str, below: &str, mut note: impl FnMut(&'static str, &str)) {
    if let Some(brand) = brand_alike(label).filter(|brand| !brand.owns(host)) {
        note("lookalike-host", &format!("{host} for {}", brand.name));
    } else if let Some(brand) = brand_within(label).or_else(|| brand_within(below)).filter(|brand| !brand.owns(host)) {
        note("brand-in-host", &format!("{host} for {}", brand.name));
    }
}

fn content(url: &Url, target: &str, beside: &Beside<'_>, place: &str, notes: &mut Notes) {
    let mut note = |name, value: &str| notes.find(Aspect::Link, name, value, place);
    let query = unescaped(&unescaped(url.query())).to_lowercase();
    let path = unescaped(url.path()).to_lowercase();
    let inner = [query.as_str(), path.as_str()]
        .into_iter()
        .find_map(|text| text.find("http://").or_else(|| text.find("https://")).and_then(|at| text.get(at..)));
    let inner = inner.and_then(Url::read).filter(|inner| inner.is_web() && !same_owner(&inner.host, &url.host));
    if let Some(inner) = inner {
        note("redirect", &format!("{} to {}", url.host, inner.host));
    }
    let whole = format!("{path}{query}");
    for recipient in beside.recipients {
        if whole.contains(recipient.as_str()) {
            note("recipient-in-link", target);
        } else if encoded(recipient).iter().any(|code| target.contains(code.as_str())) {
            note("recipient-encoded", target);
        }
    }
    // Everybody's own links carry tokens; those of others say less about who they are for.
    if !same_owner(&url.host, beside.sender) && path.split('/').any(is_random_segment) {
        note("random-path", url.path());
    }
    if path.rsplit('/').next().is_some_and(is_page_name) {
        note("page-name", url.path());
    }
    let named = path.split('/').filter(|part| part.contains('.')).find_map(|part| brand_within(own_label(part)));
    if let Some(brand) = named.filter(|brand| !brand.owns(&url.host)) {
        note("brand-in-path", &format!("{} for {}", url.path(), brand.name));
    }
}

/// An address in base64, without what depends on its neighbours.
fn encoded(address: &str) -> [String; 1] {
    let mut code = STANDARD_NO_PAD.encode(address);
    code.truncate(code.len() - code.len() % 4);
    [code]
}

fn is_random_segment(segment: &str) -> bool {
    const LONG: usize = 16;
    segment.len() >= LONG && !segment.contains(['.', ' ']) && is_random(segment)
}

fn is_page_name(page: &str) -> bool {
    const NAMES: [&str; 14] = [
        "login",
        "signin",
        "sign-in",
        "logon",
        "verify",
        "verification",
        "secure",
        "account",
        "update",
        "confirm",
        "webmail",
        "password",
        "wallet",
        "owa",
    ];
    let stem = page.split('.').next().unwrap_or("");
    page.contains('.') && NAMES.contains(&stem)
}

/// Text that names one site on a link to another.
fn text(link: &Link, url: &Url, place: &str, notes: &mut Notes) {
    let text = link.text.trim().to_lowercase();
    let shown = Url::read(&text).filter(Url::is_web).map(|url| url.host);
    let named = || {
        let host = text.split(['/', '?']).next().unwrap_or("");
        let plausible = host.contains('.')
            && !host.contains([' ', '@', ':'])
            && psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known());
        plausible.then(|| host.to_owned())
    };
    if let Some(shown) = shown.or_else(named).filter(|shown| !same_owner(shown, &url.host)) {
        notes.find(Aspect::Link, "text-other", &format!("{shown} goes to {}", url.host), place);
    }
}

/// What all links together say.
pub(crate) fn together(targets: &Targets, beside: &Beside<'_>, notes: &mut Notes) {
    if targets.hosts.is_empty() {
        return;
    }
    let own = |host: &String| same_owner(host, beside.sender);
    if !beside.sender.is_empty() && !targets.hosts.iter().any(own) {
        let first = targets.hosts.iter().next().map_or("", String::as_str);
        notes.find(Aspect::Link, "sender-absent", &format!("{} is not {first}", beside.sender), "links");
    }
    if targets.count >= 2 && targets.urls.len() == 1 {
        notes.find(Aspect::Link, "one-target", targets.urls.iter().next().map_or("", String::as_str), "links");
    }
}

/// The links that stand in plain text.
pub(crate) fn in_text(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(text.as_bytes().get(from..).unwrap_or(&[]), b"://").map(|at| at + from) {
        let before = text.get(from..at).unwrap_or("");
        let scheme = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
        let start = at - scheme.len();
        let rest = text.get(start..).unwrap_or("");
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '{' | '}')).unwrap_or(rest.len());
        let target = rest.get(..end).unwrap_or("").trim_end_matches(['.', ',', ')', ']', ';', '\'', '!', '?', ':']);
        if matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https" | "ftp") && links.len() < LINKS_MAX {
            links.push(Link { target: target.to_owned(), ..Link::default() });
        }
        from = (start + end).max(at + 3);
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(target: &str, text: &str) -> Vec<&'static str> {
        let mut notes = Notes::default();
        let recipients = ["ana@corp.example".to_owned()];
        let beside = Beside { sender: "sender.example", recipients: &recipients };
        let link = Link { target: target.into(), text: text.into(), image: false };
        find(&[link], &beside, "here", &mut Targets::default(), &mut notes);
        notes.found.iter().map(|found| found.name).collect()
    }

    #[test]
    fn every_trick_is_named() {
        assert_eq!(names("http://192.0.2.7/x", ""), ["address-as-host"]);
        assert_eq!(names("http://3232235777/x", ""), ["number-as-host"]);
        assert_eq!(names("https://paypal.com@evil.example/", ""), ["user-in-link"]);
        assert_eq!(names("https://paypa1.com/", ""), ["lookalike-host"]);
        assert_eq!(names("https://paypal-secure.com/", ""), ["brand-in-host"]);
        assert_eq!(names("https://r.example/?u=https%3A%2F%2Fevil.test%2F", ""), ["redirect"]);
        assert_eq!(names("https://r.example/#ana@corp.example", ""), ["recipient-in-link"]);
        assert_eq!(names("https://r.example/?e=YW5hQGNvcnAuZXhhbXBsZQ==", ""), ["recipient-encoded"]);
        assert_eq!(names("https://evil.example/", "www.paypal.com"), ["text-other"]);
        assert_eq!(names("javascript:alert(1)", ""), ["script-link"]);
        assert_eq!(names("https://www.paypal.com/signin", "Log in"), Vec::<&str>::new());
    }

    #[test]
    fn links_in_text() {
        let found = in_text("see (https://a.example/x), or <http://b.example>. ://");
        let targets: Vec<&str> = found.iter().map(|link| link.target.as_str()).collect();
        assert_eq!(targets, ["https://a.example/x", "http://b.example"]);
    }
}
