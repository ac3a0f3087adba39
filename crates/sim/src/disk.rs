//! A fake disk under a real SQLite: power cuts and failing calls, decided by seeds.
//!
//! A [`Disk`] is reached from any connection of this process through one VFS ([`Disk::vfs`]) and a path of its own
//! ([`Disk::path`]). What is written is *pending* until the file is synced; [`Disk::cut`] gives the disk as it may be
//! after the power went. A change is one call that changes the disk: a write, truncation, sync, deletion or creation.
//!
//! # What it covers
//! - Every pending write is kept, dropped or torn (an arbitrary subset of its 512-byte sectors), each on its own and in
//!   arbitrary order. A file whose growth was not synced may be short or long; what nobody wrote is zeros or garbage.
//! - Creation and deletion of a name are pending until the directory is synced: with the first sync of a journal or WAL that
//!   was just created, as SQLite's own VFS for Unix does it, and with nothing else. After a cut each name is in any of the
//!   states that it was in since.
//! - After a sync that failed, what was pending is *lost*: a later sync that succeeds does not save it, although reads show it
//!   until then. That is what Linux does.
//! - The n-th call of a kind fails; the disk is full; the disk lies about syncs; the power goes at the n-th change.
//! - Locks and shared memory between connections of this process, as WAL needs them without exclusive locking.
//!
//! # What it does not
//! - Bytes beside those written stay as they are even in a torn sector (`SQLITE_IOCAP_POWERSAFE_OVERWRITE`, which SQLite
//!   assumes on Unix too). A sector is old or new, never mixed; nothing rots that was synced.
//! - A page that a failed sync lost is not read back from the disk while the file stays open.
//! - No memory maps, no rename (SQLite has none), no directories, no second process. `SQLITE_OPEN_DELETEONCLOSE` files and
//!   anonymous temporary files are on disks of their own, which are never full.
//! - SQLite draws the salts of a WAL from the system, so that two runs differ in those and in checksums over them, and in nothing
//!   else: [`Disk::fingerprint`] leaves them out. Its `CURRENT_TIMESTAMP` is the system's too.
//! - `sync_dir` of a deletion does not get through the `sqlite-plugin` crate: a deletion is never synced by itself. SQLite
//!   asks for it with `synchronous=EXTRA` only.

mod content;
mod file;
mod locks;
mod salts;
mod state;
mod vfs;

use crate::Rng;
use adjutant_model::Digest;
use content::Content;
use rusqlite::{Connection, OpenFlags};
use state::State;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// A file is opened, or created.
    Open,
    /// Bytes are read.
    Read,
    /// Bytes are written.
    Write,
    /// A file, or the directory after it, is synced.
    Sync,
    /// A file is cut to a size.
    Truncate,
    /// A name is removed.
    Delete,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// `EIO`: nothing is done; a sync loses what was pending.
    Io,
    /// `ENOSPC`: nothing is done.
    Full,
    /// Half of the bytes are written; a read is asked again for the rest. The other calls have no half and fail as with `Io`.
    Short,
}

/// What is to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The `n`-th call of its kind from now on, beginning with 1, fails; those after it work again.
    Nth {
        /// The kind of call.
        op: Op,
        /// Which of them.
        n: u64,
        /// How it fails.
        error: Error,
    },
    /// The `n`-th call of its kind from now on and all after it fail, until [`Disk::heal`].
    From {
        /// The kind of call.
        op: Op,
        /// The first of them.
        n: u64,
        /// How they fail.
        error: Error,
    },
}

/// What was asked of a disk so far, whether it worked or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    calls: BTreeMap<Op, u64>,
    /// Calls that change the disk, whatever their kind.
    pub changes: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// Bytes that were written.
    pub bytes_written: u64,
}

impl Counts {
    /// The number of calls of a kind.
    #[must_use]
    pub fn of(&self, op: Op) -> u64 {
        self.calls.get(&op).copied().unwrap_or(0)
    }
}

/// Keeps other worlds of this process waiting, so that a seed decides everything.
///
/// The bundled SQLite has one page cache for all connections of a process (`SQLITE_ENABLE_MEMORY_MANAGEMENT`): what another one
/// does at the same time changes which pages are written before a commit, and with them every number that a fault or a power
/// cut counts. Every test over a disk holds this from beginning to end.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A fake disk. Dropping it while connections are open leaves it to them.
#[derive(Debug)]
pub struct Disk {
    shared: Arc<Shared>,
}

/// A disk as its open files hold it.
#[derive(Debug)]
struct Shared {
    /// Its part in paths; never used again.
    number: u64,
    state: Mutex<State>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that failed elsewhere must not hide why.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        vfs::forget(self.number);
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk {
    /// An empty disk without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self::holding(Content::default(), None, false)
    }

    fn holding(content: Content, capacity: Option<u64>, lies: bool) -> Self {
        Self { shared: vfs::mount(State::new(content, capacity, lies)) }
    }

    /// What syncs the log of a store at `path` on any disk, as [`Options::log_of`](adjutant_store::Options::log_of) wants it.
    #[must_use]
    pub fn log_of(path: &str) -> Box<dyn adjutant_runtime::ports::Settle> {
        vfs::log(path)
    }

    /// The name of the VFS, the same for all disks.
    #[must_use]
    pub fn vfs(&self) -> &'static str {
        vfs::NAME
    }

    /// The path under which the VFS finds `file` on this disk.
    #[must_use]
    pub fn path(&self, file: &str) -> String {
        vfs::path(self.shared.number, file)
    }

    /// Opens a database on this disk, made if it is not there.
    ///
    /// # Errors
    /// What SQLite says of a disk that fails.
    pub fn open(&self, file: &str) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags_and_vfs(self.path(file), flags, self.vfs())
    }

    /// The disk as it may be after the power goes now: `seed` decides what became of all that was pending.
    ///
    /// This disk stays as it is. The other one has its capacity and lies as it does, but none of its faults.
    #[must_use]
    pub fn cut(&self, seed: u64) -> Self {
        let state = self.shared.lock();
        Self::holding(state.content().cut(&mut Rng::new(seed)), state.capacity, state.lies)
    }

    /// A copy with everything that is pending, as [`Self::cut`] but with the power on.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let state = self.shared.lock();
        Self::holding(state.content().closed(), state.capacity, state.lies)
    }

    /// Takes a snapshot just before the `n`-th change of this disk (see [`Counts::changes`]), for [`Self::take_snapshot`].
    pub fn snapshot_at(&self, n: u64) {
        self.shared.lock().snapshot_at = Some(n);
    }

    /// The snapshot, once it was taken.
    #[must_use]
    pub fn take_snapshot(&self) -> Option<Self> {
        let mut state = self.shared.lock();
        let content = state.snapshot.take()?;
        Some(Self::holding(content, state.capacity, state.lies))
    }

    /// Turns the power off just before the `n`-th change of this disk (see [`Counts::changes`]): from there on every call
    /// fails and changes nothing. What was acknowledged was so before; then [`Self::cut`].
    pub fn power_off_at(&self, n: u64) {
        self.shared.lock().power_off_at = Some(n);
    }

    /// Whether the power is off.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.shared.lock().is_off()
    }

    /// Lets something go wrong. Faults add up; of two that meet, the older counts.
    pub fn fail(&self, fault: Fault) {
        self.shared.lock().fail(fault);
    }

    /// Takes all faults away, those to come too.
    pub fn heal(&self) {
        self.shared.lock().faults.clear();
    }

    /// The bytes that fit on it; more is refused as `ENOSPC`. `None`: no limit.
    pub fn capacity(&self, bytes: Option<u64>) {
        self.shared.lock().capacity = bytes;
    }

    /// The bytes of all its files.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.shared.lock().content().used()
    }

    /// Whether syncs only say that they were done: the planted bug of every harness.
    pub fn lie(&self, lies: bool) {
        self.shared.lock().lies = lies;
    }

    /// What was asked of it so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts.clone()
    }

    /// Its files as a process sees them now.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.shared.lock().content().files()
    }

    /// A digest of its files as a process sees them, without the salts that SQLite draws by itself.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        let mut files = self.files();
        files.iter_mut().for_each(|(name, bytes)| salts::clear(name, bytes));
        Digest::of_parts(files.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes.as_slice()]))
    }
}

#[cfg(test)]
mod tests;
