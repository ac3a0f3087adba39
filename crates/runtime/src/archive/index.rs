//! Finds entries by the first hexadecimal digits of a decision's, an alert's or a case's id.
//!
//! One sorted table for each kind of id: sixteen bytes, then the number of the entry's block and its place there.

use super::bytes::{Damaged, Put, Take};
use std::collections::HashMap;

const ROW: usize = 24;

/// Where an entry is inside its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) block: u32,
    pub(super) nth: u32,
}

/// The names that one entry goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids {
    pub(super) decision: [u8; 8],
    pub(super) alert: [u8; 16],
    pub(super) case: [u8; 16],
}

/// An index that is being made.
#[derive(Debug, Default)]
pub(super) struct Index {
    decisions: Vec<([u8; 16], Position)>,
    alerts: Vec<([u8; 16], Position)>,
    /// The latest entry of each case.
    cases: HashMap<[u8; 16], Position>,
}

impl Index {
    pub(super) fn add(&mut self, ids: &Ids, position: Position) {
        let mut decision = [0; 16];
        decision[..8].copy_from_slice(&ids.decision);
        self.decisions.push((decision, position));
        self.alerts.push((ids.alert, position));
        self.cases.insert(ids.case, position);
    }

    pub(super) fn len(&self) -> usize {
        self.alerts.len()
    }

    /// The index as bytes: the table of decisions, of alerts, of cases.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.decisions.sort_unstable();
        self.alerts.sort_unstable();
        let mut cases: Vec<_> = self.cases.into_iter().collect();
        cases.sort_unstable();
        let mut bytes = Vec::with_capacity((2 * self.alerts.len() + cases.len()) * ROW + 32);
        for table in [self.decisions, self.alerts, cases] {
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

/// Every entry in `index` whose decision, alert or case has an id that begins with the hexadecimal digits `prefix`.
pub(super) fn find(index: &[u8], prefix: &str) -> Result<Vec<Position>, Damaged> {
    let mut take = Take(index);
    let mut found = Vec::new();
    for _ in 0..3 {
        let rows = take.count()?;
        let table = take.slice(rows.checked_mul(ROW).ok_or(Damaged)?)?;
        let (rows, _) = table.as_chunks::<ROW>();
        let first = rows.partition_point(|row| hex(row).as_str() < prefix);
        let matching = rows.iter().skip(first).take_while(|row| hex(row).starts_with(prefix));
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
            let ids = Ids { decision: [0xff; 8], alert: id(nth, 0xcd), case: id(0xfe, nth / 100) };
            index.add(&ids, Position { block: 7, nth: u32::from(nth) });
        }
        let bytes = index.into_bytes();
        let nth = |prefix| find(&bytes, prefix).unwrap().iter().map(|found| found.nth).collect::<Vec<_>>();
        assert_eq!(nth("10cd"), [16]);
        assert_eq!(nth("10"), [16]);
        assert_eq!(nth("1"), (16..32).collect::<Vec<_>>());
        assert_eq!(nth("fe00"), [99], "the latest entry of the case");
        assert_eq!(nth("fe"), [99, 199]);
        assert_eq!(nth("10ce"), Vec::<u32>::new());
        assert_eq!(nth("ffffffffffffffff").len(), 200);
        assert_eq!(find(&bytes[..40], "10"), Err(Damaged));
    }
}
