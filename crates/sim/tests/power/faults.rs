//! Every call of a run fails once; the disk fills up.

use crate::ledger::{Broken, History, Settings, ask, open};
use adjutant_sim::disk::{Error, Fault, Op, alone};
use adjutant_sim::{Disk, Rng};

const TRANSACTIONS: u64 = 20;
const SEED: u64 = 11;
/// How SQLite puts `SQLITE_FULL`.
const FULL: &str = "database or disk is full";

/// Opens and runs the ledger on `disk`; its history, and whether an error was reported.
fn run(disk: &Disk, settings: Settings) -> (History, bool) {
    let mut history = History::default();
    let Ok(mut conn) = open(disk, settings) else { return (history, true) };
    history.run(&mut conn, &mut Rng::new(SEED), TRANSACTIONS);
    // Closing reports nothing: what fails there was not asked for.
    disk.heal();
    let reported = !history.errors.is_empty();
    (history, reported)
}

/// The calls of a kind in a run where nothing fails, without those that close it.
fn calls(op: Op, settings: Settings) -> u64 {
    let disk = Disk::new();
    let mut conn = open(&disk, settings).unwrap();
    let mut history = History::default();
    history.run(&mut conn, &mut Rng::new(SEED), TRANSACTIONS);
    assert!(history.errors.is_empty() && history.acknowledged.len() as u64 > TRANSACTIONS / 2);
    disk.counts().of(op)
}

/// Lets each call of a kind fail in a run of its own; how many failed without anybody being told.
fn fail_each(op: Op, error: Error, settings: Settings) -> u64 {
    let calls = calls(op, settings);
    assert!(calls > 0, "{op:?} is never called");
    let mut silent = 0;
    for n in 1..=calls {
        let disk = Disk::new();
        disk.fail(Fault::Nth { op, n, error });
        let (history, reported) = run(&disk, settings);
        silent += u64::from(!reported);
        // The disk as it is, and as it may be if the power goes too: two worlds.
        for disk in [disk.cut(n), disk] {
            let checked = history.clone().check(&disk, settings);
            assert!(checked.is_ok(), "{op:?} {n} of {calls} fails with {error:?}: {:?}", checked.err());
        }
    }
    silent
}

/// SQLite checks the WAL in only when told, so that every error has somebody to be told to.
fn told() -> Settings {
    Settings { checkpoint_frames: 0, ..Settings::FULL }
}

#[test]
fn a_write_that_fails_is_reported_and_nothing_is_lost() {
    let _alone = alone();
    for error in [Error::Io, Error::Full, Error::Short] {
        assert_eq!(fail_each(Op::Write, error, told()), 0);
    }
}

#[test]
fn a_sync_that_fails_is_reported_and_nothing_is_lost() {
    let _alone = alone();
    assert_eq!(fail_each(Op::Sync, Error::Io, told()), 0);
    assert_eq!(fail_each(Op::Sync, Error::Io, Settings { exclusive: true, ..told() }), 0);
}

#[test]
fn other_calls_that_fail_lose_nothing() {
    let _alone = alone();
    for op in [Op::Open, Op::Read, Op::Truncate] {
        fail_each(op, Error::Io, told());
    }
}

#[test]
fn what_fails_while_sqlite_checks_in_by_itself_loses_nothing() {
    let _alone = alone();
    let settings = Settings { checkpoint_frames: 5, cache_pages: 5, ..Settings::FULL };
    for op in [Op::Write, Op::Sync] {
        fail_each(op, Error::Io, settings);
    }
}

#[test]
fn a_disk_that_fails_from_some_call_on_acknowledges_nothing_more() {
    let _alone = alone();
    for n in (1..=calls(Op::Sync, told())).step_by(3) {
        let disk = Disk::new();
        disk.fail(Fault::From { op: Op::Sync, n, error: Error::Io });
        let (mut history, reported) = run(&disk, told());
        assert!(reported);
        history.check(&disk.cut(n), told()).unwrap();
    }
}

#[test]
fn a_full_disk_refuses_and_takes_up_again_when_there_is_room() {
    let _alone = alone();
    for room in (0..40).map(|pages| pages * 4096 + pages * 100) {
        let disk = Disk::new();
        let (mut history, mut rng) = (History::default(), Rng::new(room));
        let mut conn = open(&disk, Settings::FULL).unwrap();
        history.run(&mut conn, &mut rng, 3);
        disk.capacity(Some(disk.used() + room));
        while history.errors.is_empty() {
            history.run(&mut conn, &mut rng, 1);
        }
        history.run(&mut conn, &mut rng, 5);
        assert!(history.errors.iter().all(|error| error == FULL), "{:?}", history.errors);
        if let Err(broken) = history.clone().check(&disk.cut(room), Settings::FULL) {
            // A disk that is still full may not open; it never opens damaged.
            assert_eq!(broken, Broken::Damaged(FULL.to_owned()));
        }

        disk.capacity(None);
        let (acknowledged, refused) = (history.acknowledged.len(), history.errors.len());
        history.run(&mut conn, &mut rng, 10);
        assert_eq!(history.errors.len(), refused, "there is room");
        assert!(history.acknowledged.len() > acknowledged);
        history.check(&disk.cut(room), Settings::FULL).unwrap();
    }
}

/// Why [`crate::ledger`] reads the answers of pragmas to the end, and why a store must.
#[test]
fn a_switch_to_wal_that_fails_is_told_only_to_who_reads_to_the_end() {
    let _alone = alone();
    let failing = || {
        let disk = Disk::new();
        disk.fail(Fault::Nth { op: Op::Sync, n: 1, error: Error::Io });
        disk.open("ledger.db").unwrap()
    };
    let conn = failing();
    let mode: String = conn.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal", "what SQLite would have switched to");
    conn.execute_batch("CREATE TABLE t(a)").unwrap();
    let mode: String = conn.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete", "and a power cut may undo the last commits");

    assert!(ask(&failing(), "PRAGMA journal_mode=WAL").is_err());
}
