//! Reads ArcSight CEF and QRadar LEEF lines.
//!
//! The header becomes the object `cef` (or `leef`); the extension's keys stand beside it. Where CEF
//! carries a value under a numbered key with a label (`cs1`, `cs1Label`), the object `custom` has the
//! value under its label as well.

use super::builder::Builder;
use super::pairs;

/// Where a CEF line begins in `line`: behind any syslog header.
pub(super) fn find(line: &str) -> Option<usize> {
    const HEADER_MAX: usize = 512;
    let head = line.get(..line.floor_char_boundary(HEADER_MAX)).unwrap_or(line);
    ["CEF:", "LEEF:"].iter().find_map(|mark| {
        let at = head.find(mark)?;
        let version = line.get(at + mark.len()..)?.trim_start();
        version.starts_with(|c: char| c.is_ascii_digit()).then_some(at)
    })
}

/// Writes the line that begins at its mark.
pub(super) fn write(line: &str, builder: &mut Builder) -> Option<()> {
    match line.strip_prefix("LEEF:") {
        Some(rest) => leef(rest, builder),
        None => cef(line.strip_prefix("CEF:")?, builder),
    }
}

fn cef(rest: &str, builder: &mut Builder) -> Option<()> {
    let mut head = Fields { rest };
    builder.key("cef");
    builder.object();
    for key in ["version", "vendor", "product", "product_version", "class_id", "name", "severity"] {
        let Some(field) = head.next() else { break };
        builder.key(key);
        unescaped(field.trim(), builder);
    }
    builder.end();
    extension(head.rest, builder);
    Some(())
}

fn leef(rest: &str, builder: &mut Builder) -> Option<()> {
    let mut head = Fields { rest };
    let version = head.next()?.trim();
    builder.key("leef");
    builder.object();
    builder.pair("version", version);
    for key in ["vendor", "product", "product_version", "event_id"] {
        let Some(field) = head.next() else { break };
        builder.key(key);
        unescaped(field.trim(), builder);
    }
    builder.end();
    let separator = if version.starts_with('2') { delimiter(&mut head) } else { '\t' };
    pairs::write(head.rest, Some(separator), builder);
    Some(())
}

/// LEEF 2.0 names the separator of its attributes: a character, or `x09`.
fn delimiter(head: &mut Fields<'_>) -> char {
    const LONGEST: usize = 8;
    let Some((field, rest)) = head.rest.split_once('|').filter(|(field, _)| field.len() <= LONGEST) else { return '\t' };
    head.rest = rest;
    let hex = field.trim_start_matches("0x").trim_start_matches(['x', 'X']);
    match u32::from_str_radix(hex, 16).ok().filter(|_| field.len() > 1).and_then(char::from_u32) {
        Some(c) => c,
        None => field.chars().next().unwrap_or('\t'),
    }
}

/// The fields of a header, split at each `|` that no backslash escapes.
struct Fields<'t> {
    rest: &'t str,
}

impl<'t> Fields<'t> {
    fn next(&mut self) -> Option<&'t str> {
        if self.rest.is_empty() {
            return None;
        }
        let mut escaped = false;
        let end = self.rest.bytes().position(|byte| {
            let is_end = byte == b'|' && !escaped;
            escaped = byte == b'\\' && !escaped;
            is_end
        });
        let (field, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len())).unwrap_or((self.rest, ""));
        self.rest = rest.strip_prefix('|').unwrap_or(rest);
        Some(field)
    }
}

/// `key=value key=value`: a value runs to the word before the next `=` that no backslash escapes.
fn extension(text: &str, builder: &mut Builder) {
    each_pair(text, |key, value| {
        builder.key(key);
        unescaped(value, builder);
    });
    if text.contains("Label=") {
        custom(text, builder);
    }
}

/// Writes every labelled value under its label.
fn custom(text: &str, builder: &mut Builder) {
    const LABELS_MAX: usize = 64;
    let mut labels: Vec<(&str, &str)> = Vec::new();
    each_pair(text, |key, value| {
        if let Some(of) = key.strip_suffix("Label").filter(|_| labels.len() < LABELS_MAX) {
            labels.push((of, value));
        }
    });
    builder.key("custom");
    builder.object();
    each_pair(text, |key, value| {
        if let Some((_, label)) = labels.iter().find(|(of, _)| *of == key) {
            builder.key(label);
            unescaped(value, builder);
        }
    });
    builder.end();
}

fn each_pair<'t>(text: &'t str, mut each: impl FnMut(&'t str, &'t str)) {
    let bytes = text.as_bytes();
    let mut pair: Option<(&str, usize)> = None;
    let mut word = 0;
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'=' if !escaped && at > word && text.get(word..at).is_some_and(is_key) => {
                if let Some((key, from)) = pair {
                    each(key, text.get(from..word).unwrap_or("").trim());
                }
                pair = text.get(word..at).map(|key| (key, at + 1));
                word = at + 1;
            }
            b' ' | b'\t' => word = at + 1,
            _ => {}
        }
        escaped = *byte == b'\\' && !escaped;
    }
    if let Some((key, from)) = pair {
        each(key, text.get(from..).unwrap_or("").trim());
    }
}

fn is_key(word: &str) -> bool {
    const KEY_MAX: usize = 128;
    word.len() <= KEY_MAX
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'[' | b']'))
}

/// Writes `text` with `\=`, `\|`, `\\`, `\n` and `\r` resolved.
fn unescaped(text: &str, builder: &mut Builder) {
    if !text.contains('\\') {
        builder.string(text);
        return;
    }
    let start = builder.begin_text();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            builder.push_char(c);
            continue;
        }
        match chars.next() {
            Some('n') => builder.push_char('\n'),
            Some('r') => builder.push_char('\r'),
            Some(c @ ('=' | '|' | '\\')) => builder.push_char(c),
            Some(c) => {
                builder.push_char('\\');
                builder.push_char(c);
            }
            None => builder.push_char('\\'),
        }
    }
    builder.end_string(start);
}

#[cfg(test)]
mod tests {
    use super::*;
    use simd_json::{Node, Tape};

    fn texts(line: &str) -> Vec<String> {
        let mut builder = Builder::default();
        builder.object();
        let at = find(line).unwrap();
        write(&line[at..], &mut builder).unwrap();
        let mut tape = Tape::null();
        builder.write(&mut tape);
        tape.0.iter().filter_map(|node| if let Node::String(text) = node { Some((*text).to_owned()) } else { None }).collect()
    }

    #[test]
    fn header_extension_and_labels() {
        let found =
            texts(r"<13>host CEF:0|Acme|Fire\|wall|1.0|100|Name \| here|7|src=192.0.2.1 msg=a b\=c cs1Label=Policy cs1=Deny all");
        let expected = [
            "cef",
            "version",
            "0",
            "vendor",
            "Acme",
            "product",
            "Fire|wall",
            "product_version",
            "1.0",
            "class_id",
            "100",
            "name",
            "Name | here",
            "severity",
            "7",
            "src",
            "192.0.2.1",
            "msg",
            "a b=c",
            "cs1Label",
            "Policy",
            "cs1",
            "Deny all",
            "custom",
            "Policy",
            "Deny all",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn leef_of_both_versions() {
        let tab = texts("LEEF:1.0|Acme|Guard|1|42|src=192.0.2.1\tusrName=ana b");
        assert_eq!(tab.get(11..), Some(&["src", "192.0.2.1", "usrName", "ana b"].map(str::to_owned)[..]));
        let caret = texts("LEEF:2.0|Acme|Guard|1|42|^|src=192.0.2.1^usrName=ana");
        assert_eq!(caret.get(11..), Some(&["src", "192.0.2.1", "usrName", "ana"].map(str::to_owned)[..]));
    }

    #[test]
    fn what_is_cut_short_still_reads() {
        assert_eq!(texts("CEF:0|Acme"), ["cef", "version", "0", "vendor", "Acme"]);
        assert_eq!(
            texts("CEF:0|a|b|c|d|e|f|x"),
            [
                "cef",
                "version",
                "0",
                "vendor",
                "a",
                "product",
                "b",
                "product_version",
                "c",
                "class_id",
                "d",
                "name",
                "e",
                "severity",
                "f"
            ]
        );
        assert_eq!(find("say CEF: and nothing else"), None);
    }
}
