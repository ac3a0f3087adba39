//! MISP warning lists by hand: networks as sorted ranges, domains as a map; a number stands for the list.

use super::HashMap;
use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

/// Which of the first 64 lists name an address or a domain: one bit each.
#[derive(Default)]
pub(super) struct WarningLists {
    /// First and last address, ascending; nested ranges are found by the nearest that begins before.
    ranges: Vec<(u128, u128, u64)>,
    domains: HashMap<Box<str>, u64>,
}

#[derive(Deserialize)]
struct File {
    list: Vec<String>,
}

impl WarningLists {
    /// Reads every list of `dir`.
    pub(super) fn load(dir: &Path) -> Result<Self> {
        let mut lists = Self::default();
        let entries = fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))?;
        for (number, entry) in entries.enumerate() {
            let text = fs::read_to_string(entry?.path())?;
            let Ok(file) = serde_json::from_str::<File>(&text) else { continue };
            file.list.iter().for_each(|line| lists.add(line, 1 << (number % 64)));
        }
        lists.ranges.sort_unstable();
        Ok(lists)
    }

    fn add(&mut self, line: &str, bit: u64) {
        let (address, length) = line.split_once('/').unwrap_or((line, ""));
        let Ok(address) = address.parse::<IpAddr>() else {
            *self.domains.entry(line.trim_start_matches('.').to_lowercase().into()).or_default() |= bit;
            return;
        };
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let free = width - length.parse().unwrap_or(width).min(width);
        let first = number(address);
        self.ranges.push((first, first + 1_u128.checked_shl(free).map_or(u128::MAX - first, |size| size - 1), bit));
    }

    /// Something of the lists that name `address`.
    pub(super) fn address(&self, address: IpAddr) -> u64 {
        let address = number(address);
        let at = self.ranges.partition_point(|(first, ..)| *first <= address);
        self.ranges[..at].last().map_or(0, |(_, last, bit)| if *last >= address { *bit & 0xff } else { 0 })
    }

    /// Something of the lists that name `domain` or a domain above it.
    pub(super) fn domain(&self, domain: &str) -> u64 {
        let mut rest = domain;
        loop {
            if let Some(bits) = self.domains.get(rest) {
                return bits & 0xff;
            }
            match rest.split_once('.') {
                Some((_, above)) => rest = above,
                None => return 0,
            }
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}
