//! Blocks of bytes, compressed where that pays.

use crate::error::damaged;
use adjutant_runtime::ports::StoreError;
use zstd::bulk::{Compressor, Decompressor};

/// Levels of Zstandard (see its manual) for entries and for raw alerts. Both are packed while somebody waits: level 1 takes half as
/// long again, for a tenth less of disk.
pub(crate) const ENTRIES: i32 = -2;
pub(crate) const ALERTS: i32 = -1;

/// A block is never larger, whatever its header says: one commit's raw alerts are bounded far below.
const BLOCK_BYTES_MAX: usize = 1 << 30;

/// The first byte of a stored block.
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Smaller blocks are stored as they are.
const WORTH_IT: usize = 256;

pub(crate) struct Packer {
    compressor: Compressor<'static>,
    out: Vec<u8>,
}

impl Packer {
    pub(crate) fn new(level: i32) -> Result<Self, StoreError> {
        let compressor = Compressor::new(level).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { compressor, out: Vec::new() })
    }

    /// `bytes` as they are stored: a byte that says how, the length, the block.
    pub(crate) fn pack(&mut self, bytes: &[u8]) -> Result<&[u8], StoreError> {
        self.out.clear();
        if bytes.len() < WORTH_IT {
            self.out.push(PLAIN);
            self.out.extend_from_slice(bytes);
            return Ok(&self.out);
        }
        let room = zstd::zstd_safe::compress_bound(bytes.len());
        self.out.push(ZSTD);
        self.out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.out.resize(9 + room, 0);
        let unavailable = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let len = self.compressor.compress_to_buffer(bytes, &mut self.out[9..]).map_err(unavailable)?;
        self.out.truncate(9 + len);
        Ok(&self.out)
    }
}

/// What was packed.
pub(crate) fn unpack(stored: &[u8], with: &mut Decompressor<'_>, out: &mut Vec<u8>) -> Result<(), StoreError> {
    out.clear();
    match stored.split_first() {
        Some((&PLAIN, bytes)) => out.extend_from_slice(bytes),
        Some((&ZSTD, rest)) => {
            let (len, block) = rest.split_first_chunk::<8>().ok_or_else(|| damaged("a block"))?;
            let len = usize::try_from(u64::from_le_bytes(*len)).unwrap_or(usize::MAX);
            if len > BLOCK_BYTES_MAX {
                return Err(damaged("a block"));
            }
            out.resize(len, 0);
            let got = with.decompress_to_buffer(block, out).map_err(|_| damaged("a block"))?;
            if got != len {
                return Err(damaged("a block"));
            }
        }
        _ => return Err(damaged("a block")),
    }
    Ok(())
}
