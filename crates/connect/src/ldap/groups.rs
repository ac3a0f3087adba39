//! In which groups somebody is, through other groups too, and being taken out of one.

use super::flavour::Map;
use super::link::{Change, Entry, Link, Query, values};
use super::text::{Form, sibling};
use super::trouble::Trouble;
use adjutant_hand::connector::CallError;
use adjutant_model::act::State;
use ldap3::{Mod, Scope, ldap_escape};
use std::collections::{BTreeMap, BTreeSet};

/// How many names are asked for at once.
const NAMES_PER_REQUEST: usize = 64;

/// Beside the membership: how the group writes the member, when not as the member's own entry does.
const AS_WRITTEN: &str = "as-written";

/// Where groups are, and how many of them are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Groups<'a> {
    pub(super) map: &'a Map,
    pub(super) base: &'a str,
    pub(super) max: u16,
}

/// An account in one group, or not.
#[derive(Debug)]
pub(super) struct Membership<'a> {
    pub(super) map: &'a Map,
    pub(super) member: &'a Entry,
    /// What names the member for ever.
    pub(super) id: &'a str,
    /// Attribute of the group that holds the member, and how; none when it does not.
    held: Option<(String, String)>,
}

impl Groups<'_> {
    /// What the groups of `entry` are called, through other groups too; none when there are too many, or they cannot be read.
    pub(super) fn names(&self, link: &mut Link, entry: &Entry) -> Result<Option<Vec<String>>, Trouble> {
        let found = match self.all(link, entry) {
            Ok(found) => found,
            Err(Trouble::Refused { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        let names = |group: &Entry| {
            let named = self.map.group_names.iter().filter(|attribute| !matches!(attribute.form, Form::Uuid | Form::Guid));
            let texts = named.flat_map(|attribute| group.texts(attribute.name, attribute.form));
            texts.chain([group.dn.clone()]).collect::<Vec<_>>()
        };
        Ok(found.map(|found| found.iter().flat_map(names).collect::<BTreeSet<_>>().into_iter().collect()))
    }

    fn all(&self, link: &mut Link, entry: &Entry) -> Result<Option<Vec<Entry>>, Trouble> {
        let mut found = self.primary(link, entry)?;
        let mut names: Vec<String> = found.iter().map(|group| group.dn.clone()).collect();
        names.push(entry.dn.clone());
        let above = match self.map.in_chain {
            Some(rule) => self.of_members(link, &names, &format!(":{rule}:"))?,
            None => self.above(link, names)?,
        };
        Ok(above.map(|above| {
            found.extend(above);
            found
        }))
    }

    /// Level by level, each group once, so that groups that hold each other end it.
    fn above(&self, link: &mut Link, mut names: Vec<String>) -> Result<Option<Vec<Entry>>, Trouble> {
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        while !names.is_empty() {
            let Some(level) = self.of_members(link, &names, "")? else { return Ok(None) };
            let new: Vec<Entry> = level.into_iter().filter(|group| seen.insert(group.dn.clone())).collect();
            names = new.iter().map(|group| group.dn.clone()).collect();
            all.extend(new);
            if all.len() > usize::from(self.max) {
                return Ok(None);
            }
        }
        Ok(Some(all))
    }

    /// The groups that hold any of the names, each once.
    fn of_members(&self, link: &mut Link, names: &[String], rule: &str) -> Result<Option<Vec<Entry>>, Trouble> {
        let mut found: BTreeMap<String, Entry> = BTreeMap::new();
        for some in names.chunks(NAMES_PER_REQUEST) {
            let any: String = some.iter().map(|name| holding(self.map, name, rule)).collect();
            let groups = self.search(link, &format!("(|{any})"))?;
            found.extend(groups.into_iter().map(|group| (group.dn.clone(), group)));
            if found.len() > usize::from(self.max) {
                return Ok(None);
            }
        }
        Ok(Some(found.into_values().collect()))
    }

    /// The group that an account is in without being its member.
    fn primary(&self, link: &mut Link, entry: &Entry) -> Result<Vec<Entry>, Trouble> {
        let [relative, whole] = self.map.primary_group else { return Ok(Vec::new()) };
        let own = entry.texts(whole, Form::Sid).into_iter().next();
        let sid = own.zip(entry.text(relative)).and_then(|(own, relative)| sibling(&own, &relative));
        match sid.and_then(|sid| Form::Sid.equals(whole, &sid)) {
            Some(filter) => self.search(link, &filter),
            None => Ok(Vec::new()),
        }
    }

    fn search(&self, link: &mut Link, filter: &str) -> Result<Vec<Entry>, Trouble> {
        let attributes: Vec<&str> = self.map.group_names.iter().map(|attribute| attribute.name).collect();
        link.search(&Query {
            base: self.base,
            scope: Scope::Subtree,
            filter: &format!("(&{}{filter})", self.map.groups),
            attributes: &attributes,
            entries_max: i32::from(self.max) + 1,
            values: None,
        })
    }

    /// How `entry` is in `group` beside being its member; none when it is not.
    pub(super) fn between(&self, link: &mut Link, entry: &Entry, group: &Entry) -> Result<Option<String>, CallError> {
        let mut seen = BTreeSet::from([entry.dn.clone()]);
        let direct = self.holders(link, &entry.dn)?.into_iter().map(|other| other.dn).filter(|dn| *dn != group.dn);
        let mut names: Vec<String> = direct.collect();
        for primary in self.primary(link, entry).map_err(Trouble::of_reading)? {
            if primary.dn == group.dn {
                return Ok(Some("as its primary group, which nobody can be taken out of".to_owned()));
            }
            names.push(primary.dn);
        }
        while let Some(name) = names.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            if seen.len() > usize::from(self.max) {
                return Err(self.too_many(&entry.dn));
            }
            let above: Vec<String> = self.holders(link, &name)?.into_iter().map(|other| other.dn).collect();
            if above.contains(&group.dn) {
                return Ok(Some(format!("through `{name}`; take it out of that")));
            }
            names.extend(above);
        }
        Ok(None)
    }

    fn holders(&self, link: &mut Link, name: &str) -> Result<Vec<Entry>, CallError> {
        let found = self.of_members(link, &[name.to_owned()], "").map_err(Trouble::of_reading)?;
        found.ok_or_else(|| self.too_many(name))
    }

    fn too_many(&self, name: &str) -> CallError {
        CallError::Permanent(format!("`{name}` is in more groups than `groups_max`, which is {}", self.max))
    }
}

/// The filter of groups that hold `name`.
fn holding(map: &Map, name: &str, rule: &str) -> String {
    let name = ldap_escape(name);
    map.members.iter().map(|attribute| format!("({attribute}{rule}={name})")).collect()
}

impl<'a> Membership<'a> {
    /// Whether and how `group` holds `member`. Only that one value is asked for: groups may have a hundred thousand.
    pub(super) fn read(
        map: &'a Map,
        link: &mut Link,
        (member, id): (&'a Entry, &'a str),
        group: &Entry,
    ) -> Result<Membership<'a>, Trouble> {
        let filter = holding(map, &member.dn, "");
        // Active Directory writes every member as the member's entry does.
        let attributes: &[&str] = if map.addressed_by_id { &["objectClass"] } else { map.members };
        let found = link.search(&Query {
            base: &group.dn,
            scope: Scope::Base,
            filter: &format!("(|{filter})"),
            attributes,
            entries_max: 1,
            values: Some(&format!("({filter})")),
        })?;
        let held = found.first().and_then(|found| {
            if map.addressed_by_id {
                return map.members.first().map(|attribute| ((*attribute).to_owned(), member.dn.clone()));
            }
            map.members.iter().find_map(|attribute| Some(((*attribute).to_owned(), written(found, attribute, &member.dn)?)))
        });
        match (&held, found.is_empty()) {
            (None, false) => Err(Trouble::Never(format!("`{}` writes `{}` in a way of its own", group.dn, member.dn))),
            _ => Ok(Self { map, member, id, held }),
        }
    }

    /// The state of the membership.
    pub(super) fn state(&self) -> State {
        let mut state: BTreeMap<String, Vec<String>> = BTreeMap::new();
        if let Some((attribute, written)) = &self.held {
            state.insert(attribute.clone(), vec![self.id.to_owned()]);
            if *written != self.member.dn {
                state.insert(AS_WRITTEN.to_owned(), vec![written.clone()]);
            }
        }
        State(state)
    }

    /// What ends the membership, which is as `before`; none when there is none.
    pub(super) fn end(&self, before: &State) -> Result<Option<Vec<Change>>, CallError> {
        let Some((attribute, written)) = &self.held else { return Ok(None) };
        if self.state() != *before {
            return Err(CallError::Permanent("the membership is not as it was read before".to_owned()));
        }
        Ok(Some(vec![Mod::Delete(attribute.as_bytes().to_vec(), values(&[written]))]))
    }

    /// What restores the membership that was `before`; none when it is restored.
    pub(super) fn restore(&self, before: &State) -> Option<Vec<Change>> {
        let attribute = before.0.keys().find(|name| self.map.members.contains(&name.as_str()))?;
        if self.held.is_some() {
            return None;
        }
        let written = before.0.get(AS_WRITTEN).and_then(|values| values.first());
        // Renamed since: then under its name of now.
        let name = written.filter(|written| same_name(written, &self.member.dn)).unwrap_or(&self.member.dn);
        Some(vec![Mod::Add(attribute.as_bytes().to_vec(), values(&[name]))])
    }
}

/// Whether the group's state says that somebody is not its member.
pub(super) fn is_out(map: &Map, state: &State) -> bool {
    !map.members.iter().any(|attribute| state.0.contains_key(*attribute))
}

/// How the group writes the member. A server that cannot tell its values apart gives them all.
fn written(group: &Entry, attribute: &str, dn: &str) -> Option<String> {
    let mut all = group.texts(attribute, Form::Text);
    if all.len() > 1 {
        all.retain(|value| same_name(value, dn));
    }
    all.iter().find(|value| *value == dn).or(all.first()).cloned()
}

/// Whether two names of entries differ in case and spaces alone.
fn same_name(a: &str, b: &str) -> bool {
    let part = |part: &str| part.split('=').map(str::trim).collect::<Vec<_>>().join("=").to_lowercase();
    let plain = |name: &str| name.split(',').map(part).collect::<Vec<_>>();
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::flavour::{ACTIVE_DIRECTORY, OPENLDAP};

    #[test]
    fn groups_are_asked_for_by_every_attribute_of_members() {
        assert_eq!(holding(&OPENLDAP, "uid=a*", ""), r"(member=uid=a\2a)(uniqueMember=uid=a\2a)");
        assert_eq!(holding(&ACTIVE_DIRECTORY, "CN=A", ":1.2:"), "(member:1.2:=CN=A)");
    }

    #[test]
    fn names_are_the_same_whatever_their_case_and_spaces() {
        assert!(same_name("uid=Ana, ou=People", "UID=ana,ou=people"));
        assert!(!same_name("uid=ana,ou=people", "uid=anna,ou=people"));
        assert!(!same_name("cn=an a,ou=people", "cn=ana,ou=people"));
    }
}
