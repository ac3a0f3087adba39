//! Everything that can be done to a small log by whoever can write to its store: each must be found, and the first bad
//! entry named.

use adjutant_ledger::verify::Whose;
use adjutant_ledger::{Checkpoint, Fault, Handover, Hash, Keyring, Report, SigningKey, Tree, Verifier, leaf};

const SIZE: u64 = 13;

/// An entry as it is stored: number, leaf, and bytes unless they were removed.
type Stored = (u64, Hash, Option<Vec<u8>>);

fn log() -> Vec<Stored> {
    let entry = |number: u64| format!(r#"{{"event":"decision","number":{number},"outcome":"escalate"}}"#).into_bytes();
    (0..SIZE).map(|number| (number, leaf(&entry(number)), Some(entry(number)))).collect()
}

fn checkpoint(log: &[Stored], size: u64) -> Checkpoint {
    let mut tree = Tree::new();
    log.iter().take(size as usize).for_each(|(_, leaf, _)| tree.append(*leaf));
    Checkpoint::of("log", &tree).unwrap()
}

fn verify(log: &[Stored], checkpoints: &[(Checkpoint, Whose)]) -> Result<Report, Fault> {
    let mut verifier = Verifier::new();
    for (checkpoint, whose) in checkpoints {
        verifier.expect(checkpoint, *whose)?;
    }
    for (number, leaf, entry) in log {
        verifier.feed(*number, *leaf, entry.as_deref())?;
    }
    verifier.finish()
}

/// The log's own checkpoints, one after each five entries and one at the end.
fn own(log: &[Stored]) -> Vec<(Checkpoint, Whose)> {
    [5, 10, SIZE].map(|size| (checkpoint(log, size), Whose::Own)).to_vec()
}

/// The first entry after the last checkpoint before entry `index`, and the checkpoint that covers it.
fn between(index: u64) -> (u64, u64) {
    match index {
        0..5 => (0, 5),
        5..10 => (5, 10),
        _ => (10, SIZE),
    }
}

/// Gives every entry the number of its place, as whoever covers up a change would.
fn renumbered(log: Vec<Stored>) -> Vec<Stored> {
    (0..).zip(log).map(|(number, (_, leaf, entry))| (number, leaf, entry)).collect()
}

#[test]
fn an_untouched_log_is_right() {
    let log = log();
    let report = verify(&log, &own(&log)).unwrap();
    assert_eq!((report.tree.len(), report.removed, report.checkpoints, report.vouched), (SIZE, 0, 3, SIZE));
    assert_eq!(report.tree.root(), checkpoint(&log, SIZE).root());
}

#[test]
fn every_changed_byte_of_every_entry_is_found() {
    let good = log();
    for at in 0..good.len() {
        for byte in 0..good[at].2.as_ref().unwrap().len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut log = good.clone();
                log[at].2.as_mut().unwrap()[byte] ^= flip;
                let fault = verify(&log, &own(&good)).unwrap_err();
                assert!(matches!(fault, Fault::Entry { index, .. } if index == at as u64), "{fault}");
                assert_eq!(fault.first_bad(), Some(at as u64));
            }
        }
    }
}

#[test]
fn every_changed_byte_of_every_leaf_is_found() {
    let good = log();
    for at in 0..good.len() {
        for byte in 0..32 {
            let mut log = good.clone();
            log[at].1.0[byte] ^= 1;
            let fault = verify(&log, &own(&good)).unwrap_err();
            assert!(matches!(fault, Fault::Entry { index, .. } if index == at as u64), "{fault}");
            // With the bytes removed, only the tree can tell.
            log[at].2 = None;
            let (from, size) = between(at as u64);
            assert_eq!(verify(&log, &own(&good)), Err(Fault::Tree { size, from }));
        }
    }
}

#[test]
fn bytes_that_are_shorter_longer_or_exchanged_with_their_leaf_are_found() {
    let good = log();
    for at in 0..good.len() {
        let (from, size) = between(at as u64);
        let entry = good[at].2.clone().unwrap();
        for other in [Vec::new(), entry[1..].to_vec(), entry[..entry.len() - 1].to_vec(), [&entry[..], b" "].concat()] {
            let mut log = good.clone();
            log[at].2 = Some(other.clone());
            assert_eq!(verify(&log, &own(&good)).unwrap_err().first_bad(), Some(at as u64));
            log[at].1 = leaf(&other);
            assert_eq!(verify(&log, &own(&good)), Err(Fault::Tree { size, from }));
        }
    }
}

#[test]
fn every_deleted_entry_is_found() {
    let good = log();
    for at in 0..good.len() {
        let mut log = good.clone();
        log.remove(at);
        let fault = verify(&log, &own(&good)).unwrap_err();
        let last = at + 1 == good.len();
        let wanted = if last {
            Fault::Truncated { have: SIZE - 1, checkpoint: SIZE }
        } else {
            Fault::Missing { index: at as u64, found: at as u64 + 1 }
        };
        assert_eq!((fault.first_bad(), fault), (Some(at as u64), wanted));
        let (from, size) = between(at as u64);
        let covered_up = verify(&renumbered(log), &own(&good)).unwrap_err();
        let wanted =
            if size == SIZE { Fault::Truncated { have: SIZE - 1, checkpoint: SIZE } } else { Fault::Tree { size, from } };
        assert_eq!(covered_up, wanted);
    }
}

#[test]
fn every_swapped_pair_is_found() {
    let good = log();
    for at in 0..good.len() - 1 {
        let mut log = good.clone();
        log.swap(at, at + 1);
        let fault = verify(&log, &own(&good)).unwrap_err();
        assert_eq!(fault, Fault::Missing { index: at as u64, found: at as u64 + 1 });
        let (from, size) = between(at as u64);
        assert_eq!(verify(&renumbered(log), &own(&good)), Err(Fault::Tree { size, from }));
        // Only the bytes, under the leaves that were there.
        let mut log = good.clone();
        (log[at].2, log[at + 1].2) = (good[at + 1].2.clone(), good[at].2.clone());
        assert!(matches!(verify(&log, &own(&good)), Err(Fault::Entry { index, .. }) if index == at as u64));
    }
}

#[test]
fn every_repeated_and_every_inserted_entry_is_found() {
    let good = log();
    for at in 0..good.len() {
        let mut log = good.clone();
        log.insert(at, good[at].clone());
        let index = at as u64 + 1;
        assert_eq!(verify(&log, &own(&good)), Err(Fault::Repeated { index, found: at as u64 }));
        let covered_up = verify(&renumbered(log), &own(&good));
        if index == SIZE {
            // An entry after the last checkpoint is nobody's yet, and the report says so.
            assert_eq!(covered_up.map(|report| (report.tree.len(), report.vouched)), Ok((SIZE + 1, SIZE)));
        } else {
            let (from, size) = between(index);
            assert_eq!(covered_up, Err(Fault::Tree { size, from }));
        }
    }
}

#[test]
fn every_truncation_is_found() {
    let good = log();
    for have in 0..SIZE {
        let fault = verify(&good[..have as usize], &own(&good)).unwrap_err();
        let (_, checkpoint) = between(have);
        assert_eq!(fault, Fault::Truncated { have, checkpoint });
        assert_eq!(fault.first_bad(), Some(have));
    }
}

#[test]
fn a_log_without_checkpoints_proves_only_its_leaves() {
    let good = log();
    let report = verify(&good[..7], &[]).unwrap();
    assert_eq!((report.tree.len(), report.vouched), (7, 0));
    let report = verify(&good, &own(&good)[..1]).unwrap();
    assert_eq!((report.tree.len(), report.vouched), (SIZE, 5));
}

#[test]
fn removed_bytes_are_counted_and_everything_else_still_verified() {
    let mut log = log();
    let checkpoints = own(&log);
    log.iter_mut().take(6).for_each(|stored| stored.2 = None);
    assert_eq!(verify(&log, &checkpoints).map(|report| (report.removed, report.vouched)), Ok((6, SIZE)));
}

/// Whoever has the key can write another log that is right in itself; not one that agrees with what others kept.
#[test]
fn a_log_rewritten_with_its_key_is_caught_by_an_external_checkpoint() {
    let key = SigningKey::from_seed("log", &[7; 32]).unwrap();
    let trusted = [key.verifier().clone()];
    let good = log();
    for changed in 0..SIZE {
        let mut log = good.clone();
        let bytes = b"never happened".to_vec();
        log[changed as usize] = (changed, leaf(&bytes), Some(bytes));
        let signed = checkpoint(&log, SIZE).sign(&[&key]).unwrap().to_string();
        let forged = Checkpoint::open(signed.as_bytes(), &trusted).unwrap().checkpoint;
        assert!(verify(&log, &[(forged.clone(), Whose::Own)]).is_ok(), "right in itself");
        for size in 1..SIZE {
            let external = checkpoint(&good, size);
            let found = verify(&log, &[(forged.clone(), Whose::Own), (external, Whose::External)]);
            let wanted = if changed < size { Some(Fault::Rewritten { size, from: 0 }) } else { None };
            assert_eq!(found.err(), wanted, "entry {changed}, checkpoint of {size}");
        }
        let external = checkpoint(&good, SIZE);
        assert_eq!(verify(&log, &[(forged, Whose::Own), (external, Whose::External)]), Err(Fault::Fork { size: SIZE }));
    }
}

#[test]
fn checkpoints_of_another_log_or_given_too_late_are_refused() {
    let good = log();
    let other = Checkpoint::new("other", 5, checkpoint(&good, 5).root()).unwrap();
    let mixed = [(checkpoint(&good, 10), Whose::Own), (other, Whose::External)];
    assert_eq!(verify(&good, &mixed), Err(Fault::OtherLog { expected: "log".into(), found: "other".into() }));
    let mut verifier = Verifier::new();
    good.iter().take(6).try_for_each(|(number, leaf, entry)| verifier.feed(*number, *leaf, entry.as_deref())).unwrap();
    assert_eq!(verifier.expect(&checkpoint(&good, 5), Whose::Own), Err(Fault::Late { size: 5, have: 6 }));
    assert_eq!(verifier.expect(&checkpoint(&good, 6), Whose::Own), Ok(()));
}

#[test]
fn verifying_goes_on_after_a_tree_that_was_verified_before() {
    let mut log = log();
    let mut verifier = Verifier::after(verify(&log[..10], &own(&log)[..2]).unwrap().tree);
    verifier.expect(&checkpoint(&log, SIZE), Whose::Own).unwrap();
    log[11].2.as_mut().unwrap()[0] ^= 1;
    let fed = log[10..].iter().try_for_each(|(number, leaf, entry)| verifier.feed(*number, *leaf, entry.as_deref()));
    assert_eq!(fed.unwrap_err().first_bad(), Some(11));
}

/// A log whose key changes at its entry 6: whoever trusts the first key verifies all of it.
#[test]
fn a_change_of_keys_is_followed_through_the_log() {
    let [old, new] = [1, 2].map(|seed| SigningKey::from_seed("log", &[seed; 32]).unwrap());
    let mut log = log();
    let handover = Handover::sign(&old, &new).unwrap().to_string().into_bytes();
    log[6] = (6, leaf(&handover), Some(handover));
    let mut ring = Keyring::new(old.verifier().clone());
    for (number, _, entry) in &log {
        let entry = entry.as_deref().unwrap();
        if Handover::is_claimed_by(entry) {
            ring.accept(*number, &Handover::parse(entry).unwrap()).unwrap();
        }
    }
    let signed = |size, keys: &[&SigningKey]| checkpoint(&log, size).sign(keys).unwrap().to_string();
    let checkpoints = [signed(6, &[&old]), signed(7, &[&old, &new]), signed(SIZE, &[&new])];
    let opened = checkpoints.map(|text| (ring.open(text.as_bytes()).unwrap().checkpoint, Whose::Own));
    assert_eq!(verify(&log, &opened).map(|report| report.vouched), Ok(SIZE));
    // The old key, lost after it was given up, signs nothing any more.
    assert!(ring.open(signed(SIZE, &[&old]).as_bytes()).is_err());
}
