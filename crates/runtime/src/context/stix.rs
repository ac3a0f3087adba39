//! STIX 2.1 bundles: each indicator with a simple pattern is one row.
//!
//! Read are patterns that name things and nothing else: `[ipv4-addr:value = '192.0.2.1']`, several of them joined by
//! OR, networks by ISSUBSET. What combines observations is passed over and counted, because a part of such a
//! pattern proves nothing. Revoked indicators are passed over; `valid_until` ends a row.

use super::json;
use adjutant_engine::context::{Builder, Raw, short};
use serde_json::Value;
use std::borrow::Cow;

/// Adds the indicators of the bundle in `text` to `builder`.
///
/// # Errors
/// That it is no bundle.
pub(super) fn read(text: &str, builder: &mut Builder<'_>) -> Result<(), String> {
    let bundle = json::parse(text)?;
    let objects = bundle["objects"].as_array().ok_or("it is no STIX bundle: it has no `objects`")?;
    let columns = builder.columns().to_vec();
    for (object, place) in objects.iter().zip(1..) {
        let revoked = object["revoked"].as_bool().unwrap_or(false);
        if object["type"].as_str() != Some("indicator") || revoked {
            continue;
        }
        let ours = matches!(object["pattern_type"].as_str(), Some("stix") | None);
        let pattern = object["pattern"].as_str().unwrap_or("");
        match things(pattern).filter(|_| ours) {
            Some(things) => things.iter().for_each(|thing| push(object, thing, place, &columns, builder)),
            None => builder.skip(short(pattern)),
        }
    }
    Ok(())
}

/// A thing that a pattern names: the column that it belongs to, and its value.
type Thing = (&'static str, String);

fn push(object: &Value, (column, value): &Thing, place: u64, columns: &[String], builder: &mut Builder<'_>) {
    let cell = |name: &String| match name.as_str() {
        name if name == *column => Raw::Text(Cow::Borrowed(value.as_str())),
        "address" | "domain" | "url" | "file" | "mailbox" => Raw::Missing,
        "labels" => json::raw(object.get("indicator_types").or_else(|| object.get("labels"))),
        name => json::raw(object.get(name)),
    };
    builder.push(place, &columns.iter().map(cell).collect::<Vec<_>>());
}

/// The things that `pattern` names; none when it does more than name some.
fn things(pattern: &str) -> Option<Vec<Thing>> {
    let mut rest = pattern.trim();
    let mut found = Vec::new();
    loop {
        rest = rest.strip_prefix('[')?.trim_start();
        loop {
            let (thing, after) = comparison(rest)?;
            found.push(thing);
            rest = after.trim_start();
            match rest.strip_prefix("OR ") {
                Some(after) => rest = after.trim_start(),
                None => break,
            }
        }
        rest = rest.strip_prefix(']')?.trim_start();
        match rest.strip_prefix("OR ") {
            Some(after) => rest = after.trim_start(),
            None => return rest.is_empty().then_some(found),
        }
    }
}

/// Reads `path = 'value'` or `path ISSUBSET 'value'` at the start of `text`.
fn comparison(text: &str) -> Option<(Thing, &str)> {
    let end = text.find(['=', ' '])?;
    let (path, rest) = text.split_at_checked(end)?;
    let rest = rest.trim_start();
    let subset = rest.strip_prefix("ISSUBSET");
    let rest = subset.or_else(|| rest.strip_prefix('='))?.trim_start();
    let column = match path {
        "ipv4-addr:value" | "ipv6-addr:value" => "address",
        _ if subset.is_some() => return None,
        "domain-name:value" => "domain",
        "url:value" => "url",
        "email-addr:value" => "mailbox",
        _ if path.starts_with("file:hashes.") => "file",
        _ => return None,
    };
    let (value, rest) = string(rest)?;
    Some(((column, value), rest))
}

/// Reads a STIX string literal, in which `\'` and `\\` are escaped.
fn string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.strip_prefix('\'')?.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?.1),
            '\'' => return Some((value, text.get(at + 2..)?)),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_name_things_are_read() {
        let one = |column, value: &str| Some(vec![(column, value.to_owned())]);
        assert_eq!(things("[ipv4-addr:value = '192.0.2.1']"), one("address", "192.0.2.1"));
        assert_eq!(things("[ipv6-addr:value='2001:db8::1']"), one("address", "2001:db8::1"));
        assert_eq!(things("[ipv4-addr:value ISSUBSET '192.0.2.0/24']"), one("address", "192.0.2.0/24"));
        assert_eq!(things("[file:hashes.'SHA-256' = 'AB']"), one("file", "AB"));
        assert_eq!(things("[url:value = 'https://a.example/it\\'s']"), one("url", "https://a.example/it's"));
        let count = |pattern| things(pattern).map(|things| things.len());
        assert_eq!(count("[domain-name:value = 'a.example' OR domain-name:value = 'b.example']"), Some(2));
        assert_eq!(count("[domain-name:value = 'a.example'] OR [url:value = 'http://b.example/']"), Some(2));
    }

    #[test]
    fn patterns_that_do_more_are_passed_over() {
        for pattern in [
            "",
            "[",
            "[ipv4-addr:value = '192.0.2.1",
            "[ipv4-addr:value = '192.0.2.1' AND domain-name:value = 'a.example']",
            "[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [url:value = 'x']",
            "[ipv4-addr:value != '192.0.2.1']",
            "[ipv4-addr:value LIKE '192.%']",
            "[process:name = 'x']",
            "[file:name = 'x']",
            "[domain-name:value ISSUBSET 'x']",
        ] {
            assert_eq!(things(pattern), None, "{pattern}");
        }
    }
}
