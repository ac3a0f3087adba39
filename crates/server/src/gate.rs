//! Who may come in, asked before any handler runs.
//!
//! Routes are added through [`Routes`], which takes what a route needs and has no default, so a route that nobody
//! thought about does not compile. The gate finds the caller of each request in memory: one SHA-256, one look into a
//! map under a read lock, no call to the store.
//!
//! INVARIANT: an error never lets anybody in, and a token that is unknown, expired or revoked gets the same answer.

mod caller;
mod change;
mod doors;
mod guarded;
mod login;
mod permission;
mod routes;
mod shown;
mod signed;

pub use caller::{Caller, Peer};
pub use change::{ChangeError, NewToken};
pub use doors::Doors;
pub use login::LoggedIn;
pub use permission::{Grants, Permission, Role};
pub use routes::{Access, Endpoint, Open, Routes, SchemaOf, Signed, Verb, matrix};
pub use signed::{BadKey, SigningKey};

use crate::accounts::{Accounts, Documents, DocumentsError, Hasher, PasswordFault, Throttle};
use crate::limits::LOGINS_WAITING_MAX;
use crate::problem::{Kind, Problem};
use adjutant_model::Time;
use axum::http::HeaderMap;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::Semaphore;

/// Says what time it is.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// Failures that a name may have for nothing, and its longest wait: short, for anybody can make them fail.
const NAME_FAILURES: (u32, i64) = (3, 60);
/// The same for an address, behind which there may be a whole office.
const ADDRESS_FAILURES: (u32, i64) = (20, 900);

/// Knows everybody who has access, and asks.
pub struct Gate {
    accounts: RwLock<Accounts>,
    documents: Arc<dyn Documents>,
    clock: Clock,
    /// Held from plan to apply, so that two changes cannot be planned on the same state.
    changing: tokio::sync::Mutex<()>,
    hasher: Hasher,
    throttles: Mutex<Throttles>,
    logins: Semaphore,
    signers: HashMap<String, signed::Signer>,
    counts: Counters,
}

struct Throttles {
    names: Throttle,
    addresses: Throttle,
}

#[derive(Default)]
struct Counters {
    unauthenticated: AtomicU64,
    forbidden: AtomicU64,
    logins_failed: AtomicU64,
}

/// How often somebody was turned away since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Without a valid token or signature.
    pub unauthenticated: u64,
    /// With a valid token that does not allow it.
    pub forbidden: u64,
    /// With a wrong name or password, or too early after one.
    pub logins_failed: u64,
}

/// The gate cannot open.
#[derive(Debug, thiserror::Error)]
pub enum CannotOpen {
    /// The accounts cannot be read.
    #[error(transparent)]
    Documents(#[from] DocumentsError),
    /// Passwords cannot be checked.
    #[error(transparent)]
    Password(#[from] PasswordFault),
}

impl Gate {
    /// Reads who has access.
    ///
    /// # Errors
    /// The store cannot be read, or the machine has no random bytes.
    pub fn open(documents: Arc<dyn Documents>, clock: Clock) -> Result<Self, CannotOpen> {
        let throttle = |(free, longest)| Throttle::new(free, longest);
        Ok(Self {
            accounts: RwLock::new(Accounts::read(&*documents)?),
            documents,
            clock,
            changing: tokio::sync::Mutex::new(()),
            hasher: Hasher::new()?,
            throttles: Mutex::new(Throttles { names: throttle(NAME_FAILURES), addresses: throttle(ADDRESS_FAILURES) }),
            logins: Semaphore::new(LOGINS_WAITING_MAX),
            signers: HashMap::new(),
            counts: Counters::default(),
        })
    }

    /// The same, taking requests for `source` that are signed with `key`.
    #[must_use]
    pub fn with_signer(mut self, source: &str, key: SigningKey) -> Self {
        self.signers.insert(source.to_owned(), signed::Signer::new(source, key));
        self
    }

    /// Who sent a request with these headers.
    ///
    /// # Errors
    /// There is no token, more than one, or none that is in force.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let caller = shown::digest(headers).and_then(|hash| self.accounts().caller(&hash, (self.clock)()).cloned());
        caller.ok_or_else(|| self.unauthenticated())
    }

    /// Who sent a request with these headers, if the caller has the permission.
    ///
    /// # Errors
    /// Nobody who is known, or the permission is missing.
    pub fn allow(&self, headers: &HeaderMap, permission: Permission) -> Result<Caller, Problem> {
        let caller = self.authenticate(headers)?;
        if caller.may(permission) {
            return Ok(caller);
        }
        self.counts.forbidden.fetch_add(1, Ordering::Relaxed);
        Err(Problem::new(Kind::Forbidden, format!("this needs the permission `{}`", permission.name())))
    }

    /// Whether the caller's token is still in force: for answers that go on after the request.
    pub fn still_holds(&self, caller: &Caller) -> bool {
        self.accounts().holds(caller.token_id(), (self.clock)())
    }

    /// How often somebody was turned away.
    pub fn counts(&self) -> Counts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            unauthenticated: count(&self.counts.unauthenticated),
            forbidden: count(&self.counts.forbidden),
            logins_failed: count(&self.counts.logins_failed),
        }
    }

    /// What time it is by the gate's clock.
    pub fn now(&self) -> Time {
        (self.clock)()
    }

    /// Users and tokens as they are now. Hold it shortly: every request needs it.
    pub fn accounts(&self) -> RwLockReadGuard<'_, Accounts> {
        // Applying a change cannot leave half of it: what panicked did so before or after a whole write.
        self.accounts.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn unauthenticated(&self) -> Problem {
        self.counts.unauthenticated.fetch_add(1, Ordering::Relaxed);
        Problem::new(Kind::Unauthenticated, "there is no token, or it is malformed, unknown, expired or revoked")
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
