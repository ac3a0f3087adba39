//! The Merkle tree of RFC 9162 §2.1.1, kept as its frontier: the roots of the full subtrees that it is made of.
//!
//! Appending needs nothing else, so the tree of any log fits in two kilobytes and neither [`leaf`] nor
//! [`Tree::append`] allocates. Leaves and inner nodes are hashed with different first bytes, so that neither can be
//! passed off as the other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// First byte of what is hashed for a leaf.
const LEAF: u8 = 0;
/// First byte of what is hashed for an inner node.
const NODE: u8 = 1;

/// A tree has at most this many entries; far beyond any log, far below where arithmetic on sizes could overflow.
pub const LEN_MAX: u64 = 1 << 62;

/// The number of full subtrees that a tree of that many entries can have.
const LEVELS: usize = 64;

/// A SHA-256 hash in the tree, shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

/// The hash of an entry.
pub fn leaf(entry: &[u8]) -> Hash {
    let hasher = Sha256::new_with_prefix([LEAF]).chain_update(entry);
    Hash(hasher.finalize().into())
}

/// The hash over two subtrees, the one with the earlier entries first.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [NODE; 65];
    for (to, from) in bytes.iter_mut().skip(1).zip(left.0.iter().chain(&right.0)) {
        *to = *from;
    }
    Hash(Sha256::digest(bytes).into())
}

/// The root over these leaves.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Tree::new();
    tree.append_all(leaves);
    tree.root()
}

impl Hash {
    /// As standard base64 with padding, the way checkpoints write it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// From standard base64 with padding.
    ///
    /// # Errors
    /// The text is not the base64 of 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, NotAHash> {
        let mut bytes = [0; 33];
        let len = STANDARD.decode_slice(text, &mut bytes).map_err(|_| NotAHash)?;
        let hash = bytes.first_chunk().filter(|_| len == 32).ok_or(NotAHash)?;
        Ok(Self(*hash))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 hexadecimal digits or the base64 of 32 bytes")]
pub struct NotAHash;

impl FromStr for Hash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let nibble = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(NotAHash);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(NotAHash);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(high)? << 4 | nibble(low)?;
        }
        Ok(Self(bytes))
    }
}

/// A frontier that no tree of that size has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// A tree is made of one full subtree for each bit that is set in its size.
    #[error("a tree of {len} entries has {wanted} hashes in its frontier, not {found}")]
    Count {
        /// The size that was given.
        len: u64,
        /// How many hashes belong to it.
        wanted: usize,
        /// How many were given.
        found: usize,
    },
    /// More than [`LEN_MAX`] entries.
    #[error("a tree has at most {LEN_MAX} entries, not {0}")]
    Len(u64),
}

/// A Merkle tree that can grow.
#[derive(Clone)]
pub struct Tree {
    len: u64,
    /// At place `n` the root of the full subtree of 2ⁿ entries; meaningful where bit `n` of `len` is set.
    peaks: [Hash; LEVELS],
}

impl Tree {
    /// The tree without entries.
    pub fn new() -> Self {
        Self { len: 0, peaks: [Hash::default(); LEVELS] }
    }

    /// Adds an entry by its [`leaf`] hash.
    pub fn append(&mut self, leaf: Hash) {
        let full = self.len.trailing_ones() as usize;
        let root = self.peaks.iter().take(full).fold(leaf, |right, left| node(left, &right));
        if let Some(peak) = self.peaks.get_mut(full) {
            *peak = root;
        }
        self.len += 1;
    }

    /// Adds entries by their [`leaf`] hashes, in order.
    pub fn append_all(&mut self, leaves: &[Hash]) {
        leaves.iter().for_each(|leaf| self.append(*leaf));
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The root, which stands for every entry and their order.
    pub fn root(&self) -> Hash {
        let mut smallest_first = self.full();
        match smallest_first.next() {
            Some(smallest) => smallest_first.fold(*smallest, |right, left| node(left, &right)),
            None => Hash(Sha256::digest([]).into()),
        }
    }

    /// The roots of the full subtrees, the largest (with the earliest entries) first: with the size, all that has to be
    /// kept to go on.
    pub fn frontier(&self) -> Vec<Hash> {
        let mut hashes: Vec<Hash> = self.full().copied().collect();
        hashes.reverse();
        hashes
    }

    /// The tree that had this size and [frontier](Self::frontier). Whether the hashes are the right ones shows in the
    /// root only.
    ///
    /// # Errors
    /// No tree of that size has that many hashes in its frontier, or the size is beyond [`LEN_MAX`].
    pub fn from_frontier(len: u64, hashes: &[Hash]) -> Result<Self, FrontierError> {
        if len > LEN_MAX {
            return Err(FrontierError::Len(len));
        }
        let wanted = len.count_ones() as usize;
        if hashes.len() != wanted {
            return Err(FrontierError::Count { len, wanted, found: hashes.len() });
        }
        let mut tree = Self { len, ..Self::new() };
        let places = tree.peaks.iter_mut().enumerate().filter(|(level, _)| is_full(len, *level));
        for ((_, peak), hash) in places.zip(hashes.iter().rev()) {
            *peak = *hash;
        }
        Ok(tree)
    }

    /// The roots of the full subtrees, the smallest first.
    fn full(&self) -> impl Iterator<Item = &Hash> {
        self.peaks.iter().enumerate().filter(|(level, _)| is_full(self.len, *level)).map(|(_, peak)| peak)
    }
}

/// Whether a tree of `len` entries has a full subtree of 2 to the power of `level` of them.
fn is_full(len: u64, level: usize) -> bool {
    len >> level & 1 == 1
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

/// Trees are equal when they have the same entries.
impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.full().eq(other.full())
    }
}

impl Eq for Tree {}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("len", &self.len).field("root", &self.root()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_what_it_shows() {
        let hash = leaf(b"x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(Hash::from_base64(&hash.to_base64()), Ok(hash));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let good = leaf(b"x").to_base64();
        let unpadded = good.trim_end_matches('=');
        for text in ["", "zz", &"0".repeat(63), &"0".repeat(65), &"é".repeat(32)] {
            assert_eq!(text.parse::<Hash>(), Err(NotAHash), "{text}");
        }
        // 31 and 33 bytes, no padding, bits beyond the last byte, a line end, letters of the other alphabet.
        let last = good.replace(&good[42..], "B=");
        for text in ["", "AA==", &"A".repeat(44), unpadded, &last, &format!("{good}\n"), &"-".repeat(44), &"A".repeat(1 << 20)] {
            assert_eq!(Hash::from_base64(text), Err(NotAHash), "{text:.60}");
        }
    }

    #[test]
    fn a_frontier_goes_on_where_it_was_taken() {
        let leaves: Vec<Hash> = (0..70_u8).map(|byte| leaf(&[byte])).collect();
        for taken in 0..leaves.len() {
            let (before, after) = leaves.split_at(taken);
            let mut tree = Tree::new();
            tree.append_all(before);
            let mut back = Tree::from_frontier(tree.len(), &tree.frontier()).unwrap();
            assert_eq!((back.root(), back.frontier()), (tree.root(), tree.frontier()));
            tree.append_all(after);
            back.append_all(after);
            assert_eq!(back, tree);
        }
    }

    #[test]
    fn a_frontier_of_another_size_is_refused() {
        let hashes = [leaf(b"x"); 3];
        assert_eq!(Tree::from_frontier(8, &hashes), Err(FrontierError::Count { len: 8, wanted: 1, found: 3 }));
        assert_eq!(Tree::from_frontier(u64::MAX, &[Hash::default(); 64]), Err(FrontierError::Len(u64::MAX)));
        assert!(Tree::from_frontier(LEN_MAX, &hashes[..1]).is_ok_and(|tree| tree.root() == hashes[0]));
        assert_eq!(Tree::from_frontier(0, &[]).map(|tree| tree.root()), Ok(Tree::new().root()));
    }
}
