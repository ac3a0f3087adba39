//! Tells of most keys that they are not in a tree, so that nobody looks for them there.
//!
//! Nearly every alert is new: its key is looked for in two trees and found in none. A register-blocked Bloom filter answers by one
//! word of memory; it never says of a key in the tree that it is not there. (Putze, Sanders, Singler, Cache-, Hash- and
//! Space-Efficient Bloom Filters, 2007.)

/// Words of the filter: 2 MiB.
const WORDS: usize = 1 << 18;

/// Bits of a word that a key sets.
const BITS_PER_KEY: u32 = 3;

/// With more keys it says "perhaps" of most (15 of a hundred at so many, 1 at a quarter of it), and is given up.
pub(crate) const KEYS_MAX: u64 = 1 << 22;

/// Which keys are in a tree, perhaps.
pub(crate) struct Filter {
    words: Vec<u64>,
    keys: u64,
}

impl Filter {
    pub(crate) fn new() -> Self {
        Self { words: vec![0; WORDS], keys: 0 }
    }

    pub(crate) fn add(&mut self, key: i64) {
        let (at, bits) = place(key);
        if let Some(word) = self.words.get_mut(at) {
            *word |= bits;
        }
        self.keys += 1;
    }

    /// False when the key was never added.
    pub(crate) fn may_hold(&self, key: i64) -> bool {
        let (at, bits) = place(key);
        self.words.get(at).is_none_or(|word| word & bits == bits)
    }

    /// Whether it holds more than it can tell apart.
    pub(crate) fn is_full(&self) -> bool {
        self.keys > KEYS_MAX
    }
}

/// The word of a key, which is a hash already, and its bits there.
fn place(key: i64) -> (usize, u64) {
    let hash = key.cast_unsigned();
    let bits = (0..BITS_PER_KEY).map(|nth| 1 << ((hash >> (6 * nth)) & 63)).fold(0, |bits: u64, bit: u64| bits | bit);
    ((hash >> 32) as usize % WORDS, bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys as hashes are: SplitMix64.
    fn keys(from: u64) -> impl Iterator<Item = i64> {
        (from..).map(|n| {
            let mut hash = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (hash ^ (hash >> 31)).cast_signed()
        })
    }

    #[test]
    fn what_was_added_may_be_held_and_little_else() {
        let mut filter = Filter::new();
        keys(0).take(1_000_000).for_each(|key| filter.add(key));
        assert!(keys(0).take(1_000_000).all(|key| filter.may_hold(key)));
        let wrong = keys(10_000_000).take(100_000).filter(|key| filter.may_hold(*key)).count();
        assert!(wrong < 2_000, "{wrong} of 100,000");
        assert!(!filter.is_full());
    }
}
