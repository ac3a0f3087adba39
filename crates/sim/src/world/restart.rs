//! A process ends, a new one begins with what is there, and everything is held against what was promised.

use super::{Backing, Broken, Running, Unseen, World, crowd, driver, rule};
use crate::fold::Fold;
use crate::memory_store::MemoryStore;
use crate::policies::{POLICIES, policy};
use adjutant_runtime::audit::{self, audit};
use adjutant_runtime::drive::{Driver, kind};
use adjutant_runtime::ports::{Block, Kept, Parts, Read, StoreError, Wanted};
use std::collections::BTreeSet;

/// Changes of the disk within which the power goes while a process begins.
const CHANGES: u64 = 15;

/// Of a hundred beginnings after a power cut, so many are cut again.
const CUT_AGAIN_PERCENT: u64 = 40;

/// Rounds of a courier until everything has arrived.
const ROUNDS_MAX: usize = 10_000;

/// Kinds of documents that a run without interruptions must leave in the same words.
const SAME: [&str; 7] = [kind::LADDER, kind::ASKED, kind::SAMPLE, kind::CONTEXT, kind::ASKING, kind::ANSWER, kind::SPENT];

/// Whether the stored case is what the entries come to; subject and title are not in the fold.
pub(super) fn same_case(folded: &Kept, stored: Option<&Kept>) -> Result<(), Broken> {
    let Some(stored) = stored else { return Err(Broken::Rule(format!("case {} is not there", folded.id))) };
    let folded = Kept { subject: stored.subject.clone(), title: stored.title.clone(), ..folded.clone() };
    rule(folded == *stored, || format!("a case is {stored:?}; its entries come to {folded:?}"))
}

impl World {
    fn stop(&mut self) {
        self.running = None;
    }

    /// The power goes.
    fn cut(&mut self) {
        self.stop();
        if let Backing::Disk(disk) = &self.backing {
            self.backing = Backing::Disk(disk.cut(self.rng.bits()));
            self.cuts += 1;
        }
    }

    pub(super) fn open(&mut self) -> Result<(), StoreError> {
        let mut driver = driver(self.store()?, &self.settings, self.policy)?;
        let (reader, mut settler) = (driver.store().reader()?, driver.store().settler()?);
        settler.settle()?;
        self.running = Some(Running { reader, settler, driver });
        Ok(())
    }

    /// Ends the process and begins another one.
    pub(super) fn again(&mut self, unseen: Option<Unseen>) -> Result<(), Broken> {
        let memory = if unseen.is_none() { Some(self.memory()?) } else { None };
        if let Backing::Disk(disk) = &self.backing
            && self.dark
            && !disk.is_off()
        {
            // It goes now, or while the process ends in order.
            let orderly = self.rng.percent(30);
            let changes = if orderly { self.rng.below(CHANGES) } else { 0 };
            disk.power_off_at(disk.counts().changes + changes);
        }
        self.stop();
        self.calm();
        if let Some(left) = self.left.take() {
            self.backing = Backing::Disk(left);
        }
        if std::mem::take(&mut self.dark) {
            self.cut();
            while let Backing::Disk(disk) = &self.backing
                && self.rng.percent(CUT_AGAIN_PERCENT)
            {
                disk.power_off_at(disk.counts().changes + 1 + self.rng.below(CHANGES));
                // Whether it opened before the power went is all the same: what counts is what is there afterwards.
                let _ = self.open();
                self.cut();
            }
        }
        self.start(unseen, memory)
    }

    /// Begins with what is there. `unseen` is what the last process may have done, `memory` what it surely knew.
    pub(super) fn start(&mut self, unseen: Option<Unseen>, memory: Option<Vec<u8>>) -> Result<(), Broken> {
        self.open().map_err(|error| Broken::Unopenable(error.to_string()))?;
        let was = self.fold.head();
        let fold = self.fold_anew()?;
        let applied = fold.head().0 > was.0;
        self.fold = fold;
        if applied && was.0 > 0 {
            let Some(unseen) = &unseen else { return Err(Broken::Rule("entries from nowhere".into())) };
            rule(!unseen.refused, || "a commit was told as not written, and is there".into())?;
            self.applied.push((self.fold.at, self.policy, unseen.jobs.clone()));
        }
        self.trace.extend(self.fold.head().1.0);
        if let Some(Unseen { jobs, done: Some(done), .. }) = &unseen {
            self.answered(jobs, done)?;
        }
        let expected = match (unseen, memory) {
            (Some(unseen), _) if applied => Some(unseen.memory.1),
            (Some(unseen), _) => Some(unseen.memory.0),
            (None, memory) => memory,
        };
        let now = self.memory()?;
        rule(expected.is_none_or(|expected| expected == now), || "memory is not what it was before the restart".into())?;
        self.promises()
    }

    /// The fold of everything that is there; what was there before must be its beginning.
    fn fold_anew(&mut self) -> Result<Fold, Broken> {
        let was = self.fold.head();
        let mut fold = Fold::new(self.settings.sampled_ppm);
        (0..POLICIES).for_each(|number| fold.know(&policy(number).book));
        let Some(running) = &mut self.running else { return Ok(fold) };
        let (mut wrong, mut seen) = (Ok(()), was.0 == 0);
        let read = running.reader.blocks(0, Parts::Raw, &mut |block| {
            wrong = fold.feed(block);
            if fold.head().0 == was.0 {
                seen = fold.head() == was;
            }
            Ok(wrong.is_ok())
        });
        read.map_err(|error| Broken::Unopenable(format!("it cannot be read: {error}")))?;
        wrong?;
        if !seen {
            return Err(Broken::Lost(format!("{} entries were durable; what is there has {}", was.0, fold.head().0)));
        }
        Ok(fold)
    }

    /// Everything that was promised, once more.
    pub(super) fn promises(&mut self) -> Result<(), Broken> {
        for (digest, answer) in &self.acknowledged {
            if self.fold.decided.get(digest) != Some(answer) {
                return Err(Broken::Lost(format!("entry {} was acknowledged and is not there", answer.seq)));
            }
        }
        let Some(running) = &mut self.running else { return Ok(()) };
        let wanted = Wanted { limit: usize::MAX, ..Wanted::default() };
        let stored = running.reader.cases(&wanted).map_err(|error| error.to_string())?;
        rule(stored.len() == self.fold.cases.len(), || "there are cases without entries, or entries without cases".into())?;
        for kept in &stored {
            let folded = self.fold.cases.get(&kept.id).ok_or_else(|| format!("case {} has no entries", kept.id))?;
            same_case(folded, Some(kept))?;
        }
        let store = running.driver.store();
        for (key, known) in &self.fold.known {
            let stored = store.known(*key).map_err(|error| error.to_string())?;
            rule(stored == Some(*known), || format!("entry {} is not known by its key", known.seq))?;
        }
        rule(running.driver.head() == self.fold.head(), || "the driver's tree is not that of the entries".into())?;
        rule(*running.driver.ladder() == self.fold.ladder, || "the ladder is not that of the entries".into())?;
        match audit(&mut *running.reader, &[]) {
            // Nobody signs checkpoints in a world; everything else was verified before that is missed.
            Ok(_) | Err(audit::Error::Unsealed) => {}
            Err(error) => return Err(format!("the audit finds: {error}").into()),
        }
        Ok(())
    }

    /// Ends the world in order: everything is delivered, and the same turns without any interruption come to the same.
    ///
    /// # Errors
    /// What does not hold.
    pub fn finish(&mut self) -> Result<(), Broken> {
        for _ in 0..ROUNDS_MAX {
            if self.courier(super::Trouble::None)? == 0 {
                break;
            }
        }
        // What nobody answers is given up in the end.
        let mut rounds = 0..ROUNDS_MAX;
        while rounds.next().is_some() && self.librarian(super::Trouble::None)? > 0 {}
        rule(rounds.next().is_some(), || "questions wait for ever".into())?;
        for _ in 0..ROUNDS_MAX {
            if self.courier(super::Trouble::None)? == 0 {
                break;
            }
        }
        let messages = self.far.messages();
        let told: BTreeSet<String> = messages.values().map(|body| crowd::decision(body)).collect();
        rule(told == self.fold.told, || format!("{} were to be told, {} were", self.fold.told.len(), told.len()))?;
        rule(messages.len() == told.len(), || "one decision was told as two messages".into())?;
        rule(self.far.confused().is_none(), || self.far.confused().unwrap_or_default())?;
        rule(self.far.counts().1 == 0, || "something was done to the world".into())?;
        self.again(None)?;
        self.uninterrupted()
    }

    fn uninterrupted(&mut self) -> Result<(), Broken> {
        let store = MemoryStore::new();
        let mut other = driver(Box::new(store.clone()), &self.settings, 0).map_err(|error| error.to_string())?;
        for (at, number, jobs) in std::mem::take(&mut self.applied) {
            let mut work = super::work(jobs, number, at);
            other.turn(at, &mut work, &mut Vec::new()).map_err(|error| error.to_string())?;
        }
        let memory = postcard::to_allocvec(other.memory()).map_err(|error| error.to_string())?;
        rule(memory == self.memory()?, || "memory is not that of a run without interruptions".into())?;
        let Some(running) = &mut self.running else { return Ok(()) };
        let (mine, mut theirs) = (&mut *running.reader, store.clone());
        let (mine, theirs) =
            (all(mine).map_err(|error| error.to_string())?, all(&mut theirs).map_err(|error| error.to_string())?);
        rule(mine.blocks == theirs.blocks, || "the entries are not those of a run without interruptions".into())?;
        rule(mine.cases == theirs.cases, || "the cases are not those of a run without interruptions".into())?;
        for (kind, (mine, theirs)) in SAME.iter().zip(mine.documents.iter().zip(&theirs.documents)) {
            rule(mine == theirs, || format!("`{kind}` is {mine:?}; without interruptions it is {theirs:?}"))?;
        }
        // Once more from the first entry, without a snapshot of memory.
        let again: Driver =
            driver(Box::new(store.without_memory()), &self.settings, self.policy).map_err(|error| error.to_string())?;
        let replayed = postcard::to_allocvec(again.memory()).map_err(|error| error.to_string())?;
        rule(replayed == memory, || "memory read again from the first entry is another one".into())
    }
}

/// Everything that a run must leave in the same words.
#[derive(Debug, PartialEq)]
struct All {
    blocks: Vec<Block>,
    cases: Vec<Kept>,
    documents: Vec<Vec<(String, String)>>,
}

fn all(reader: &mut dyn Read) -> Result<All, StoreError> {
    let mut blocks = Vec::new();
    reader.blocks(0, Parts::Raw, &mut |block| {
        blocks.push(block.clone());
        Ok(true)
    })?;
    let cases = reader.cases(&Wanted { limit: usize::MAX, ..Wanted::default() })?;
    let documents = SAME.iter().map(|kind| reader.documents(kind)).collect::<Result<_, _>>()?;
    Ok(All { blocks, cases, documents })
}
