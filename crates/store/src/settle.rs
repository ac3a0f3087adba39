//! Makes commits durable apart from making them, so that the next one is made meanwhile.
//!
//! SQLite then runs with `synchronous=NORMAL`: it writes a commit into its log and does not wait for the disk, and what the
//! disk loses is always the end of the log. Whoever waits for the log itself to be synced has what `FULL` promises.
//! <https://www.sqlite.org/pragma.html#pragma_synchronous>

use adjutant_runtime::failpoint::reach;
use adjutant_runtime::ports::{Settle, StoreError};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The log of a store in a folder.
///
/// The kernel tells each open file of a failed sync once, also where somebody else's sync failed: this one is open as long as
/// the store is, so no failure passes unseen. <https://lwn.net/Articles/724307/>
pub(crate) struct Log {
    file: File,
    folder: PathBuf,
    /// Its name is durable.
    named: bool,
}

impl Log {
    pub(crate) fn open(folder: &Path) -> std::io::Result<Self> {
        let file = File::open(folder.join(format!("{}-wal", crate::FILE)))?;
        Ok(Self { file, folder: folder.into(), named: false })
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.file.sync_data()?;
        if !self.named {
            File::open(&self.folder)?.sync_all()?;
            self.named = true;
        }
        Ok(())
    }
}

impl Settle for Log {
    fn settle(&mut self) -> Result<(), StoreError> {
        reach("settle.before");
        // After a sync failed, nobody knows what is on the disk.
        self.sync().map_err(|error| StoreError::Unclear(format!("`{}`: {error}", self.folder.display())))?;
        reach("settle.after");
        Ok(())
    }
}

/// For a store whose commits are durable when they return.
pub(crate) struct Durable;

impl Settle for Durable {
    fn settle(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
