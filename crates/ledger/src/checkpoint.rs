//! Checkpoints as C2SP `tlog-checkpoint` defines them: which log, how many entries, which root; as a signed note.
//!
//! Stricter than the specification in one thing: a checkpoint counts only when a trusted key signed it that is named
//! as the checkpoint's origin. A witness alone does not speak for the log.

use crate::key::{NAME_BYTES_MAX, SigningKey, VerifierKey};
use crate::note::{self, Note};
use crate::tree::{Hash, LEN_MAX, Tree};
use std::fmt;

/// An origin has at most this many bytes: as many as the name of a key.
pub const ORIGIN_BYTES_MAX: usize = NAME_BYTES_MAX;
/// A checkpoint has at most this many extension lines.
pub const EXTENSIONS_MAX: usize = 16;

/// Why a text is no checkpoint, or a checkpoint is not to be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The note around it.
    #[error(transparent)]
    Note(#[from] note::Error),
    /// The first line.
    #[error("a checkpoint's origin is one line of 1 to {ORIGIN_BYTES_MAX} bytes without control characters")]
    Origin,
    /// The second line.
    #[error("a checkpoint's size is a decimal number of at most {LEN_MAX} without leading zeroes")]
    Size,
    /// The third line.
    #[error("a checkpoint's root is the base64 of 32 bytes")]
    Root,
    /// What follows.
    #[error("a checkpoint's extensions are at most {EXTENSIONS_MAX} lines that are not empty")]
    Extension,
    /// Missing lines, or a last one that does not end.
    #[error("a checkpoint has at least three lines, and each ends")]
    Form,
    /// Signed by trusted keys, but by none of the log that it speaks of.
    #[error("the checkpoint of `{0}` is not signed by a trusted key of that name")]
    NotItsOwn(String),
}

/// What a log's owner states: the log had so many entries, and this was the tree's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

/// A checkpoint whose signatures were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The trusted keys that signed it.
    pub signers: Vec<&'a VerifierKey>,
}

impl Checkpoint {
    /// The checkpoint of the log `origin` as its tree is now.
    ///
    /// # Errors
    /// [`Error::Origin`].
    pub fn of(origin: &str, tree: &Tree) -> Result<Self, Error> {
        Self::new(origin, tree.len(), tree.root())
    }

    /// The checkpoint of `size` entries with this root.
    ///
    /// # Errors
    /// The origin or the size cannot be written.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, Error> {
        if origin.is_empty() || origin.len() > ORIGIN_BYTES_MAX || origin.contains(char::is_control) {
            return Err(Error::Origin);
        }
        if size > LEN_MAX {
            return Err(Error::Size);
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions: Vec::new() })
    }

    /// The same with one more extension line.
    ///
    /// # Errors
    /// The line is empty or has control characters, or there are too many.
    pub fn with_extension(mut self, line: &str) -> Result<Self, Error> {
        if line.is_empty() || line.contains(char::is_control) || self.extensions.len() >= EXTENSIONS_MAX {
            return Err(Error::Extension);
        }
        self.extensions.push(line.to_owned());
        Ok(self)
    }

    /// Reads the text of a note; who signed it is another question.
    ///
    /// # Errors
    /// The text is not exactly a checkpoint.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut lines = text.strip_suffix('\n').ok_or(Error::Form)?.split('\n');
        let [Some(origin), Some(size), Some(root)] = [lines.next(), lines.next(), lines.next()] else {
            return Err(Error::Form);
        };
        let root = Hash::from_base64(root).map_err(|_| Error::Root)?;
        lines.try_fold(Self::new(origin, number(size)?, root)?, Self::with_extension)
    }

    /// Reads a signed checkpoint and checks that a trusted key named as its origin signed it.
    ///
    /// # Errors
    /// The bytes are no signed checkpoint, or it is not to be trusted.
    pub fn open<'a>(bytes: &[u8], trusted: &'a [VerifierKey]) -> Result<Opened<'a>, Error> {
        let note = Note::parse(bytes)?;
        let signers = note.verify(trusted)?;
        let checkpoint = Self::parse(note.text())?;
        if signers.iter().any(|key| key.name() == checkpoint.origin) {
            Ok(Opened { checkpoint, signers })
        } else {
            Err(Error::NotItsOwn(checkpoint.origin))
        }
    }

    /// Signs it with one key, or with the old and the new one when keys change.
    ///
    /// # Errors
    /// No key is named as the origin, or the note would be too long.
    pub fn sign(&self, keys: &[&SigningKey]) -> Result<Note, Error> {
        if !keys.iter().any(|key| key.verifier().name() == self.origin) {
            return Err(Error::NotItsOwn(self.origin.clone()));
        }
        Ok(Note::sign(&self.to_string(), keys)?)
    }

    /// Which log this is.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries the log had.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree of these entries.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Lines whose meaning is not ours.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

/// The text to be signed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root.to_base64())?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A number as exactly one text writes it.
fn number(text: &str) -> Result<u64, Error> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().map_err(|_| Error::Size) } else { Err(Error::Size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C2SP tlog-checkpoint.
    const PUBLISHED: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    fn key(name: &str, seed: u8) -> SigningKey {
        SigningKey::from_seed(name, &[seed; 32]).unwrap()
    }

    #[test]
    fn the_published_example() {
        let checkpoint = Checkpoint::parse(PUBLISHED).unwrap();
        assert_eq!((checkpoint.origin(), checkpoint.size()), ("example.com/behind-the-sofa", 20_852_163));
        assert_eq!(checkpoint.to_string(), PUBLISHED);
        let line = "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
        assert_eq!(Note::parse(format!("{PUBLISHED}\n{line}").as_bytes()).unwrap().text(), PUBLISHED);
    }

    #[test]
    fn extensions_are_kept() {
        let text = format!("{PUBLISHED}one\ntwo three\n");
        let checkpoint = Checkpoint::parse(&text).unwrap();
        assert_eq!(checkpoint.extensions(), ["one", "two three"]);
        assert_eq!(checkpoint.to_string(), text);
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        let with_size = |size: &str| Checkpoint::parse(&format!("o\n{size}\n{root}\n"));
        for size in
            ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "1e3", "0x1", "١", "18446744073709551616", "18446744073709551615"]
        {
            assert_eq!(with_size(size), Err(Error::Size), "{size:?}");
        }
        assert_eq!(with_size(&"9".repeat(10 << 20)), Err(Error::Size));
        assert_eq!(with_size(&(LEN_MAX + 1).to_string()), Err(Error::Size));
        assert!(with_size("0").is_ok() && with_size(&LEN_MAX.to_string()).is_ok());
        let cases = [
            ("", Error::Form),
            ("\n", Error::Form),
            ("o\n1\n", Error::Form),
            (PUBLISHED.trim_end(), Error::Form),
            (&PUBLISHED.replace('\n', "\r\n"), Error::Root),
            (&format!("\n{PUBLISHED}"), Error::Root),
            (&PUBLISHED.replacen("20852163\n", "20852163\n20852163\n", 1), Error::Root),
            (&PUBLISHED.replace('=', ""), Error::Root),
            (&format!("{PUBLISHED}\n"), Error::Extension),
            (&format!("{PUBLISHED}\nx\n"), Error::Extension),
            (&format!("{PUBLISHED}{}", "x\n".repeat(EXTENSIONS_MAX + 1)), Error::Extension),
            (&format!("\n1\n{root}\n"), Error::Origin),
            (&format!("{}\n1\n{root}\n", "o".repeat(ORIGIN_BYTES_MAX + 1)), Error::Origin),
            (&format!("o\u{7f}\n1\n{root}\n"), Error::Origin),
        ];
        for (text, error) in cases {
            assert_eq!(Checkpoint::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn hostile_notes_are_refused_before_anything_is_believed() {
        let log = key("log", 1);
        let trusted = [log.verifier().clone()];
        let signed = Checkpoint::new("log", 3, Hash::default()).unwrap().sign(&[&log]).unwrap().to_string();
        assert!(Checkpoint::open(signed.as_bytes(), &trusted).is_ok());
        let hostile = [
            signed.replace('\n', "\r\n"),
            signed.trim_end().to_owned(),
            signed.replacen("\n3\n", "\n3\n3\n", 1),
            signed.replacen("\n3\n", "\n4\n", 1),
            signed.replacen("\n\n", "\n\n\n", 1),
            format!("{signed}\n"),
            format!("{signed}{signed}"),
            format!("{}{signed}", "x".repeat(10 << 20)),
        ];
        for text in hostile {
            assert!(Checkpoint::open(text.as_bytes(), &trusted).is_err(), "{text:.200}");
        }
        // Well signed, and yet no checkpoint.
        let other = Note::sign("something else\n", &[&log]).unwrap().to_string();
        assert_eq!(Checkpoint::open(other.as_bytes(), &trusted), Err(Error::Form));
    }

    #[test]
    fn a_witness_does_not_speak_for_the_log() {
        let (log, witness) = (key("log", 1), key("witness", 2));
        let trusted = [log.verifier().clone(), witness.verifier().clone()];
        let checkpoint = Checkpoint::new("log", 3, Hash::default()).unwrap();
        let both = checkpoint.sign(&[&log, &witness]).unwrap().to_string();
        let opened = Checkpoint::open(both.as_bytes(), &trusted).unwrap();
        assert_eq!((opened.checkpoint, opened.signers), (checkpoint.clone(), trusted.iter().collect()));
        let alone = Note::sign(&checkpoint.to_string(), &[&witness]).unwrap().to_string();
        assert_eq!(Checkpoint::open(alone.as_bytes(), &trusted), Err(Error::NotItsOwn("log".into())));
        assert_eq!(checkpoint.sign(&[&witness]), Err(Error::NotItsOwn("log".into())));
    }
}
