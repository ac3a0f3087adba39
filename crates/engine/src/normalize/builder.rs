//! Builds a record's tape piece by piece, for the formats that are not plain JSON.
//!
//! Texts go into one arena and nodes name them by range, so that building borrows nothing; when all is
//! read, [`Builder::write`] turns the pieces into the same tape that the JSON parser makes. Whatever the
//! input, the tape is well-formed: an object or array that was left open is closed.

use simd_json::{Node, StaticNode, Tape};
use std::ops::Range;

/// One node whose text is still a range of the arena.
#[derive(Clone, Debug)]
enum Piece {
    Text(Range<usize>),
    Static(StaticNode),
    Object { len: usize, count: usize },
    Array { len: usize, count: usize },
}

/// A tape in the making.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pieces: Vec<Piece>,
    text: String,
    open: Vec<usize>,
}

impl Builder {
    /// Forgets everything, keeping the memory.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.text.clear();
        self.open.clear();
    }

    /// Begins an object; its keys and values follow in turn.
    pub(super) fn object(&mut self) {
        self.child();
        self.open.push(self.pieces.len());
        self.pieces.push(Piece::Object { len: 0, count: 0 });
    }

    /// Begins an array.
    pub(super) fn array(&mut self) {
        self.child();
        self.open.push(self.pieces.len());
        self.pieces.push(Piece::Array { len: 0, count: 0 });
    }

    /// Ends the innermost object or array.
    pub(super) fn end(&mut self) {
        let Some(start) = self.open.pop() else { return };
        let inside = self.pieces.len().saturating_sub(start + 1);
        if let Some(Piece::Object { count, .. } | Piece::Array { count, .. }) = self.pieces.get_mut(start) {
            *count = inside;
        }
    }

    /// How many objects and arrays are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Whether the innermost open thing is an object (none: no).
    pub(super) fn in_object(&self) -> bool {
        self.open.last().is_some_and(|at| matches!(self.pieces.get(*at), Some(Piece::Object { .. })))
    }

    /// Writes a key; the next thing is its value.
    pub(super) fn key(&mut self, key: &str) {
        let range = self.keep(key);
        self.pieces.push(Piece::Text(range));
    }

    /// Writes a text value.
    pub(super) fn string(&mut self, text: &str) {
        self.child();
        self.key(text);
    }

    /// Writes a number, truth value or null.
    pub(super) fn fixed(&mut self, value: StaticNode) {
        self.child();
        self.pieces.push(Piece::Static(value));
    }

    /// Writes a key and its text.
    pub(super) fn pair(&mut self, key: &str, text: &str) {
        self.key(key);
        self.string(text);
    }

    /// Where a text that is written with [`Builder::push_char`] begins.
    pub(super) fn begin_text(&self) -> usize {
        self.text.len()
    }

    /// Adds one character to the text that was begun.
    pub(super) fn push_char(&mut self, c: char) {
        self.text.push(c);
    }

    /// Adds to the text that was begun.
    pub(super) fn push_str(&mut self, part: &str) {
        self.text.push_str(part);
    }

    /// The text since `start` becomes a key.
    pub(super) fn end_key(&mut self, start: usize) {
        self.pieces.push(Piece::Text(start..self.text.len()));
    }

    /// The text since `start` becomes a value.
    pub(super) fn end_string(&mut self, start: usize) {
        self.child();
        self.end_key(start);
    }

    /// Closes what is open and writes the nodes to `tape`.
    pub(super) fn write<'a>(&'a mut self, tape: &mut Tape<'a>) {
        while !self.open.is_empty() {
            self.end();
        }
        let text = self.text.as_str();
        tape.0.clear();
        tape.0.extend(self.pieces.iter().map(|piece| match piece {
            Piece::Text(range) => Node::String(text.get(range.clone()).unwrap_or("")),
            Piece::Static(value) => Node::Static(*value),
            Piece::Object { len, count } => Node::Object { len: *len, count: *count },
            Piece::Array { len, count } => Node::Array { len: *len, count: *count },
        }));
    }

    fn keep(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    /// Counts a value in what holds it.
    fn child(&mut self) {
        if let Some(Piece::Object { len, .. } | Piece::Array { len, .. }) =
            self.open.last().and_then(|at| self.pieces.get_mut(*at))
        {
            *len += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tape_is_the_one_the_parser_makes() {
        let mut builder = Builder::default();
        builder.object();
        builder.pair("a", "x");
        builder.key("b");
        builder.array();
        builder.fixed(StaticNode::I64(1));
        builder.object();
        builder.end();
        builder.end();
        builder.key("c");
        builder.fixed(StaticNode::Null);
        let mut built = Tape::null();
        builder.write(&mut built);
        let mut json = br#"{"a":"x","b":[1,{}],"c":null}"#.to_vec();
        let parsed = simd_json::to_tape(&mut json).unwrap();
        assert_eq!(built.0, parsed.0);
    }
}
