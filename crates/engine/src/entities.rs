//! Which entities an alert is about, as keyed hashes of their canonical names.
//!
//! Computed once per alert, without state, so that it runs in parallel; everything that remembers or
//! correlates works on these keys and never on text. The key is secret where alerts come from outside,
//! so that nobody can aim for collisions.

pub use adjutant_model::Role;
use adjutant_model::{EntityId, EntityKind, Row, Slot, Value};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// The secret that entity keys are made with. Memory made with one key cannot be read with another.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HashKey(pub [u8; 16]);

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
    use adjutant_model::schema::slots as s;
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
