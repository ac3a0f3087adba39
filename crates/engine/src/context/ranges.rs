//! Networks of addresses: which row does an address belong to?
//!
//! Nested and overlapping networks are flattened once into disjoint ranges, so that a lookup is one binary
//! search whatever the nesting. IPv4 lives inside IPv6 as IPv4-mapped, as everywhere.

use adjutant_model::value::Addr;

/// Disjoint ranges of addresses, in order, each with a row.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    starts: Vec<u128>,
    ends: Vec<u128>,
    rows: Vec<u32>,
}

/// One network as a table wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    /// The first address.
    pub(super) first: u128,
    /// The last address.
    pub(super) last: u128,
    /// The row that wrote it.
    pub(super) row: u32,
}

impl Ranges {
    /// Flattens `networks`. Where several hold an address, `combine` folds their rows from the widest to the narrowest;
    /// of equally wide ones, in the order given.
    pub(super) fn new(mut networks: Vec<Network>, mut combine: impl FnMut(u32, u32) -> u32) -> Self {
        networks.retain(|network| network.first <= network.last);
        networks.sort_by_key(|network| (network.first, std::cmp::Reverse(network.last)));
        let mut ranges = Self::default();
        let mut open: Vec<Network> = Vec::new();
        let mut from = 0;
        for network in networks {
            from = ranges.close(&mut open, from, Some(network.first), &mut combine);
            open.push(network);
        }
        ranges.close(&mut open, from, None, &mut combine);
        ranges
    }

    /// Writes what lies between `from` and `until` (none: the end) under the open networks; returns where the next range begins.
    fn close(
        &mut self,
        open: &mut Vec<Network>,
        mut from: u128,
        until: Option<u128>,
        combine: &mut impl FnMut(u32, u32) -> u32,
    ) -> u128 {
        while let Some(last) = open.iter().map(|network| network.last).min() {
            if until.is_some_and(|until| last >= until) {
                break;
            }
            self.push(open, from, last, combine);
            open.retain(|network| network.last > last);
            from = last.saturating_add(1);
        }
        let Some(until) = until else { return from };
        if until > from {
            self.push(open, from, until.saturating_sub(1), combine);
        }
        until
    }

    fn push(&mut self, open: &mut [Network], first: u128, last: u128, combine: &mut impl FnMut(u32, u32) -> u32) {
        open.sort_by_key(|network| std::cmp::Reverse(network.last - network.first));
        let Some(row) = open.iter().map(|network| network.row).reduce(&mut *combine) else { return };
        if first > last {
            return;
        }
        match (self.ends.last_mut(), self.rows.last()) {
            (Some(end), Some(before)) if *before == row && end.checked_add(1) == Some(first) => *end = last,
            _ => {
                self.starts.push(first);
                self.ends.push(last);
                self.rows.push(row);
            }
        }
    }

    /// The row of the narrowest network that holds `addr`.
    pub(super) fn find(&self, addr: Addr) -> Option<u32> {
        let addr = number(addr);
        let index = self.starts.partition_point(|start| *start <= addr).checked_sub(1)?;
        let inside = self.ends.get(index).is_some_and(|end| *end >= addr);
        if inside { self.rows.get(index).copied() } else { None }
    }
}

/// The address as a number.
pub(super) fn number(addr: Addr) -> u128 {
    u128::from_be_bytes(addr.bytes())
}

/// Reads `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32` or `192.0.2.1-192.0.2.9`; host bits below the prefix are ignored.
pub(super) fn parse(text: &str) -> Option<(u128, u128)> {
    let text = text.trim();
    if let Some((addr, prefix)) = text.split_once('/') {
        let addr = Addr::parse(addr)?;
        let prefix: u32 = prefix.trim().parse().ok()?;
        let width = if addr.ip().is_ipv4() && !text.contains(':') { 32 } else { 128 };
        let host = u32::checked_sub(width, prefix)?;
        let mask = u128::MAX.checked_shr(128_u32.saturating_sub(host)).unwrap_or(0);
        let first = number(addr) & !mask;
        return Some((first, first | mask));
    }
    if let Some(addr) = Addr::parse(text) {
        return Some((number(addr), number(addr)));
    }
    let (first, last) = text.split_once('-')?;
    let (first, last) = (number(Addr::parse(first)?), number(Addr::parse(last)?));
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(texts: &[&str]) -> Ranges {
        let network = |(row, text): (usize, &&str)| {
            let (first, last) = parse(text).expect(text);
            Network { first, last, row: row as u32 }
        };
        Ranges::new(texts.iter().enumerate().map(network).collect(), |_, inner| inner)
    }

    fn find(ranges: &Ranges, text: &str) -> Option<u32> {
        Addr::parse(text).and_then(|addr| ranges.find(addr))
    }

    #[test]
    fn the_narrowest_network_wins_and_its_edges_belong_to_it() {
        let r = ranges(&["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "192.0.2.0/24"]);
        let expected = [
            ("10.0.0.0", Some(0)),
            ("10.255.255.255", Some(0)),
            ("11.0.0.0", None),
            ("9.255.255.255", None),
            ("10.1.0.0", Some(1)),
            ("10.1.255.255", Some(1)),
            ("10.2.0.0", Some(0)),
            ("10.1.2.2", Some(2)),
            ("10.1.2.3", Some(3)),
            ("10.1.2.4", Some(2)),
            ("192.0.2.255", Some(4)),
            ("192.0.3.0", None),
        ];
        for (text, row) in expected {
            assert_eq!(find(&r, text), row, "{text}");
            assert_eq!(find(&r, &format!("::ffff:{text}")), row, "mapped {text}");
        }
    }

    #[test]
    fn everything_and_nothing_are_networks_too() {
        let all = ranges(&["::/0", "0.0.0.0/0", "255.255.255.255/32", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"]);
        assert_eq!(find(&all, "2001:db8::1"), Some(0));
        assert_eq!(find(&all, "0.0.0.0"), Some(1));
        assert_eq!(find(&all, "255.255.255.255"), Some(2));
        assert_eq!(find(&all, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), Some(3));
        assert_eq!(find(&ranges(&[]), "1.2.3.4"), None);
    }

    #[test]
    fn overlapping_ranges_are_split() {
        let r = ranges(&["10.0.0.0-10.0.0.20", "10.0.0.10-10.0.0.30"]);
        assert_eq!(find(&r, "10.0.0.9"), Some(0));
        assert_eq!(find(&r, "10.0.0.15"), Some(1), "of two equally wide ones the later");
        assert_eq!(find(&r, "10.0.0.30"), Some(1));
        assert_eq!(find(&r, "10.0.0.31"), None);
    }

    #[test]
    fn what_is_no_network_is_none() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.9-10.0.0.1", "example.com/8", "/8"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("10.1.2.3/8"), parse("10.0.0.0/8"));
        assert_eq!(parse("::ffff:10.0.0.0/104"), parse("10.0.0.0/8"));
    }

    #[test]
    fn flattening_agrees_with_asking_every_network() {
        let mut seed = 1u64;
        let mut next = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 33
        };
        for _ in 0..200 {
            let networks: Vec<Network> = (0..8)
                .map(|bit| {
                    let first = u128::from(next() % 60);
                    Network { first, last: first + u128::from(next() % 20), row: 1 << bit }
                })
                .collect();
            let r = Ranges::new(networks.clone(), |outer, inner| outer | inner);
            for addr in 0..90u128 {
                let holding = networks.iter().filter(|n| n.first <= addr && addr <= n.last);
                let naive = holding.map(|n| n.row).reduce(|a, b| a | b);
                assert_eq!(r.find(Addr::from_bytes(addr.to_be_bytes())), naive, "{addr} {networks:?}");
            }
        }
    }
}
