//! Names of rows: a hash table over one arena of text.
//!
//! A hash only finds the candidate; the name itself is always compared, so two names never share a row
//! because their hashes collide.

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

/// A name that two different rows have: it names neither.
pub(super) const AMBIGUOUS: u32 = u32::MAX;

/// Names, each with the number of its row.
#[derive(Debug, Default)]
pub(super) struct Names {
    text: String,
    entries: Vec<Entry>,
    table: HashTable<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    len: u32,
    row: u32,
}

/// The hash of bytes that an operator's files chose; collisions cost time, never a wrong row.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    SipHasher13::new().hash(bytes)
}

impl Names {
    /// The row called `name`.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        if self.entries.is_empty() {
            return None;
        }
        let found = self.table.find(hash(name.as_bytes()), |entry| self.name(*entry) == name)?;
        self.entries.get(*found as usize).map(|entry| entry.row)
    }

    /// Calls `row` by `name` from now on, whatever had the name before. Text beyond 4 GiB in one table is not kept.
    pub(super) fn set(&mut self, name: &str, row: u32) {
        let key = hash(name.as_bytes());
        let known = self.table.find(key, |entry| self.name(*entry) == name).copied();
        if let Some(entry) = known.and_then(|entry| self.entries.get_mut(entry as usize)) {
            entry.row = row;
            return;
        }
        let (Ok(start), Ok(len), Ok(number)) =
            (u32::try_from(self.text.len()), u32::try_from(name.len()), u32::try_from(self.entries.len()))
        else {
            return;
        };
        self.text.push_str(name);
        self.entries.push(Entry { start, len, row });
        let (text, entries) = (&self.text, &self.entries);
        self.table.insert_unique(key, number, |entry| hash(slice(text, entries, *entry).as_bytes()));
    }

    /// Every name with its row.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.entries.iter().enumerate().map(|(number, entry)| (self.name(number as u32), entry.row))
    }

    fn name(&self, entry: u32) -> &str {
        slice(&self.text, &self.entries, entry)
    }
}

fn slice<'t>(text: &'t str, entries: &[Entry], entry: u32) -> &'t str {
    let range = entries.get(entry as usize).map(|e| e.start as usize..(e.start as usize).saturating_add(e.len as usize));
    range.and_then(|range| text.get(range)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_not_only_hashed() {
        let mut names = Names::default();
        for number in 0..10_000u32 {
            names.set(&format!("user-{number}"), number);
        }
        names.set("user-7", 70);
        assert_eq!(names.find("user-7"), Some(70));
        assert_eq!(names.find("user-9999"), Some(9_999));
        assert_eq!(names.find("user-10000"), None);
        assert_eq!(names.find(""), None);
    }
}
