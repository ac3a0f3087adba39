//! Numbers by keys that are hashes, in memory, to be taken out in the order of the keys.
//!
//! Hashes spread evenly, so their first bits say where each stands: a few to a bucket, next to each other in memory.

/// The first bits of a key that name its bucket: with 65,536 keys some sixteen are in each.
const BITS: u32 = 12;

/// Keys with their numbers.
pub(crate) struct Keys {
    buckets: Vec<Vec<(i64, u64)>>,
    len: usize,
}

impl Default for Keys {
    fn default() -> Self {
        Self { buckets: vec![Vec::new(); 1 << BITS], len: 0 }
    }
}

/// The bucket of a key; a lower key never has a higher one.
fn bucket_of(key: i64) -> usize {
    ((key ^ i64::MIN).cast_unsigned() >> (u64::BITS - BITS)) as usize
}

impl Keys {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, key: i64) -> Option<u64> {
        self.buckets.get(bucket_of(key))?.iter().find(|(other, _)| *other == key).map(|(_, number)| *number)
    }

    /// Puts `number` under `key`, in place of what was there.
    pub(crate) fn insert(&mut self, key: i64, number: u64) {
        let Some(bucket) = self.buckets.get_mut(bucket_of(key)) else { return };
        match bucket.iter_mut().find(|(other, _)| *other == key) {
            Some(place) => place.1 = number,
            None => {
                bucket.push((key, number));
                self.len += 1;
            }
        }
    }

    pub(crate) fn retain(&mut self, keeps: impl Fn(u64) -> bool) {
        self.buckets.iter_mut().for_each(|bucket| bucket.retain(|(_, number)| keeps(*number)));
        self.len = self.buckets.iter().map(Vec::len).sum();
    }

    /// The numbers of the keys in a range, both ends included.
    pub(crate) fn range(&self, low: i64, high: i64) -> impl Iterator<Item = u64> {
        let buckets = self.buckets.get(bucket_of(low)..=bucket_of(high)).unwrap_or_default();
        buckets.iter().flatten().filter(move |(key, _)| (low..=high).contains(key)).map(|(_, number)| *number)
    }

    /// At least so many keys in their order, if there are, from the bucket `from` on; and the bucket after them, none when that
    /// was the last.
    pub(crate) fn after(&self, from: usize, least: usize) -> (Vec<(i64, u64)>, Option<usize>) {
        let mut keys = Vec::with_capacity(least + least / 2);
        for (at, bucket) in self.buckets.iter().enumerate().skip(from) {
            if keys.len() >= least {
                return (keys, Some(at));
            }
            let start = keys.len();
            keys.extend_from_slice(bucket);
            if let Some(new) = keys.get_mut(start..) {
                new.sort_unstable();
            }
        }
        (keys, None)
    }

    /// Removes everything in the buckets from `from` to the one before `to`; with none to the last.
    pub(crate) fn remove(&mut self, from: usize, to: Option<usize>) {
        let buckets = self.buckets.get_mut(from..to.unwrap_or(1 << BITS)).unwrap_or_default();
        self.len -= buckets.iter().map(Vec::len).sum::<usize>();
        buckets.iter_mut().for_each(Vec::clear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: impl IntoIterator<Item = i64>) -> Keys {
        let mut all = Keys::default();
        (0..).zip(keys).for_each(|(number, key)| all.insert(key, number));
        all
    }

    #[test]
    fn keys_come_out_in_their_order_and_are_gone() {
        let some = [i64::MAX, 0, -1, i64::MIN, 5, 1 << 60, -(1 << 60), 4];
        let mut all = keys(some);
        let (mut taken, mut from) = (Vec::new(), Some(0));
        while let Some(at) = from {
            let (some, next) = all.after(at, 2);
            all.remove(at, next);
            taken.extend(some.iter().map(|(key, _)| *key));
            from = next;
        }
        let mut sorted = some;
        sorted.sort_unstable();
        assert_eq!((taken, all.len()), (sorted.to_vec(), 0));
    }

    #[test]
    fn a_key_has_one_number_the_last() {
        let mut all = keys([7, 8, 7, i64::MIN]);
        assert_eq!((all.len(), all.get(7), all.get(9)), (3, Some(2), None));
        assert_eq!(all.range(7, 8).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(all.range(i64::MIN, i64::MAX).count(), 3);
        all.retain(|number| number < 2);
        assert_eq!((all.len(), all.get(7), all.get(8)), (1, None, Some(1)));
    }
}
