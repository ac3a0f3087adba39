//! What one transaction will write, collected in memory that is used again.

use super::Answer;
use crate::event::{Noted, noted, put_piece};
#[cfg(feature = "planted")]
use crate::planted::{Bug, is};
use crate::ports::{Commit, Kept, Known, Outgoing, key};
use adjutant_ledger::{Hash, leaf};
use adjutant_model::{CaseId, Time};
use hashbrown::HashTable;

/// Room that a batch keeps for the next one.
const BYTES_KEPT: usize = 4 << 20;

#[derive(Default)]
pub(super) struct Batch {
    first: u64,
    at: Time,
    leaves: Vec<Hash>,
    ids: Vec<[u8; 8]>,
    entries: Vec<u8>,
    raw: Vec<u8>,
    raws: u32,
    known: Vec<(u64, Known)>,
    /// Where each key is in `known`, and each case in `cases`: both are hashes, and hash themselves.
    known_at: HashTable<u32>,
    cases: Vec<Kept>,
    case_at: HashTable<u32>,
    /// In the order of their entries.
    answers: Vec<Answer>,
    pub(super) documents: Vec<(&'static str, String, Option<String>)>,
    pub(super) outbox: Vec<Outgoing>,
    pub(super) delivered: Vec<(i64, Option<Outgoing>)>,
}

impl Batch {
    /// Empties it for a transaction whose first entry is `first`.
    pub(super) fn clear(&mut self, first: u64, at: Time) {
        (self.first, self.at, self.raws) = (first, at, 0);
        for bytes in [&mut self.entries, &mut self.raw] {
            bytes.clear();
            bytes.shrink_to(BYTES_KEPT);
        }
        self.leaves.clear();
        self.ids.clear();
        self.known.clear();
        self.known_at.clear();
        self.cases.clear();
        self.case_at.clear();
        self.answers.clear();
        self.documents.clear();
        self.outbox.clear();
        self.delivered.clear();
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.leaves.is_empty() && self.documents.is_empty() && self.outbox.is_empty() && self.delivered.is_empty()
    }

    pub(super) fn commit(&self) -> Commit<'_> {
        let commit = Commit {
            first: self.first,
            at: self.at,
            leaves: &self.leaves,
            ids: &self.ids,
            entries: &self.entries,
            raw: &self.raw,
            known: &self.known,
            cases: &self.cases,
            documents: &self.documents,
            outbox: &self.outbox,
            delivered: &self.delivered,
        };
        #[cfg(feature = "planted")]
        let commit = Commit {
            known: if is(Bug::KeyNotRecorded) { &[] } else { commit.known },
            cases: if is(Bug::CaseNotWritten) { &[] } else { commit.cases },
            outbox: if is(Bug::OutboxForgotten) { &[] } else { commit.outbox },
            ..commit
        };
        commit
    }

    pub(super) fn leaves(&self) -> &[Hash] {
        &self.leaves
    }

    /// The number of the entry that is written next.
    pub(super) fn next(&self) -> u64 {
        self.first + self.leaves.len() as u64
    }

    /// Appends an entry with the name of its decision.
    pub(super) fn entry(&mut self, id: [u8; 8], write: impl FnOnce(&mut Vec<u8>)) -> u64 {
        let (seq, start) = (self.next(), self.entries.len());
        put_piece(&mut self.entries, write);
        #[cfg(feature = "planted")]
        let start = if is(Bug::WrongLeaf) { start + 1 } else { start };
        self.leaves.push(leaf(self.entries.get(start + 4..).unwrap_or_default()));
        self.ids.push(id);
        seq
    }

    /// The bytes of the entry `seq`, if it is of this transaction.
    pub(super) fn entry_bytes(&self, seq: u64) -> Option<&[u8]> {
        let nth = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        crate::event::pieces(&self.entries).nth(nth)?.ok()
    }

    /// The document as this transaction leaves it; none when it does not touch it.
    pub(super) fn document(&self, kind: &str, id: &str) -> Option<Option<&str>> {
        let last = self.documents.iter().rev().find(|(of, name, _)| *of == kind && name == id);
        last.map(|(_, _, body)| body.as_deref())
    }

    /// Appends something that was noted.
    pub(super) fn note(&mut self, what: &Noted) -> u64 {
        let bytes = noted(what);
        self.entry([0; 8], |out| out.extend_from_slice(&bytes))
    }

    /// Appends a raw alert; returns its number.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> u32 {
        put_piece(&mut self.raw, |out| out.extend_from_slice(bytes));
        self.raws += 1;
        self.raws - 1
    }

    /// A raw alert of this transaction.
    pub(super) fn raw_bytes(&self, number: u32) -> Option<&[u8]> {
        crate::event::pieces(&self.raw).nth(number as usize)?.ok()
    }

    pub(super) fn know(&mut self, key: u64, known: Known) {
        self.known.push((key, known));
        let all = &self.known;
        let key_at = |at: &u32| all.get(*at as usize).map_or(0, |(key, _)| *key);
        // What is known last of a key counts; nothing is known twice in one transaction, so there is nothing to replace.
        self.known_at.insert_unique(key, all.len() as u32 - 1, key_at);
    }

    pub(super) fn known(&self, key: u64) -> Option<Known> {
        let is = |at: &u32| self.known.get(*at as usize).is_some_and(|(other, _)| *other == key);
        self.known_at.find(key, is).and_then(|at| self.known.get(*at as usize)).map(|(_, known)| *known)
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// What was decided in this transaction as the entry `seq`.
    pub(super) fn answered(&self, seq: u64) -> Option<Answer> {
        self.answers.binary_search_by_key(&seq, |answer| answer.seq).ok().and_then(|at| self.answers.get(at)).copied()
    }

    pub(super) fn case(&self, id: CaseId) -> Option<&Kept> {
        self.cases.get(self.place_of(id)?)
    }

    fn place_of(&self, id: CaseId) -> Option<usize> {
        let is = |at: &u32| self.cases.get(*at as usize).is_some_and(|case| case.id == id);
        self.case_at.find(key(id).cast_unsigned(), is).map(|at| *at as usize)
    }

    pub(super) fn put_case(&mut self, case: Kept) {
        if let Some(place) = self.place_of(case.id).and_then(|at| self.cases.get_mut(at)) {
            *place = case;
            return;
        }
        let hash = key(case.id).cast_unsigned();
        self.cases.push(case);
        let all = &self.cases;
        let hash_at = |at: &u32| all.get(*at as usize).map_or(0, |case| key(case.id).cast_unsigned());
        self.case_at.insert_unique(hash, all.len() as u32 - 1, hash_at);
    }
}
