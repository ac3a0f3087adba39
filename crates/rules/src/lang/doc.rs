//! One parsed record, and where in it the paths of its source are.
//!
//! [`Found::fill`] walks the record's tape once: it follows the source's trie of paths and skips every other
//! value by the tape's own counts. Of a key that a record has twice the last one counts, and the path is
//! reported. Where a source tells the elements of a list apart by a key of theirs, as most ask several times
//! (`filter(e, e.type == "ip")`), the keys' places are noted once. The scratch is used again for the next record,
//! so that a record costs no allocation.

use super::collection::{field_of, nodes};
use super::paths::{Keyed, Paths, TrieNode};
use super::val::Val;
use simd_json::Node;

/// Where the paths of a source are in one record. Reused from record to record.
#[derive(Clone, Debug, Default)]
pub struct Found {
    at: Vec<u32>,
    duplicates: Vec<u16>,
    /// The lists that are told apart by a key, where that can be done.
    keyed: Vec<Option<List>>,
    /// The nodes of an element and of its key's text.
    elements: Vec<(u32, u32)>,
}

/// Where in [`Found::elements`] the elements of a list are that have its key.
#[derive(Clone, Copy, Debug)]
struct List {
    start: u32,
    len: u32,
    /// Whether every element has it.
    all: bool,
}

/// Longer lists are visited element by element, on the budget of the expression.
const ELEMENTS_MAX: usize = 1_000;

const NOWHERE: u32 = u32::MAX;

impl Found {
    /// Finds every path of `paths` in the value that begins at node `root` of `tape`.
    pub fn fill(&mut self, paths: &Paths, tape: &[Node<'_>], root: usize) {
        self.at.clear();
        self.at.resize(paths.len(), NOWHERE);
        self.duplicates.clear();
        self.keyed.clear();
        self.keyed.resize(paths.keyed_lists(), None);
        self.elements.clear();
        Walk { paths, tape, found: self }.value(root, 0);
    }

    /// The node of the record's tape where the path with this number is.
    pub fn node(&self, path: u16) -> Option<usize> {
        self.at.get(usize::from(path)).filter(|at| **at != NOWHERE).map(|at| *at as usize)
    }

    /// The bits of `each`, one word for each path, whose path the record has.
    pub fn bits(&self, each: &[u64]) -> u64 {
        // Without a branch, so that many paths are looked at once.
        self.at.iter().zip(each).fold(0, |bits, (at, of)| bits | if *at == NOWHERE { 0 } else { *of })
    }

    fn elements(&self, keyed: &Keyed) -> Option<&[(u32, u32)]> {
        let list = (*self.keyed.get(usize::from(keyed.list))?).filter(|list| list.all || keyed.guarded)?;
        self.elements.get(list.start as usize..)?.get(..list.len as usize)
    }

    /// The paths that the record states more than once.
    pub fn duplicates(&self) -> &[u16] {
        &self.duplicates
    }
}

/// One walk over a record.
struct Walk<'w, 'd> {
    paths: &'w Paths,
    tape: &'w [Node<'d>],
    found: &'w mut Found,
}

impl<'w> Walk<'w, '_> {
    fn trie(&self, trie: u32) -> Option<&'w TrieNode> {
        self.paths.nodes.get(trie as usize)
    }

    /// How many nodes the value at `at` takes.
    fn nodes(&self, at: usize) -> usize {
        self.tape.get(at..).map_or(1, nodes)
    }

    /// Recursion is as deep as the trie, which is as deep as an expression may nest.
    fn value(&mut self, at: usize, trie: u32) {
        let Some(node) = self.trie(trie) else { return };
        if let Some(place) = node.path.and_then(|path| self.found.at.get_mut(usize::from(path))) {
            *place = u32::try_from(at).unwrap_or(NOWHERE);
        }
        if let (Some(Node::Array { len, .. }), false) = (self.tape.get(at), node.keyed.is_empty()) {
            self.keyed(at, *len, node);
        }
        match self.tape.get(at) {
            Some(Node::Object { len, .. }) if !node.keys.is_empty() => self.object(at, *len, trie),
            Some(Node::Array { len, .. }) if !node.indices.is_empty() => self.array(at, *len, trie),
            _ => {}
        }
    }

    fn object(&mut self, at: usize, len: usize, trie: u32) {
        let Some(node) = self.trie(trie) else { return };
        let mut at = at.saturating_add(1);
        // One bit for each key that was seen, while the trie's numbers reach; past that, what was found tells.
        let mut seen = 0_u64;
        for _ in 0..len {
            let Some([Node::String(key), rest @ ..]) = self.tape.get(at..) else { return };
            let value = at.saturating_add(1);
            if let Some(child) = node.child(key) {
                let bit = 1_u64.checked_shl(child.wrapping_sub(trie)).unwrap_or(0);
                if seen & bit != 0 || (bit == 0 && self.is_found(child)) {
                    self.forget(child);
                }
                seen |= bit;
                self.value(value, child);
            }
            at = value.saturating_add(nodes(rest));
        }
    }

    fn array(&mut self, at: usize, len: usize, trie: u32) {
        let Some(node) = self.trie(trie) else { return };
        let (mut at, mut place) = (at.saturating_add(1), 0);
        for (index, child) in &node.indices {
            let index = *index as usize;
            if index >= len || at >= self.tape.len() {
                return;
            }
            while place < index {
                at = at.saturating_add(self.nodes(at));
                place += 1;
            }
            self.value(at, *child);
        }
    }

    /// Notes the elements of the list at `at` by the keys that tell them apart.
    fn keyed(&mut self, at: usize, len: usize, node: &TrieNode) {
        for (key, list) in &node.keyed {
            let noted = self.elements(at, len, key);
            if let Some(keyed) = self.found.keyed.get_mut(usize::from(*list)) {
                *keyed = noted;
            }
        }
    }

    /// Notes every element that has a text under `key`; none when one has something else there or is no object, for
    /// that one's condition may be unknown.
    fn elements(&mut self, at: usize, len: usize, key: &str) -> Option<List> {
        if len > ELEMENTS_MAX {
            return None;
        }
        let start = self.found.elements.len();
        let mut at = at.saturating_add(1);
        for _ in 0..len {
            let element = self.tape.get(at..)?;
            match field_of(element, key).map(|text| (text, element.get(text))) {
                Some((text, Some(Node::String(_)))) => {
                    let places = (u32::try_from(at).ok()?, u32::try_from(at.saturating_add(text)).ok()?);
                    self.found.elements.push(places);
                }
                None if matches!(element.first(), Some(Node::Object { .. })) => {}
                _ => return None,
            }
            at = at.saturating_add(nodes(element));
        }
        let noted = self.found.elements.len().saturating_sub(start);
        Some(List { start: u32::try_from(start).ok()?, len: u32::try_from(noted).ok()?, all: noted == len })
    }

    /// Whether any path through `trie` has been found.
    fn is_found(&self, trie: u32) -> bool {
        let Some(node) = self.trie(trie) else { return false };
        let here = node.path.is_some_and(|path| self.found.node(path).is_some());
        here || node.children().any(|child| self.is_found(child))
    }

    /// A key came again: what was found below its first value no longer counts.
    fn forget(&mut self, trie: u32) {
        let Some(node) = self.trie(trie) else { return };
        if let Some(path) = node.path {
            if let Some(place) = self.found.at.get_mut(usize::from(path)) {
                *place = NOWHERE;
            }
            if !self.found.duplicates.contains(&path) {
                self.found.duplicates.push(path);
            }
        }
        for (_, list) in &node.keyed {
            if let Some(keyed) = self.found.keyed.get_mut(usize::from(*list)) {
                *keyed = None;
            }
        }
        node.children().for_each(|child| self.forget(child));
    }
}

/// One parsed record with the places of its source's paths.
#[derive(Clone, Copy, Debug)]
pub struct Doc<'d> {
    tape: &'d [Node<'d>],
    found: &'d Found,
}

impl<'d> Doc<'d> {
    /// The record `tape`, of which `found` was filled.
    pub fn new(tape: &'d [Node<'d>], found: &'d Found) -> Self {
        Self { tape, found }
    }

    /// The first node of the value at the path with this number.
    pub(super) fn node(&self, path: u16) -> Option<&'d Node<'d>> {
        self.found.node(path).and_then(|at| self.tape.get(at))
    }

    /// The value at the path with this number; `None` when the record has no such path.
    pub fn value(&self, path: u16) -> Option<Val<'d>> {
        self.found.node(path).and_then(|at| self.tape.get(at..)).map(Val::from_tape)
    }

    /// The elements of a list whose key is one of `wanted`; `None` when that cannot be told of every element.
    pub(super) fn elements_with(&self, keyed: &'d Keyed) -> Option<impl Iterator<Item = Val<'d>> + use<'d>> {
        let (elements, tape) = (self.found.elements(keyed)?, self.tape);
        let is_wanted = move |(_, text): &&(u32, u32)| match tape.get(*text as usize) {
            Some(Node::String(text)) => keyed.wanted.iter().any(|wanted| wanted.as_ref() == *text),
            _ => false,
        };
        Some(elements.iter().filter(is_wanted).filter_map(move |(at, _)| tape.get(*at as usize..)).map(Val::from_tape))
    }

    /// Whether the record has the path with this number.
    pub fn has(&self, path: u16) -> bool {
        self.found.node(path).is_some()
    }

    /// Where the paths are.
    pub fn found(&self) -> &'d Found {
        self.found
    }
}

/// The keys of the object that begins at node `root` of `tape`, each with the node of its value.
pub fn top_keys<'t, 'd>(tape: &'t [Node<'d>], root: usize) -> impl Iterator<Item = (&'d str, usize)> + 't {
    let len = match tape.get(root) {
        Some(Node::Object { len, .. }) => *len,
        _ => 0,
    };
    let mut at = root.saturating_add(1);
    (0..len).map_while(move |_| {
        let Some(Node::String(key)) = tape.get(at) else { return None };
        let value = at.saturating_add(1);
        at = value.saturating_add(tape.get(value..).map_or(1, nodes));
        Some((*key, value))
    })
}
