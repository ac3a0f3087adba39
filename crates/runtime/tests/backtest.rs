//! What the books have in common is taken from the record only while the record stands; either way the outcome is what
//! deciding everything again comes to.
#![allow(clippy::disallowed_methods, reason = "a test writes into a directory of its own")]

mod story;

use adjutant_engine::backtest::{Backtest, Tally};
use adjutant_model::Digest;
use adjutant_rules::{Book, Files};
use adjutant_runtime::archive::{Archive, Batch, Keep, Writer};
use adjutant_runtime::backtest::{Labels, run};
use adjutant_runtime::book_dir;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use story::Kept;

/// The bundled alerts as the shipped book decides them, and an archive of that.
fn kept(name: &str, book: &Book) -> (Vec<Kept>, PathBuf) {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/demo");
    let kept = story::decide(book, &demo, &demo.join("alerts.jsonl"));
    let dir = std::env::temp_dir().join(format!("adjutant-backtest-{}-{name}", std::process::id()));
    let mut writer = Writer::create(&dir, book.digest, &book.files, &book.schema, Vec::new()).unwrap();
    for kept in kept.chunks(50) {
        let mut batch = Batch::new().unwrap();
        for Kept { alert, decision, problems, duplicate } in kept {
            batch.add(&Keep { raw: b"{}", alert, decision, problems, duplicate: *duplicate });
        }
        batch.pack().unwrap();
        writer.append(&batch).unwrap();
    }
    writer.finish(true).unwrap();
    (kept, dir)
}

/// The shipped book with `to` for every `from` in its playbooks.
fn edited(edits: &[(&str, &str)]) -> Book {
    let mut files: Files = book_dir::shipped();
    for (from, to) in edits {
        let playbooks = files.iter_mut().filter(|(path, _)| path.starts_with("playbooks/"));
        let hit: usize = playbooks.map(|(_, text)| (text.matches(from).count(), *text = text.replace(from, to)).0).sum();
        assert!(hit > 0, "no playbook says `{from}`");
    }
    Book::load(files).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// What deciding every one of `kept` again comes to.
fn anew(kept: &[Kept], old: &Book, new: &Book) -> Tally {
    let (mut tally, mut spare) = (Tally::default(), None);
    for Kept { alert, decision, .. } in kept {
        let Ok(()) = Backtest::new(old, new, None).again(None, (decision, None), &mut &alert.row, &mut tally, &mut spare);
    }
    tally
}

/// What the archive comes to under `new`, when `old` is said to have decided it.
fn from_archive(dir: &Path, decided: Digest, old: Book, new: &Book) -> Tally {
    let archive = Archive::open(dir).unwrap();
    run(&archive, &HashMap::from([(decided, old)]), new, &Labels::default(), 2).unwrap().tally
}

fn same(one: &Tally, other: &Tally) {
    assert_eq!((one.decisions, &one.groups), (other.decisions, &other.groups));
    assert_eq!(one.queue(), other.queue());
}

const EDITS: [&[(&str, &str)]; 5] = [
    &[("close_below: 20", "close_below: 12")],
    &[("close_below: 20", "close_below: 30"), ("points: 10", "points: 15")],
    &[("needs: [", "needs: [alert.url, ")],
    &[("if: case.rules >=", "if: 1 + case.rules >")],
    &[("expires: ", "expires: 2001-01-01 # ")],
];

#[test]
fn a_backtest_comes_to_what_deciding_everything_again_does() {
    let (shipped, digest) = (story::shipped(), story::shipped().digest);
    let (kept, dir) = kept("common", &shipped);
    let mut flipped = 0;
    for edits in EDITS {
        let new = edited(edits);
        let tally = from_archive(&dir, digest, story::shipped(), &new);
        same(&tally, &anew(&kept, &shipped, &new));
        flipped += tally.flipped();
    }
    assert!(flipped > 20, "{flipped}: the edits must change something");
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_record_that_the_old_book_would_not_make_today_is_decided_anew() {
    let (shipped, digest) = (story::shipped(), story::shipped().digest);
    let (kept, dir) = kept("stale", &shipped);
    // As if another version of the program had decided: the conditions are worth something else by themselves.
    let said_to_be_old = edited(&[("close_below: 20", "close_below: 5"), ("if: case.rules >=", "if: 3 + case.rules >=")]);
    let new = edited(&[("close_below: 20", "close_below: 5"), ("if: case.rules >=", "if: 3 + case.rules >=")]);
    let wanted = anew(&kept, &said_to_be_old, &new);
    assert!(wanted.flipped() > 0);
    same(&from_archive(&dir, digest, said_to_be_old, &new), &wanted);
    fs::remove_dir_all(&dir).unwrap();
}
