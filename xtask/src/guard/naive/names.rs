//! Under how many names one thing goes, a second time.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const GROUP_SIDS: [(&str, &str); 13] = [
    ("544", "administrators"),
    ("548", "account operators"),
    ("549", "server operators"),
    ("551", "backup operators"),
    ("-498", "read-only domain controllers"),
    ("-521", "read-only domain controllers"),
    ("-512", "domain admins"),
    ("-516", "domain controllers"),
    ("-518", "schema admins"),
    ("-519", "enterprise admins"),
    ("-520", "group policy creator owners"),
    ("-500", "administrator"),
    ("-502", "krbtgt"),
];

pub fn clean(text: &str) -> String {
    let unseen = |c: &char| {
        let n = *c as u32;
        let ranges = [(0x200b, 0x200f), (0x202a, 0x202e), (0x2060, 0x206f), (0xfe00, 0xfe0f)];
        c.is_control() || [0xad, 0x61c, 0x180e, 0xfeff].contains(&n) || ranges.iter().any(|(a, b)| (*a..=*b).contains(&n))
    };
    let lower = text.chars().filter(|c| !unseen(c)).take(1024).collect::<String>().trim().to_lowercase();
    match idna::domain_to_unicode(&lower) {
        (mapped, Ok(())) if !lower.is_ascii() || lower.contains("xn--") => mapped.trim().into(),
        _ => lower,
    }
}

pub fn strip(text: &str) -> String {
    let inner = text.trim().trim_matches(|c| "{}\"'<>".contains(c));
    inner.trim_end_matches(['.', '$']).trim().into()
}

/// The parts of a distinguished name, or nothing when it is none.
fn distinguished(text: &str) -> Option<Vec<String>> {
    let name = text[..text.find('=')?].trim();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-') {
        return None;
    }
    let tidy = |part: &String| {
        part.find('=').map_or(part.trim().into(), |at| format!("{}={}", part[..at].trim(), part[at + 1..].trim()))
    };
    Some(cut(text, ',').iter().map(tidy).collect())
}

fn cut(text: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let last = parts.len() - 1;
        match c {
            '\\' => parts[last].extend([Some('\\'), chars.next()].into_iter().flatten()),
            c if c == at => parts.push(String::new()),
            c => parts[last].push(c),
        }
    }
    parts
}

fn values(first: &str) -> Vec<String> {
    let plain = |value: &str| {
        let (mut out, chars) = (String::new(), value.chars().collect::<Vec<_>>());
        let mut at = 0;
        while at < chars.len() {
            let hex: String = chars.iter().skip(at + 1).take(2).collect();
            let byte = u8::from_str_radix(&hex, 16).ok().filter(|byte| hex.len() == 2 && byte.is_ascii());
            match (chars[at], byte) {
                ('\\', Some(byte)) => (out.push(byte.into()), at += 3).0,
                ('\\', None) => (out.extend(chars.get(at + 1)), at += 2).0,
                (c, _) => (out.push(c), at += 1).0,
            }
        }
        strip(&out)
    };
    cut(first, '+').iter().filter_map(|part| part.find('=').map(|at| plain(&part[at + 1..]))).collect()
}

pub fn account(text: &str) -> BTreeSet<String> {
    let whole = clean(text);
    let mut bases = vec![whole.clone()];
    bases.extend(whole.rfind('<').map(|at| whole[at + 1..].split('>').next().unwrap_or("").to_owned()));
    let schemes = ["smtp:", "sip:", "mailto:", "x500:", "eum:", "sid:", "upn:"];
    bases.extend(schemes.iter().filter(|scheme| whole.starts_with(**scheme)).map(|scheme| whole[scheme.len()..].to_owned()));
    let (mut forms, mut names) = (Vec::new(), Vec::new());
    for base in bases.iter().map(|base| strip(base)) {
        match distinguished(&base) {
            Some(parts) => (forms.push(parts.join(",")), names.extend(values(&parts[0]))).0,
            None => names.extend([base.rsplit(['\\', '/']).next().unwrap_or("").to_owned(), base.clone()]),
        }
    }
    forms.extend(names.iter().flat_map(|name| locals(name)));
    kept(forms)
}

fn kept(forms: Vec<String>) -> BTreeSet<String> {
    let behind = forms.iter().filter(|form| form.contains("xn--")).map(|form| clean(&strip(form))).collect::<Vec<_>>();
    forms.iter().chain(&behind).map(|form| strip(form)).filter(|form| !form.is_empty()).collect()
}

/// A name, and what stands before its `@`.
fn locals(name: &str) -> Vec<String> {
    let mut forms = vec![name.to_owned()];
    {
        for at in [name.find('@'), name.rfind('@')].into_iter().flatten() {
            let local = name[..at].to_owned();
            if let Some(home) = local.find("#ext#").map(|at| &local[..at]) {
                forms.extend([home.to_owned(), home[..home.rfind('_').unwrap_or(home.len())].to_owned()]);
            }
            forms.extend(local.find('+').map(|at| local[..at].to_owned()));
            forms.push(local);
        }
    }
    forms
}

fn authority(text: &str) -> String {
    let Some(at) = text.find("://") else { return text.into() };
    let rest = text[at + 3..].split(|c| "/?#".contains(c)).next().unwrap_or("");
    rest[rest.rfind('@').map_or(0, |at| at + 1)..].into()
}

fn portless(text: &str) -> String {
    let digits = text.rfind(':').filter(|at| text.len() > at + 1 && text[at + 1..].bytes().all(|byte| byte.is_ascii_digit()));
    strip(&text[..digits.unwrap_or(text.len())])
}

pub fn host(text: &str) -> BTreeSet<String> {
    let whole = strip(&clean(text));
    let mut forms = vec![];
    let names = match distinguished(&whole) {
        Some(parts) => kept(values(&parts[0]).iter().flat_map(|value| locals(value)).chain([parts.join(",")]).collect())
            .into_iter()
            .collect(),
        None => (forms.push(whole.clone()), vec![whole]).1,
    };
    for name in names {
        let name = strip(authority(&name).rsplit(['\\', '/']).next().unwrap_or(""));
        match adjutant_model::Addr::parse(&name) {
            Some(address) => forms.push(address.to_string()),
            None => forms.extend([portless(&name), strip(portless(&name).split('.').next().unwrap_or(""))]),
        }
    }
    kept(forms)
}

pub fn domain(text: &str) -> String {
    let name = authority(&strip(&clean(text)));
    let name: String = portless(&name[name.rfind('@').map_or(0, |at| at + 1)..]).trim_matches('.').into();
    if name.contains("xn--") { clean(&name) } else { name }
}

pub fn addresses(text: &str) -> Vec<IpAddr> {
    let name = authority(&strip(&clean(text)));
    let whole = if name.contains(':') { "/128" } else { "/32" };
    let Some(address) = adjutant_model::Addr::parse(name.strip_suffix(whole).unwrap_or(&name)) else { return vec![] };
    let inner = |v6: Ipv6Addr| {
        let bytes = v6.octets();
        let v4 = |from: usize| Some(IpAddr::V4(Ipv4Addr::new(bytes[from], bytes[from + 1], bytes[from + 2], bytes[from + 3])));
        let nat64 = bytes[..4] == [0, 0x64, 0xff, 0x9b] && bytes[4..12].iter().all(|byte| *byte == 0);
        let compatible = bytes[..12].iter().all(|byte| *byte == 0) && bytes[12..14] != [0, 0];
        if nat64 || compatible { v4(12) } else { v4(2).filter(|_| bytes[..2] == [0x20, 2]) }
    };
    let IpAddr::V6(v6) = address.ip() else { return vec![address.ip()] };
    [Some(address.ip()), inner(v6)].into_iter().flatten().collect()
}

pub fn inside(net: &str, address: IpAddr) -> bool {
    let wide = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    };
    let (ip, length) = net.split_once('/').unwrap_or((net, "128"));
    let ip: IpAddr = ip.parse().expect("the book's networks are networks");
    let all = if net.contains('/') && ip.is_ipv4() { 96 } else { 0 };
    let length = all + length.parse::<u32>().expect("a length");
    wide(ip).checked_shr(128 - length).unwrap_or(0) == wide(address).checked_shr(128 - length).unwrap_or(0)
}

pub fn below(inner: &str, outer: &str) -> bool {
    !outer.is_empty() && (inner == outer || inner.ends_with(&format!(".{outer}")))
}

pub fn group_sid(name: &str) -> Option<&'static str> {
    let name = clean(name);
    let sid = name[name.find("s-1-5-")?..].trim_end_matches(|c: char| !c.is_ascii_digit());
    if let Some(alias) = sid.strip_prefix("s-1-5-32-") {
        return GROUP_SIDS.iter().take(4).find(|(known, _)| *known == alias).map(|(_, name)| *name);
    }
    let relative = sid.strip_prefix("s-1-5-21-").filter(|rest| rest.rfind('-').is_some_and(|at| at > 0))?;
    let end = &relative[relative.rfind('-').unwrap_or(0)..];
    GROUP_SIDS.iter().skip(4).find(|(known, _)| *known == end).map(|(_, name)| *name)
}
