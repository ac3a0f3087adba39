//! Measures what the ledger costs: `cargo run --release -p adjutant-ledger --example speed`.

use adjutant_ledger::verify::Whose;
use adjutant_ledger::{Checkpoint, Hash, SigningKey, Tree, Verifier, leaf};
use std::hint::black_box;
use std::time::{Duration, Instant};

const ENTRIES: u64 = 1_000_000;
const ENTRY_BYTES: usize = 700;
const CHECKPOINTS: u64 = 1_000;

/// How long `work` takes: the best of three times, because others use this machine too.
#[expect(clippy::disallowed_methods, reason = "measures, decides nothing")]
fn time<T>(what: &str, times: u64, mut work: impl FnMut() -> T) -> T {
    let mut best = Duration::MAX;
    let mut result = None;
    for _ in 0..3 {
        let started = Instant::now();
        result = Some(black_box(work()));
        best = best.min(started.elapsed());
    }
    println!("{what:<50} {:>8.3} s  {:>7.0} ns each", best.as_secs_f64(), best.as_secs_f64() * 1e9 / times as f64);
    result.expect("work was done")
}

/// The bytes of an entry, each different.
fn fill(entry: &mut [u8], number: u64) {
    entry[..8].copy_from_slice(&number.to_be_bytes());
}

fn main() {
    let mut entry = vec![b'x'; ENTRY_BYTES];
    println!("{ENTRIES} entries of {ENTRY_BYTES} bytes");
    let leaves: Vec<Hash> = time("leaf hashes", ENTRIES, || {
        let hash = |number| {
            fill(&mut entry, number);
            leaf(&entry)
        };
        (0..ENTRIES).map(hash).collect()
    });
    let tree = time("appended one by one", ENTRIES, || {
        let mut tree = Tree::new();
        leaves.iter().for_each(|leaf| tree.append(*leaf));
        tree
    });
    let key = SigningKey::from_seed("speed", &[1; 32]).expect("a key");
    let checkpoint = Checkpoint::of("speed", &tree).expect("a checkpoint");
    time("verified: leaf of the bytes, tree, one checkpoint", ENTRIES, || {
        let mut verifier = Verifier::new();
        verifier.expect(&checkpoint, Whose::External).expect("nothing contradicts it");
        for (number, leaf) in (0..).zip(&leaves) {
            fill(&mut entry, number);
            verifier.feed(number, *leaf, Some(&entry)).expect("the log is good");
        }
        verifier.finish().expect("the log is good")
    });
    let trusted = [key.verifier().clone()];
    let signed = checkpoint.sign(&[&key]).expect("signed").to_string();
    time("checkpoints signed", CHECKPOINTS, || {
        (0..CHECKPOINTS).for_each(|_| drop(black_box(checkpoint.sign(&[&key]))));
    });
    time("checkpoints opened", CHECKPOINTS, || {
        (0..CHECKPOINTS).for_each(|_| drop(black_box(Checkpoint::open(signed.as_bytes(), &trusted))));
    });
}
