//! The model itself, without SQLite.

use super::content::Content;
use super::file::{File, Odds, SECTOR_BYTES};
use crate::Rng;
use std::collections::BTreeSet;

const SEEDS: u64 = 200;

fn filled(byte: u8, sectors: usize) -> Vec<u8> {
    vec![byte; sectors * SECTOR_BYTES]
}

fn cuts(file: &File, keep: u64, tear: u64) -> BTreeSet<Vec<u8>> {
    (0..SEEDS).map(|seed| file.cut(&mut Rng::new(seed), Odds { keep, tear }).seen().to_vec()).collect()
}

#[test]
fn what_was_synced_survives_and_what_was_not_may_not() {
    let mut file = File::default();
    file.write(0, b"synced");
    file.sync();
    file.write(0, b"SYN");
    let expected: BTreeSet<_> = [b"synced".to_vec(), b"SYNced".to_vec()].into();
    assert_eq!(cuts(&file, 50, 0), expected);
    assert_eq!(cuts(&file, 100, 0), [b"SYNced".to_vec()].into());
}

#[test]
fn a_torn_write_keeps_any_of_its_sectors_whole() {
    let mut file = File::default();
    file.write(0, &filled(1, 3));
    file.sync();
    file.write(0, &filled(2, 3));
    let cuts = cuts(&file, 0, 100);
    assert_eq!(cuts.len(), 8, "every subset of three sectors");
    let whole = |bytes: &Vec<u8>| bytes.chunks(SECTOR_BYTES).all(|sector| sector.iter().all(|byte| *byte == sector[0]));
    assert!(cuts.iter().all(whole));
}

#[test]
fn sectors_are_those_of_the_disk_not_of_the_write() {
    let mut file = File::default();
    file.write(0, &filled(1, 2));
    file.sync();
    file.write(SECTOR_BYTES - 2, &[2; 4]);
    let around: BTreeSet<_> =
        cuts(&file, 0, 100).into_iter().map(|bytes| bytes[SECTOR_BYTES - 3..SECTOR_BYTES + 3].to_vec()).collect();
    let expected = [[1, 1, 1, 1, 1, 1], [1, 2, 2, 1, 1, 1], [1, 1, 1, 2, 2, 1], [1, 2, 2, 2, 2, 1]];
    assert_eq!(around, expected.map(Vec::from).into());
}

#[test]
fn growth_may_come_without_the_bytes_and_holes_may_hold_anything() {
    let mut file = File::default();
    file.write(0, b"kept");
    file.sync();
    file.write(8, b"grown");
    let cuts = cuts(&file, 50, 0);
    assert!(cuts.iter().all(|bytes| bytes.starts_with(b"kept") && [4, 13].contains(&bytes.len())));
    let is = |wanted: &[u8]| cuts.iter().any(|bytes| bytes == wanted);
    assert!(is(b"kept") && is(b"kept\0\0\0\0grown") && is(b"kept\0\0\0\0\0\0\0\0\0"));
    assert!(cuts.iter().any(|bytes| bytes.len() == 13 && !bytes.ends_with(b"grown") && !bytes.ends_with(&[0; 5])), "garbage");
}

#[test]
fn pending_writes_land_in_any_order() {
    let mut file = File::default();
    file.write(0, b"a");
    file.write(0, b"b");
    assert_eq!(cuts(&file, 100, 0), [b"a".to_vec(), b"b".to_vec()].into());
}

#[test]
fn what_a_failed_sync_lost_no_later_sync_saves() {
    let mut file = File::default();
    file.write(0, b"old old ");
    file.sync();
    file.write(0, b"new ");
    file.write(8, b"longer");
    file.lose();
    file.write(2, b"W");
    file.sync();
    assert_eq!(file.seen(), b"neW old longer");
    let none = cuts(&file, 0, 0);
    assert_eq!(none, [b"olW old \0\0\0\0\0\0".to_vec()].into(), "newer bytes and the size are there, the lost ones are not");
    assert!(cuts(&file, 100, 0).contains(b"neW old longer".as_slice()), "the lost ones may be there all the same");
}

#[test]
fn names_are_pending_until_the_directory_is_synced() {
    let mut content = Content::default();
    content.create("stays");
    content.sync_names();
    content.create("new");
    content.delete("stays");
    let names: BTreeSet<Vec<String>> =
        (0..SEEDS).map(|seed| content.cut(&mut Rng::new(seed)).files().into_keys().collect()).collect();
    assert_eq!(names.len(), 4, "each of the two on its own: {names:?}");
    content.sync_names();
    assert!((0..SEEDS).all(|seed| content.cut(&mut Rng::new(seed)).files().into_keys().eq(["new"])));
}

#[test]
fn a_deleted_name_comes_back_with_what_was_synced() {
    let mut content = Content::default();
    let number = content.create("log");
    content.file(number).write(0, b"one");
    content.file(number).sync();
    content.sync_names();
    content.delete("log");
    let again = content.create("log");
    content.file(again).write(0, b"two");
    content.file(again).sync();
    let found: BTreeSet<_> = (0..SEEDS).map(|seed| content.cut(&mut Rng::new(seed)).files().remove("log")).collect();
    assert_eq!(found, [None, Some(b"one".to_vec()), Some(b"two".to_vec())].into());
}

#[test]
fn the_same_seed_cuts_the_same() {
    let mut content = Content::default();
    for name in ["a", "b", "c"] {
        let number = content.create(name);
        (0..20).for_each(|nth: usize| content.file(number).write(nth * 700, &filled(nth as u8, 2)));
    }
    let files = |seed| content.cut(&mut Rng::new(seed)).files();
    assert!((0..SEEDS).all(|seed| files(seed) == files(seed)));
    let different: BTreeSet<_> = (0..SEEDS).map(files).collect();
    assert!(different.len() as u64 > SEEDS / 2, "{} of {SEEDS}", different.len());
}
