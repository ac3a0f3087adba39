//! Entries that are gone, as ranges of their numbers.

use std::ops::Range;

/// Ranges, in order.
#[derive(Debug, Default)]
pub(super) struct Removed(Vec<Range<u64>>);

impl Removed {
    /// Adds an entry; numbers come in order.
    pub(super) fn add(&mut self, seq: u64) {
        match self.0.last_mut() {
            Some(range) if range.end == seq => range.end = seq + 1,
            _ => self.0.push(seq..seq + 1),
        }
    }

    /// Whether the entry is gone.
    pub(super) fn contains(&self, seq: u64) -> bool {
        let at = self.0.partition_point(|range| range.end <= seq);
        self.0.get(at).is_some_and(|range| range.contains(&seq))
    }

    /// The first that is gone from `number` on.
    pub(super) fn from(&self, number: u64) -> Option<u64> {
        self.0.iter().find(|range| range.end > number).map(|range| range.start.max(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_and_are_found() {
        let mut removed = Removed::default();
        [2, 3, 4, 9].into_iter().for_each(|seq| removed.add(seq));
        let gone: Vec<u64> = (0..12).filter(|seq| removed.contains(*seq)).collect();
        assert_eq!(gone, [2, 3, 4, 9]);
        assert_eq!((removed.from(0), removed.from(4), removed.from(5), removed.from(10)), (Some(2), Some(4), Some(9), None));
    }
}
