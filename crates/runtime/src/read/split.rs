//! Cuts a stream of text into records, whatever mixture of formats it carries.
//!
//! A record is one JSON object (on a line of its own, over many lines, in a row with others, inside a top-level array
//! or inside an envelope), or else one line of text; a stream that begins like a message of mail is one record. What cannot
//! be cut is a [`Fault`] with its line; nothing is
//! skipped silently. The cuts depend on the bytes alone, never on how many of them came with one read.

use super::envelope::{self, Envelope};
use super::scan::{Scan, Scanner, is_whole_object};
use super::{Fault, RECORD_BYTES_MAX, Record};
use adjutant_mail::{Verdict, verdict};
use memchr::{memchr, memchr_iter, memrchr};

/// The records and faults of some bytes, in order.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    pub(super) records: Vec<Record>,
    pub(super) faults: Vec<Fault>,
}

/// Where the stream stands between two calls.
#[derive(Debug)]
pub(super) struct Splitter {
    /// Line of the first byte not consumed yet; 1 for the first.
    line: u64,
    /// The line where the open top-level array began.
    array: Option<u64>,
    /// That array is inside an envelope, which goes on behind it.
    in_envelope: bool,
    /// A value of that array broke off, so its end may have been lost with it.
    array_hurt: bool,
    /// A record already ended on this line, so the rest of it is walked exactly.
    mid_line: bool,
    /// A JSON value came before: a comma may follow.
    after_value: bool,
    /// A value broke off: lines that can only be its remains belong to it.
    remains: bool,
    skip: Skip,
    salvage: Option<Salvage>,
    scanner: Scanner,
    /// Where the next line ending is in the bytes at hand, once looked for.
    newline: Option<usize>,
    longest: usize,
    stream: Stream,
    /// Nothing came yet but what stands between records.
    blank: bool,
}

/// What a stream is as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    /// Not looked at yet.
    New,
    /// Records.
    Records,
    /// One message of mail, which is one record, whatever is in it.
    Message,
    /// A message that was too long.
    Passed,
}

/// What is being passed over because its fault is told already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skip {
    Nothing,
    Line,
    Value,
    /// What stands behind the records of an envelope, which end on this line.
    Tail(u64),
}

/// A value that broke off and is taken apart line by line.
#[derive(Clone, Copy, Debug)]
struct Salvage {
    /// Its bytes that are not looked at yet.
    left: usize,
    /// Why it broke off.
    why: &'static str,
    /// Whether that was told of the lines since the last record in it.
    told: bool,
}

/// What the stream offers for one call.
#[derive(Clone, Copy)]
struct View<'a> {
    bytes: &'a [u8],
    last: bool,
}

impl View<'_> {
    fn rest(&self, at: usize) -> &[u8] {
        self.bytes.get(at..).unwrap_or(&[])
    }
}

impl Default for Splitter {
    fn default() -> Self {
        Self::with_longest(RECORD_BYTES_MAX)
    }
}

impl Splitter {
    /// A splitter that takes records of up to `longest` bytes.
    pub(super) fn with_longest(longest: usize) -> Self {
        Self {
            line: 1,
            array: None,
            in_envelope: false,
            array_hurt: false,
            mid_line: false,
            after_value: false,
            remains: false,
            skip: Skip::Nothing,
            salvage: None,
            scanner: Scanner::default(),
            newline: None,
            longest,
            stream: Stream::New,
            blank: true,
        }
    }

    /// Cuts `bytes`, which follow those consumed before, into `most` records and faults or fewer; returns how many bytes
    /// are done with. `last` says that nothing follows them.
    pub(super) fn split(&mut self, bytes: &[u8], last: bool, most: usize, cuts: &mut Cuts) -> usize {
        let view = View { bytes, last };
        self.newline = None;
        if let Some(done) = self.message(view, cuts) {
            return done;
        }
        let mut at = 0;
        while let Some(next) = self.step(view, at, cuts) {
            at = next;
            if cuts.len() >= most {
                return at;
            }
        }
        if last
            && let Some(line) = self.array.take()
            && !self.array_hurt
        {
            cuts.fault(line, "unclosed-array", "the array that begins here is never closed".into());
        }
        if let (true, Skip::Tail(line)) = (last, self.skip) {
            self.skip = Skip::Nothing; // told once, even if this call is the one that fills a chunk
            cuts.fault(line, "broken-json", "the object that the records are in is never closed".into());
        }
        at
    }

    /// Cuts a stream that is a message of mail; `None` when it is none.
    fn message(&mut self, view: View<'_>, cuts: &mut Cuts) -> Option<usize> {
        if self.stream == Stream::New {
            // A beginning longer than a record may be is none of a message, however many bytes came with it.
            let start = view.bytes.get(..self.longest).unwrap_or(view.bytes);
            self.stream = match verdict(start, view.last && start.len() == view.bytes.len()) {
                Verdict::More if start.len() < self.longest => return Some(0),
                Verdict::Yes => Stream::Message,
                Verdict::More | Verdict::No => Stream::Records,
            };
        }
        let all = view.bytes.len();
        self.blank &= matches!(self.stream, Stream::New | Stream::Records);
        match self.stream {
            Stream::New | Stream::Records => None,
            Stream::Passed => Some(all),
            Stream::Message if all > self.longest => {
                self.too_long(cuts);
                self.stream = Stream::Passed;
                Some(all)
            }
            Stream::Message if view.last && all > 0 => Some(self.record(view, 0, all, cuts)),
            Stream::Message => Some(0),
        }
    }

    /// Whether there was nothing but what stands between records.
    pub(super) fn is_blank(&self) -> bool {
        self.blank
    }

    /// Line of the first byte not consumed yet.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Cuts the next record, fault or blank from `at`; returns where it ends, or `None` to wait for more bytes.
    fn step(&mut self, view: View<'_>, at: usize, cuts: &mut Cuts) -> Option<usize> {
        if let Some(salvage) = self.salvage.take() {
            return Some(self.salvage_line(view, at, salvage, cuts));
        }
        match self.skip {
            Skip::Line => return self.skip_line(view, at),
            Skip::Value | Skip::Tail(_) => return self.skip_value(view, at, cuts),
            Skip::Nothing => {}
        }
        let start = self.skip_blank(view, at);
        if start > at || self.skip != Skip::Nothing {
            return Some(start);
        }
        let first = *view.bytes.get(at)?;
        self.blank = false;
        if self.remains && matches!(first, b'"' | b'}' | b']' | b':') {
            self.skip = Skip::Line;
            return Some(at);
        }
        match first {
            b'{' if self.array.is_none() && envelope::may_begin(view.rest(at)) => match self.envelope(view, at) {
                Some(opened) => opened,
                None => self.object(view, at, cuts),
            },
            b'{' => self.object(view, at, cuts),
            b'[' if self.array.is_none() => self.array_or_text(view, at, cuts),
            b'[' => self.object(view, at, cuts),
            _ if self.array.is_some() => self.element(view, at, cuts),
            _ => self.text(view, at, cuts),
        }
    }

    /// Passes over white space, byte order marks, the commas between JSON values and the end of an array.
    fn skip_blank(&mut self, view: View<'_>, mut at: usize) -> usize {
        while let Some(&byte) = view.bytes.get(at) {
            at += match byte {
                b'\n' => {
                    self.line += 1;
                    self.mid_line = false;
                    1
                }
                b' ' | b'\t' | b'\r' | 0x0c | 0x1e => 1, // 0x1e: RFC 7464 text sequences
                b',' if self.after_value || self.array.is_some() => 1,
                b']' if self.array.is_some() && !self.remains => {
                    self.array = None;
                    if std::mem::take(&mut self.in_envelope) {
                        self.scanner.restart_inside_object();
                        self.skip = Skip::Tail(self.line);
                        return at + 1;
                    }
                    1
                }
                0xef if view.rest(at).starts_with(b"\xef\xbb\xbf") => 3,
                _ => break,
            };
        }
        at
    }

    fn skip_line(&mut self, view: View<'_>, at: usize) -> Option<usize> {
        let Some(newline) = self.newline_from(view, at) else {
            return (at < view.bytes.len()).then_some(view.bytes.len());
        };
        self.skip = Skip::Nothing;
        Some(newline)
    }

    fn skip_value(&mut self, view: View<'_>, at: usize, cuts: &mut Cuts) -> Option<usize> {
        let (rest, was) = (view.rest(at), self.skip);
        let (skip, len) = match self.scanner.feed(rest) {
            Scan::End(len) => (Skip::Nothing, len),
            Scan::Broken(len, why) => {
                if let Skip::Tail(line) = was {
                    cuts.fault(line, "broken-json", format!("behind the records of an object: {why}"));
                }
                (Skip::Line, len)
            }
            Scan::More => (was, rest.len()),
        };
        self.skip = skip;
        self.mid_line = true;
        self.after_value = true;
        self.pass(view, at, at + len);
        (len > 0 || skip != was).then_some(at + len)
    }

    /// Opens the envelope at `at`, if there is one: its array's elements are the records.
    fn envelope(&mut self, view: View<'_>, at: usize) -> Option<Option<usize>> {
        let rest = view.rest(at);
        let window = rest.get(..self.longest).unwrap_or(rest);
        let at_end = view.last || rest.len() > self.longest;
        match envelope::find(window, at_end) {
            Envelope::No => None,
            Envelope::Wait => Some(None),
            Envelope::Opens(len) => {
                let inside = self.pass(view, at, at + len);
                (self.array, self.in_envelope) = (Some(self.line), true);
                (self.array_hurt, self.remains, self.after_value, self.mid_line) = (false, false, true, true);
                Some(Some(inside))
            }
        }
    }

    fn object(&mut self, view: View<'_>, at: usize, cuts: &mut Cuts) -> Option<usize> {
        if !self.mid_line {
            match self.line_end(view, at) {
                Some(end) if end - at <= self.longest => {
                    if let Some(len) = whole_object(&view.bytes[at..end], self.array.is_some()) {
                        return Some(self.record(view, at, at + len, cuts));
                    }
                }
                None if view.bytes.len() - at <= self.longest => return None,
                _ => {}
            }
        }
        let window = &view.rest(at)[..self.longest.min(view.bytes.len() - at)];
        self.scanner.restart();
        match self.scanner.feed(window) {
            Scan::End(len) => Some(self.record(view, at, at + len, cuts)),
            Scan::Broken(len, why) => self.broken(view, at, at + len, why, cuts),
            Scan::More if view.bytes.len() - at > self.longest => {
                self.too_long(cuts);
                self.skip = Skip::Value;
                Some(self.pass(view, at, at + window.len()))
            }
            Scan::More if view.last => {
                self.broken(view, at, view.bytes.len(), "the value that begins here is never closed", cuts)
            }
            Scan::More => None,
        }
    }

    /// A `[` opens an array of records when an object follows, an empty one when `]` does; else it is text.
    fn array_or_text(&mut self, view: View<'_>, at: usize, cuts: &mut Cuts) -> Option<usize> {
        let rest = view.rest(at + 1);
        let rest = rest.get(..self.longest).unwrap_or(rest);
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        match rest.get(blank) {
            Some(b'{' | b']') => {
                self.array = Some(self.line);
                self.in_envelope = false;
                self.array_hurt = false;
                self.remains = false;
                self.after_value = true;
                Some(at + 1)
            }
            None if !view.last && rest.len() < self.longest => None,
            _ => self.text(view, at, cuts),
        }
    }

    /// A value without brackets inside an array: a record up to the next comma, bracket or line ending.
    fn element(&mut self, view: View<'_>, at: usize, cuts: &mut Cuts) -> Option<usize> {
        let rest = view.rest(at);
        match rest.iter().position(|byte| matches!(byte, b',' | b']' | b'\n')) {
            Some(len) if len <= self.longest => Some(self.record(view, at, at + len, cuts)),
            None if view.last && rest.len() <= self.longest => Some(self.record(view, at, view.bytes.len(), cuts)),
            None if rest.len() <= self.longest => None,
            _ => self.skip_too_long_line(cuts, at),
        }
    }

    fn text(&mut self, view: View<'_>, at: usize, cuts: &mut Cuts) -> Option<usize> {
        match self.line_end(view, at) {
            Some(end) if end - at <= self.longest => {
                let line = view.bytes[at..end].trim_ascii_end();
                let after = self.record(view, at, at + line.len(), cuts);
                self.after_value = false;
                Some(after)
            }
            None if view.bytes.len() - at <= self.longest => None,
            _ => self.skip_too_long_line(cuts, at),
        }
    }

    fn record(&mut self, view: View<'_>, start: usize, end: usize, cuts: &mut Cuts) -> usize {
        cuts.records.push(Record::new(start, end, self.line));
        self.mid_line = true;
        self.after_value = true;
        self.remains = false;
        self.pass(view, start, end)
    }

    fn too_long(&mut self, cuts: &mut Cuts) {
        self.remains = false;
        let detail = format!("the record that begins here is longer than {} bytes and was skipped", self.longest);
        cuts.fault(self.line, "too-long", detail);
    }

    fn skip_too_long_line(&mut self, cuts: &mut Cuts, at: usize) -> Option<usize> {
        self.too_long(cuts);
        self.skip = Skip::Line;
        Some(at)
    }

    /// Takes a value apart that breaks off at `bad`: whole lines inside it are records of their own, the rest is
    /// one fault for each piece.
    fn broken(&mut self, view: View<'_>, at: usize, bad: usize, why: &'static str, cuts: &mut Cuts) -> Option<usize> {
        let newline_is_bad = usize::from(view.bytes.get(bad) == Some(&b'\n'));
        let inside = &view.bytes[at..bad + newline_is_bad];
        let lines_end = if bad == view.bytes.len() { Some(bad) } else { memrchr(b'\n', inside).map(|newline| at + newline + 1) };
        self.remains = true;
        self.after_value = true;
        // An array on one line ends with it; one over many lines goes on, but nobody can tell where it closes.
        self.array = self.array.filter(|line| *line != self.line);
        self.array_hurt = true;
        if let Some(end) = lines_end {
            self.salvage = Some(Salvage { left: end - at, why, told: false });
            return Some(at);
        }
        // It breaks off on its first line, of which the rest cannot be trusted.
        cuts.fault(self.line, "broken-json", why.into());
        self.skip = Skip::Line;
        Some(at)
    }

    /// Takes the next line of a value that broke off: a record, or part of what is told once.
    fn salvage_line(&mut self, view: View<'_>, at: usize, salvage: Salvage, cuts: &mut Cuts) -> usize {
        let Salvage { left, why, mut told } = salvage;
        let end = at + left;
        let line_end = memchr(b'\n', &view.bytes[at..end]).map_or(end, |newline| at + newline);
        let line = &view.bytes[at..line_end];
        let blank = line.len() - line.trim_ascii_start().len();
        match whole_object(&line[blank..], true) {
            Some(len) => {
                cuts.records.push(Record::new(at + blank, at + blank + len, self.line));
                told = false;
            }
            None if told || line.trim_ascii().is_empty() => {}
            None => {
                cuts.fault(self.line, "broken-json", why.into());
                told = true;
            }
        }
        let next = (line_end + 1).min(end);
        if next < end {
            self.salvage = Some(Salvage { left: end - next, why, told });
        } else {
            self.mid_line = false;
        }
        self.pass(view, at, next)
    }

    /// Counts the lines of what is done with, unless the line is known to go on.
    fn pass(&mut self, view: View<'_>, from: usize, to: usize) -> usize {
        if self.newline.is_some_and(|newline| to <= newline) {
            return to;
        }
        self.line += memchr_iter(b'\n', &view.bytes[from..to]).count() as u64;
        to
    }

    /// Where the line of `at` ends: at its line ending or, at last, with the stream.
    fn line_end(&mut self, view: View<'_>, at: usize) -> Option<usize> {
        self.newline_from(view, at).or(view.last.then_some(view.bytes.len()))
    }

    fn newline_from(&mut self, view: View<'_>, at: usize) -> Option<usize> {
        let found = match self.newline {
            Some(newline) if newline >= at => newline,
            _ => memchr(b'\n', view.rest(at)).map_or(view.bytes.len(), |newline| at + newline),
        };
        self.newline = Some(found);
        (found < view.bytes.len()).then_some(found)
    }
}

impl Cuts {
    /// How many records and faults there are.
    pub(super) fn len(&self) -> usize {
        self.records.len() + self.faults.len()
    }

    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.faults.clear();
    }

    pub(super) fn fault(&mut self, line: u64, code: &'static str, detail: String) {
        self.faults.push(Fault { line, code, detail, before: self.records.len() });
    }
}

/// The length of the object that `line` consists of, but for white space, a comma and, in an array, its end.
fn whole_object(line: &[u8], in_array: bool) -> Option<usize> {
    let mut end = line.trim_ascii_end();
    end = end.strip_suffix(b",").unwrap_or(end).trim_ascii_end();
    if in_array {
        end = end.strip_suffix(b"]").unwrap_or(end).trim_ascii_end();
    }
    let object = end.len() > 1 && end.starts_with(b"{") && end.ends_with(b"}");
    let whole = object && (is_whole_object(end) || Scanner::default().feed(end) == Scan::End(end.len()));
    whole.then_some(end.len())
}

#[cfg(test)]
mod tests;
