//! A sink for tests: keeps what it takes in memory, knows the same record again, and refuses when told to.

use super::*;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What makes two records one.
type Key = (Option<Box<Beside>>, Bytes);

/// Keeps everything in memory.
#[derive(Default)]
pub(crate) struct Memory {
    known: Mutex<HashMap<Key, Answer>>,
    taken: Mutex<Vec<(Option<String>, String, Incoming)>>,
    faults: Mutex<Vec<Fault>>,
    /// So many submissions more are refused.
    refuse: AtomicUsize,
}

impl Memory {
    pub(crate) fn refusing(times: usize) -> Self {
        Self { refuse: AtomicUsize::new(times), ..Self::default() }
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        taken.iter().map(|(_, _, record)| String::from_utf8_lossy(&record.bytes).into_owned()).collect()
    }

    pub(crate) fn taken(&self) -> Vec<(Option<String>, String, Incoming)> {
        self.taken.lock().unwrap().clone()
    }

    pub(crate) fn faults(&self) -> Vec<Fault> {
        self.faults.lock().unwrap().clone()
    }

    fn one(&self, source: Option<&str>, sender: &str, record: Incoming) -> Fate {
        if record.bytes.starts_with(b"{") && serde_json::from_slice::<serde_json::Value>(&record.bytes).is_err() {
            return Fate::Failed { code: "broken".into(), detail: "this is no JSON".into() };
        }
        let mut known = self.known.lock().unwrap();
        let seq = known.len() as u64;
        let key = (record.beside.clone(), record.bytes.clone());
        if let Some(answer) = known.get(&key) {
            return Fate::Known(answer.clone());
        }
        let answer =
            Answer { decision: format!("d{seq}"), alert: format!("a{seq}"), outcome: "escalate", seq, ..Answer::default() };
        known.insert(key, answer.clone());
        self.taken.lock().unwrap().push((source.map(str::to_owned), sender.to_owned(), record));
        Fate::Decided(answer)
    }
}

impl Sink for Memory {
    fn submit<'a>(&'a self, source: Option<&'a str>, sender: &'a str, records: Vec<Incoming>) -> Pending<'a, Vec<Fate>> {
        let refused = self.refuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        Box::pin(async move {
            if refused {
                return vec![Fate::Refused { retry_after_s: 1 }; records.len()];
            }
            records.into_iter().map(|record| self.one(source, sender, record)).collect()
        })
    }

    fn report<'a>(&'a self, _: Option<&'a str>, _: &'a str, faults: Vec<Fault>) -> Pending<'a, ()> {
        Box::pin(async move { self.faults.lock().unwrap().extend(faults) })
    }
}
