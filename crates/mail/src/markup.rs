//! Cuts HTML into tags and text, as the HTML standard's tokenizer does where it matters for triage.
//!
//! Written here because the tokenizers that are maintained elsewhere call themselves once for each character unless an
//! optimiser happens to prevent it; this is a loop, whatever the input and the build.

use memchr::{memchr, memmem};
use std::borrow::Cow;

/// One thing in the text, in its order. Names of tags and attributes are as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event<'h> {
    /// A tag begins.
    Open(&'h str),
    /// An attribute of the tag that began, its value decoded.
    Attribute(&'h str, &'h str),
    /// The tag that began is complete.
    Opened,
    /// A tag ends what was opened.
    End(&'h str),
    /// Text, decoded; that of scripts and styles as it is.
    Text(&'h str),
    /// A comment.
    Comment(&'h str),
}

/// Elements whose content is text, whatever it looks like.
const RAW: [&str; 5] = ["script", "style", "title", "textarea", "xmp"];

/// Tells `each` of everything in `html`, from the front.
pub(crate) fn scan(html: &str, mut each: impl FnMut(Event<'_>)) {
    let mut rest = html;
    while !rest.is_empty() {
        let start = memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
        let (text, tag) = split(rest, start);
        if !text.is_empty() {
            each(Event::Text(&decoded(text)));
        }
        rest = markup(tag, &mut each);
    }
}

/// `text` at a place between two ASCII characters.
fn split(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// Reads what begins with `<`; returns what follows it.
fn markup<'h>(tag: &'h str, each: &mut impl FnMut(Event<'_>)) -> &'h str {
    let mut letters = tag.bytes().skip(1);
    match (letters.next(), letters.next()) {
        (Some(b'!'), _) if tag.starts_with("<!--") => comment(tag, each),
        (Some(b'!' | b'?'), _) => after(tag, b'>'),
        (Some(b'/'), Some(letter)) if letter.is_ascii_alphabetic() => {
            let name = split(tag, 2).1;
            let end = name.find(is_name_end).unwrap_or(name.len());
            each(Event::End(split(name, end).0));
            after(tag, b'>')
        }
        (Some(b'/'), Some(_)) => after(tag, b'>'),
        (Some(letter), _) if letter.is_ascii_alphabetic() => open(split(tag, 1).1, each),
        (None, _) => "",
        _ => {
            each(Event::Text("<"));
            split(tag, 1).1
        }
    }
}

fn is_name_end(c: char) -> bool {
    c.is_ascii_whitespace() || matches!(c, '/' | '>')
}

/// What follows the next `byte`.
fn after(text: &str, byte: u8) -> &str {
    memchr(byte, text.as_bytes()).map_or("", |at| split(text, at + 1).1)
}

fn comment<'h>(tag: &'h str, each: &mut impl FnMut(Event<'_>)) -> &'h str {
    const OPEN: usize = 4;
    let inside = split(tag, OPEN).1;
    if let Some(rest) = inside.strip_prefix('>').or_else(|| inside.strip_prefix("->")) {
        return rest;
    }
    let end = memmem::find(inside.as_bytes(), b"-->").unwrap_or(inside.len());
    let (text, rest) = split(inside, end);
    each(Event::Comment(text));
    rest.strip_prefix("-->").unwrap_or("")
}

/// Reads a tag behind its `<`. One that never ends is dropped, as browsers do.
fn open<'h>(tag: &'h str, each: &mut impl FnMut(Event<'_>)) -> &'h str {
    let (name, mut rest) = split(tag, tag.find(is_name_end).unwrap_or(tag.len()));
    each(Event::Open(name));
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(rest) = rest.strip_prefix('>') {
            each(Event::Opened);
            return raw(name, rest, each);
        }
        if rest.is_empty() {
            return "";
        }
        rest = attribute(rest, each);
    }
}

fn attribute<'h>(text: &'h str, each: &mut impl FnMut(Event<'_>)) -> &'h str {
    // An equals sign at the beginning is part of the name.
    let first = text.chars().next().map_or(0, char::len_utf8);
    let ends = |c: char| is_name_end(c) || c == '=';
    let (name, rest) = split(text, split(text, first).1.find(ends).map_or(text.len(), |end| end + first));
    let Some(value) = rest.trim_ascii_start().strip_prefix('=').map(str::trim_ascii_start) else {
        each(Event::Attribute(name, ""));
        return rest;
    };
    let (value, rest) = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let inside = split(value, 1).1;
            let (value, rest) = split(inside, inside.find(quote).unwrap_or(inside.len()));
            (value, rest.strip_prefix(quote).unwrap_or(""))
        }
        _ => split(value, value.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(value.len())),
    };
    each(Event::Attribute(name, &decoded(value)));
    rest
}

/// Passes over the content of an element whose content is text.
fn raw<'h>(name: &str, rest: &'h str, each: &mut impl FnMut(Event<'_>)) -> &'h str {
    if !RAW.iter().any(|raw| raw.eq_ignore_ascii_case(name)) {
        return rest;
    }
    let ends = |at: &usize| {
        let tag = rest.as_bytes().get(at + 2..at + 2 + name.len());
        tag.is_some_and(|tag| tag.eq_ignore_ascii_case(name.as_bytes()))
    };
    let end = memmem::find_iter(rest.as_bytes(), b"</").find(ends).unwrap_or(rest.len());
    let (text, rest) = split(rest, end);
    each(Event::Text(text));
    rest
}

/// `text` with its character references decoded.
fn decoded(text: &str) -> Cow<'_, str> {
    const REFERENCE_BYTES_MAX: usize = 12;
    if memchr(b'&', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        let (before, reference) = split(rest, at);
        out.push_str(before);
        let inside = split(reference, 1).1;
        let end = inside
            .bytes()
            .take(REFERENCE_BYTES_MAX)
            .position(|byte| !byte.is_ascii_alphanumeric() && byte != b'#')
            .unwrap_or(inside.len().min(REFERENCE_BYTES_MAX));
        let (name, behind) = inside.split_at_checked(end).unwrap_or(("", inside));
        match character(name) {
            Some(c) => {
                out.push(c);
                rest = behind.strip_prefix(';').unwrap_or(behind);
            }
            None => {
                out.push('&');
                rest = inside;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character that a reference names: by number, or by one of the names that mail uses.
fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        return code.ok().map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    if let Some((_, c)) = NAMED.iter().find(|(known, _)| *known == name) {
        return Some(*c);
    }
    // The names of ISO 8859-1 from 160 on are in the order of their codes.
    let at = LATIN.split_ascii_whitespace().position(|known| known == name)?;
    char::from_u32(160 + u32::try_from(at).ok()?)
}

const NAMED: [(&str, char); 24] = [
    ("amp", '&'),
    ("AMP", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
    ("lrm", '\u{200e}'),
    ("rlm", '\u{200f}'),
    ("ndash", '\u{2013}'),
    ("mdash", '\u{2014}'),
    ("lsquo", '\u{2018}'),
    ("rsquo", '\u{2019}'),
    ("ldquo", '\u{201c}'),
    ("rdquo", '\u{201d}'),
    ("bull", '\u{2022}'),
    ("hellip", '\u{2026}'),
    ("euro", '\u{20ac}'),
    ("trade", '\u{2122}'),
    ("ensp", ' '),
    ("emsp", ' '),
    ("thinsp", ' '),
    ("NewLine", '\n'),
];

const LATIN: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para \
    middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave \
    Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde \
    auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute \
    ucirc uuml yacute thorn yuml";

#[cfg(test)]
mod tests {
    use super::*;

    fn told(html: &str) -> Vec<String> {
        let mut told = Vec::new();
        scan(html, |event| {
            told.push(match event {
                Event::Open(name) => format!("<{name}"),
                Event::Attribute(name, value) => format!("{name}={value}"),
                Event::Opened => ">".into(),
                Event::End(name) => format!("/{name}"),
                Event::Text(text) => format!("'{text}'"),
                Event::Comment(text) => format!("!{text}"),
            });
        });
        told
    }

    #[test]
    fn tags_are_cut_as_browsers_do() {
        assert_eq!(told("a<B x=1 y='2>3' z=\"4\" w/>c</B >"), ["'a'", "<B", "x=1", "y=2>3", "z=4", "w=", ">", "'c'", "/B"]);
        assert_eq!(told("1 < 2 && x<!-- <a> --!--> y<!doctype html>"), ["'1 '", "'<'", "' 2 && x'", "! <a> --!", "' y'"]);
        assert_eq!(told("<script>if(a<b)'</s'</SCRIPT>z"), ["<script", ">", "'if(a<b)'</s''", "/SCRIPT", "'z'"]);
        assert_eq!(told("<a href=x"), ["<a", "href=x"]);
        assert_eq!(told("<a =x href = 'é'>"), ["<a", "=x=", "href=é", ">"]);
    }

    #[test]
    fn references_are_decoded() {
        assert_eq!(decoded("a&amp;b&#x41;&#66;&nbsp;&eacute;&yuml;&nope;&"), "a&bAB\u{a0}é\u{ff}&nope;&");
        assert_eq!(decoded("?a=1&copy=2&lt"), "?a=1\u{a9}=2<");
        assert_eq!(decoded("&#xffffffff;&#xd800;"), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn whatever_it_is_it_ends() {
        for piece in ["<", "</", "<!--", "<a ", "<a x='", "&", "&#", "<script>", "</script", "\u{e9}<\u{e9}", "<a =", "=\"<"] {
            assert!(told(&piece.repeat(20_000)).len() <= 60_000, "{piece}");
        }
    }
}
