//! The changes of access, and what each may and may not do.

use super::{Accounts, PasswordHash, Token, User, tag};
use crate::gate::{Grants, Role};
use crate::limits::{NAME_BYTES_MAX, SESSIONS_PER_USER_MAX, TOKEN_DAYS_MAX, TOKENS_MAX, USERS_MAX};
use adjutant_model::{Duration, Time};
use serde::Serialize;

/// One change, as the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// A tool got a token.
    TokenMade {
        /// The token, by its digest.
        token: Token,
    },
    /// A token or session counts no more.
    TokenRevoked {
        /// Its id.
        id: String,
        /// When.
        at: Time,
    },
    /// A user logged in.
    SessionBegun {
        /// The session's token, by its digest.
        token: Token,
    },
    /// There is a new user, who cannot log in before a password is set.
    UserMade {
        /// Name.
        name: String,
        /// Roles.
        roles: Vec<Role>,
        /// When.
        at: Time,
    },
    /// A user has other roles; open sessions end.
    RolesSet {
        /// Name.
        name: String,
        /// All roles from now on.
        roles: Vec<Role>,
        /// When.
        at: Time,
    },
    /// A user has another password; open sessions end.
    PasswordSet {
        /// Name.
        name: String,
        /// When.
        at: Time,
        /// Kept in the user's document only.
        #[serde(skip)]
        hash: PasswordHash,
    },
    /// A user has no access; open sessions end.
    UserDisabled {
        /// Name.
        name: String,
        /// When.
        at: Time,
    },
    /// A user has access again.
    UserEnabled {
        /// Name.
        name: String,
        /// When.
        at: Time,
    },
}

/// One document to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// This user as it is now.
    User(User),
    /// This token as it is now.
    Token(Token),
    /// The token of this id is gone.
    NoToken(String),
}

/// Why a change cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Names are short and plain, so that they can stand in a path, a log line and a table.
    #[error("`{0}` is no name: use 1 to {NAME_BYTES_MAX} of a-z, A-Z, 0-9, `.`, `_`, `-`, `@`, beginning with a letter or digit")]
    BadName(String),
    /// The name is taken.
    #[error("user `{0}` exists already")]
    NameTaken(String),
    /// No such user.
    #[error("there is no user `{0}`")]
    NoSuchUser(String),
    /// No such token.
    #[error("there is no token `{0}` in force")]
    NoSuchToken(String),
    /// Nobody without a role; an empty set never means everything.
    #[error("at least one role is needed")]
    NoRoles,
    /// A person is no source.
    #[error("the role `source` is for tools' tokens only")]
    SourceIsNoPerson,
    /// Scopes narrow; an empty list would allow nothing and look like everything.
    #[error("scopes are a non-empty part of what the role allows; leave them out for all of it")]
    BadScopes,
    /// Only who can send is bound to a source.
    #[error("only a token with the role `source` is bound to a source")]
    BindsNothing,
    /// The expiry is past or too far.
    #[error("a token expires after now and within {TOKEN_DAYS_MAX} days")]
    BadExpiry,
    /// The last who can give access.
    #[error("`{0}` is the last administrator who can log in: make another first")]
    LastAdmin(String),
    /// Too many of a kind.
    #[error("there are too many {0}: remove some first")]
    TooMany(&'static str),
    /// Drawn twice, or an id was used again.
    #[error("the token is there already: draw another")]
    Drawn,
    /// The user is disabled.
    #[error("user `{0}` is disabled")]
    Disabled(String),
}

impl Accounts {
    /// What the change writes, if it may be.
    ///
    /// # Errors
    /// Why it may not.
    pub fn plan(&self, change: &Change) -> Result<Vec<Write>, Refusal> {
        match change {
            Change::TokenMade { token } => self.plan_token(token),
            Change::TokenRevoked { id, at } => self.plan_revoke(id, *at),
            Change::SessionBegun { token } => self.plan_session(token),
            Change::UserMade { name, roles, at } => self.plan_user(name, roles, *at),
            Change::RolesSet { name, roles, at } => {
                fit_roles(roles)?;
                if !roles.contains(&Role::Admin) {
                    self.keep_an_admin(name)?;
                }
                self.plan_change(name, |user| {
                    user.raised = raises(&user.roles, roles).then_some(*at).or(user.raised);
                    user.roles.clone_from(roles);
                })
            }
            Change::PasswordSet { name, hash, .. } => self.plan_change(name, |user| user.password = Some(hash.clone())),
            Change::UserDisabled { name, at } => {
                self.keep_an_admin(name)?;
                self.plan_change(name, |user| user.disabled = Some(*at))
            }
            Change::UserEnabled { name, .. } => self.plan_change(name, |user| user.disabled = None),
        }
    }

    fn plan_token(&self, token: &Token) -> Result<Vec<Write>, Refusal> {
        fit_name(&token.name)?;
        if token.roles.is_empty() {
            return Err(Refusal::NoRoles);
        }
        if let Some(source) = &token.source {
            fit_name(source)?;
            if token.roles != [Role::Source] {
                return Err(Refusal::BindsNothing);
            }
        }
        if let Some(scopes) = &token.scopes {
            let roles = Grants::new(&token.roles, None);
            if scopes.is_empty() || !scopes.iter().all(|scope| roles.allow(*scope)) {
                return Err(Refusal::BadScopes);
            }
        }
        if self.tokens.len() >= TOKENS_MAX {
            return Err(Refusal::TooMany("tokens"));
        }
        self.fit_drawn(token)?;
        Ok(vec![Write::Token(token.clone())])
    }

    fn fit_drawn(&self, token: &Token) -> Result<(), Refusal> {
        let latest = token.made.plus(Duration::from_days(TOKEN_DAYS_MAX));
        if token.expires <= token.made || token.expires > latest {
            return Err(Refusal::BadExpiry);
        }
        let known = self.tokens.contains_key(&token.id) || self.holders.contains_key(&tag(&token.hash));
        if known { Err(Refusal::Drawn) } else { Ok(()) }
    }

    fn plan_revoke(&self, id: &str, at: Time) -> Result<Vec<Write>, Refusal> {
        let token = self.tokens.get(id).filter(|token| token.revoked.is_none());
        let token = token.ok_or_else(|| Refusal::NoSuchToken(id.to_owned()))?;
        if token.user.is_some() {
            return Ok(vec![Write::NoToken(id.to_owned())]);
        }
        Ok(vec![Write::Token(Token { revoked: Some(at), ..token.clone() })])
    }

    fn plan_session(&self, token: &Token) -> Result<Vec<Write>, Refusal> {
        let name = token.user.as_deref().unwrap_or_default();
        let user = self.users.get(name).ok_or_else(|| Refusal::NoSuchUser(name.to_owned()))?;
        if user.disabled.is_some() {
            return Err(Refusal::Disabled(name.to_owned()));
        }
        self.fit_drawn(token)?;
        // What a session may is what the user may, whatever the change says.
        let session = Token { roles: user.roles.clone(), scopes: None, source: None, ..token.clone() };
        let (mut open, ended): (Vec<_>, Vec<_>) = self.sessions_of(name).partition(|open| open.expires > token.made);
        open.sort_by_key(|open| open.made);
        let over = (open.len() + 1).saturating_sub(SESSIONS_PER_USER_MAX);
        let gone = ended.into_iter().chain(open.into_iter().take(over));
        let mut writes: Vec<Write> = gone.map(|gone| Write::NoToken(gone.id.clone())).collect();
        writes.push(Write::Token(session));
        Ok(writes)
    }

    fn plan_user(&self, name: &str, roles: &[Role], at: Time) -> Result<Vec<Write>, Refusal> {
        fit_name(name)?;
        fit_roles(roles)?;
        if self.users.contains_key(name) {
            return Err(Refusal::NameTaken(name.to_owned()));
        }
        if self.users.len() >= USERS_MAX {
            return Err(Refusal::TooMany("users"));
        }
        let raised = raises(&[], roles).then_some(at);
        let user = User { name: name.to_owned(), roles: roles.to_vec(), password: None, made: at, disabled: None, raised };
        Ok(vec![Write::User(user)])
    }

    /// Changes a user and ends the sessions that were begun under what was before.
    fn plan_change(&self, name: &str, change: impl FnOnce(&mut User)) -> Result<Vec<Write>, Refusal> {
        let mut user = self.users.get(name).cloned().ok_or_else(|| Refusal::NoSuchUser(name.to_owned()))?;
        change(&mut user);
        let sessions = self.sessions_of(name).map(|session| Write::NoToken(session.id.clone()));
        Ok(std::iter::once(Write::User(user)).chain(sessions).collect())
    }

    fn keep_an_admin(&self, name: &str) -> Result<(), Refusal> {
        let can = |user: &&User| user.roles.contains(&Role::Admin) && user.disabled.is_none() && user.password.is_some();
        let mut admins = self.users.values().filter(can).map(|user| user.name.as_str()).peekable();
        let is_one = self.users.get(name).as_ref().is_some_and(can);
        if is_one && admins.all(|admin| admin == name) { Err(Refusal::LastAdmin(name.to_owned())) } else { Ok(()) }
    }
}

/// Whether these roles make a lead or administrator of who was none.
fn raises(before: &[Role], after: &[Role]) -> bool {
    [Role::Lead, Role::Admin].iter().any(|role| after.contains(role) && !before.contains(role))
}

fn fit_roles(roles: &[Role]) -> Result<(), Refusal> {
    if roles.is_empty() {
        return Err(Refusal::NoRoles);
    }
    if roles.contains(&Role::Source) { Err(Refusal::SourceIsNoPerson) } else { Ok(()) }
}

/// Whether a name may stand in a path, a log line and a table.
///
/// # Errors
/// It may not.
pub(crate) fn fit_name(name: &str) -> Result<(), Refusal> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@');
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let fit = begins && name.len() <= NAME_BYTES_MAX && name.bytes().all(plain);
    if fit { Ok(()) } else { Err(Refusal::BadName(crate::problem::tame(name))) }
}
