//! The reader: plain, gzip or Zstandard, JSON in any layout, lines of text. Where chunks end changes nothing, nor whether the bytes
//! are in a file or in memory.
#![no_main]

use adjutant_runtime::read::{Chunk, Fault, Input, Reader, Record, cut};
use libfuzzer_sys::fuzz_target;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

static FILE: LazyLock<PathBuf> = LazyLock::new(|| adjutant_fuzz::directory("read").join("input"));

/// Each record with its line, each fault with its line and code, in order.
type Found = Vec<(u64, Result<Vec<u8>, &'static str>)>;

fn find(found: &mut Found, records: &[Record], faults: &[Fault], bytes: impl Fn(&Record) -> Vec<u8>) {
    let mut faults = faults.iter().peekable();
    for (number, record) in records.iter().enumerate() {
        while let Some(fault) = faults.next_if(|fault| fault.before <= number) {
            found.push((fault.line, Err(fault.code)));
        }
        found.push((record.line, Ok(bytes(record))));
    }
    found.extend(faults.map(|fault| (fault.line, Err(fault.code))));
}

/// What a reader finds.
fn all(path: &Path, chunk_bytes: usize) -> Found {
    let mut reader = Reader::new(vec![Input::Path(path.into())], Arc::default()).with_chunk_bytes(chunk_bytes);
    let (mut chunk, mut found) = (Chunk::default(), Vec::new());
    while reader.fill(&mut chunk) {
        find(&mut found, chunk.records(), chunk.faults(), |record| chunk.bytes(record).to_vec());
    }
    found
}

/// What is found in bytes that are in memory.
fn in_memory(bytes: &[u8]) -> Found {
    let (text, mut found) = (cut(bytes, None, usize::MAX), Vec::new());
    find(&mut found, text.records(), text.faults(), |record| bytes[record.range()].to_vec());
    found
}

fuzz_target!(|data: &[u8]| {
    std::fs::write(&*FILE, data).expect("the input can be written");
    let whole = all(&FILE, 1 << 20);
    assert_eq!(whole, all(&FILE, 1 + data.len() % 61), "where chunks end must not matter");
    let packed = data.starts_with(&[0x1f, 0x8b]) || data.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    if !packed {
        assert_eq!(whole, in_memory(data), "where the bytes are must not matter");
        assert!(!whole.is_empty() || data.contains(&b']'), "nothing is found in silence only where a list has no elements");
    }
});
