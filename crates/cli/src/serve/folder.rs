//! The folder of the service: one process at a time, readable by its owner alone, with the key that signs the ledger.

use adjutant_ledger::{Checkpoint, SigningKey};
use anyhow::Context;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub(crate) const LOCK: &str = "lock";
pub(crate) const KEY: &str = "ledger.key";
pub(crate) const PUBLIC: &str = "ledger.pub";

/// A key that is about to follow.
const NEXT: &str = "ledger.key.next";

/// The name of the log in its keys and checkpoints.
pub(crate) const ORIGIN: &str = "adjutant";

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
        if self.path.join(NEXT).exists() && path.exists() {
            eprintln!("adjutant: a change of the ledger's key was interrupted; it is made with `adjutant audit rotate`");
        }
        if !path.exists() {
            let key = draw_key()?;
            write_new(&path, key.to_secret_text().as_bytes())?;
        }
        if fs::metadata(&path)?.permissions().mode() & 0o077 != 0 {
            anyhow::bail!("`{}` can be read by others; make it private with `chmod 600`", path.display());
        }
        let key = read_key(&path)?;
        self.publish(&key)?;
        Ok(key)
    }

    /// The key that is to follow: what an interrupted change left, or a new one.
    pub(crate) fn next_key(&self) -> anyhow::Result<SigningKey> {
        let path = self.path.join(NEXT);
        if !path.exists() {
            write_new(&path, draw_key()?.to_secret_text().as_bytes())?;
        }
        read_key(&path)
    }

    /// Puts the next key in the place of the old one, and its public half under those that were.
    pub(crate) fn turn_key(&self, next: &SigningKey) -> anyhow::Result<()> {
        let path = self.path.join(PUBLIC);
        let text = next.verifier().to_string();
        // An interrupted change may have come so far.
        if fs::read_to_string(&path)?.lines().last() != Some(&*text) {
            let mut public = OpenOptions::new().append(true).open(path)?;
            writeln!(public, "{text}")?;
            public.sync_all()?;
        }
        fs::rename(self.path.join(NEXT), self.path.join(KEY))?;
        Ok(File::open(&self.path)?.sync_all()?)
    }

    /// Finishes a change of the key that was interrupted after the ledger held it, which `latest`, the store's checkpoint,
    /// shows: what the old key signs from there on would be refused.
    pub(crate) fn finish_turn(&self, latest: &str) -> anyhow::Result<()> {
        if !self.path.join(NEXT).exists() {
            return Ok(());
        }
        let next = self.next_key()?;
        if Checkpoint::open(latest.as_bytes(), std::slice::from_ref(next.verifier())).is_ok() {
            self.turn_key(&next)?;
            eprintln!("adjutant: a change of the ledger's key was interrupted, and is finished now");
        }
        Ok(())
    }

    /// Sees to it that the public half lies beside the key, also where only the key was put back after a restore.
    fn publish(&self, key: &SigningKey) -> anyhow::Result<()> {
        let (path, text) = (self.path.join(PUBLIC), format!("{}\n", key.verifier()));
        match fs::read_to_string(&path) {
            Ok(there) if there.lines().last() == Some(text.trim()) => Ok(()),
            Ok(there) if there.lines().any(|line| line == text.trim()) => anyhow::bail!(
                "another key follows the one in `{KEY}`, and what this one signs is refused; put back the key that belongs to the \
                 last line of `{}`",
                path.display()
            ),
            Ok(_) => anyhow::bail!(
                "`{}` is not the public half of `{KEY}`; put back the key that belongs to it, or move it elsewhere",
                path.display()
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => write_new(&path, text.as_bytes()),
            Err(error) => Err(error).with_context(|| format!("`{}` cannot be read", path.display())),
        }
    }
}

fn draw_key() -> anyhow::Result<SigningKey> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the system has no random numbers")?;
    Ok(SigningKey::from_seed(ORIGIN, &seed)?)
}

fn read_key(path: &Path) -> anyhow::Result<SigningKey> {
    let text = fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    SigningKey::from_secret_text(text.trim()).with_context(|| format!("`{}` is no key of a ledger", path.display()))
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
