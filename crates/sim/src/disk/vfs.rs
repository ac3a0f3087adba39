//! The one VFS through which SQLite reaches all fake disks.
//!
//! SQLite never forgets a VFS, so there is one for all disks and the path says which: `sim-7/adjutant.db`.

use super::content::Number;
use super::locks::{Held, REGION_BYTES};
use super::state::State;
use super::{Disk, Error, Shared};
use adjutant_runtime::ports::{Settle, StoreError};
use sqlite_plugin::flags::{AccessFlags, CreateMode, LockLevel, OpenKind, OpenMode, OpenOpts, ShmLockMode};
use sqlite_plugin::vars;
use sqlite_plugin::vfs::{RegisterOpts, SqliteErr, Vfs, VfsHandle, VfsResult, register_static};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};

/// The name of the VFS.
pub(super) const NAME: &str = "adjutant-sim";
/// What SQLite's own VFS for Unix says.
pub(super) const SECTOR_BYTES: i32 = 4096;

static DISKS: Mutex<BTreeMap<u64, Weak<Shared>>> = Mutex::new(BTreeMap::new());
static LAST: AtomicU64 = AtomicU64::new(0);
static REGISTERED: Once = Once::new();

/// Lets SQLite find a disk.
pub(super) fn mount(state: State) -> Arc<Shared> {
    REGISTERED.call_once(|| {
        let name = CString::new(NAME).unwrap_or_default();
        let registered = register_static(name, Disks, RegisterOpts { make_default: false });
        assert!(registered.is_ok(), "SQLite takes no VFS");
    });
    let number = next();
    let shared = Arc::new(Shared { number, state: Mutex::new(state) });
    DISKS.lock().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::downgrade(&shared));
    shared
}

pub(super) fn forget(number: u64) {
    DISKS.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
}

pub(super) fn path(number: u64, file: &str) -> String {
    format!("sim-{number}/{file}")
}

fn next() -> u64 {
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// The disk of a path and the name on it.
fn find(path: &str) -> VfsResult<(Arc<Shared>, &str)> {
    let parts = path.strip_prefix("sim-").and_then(|rest| rest.split_once('/'));
    let (number, name) = parts.and_then(|(number, name)| Some((number.parse().ok()?, name))).ok_or(vars::SQLITE_CANTOPEN)?;
    let disk = DISKS.lock().unwrap_or_else(PoisonError::into_inner).get(&number).and_then(Weak::upgrade);
    Ok((disk.ok_or(vars::SQLITE_CANTOPEN)?, name))
}

/// The codes of SQLite's own VFS for Unix.
fn code(error: Error, code: SqliteErr) -> SqliteErr {
    match error {
        Error::Full | Error::Short if code == vars::SQLITE_IOERR_WRITE => vars::SQLITE_FULL,
        Error::Full | Error::Short | Error::Io => code,
    }
}

/// An open file.
pub(super) struct Handle {
    disk: Arc<Shared>,
    number: Number,
    /// Itself among those that lock.
    own: u64,
    readonly: bool,
    /// The next sync syncs the directory too.
    is_new: bool,
    delete_on_close: Option<String>,
    held: Held,
}

impl VfsHandle for Handle {
    fn readonly(&self) -> bool {
        self.readonly
    }

    fn in_memory(&self) -> bool {
        false
    }
}

impl Handle {
    fn open(disk: Arc<Shared>, name: &str, opts: OpenOpts) -> VfsResult<Self> {
        let (create, exclusive) = match opts.mode() {
            OpenMode::ReadOnly => (false, false),
            OpenMode::ReadWrite { create } => (create != CreateMode::None, create == CreateMode::MustCreate),
        };
        let opened = disk.lock().open(name, create, exclusive);
        let (number, created) = opened.map_err(|error| code(error, vars::SQLITE_CANTOPEN))?;
        let journal = matches!(opts.kind(), OpenKind::MainJournal | OpenKind::SuperJournal | OpenKind::Wal);
        Ok(Self {
            disk,
            number,
            own: next(),
            readonly: opts.mode().is_readonly(),
            is_new: created && journal,
            delete_on_close: opts.delete_on_close().then(|| name.to_owned()),
            held: Held::default(),
        })
    }
}

/// Syncs one file by a handle of its own.
struct Log {
    disk: Arc<Shared>,
    number: Number,
    /// Failures that it was told of.
    told: u64,
    named: bool,
}

/// What syncs the log at `path`.
pub(super) fn log(path: &str) -> Box<dyn Settle> {
    let found = find(path).ok().and_then(|(disk, name)| {
        let mut state = disk.lock();
        let number = state.number(name)?;
        let told = state.failures(number);
        drop(state);
        Some(Log { disk, number, told, named: false })
    });
    match found {
        Some(log) => Box::new(log),
        None => Box::new(Gone),
    }
}

impl Settle for Log {
    fn settle(&mut self) -> Result<(), StoreError> {
        let mut state = self.disk.lock();
        let mut synced = state.sync(self.number);
        let failures = state.failures(self.number);
        if std::mem::replace(&mut self.told, failures) < failures {
            synced = Err(Error::Io);
        }
        if synced.is_ok() && !self.named {
            synced = state.sync_names();
            self.named = synced.is_ok();
        }
        synced.map_err(|_| StoreError::Unclear("the log of a fake disk".into()))
    }
}

/// The log of a disk whose power went before it was opened.
struct Gone;

impl Settle for Gone {
    fn settle(&mut self) -> Result<(), StoreError> {
        Err(StoreError::Unclear("there is no log".into()))
    }
}

struct Disks;

impl Vfs for Disks {
    type Handle = Handle;

    fn open(&self, path: Option<&str>, opts: OpenOpts) -> VfsResult<Handle> {
        match path {
            Some(path) => {
                let (disk, name) = find(path)?;
                Handle::open(disk, name, opts)
            }
            None => Handle::open(Disk::new().shared, "temporary", opts),
        }
    }

    fn delete(&self, path: &str) -> VfsResult<()> {
        let (disk, name) = find(path)?;
        let deleted = disk.lock().delete(name).map_err(|error| code(error, vars::SQLITE_IOERR_DELETE))?;
        if deleted { Ok(()) } else { Err(vars::SQLITE_IOERR_DELETE_NOENT) }
    }

    fn access(&self, path: &str, _flags: AccessFlags) -> VfsResult<bool> {
        let (disk, name) = find(path)?;
        disk.lock().exists(name).map_err(|error| code(error, vars::SQLITE_IOERR_ACCESS))
    }

    fn file_size(&self, handle: &mut Handle) -> VfsResult<usize> {
        handle.disk.lock().size(handle.number).map_err(|error| code(error, vars::SQLITE_IOERR_FSTAT))
    }

    fn truncate(&self, handle: &mut Handle, size: usize) -> VfsResult<()> {
        handle.disk.lock().truncate(handle.number, size).map_err(|error| code(error, vars::SQLITE_IOERR_TRUNCATE))
    }

    fn write(&self, handle: &mut Handle, offset: usize, data: &[u8]) -> VfsResult<usize> {
        let written = handle.disk.lock().write(handle.number, offset, data);
        written.map(|()| data.len()).map_err(|error| code(error, vars::SQLITE_IOERR_WRITE))
    }

    fn read(&self, handle: &mut Handle, offset: usize, data: &mut [u8]) -> VfsResult<usize> {
        handle.disk.lock().read(handle.number, offset, data).map_err(|error| code(error, vars::SQLITE_IOERR_READ))
    }

    fn lock(&self, handle: &mut Handle, level: LockLevel) -> VfsResult<()> {
        let locked = handle.disk.lock().locks.lock(handle.number, handle.own, level);
        if locked { Ok(()) } else { Err(vars::SQLITE_BUSY) }
    }

    fn unlock(&self, handle: &mut Handle, level: LockLevel) -> VfsResult<()> {
        handle.disk.lock().locks.unlock(handle.number, handle.own, level);
        Ok(())
    }

    fn check_reserved_lock(&self, handle: &mut Handle) -> VfsResult<bool> {
        Ok(handle.disk.lock().locks.is_reserved(handle.number))
    }

    fn sync(&self, handle: &mut Handle) -> VfsResult<()> {
        let mut state = handle.disk.lock();
        state.sync(handle.number).map_err(|error| code(error, vars::SQLITE_IOERR_FSYNC))?;
        if handle.is_new {
            state.sync_names().map_err(|error| code(error, vars::SQLITE_IOERR_DIR_FSYNC))?;
            handle.is_new = false;
        }
        Ok(())
    }

    fn close(&self, mut handle: Handle) -> VfsResult<()> {
        let mut state = handle.disk.lock();
        state.locks.unmap(handle.number, &mut handle.held);
        state.locks.unlock(handle.number, handle.own, LockLevel::Unlocked);
        if let Some(name) = &handle.delete_on_close {
            // A temporary file that stays is of no use to anybody and does no harm.
            let _ = state.delete(name);
        }
        state.close(handle.number);
        Ok(())
    }

    fn sector_size(&self, _handle: &mut Handle) -> VfsResult<i32> {
        Ok(SECTOR_BYTES)
    }

    fn device_characteristics(&self, _handle: &mut Handle) -> VfsResult<i32> {
        Ok(vars::SQLITE_IOCAP_POWERSAFE_OVERWRITE)
    }

    fn shm_map(&self, handle: &mut Handle, index: usize, size: usize, extend: bool) -> VfsResult<Option<NonNull<u8>>> {
        if size != REGION_BYTES {
            return Err(vars::SQLITE_IOERR);
        }
        Ok(handle.disk.lock().locks.map(handle.number, &mut handle.held, index, extend))
    }

    fn shm_lock(&self, handle: &mut Handle, offset: u32, count: u32, mode: ShmLockMode) -> VfsResult<()> {
        let mut state = handle.disk.lock();
        let locked = state.locks.lock_memory(handle.number, &mut handle.held, offset as usize, count as usize, mode);
        if locked { Ok(()) } else { Err(vars::SQLITE_BUSY) }
    }

    fn shm_unmap(&self, handle: &mut Handle, _delete: bool) -> VfsResult<()> {
        handle.disk.lock().locks.unmap(handle.number, &mut handle.held);
        Ok(())
    }
}
