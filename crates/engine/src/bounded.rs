//! A map with an upper bound that forgets what was used least recently, and says that it forgot.
//!
//! All history is kept in such maps, so that memory stays flat however long the stream is. A miss after
//! something was forgotten must never be read as "never seen": [`Bounded::miss`] tells which it is.
//! Order of use decides what is forgotten, never the hasher, so that replay forgets the same. The order is exact to
//! an eighth of the entries: moving an entry touches four others, so one that was moved lately is left where it is.

use adjutant_model::Why;
use hashbrown::HashTable;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NONE: u32 = u32::MAX;

struct Node<T> {
    key: u64,
    newer: u32,
    older: u32,
    /// The use at which it was last moved to the front.
    moved: u32,
    value: T,
}

/// An entry is moved again after so many uses for each entry: one for eight.
const LATELY: usize = 8;

/// A least-recently-used map from keyed hashes to `T`.
pub struct Bounded<T> {
    /// The number of each key's node; a key is its own hash.
    index: HashTable<u32>,
    nodes: Vec<Node<T>>,
    newest: u32,
    oldest: u32,
    limit: usize,
    /// Uses so far; begins again at zero after the last number.
    uses: u32,
    forgotten: u64,
    last_forgotten: Option<T>,
}

impl<T: Default> Bounded<T> {
    /// A map of at most `limit` entries (at least one).
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, NONE as usize - 1);
        Self {
            index: HashTable::new(),
            nodes: Vec::new(),
            newest: NONE,
            oldest: NONE,
            limit,
            uses: 0,
            forgotten: 0,
            last_forgotten: None,
        }
    }

    /// The entry of `key`, as it is.
    pub fn get(&self, key: u64) -> Option<&T> {
        self.nodes.get(self.find(key)? as usize).map(|node| &node.value)
    }

    /// Whether there is an entry of `key`.
    pub fn holds(&self, key: u64) -> bool {
        self.find(key).is_some()
    }

    /// The entry of `key`, to change without counting as a use.
    pub fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        let at = self.find(key)?;
        self.nodes.get_mut(at as usize).map(|node| &mut node.value)
    }

    /// The entry of `key`, made if it is new, and whether it was there. Counts as a use.
    pub fn touch(&mut self, key: u64) -> (&mut T, bool) {
        let (at, known) = match self.find(key) {
            Some(at) => (at, true),
            None => (self.insert(key), false),
        };
        self.uses = self.uses.wrapping_add(1);
        if !known || !self.moved_lately(at) {
            self.move_to_front(at);
        }
        #[expect(clippy::indexing_slicing, reason = "`at` comes from the index, whose entries are nodes")]
        (&mut self.nodes[at as usize].value, known)
    }

    /// Why a key is not here: nothing was ever seen, or it may have been forgotten.
    pub fn miss(&self) -> Why {
        if self.forgotten > 0 { Why::Evicted } else { Why::NoHistory }
    }

    /// Whether anything was ever forgotten, so that a miss proves nothing.
    pub fn has_forgotten(&self) -> bool {
        self.forgotten > 0
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What [`touch`](Self::touch) forgot since this was last asked; only the latest.
    pub fn take_forgotten(&mut self) -> Option<T> {
        self.last_forgotten.take()
    }

    /// The same entries with another bound; the least recently used go when it is lower.
    pub fn with_limit(self, limit: usize) -> Self {
        let mut bounded = Self::new(limit);
        if bounded.limit == self.limit {
            return self;
        }
        bounded.forgotten = self.forgotten;
        let mut nodes: Vec<Option<Node<T>>> = self.nodes.into_iter().map(Some).collect();
        let mut at = self.oldest;
        while let Some(node) = nodes.get_mut(at as usize).and_then(Option::take) {
            *bounded.touch(node.key).0 = node.value;
            at = node.newer;
        }
        bounded
    }

    /// How many entries were forgotten so far.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn find(&self, key: u64) -> Option<u32> {
        self.index.find(key, |at| has_key(&self.nodes, *at, key)).copied()
    }

    fn moved_lately(&self, at: u32) -> bool {
        let lately = self.nodes.len() / LATELY;
        self.nodes.get(at as usize).is_some_and(|node| self.uses.wrapping_sub(node.moved) as usize <= lately)
    }

    fn insert(&mut self, key: u64) -> u32 {
        let at = if self.nodes.len() < self.limit {
            self.nodes.push(Node { key, newer: NONE, older: NONE, moved: 0, value: T::default() });
            (self.nodes.len() - 1) as u32
        } else {
            self.reuse_oldest(key)
        };
        let key_of = |at: &u32| self.nodes.get(*at as usize).map_or(0, |node| node.key);
        self.index.insert_unique(key, at, key_of);
        at
    }

    fn reuse_oldest(&mut self, key: u64) -> u32 {
        let at = self.oldest;
        self.unlink(at);
        if let Some(node) = self.nodes.get_mut(at as usize) {
            let old = std::mem::replace(&mut node.key, key);
            self.last_forgotten = Some(std::mem::take(&mut node.value));
            self.forgotten += 1;
            if let Ok(entry) = self.index.find_entry(old, |of| *of == at) {
                entry.remove();
            }
        }
        at
    }

    fn move_to_front(&mut self, at: u32) {
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.moved = self.uses;
        }
        if self.newest == at {
            return;
        }
        self.unlink(at);
        let previous = self.newest;
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.older = previous;
            node.newer = NONE;
        }
        match self.nodes.get_mut(previous as usize) {
            Some(node) => node.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }

    /// Whether the order leads through every node once, and back.
    fn is_in_order(&self) -> bool {
        let (mut at, mut older, mut seen) = (self.oldest, NONE, 0);
        while let Some(node) = self.nodes.get(at as usize).filter(|node| node.older == older && seen < self.nodes.len()) {
            (older, at, seen) = (at, node.newer, seen + 1);
        }
        at == NONE && older == self.newest && seen == self.nodes.len()
    }

    /// Takes a node out of the order; a node that is not in it is left alone.
    fn unlink(&mut self, at: u32) {
        let Some((newer, older)) = self.nodes.get(at as usize).map(|node| (node.newer, node.older)) else { return };
        match self.nodes.get_mut(newer as usize) {
            Some(node) => node.older = older,
            None if self.newest == at => self.newest = older,
            None => {}
        }
        match self.nodes.get_mut(older as usize) {
            Some(node) => node.newer = newer,
            None if self.oldest == at => self.oldest = newer,
            None => {}
        }
        if let Some(node) = self.nodes.get_mut(at as usize) {
            (node.newer, node.older) = (NONE, NONE);
        }
    }
}

fn has_key<T>(nodes: &[Node<T>], at: u32, key: u64) -> bool {
    nodes.get(at as usize).is_some_and(|node| node.key == key)
}

/// As the nodes stand in memory, with their order: whoever writes a snapshot stands still meanwhile, and following the order itself
/// would be a wait for memory at each. What is read back forgets in the same order.
impl<T: Serialize> Serialize for Bounded<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.limit, self.uses, self.forgotten, self.newest, self.oldest, Nodes(&self.nodes)).serialize(serializer)
    }
}

struct Nodes<'n, T>(&'n [Node<T>]);

impl<T: Serialize> Serialize for Nodes<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|node| (node.key, node.newer, node.older, node.moved, &node.value)))
    }
}

/// What was written of a [`Bounded`].
type Written<T> = (usize, u32, u64, u32, u32, Vec<(u64, u32, u32, u32, T)>);

impl<'de, T: Default + Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (limit, uses, forgotten, newest, oldest, nodes) = Written::<T>::deserialize(deserializer)?;
        let mut bounded = Self { newest, oldest, uses, forgotten, ..Self::new(limit) };
        let node = |(key, newer, older, moved, value)| Node { key, newer, older, moved, value };
        bounded.nodes = nodes.into_iter().map(node).collect();
        if bounded.nodes.len() > bounded.limit || !bounded.is_in_order() {
            return Err(D::Error::custom("entries that are in no order"));
        }
        let hash = |at: &u32| bounded.nodes.get(*at as usize).map_or(0, |node| node.key);
        bounded.index.reserve(bounded.nodes.len(), hash);
        for (at, node) in (0..).zip(&bounded.nodes) {
            bounded.index.insert_unique(node.key, at, hash);
        }
        Ok(bounded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(map: &Bounded<u32>) -> Vec<u64> {
        let at = |at: u32| map.nodes.get(at as usize);
        std::iter::successors(at(map.oldest), |node| at(node.newer)).map(|node| node.key).collect()
    }

    #[test]
    fn forgets_the_least_recently_used_and_says_so() {
        let mut map = Bounded::<u32>::new(3);
        for key in [1, 2, 3] {
            *map.touch(key).0 += 1;
        }
        assert_eq!(map.miss(), Why::NoHistory);
        assert!(map.touch(1).1);
        assert!(!map.touch(4).1);
        assert_eq!(keys(&map), [3, 1, 4]);
        assert_eq!((map.get(2), map.get(1), map.miss()), (None, Some(&1), Why::Evicted));
    }

    /// Against a plain list that does the same slowly.
    #[test]
    fn agrees_with_a_naive_list() {
        for limit in 1..6 {
            let mut map = Bounded::<u32>::new(limit);
            let mut list: Vec<u64> = Vec::new();
            let mut state = 7_u64;
            for _ in 0..2000 {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let key = (state >> 33) % 9;
                let known = list.contains(&key);
                list.retain(|k| *k != key);
                list.push(key);
                if list.len() > limit {
                    list.remove(0);
                }
                assert_eq!(map.touch(key).1, known);
                assert_eq!(keys(&map), list);
            }
        }
    }

    #[test]
    fn what_was_used_lately_stays() {
        const LIMIT: usize = 64;
        let mut map = Bounded::<u32>::new(LIMIT);
        let (mut state, mut used) = (7_u64, Vec::new());
        for _ in 0..20_000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            // A few come often, most hardly ever.
            let key = if state >> 63 == 0 { (state >> 33) % 20 } else { (state >> 33) % 500 };
            map.touch(key);
            used.push(key);
            let lately = &used[used.len().saturating_sub(LIMIT - LIMIT / LATELY)..];
            assert!(lately.iter().all(|key| map.get(*key).is_some()), "after {} uses", used.len());
        }
        assert!(map.len() == LIMIT && map.forgotten() > 1_000);
        let text = serde_json::to_string(&map).unwrap();
        let mut back: Bounded<u32> = serde_json::from_str(&text).unwrap();
        for key in (0..2_000).map(|number| number * 7 % 501) {
            assert_eq!(map.touch(key).1, back.touch(key).1);
        }
        assert_eq!(keys(&map), keys(&back));
    }

    #[test]
    fn a_lower_bound_keeps_the_most_recent() {
        let mut map = Bounded::<u32>::new(5);
        for key in [1, 2, 3, 4, 1] {
            *map.touch(key).0 = key as u32 * 10;
        }
        let mut map = map.with_limit(2);
        assert_eq!((keys(&map), map.get(1), map.forgotten()), (vec![4, 1], Some(&10), 2));
        map.touch(9);
        assert_eq!(map.take_forgotten(), Some(40));
        assert_eq!(map.take_forgotten(), None);
    }

    #[test]
    fn what_is_in_no_order_is_not_read() {
        let mut map = Bounded::<u32>::new(3);
        for key in [1, 2, 3, 1] {
            map.touch(key);
        }
        // The newest, the oldest, and of each node its key, the newer, the older, when it was moved, its value.
        let written = serde_json::to_value(&map).unwrap();
        assert_eq!(written, serde_json::json!([3, 4, 0, 0, 1, [[1, NONE, 2, 4, 0], [2, 2, NONE, 2, 0], [3, 0, 1, 3, 0]]]));
        for (at, wrong) in
            [("/3", 2), ("/4", 0), ("/4", NONE), ("/5/0/1", 1), ("/5/1/1", 1), ("/5/1/1", 7), ("/5/2/2", 0), ("/0", 2)]
        {
            let mut damaged = written.clone();
            *damaged.pointer_mut(at).unwrap() = wrong.into();
            assert!(serde_json::from_value::<Bounded<u32>>(damaged).is_err(), "{at} {wrong}");
        }
        assert_eq!(keys(&serde_json::from_value(written).unwrap()), [2, 3, 1]);
    }

    #[test]
    fn what_is_read_back_forgets_alike() {
        let mut map = Bounded::<u32>::new(3);
        for key in [1, 2, 3, 4, 2] {
            *map.touch(key).0 += 1;
        }
        let text = serde_json::to_string(&map).unwrap();
        let mut back: Bounded<u32> = serde_json::from_str(&text).unwrap();
        for key in [7, 8, 2] {
            assert_eq!(map.touch(key).1, back.touch(key).1);
        }
        assert_eq!((keys(&map), map.forgotten()), (keys(&back), back.forgotten()));
    }
}
