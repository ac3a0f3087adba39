//! What keeps the hand apart from the service, and how the hand's own folder is.

use super::Found;
use crate::isolation::Closed;
use crate::keys;
use crate::serve::apart::{self, Apart};
use adjutant_hand::store::{FILE, standing};
use adjutant_model::quantity::Grouped;
use anyhow::Context;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// How service and hand were kept apart when the service last started.
pub(super) fn apart(folder: &Path, found: &mut Found) -> anyhow::Result<()> {
    let Some(apart) = apart::read(folder)? else {
        found.ok("the service has no hand: nothing is ever done");
        return Ok(());
    };
    let Apart { users: [service, hand], key, cleared, closed, .. } = apart;
    match closed {
        _ if service != hand => found.ok(format!("two users: the service was {service}, and its hand has to be {hand}")),
        Closed::Fully => found.ok("one user: the kernel keeps the service from the hand's files and process (Landlock)"),
        Closed::Partly => found.ok("one user: the kernel keeps the service from the hand's files (Landlock, of an older kernel)"),
        Closed::Not => found.look(
            "service and hand are one user, and nothing keeps the service from the hand's credentials",
            "start both with `adjutant run`, by root as two users or on a kernel with Landlock, or as two units",
        ),
    }
    if service == hand && !cleared {
        found.look("the service was started with a whole environment", "`adjutant run` leaves it no credential of the hand's");
    }
    match (key, service == hand) {
        (true, _) => found.ok("service and hand prove their keys to each other"),
        (false, false) => found.ok("service and hand know each other by their users alone"),
        (false, true) => found.look(
            "service and hand ask each other for no key: every process of their user is heard",
            "name `hand.key` in the service's settings and `brain_key` in the hand's, or start both with `adjutant run`",
        ),
    }
    Ok(())
}

/// How the hand's folder is.
pub(super) fn folder(folder: &Path, found: &mut Found) -> anyhow::Result<()> {
    let place = || format!("`{}`", folder.display());
    let standing = standing(folder).with_context(place)?;
    let number = |number: u64| Grouped(number.cast_signed()).to_string();
    match &standing.restored {
        None => found.ok(format!("the hand's store is the one that it used last; epoch {}", standing.epoch)),
        Some(restored) => found.look(
            format!("the hand's store was restored: {}", restored.says()),
            "at its next start the hand begins another epoch, and what was approved is void: plan it again",
        ),
    }
    if let Some((at, why)) = &standing.began {
        found.ok(format!("epoch {} began at {at}: {why}", standing.epoch));
    }
    let [planned, unclear, stuck] = standing.waiting.map(number);
    if standing.waiting[1] + standing.waiting[2] == 0 {
        found.ok(format!("{planned} actions wait for an answer; of none it is unknown what became of it"));
    } else {
        found
            .look(format!("{unclear} actions are unclear, {stuck} are stuck"), "look at the targets, and say what is to be done");
    }
    let open = [folder.to_path_buf(), folder.join(FILE), folder.join(keys::KEY)];
    let open: Vec<String> = open
        .iter()
        .filter(|path| fs::metadata(path).is_ok_and(|of| of.permissions().mode() & 0o077 != 0))
        .map(|path| path.display().to_string())
        .collect();
    if open.is_empty() {
        let owner = fs::metadata(folder).with_context(place)?.uid();
        found.ok(format!("only user {owner} can read the hand's folder, its store and its key"));
    } else {
        found.look(format!("others can get at {}", open.join(", ")), "take it from them: chmod -R go= on the hand's folder");
    }
    if let Ok(key) = fs::read_to_string(folder.join(keys::PUBLIC)) {
        found.ok(format!("the hand's key is {}", key.trim()));
    }
    Ok(())
}
