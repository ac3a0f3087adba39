//! The reader: plain, gzip or Zstandard, JSON in any layout, lines of text. Where chunks end changes nothing.
#![no_main]

use adjutant_runtime::read::{Chunk, Input, Reader};
use libfuzzer_sys::fuzz_target;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

static FILE: LazyLock<PathBuf> = LazyLock::new(|| adjutant_fuzz::directory("read").join("input"));

/// What a reader finds: each record with its line, each fault with its line and code, in order.
fn all(path: &Path, chunk_bytes: usize) -> Vec<(u64, Result<Vec<u8>, &'static str>)> {
    let mut reader = Reader::new(vec![Input::Path(path.into())], Arc::default()).with_chunk_bytes(chunk_bytes);
    let (mut chunk, mut found) = (Chunk::default(), Vec::new());
    while reader.fill(&mut chunk) {
        let mut faults = chunk.faults().iter().peekable();
        for (number, record) in chunk.records().iter().enumerate() {
            while let Some(fault) = faults.next_if(|fault| fault.before <= number) {
                found.push((fault.line, Err(fault.code)));
            }
            found.push((record.line, Ok(chunk.bytes(record).to_vec())));
        }
        found.extend(faults.map(|fault| (fault.line, Err(fault.code))));
    }
    found
}

fuzz_target!(|data: &[u8]| {
    std::fs::write(&*FILE, data).expect("the input can be written");
    let whole = all(&FILE, 1 << 20);
    assert_eq!(whole, all(&FILE, 1 + data.len() % 61), "where chunks end must not matter");
    assert!(!whole.is_empty(), "even an empty file says so");
});
