//! Writes the store's log back into its file beside the driver, which would stand still for it otherwise: some ten milliseconds
//! several times a second, when many alerts come.
//!
//! The driver's own store still writes back what is left when its log is long, and only then does the log begin anew. That
//! is little, because most was written back here.

use super::{Service, thread};
use crate::ports::{Read, StoreError};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two times: often enough that little is left to the driver, and seldom enough that a page which changes with every
/// commit is written back once for many.
const EVERY: Duration = Duration::from_millis(50);

/// Starts the thread; it is told of commits, and ends when nobody is left to tell it.
pub(super) fn spawn(service: Service) -> std::io::Result<(SyncSender<()>, JoinHandle<()>)> {
    let (sender, receiver) = sync_channel(1);
    Ok((sender, std::thread::Builder::new().name("write back".into()).spawn(move || run(&service, &receiver))?))
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
        std::thread::park_timeout(EVERY);
    }
}
