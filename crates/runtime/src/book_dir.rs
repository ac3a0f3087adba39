//! The files of a book: read from a directory, or the shipped book that is part of the program.
//!
//! A book is text and nothing else; the data of its context sources is beside it and never part of its digest.

use include_dir::{Dir, include_dir};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../book");

/// Where, in a book's directory, the data of context sources is.
pub const DATA: &str = "context/data";

/// Directories nested deeper than this are refused: a link that leads back would never end.
const DEPTH_MAX: usize = 16;

/// Why a directory cannot be read as a book.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such directory.
    #[error("there is no book in `{path}`; make one with `adjutant init {path}`")]
    Missing {
        /// Where.
        path: PathBuf,
    },
    /// A file or directory cannot be read.
    #[error("`{path}` cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not text.
    #[error("`{path}` is not UTF-8 text; keep data out of the book, in `context/data`")]
    NotText {
        /// Which.
        path: PathBuf,
    },
    /// Directories are nested too deeply.
    #[error("`{path}` is nested too deeply")]
    TooDeep {
        /// Which.
        path: PathBuf,
    },
}

/// The book that is part of the program: path, with `/`, to content.
pub fn shipped() -> BTreeMap<String, String> {
    all_shipped().filter_map(|(path, bytes)| Some((path, String::from_utf8(bytes.to_vec()).ok()?))).collect()
}

/// Every shipped file that belongs to the book itself.
fn all_shipped() -> impl Iterator<Item = (String, &'static [u8])> {
    let mut files = Vec::new();
    collect(&SHIPPED, &mut files);
    files.into_iter().filter(|(path, _)| is_of_book(path))
}

fn collect(dir: &Dir<'static>, files: &mut Vec<(String, &'static [u8])>) {
    files.extend(dir.files().map(|file| (slashed(file.path()), file.contents())));
    dir.dirs().for_each(|dir| collect(dir, files));
}

/// The shipped data of context sources: path below [`DATA`] to bytes.
pub fn shipped_data() -> BTreeMap<String, &'static [u8]> {
    let mut files = Vec::new();
    collect(&SHIPPED, &mut files);
    let below = |(path, bytes): (String, &'static [u8])| Some((path.strip_prefix(DATA)?.strip_prefix('/')?.to_owned(), bytes));
    files.into_iter().filter_map(below).collect()
}

/// The files of the book in `dir`.
///
/// # Errors
/// The first thing that cannot be read.
pub fn read(dir: &Path) -> Result<BTreeMap<String, String>, Error> {
    if !dir.is_dir() {
        return Err(Error::Missing { path: dir.into() });
    }
    let mut files = BTreeMap::new();
    read_below(dir, Path::new(""), 0, &mut files)?;
    Ok(files)
}

fn read_below(root: &Path, below: &Path, depth: usize, files: &mut BTreeMap<String, String>) -> Result<(), Error> {
    let here = root.join(below);
    if depth > DEPTH_MAX {
        return Err(Error::TooDeep { path: here });
    }
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Read { path, source }
    };
    for entry in std::fs::read_dir(&here).map_err(failed(&here))? {
        let entry = entry.map_err(failed(&here))?;
        let below = below.join(entry.file_name());
        let (name, path) = (slashed(&below), entry.path());
        if !is_of_book(&name) {
            continue;
        }
        if path.is_dir() {
            read_below(root, &below, depth + 1, files)?;
            continue;
        }
        let bytes = std::fs::read(&path).map_err(failed(&path))?;
        files.insert(name, String::from_utf8(bytes).map_err(|_| Error::NotText { path })?);
    }
    Ok(())
}

/// Hidden files, editors' left-overs and context data are not of the book.
fn is_of_book(path: &str) -> bool {
    let hidden = path.split('/').any(|part| part.starts_with('.') || part.ends_with('~'));
    let data = path.strip_prefix(DATA).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !hidden && !data
}

fn slashed(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Writes the shipped book with its data into `dir`, which must be new or empty.
///
/// # Errors
/// The directory has something in it, or cannot be written.
pub fn write_shipped(dir: &Path) -> io::Result<()> {
    if dir.exists() && std::fs::read_dir(dir)?.next().is_some() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the directory is not empty"));
    }
    let data = shipped_data().into_iter().map(|(path, bytes)| (format!("{DATA}/{path}"), bytes));
    for (name, bytes) in all_shipped().chain(data) {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(dir))?;
        std::fs::write(path, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_book_comes_back_from_a_directory() {
        let dir = std::env::temp_dir().join(format!("adjutant-book-{}", std::process::id()));
        write_shipped(&dir).unwrap();
        std::fs::create_dir_all(dir.join(".git")).unwrap();
        std::fs::write(dir.join(".git/HEAD"), b"\xff").unwrap();
        assert_eq!(read(&dir).unwrap(), shipped());
        assert_eq!(write_shipped(&dir).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        std::fs::write(dir.join("picture"), b"\xff").unwrap();
        assert!(matches!(read(&dir), Err(Error::NotText { path }) if path.ends_with("picture")));
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(matches!(read(&dir), Err(Error::Missing { .. })));
    }

    #[test]
    fn context_data_is_not_of_the_book() {
        assert!(is_of_book("context/hr.yaml") && is_of_book("context/database.yaml"));
        assert!(
            !is_of_book("context/data/users.csv")
                && !is_of_book("context/data")
                && !is_of_book("a/.b/c")
                && !is_of_book("x.yaml~")
        );
    }
}
