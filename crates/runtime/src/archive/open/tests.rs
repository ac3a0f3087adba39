//! Tests of opening an archive, damaged ones above all.
use super::*;
use crate::archive::entry::tests::{keep, sample};
use crate::archive::{Batch, Writer};
use std::collections::BTreeMap;

fn dir(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("adjutant-archive-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    dir
}

fn book() -> (Digest, BTreeMap<String, String>) {
    (Digest::of(b"book"), BTreeMap::from([("sources/okta.yaml".into(), "source: okta\n".into())]))
}

/// Writes the decisions with these numbers as one run, in blocks of seven.
fn write(dir: &Path, numbers: std::ops::Range<u64>, complete: bool) {
    let schema = Schema::built_in();
    let (digest, files) = book();
    let mut writer = Writer::create(dir, digest, &files, &schema, vec!["a.jsonl".into()]).unwrap();
    let mut batch = Batch::new().unwrap();
    let numbers: Vec<u64> = numbers.collect();
    for block in numbers.chunks(7) {
        batch.clear();
        for number in block {
            let entry = sample(&schema, *number);
            batch.add(&keep(&entry, format!("raw {number}").as_bytes()));
        }
        batch.pack().unwrap();
        writer.append(&batch).unwrap();
    }
    writer.finish(complete).unwrap();
}

fn lines(archive: &Archive) -> Vec<u64> {
    let mut cursor = Cursor::new().unwrap();
    let mut lines = Vec::new();
    for segment in archive.segments().unwrap() {
        let map = segment.map(&Schema::built_in());
        for block in 0..segment.blocks() {
            segment.read(block, &map, &mut cursor, |entry| lines.push(entry.alert.place.line)).unwrap();
        }
    }
    lines
}

fn find(archive: &Archive, prefix: &str) -> Vec<Found> {
    archive.find::<Error>(prefix, &mut |_| Ok(Schema::built_in())).unwrap()
}

#[test]
fn decisions_come_back_in_order_and_by_id() {
    let dir = dir("back");
    write(&dir, 0..100, true);
    write(&dir, 100..150, false);
    let archive = Archive::open(&dir).unwrap();
    assert_eq!(lines(&archive), (0..150).collect::<Vec<_>>());
    assert_eq!(archive.runs().iter().map(|run| run.complete).collect::<Vec<_>>(), [true, false]);
    let wanted = sample(&Schema::built_in(), 42);
    let found = find(&archive, &wanted.alert.id().to_string()[..12]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].entry.alert.place.line, found[0].raw.as_slice()), (42, b"raw 42".as_slice()));
    let of_case = find(&archive, &wanted.decision.case.to_string());
    assert_eq!(of_case.iter().map(|found| found.entry.alert.place.line).collect::<Vec<_>>(), [99, 149]);
    assert!(find(&archive, "ffffffffffff").is_empty());
    let book = archive.book_dir(book().0).join("sources/okta.yaml");
    assert_eq!(std::fs::read_to_string(book).unwrap(), "source: okta\n");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_same_run_again_changes_nothing() {
    let dir = dir("again");
    write(&dir, 0..20, true);
    write(&dir, 0..20, true);
    let archive = Archive::open(&dir).unwrap();
    assert_eq!(lines(&archive).len(), 20);
    let names = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["alerts", "books", "decisions", "runs"]);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_run_that_does_not_finish_leaves_nothing() {
    let dir = dir("nothing");
    let (digest, files) = book();
    let schema = Schema::built_in();
    let mut writer = Writer::create(&dir, digest, &files, &schema, Vec::new()).unwrap();
    let mut batch = Batch::new().unwrap();
    let entry = sample(&schema, 1);
    batch.add(&keep(&entry, b"raw"));
    batch.pack().unwrap();
    writer.append(&batch).unwrap();
    drop(writer);
    assert_eq!(lines(&Archive::open(&dir).unwrap()), Vec::<u64>::new());
    assert_eq!(std::fs::read_dir(dir.join(DECISIONS)).unwrap().count(), 0);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn damage_is_told_and_never_read_as_decisions() {
    let dir = dir("damage");
    write(&dir, 0..50, true);
    let path = std::fs::read_dir(dir.join(DECISIONS)).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(97) {
        std::fs::write(&path, &whole[..at]).unwrap();
        assert!(Archive::open(&dir).unwrap().segments().is_err(), "cut to {at}");
    }
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        let Ok(segments) = Archive::open(&dir).unwrap().segments() else { continue };
        let mut cursor = Cursor::new().unwrap();
        let map = segments[0].map(&Schema::built_in());
        let mut read = Vec::new();
        for block in 0..segments[0].blocks() {
            let _ = segments[0].read(block, &map, &mut cursor, |entry| read.push(entry.alert.place.line));
        }
        // A block is read as it was written, or not at all.
        let blocks = read.chunk_by(|line, next| line / 7 == next / 7).all(|block| block.len() == 7 || block == [49]);
        assert!(read.is_sorted() && blocks && read.iter().all(|line| *line < 50), "byte {at} was changed: {read:?}");
    }
    std::fs::remove_dir_all(dir).unwrap();
}
