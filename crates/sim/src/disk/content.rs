//! The files of a disk and their names.

use super::file::{File, Odds};
use crate::Rng;
use std::collections::BTreeMap;

/// The number of a file, whatever its name.
pub(super) type Number = u64;

/// Of a hundred pending changes a power cut keeps one of these; the ends are what happens most.
const KEPT: [u64; 7] = [0, 0, 20, 50, 80, 100, 100];

#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    files: BTreeMap<Number, File>,
    /// What each name stood for since the directory was last synced: first what the platter has, last what is seen.
    names: BTreeMap<String, Vec<Option<Number>>>,
    last: Number,
}

impl Content {
    pub(super) fn find(&self, name: &str) -> Option<Number> {
        *self.names.get(name)?.last()?
    }

    pub(super) fn create(&mut self, name: &str) -> Number {
        self.last += 1;
        self.files.insert(self.last, File::default());
        self.names.entry(name.to_owned()).or_insert_with(|| vec![None]).push(Some(self.last));
        self.last
    }

    /// Removes a name; false if it is not there.
    pub(super) fn delete(&mut self, name: &str) -> bool {
        let was_there = self.find(name).is_some();
        if let Some(states) = self.names.get_mut(name).filter(|_| was_there) {
            states.push(None);
        }
        was_there
    }

    /// Makes every name durable as it is.
    pub(super) fn sync_names(&mut self) {
        for states in self.names.values_mut() {
            states.drain(..states.len().saturating_sub(1));
        }
        self.names.retain(|_, states| *states != [None]);
        self.sweep();
    }

    /// Forgets files without a name and without a handle.
    pub(super) fn sweep(&mut self) {
        let named = |number: &Number| self.names.values().flatten().any(|state| *state == Some(*number));
        self.files.retain(|number, file| file.handles > 0 || named(number));
    }

    pub(super) fn file(&mut self, number: Number) -> &mut File {
        // A handle keeps its file, so that this makes none.
        self.files.entry(number).or_default()
    }

    pub(super) fn used(&self) -> u64 {
        self.files.values().map(|file| file.len() as u64).sum()
    }

    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let seen = |number: Number| self.files.get(&number).map_or(Vec::new(), |file| file.seen().to_vec());
        self.names.keys().filter_map(|name| Some((name.clone(), seen(self.find(name)?)))).collect()
    }

    /// The same without handles.
    pub(super) fn closed(&self) -> Self {
        let mut content = self.clone();
        content.files.values_mut().for_each(|file| file.handles = 0);
        content.sweep();
        content
    }

    /// What may be left of it after a power cut.
    pub(super) fn cut(&self, rng: &mut Rng) -> Self {
        let odds = Odds { keep: *rng.pick(&KEPT), tear: *rng.pick(&[0, 50, 100]) };
        let names = self.names.iter().filter_map(|(name, states)| {
            let state = match odds.keep {
                0 => states.first(),
                100 => states.last(),
                _ => Some(rng.pick(states)),
            };
            Some((name.clone(), vec![Some((*state?)?)]))
        });
        let names = names.collect();
        // A generator for each file: what one draws must not hang on what was written to another.
        let files = self.files.iter().map(|(number, file)| (*number, file.cut(&mut rng.fork(), odds))).collect();
        let mut content = Self { files, names, last: self.last };
        content.sweep();
        content
    }
}
