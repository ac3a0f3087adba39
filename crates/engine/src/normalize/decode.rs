//! Reads a record's bytes into a tree of nodes, whatever it is written in.
//!
//! The format is told from the bytes: a `{` begins JSON, `CEF:` and `LEEF:` stand behind a syslog header or
//! not, header lines begin a message (which may also stand in a JSON object, with what DNS answered about it), and everything else is text. Strict JSON takes the fast parser; what that refuses is read again by the
//! forgiving one before it is given up. The bytes themselves are never changed.

use super::builder::Builder;
use super::{cef, loose, pairs, problem, syslog};
use adjutant_mail::{Answered, Facts};
use adjutant_model::Problem;
use adjutant_rules::source::Format;
use simd_json::{Buffers, INPUT_PADDING, Node, Tape};

/// A text longer than this is not searched for pairs beyond it.
const SEARCHED_BYTES_MAX: usize = 256 * 1024;

/// Buffers that one record's reading needs, used again for the next.
#[derive(Default)]
pub(super) struct Reader {
    json: Json,
    line: Builder,
}

/// Buffers for JSON: what the fast parser reads in place, and what the forgiving one builds.
#[derive(Default)]
struct Json {
    bytes: Vec<u8>,
    buffers: Buffers,
    builder: Builder,
}

impl Reader {
    /// Reads `raw` into `tape`; `inside` says that it stands in another record.
    pub(super) fn read<'s>(
        &'s mut self,
        (raw, inside): (&[u8], bool),
        tape: &mut Tape<'s>,
        problems: &mut Vec<Problem>,
    ) -> Result<Format, Problem> {
        let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw).trim_ascii();
        let Some(first) = raw.first() else { return Err(problem("empty", "", "the record is empty")) };
        match first {
            // What stands in a record that somebody else wrote is no answer of DNS.
            b'{' if !inside && adjutant_mail::is_answered(raw) => self.answered(raw, tape, problems),
            b'{' => self.json.read(raw, tape, problems).map(|()| Format::Json),
            b'[' if is_list(raw) => self.list(raw, tape, problems),
            _ if adjutant_mail::is_message(raw) => self.message(&adjutant_mail::facts(raw), tape, problems),
            _ => self.line(raw, tape, problems),
        }
    }

    /// Of a JSON array, its first object: whoever reads files splits arrays before this.
    fn list<'s>(&'s mut self, raw: &[u8], tape: &mut Tape<'s>, problems: &mut Vec<Problem>) -> Result<Format, Problem> {
        self.json.read(raw, tape, problems)?;
        let [Node::Array { len, .. }, Node::Object { count, .. }, ..] = tape.0.as_slice() else {
            return Err(problem("not-an-object", "", "the record is a list of something else than objects"));
        };
        let (len, end) = (*len, count + 2);
        if len > 1 {
            problems.push(problem("list", "", "the record is a list; only its first object is read"));
        }
        tape.0.truncate(end);
        tape.0.remove(0);
        Ok(Format::Json)
    }

    /// Of a message with what DNS answered, the facts that it shows and who sent it.
    fn answered<'s>(&'s mut self, raw: &[u8], tape: &mut Tape<'s>, problems: &mut Vec<Problem>) -> Result<Format, Problem> {
        let answered = Answered::read(raw).map_err(|error| problem("not-answered", "", &error.to_string()))?;
        self.message(&adjutant_mail::facts_verified(&answered.message, &answered.dns), tape, problems)
    }

    /// Of a message, the facts that it shows.
    fn message<'s>(&'s mut self, facts: &Facts, tape: &mut Tape<'s>, problems: &mut Vec<Problem>) -> Result<Format, Problem> {
        let unread = facts.unread.iter().map(|unread| problem(unread.why, "", &format!("could not be read: {}", unread.place)));
        problems.extend(unread);
        self.json.read(facts.json().as_bytes(), tape, problems).map(|()| Format::Mail)
    }

    fn line<'s>(&'s mut self, raw: &[u8], tape: &mut Tape<'s>, problems: &mut Vec<Problem>) -> Result<Format, Problem> {
        let text = String::from_utf8_lossy(raw);
        let text = checked(&text, raw, problems)?;
        if let Some(at) = embedded_json(text) {
            let inside = text.as_bytes().get(at..).unwrap_or(&[]);
            let before = problems.len();
            if self.json.read(inside, tape, problems).is_ok() {
                return Ok(Format::Json);
            }
            problems.truncate(before);
            tape.0.clear();
        }
        self.line.clear();
        self.line.object();
        let format = write_line(text, &mut self.line);
        self.line.write(tape);
        Ok(format)
    }
}

/// Whether a `[` begins a JSON list and not a bracketed word of a log line.
fn is_list(raw: &[u8]) -> bool {
    match raw.get(1..).unwrap_or(&[]).trim_ascii_start().first() {
        Some(b'{') => true,
        None | Some(b'[' | b']') => raw.last() == Some(&b']'),
        _ => false,
    }
}

/// Text that people could read: hardly any control characters.
fn checked<'t>(text: &'t str, raw: &[u8], problems: &mut Vec<Problem>) -> Result<&'t str, Problem> {
    let control = raw.iter().filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace()).count();
    let lost = text.len() != raw.len();
    if control > raw.len() / 16 || (lost && text.matches(char::REPLACEMENT_CHARACTER).count() > raw.len() / 8) {
        return Err(problem("binary", "", "the record is neither JSON nor text"));
    }
    if lost {
        problems.push(problem("invalid-utf-8", "", "some bytes are not UTF-8 and are read as U+FFFD; the raw record keeps them"));
    }
    Ok(text)
}

/// Where a JSON object begins that runs to the end of the line, as agents send it over syslog.
fn embedded_json(text: &str) -> Option<usize> {
    const BEFORE_MAX: usize = 256;
    let head = text.get(..text.floor_char_boundary(BEFORE_MAX)).unwrap_or(text);
    head.find('{').filter(|at| *at > 0 && text.ends_with('}'))
}

fn write_line(text: &str, builder: &mut Builder) -> Format {
    let mark = cef::find(text);
    let (head, body) = text.split_at_checked(mark.unwrap_or(0)).unwrap_or(("", text));
    let (header, message) = syslog::split(if mark.is_some() { head } else { text });
    if mark.is_some() && cef::write(body, builder).is_some() {
        if header.is_there() {
            header.write(builder);
        }
        return if body.starts_with("LEEF") { Format::Leef } else { Format::Cef };
    }
    let searched = message.get(..message.floor_char_boundary(SEARCHED_BYTES_MAX)).unwrap_or(message);
    pairs::write(searched, None, builder);
    if header.is_there() {
        header.write(builder);
    }
    builder.pair("text", message);
    Format::Text
}

impl Json {
    /// Reads JSON strictly, or else forgivingly.
    fn read<'s>(&'s mut self, raw: &[u8], tape: &mut Tape<'s>, problems: &mut Vec<Problem>) -> Result<(), Problem> {
        self.bytes.clear();
        self.bytes.extend_from_slice(raw);
        self.bytes.resize(raw.len() + INPUT_PADDING, 0);
        if simd_json::fill_tape_padded(&mut self.bytes, raw.len(), &mut self.buffers, tape).is_ok() {
            return Ok(());
        }
        tape.0.clear();
        forgiving(raw, &mut self.builder, problems)?;
        self.builder.write(tape);
        Ok(())
    }
}

fn forgiving(raw: &[u8], builder: &mut Builder, problems: &mut Vec<Problem>) -> Result<(), Problem> {
    let text = String::from_utf8_lossy(raw);
    builder.clear();
    let forgiven = loose::read(&text, builder)
        .map_err(|fault| problem("not-json", "", &format!("the record is not JSON: {} at byte {}", fault.what, fault.at)))?;
    let all = [
        (
            text.len() != raw.len() || matches!(text, std::borrow::Cow::Owned(_)),
            "invalid-utf-8",
            "some bytes are not UTF-8 and are read as U+FFFD; the raw record keeps them",
        ),
        (forgiven.surrogate, "lone-surrogate", "a surrogate without partner is read as U+FFFD"),
        (forgiven.not_a_number, "not-a-number", "`NaN` and `Infinity` are read as null"),
        (forgiven.huge_number, "huge-number", "a number beyond 64 bits is rounded"),
        (forgiven.too_deep, "too-deep", "what is nested too deeply is read as null"),
    ];
    problems.extend(all.iter().filter(|(seen, ..)| *seen).map(|(_, code, detail)| problem(code, "", detail)));
    Ok(())
}
