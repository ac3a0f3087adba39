//! What a hand does whose store was restored, or whose process was ended right after an intent.

use super::*;
use crate::protocol::{Reply, Request};

/// Puts an older store back, as it was copied to `copy`.
fn put_back(bench: &Bench, copy: &std::path::Path, names: &[&str]) {
    for name in ["hand.db", "hand.db-wal", "hand.db-shm"] {
        let _ = std::fs::remove_file(bench.folder.path().join(name));
    }
    for name in names {
        std::fs::copy(copy.join(name), bench.folder.path().join(name)).unwrap();
    }
}

/// Copies what a hand that ended left.
fn backup(bench: &Bench) -> tempfile::TempDir {
    let copy = quick_folder();
    for name in ["hand.db", "hand.mark"] {
        std::fs::copy(bench.folder.path().join(name), copy.path().join(name)).unwrap();
    }
    copy
}

#[test]
fn a_restored_store_voids_what_was_approved_before() {
    for names in [&["hand.db"][..], &["hand.db", "hand.mark"]] {
        let bench = Bench::new(3);
        let hand = bench.hand();
        let done = approved(&hand, &["u0"]);
        let (waiting, _) = hand.plan(draft(&["u1"], Autonomy::Recommend)).unwrap();
        drop(hand);
        let copy = backup(&bench);
        audit(&bench, &carried_out(&bench, &done));
        bench.fake.world().accounts.get_mut("u0").unwrap().enabled = true; // By a person, since.
        put_back(&bench, copy.path(), names);
        assert_eq!(carried_out(&bench, &done)[0].stage, Stage::Cancelled, "{names:?}");
        let hand = bench.hand();
        let said = say(&hand, &key("bo"), Verb::Approve, &waiting.to_string()).unwrap_err().to_string();
        assert!(said.contains("restored"), "{said}");
        assert!(bench.enabled("u0") && bench.enabled("u1"));
        let standing = crate::store::standing(bench.folder.path()).unwrap();
        assert!(standing.epoch == 2 && standing.restored.is_none() && standing.began.is_some(), "{standing:?}");
        assert_eq!(hand.plan(draft(&["u2"], Autonomy::Recommend)).unwrap().1.epoch, 2);
        assert_eq!(bench.hand().epoch().unwrap(), 2, "once");
    }
}

#[test]
pub(super) fn what_was_intended_before_a_restore_is_looked_at_and_not_begun_again() {
    let bench = Bench::new(1);
    let digest = approved(&bench.hand(), &["u0"]);
    bench.fake.fail(Call::Act, 0, Fault::CrashBefore);
    let hand = bench.hand();
    catch_unwind(AssertUnwindSafe(|| hand.carry_out(&hand.store().plan(&digest).unwrap()))).unwrap_err();
    assert_eq!(stages(&hand, &digest), [Stage::Intended]);
    hand.begin_epoch().unwrap();
    assert_eq!(carried_out(&bench, &digest)[0].stage, Stage::Cancelled);
    assert!(bench.enabled("u0"));
}

#[test]
fn what_a_process_left_unbegun_is_begun_once_more() {
    let bench = Bench::new(1);
    let digest = approved(&bench.hand(), &["u0"]);
    bench.fake.fail(Call::Act, 0, Fault::CrashBefore);
    let actions = carried_out(&bench, &digest);
    audit(&bench, &actions);
    assert_eq!(actions[0].stage, Stage::Done);
    assert_eq!(bench.fake.world().effects.len(), 1);
}

#[test]
fn a_service_that_has_more_of_the_journal_shows_that_the_store_is_old() {
    let bench = Bench::new(1);
    let hand = bench.hand();
    let digest = approved(&hand, &["u0"]);
    let last = hand.store().last_line().unwrap();
    assert!(matches!(hand.answer(Request::Journal { after: last }), Reply::Journal { lines } if lines.is_empty()));
    assert_eq!(hand.epoch().unwrap(), 1);
    let Reply::Journal { lines } = hand.answer(Request::Journal { after: last + 5 }) else { panic!("no journal") };
    assert_eq!((lines[0].seq, lines[0].kind.as_str(), hand.epoch().unwrap()), (last + 6, "epoch", 2));
    assert_eq!(carried_out(&bench, &digest)[0].stage, Stage::Cancelled);
    assert!(matches!(hand.answer(Request::Journal { after: u64::MAX }), Reply::Refused { .. }));
    assert_eq!(hand.epoch().unwrap(), 2);
}

#[test]
fn a_backup_that_is_put_back_begins_another_epoch() {
    let bench = Bench::new(1);
    let hand = bench.hand();
    let digest = approved(&hand, &["u0"]);
    let dir = quick_folder();
    let (file, folder) = (dir.path().join("copy.db"), dir.path().join("hand"));
    crate::store::copy(bench.folder.path(), &file).unwrap();
    assert!(crate::store::copy(bench.folder.path(), &file).is_err(), "no copy is written over");
    assert!(crate::store::put_back(&file, bench.folder.path()).is_err(), "no store is written over");
    crate::store::put_back(&file, &folder).unwrap();
    assert!(crate::store::standing(&folder).unwrap().restored.is_some());
    let parts = Parts { store: Store::open(&folder).unwrap(), ..bench.parts() };
    let hand = Hand::new(parts).unwrap();
    assert_eq!((stages(&hand, &digest), hand.epoch().unwrap()), (vec![Stage::Cancelled], 2));
    std::fs::write(&file, "no store").unwrap();
    assert!(crate::store::put_back(&file, &dir.path().join("other")).is_err());
}
