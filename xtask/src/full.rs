//! `cargo xtask full`: the real program on a disk that gets full, with room again afterwards, and killed while it is full.
//! It says 503, loses nothing that it acknowledged, and goes on by itself.
//!
//! The disk is a small tmpfs, which takes the right to mount; without it this says so and is skipped.

use crate::figures::Figures;
use crate::live;
use crate::live::alerts::Alerts;
use crate::live::http::Connection;
use crate::live::journal::Journal;
use crate::live::process::{Served, Setting};
use crate::sh;
use anyhow::{Context as _, Result, bail, ensure};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The disk, and how much of it is taken at first.
const DISK_MB: usize = 16;
const TAKEN_MB: usize = 9;

/// Times that the disk gets full.
const ROUNDS: u32 = 3;

/// Records of a request.
const BATCH: usize = 40;

/// Everything is answered, and the service is back, within this.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two tries while it is full.
const AGAIN: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub struct Arguments {
    /// The program; built for debugging when it is not given
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A small disk, let go when it is dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Result<Option<Self>> {
        let dir = tempfile::tempdir()?;
        let mut mount = sh::program("mount", &["-t", "tmpfs", "-o", &format!("size={DISK_MB}m"), "tmpfs"]);
        let mounted = mount.arg(dir.path()).output().is_ok_and(|output| output.status.success());
        Ok(mounted.then(|| Self(dir)))
    }

    /// Takes all the room that is left beside `bytes_max`.
    fn take(&self, bytes_max: usize) -> Result<()> {
        let mut file = File::create(self.ballast())?;
        let chunk = [0_u8; 4096];
        for _ in 0..bytes_max / chunk.len() {
            if file.write_all(&chunk).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn give_back(&self) -> Result<()> {
        Ok(fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A disk that is busy stays mounted, and its folder with it.
        let _ = sh::program("umount", &[]).arg(self.0.path()).status();
    }
}

/// What was counted.
#[derive(Default)]
struct Counts {
    full: u64,
    acknowledged: u64,
    refused: u64,
    odd: u64,
    back_s: f64,
}

/// `cargo xtask full`; false when a bar is missed.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let Some(disk) = Disk::new()? else {
        println!("skipped: a small disk cannot be mounted here; run this as root");
        return Ok(true);
    };
    let binary = arguments.binary.clone().map_or_else(live::build, Ok)?;
    let home = tempfile::tempdir()?;
    let (data, path) = (disk.0.path().join("data"), home.path().join("journal.jsonl"));
    let (alerts, journal) = (Alerts::new()?, Journal::new(&path)?);
    let setting = Setting::new(&binary, &data).with_log(home.path().join("service.log"));
    let mut served = setting.start()?.context("the service does not start")?;
    let token = served.tokens.get(1).context("a source's token")?.clone();
    let mut counts = Counts::default();
    disk.take(TAKEN_MB << 20)?;
    for round in 0..ROUNDS {
        counts.until_full(&served, &token, (&alerts, &journal))?;
        if round == ROUNDS - 1 {
            // The worst moment for it: there is no room to start either.
            served.end_now()?;
            drop(setting.start());
        }
        disk.give_back()?;
        if round == ROUNDS - 1 {
            served = setting.start()?.context("the service does not start with room again")?;
        }
        counts.until_back(&served, &token, (&alerts, &journal))?;
        disk.take(DISK_MB << 20)?;
    }
    disk.give_back()?;
    let ended = served.stop()?;
    report(arguments, &counts, &data, &path, ended.success())
}

fn report(arguments: &Arguments, counts: &Counts, data: &Path, journal: &Path, ended: bool) -> Result<bool> {
    let violation = live::audit(data, Some(journal))?.err();
    violation.iter().for_each(|violation| println!("{violation}"));
    let mut figures = Figures::default();
    figures.add("full_times", counts.full as f64, "times that the disk was full");
    figures.add("full_refused", counts.refused as f64, "requests that were answered 503 then");
    figures.add("full_acknowledged", counts.acknowledged as f64, "alerts that were acknowledged around it");
    figures.add("full_odd", counts.odd as f64, "requests that were answered otherwise (bar 0)");
    figures.add(
        "full_lost",
        f64::from(u8::from(violation.is_some())),
        "audits that found something acknowledged missing, or a fault (bar 0)",
    );
    figures.add("full_back_s", counts.back_s, "s after there was room again it took alerts, at most");
    figures.report(arguments.json.as_deref())?;
    Ok(counts.full == u64::from(ROUNDS) && counts.odd == 0 && violation.is_none() && ended)
}

impl Counts {
    /// Sends until the service says that nothing can be stored, and a little longer.
    fn until_full(&mut self, served: &Served, token: &str, with: (&Alerts, &Journal)) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while self.send(served, token, with)? != 503 {
            ensure!(Instant::now() < until, "the disk does not get full");
        }
        self.full += 1;
        for _ in 0..5 {
            self.send(served, token, with)?;
            thread::sleep(AGAIN);
        }
        // Who only reads is not kept from it.
        let alive = Connection::open(served.address, PATIENCE)?.ask("GET", "/healthz", "", b"")?.status;
        self.odd += u64::from(alive != 200);
        Ok(())
    }

    /// Sends until something is stored again.
    fn until_back(&mut self, served: &Served, token: &str, with: (&Alerts, &Journal)) -> Result<()> {
        let began = Instant::now();
        while self.send(served, token, with)? != 200 {
            if began.elapsed() > PATIENCE {
                bail!("the service does not go on though there is room");
            }
            thread::sleep(AGAIN);
        }
        self.back_s = self.back_s.max(began.elapsed().as_secs_f64());
        Ok(())
    }

    fn send(&mut self, served: &Served, token: &str, (alerts, journal): (&Alerts, &Journal)) -> Result<u16> {
        let records: Vec<String> = (0..BATCH).map(|_| alerts.fresh()).collect();
        let mut open = Connection::open(served.address, PATIENCE)?;
        let answer = open.ask("POST", "/v1/alerts", token, records.join("\n").as_bytes())?;
        let body = answer.json();
        let items = body["items"].as_array().map_or(&[][..], Vec::as_slice);
        let done = records.iter().zip(items).filter(|(_, item)| item["decision"].is_string());
        self.acknowledged += journal.acknowledged(done.map(|(record, item)| (record.as_bytes(), item.clone())))?;
        match answer.status {
            200 => {}
            503 => self.refused += 1,
            status => {
                println!("{status} {body}");
                self.odd += 1;
            }
        }
        Ok(answer.status)
    }
}
