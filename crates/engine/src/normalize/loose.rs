//! Reads JSON that the strict parser refuses, so that a record is not lost for one bad value.
//!
//! What it forgives, each said once in the answer: bytes that are not UTF-8 and surrogates without
//! partner (read as U+FFFD), `NaN` and `Infinity` (null), numbers beyond 64 bits (rounded, or text when
//! they fit no number), nesting beyond [`DEPTH_MAX`] (null), control characters inside strings and
//! trailing commas. What is still no JSON is an error with its position. One pass, no recursion.

use super::builder::Builder;
use simd_json::StaticNode;

/// Objects and arrays deeper than this are read as null.
pub(super) const DEPTH_MAX: usize = 256;

/// What had to be forgiven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Forgiven {
    /// A surrogate without partner.
    pub(super) surrogate: bool,
    /// `NaN` or `Infinity`.
    pub(super) not_a_number: bool,
    /// A number beyond 64 bits.
    pub(super) huge_number: bool,
    /// Nesting beyond the limit.
    pub(super) too_deep: bool,
}

/// Why a text is no JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Byte offset.
    pub(super) at: usize,
    /// What is wrong there.
    pub(super) what: &'static str,
}

/// Reads `text` into `builder`.
pub(super) fn read(text: &str, builder: &mut Builder) -> Result<Forgiven, Fault> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, builder, forgiven: Forgiven::default() };
    reader.value()?;
    while reader.builder.depth() > 0 {
        reader.next_in_open()?;
    }
    reader.space();
    match reader.peek() {
        None => Ok(reader.forgiven),
        Some(_) => Err(reader.fault("something follows the record")),
    }
}

struct Reader<'t, 'b> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    builder: &'b mut Builder,
    forgiven: Forgiven,
}

impl Reader<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fault(&self, what: &'static str) -> Fault {
        Fault { at: self.at, what }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n' | 0)) {
            self.at += 1;
        }
    }

    /// One value; of an object or array only its beginning.
    fn value(&mut self) -> Result<(), Fault> {
        self.space();
        match self.peek() {
            Some(b'{' | b'[') if self.builder.depth() >= DEPTH_MAX => self.skip(),
            Some(b'{') => {
                self.at += 1;
                self.builder.object();
                Ok(())
            }
            Some(b'[') => {
                self.at += 1;
                self.builder.array();
                Ok(())
            }
            Some(b'"') => {
                let start = self.builder.begin_text();
                self.string()?;
                self.builder.end_string(start);
                Ok(())
            }
            Some(_) => self.word(),
            None => Err(self.fault("the record ends too early")),
        }
    }

    /// The next member of the innermost open object or array, or its end.
    fn next_in_open(&mut self) -> Result<(), Fault> {
        self.space();
        while self.peek() == Some(b',') {
            self.at += 1;
            self.space();
        }
        let object = self.builder.in_object();
        match self.peek() {
            Some(b'}') if object => self.close(),
            Some(b']') if !object => self.close(),
            None => return Err(self.fault("the record ends too early")),
            Some(b'"') if object => self.member()?,
            Some(_) if object => return Err(self.fault("a key must be a string")),
            Some(_) => self.value()?,
        }
        self.separator()
    }

    /// After a complete value there must be a comma or an end; after a beginning, anything.
    fn separator(&mut self) -> Result<(), Fault> {
        self.space();
        match self.peek() {
            Some(b',' | b'}' | b']') | None => Ok(()),
            Some(_) if self.after_opening() => Ok(()),
            Some(_) => Err(self.fault("a comma is missing")),
        }
    }

    /// Whether the last thing that is no space is an opening bracket.
    fn after_opening(&self) -> bool {
        let before = self.bytes.get(..self.at).unwrap_or(&[]);
        let last = before.iter().rev().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0));
        matches!(last, Some(b'{' | b'['))
    }

    fn close(&mut self) {
        self.at += 1;
        self.builder.end();
    }

    fn member(&mut self) -> Result<(), Fault> {
        let start = self.builder.begin_text();
        self.string()?;
        self.builder.end_key(start);
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.fault("a colon is missing after a key"));
        }
        self.at += 1;
        self.value()
    }

    /// A string, with its escapes resolved, into the builder's arena.
    fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or(&[]);
            let Some(plain) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
                return Err(self.fault("a string does not end"));
            };
            let end = self.at + plain;
            self.builder.push_str(self.text.get(self.at..end).unwrap_or(""));
            self.at = end + 1;
            if self.bytes.get(end) == Some(&b'"') {
                return Ok(());
            }
            self.escape()?;
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let c = match self.peek() {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.fault("an escape is unknown")),
        };
        self.at += 1;
        self.builder.push_char(c);
        Ok(())
    }

    fn unicode(&mut self) -> Result<(), Fault> {
        let first = self.hex4().ok_or_else(|| self.fault("an escape needs four hexadecimal digits"))?;
        let code = if (0xd800..0xdc00).contains(&first) && self.bytes.get(self.at..self.at + 2) == Some(b"\\u") {
            let back = self.at;
            self.at += 2;
            match self.hex4() {
                Some(second @ 0xdc00..0xe000) => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                _ => {
                    self.at = back;
                    first
                }
            }
        } else {
            first
        };
        let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.forgiven.surrogate |= char::from_u32(code).is_none();
        self.builder.push_char(c);
        Ok(())
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    /// A number, truth value or null.
    fn word(&mut self) -> Result<(), Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let len = rest.iter().position(|byte| !in_word(byte)).unwrap_or(rest.len());
        let word = self.text.get(self.at..self.at + len).unwrap_or("");
        let value = match word {
            "true" => StaticNode::Bool(true),
            "false" => StaticNode::Bool(false),
            "null" => StaticNode::Null,
            "NaN" | "-NaN" | "Infinity" | "-Infinity" | "inf" | "-inf" | "nan" => {
                self.forgiven.not_a_number = true;
                StaticNode::Null
            }
            _ => return self.number(word),
        };
        self.at += len;
        self.builder.fixed(value);
        Ok(())
    }

    fn number(&mut self, word: &str) -> Result<(), Fault> {
        let starts_well = word.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
        let integer = word.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
        let value = if let Ok(number) = word.parse::<i64>() {
            Some(StaticNode::I64(number))
        } else if let Ok(number) = word.parse::<u64>() {
            Some(StaticNode::U64(number))
        } else {
            word.parse::<f64>().ok().filter(|number| number.is_finite()).map(StaticNode::from)
        };
        if !starts_well || (value.is_none() && word.parse::<f64>().is_err()) {
            return Err(self.fault("no value can begin like this"));
        }
        self.forgiven.huge_number |=
            integer && !matches!(value, Some(StaticNode::I64(_) | StaticNode::U64(_))) || value.is_none();
        match value {
            Some(value) => self.builder.fixed(value),
            None => self.builder.string(word),
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes over an object or array that is too deep, and reads it as null.
    fn skip(&mut self) -> Result<(), Fault> {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth = depth.saturating_sub(1),
                Some(b'"') => {
                    self.skip_string()?;
                    continue;
                }
                Some(_) => {}
                None => return Err(self.fault("the record ends too early")),
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
        self.forgiven.too_deep = true;
        self.builder.fixed(StaticNode::Null);
        Ok(())
    }

    fn skip_string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'\\') => self.at += 2,
                Some(b'"') => break,
                Some(_) => self.at += 1,
                None => return Err(self.fault("a string does not end")),
            }
        }
        self.at += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simd_json::{Node, Tape};

    fn nodes(text: &str, check: impl Fn(Result<Forgiven, Fault>, &[Node<'_>])) {
        let mut builder = Builder::default();
        let answer = read(text, &mut builder);
        let mut tape = Tape::null();
        builder.write(&mut tape);
        check(answer, &tape.0);
    }

    #[test]
    fn reads_what_the_strict_parser_reads() {
        for text in [
            r#"{"a":[1,-2,3.5,true,false,null,"x\n\u00e9\ud83d\ude00"],"b":{},"c":[],"d":[[],{"e":{"f":""}}]}"#,
            " { \"a\" : [ 1 , { } ] , \"b\" : 18446744073709551615 } ",
            "[]",
            "7",
        ] {
            let mut json = text.as_bytes().to_vec();
            let strict = simd_json::to_tape(&mut json).unwrap();
            nodes(text, |answer, nodes| {
                assert_eq!(answer, Ok(Forgiven::default()), "{text}");
                let same = |(a, b): (&Node<'_>, &Node<'_>)| match (a, b) {
                    // The strict parser reads small numbers as unsigned; the value is what counts.
                    (Node::Static(a), Node::Static(b)) => format!("{a}") == format!("{b}"),
                    (a, b) => a == b,
                };
                assert_eq!(nodes.len(), strict.0.len());
                assert!(nodes.iter().zip(&strict.0).all(same), "{nodes:?} {:?}", strict.0);
            });
        }
    }

    #[test]
    fn forgives_and_says_so() {
        nodes(r#"{"a":"x\ud800y"}"#, |answer, nodes| {
            assert!(answer.unwrap().surrogate);
            assert_eq!(nodes.get(2), Some(&Node::String("x\u{fffd}y")));
        });
        nodes(r#"{"a":NaN,"b":-Infinity,}"#, |answer, nodes| {
            assert!(answer.unwrap().not_a_number);
            assert_eq!(nodes.len(), 5);
        });
        nodes("{\"a\":123456789012345678901234567890,\"b\":1e999}", |answer, nodes| {
            assert!(answer.unwrap().huge_number);
            assert_eq!(nodes.get(4), Some(&Node::String("1e999")));
        });
        nodes("{\"a\":\"tab\there\"}", |answer, _| assert!(answer.is_ok()));
        let deep = format!("{{\"a\":{}1{},\"b\":\"kept\"}}", "[".repeat(200_000), "]".repeat(200_000));
        nodes(&deep, |answer, nodes| {
            assert!(answer.unwrap().too_deep);
            assert_eq!(nodes.last(), Some(&Node::String("kept")));
        });
    }

    #[test]
    fn refuses_with_the_place() {
        for (text, at) in [
            ("", 0),
            ("{", 1),
            ("{\"a\"", 4),
            ("{\"a\":}", 5),
            ("{\"a\":1 \"b\":2}", 7),
            ("{a:1}", 1),
            ("[1 2]", 3),
            ("{\"a\":\"x", 6),
            ("{} x", 3),
            ("{\"a\":\"\\q\"}", 7),
            ("{\"a\":--1}", 5),
            ("[}", 1),
        ] {
            nodes(text, |answer, _| assert_eq!(answer.map_err(|fault| fault.at), Err(at), "{text}"));
        }
    }
}
