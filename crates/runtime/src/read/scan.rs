//! Finds where one JSON value ends, without parsing it.
//!
//! Two ways: [`is_whole_object`] tells by its braces, at memory speed, that a line is one object;
//! [`Scanner`] walks any value exactly, over any number of lines and reads. The scanner knows just enough
//! grammar to notice that a value breaks off, so that one broken record cannot swallow those after it.
//! Neither judges numbers, words or escapes: that is the parser's work.

use memchr::{memchr, memchr_iter, memchr2_iter, memchr3};

/// What became of a walk over some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// The value ends before the byte with this offset.
    End(usize),
    /// The byte with this offset cannot be part of the value, because …
    Broken(usize, &'static str),
    /// The value goes on beyond these bytes.
    More,
}

/// Deeper nesting than this is not walked: it bounds the scanner's memory while it skips a huge value.
const DEPTH_MAX: usize = 16 << 20;

/// The token before, as far as the grammar of structure needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Before {
    #[default]
    Open,
    Comma,
    Colon,
    /// Inside a number or word, which the next byte may go on with.
    Word,
    Value,
}

/// Walks one JSON object or array; feed it the value's bytes in order, in as many pieces as they come.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// One bit for each open bracket: set for an object.
    open: Vec<u64>,
    depth: usize,
    before: Before,
    in_string: bool,
    escaped: bool,
}

impl Scanner {
    /// Walks on over `bytes`, which follow those fed before. The first byte of all must open the value.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Scan {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.in_string {
                match self.string(bytes, at) {
                    Ok(next) => at = next,
                    Err(broken) => return broken,
                }
                continue;
            }
            if let Err(why) = self.token(byte) {
                return Scan::Broken(at, why);
            }
            at += 1;
            if self.depth == 0 {
                return Scan::End(at);
            }
        }
        Scan::More
    }

    /// Forgets everything, keeping the memory.
    pub(super) fn restart(&mut self) {
        self.open.clear();
        *self = Self { open: std::mem::take(&mut self.open), ..Self::default() };
    }

    /// The same, to go on inside an object behind one of its values.
    pub(super) fn restart_inside_object(&mut self) {
        self.restart();
        self.open.push(1);
        (self.depth, self.before) = (1, Before::Value);
    }

    /// Walks on inside a string from `at`; returns where to go on.
    fn string(&mut self, bytes: &[u8], mut at: usize) -> Result<usize, Scan> {
        const UNCLOSED: &str = "a text is not closed on its line";
        while let Some(&next) = bytes.get(at) {
            if self.escaped {
                self.escaped = false;
                if next == b'\n' {
                    return Err(Scan::Broken(at, UNCLOSED));
                }
                at += 1;
                continue;
            }
            let Some(len) = memchr3(b'"', b'\\', b'\n', &bytes[at..]) else { return Ok(bytes.len()) };
            at += len;
            match bytes[at] {
                b'"' => {
                    self.in_string = false;
                    self.before = Before::Value;
                    return Ok(at + 1);
                }
                b'\\' => self.escaped = true,
                _ => return Err(Scan::Broken(at, UNCLOSED)),
            }
            at += 1;
        }
        Ok(at)
    }

    fn token(&mut self, byte: u8) -> Result<(), &'static str> {
        match byte {
            b'"' if self.may_begin() || self.may_be_key() => self.in_string = true,
            b'{' | b'[' => self.open(byte == b'{')?,
            b'}' | b']' => self.close(byte == b'}')?,
            b',' => self.before = Before::Comma,
            b':' => self.before = Before::Colon,
            b' ' | b'\t' | b'\r' | b'\n' if self.before == Before::Word => self.before = Before::Value,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'+' | b'.' if self.before == Before::Word || self.may_begin() => {
                self.before = Before::Word;
            }
            _ => return Err("something begins where no value can"),
        }
        Ok(())
    }

    /// Whether a value may begin here.
    fn may_begin(&self) -> bool {
        match (self.depth, self.inside_object()) {
            (0, _) => true,
            (_, true) => self.before == Before::Colon,
            (_, false) => matches!(self.before, Before::Open | Before::Comma),
        }
    }

    fn may_be_key(&self) -> bool {
        self.inside_object() && matches!(self.before, Before::Open | Before::Comma)
    }

    fn open(&mut self, object: bool) -> Result<(), &'static str> {
        if !self.may_begin() {
            return Err("a value begins where none can");
        }
        if self.depth >= DEPTH_MAX {
            return Err("brackets are nested too deeply");
        }
        let (word, bit) = (self.depth / 64, 1 << (self.depth % 64));
        if word == self.open.len() {
            self.open.push(0);
        }
        if object {
            self.open[word] |= bit;
        } else {
            self.open[word] &= !bit;
        }
        self.depth += 1;
        self.before = Before::Open;
        Ok(())
    }

    fn close(&mut self, object: bool) -> Result<(), &'static str> {
        if self.inside_object() != object {
            return Err("a bracket closes one of the other kind");
        }
        self.depth -= 1;
        self.before = Before::Value;
        Ok(())
    }

    fn inside_object(&self) -> bool {
        self.depth > 0 && self.open[(self.depth - 1) / 64] & (1 << ((self.depth - 1) % 64)) != 0
    }
}

/// Whether `line`, which begins with `{` and ends with `}`, is one object by its braces.
///
/// They are counted first wherever they stand; where one may stand in a text, quotes tell whether it does.
pub(super) fn is_whole_object(line: &[u8]) -> bool {
    closes_at_the_end(line) || closes_outside_texts_at_the_end(line)
}

/// Counts all braces: they must balance at the end and not before, and no `}` may stand before anything but `,`, `]` or
/// `}`, as it does in a text or between objects in a row.
fn closes_at_the_end(line: &[u8]) -> bool {
    let mut depth = 0_usize;
    for at in memchr2_iter(b'{', b'}', line) {
        if line[at] == b'{' {
            depth += 1;
            continue;
        }
        match (depth, line.get(at + 1)) {
            (1, None) => return true,
            (2.., Some(b',' | b']' | b'}')) => depth -= 1,
            _ => return false,
        }
    }
    false
}

/// Counts the braces outside texts; a brace is in a text when an odd number of quotes stands before it.
fn closes_outside_texts_at_the_end(line: &[u8]) -> bool {
    let (mut depth, mut in_text, mut from) = (0_usize, false, 0);
    for at in memchr2_iter(b'{', b'}', line) {
        in_text ^= quotes(line, from, at) % 2 == 1;
        from = at;
        match line[at] {
            _ if in_text => {}
            b'{' => depth += 1,
            _ if depth <= 1 => return depth == 1 && at + 1 == line.len(),
            _ => depth -= 1,
        }
    }
    false
}

/// How many quotes that are not escaped stand between two places of `line`.
fn quotes(line: &[u8], from: usize, to: usize) -> usize {
    let between = &line[from..to];
    if memchr(b'\\', between).is_some() {
        return memchr_iter(b'"', between).filter(|at| !is_escaped(line, from + at)).count();
    }
    // Sums of single bytes, so that many are compared at once.
    let few = between.chunks(usize::from(u8::MAX));
    few.map(|few| usize::from(few.iter().map(|byte| u8::from(*byte == b'"')).sum::<u8>())).sum()
}

/// Whether an odd number of backslashes stands before `at`.
fn is_escaped(line: &[u8], at: usize) -> bool {
    line[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Scan {
        Scanner::default().feed(text.as_bytes())
    }

    #[test]
    fn a_value_ends_where_its_bracket_closes() {
        assert_eq!(scan("{}"), Scan::End(2));
        assert_eq!(scan(r#"{"a":[1,{"b":"}]\"{"}]} {"#), Scan::End(23));
        assert_eq!(scan("{\n  \"a\": {\n  }\n}\n"), Scan::End(16));
        assert_eq!(scan(r#"{"a": {"#), Scan::More);
    }

    #[test]
    fn what_breaks_off_is_noticed() {
        for (text, at) in [
            ("{\"a\": {\"b\": 1}\n{\"c\": 2}", 15),
            ("{\"a\": 1,\n{\"c\": 2}", 9),
            ("{\"a\": \"x\n{\"c\": 2}", 8),
            ("{\"a\": [1}", 8),
            ("{\"a\" \"b\"}", 5),
        ] {
            assert!(matches!(scan(text), Scan::Broken(found, _) if found == at), "{text}: {:?}", scan(text));
        }
    }

    #[test]
    fn it_walks_alike_in_pieces() {
        let text = br#"{"a":[1,{"b":"}]\"{\\"}],"c":[[],[{}]]}"#;
        for size in 1..text.len() {
            let mut scanner = Scanner::default();
            let mut fed = 0;
            let end = text.chunks(size).find_map(|piece| match scanner.feed(piece) {
                Scan::End(at) => Some(fed + at),
                other => {
                    assert_eq!(other, Scan::More);
                    fed += piece.len();
                    None
                }
            });
            assert_eq!(end, Some(text.len()), "in pieces of {size}");
        }
    }

    #[test]
    fn whole_lines_are_told_by_their_braces() {
        let long = format!("{{\"a\":[{}0],\"b\":{{\"c\":[]}}}}", "[1],".repeat(200));
        for text in [
            "{}",
            r#"{"a":1}"#,
            r#"{"a":{"b":[{},{}]},"c":2}"#,
            r#"{"a":"}"}"#,
            r#"{"a":"\"}{","b":"{\"c\":\"\\\\\"}"}"#,
            r#"{"a":"x} {y"}"#,
            &long,
        ] {
            assert!(is_whole_object(text.as_bytes()), "{text}");
        }
        let two = format!("{long},{long}");
        for text in [
            &two,
            "{",
            r#"{"a":1}{"b":2}"#,
            r#"{"a":1} {"b":2}"#,
            r#"{"a":1},{"b":2}"#,
            r#"{"a":{"b":1}"#,
            r#"{"a":{"b":"}"}"#,
            r#"{"a":{"b":"{"}"#,
            r#"{"a":"{"},{"b":"}"}"#,
            r#"{"a":"{ x"}{"a":"x }"}"#,
            r#"{"a":"}"},{"b":"{"}"#,
            r#"{"a":1}}"#,
        ] {
            assert!(!is_whole_object(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn two_hundred_thousand_brackets_are_just_deep() {
        let text = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(scan(&text), Scan::End(text.len()));
    }
}
