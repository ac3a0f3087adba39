//! Sentences of the book: text with expressions in braces, such as `"{login.speed} from {previous.city}"`.
//!
//! `{{` and `}}` are braces. What is unknown reads `unknown`. Text of alerts is hostile: control characters
//! are shown as `\u{fffd}`, and long text is cut.

use super::{FactExpr, Fault, Lists};
use crate::diagnostic::Span;
use adjutant_model::{Row, Schema, Slot};
use std::fmt::Write;

/// How many elements of a list a sentence shows.
pub(super) const ITEMS_SHOWN_MAX: usize = 5;
/// How many characters of one value a sentence shows.
pub(super) const VALUE_CHARS_SHOWN_MAX: usize = 200;

/// A compiled sentence.
#[derive(Clone, Debug, Default)]
pub struct Sentence {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Value(Box<FactExpr>),
}

impl Sentence {
    /// Compiles `text` over the names of `schema`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(text: &str, schema: &Schema, lists: &Lists) -> Result<Self, Vec<Fault>> {
        let (mut sentence, mut faults) = (Self::default(), Vec::new());
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = rest.find(['{', '}']).unwrap_or(rest.len());
            sentence.push_text(rest.get(..plain).unwrap_or(""));
            at += plain;
            let rest = rest.get(plain..).unwrap_or("");
            if rest.starts_with("{{") || rest.starts_with("}}") {
                sentence.push_text(rest.get(..1).unwrap_or(""));
                at += 2;
            } else if rest.starts_with('{') {
                let Some(len) = closing(rest) else {
                    faults.push(Fault::new(
                        Span::new(at, at + 1),
                        "this brace is not closed",
                        "end it with `}`; a brace is written `{{`",
                    ));
                    break;
                };
                let inner = rest.get(1..len).unwrap_or("");
                match super::fact(inner, schema, lists) {
                    Ok(value) => sentence.parts.push(Part::Value(Box::new(value))),
                    Err(found) => {
                        faults.extend(found.into_iter().map(|fault| Fault { span: fault.span.shifted(at + 1), ..fault }))
                    }
                }
                at += len + 1;
            } else if rest.starts_with('}') {
                faults.push(Fault::new(Span::new(at, at + 1), "this brace closes nothing", "a brace is written `}}`"));
                at += 1;
            }
        }
        if faults.is_empty() { Ok(sentence) } else { Err(faults) }
    }

    fn push_text(&mut self, text: &str) {
        match self.parts.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    /// Appends the sentence for `row` to `out`.
    pub fn render(&self, row: &Row, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                // Writing to a string does not fail.
                Part::Value(value) => drop(write!(Shown { out, left: VALUE_CHARS_SHOWN_MAX }, "{}", value.eval(row))),
            }
        }
    }

    /// Every field and fact that it reads, each once, ascending.
    pub fn slots(&self) -> Vec<Slot> {
        let values = self.parts.iter().filter_map(|part| match part {
            Part::Value(value) => Some(value.slots()),
            Part::Text(_) => None,
        });
        let mut slots: Vec<Slot> = values.flatten().copied().collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }
}

/// Where in `rest`, which begins with a brace, that brace is closed; braces in text and maps are skipped.
fn closing(rest: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, c) in rest.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Writes at most so many characters, none of which a terminal obeys.
struct Shown<'o> {
    out: &'o mut String,
    left: usize,
}

impl Write for Shown<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for c in text.chars() {
            match self.left {
                0 => return Ok(()),
                1 => self.out.push('…'),
                _ => self.out.push(if harmful(c) { '\u{fffd}' } else { c }),
            }
            self.left -= 1;
        }
        Ok(())
    }
}

/// Control characters, and those that turn the direction of writing.
fn harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_model::row::Origin;
    use adjutant_model::schema::slots;
    use adjutant_model::{Speed, Value};

    fn rendered(text: &str, row: &Row) -> String {
        let sentence = Sentence::compile(text, &Schema::built_in(), &Lists::default()).unwrap();
        let mut out = String::new();
        sentence.render(row, &mut out);
        out
    }

    #[test]
    fn values_are_shown_with_their_units() {
        let mut row = Row::new(Schema::built_in().len());
        row.set(slots::LOGIN_SPEED, Value::Speed(Speed::from_kmh(9585)), Origin::Derived);
        row.set_text(slots::PREVIOUS_CITY, "Mad\u{1b}[31mrid", Origin::History);
        row.set(slots::ALERT_SEVERITY, Value::Level(3), Origin::Derived);
        let text = rendered("{login.speed} from {previous.city} to {src.city} ({{{alert.severity}}})", &row);
        assert_eq!(text, "9,585 km/h from Mad\u{fffd}[31mrid to unknown ({high})");
        row.set_text(slots::SRC_CITY, &"é".repeat(500), Origin::History);
        assert_eq!(rendered("{src.city}", &row).chars().count(), VALUE_CHARS_SHOWN_MAX);
        assert_eq!(rendered("{user.name + '}{'}", &row), "unknown");
    }

    #[test]
    fn faults_are_placed_in_the_whole_text() {
        let fault = |text: &str| Sentence::compile(text, &Schema::built_in(), &Lists::default()).unwrap_err().remove(0);
        assert_eq!(fault("é {login.sped}").span, Span::new(4, 14));
        assert_eq!(fault("é {login.sped").span, Span::new(3, 4));
        assert_eq!(fault("a } b").span, Span::new(2, 3));
    }
}
