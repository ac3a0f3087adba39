//! Requests that carry a signature instead of a token: Standard Webhooks, HMAC-SHA256 over `id.timestamp.body`.
//!
//! A source without a key does not exist here, so there is no unsigned way in. A request that is sent again with the
//! same id is let in again, since senders repeat until they hear an answer: intake knows its records and answers the same.

use super::{Caller, Gate};
use crate::limits::SIGNED_SECONDS_MAX;
use crate::problem::Problem;
use crate::secret::Secret;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A key has 24 to 64 bytes (Standard Webhooks, "Signature scheme").
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// How many signatures one request may carry, for keys that are being changed.
const SIGNATURES_MAX: usize = 8;
/// The longest id of a message.
const ID_BYTES_MAX: usize = 128;

/// The secret is not a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing key is `whsec_` and base64 of 24 to 64 random bytes; make one with `openssl rand -base64 32`")]
pub struct BadKey;

/// A key that signs requests.
pub struct SigningKey(Zeroizing<Vec<u8>>);

impl SigningKey {
    /// Reads a key as Standard Webhooks writes it; the prefix may be missing.
    ///
    /// # Errors
    /// It is none.
    pub fn read(secret: &Secret) -> Result<Self, BadKey> {
        let text = secret.reveal().trim();
        let key = Zeroizing::new(STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).map_err(|_| BadKey)?);
        if KEY_BYTES.contains(&key.len()) { Ok(Self(key)) } else { Err(BadKey) }
    }

    fn mac(&self) -> Option<Hmac<Sha256>> {
        Hmac::new_from_slice(&self.0).ok()
    }

    /// The value of `webhook-signature` for this message.
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let Some(mac) = self.mac() else { return String::new() };
        let mac = mac.chain_update(format!("{id}.{seconds}.")).chain_update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// A source that signs.
pub(super) struct Signer {
    key: SigningKey,
    caller: Caller,
}

impl Signer {
    pub(super) fn new(source: &str, key: SigningKey) -> Self {
        Self { key, caller: Caller::signer(source) }
    }

    /// Whether one of the signatures is ours. Compared in constant time, by the MAC itself.
    fn signed(&self, id: &str, timestamp: &str, body: &[u8], signatures: &str) -> bool {
        let Some(mac) = self.key.mac() else { return false };
        let mac = mac.chain_update(id).chain_update(".").chain_update(timestamp).chain_update(".").chain_update(body);
        let signatures = signatures.split(' ').take(SIGNATURES_MAX).filter_map(|signature| signature.strip_prefix("v1,"));
        let mut signatures = signatures.filter_map(|signature| STANDARD.decode(signature).ok());
        signatures.any(|signature| mac.clone().verify_slice(&signature).is_ok())
    }
}

impl Gate {
    /// Who signed this message for `source`.
    pub(super) fn verify(&self, source: &str, headers: &HeaderMap, body: &[u8]) -> Result<Caller, Problem> {
        let one = |name: &str| {
            let mut values = headers.get_all(name).iter();
            values.next().filter(|_| values.next().is_none())?.to_str().ok()
        };
        let caller = || {
            let signer = self.signers.get(source)?;
            let (id, timestamp) = (one("webhook-id")?, one("webhook-timestamp")?);
            let seconds: i64 = timestamp.parse().ok()?;
            let in_time = self.now().secs().abs_diff(seconds) <= SIGNED_SECONDS_MAX.unsigned_abs();
            let fit = in_time && !id.is_empty() && id.len() <= ID_BYTES_MAX;
            (fit && signer.signed(id, timestamp, body, one("webhook-signature")?)).then(|| signer.caller.clone())
        };
        caller().ok_or_else(|| self.unauthenticated().advise("sign the request as Standard Webhooks says, and set the clock"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_has_the_published_signature() {
        // standard-webhooks, spec and reference libraries' tests.
        let key = SigningKey::read(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into())).unwrap();
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in ["", "whsec_", "whsec_????", "c2hvcnQ=", &STANDARD.encode([0; 65])] {
            assert_eq!(SigningKey::read(&Secret::new(bad.into())).err(), Some(BadKey), "{bad}");
        }
    }
}
