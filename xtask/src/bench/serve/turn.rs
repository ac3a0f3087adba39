//! One turn of one side: a server on an empty directory, a load, and what the machine did meanwhile.

use super::decide::Tables;
use super::item::World;
use super::load::{self, Load, Stock};
use super::others::Watch;
use super::side::{Place, Running, Side};
use crate::bench::measure::OTHERS_CORES_MAX;
use crate::figures::thousands;
use anyhow::Result;

/// Alerts of one request in the batched run.
pub const BATCH: usize = 500;
/// Connections of the batched run.
const BATCH_CONNECTIONS: usize = 4;
/// Connections at a fixed rate: enough that a due alert finds a free one unless the server is behind.
const RATE_CONNECTIONS: usize = 256;
/// How long a fixed rate is held.
const RATE_SECONDS: f64 = 10.0;
/// Alerts that warm every server up before the clock starts.
const WARM: u64 = 1_000;

/// What turns are made of.
pub struct Bench {
    /// Where everything is.
    pub place: Place,
    /// What alerts are made of.
    pub world: World,
    /// What they are compared by.
    pub tables: Tables,
    /// Which side is measured beside the reference.
    pub subject: Side,
    /// How often a disturbed turn is made again.
    pub again: usize,
}

/// One turn.
pub struct Measured {
    /// What came of it.
    pub load: Load,
    /// Cores that other programs used.
    pub others_cores: f64,
    /// Seconds until the server was ready.
    pub start_s: f64,
    /// Seconds until it was ready again after a kill, where that was tried.
    pub restart_s: Option<f64>,
    /// Memory at the end, and the most.
    pub memory_mb: (f64, f64),
    /// Whether this is the side that is measured.
    pub is_subject: bool,
}

/// How a turn sends.
struct Shape {
    alerts: u64,
    per_request: usize,
    connections: usize,
    per_s: Option<f64>,
    /// Whether the server is killed and started again at the end.
    restarts: bool,
}

impl Bench {
    /// One alert in a request, so many requests under way at any time.
    pub fn single(&self, side: Side, alerts: u64, concurrency: usize) -> Result<Measured> {
        self.turn(side, &Shape { alerts: alerts.max(1), per_request: 1, connections: concurrency, per_s: None, restarts: false })
    }

    /// One alert in a request, so many a second.
    pub fn at_rate(&self, side: Side, per_s: f64) -> Result<Measured> {
        let alerts = (per_s * RATE_SECONDS).ceil() as u64;
        self.turn(side, &Shape { alerts, per_request: 1, connections: RATE_CONNECTIONS, per_s: Some(per_s), restarts: false })
    }

    /// Many alerts in a request, and a restart on all that is stored then.
    pub fn batched(&self, side: Side, alerts: u64) -> Result<Measured> {
        self.turn(side, &Shape { alerts, per_request: BATCH, connections: BATCH_CONNECTIONS, per_s: None, restarts: true })
    }

    /// Makes a turn until nobody disturbs it, but not too often.
    fn turn(&self, side: Side, shape: &Shape) -> Result<Measured> {
        let mut measured = self.once(side, shape)?;
        for _ in 0..self.again {
            if measured.others_cores <= OTHERS_CORES_MAX {
                break;
            }
            let next = self.once(side, shape)?;
            if next.others_cores < measured.others_cores {
                measured = next;
            }
        }
        Ok(measured)
    }

    fn once(&self, side: Side, shape: &Shape) -> Result<Measured> {
        let mut server = Running::start(side, &self.place)?;
        let sources = (&self.world, &self.tables);
        // The first alerts are for warming up; the very first numbers are theirs.
        let warm = Stock::make(sources, &server.target, 0..WARM.min(shape.alerts), 1)?;
        let warm = load::send(warm, &server.target, 1, None)?;
        let stock = Stock::make(sources, &server.target, WARM..WARM + shape.alerts, shape.per_request)?;
        let watch = Watch::start(&[server.process()]);
        let mut load = load::send(stock, &server.target, shape.connections, shape.per_s)?;
        let others_cores = watch.others_cores();
        load.wrong += warm.wrong;
        let is_subject = side == self.subject;
        let memory_mb = server.memory_mb()?;
        let restart_s = if shape.restarts { Some(server.restart(side, &self.place)?) } else { None };
        let measured = Measured { load, others_cores, start_s: server.start_s, restart_s, memory_mb, is_subject };
        measured.show(side, shape);
        Ok(measured)
    }
}

impl Measured {
    fn show(&self, side: Side, shape: &Shape) {
        let how = match (shape.per_s, shape.per_request) {
            (Some(_), _) => "at a fixed rate".to_owned(),
            (None, 1) => format!("concurrency {}", shape.connections),
            (None, many) => format!("{many} in a request"),
        };
        println!(
            "  {:<10} {how:<18} {:>7}/s  p50 {:>7.2}  p99 {:>7.2} ms  {:>5.0} MB  {} wrong, others {:.2} cores{}",
            side.name(),
            rate(self),
            self.load.latency_ms(50),
            self.load.latency_ms(99),
            self.memory_mb.1,
            self.load.wrong,
            self.others_cores,
            if self.others_cores > OTHERS_CORES_MAX { "  (does not count: others were busy)" } else { "" },
        );
        if let Some(complaint) = &self.load.complaint {
            println!("    the first that is wrong: {complaint}");
        }
    }
}

/// Alerts a second, as people read it.
pub fn rate(measured: &Measured) -> String {
    thousands(measured.load.per_s() as i64)
}
