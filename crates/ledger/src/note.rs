//! Signed notes as C2SP `signed-note` defines them: a text, a blank line, and one line for each signature.
//!
//! Whatever is read is hostile until [`Note::verify`] says who signed it. Parsing is strict, so that there is one
//! text for each note: what is parsed is what is shown again, byte for byte.

use crate::key::{self, KeyId, SigningKey, VerifierKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// A note has at most this many bytes: room for 16 signatures of every kind that the specification foresees.
pub const NOTE_BYTES_MAX: usize = 128 << 10;
/// A note has at most this many signatures; the specification asks for 16.
pub const SIGNATURES_MAX: usize = 32;
/// What begins a line with a signature: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// Why bytes are no note, or a note is not to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than [`NOTE_BYTES_MAX`].
    #[error("a note has at most {NOTE_BYTES_MAX} bytes, not {0}")]
    Long(usize),
    /// Not UTF-8, or with a control character other than a line end.
    #[error("a note is UTF-8 text whose only control characters are line ends of one byte")]
    Text,
    /// No text that ends in a line end, then a blank line, then lines that each end.
    #[error("a note is a text, a blank line and its signatures; each line ends, the last too")]
    Form,
    /// A line among the signatures that is none.
    #[error("signature {0} of the note is not of the form `\u{2014} NAME BASE64`")]
    Line(usize),
    /// More than [`SIGNATURES_MAX`].
    #[error("a note has at most {SIGNATURES_MAX} signatures")]
    Many,
    /// Two signatures of one key.
    #[error("the key `{name}` {id} signed the note twice")]
    Twice {
        /// The key's name.
        name: String,
        /// The key's ID.
        id: KeyId,
    },
    /// A trusted key did not sign this text.
    #[error("the signature of the trusted key `{name}` {id} is wrong: the note was changed or forged")]
    Wrong {
        /// The key's name.
        name: String,
        /// The key's ID.
        id: KeyId,
    },
    /// No signature is of a trusted key.
    #[error("the note is not signed by any trusted key")]
    Untrusted,
}

/// One signature, verified or not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    name: String,
    id: KeyId,
    bytes: Vec<u8>,
}

/// A text with signatures. Shown as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// Reads a note; who signed it is not checked yet.
    ///
    /// # Errors
    /// The bytes are not exactly a note, or more than one may have.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(Error::Long(bytes.len()));
        }
        let whole = str::from_utf8(bytes).ok().filter(|text| is_plain(text)).ok_or(Error::Text)?;
        let blank = whole.rfind("\n\n").ok_or(Error::Form)?;
        let (text, lines) = whole.split_at_checked(blank + 1).ok_or(Error::Form)?;
        let lines = lines.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n')).ok_or(Error::Form)?;
        let mut note = Self { text: text.to_owned(), signatures: Vec::new() };
        for (index, line) in lines.split('\n').enumerate() {
            note.push(signature(line).ok_or(Error::Line(index + 1))?)?;
        }
        Ok(note)
    }

    /// A text signed by these keys.
    ///
    /// # Errors
    /// The text has control characters, does not end in a line end or is too long; there is no key, or one twice.
    pub fn sign(text: &str, keys: &[&SigningKey]) -> Result<Self, Error> {
        let note = Self { text: text.to_owned(), signatures: Vec::new() };
        if !is_plain(text) {
            return Err(Error::Text);
        }
        if !text.ends_with('\n') || keys.is_empty() {
            return Err(Error::Form);
        }
        keys.iter().try_fold(note, |note, key| note.signed_by(key))
    }

    /// The same note with one more signature.
    ///
    /// # Errors
    /// The key signed it already, or the note would be too long.
    pub fn signed_by(mut self, key: &SigningKey) -> Result<Self, Error> {
        let (verifier, bytes) = (key.verifier(), key.sign(self.text.as_bytes()).to_vec());
        self.push(Signature { name: verifier.name().to_owned(), id: verifier.id(), bytes })?;
        let len = self.to_string().len();
        if len > NOTE_BYTES_MAX { Err(Error::Long(len)) } else { Ok(self) }
    }

    /// The signed text, with its last line end. Not to be believed before [`verify`](Self::verify).
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Name and ID of every key that the note says signed it, unverified.
    pub fn signers(&self) -> impl Iterator<Item = (&str, KeyId)> {
        self.signatures.iter().map(|signature| (signature.name.as_str(), signature.id))
    }

    /// Which of the trusted keys signed this text: at least one. Signatures of other keys are ignored.
    ///
    /// # Errors
    /// The signature of a trusted key is wrong, or there is none.
    pub fn verify<'a>(&self, trusted: &'a [VerifierKey]) -> Result<Vec<&'a VerifierKey>, Error> {
        let mut signers = Vec::new();
        for signature in &self.signatures {
            let mut known = trusted.iter().filter(|key| signature.is_of(key)).peekable();
            if known.peek().is_none() {
                continue;
            }
            let signer = known.find(|key| key.verifies(self.text.as_bytes(), &signature.bytes));
            signers.push(signer.ok_or_else(|| Error::Wrong { name: signature.name.clone(), id: signature.id })?);
        }
        if signers.is_empty() { Err(Error::Untrusted) } else { Ok(signers) }
    }

    fn push(&mut self, signature: Signature) -> Result<(), Error> {
        if self.signatures.len() >= SIGNATURES_MAX {
            return Err(Error::Many);
        }
        if self.signers().any(|(name, id)| name == signature.name && id == signature.id) {
            return Err(Error::Twice { name: signature.name, id: signature.id });
        }
        self.signatures.push(signature);
        Ok(())
    }
}

impl Signature {
    fn is_of(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.id == key.id()
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for Signature { name, id, bytes } in &self.signatures {
            let bytes: Vec<u8> = id.0.iter().chain(bytes).copied().collect();
            writeln!(f, "{DASH}{name} {}", STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

/// Whether a text has no control character but line ends.
fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| byte < b' ' && byte != b'\n')
}

fn signature(line: &str) -> Option<Signature> {
    let (name, text) = line.strip_prefix(DASH)?.split_once(' ')?;
    key::check_name(name).ok()?;
    let bytes = STANDARD.decode(text).ok()?;
    let (id, rest) = bytes.split_first_chunk()?;
    (!rest.is_empty()).then(|| Signature { name: name.to_owned(), id: KeyId(*id), bytes: rest.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Key, text and signature of the documentation of golang.org/x/mod/sumdb/note.
    const GO_VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_SIGNING: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const GO_TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const GO_LINE: &str =
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn go() -> (SigningKey, VerifierKey, String) {
        let key = SigningKey::from_secret_text(GO_SIGNING).unwrap();
        (key, GO_VERIFIER.parse().unwrap(), format!("{GO_TEXT}\n{GO_LINE}"))
    }

    fn key(name: &str, seed: u8) -> SigningKey {
        SigningKey::from_seed(name, &[seed; 32]).unwrap()
    }

    #[test]
    fn the_note_of_the_reference_implementation() {
        let (key, verifier, message) = go();
        assert_eq!(Note::sign(GO_TEXT, &[&key]).unwrap().to_string(), message);
        let note = Note::parse(message.as_bytes()).unwrap();
        assert_eq!((note.text(), note.to_string()), (GO_TEXT, message));
        assert_eq!(note.verify(std::slice::from_ref(&verifier)), Ok(vec![&verifier]));
    }

    /// The example of C2SP signed-note: its text has a blank line, and other letters than ASCII.
    #[test]
    fn the_text_ends_at_the_last_blank_line() {
        let text = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n";
        let line = "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
        let note = Note::parse(format!("{text}\n{line}").as_bytes()).unwrap();
        assert_eq!(note.text(), text);
        assert_eq!(note.signers().next().map(|(name, _)| name), Some("quasimodo.example/salvatore"));
    }

    #[test]
    fn one_trusted_key_is_enough_and_others_are_ignored() {
        let keys = [key("log", 1), key("log", 2), key("witness", 3)];
        let note = Note::sign("a\n", &keys.each_ref()).unwrap();
        for key in &keys {
            assert_eq!(note.verify(&[key.verifier().clone()]), Ok(vec![key.verifier()]));
        }
        // The same name with another key, and the same key under another name.
        for stranger in [key("log", 9), key("gol", 1)] {
            assert_eq!(note.verify(&[stranger.verifier().clone()]), Err(Error::Untrusted));
        }
        assert_eq!(note.verify(&[]), Err(Error::Untrusted));
    }

    #[test]
    fn a_wrong_signature_of_a_trusted_key_is_never_ignored() {
        let (good, bad) = (key("good", 1), key("bad", 2));
        let mut note = Note::sign("a\n", &[&good, &bad]).unwrap();
        note.signatures[1].bytes[0] ^= 1;
        let trusted = [good.verifier().clone(), bad.verifier().clone()];
        assert_eq!(note.verify(&trusted), Err(Error::Wrong { name: "bad".into(), id: bad.verifier().id() }));
        assert!(note.verify(&trusted[..1]).is_ok());
        note.signatures[1].bytes.truncate(63);
        assert!(matches!(note.verify(&trusted), Err(Error::Wrong { .. })));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let (_, verifier, message) = go();
        for at in 0..message.len() {
            for flip in [1, 0x20, 0x80, 0xff] {
                let mut bytes = message.clone().into_bytes();
                bytes[at] ^= flip;
                let trusted = Note::parse(&bytes).and_then(|note| note.verify(std::slice::from_ref(&verifier)).map(|_| ()));
                assert!(trusted.is_err(), "byte {at} changed by {flip}");
            }
        }
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let (_, _, message) = go();
        let refused = |text: &str| Note::parse(text.as_bytes()).unwrap_err();
        for text in ["", "\n", "\n\n", "a", "a\n", GO_TEXT, message.trim_end(), &message.replacen("\n\n", "\n", 1)] {
            assert_eq!(refused(text), Error::Form, "{text:?}");
        }
        for text in [message.replace('\n', "\r\n"), message.replace("you", "\t"), format!("\0{message}")] {
            assert_eq!(refused(&text), Error::Text);
        }
        assert_eq!(Note::parse(b"\xff\n\n"), Err(Error::Text));
        for line in [
            "",
            "—",
            "— ",
            "— x",
            "— x ",
            "— x AAAA",
            "— x AAAAAA==",
            "— x+y AAAAAAA=",
            "- x AAAAAAA=",
            "— x  AAAAAAA=",
            "— x AAAAAAA= ",
            "— x AAAAAAA",
            "— x AAAAAAB=",
            "— \u{2003} AAAAAAA=",
        ] {
            assert!(matches!(refused(&format!("{message}{line}\n")), Error::Line(_) | Error::Form), "{line:?}");
        }
        assert_eq!(refused(&format!("{message}— x AAAAAAA=\nx\n")), Error::Line(3));
        assert!(matches!(refused(&format!("{message}{GO_LINE}")), Error::Twice { .. }));
        assert_eq!(refused(&"\n".repeat(10 << 20)), Error::Long(10 << 20));
    }

    #[test]
    fn sixteen_signatures_are_accepted_and_not_any_number() {
        let lines = |count: usize| (0..count).map(|n| format!("— key{n} AAAAAAA=\n")).collect::<String>();
        let parsed = |count| Note::parse(format!("a\n\n{}", lines(count)).as_bytes());
        assert!(parsed(16).is_ok() && parsed(SIGNATURES_MAX).is_ok());
        assert_eq!(parsed(SIGNATURES_MAX + 1), Err(Error::Many));
    }

    #[test]
    fn only_what_can_be_read_is_signed() {
        let key = key("x", 1);
        assert_eq!(Note::sign("a", &[&key]), Err(Error::Form));
        assert_eq!(Note::sign("a\n", &[]), Err(Error::Form));
        assert_eq!(Note::sign("a\r\n", &[&key]), Err(Error::Text));
        assert!(matches!(Note::sign("a\n", &[&key, &key]), Err(Error::Twice { .. })));
        assert!(matches!(Note::sign(&"a\n".repeat(NOTE_BYTES_MAX), &[&key]), Err(Error::Long(_))));
        // A text that ends in a blank line is still told apart from its signatures.
        let note = Note::sign("\n", &[&key]).unwrap();
        assert_eq!(Note::parse(note.to_string().as_bytes()), Ok(note));
    }
}
