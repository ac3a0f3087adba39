//! A file of compressed blocks that says itself whether it is whole.
//!
//! Magic, version and a packed header; then blocks, each a Zstandard frame with its own checksum; then the table of
//! blocks, an index, and a trailer that points to them. A file that was cut short has no trailer and is refused.

use super::Error;
use super::bytes::{Damaged, Put, Take};
use adjutant_model::Digest;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"adjutant";
const END: &[u8; 8] = b"tnatujda";
const VERSION: u32 = 1;
/// Offset and length of the table, and [`END`].
const TRAILER_BYTES: usize = 24;
/// A table or header that claims to be larger is damaged.
const TABLE_BYTES_MAX: usize = 1 << 30;
/// A block that claims to unpack to more is damaged.
const BLOCK_BYTES_MAX: usize = 1 << 30;
const LEVEL: i32 = 1;

/// Where a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    offset: u64,
    stored: u32,
    unpacked: u32,
    /// How many entries it holds.
    pub(super) entries: u32,
}

/// Packs blocks; keeps its memory from one to the next.
pub(super) struct Packer(zstd::bulk::Compressor<'static>);

impl Packer {
    pub(super) fn new() -> io::Result<Self> {
        let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
        compressor.include_checksum(true)?;
        Ok(Self(compressor))
    }

    /// Packs `bytes` into `out`, replacing what was there.
    pub(super) fn pack(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        out.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
        self.0.compress_to_buffer(bytes, out).map(drop)
    }
}

/// A container that is being written.
pub(super) struct Create {
    path: PathBuf,
    file: BufWriter<File>,
    hasher: Sha256,
    len: u64,
    blocks: Vec<Block>,
}

impl Create {
    pub(super) fn new(path: PathBuf, header: &[u8]) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, File::create_new(&path)?);
        let mut container = Self { path, file, hasher: Sha256::new(), len: 0, blocks: Vec::new() };
        container.write(MAGIC)?;
        container.write(&VERSION.to_le_bytes())?;
        let mut packed = Vec::new();
        Packer::new()?.pack(header, &mut packed)?;
        container.write(&(packed.len() as u32).to_le_bytes())?;
        container.write(&packed)?;
        Ok(container)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Adds a block that a [`Packer`] packed; returns its number.
    pub(super) fn append(&mut self, packed: &[u8], unpacked: usize, entries: usize) -> io::Result<u32> {
        let offset = self.len;
        self.write(packed)?;
        self.blocks.push(Block { offset, stored: packed.len() as u32, unpacked: unpacked as u32, entries: entries as u32 });
        Ok(self.blocks.len() as u32 - 1)
    }

    /// How many bytes are written.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Writes table and trailer and makes the file durable; returns its digest.
    pub(super) fn finish(mut self, index: &[u8]) -> io::Result<(PathBuf, Digest)> {
        let mut table = Vec::new();
        table.put_uint(self.blocks.len() as u64);
        for block in &self.blocks {
            for number in [block.offset, block.stored.into(), block.unpacked.into(), block.entries.into()] {
                table.put_uint(number);
            }
        }
        table.put_bytes(index);
        let mut packed = Vec::new();
        Packer::new()?.pack(&table, &mut packed)?;
        let at = self.len;
        self.write(&packed)?;
        self.write(&at.to_le_bytes())?;
        self.write(&(packed.len() as u64).to_le_bytes())?;
        self.write(END)?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok((self.path, Digest(self.hasher.finalize().into())))
    }
}

/// A container that is being read; many threads may read from one.
#[derive(Debug)]
pub(super) struct Container {
    path: PathBuf,
    file: File,
    /// The header, as it was given to [`Create::new`].
    pub(super) header: Vec<u8>,
    pub(super) blocks: Vec<Block>,
    /// The index, as it was given to [`Create::finish`].
    pub(super) index: Vec<u8>,
}

impl Container {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| Error::Read { path: path.into(), source })?;
        let mut container = Self { path: path.into(), file, header: Vec::new(), blocks: Vec::new(), index: Vec::new() };
        container.read_head()?;
        container.read_table()?;
        Ok(container)
    }

    fn read_head(&mut self) -> Result<(), Error> {
        let head = self.at(0, 16)?;
        let mut take = Take(&head);
        let magic: [u8; 8] = take.array().map_err(|_| self.damaged())?;
        let version = take.array().map(u32::from_le_bytes).map_err(|_| self.damaged())?;
        let len = take.array().map(u32::from_le_bytes).map_err(|_| self.damaged())? as usize;
        if &magic != MAGIC || len > TABLE_BYTES_MAX {
            return Err(self.damaged());
        }
        if version != VERSION {
            return Err(Error::Version { path: self.path.clone(), version });
        }
        let packed = self.at(16, len)?;
        self.header = zstd::stream::decode_all(packed.as_slice()).map_err(|_| self.damaged())?;
        Ok(())
    }

    fn read_table(&mut self) -> Result<(), Error> {
        let len = self.file.metadata().map_err(|source| Error::Read { path: self.path.clone(), source })?.len();
        let trailer_at = len.checked_sub(TRAILER_BYTES as u64).ok_or_else(|| self.damaged())?;
        let trailer = self.at(trailer_at, TRAILER_BYTES)?;
        let mut take = Take(&trailer);
        let offset = take.array().map(u64::from_le_bytes).map_err(|_| self.damaged())?;
        let stored = take.array().map(u64::from_le_bytes).map_err(|_| self.damaged())?;
        if take.0 != END || offset.checked_add(stored) != Some(trailer_at) || stored > TABLE_BYTES_MAX as u64 {
            return Err(self.damaged());
        }
        let packed = self.at(offset, stored as usize)?;
        let table = zstd::stream::decode_all(packed.as_slice()).map_err(|_| self.damaged())?;
        (self.blocks, self.index) = take_table(&table).map_err(|_| self.damaged())?;
        Ok(())
    }

    fn at(&self, offset: u64, len: usize) -> Result<Vec<u8>, Error> {
        let end = self.file.metadata().map_or(0, |meta| meta.len());
        if offset.checked_add(len as u64).is_none_or(|last| last > end) {
            return Err(self.damaged());
        }
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, offset).map_err(|source| Error::Read { path: self.path.clone(), source })?;
        Ok(bytes)
    }

    /// The error that this file is not what was written.
    pub(super) fn damaged(&self) -> Error {
        Error::Damaged { path: self.path.clone() }
    }

    /// Unpacks `block` into `reading`; returns its bytes.
    pub(super) fn unpack<'a>(&self, block: &Block, reading: &'a mut Reading) -> Result<&'a [u8], Error> {
        let size = block.unpacked as usize;
        if size > BLOCK_BYTES_MAX {
            return Err(self.damaged());
        }
        reading.stored.resize(block.stored as usize, 0);
        let read = self.file.read_exact_at(&mut reading.stored, block.offset);
        read.map_err(|source| Error::Read { path: self.path.clone(), source })?;
        reading.unpacked.clear();
        reading.unpacked.reserve(size);
        let count = reading.zstd.decompress_to_buffer(&reading.stored, &mut reading.unpacked).map_err(|_| self.damaged())?;
        if count == size { Ok(&reading.unpacked) } else { Err(self.damaged()) }
    }
}

fn take_table(table: &[u8]) -> Result<(Vec<Block>, Vec<u8>), Damaged> {
    let mut take = Take(table);
    let count = take.count()?;
    let mut block = || Ok(Block { offset: take.uint()?, stored: take.small()?, unpacked: take.small()?, entries: take.small()? });
    let blocks = (0..count).map(|_| block()).collect::<Result<_, _>>()?;
    Ok((blocks, take.bytes()?.to_vec()))
}

/// Memory to read blocks into; one for each thread.
pub(super) struct Reading {
    stored: Vec<u8>,
    unpacked: Vec<u8>,
    zstd: zstd::bulk::Decompressor<'static>,
}

impl Reading {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { stored: Vec::new(), unpacked: Vec::new(), zstd: zstd::bulk::Decompressor::new()? })
    }
}
