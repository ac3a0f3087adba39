//! Passwords: Argon2id, hashed a few at a time, checked in the same time whether the user exists or not.

use crate::limits::{HASHES_AT_A_TIME, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use crate::secret::Secret;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// OWASP Password Storage Cheat Sheet, Argon2id: 19 MiB of memory, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19 * 1024;
/// See [`MEMORY_KIB`].
const PASSES: u32 = 2;
/// See [`MEMORY_KIB`].
const LANES: u32 = 1;
/// RFC 9106, 3.1: 16 bytes of salt are enough for every use.
const SALT_BYTES: usize = 16;

/// A password's hash in PHC form, with its parameters and salt. Printed as `***`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Too short to be the only factor.
    #[error("a password has at least {PASSWORD_CHARS_MIN} characters: a sentence is easier to remember")]
    Short,
    /// Longer than anybody types.
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    Long,
    /// One character again and again.
    #[error("a password has at least five different characters")]
    Plain,
    /// The machine gives no random bytes or no memory.
    #[error("the machine has no memory or random bytes for hashing; try again")]
    Machine,
}

/// Whether a password may be set.
///
/// # Errors
/// Why it may not.
pub fn check_password(password: &Secret) -> Result<(), PasswordFault> {
    let text = password.reveal();
    if text.len() > PASSWORD_BYTES_MAX {
        return Err(PasswordFault::Long);
    }
    if text.chars().count() < PASSWORD_CHARS_MIN {
        return Err(PasswordFault::Short);
    }
    let different = text.chars().collect::<std::collections::BTreeSet<_>>().len();
    if different < 5 { Err(PasswordFault::Plain) } else { Ok(()) }
}

/// Hashes and checks passwords.
#[derive(Clone)]
pub struct Hasher {
    argon2: Argon2<'static>,
    /// A hash that nobody's password has, so that an unknown user costs what a known one does.
    nobody: PasswordHash,
    at_a_time: Arc<Semaphore>,
}

impl Hasher {
    /// A hasher with the parameters above.
    ///
    /// # Errors
    /// The machine gives no random bytes or no memory.
    pub fn new() -> Result<Self, PasswordFault> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| PasswordFault::Machine)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut text = [0; 32];
        getrandom::fill(&mut text).map_err(|_| PasswordFault::Machine)?;
        let nobody = hash_with(&argon2, &text)?;
        Ok(Self { argon2, nobody, at_a_time: Arc::new(Semaphore::new(HASHES_AT_A_TIME)) })
    }

    /// The hash of a password that may be set.
    ///
    /// # Errors
    /// The password may not be set, or the machine cannot hash.
    pub async fn hash(&self, password: Secret) -> Result<PasswordHash, PasswordFault> {
        check_password(&password)?;
        let argon2 = self.argon2.clone();
        self.apart(move || hash_with(&argon2, password.reveal().as_bytes())).await.unwrap_or(Err(PasswordFault::Machine))
    }

    /// Whether the password has this hash. Without a hash, or with an empty password, the answer is no and takes as long.
    pub async fn verify(&self, password: Secret, hash: Option<PasswordHash>) -> bool {
        if password.reveal().len() > PASSWORD_BYTES_MAX {
            return false;
        }
        let possible = hash.is_some() && !password.is_empty();
        let (argon2, hash) = (self.argon2.clone(), hash.unwrap_or_else(|| self.nobody.clone()));
        let same = self.apart(move || argon2.verify_password(password.reveal().as_bytes(), hash.0.as_str()).is_ok()).await;
        possible && same.unwrap_or(false)
    }

    /// Runs where it holds up no request, a few at a time.
    async fn apart<T: Send + 'static>(&self, hash: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let turn = Arc::clone(&self.at_a_time).acquire_owned().await.ok()?;
        let work = move || {
            let _turn = turn;
            hash()
        };
        tokio::task::spawn_blocking(work).await.ok()
    }
}

fn hash_with(argon2: &Argon2<'_>, password: &[u8]) -> Result<PasswordHash, PasswordFault> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|_| PasswordFault::Machine)?;
    let hash = argon2.hash_password_with_salt(password, &salt).map_err(|_| PasswordFault::Machine)?;
    Ok(PasswordHash(hash.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_another_is_not() {
        let hasher = Hasher::new().unwrap();
        let hash = hasher.hash(secret("a sentence nobody guesses")).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        assert!(hasher.verify(secret("a sentence nobody guesses"), Some(hash.clone())).await);
        assert!(!hasher.verify(secret("a sentence nobody guesses "), Some(hash.clone())).await);
        assert!(!hasher.verify(secret(""), Some(hash)).await);
        assert_ne!(
            hasher.hash(secret("a sentence nobody guesses")).await,
            hasher.hash(secret("a sentence nobody guesses")).await
        );
    }

    #[tokio::test]
    async fn nobody_has_no_password_not_even_the_empty_one() {
        let hasher = Hasher::new().unwrap();
        assert!(!hasher.verify(secret(""), None).await);
        assert!(!hasher.verify(secret("anything at all, really"), None).await);
        assert!(!hasher.verify(secret("anything at all, really"), Some(PasswordHash("not a hash".into()))).await);
    }

    #[test]
    fn short_long_and_plain_passwords_are_refused() {
        assert_eq!(check_password(&secret("")), Err(PasswordFault::Short));
        assert_eq!(check_password(&secret("fourteen chars")), Err(PasswordFault::Short));
        assert_eq!(check_password(&secret(&"ab".repeat(50))), Err(PasswordFault::Plain));
        assert_eq!(check_password(&secret(&"abcdefgh".repeat(1 << 17))), Err(PasswordFault::Long));
        assert_eq!(check_password(&secret("fifteen letters")), Ok(()));
    }

    #[test]
    fn a_hash_is_not_printed() {
        assert_eq!(format!("{:?}", PasswordHash("$argon2id$…".into())), "***");
    }
}
