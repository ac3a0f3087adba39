//! Finds `key=value` and `key:"value"` pairs in a line of text, in one pass.
//!
//! Values in quotes run to the closing quote; others to the next space, or to `separator` where the
//! format names one. Text that is no pair is passed over: the whole line is kept beside the pairs.

use super::builder::Builder;

/// Lines with more pairs than this are read up to here.
const PAIRS_MAX: usize = 4096;

/// Writes every pair of `text` to `builder`; returns how many.
pub(super) fn write(text: &str, separator: Option<char>, builder: &mut Builder) -> usize {
    let mut rest = text;
    let mut found = 0;
    while found < PAIRS_MAX {
        let Some((key, after)) = next_key(rest) else { break };
        let (value, after) = value(after, separator);
        builder.pair(key, value);
        found += 1;
        rest = after;
    }
    found
}

/// The next key and what follows its sign.
fn next_key(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let sign = *byte == b'=' || (*byte == b':' && bytes.get(at + 1) == Some(&b'"'));
        if sign && at > start {
            return Some((text.get(start..at)?, text.get(at + 1..)?));
        }
        if !is_key_byte(*byte) {
            start = at + 1;
        }
    }
    None
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@' | b'$')
}

/// The value at the beginning of `text`, and what follows it.
fn value(text: &str, separator: Option<char>) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            let end = closing(inside, quote).unwrap_or(inside.len());
            return (inside.get(..end).unwrap_or(""), inside.get(end + 1..).unwrap_or(""));
        }
    }
    let end = match separator {
        Some(separator) => text.find(separator),
        None => text.find([' ', '\t', ';', '\n', '\r', ']', ',', '>']),
    };
    text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, ""))
}

/// Where the closing quote is; a quote after a backslash is not one.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let is_end = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        is_end.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use simd_json::{Node, Tape};

    fn pairs(text: &str, separator: Option<char>) -> Vec<String> {
        let mut builder = Builder::default();
        write(text, separator, &mut builder);
        let mut tape = Tape::null();
        builder.write(&mut tape);
        tape.0.iter().map(|node| if let Node::String(text) = node { (*text).to_owned() } else { String::new() }).collect()
    }

    #[test]
    fn the_usual_spellings() {
        assert_eq!(pairs(r#"a=1 b="x y" c='z' free text d=é"#, None), ["a", "1", "b", "x y", "c", "z", "d", "é"]);
        assert_eq!(pairs(r#"[action:"Accept"; ifdir:"in"]"#, None), ["action", "Accept", "ifdir", "in"]);
        assert_eq!(pairs("a=x y\tb=2", Some('\t')), ["a", "x y", "b", "2"]);
        assert_eq!(pairs("= =a b==c", None), ["b", "=c"]);
        assert_eq!(pairs(r#"a="open"#, None), ["a", "open"]);
        assert_eq!(pairs(r#"a="x\"y" b=1"#, None), ["a", r#"x\"y"#, "b", "1"]);
    }
}
