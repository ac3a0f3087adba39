//! What keeps brain and hand apart where the system cannot do it by two users: the brain closes itself the paths that are the
//! hand's, and neither can be looked into from outside.
//!
//! All of it is done before the first thread starts, because each thread is bound by what was so when it began.

use crate::args::service::Launched;
use anyhow::Context;
use landlock::{
    ABI, Access as _, AccessFs, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, set_dumpable_behavior, set_parent_process_death_signal, setrlimit,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is asked of the kernel. An older one does what it knows of it, and says so.
const ASKED: ABI = ABI::V6;

/// How far the brain is closed off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Closed {
    /// It cannot read what is the hand's, nor send it a signal.
    Fully,
    /// It cannot read what is the hand's; the kernel is too old for the rest.
    Partly,
    /// It can read whatever its user can.
    #[default]
    Not,
}

/// Sees to it that no other process of this user reads this one's memory, and that none of it is written to the disk.
pub(crate) fn undumpable() -> anyhow::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("the process cannot be made undumpable")?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).context("memory dumps cannot be switched off")
}

/// Ends this process, in order, when the one that started it is gone.
fn end_with_parent() -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM)).context("the end of the launcher cannot be listened to")
}

/// Does for this process what its launcher asks, and what no process of ours goes without.
pub(crate) fn begin(launched: &Launched) -> anyhow::Result<Closed> {
    undumpable()?;
    if launched.launched {
        end_with_parent()?;
    }
    if launched.close.is_empty() { Ok(Closed::Not) } else { close(&launched.close) }
}

/// Closes these paths, each whole and without links, with everything below them, to this process for ever. What is made
/// later beside them, in the same folders, is closed too.
fn close(paths: &[PathBuf]) -> anyhow::Result<Closed> {
    let closed: BTreeSet<PathBuf> = paths.iter().cloned().collect();
    let open = beside(&closed);
    let (files, scopes) = (AccessFs::from_all(ASKED), Scope::from_all(ASKED));
    let mut ruleset = Ruleset::default().handle_access(files)?.scope(scopes)?.create()?;
    // In pieces: each path is held open until it is added.
    for some in open.chunks(64) {
        ruleset = ruleset.add_rules(path_beneath_rules(some, files))?;
    }
    Ok(match ruleset.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Closed::Fully,
        RulesetStatus::PartiallyEnforced => Closed::Partly,
        RulesetStatus::NotEnforced => Closed::Not,
    })
}

/// Everything that is not on the way to one of `closed`, from the root down.
fn beside(closed: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let ways: BTreeSet<&Path> = closed.iter().flat_map(|path| path.ancestors().skip(1)).collect();
    let mut open = Vec::new();
    for way in ways.iter().filter(|way| !way.ancestors().any(|above| closed.contains(above))) {
        let Ok(entries) = std::fs::read_dir(way) else { continue };
        let entries = entries.flatten().map(|entry| entry.path());
        open.extend(entries.filter(|path| !ways.contains(path.as_path()) && !closed.contains(path)));
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_a_closed_path_stays_open() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for name in ["brain/data", "hand/data", "hand/more"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        let closed = [root.join("hand/data"), root.join("hand/data/deep"), PathBuf::from("/proc/1")];
        let open = beside(&closed.into());
        let below: BTreeSet<&Path> = open.iter().filter_map(|path| path.strip_prefix(&root).ok()).collect();
        assert_eq!(below, BTreeSet::from(["brain", "hand/more"].map(Path::new)));
        assert!(open.contains(&PathBuf::from("/usr")), "{open:?}");
        assert!(!open.contains(&PathBuf::from("/")) && !open.contains(&root));
    }
}
