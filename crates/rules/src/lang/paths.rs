//! The raw paths that a source's expressions read, interned into one trie.
//!
//! Each path has a small number, which is also how a field's cell remembers where its value came from.
//! The trie is what lets one walk over a record find all of them and skip everything else.

use super::keys::Index;

/// The most paths that one source may read.
pub const PATHS_MAX: usize = 4096;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The value of an object's key.
    Key(String),
    /// An element of an array, from 0.
    Index(u32),
}

/// The paths of one source.
#[derive(Clone, Debug)]
pub struct Paths {
    texts: Vec<String>,
    pub(super) nodes: Vec<TrieNode>,
    keyed: u16,
}

/// A macro over a list of the record whose condition is false but where an element's key has one of these values.
#[derive(Clone, Debug)]
pub(super) struct Keyed {
    /// The list and the key, as its source's paths number them.
    pub list: u16,
    pub wanted: Box<[Box<str>]>,
    /// Whether the condition is false, and not unknown, for an element without the key.
    pub guarded: bool,
}

/// A place in records that some path goes through.
#[derive(Clone, Debug, Default)]
pub(super) struct TrieNode {
    /// The path that ends here.
    pub path: Option<u16>,
    /// Keys that paths go on with.
    pub keys: Vec<(Box<str>, u32)>,
    /// Their numbers.
    index: Index,
    /// Keys by which the elements of the list here are told apart, each with the number of list and key.
    pub keyed: Vec<(Box<str>, u16)>,
    /// Indices that paths go on with, ascending.
    pub indices: Vec<(u32, u32)>,
}

impl TrieNode {
    /// The places that any step leads to.
    pub(super) fn children(&self) -> impl Iterator<Item = u32> + '_ {
        let keys = self.keys.iter().map(|(_, child)| *child);
        keys.chain(self.indices.iter().map(|(_, child)| *child))
    }

    /// The place that `key` leads to.
    #[inline]
    pub(super) fn child(&self, key: &str) -> Option<u32> {
        let number = self.index.find(key, |number| self.keys.get(number).is_some_and(|(known, _)| known.as_ref() == key))?;
        self.keys.get(number).map(|(_, node)| *node)
    }

    /// Adds a key; false when there are too many.
    fn add(&mut self, key: &str, node: u32) -> bool {
        let Ok(number) = u16::try_from(self.keys.len()) else { return false };
        self.keys.push((key.into(), node));
        self.index.add(key, number);
        true
    }
}

impl Default for Paths {
    fn default() -> Self {
        Self { texts: Vec::new(), nodes: vec![TrieNode::default()], keyed: 0 }
    }
}

impl Paths {
    /// No paths yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of the path with these steps; `None` when the source has too many.
    pub fn intern(&mut self, steps: &[Step]) -> Option<u16> {
        let mut at = 0;
        for step in steps {
            at = self.child_or_new(at, step)?;
        }
        let next = u16::try_from(self.texts.len()).ok().filter(|next| usize::from(*next) < PATHS_MAX)?;
        let node = self.nodes.get_mut(at)?;
        if node.path.is_none() {
            node.path = Some(next);
            self.texts.push(text_of(steps));
        }
        node.path
    }

    fn child_or_new(&mut self, at: usize, step: &Step) -> Option<usize> {
        let new = u32::try_from(self.nodes.len()).ok()?;
        let node = self.nodes.get_mut(at)?;
        let found = match step {
            Step::Key(key) => node.child(key),
            Step::Index(index) => node.indices.iter().find(|(known, _)| known == index).map(|(_, node)| *node),
        };
        if let Some(found) = found {
            return Some(found as usize);
        }
        match step {
            Step::Key(key) if !node.add(key, new) => return None,
            Step::Key(_) => {}
            Step::Index(index) => {
                let place = node.indices.partition_point(|(known, _)| known < index);
                node.indices.insert(place, (*index, new));
            }
        }
        self.nodes.push(TrieNode::default());
        Some(new as usize)
    }

    /// The number of the list at `path` whose elements are told apart by `key`; `None` when there are too many.
    pub(super) fn keyed_list(&mut self, path: u16, key: &str) -> Option<u16> {
        let node = self.nodes.iter_mut().find(|node| node.path == Some(path))?;
        if let Some((_, list)) = node.keyed.iter().find(|(known, _)| known.as_ref() == key) {
            return Some(*list);
        }
        let list = self.keyed;
        self.keyed = list.checked_add(1)?;
        node.keyed.push((key.into(), list));
        Some(list)
    }

    /// How many lists are told apart by a key.
    pub(super) fn keyed_lists(&self) -> usize {
        usize::from(self.keyed)
    }

    /// The path with number `path` as the book writes it, without `raw.`; empty for the whole record.
    pub fn text(&self, path: u16) -> &str {
        self.texts.get(usize::from(path)).map_or("", String::as_str)
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

/// `actor.alternateId`, `target[0].name`, `detail["x-y"]`.
fn text_of(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Key(key) if is_name(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Step::Key(key) => text.push_str(&format!("[{key:?}]")),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

fn is_name(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
