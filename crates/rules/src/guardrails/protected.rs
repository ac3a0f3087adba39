//! The protected set: people, groups, machines and networks that nobody touches through this product.
//!
//! What is built in is protected in every book. `guardrails/protected.yaml` adds to it and can take nothing away.

use super::{Reader, identity, truth};
use crate::book::Files;
use crate::diagnostic::{Diagnostic, Located};
use crate::lang::{Cidrs, parse_net};
use adjutant_model::{Addr, EntityKind};
use serde::Deserialize;
use std::collections::BTreeMap;

const FILE: &str = "guardrails/protected.yaml";

/// What an entry is: where it stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// People.
    People,
    /// Accounts that no person uses alone: of services, of partners.
    Accounts,
    /// Accounts for the day when nothing else works.
    BreakGlass,
    /// The accounts that this product itself uses.
    OwnAccounts,
    /// Groups: whoever is in one is protected, however deeply.
    Groups,
    /// Machines.
    Hosts,
    /// Domain controllers.
    DomainControllers,
    /// The machines that this product itself runs on and needs.
    OwnHosts,
    /// Networks and addresses.
    Subnets,
    /// Domains, with everything below them.
    Domains,
}

/// One protected thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub section: Section,
    /// Every name that the file gives it.
    pub names: Vec<String>,
    /// Who answers for the entry.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
}

/// A fact that protects whoever it is true of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactEntry {
    /// The fact, such as `privileged`.
    pub fact: String,
    /// Of which kinds of things; empty: of all.
    pub kinds: Vec<EntityKind>,
    /// Any of these values protects; empty: `yes` does.
    pub is: Vec<String>,
    /// Whether a thing of which it is not known is left to people.
    pub needed: bool,
    /// Who answers for the entry.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
}

/// What is protected in every book: accounts and groups that come with a directory, under their English names.
///
/// In another language they are found by the ends of their security identifiers, which [`well_known`] knows.
pub const BUILT_IN: [(Section, &str); 15] = [
    (Section::Accounts, "Administrator"),
    (Section::Accounts, "krbtgt"),
    (Section::Accounts, "root"),
    (Section::Groups, "Domain Admins"),
    (Section::Groups, "Enterprise Admins"),
    (Section::Groups, "Schema Admins"),
    (Section::Groups, "Administrators"),
    (Section::Groups, "Account Operators"),
    (Section::Groups, "Backup Operators"),
    (Section::Groups, "Server Operators"),
    (Section::Groups, "Group Policy Creator Owners"),
    (Section::Groups, "Domain Controllers"),
    (Section::Groups, "Read-only Domain Controllers"),
    (Section::Groups, "Enterprise Domain Controllers"),
    (Section::Groups, "Global Administrator"),
];

/// Facts that protect in every book, where they are stated.
const FACTS: [&str; 3] = ["privileged", "break_glass", "domain_controller"];

/// The protected set.
#[derive(Debug)]
pub struct Protected {
    /// Every entry: what is built in, then what the file says.
    pub entries: Vec<Entry>,
    /// Every fact that protects.
    pub facts: Vec<FactEntry>,
    accounts: BTreeMap<String, usize>,
    groups: BTreeMap<String, usize>,
    hosts: BTreeMap<String, usize>,
    domains: BTreeMap<String, usize>,
    networks: Cidrs<usize>,
}

/// As what a name is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// As an account, and as a group.
    Account,
    /// As a group alone.
    Group,
    /// As a machine, and as its address.
    Host,
    /// As a domain, both ways: what is below a protected one, and what a protected one is below.
    Domain,
    /// As an address.
    Address,
    /// As a whole: names of messages and files hold people's names without being them.
    Whole,
}

/// As what the names of a kind of thing are compared.
pub const fn compared(kind: EntityKind) -> &'static [Compare] {
    match kind {
        EntityKind::User | EntityKind::Mailbox => &[Compare::Account],
        EntityKind::Host => &[Compare::Host],
        EntityKind::Resource | EntityKind::Device => &[Compare::Account, Compare::Host],
        EntityKind::Address => &[Compare::Address, Compare::Host],
        EntityKind::Domain | EntityKind::Url => &[Compare::Domain, Compare::Address],
        EntityKind::File | EntityKind::Message | EntityKind::Case => &[Compare::Whole],
    }
}

/// Everything that a name can be compared as.
pub const ANYTHING: [Compare; 4] = [Compare::Account, Compare::Host, Compare::Domain, Compare::Address];

impl Section {
    /// Every section, in the order of the file.
    pub const ALL: [Section; 10] = [
        Section::People,
        Section::Accounts,
        Section::BreakGlass,
        Section::OwnAccounts,
        Section::Groups,
        Section::Hosts,
        Section::DomainControllers,
        Section::OwnHosts,
        Section::Subnets,
        Section::Domains,
    ];

    /// Its name in the file and in clauses.
    pub const fn name(self) -> &'static str {
        match self {
            Section::People => "people",
            Section::Accounts => "accounts",
            Section::BreakGlass => "break_glass",
            Section::OwnAccounts => "own_accounts",
            Section::Groups => "groups",
            Section::Hosts => "hosts",
            Section::DomainControllers => "domain_controllers",
            Section::OwnHosts => "own_hosts",
            Section::Subnets => "subnets",
            Section::Domains => "domains",
        }
    }
}

impl Protected {
    /// The entry that `name` is, compared as `how`.
    pub fn find(&self, name: &str, how: Compare) -> Option<&Entry> {
        let found = match how {
            Compare::Account => {
                among(&self.accounts, name, identity::account).or_else(|| among(&self.groups, name, identity::account))
            }
            Compare::Group => among(&self.groups, name, identity::account),
            Compare::Host => among(&self.hosts, name, identity::host).or_else(|| self.network(name)),
            Compare::Domain => self.domain(&identity::domain(name)),
            Compare::Address => self.network(name),
            Compare::Whole => {
                let whole = |text: &str, take: &mut dyn FnMut(&str)| take(&identity::clean(text));
                among(&self.accounts, name, whole).or_else(|| among(&self.hosts, name, whole))
            }
        };
        let known = || well_known(name).filter(|_| matches!(how, Compare::Account | Compare::Group));
        found.or_else(|| known().and_then(|known| self.position(known))).and_then(|at| self.entries.get(at))
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.names.iter().any(|known| known == name))
    }

    fn network(&self, name: &str) -> Option<usize> {
        identity::addresses(name).into_iter().flatten().find_map(|address| self.networks.get(address)).copied()
    }

    /// The protected domain that `name` is or is below, or one that is below `name` and would go with it.
    fn domain(&self, name: &str) -> Option<usize> {
        let mut rest = Some(name).filter(|name| !name.is_empty());
        while let Some(outer) = rest {
            if let Some(at) = self.domains.get(outer) {
                return Some(*at);
            }
            rest = outer.split_once('.').map(|(_, outer)| outer);
        }
        self.domains.iter().find(|(inner, _)| identity::is_below(inner, name)).map(|(_, at)| *at)
    }

    /// Whether any network is protected, so that a machine without a known address may be in one.
    pub fn has_networks(&self) -> bool {
        !self.networks.is_empty()
    }

    /// Whether any group is protected, so that an account of unknown groups may be in one.
    pub fn has_groups(&self) -> bool {
        !self.groups.is_empty()
    }

    fn new(entries: Vec<Entry>, facts: Vec<FactEntry>) -> Self {
        let (mut accounts, mut groups, mut hosts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (mut domains, mut networks) = (BTreeMap::new(), Vec::new());
        for (at, entry) in entries.iter().enumerate() {
            for name in &entry.names {
                match entry.section {
                    Section::People | Section::Accounts | Section::BreakGlass | Section::OwnAccounts => {
                        index(&mut accounts, name, at, identity::account);
                    }
                    Section::Groups => index(&mut groups, name, at, identity::account),
                    Section::Hosts | Section::DomainControllers | Section::OwnHosts => {
                        index(&mut hosts, name, at, identity::host);
                        networks.extend(networks_of(name).map(|net| (net, at)));
                        let domain = identity::domain(name);
                        if domain.contains('.') && Addr::parse(&domain).is_none() {
                            domains.entry(domain).or_insert(at);
                        }
                    }
                    Section::Subnets => networks.extend(parse_net(name.trim()).map(|net| (net, at))),
                    Section::Domains => {
                        domains.entry(identity::domain(name)).or_insert(at);
                    }
                }
            }
        }
        Self { entries, facts, accounts, groups, hosts, domains, networks: Cidrs::new(networks) }
    }
}

fn networks_of(host: &str) -> impl Iterator<Item = ipnet::IpNet> {
    identity::addresses(host).into_iter().flatten().map(|address| ipnet::IpNet::from(address.ip()))
}

type Forms = fn(&str, &mut dyn FnMut(&str));

fn index(into: &mut BTreeMap<String, usize>, name: &str, at: usize, forms: Forms) {
    forms(name, &mut |form| {
        into.entry(form.to_owned()).or_insert(at);
    });
}

/// The first entry, in the order of the file, that shares a form with `name`.
fn among(index: &BTreeMap<String, usize>, name: &str, forms: Forms) -> Option<usize> {
    let mut found: Option<usize> = None;
    forms(name, &mut |form| {
        let at = index.get(form).copied();
        found = found.into_iter().chain(at).min();
    });
    found
}

/// What a security identifier that is the same in every directory names, among what is built in.
fn well_known(name: &str) -> Option<&'static str> {
    let clean = identity::clean(name);
    let sid = clean.get(clean.find("s-1-5-")?..)?.trim_end_matches(|c: char| !c.is_ascii_digit());
    if let Some(alias) = sid.strip_prefix("s-1-5-32-") {
        return match alias {
            "544" => Some("Administrators"),
            "548" => Some("Account Operators"),
            "549" => Some("Server Operators"),
            "551" => Some("Backup Operators"),
            _ => None,
        };
    }
    let (domain, relative) = sid.strip_prefix("s-1-5-21-")?.rsplit_once('-')?;
    match relative {
        _ if domain.is_empty() => None,
        "500" => Some("Administrator"),
        "502" => Some("krbtgt"),
        "498" | "521" => Some("Read-only Domain Controllers"),
        "512" => Some("Domain Admins"),
        "516" => Some("Domain Controllers"),
        "518" => Some("Schema Admins"),
        "519" => Some("Enterprise Admins"),
        "520" => Some("Group Policy Creator Owners"),
        _ => None,
    }
}

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    people: Vec<Located<WrittenEntry>>,
    #[serde(default)]
    accounts: Vec<Located<WrittenEntry>>,
    #[serde(default)]
    break_glass: Vec<Located<WrittenEntry>>,
    #[serde(default)]
    own_accounts: Vec<Located<WrittenEntry>>,
    #[serde(default)]
    groups: Vec<Located<WrittenEntry>>,
    #[serde(default)]
    hosts: Vec<Located<WrittenEntry>>,
    #[serde(default)]
    domain_controllers: Vec<Located<WrittenEntry>>,
    #[serde(default)]
    own_hosts: Vec<Located<WrittenEntry>>,
    #[serde(default)]
    subnets: Vec<Located<WrittenEntry>>,
    #[serde(default)]
    domains: Vec<Located<WrittenEntry>>,
    #[serde(default)]
    facts: Vec<Located<WrittenFact>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    name: Located<String>,
    #[serde(default)]
    also: Vec<Located<String>>,
    owner: Option<Located<String>>,
    reason: Option<Located<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFact {
    fact: Located<String>,
    #[serde(default)]
    kinds: Vec<EntityKind>,
    #[serde(default)]
    is: Vec<String>,
    #[serde(default = "yes")]
    needed: bool,
    owner: Option<Located<String>>,
    reason: Option<Located<String>>,
}

const fn yes() -> bool {
    true
}

/// Reads the file; absent is what is built in.
pub(super) fn load(files: &Files, faults: &mut Vec<Diagnostic>) -> Protected {
    let reason = || "comes with the directory; whoever controls it controls everything".to_owned();
    let built_in = |(section, name): &(Section, &str)| Entry {
        section: *section,
        names: vec![(*name).to_owned()],
        owner: "built in".into(),
        reason: reason(),
    };
    let mut entries: Vec<Entry> = BUILT_IN.iter().map(built_in).collect();
    let mut facts: Vec<FactEntry> = FACTS.iter().map(|fact| built_in_fact(fact)).collect();
    if let Some(written) = super::written::<Written>(FILE, files, faults) {
        let mut reader = Reader { file: FILE, code: "protected", faults };
        facts.extend(written_facts(&written.facts, &mut reader));
        entries.extend(written.entries().into_iter().flat_map(|(section, list)| {
            list.into_iter().filter_map(|entry| read(section, entry, &mut reader)).collect::<Vec<_>>()
        }));
    }
    Protected::new(entries, facts)
}

fn built_in_fact(fact: &str) -> FactEntry {
    let reason = "whoever controls it controls more than itself".into();
    FactEntry { fact: fact.into(), kinds: Vec::new(), is: Vec::new(), needed: false, owner: "built in".into(), reason }
}

impl Written {
    fn entries(self) -> [(Section, Vec<Located<WrittenEntry>>); 10] {
        [
            (Section::People, self.people),
            (Section::Accounts, self.accounts),
            (Section::BreakGlass, self.break_glass),
            (Section::OwnAccounts, self.own_accounts),
            (Section::Groups, self.groups),
            (Section::Hosts, self.hosts),
            (Section::DomainControllers, self.domain_controllers),
            (Section::OwnHosts, self.own_hosts),
            (Section::Subnets, self.subnets),
            (Section::Domains, self.domains),
        ]
    }
}

fn read(section: Section, entry: Located<WrittenEntry>, reader: &mut Reader<'_>) -> Option<Entry> {
    let at = entry.value.name.span;
    let names = std::iter::once(entry.value.name).chain(entry.value.also);
    let names: Vec<String> = names.filter_map(|name| usable(section, name, reader)).collect();
    let owner = reader.said(entry.value.owner, "owner", at);
    let reason = reader.said(entry.value.reason, "reason", at);
    (!names.is_empty()).then_some(Entry { section, names, owner, reason })
}

/// The name, when something can be compared with it.
fn usable(section: Section, name: Located<String>, reader: &mut Reader<'_>) -> Option<String> {
    let (text, at) = (name.value.trim(), name.span);
    if super::says_nothing(text) || identity::clean(text).is_empty() {
        reader.fault(at, "it names nobody", "write its name, or take the entry out");
        return None;
    }
    if text.contains(['*', '?']) {
        reader.fault(at, format!("`{text}` is a pattern"), "name each, or a group or subnet that they are in");
        return None;
    }
    if section == Section::Subnets && parse_net(text).is_none() {
        reader.fault(at, format!("`{text}` is no network"), "write 10.0.0.0/8, 2001:db8::/32 or one address");
        return None;
    }
    if section == Section::Domains && !identity::domain(text).contains('.') {
        reader.fault(at, format!("`{text}` is no domain"), "write it with its dots, such as corp.example");
        return None;
    }
    Some(text.to_owned())
}

fn written_facts(written: &[Located<WrittenFact>], reader: &mut Reader<'_>) -> Vec<FactEntry> {
    let mut facts = Vec::new();
    for one in written {
        let fact = &one.value;
        let at = fact.fact.span;
        if fact.fact.trim().is_empty() {
            reader.fault(at, "it names no fact", "write `fact: privileged`");
        }
        let owner = reader.said(fact.owner.clone(), "owner", at);
        let reason = reader.said(fact.reason.clone(), "reason", at);
        let name = fact.fact.trim().to_owned();
        facts.push(FactEntry { fact: name, kinds: fact.kinds.clone(), is: fact.is.clone(), needed: fact.needed, owner, reason });
    }
    facts
}

impl FactEntry {
    /// Whether `value` protects; none when it is not known.
    pub fn says(&self, value: Option<&str>) -> Option<bool> {
        let value = value.filter(|value| !super::says_nothing(value))?;
        if self.is.is_empty() {
            return truth(value);
        }
        Some(self.is.iter().any(|wanted| identity::clean(wanted) == identity::clean(value)))
    }

    /// Whether it is about such a thing.
    pub fn is_about(&self, kind: EntityKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> (Protected, Vec<Diagnostic>) {
        let mut faults = Vec::new();
        (load(&Files::from([(FILE.to_owned(), text.to_owned())]), &mut faults), faults)
    }

    fn found<'p>(protected: &'p Protected, name: &str, how: Compare) -> Option<&'p str> {
        protected.find(name, how).and_then(|entry| entry.names.first()).map(String::as_str)
    }

    #[test]
    fn what_comes_with_a_directory_is_protected_without_a_file() {
        let (built_in, faults) = load_text("{}");
        assert!(faults.is_empty(), "{faults:?}");
        for name in ["CORP\\administrator", "krbtgt@corp.example", "S-1-5-21-1-2-3-500"] {
            assert!(built_in.find(name, Compare::Account).is_some(), "{name}");
        }
        for name in ["CN=Domain Admins,CN=Users,DC=corp", "CORP\\enterprise admins", "s-1-5-21-9-9-9-512", "S-1-5-32-544"] {
            assert!(built_in.find(name, Compare::Group).is_some(), "{name}");
        }
        assert_eq!(found(&built_in, "S-1-5-21-1-2-3-1104", Compare::Account), None);
    }

    #[test]
    fn each_section_is_compared_in_its_own_way() {
        let entry = |name: &str| format!("[{{ name: '{name}', owner: o, reason: r }}]");
        let text = format!(
            "people: {}\nhosts: {}\nsubnets: {}\ndomains: {}\n",
            entry("ana@corp.example"),
            entry("dc9.corp.example"),
            entry("10.9.0.0/16"),
            entry("corp.example")
        );
        let (protected, faults) = load_text(&text);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(found(&protected, "CORP\\ANA", Compare::Account), Some("ana@corp.example"));
        assert_eq!(found(&protected, "DC9$", Compare::Host), Some("dc9.corp.example"));
        assert_eq!(found(&protected, "::ffff:10.9.1.1", Compare::Host), Some("10.9.0.0/16"));
        assert_eq!(found(&protected, "::ffff:10.9.1.1", Compare::Address), Some("10.9.0.0/16"));
        assert_eq!(found(&protected, "https://a.corp.example/x", Compare::Domain), Some("corp.example"));
        assert_eq!(found(&protected, "example", Compare::Domain), Some("corp.example"));
        assert_eq!(found(&protected, "evil.test", Compare::Domain), None);
    }

    #[test]
    fn nonsense_is_a_fault_at_its_place() {
        let who = "owner: o, reason: r";
        let cases = [
            (format!("people: [{{ name: '-', {who} }}]"), "'-'", "it names nobody", "write its name, or take the entry out"),
            (
                format!("people: [{{ name: adm-*, {who} }}]"),
                "adm-*",
                "`adm-*` is a pattern",
                "name each, or a group or subnet that they are in",
            ),
            (
                format!("subnets: [{{ name: 10.0.0/8, {who} }}]"),
                "10.0.0/8",
                "`10.0.0/8` is no network",
                "write 10.0.0.0/8, 2001:db8::/32 or one address",
            ),
            (
                format!("domains: [{{ name: corp, {who} }}]"),
                "corp",
                "`corp` is no domain",
                "write it with its dots, such as corp.example",
            ),
            (
                "hosts: [{ name: web, reason: r }]".into(),
                "web",
                "it has no `owner`",
                "write who answers for it and why: `owner: …`",
            ),
            (
                "facts: [{ fact: vip, owner: o }]".into(),
                "vip",
                "it has no `reason`",
                "write who answers for it and why: `reason: …`",
            ),
            (format!("poeple: [{{ name: ana, {who} }}]"), "poeple", "unknown field `poeple`", "did you mean `people`?"),
        ];
        for (text, place, message, help) in cases {
            let (_, faults) = load_text(&text);
            let [fault] = faults.as_slice() else { panic!("{text}: {faults:?}") };
            assert!(text[fault.span.start..].starts_with(place), "{text}: {:?}", fault.span);
            assert!(fault.message.starts_with(message), "{text}: {}", fault.message);
            assert_eq!(fault.help, help, "{text}");
        }
    }

    #[test]
    fn a_fact_that_is_not_known_is_neither() {
        let fact = built_in_fact("privileged");
        assert_eq!(
            [Some("yes"), Some("no"), Some("perhaps"), Some("unknown"), None].map(|value| fact.says(value)),
            [Some(true), Some(false), None, None, None]
        );
    }
}
