//! Power cuts and failing calls under a real SQLite: what was acknowledged is there afterwards, whole.
//!
//! The same harness must find the loss when SQLite is told not to sync, or when the disk only says that it did.

mod faults;
mod ledger;

use adjutant_sim::disk::alone;
use adjutant_sim::{Disk, Rng};
use ledger::{Broken, History, Settings, open};
use std::collections::BTreeSet;

const SEEDS: u64 = 600;
const TRANSACTIONS: u64 = 25;
/// After a cut the next one may come while SQLite is still recovering.
const CUTS_MAX: u64 = 4;

/// One world: transactions and power cuts on one disk, all decided by `seed`; the last disk.
fn live(seed: u64, settings: Option<Settings>, lies: bool) -> Result<Disk, Broken> {
    let mut rng = Rng::new(seed);
    let settings = settings.unwrap_or_else(|| Settings::any(&mut rng));
    let changes = changes(&mut rng.fork(), settings);
    let (mut disk, mut history) = (Disk::new(), History::default());
    disk.lie(lies);
    for _ in 0..=rng.below(CUTS_MAX) {
        disk.power_off_at(1 + rng.below(changes));
        if let Ok(mut conn) = open(&disk, settings) {
            history.run(&mut conn, &mut rng, TRANSACTIONS);
        }
        disk = disk.cut(rng.bits());
        // Half of the time nobody looks before the next cut.
        if rng.percent(50) {
            history.check(&disk, settings)?;
        }
    }
    history.check(&disk, settings)?;
    Ok(disk)
}

/// About as many changes as a round makes.
fn changes(rng: &mut Rng, settings: Settings) -> u64 {
    let disk = Disk::new();
    let mut conn = open(&disk, settings).unwrap();
    History::default().run(&mut conn, rng, TRANSACTIONS);
    disk.counts().changes
}

#[test]
fn after_any_power_cut_what_was_acknowledged_is_there() {
    let _alone = alone();
    for seed in 0..SEEDS {
        if let Err(broken) = live(seed, None, false) {
            panic!("seed {seed}: {broken:?}");
        }
    }
}

#[test]
fn the_harness_finds_a_store_that_does_not_sync() {
    let _alone = alone();
    let found = |synchronous, lies| {
        let settings = Settings { synchronous, ..Settings::FULL };
        (0..SEEDS / 4).filter_map(|seed| live(seed, Some(settings), lies).err()).collect::<Vec<_>>()
    };
    let lost = |found: &[Broken]| found.iter().filter(|broken| matches!(broken, Broken::Lost(_))).count();
    assert_eq!(found("FULL", false), []);
    assert!(lost(&found("OFF", false)) > 10);
    assert!(lost(&found("FULL", true)) > 10);
    // In WAL mode NORMAL may lose the last transactions, but damages nothing.
    let normal = found("NORMAL", false);
    assert!(lost(&normal) > 10 && lost(&normal) == normal.len(), "{normal:?}");
}

#[test]
fn the_same_seed_leaves_the_same_disk() {
    let _alone = alone();
    let print = |seed| live(seed, None, false).unwrap().fingerprint();
    let prints: BTreeSet<_> = (0..SEEDS / 10)
        .map(|seed| {
            assert_eq!(print(seed), print(seed), "seed {seed}");
            print(seed).to_string()
        })
        .collect();
    assert!(prints.len() as u64 > SEEDS / 20, "different seeds leave different disks");
}

#[test]
fn the_power_may_go_at_every_change() {
    let _alone = alone();
    let settings = Settings { checkpoint_frames: 20, ..Settings::FULL };
    let changes = changes(&mut Rng::new(1), settings);
    assert!(changes > 100);
    for n in 1..=changes {
        let disk = Disk::new();
        let mut history = History::default();
        disk.power_off_at(n);
        if let Ok(mut conn) = open(&disk, settings) {
            history.run(&mut conn, &mut Rng::new(1), TRANSACTIONS);
        }
        assert_eq!(disk.counts().changes, n, "the power went");
        history.check(&disk.cut(n), settings).unwrap();
    }
}

#[test]
fn a_snapshot_is_the_disk_as_it_was() {
    let _alone = alone();
    let disk = Disk::new();
    let (mut history, mut rng) = (History::default(), Rng::new(5));
    let mut conn = open(&disk, Settings::FULL).unwrap();
    history.run(&mut conn, &mut rng, 5);
    let (before, now) = (disk.fingerprint(), disk.snapshot());
    disk.snapshot_at(disk.counts().changes + 1);
    assert!(disk.take_snapshot().is_none());
    history.run(&mut conn, &mut rng, 5);
    assert_ne!(disk.fingerprint(), before);
    let then = disk.take_snapshot().unwrap();
    assert_eq!((then.fingerprint(), now.fingerprint()), (before, before));
    // All three at once, each under its own path.
    let count = |disk: &Disk| -> i64 {
        open(disk, Settings::FULL).unwrap().query_row("SELECT count(*) FROM head", [], |row| row.get(0)).unwrap()
    };
    assert!(count(&then) == count(&now) && count(&then) < count(&disk));
}

#[test]
fn readers_see_commits_while_another_connection_writes() {
    let _alone = alone();
    let disk = Disk::new();
    let (mut history, mut rng) = (History::default(), Rng::new(8));
    let mut writer = open(&disk, Settings::FULL).unwrap();
    let reader = disk.open(ledger::FILE).unwrap();
    for _ in 0..50 {
        history.run(&mut writer, &mut rng, 1);
        let count: u64 = reader.query_row("SELECT count(*) FROM head", [], |row| row.get::<_, i64>(0)).unwrap() as u64;
        assert_eq!(count, history.acknowledged.len() as u64);
    }
    let blocked = disk.open(ledger::FILE).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let busy = blocked.execute_batch("PRAGMA busy_timeout=0; BEGIN IMMEDIATE").unwrap_err();
    assert_eq!(busy.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy));
}
