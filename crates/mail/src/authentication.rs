//! What servers wrote about SPF, DKIM and DMARC, each with who wrote it.
//!
//! A sender can write such a header too. So every result carries the name of its server (RFC 8601's authserv-id), the
//! hops above it and whether it is that server's topmost; which servers are believed is the book's to say.

use crate::limits::RESULTS_MAX;
use crate::message::Headers;
use serde::Serialize;

/// What one server wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Results {
    /// Its authserv-id; where it gives none, the host that received the message right below.
    pub server: String,
    /// The hosts that received the message after it did, from the top; empty names where a hop does not say.
    pub above: Vec<String>,
    /// Whether no result of the same server stands above.
    pub first: bool,
    /// SPF: `pass`, `fail`, `softfail`, `neutral`, `none`, `temperror`, `permerror`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spf: Option<String>,
    /// DKIM: the best of the signatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dkim: Option<String>,
    /// DMARC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dmarc: Option<String>,
    /// Domains that signed, as this server checked them.
    pub signed_by: Vec<String>,
}

/// Reads all results, from the top.
pub(crate) fn results(headers: &Headers) -> Vec<Results> {
    let mut all: Vec<Results> = Vec::new();
    let mut above = Vec::new();
    for (at, (name, value)) in headers.raw.iter().enumerate() {
        if all.len() >= RESULTS_MAX {
            break;
        }
        if name.eq_ignore_ascii_case("received") {
            above.push(received_by(value).unwrap_or_default());
        } else if name.eq_ignore_ascii_case("authentication-results") {
            let below = headers.raw.iter().skip(at).find(|(name, _)| name.eq_ignore_ascii_case("received"));
            let mut results = read(value, below.and_then(|(_, value)| received_by(value)).unwrap_or_default());
            results.first = !all.iter().any(|known| known.server == results.server);
            results.above.clone_from(&above);
            results.above.truncate(RESULTS_MAX);
            all.push(results);
        }
    }
    all
}

/// The host that wrote a `Received` header.
pub(crate) fn received_by(value: &str) -> Option<String> {
    let words: Vec<&str> = value.split(';').next()?.split_whitespace().collect();
    let by = words.iter().position(|word| *word == "by")?;
    words.get(by + 1).map(|host| host.trim_end_matches('.').to_lowercase())
}

/// Reads one header field; `below` is its server where it names none.
pub(crate) fn read(value: &str, below: String) -> Results {
    let plain = without_comments(value);
    let mut parts = plain.split(';').map(str::trim);
    let mut results = Results { server: below, ..Results::default() };
    let first = parts.next().unwrap_or("");
    if first.contains('=') {
        method(first, &mut results);
    } else {
        results.server = first.split_whitespace().next().unwrap_or("").to_lowercase();
    }
    parts.for_each(|part| method(part, &mut results));
    results
}

fn method(part: &str, results: &mut Results) {
    let mut words = part.split_whitespace();
    let Some((method, result)) = words.next().and_then(|word| word.split_once('=')) else { return };
    let method = method.split('/').next().unwrap_or("").to_ascii_lowercase();
    let result = result.to_ascii_lowercase();
    let keep = |known: &mut Option<String>| {
        // Of several signatures one that holds is enough.
        if known.is_none() || result == "pass" {
            *known = Some(result.clone());
        }
    };
    match method.as_str() {
        "spf" => keep(&mut results.spf),
        "dkim" => {
            keep(&mut results.dkim);
            let domain = words.find_map(|word| word.strip_prefix("header.d=").or_else(|| word.strip_prefix("header.i=@")));
            if let Some(domain) = domain.filter(|domain| *domain != "none" && result == "pass") {
                results.signed_by.push(domain.trim_start_matches('@').to_lowercase());
            }
        }
        "dmarc" => keep(&mut results.dmarc),
        _ => {}
    }
}

/// `value` without what stands in round brackets, which may be nested.
fn without_comments(value: &str) -> String {
    let mut depth = 0_usize;
    let keep = |c: char| {
        match c {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                return None;
            }
            _ => {}
        }
        (depth == 0).then_some(c)
    };
    value.chars().filter_map(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(raw: &[(&str, &str)]) -> Headers {
        Headers { raw: raw.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(), ..Headers::default() }
    }

    #[test]
    fn who_wrote_it_is_told() {
        let found = results(&headers(&[
            ("Received", "from a by mx.corp.example; Mon"),
            (
                "Authentication-Results",
                "mx.corp.example; spf=fail (why; not) smtp.mailfrom=x; dkim=pass header.d=A.example; dkim=fail; dmarc=fail",
            ),
            ("Received", "from evil by other.example; Mon"),
            ("Authentication-Results", "mx.corp.example; dmarc=pass"),
            ("Authentication-Results", "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=x; dmarc=none"),
            ("Received", "from client by unnamed.example; Mon"),
        ]));
        let [own, forged, unnamed] = found.as_slice() else { panic!("{found:?}") };
        assert!(own.first && own.above == ["mx.corp.example"] && own.signed_by == ["a.example"]);
        assert_eq!((own.spf.as_deref(), own.dkim.as_deref(), own.dmarc.as_deref()), (Some("fail"), Some("pass"), Some("fail")));
        assert!(!forged.first && forged.dmarc.as_deref() == Some("pass"));
        assert!(unnamed.server == "unnamed.example" && unnamed.above.len() == 2);
    }
}
