//! Networks and what is known about them, found by address: the longest prefix wins.
//!
//! The networks are flattened into sorted, disjoint ranges once, so that a lookup is one binary search
//! over plain numbers however the networks nest.

use adjutant_model::Addr;
use ipnet::IpNet;
use std::net::IpAddr;

/// Values by network.
#[derive(Clone, Debug)]
pub struct Cidrs<T> {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    values: Vec<T>,
}

/// Sorted starts of ranges, each with the number of its value; a range ends where the next begins.
#[derive(Clone, Debug, Default)]
struct Ranges<K> {
    starts: Vec<K>,
    values: Vec<u32>,
}

const NOTHING: u32 = u32::MAX;

impl<T> Cidrs<T> {
    /// The networks of `entries`. Of equal networks the last one counts.
    pub fn new(entries: impl IntoIterator<Item = (IpNet, T)>) -> Self {
        let (mut v4, mut v6, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (net, value) in entries {
            let number = u32::try_from(values.len()).unwrap_or(NOTHING);
            values.push(value);
            match (net.network(), net.broadcast()) {
                (IpAddr::V4(first), IpAddr::V4(last)) => v4.push((u32::from(first), u32::from(last), number)),
                (IpAddr::V6(first), IpAddr::V6(last)) => v6.push((u128::from(first), u128::from(last), number)),
                _ => {}
            }
        }
        Self { v4: Ranges::of(v4, |last| last.checked_add(1)), v6: Ranges::of(v6, |last| last.checked_add(1)), values }
    }

    /// The value of the smallest network that holds `addr`.
    pub fn get(&self, addr: Addr) -> Option<&T> {
        let number = match addr.ip() {
            IpAddr::V4(v4) => self.v4.find(u32::from(v4)),
            IpAddr::V6(v6) => self.v6.find(u128::from(v6)),
        };
        self.values.get(number as usize)
    }

    /// Whether any network holds `addr`.
    pub fn contains(&self, addr: Addr) -> bool {
        self.get(addr).is_some()
    }

    /// Whether there are no networks.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many networks were given.
    pub fn len(&self) -> usize {
        self.values.len()
    }
}

impl<T> Default for Cidrs<T> {
    fn default() -> Self {
        Self { v4: Ranges::default(), v6: Ranges::default(), values: Vec::new() }
    }
}

impl<K: Ord + Copy> Ranges<K> {
    /// Flattens `nets` (first, last, value), which nest or are disjoint.
    fn of(mut nets: Vec<(K, K, u32)>, after: impl Fn(K) -> Option<K>) -> Self {
        // Outer networks before inner ones, equal ones in the order given.
        nets.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        let mut ranges = Self { starts: Vec::with_capacity(nets.len()), values: Vec::with_capacity(nets.len()) };
        let mut open: Vec<(K, u32)> = Vec::new();
        for (first, last, value) in nets {
            ranges.close(&mut open, Some(first), &after);
            ranges.begin(first, value);
            open.push((last, value));
        }
        ranges.close(&mut open, None, &after);
        ranges
    }

    /// Ends the open networks that end before `next`; what they were in begins again.
    fn close(&mut self, open: &mut Vec<(K, u32)>, next: Option<K>, after: &impl Fn(K) -> Option<K>) {
        while let Some((last, _)) = open.last().copied() {
            if next.is_some_and(|next| next <= last) {
                return;
            }
            open.pop();
            if let Some(start) = after(last) {
                self.begin(start, open.last().map_or(NOTHING, |(_, value)| *value));
            }
        }
    }

    fn begin(&mut self, start: K, value: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.values.pop();
        }
        self.starts.push(start);
        self.values.push(value);
    }

    fn find(&self, key: K) -> u32 {
        let after = self.starts.partition_point(|start| *start <= key);
        after.checked_sub(1).and_then(|at| self.values.get(at)).copied().unwrap_or(NOTHING)
    }
}

/// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address. Host bits are ignored; IPv4-mapped IPv6 is IPv4.
pub fn parse_net(text: &str) -> Option<IpNet> {
    let (ip, len) = match text.split_once('/') {
        Some((ip, len)) => (ip.parse::<IpAddr>().ok()?, Some(len.parse::<u8>().ok()?)),
        None => (Addr::parse(text)?.ip(), None),
    };
    let net = match (ip, len) {
        (ip, None) => IpNet::from(ip),
        (IpAddr::V6(v6), Some(len)) if v6.to_ipv4_mapped().is_some() => {
            IpNet::new(IpAddr::V4(v6.to_ipv4_mapped()?), len.checked_sub(96)?).ok()?
        }
        (ip, Some(len)) => IpNet::new(ip, len).ok()?,
    };
    Some(net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidrs(nets: &[&str]) -> Cidrs<String> {
        Cidrs::new(nets.iter().filter_map(|net| Some((parse_net(net)?, (*net).to_owned()))))
    }

    #[test]
    fn the_longest_prefix_wins() {
        let nets =
            ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "255.255.255.255", "2001:db8::/32", "2001:db8::1", "::/0"];
        let cidrs = cidrs(&nets);
        let find = |text: &str| Addr::parse(text).and_then(|addr| cidrs.get(addr)).cloned().unwrap_or_default();
        assert_eq!(find("10.9.9.9"), "10.0.0.0/8");
        assert_eq!(find("10.1.0.0"), "10.1.0.0/16");
        assert_eq!(find("10.1.2.3"), "10.1.2.3");
        assert_eq!(find("10.1.2.4"), "10.1.0.0/16");
        assert_eq!(find("10.2.0.0"), "10.0.0.0/8");
        assert_eq!(find("11.0.0.0"), "0.0.0.0/0");
        assert_eq!(find("255.255.255.255"), "255.255.255.255");
        assert_eq!(find("::ffff:10.1.2.3"), "10.1.2.3");
        assert_eq!(find("2001:db8::1"), "2001:db8::1");
        assert_eq!(find("2001:db8::2"), "2001:db8::/32");
        assert_eq!(find("fe80::1"), "::/0");
    }

    #[test]
    fn agrees_with_looking_at_every_network() {
        let mut state = 7_u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let nets: Vec<IpNet> =
            (0..200).filter_map(|_| parse_net(&format!("10.0.{}.{}/{}", random(4), random(256), 20 + random(13)))).collect();
        let cidrs = Cidrs::new(nets.iter().map(|net| (*net, *net)));
        for host in 0..1024_u32 {
            let ip = IpAddr::from((0x0a00_0000_u32 + host).to_be_bytes());
            let naive = nets.iter().filter(|net| net.contains(&ip)).max_by_key(|net| net.prefix_len());
            assert_eq!(cidrs.get(ip.into()), naive, "{ip}");
        }
    }

    #[test]
    fn what_is_no_network_is_none() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "x/8", "10.0.0.0/-1", "::/129", "::ffff:10.0.0.0/95", "10.0.0.0/8/8"] {
            assert_eq!(parse_net(text), None, "{text}");
        }
        assert_eq!(parse_net("10.1.2.3/8").map(|net| net.to_string()).as_deref(), Some("10.0.0.0/8"));
        assert_eq!(parse_net("::ffff:10.0.0.0/104").map(|net| net.to_string()).as_deref(), Some("10.0.0.0/8"));
    }
}
