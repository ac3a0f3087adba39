//! Where context data lies: a directory, the binary itself, or several such places one over the other.
//!
//! Files may be compressed (`identities.csv.gz`, `.zst`); a contract names them without that ending. Text may be
//! UTF-8 or, as Windows tools write it, UTF-16 with its mark.

use super::Fault;
use adjutant_model::Time;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Larger files are refused, compressed or not.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 30;

/// A file's content, decompressed.
#[derive(Debug)]
pub struct File<'d> {
    /// What is in it.
    pub bytes: Cow<'d, [u8]>,
    /// When it was last written; none where nobody knows.
    pub modified: Option<Time>,
}

/// Where context data lies.
pub trait Data: Sync {
    /// The place, as the end of "it is not in …".
    fn place(&self) -> String;
    /// The file at `path`, decompressed.
    ///
    /// # Errors
    /// That it is missing, or what is wrong with it.
    fn read(&self, path: &str) -> Result<File<'_>, Fault>;
    /// The paths of the files under the directory `path`, in order; none when it is no directory.
    ///
    /// # Errors
    /// That the directory cannot be read.
    fn list(&self, path: &str) -> Result<Option<Vec<String>>, Fault>;
    /// Where the file at `path` is in the file system, and when it was last written.
    ///
    /// # Errors
    /// That it is missing, or not in the file system.
    fn local(&self, path: &str) -> Result<(PathBuf, Option<Time>), Fault>;
}

/// A directory of the file system.
#[derive(Clone, Debug)]
pub struct Directory(pub PathBuf);

/// Files in the binary.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// Path to content.
    pub files: BTreeMap<String, &'static [u8]>,
    /// When they were last written.
    pub modified: Option<Time>,
}

/// Several places; the first that has a file gives it.
pub struct Layers<'d>(pub Vec<&'d dyn Data>);

/// The endings under which a path is looked for.
const ENDINGS: [&str; 3] = ["", ".zst", ".gz"];

impl Data for Directory {
    fn place(&self) -> String {
        format!("`{}`", self.0.display())
    }

    fn read(&self, path: &str) -> Result<File<'_>, Fault> {
        let (found, modified) = self.local(path)?;
        let size = fs::metadata(&found).map_err(unreadable)?.len();
        if size > FILE_BYTES_MAX {
            return Err(Fault::Bad(format!("it is {size} bytes long; at most {FILE_BYTES_MAX} are read")));
        }
        let bytes = fs::read(&found).map_err(unreadable)?;
        Ok(File { bytes: decompress(Cow::Owned(bytes))?, modified })
    }

    fn list(&self, path: &str) -> Result<Option<Vec<String>>, Fault> {
        let mut found = Vec::new();
        match fs::metadata(self.0.join(path)) {
            Ok(meta) if meta.is_dir() => collect(&self.0, Path::new(path), 2, &mut found).map_err(unreadable)?,
            _ => return Ok(None),
        }
        found.sort();
        Ok(Some(found))
    }

    fn local(&self, path: &str) -> Result<(PathBuf, Option<Time>), Fault> {
        for ending in ENDINGS {
            let full = self.0.join(format!("{path}{ending}"));
            match fs::metadata(&full) {
                Ok(meta) if meta.is_file() => return Ok((full, modified(&meta))),
                Ok(_) => return Err(Fault::Bad("it is not a file; the contract must name one".into())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
        Err(Fault::Missing)
    }
}

/// Adds the files under `path`, `depth` directories deep, as paths relative to `root`.
fn collect(root: &Path, path: &Path, depth: u8, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(path))? {
        let entry = entry?;
        let relative = path.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 0 {
            collect(root, &relative, depth - 1, found)?;
        } else if kind.is_file() {
            found.extend(relative.to_str().map(String::from));
        }
    }
    Ok(())
}

fn modified(meta: &fs::Metadata) -> Option<Time> {
    let since = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_micros()).ok().map(Time)
}

fn unreadable(error: io::Error) -> Fault {
    Fault::Bad(format!("it cannot be read ({error}); check that it is there and may be read"))
}

impl Data for Embedded {
    fn place(&self) -> String {
        "the shipped data".into()
    }

    fn read(&self, path: &str) -> Result<File<'_>, Fault> {
        let bytes = ENDINGS.iter().find_map(|ending| self.files.get(&format!("{path}{ending}"))).ok_or(Fault::Missing)?;
        Ok(File { bytes: decompress(Cow::Borrowed(bytes))?, modified: self.modified })
    }

    fn list(&self, path: &str) -> Result<Option<Vec<String>>, Fault> {
        let inside = |name: &str| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        let found: Vec<String> = self.files.keys().filter(|name| inside(name)).cloned().collect();
        Ok((!found.is_empty()).then_some(found))
    }

    fn local(&self, path: &str) -> Result<(PathBuf, Option<Time>), Fault> {
        self.read(path)?;
        Err(Fault::Bad("a database cannot be opened inside the binary; give a directory of context data".into()))
    }
}

impl Data for Layers<'_> {
    fn place(&self) -> String {
        let places: Vec<String> = self.0.iter().map(|layer| layer.place()).collect();
        places.join(" or ")
    }

    fn read(&self, path: &str) -> Result<File<'_>, Fault> {
        self.first(|layer| layer.read(path))
    }

    fn list(&self, path: &str) -> Result<Option<Vec<String>>, Fault> {
        for layer in &self.0 {
            if let Some(found) = layer.list(path)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn local(&self, path: &str) -> Result<(PathBuf, Option<Time>), Fault> {
        self.first(|layer| layer.local(path))
    }
}

impl<'d> Layers<'d> {
    fn first<T>(&self, read: impl Fn(&'d dyn Data) -> Result<T, Fault>) -> Result<T, Fault> {
        let missing = |found: &Result<T, Fault>| matches!(found, Err(Fault::Missing));
        self.0.iter().map(|layer| read(*layer)).find(|found| !missing(found)).unwrap_or(Err(Fault::Missing))
    }
}

/// What is in `bytes`, which their first bytes say may be gzip or zstd.
fn decompress(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, Fault> {
    match bytes.as_ref() {
        [0x1f, 0x8b, ..] => read_all(flate2::read::MultiGzDecoder::new(bytes.as_ref())),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => read_all(zstd::stream::read::Decoder::new(bytes.as_ref()).map_err(damaged)?),
        _ => Ok(bytes),
    }
}

fn read_all(reader: impl io::Read) -> Result<Cow<'static, [u8]>, Fault> {
    let mut out = Vec::new();
    reader.take(FILE_BYTES_MAX.saturating_add(1)).read_to_end(&mut out).map_err(damaged)?;
    if out.len() as u64 > FILE_BYTES_MAX {
        return Err(Fault::Bad(format!("it is longer than {FILE_BYTES_MAX} bytes when decompressed")));
    }
    Ok(Cow::Owned(out))
}

fn damaged(error: io::Error) -> Fault {
    Fault::Bad(format!("it cannot be decompressed ({error}); it may be cut short: fetch it again"))
}

/// The text in `bytes`.
pub(super) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest).map(Cow::Borrowed),
        rest => utf8(rest).map(Cow::Borrowed),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    if bytes.iter().take(8192).any(|byte| *byte == 0) {
        return Err("it is binary and not text; check that the contract names the right file".into());
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line} is not UTF-8; save the file as UTF-8 (it may be Windows-1252)")
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let units: Vec<u16> = bytes.chunks(2).map(|pair| unit([pair[0], pair.get(1).copied().unwrap_or(0)])).collect();
    String::from_utf16(&units).map_err(|_| "it begins as UTF-16 and is not; save the file as UTF-8".into())
}
