//! `cargo xtask contract`: every verb of every connector at every fault point, judged by an auditor from outside.

use crate::acting::auditor::Findings;
use crate::acting::directory::Directory;
use crate::acting::fault::{POINTS, Point};
use crate::acting::mailboxes::Mailboxes;
use crate::acting::trial::{self, Outcome};
use crate::acting::worlds::{self, FILES, Http};
use crate::acting::{Servers, Verb, watched};
use crate::dice::Dice;
use crate::figures::Figures;
use crate::sh;
use crate::together::together;
use adjutant_connect::proof::{HARNESS, Proof};
use adjutant_model::Digest;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Trials at a time. Most of them wait for a server that does not answer.
const AT_ONCE: usize = 32;
/// Fewer trials of each verb at each point prove nothing.
const SEEDS_MIN: usize = 10;
/// Shown of what was found.
const SHOWN_MAX: usize = 12;
/// The connectors that are no files.
const LDAP: &str = "ldap";
const IMAP: &str = "imap";

#[derive(clap::Args)]
pub struct Arguments {
    /// Try only this connector, such as `ldap`, `imap` or `okta`
    connector: Option<String>,
    /// Trials of each verb at each fault point
    #[arg(long, value_name = "N", default_value_t = 10)]
    seeds: usize,
    /// Only the fault points whose name contains this
    #[arg(long, value_name = "TEXT")]
    point: Option<String>,
    /// Write beside each connector's file that it was tried, when nothing was found
    #[arg(long)]
    write: bool,
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// One trial that is to be made.
struct Job<'a> {
    servers: &'a dyn Servers,
    verb: Verb,
    point: &'a Point,
    seed: usize,
    nth: usize,
}

/// What came of all.
#[derive(Default)]
struct Sum {
    trials: u64,
    findings: Findings,
    undo_differs: u64,
    stuck: u64,
    believed: u64,
}

/// `cargo xtask contract`; false when a bar is missed.
pub fn run(arguments: &Arguments) -> Result<bool> {
    watched::quiet();
    let wanted = |name: &str| arguments.connector.as_deref().is_none_or(|wanted| wanted == name);
    let mut servers: Vec<Box<dyn Servers>> = Vec::new();
    for name in FILES.into_iter().filter(|name| wanted(name)) {
        servers.push(Box::new(Http::new(name)?));
    }
    if wanted(LDAP) {
        servers.push(Box::new(Directory::start()?));
    }
    if wanted(IMAP) {
        servers.push(Box::new(Mailboxes::start()?));
    }
    let none = "is not known here: name it, with a server for it, in xtask/src/acting/worlds.rs";
    ensure!(!servers.is_empty(), "`{}` {none}", arguments.connector.as_deref().unwrap_or_default());
    let jobs = jobs(&servers, arguments);
    let verbs = servers.iter().map(|servers| servers.verbs().len()).sum::<usize>();
    let began = Instant::now();
    let sum = tried(&jobs)?;
    let seconds = began.elapsed().as_secs_f64();
    sum.findings.says.iter().take(SHOWN_MAX).for_each(|says| println!("{says}\n"));
    println!("{} were put before a person; {} lies were believed where nothing shows what was done", sum.stuck, sum.believed);
    let passed = report(&sum, (verbs, seconds), arguments)?;
    if arguments.write && passed {
        ensure!(arguments.seeds >= SEEDS_MIN && arguments.point.is_none(), "too little was tried to be written down");
        FILES.into_iter().filter(|name| wanted(name)).try_for_each(|name| prove(name, &jobs))?;
    }
    Ok(passed)
}

/// Writes down that a connector's file was tried as it stands.
fn prove(name: &str, jobs: &[Job<'_>]) -> Result<()> {
    let (path, text) = worlds::file(name)?;
    let trials = jobs.iter().filter(|job| job.verb.connector == name).count() as u64;
    let proof = Proof { definition: Digest::of(text.as_bytes()), harness: HARNESS, trials };
    let file = sh::root().join("book").join(path).with_extension("proof");
    fs::write(&file, proof.to_string()).with_context(|| format!("write {}", file.display()))
}

fn report(sum: &Sum, (verbs, seconds): (usize, f64), arguments: &Arguments) -> Result<bool> {
    let Findings { second_effects, without_permit, unclear_left, .. } = sum.findings;
    let mut figures = Figures::default();
    figures.add("verbs", verbs as f64, "verbs that were tried, each way of one counted");
    figures.add("trials", sum.trials as f64, format!("trials in {seconds:.0} s, each at a fault point"));
    figures.add("second_effects", second_effects as f64, "effects that happened twice; bar 0");
    figures.add("effects_without_permit", without_permit as f64, "without earlier intent, ruling and approval; bar 0");
    figures.add("unclear_left", unclear_left as f64, "ends that are not true, or not known within 60 s; bar 0");
    figures.add("undo_differs", sum.undo_differs as f64, "states that differ after they were restored; bar 0");
    figures.report(arguments.json.as_deref())?;
    Ok(sum.trials > 0 && second_effects + without_permit + unclear_left + sum.undo_differs == 0)
}

fn jobs<'a>(servers: &'a [Box<dyn Servers>], arguments: &Arguments) -> Vec<Job<'a>> {
    let wanted = |point: &&Point| arguments.point.as_deref().is_none_or(|text| point.0.contains(text));
    let mut jobs = Vec::new();
    for seed in 0..arguments.seeds {
        for servers in servers {
            for verb in servers.verbs() {
                for point in POINTS.iter().filter(wanted).filter(|point| trial::fits(&verb, point.1)) {
                    jobs.push(Job { servers: &**servers, verb, point, seed, nth: jobs.len() });
                }
            }
        }
    }
    jobs
}

fn tried(jobs: &[Job<'_>]) -> Result<Sum> {
    let sum = Mutex::new(Sum::default());
    together(AT_ONCE, jobs.iter().collect(), |job: &Job<'_>| {
        let outcome = job.run();
        sum.lock().unwrap_or_else(PoisonError::into_inner).add(outcome, &job.says());
        Ok(())
    })?;
    Ok(sum.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl Job<'_> {
    fn run(&self) -> Result<Outcome> {
        let mut dice = Dice((self.seed as u64).wrapping_mul(0x1_0000_0001).wrapping_add(self.nth as u64));
        let scene = (self.point.2)(&mut dice);
        trial::run(self.servers, &self.verb, &scene, self.nth).with_context(|| "the trial could not be made")
    }

    fn says(&self) -> String {
        let Verb { connector, verb, variant, .. } = &self.verb;
        format!("{connector} {verb} {variant} at {}, seed {}", self.point.0, self.seed)
    }
}

impl Sum {
    fn add(&mut self, outcome: Result<Outcome>, what: &str) {
        self.trials += 1;
        let outcome = outcome.unwrap_or_else(|why| {
            let findings = Findings { unclear_left: 1, says: vec![format!("{why:#}")], ..Findings::default() };
            Outcome { findings, ..Outcome::default() }
        });
        self.findings.second_effects += outcome.findings.second_effects;
        self.findings.without_permit += outcome.findings.without_permit;
        self.findings.unclear_left += outcome.findings.unclear_left;
        self.findings.says.extend(outcome.findings.says.into_iter().map(|says| format!("{what}: {says}")));
        self.undo_differs += outcome.undo_differs;
        self.stuck += outcome.stuck;
        self.believed += outcome.believed;
    }
}
