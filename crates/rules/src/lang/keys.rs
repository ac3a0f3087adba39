//! Keys of records, compared and looked up by their ends.
//!
//! A record of two kilobytes has some fifty keys on the way to what a source asks for, and most of them nobody asks for.
//! Nearly all are short enough that their first and last eight bytes are all of them.

/// A key by its ends: all of it where it is short, as most are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends {
    first: u64,
    last: u64,
    len: u32,
}

impl Ends {
    /// Longer keys may have the same ends.
    const LEN_MAX: u32 = 16;

    #[inline]
    fn of(key: &str) -> Self {
        let bytes = key.as_bytes();
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let (first, last) = match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (bytes.first_chunk(), bytes.last_chunk()) {
                (Some(first), Some(last)) => (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()),
                _ => (bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0),
            },
        };
        Self { first, last, len }
    }

    fn hash(self) -> u64 {
        let mixed = self.first ^ self.last.rotate_left(29) ^ u64::from(self.len);
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// Whether two keys are the same. They are short: calling for a comparison of memory takes longer than comparing.
#[inline]
pub(super) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && Ends::of(a) == Ends::of(b) && (a.len() <= Ends::LEN_MAX as usize || a == b)
}

/// Keys with their numbers, in a table with open addressing that is mostly empty: a record has many keys that nobody asks
/// for, and this tells them by one look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// As many as a power of two.
    places: Vec<Option<(Ends, u16)>>,
    taken: usize,
}

impl Index {
    /// The number of `key`; `is` tells whether a long key has the number.
    #[inline]
    pub(crate) fn find(&self, key: &str, is: impl Fn(usize) -> bool) -> Option<usize> {
        let ends = Ends::of(key);
        let mut at = self.first(ends);
        loop {
            let (known, number) = (*self.places.get(at)?)?;
            if known == ends && (ends.len <= Ends::LEN_MAX || is(usize::from(number))) {
                return Some(usize::from(number));
            }
            at = at.wrapping_add(1) & self.places.len().wrapping_sub(1);
        }
    }

    fn first(&self, ends: Ends) -> usize {
        (ends.hash() >> 48) as usize & self.places.len().wrapping_sub(1)
    }

    /// Adds `key`, which is not there yet, with its number.
    pub(crate) fn add(&mut self, key: &str, number: u16) {
        if self.taken * 4 >= self.places.len() {
            let larger = vec![None; (self.places.len() * 2).max(16)];
            for (ends, number) in std::mem::replace(&mut self.places, larger).into_iter().flatten() {
                self.put(ends, number);
            }
        }
        self.put(Ends::of(key), number);
        self.taken += 1;
    }

    fn put(&mut self, ends: Ends, number: u16) {
        let first = self.first(ends).min(self.places.len());
        let (before, after) = self.places.split_at_mut(first);
        if let Some(free) = after.iter_mut().chain(before).find(|place| place.is_none()) {
            *free = Some((ends, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_whatever_their_length() {
        let long = |middle: char| format!("beginning{}the-end-of-it", middle.to_string().repeat(9));
        let mut keys: Vec<String> = (0..40).map(|len| "a".repeat(len)).collect();
        keys.extend((1..40).map(|len| format!("{}b", "a".repeat(len - 1))));
        keys.extend(["ab\0", "\0", "\0\0", "ä", "aä"].map(String::from));
        keys.extend(('a'..='z').map(long));
        let mut index = Index::default();
        assert_eq!(index.find("a", |_| true), None);
        for (number, key) in (0_u16..).zip(&keys) {
            let is = |known: usize| keys.get(known) == Some(key);
            assert_eq!(index.find(key, is), None, "{key:?} is not there yet");
            index.add(key, number);
        }
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(index.find(key, |known| keys.get(known) == Some(key)), Some(number), "{key:?}");
            assert_eq!(keys.iter().filter(|other| same(key, other)).count(), 1, "{key:?}");
        }
        assert_eq!(index.find(&long('0'), |_| false), None);
    }
}
