//! Everybody in a directory, as rows of a table.
//!
//! Who is in a group is asked of the directory itself, group by group downwards, so that its own comparison of names counts.
//! A group that is not there, or shows no member, is no group of nobody: then there is no list.

use super::change;
use super::flavour::{Attribute, Map};
use super::link::{Entry, Link, Query};
use super::lookup::{Place, login};
use super::settings::Settings;
use super::text::Form;
use super::trouble::Trouble;
use adjutant_hand::connector::CallError;
use adjutant_hand::table::{Row, Rows};
use adjutant_model::EntityKind;
use ldap3::{Scope, ldap_escape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Entries of one list.
const ENTRIES_MAX: usize = 500_000;

/// Groups and members of one group that are looked at, through other groups too.
const MEMBERS_MAX: usize = 20_000;

/// What a directory says of an entry that is not there.
const NO_SUCH_OBJECT: u32 = 32;

/// A list of everybody: its columns, and where each comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// Each column with the attribute whose first value it holds, or what else it says.
    pub columns: BTreeMap<String, Column>,
}

/// Where a column comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Column {
    /// An attribute.
    Attribute(String),
    /// Something that no attribute says as it stands.
    Is(Is),
    /// Whether somebody is in a group.
    In(In),
}

/// `{ is = "enabled" }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Is {
    /// What it is.
    pub is: Known,
}

/// `{ groups = ["admins"] }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct In {
    /// Whether somebody is in any of these, directly or through others.
    pub groups: Vec<String>,
}

/// What no attribute says as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    /// What names the entry for ever.
    Id,
    /// Whether the account is not disabled.
    Enabled,
    /// The name by which people know the manager.
    Manager,
}

impl People {
    /// The attributes that it names.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &String> {
        self.columns.values().filter_map(|column| match column {
            Column::Attribute(name) => Some(name),
            Column::Is(_) | Column::In(_) => None,
        })
    }
}

/// One list being read.
struct Reading<'a> {
    link: &'a mut Link,
    map: &'a Map,
    settings: &'a Settings,
    /// The names of managers that were asked for.
    managers: BTreeMap<String, Option<String>>,
}

/// Everybody, over a connection of its own: whoever acts does not wait for it.
pub(super) fn read(link: &mut Link, map: &Map, settings: &Settings, people: &People) -> Result<Rows, CallError> {
    let none = || CallError::Permanent("a directory without users".to_owned());
    let place = Place::of(EntityKind::User, map, settings).ok_or_else(none)?;
    let mut reading = Reading { link, map, settings, managers: BTreeMap::new() };
    let mut members: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, column) in &people.columns {
        if let Column::In(of) = column {
            members.insert(name, reading.members(&place, &of.groups)?);
        }
    }
    let asked: BTreeSet<&str> = people.attributes().map(String::as_str).collect();
    let attributes: Vec<&str> =
        asked.into_iter().chain([map.id.name, map.user_name, "manager", map.disabled.attribute()]).collect();
    let entries = reading.link.search_all(&place.everything(&attributes), ENTRIES_MAX).map_err(Trouble::of_reading)?;
    let named = entries.iter().filter(|entry| entry.text(map.user_name).is_some());
    let rows = named.map(|entry| reading.row(people, entry, &members)).collect::<Result<_, _>>()?;
    Ok(Rows { rows, next: None })
}

impl Reading<'_> {
    fn row(&mut self, people: &People, entry: &Entry, members: &BTreeMap<&str, BTreeSet<String>>) -> Result<Row, CallError> {
        let id = id(self.map.id, entry);
        let mut row = Row::new();
        for (name, column) in &people.columns {
            let cell = match column {
                Column::Attribute(attribute) => entry.text(attribute),
                Column::Is(Is { is: Known::Id }) => id.clone(),
                Column::Is(Is { is: Known::Enabled }) => self.enabled(entry),
                Column::Is(Is { is: Known::Manager }) => self.manager(entry)?,
                // Who has no name for ever is in no group that is known.
                Column::In(_) => members.get(name.as_str()).zip(id.as_ref()).map(|(all, id)| all.contains(id).to_string()),
            };
            row.extend(cell.map(|cell| (name.clone(), cell)));
        }
        Ok(row)
    }

    /// None where that cannot be told.
    fn enabled(&self, entry: &Entry) -> Option<String> {
        let state = change::read(&self.map.disabled, entry).ok()?;
        Some((!change::is_set(&self.map.disabled, &state)).to_string())
    }

    fn manager(&mut self, entry: &Entry) -> Result<Option<String>, CallError> {
        let Some(dn) = entry.text("manager") else { return Ok(None) };
        if let Some(known) = self.managers.get(&dn) {
            return Ok(known.clone());
        }
        let name = login(self.link, self.map, &dn).map_err(Trouble::of_reading)?;
        self.managers.insert(dn, name.clone());
        Ok(name)
    }

    /// The ids of everybody in any of the groups.
    fn members(&mut self, users: &Place<'_>, groups: &[String]) -> Result<BTreeSet<String>, CallError> {
        let none = || CallError::Permanent("a directory without groups".to_owned());
        let place = Place::of(EntityKind::Resource, self.map, self.settings).ok_or_else(none)?;
        let mut all = BTreeSet::new();
        for name in groups {
            let group = place.called(self.link, self.map, name)?;
            let found = match self.map.in_chain {
                Some(rule) => self.in_chain(users, &group, rule)?,
                None => self.below(&group)?,
            };
            if found.is_empty() {
                return Err(CallError::Permanent(format!("the group `{name}` shows no members")));
            }
            all.extend(found);
        }
        Ok(all)
    }

    /// Whoever the server itself says is in the group, through others too.
    fn in_chain(&mut self, users: &Place<'_>, group: &Entry, rule: &str) -> Result<BTreeSet<String>, CallError> {
        let mut filter = format!("(memberOf:{rule}:={})", ldap_escape(&group.dn));
        if let [relative, whole] = self.map.primary_group
            && let Some(sid) = group.texts(whole, Form::Sid).into_iter().next()
            && let Some((_, last)) = sid.rsplit_once('-')
        {
            filter = format!("(|{filter}({relative}={last}))");
        }
        let (filter, attributes) = (users.and(&filter), [self.map.id.name]);
        let query = Query { filter: &filter, ..users.everything(&attributes) };
        let found = self.link.search_all(&query, ENTRIES_MAX).map_err(Trouble::of_reading)?;
        Ok(found.iter().filter_map(|entry| id(self.map.id, entry)).collect())
    }

    /// Whoever the group holds, and the groups in it, each once.
    fn below(&mut self, group: &Entry) -> Result<BTreeSet<String>, CallError> {
        let attributes: Vec<&str> = self.map.members.iter().copied().chain([self.map.id.name]).collect();
        let (mut ids, mut seen, mut names) = (BTreeSet::new(), BTreeSet::new(), vec![group.dn.clone()]);
        while let Some(dn) = names.pop() {
            if !seen.insert(dn.clone()) {
                continue;
            }
            if seen.len() > MEMBERS_MAX {
                return Err(CallError::Permanent(format!("`{}` has more than {MEMBERS_MAX} members", group.dn)));
            }
            let query = Query {
                base: &dn,
                scope: Scope::Base,
                filter: "(objectClass=*)",
                attributes: &attributes,
                entries_max: 1,
                values: None,
            };
            let found = match self.link.search(&query) {
                Ok(found) => found,
                // Who left may still be written there.
                Err(Trouble::Refused { code: NO_SUCH_OBJECT, .. }) => continue,
                Err(other) => return Err(other.of_reading()),
            };
            for entry in found {
                names.extend(self.map.members.iter().flat_map(|attribute| entry.texts(attribute, Form::Text)));
                ids.extend(id(self.map.id, &entry).filter(|_| dn != group.dn));
            }
        }
        Ok(ids)
    }
}

fn id(attribute: Attribute, entry: &Entry) -> Option<String> {
    entry.texts(attribute.name, attribute.form).into_iter().next()
}
