//! The folder of the service: one process at a time, readable by its owner alone, with the key that signs the ledger.

use adjutant_ledger::SigningKey;
use anyhow::Context;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub(crate) const LOCK: &str = "lock";
pub(crate) const KEY: &str = "ledger.key";
pub(crate) const PUBLIC: &str = "ledger.pub";

/// The name of a log whose folder says no other.
const ORIGIN: &str = "adjutant";

/// A folder that this process alone writes to.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// Held as long as the process lives; the system lets it go with it.
    _lock: File,
}

impl Folder {
    /// Takes the folder, which is made when it is not there.
    pub(crate) fn lock(path: &Path) -> anyhow::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| format!("`{}`", path.display()))?;
        let lock = create(&path.join(LOCK)).with_context(|| format!("`{}` cannot be written to", path.display()))?;
        lock.try_lock()
            .map_err(|_| anyhow::anyhow!("another process uses `{}`; stop it, or name another folder", path.display()))?;
        Ok(Self { path: path.into(), _lock: lock })
    }

    /// The key that signs checkpoints, made at the first start.
    pub(crate) fn key(&self) -> anyhow::Result<SigningKey> {
        let path = self.path.join(KEY);
        if !path.exists() {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).context("the system has no random numbers")?;
            let key = SigningKey::from_seed(ORIGIN, &seed)?;
            write_new(&path, key.to_secret_text().as_bytes())?;
        }
        if fs::metadata(&path)?.permissions().mode() & 0o077 != 0 {
            anyhow::bail!("`{}` can be read by others; make it private with `chmod 600`", path.display());
        }
        let text = fs::read_to_string(&path).with_context(|| format!("`{}` cannot be read", path.display()))?;
        let key =
            SigningKey::from_secret_text(text.trim()).with_context(|| format!("`{}` is no key of a ledger", path.display()))?;
        self.publish(&key)?;
        Ok(key)
    }

    /// Sees to it that the public half lies beside the key, also where only the key was put back after a restore.
    fn publish(&self, key: &SigningKey) -> anyhow::Result<()> {
        let (path, text) = (self.path.join(PUBLIC), format!("{}\n", key.verifier()));
        match fs::read_to_string(&path) {
            Ok(there) if there.trim() == text.trim() => Ok(()),
            Ok(_) => anyhow::bail!(
                "`{}` is not the public half of `{KEY}`; put back the key that belongs to it, or move it elsewhere",
                path.display()
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => write_new(&path, text.as_bytes()),
            Err(error) => Err(error).with_context(|| format!("`{}` cannot be read", path.display())),
        }
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Writes a file that must not be there, durably.
fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().with_context(|| format!("`{}` cannot be written", path.display()))
}
