//! Which entities an alert is about, as keyed hashes of their canonical names.
//!
//! Computed once per alert, without state, so that it runs in parallel; everything that remembers or
//! correlates works on these keys and never on text. The key is secret where alerts come from outside,
//! so that nobody can aim for collisions.

use adjutant_model::schema::slots as s;
use adjutant_model::{EntityId, EntityKind, Row, Slot, Value};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// The secret that entity keys are made with. Memory made with one key cannot be read with another.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HashKey(pub [u8; 16]);

/// What part an entity plays in its alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The host that the alert is about.
    Host,
    /// The account that acted.
    User,
    /// The account acted upon.
    Target,
    /// The cloud resource.
    Resource,
    /// The file.
    File,
    /// The device that a user signed in from.
    Device,
    /// The mailbox that received a mail.
    Mailbox,
    /// The mail message.
    Message,
    /// The domain.
    Domain,
    /// The address that the activity came from.
    Source,
    /// The address that the activity went to.
    Destination,
}

impl Role {
    /// Every role, from the one that says most about what an alert is about to the least.
    pub const ALL: [Role; 11] = [
        Role::Host,
        Role::User,
        Role::Target,
        Role::Resource,
        Role::File,
        Role::Device,
        Role::Mailbox,
        Role::Message,
        Role::Domain,
        Role::Source,
        Role::Destination,
    ];

    /// The role's name in the book and in records.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Host => "host",
            Role::User => "user",
            Role::Target => "target",
            Role::Resource => "resource",
            Role::File => "file",
            Role::Device => "device",
            Role::Mailbox => "mailbox",
            Role::Message => "message",
            Role::Domain => "domain",
            Role::Source => "source",
            Role::Destination => "destination",
        }
    }

    /// What kind of thing plays the role.
    pub const fn kind(self) -> EntityKind {
        match self {
            Role::Host => EntityKind::Host,
            Role::User | Role::Target => EntityKind::User,
            Role::Resource => EntityKind::Resource,
            Role::File => EntityKind::File,
            Role::Device => EntityKind::Device,
            Role::Mailbox => EntityKind::Mailbox,
            Role::Message => EntityKind::Message,
            Role::Domain => EntityKind::Domain,
            Role::Source | Role::Destination => EntityKind::Address,
        }
    }

    /// The fields that may name it, best first.
    pub const fn fields(self) -> &'static [Slot] {
        match self {
            Role::Host => &[s::HOST_NAME, s::HOST_ID, s::HOST_IP],
            Role::User => &[s::USER_EMAIL, s::USER_NAME, s::USER_ID],
            Role::Target => &[s::TARGET_EMAIL, s::TARGET_NAME, s::TARGET_ID],
            Role::Resource => &[s::CLOUD_RESOURCE],
            Role::File => &[s::FILE_SHA256, s::FILE_SHA1, s::FILE_MD5],
            Role::Device => &[s::DEVICE_ID, s::DEVICE_NAME],
            Role::Mailbox => &[s::MAIL_TO],
            Role::Message => &[s::MAIL_MESSAGE_ID],
            Role::Domain => &[s::DOMAIN_NAME],
            Role::Source => &[s::SRC_IP],
            Role::Destination => &[s::DST_IP],
        }
    }
}

/// The entities of one alert, at most one for each role.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Entities {
    ids: [Option<EntityId>; Role::ALL.len()],
}

impl Entities {
    /// The entities that `row` names. `scratch` is memory to work in.
    pub fn of(row: &Row, key: HashKey, scratch: &mut String) -> Self {
        let mut entities = Self::default();
        for (role, id) in Role::ALL.iter().zip(&mut entities.ids) {
            *id = role.fields().iter().find_map(|slot| one(row, *slot, role.kind(), key, scratch));
        }
        entities
    }

    /// The entity in this role.
    pub fn get(&self, role: Role) -> Option<EntityId> {
        self.ids.get(role as usize).copied().flatten()
    }

    /// Every entity, in the order of [`Role::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Role, EntityId)> + '_ {
        Role::ALL.iter().zip(&self.ids).filter_map(|(role, id)| Some((*role, (*id)?)))
    }

    /// What the alert is about first of all: its host, else its user, and so on.
    pub fn primary(&self) -> Option<(Role, EntityId)> {
        self.iter().next()
    }
}

fn one(row: &Row, slot: Slot, kind: EntityKind, key: HashKey, scratch: &mut String) -> Option<EntityId> {
    match row.value(slot) {
        Value::Addr(addr) => Some(EntityId(hash(key, kind as u8, &addr.bytes()))),
        Value::Unknown(_) => None,
        _ => {
            scratch.clear();
            let named = row.texts(slot).any(|text| kind.canonical(text, scratch));
            named.then(|| EntityId(hash(key, kind as u8, scratch.as_bytes())))
        }
    }
}

/// A keyed hash of `bytes` in the name space `space`.
pub fn hash(key: HashKey, space: u8, bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_key(&key.0);
    hasher.write_u8(space);
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjutant_model::{Addr, Origin, Schema};

    const KEY: HashKey = HashKey([7; 16]);

    fn user(slot: Slot, text: &str) -> Entities {
        let mut row = Row::new(Schema::built_in().len());
        row.set_text(slot, text, Origin::Derived);
        Entities::of(&row, KEY, &mut String::new())
    }

    #[test]
    fn spellings_of_one_account_are_one_entity() {
        let ana = user(s::USER_EMAIL, "Ana@corp.example");
        assert_eq!(user(s::USER_NAME, "CORP\\ana"), ana);
        assert_ne!(user(s::USER_NAME, "bob"), ana);
        assert_eq!(user(s::USER_NAME, "-"), Entities::default());
    }

    #[test]
    fn the_host_comes_first_and_addresses_last() {
        let mut row = Row::new(Schema::built_in().len());
        row.set(s::SRC_IP, Value::Addr(Addr::from_bytes([1; 16])), Origin::Derived);
        let role = |row: &Row| Entities::of(row, KEY, &mut String::new()).primary().map(|(role, _)| role);
        assert_eq!(role(&row), Some(Role::Source));
        row.set_text(s::HOST_NAME, "web01", Origin::Derived);
        assert_eq!(role(&row), Some(Role::Host));
    }

    #[test]
    fn roles_index_their_own_place() {
        for (index, role) in Role::ALL.iter().enumerate() {
            assert_eq!(*role as usize, index);
        }
    }
}
