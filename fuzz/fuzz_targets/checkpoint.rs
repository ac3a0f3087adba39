//! Signed notes, checkpoints, handovers and keys: any bytes have at most one reading, and what is read is written alike.
#![no_main]

use adjutant_ledger::{Checkpoint, Handover, Note, SigningKey, VerifierKey};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_seed("ledger.example/soc", &[2; 32]).expect("a key"));
static TRUSTED: LazyLock<[VerifierKey; 1]> = LazyLock::new(|| [KEY.verifier().clone()]);

/// What is read from bytes is written as these bytes.
fn reads(data: &[u8]) {
    if let Ok(note) = Note::parse(data) {
        assert_eq!(note.to_string().as_bytes(), data);
    }
    if let Ok(handover) = Handover::parse(data) {
        assert_eq!(handover.to_string().as_bytes(), data);
    }
    if let Ok(opened) = Checkpoint::open(data, &*TRUSTED) {
        assert!(data.starts_with(opened.checkpoint.to_string().as_bytes()));
    }
}

/// The same for texts; and whatever is a checkpoint can be signed, and opened again.
fn texts(text: &str) {
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(key) = SigningKey::from_secret_text(text) {
        assert_eq!(key.to_secret_text().as_str(), text);
    }
    let Ok(checkpoint) = Checkpoint::parse(text) else { return };
    assert_eq!(checkpoint.to_string(), text);
    if let Ok(note) = checkpoint.sign(&[&KEY]) {
        let opened = Checkpoint::open(note.to_string().as_bytes(), &*TRUSTED).expect("what was signed can be opened");
        assert_eq!(opened.checkpoint, checkpoint);
    }
}

fuzz_target!(|data: &[u8]| {
    reads(data);
    if let Ok(text) = str::from_utf8(data) {
        texts(text);
    }
});
