//! How a log changes its key: a record in the log itself, signed by the old key and by the new one.
//!
//! The old key's signature says that the new one is meant, the new key's that somebody holds it. Whoever trusted the
//! first key follows the records to the present one; a [`Keyring`] says which key speaks for a tree of which size.
//! What stands in the log is a signed note whose text is [`HEADING`] and the two verifier keys, a line each; its second
//! line is no number, so it can never be read as a checkpoint, nor a checkpoint as a handover.
//!
//! INVARIANT: a [`Handover`] exists only with both signatures checked.

use crate::checkpoint::{self, Checkpoint, Opened};
use crate::key::{self, KeyId, SigningKey, VerifierKey};
use crate::note::{self, Note};
use std::fmt;

/// The first line of a handover. An entry that begins so is one, or is bad.
pub const HEADING: &str = "adjutant ledger handover v1\n";
/// A log changes its key at most this often.
pub const HANDOVERS_MAX: usize = 1024;

/// Why bytes are no handover, or a handover does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The note around it.
    #[error(transparent)]
    Note(#[from] note::Error),
    /// One of the keys in it.
    #[error(transparent)]
    Key(#[from] key::Error),
    /// Not a heading and two keys.
    #[error("a handover is the line `adjutant ledger handover v1` and two lines with the old and the new verifier key")]
    Form,
    /// Either key did not sign.
    #[error("a handover is signed by both keys; the signature of key {0} is missing")]
    Unsigned(KeyId),
    /// A key that belongs to another log, or the same key again.
    #[error("a handover goes from one key to another of the same name")]
    Same,
    /// The old key is not the one in force.
    #[error("the handover is from key {found}, but the key in force is {current}")]
    NotInForce {
        /// The old key of the handover.
        found: KeyId,
        /// The key in force.
        current: KeyId,
    },
    /// The new key was in force before: who gave it up may have lost it.
    #[error("the key {0} was given up before: make a new one")]
    Again(KeyId),
    /// Handovers are accepted in the order of the log.
    #[error("the handover at entry {index} comes after one at a later entry")]
    Order {
        /// The entry that was offered.
        index: u64,
    },
    /// More than [`HANDOVERS_MAX`].
    #[error("a log changes its key at most {HANDOVERS_MAX} times")]
    Many,
}

/// The statement that a new key follows an old one, signed by both. Shown as the entry of the log that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    old: VerifierKey,
    new: VerifierKey,
    note: Note,
}

impl Handover {
    /// Hands over from one key to the next.
    ///
    /// # Errors
    /// The names differ, or the keys do not.
    pub fn sign(old: &SigningKey, new: &SigningKey) -> Result<Self, Error> {
        let text = format!("{HEADING}{}\n{}\n", old.verifier(), new.verifier());
        Self::of(Note::sign(&text, &[old, new])?)
    }

    /// Whether the bytes of an entry claim to be a handover.
    pub fn is_claimed_by(entry: &[u8]) -> bool {
        entry.starts_with(HEADING.as_bytes())
    }

    /// Reads a handover and checks both signatures. Whether its old key is to be trusted, only a [`Keyring`] knows.
    ///
    /// # Errors
    /// The bytes are no handover, or not signed by both keys.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Self::of(Note::parse(bytes)?)
    }

    fn of(note: Note) -> Result<Self, Error> {
        let keys = note.text().strip_prefix(HEADING).and_then(|rest| rest.strip_suffix('\n')).ok_or(Error::Form)?;
        let (old, new) = keys.split_once('\n').ok_or(Error::Form)?;
        let keys: [VerifierKey; 2] = [old.parse()?, new.parse()?];
        let signers = note.verify(&keys)?;
        if let Some(missing) = keys.iter().find(|key| !signers.contains(key)) {
            return Err(Error::Unsigned(missing.id()));
        }
        let [old, new] = keys;
        if old.name() != new.name() || old.public() == new.public() {
            return Err(Error::Same);
        }
        Ok(Self { old, new, note })
    }

    /// The key that was in force.
    pub fn old_key(&self) -> &VerifierKey {
        &self.old
    }

    /// The key that follows.
    pub fn new_key(&self) -> &VerifierKey {
        &self.new
    }
}

impl fmt::Display for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

/// The keys of one log, each from the entry that handed over to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    first: VerifierKey,
    later: Vec<Since>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Since {
    /// The size of the smallest tree that holds the handover.
    size: u64,
    key: VerifierKey,
}

impl Keyring {
    /// Begins with the key that is trusted without the log.
    pub fn new(first: VerifierKey) -> Self {
        Self { first, later: Vec::new() }
    }

    /// Takes the handover that is entry `index` of the log.
    ///
    /// # Errors
    /// It does not follow from the key in force; nothing changed.
    pub fn accept(&mut self, index: u64, handover: &Handover) -> Result<(), Error> {
        let current = self.current();
        if *current != handover.old {
            return Err(Error::NotInForce { found: handover.old.id(), current: current.id() });
        }
        if self.keys().any(|key| key.public() == handover.new.public()) {
            return Err(Error::Again(handover.new.id()));
        }
        let size = index.saturating_add(1);
        if self.later.last().is_some_and(|last| last.size >= size) {
            return Err(Error::Order { index });
        }
        if self.later.len() >= HANDOVERS_MAX {
            return Err(Error::Many);
        }
        self.later.push(Since { size, key: handover.new.clone() });
        Ok(())
    }

    /// The key that signs now.
    pub fn current(&self) -> &VerifierKey {
        self.later.last().map_or(&self.first, |since| &since.key)
    }

    /// The key that speaks for a tree of `size` entries: the new one as soon as the tree holds its handover.
    pub fn at(&self, size: u64) -> &VerifierKey {
        self.later.iter().rev().find(|since| since.size <= size).map_or(&self.first, |since| &since.key)
    }

    /// Every key, from the first to the current one.
    pub fn keys(&self) -> impl Iterator<Item = &VerifierKey> {
        std::iter::once(&self.first).chain(self.later.iter().map(|since| &since.key))
    }

    /// Reads a signed checkpoint and checks that the key in force at its size signed it.
    ///
    /// # Errors
    /// The bytes are no signed checkpoint, or it is not to be trusted.
    pub fn open(&self, bytes: &[u8]) -> Result<Opened<'_>, checkpoint::Error> {
        let claimed = Checkpoint::parse(Note::parse(bytes)?.text())?;
        Checkpoint::open(bytes, std::slice::from_ref(self.at(claimed.size())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Hash;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed("log", &[seed; 32]).unwrap()
    }

    fn checkpoint(size: u64, keys: &[&SigningKey]) -> String {
        Checkpoint::new("log", size, Hash::default()).unwrap().sign(keys).unwrap().to_string()
    }

    #[test]
    fn a_handover_reads_as_it_was_written() {
        let handover = Handover::sign(&key(1), &key(2)).unwrap();
        let entry = handover.to_string();
        assert!(Handover::is_claimed_by(entry.as_bytes()));
        assert_eq!(Handover::parse(entry.as_bytes()), Ok(handover.clone()));
        assert_eq!((handover.old_key(), handover.new_key()), (key(1).verifier(), key(2).verifier()));
        assert!(Checkpoint::parse(Note::parse(entry.as_bytes()).unwrap().text()).is_err());
    }

    #[test]
    fn the_keys_in_force_follow_the_handovers() {
        let (one, two, three) = (key(1), key(2), key(3));
        let mut ring = Keyring::new(one.verifier().clone());
        ring.accept(10, &Handover::sign(&one, &two).unwrap()).unwrap();
        ring.accept(20, &Handover::sign(&two, &three).unwrap()).unwrap();
        assert_eq!(ring.current(), three.verifier());
        for (size, wanted) in [(0, &one), (10, &one), (11, &two), (20, &two), (21, &three), (u64::MAX, &three)] {
            assert_eq!(ring.at(size), wanted.verifier(), "{size}");
        }
        // Signed by the key in force, or by it and the old one; never by one that was given up or is yet to come.
        for (size, signers, good) in [
            (10, vec![&one], true),
            (11, vec![&one, &two], true),
            (12, vec![&two], true),
            (12, vec![&one], false),
            (30, vec![&one, &two], false),
            (5, vec![&two], false),
        ] {
            assert_eq!(ring.open(checkpoint(size, &signers).as_bytes()).is_ok(), good, "{size} {signers:?}");
        }
    }

    #[test]
    fn a_wrong_handover_is_refused_and_changes_nothing() {
        let (one, two, three) = (key(1), key(2), key(3));
        let mut ring = Keyring::new(one.verifier().clone());
        let stranger = Handover::sign(&three, &two).unwrap();
        assert!(matches!(ring.accept(1, &stranger), Err(Error::NotInForce { .. })));
        ring.accept(5, &Handover::sign(&one, &two).unwrap()).unwrap();
        let before = ring.clone();
        assert!(matches!(ring.accept(6, &Handover::sign(&one, &three).unwrap()), Err(Error::NotInForce { .. })));
        assert_eq!(ring.accept(6, &Handover::sign(&two, &one).unwrap()), Err(Error::Again(one.verifier().id())));
        assert_eq!(ring.accept(5, &Handover::sign(&two, &three).unwrap()), Err(Error::Order { index: 5 }));
        assert_eq!(ring, before);
    }

    #[test]
    fn what_is_no_handover_is_refused() {
        let (one, two) = (key(1), key(2));
        let other_log = SigningKey::from_seed("other", &[2; 32]).unwrap();
        assert_eq!(Handover::sign(&one, &other_log), Err(Error::Same));
        assert!(Handover::sign(&one, &one).is_err());
        let good = Handover::sign(&one, &two).unwrap().to_string();
        let (text, lines) = good.split_once("\n\n").unwrap();
        let (old_line, new_line) = lines.split_once('\n').unwrap();
        let parsed = |text: &str| Handover::parse(text.as_bytes());
        assert_eq!(parsed(&format!("{text}\n\n{old_line}\n")), Err(Error::Unsigned(two.verifier().id())));
        assert_eq!(parsed(&format!("{text}\n\n{new_line}")), Err(Error::Unsigned(one.verifier().id())));
        // A third key in place of the second, under the same signatures.
        let swapped = good.replace(&two.verifier().to_string(), &key(3).verifier().to_string());
        assert!(matches!(parsed(&swapped), Err(Error::Note(note::Error::Wrong { .. }))));
        assert_eq!(parsed(&checkpoint(3, &[&one])), Err(Error::Form));
        for line in ["x\n", "\n"] {
            let longer = format!("{HEADING}{}\n{}\n{line}", one.verifier(), two.verifier());
            assert!(parsed(&Note::sign(&longer, &[&one, &two]).unwrap().to_string()).is_err(), "{line:?}");
        }
    }

    #[test]
    fn every_changed_byte_of_a_handover_is_noticed() {
        let good = Handover::sign(&key(1), &key(2)).unwrap().to_string().into_bytes();
        for at in 0..good.len() {
            for flip in [1, 0x20, 0x80] {
                let mut bytes = good.clone();
                bytes[at] ^= flip;
                assert!(Handover::parse(&bytes).is_err(), "byte {at} changed by {flip}");
            }
        }
    }
}
