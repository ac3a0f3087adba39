//! Which source reads a record.

use super::{Format, Source};
use crate::diagnostic::{Diagnostic, Span};
use crate::lang::{Doc, Found, Index, Truth, top_keys};
use adjutant_model::SourceId;
use simd_json::Node;

/// Which of the keys that any source asks for a record has: one bit each.
type KeySet = [u64; WORDS];

/// Words of a [`KeySet`].
const WORDS: usize = 8;

/// The most different keys that all sources together may ask for.
const KEYS_MAX: usize = WORDS * 64;

/// The longest key that a source may ask for.
const KEY_BYTES_MAX: usize = 256;

/// The sources of a book.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
    /// The keys that any source asks for, each at the place of its bit.
    keys: Vec<Box<str>>,
    /// The bits of the keys.
    bits: Index,
    /// The most demanding first.
    candidates: Vec<Candidate>,
}

#[derive(Clone, Debug)]
struct Candidate {
    keys: KeySet,
    source: SourceId,
    format: Format,
}

impl Sources {
    /// Brings `sources`, each with the path of its file, in the order of their names.
    ///
    /// # Errors
    /// Two sources with one name, or that nothing tells apart.
    pub fn new(mut sources: Vec<(String, Source)>) -> Result<Self, Vec<Diagnostic>> {
        sources.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        let mut faults = Vec::new();
        for (at, (file, source)) in sources.iter().enumerate() {
            for (other_file, other) in sources.iter().skip(at + 1) {
                faults.extend(clash(file, source, other_file, other));
            }
        }
        let mut all = Self::default();
        for (file, source) in sources {
            if !all.add(source) {
                faults.push(Diagnostic::error(
                    "too-many-keys",
                    &file,
                    Span::default(),
                    format!("all sources together ask for more than {KEYS_MAX} keys"),
                ));
            }
        }
        let demand = |candidate: &Candidate| {
            let with_when = all.list.get(usize::from(candidate.source.0)).is_some_and(|source| source.when.is_some());
            let keys: u32 = candidate.keys.iter().map(|word| word.count_ones()).sum();
            (std::cmp::Reverse(keys), !with_when, candidate.source)
        };
        let mut candidates = std::mem::take(&mut all.candidates);
        candidates.sort_by_key(demand);
        all.candidates = candidates;
        if faults.is_empty() { Ok(all) } else { Err(faults) }
    }

    fn add(&mut self, source: Source) -> bool {
        let Ok(number) = u16::try_from(self.list.len()) else { return false };
        let mut keys = KeySet::default();
        for key in &source.keys {
            let Some(bit) = self.intern(key) else { return false };
            set(&mut keys, bit);
        }
        self.candidates.push(Candidate { keys, source: SourceId(number), format: source.format });
        self.list.push(source);
        true
    }

    /// The bit of `key`; `None` when there are too many.
    fn intern(&mut self, key: &str) -> Option<usize> {
        let next = self.keys.len();
        if let Some(bit) = self.bit(key) {
            return Some(bit);
        }
        if next >= KEYS_MAX || key.len() > KEY_BYTES_MAX {
            return None;
        }
        self.bits.add(key, next as u16);
        self.keys.push(key.into());
        Some(next)
    }

    fn bit(&self, key: &str) -> Option<usize> {
        self.bits.find(key, |bit| self.keys.get(bit).is_some_and(|known| known.as_ref() == key))
    }

    /// The source with this number.
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.list.get(usize::from(id.0))
    }

    /// The number of the source called `name`.
    pub fn named(&self, name: &str) -> Option<SourceId> {
        let at = self.list.binary_search_by(|source| source.name.as_str().cmp(name)).ok()?;
        u16::try_from(at).ok().map(SourceId)
    }

    /// Every source with its number, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        (0_u16..).map(SourceId).zip(&self.list)
    }

    /// Which source reads the record that begins at the first node of `tape`; `found` is then filled for it.
    pub fn recognise(&self, format: Format, tape: &[Node<'_>], found: &mut Found) -> Option<SourceId> {
        let mut keys = KeySet::default();
        for (key, _) in top_keys(tape, 0) {
            if let Some(bit) = self.bit(key) {
                set(&mut keys, bit);
            }
        }
        let fits = |candidate: &&Candidate| {
            candidate.format == format && candidate.keys.iter().zip(&keys).all(|(asked, there)| asked & !there == 0)
        };
        for candidate in self.candidates.iter().filter(fits) {
            let Some(source) = self.get(candidate.source) else { continue };
            found.fill(&source.paths, tape, 0);
            let holds = source.when.as_ref().is_none_or(|when| when.truth(Doc::new(tape, found)) == Truth::True);
            if holds {
                return Some(candidate.source);
            }
        }
        None
    }
}

fn set(keys: &mut KeySet, bit: usize) {
    if let Some(word) = keys.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}

/// What is wrong with having both sources in one book.
fn clash(file: &str, source: &Source, other_file: &str, other: &Source) -> Option<Diagnostic> {
    if source.name == other.name {
        let message = format!("the source `{}` is in `{file}` as well", source.name);
        return Some(
            Diagnostic::error("source-twice", other_file, Span::default(), message).with_help("give one of them another name"),
        );
    }
    let mut keys = [source.keys.clone(), other.keys.clone()];
    keys.iter_mut().for_each(|keys| keys.sort());
    let [a, b] = &keys;
    if a != b || source.format != other.format || source.when.is_some() || other.when.is_some() {
        return None;
    }
    let message = format!("nothing tells the records of `{}` from those of `{}`", other.name, source.name);
    Some(
        Diagnostic::error("sources-alike", other_file, Span::default(), message)
            .with_help("ask for one more key, or say `when:`"),
    )
}
