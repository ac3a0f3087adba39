//! Directories that answer LDAP: OpenLDAP and its like, and Active Directory.
//!
//! Accounts are users, groups are resources. One connection is kept, and opened again when it broke; no request is sent twice
//! for one call. Calls wait for an answer, and are not for threads that drive an asynchronous runtime.

mod change;
mod flavour;
mod groups;
mod link;
mod list;
mod lookup;
mod settings;
mod text;
mod trouble;

pub use list::{Column, In, Is, Known, People};
pub use settings::{Fault, Flavour, Marking, Settings};

use adjutant_hand::connector::{CallError, Connector, Found, Idempotency, Offer, Permit};
use adjutant_hand::table::{List, Rows};
use adjutant_model::act::{Action, State};
use adjutant_model::{EntityKind, Secret};
use flavour::{Map, Mark};
use groups::{Groups, Membership};
use ldap3::Scope;
use link::{Change, Entry, Link, Query};
use lookup::Place;
use std::sync::{Arc, Mutex, PoisonError};
use trouble::Trouble;

const DISABLE: &str = "disable-account";
const PASSWORD_CHANGE: &str = "force-password-change";
const REMOVE_FROM_GROUP: &str = "remove-from-group";
const GROUP: &str = "group";

/// The longest message.
const MESSAGE_CHARS_MAX: usize = 600;

/// A directory.
pub struct Ldap {
    settings: Settings,
    map: Map,
    password: Secret,
    tls: Arc<rustls::ClientConfig>,
    offers: Vec<Offer>,
    link: Mutex<Option<Link>>,
}

impl Ldap {
    /// A directory with these settings, whose `password` was looked up where it stands. Nothing is connected yet.
    ///
    /// # Errors
    /// A [`Fault`] of the settings.
    pub fn new(settings: Settings, password: Secret) -> Result<Self, Fault> {
        settings.check()?;
        if password.is_empty() {
            return Err(Fault::Empty("password"));
        }
        let (map, tls, offers) = (settings.map(), link::trust(&settings)?, offers(settings.calls_per_minute));
        Ok(Self { settings, map, password, tls, offers, link: Mutex::new(None) })
    }

    /// Does `work` over the connection, opening it where there is none.
    fn over<T>(&self, work: impl FnOnce(&mut Link) -> Result<T, CallError>) -> Result<T, CallError> {
        let mut kept = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = kept.take().and_then(|mut link| link.is_alive().then_some(link));
        let opened = alive.map_or_else(|| Link::open(&self.settings, &self.tls, &self.password), Ok);
        let mut link = opened.map_err(|trouble| self.clean(trouble.of_reading()))?;
        let done = work(&mut link).map_err(|error| self.clean(error));
        *kept = (!link.is_broken()).then_some(link);
        done
    }

    /// The error without control characters, and without the password, should the directory repeat it.
    fn clean(&self, error: CallError) -> CallError {
        let text = |text: String| {
            let plain: String = text.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS_MAX).collect();
            plain.replace(self.password.reveal(), "***")
        };
        match error {
            CallError::Retry(says) => CallError::Retry(text(says)),
            CallError::Permanent(says) => CallError::Permanent(text(says)),
            CallError::Unclear(says) => CallError::Unclear(text(says)),
        }
    }

    fn place(&self, kind: EntityKind) -> Result<Place<'_>, CallError> {
        let none = || CallError::Permanent(format!("a directory holds nothing of the kind `{kind}`"));
        Place::of(kind, &self.map, &self.settings).ok_or_else(none)
    }

    /// What the action's verb sets on the account itself; none for what changes a group.
    fn mark(&self, action: &Action) -> Result<Option<&Mark>, CallError> {
        if action.target.kind != EntityKind::User {
            return Err(CallError::Permanent(format!("`{}` is for users, not for a {}", action.verb, action.target.kind)));
        }
        match action.verb.as_str() {
            DISABLE => Ok(Some(&self.map.disabled)),
            PASSWORD_CHANGE => Ok(Some(&self.map.password_change)),
            REMOVE_FROM_GROUP => Ok(None),
            other => Err(CallError::Permanent(format!("a directory does not do `{other}`"))),
        }
    }

    fn account(&self, link: &mut Link, action: &Action, also: &[&str]) -> Result<Entry, CallError> {
        self.place(EntityKind::User)?.entry(link, &self.map, &action.target.id, also)
    }

    fn group(&self, link: &mut Link, action: &Action) -> Result<Entry, CallError> {
        let none = || CallError::Permanent(format!("`{REMOVE_FROM_GROUP}` needs a `{GROUP}`"));
        let id = action.with.get(GROUP).ok_or_else(none)?;
        self.place(EntityKind::Resource)?.entry(link, &self.map, id, &[])
    }

    /// The membership that the action is about, and whoever has it.
    fn with_membership<T>(
        &self,
        link: &mut Link,
        action: &Action,
        work: impl FnOnce(&mut Link, &Membership<'_>, &Entry) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let member = self.account(link, action, self.map.primary_group)?;
        let group = self.group(link, action)?;
        let membership = Membership::read(&self.map, link, (&member, &action.target.id), &group);
        work(link, &membership.map_err(Trouble::of_reading)?, &group)
    }

    /// Refuses what would look done and is not: who is in a group in another way too stays in it.
    fn only_direct(&self, link: &mut Link, member: &Entry, group: &Entry) -> Result<(), CallError> {
        let groups = Groups { map: &self.map, base: &self.settings.groups, max: self.settings.groups_max };
        match groups.between(link, member, group)? {
            None => Ok(()),
            Some(how) => Err(CallError::Permanent(format!("it is in `{}` {how}", group.dn))),
        }
    }

    /// Changes the entry if it is still the one that was read, and as `if_so` says.
    fn modify(&self, link: &mut Link, entry: &Entry, changes: Vec<Change>, if_so: &str) -> Result<(), CallError> {
        let id = &self.map.id;
        let known = entry.texts(id.name, id.form).into_iter().next();
        let unknown = || CallError::Permanent(format!("`{}` of `{}` cannot be read", id.name, entry.dn));
        let known = known.ok_or_else(unknown)?;
        let same = id.form.equals(id.name, &known).ok_or_else(unknown)?;
        let dn = if self.map.addressed_by_id { format!("<GUID={known}>") } else { entry.dn.clone() };
        link.modify(&dn, changes, &format!("(&{same}{if_so})")).map_err(Trouble::of_changing)
    }
}

fn offers(per_minute: u32) -> Vec<Offer> {
    let offer = |verb, with| Offer {
        verb,
        kind: EntityKind::User,
        reversible: true,
        idempotency: Idempotency::ReadBack,
        per_minute,
        with,
    };
    vec![offer(DISABLE, &[]), offer(PASSWORD_CHANGE, &[]), offer(REMOVE_FROM_GROUP, &[(GROUP, EntityKind::Resource)])]
}

impl Connector for Ldap {
    fn verbs(&self) -> &[Offer] {
        &self.offers
    }

    fn lookup(&self, kind: EntityKind, name: &str) -> Result<Vec<Found>, CallError> {
        let Some(place) = Place::of(kind, &self.map, &self.settings) else { return Ok(Vec::new()) };
        self.over(|link| place.lookup(link, &self.map, &self.settings, name))
    }

    fn lists(&self) -> Vec<List> {
        let columns = |people: &People| people.columns.keys().cloned().collect();
        self.settings.lists.iter().map(|(name, people)| List { name: name.clone(), columns: columns(people) }).collect()
    }

    fn list(&self, name: &str, _next: Option<&str>) -> Result<Rows, CallError> {
        let none = || CallError::Permanent(format!("the settings name no list `{name}`"));
        let people = self.settings.lists.get(name).ok_or_else(none)?;
        let opened = Link::open(&self.settings, &self.tls, &self.password);
        let mut link = opened.map_err(|trouble| self.clean(trouble.of_reading()))?;
        list::read(&mut link, &self.map, &self.settings, people).map_err(|error| self.clean(error))
    }

    fn probe(&self, action: &Action) -> Result<State, CallError> {
        let mark = self.mark(action)?;
        self.over(|link| match mark {
            Some(mark) => change::read(mark, &self.account(link, action, &[mark.attribute()])?),
            None => self.with_membership(link, action, |link, membership, group| {
                self.only_direct(link, membership.member, group)?;
                Ok(membership.state())
            }),
        })
    }

    fn is_done(&self, action: &Action, state: &State) -> bool {
        match self.mark(action) {
            Ok(Some(mark)) => change::is_set(mark, state),
            Ok(None) => groups::is_out(&self.map, state),
            Err(_) => false,
        }
    }

    fn act(&self, action: &Action, before: &State, _permit: Permit, _key: &str) -> Result<(), CallError> {
        let mark = self.mark(action)?;
        self.over(|link| match mark {
            Some(mark) => {
                let entry = self.account(link, action, &[mark.attribute()])?;
                let edit = change::set(mark, &entry, before)?;
                edit.map_or(Ok(()), |edit| self.modify(link, &entry, edit.changes, &edit.if_so))
            }
            None => self.with_membership(link, action, |link, membership, group| {
                self.only_direct(link, membership.member, group)?;
                let changes = membership.end(before)?;
                changes.map_or(Ok(()), |changes| self.modify(link, group, changes, ""))
            }),
        })
    }

    fn undo(&self, action: &Action, before: &State, _permit: Permit, _key: &str) -> Result<(), CallError> {
        let mark = self.mark(action)?;
        self.over(|link| match mark {
            Some(mark) => {
                let entry = self.account(link, action, &[mark.attribute()])?;
                let edit = change::restore(mark, &entry, before)?;
                edit.map_or(Ok(()), |edit| self.modify(link, &entry, edit.changes, &edit.if_so))
            }
            None => self.with_membership(link, action, |link, membership, group| {
                membership.restore(before).map_or(Ok(()), |changes| self.modify(link, group, changes, ""))
            }),
        })
    }

    fn health(&self) -> Result<String, CallError> {
        let Settings { url, users, groups, .. } = &self.settings;
        self.over(|link| {
            let who = link.who_am_i().map_err(Trouble::of_reading)?;
            for (name, base, class) in [("users", users, self.map.users), ("groups", groups, self.map.groups)] {
                let nothing = |why: &str| CallError::Permanent(format!("nothing can be read under `{name}`, `{base}`{why}"));
                match any_under(link, base, class).map_err(Trouble::of_reading) {
                    Ok(true) => {}
                    Ok(false) => return Err(nothing("")),
                    Err(CallError::Permanent(why)) => return Err(nothing(&format!(": {why}"))),
                    Err(other) => return Err(other),
                }
            }
            let guarded = if link.asserts() { "makes" } else { "cannot make" };
            let who = who.unwrap_or_else(|| self.settings.bind_dn.clone());
            Ok(format!("`{url}` answers to `{who}`, shows users and groups, and {guarded} changes depend on what was read"))
        })
    }
}

fn any_under(link: &mut Link, base: &str, class: &str) -> Result<bool, Trouble> {
    let query = Query { base, scope: Scope::Subtree, filter: class, attributes: &["1.1"], entries_max: 1, values: None };
    Ok(!link.search(&query)?.is_empty())
}
