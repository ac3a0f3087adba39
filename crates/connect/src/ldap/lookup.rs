//! Who a name may mean. What the directory finds is compared once more: directories take `é` for `e`, and wide letters for
//! narrow ones, and whoever chose such a name would be taken for somebody else.

use super::flavour::{Attribute, Map};
use super::groups::Groups;
use super::link::{Entry, Link, Query};
use super::settings::Settings;
use super::trouble::Trouble;
use adjutant_hand::connector::{CallError, Found};
use adjutant_model::EntityKind;
use adjutant_model::act::Target;
use adjutant_model::entity::NAME_BYTES_MAX;
use ldap3::Scope;
use std::collections::{BTreeMap, BTreeSet};

/// How many entries one name may find before nothing more is said of it.
const ENTRIES_MAX: i32 = 16;

/// A kind of thing in a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) kind: EntityKind,
    base: &'a str,
    class: &'static str,
    name: &'static str,
    names: &'static [Attribute],
}

impl<'a> Place<'a> {
    /// Where things of the kind are: accounts, and as resources groups; none for kinds that a directory does not hold.
    pub(super) fn of(kind: EntityKind, map: &Map, settings: &'a Settings) -> Option<Self> {
        match kind {
            EntityKind::User => {
                Some(Self { kind, base: &settings.users, class: map.users, name: map.user_name, names: map.user_names })
            }
            EntityKind::Resource => {
                Some(Self { kind, base: &settings.groups, class: map.groups, name: map.group_name, names: map.group_names })
            }
            _ => None,
        }
    }

    /// The one entry that `id` names for ever.
    pub(super) fn entry(&self, link: &mut Link, map: &Map, id: &str, also: &[&str]) -> Result<Entry, CallError> {
        let gone = || CallError::Permanent(format!("the {} `{id}` is not in the directory any more", self.what()));
        let filter = map.id.form.equals(map.id.name, id);
        let filter = filter.ok_or_else(|| CallError::Permanent(format!("`{id}` is no `{}`", map.id.name)))?;
        let mut found = self.search(link, &filter, &[also, &[map.id.name]].concat()).map_err(Trouble::of_reading)?;
        match (found.pop(), found.pop()) {
            (Some(entry), None) => Ok(entry),
            (None, _) => Err(gone()),
            (Some(_), Some(_)) => Err(CallError::Permanent(format!("the directory holds `{id}` twice"))),
        }
    }

    const fn what(&self) -> &'static str {
        match self.kind {
            EntityKind::Resource => "group",
            _ => "account",
        }
    }

    fn search(&self, link: &mut Link, filter: &str, attributes: &[&str]) -> Result<Vec<Entry>, Trouble> {
        link.search(&Query {
            base: self.base,
            scope: Scope::Subtree,
            filter: &format!("(&{}{filter})", self.class),
            attributes,
            entries_max: ENTRIES_MAX,
            values: None,
        })
    }

    /// What asks for everything there is of the kind.
    pub(super) fn everything<'q>(&'q self, attributes: &'q [&'q str]) -> Query<'q> {
        Query { base: self.base, scope: Scope::Subtree, filter: self.class, attributes, entries_max: 0, values: None }
    }

    /// The filter of everything of the kind that `filter` fits.
    pub(super) fn and(&self, filter: &str) -> String {
        format!("(&{}{filter})", self.class)
    }

    /// The one entry that is called `name`.
    pub(super) fn called(&self, link: &mut Link, map: &Map, name: &str) -> Result<Entry, CallError> {
        let any: String = self.names.iter().filter_map(|attribute| attribute.form.equals(attribute.name, name)).collect();
        let mut entries = self.search(link, &format!("(|{any})"), &self.attributes(map)).map_err(Trouble::of_reading)?;
        entries.retain(|entry| self.is_called(entry, name));
        match (entries.pop(), entries.pop()) {
            (Some(entry), None) => Ok(entry),
            (None, _) => Err(CallError::Permanent(format!("no {} is called `{name}`", self.what()))),
            (Some(_), Some(_)) => Err(CallError::Permanent(format!("more than one {} is called `{name}`", self.what()))),
        }
    }

    /// Everything that is called `name`, two at most.
    pub(super) fn lookup(&self, link: &mut Link, map: &Map, settings: &Settings, name: &str) -> Result<Vec<Found>, CallError> {
        let Some(name) = bare(name, &settings.domains) else { return Ok(Vec::new()) };
        let any: String = self.names.iter().filter_map(|attribute| attribute.form.equals(attribute.name, name)).collect();
        let attributes = self.attributes(map);
        let mut entries = self.search(link, &format!("(|{any})"), &attributes).map_err(Trouble::of_reading)?;
        if entries.len() >= ENTRIES_MAX as usize {
            return Err(CallError::Permanent(format!("`{name}` finds {ENTRIES_MAX} entries or more")));
        }
        entries.retain(|entry| self.is_called(entry, name));
        let groups = Groups { map, base: &settings.groups, max: settings.groups_max };
        entries.iter().take(2).map(|entry| self.found(link, &groups, entry)).collect()
    }

    fn is_called(&self, entry: &Entry, name: &str) -> bool {
        let same = |text: &String| lower(text) == lower(name);
        let mut called = self.names.iter().flat_map(|attribute| entry.texts(attribute.name, attribute.form));
        called.any(|text| same(&text)) || same(&entry.dn)
    }

    fn attributes(&self, map: &Map) -> Vec<&'static str> {
        let named = self.names.iter().chain(map.aliases).map(|attribute| attribute.name);
        let facts = map.facts.iter().map(|(_, attribute)| *attribute);
        named.chain(facts).chain([map.id.name, self.name]).chain(map.primary_group.iter().copied()).collect()
    }

    fn found(&self, link: &mut Link, groups: &Groups<'_>, entry: &Entry) -> Result<Found, CallError> {
        let map = groups.map;
        let id = entry.texts(map.id.name, map.id.form).into_iter().next();
        let id = id.ok_or_else(|| CallError::Permanent(format!("`{}` of `{}` cannot be read", map.id.name, entry.dn)))?;
        let called = self.names.iter().chain(map.aliases).flat_map(|attribute| entry.texts(attribute.name, attribute.form));
        let aliases: BTreeSet<String> = called.chain([entry.dn.clone()]).filter(|text| !text.is_empty()).collect();
        let name = entry.text(self.name).unwrap_or_else(|| entry.dn.clone());
        Ok(Found {
            target: Target { kind: self.kind, id, name },
            aliases: aliases.into_iter().collect(),
            groups: groups.names(link, entry).map_err(Trouble::of_reading)?,
            facts: facts(link, map, entry).map_err(Trouble::of_reading)?,
        })
    }
}

/// What is known of an entry. A manager is told by the name that people know; one that cannot be read is not told.
fn facts(link: &mut Link, map: &Map, entry: &Entry) -> Result<BTreeMap<String, String>, Trouble> {
    let mut facts = BTreeMap::new();
    for (fact, attribute) in map.facts {
        let Some(text) = entry.text(attribute) else { continue };
        let text = if *fact == "manager" { login(link, map, &text)? } else { Some(text) };
        facts.extend(text.map(|text| ((*fact).to_owned(), text)));
    }
    Ok(facts)
}

/// The name by which people know the entry `dn`; none when it cannot be read.
pub(super) fn login(link: &mut Link, map: &Map, dn: &str) -> Result<Option<String>, Trouble> {
    let query = Query {
        base: dn,
        scope: Scope::Base,
        filter: "(objectClass=*)",
        attributes: &[map.user_name],
        entries_max: 1,
        values: None,
    };
    match link.search(&query) {
        Ok(found) => Ok(found.first().and_then(|entry| entry.text(map.user_name))),
        Err(Trouble::Refused { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// The name without a domain of ours; none for what cannot be a name.
fn bare<'a>(name: &'a str, domains: &[String]) -> Option<&'a str> {
    let name = name.trim();
    let ours = |domain: &str| domains.iter().any(|known| known.eq_ignore_ascii_case(domain));
    let name = name.split_once('\\').filter(|(domain, _)| ours(domain)).map_or(name, |(_, name)| name);
    (!name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains(char::is_control)).then_some(name)
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_taken_off_a_name_only_when_it_is_ours() {
        let domains = ["CORP".to_owned()];
        assert_eq!(bare(" corp\\ana ", &domains), Some("ana"));
        assert_eq!(bare("EVIL\\ana", &domains), Some("EVIL\\ana"));
        assert_eq!(bare("CORP\\", &domains), None);
        assert_eq!(bare("a\0na", &domains), None);
        assert_eq!(bare(&"a".repeat(10_240), &domains), None);
    }

    #[test]
    fn names_are_compared_without_case_and_with_everything_else() {
        assert_eq!(lower("ANA"), lower("ana"));
        assert_ne!(lower("áná"), lower("ana"));
        assert_ne!(lower("ａｎａ"), lower("ana"));
    }
}
