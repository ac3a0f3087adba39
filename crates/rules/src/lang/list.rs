//! Named lists of the book: addresses and networks, domains, words.
//!
//! A list is a text file of one entry a line; `#` begins a comment. An entry that is an address or a network
//! matches addresses; `.example.com` matches that domain and everything below it; anything else matches
//! the same text in any letter case. Built once when the book is loaded; a lookup allocates nothing.

use super::Val;
use super::cidr::{Cidrs, parse_net};
use adjutant_model::{Addr, Why};
use foldhash::fast::FixedState;
use ipnet::IpNet;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Words with a hash that is the same in every run.
type Words = HashSet<Box<str>, FixedState>;

/// The longest entry, and the longest text that is looked up.
pub const ENTRY_BYTES_MAX: usize = 1024;

/// A set of addresses, networks, domains and words.
#[derive(Clone, Debug, Default)]
pub struct Set {
    networks: Cidrs<()>,
    words: Words,
    domains: Words,
    /// One entry of each kind, for those who need an example of a member.
    example: Option<Box<str>>,
    example_address: Option<Addr>,
}

/// The named lists of a book.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    by_name: BTreeMap<String, Arc<Set>>,
}

impl Lists {
    /// Adds the list `name` from the text of its file. A list that is added again is replaced.
    pub fn add(&mut self, name: &str, text: &str) {
        let entries = text.lines().map(|line| line.split('#').next().unwrap_or("").trim()).filter(|line| !line.is_empty());
        self.by_name.insert(name.to_owned(), Arc::new(Set::new(entries)));
    }

    /// The list called `name`.
    pub fn get(&self, name: &str) -> Option<&Arc<Set>> {
        self.by_name.get(name)
    }

    /// The names of all lists.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

impl Set {
    /// The set of `entries`.
    pub fn new<'e>(entries: impl IntoIterator<Item = &'e str>) -> Self {
        let mut set = Self::default();
        let mut networks = Vec::new();
        for entry in entries {
            if let Some(net) = parse_net(entry) {
                networks.push(net);
                continue;
            }
            let word: Box<str> = entry.to_lowercase().into();
            match word.strip_prefix("*.").or(word.strip_prefix('.')) {
                Some(domain) => set.domains.insert(domain.into()),
                None => set.words.insert(word.clone()),
            };
            set.example.get_or_insert_with(|| word.trim_start_matches(['*', '.']).into());
        }
        Self { ..set.with_networks(networks) }
    }

    /// The set of `networks` alone.
    pub fn of_networks(networks: Vec<IpNet>) -> Self {
        Self::default().with_networks(networks)
    }

    fn with_networks(self, networks: Vec<IpNet>) -> Self {
        let example_address = networks.first().map(|net| net.addr().into());
        Self { networks: Cidrs::new(networks.into_iter().map(|net| (net, ()))), example_address, ..self }
    }

    /// Whether `value` is in the set; a list is when any of its elements is. `None` for what no set can hold.
    pub fn contains(&self, value: &Val<'_>) -> Option<bool> {
        match value {
            Val::Text(text) => Some(self.contains_text(text)),
            Val::Addr(addr) => Some(self.contains_addr(*addr)),
            _ => None,
        }
    }

    /// Whether an address is in one of the set's networks.
    pub fn contains_addr(&self, addr: Addr) -> bool {
        self.networks.contains(addr)
    }

    /// Whether a text is one of the set's words, below one of its domains, or an address in one of its networks.
    pub fn contains_text(&self, text: &str) -> bool {
        if text.len() > ENTRY_BYTES_MAX {
            return false;
        }
        let known = lower(text, |text| self.words.contains(text) || self.in_domains(text));
        known || (!self.networks.is_empty() && Addr::parse(text).is_some_and(|addr| self.contains_addr(addr)))
    }

    fn in_domains(&self, text: &str) -> bool {
        if self.domains.is_empty() {
            return false;
        }
        let text = text.trim_end_matches('.');
        let mut rest = Some(text);
        while let Some(domain) = rest {
            if self.domains.contains(domain) {
                return true;
            }
            rest = domain.split_once('.').map(|(_, rest)| rest);
        }
        false
    }

    /// A member that a text field could hold, and one that an address field could hold.
    pub fn examples(&self) -> (Option<&str>, Option<Addr>) {
        (self.example.as_deref(), self.example_address)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.networks.len() + self.words.len() + self.domains.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Calls `look` with `text` in lower case, on the stack where it is ASCII and short.
fn lower<T>(text: &str, look: impl Fn(&str) -> T) -> T {
    let mut buffer = [0_u8; 128];
    if let Some(place) = buffer.get_mut(..text.len()).filter(|_| text.is_ascii()) {
        place.copy_from_slice(text.as_bytes());
        place.make_ascii_lowercase();
        if let Ok(text) = std::str::from_utf8(place) {
            return look(text);
        }
    }
    look(&text.to_lowercase())
}

/// One lookup table of a source: texts to values.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Keys in lower case, sorted.
    entries: Vec<(Box<str>, Val<'static>)>,
}

/// The lookup tables of a source.
pub type Tables = BTreeMap<String, Arc<Table>>;

impl Table {
    /// The table of `entries`. Of keys that differ in letter case only, the first one counts.
    pub fn new(entries: impl IntoIterator<Item = (String, Val<'static>)>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().map(|(key, value)| (key.to_lowercase().into_boxed_str(), value)).collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.dedup_by(|later, first| later.0 == first.0);
        Self { entries }
    }

    /// What the table says about `key`, in any letter case. A number is looked up as it is written.
    pub fn get<'t>(&'t self, key: &Val<'_>) -> Val<'t> {
        let found = match key {
            Val::Unknown(why) => return Val::Unknown(*why),
            Val::Text(text) if text.len() > ENTRY_BYTES_MAX => None,
            Val::Text(text) => self.find(text),
            Val::Int(_) | Val::Uint(_) | Val::Double(_) | Val::Bool(_) => self.find(&key.to_string()),
            Val::Null => return Val::Unknown(Why::NotStated),
            _ => None,
        };
        found.map_or(Val::Unknown(Why::Unreadable), Val::lend)
    }

    fn find(&self, key: &str) -> Option<&Val<'static>> {
        lower(key, |key| self.entries.binary_search_by(|(known, _)| known.as_ref().cmp(key)).ok())
            .and_then(|at| self.entries.get(at))
            .map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_match_what_they_look_like() {
        let mut lists = Lists::default();
        lists.add(
            "known",
            "10.0.0.0/8 # office\n# nothing\n\n2001:db8::1\nAna@Corp.example\n.Example.com\n*.example.net\nBücher.example",
        );
        let set = lists.get("known").unwrap();
        assert_eq!(set.len(), 6);
        for text in [
            "10.2.3.4",
            "2001:DB8:0::1",
            "ana@corp.EXAMPLE",
            "example.com",
            "a.b.EXAMPLE.com.",
            "x.example.net",
            "bÜcher.example",
        ] {
            assert!(set.contains_text(text), "{text}");
        }
        for text in ["", "11.0.0.1", "myexample.com", "example.org", "com", "."] {
            assert!(!set.contains_text(text), "{text}");
        }
        assert!(!set.contains_text(&"a.".repeat(5000)));
        assert_eq!(set.contains(&Val::Int(1)), None);
    }

    #[test]
    fn tables_ignore_letter_case() {
        let table =
            Table::new([("HIGH".into(), Val::text("high")), ("3".into(), Val::text("medium")), ("true".into(), Val::Int(1))]);
        assert_eq!(table.get(&Val::text("High")).as_text(), Some("high"));
        assert_eq!(table.get(&Val::Int(3)).as_text(), Some("medium"));
        assert_eq!(table.get(&Val::Double(3.0)).as_text(), Some("medium"));
        assert!(matches!(table.get(&Val::text("none")), Val::Unknown(Why::Unreadable)));
        assert!(matches!(table.get(&Val::Null), Val::Unknown(Why::NotStated)));
    }
}
