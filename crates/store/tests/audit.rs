//! The audit of a real store: what nobody touched is sound, also after retention; what stands beside the tree cannot be changed
//! unseen.

use adjutant_engine::entities::HashKey;
use adjutant_engine::step::{Status, Verdict};
use adjutant_ledger::SigningKey;
use adjutant_model::Time;
use adjutant_rules::Book;
use adjutant_runtime::audit::{Error, audit};
use adjutant_runtime::context::{self, Embedded};
use adjutant_runtime::drive::{Command, Reply, Settings};
use adjutant_runtime::event::Evidence;
use adjutant_runtime::policy::{Incoming, Policy};
use adjutant_runtime::ports::{Bus, CallError, Change, Clock, Kept, Outgoing, Wanted};
use adjutant_runtime::seal::Seal;
use adjutant_runtime::service::{Parts, Service};
use adjutant_runtime::{book_dir, queue};
use adjutant_store::{FILE, Options, Reader, Sqlite};
use bytes::Bytes;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// When the service of these tests begins.
const BEGAN: i64 = 1_800_000_000_000_000;

struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now(&self) -> Time {
        Time(self.0.fetch_add(1000, Ordering::Relaxed))
    }
}

struct Nobody;

impl Bus for Nobody {
    fn changed(&self, _: Change) {}
    fn deliver(&self, _: &Outgoing) -> Result<(), CallError> {
        Ok(())
    }
}

fn start(folder: &Path, options: Options) -> (Service, std::thread::JoinHandle<()>) {
    let book = Arc::new(Book::load(book_dir::shipped()).unwrap());
    let data = Embedded { files: book_dir::shipped_data(), modified: None };
    let context = Arc::new(context::load(book.contracts.clone(), &data, None));
    let folder: PathBuf = folder.into();
    Service::start(Parts {
        open: Box::new(move || Ok(Box::new(Sqlite::open(&folder, options.clone())?))),
        policy: Arc::new(Policy { book, context, key: HashKey([7; 16]), at_arrival: false }),
        settings: Settings::default(),
        limits: queue::Limits::default(),
        turn: adjutant_runtime::service::Turn::default(),
        clock: Arc::new(Ticks(AtomicI64::new(BEGAN))),
        bus: Arc::new(Nobody),
        fatal: Box::new(|why| panic!("{why}")),
    })
    .unwrap()
}

/// A store of a few commits with a checkpoint; `more` is done before that.
fn store(more: impl FnOnce(&Service)) -> tempfile::TempDir {
    store_as(Options::default(), more)
}

fn store_as(options: Options, more: impl FnOnce(&Service)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (service, thread) = start(folder.path(), options);
    let lines: Vec<&str> = include_str!("../../cli/demo/corp.jsonl").lines().take(12).collect();
    for lines in lines.chunks(4) {
        let records = lines.iter().map(|line| Incoming::new(Bytes::from((*line).to_owned()), 1));
        service.offer(None, &"test".into(), records.collect()).fates_blocking();
    }
    more(&service);
    let key = SigningKey::from_seed("adjutant", &[3; 32]).unwrap();
    Seal::new(key, "adjutant".into()).seal(&service).unwrap();
    service.stop();
    drop(service);
    thread.join().unwrap();
    folder
}

fn fault(folder: &Path) -> Option<Error> {
    audit(&mut Reader::open(&folder.join(FILE)).unwrap(), &[]).err()
}

/// What the audit says after `sql` changed something.
fn after(folder: &Path, sql: &str) -> Option<Error> {
    let changed = Connection::open(folder.join(FILE)).unwrap().execute(sql, []).unwrap();
    assert!(changed > 0, "{sql} changes nothing");
    fault(folder)
}

#[test]
fn a_raw_alert_that_is_gone_is_found() {
    let folder = store(|_| {});
    assert!(fault(folder.path()).is_none(), "{:?}", fault(folder.path()));
    let fault = after(
        folder.path(),
        "UPDATE commits SET alerts = NULL WHERE first = (SELECT min(first) FROM commits WHERE alerts IS NOT NULL)",
    );
    assert!(matches!(fault, Some(Error::RawRemoved(_))), "{fault:?}");
}

#[test]
fn what_retention_removed_is_no_fault_and_nothing_beyond_it() {
    let folder = store(|service| {
        let before = service.clock().now();
        let records = vec![Incoming::new(Bytes::from_static(b"{\"message\":\"later\"}"), 1)];
        service.offer(None, &"test".into(), records).fates_blocking();
        let forget = Command::Forget { raw_before: before, entries_before: Time(BEGAN), blocks_max: 100 };
        assert!(matches!(service.command_blocking("", forget), Ok(Reply::Done(_))));
    });
    assert!(fault(folder.path()).is_none(), "{:?}", fault(folder.path()));
    let gone: i64 = Connection::open(folder.path().join(FILE))
        .and_then(|store| {
            store.query_row("SELECT count(*) FROM commits WHERE alerts IS NULL AND keys <> zeroblob(length(keys))", [], |row| {
                row.get(0)
            })
        })
        .unwrap();
    assert!(gone > 0, "retention removed something");
    // Whoever makes a commit look older does not make its raw alert forgettable.
    let fault = after(folder.path(), "UPDATE commits SET alerts = NULL WHERE alerts IS NOT NULL");
    assert!(matches!(fault, Some(Error::RawRemoved(_))), "{fault:?}");
}

#[test]
fn a_case_that_was_hidden_is_found() {
    let changes = ["UPDATE cases SET status = 2", "DELETE FROM cases", "UPDATE cases SET worst = 1", "UPDATE cases SET rank = 0"];
    for sql in changes {
        let fault = after(store(|_| {}).path(), sql);
        assert!(fault.is_some(), "{sql}");
    }
}

#[test]
fn names_times_what_is_known_and_the_checkpoint_are_verified() {
    let folder = store(|_| {});
    let fault = after(folder.path(), "UPDATE commits SET ids = zeroblob(length(ids))");
    assert!(matches!(fault, Some(Error::Name(_))), "{fault:?}");
    let fault = after(store(|_| {}).path(), "UPDATE commits SET at = at - 1");
    assert!(matches!(fault, Some(Error::Time(_))), "{fault:?}");
    let fault = after(store(|_| {}).path(), "UPDATE commits SET keys = zeroblob(length(keys))");
    assert!(matches!(fault, Some(Error::Known(_))), "{fault:?}");
    let fault = after(store(|_| {}).path(), "DELETE FROM documents WHERE kind = 'checkpoint'");
    assert!(matches!(fault, Some(Error::Unsealed)), "{fault:?}");
}

#[test]
fn the_queue_goes_along_with_its_cases_and_cannot_be_changed_unseen() {
    // So few new entries that the first cases have joined the queue before people judge them.
    let judged = || {
        store_as(Options { recent_keys: Some(2), ..Options::default() }, |service| {
            let wanted = Wanted { status: Some(Status::Open), limit: 100, ..Wanted::default() };
            let open = service.read(|reader| reader.cases(&wanted)).unwrap();
            assert!(open.is_sorted_by_key(|case| std::cmp::Reverse((case.rank(), case.first))));
            let seen = Evidence { row: "E1".into(), name: "new-device".into(), says: "…".into() };
            let verdict = |at: usize, verdict| {
                let command = Command::Judge { case: open[at].id, verdict, because: vec![seen.clone()], note: String::new() };
                service.command_blocking("ana", command).unwrap();
            };
            verdict(0, Verdict::Close);
            verdict(1, Verdict::Close);
            verdict(1, Verdict::Reopen);
            let left = service.read(|reader| reader.cases(&wanted)).unwrap();
            let ids = |cases: &[Kept]| cases.iter().map(|case| case.id).collect::<Vec<_>>();
            assert_eq!(ids(&left), ids(&open[1..]));
        })
    };
    let folder = judged();
    assert!(fault(folder.path()).is_none(), "{:?}", fault(folder.path()));
    let listed = "SELECT entry FROM queue ORDER BY entry LIMIT 1";
    let changes = [
        format!("DELETE FROM queue WHERE entry = ({listed})"),
        format!("UPDATE queue SET place = place - 1 WHERE entry = ({listed})"),
        format!("UPDATE queue SET entry = entry + 1000 WHERE entry = ({listed})"),
        "INSERT INTO queue (place, entry) SELECT rank, first FROM cases WHERE status = 2".into(),
    ];
    for (sql, is_found) in changes.iter().zip([true, true, true, false]) {
        // What is listed and not open is not shown, and so is no fault.
        let fault = after(judged().path(), sql);
        assert_eq!(fault.is_some(), is_found, "{sql}: {fault:?}");
    }
}
