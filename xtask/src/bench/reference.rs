//! The reference: what a good programmer writes by hand when the vendors are known.
//!
//! Each record is parsed into a struct of its vendor that borrows its text; the same things are looked up as triage does:
//! the user in the directory, the addresses on the block lists, the warning lists and in the geo database, whether
//! the same bytes came before, how often the rule fired and where, and what is known of the user's logins.
//! No policy, no explanation, no record of the decision: it is the floor under what triage has to do anyway.

mod lookups;
mod records;
mod seen;
mod text;
mod warning_lists;

pub use lookups::Lookups;
pub use records::parse;

use anyhow::{Context as _, Result, ensure};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use foldhash::fast::RandomState;

/// Maps with a quick hash: whoever writes this for speed takes one.
type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;

/// Bytes that a worker takes at once.
const CHUNK_BYTES: usize = 1 << 20;

/// What the reference made of a file.
#[derive(Clone, Debug, Default)]
pub struct Total {
    /// Lines.
    pub records: u64,
    /// Lines that were not understood.
    pub failed: u64,
    /// Something of every lookup, so that none is left out.
    pub hits: u64,
    /// The beginning of a line that was not understood.
    pub example: Option<String>,
}

/// Reads all lines of `path` on `workers` threads.
pub fn run(path: &Path, lookups: &Lookups, workers: usize) -> Result<Total> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let input = Mutex::new((file, Vec::new()));
    let totals: Vec<Result<Total>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| worker(&input, lookups))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| anyhow::bail!("a worker panicked"))).collect()
    });
    let mut sum = Total::default();
    for total in totals {
        let total = total?;
        sum.records += total.records;
        sum.failed += total.failed;
        sum.hits += total.hits;
        sum.example = sum.example.or(total.example);
    }
    let example = sum.example.as_deref().unwrap_or_default();
    ensure!(sum.failed * 100 <= sum.records, "{} of {} records were not understood, such as {example}", sum.failed, sum.records);
    Ok(sum)
}

type Input = Mutex<(File, Vec<u8>)>;

fn worker(input: &Input, lookups: &Lookups) -> Result<Total> {
    let (mut chunk, mut total) = (Vec::new(), Total::default());
    while fill(input, &mut chunk)? {
        for line in chunk.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            total.records += 1;
            match parse(line) {
                Some(event) => total.hits += lookups.all(line, &event),
                None => {
                    total.failed += 1;
                    total.example.get_or_insert_with(|| String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned());
                }
            }
        }
    }
    Ok(total)
}

/// Takes the next chunk of whole lines.
fn fill(input: &Input, chunk: &mut Vec<u8>) -> Result<bool> {
    let mut guard = input.lock().unwrap_or_else(PoisonError::into_inner);
    let (file, rest) = &mut *guard;
    chunk.clear();
    chunk.append(rest);
    let begin = chunk.len();
    file.take(CHUNK_BYTES as u64).read_to_end(chunk)?;
    if chunk.len() > begin
        && let Some(end) = memchr::memrchr(b'\n', chunk)
    {
        rest.extend_from_slice(&chunk[end + 1..]);
        chunk.truncate(end);
    }
    Ok(!chunk.is_empty())
}
