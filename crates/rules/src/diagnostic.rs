//! What is wrong with the book, where, and what to do about it.
//!
//! Every fault of a file of the book becomes a [`Diagnostic`]: file, bytes, message, help. One renderer
//! shows them all, with the line and a caret under the right character. Values read from YAML come as
//! [`Located`], so that whoever finds a fault later still knows its place.

mod located;

pub use located::{Located, read_yaml};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;

/// Bytes of a text, from `start` up to but without `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

impl Span {
    /// The bytes from `start` up to but without `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
    /// From the start of this span to the end of `other`.
    pub const fn to(self, other: Span) -> Span {
        Span { start: self.start, end: if other.end > self.end { other.end } else { self.end } }
    }
    /// This span, `offset` bytes further on.
    pub const fn shifted(self, offset: usize) -> Span {
        Span { start: self.start.saturating_add(offset), end: self.end.saturating_add(offset) }
    }
}

/// Whether a fault stops the book from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The book cannot be used.
    Error,
    /// The book can be used and probably does not do what its author meant.
    Warning,
}

/// One fault of a file of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable code, such as `unknown-field`.
    pub code: &'static str,
    /// Whether it stops the book from being used.
    pub severity: Severity,
    /// The file's path in the book.
    pub file: String,
    /// Which bytes of the file.
    pub span: Span,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// What to do about it; empty when the message says it.
    pub help: String,
}

impl Diagnostic {
    /// A fault that stops the book from being used.
    pub fn error(code: &'static str, file: &str, span: Span, message: impl Into<String>) -> Self {
        let (file, message) = (file.to_owned(), message.into());
        Self { code, severity: Severity::Error, file, span, message, help: String::new() }
    }

    /// Something that its author probably did not mean.
    pub fn warning(code: &'static str, file: &str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, file, span, message) }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }

    /// The diagnostic with its line of `source`, the whole text of its file, ending in a line break.
    pub fn render(&self, source: &str, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let message = clean(&self.message);
        let help = clean(&self.help);
        let span = within(source, self.span);
        let snippet = Snippet::source(source).path(self.file.as_str());
        let title = level.primary_title(message.as_str()).id(self.code);
        let mut group: Group<'_> = title.element(snippet.annotation(AnnotationKind::Primary.span(span)));
        if !help.is_empty() {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut text = renderer.decor_style(DecorStyle::Ascii).render(&[group]);
        text.push('\n');
        text
    }

    /// Line and column of the first byte in `source`, both from 1; the column counts characters.
    pub fn line_and_column(&self, source: &str) -> (usize, usize) {
        let before = source.get(..within(source, self.span).start).unwrap_or("");
        let line = before.rsplit('\n').next().unwrap_or("");
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }
}

impl fmt::Display for Diagnostic {
    /// One line, for logs and for comparing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.severity == Severity::Error { "error" } else { "warning" };
        write!(f, "{}: {severity}[{}]: {}", self.file, self.code, self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, " ({})", self.help) }
    }
}

/// Text that a terminal shows and does not obey.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// `span` cut to what `source` has, at the borders of characters.
fn within(source: &str, span: Span) -> std::ops::Range<usize> {
    let start = source.floor_char_boundary(span.start.min(source.len()));
    let end = source.ceil_char_boundary(span.end.clamp(start, source.len()));
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str, span: Span) -> String {
        Diagnostic::error("unknown-field", "a.yaml", span, "unknown field `x`")
            .with_help("did you mean `y`?")
            .render(source, false)
    }

    #[test]
    fn the_caret_lands_on_the_right_character() {
        let source = "title: Überprüfung\nif: näme == x\n";
        let at = source.rfind('x').unwrap_or(0);
        let text = shown(source, Span::new(at, at + 1));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.first().copied(), Some("error[unknown-field]: unknown field `x`"));
        assert!(text.contains("a.yaml:2:13"), "{text}");
        let code = lines.iter().find(|line| line.contains("näme")).copied().unwrap_or("");
        let caret = lines.iter().find(|line| line.contains('^')).copied().unwrap_or("");
        assert_eq!(code.chars().position(|c| c == 'x'), caret.chars().position(|c| c == '^'), "{text}");
        assert!(text.contains("did you mean `y`?"), "{text}");
    }

    #[test]
    fn wide_characters_move_the_caret_by_two() {
        let source = "名前 x";
        let text = shown(source, Span::new(source.len() - 1, source.len()));
        let caret = text.lines().find(|line| line.contains('^')).unwrap_or("");
        assert_eq!(caret.chars().position(|c| c == '^'), Some("1 | ".len() + 5), "{text}");
    }

    #[test]
    fn spans_outside_the_file_do_no_harm() {
        for span in [Span::new(1000, 2000), Span::new(5, 2), Span::new(0, 0), Span::new(1, 1), Span::new(2, 3)] {
            for source in ["", "ü", "ab\ncd", "\u{1F600}\r\n\t"] {
                assert!(shown(source, span).contains("unknown field"));
            }
        }
    }
}
