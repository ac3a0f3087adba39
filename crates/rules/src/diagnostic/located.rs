//! Values of a YAML file that know their place in it.
//!
//! A text's characters are not always where its place says: quotes, escapes, indentation and folded lines lie
//! between. [`Located::span_of`] walks the source and the text side by side and finds them again.

use super::{Diagnostic, Span};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use std::ops::Deref;

/// A value with its place in the file.
#[derive(Clone, Debug, Default)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its bytes in the file.
    pub span: Span,
}

impl<T> Located<T> {
    /// `value` at `span`.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

impl<T> Deref for Located<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = serde_saphyr::Spanned::<T>::deserialize(deserializer)?;
        Ok(Self { value: found.value, span: place(found.referenced) })
    }
}

impl<T: AsRef<str>> Located<T> {
    /// Where the bytes `inner` of this text are in `source`, the file that it was read from.
    ///
    /// Falls back to the whole text's place where source and text cannot be matched.
    pub fn span_of(&self, inner: Span, source: &str) -> Span {
        let text = self.value.as_ref();
        let start = text.floor_char_boundary(inner.start.min(text.len()));
        let end = text.ceil_char_boundary(inner.end.clamp(start, text.len()));
        let scalar = Scalar::at(source, self.span.start);
        let found = scalar.and_then(|scalar| scalar.places(text, start, end));
        found.unwrap_or(self.span)
    }
}

/// Reads `source`, the text of `file`, as YAML.
///
/// # Errors
/// What is wrong with it, at its place.
pub fn read_yaml<T: DeserializeOwned>(file: &str, source: &str) -> Result<T, Box<Diagnostic>> {
    serde_saphyr::from_str(source).map_err(|error| {
        let span = error.location().map(|location| placed(location, source)).unwrap_or_default();
        let full = error.without_snippet().to_string();
        let said = full.split(" at line ").next().unwrap_or(&full).lines().next().unwrap_or("");
        let message = in_plain_words(said);
        let help = nearest_of_expected(&message);
        Box::new(Diagnostic::error("yaml", file, span, message).with_help(help))
    })
}

/// For "unknown field `a`, expected one of b, c": which of those is nearest.
fn nearest_of_expected(message: &str) -> String {
    let wrong = message.split('`').nth(1).filter(|_| message.contains("unknown"));
    let (Some(wrong), Some((_, names))) = (wrong, message.split_once("expected ")) else { return String::new() };
    let names = names.trim_start_matches("one of ").split([',', ' ']).map(|name| name.trim_matches('`'));
    crate::lang::nearest(wrong, names.filter(|name| !name.is_empty() && *name != "or"))
        .map_or_else(String::new, |name| format!("did you mean `{name}`?"))
}

/// What the parser says in the words of its language, said to people who write YAML.
fn in_plain_words(message: &str) -> String {
    const NUMBERS: [&str; 8] = ["i32", "u32", "i64", "u64", "u8", "u16", "usize", "i16"];
    match message.strip_prefix("invalid ") {
        Some(kind) if NUMBERS.contains(&kind) => "a whole number is needed here".to_owned(),
        Some("bool") => "`true` or `false` is needed here".to_owned(),
        _ => message.to_owned(),
    }
}

/// The place of an error. What does not even scan has a line and a column, and no bytes.
fn placed(location: serde_saphyr::Location, source: &str) -> Span {
    if location.span().byte_offset().is_some() {
        return place(location);
    }
    let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let (line, column) = (whole(location.line()).saturating_sub(1), whole(location.column()).saturating_sub(1));
    let start = source.split_inclusive('\n').take(line).map(str::len).sum::<usize>();
    let before = source.get(start..).unwrap_or("").chars().take_while(|c| *c != '\n').take(column);
    let at = start + before.map(char::len_utf8).sum::<usize>();
    Span::new(at, at + 1)
}

fn place(location: serde_saphyr::Location) -> Span {
    let span = location.span();
    let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let start = span.byte_offset().map_or(0, whole);
    Span::new(start, start.saturating_add(span.byte_len().map_or(0, whole).max(1)))
}

/// A scalar's source, from its first character on.
struct Scalar<'s> {
    source: &'s str,
    at: usize,
    style: Style,
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Plain,
    Single,
    Double,
    Block,
}

impl<'s> Scalar<'s> {
    fn at(source: &'s str, start: usize) -> Option<Self> {
        let rest = source.get(start..)?;
        let (style, skipped) = match rest.chars().next()? {
            '\'' => (Style::Single, 1),
            '"' => (Style::Double, 1),
            '|' | '>' => (Style::Block, rest.find('\n')? + 1),
            _ => (Style::Plain, 0),
        };
        Some(Self { source, at: start + skipped, style })
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or("")
    }

    /// Places in the source of the bytes `start..end` of `text`.
    fn places(mut self, text: &str, start: usize, end: usize) -> Option<Span> {
        let (mut first, mut last) = (None, None);
        for (index, wanted) in text.char_indices() {
            let (from, to) = self.character(wanted)?;
            if index == start {
                first = Some(from);
            }
            if index < end {
                last = Some(to);
            } else {
                break;
            }
        }
        let first = first.unwrap_or(self.at);
        Some(Span::new(first, last.filter(|last| *last > first).unwrap_or(first + 1)))
    }

    /// Moves past the source of the character `wanted` of the text and returns its place.
    fn character(&mut self, wanted: char) -> Option<(usize, usize)> {
        if self.style == Style::Double && self.rest().starts_with("\\\n") {
            self.at += 2;
            self.skip_blanks();
        }
        let found = self.rest().chars().next()?;
        let from = self.at;
        if self.style == Style::Double && found == '\\' {
            self.at += escape_len(self.rest());
        } else if self.style == Style::Single && found == '\'' && wanted == '\'' {
            self.at += 2;
        } else if matches!(wanted, ' ' | '\n') && matches!(found, '\n' | '\r' | ' ' | '\t') {
            self.break_or_blank(wanted, found);
        } else {
            if found != wanted {
                self.skip_blanks();
            }
            let from = self.at;
            self.rest().starts_with(wanted).then(|| self.at += wanted.len_utf8())?;
            return Some((from, self.at));
        }
        Some((from, self.at))
    }

    /// A blank of the text: one of the source, or a folded line break with the indentation around it.
    fn break_or_blank(&mut self, wanted: char, found: char) {
        let line = self.rest().split('\n').next().unwrap_or("");
        let blank_to_the_end = line.trim().is_empty() && self.rest().len() > line.len();
        if found == wanted && (self.style == Style::Block || !blank_to_the_end) {
            self.at += 1;
        } else if blank_to_the_end {
            self.at += line.len() + 1;
        } else {
            self.skip_blanks();
            return;
        }
        if self.style != Style::Block && wanted == ' ' && found != ' ' {
            self.skip_blanks();
        }
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }
}

/// How long the escape at the start of `rest` is.
fn escape_len(rest: &str) -> usize {
    let len = match rest.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u') => 6,
        Some(b'U') => 10,
        _ => 2,
    };
    rest.ceil_char_boundary(len.min(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct File {
        condition: Located<String>,
        #[serde(default, rename = "points")]
        _points: Option<Located<i64>>,
    }

    /// The source that `span_of` finds for each `X` of the text.
    fn found(source: &str) -> Vec<String> {
        let file: File = match read_yaml("a.yaml", source) {
            Ok(file) => file,
            Err(error) => return vec![error.render(source, false)],
        };
        let text = &file.condition;
        let places = text.match_indices("Xé").map(|(at, word)| text.span_of(Span::new(at, at + word.len()), source));
        places.map(|span| format!("{}@{}", &source[span.start..span.end], span.start)).collect()
    }

    fn expect(source: &str) {
        let wanted: Vec<String> = source.match_indices("Xé").map(|(at, word)| format!("{word}@{at}")).collect();
        assert!(!wanted.is_empty());
        assert_eq!(found(source), wanted, "{source}");
    }

    #[test]
    fn every_style_of_scalar_keeps_its_places() {
        expect("condition: a == Xé && Xé\n");
        expect("condition: 'it''s Xé ''Xé'''\n");
        expect("condition: \"a \\\"Xé\\\" \\u00e9 \\n Xé\"\n");
        expect("condition: |\n  über &&\n    Xé ||\n  Xé\npoints: 3\n");
        expect("condition: >\n  über &&\n  Xé ||\n\n  Xé\npoints: 3\n");
        expect("condition: >-\n  one\n  two Xé\n\n\n  three\n  Xé");
        expect("condition: über &&\n  Xé ||\n  Xé\npoints: 3\n");
        expect("condition: \"über &&\n  Xé \\\n  Xé\"\npoints: 3\n");
        expect("condition: 'über &&\n\n  Xé'\n");
        expect("# comment é\n\"condition\":    |-\n      Xé\n\n      Xé\n");
        expect("condition: |2\n    über\n  Xé\n");
        expect("condition: über   Xé  Xé # comment\n");
        expect("{condition: 'Xé', points: 1}");
    }

    #[test]
    fn faults_of_yaml_say_where_and_what_to_do() {
        let error = read_yaml::<File>("a.yaml", "condition: a\npoinst: 3\n").map(|_| ()).unwrap_err();
        assert_eq!(error.help, "did you mean `points`?", "{error}");
        assert_eq!(error.line_and_column("condition: a\npoinst: 3\n"), (2, 1), "{error}");
        let error = read_yaml::<File>("a.yaml", "condition: a\npoints: many\n").map(|_| ()).unwrap_err();
        assert_eq!(error.line_and_column("condition: a\npoints: many\n"), (2, 9), "{error}");
        assert!(read_yaml::<File>("a.yaml", "condition: [\n").is_err());
    }

    #[test]
    fn what_does_not_even_scan_has_its_place_too() {
        let at = |source: &str| {
            let error = read_yaml::<File>("a.yaml", source).unwrap_err();
            (error.line_and_column(source), error.message)
        };
        let ((line, _), message) = at("# é\ncondition: a\n  b: c\npoints: 3\n");
        assert_eq!((line, message.as_str()), (3, "mapping values are not allowed in this context"));
        assert_eq!(at("condition: a\npoints: many\n"), ((2, 9), "a whole number is needed here".to_owned()));
    }
}
