//! The loop over a real store: what memory learnt before a crash is what it reads again afterwards.

use adjutant_engine::desk::Scratch;
use adjutant_engine::entities::HashKey;
use adjutant_engine::step::Verdict;
use adjutant_model::{CaseId, Time};
use adjutant_rules::Book;
use adjutant_runtime::book_dir;
use adjutant_runtime::context::{self, Embedded};
use adjutant_runtime::drive::{Command, Done, Driver, Settings, Work};
use adjutant_runtime::event::Evidence;
use adjutant_runtime::policy::{Incoming, Policy, Spare};
use adjutant_runtime::ports::Store;
use adjutant_store::{FILE, MEMORY, Options, Sqlite};
use bytes::Bytes;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

const NOW: Time = Time(1_800_000_000_000_000);

fn policy() -> Arc<Policy> {
    let book = Arc::new(Book::load(book_dir::shipped()).unwrap());
    let data = Embedded { files: book_dir::shipped_data(), modified: None };
    let context = Arc::new(context::load(book.contracts.clone(), &data, None));
    Arc::new(Policy { book, context, key: HashKey([7; 16]), at_arrival: false })
}

fn open(folder: &Path, policy: &Arc<Policy>) -> Driver {
    open_as(folder, policy, Options::default())
}

fn open_as(folder: &Path, policy: &Arc<Policy>, options: Options) -> Driver {
    let store = Sqlite::open(folder, options).unwrap();
    Driver::open(Box::new(store), Arc::clone(policy), Settings::default(), NOW).unwrap()
}

fn alert(policy: &Arc<Policy>) -> Work {
    alerts(policy).next().unwrap()
}

fn alerts(policy: &Arc<Policy>) -> impl Iterator<Item = Work> {
    include_str!("../../cli/demo/corp.jsonl").lines().map(|line| work(policy, line))
}

fn work(policy: &Arc<Policy>, line: &'static str) -> Work {
    let record = Incoming::new(Bytes::from_static(line.as_bytes()), 1);
    let room = (&mut Scratch::default(), Spare::default());
    Work::Alert(policy.prepare((record, None), (&"test".into(), NOW), room).unwrap())
}

fn judged(case: CaseId) -> Work {
    let because = vec![Evidence { row: "E1".into(), name: "x".into(), says: "y".into() }];
    Work::Command { by: "ana".into(), command: Command::Judge { case, verdict: Verdict::Close, because, note: String::new() } }
}

fn turn(driver: &mut Driver, mut work: Vec<Work>) -> Vec<Done> {
    let mut done = Vec::new();
    driver.turn(NOW, &mut work, &mut done).unwrap();
    done
}

/// Memory as a snapshot holds it.
fn memory(mut driver: Driver) -> (Vec<u8>, Box<dyn Store>) {
    driver.snapshot_whole().unwrap();
    let mut store = driver.into_store();
    let mut bytes = Vec::new();
    store.memory().unwrap().unwrap().read_to_end(&mut bytes).unwrap();
    (bytes, store)
}

#[test]
fn a_verdict_in_the_same_commit_as_its_alert_is_learnt_at_once_as_it_is_after_a_restart() {
    let (policy, other, folder) = (policy(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Done::Decided(answer) = turn(&mut open(other.path(), &policy), vec![alert(&policy)]).remove(0) else {
        panic!("no decision")
    };
    let mut driver = open(folder.path(), &policy);
    let done = turn(&mut driver, vec![alert(&policy), judged(answer.case)]);
    assert!(matches!(done[..], [Done::Decided(_), Done::Carried(_)]), "{done:?}");
    let (before, store) = memory(driver);
    drop(store);
    std::fs::remove_file(folder.path().join(MEMORY)).unwrap();
    let (after, _) = memory(open(folder.path(), &policy));
    assert!(before == after, "memory differs after a restart");
}

#[test]
fn what_was_written_back_is_in_the_file_and_known_without_the_log() {
    let (policy, folder, other) = (policy(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Few keys stay in memory, so most of them have gone into their trees.
    let options = || Options { recent_keys: Some(4), log_pages: Some(u32::MAX >> 1), ..Options::default() };
    let mut driver = open_as(folder.path(), &policy, options());
    let decided = alerts(&policy).take(60).map(|alert| turn(&mut driver, vec![alert]).remove(0));
    let decided: Vec<Done> = decided.collect();
    driver.store().reader().unwrap().write_back().unwrap();
    std::fs::copy(folder.path().join(FILE), other.path().join(FILE)).unwrap();
    let mut again = open_as(other.path(), &policy, options());
    for (alert, before) in alerts(&policy).zip(&decided) {
        let done = turn(&mut again, vec![alert]).remove(0);
        let (Done::Known(now), Done::Decided(then) | Done::Known(then)) = (&done, before) else { panic!("{done:?}") };
        assert_eq!(now, then);
    }
    let (entries, _) = again.head();
    turn(&mut again, alerts(&policy).skip(60).collect());
    assert!(again.head().0 > entries, "what is new is not taken for known");
}

/// Alerts and verdicts in commits of a few, and between them the parts of a snapshot, each as of another entry.
#[test]
fn parts_of_memory_that_were_kept_between_commits_come_to_the_whole_after_a_restart() {
    let policy = policy();
    for every in 1..8 {
        let folder = tempfile::tempdir().unwrap();
        let mut driver = open(folder.path(), &policy);
        let mut alerts = alerts(&policy).peekable();
        for commit in 1.. {
            let done = turn(&mut driver, alerts.by_ref().take(2).collect());
            let decided = done.iter().find_map(|done| if let Done::Decided(answer) = done { Some(answer.case) } else { None });
            turn(&mut driver, decided.map(judged).into_iter().collect());
            if commit % every == 0 {
                driver.snapshot().unwrap();
            }
            if alerts.peek().is_none() {
                break;
            }
        }
        // The last one that is whole is of parts from before; one more may be begun.
        drop(driver.store().memory().unwrap());
        let file = folder.path().join(MEMORY);
        let kept = std::fs::read(&file).unwrap();
        let (before, store) = memory(driver);
        drop(store);
        std::fs::write(&file, &kept).unwrap();
        let (after, store) = memory(open(folder.path(), &policy));
        assert!(before == after, "memory differs after a restart (a part after every {every} commits)");
        drop(store);
        std::fs::remove_file(&file).unwrap();
        let (anew, _) = memory(open(folder.path(), &policy));
        assert!(before == anew, "memory differs when all is read again");
    }
}
