//! Changes of access while the service runs: planned, made durable, then in force.

use super::{Caller, Gate, Permission, Role};
use crate::accounts::{
    Change, Commit, DocumentsError, NoRandomness, PasswordFault, Refusal, Token, check_password, draw, draw_id,
};
use crate::problem::{Kind, Problem};
use crate::secret::Secret;
use adjutant_model::{Duration, Time};
use std::sync::{Arc, PoisonError};

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It may not be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be made durable.
    #[error(transparent)]
    Store(#[from] DocumentsError),
    /// There is no secret to be had.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The password may not be set.
    #[error(transparent)]
    Password(#[from] PasswordFault),
    /// Nobody gives themselves a role.
    #[error("nobody changes their own roles: another administrator does")]
    OwnRoles,
    /// The service ends.
    #[error("the service is stopping")]
    Stopping,
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        let kind = match &error {
            ChangeError::Refused(Refusal::NoSuchUser(_) | Refusal::NoSuchToken(_)) => Kind::NotFound,
            ChangeError::Refused(Refusal::NameTaken(_) | Refusal::LastAdmin(_) | Refusal::Drawn | Refusal::Disabled(_)) => {
                Kind::Conflict
            }
            ChangeError::Refused(_) => Kind::Invalid,
            ChangeError::Password(PasswordFault::Machine) | ChangeError::NoRandomness(_) => Kind::Unavailable,
            ChangeError::Store(_) | ChangeError::Stopping => Kind::Unavailable,
            ChangeError::Password(_) => Kind::Invalid,
            ChangeError::OwnRoles => Kind::Forbidden,
        };
        Problem::new(kind, error.to_string())
    }
}

/// A token to make for a tool.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Narrows the role.
    pub scopes: Option<Vec<Permission>>,
    /// Binds it to a source.
    pub source: Option<String>,
    /// When it ends by itself.
    pub expires: Time,
}

impl Gate {
    /// Makes a change in the name of `by`. It is durable and in force when this returns.
    ///
    /// Runs to its end even if whoever asked goes away: what is durable must be in force.
    ///
    /// # Errors
    /// The change may not be, or the store cannot write. In the second case what takes access away is in force all
    /// the same, until a restart; what gives access is not.
    pub async fn change(self: &Arc<Self>, by: &str, change: Change) -> Result<(), ChangeError> {
        let (gate, by) = (Arc::clone(self), by.to_owned());
        tokio::spawn(async move { gate.change_now(&by, change).await }).await.unwrap_or(Err(ChangeError::Stopping))
    }

    async fn change_now(&self, by: &str, change: Change) -> Result<(), ChangeError> {
        let _alone = self.changing.lock().await;
        let writes = self.accounts().plan(&change)?;
        let commit = Commit::of(by, &change, &writes)?;
        let durable = self.documents.commit(commit).await;
        if durable.is_ok() || matches!(change, Change::TokenRevoked { .. } | Change::UserDisabled { .. }) {
            self.accounts.write().unwrap_or_else(PoisonError::into_inner).apply(writes);
        }
        Ok(durable?)
    }

    /// Makes a token for a tool; returns its id and its text, which is nowhere else.
    ///
    /// # Errors
    /// It may not be made, or the store cannot write.
    pub async fn make_token(self: &Arc<Self>, by: &str, new: NewToken) -> Result<(String, Secret), ChangeError> {
        let drawn = draw()?;
        let id = draw_id()?;
        let token = Token {
            id: id.clone(),
            name: new.name,
            user: None,
            roles: vec![new.role],
            scopes: new.scopes,
            source: new.source,
            hash: drawn.hash,
            last_four: drawn.last_four,
            made_by: by.to_owned(),
            made: self.now(),
            expires: new.expires,
            revoked: None,
        };
        self.change(by, Change::TokenMade { token }).await?;
        Ok((id, drawn.text))
    }

    /// Revokes a token or ends a session.
    ///
    /// # Errors
    /// There is none, or the store cannot write.
    pub async fn revoke_token(self: &Arc<Self>, by: &str, id: &str) -> Result<(), ChangeError> {
        self.change(by, Change::TokenRevoked { id: id.to_owned(), at: self.now() }).await
    }

    /// Makes a user; without a password nobody logs in with that name.
    ///
    /// # Errors
    /// It may not be made, or the store cannot write.
    pub async fn make_user(
        self: &Arc<Self>,
        by: &str,
        name: &str,
        roles: Vec<Role>,
        password: Option<Secret>,
    ) -> Result<(), ChangeError> {
        // Before the user is there, so that a bad password leaves nothing.
        password.as_ref().map(check_password).transpose()?;
        self.change(by, Change::UserMade { name: name.to_owned(), roles, at: self.now() }).await?;
        match password {
            Some(password) => self.set_password(by, name, password).await,
            None => Ok(()),
        }
    }

    /// Sets a user's password and ends the user's sessions.
    ///
    /// # Errors
    /// The password may not be set, or the store cannot write.
    pub async fn set_password(self: &Arc<Self>, by: &str, name: &str, password: Secret) -> Result<(), ChangeError> {
        let hash = self.hasher.hash(password).await?;
        self.change(by, Change::PasswordSet { name: name.to_owned(), at: self.now(), hash }).await
    }

    /// Sets a user's roles and ends the user's sessions.
    ///
    /// # Errors
    /// They are the caller's own, may not be, or the store cannot write.
    pub async fn set_roles(self: &Arc<Self>, by: &Caller, name: &str, roles: Vec<Role>) -> Result<(), ChangeError> {
        if by.person() == Some(name) {
            return Err(ChangeError::OwnRoles);
        }
        self.change(by.id(), Change::RolesSet { name: name.to_owned(), roles, at: self.now() }).await
    }

    /// Takes a user's access away, or gives it back.
    ///
    /// # Errors
    /// It is the last administrator, or the store cannot write.
    pub async fn set_access(self: &Arc<Self>, by: &str, name: &str, enabled: bool) -> Result<(), ChangeError> {
        let (name, at) = (name.to_owned(), self.now());
        let change = if enabled { Change::UserEnabled { name, at } } else { Change::UserDisabled { name, at } };
        self.change(by, change).await
    }

    /// When a token that is made now and lives for `days` ends.
    pub fn expiry(&self, days: u32) -> Time {
        self.now().plus(Duration::from_days(i64::from(days)))
    }
}
