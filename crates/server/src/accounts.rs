//! Who has access: users, tokens and sessions, as one state that only changes by [`Change`]s.
//!
//! Nothing here does I/O or reads a clock. A change is planned first, which is where it can be refused; what it writes
//! is made durable by [`Documents`]; only then it counts. So what a restart finds is what was in force.
//!
//! INVARIANT: no secret is in a change. Of a token there is its digest; a password's hash is in its document only,
//! never in the ledger, where it would stay for ever.

mod change;
mod documents;
pub mod http;
mod password;
mod throttle;
mod token;

pub(crate) use change::fit_name;
pub use change::{Change, Refusal, Write};
pub use documents::{Commit, Document, Documents, DocumentsError, Pending};
pub use password::{Hasher, PasswordFault, PasswordHash, check_password};
pub use throttle::{Throttle, address_key};
pub(crate) use token::digest_of as token_digest;
pub use token::{Drawn, NoRandomness, draw, draw_id};

use crate::gate::{Caller, Grants, Permission, Role};
use adjutant_model::{Digest, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use subtle::ConstantTimeEq as _;

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Unique, of letters, digits and `.`, `_`, `-`, `@`.
    pub name: String,
    /// At least one.
    pub roles: Vec<Role>,
    /// Who cannot log in has none.
    pub password: Option<PasswordHash>,
    /// When the user was made.
    pub made: Time,
    /// Since when the user has no access.
    pub disabled: Option<Time>,
    /// When the user last became a lead or administrator.
    #[serde(default)]
    pub raised: Option<Time>,
}

/// A token: what a tool shows, or what a person got at login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Public name of the token, by which it is revoked.
    pub id: String,
    /// What it is for, in the words of whoever made it.
    pub name: String,
    /// The user whose session this is; none for a tool's token.
    pub user: Option<String>,
    /// At least one.
    pub roles: Vec<Role>,
    /// Narrows what the roles allow; none is all of it, and an empty list is refused.
    pub scopes: Option<Vec<Permission>>,
    /// The only source for which it may send alerts.
    pub source: Option<String>,
    /// SHA-256 of the token.
    pub hash: Digest,
    /// Its last four characters, to recognize it by.
    pub last_four: String,
    /// Who made it.
    pub made_by: String,
    /// When it was made.
    pub made: Time,
    /// When it ends by itself.
    pub expires: Time,
    /// When it was revoked.
    pub revoked: Option<Time>,
}

/// What the gate needs of a token that is in force.
struct Holder {
    hash: Digest,
    expires: Time,
    caller: Caller,
}

/// Users and tokens.
#[derive(Default)]
pub struct Accounts {
    users: BTreeMap<String, User>,
    tokens: BTreeMap<String, Token>,
    /// Tokens that are not revoked, by the first eight bytes of their digest.
    holders: HashMap<u64, Holder>,
}

/// The part of a digest that finds it; the rest is compared in constant time.
fn tag(hash: &Digest) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash.0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

impl Accounts {
    /// Who shows the token with this digest, if it is in force at `now`.
    pub fn caller(&self, hash: &Digest, now: Time) -> Option<&Caller> {
        let holder = self.holders.get(&tag(hash))?;
        let same = bool::from(holder.hash.0.ct_eq(&hash.0));
        (same && now < holder.expires).then_some(&holder.caller)
    }

    /// Whether the token with this id is in force at `now`.
    pub fn holds(&self, token_id: &str, now: Time) -> bool {
        self.tokens.get(token_id).is_some_and(|token| token.revoked.is_none() && now < token.expires)
    }

    /// The user of this name.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.get(name)
    }

    /// Since when the user leads, unless nobody else ever did: who raises a rung is known to others for a while, and the
    /// first lead of a new service has nobody to be known to. Whoever led once counts, so that taking others' roles away
    /// makes nobody the first.
    pub fn leads_since(&self, name: &str) -> Option<Time> {
        let led = |user: &User| user.raised.is_some() || user.roles.contains(&Role::Lead);
        let others = self.users.values().any(|user| user.name != name && led(user));
        self.users.get(name).filter(|_| others)?.raised
    }

    /// The token of this id.
    pub fn token(&self, id: &str) -> Option<&Token> {
        self.tokens.get(id)
    }

    /// Every user by name.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// Every tool's token by id, revoked ones included.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values().filter(|token| token.user.is_none())
    }

    fn sessions_of<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a Token> + 'a {
        self.tokens.values().filter(move |token| token.user.as_deref() == Some(user))
    }

    /// Makes what was planned and is durable count.
    pub fn apply(&mut self, writes: Vec<Write>) {
        for write in writes {
            match write {
                Write::User(user) => {
                    self.users.insert(user.name.clone(), user);
                }
                Write::Token(token) => self.put_token(token),
                Write::NoToken(id) => self.drop_token(&id),
            }
        }
    }

    fn put_token(&mut self, token: Token) {
        if token.revoked.is_some() {
            self.holders.remove(&tag(&token.hash));
        } else {
            let grants = Grants::new(&token.roles, token.scopes.as_deref());
            let holder = Holder { hash: token.hash, expires: token.expires, caller: Caller::of(&token, grants) };
            self.holders.insert(tag(&token.hash), holder);
        }
        self.tokens.insert(token.id.clone(), token);
    }

    fn drop_token(&mut self, id: &str) {
        if let Some(token) = self.tokens.remove(id) {
            self.holders.remove(&tag(&token.hash));
        }
    }
}

#[cfg(test)]
mod tests;
