//! Sends prepared alerts and compares every answer: as fast as answers come, or at a fixed rate.
//!
//! One thread serves all connections. Everything that is sent and expected is made before the clock starts. At a fixed
//! rate a latency counts from the instant at which the alert was due, so that a server that stalls cannot hide it.

use super::decide::{Login, Tables};
use super::http::{Connection, Target};
use super::item::World;
use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;

/// What is sent, and what must come back.
pub struct Stock {
    bytes: Vec<u8>,
    requests: Vec<Request>,
    expected: Vec<Expected>,
}

struct Request {
    bytes: Range<usize>,
    alerts: Range<usize>,
}

struct Expected {
    outcome: &'static str,
    score: i32,
}

/// What one run came to.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// Wall time.
    pub seconds: f64,
    /// Alerts that were answered as expected.
    pub right: u64,
    /// Alerts that were answered otherwise, refused, or not at all.
    pub wrong: u64,
    /// The first of these, as the server put it.
    pub complaint: Option<String>,
    latencies_us: Vec<u32>,
}

#[derive(Deserialize)]
struct Item<'a> {
    outcome: &'a str,
    score: i32,
}

#[derive(Deserialize)]
struct Items<'a> {
    #[serde(borrow)]
    items: Vec<Item<'a>>,
}

impl Stock {
    /// The alerts with these numbers, so many in one request.
    pub fn make((world, tables): (&World, &Tables), target: &Target, alerts: Range<u64>, per_request: usize) -> Result<Self> {
        let numbers: Vec<u64> = alerts.collect();
        let mut stock = Self { bytes: Vec::new(), requests: Vec::new(), expected: Vec::with_capacity(numbers.len()) };
        let mut body = String::new();
        for chunk in numbers.chunks(per_request) {
            let (first_byte, first_alert) = (stock.bytes.len(), stock.expected.len());
            body.clear();
            for nth in chunk {
                let start = body.len();
                world.alert(*nth, &mut body);
                let judged = tables.judge(Login::read(&body.as_bytes()[start..]).context("a generated alert is valid")?);
                stock.expected.push(Expected { outcome: judged.outcome, score: judged.score });
                if per_request > 1 {
                    body.push('\n');
                }
            }
            target.request(body.as_bytes(), per_request > 1, &mut stock.bytes)?;
            let (bytes, alerts) = (first_byte..stock.bytes.len(), first_alert..stock.expected.len());
            stock.requests.push(Request { bytes, alerts });
        }
        Ok(stock)
    }

    /// How many alerts of `expected` the answer gets right.
    fn right(&self, request: &Request, (status, body): (u16, &[u8])) -> u64 {
        let expected = &self.expected[request.alerts.clone()];
        let is = |(item, expected): (&Item<'_>, &Expected)| item.outcome == expected.outcome && item.score == expected.score;
        match expected {
            _ if !(200..300).contains(&status) => 0,
            [one] => serde_json::from_slice(body).map_or(0, |item: Item<'_>| u64::from(is((&item, one)))),
            many => serde_json::from_slice(body).map_or(0, |answer: Items<'_>| {
                let same = answer.items.len() == many.len();
                answer.items.iter().zip(many).filter(|pair| same && is(*pair)).count() as u64
            }),
        }
    }
}

/// What the connections of one run share.
struct Run {
    stock: Rc<Stock>,
    next: Cell<usize>,
    /// Between one request and the next; none: as fast as answers come.
    gap: Option<Duration>,
    started: Instant,
    load: RefCell<Load>,
}

/// Sends everything over so many connections; each sends its next request when it has an answer, and not before it is due.
pub fn send(stock: Stock, target: &Target, connections: usize, per_s: Option<f64>) -> Result<Load> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut open = Vec::new();
        for _ in 0..connections {
            open.push(Connection::open(target).await?);
        }
        let gap = per_s.map(|rate| Duration::from_secs_f64(1.0 / rate));
        let load = RefCell::new(Load::default());
        let run = Rc::new(Run { stock: Rc::new(stock), next: Cell::new(0), gap, started: Instant::now(), load });
        let workers: Vec<_> = open.into_iter().map(|open| tokio::task::spawn_local(Rc::clone(&run).work(open))).collect();
        for worker in workers {
            worker.await??;
        }
        let mut load = run.load.take();
        load.seconds = run.started.elapsed().as_secs_f64();
        Ok(load)
    })
}

impl Run {
    async fn work(self: Rc<Self>, mut connection: Connection) -> Result<()> {
        while let Some(request) = self.stock.requests.get(self.next.get()) {
            let nth = self.next.replace(self.next.get() + 1);
            let due = match self.gap {
                Some(gap) => self.started + gap.mul_f64(nth as f64),
                None => Instant::now(),
            };
            if due > Instant::now() {
                tokio::time::sleep_until(due.into()).await;
            }
            let (status, body) = connection.ask(&self.stock.bytes[request.bytes.clone()]).await?;
            let latency = due.elapsed();
            let mut load = self.load.borrow_mut();
            let right = self.stock.right(request, (status, body));
            let wrong = request.alerts.len() as u64 - right;
            if wrong > 0 && load.complaint.is_none() {
                let text = String::from_utf8_lossy(&body[..body.len().min(300)]);
                load.complaint = Some(format!("{status} {text}"));
            }
            (load.right, load.wrong) = (load.right + right, load.wrong + wrong);
            load.latencies_us.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
        }
        Ok(())
    }
}

impl Load {
    /// Alerts answered rightly in a second.
    pub fn per_s(&self) -> f64 {
        self.right as f64 / self.seconds
    }

    /// The latency that so many hundredths of the requests stay below, in milliseconds.
    pub fn latency_ms(&self, hundredths: usize) -> f64 {
        let mut sorted = self.latencies_us.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * hundredths).div_ceil(100).saturating_sub(1);
        sorted.get(at).map_or(f64::NAN, |us| f64::from(*us) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stock(per_request: usize) -> Stock {
        let dir = tempfile::tempdir().expect("a directory");
        let world = World::new();
        world.write(dir.path()).expect("tables");
        let tables = Tables::load(dir.path()).expect("tables");
        let target = Target { address: ([127, 0, 0, 1], 1).into(), token: Some("t".into()) };
        Stock::make((&world, &tables), &target, 0..6, per_request).expect("alerts")
    }

    fn item(expected: &Expected, more: i32) -> String {
        format!(r#"{{"outcome":"{}","score":{},"x":1}}"#, expected.outcome, expected.score + more)
    }

    #[test]
    fn a_wrong_answer_is_seen() {
        let stock = stock(1);
        let (request, expected) = (&stock.requests[3], &stock.expected[3]);
        assert_eq!(stock.right(request, (200, item(expected, 0).as_bytes())), 1);
        assert_eq!(stock.right(request, (200, item(expected, 1).as_bytes())), 0);
        assert_eq!(stock.right(request, (429, item(expected, 0).as_bytes())), 0);
        assert_eq!(stock.right(request, (200, b"{}")), 0);
    }

    #[test]
    fn every_answer_of_a_batch_counts() {
        let stock = stock(4);
        assert_eq!(stock.requests.iter().map(|request| request.alerts.len()).collect::<Vec<_>>(), [4, 2]);
        let items = |more: [i32; 4]| {
            let items: Vec<String> = stock.expected.iter().zip(more).map(|(expected, more)| item(expected, more)).collect();
            format!(r#"{{"items":[{}]}}"#, items.join(","))
        };
        assert_eq!(stock.right(&stock.requests[0], (200, items([0; 4]).as_bytes())), 4);
        assert_eq!(stock.right(&stock.requests[0], (200, items([0, 5, 0, 0]).as_bytes())), 3);
        assert_eq!(stock.right(&stock.requests[1], (200, items([0; 4]).as_bytes())), 0, "too many answers");
    }

    #[test]
    fn latencies_are_ranks() {
        let load = Load { latencies_us: (1..=200).map(|nth| nth * 1000).rev().collect(), ..Load::default() };
        assert_eq!((load.latency_ms(50), load.latency_ms(99)), (100.0, 198.0));
        assert!(Load::default().latency_ms(99).is_nan());
    }
}
