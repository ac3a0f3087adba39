//! A client as it should be: repeats what it got no answer to, and writes answers down before it believes them.

use crate::live::alerts::Alerts;
use crate::live::http::{Answer, Connection};
use crate::live::journal::Journal;
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Records of a batch, at most.
const BATCH_MAX: u64 = 12;

/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(10);

/// An answer comes within this, or the connection is given up.
const PATIENCE: Duration = Duration::from_secs(35);

/// Acknowledged records that a sender may send again.
const SENT_MAX: usize = 200;

/// What all connections share.
pub struct Shared {
    pub alerts: Alerts,
    pub journal: Journal,
    pub address: SocketAddr,
    pub admin: String,
    pub source: String,
    pub lead: String,
    /// The service is gone, or is to go.
    pub over: AtomicBool,
    pub acknowledged: AtomicU64,
}

impl Shared {
    pub fn new(alerts: Alerts, journal: Journal) -> Self {
        Self {
            alerts,
            journal,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin: String::new(),
            source: String::new(),
            lead: String::new(),
            over: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
        }
    }

    /// The service is there again.
    pub fn begin(&mut self, address: SocketAddr) {
        self.address = address;
        self.over = AtomicBool::new(false);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// One connection that sends alerts, over all lives of the service.
pub struct Sender {
    state: u64,
    /// What was sent and not answered yet.
    pending: Option<Vec<String>>,
    /// Some of what was acknowledged.
    sent: Vec<String>,
}

impl Sender {
    pub fn new(seed: u64) -> Self {
        Self { state: seed + 1, pending: None, sent: Vec::new() }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % below.max(1)
    }

    pub fn run(&mut self, shared: &Shared) -> Result<()> {
        let mut connection: Option<Connection> = None;
        while !shared.is_over() {
            let records = match self.pending.take() {
                Some(records) => records,
                None => self.records(shared),
            };
            let open = connection.take().map_or_else(|| Connection::open(shared.address, PATIENCE), Ok);
            let body = records.join("\n");
            let answered =
                open.and_then(|mut open| open.ask("POST", "/v1/alerts", &shared.source, body.as_bytes()).map(|it| (open, it)));
            match answered {
                Ok((open, answer)) => {
                    connection = Some(open).filter(|_| !answer.last);
                    self.answered(records, &answer, shared)?;
                }
                // Nobody knows what became of it: the same again.
                Err(_) => {
                    self.pending = Some(records);
                    thread::sleep(AGAIN);
                }
            }
        }
        Ok(())
    }

    /// New records, sometimes among ones that were sent before or that changed since.
    fn records(&mut self, shared: &Shared) -> Vec<String> {
        let len = if self.draw(2) == 0 { 1 } else { 2 + self.draw(BATCH_MAX - 1) };
        let mut records = Vec::new();
        for _ in 0..len {
            let at = self.draw(self.sent.len() as u64);
            let before = self.sent.get(at as usize).cloned();
            records.push(match (self.draw(8), before) {
                (0, Some(before)) => before,
                (1, Some(before)) => shared.alerts.changed(&before),
                _ => shared.alerts.fresh(),
            });
        }
        records
    }

    fn answered(&mut self, records: Vec<String>, answer: &Answer, shared: &Shared) -> Result<()> {
        let body = answer.json();
        let items: Vec<Value> = match (answer.status, records.len()) {
            (200, 1) => vec![body],
            (200 | 429 | 503, 2..) => body["items"].as_array().cloned().unwrap_or_default(),
            (429 | 503, _) => Vec::new(),
            (status, _) => bail!("{status} for {} alerts: {body}", records.len()),
        };
        let is_done = |item: Option<&&Value>| item.is_some_and(|item| item["decision"].is_string());
        let done: Vec<(&String, &Value)> = records.iter().zip(&items).filter(|(_, item)| is_done(Some(item))).collect();
        let lines = done.iter().map(|(record, item)| (record.as_bytes(), (*item).clone()));
        let count = shared.journal.acknowledged(lines)?;
        shared.acknowledged.fetch_add(count, Ordering::SeqCst);
        let kept: Vec<String> = done.iter().map(|(record, _)| (*record).clone()).collect();
        let rest: Vec<String> = records
            .iter()
            .enumerate()
            .filter(|(at, _)| !is_done(items.get(*at).as_ref()))
            .map(|(_, record)| record.clone())
            .collect();
        if !rest.is_empty() {
            thread::sleep(AGAIN);
            self.pending = Some(rest);
        }
        self.sent.extend(kept);
        let surplus = self.sent.len().saturating_sub(SENT_MAX);
        self.sent.drain(..surplus);
        Ok(())
    }
}

/// A person who judges cases, comments on them and gives them away.
#[derive(Default)]
pub struct Judge {
    turn: u64,
}

impl Judge {
    pub fn run(&mut self, shared: &Shared) -> Result<()> {
        while !shared.is_over() {
            // Who is killed meanwhile judges another time.
            let _ = self.session(shared);
            thread::sleep(AGAIN);
        }
        Ok(())
    }

    fn session(&mut self, shared: &Shared) -> Result<()> {
        let mut open = Connection::open(shared.address, PATIENCE)?;
        while !shared.is_over() {
            let listing = ["/v1/cases?limit=20", "/v1/cases?limit=20&status=closed-by-person"][usize::from(self.turn % 7 == 6)];
            let found = open.ask("GET", listing, &shared.lead, b"")?.json();
            let cases = found["items"].as_array().map_or(&[][..], Vec::as_slice);
            let Some(case) = cases.get(self.turn as usize % cases.len().max(1)) else {
                thread::sleep(AGAIN);
                continue;
            };
            self.turn += 1;
            let id = case["id"].as_str().unwrap_or_default();
            let (what, kind, body) = match self.turn % 7 {
                0 => ("verdict", "verdict", json!({ "verdict": "reopen", "because": ["E1"] })),
                1 | 4 => ("verdict", "verdict", json!({ "verdict": "close", "because": ["E1"], "note": "known" })),
                2 => ("verdict", "verdict", json!({ "verdict": "escalate", "because": ["E1"] })),
                3 => ("assignee", "assigned", json!({ "to": "" })),
                _ => ("comments", "commented", json!({ "text": format!("look {}", self.turn) })),
            };
            let answer = open.ask("POST", &format!("/v1/cases/{id}/{what}"), &shared.lead, body.to_string().as_bytes())?;
            if let Some(seq) = answer.json()["seq"].as_u64().filter(|_| answer.status == 200) {
                shared.journal.done(seq, kind)?;
            }
            thread::sleep(AGAIN);
        }
        Ok(())
    }
}
