//! A disk at work: counts calls, lets them fail, and passes the others on to its content.

use super::content::{Content, Number};
use super::locks::Locks;
use super::{Counts, Error, Fault, Op};

#[derive(Debug)]
pub(super) struct State {
    content: Content,
    pub(super) locks: Locks,
    pub(super) counts: Counts,
    /// Their numbers count from the first call of all, not from when they were set.
    pub(super) faults: Vec<Fault>,
    pub(super) capacity: Option<u64>,
    pub(super) lies: bool,
    pub(super) power_off_at: Option<u64>,
    pub(super) snapshot_at: Option<u64>,
    pub(super) snapshot: Option<Content>,
}

impl State {
    pub(super) fn new(content: Content, capacity: Option<u64>, lies: bool) -> Self {
        Self {
            content,
            locks: Locks::default(),
            counts: Counts::default(),
            faults: Vec::new(),
            capacity,
            lies,
            power_off_at: None,
            snapshot_at: None,
            snapshot: None,
        }
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }

    /// Whether nothing works any more.
    pub(super) fn is_off(&self) -> bool {
        self.power_off_at.is_some_and(|n| self.counts.changes >= n)
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        let counted = match fault {
            Fault::Nth { op, n, error } => Fault::Nth { op, n: n + self.counts.of(op), error },
            Fault::From { op, n, error } => Fault::From { op, n: n + self.counts.of(op), error },
        };
        self.faults.push(counted);
    }

    /// Counts a call; says how it fails.
    fn begin(&mut self, op: Op, changes: bool) -> Result<(), Error> {
        if self.is_off() {
            return Err(Error::Io);
        }
        if changes {
            self.counts.changes += 1;
            if self.snapshot_at == Some(self.counts.changes) {
                self.snapshot = Some(self.content.closed());
            }
            if self.is_off() {
                return Err(Error::Io);
            }
        }
        let calls = self.counts.calls.entry(op).or_default();
        *calls += 1;
        let calls = *calls;
        let failing = self.faults.iter().find_map(|fault| match *fault {
            Fault::Nth { op: of, n, error } => (of == op && n == calls).then_some(error),
            Fault::From { op: of, n, error } => (of == op && n <= calls).then_some(error),
        });
        failing.map_or(Ok(()), Err)
    }

    /// Opens a file; true if it was created.
    pub(super) fn open(&mut self, name: &str, create: bool, exclusive: bool) -> Result<(Number, bool), Error> {
        let found = self.content.find(name);
        self.begin(Op::Open, found.is_none() && create)?;
        let number = match found {
            Some(_) if exclusive => return Err(Error::Io),
            Some(number) => number,
            None if create => self.content.create(name),
            None => return Err(Error::Io),
        };
        self.content.file(number).handles += 1;
        Ok((number, found.is_none()))
    }

    /// Closes a handle, which always works.
    pub(super) fn close(&mut self, number: Number) {
        let file = self.content.file(number);
        file.handles = file.handles.saturating_sub(1);
        self.content.sweep();
    }

    pub(super) fn exists(&self, name: &str) -> Result<bool, Error> {
        if self.is_off() { Err(Error::Io) } else { Ok(self.content.find(name).is_some()) }
    }

    pub(super) fn size(&mut self, number: Number) -> Result<usize, Error> {
        if self.is_off() { Err(Error::Io) } else { Ok(self.content.file(number).len()) }
    }

    pub(super) fn read(&mut self, number: Number, at: usize, into: &mut [u8]) -> Result<usize, Error> {
        match self.begin(Op::Read, false) {
            // SQLite's own VFS asks again for the rest: to SQLite only the end of a file reads short.
            Ok(()) | Err(Error::Short) => {}
            Err(error) => return Err(error),
        }
        let count = self.content.file(number).read(at, into);
        self.counts.bytes_read += count as u64;
        Ok(count)
    }

    pub(super) fn write(&mut self, number: Number, at: usize, bytes: &[u8]) -> Result<(), Error> {
        let (wanted, outcome) = match self.begin(Op::Write, true) {
            Ok(()) => (bytes.len(), Ok(())),
            Err(Error::Short) => (bytes.len() / 2, Err(Error::Short)),
            Err(error) => return Err(error),
        };
        let room = self.room(number, at);
        let fits = wanted.min(room);
        self.counts.bytes_written += fits as u64;
        self.content.file(number).write(at, &bytes[..fits]);
        if fits < wanted { Err(Error::Full) } else { outcome }
    }

    /// How many bytes can be written there.
    fn room(&mut self, number: Number, at: usize) -> usize {
        let Some(capacity) = self.capacity else { return usize::MAX };
        let free = capacity.saturating_sub(self.content.used()) as usize;
        (self.content.file(number).len() + free).saturating_sub(at)
    }

    pub(super) fn truncate(&mut self, number: Number, to: usize) -> Result<(), Error> {
        self.begin(Op::Truncate, true)?;
        if to > self.room(number, 0) {
            return Err(Error::Full);
        }
        self.content.file(number).truncate(to);
        Ok(())
    }

    pub(super) fn sync(&mut self, number: Number) -> Result<(), Error> {
        let outcome = self.begin(Op::Sync, true);
        match outcome {
            Ok(()) if !self.lies => self.content.file(number).sync(),
            Err(_) if !self.is_off() => self.content.file(number).lose(),
            _ => {}
        }
        outcome
    }

    /// The file of this name.
    pub(super) fn number(&self, name: &str) -> Option<Number> {
        self.content.find(name)
    }

    /// How often a sync of it failed.
    pub(super) fn failures(&mut self, number: Number) -> u64 {
        self.content.file(number).failures
    }

    pub(super) fn sync_names(&mut self) -> Result<(), Error> {
        self.begin(Op::Sync, true)?;
        if !self.lies {
            self.content.sync_names();
        }
        Ok(())
    }

    /// Removes a name; false if it is not there.
    pub(super) fn delete(&mut self, name: &str) -> Result<bool, Error> {
        self.begin(Op::Delete, true)?;
        Ok(self.content.delete(name))
    }
}
