//! Writes the store's log back into its file beside the driver, which would stand still for it otherwise: some ten milliseconds
//! several times a second, when many alerts come.
//!
//! The driver's own store still writes back what is left when its log is long, and only then does the log begin anew. That
//! is little, because most was written back here.

use super::{Service, thread};
use crate::ports::{Read, StoreError};
use adjutant_model::{Duration, Time};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Between two times: often enough that little is left to the driver, and seldom enough that a page which changes with every
/// commit is written back once for many.
const EVERY: Duration = Duration(50_000);

/// Tells the thread of commits, not of each.
pub(super) struct Commits {
    told: Time,
    thread: SyncSender<()>,
}

impl Commits {
    /// A commit began at `now`.
    pub(super) fn one_more(&mut self, now: Time) {
        // A clock that was set back is as good as one that went on.
        if now.since(self.told).0.abs() >= EVERY.0 {
            self.told = now;
            // One that it did not take up yet is as good.
            let _ = self.thread.try_send(());
        }
    }
}

/// Starts the thread; it ends when nobody is left to tell it of commits.
pub(super) fn spawn(service: Service) -> std::io::Result<(Commits, JoinHandle<()>)> {
    let (thread, receiver) = sync_channel(1);
    Ok((
        Commits { told: Time::default(), thread },
        std::thread::Builder::new().name("write back".into()).spawn(move || run(&service, &receiver))?,
    ))
}

fn run(service: &Service, commits: &Receiver<()>) {
    let mut reader: Option<Box<dyn Read>> = None;
    while commits.recv().is_ok() {
        let written = match &mut reader {
            Some(reader) => reader.write_back(),
            None => service.other_reader().map(|other| reader = Some(other)),
        };
        match written {
            Ok(()) => {}
            // What was written may be lost while the system believes that it is there.
            Err(error @ StoreError::Unclear(_)) => return thread::stopped(service, &error),
            // The log still holds everything; the driver meets what is wrong, and says so.
            Err(_) => reader = None,
        }
    }
}
