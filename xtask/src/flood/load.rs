//! Connections that send: calm ones, ones that do not wait, and the one whose alerts matter.

use crate::live::http::{Answer, Connection};
use crate::live::journal::Journal;
use anyhow::{Result, anyhow};
use serde_json::Value;
use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// Records of a batch from whoever waits, and from whoever floods: so many that more are under way on all connections than
/// may wait. Every fourth request is a single alert.
const BATCH: u64 = 40;
const BATCH_FLOODING: u64 = 1_500;

/// Requests under way on a connection.
const UNDER_WAY_MAX: usize = 4;

/// Whoever hears nothing for so long was refused silently.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two critical alerts, and before one is tried again.
const CRITICAL_EVERY: Duration = Duration::from_millis(250);
const AGAIN: Duration = Duration::from_millis(100);

/// A critical alert is decided within this.
const IN_TIME: Duration = Duration::from_secs(30);

/// OCSF's numbers of severity.
const LOW: u8 = 2;
const CRITICAL: u8 = 5;

/// What became of alerts.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) offered: u64,
    pub(super) accepted: u64,
    /// With an answer, or a connection that was closed.
    pub(super) refused: u64,
    /// Without any.
    pub(super) silent: u64,
}

/// What became of the critical ones.
#[derive(Default)]
pub(super) struct Critical {
    pub(super) sent: u64,
    pub(super) late: u64,
    pub(super) refused: u64,
    pub(super) silent: u64,
    pub(super) worst_s: f64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.offered += other.offered;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.silent += other.silent;
    }
}

pub(super) struct Load<'j> {
    address: SocketAddr,
    token: String,
    journal: &'j Journal,
    next: AtomicU64,
}

impl<'j> Load<'j> {
    pub(super) fn new(address: SocketAddr, token: &str, journal: &'j Journal) -> Self {
        Self { address, token: token.into(), journal, next: AtomicU64::new(0) }
    }

    /// An alert of this severity that nobody sent before.
    fn alert(&self, severity: u8) -> String {
        let nth = self.next.fetch_add(1, Ordering::Relaxed);
        let (time, host, user) = (1_767_571_200_000 + nth, nth % 977, nth % 811);
        format!(
            "{{\"class_uid\":2004,\"severity_id\":{severity},\"time\":{time},\"metadata\":{{\"uid\":\"flood-{nth}\",\"version\":\"1.1.0\",\
             \"product\":{{\"name\":\"Flood\",\"vendor_name\":\"Flood\"}}}},\"finding_info\":{{\"uid\":\"flood-{nth}\",\
             \"title\":\"Something on host {host}\"}},\"device\":{{\"hostname\":\"host-{host}\"}},\
             \"actor\":{{\"user\":{{\"name\":\"user{user}\"}}}}}}"
        )
    }

    fn request(&self, nth: u64, batch: u64) -> Vec<String> {
        let records = if nth % 4 == 3 { 1 } else { batch };
        (0..records).map(|_| self.alert(LOW)).collect()
    }

    fn open(&self) -> Result<Connection> {
        Connection::open(self.address, PATIENCE)
    }

    /// Sends and waits for each answer.
    pub(super) fn calm(&self, until: Instant) -> Result<Tally> {
        let (mut open, mut tally) = (self.open()?, Tally::default());
        for nth in 0.. {
            if Instant::now() >= until {
                break;
            }
            let records = self.request(nth, BATCH);
            let answer = open.ask("POST", "/v1/alerts", &self.token, records.join("\n").as_bytes())?;
            self.count(&records, &answer, &mut tally)?;
        }
        Ok(tally)
    }

    /// Sends so many alerts a second, however many answers are missing, on one connection after the other.
    pub(super) fn pour(&self, until: Instant, per_second: f64) -> Result<Tally> {
        let mut tally = Tally::default();
        while Instant::now() < until {
            match self.open() {
                Ok(open) => tally += self.connection(open, until, per_second)?,
                Err(_) => thread::sleep(AGAIN), // Too many connections: told at once, nothing was sent.
            }
        }
        Ok(tally)
    }

    fn connection(&self, open: Connection, until: Instant, per_second: f64) -> Result<Tally> {
        let (mut write, read) = open.split()?;
        let (sender, under_way) = mpsc::sync_channel::<Vec<String>>(UNDER_WAY_MAX);
        thread::scope(|scope| {
            let reading = scope.spawn(move || self.answers(read, &under_way));
            let (began, mut sent) = (Instant::now(), 0_u64);
            for nth in 0.. {
                let due = began + Duration::from_secs_f64(sent as f64 / per_second.max(1.0));
                if Instant::now() >= until {
                    break;
                }
                thread::sleep(due.saturating_duration_since(Instant::now()).min(AGAIN));
                let records = self.request(nth, BATCH_FLOODING);
                sent += records.len() as u64;
                let body = records.join("\n");
                if sender.send(records).is_err() || write.send("POST", "/v1/alerts", &self.token, body.as_bytes()).is_err() {
                    break;
                }
            }
            drop(sender);
            reading.join().map_err(|_| anyhow!("reading stopped"))?
        })
    }

    /// Takes the answers to what is under way, in order.
    fn answers(&self, mut read: Connection, under_way: &Receiver<Vec<String>>) -> Result<Tally> {
        let (mut tally, mut closed) = (Tally::default(), false);
        for records in under_way {
            let began = Instant::now();
            match (closed, if closed { Err(anyhow!("closed")) } else { read.receive() }) {
                (false, Ok(answer)) => {
                    self.count(&records, &answer, &mut tally)?;
                    closed = answer.last;
                }
                _ => {
                    // A connection that is closed says so; one that says nothing for so long does not.
                    let silent = !closed && began.elapsed() >= PATIENCE;
                    closed = true;
                    tally.offered += records.len() as u64;
                    *(if silent { &mut tally.silent } else { &mut tally.refused }) += records.len() as u64;
                }
            }
        }
        Ok(tally)
    }

    /// Counts the answer to `records`, and writes down what was acknowledged.
    fn count(&self, records: &[String], answer: &Answer, tally: &mut Tally) -> Result<()> {
        let body = answer.json();
        let one = [body.clone()];
        let items: &[Value] = match body["items"].as_array() {
            Some(items) => items,
            None if answer.status == 200 && records.len() == 1 => &one,
            None => &[],
        };
        tally.offered += records.len() as u64;
        let done = records.iter().zip(items).filter(|(_, item)| item["decision"].is_string());
        let accepted = self.journal.acknowledged(done.map(|(record, item)| (record.as_bytes(), item.clone())))?;
        let whole = matches!(answer.status, 429 | 503) && items.is_empty();
        let told = items.iter().filter(|item| matches!(item["status"].as_u64(), Some(429 | 503))).count() as u64;
        let refused = if whole { records.len() as u64 } else { told };
        tally.accepted += accepted;
        tally.refused += refused;
        let silent = (records.len() as u64).saturating_sub(accepted + refused);
        if silent > 0 {
            println!("{silent} of {} alerts are in no answer: {} {body}", records.len(), answer.status);
        }
        tally.silent += silent;
        Ok(())
    }

    /// Sends critical alerts, each until it is decided.
    pub(super) fn criticals(&self, until: Instant) -> Result<Critical> {
        let (mut tally, mut open) = (Critical::default(), None);
        while Instant::now() < until {
            let (record, began) = (self.alert(CRITICAL), Instant::now());
            tally.sent += 1;
            while !self.critical(&record, &mut open, &mut tally)? {
                thread::sleep(AGAIN);
                if began.elapsed() > PATIENCE * 2 {
                    tally.silent += 1;
                    break;
                }
            }
            let took = began.elapsed();
            tally.late += u64::from(took > IN_TIME);
            tally.worst_s = tally.worst_s.max(took.as_secs_f64());
            thread::sleep(CRITICAL_EVERY);
        }
        Ok(tally)
    }

    /// One try; whether it is decided.
    fn critical(&self, record: &str, kept: &mut Option<Connection>, tally: &mut Critical) -> Result<bool> {
        let connection = kept.take().map_or_else(|| self.open(), Ok);
        let answered = connection.and_then(|mut open| {
            let answer = open.ask("POST", "/v1/alerts", &self.token, record.as_bytes())?;
            Ok((open, answer))
        });
        let Ok((open, answer)) = answered else {
            tally.refused += 1;
            return Ok(false);
        };
        *kept = Some(open).filter(|_| !answer.last);
        if answer.status != 200 {
            tally.refused += 1;
            return Ok(false);
        }
        self.journal.acknowledged([(record.as_bytes(), answer.json())].into_iter())?;
        Ok(true)
    }
}
