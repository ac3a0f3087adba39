//! One installation of the hand, whose process comes and goes, and the people who have it act.

use super::people::{self, Ask, LOOK, PATIENCE};
use super::target::{Effect, Target};
use super::{Kill, brain};
use adjutant_hand::protocol::{Reply, Request};
use adjutant_hand::socket::{Client, own_user};
use adjutant_ledger::SigningKey;
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What all houses share: the program, the book, and a folder of a hand that knows the approvers.
pub struct Plot {
    binary: PathBuf,
    folder: tempfile::TempDir,
    keys: Vec<SigningKey>,
}

/// What is left in the end.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was done to the target, in order.
    pub effects: Vec<String>,
    /// Its states.
    pub states: BTreeMap<String, String>,
    /// The rows of the plan's actions: number, stage, verb, target, states before and after.
    pub actions: Vec<String>,
    /// Who approved it, and what of everything else that was planned is not merely planned.
    pub approved: Vec<String>,
    pub others: Vec<String>,
    /// Effects without an intent before them.
    pub unintended: Vec<String>,
}

/// How a trial went.
pub struct Played {
    pub outcome: Outcome,
    /// It was killed, at the place that was asked for.
    pub killed: bool,
    pub took: Duration,
}

impl Plot {
    /// Starts a hand once, and makes the approvers' keys known to it.
    pub fn new(binary: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let plot = Self { binary: binary.into(), folder, keys: Vec::new() };
        let book = plot.folder.path().join("book");
        plot.run(&["init", &book.to_string_lossy()])?;
        brain::trim(&book)?;
        let keys = people::keys()?;
        let plot = Self { keys, ..plot };
        let mut house = House::new(&plot, plot.folder.path(), &Target::start()?, None)?;
        house.alive()?;
        house.stop()?;
        for key in &plot.keys {
            let hand = plot.folder.path().join("hand");
            plot.run(&["key", "add", &key.verifier().to_string(), "--role", "lead", "--hand", &hand.to_string_lossy()])?;
        }
        drop(house);
        Ok(plot)
    }

    fn run(&self, arguments: &[&str]) -> Result<()> {
        let output = Command::new(&self.binary).args(arguments).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    pub fn binary(&self) -> &Path {
        &self.binary
    }

    pub fn keys(&self) -> &[SigningKey] {
        &self.keys
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A house in `folder` whose hand knows the approvers.
    pub fn house<'a>(&'a self, folder: &Path, target: &Target, kill: Option<&'a Kill>) -> Result<House<'a>> {
        fs::create_dir(folder.join("hand"))?;
        for entry in fs::read_dir(self.path("hand"))? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join("hand").join(entry.file_name()))?;
        }
        House::new(self, folder, target, kill)
    }

    /// Plays the whole scene in a house of its own: a plan, two approvals, three acts, and one of them taken back.
    pub fn play(&self, kill: Option<&Kill>) -> Result<Played> {
        let (folder, target) = (tempfile::tempdir()?, Target::start()?);
        let mut house = self.house(folder.path(), &target, kill)?;
        let began = Instant::now();
        let plan = people::act(&mut house, &self.keys).with_context(|| format!("{kill:?}: {}", house.said()))?;
        let took = began.elapsed();
        house.stop()?;
        let outcome = outcome(&target, folder.path(), &plan).with_context(|| format!("{kill:?}"))?;
        Ok(Played { outcome, killed: house.killed, took })
    }
}

/// One folder with its hand.
pub struct House<'a> {
    plot: &'a Plot,
    config: PathBuf,
    log: PathBuf,
    client: Client,
    hand: Arc<Mutex<Option<Child>>>,
    kill: Option<&'a Kill>,
    killed: bool,
}

impl<'a> House<'a> {
    fn new(plot: &'a Plot, folder: &Path, target: &Target, kill: Option<&'a Kill>) -> Result<Self> {
        let [config, log, socket] = ["hand.toml", "hand.log", "s"].map(|name| folder.join(name));
        let text = format!(
            "data_dir = '{0}/hand'\nsocket = '{1}'\nbook_dir = '{2}/book'\nsettles_seconds = 1\n\n[connectors.firewall]\n\
             kind = 'http'\nfile = 'webhook'\nbase_url = 'http://{3}'\nplaintext = true\n\
             auth = {{ kind = 'bearer', token = {{ env = 'FIREWALL' }} }}\n",
            folder.display(),
            socket.display(),
            plot.folder.path().display(),
            target.address
        );
        fs::write(&config, text)?;
        let client = Client::new(socket, vec![own_user()]);
        Ok(Self { plot, config, log, client, hand: Arc::default(), kill, killed: false })
    }

    /// Sees to it that a hand runs. Only the first is to be killed.
    pub fn alive(&mut self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            {
                let mut hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
                match hand.as_mut().map(Child::try_wait).transpose()? {
                    Some(None) => return Ok(()),
                    Some(Some(_)) => self.killed = true,
                    None => {}
                }
                *hand = None;
            }
            self.start()?;
        }
        bail!("the hand does not start")
    }

    fn start(&mut self) -> Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.plot.binary);
        command.args(["hand", "--config"]).arg(&self.config).env("FIREWALL", "token-of-a-test");
        let kill = self.kill.take();
        if let Some(Kill::Label { label, nth }) = kill {
            command.env("FAIL_AT", format!("{label}:{nth}"));
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().context("start the hand")?;
        let stdout = child.stdout.take().context("its output")?;
        *self.hand.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        if let Some(Kill::Random { after }) = kill {
            let (hand, after) = (Arc::clone(&self.hand), *after);
            thread::spawn(move || {
                thread::sleep(after);
                // The first hand; it is there until somebody looks whether it ended.
                hand.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(Child::kill)
            });
        }
        // It listens, or it has ended.
        BufReader::new(stdout).read_line(&mut String::new())?;
        Ok(())
    }

    pub fn stop(&mut self) -> Result<()> {
        self.alive()?;
        let hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut hand = hand.context("a hand")?;
        Command::new("kill").arg(hand.id().to_string()).status().context("run `kill`")?;
        hand.wait()?;
        Ok(())
    }

    /// Whether the first hand was ended before it was asked to.
    pub fn was_killed(&self) -> bool {
        self.killed
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Ask for House<'_> {
    fn ask(&mut self, request: &Request) -> Result<Reply> {
        let until = Instant::now() + PATIENCE;
        loop {
            self.alive()?;
            match self.client.ask(request) {
                Ok(reply) => return Ok(reply),
                Err(error) if Instant::now() > until => return Err(error.into()),
                Err(_) => thread::sleep(LOOK),
            }
        }
    }
}

impl Drop for House<'_> {
    fn drop(&mut self) {
        if let Some(mut hand) = self.hand.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = hand.kill();
            let _ = hand.wait();
        }
    }
}

/// What stands in the target and in the hand's store, read without the product's own code.
pub fn outcome(target: &Target, folder: &Path, plan: &str) -> Result<Outcome> {
    let db = rusqlite::Connection::open(folder.join("hand/hand.db"))?;
    let rows = |sql: &str| -> Result<Vec<String>> {
        let mut statement = db.prepare(sql)?;
        let rows = statement.query_map([plan], |row| row.get::<_, String>(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    let intents = rows(
        "SELECT json_extract(body, '$.action') || ' ' || at FROM journal WHERE kind = 'stage' AND json_extract(body, '$.plan') = ?1
         AND json_extract(body, '$.is') IN ('intended', 'undoing')",
    )?;
    let world = target.world();
    let is_intended = |effect: &&Effect| {
        let key = effect.key.trim_end_matches("-undo");
        intents
            .iter()
            .filter_map(|intent| intent.split_once(' '))
            .any(|(of, at)| of == key && at.parse::<i64>().is_ok_and(|at| at <= effect.at))
    };
    Ok(Outcome {
        effects: world.effects.iter().map(|effect| effect.what.clone()).collect(),
        states: world.states.clone(),
        actions: rows(
            "SELECT nth || ' ' || stage || ' ' || verb || ' ' || target || ' ' || before || ' ' || after FROM action
             WHERE plan = ?1 ORDER BY nth",
        )?,
        approved: rows("SELECT by FROM spent WHERE about = 'approve ' || ?1 ORDER BY by")?,
        others: rows("SELECT verb || ' ' || stage FROM action WHERE plan <> ?1 AND stage <> 0")?,
        unintended: world.effects.iter().filter(|effect| !is_intended(effect)).map(|effect| effect.what.clone()).collect(),
    })
}
