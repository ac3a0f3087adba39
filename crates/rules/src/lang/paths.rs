//! The raw paths that a source's expressions read, interned into one trie.
//!
//! Each path has a small number, which is also how a field's cell remembers where its value came from.
//! The trie is what lets one walk over a record find all of them and skip everything else.

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
    /// Their numbers by fingerprint.
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
        let mut alike = self.index.of(key).filter_map(|number| self.keys.get(usize::from(number)));
        alike.find(|(known, _)| same(known, key)).map(|(_, node)| *node)
    }

    /// Adds a key; false when there are too many.
    fn add(&mut self, key: &str, node: u32) -> bool {
        let Ok(number) = u16::try_from(self.keys.len()) else { return false };
        self.keys.push((key.into(), node));
        self.index.add(key, number);
        true
    }
}

/// The length of a key with its first, middle and last byte: keys of one object rarely share it.
#[inline]
fn fingerprint(key: &str) -> u32 {
    let bytes = key.as_bytes();
    let at = |place: usize| bytes.get(place).copied().unwrap_or(0);
    u32::from_le_bytes([bytes.len() as u8, at(0), at(bytes.len() / 2), at(bytes.len().saturating_sub(1))])
}

/// Numbers by fingerprint, in a table with open addressing that is mostly empty: the keys of a record that are on no path
/// are told by one look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// Fingerprint and number; as many as a power of two.
    places: Vec<Option<(u32, u16)>>,
    taken: usize,
}

impl Index {
    /// The numbers under the fingerprint of `key`.
    #[inline]
    pub(crate) fn of(&self, key: &str) -> impl Iterator<Item = u16> + '_ {
        self.numbers(fingerprint(key))
    }

    #[inline]
    fn numbers(&self, fingerprint: u32) -> impl Iterator<Item = u16> + '_ {
        let mut at = self.first(fingerprint);
        std::iter::from_fn(move || {
            loop {
                let (known, number) = (*self.places.get(at)?)?;
                at = at.wrapping_add(1) & self.places.len().wrapping_sub(1);
                if known == fingerprint {
                    return Some(number);
                }
            }
        })
    }

    fn first(&self, fingerprint: u32) -> usize {
        let spread = fingerprint.wrapping_mul(0x9e37_79b1);
        (spread >> 16) as usize & self.places.len().wrapping_sub(1)
    }

    /// Adds `number` under the fingerprint of `key`.
    pub(crate) fn add(&mut self, key: &str, number: u16) {
        if self.taken * 4 >= self.places.len() {
            let larger = vec![None; (self.places.len() * 2).max(16)];
            for (fingerprint, number) in std::mem::replace(&mut self.places, larger).into_iter().flatten() {
                self.put(fingerprint, number);
            }
        }
        self.put(fingerprint(key), number);
        self.taken += 1;
    }

    fn put(&mut self, fingerprint: u32, number: u16) {
        let first = self.first(fingerprint).min(self.places.len());
        let (before, after) = self.places.split_at_mut(first);
        if let Some(free) = after.iter_mut().chain(before).find(|place| place.is_none()) {
            *free = Some((fingerprint, number));
        }
    }
}

/// Whether two keys are the same. They are short: calling for a comparison of memory takes longer than comparing.
#[inline]
pub(crate) fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let ends = |bytes: &[u8]| Some((u64::from_le_bytes(*bytes.first_chunk()?), u64::from_le_bytes(*bytes.last_chunk()?)));
    a.len() == b.len()
        && match (a.len(), ends(a), ends(b)) {
            (..=16, Some(a), Some(b)) => a == b,
            (..=7, ..) => a.iter().zip(b).all(|(a, b)| a == b),
            _ => a == b,
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
