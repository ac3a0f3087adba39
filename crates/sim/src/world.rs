//! One world: a driver over a store that can break, people who send and command, and a yardstick beside it.
//!
//! A seed decides everything. After every step what is stored is held against what was promised ([`Fold`]), after every
//! restart all of it again from the first entry. Whatever does not hold ends the world with a [`Broken`].

mod crowd;
mod restart;
mod trouble;

pub use crowd::Job;
pub use trouble::Trouble;

use crate::disk::Fault;
use crate::far::Far;
use crate::fold::Fold;
use crate::memory_store::MemoryStore;
use crate::policies::{ASKED_MAX, policy};
use crate::records::Records;
use crate::{Clock, Disk, Rng};
use adjutant_engine::memory::parts::PARTS;
use adjutant_model::{Digest, Duration, Time};
use adjutant_runtime::drive::{Answer, Done, Driver, Reply, Settings, Work, asking, kind};
use adjutant_runtime::ports::{Parts, Read, Settle, Store, StoreError};
use adjutant_store::{Options, Sqlite};
use std::collections::HashMap;
use std::path::Path;

/// Of a million cases that could close by themselves, so many go to people: many, so that both are seen.
const SAMPLED_PPM: u32 = 300_000;

/// Pages of the log before it is written back: few, so that power goes in the middle of that too.
const LOG_PAGES: [u32; 3] = [8, 60, adjutant_store::LOG_PAGES];

/// Of a hundred messages so many do not arrive, or nobody learns of it.
const FAR_FAILS_PERCENT: u64 = 30;

/// When the clock begins: 2026-03-01T00:00:00Z.
const BEGIN: Time = Time(1_772_323_200_000_000);

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// What was acknowledged is not there.
    Lost(String),
    /// The store does not open.
    Unopenable(String),
    /// A rule.
    Rule(String),
}

impl From<String> for Broken {
    fn from(says: String) -> Self {
        Broken::Rule(says)
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Lost(says) => write!(f, "lost: {says}"),
            Broken::Unopenable(says) => write!(f, "does not open: {says}"),
            Broken::Rule(says) => f.write_str(says),
        }
    }
}

/// Where a world keeps everything.
#[derive(Debug)]
pub enum Backing {
    /// In memory.
    Memory(MemoryStore),
    /// In SQLite on a fake disk. Hold [`crate::disk::alone`] meanwhile.
    Disk(Disk),
}

/// A world.
pub struct World {
    rng: Rng,
    backing: Backing,
    log_pages: u32,
    /// Commits are made durable apart.
    apart: bool,
    running: Option<Running>,
    clock: Clock,
    records: Records,
    far: Far,
    settings: Settings,
    /// What decides now.
    policy: usize,
    fold: Fold,
    acknowledged: HashMap<Digest, Answer>,
    /// Every turn that became entries, with its time and what decided then.
    applied: Vec<(Time, usize, Vec<Job>)>,
    /// The time of the latest turn that wrote something and no entry.
    not_before: Time,
    trace: Vec<u8>,
    cuts: u64,
    /// The power went, or will.
    dark: bool,
    /// What a killed process left on its disk.
    left: Option<Disk>,
}

struct Running {
    reader: Box<dyn Read>,
    settler: Box<dyn Settle>,
    driver: Driver,
}

/// A turn whose end nobody saw.
struct Unseen {
    jobs: Vec<Job>,
    /// Memory as it was before, and as the driver had it after.
    memory: (Vec<u8>, Vec<u8>),
    /// The store said that nothing was written.
    refused: bool,
    /// What was answered, where it was.
    done: Option<Vec<Done>>,
}

impl World {
    /// A world that has just begun.
    ///
    /// # Errors
    /// It does not even open.
    pub fn new(seed: u64, backing: Backing) -> Result<Self, Broken> {
        let mut rng = Rng::new(seed);
        let mut world = Self {
            backing,
            log_pages: *rng.pick(&LOG_PAGES),
            apart: rng.percent(50),
            running: None,
            clock: Clock::at(BEGIN),
            records: Records::new(rng.fork()),
            far: Far::new(rng.fork(), FAR_FAILS_PERCENT),
            settings: Settings { sampled_ppm: SAMPLED_PPM, notify: true, snapshot_entries: u64::MAX, ..Settings::default() },
            policy: 0,
            fold: Fold::new(SAMPLED_PPM),
            acknowledged: HashMap::new(),
            applied: Vec::new(),
            not_before: Time::default(),
            trace: Vec::new(),
            cuts: 0,
            dark: false,
            left: None,
            rng,
        };
        world.start(None, None)?;
        Ok(world)
    }

    /// How often the power went.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.cuts
    }

    /// What the entries come to.
    #[must_use]
    pub fn fold(&self) -> &Fold {
        &self.fold
    }

    /// A digest of everything that was seen of this world so far.
    #[must_use]
    pub fn trace(&self) -> Digest {
        Digest::of(&self.trace)
    }

    /// The driver.
    fn driver(&mut self) -> Result<&mut Driver, Broken> {
        self.running.as_mut().map(|running| &mut running.driver).ok_or_else(|| Broken::Rule("nothing runs".into()))
    }

    fn store(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(match &self.backing {
            Backing::Memory(store) => Box::new(store.clone()),
            Backing::Disk(disk) => Box::new(on(disk, self.log_pages, self.apart)?),
        })
    }

    /// Lets time pass, or jump, as real clocks do.
    pub fn tick(&mut self) {
        let seconds = match self.rng.below(20) {
            0 => -(self.rng.below(100_000) as i64),
            1 => self.rng.below(100_000) as i64,
            _ => self.rng.below(30) as i64,
        };
        self.clock.step(Duration(seconds * 1_000_000));
    }

    fn now(&self) -> Time {
        self.clock.now().max(self.not_before)
    }

    /// Does `jobs` in one turn while `trouble` happens, and begins again where that ends the process.
    ///
    /// # Errors
    /// What does not hold.
    pub fn turn(&mut self, jobs: Vec<Job>, trouble: Trouble) -> Result<(), Broken> {
        let (mut work, jobs) = crowd::work(jobs, self.policy, self.now());
        let before = if trouble == Trouble::None { Vec::new() } else { self.memory()? };
        self.arm(trouble);
        let mut done = Vec::new();
        let mut result = self.driven(&mut work, &mut done)?;
        if let (Ok(()), Some(running)) = (&result, &mut self.running)
            && trouble != Trouble::Crash
        {
            result = running.settler.settle();
        }
        self.note(&result, &done);
        let killed = self.killed(trouble);
        if let Err(error) = &result {
            self.expected(error, trouble)?;
        }
        if result.is_ok() && !killed && !self.dark {
            if !trouble.ends() {
                self.calm();
            }
            self.settle(&jobs)?;
            self.answered(&jobs, &done)?;
            return if trouble.ends() { self.again(None) } else { Ok(()) };
        }
        let memory = (before, self.memory()?);
        let refused = !killed && matches!(&result, Err(error) if !matches!(error, StoreError::Unclear(_)));
        let done = (result.is_ok() && !killed).then_some(done);
        self.again(Some(Unseen { jobs, memory, refused, done }))
    }

    /// Has all of `work` done in one transaction, now and then in two goes as where the second came while a disk was busy.
    fn driven(&mut self, work: &mut Vec<Work>, done: &mut Vec<Done>) -> Result<Result<(), StoreError>, Broken> {
        let now = self.now();
        let first = self.rng.below(3 * (work.len() as u64 + 1)) as usize;
        let driver = self.driver()?;
        if first >= work.len() {
            return Ok(driver.turn(now, work, done));
        }
        let (mut later, mut rest) = (work.split_off(first), Vec::new());
        let both = driver.decide(now, work, done).and_then(|()| driver.turn(now, &mut later, &mut rest));
        done.append(&mut rest);
        Ok(both)
    }

    /// What memory is, as bytes.
    fn memory(&mut self) -> Result<Vec<u8>, Broken> {
        postcard::to_allocvec(self.driver()?.memory()).map_err(|error| Broken::Rule(error.to_string()))
    }

    fn note(&mut self, result: &Result<(), StoreError>, done: &[Done]) {
        let result = result.as_ref().map_err(std::mem::discriminant);
        self.trace.extend(format!("{result:?} {done:?} {:?}\n", self.now()).bytes());
    }

    /// Holds what the turn stored against what it may have.
    fn settle(&mut self, jobs: &[Job]) -> Result<(), Broken> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let from = self.fold.head().0;
        let fold = &mut self.fold;
        let mut wrong = Ok(());
        let read = running.reader.blocks(from, Parts::Raw, &mut |block| {
            wrong = fold.feed(block);
            Ok(wrong.is_ok())
        });
        read.map_err(|error| Broken::Rule(format!("what was just written cannot be read: {error}")))?;
        wrong?;
        let (len, _) = self.fold.head();
        if len > from {
            self.applied.push((self.fold.at, self.policy, jobs.to_vec()));
        } else if jobs.iter().any(|job| job.is_asked() || matches!(job, Job::Adopt(_))) {
            // That nobody answered, or that the same book has other tables, is of this time, and no entry tells another process of
            // it: no clock is set back behind it.
            self.not_before = running.driver.at();
            self.applied.push((self.not_before, self.policy, jobs.to_vec()));
        }
        self.policy = crowd::adopted(jobs).unwrap_or(self.policy);
        self.trace.extend(self.fold.head().1.0);
        let store = running.driver.store();
        for kept in self.fold.cases.values().filter(|kept| kept.last > from) {
            let stored = store.case(kept.id).map_err(|error| error.to_string())?;
            restart::same_case(kept, stored.as_ref())?;
        }
        for (key, known) in self.fold.known.iter().filter(|(_, known)| known.seq >= from) {
            let stored = store.known(*key).map_err(|error| error.to_string())?;
            rule(stored == Some(*known), || format!("entry {} is not known by its key", known.seq))?;
        }
        rule(running.driver.head() == self.fold.head(), || "the driver's tree is not that of the entries".into())?;
        rule(*running.driver.ladder() == self.fold.ladder, || "the driver's ladder is not that of the entries".into())
    }

    /// Takes note of what was acknowledged.
    fn answered(&mut self, jobs: &[Job], done: &[Done]) -> Result<(), Broken> {
        rule(jobs.len() == done.len(), || "not one answer for each piece of work".into())?;
        for (job, done) in jobs.iter().zip(done) {
            match (job, done) {
                (Job::Alert(record), Done::Decided(answer) | Done::Known(answer)) => {
                    let digest = Digest::of(&record.bytes);
                    let stored = self.fold.decided.get(&digest);
                    let lost = || Broken::Lost(format!("entry {} was acknowledged and is not there", answer.seq));
                    let stored = stored.ok_or_else(lost)?;
                    rule(stored == answer, || format!("the answer about entry {} is not what it says", stored.seq))?;
                    self.acknowledged.insert(digest, *answer);
                }
                (Job::Command { .. } | Job::Adopt(_), Done::Carried(Reply::Done(seq) | Reply::Asked(seq))) => {
                    let there = *seq < self.fold.head().0;
                    there.then_some(()).ok_or_else(|| Broken::Lost(format!("entry {seq} was promised and is not there")))?;
                }
                (Job::Command { .. } | Job::Adopt(_), Done::Carried(Reply::Kept) | Done::Refused(_)) => {}
                _ => return Err(Broken::Rule(format!("{done:?} is no answer to what was asked"))),
            }
        }
        Ok(())
    }

    /// Restarts in order while a call fails, and once more when it does not.
    ///
    /// # Errors
    /// What does not hold.
    pub fn restart(&mut self, fault: Fault) -> Result<(), Broken> {
        let memory = self.memory()?;
        self.running = None;
        self.arm(Trouble::Call(fault));
        if let Err(error) = self.open() {
            self.expected(&error, Trouble::Call(fault))?;
        }
        self.running = None;
        self.calm();
        self.start(None, Some(memory))
    }

    /// Keeps some more parts of a snapshot of memory.
    ///
    /// # Errors
    /// They cannot be kept.
    pub fn snapshot(&mut self) -> Result<(), Broken> {
        let parts = 1 + self.rng.below(PARTS as u64);
        let driver = self.driver()?;
        let kept = (0..parts).try_for_each(|_| driver.snapshot());
        kept.map_err(|error| Broken::Rule(format!("no snapshot: {error}")))
    }

    /// Delivers some of what the world is to be told; what came of it is written while `trouble` happens.
    ///
    /// # Errors
    /// What does not hold.
    pub fn courier(&mut self, trouble: Trouble) -> Result<usize, Broken> {
        let Some(running) = &mut self.running else { return Ok(0) };
        let due = running.reader.due(Time(i64::MAX), 5).map_err(|error| error.to_string())?;
        let results = crowd::delivered(&due, &self.far, &self.fold)?;
        if !results.is_empty() {
            self.turn(vec![Job::machine(adjutant_runtime::drive::Command::Delivered(results))], trouble)?;
        }
        Ok(due.len())
    }
}

impl World {
    /// Asks about some of what waits for an answer; what came of it is written while `trouble` happens.
    ///
    /// # Errors
    /// What does not hold.
    pub fn librarian(&mut self, trouble: Trouble) -> Result<usize, Broken> {
        let Some(running) = &mut self.running else { return Ok(0) };
        let waiting = asking(&mut *running.reader).map_err(|error| error.to_string())?;
        rule(waiting.len() <= ASKED_MAX.0, || format!("{} questions wait", waiting.len()))?;
        for (contract, spent) in running.reader.documents(kind::SPENT).map_err(|error| error.to_string())? {
            let asked = serde_json::from_str::<serde_json::Value>(&spent).unwrap_or_default()["asked"].as_u64();
            rule(asked.is_some_and(|asked| asked <= ASKED_MAX.1.into()), || format!("`{contract}` spent {spent}"))?;
        }
        let jobs: Vec<Job> = waiting.iter().take(3).map(|asking| crowd::answered(&asking.question, &self.far)).collect();
        // That nobody answered makes no entry: where nobody would see whether it was written, it is not said.
        let is_seen = trouble == Trouble::None && !self.dark;
        if is_seen && !jobs.is_empty() || jobs.iter().any(Job::is_answered) {
            self.turn(jobs, trouble)?;
        }
        Ok(waiting.len())
    }
}

/// The real store on a fake disk.
///
/// # Errors
/// It cannot be opened.
pub fn on(disk: &Disk, log_pages: u32, apart: bool) -> Result<Sqlite, StoreError> {
    // A world has few keys: where the log is short, nearly all of them go into their trees.
    let recent_keys = Some(log_pages as usize / 4);
    let (vfs, log_pages) = (Some(disk.vfs().into()), Some(log_pages));
    let options = Options { vfs, log_pages, recent_keys, apart, log_of: Some(Disk::log_of), ..Options::default() };
    Sqlite::open(Path::new(&disk.path("")), options)
}

/// A driver over `store` that decides under the first policy.
pub(crate) fn driver(store: Box<dyn Store>, settings: &Settings, number: usize) -> Result<Driver, StoreError> {
    Driver::open(store, policy(number), settings.clone(), Time::default())
}

fn rule(holds: bool, says: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken::Rule(says())) }
}

/// Work that `jobs` are; see [`crowd::work`].
pub(crate) fn work(jobs: Vec<Job>, policy: usize, now: Time) -> Vec<Work> {
    crowd::work(jobs, policy, now).0
}
