//! Policies as they are written (RFC 7208, 4.6.1 and 12). One fault anywhere, and all of it is void.

use super::super::Word;
use crate::limits::SPF_TERMS_MAX;
use std::net::IpAddr;

/// A policy.
#[derive(Debug, Default)]
pub(super) struct Record<'r> {
    pub(super) directives: Vec<(Word, Mechanism<'r>)>,
    pub(super) redirect: Option<&'r str>,
}

/// Which clients a directive is about. Names may hold macros; none is the domain itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mechanism<'r> {
    All,
    Include(&'r str),
    A(Option<&'r str>, Bits),
    Mx(Option<&'r str>, Bits),
    Ptr(Option<&'r str>),
    Ip(IpAddr, u8),
    Exists(&'r str),
}

/// How many leading bits of an address count, of IPv4 and IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits(pub(super) u8, pub(super) u8);

/// Whether a text is a policy of this version at all.
pub(super) fn is_record(text: &str) -> bool {
    let version = text.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("v=spf1"));
    version && matches!(text.as_bytes().get(6), None | Some(b' '))
}

/// Reads a policy; none when it has a fault.
pub(super) fn read(text: &str) -> Option<Record<'_>> {
    let mut record = Record::default();
    let mut explained = false;
    for (number, term) in text.split(' ').skip(1).filter(|term| !term.is_empty()).enumerate() {
        if number >= SPF_TERMS_MAX {
            return None;
        }
        match modifier(term) {
            Some((name, target)) if name.eq_ignore_ascii_case("redirect") => {
                if record.redirect.replace(spec(target)?).is_some() {
                    return None;
                }
            }
            Some((name, _)) if name.eq_ignore_ascii_case("exp") => {
                if std::mem::replace(&mut explained, true) {
                    return None;
                }
            }
            Some(_) => {}
            None => record.directives.push(directive(term)?),
        }
    }
    Some(record)
}

/// `name=value`, where what stands before the `=` can be a name.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    is_name.then_some((name, value))
}

fn directive(term: &str) -> Option<(Word, Mechanism<'_>)> {
    let (word, rest) = match term.as_bytes().first()? {
        b'+' => (Word::Pass, term.get(1..)?),
        b'-' => (Word::Fail, term.get(1..)?),
        b'~' => (Word::Softfail, term.get(1..)?),
        b'?' => (Word::Neutral, term.get(1..)?),
        _ => (Word::Pass, term),
    };
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, argument) = rest.split_at_checked(end)?;
    let target = argument.strip_prefix(':');
    let mechanism = match (name.to_ascii_lowercase().as_str(), target) {
        ("all", None) if argument.is_empty() => Mechanism::All,
        ("include", Some(target)) => Mechanism::Include(spec(target)?),
        ("exists", Some(target)) => Mechanism::Exists(spec(target)?),
        ("a", _) => host(argument).map(|(target, bits)| Mechanism::A(target, bits))?,
        ("mx", _) => host(argument).map(|(target, bits)| Mechanism::Mx(target, bits))?,
        ("ptr", Some(target)) => Mechanism::Ptr(Some(spec(target)?)),
        ("ptr", None) if argument.is_empty() => Mechanism::Ptr(None),
        ("ip4", Some(target)) => network(target, false)?,
        ("ip6", Some(target)) => network(target, true)?,
        _ => return None,
    };
    Some((word, mechanism))
}

/// `:name/bits//bits`, each part of it or none.
fn host(argument: &str) -> Option<(Option<&str>, Bits)> {
    let (rest, six) = match argument.rsplit_once("//") {
        Some((rest, bits)) => (rest, number(bits, 128)?),
        None => (argument, 128),
    };
    // A name may hold a `/` between braces, as the delimiter of a macro.
    let slash = rest.rfind('/').filter(|at| !rest.get(*at..).unwrap_or("").contains('}'));
    let (name, four) = match slash {
        Some(at) => (rest.get(..at)?, number(rest.get(at + 1..)?, 32)?),
        None => (rest, 32),
    };
    match name.strip_prefix(':') {
        Some(name) => Some((Some(spec(name)?), Bits(four, six))),
        None => name.is_empty().then_some((None, Bits(four, six))),
    }
}

fn number(text: &str, max: u8) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    text.parse().ok().filter(|bits| plain && *bits <= max)
}

fn network(text: &str, six: bool) -> Option<Mechanism<'static>> {
    let max = if six { 128 } else { 32 };
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, number(bits, max)?),
        None => (text, max),
    };
    let address: IpAddr = address.parse().ok()?;
    (address.is_ipv6() == six).then_some(Mechanism::Ip(address, bits))
}

/// A name with macros: it ends in a macro or in a label that can be a top-level domain's.
fn spec(text: &str) -> Option<&str> {
    let plain = text.strip_suffix('.').unwrap_or(text);
    let label = plain.rsplit_once('.').map_or("", |(_, label)| label);
    let is_top = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && label.bytes().any(|byte| !byte.is_ascii_digit())
        && !label.starts_with('-')
        && !label.ends_with('-');
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && (text.ends_with('}') || is_top)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read() {
        let text = "v=spf1  +mx a:x.example/24//64 -ip4:192.0.2.0/24 ?ip6:2001:db8::/32 ~exists:%{ir}.%{v}._spf.x.example \
                    include:y.example ptr redirect=_spf.%{d} unknown=thing all";
        let record = read(text).unwrap();
        assert_eq!(record.redirect, Some("_spf.%{d}"));
        let words: Vec<Word> = record.directives.iter().map(|(word, _)| *word).collect();
        use Word::{Fail, Neutral, Pass, Softfail};
        assert_eq!(words, [Pass, Pass, Fail, Neutral, Softfail, Pass, Pass, Pass]);
        let at = |number: usize| &record.directives[number].1;
        assert_eq!(at(0), &Mechanism::Mx(None, Bits(32, 128)));
        assert_eq!(at(1), &Mechanism::A(Some("x.example"), Bits(24, 64)));
        assert_eq!(at(3), &Mechanism::Ip("2001:db8::".parse().unwrap(), 32));
        assert!(is_record("V=SPF1") && is_record("v=spf1 -all") && !is_record("v=spf10 -all") && !is_record("v=spf"));
    }

    #[test]
    fn one_fault_voids_all() {
        for fault in [
            "all:x.example",
            "all/8",
            "a:",
            "a:x",
            "a/33",
            "a//129",
            "a/01",
            "ip4:192.0.2",
            "ip4:2001:db8::1",
            "ip6:192.0.2.1",
            "include",
            "include:",
            "exists",
            "ptr/8",
            "nothing",
            "moo:x.example",
            "redirect=",
            "redirect=a.example redirect=b.example",
            "exp=a.example exp=b.example",
            "=x",
            "a:x.123",
            "a:x.exämple",
        ] {
            assert!(read(&format!("v=spf1 {fault} -all")).is_none(), "{fault}");
        }
        assert!(read(&format!("v=spf1 {}", "ip4:192.0.2.1 ".repeat(SPF_TERMS_MAX + 1))).is_none());
    }
}
