//! A message as signatures see it: header fields as they stand, and the body.

use crate::limits::{HEADER_FIELDS_MAX, VALUE_BYTES_MAX};
use memchr::memchr;
use std::borrow::Cow;

/// One header field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'m> {
    /// All of it, without the line end after it.
    pub(crate) raw: &'m [u8],
    /// Its name as written, without the white space before the colon.
    pub(crate) name: &'m str,
    /// What stands after the colon.
    pub(crate) value: &'m [u8],
}

impl Field<'_> {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value as text; none when it is too long to be looked at.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        (self.value.len() <= VALUE_BYTES_MAX).then(|| String::from_utf8_lossy(self.value))
    }
}

/// A message in two.
#[derive(Debug, Default)]
pub(crate) struct Parts<'m> {
    pub(crate) fields: Vec<Field<'m>>,
    pub(crate) body: &'m [u8],
}

impl<'m> Parts<'m> {
    /// The fields called `name`, from the top.
    pub(crate) fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p Field<'m>> {
        self.fields.iter().filter(move |field| field.is(name))
    }
}

/// Takes `raw` apart; none when it has too many fields.
pub(crate) fn split(raw: &[u8]) -> Option<Parts<'_>> {
    let mut parts = Parts::default();
    let mut rest = raw;
    while !rest.is_empty() {
        let (field, after) = rest.split_at_checked(field_end(rest))?;
        rest = after;
        if without_end(field).is_empty() {
            parts.body = rest;
            return Some(parts);
        }
        if parts.fields.len() >= HEADER_FIELDS_MAX {
            return None;
        }
        parts.fields.push(field_of(without_end(field)));
    }
    Some(parts)
}

/// Where the field ends that `rest` begins with: before a line that does not begin with white space.
fn field_end(rest: &[u8]) -> usize {
    let mut end = 0;
    loop {
        let line = rest.get(end..).unwrap_or(&[]);
        let length = memchr(b'\n', line).map_or(line.len(), |at| at + 1);
        let is_empty = without_end(line.get(..length).unwrap_or(line)).is_empty();
        end += length;
        let continues = matches!(rest.get(end), Some(b' ' | b'\t'));
        if is_empty || !continues {
            return end;
        }
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn field_of(raw: &[u8]) -> Field<'_> {
    let colon = memchr(b':', raw).unwrap_or(raw.len());
    let name = raw.get(..colon).unwrap_or(raw).trim_ascii_end();
    Field { raw, name: std::str::from_utf8(name).unwrap_or(""), value: raw.get(colon + 1..).unwrap_or(&[]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_body_come_apart() {
        for end in ["\r\n", "\n"] {
            let raw = "A : X\nB\t:\tY \n\tZ  \n\n C \nD\n\n".replace('\n', end);
            let parts = split(raw.as_bytes()).unwrap();
            let names: Vec<&str> = parts.fields.iter().map(|field| field.name).collect();
            assert_eq!(names, ["A", "B"]);
            assert_eq!(parts.fields[1].value, format!("\tY {end}\tZ  ").as_bytes());
            assert_eq!(parts.body, format!(" C {end}D{end}{end}").as_bytes());
        }
        assert!(split(b"no body: x").unwrap().body.is_empty());
        assert!(split("A: x\n".repeat(HEADER_FIELDS_MAX + 1).as_bytes()).is_none());
    }
}
