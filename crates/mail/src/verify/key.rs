//! Public keys as DNS holds them (RFC 6376, 3.6.1; RFC 8463), and what they say of a signature.

use super::tags::Tags;
use super::{Judged, Word};
use crate::dns::{Kind, Unknown, Zone};
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};

/// How a signature is made. `rsa-sha1` is none any more (RFC 8301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Rsa,
    Ed25519,
}

impl Algorithm {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "rsa-sha256" => Some(Algorithm::Rsa),
            "ed25519-sha256" => Some(Algorithm::Ed25519),
            _ => None,
        }
    }
}

/// A key of a domain.
#[derive(Debug)]
pub(crate) struct Key {
    algorithm: Algorithm,
    bytes: Vec<u8>,
    /// The domain tries it out: a signature that does not hold is none (`t=y`).
    pub(crate) testing: bool,
    /// It signs for the very domain alone, and for none below it (`t=s`).
    pub(crate) exact: bool,
}

/// Fewer bits are no proof of anything (RFC 8301, 3.2).
const RSA_BITS_MIN: usize = 1024;

/// Looks up the key `selector` of `domain`.
pub(crate) fn key(zone: &mut Zone<'_>, selector: &str, domain: &str) -> Result<Key, Judged> {
    let records = zone.ask(Kind::Txt, &format!("{selector}._domainkey.{domain}")).map_err(|Unknown| Judged::unknown())?;
    let permanent = |why| Judged::new(Word::Permerror, why);
    // What a wildcard or somebody's note puts beside a key is none.
    let mut keys = records.iter().filter_map(|record| Tags::read(record)).filter(|tags| tags.get("p").is_some());
    match (keys.next(), keys.next()) {
        (Some(tags), None) => of(&tags).map_err(permanent),
        (Some(_), Some(_)) => Err(permanent("there are several keys")),
        (None, _) => Err(permanent("there is no key")),
    }
}

fn of(tags: &Tags<'_>) -> Result<Key, &'static str> {
    let lists = |tag, word: &str| tags.list(tag).is_none_or(|list| list.iter().any(|known| known.eq_ignore_ascii_case(word)));
    let flags = tags.list("t").unwrap_or_default();
    match tags.first() {
        Some(("v", version)) if version != "DKIM1" => return Err("its key is of another version"),
        Some((first, _)) if first != "v" && tags.get("v").is_some() => return Err("its key cannot be read"),
        _ => {}
    }
    if tags.get("p").is_some_and(str::is_empty) {
        return Err("its key was revoked");
    }
    if !lists("h", "sha256") || !(lists("s", "*") || lists("s", "email")) {
        return Err("its key is for something else");
    }
    let bytes = tags.bytes("p").ok_or("its key cannot be read")?;
    let (algorithm, bytes) = match tags.get("k").unwrap_or("rsa").to_ascii_lowercase().as_str() {
        "rsa" => (Algorithm::Rsa, rsa(&bytes)?),
        "ed25519" if bytes.len() == 32 => (Algorithm::Ed25519, bytes),
        _ => return Err("its key is of an unknown type"),
    };
    Ok(Key { algorithm, bytes, testing: flags.contains(&"y"), exact: flags.contains(&"s") })
}

/// The RSAPublicKey (RFC 8017, A.1.1) in a SubjectPublicKeyInfo (RFC 5280, 4.1), or as it stands.
fn rsa(der: &[u8]) -> Result<Vec<u8>, &'static str> {
    const UNREADABLE: &str = "its key cannot be read";
    let (SEQUENCE, inside, []) = element(der).ok_or(UNREADABLE)? else { return Err(UNREADABLE) };
    let (first, content, rest) = element(inside).ok_or(UNREADABLE)?;
    let (key, modulus) = match first {
        INTEGER => (der, content),
        SEQUENCE => {
            let Some((BIT_STRING, [0, key @ ..], [])) = element(rest) else { return Err(UNREADABLE) };
            let (SEQUENCE, inside, []) = element(key).ok_or(UNREADABLE)? else { return Err(UNREADABLE) };
            let Some((INTEGER, modulus, _)) = element(inside) else { return Err(UNREADABLE) };
            (key, modulus)
        }
        _ => return Err(UNREADABLE),
    };
    let bytes = modulus.iter().position(|byte| *byte != 0).and_then(|first| modulus.get(first..)).unwrap_or(&[]);
    let zeros = bytes.first().map_or(0, |byte| byte.leading_zeros() as usize);
    if bytes.len() * 8 - zeros < RSA_BITS_MIN {
        return Err("its key is too short");
    }
    Ok(key.to_vec())
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// The DER element that `der` begins with: its tag, its content and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0x00..=0x7f => (usize::from(*first), rest),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => rest.split_first_chunk().map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest))?,
        _ => return None,
    };
    rest.split_at_checked(length).map(|(content, rest)| (*tag, content, rest))
}

impl Key {
    /// Whether `signature` is this key's, of `data`.
    pub(crate) fn holds(&self, algorithm: Algorithm, data: &[u8], signature: &[u8]) -> Result<bool, &'static str> {
        if algorithm != self.algorithm {
            return Err("its key is of another type");
        }
        let held = match self.algorithm {
            Algorithm::Rsa => {
                UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, &self.bytes).verify(data, signature)
            }
            // Ed25519 signs the hash (RFC 8463, 3).
            Algorithm::Ed25519 => UnparsedPublicKey::new(&ED25519, &self.bytes).verify(digest(&SHA256, data).as_ref(), signature),
        };
        Ok(held.is_ok())
    }
}
