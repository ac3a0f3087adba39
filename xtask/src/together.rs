//! Work that waits more than it computes: some of it at a time.

use anyhow::{Context as _, Result};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does every job, `at_once` at a time, in their order. Whoever fails takes no further one, and the first failure is returned.
pub fn together<J: Send>(at_once: usize, jobs: Vec<J>, work: impl Fn(J) -> Result<()> + Sync) -> Result<()> {
    let jobs = Mutex::new(jobs.into_iter());
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        let worker = || -> Result<()> { std::iter::from_fn(next).try_for_each(&work) };
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().ok().context("a worker stopped")?)
    })
}
