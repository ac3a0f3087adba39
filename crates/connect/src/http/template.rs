//! Texts with declared inputs in them, such as `/users/{target.id}`; nothing else can be written in one.
//!
//! An input is one value at one place. How it is written follows from where it stands, never from the template: escaped as
//! part of one path segment or one query value, as text of a JSON string, or refused in a header when it is not plain.
//! So no value, whoever wrote it, changes where a call goes or what it is.

use adjutant_model::act::TEXT_BYTES_MAX;
use std::fmt::Write as _;

/// Values longer than this name nothing.
const VALUE_BYTES_MAX: usize = 1024;

/// Inputs that begin so are what people are told. They may be long and have lines, and stand in bodies alone.
pub(super) const TOLD: &str = "text.";

/// A text with inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Input(String),
}

/// How a quote in a value is written where a query's value is an expression with quoted texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Quotes {
    /// Such a value is refused.
    #[default]
    Refused,
    /// `'` as `''`, as in OData. `"` and `\` are refused.
    Doubled,
    /// `"` as `\"` and `\` as `\\`, as in SCIM filters. `'` is taken as it is.
    Backslash,
}

/// Why a template cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// Nobody gave this input a value, or not exactly one.
    #[error("`{{{0}}}` has no single value")]
    Missing(String),
    /// Its value cannot stand where it is asked for.
    #[error("the value of `{{{name}}}` {why}")]
    Value {
        /// The input.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A whole segment of the path would lead elsewhere.
    #[error("a segment of the path would be empty or lead upwards")]
    Segment,
}

/// The values of inputs, by name.
pub(super) type Inputs<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Template {
    /// Reads `text`.
    ///
    /// # Errors
    /// What is wrong with its braces.
    pub(super) fn read(text: &str) -> Result<Template, &'static str> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(at);
            let inner = after.strip_prefix('{').ok_or("a `}` closes nothing")?;
            let (name, behind) = inner.split_once('}').ok_or("a `{` is not closed")?;
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
            if name.is_empty() || !plain {
                return Err("between braces stands the name of one input, and nothing else");
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Input(name.to_owned()));
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Template { parts })
    }

    /// The names of its inputs.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| if let Part::Input(name) = part { Some(name.as_str()) } else { None })
    }

    fn fill(
        &self,
        inputs: &Inputs<'_>,
        mut put: impl FnMut(&mut String, &Part, &str) -> Result<(), &'static str>,
    ) -> Result<String, Unfit> {
        let mut out = String::new();
        for part in &self.parts {
            let (name, value) = match part {
                Part::Text(text) => ("", text.clone()),
                Part::Input(name) => (name.as_str(), value(name, inputs)?),
            };
            put(&mut out, part, &value).map_err(|why| Unfit::Value { name: name.to_owned(), why })?;
        }
        Ok(out)
    }

    /// A path: each value inside one segment.
    ///
    /// # Errors
    /// A value that is missing, or that would make a segment empty or a step upwards.
    pub(super) fn path(&self, inputs: &Inputs<'_>) -> Result<String, Unfit> {
        let path = self.fill(inputs, |out, part, value| {
            match part {
                Part::Text(text) => out.push_str(text),
                // Some servers read escapes before they walk the path.
                Part::Input(_) if steps_upwards(value) => return Err("has steps upwards"),
                Part::Input(_) => escape(value, out),
            }
            Ok(())
        })?;
        let leads_elsewhere = |segment: &str| matches!(segment, "" | "." | "..");
        if path.split('/').skip(1).any(leads_elsewhere) { Err(Unfit::Segment) } else { Ok(path) }
    }

    /// The value of one query parameter, escaped as a whole.
    ///
    /// # Errors
    /// A value that is missing, or has quotes that cannot stand in it.
    pub(super) fn query(&self, inputs: &Inputs<'_>, quotes: Quotes) -> Result<String, Unfit> {
        let alone = self.parts.len() == 1;
        self.fill(inputs, |out, part, value| {
            match part {
                Part::Text(text) => escape(text, out),
                Part::Input(_) if alone => escape(value, out),
                Part::Input(_) => escape(&quoted(value, quotes)?, out),
            }
            Ok(())
        })
    }

    /// The value of a header.
    ///
    /// # Errors
    /// A value that is missing, or is not printable ASCII.
    pub(super) fn header(&self, inputs: &Inputs<'_>) -> Result<String, Unfit> {
        self.fill(inputs, |out, _, value| {
            if value.bytes().any(|byte| !matches!(byte, b' '..=b'~')) {
                return Err("has characters that no header takes");
            }
            out.push_str(value);
            Ok(())
        })
    }

    /// Text for a JSON string, which whoever writes the JSON escapes.
    ///
    /// # Errors
    /// A value that is missing.
    pub(super) fn text(&self, inputs: &Inputs<'_>) -> Result<String, Unfit> {
        self.fill(inputs, |out, _, value| {
            out.push_str(value);
            Ok(())
        })
    }
}

fn value(name: &str, inputs: &Inputs<'_>) -> Result<String, Unfit> {
    let value = inputs(name).ok_or_else(|| Unfit::Missing(name.to_owned()))?;
    let unfit = |why| Unfit::Value { name: name.to_owned(), why };
    if name.starts_with(TOLD) {
        let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
        return match () {
            () if value.is_empty() => Err(unfit("is empty")),
            () if value.len() > TEXT_BYTES_MAX => Err(unfit("is too long")),
            () if !value.chars().all(plain) => Err(unfit("has control characters")),
            () => Ok(value),
        };
    }
    match () {
        () if value.is_empty() => Err(unfit("is empty")),
        () if value.len() > VALUE_BYTES_MAX => Err(unfit("is too long")),
        () if value.chars().any(char::is_control) => Err(unfit("has control characters")),
        () => Ok(value),
    }
}

/// Whether a value would be more than one segment, with a step upwards, to whoever reads its escapes too early.
fn steps_upwards(value: &str) -> bool {
    value.contains(['/', '\\']) && value.split(['/', '\\']).any(|step| matches!(step, "." | ".."))
}

fn quoted(value: &str, quotes: Quotes) -> Result<String, &'static str> {
    match quotes {
        Quotes::Refused if value.contains(['\'', '"', '\\']) => Err("has quotes"),
        Quotes::Doubled if value.contains(['"', '\\']) => Err("has quotes"),
        Quotes::Refused => Ok(value.to_owned()),
        Quotes::Doubled => Ok(value.replace('\'', "''")),
        Quotes::Backslash => Ok(value.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// Appends `text` with everything escaped that is not a letter, a digit or `-._~`.
pub(super) fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(template: &str, value: &str) -> Result<String, Unfit> {
        Template::read(template).unwrap().path(&|_| Some(value.to_owned()))
    }

    #[test]
    fn a_value_stays_one_segment() {
        assert_eq!(path("/u/{id}/x", "00u1").as_deref(), Ok("/u/00u1/x"));
        assert_eq!(path("/u/{id}/x", "a/b?c#d%2e\\@é").as_deref(), Ok("/u/a%2Fb%3Fc%23d%252e%5C%40%C3%A9/x"));
        assert_eq!(path("/u/{id}", ".."), Err(Unfit::Segment));
        assert_eq!(path("/u/{id}", "."), Err(Unfit::Segment));
        assert_eq!(path("/u/.{id}", "."), Err(Unfit::Segment));
        assert_eq!(path("/u/{id}", "...").as_deref(), Ok("/u/..."));
        for value in ["a/../b", "..\\x", "x/.", "/.."] {
            assert!(path("/u/{id}", value).is_err(), "{value}");
        }
        assert!(path("/u/{id}", "").is_err());
        assert!(path("/u/{id}", "a\r\nb").is_err());
        assert!(path("/u/{id}", &"x".repeat(1025)).is_err());
        assert_eq!(Template::read("/{id}").unwrap().path(&|_| None), Err(Unfit::Missing("id".into())));
    }

    #[test]
    fn a_quote_does_not_end_a_quoted_text() {
        let query = |value: &str, quotes| Template::read("a eq '{name}'").unwrap().query(&|_| Some(value.to_owned()), quotes);
        assert_eq!(query("o'brien", Quotes::Doubled).as_deref(), Ok("a%20eq%20%27o%27%27brien%27"));
        assert!(query("o'brien", Quotes::Refused).is_err());
        assert!(query("a\"b", Quotes::Doubled).is_err());
        let scim = Template::read("a eq \"{name}\"").unwrap();
        let query = |value: &str| scim.query(&|_| Some(value.to_owned()), Quotes::Backslash);
        assert_eq!(query("a\" or \"1\" eq \"1").as_deref(), Ok("a%20eq%20%22a%5C%22%20or%20%5C%221%5C%22%20eq%20%5C%221%22"));
        assert_eq!(query("a\\").as_deref(), Ok("a%20eq%20%22a%5C%5C%22"));
        let alone = Template::read("{name}").unwrap();
        assert_eq!(alone.query(&|_| Some("o'b&c=d".into()), Quotes::Refused).as_deref(), Ok("o%27b%26c%3Dd"));
    }

    #[test]
    fn a_header_takes_printable_ascii_alone() {
        let header = |value: &str| Template::read("x {v}").unwrap().header(&|_| Some(value.to_owned()));
        assert_eq!(header("W/\"1\"").as_deref(), Ok("x W/\"1\""));
        assert!(header("a\nb").is_err() && header("é").is_err());
    }

    #[test]
    fn nothing_but_names_stands_between_braces() {
        for text in ["{", "}", "{}", "{a b}", "{a|upper}", "{{a}}", "a}b", "{a", "{a{b}}"] {
            assert!(Template::read(text).is_err(), "{text}");
        }
        assert_eq!(Template::read("/a/{b.c}-{d}").unwrap().inputs().collect::<Vec<_>>(), ["b.c", "d"]);
    }
}
