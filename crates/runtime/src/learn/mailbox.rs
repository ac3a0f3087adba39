//! Goes through the messages of a file, an mbox file, a maildir or any directory of these, one at a time.

use super::{Error, failed};
use crate::read::RECORD_BYTES_MAX;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Directories are followed no deeper.
const DEPTH_MAX: usize = 16;

/// One message of a mailbox.
pub enum Mailbox<'m> {
    /// A message, and the name of its file.
    Message {
        /// Path of the file.
        name: &'m str,
        /// Its bytes.
        bytes: &'m [u8],
    },
    /// One that is longer than a message may be, passed over.
    TooLong,
}

type Take<'t> = &'t mut dyn FnMut(Mailbox<'_>) -> Result<(), Error>;

/// Calls `take` with every message at `path`, in the order of names. Links are not followed.
///
/// # Errors
/// Something cannot be read, or `take` fails.
pub fn each(path: &Path, take: Take<'_>) -> Result<(), Error> {
    walk(path, 0, take)
}

fn walk(path: &Path, depth: usize, take: Take<'_>) -> Result<(), Error> {
    let meta = if depth == 0 { fs::metadata(path) } else { fs::symlink_metadata(path) };
    let kind = meta.map_err(failed(path))?.file_type();
    if kind.is_file() {
        return file(path, take);
    }
    if !kind.is_dir() || depth >= DEPTH_MAX {
        return Ok(());
    }
    let entries = fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>());
    let mut entries = entries.map_err(failed(path))?;
    entries.sort();
    // What a maildir is still writing is none of its messages.
    let unfinished = |entry: &Path| entry.file_name().is_some_and(|name| name == "tmp") && path.join("cur").is_dir();
    entries.iter().filter(|entry| !unfinished(entry)).try_for_each(|entry| walk(entry, depth + 1, take))
}

/// The messages of one file: many when it is an mbox, which begins with the line `From `.
fn file(path: &Path, take: Take<'_>) -> Result<(), Error> {
    let mut input = BufReader::new(File::open(path).map_err(failed(path))?);
    let name = path.to_string_lossy();
    let mbox = input.fill_buf().map_err(failed(path))?.starts_with(b"From ");
    let (mut message, mut long, mut blank, mut line) = (Vec::new(), false, true, Vec::new());
    loop {
        line.clear();
        let read = read_line(&mut input, &mut line).map_err(failed(path))?;
        if read == 0 || mbox && blank && line.starts_with(b"From ") {
            hand(&name, &mut message, &mut long, take)?;
        }
        if read == 0 {
            return Ok(());
        }
        blank = line == b"\n" || line == b"\r\n";
        long |= message.len() + line.len() > RECORD_BYTES_MAX;
        if !long {
            message.extend_from_slice(&line);
        }
    }
}

fn hand(name: &str, message: &mut Vec<u8>, long: &mut bool, take: Take<'_>) -> Result<(), Error> {
    let taken = match (std::mem::take(long), message.is_empty()) {
        (true, _) => take(Mailbox::TooLong),
        (false, true) => Ok(()),
        (false, false) => take(Mailbox::Message { name, bytes: message }),
    };
    message.clear();
    taken
}

/// Reads to the end of the line, or as much of a longer line as a buffer holds.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<usize> {
    let bytes = input.fill_buf()?;
    let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
    line.extend_from_slice(bytes.get(..end).unwrap_or(bytes));
    input.consume(end);
    Ok(end)
}
