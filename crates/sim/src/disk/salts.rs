//! What SQLite draws from the system by itself, and what is computed over it.
//!
//! The salts and checksums of a WAL, the nonce and checksums of a rollback journal: nothing depends on their values,
//! but two runs differ in them.

/// The page size of every database here.
const PAGE: usize = 4096;
const WAL_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// A journal's header takes a sector, whose size SQLite takes from the VFS.
const JOURNAL_HEADER: usize = super::vfs::SECTOR_BYTES as usize;

/// Zeroes them in the bytes of the file `name`.
pub(super) fn clear(name: &str, bytes: &mut [u8]) {
    if name.ends_with("-wal") {
        zero(bytes, 16, 16);
        for frame in (WAL_HEADER..bytes.len()).step_by(FRAME_HEADER + PAGE) {
            zero(bytes, frame + 8, 16);
        }
    } else if name.ends_with("-journal") {
        zero(bytes, 12, 4);
        for record in (JOURNAL_HEADER..bytes.len()).step_by(4 + PAGE + 4) {
            zero(bytes, record + 4 + PAGE, 4);
        }
    }
}

fn zero(bytes: &mut [u8], at: usize, count: usize) {
    let end = (at + count).min(bytes.len());
    if let Some(part) = bytes.get_mut(at..end) {
        part.fill(0);
    }
}
