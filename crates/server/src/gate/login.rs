//! Logging in: name and password for a session's token.

use super::{ChangeError, Gate, Role};
use crate::accounts::{Change, PasswordHash, Token, address_key, draw, draw_id, fit_name};
use crate::limits::SESSION_SECONDS;
use crate::problem::{Kind, Problem};
use crate::secret::Secret;
use adjutant_model::{Duration, Time};
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// A session that was begun.
pub struct LoggedIn {
    /// The token to show from now on.
    pub token: Secret,
    /// When it ends by itself.
    pub expires: Time,
    /// The user's roles.
    pub roles: Vec<Role>,
}

impl Gate {
    /// Begins a session for who knows the password.
    ///
    /// An unknown user, one without a password and a disabled one cost the same time as a wrong password and get the
    /// same answer. After failures both the name and the address wait, twice as long each time.
    ///
    /// # Errors
    /// Name or password are wrong, it is too early to try again, or the store cannot write.
    pub async fn log_in(self: &Arc<Self>, name: &str, password: Secret, address: IpAddr) -> Result<LoggedIn, Problem> {
        let name = if fit_name(name).is_ok() { name } else { "" };
        let checked = self.check_password(name, password, address).await?;
        let (id, begun) = self.begin_session(name).await?;
        // The password may have been changed meanwhile, which ended the sessions that were there, and not this one.
        if self.accounts().user(name).is_none_or(|user| user.password.as_ref() != Some(&checked)) {
            self.revoke_token(name, &id).await?;
            return Err(Problem::new(Kind::Conflict, "the password was changed meanwhile").advise("log in with the new one"));
        }
        Ok(begun)
    }

    /// The hash of the password if it is the user's, under the same throttle whoever asks.
    ///
    /// # Errors
    /// It is not, or it is too early to try again.
    pub async fn check_password(&self, name: &str, password: Secret, address: IpAddr) -> Result<PasswordHash, Problem> {
        let address = address_key(address);
        let Ok(_turn) = self.logins.try_acquire() else {
            return Err(Problem::new(Kind::TooMany, "too many people log in at once").retry_after_s(5));
        };
        self.count_attempt(name, &address)?;
        let user = self.accounts().user(name).filter(|user| user.disabled.is_none()).cloned();
        let hash = user.and_then(|user| user.password);
        let same = self.hasher.verify(password, hash.clone()).await;
        let Some(hash) = hash.filter(|_| same) else {
            self.counts.logins_failed.fetch_add(1, Ordering::Relaxed);
            return Err(Problem::new(Kind::Unauthenticated, "name or password are wrong").advise("check both, then try again"));
        };
        let mut throttles = self.throttles.lock().unwrap_or_else(PoisonError::into_inner);
        throttles.names.succeed(name);
        throttles.addresses.take_back(&address);
        Ok(hash)
    }

    /// Counts the attempt before its outcome is known, so that a thousand at once are a thousand.
    fn count_attempt(&self, name: &str, address: &str) -> Result<(), Problem> {
        let now = self.now();
        let mut throttles = self.throttles.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = throttles.names.wait_s(name, now).max(throttles.addresses.wait_s(address, now));
        if let Some(seconds) = wait {
            self.counts.logins_failed.fetch_add(1, Ordering::Relaxed);
            return Err(Problem::new(Kind::TooMany, "too many attempts failed").retry_after_s(seconds));
        }
        throttles.names.fail(name, now);
        throttles.addresses.fail(address, now);
        Ok(())
    }

    async fn begin_session(self: &Arc<Self>, name: &str) -> Result<(String, LoggedIn), ChangeError> {
        let (drawn, id, made) = (draw()?, draw_id()?, self.now());
        let expires = made.plus(Duration::from_secs(SESSION_SECONDS));
        let session = Token {
            id: id.clone(),
            name: "session".to_owned(),
            user: Some(name.to_owned()),
            roles: Vec::new(),
            scopes: None,
            source: None,
            hash: drawn.hash,
            last_four: drawn.last_four,
            made_by: name.to_owned(),
            made,
            expires,
            revoked: None,
        };
        self.change(name, Change::SessionBegun { token: session }).await?;
        let roles = self.accounts().token(&id).map(|token| token.roles.clone()).unwrap_or_default();
        Ok((id, LoggedIn { token: drawn.text, expires, roles }))
    }
}
