//! A watched folder: each file that is put into it is read once it is complete, and moved away once all its records are stored.
//!
//! ```text
//! DIR/…          files and folders of files, put here by others
//! DIR/reading/…  taken: what is found here at a start was not finished, and is read again from its beginning
//! DIR/done/…     every record is stored
//! DIR/failed/…   something in it could not be read; NAME.problems says what, with lines. The rest of it is stored
//! ```
//! A file is complete when neither size nor time changed between two looks; names that begin with `.` or end in `.tmp` or `.part` are
//! left alone. It is moved before it is opened, so that what was checked is what is read; links and devices are never followed or
//! opened. A crash anywhere means that the file is read again, and that its records are known.

mod place;

use super::{Fate, Fault, Incoming, Sink, again, stopped};
use adjutant_runtime::read::{Chunk, Input, Reader};
use bytes::Bytes;
use place::{Found, Stamp};
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

/// So many problems of a file are written down; more are counted.
const PROBLEMS_MAX: usize = 10_000;

/// So many complaints about what cannot be taken are remembered, so that each is made once.
const TOLD_MAX: usize = 10_000;

/// Watches one folder.
pub struct Watch {
    dir: PathBuf,
    sink: Arc<dyn Sink>,
    source: Option<String>,
    /// What was seen at the look before.
    before: HashMap<PathBuf, Stamp>,
    told: HashSet<PathBuf>,
}

/// What a look at the folder led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files of which every record is stored.
    pub done: usize,
    /// Files in which something could not be read.
    pub failed: usize,
    /// Files that are not complete, or that could not be taken.
    pub waiting: usize,
}

/// What became of a file.
enum Ending {
    Done,
    Failed,
    Waiting,
}

impl Watch {
    /// Watches `dir`, whose files are of `source` if one is set.
    pub fn new(dir: PathBuf, sink: Arc<dyn Sink>, source: Option<String>) -> Self {
        Self { dir, sink, source, before: HashMap::new(), told: HashSet::new() }
    }

    /// Looks every `pause` until told to stop.
    pub async fn run(mut self, pause: Duration, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            self.look(&mut stop).await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    /// Looks once, and takes every file that has not changed since the look before.
    pub async fn look(&mut self, stop: &mut watch::Receiver<bool>) -> Tally {
        let dir = self.dir.clone();
        let (found, faults) = spawn_blocking(move || place::scan(&dir)).await.unwrap_or_default();
        for (path, fault) in faults {
            self.tell(path, fault).await;
        }
        let before = std::mem::take(&mut self.before);
        let mut tally = Tally::default();
        for Found { path, stamp } in found {
            let complete = before.get(&path) == Some(&stamp);
            let ending = if complete && !*stop.borrow() { self.take(&path, stop).await } else { Ending::Waiting };
            match ending {
                Ending::Done => tally.done += 1,
                Ending::Failed => tally.failed += 1,
                Ending::Waiting => {
                    tally.waiting += 1;
                    self.before.insert(path, stamp);
                }
            }
        }
        tally
    }

    /// Takes the file at `path`, from the folder or from `reading`.
    async fn take(&mut self, path: &Path, stop: &mut watch::Receiver<bool>) -> Ending {
        match self.try_take(path, stop).await {
            Ok(ending) => ending,
            Err(error) => {
                let detail = format!("`{}` cannot be taken: {error}", path.display());
                self.tell(path.to_owned(), Fault { line: 0, code: "file-not-taken", detail }).await;
                Ending::Waiting
            }
        }
    }

    async fn try_take(&self, path: &Path, stop: &mut watch::Receiver<bool>) -> io::Result<Ending> {
        let (dir, from) = (self.dir.clone(), path.to_owned());
        let (reading, stamp) = blocking(move || place::claim(&dir, &from)).await?;
        let name = place::name(&self.dir, &reading);
        let mut problems = Problems::default();
        if !stamp.is_file() {
            let detail = "this is no file but a link or a device, which is never followed or opened".to_owned();
            self.report(&name, vec![Fault { line: 0, code: "not-a-file", detail }], &mut problems).await;
        } else if !self.read(&reading, &name, &mut problems, stop).await? {
            return Ok(Ending::Waiting);
        }
        let dir = self.dir.clone();
        blocking(move || {
            // Somebody still writes into it: it is read again, from its beginning.
            if place::stamp(&reading)? != stamp {
                return Ok(Ending::Waiting);
            }
            match problems.text() {
                None => place::put(&dir, "done", &reading, None).map(|()| Ending::Done),
                Some(text) => place::put(&dir, "failed", &reading, Some(&text)).map(|()| Ending::Failed),
            }
        })
        .await
    }

    /// Hands all records of a file in; false when told to stop before that.
    async fn read(&self, path: &Path, name: &str, problems: &mut Problems, stop: &mut watch::Receiver<bool>) -> io::Result<bool> {
        let mut reader = Reader::new(vec![Input::Path(path.to_owned())], Arc::default());
        let mut chunk = Chunk::default();
        loop {
            let more;
            (reader, chunk, more) = blocking(move || {
                let more = reader.fill(&mut chunk);
                Ok((reader, chunk, more))
            })
            .await?;
            if !more {
                return Ok(true);
            }
            let faults = chunk.faults().iter().map(Fault::from).collect();
            self.report(name, faults, problems).await;
            let records = chunk.records().iter();
            let records = records.map(|record| Incoming::new(Bytes::copy_from_slice(chunk.bytes(record)), record.line));
            if !self.submit(name, records.collect(), problems, stop).await {
                return Ok(false);
            }
        }
    }

    /// Hands records in until each is stored or failed; false when told to stop before that.
    async fn submit(
        &self,
        name: &str,
        mut records: Vec<Incoming>,
        problems: &mut Problems,
        stop: &mut watch::Receiver<bool>,
    ) -> bool {
        while !records.is_empty() {
            let fates = self.sink.submit(self.source.as_deref(), name, records.clone()).await;
            for (record, fate) in records.iter().zip(&fates) {
                if let Fate::Failed { code, detail } = fate {
                    problems.add(record.line, code, detail);
                }
            }
            let wait_s;
            (records, wait_s) = again(records, &fates);
            if records.is_empty() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(wait_s.into())) => {}
                () = stopped(stop) => return false,
            }
        }
        true
    }

    async fn report(&self, name: &str, faults: Vec<Fault>, problems: &mut Problems) {
        for fault in &faults {
            problems.add(fault.line, fault.code, &fault.detail);
        }
        if !faults.is_empty() {
            self.sink.report(self.source.as_deref(), name, faults).await;
        }
    }

    /// Reports what is wrong with `path`, once.
    async fn tell(&mut self, path: PathBuf, fault: Fault) {
        if self.told.len() >= TOLD_MAX {
            self.told.clear();
        }
        if self.told.insert(path.clone()) {
            let name = place::name(&self.dir, &path);
            self.sink.report(self.source.as_deref(), &name, vec![fault]).await;
        }
    }
}

/// Runs what may wait for a disk where it holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

/// What could not be read of a file.
#[derive(Debug, Default)]
struct Problems {
    text: String,
    count: usize,
}

impl Problems {
    fn add(&mut self, line: u64, code: &str, detail: &str) {
        self.count += 1;
        if self.count <= PROBLEMS_MAX {
            let place = if line > 0 { format!("line {line}: ") } else { String::new() };
            // Writing to a text cannot fail.
            let _ = writeln!(self.text, "{place}{code}: {}", detail.replace(['\n', '\r'], " "));
        }
    }

    fn text(mut self) -> Option<String> {
        if self.count > PROBLEMS_MAX {
            let _ = writeln!(self.text, "and {} more", self.count - PROBLEMS_MAX);
        }
        (self.count > 0).then_some(self.text)
    }
}

#[cfg(test)]
mod tests;
