//! `cargo xtask crash`: the real program, killed again and again while a client sends to it. What was acknowledged is
//! there, once, in the words of the answer, and the ledger is whole.
//!
//! Every second kill is at a labelled place of the program, at one occurrence after the other; the rest come at random
//! times. The client repeats what it got no answer to, and writes down every answer before it believes it; after each kill
//! the auditor, which shares no code with the product, compares both.

mod act;
mod client;
mod plan;
mod sink;

use crate::figures::Figures;
use crate::live::alerts::Alerts;
use crate::live::journal::Journal;
use crate::live::process::{Served, Setting};
use crate::live::{self, http::Connection};
use anyhow::{Context as _, Result, ensure};
use client::{Judge, Sender, Shared};
use plan::{Kill, Plan};
use serde_json::json;
use sink::Sink;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use std::{fs, thread};

/// Connections that send alerts.
const SENDERS: usize = 4;

/// A folder is killed so often before a new one begins: a first start is also a start.
const KILLS_PER_FOLDER: u64 = 8;

/// Nothing is waited for longer than this before a kill that does not come by itself.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// Signs what the service tells; the published example of Standard Webhooks.
const HOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[derive(clap::Args)]
pub struct Arguments {
    /// Kill the hand while it acts, instead of the service while alerts come
    #[arg(long)]
    act: bool,
    /// How often to kill
    #[arg(long, value_name = "N", default_value_t = 40)]
    kills: u64,
    /// What the random times and places are drawn from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The program, built with the feature `failpoints`; built when it is not given
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What was counted.
#[derive(Default)]
struct Counts {
    kills: u64,
    at_labels: u64,
    lost: u64,
    twice: u64,
    ledger_bad: u64,
    /// Starts that said no tokens though nobody had seen any.
    locked_out: u64,
    acknowledged: u64,
    entries: u64,
}

/// `cargo xtask crash`; false when a bar is missed.
pub fn run(arguments: &Arguments) -> Result<bool> {
    if arguments.act {
        return act::run(arguments);
    }
    let binary = arguments.binary.clone().map_or_else(live::build, Ok)?;
    let mut plan = Plan::new(arguments.seed);
    let mut counts = Counts::default();
    let began = Instant::now();
    while counts.kills < arguments.kills {
        let kills = KILLS_PER_FOLDER.min(arguments.kills - counts.kills);
        let folder = tempfile::tempdir()?;
        House::new(&binary, folder.path())?.live(kills, &mut plan, &mut counts)?;
    }
    let mut figures = Figures::default();
    let seconds = began.elapsed().as_secs_f64();
    figures.add(
        "crash_kills",
        counts.kills as f64,
        format!("times killed in {seconds:.0} s, {} of them at a label", counts.at_labels),
    );
    figures.add("crash_acknowledged", counts.acknowledged as f64, "answers that the client wrote down, as the auditor counted");
    figures.add("crash_entries", counts.entries as f64, "entries of all ledgers");
    figures.add("crash_lost", counts.lost as f64, "kills after which something acknowledged was missing or different (bar 0)");
    figures.add("crash_twice", counts.twice as f64, "kills after which something was decided twice (bar 0)");
    figures.add("crash_ledger_bad", counts.ledger_bad as f64, "kills after which ledger, cases or outbox were wrong (bar 0)");
    figures.add("crash_locked_out", counts.locked_out as f64, "first starts after which nobody could come in (bar 0)");
    figures.report(arguments.json.as_deref())?;
    Ok(counts.lost + counts.twice + counts.ledger_bad + counts.locked_out == 0)
}

/// One folder with its service, its client, and whom it tells.
struct House {
    setting: Setting,
    shared: Shared,
    senders: Vec<Sender>,
    judge: Judge,
    journal: PathBuf,
}

impl House {
    fn new(binary: &Path, folder: &Path) -> Result<Self> {
        let (data, journal) = (folder.join("data"), folder.join("journal.jsonl"));
        let hook = Sink::open()?;
        let config = folder.join("adjutant.toml");
        let webhook = format!("webhook = {{ url = \"http://{hook}/hook\", secret = {{ env = \"HOOK_SECRET\" }} }}");
        fs::write(&config, format!("[notify]\n{webhook}\n\n[checkpoints]\nevery_seconds = 1\n"))?;
        let setting =
            Setting::new(binary, &data).with("HOOK_SECRET", HOOK_SECRET).with("ADJUTANT_CONFIG", &config.display().to_string());
        let shared = Shared::new(Alerts::new()?, Journal::new(&journal)?);
        Ok(Self { setting, shared, senders: (0..SENDERS as u64).map(Sender::new).collect(), judge: Judge::default(), journal })
    }

    /// Starts, sends, kills and audits.
    fn live(&mut self, kills: u64, plan: &mut Plan, counts: &mut Counts) -> Result<()> {
        for nth in 0..kills {
            let kill = if nth == 0 { plan.first() } else { plan.next() };
            self.round(&kill, counts).with_context(|| format!("kill {} ({kill:?})", counts.kills))?;
            counts.kills += 1;
            self.look(&kill, counts)?;
        }
        // Whatever happened: it starts, takes what is left, and ends in order.
        let served = self.setting.start()?.context("the service does not start after the last kill")?;
        self.greet(&served, counts)?;
        self.send(served, &Kill::Asked { after: Duration::from_millis(500) })?;
        counts.acknowledged += self.shared.acknowledged.swap(0, Ordering::SeqCst);
        counts.entries += self.look(&Kill::Asked { after: Duration::ZERO }, counts)?;
        Ok(())
    }

    fn round(&mut self, kill: &Kill, counts: &mut Counts) -> Result<()> {
        let environment = self.setting.environment.clone();
        if let Kill::Label { label, nth, .. } = kill {
            self.setting.environment.push(("FAIL_AT".into(), format!("{label}:{nth}")));
        }
        let started = self.setting.start();
        self.setting.environment = environment;
        let Some(served) = started? else {
            let at_label = fs::read_to_string(&self.setting.log)?.contains("ended at `");
            ensure!(at_label, "the service does not start: {}", fs::read_to_string(&self.setting.log)?);
            counts.at_labels += 1;
            return self.setting.forget_log();
        };
        self.greet(&served, counts)?;
        self.send(served, kill)?;
        counts.at_labels += u64::from(fs::read_to_string(&self.setting.log)?.contains("ended at `"));
        self.setting.forget_log()
    }

    /// Takes the tokens that are said; makes one for the person who judges.
    fn greet(&mut self, served: &Served, counts: &mut Counts) -> Result<()> {
        if let [admin, source, ..] = served.tokens.as_slice() {
            (self.shared.admin, self.shared.source) = (admin.clone(), source.clone());
            self.shared.lead.clear();
        }
        counts.locked_out += u64::from(self.shared.admin.is_empty());
        if self.shared.lead.is_empty() {
            let body = json!({ "name": "judge", "role": "lead" }).to_string();
            let made = Connection::open(served.address, PATIENCE)
                .and_then(|mut connection| connection.ask("POST", "/v1/tokens", &self.shared.admin, body.as_bytes()));
            // It may be killed just now; then it is made at the next start.
            if let Ok(answer) = made {
                self.shared.lead = answer.json()["token"].as_str().unwrap_or_default().to_owned();
            }
        }
        Ok(())
    }

    /// Sends until the kill.
    fn send(&mut self, mut served: Served, kill: &Kill) -> Result<()> {
        self.shared.begin(served.address);
        let Self { shared, senders, judge, .. } = self;
        let shared = &*shared;
        thread::scope(|scope| {
            let workers: Vec<_> = senders.iter_mut().map(|sender| scope.spawn(|| sender.run(shared))).collect();
            let judging = scope.spawn(|| judge.run(shared));
            let ended = kill.carry_out(&mut served);
            shared.over.store(true, Ordering::SeqCst);
            for worker in workers.into_iter().chain([judging]) {
                worker.join().map_err(|_| anyhow::anyhow!("a client stopped"))??;
            }
            ended
        })
    }

    /// Lets the auditor look; returns how many entries there are.
    fn look(&self, kill: &Kill, counts: &mut Counts) -> Result<u64> {
        let violation = match live::audit(&self.setting.folder, Some(&self.journal))? {
            Ok(found) => return Ok(found["entries"].as_u64().unwrap_or(0)),
            Err(violation) => violation,
        };
        println!("after {kill:?}: {violation}");
        let count = match violation.as_str() {
            text if text.contains("LOST") || text.contains("CHANGED") => &mut counts.lost,
            text if text.contains("TWICE") || text.contains("again") => &mut counts.twice,
            _ => &mut counts.ledger_bad,
        };
        *count += 1;
        Ok(0)
    }
}
