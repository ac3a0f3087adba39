//! Every store there is passes the one suite.

use adjutant_runtime::ports::Store;
use adjutant_sim::conformance::{Open, all};
use adjutant_sim::disk::{Disk, alone};
use adjutant_sim::memory_store::MemoryStore;
use adjutant_sim::world;
use adjutant_store::{LOG_PAGES, Options, Sqlite};

/// Runs every check, each over a store of its own that `with` makes.
fn passes(with: impl Fn(&dyn Fn(&Open<'_>))) {
    for (name, check) in all() {
        println!("{name}");
        with(&|open| check(open));
    }
}

#[test]
fn sqlite_in_a_folder_conforms() {
    let _alone = alone();
    passes(|check| {
        let folder = tempfile::tempdir().unwrap();
        check(&|| -> Box<dyn Store> { Box::new(Sqlite::open(folder.path(), Options::default()).unwrap()) });
    });
}

#[test]
fn sqlite_on_a_fake_disk_conforms() {
    let _alone = alone();
    passes(|check| {
        for (log_pages, apart) in [(LOG_PAGES, false), (1, true)] {
            let disk = Disk::new();
            check(&|| -> Box<dyn Store> { Box::new(world::on(&disk, log_pages, apart).unwrap()) });
        }
    });
}

#[test]
fn a_store_in_memory_conforms() {
    passes(|check| {
        let store = MemoryStore::new();
        check(&|| -> Box<dyn Store> { Box::new(store.clone()) });
    });
}
