//! Finds entries by the first hexadecimal digits of an alert's or a case's id.
//!
//! One sorted table for each file: ids of sixteen bytes, each with the number of its block and its place there.

use super::bytes::{Damaged, Put, Take};
use std::collections::HashMap;

const ROW: usize = 24;

/// Where an entry is inside its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) block: u32,
    pub(super) nth: u32,
}

/// An index that is being made.
#[derive(Debug, Default)]
pub(super) struct Index {
    alerts: Vec<([u8; 16], Position)>,
    /// The latest entry of each case.
    cases: HashMap<[u8; 16], Position>,
}

impl Index {
    pub(super) fn add(&mut self, alert: [u8; 16], case: [u8; 16], position: Position) {
        self.alerts.push((alert, position));
        self.cases.insert(case, position);
    }

    pub(super) fn len(&self) -> usize {
        self.alerts.len()
    }

    /// The index as bytes: the alerts' table, then the cases'.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.alerts.sort_unstable();
        let mut cases: Vec<_> = self.cases.into_iter().collect();
        cases.sort_unstable();
        let mut bytes = Vec::with_capacity((self.alerts.len() + cases.len()) * ROW + 16);
        for table in [self.alerts, cases] {
            bytes.put_uint(table.len() as u64);
            for (id, position) in table {
                bytes.put_slice(&id);
                bytes.put_slice(&position.block.to_be_bytes());
                bytes.put_slice(&position.nth.to_be_bytes());
            }
        }
        bytes
    }
}

/// Every entry in `index` whose alert or case has an id that begins with the hexadecimal digits `prefix`.
pub(super) fn find(index: &[u8], prefix: &str) -> Result<Vec<Position>, Damaged> {
    let mut take = Take(index);
    let mut found = Vec::new();
    for _ in 0..2 {
        let rows = take.count()?;
        let table = take.slice(rows.checked_mul(ROW).ok_or(Damaged)?)?;
        let (rows, _) = table.as_chunks::<ROW>();
        let first = rows.partition_point(|row| hex(row).as_str() < prefix);
        let matching = rows.iter().skip(first).take_while(|row| hex(*row).starts_with(prefix));
        for row in matching {
            let mut position = Take(row);
            position.slice(16)?;
            let block = u32::from_be_bytes(position.array()?);
            found.push(Position { block, nth: u32::from_be_bytes(position.array()?) });
        }
    }
    Ok(found)
}

fn hex(row: &[u8; ROW]) -> String {
    use std::fmt::Write;
    row.iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_by_their_first_digits() {
        let mut index = Index::default();
        let id = |first: u8, second: u8| {
            let mut id = [0; 16];
            id[..2].copy_from_slice(&[first, second]);
            id
        };
        for nth in 0..200 {
            index.add(id(nth, 0xcd), id(0xfe, nth / 100), Position { block: 7, nth: u32::from(nth) });
        }
        let bytes = index.into_bytes();
        let nth = |prefix| find(&bytes, prefix).unwrap().iter().map(|found| found.nth).collect::<Vec<_>>();
        assert_eq!(nth("10cd"), [16]);
        assert_eq!(nth("10"), [16]);
        assert_eq!(nth("1"), (16..32).collect::<Vec<_>>());
        assert_eq!(nth("fe00"), [99], "the latest entry of the case");
        assert_eq!(nth("fe"), [99, 199]);
        assert_eq!(nth("10ce"), Vec::<u32>::new());
        assert_eq!(find(&bytes[..40], "10"), Err(Damaged));
    }
}
