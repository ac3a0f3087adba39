//! Names with macros in them (RFC 7208, 7).

use super::Client;
use std::net::IpAddr;

/// Longest name; a longer one loses labels from the left (RFC 7208, 7.3).
const NAME_BYTES_MAX: usize = 253;

/// `text` with its macros put in, for `domain`; none when a macro is faulty.
pub(super) fn expand(text: &str, client: &Client<'_>, domain: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let (piece, left) = one(after, client, domain)?;
        out.push_str(&piece);
        rest = left;
    }
    out.push_str(rest);
    let mut name = out.strip_suffix('.').unwrap_or(&out);
    while name.len() > NAME_BYTES_MAX {
        name = name.split_once('.')?.1;
    }
    Some(name.to_owned())
}

/// What stands for the macro that `text` begins with, behind its `%`, and the rest.
fn one<'t>(text: &'t str, client: &Client<'_>, domain: &str) -> Option<(String, &'t str)> {
    match text.as_bytes().first()? {
        b'%' => Some(("%".into(), text.get(1..)?)),
        b'_' => Some((" ".into(), text.get(1..)?)),
        b'-' => Some(("%20".into(), text.get(1..)?)),
        b'{' => {
            let (inside, rest) = text.get(1..)?.split_once('}')?;
            Some((value(inside, client, domain)?, rest))
        }
        _ => None,
    }
}

/// `letter`, how many labels, `r` for turned around, and what parts them.
fn value(inside: &str, client: &Client<'_>, domain: &str) -> Option<String> {
    let letter = inside.chars().next()?;
    let whole = match letter.to_ascii_lowercase() {
        's' => client.sender.to_owned(),
        'l' => client.sender.rsplit_once('@')?.0.to_owned(),
        'o' => client.sender.rsplit_once('@')?.1.to_owned(),
        'd' => domain.to_owned(),
        'i' => dotted(client.address),
        // Whose name it is costs look-ups, and the standard advises against asking; this is what it says then.
        'p' => "unknown".to_owned(),
        'v' => if client.address.is_ipv4() { "in-addr" } else { "ip6" }.to_owned(),
        'h' => client.helo.to_owned(),
        _ => return None,
    };
    let rest = inside.get(letter.len_utf8()..)?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (count, rest) = rest.split_at_checked(digits)?;
    let (turned, parting) = match rest.strip_prefix(['r', 'R']) {
        Some(parting) => (true, parting),
        None => (false, rest),
    };
    if !parting.chars().all(|c| ".-+,/_=".contains(c)) {
        return None;
    }
    let count = if count.is_empty() { usize::MAX } else { count.parse().ok().filter(|count| *count > 0)? };
    let parting = if parting.is_empty() { "." } else { parting };
    let mut labels: Vec<&str> = whole.split(|c| parting.contains(c)).collect();
    if turned {
        labels.reverse();
    }
    let kept = labels.get(labels.len().saturating_sub(count)..)?.join(".");
    Some(if letter.is_ascii_uppercase() { escaped(&kept) } else { kept })
}

/// An address as labels; of IPv6 each digit is one.
pub(super) fn dotted(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let digits = v6.octets().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
            digits.map(|digit| format!("{digit:x}")).collect::<Vec<_>>().join(".")
        }
    }
}

fn escaped(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7208, 7.4.
    #[test]
    fn as_the_standard_shows() {
        let domain = "email.example.com";
        let mut client =
            Client { address: "192.0.2.3".parse().unwrap(), sender: "strong-bad@email.example.com", helo: "mx.example.org" };
        let same = |client: &Client<'_>, text: &str, wanted: &str| {
            assert_eq!(expand(text, client, domain).as_deref(), Some(wanted), "{text}")
        };
        for (text, wanted) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
            ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
            ("%%%_%-%{S}", "% %20strong-bad%40email.example.com"),
        ] {
            same(&client, text, wanted);
        }
        client.address = "2001:db8::cb01".parse().unwrap();
        let wanted = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com";
        same(&client, "%{ir}.%{v}._spf.%{d2}", wanted);
        for fault in ["%", "%x", "%{", "%{}", "%{x}", "%{c}", "%{d0}", "%{d2x}", "%{d"] {
            assert_eq!(expand(fault, &client, domain), None, "{fault}");
        }
        assert_eq!(expand(&format!("{}.example", "a.".repeat(200)), &client, domain).map(|name| name.len() <= 253), Some(true));
    }
}
