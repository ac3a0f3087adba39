//! The one place that says whether an address may be called.
//!
//! A connector calls vendors on the public internet, with a credential. An address inside (this machine, the private
//! network, the cloud's metadata service) is called only when the settings name its range, and some are never called.
//! Addresses that carry another one inside (IPv4-mapped, NAT64, 6to4, Teredo, ISATAP) are refused as what they are: what
//! they lead to cannot be known from here.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is {what}")]
pub struct Refused {
    /// What the address is.
    pub what: &'static str,
    /// No setting changes that.
    pub always: bool,
}

/// Where clouds hand credentials to whoever asks; no range that somebody allows opens them.
const METADATA: [IpAddr; 7] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// IPv4 that is not the public internet: network, bits, what it is.
const INSIDE4: [(Ipv4Addr, u32, &str); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "an address of this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private address"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a provider's inner address"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this machine"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "a link-local address"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private address"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "a reserved address"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "an address of examples"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a 6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private address"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "an address of benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "an address of examples"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "an address of examples"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "a multicast address"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "a reserved address"),
];

/// Inside 2000::/3, what is not the public internet: the first two groups, bits, what it is.
const INSIDE6: [(u32, u32, &str); 5] = [
    (0x2001_0000, 23, "a Teredo or protocol address"),
    (0x2001_0db8, 32, "an address of examples"),
    (0x2002_0000, 16, "a 6to4 address"),
    (0x3ffe_0000, 16, "an address of a network that ended"),
    (0x3fff_0000, 20, "an address of examples"),
];

/// Whether `address` may be called when the settings allow the ranges `allowed` beside the public internet.
///
/// # Errors
/// What it is that is not called.
pub fn may_be_called(address: IpAddr, allowed: &[IpNet]) -> Result<(), Refused> {
    if let Some(what) = never(address) {
        return Err(Refused { what, always: true });
    }
    if allowed.iter().any(|range| range.contains(&address)) {
        return Ok(());
    }
    inside(address).map_or(Ok(()), |what| Err(Refused { what, always: false }))
}

/// What is never called, whatever the settings allow.
fn never(address: IpAddr) -> Option<&'static str> {
    // A mapped address is the address inside it to the system that connects.
    let plain = address.to_canonical();
    match plain {
        _ if METADATA.contains(&plain) => Some("a cloud's metadata service"),
        _ if plain.is_unspecified() => Some("no address"),
        _ if plain.is_multicast() => Some("a multicast address"),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
        _ => None,
    }
}

fn inside(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => inside4(v4),
        IpAddr::V6(v6) => inside6(v6),
    }
}

fn inside4(address: Ipv4Addr) -> Option<&'static str> {
    let within = |network: Ipv4Addr, bits: u32| (address.to_bits() ^ network.to_bits()) >> (32 - bits) == 0;
    INSIDE4.iter().find(|(network, bits, _)| within(*network, *bits)).map(|(_, _, what)| *what)
}

fn inside6(address: Ipv6Addr) -> Option<&'static str> {
    let [first, second, _, _, _, sixth, _, _] = address.segments().map(u32::from);
    if address.is_loopback() {
        return Some("this machine");
    }
    if address.to_ipv4_mapped().is_some() {
        return Some("an IPv4 address inside an IPv6 one");
    }
    if first == 0x64 && second == 0xff9b {
        return Some("a NAT64 address");
    }
    if first >> 13 != 1 {
        return Some("not an address of the public internet");
    }
    // ISATAP: the fifth and sixth group say so, whatever the network; the IPv4 address follows.
    if sixth == 0x5efe {
        return Some("an ISATAP address");
    }
    let head = first << 16 | second;
    INSIDE6.iter().find(|(network, bits, _)| (head ^ network) >> (32 - bits) == 0).map(|(_, _, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(address: &str) -> &'static str {
        may_be_called(address.parse().unwrap(), &[]).err().map_or("public", |refused| refused.what)
    }

    #[test]
    fn the_public_internet_is_called() {
        for address in ["8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "198.17.255.255"] {
            assert_eq!(says(address), "public", "{address}");
        }
        for address in ["2606:4700:4700::1111", "2a00:1450::1", "2001:200::1", "2001:4860:4860::8888", "3fff:1000::1"] {
            assert_eq!(says(address), "public", "{address}");
        }
    }

    #[test]
    fn what_is_inside_is_not() {
        assert_eq!(says("127.8.9.1"), "this machine");
        assert_eq!(says("::1"), "this machine");
        assert_eq!(says("::ffff:10.0.0.1"), "an IPv4 address inside an IPv6 one");
        assert_eq!(says("::ffff:8.8.8.8"), "an IPv4 address inside an IPv6 one");
        assert_eq!(says("::ffff:169.254.169.254"), "a cloud's metadata service");
        assert_eq!(says("64:ff9b::a9fe:a9fe"), "a NAT64 address");
        assert_eq!(says("64:ff9b:1::1"), "a NAT64 address");
        assert_eq!(says("2002:7f00:1::"), "a 6to4 address");
        assert_eq!(says("2001::1"), "a Teredo or protocol address");
        assert_eq!(says("2001:db8::1"), "an address of examples");
        assert_eq!(says("fe80::1"), "not an address of the public internet");
        assert_eq!(says("fd12::1"), "not an address of the public internet");
        assert_eq!(says("::7f00:1"), "not an address of the public internet");
        assert_eq!(says("2a00::200:5efe:7f00:1"), "an ISATAP address");
        assert_eq!(says("172.31.255.255"), "a private address");
        assert_eq!(says("0.0.0.0"), "no address");
    }

    #[test]
    fn a_range_that_the_settings_allow_is_called_and_no_more() {
        let allowed: Vec<IpNet> = ["10.1.0.0/16", "::1/128"].iter().map(|range| range.parse().unwrap()).collect();
        let may = |address: &str| may_be_called(address.parse().unwrap(), &allowed).is_ok();
        assert!(may("10.1.2.3") && may("::1"));
        assert!(!may("10.2.0.1") && !may("::ffff:10.1.2.3") && !may("127.0.0.1"));
    }

    #[test]
    fn no_range_opens_what_hands_out_credentials() {
        let all: Vec<IpNet> = ["0.0.0.0/0", "::/0"].iter().map(|range| range.parse().unwrap()).collect();
        for address in
            ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "168.63.129.16", "0.0.0.0", "::", "224.0.0.1"]
        {
            assert!(may_be_called(address.parse().unwrap(), &all).is_err_and(|refused| refused.always), "{address}");
        }
        assert!(may_be_called("10.0.0.1".parse().unwrap(), &all).is_ok());
    }
}
