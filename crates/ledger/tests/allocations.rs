//! Hashing and appending allocate nothing: both are called for every alert.

use adjutant_ledger::{Tree, leaf};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_leaf_and_an_append_allocate_nothing() {
    let entry = [b'x'; 700];
    let mut tree = Tree::new();
    // The harness allocates on its own thread now and then; what the code under test does, it does in every round.
    let rounds = (0..20).map(|_| {
        let region = Region::new(GLOBAL);
        (0..1000).for_each(|_| tree.append(leaf(&entry)));
        region.change().allocations
    });
    assert_eq!(rounds.min(), Some(0));
    assert_eq!(tree.len(), 20_000);
}
