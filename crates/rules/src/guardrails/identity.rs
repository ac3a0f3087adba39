//! Under how many names one thing goes: what the protected set is compared by.
//!
//! Each function hands every form of a text to `take`. Two texts name the same thing when they share a form. Forms are
//! broad on purpose: a namesake in another domain is taken for the protected account. They are never narrower than
//! [`EntityKind::canonical`](adjutant_model::EntityKind::canonical).
//!
//! They are for comparing with what must not be touched, never for finding what is to be touched.

use adjutant_model::Addr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longer names are compared by their beginning; what is cut off can only make them more alike.
const NAME_CHARS_MAX: usize = 1024;

/// Lower case without white space around it and without characters that nobody sees; full-width letters, decomposed
/// accents and punycode as UTS 46 maps them.
pub fn clean(text: &str) -> String {
    let short = text.len() <= NAME_CHARS_MAX && text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_control());
    let lower = if short { text.trim().to_ascii_lowercase() } else { String::new() };
    if short && !lower.contains("xn--") {
        return lower;
    }
    let seen: String = text.chars().filter(|c| !is_unseen(*c)).take(NAME_CHARS_MAX).collect();
    let lower = seen.trim().to_lowercase();
    if lower.is_ascii() && !lower.contains("xn--") {
        return lower;
    }
    let (mapped, valid) = idna::domain_to_unicode(&lower);
    if valid.is_ok() { mapped.trim().to_owned() } else { lower }
}

/// Control characters, and those that Unicode calls ignorable and that stand in names by mistake or by malice.
fn is_unseen(c: char) -> bool {
    let ignorable = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}');
    c.is_control() || ignorable
}

/// Forms of an account or a group.
///
/// | written | forms |
/// |---|---|
/// | `CORP\ana`, `CORP/ana` | whole, `ana` |
/// | `ana@corp.example`, `ana+news@corp.example` | whole, `ana` (and `ana+news`) |
/// | `Ana <ana@corp.example>`, `SMTP:ana@corp.example` | the address and its forms |
/// | `ana_corp.example#EXT#@tenant.example` | whole, `ana`: a guest of another directory |
/// | `CN=Ana,OU=Staff,DC=corp` | whole without spaces between its parts, `ana` |
/// | `{5f…}`, `ana.`, `ANA$` | without braces, trailing dots and dollar signs |
pub fn account(text: &str, take: &mut dyn FnMut(&str)) {
    let clean = clean(text);
    base(&clean, take);
    if let Some((_, rest)) = clean.rsplit_once('<') {
        base(rest.split('>').next().unwrap_or(rest), take);
    }
    for scheme in ["smtp:", "sip:", "mailto:", "x500:", "eum:", "sid:", "upn:"] {
        if let Some(rest) = clean.strip_prefix(scheme) {
            base(rest, take);
        }
    }
}

fn base(text: &str, take: &mut dyn FnMut(&str)) {
    let text = bare(text);
    if is_distinguished(text) {
        return distinguished(text, take);
    }
    give(text, take);
    let after = text.rsplit(['\\', '/']).next().unwrap_or(text);
    local(after, take);
    local(text, take);
}

/// What stands before the `@`, and what a guest's name or a tagged address hides in it.
fn local(text: &str, take: &mut dyn FnMut(&str)) {
    give(text, take);
    for name in [text.split_once('@'), text.rsplit_once('@')].into_iter().flatten().map(|(name, _)| name) {
        give(name, take);
        if let Some((home, _)) = name.split_once("#ext#") {
            give(home, take);
            give(home.rsplit_once('_').map_or(home, |(name, _)| name), take);
        }
        if let Some((plain, _)) = name.split_once('+') {
            give(plain, take);
        }
    }
}

fn is_distinguished(text: &str) -> bool {
    let attribute =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    text.split_once('=').is_some_and(|(name, _)| attribute(name.trim()))
}

/// A distinguished name: as a whole, and the values of its first part.
fn distinguished(text: &str, take: &mut dyn FnMut(&str)) {
    let parts: Vec<String> = split_unescaped(text, ',').iter().map(|part| tidy(part)).collect();
    give(&parts.join(","), take);
    for value in split_unescaped(parts.first().map_or("", String::as_str), '+') {
        if let Some((_, value)) = value.split_once('=') {
            let value = unescaped(value);
            give(bare(&value), take);
            local(bare(&value), take);
        }
    }
}

/// `CN = Ana` as `cn=ana`.
fn tidy(part: &str) -> String {
    part.split_once('=').map_or_else(|| part.trim().to_owned(), |(name, value)| format!("{}={}", name.trim(), value.trim()))
}

fn split_unescaped(text: &str, at: char) -> Vec<String> {
    let (mut parts, mut part, mut escaped) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        if c == at && !escaped {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(part);
    parts
}

/// `silva\, ana` and `silva\2c ana` as `silva, ana`.
fn unescaped(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let hex = after.get(..2).and_then(|two| u8::from_str_radix(two, 16).ok()).filter(u8::is_ascii);
        let one = after.chars().next();
        let (c, length) = hex.map_or((one, one.map_or(0, char::len_utf8)), |byte| (Some(char::from(byte)), 2));
        out.extend(c);
        rest = after.get(length..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

/// Without what is written around a name and belongs to none.
fn bare(text: &str) -> &str {
    let trimmed = text.trim().trim_matches(['{', '}', '"', '\'', '<', '>']);
    trimmed.trim_end_matches(['.', '$']).trim()
}

fn give(text: &str, take: &mut dyn FnMut(&str)) {
    let text = bare(text);
    if !text.is_empty() {
        take(text);
    }
    // What stood behind something else is no label of its own before it is cut out.
    if text.contains("xn--") {
        take(bare(&clean(text)));
    }
}

/// Forms of a machine: as a whole, its first label, without domain, `$`, port and what an SPN or URL writes around it.
pub fn host(text: &str, take: &mut dyn FnMut(&str)) {
    let clean = clean(text);
    let clean = bare(&clean);
    if is_distinguished(clean) {
        return distinguished(clean, &mut |form| named(form, take));
    }
    give(clean, take);
    named(clean, take);
}

fn named(text: &str, take: &mut dyn FnMut(&str)) {
    let name = authority(text);
    let name = bare(name.rsplit(['\\', '/']).next().unwrap_or(name));
    if let Some(address) = Addr::parse(name) {
        return give(&address.to_string(), take);
    }
    let name = bare(without_port(name));
    give(name, take);
    give(name.split('.').next().unwrap_or(name), take);
}

fn without_port(text: &str) -> &str {
    let port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    text.rsplit_once(':').filter(|(_, after)| port(after)).map_or(text, |(name, _)| name)
}

/// The host of a URL; the text itself when it is none.
fn authority(text: &str) -> &str {
    let Some((_, rest)) = text.split_once("://") else { return text };
    let rest = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

/// The domain name that a text is or holds: of a URL, of a mail address, without port and trailing dots.
pub fn domain(text: &str) -> String {
    let clean = clean(text);
    let name = authority(bare(&clean));
    let name = name.rsplit_once('@').map_or(name, |(_, domain)| domain);
    let name = bare(without_port(name)).trim_matches('.');
    if name.contains("xn--") { self::clean(name) } else { name.to_owned() }
}

/// Whether a domain is another one, or below it.
pub fn is_below(inner: &str, outer: &str) -> bool {
    !outer.is_empty() && inner.strip_suffix(outer).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Every address that a text is: itself, and the IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4).
pub fn addresses(text: &str) -> [Option<Addr>; 2] {
    let clean = clean(text);
    let name = authority(bare(&clean));
    // A network of one address is that address.
    let one = name.split_once('/').filter(|(ip, length)| *length == if ip.contains(':') { "128" } else { "32" });
    let Some(address) = Addr::parse(one.map_or(name, |(ip, _)| ip)) else { return [None, None] };
    let inner = match address.ip() {
        IpAddr::V6(v6) => inside(v6).map(|v4| Addr::from(IpAddr::V4(v4))),
        IpAddr::V4(_) => None,
    };
    [Some(address), inner]
}

fn inside(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(v4(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Forms = fn(&str, &mut dyn FnMut(&str));

    fn forms(of: Forms, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        of(text, &mut |form| found.push(form.to_owned()));
        found.sort();
        found.dedup();
        found
    }

    fn has(of: Forms, form: &str, spellings: &[&str]) {
        for text in spellings {
            assert!(forms(of, text).iter().any(|found| found == form), "`{text}`: {:?}", forms(of, text));
        }
    }

    #[test]
    fn an_account_is_itself_however_it_is_written() {
        let spellings = [
            "ana",
            " ANA ",
            "CORP\\Ana",
            "corp/ana",
            "ana@corp.example",
            "ANA@CORP.EXAMPLE.",
            "Ana B <ana@corp.example>",
            "SMTP:ana@corp.example",
            "ana+news@corp.example",
            "ana_corp.example#EXT#@tenant.example",
            "CN=Ana,OU=Staff,DC=x",
            "uid = ana + cn=x , ou=y",
            "ana$",
            "ana.",
            "\u{200b}a\u{ad}na",
            "ａｎａ",
            "{ana}",
            "ANA@corp@other",
            "arn:aws:iam::1:user/ana",
        ];
        has(account, "ana", &spellings);
        has(account, "s-1-5-21-1-2-3-1104", &["S-1-5-21-1-2-3-1104", "<SID=S-1-5-21-1-2-3-1104>", "sid:s-1-5-21-1-2-3-1104"]);
        has(account, "silva, ana", &["CN=Silva\\, Ana,OU=x", "cn=silva\\2C ana,ou=x"]);
        has(account, "cn=ana,ou=x", &["CN=Ana,OU=x", "cn = ana , ou = X"]);
        has(account, "jürgen", &["JÜRGEN", "Ju\u{308}rgen", "CORP\\jürgen", "xn--jrgen-kva", "CORP\\xn--jrgen-kva"]);
        assert!(forms(account, " \u{200b} ").is_empty());
        assert!(!forms(account, "anastasia").contains(&"ana".to_owned()));
    }

    #[test]
    fn a_host_is_itself_however_it_is_written() {
        let spellings =
            ["web01", "WEB01.corp.example.", "CORP\\WEB01$", "host/web01.corp.example", "https://web01:8443/x", "CN=WEB01,OU=y"];
        has(host, "web01", &spellings);
        has(host, "192.0.2.1", &["192.0.2.1", "::ffff:192.0.2.1", "[::ffff:c000:201]:443", "http://192.0.2.1/x"]);
    }

    #[test]
    fn a_domain_is_found_in_what_holds_it() {
        for text in ["Corp.Example.", "https://u@CORP.example:8443/x", "ana@corp.example", "corp.example:53", "ｃorp.example"] {
            assert_eq!(domain(text), "corp.example", "{text}");
        }
        for text in ["xn--bcher-kva.example", "a@xn--bcher-kva.example", "https://u@XN--bcher-kva.example:1/x"] {
            assert_eq!(domain(text), "bücher.example", "{text}");
        }
        assert!(is_below("a.corp.example", "corp.example") && is_below("corp.example", "corp.example"));
        assert!(!is_below("evilcorp.example", "corp.example"));
    }

    #[test]
    fn an_address_inside_another_is_found() {
        let wanted = Addr::parse("192.0.2.1");
        for text in [
            "192.0.2.1",
            "192.0.2.1/32",
            "::ffff:192.0.2.1/128",
            "::ffff:192.0.2.1",
            "64:ff9b::192.0.2.1",
            "2002:c000:201::",
            "::192.0.2.1",
            "192.0.2.1:80",
        ] {
            assert!(addresses(text).contains(&wanted), "{text}: {:?}", addresses(text));
        }
        assert_eq!(addresses("web01"), [None, None]);
    }
}
