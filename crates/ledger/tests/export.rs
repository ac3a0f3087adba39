//! The standalone verifier over the sample in `data/`, which also pins every format: docs/ledger.md shows the same files.

#[path = "../examples/verify.rs"]
#[expect(dead_code, reason = "the example's `main` is not for tests")]
mod example;

use adjutant_ledger::{Checkpoint, Handover, Report, SigningKey, Tree, leaf};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::path::Path;

const LOG: &str = include_str!("data/log.jsonl");
const CHECKPOINT: &str = include_str!("data/checkpoint.txt");
const KEY: &str = include_str!("data/key.txt");

const SIZE: u64 = 8;
const REMOVED: u64 = 3;
const HANDOVER: u64 = 5;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed("ledger.example/soc", &[seed; 32]).unwrap()
}

fn entry(number: u64) -> Vec<u8> {
    match number {
        HANDOVER => Handover::sign(&key(1), &key(2)).unwrap().to_string().into_bytes(),
        _ => format!(r#"{{"event":"decision","number":{number}}}"#).into_bytes(),
    }
}

fn line(number: u64) -> String {
    let leaf = leaf(&entry(number));
    let bytes = STANDARD.encode(entry(number));
    let entry = if number == REMOVED { String::new() } else { format!(r#","entry":"{bytes}""#) };
    format!(r#"{{"seq":{number},"leaf":"{leaf}"{entry}}}"#) + "\n"
}

fn checkpoint(size: u64, signer: &SigningKey) -> String {
    let mut tree = Tree::new();
    (0..size).for_each(|number| tree.append(leaf(&entry(number))));
    Checkpoint::of("ledger.example/soc", &tree).unwrap().sign(&[signer]).unwrap().to_string()
}

/// What the example says of these files, with its error as text.
fn verify(log: &[u8], key: &str, checkpoint: &str) -> Result<Report, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (log, checkpoint) = (file("log", log), file("checkpoint", checkpoint.as_bytes()));
    example::verify(&log, key.trim_end(), &[checkpoint]).map_err(|error| error.to_string())
}

#[test]
fn the_sample_is_what_the_code_writes() {
    assert_eq!(LOG, (0..SIZE).map(line).collect::<String>());
    assert_eq!(CHECKPOINT, checkpoint(SIZE, &key(2)));
    assert_eq!(KEY, format!("{}\n", key(1).verifier()));
}

#[test]
fn the_sample_verifies_from_the_first_key_and_from_the_present_one() {
    for key in [KEY, &key(2).verifier().to_string()] {
        let report = verify(LOG.as_bytes(), key, CHECKPOINT).unwrap();
        assert_eq!((report.tree.len(), report.removed, report.vouched), (SIZE, 1, SIZE));
    }
    let stranger = key(3).verifier().to_string();
    assert!(verify(LOG.as_bytes(), &stranger, CHECKPOINT).unwrap_err().contains("not signed by any trusted key"));
    // The key that was given up, after it was given up.
    assert!(verify(LOG.as_bytes(), KEY, &checkpoint(SIZE, &key(1))).is_err());
}

#[test]
fn every_changed_byte_of_the_export_is_found_and_its_entry_named() {
    let mut number = 0;
    for at in 0..LOG.len() {
        let mut bytes = LOG.as_bytes().to_vec();
        bytes[at] ^= 1;
        let error = verify(&bytes, KEY, CHECKPOINT).unwrap_err();
        // The leaf without bytes is vouched for by the tree alone.
        let named = error.contains(&format!("entry {number}")) || number == REMOVED && error.contains("rewritten");
        assert!(named, "byte {at}, entry {number}: {error}");
        number += u64::from(LOG.as_bytes()[at] == b'\n');
    }
}

#[test]
fn a_log_that_was_cut_off_is_found() {
    for have in 0..SIZE {
        let log: String = (0..have).map(line).collect();
        let error = verify(log.as_bytes(), &key(2).verifier().to_string(), CHECKPOINT).unwrap_err();
        assert!(error.contains(&format!("cut off: it has {have} entries")), "{error}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for line in ["", "x", "[]", "{}", r#"{"seq":0}"#, r#"{"seq":-1,"leaf":""}"#, r#"{"seq":0,"leaf":"00","entry":1}"#] {
        let error = verify(format!("{line}\n").as_bytes(), KEY, CHECKPOINT).unwrap_err();
        assert!(error.starts_with("entry 0 cannot be read"), "{line}: {error}");
    }
    assert!(example::verify("absent", KEY.trim_end(), &[]).is_err());
    assert!(!Path::new("absent").exists());
}
