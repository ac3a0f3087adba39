//! The keys with which brain and hand know each other: each in the folder of its process, made at the first start.

use adjutant_hand::hello::End;
use adjutant_ledger::SigningKey;
use anyhow::Context;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::Path;

/// The private half, and the public one beside it.
pub(crate) const KEY: &str = "socket.key";
pub(crate) const PUBLIC: &str = "socket.pub";

/// The key of this end, in its folder; drawn when there is none.
pub(crate) fn own(folder: &Path, end: End) -> anyhow::Result<SigningKey> {
    let path = folder.join(KEY);
    if !path.exists() {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).context("the system has no random numbers")?;
        let key = SigningKey::from_seed(end.name(), &seed)?;
        write_new(&path, &key.to_secret_text(), 0o600)?;
    }
    let place = || format!("`{}`", path.display());
    if fs::metadata(&path).with_context(place)?.permissions().mode() & 0o077 != 0 {
        anyhow::bail!("{} can be read by others; make it private with `chmod 600`, or remove it, and a new one is made", place());
    }
    let text = zeroize::Zeroizing::new(fs::read_to_string(&path).with_context(place)?);
    let key = SigningKey::from_secret_text(text.trim()).with_context(|| format!("{} is no key", place()))?;
    if !folder.join(PUBLIC).exists() {
        write_new(&folder.join(PUBLIC), &key.verifier().to_string(), 0o644)?;
    }
    Ok(key)
}

/// Gives the key to the user whose process it is.
pub(crate) fn give(folder: &Path, user: u32, group: u32) -> anyhow::Result<()> {
    for name in [KEY, PUBLIC] {
        let path = folder.join(name);
        chown(&path, Some(user), Some(group)).with_context(|| format!("`{}`", path.display()))?;
    }
    Ok(())
}

/// Writes a line into a file that must not be there, durably.
pub(crate) fn write_new(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(mode).open(path)?;
        writeln!(file, "{text}")?;
        file.sync_all()
    };
    write().with_context(|| format!("`{}` cannot be written", path.display()))
}
