//! Small runs of what `cargo xtask sim` and `cargo xtask powercut` do at length; each call failing; each size of a full disk.

use adjutant_engine::autonomy::{CLOSE, Rung};
use adjutant_engine::step::Verdict;
use adjutant_model::{Autonomy, Digest, Time};
use adjutant_runtime::drive::{Command, Done, Driver, Reply, Settings, Work};
use adjutant_runtime::event::Evidence;
use adjutant_runtime::ports::{Commit, Store};
use adjutant_sim::disk::{Error, Fault, Op, alone};
use adjutant_sim::memory_store::MemoryStore;
use adjutant_sim::policies::policy;
use adjutant_sim::powercut::powercut;
use adjutant_sim::records::Records;
use adjutant_sim::simulate::simulate;
use adjutant_sim::world::{self, Backing, Trouble, World};
use adjutant_sim::{Disk, Rng};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Calls of one kind, each of which fails once: more than a turn makes.
const CALLS: u64 = 24;

#[test]
fn some_worlds_hold() {
    let simulated = simulate(1, 17, |_| false);
    assert!(simulated.violations.is_empty(), "{:?}", simulated.violations);
    let seen = [simulated.closed, simulated.sampled, simulated.told, simulated.again];
    assert!(seen.into_iter().all(|count| count > 0), "they see something: {simulated:?}");
}

#[test]
fn some_power_cuts_lose_nothing() {
    let cut = powercut(25, 1_000, |_| false);
    assert!(cut.says.is_empty() && cut.cuts >= 25 && cut.entries > 50, "{cut:?}");
}

/// The world of a disk after a first turn.
fn begun(seed: u64) -> World {
    let mut world = World::new(seed, Backing::Disk(Disk::new())).unwrap();
    let jobs = world.jobs();
    world.turn(jobs, Trouble::None).unwrap();
    world
}

#[test]
fn each_call_of_a_turn_fails_once_and_nothing_is_lost() {
    let _alone = alone();
    let kinds = [(Op::Write, Error::Io), (Op::Write, Error::Full), (Op::Write, Error::Short), (Op::Sync, Error::Io)];
    for (op, error) in kinds.into_iter().chain([Op::Read, Op::Open, Op::Truncate].map(|op| (op, Error::Io))) {
        let mut world = begun(op as u64);
        for n in 1..=CALLS {
            let jobs = world.jobs();
            let turned = world.turn(jobs, Trouble::Call(Fault::Nth { op, n, error }));
            assert_eq!(turned, Ok(()), "{op:?} {n} fails with {error:?}");
        }
        assert_eq!(world.finish(), Ok(()), "{op:?} {error:?}");
    }
}

#[test]
fn each_call_of_a_start_fails_once_and_nothing_is_lost() {
    let _alone = alone();
    for op in [Op::Write, Op::Sync, Op::Read, Op::Open, Op::Truncate] {
        let mut world = begun(100 + op as u64);
        for n in 1..=CALLS {
            let jobs = world.jobs();
            world.turn(jobs, Trouble::None).unwrap();
            let restarted = world.restart(Fault::Nth { op, n, error: Error::Io });
            assert_eq!(restarted, Ok(()), "{op:?} {n} fails");
        }
    }
}

#[test]
fn a_disk_of_any_size_fills_and_says_so_and_works_again() {
    let _alone = alone();
    let mut world = begun(7);
    for room in 0..40 {
        let jobs = world.jobs();
        assert_eq!(world.turn(jobs, Trouble::Room(room * 1_500)), Ok(()), "{room}");
        let jobs = world.jobs();
        assert_eq!(world.turn(jobs, Trouble::None), Ok(()), "there is room again");
    }
    assert_eq!(world.finish(), Ok(()));
}

/// A process is killed at every change of one commit; the next one tells what it sees; then the power goes.
#[test]
fn what_a_new_process_sees_survives_the_power() {
    let _alone = alone();
    let commit = |store: &mut dyn Store, text: &str| {
        let documents = [("k", text.to_owned(), Some(text.repeat(3_000)))];
        store.commit(&Commit { documents: &documents, ..Commit::default() }).unwrap();
    };
    let seen = |disk: &Disk| -> BTreeSet<String> {
        let store = world::on(disk, 4_000, false).unwrap();
        let names = store.reader().unwrap().documents("k").unwrap().into_iter().map(|(name, _)| name).collect();
        // The disk as it is while the store is open: an orderly end would make durable what is not.
        for seed in 0..12 {
            let left = world::on(&disk.cut(seed), 4_000, false).unwrap();
            let after: BTreeSet<String> =
                left.reader().unwrap().documents("k").unwrap().into_iter().map(|(name, _)| name).collect();
            assert!(after.is_superset(&names), "{names:?} were told, {after:?} are there");
        }
        names
    };
    let mut both = 0;
    for n in 1..40 {
        let disk = Disk::new();
        let mut store = world::on(&disk, 4_000, false).unwrap();
        commit(&mut store, "first");
        disk.snapshot_at(disk.counts().changes + n);
        commit(&mut store, "second");
        let Some(left) = disk.take_snapshot() else { break };
        both += usize::from(seen(&left).len() == 2);
    }
    assert!(both > 0, "one of them was killed after the last write and before the sync");
}

fn driver(store: &MemoryStore) -> Driver {
    Driver::open(Box::new(store.clone()), policy(0), Settings::default(), Time(0)).unwrap()
}

fn turn(driver: &mut Driver, work: Vec<Work>) -> Vec<Done> {
    let (mut work, mut done) = (work, Vec::new());
    driver.turn(Time(1_772_323_200_000_000), &mut work, &mut done).unwrap();
    done
}

fn memory(driver: &Driver) -> Digest {
    Digest::of(&postcard::to_allocvec(driver.memory()).unwrap())
}

#[test]
fn a_verdict_in_the_transaction_of_its_decision_is_learnt_as_a_replay_learns_it() {
    let record = Records::new(Rng::new(3)).draw();
    let alert = || {
        let prepared =
            policy(0).prepare((record.clone(), None), (&Arc::from("t"), Time(0)), (&mut Default::default(), Default::default()));
        Work::Alert(prepared.unwrap())
    };
    let done = turn(&mut driver(&MemoryStore::new()), vec![alert()]);
    let [Done::Decided(answer)] = done[..] else { panic!("{done:?}") };
    let evidence = Evidence { row: "E1".into(), name: "score".into(), says: String::new() };
    let judge = Command::Judge { case: answer.case, verdict: Verdict::Close, because: vec![evidence], note: String::new() };
    let store = MemoryStore::new();
    let mut once = driver(&store);
    let unjudged = memory(&once);
    let done = turn(&mut once, vec![alert(), Work::Command { by: "ana".into(), command: judge }]);
    assert!(matches!(done[..], [Done::Decided(_), Done::Carried(Reply::Done(_))]), "{done:?}");
    assert_ne!(memory(&once), unjudged);
    assert_eq!(memory(&driver(&store)), memory(&once));
}

#[test]
fn what_one_person_asked_for_is_spent_once_within_a_transaction_too() {
    let rung = Rung { playbook: "ordinary-login".into(), verb: CLOSE.into(), scope: "*".parse().unwrap() };
    let set = |by: &str, level| Work::Command {
        by: by.into(),
        command: Command::SetAutonomy { rung: rung.clone(), level, leads_since: None },
    };
    let mut driver = driver(&MemoryStore::new());
    turn(&mut driver, vec![set("ana", Autonomy::Act)]);
    let done = turn(&mut driver, vec![set("bob", Autonomy::Act), set("cy", Autonomy::Observe), set("bob", Autonomy::Act)]);
    let expected = [Reply::Done(2), Reply::Done(3), Reply::Asked(4)];
    assert!(done.iter().zip(expected).all(|(done, reply)| matches!(done, Done::Carried(r) if *r == reply)), "{done:?}");
    assert_eq!(driver.ladder().level(&rung), Autonomy::Observe);
    // Nor do two wishes in one transaction need a commit between them to agree.
    let done = turn(&mut driver, vec![set("ana", Autonomy::Act)]);
    assert!(matches!(done[..], [Done::Carried(Reply::Done(_))]), "bob's wish still stands: {done:?}");
}
