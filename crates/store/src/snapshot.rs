//! The file with a snapshot of memory: the entry before which it was made (8 bytes, little-endian), and one Zstandard frame
//! with a checksum. It is written beside the last one and then takes its name, so that a whole one is always there.

use adjutant_runtime::failpoint::reach;
use adjutant_runtime::ports::{Snapshot, Writing};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;

/// The file in the folder that holds a snapshot of memory.
pub const MEMORY: &str = "memory";

/// Fast, and memory is mostly numbers that are small.
const LEVEL: i32 = 1;

/// Writes a snapshot and makes it durable.
pub(crate) fn write(folder: &Path, next: u64, write: &mut Writing<'_>) -> io::Result<()> {
    let new = folder.join("memory.new");
    let mut open = fs::OpenOptions::new();
    open.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    let mut file = open.open(&new)?;
    reach("snapshot.opened");
    file.write_all(&next.to_le_bytes())?;
    let mut encoder = zstd::stream::write::Encoder::new(file, LEVEL)?;
    encoder.include_checksum(true)?;
    let mut buffered = BufWriter::new(encoder);
    write(&mut buffered)?;
    buffered.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?.sync_all()?;
    reach("snapshot.written");
    fs::rename(&new, folder.join(MEMORY))?;
    reach("snapshot.renamed");
    File::open(folder)?.sync_all()
}

/// The snapshot that there is.
pub(crate) fn read(folder: &Path) -> io::Result<Option<Snapshot>> {
    let mut file = match File::open(folder.join(MEMORY)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut next = [0; 8];
    if file.read_exact(&mut next).is_err() {
        return Ok(None);
    }
    let decoder = zstd::stream::read::Decoder::new(file)?;
    Ok(Some((u64::from_le_bytes(next), Box::new(BufReader::new(decoder)))))
}
