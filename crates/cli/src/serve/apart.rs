//! What keeps this service and its hand apart, written down at each start for `adjutant doctor`.

use crate::args::service::Launched;
use crate::isolation::Closed;
use adjutant_hand::socket::own_user;
use adjutant_server::config::Config;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The file in the service's folder.
const FILE: &str = "apart.json";

/// What was so at the last start.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Apart {
    /// The user that the service ran as, and that its hand had to be.
    pub(crate) users: [u32; 2],
    /// The hand's socket.
    pub(crate) socket: PathBuf,
    /// Whether each had to prove its key.
    pub(crate) key: bool,
    /// Whether the environment was cleared of what is not the service's.
    pub(crate) cleared: bool,
    /// How far the hand's paths were closed.
    pub(crate) closed: Closed,
}

/// Writes it down.
pub(super) fn note(folder: &Path, config: &Config, launched: &Launched, closed: Closed) -> anyhow::Result<()> {
    let path = folder.join(FILE);
    let Some(socket) = config.hand.socket.clone() else {
        return match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        };
    };
    let users = [own_user(), config.hand.user_id.unwrap_or_else(own_user)];
    let apart = Apart { users, socket, key: config.hand.key.is_some(), cleared: launched.launched, closed };
    std::fs::write(&path, serde_json::to_vec(&apart)?).with_context(|| format!("`{}`", path.display()))
}

/// What was written down; none where there is no hand.
pub(crate) fn read(folder: &Path) -> anyhow::Result<Option<Apart>> {
    match std::fs::read(folder.join(FILE)) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text).with_context(|| format!("`{FILE}` is damaged"))?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
