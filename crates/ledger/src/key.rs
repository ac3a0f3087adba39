//! Keys that sign notes, as text: Ed25519 under the encodings of C2SP `signed-note` and of Go's package `note`.
//!
//! A verifier key is `NAME+ID+BASE64(0x01 || public key)`, a signing key `PRIVATE+KEY+NAME+ID+BASE64(0x01 || seed)`;
//! the ID is the first four bytes of SHA-256(NAME || 0x0A || 0x01 || public key) in lower-case hexadecimal digits.
//! Exactly that is read: there is one text for each key.
//!
//! INVARIANT: a secret leaves this module by [`SigningKey::to_secret_text`] only, and every copy made here is wiped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// The byte that stands for Ed25519 in front of a key.
const ED25519: u8 = 1;
/// What begins the text of a signing key.
const PRIVATE: &str = "PRIVATE+KEY+";
/// Base64 of a type byte and 32 bytes.
const KEY_TEXT_BYTES: usize = 44;
/// A key's name has at most this many bytes.
pub const NAME_BYTES_MAX: usize = 255;
/// An Ed25519 signature has this many bytes.
pub const SIGNATURE_BYTES: usize = 64;

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Empty, too long, or with a character that a name must not have.
    #[error("a key's name has 1 to {NAME_BYTES_MAX} bytes and no spaces, plus signs or control characters")]
    Name,
    /// Not the form of a verifier key.
    #[error("a verifier key has the form `NAME+8 hexadecimal digits+BASE64`")]
    Verifier,
    /// Not the form of a signing key; says nothing of the text, which may be a secret.
    #[error("a signing key has the form `PRIVATE+KEY+NAME+8 hexadecimal digits+BASE64`")]
    Signing,
    /// Another signature algorithm than Ed25519.
    #[error("the key is of type {0:#04x}; only Ed25519 (0x01) is known")]
    Algorithm(u8),
    /// The ID does not follow from name and key: one of the three was mistyped.
    #[error("the key's ID is not that of its name and bytes: copy the key again, whole")]
    Id,
    /// Bytes that are no point of the curve, or one under which anybody can sign.
    #[error("the bytes are no Ed25519 public key that can be trusted")]
    Point,
}

/// Tells the keys of one name apart: the first four bytes of a hash of name and key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Checks a key's name.
///
/// # Errors
/// [`Error::Name`].
pub fn check_name(name: &str) -> Result<(), Error> {
    let wrong = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(wrong) { Err(Error::Name) } else { Ok(()) }
}

/// The public half of a key, with the name that it signs under.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    /// The key with these bytes under this name.
    ///
    /// # Errors
    /// The name or the bytes cannot be used.
    pub fn new(name: &str, public: &[u8; 32]) -> Result<Self, Error> {
        check_name(name)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(public).map_err(|_| Error::Point)?;
        if key.is_weak() {
            return Err(Error::Point);
        }
        Ok(Self { name: name.to_owned(), id: id(name, public), key })
    }

    /// The name that it signs under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells it apart from other keys of the name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The public key's bytes.
    pub fn public(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether this key signed exactly this text. Signatures that only some implementations accept are refused.
    pub fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else { return false };
        self.key.verify_strict(text, &signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, self.id, STANDARD.encode(typed(self.public())))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = Parts::of(text).ok_or(Error::Verifier)?;
        let key = Self::new(parts.name, &*parts.bytes(Error::Verifier)?)?;
        if parts.is_id(key.id) { Ok(key) } else { Err(Error::Id) }
    }
}

/// The secret half of a key. Wiped from memory when dropped; shows only which key it is.
pub struct SigningKey {
    secret: ed25519_dalek::SigningKey,
    verifier: VerifierKey,
}

impl SigningKey {
    /// The key that follows from 32 random bytes. Whoever drew them wipes them.
    ///
    /// # Errors
    /// The name cannot be used.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, Error> {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(name, secret.verifying_key().as_bytes())?;
        Ok(Self { secret, verifier })
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// It is not exactly what [`to_secret_text`](Self::to_secret_text) writes.
    pub fn from_secret_text(text: &str) -> Result<Self, Error> {
        let parts = text.strip_prefix(PRIVATE).and_then(Parts::of).ok_or(Error::Signing)?;
        let key = Self::from_seed(parts.name, &*parts.bytes(Error::Signing)?)?;
        if parts.is_id(key.verifier.id) { Ok(key) } else { Err(Error::Id) }
    }

    /// The text for a key file: whoever has it can sign. Wiped when dropped.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let name = &self.verifier.name;
        // As long as it gets, so that it never moves and leaves a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(PRIVATE.len() + name.len() + KEY_TEXT_BYTES + 16));
        text.push_str(PRIVATE);
        text.push_str(name);
        text.push('+');
        text.push_str(&self.verifier.id.to_string());
        text.push('+');
        let mut typed = Zeroizing::new([ED25519; 33]);
        typed.iter_mut().skip(1).zip(self.secret.as_bytes()).for_each(|(to, from)| *to = *from);
        STANDARD.encode_string(*typed, &mut text);
        text
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a text.
    pub fn sign(&self, text: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.secret.sign(text).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}+{})", self.verifier.name, self.verifier.id)
    }
}

/// A key's text, taken apart.
struct Parts<'a> {
    name: &'a str,
    id: &'a str,
    key: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        // Base64 has plus signs too; a name has none.
        let (name, rest) = text.split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        (key.len() == KEY_TEXT_BYTES).then_some(Self { name, id, key })
    }

    /// The 32 bytes after the type.
    fn bytes(&self, otherwise: Error) -> Result<Zeroizing<[u8; 32]>, Error> {
        let mut typed = Zeroizing::new([0; 33]);
        let len = STANDARD.decode_slice(self.key, &mut *typed).map_err(|_| otherwise)?;
        match &*typed {
            _ if len != typed.len() => Err(otherwise),
            [ED25519, rest @ ..] => Ok(Zeroizing::new(*rest)),
            [other, ..] => Err(Error::Algorithm(*other)),
        }
    }

    fn is_id(&self, id: KeyId) -> bool {
        self.id == id.to_string()
    }
}

fn id(name: &str, public: &[u8; 32]) -> KeyId {
    let hasher = Sha256::new_with_prefix(name).chain_update(b"\n").chain_update(typed(public));
    let [a, b, c, d, ..]: [u8; 32] = hasher.finalize().into();
    KeyId([a, b, c, d])
}

fn typed(public: &[u8; 32]) -> [u8; 33] {
    let mut typed = [ED25519; 33];
    typed.iter_mut().skip(1).zip(public).for_each(|(to, from)| *to = *from);
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    // The key of the documentation of golang.org/x/mod/sumdb/note.
    const GO_VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_SIGNING: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

    #[test]
    fn the_key_of_the_reference_implementation() {
        let key = SigningKey::from_secret_text(GO_SIGNING).unwrap();
        assert_eq!(key.verifier().to_string(), GO_VERIFIER);
        assert_eq!(GO_VERIFIER.parse().as_ref(), Ok(key.verifier()));
        assert_eq!(key.to_secret_text().as_str(), GO_SIGNING);
    }

    /// RFC 8032 §7.1, TEST 2.
    #[test]
    fn the_published_signature() {
        let seed = [
            0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e, 0x0f, 0x5b, 0x8a, 0x31,
            0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb,
        ];
        let key = SigningKey::from_seed("x", &seed).unwrap();
        let hex: String = key.sign(&[0x72]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
    }

    #[test]
    fn what_shows_a_key_does_not_show_its_secret() {
        let key = SigningKey::from_secret_text(GO_SIGNING).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(PeterNeumann+c74f20a3)");
    }

    #[test]
    fn every_changed_character_of_a_key_is_noticed() {
        for (at, original) in GO_VERIFIER.bytes().enumerate() {
            for other in *b"A+b/=\n 0" {
                let mut bytes = GO_VERIFIER.as_bytes().to_vec();
                bytes[at] = other;
                let text = String::from_utf8(bytes).unwrap();
                assert_eq!(text.parse::<VerifierKey>().is_ok(), other == original, "{text}");
                assert_eq!(SigningKey::from_secret_text(&text).map(|_| ()).unwrap_err(), Error::Signing);
            }
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let refused = |text: &str| text.parse::<VerifierKey>().unwrap_err();
        assert_eq!(refused(""), Error::Verifier);
        assert_eq!(refused(&format!("{GO_VERIFIER}\n")), Error::Verifier);
        assert_eq!(refused(&GO_VERIFIER.replace("c74f", "C74F")), Error::Id);
        assert_eq!(refused(&GO_VERIFIER.replace("+AR", "+BR")), Error::Algorithm(5));
        assert_eq!(refused(&GO_VERIFIER.replace("Neu", "\u{a0}eu")), Error::Name);
        assert_eq!(refused(&"+".repeat(10 << 20)), Error::Verifier);
        assert_eq!(refused(&GO_VERIFIER.replace("Peter", &"x".repeat(300))), Error::Name);
        // The point of order one: under it, one signature fits many texts.
        let mut one = [0; 32];
        one[0] = 1;
        assert_eq!(VerifierKey::new("x", &one), Err(Error::Point));
        assert_eq!(SigningKey::from_secret_text(GO_VERIFIER).map(|_| ()), Err(Error::Signing));
        assert_eq!(SigningKey::from_secret_text(&GO_SIGNING.replace("+AYE", "+AYF")).map(|_| ()), Err(Error::Id));
    }
}
