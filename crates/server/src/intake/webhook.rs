//! Standard Webhooks: a delivery is known by its signature over id, time and body, so no token travels with it.
//!
//! Without a secret nothing is accepted. A delivery that was accepted before is recognised within the time in which its signature is
//! good, and answered without being taken again; the sender's retries are such deliveries.
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// A delivery's time may be off by so much, either way.
pub const TOLERANCE_S: i64 = 300;

/// Secrets are so long, after the specification.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// So many signatures of one delivery are looked at.
const SIGNATURES_MAX: usize = 16;

/// Why a delivery is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nobody may send here.
    #[error("no secret is set for this source; set one, or send with a token")]
    NoSecret,
    /// A header is missing or cannot be read.
    #[error("the header `{0}` is missing or cannot be read")]
    Header(&'static str),
    /// It is too old, or from the future.
    #[error("the time of the delivery is more than 5 minutes off; check the sender's clock")]
    Time,
    /// No signature is good.
    #[error("no signature of the delivery is good; check the secret")]
    Signature,
}

/// A secret cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret is `whsec_` and 24 to 64 bytes in base64")]
pub struct NotSecret;

/// What sender and receiver share.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Reads `whsec_` and base64; the prefix may be missing.
    ///
    /// # Errors
    /// It is no base64, too short or too long.
    pub fn parse(text: &str) -> Result<Self, NotSecret> {
        let text = text.trim();
        let key = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).map_err(|_| NotSecret)?;
        if SECRET_BYTES.contains(&key.len()) { Ok(Self(key)) } else { Err(NotSecret) }
    }

    /// Signs a delivery: what its header `webhook-signature` says.
    pub fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let code = self.mac(id, timestamp, body).map(|mac| STANDARD.encode(mac.finalize().into_bytes()));
        format!("v1,{}", code.unwrap_or_default())
    }

    /// A key may have any length, so there always is a code.
    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        Some(mac)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The three headers of a delivery.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'h> {
    /// `webhook-id`
    pub id: Option<&'h str>,
    /// `webhook-timestamp`
    pub timestamp: Option<&'h str>,
    /// `webhook-signature`
    pub signature: Option<&'h str>,
}

/// An accepted delivery: what it is remembered by. Its id and body, since a careless sender may use an id twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Delivery([u8; 32]);

impl Delivery {
    /// Its bytes, to be stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Checks a delivery against the secrets of its source: the one in force, and the one before while it is being changed.
///
/// # Errors
/// There is no secret, a header is missing, the time is off, or no signature is good.
pub fn verify(secrets: &[Secret], headers: Headers<'_>, body: &[u8], now_s: i64) -> Result<Delivery, Refused> {
    if secrets.is_empty() {
        return Err(Refused::NoSecret);
    }
    let id = headers.id.filter(|id| !id.is_empty()).ok_or(Refused::Header("webhook-id"))?;
    let timestamp = headers.timestamp.unwrap_or("");
    let sent_s: i64 = timestamp.parse().map_err(|_| Refused::Header("webhook-timestamp"))?;
    let signatures = headers.signature.filter(|text| !text.is_empty()).ok_or(Refused::Header("webhook-signature"))?;
    if now_s.abs_diff(sent_s) > TOLERANCE_S.unsigned_abs() {
        return Err(Refused::Time);
    }
    let codes = signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
    let codes: Vec<Vec<u8>> = codes.take(SIGNATURES_MAX).filter_map(|code| STANDARD.decode(code).ok()).collect();
    for mac in secrets.iter().filter_map(|secret| secret.mac(id, timestamp, body)) {
        if codes.iter().any(|code| mac.clone().verify_slice(code).is_ok()) {
            let mut digest = Sha256::new();
            digest.update((id.len() as u64).to_be_bytes());
            digest.update(id);
            digest.update(body);
            return Ok(Delivery(digest.finalize().into()));
        }
    }
    Err(Refused::Signature)
}

/// Who remembers accepted deliveries.
pub trait Deliveries: Send + Sync {
    /// Whether this delivery was accepted before.
    fn seen(&self, delivery: &Delivery) -> bool;

    /// Remembers that it is accepted: called after its records are durable, so that a retry after a failure is no repetition.
    fn remember(&self, delivery: Delivery, now_s: i64);
}

/// Remembers deliveries in memory, the latest ones, as long as their signatures are good.
#[derive(Debug)]
pub struct Window {
    kept: Mutex<Kept>,
    count_max: usize,
}

#[derive(Debug, Default)]
struct Kept {
    set: HashSet<Delivery>,
    order: VecDeque<(i64, Delivery)>,
}

impl Window {
    /// A window of at most `count_max` deliveries (at least one).
    pub fn new(count_max: usize) -> Self {
        Self { kept: Mutex::default(), count_max: count_max.max(1) }
    }
}

impl Deliveries for Window {
    fn seen(&self, delivery: &Delivery) -> bool {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).set.contains(delivery)
    }

    fn remember(&self, delivery: Delivery, now_s: i64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.set.insert(delivery) {
            kept.order.push_back((now_s, delivery));
        }
        // A time ahead of ours is good for twice the tolerance.
        let is_old = |kept: &Kept| kept.order.front().is_some_and(|(then_s, _)| now_s.saturating_sub(*then_s) > 2 * TOLERANCE_S);
        while kept.order.len() > self.count_max || is_old(&kept) {
            if let Some((_, old)) = kept.order.pop_front() {
                kept.set.remove(&old);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The specification's own example.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: &str = "1614265330";
    const NOW: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn check(signature: &str, body: &[u8], now_s: i64) -> Result<Delivery, Refused> {
        let headers = Headers { id: Some(ID), timestamp: Some(TIMESTAMP), signature: Some(signature) };
        verify(&[Secret::parse(SECRET).unwrap()], headers, body, now_s)
    }

    #[test]
    fn the_specifications_example_is_accepted() {
        assert!(check(SIGNATURE, BODY, NOW).is_ok());
        assert_eq!(Secret::parse(SECRET).unwrap().sign(ID, TIMESTAMP, BODY), SIGNATURE);
        assert!(Secret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_ok(), "the prefix may be missing");
    }

    #[test]
    fn one_good_signature_of_several_is_enough() {
        let other = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
        assert!(check(&format!("{other} v2,xyz {SIGNATURE} v1,??"), BODY, NOW).is_ok());
        assert_eq!(check(other, BODY, NOW), Err(Refused::Signature));
        assert_eq!(check(&SIGNATURE.replace("v1", "v2"), BODY, NOW), Err(Refused::Signature));
        let late = format!("{}{SIGNATURE}", format!("{other} ").repeat(SIGNATURES_MAX));
        assert_eq!(check(&late, BODY, NOW), Err(Refused::Signature), "no more are looked at");
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        assert_eq!(check(SIGNATURE, b"{\"test\": 2432232315}", NOW), Err(Refused::Signature));
        assert_eq!(check("v1,", BODY, NOW), Err(Refused::Signature));
        assert_eq!(check(&SIGNATURE[..20], BODY, NOW), Err(Refused::Signature));
        assert_eq!(check("", BODY, NOW), Err(Refused::Header("webhook-signature")));
        let other = Secret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        let headers = Headers { id: Some(ID), timestamp: Some(TIMESTAMP), signature: Some(SIGNATURE) };
        assert_eq!(verify(std::slice::from_ref(&other), headers, BODY, NOW), Err(Refused::Signature));
        assert!(verify(&[other, Secret::parse(SECRET).unwrap()], headers, BODY, NOW).is_ok(), "while a secret is changed");
        assert_eq!(verify(&[], headers, BODY, NOW), Err(Refused::NoSecret));
    }

    #[test]
    fn five_minutes_either_way() {
        for (now, expect) in [(-300, true), (300, true), (-301, false), (301, false), (i64::MIN / 2, false)] {
            assert_eq!(check(SIGNATURE, BODY, NOW + now).is_ok(), expect, "{now}");
        }
        let secret = Secret::parse(SECRET).unwrap();
        for timestamp in ["", "now", "99999999999999999999", "1614265330.5"] {
            let headers = Headers { id: Some(ID), timestamp: Some(timestamp), signature: Some(SIGNATURE) };
            let refused = verify(std::slice::from_ref(&secret), headers, BODY, NOW);
            assert_eq!(refused, Err(Refused::Header("webhook-timestamp")), "{timestamp}");
        }
    }

    #[test]
    fn secrets_that_are_none() {
        for text in ["", "whsec_", "whsec_???", "whsec_YWJj", "c2hvcnQ="] {
            assert!(Secret::parse(text).is_err(), "{text}");
        }
        assert_eq!(format!("{:?}", Secret::parse(SECRET).unwrap()), "Secret(…)");
    }

    #[test]
    fn a_window_recognises_and_forgets() {
        let window = Window::new(2);
        let delivery = |number: u8| Delivery([number; 32]);
        window.remember(delivery(1), 0);
        assert!(window.seen(&delivery(1)) && !window.seen(&delivery(2)));
        window.remember(delivery(1), 1);
        window.remember(delivery(2), 2);
        assert!(window.seen(&delivery(1)), "twice the same is one");
        window.remember(delivery(3), 3);
        assert!(!window.seen(&delivery(1)) && window.seen(&delivery(2)), "the oldest is forgotten");
        window.remember(delivery(4), 3 + 2 * TOLERANCE_S);
        window.remember(delivery(5), 4 + 2 * TOLERANCE_S);
        assert!(!window.seen(&delivery(3)) && window.seen(&delivery(4)), "what is too old to be good is forgotten");
    }
}
