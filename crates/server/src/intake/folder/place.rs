//! Where the files of a watched folder are, and how they move; never through a link.

use super::Fault;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders of our own in the watched one.
const OWN: [&str; 3] = [READING, "done", "failed"];
const READING: &str = "reading";

/// Folders in folders are looked into so deep.
const DEPTH_MAX: usize = 8;

/// So many files are looked at in one go; the rest comes when those are done.
const FILES_MAX: usize = 10_000;

/// So many files of one name are kept apart.
const NAMESAKES_MAX: u32 = 100_000;

/// How a file was when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    is_file: bool,
    len: u64,
    modified: Option<SystemTime>,
    number: (u64, u64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self { is_file: meta.is_file(), len: meta.len(), modified: meta.modified().ok(), number: (meta.dev(), meta.ino()) }
    }

    /// Whether it is a plain file.
    pub(super) fn is_file(&self) -> bool {
        self.is_file
    }
}

/// Something that is no folder.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

/// How the file at `path` is, without following a link.
pub(super) fn stamp(path: &Path) -> io::Result<Stamp> {
    fs::symlink_metadata(path).map(|meta| Stamp::of(&meta))
}

/// What is in `dir` to be taken, the oldest first, and which folders cannot be looked into.
pub(super) fn scan(dir: &Path) -> (Vec<Found>, Vec<(PathBuf, Fault)>) {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    let reading = dir.join(READING);
    if reading.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        walk(&reading, 0, &|_| false, &mut found, &mut faults);
    }
    let own = |path: &Path| OWN.iter().any(|own| path == dir.join(own));
    walk(dir, 0, &own, &mut found, &mut faults);
    found.sort_by(|one, other| (one.stamp.modified, &one.path).cmp(&(other.stamp.modified, &other.path)));
    (found, faults)
}

fn walk(dir: &Path, depth: usize, skip: &dyn Fn(&Path) -> bool, found: &mut Vec<Found>, faults: &mut Vec<(PathBuf, Fault)>) {
    let entries = match fs::read_dir(dir) {
        Ok(entries) if depth <= DEPTH_MAX => entries,
        Ok(_) => return faults.push(complaint(dir, &format!("it is more than {DEPTH_MAX} folders deep"))),
        Err(error) => return faults.push(complaint(dir, &error.to_string())),
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if found.len() >= FILES_MAX {
            return;
        }
        if skip(&path) || is_unfinished(&path) {
            continue;
        }
        // Gone already, or not to be seen: the next look tells.
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        if FileType::is_dir(&meta.file_type()) {
            walk(&path, depth + 1, skip, found, faults);
        } else {
            found.push(Found { path, stamp: Stamp::of(&meta) });
        }
    }
}

fn complaint(dir: &Path, why: &str) -> (PathBuf, Fault) {
    let detail = format!("the folder `{}` cannot be looked into: {why}", dir.display());
    (dir.to_owned(), Fault { line: 0, code: "folder-unreadable", detail })
}

/// Names that writers give to what they are not done with.
fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.as_encoded_bytes()).unwrap_or_default();
    name.starts_with(b".") || name.ends_with(b".tmp") || name.ends_with(b".part")
}

/// The name of `path` for people, wherever in the folder it is at present.
pub(super) fn name(dir: &Path, path: &Path) -> String {
    inside(dir, path).display().to_string()
}

/// `path` as it was put into the folder.
fn inside<'p>(dir: &Path, path: &'p Path) -> &'p Path {
    let path = path.strip_prefix(dir).unwrap_or(path);
    path.strip_prefix(READING).unwrap_or(path)
}

/// Moves `path` to where nobody else puts files, unless it is there already; says where that is and how it is now.
pub(super) fn claim(dir: &Path, path: &Path) -> io::Result<(PathBuf, Stamp)> {
    let reading = dir.join(READING);
    let to = if path.starts_with(&reading) { path.to_owned() } else { carry(&reading.join(inside(dir, path)), path)? };
    let stamp = stamp(&to)?;
    Ok((to, stamp))
}

/// Moves what was read to the folder `end`, with its problems beside it.
pub(super) fn put(dir: &Path, end: &str, path: &Path, problems: Option<&str>) -> io::Result<()> {
    let to = carry(&dir.join(end).join(inside(dir, path)), path)?;
    if let Some(text) = problems {
        let mut name = to.into_os_string();
        name.push(".problems");
        fs::write(name, text)?;
    }
    Ok(())
}

/// Moves `from` to `to`, or beside what is there already.
fn carry(to: &Path, from: &Path) -> io::Result<PathBuf> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    let free = |path: &PathBuf| {
        let mut problems = path.clone().into_os_string();
        problems.push(".problems");
        fs::symlink_metadata(path).is_err() && fs::symlink_metadata(problems).is_err()
    };
    let namesake = |number: u32| {
        let mut name = to.to_owned().into_os_string();
        if number > 1 {
            name.push(format!(".{number}"));
        }
        PathBuf::from(name)
    };
    let to = (1..=NAMESAKES_MAX).map(namesake).find(free);
    let to = to.ok_or_else(|| io::Error::other("there are too many files of its name"))?;
    fs::rename(from, &to)?;
    Ok(to)
}
