//! Proofs of RFC 9162 §2.1.3 and §2.1.4: that an entry is in a tree, and that one tree grew out of another.
//!
//! A proof is a list of roots of subtrees. [`inclusion_parts`] and [`consistency_parts`] say of which, as ranges of
//! entries, so that whoever keeps the leaves elsewhere computes them there; [`inclusion`] and [`consistency`] do it
//! for leaves in memory. Verifying needs neither leaves nor entries.

use crate::tree::{Hash, LEN_MAX, Tree, node, root};
use std::ops::Range;

/// Why there is no such proof, or why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The entry is not in the tree.
    #[error("a tree of {len} entries has no entry {index}")]
    NoSuchEntry {
        /// The entry that was asked for.
        index: u64,
        /// The size of the tree.
        len: u64,
    },
    /// A tree does not grow out of a larger one.
    #[error("a tree of {new} entries did not grow out of one of {old}")]
    Shrunk {
        /// The size of the earlier tree.
        old: u64,
        /// The size of the later tree.
        new: u64,
    },
    /// More than [`LEN_MAX`] entries.
    #[error("a tree has at most {LEN_MAX} entries, not {0}")]
    Len(u64),
    /// The proof has not as many hashes as one for these sizes has.
    #[error("the proof has {found} hashes, which is not what one for these sizes has")]
    Length {
        /// How many it has.
        found: usize,
    },
    /// The proof leads to another root than the given one.
    #[error("the proof leads to the root {computed}, not to {given}")]
    Root {
        /// The root that was given.
        given: Hash,
        /// The root that follows from the proof.
        computed: Hash,
    },
}

/// The ranges of entries whose roots prove that entry `index` is in a tree of `len`, in the order of the proof.
///
/// # Errors
/// The tree has no such entry.
pub fn inclusion_parts(index: u64, len: u64) -> Result<Vec<Range<u64>>, Error> {
    within(index, len)?;
    let (mut parts, mut at) = (Vec::new(), 0..len);
    while at.end - at.start > 1 {
        let middle = middle(&at);
        if index < middle {
            parts.push(middle..at.end);
            at.end = middle;
        } else {
            parts.push(at.start..middle);
            at.start = middle;
        }
    }
    parts.reverse();
    Ok(parts)
}

/// The ranges of entries whose roots prove that a tree of `new` entries grew out of one of `old`, in the order of the
/// proof. Empty when the sizes are the same, and for the tree without entries, out of which every tree grows.
///
/// # Errors
/// `old` is larger than `new`, or `new` beyond [`LEN_MAX`].
pub fn consistency_parts(old: u64, new: u64) -> Result<Vec<Range<u64>>, Error> {
    grew(old, new)?;
    let (mut parts, mut at) = (Vec::new(), 0..new);
    while old != at.end && old != 0 {
        let middle = middle(&at);
        if old <= middle {
            parts.push(middle..at.end);
            at.end = middle;
        } else {
            parts.push(at.start..middle);
            at.start = middle;
        }
    }
    // The root of the whole old tree is known to whoever verifies; that of a part of it is not.
    if at.start > 0 {
        parts.push(at);
    }
    parts.reverse();
    Ok(parts)
}

/// The proof that entry `index` is in the tree of these leaves. Hashes every leaf once.
///
/// # Errors
/// There is no such entry.
pub fn inclusion(leaves: &[Hash], index: u64) -> Result<Vec<Hash>, Error> {
    Ok(roots(leaves, inclusion_parts(index, leaves.len() as u64)?))
}

/// The proof that the tree of these leaves grew out of the tree of the first `old_len` of them.
///
/// # Errors
/// There are fewer leaves than `old_len`.
pub fn consistency(leaves: &[Hash], old_len: u64) -> Result<Vec<Hash>, Error> {
    Ok(roots(leaves, consistency_parts(old_len, leaves.len() as u64)?))
}

/// Checks that the entry with this leaf hash is number `index` of the tree of `len` entries with this root (§2.1.3.2).
///
/// # Errors
/// It is not, as far as this proof shows.
pub fn verify_inclusion(leaf: Hash, index: u64, len: u64, root: Hash, proof: &[Hash]) -> Result<(), Error> {
    within(index, len)?;
    let mut climb = Climb { at: index, last: len - 1 };
    let mut computed = leaf;
    for hash in proof {
        computed = match climb.step().ok_or(Error::Length { found: proof.len() })? {
            Side::Left => node(hash, &computed),
            Side::Right => node(&computed, hash),
        };
    }
    climb.ended(proof)?;
    same(root, computed)
}

/// Checks that the tree of `new_len` entries with `new_root` grew out of the one of `old_len` with `old_root`
/// (§2.1.4.2).
///
/// # Errors
/// It did not, as far as this proof shows.
pub fn verify_consistency(old_len: u64, old_root: Hash, new_len: u64, new_root: Hash, proof: &[Hash]) -> Result<(), Error> {
    grew(old_len, new_len)?;
    let wrong_length = Error::Length { found: proof.len() };
    if old_len == 0 || old_len == new_len {
        let known = if old_len == 0 { Tree::new().root() } else { new_root };
        return if proof.is_empty() { same(old_root, known) } else { Err(wrong_length) };
    }
    let mut climb = Climb { at: old_len - 1, last: new_len - 1 };
    climb.skip_right_edges();
    // A full old tree is itself a subtree of the new one, and its root is not repeated in the proof.
    let (first, rest) = match old_len.is_power_of_two() {
        true => (old_root, proof),
        false => proof.split_first().map(|(first, rest)| (*first, rest)).ok_or(wrong_length)?,
    };
    let (mut old, mut new) = (first, first);
    for hash in rest {
        match climb.step().ok_or(wrong_length)? {
            Side::Left => (old, new) = (node(hash, &old), node(hash, &new)),
            Side::Right => new = node(&new, hash),
        }
    }
    climb.ended(proof)?;
    same(old_root, old)?;
    same(new_root, new)
}

/// On which side of the way up the proof's next hash stands.
enum Side {
    Left,
    Right,
}

/// The way from a node up to the root: `fn` and `sn` of the RFC.
struct Climb {
    /// The node's number on its level.
    at: u64,
    /// The number of the last node on that level.
    last: u64,
}

impl Climb {
    /// One level up past a sibling, or `None` at the root.
    fn step(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.at & 1 == 1 || self.at == self.last { Side::Left } else { Side::Right };
        if matches!(side, Side::Left) && self.at & 1 == 0 {
            // The last node of a level may have no sibling there: up to where it has one.
            self.up(self.at.trailing_zeros());
        }
        self.up(1);
        Some(side)
    }

    /// Up to the largest full subtree that ends here.
    fn skip_right_edges(&mut self) {
        self.up(self.at.trailing_ones());
    }

    fn up(&mut self, levels: u32) {
        self.at >>= levels;
        self.last >>= levels;
    }

    fn ended(&self, proof: &[Hash]) -> Result<(), Error> {
        if self.last == 0 { Ok(()) } else { Err(Error::Length { found: proof.len() }) }
    }
}

fn within(index: u64, len: u64) -> Result<(), Error> {
    match len {
        _ if len > LEN_MAX => Err(Error::Len(len)),
        _ if index >= len => Err(Error::NoSuchEntry { index, len }),
        _ => Ok(()),
    }
}

fn grew(old: u64, new: u64) -> Result<(), Error> {
    match new {
        _ if new > LEN_MAX => Err(Error::Len(new)),
        _ if old > new => Err(Error::Shrunk { old, new }),
        _ => Ok(()),
    }
}

fn same(given: Hash, computed: Hash) -> Result<(), Error> {
    if given == computed { Ok(()) } else { Err(Error::Root { given, computed }) }
}

/// Where a tree of two or more entries divides: its left part is the largest full one that leaves something.
fn middle(range: &Range<u64>) -> u64 {
    range.start + (1 << (range.end - range.start - 1).ilog2())
}

fn roots(leaves: &[Hash], parts: Vec<Range<u64>>) -> Vec<Hash> {
    let of = |part: Range<u64>| leaves.get(part.start as usize..part.end as usize).map(root);
    parts.into_iter().filter_map(of).collect()
}
