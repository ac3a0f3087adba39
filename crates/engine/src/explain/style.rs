//! Styled lines, and the four ways to write them down.
//!
//! Text from alerts is data: control characters never reach a terminal, and markup never reaches a page.

use std::fmt::Write as _;

/// What a piece of text is, not how it looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paint {
    /// Ordinary text.
    #[default]
    Plain,
    /// What the eye should find first.
    Strong,
    /// Background information.
    Dim,
    /// Evidence against.
    Warm,
    /// The strongest outcome.
    Alarm,
    /// The harmless outcome.
    Calm,
    /// What is not known.
    Doubt,
}

/// One line of styled text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line(Vec<(Paint, String)>);

impl Line {
    /// An empty line.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The line with `text` after it. Control characters become visible.
    #[must_use]
    pub fn with(mut self, paint: Paint, text: impl AsRef<str>) -> Self {
        self.0.push((paint, clean(text.as_ref())));
        self
    }

    /// The line with ordinary text after it.
    #[must_use]
    pub fn plain(self, text: impl AsRef<str>) -> Self {
        self.with(Paint::Plain, text)
    }

    /// The line with blanks up to column `width`.
    #[must_use]
    pub fn fill_to(self, width: usize) -> Self {
        let blanks = width.saturating_sub(self.width());
        self.plain(" ".repeat(blanks))
    }

    /// The line with all of `other` after it.
    #[must_use]
    pub fn join(mut self, other: Line) -> Self {
        self.0.extend(other.0);
        self
    }

    /// How many characters wide it is.
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }
}

/// Control and direction-changing characters as `\u{…}`, so that an alert cannot paint the screen.
fn clean(text: &str) -> String {
    let hostile = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if !text.chars().any(hostile) {
        return text.to_owned();
    }
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        if hostile(c) {
            cleaned.extend(c.escape_unicode());
        } else {
            cleaned.push(c);
        }
    }
    cleaned
}

/// The lines as plain text.
pub fn plain(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        let start = out.len();
        line.0.iter().for_each(|(_, text)| out.push_str(text));
        out.truncate(start + out.get(start..).map_or(0, |line| line.trim_end().len()));
        out.push('\n');
    }
    out
}

/// The lines with ANSI colours (ECMA-48).
pub fn ansi(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        for (paint, text) in &line.0 {
            let code = match paint {
                Paint::Plain => "",
                Paint::Strong => "1",
                Paint::Dim => "2",
                Paint::Warm => "33",
                Paint::Alarm => "1;31",
                Paint::Calm => "32",
                Paint::Doubt => "36",
            };
            let _ = if code.is_empty() { write!(out, "{text}") } else { write!(out, "\u{1b}[{code}m{text}\u{1b}[0m") };
        }
        out.push('\n');
    }
    out
}

/// The lines as the inside of an HTML `<pre>`: one `<span class>` for each piece that is not plain.
pub fn html(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        for (paint, text) in &line.0 {
            let class = match paint {
                Paint::Plain => "",
                Paint::Strong => "strong",
                Paint::Dim => "dim",
                Paint::Warm => "warm",
                Paint::Alarm => "alarm",
                Paint::Calm => "calm",
                Paint::Doubt => "doubt",
            };
            let text = escape(text);
            let _ = if class.is_empty() { write!(out, "{text}") } else { write!(out, "<span class=\"{class}\">{text}</span>") };
        }
        out.push('\n');
    }
    out
}

/// The lines as a picture (SVG) of a dark terminal `columns` wide. Every piece stands at its own column, whatever the font.
pub fn svg(lines: &[Line], columns: usize) -> String {
    const WIDE: usize = 8;
    const HIGH: usize = 18;
    const MARGIN: usize = 16;
    let (width, height) = (columns * WIDE + 2 * MARGIN, lines.len() * HIGH + 2 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#16181d\"/>\n\
         <g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, monospace\" font-size=\"13.2\">\n"
    );
    for (row, line) in lines.iter().enumerate() {
        let (mut column, y) = (0, MARGIN + HIGH * (row + 1) - 5);
        for (paint, text) in &line.0 {
            let (fill, weight) = ink(*paint);
            for (at, run) in runs(text) {
                let (x, length, run) = (MARGIN + (column + at) * WIDE, run.chars().count() * WIDE, escape(run));
                let _ = writeln!(
                    out,
                    "<text x=\"{x}\" y=\"{y}\" fill=\"{fill}\"{weight} textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\">{run}</text>"
                );
            }
            column += text.chars().count();
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// The parts of `text` between blanks in a row, which a picture would draw as one, each with its column.
fn runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut column = 0;
    text.split("  ").filter_map(move |part| {
        let blanks = part.len() - part.trim_start().len();
        let at = column + blanks;
        column += part.chars().count() + 2;
        let run = part.trim();
        (!run.is_empty()).then_some((at, run))
    })
}

/// Colour and weight in a picture.
const fn ink(paint: Paint) -> (&'static str, &'static str) {
    const BOLD: &str = " font-weight=\"700\"";
    match paint {
        Paint::Plain => ("#d7dae0", ""),
        Paint::Strong => ("#ffffff", BOLD),
        Paint::Dim => ("#8b93a1", ""),
        Paint::Warm => ("#ffb454", ""),
        Paint::Alarm => ("#ff7b89", BOLD),
        Paint::Calm => ("#7fd49b", ""),
        Paint::Doubt => ("#7ed3ea", ""),
    }
}

/// `text` with the characters that mean something in HTML replaced.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let line = Line::new().with(Paint::Warm, "<b>\u{1b}[31m\u{202e}x\n</b>");
        let shown = html(std::slice::from_ref(&line));
        assert_eq!(shown, "<span class=\"warm\">&lt;b&gt;\\u{1b}[31m\\u{202e}x\\u{a}&lt;/b&gt;</span>\n");
        assert!(!plain(&[line]).contains('\u{1b}'));
    }

    #[test]
    fn a_picture_keeps_its_columns() {
        let line = Line::new().plain("  +5  <b>").with(Paint::Warm, "   é 10");
        let picture = svg(&[line], 20);
        for run in ["x=\"32\"", ">+5<", "x=\"64\"", ">&lt;b&gt;<", "x=\"112\"", ">é 10<"] {
            assert!(picture.contains(run), "{run}: {picture}");
        }
    }
}
