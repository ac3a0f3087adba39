//! The servers that are measured: how each is started, how it says that it is ready, and how it ends.
//!
//! What depends on the command line of `adjutant serve` is here and nowhere else.

use super::http::Target;
use super::others::memory_mb;
use crate::sh;
use anyhow::{Context as _, Result, anyhow, bail};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A server that is not ready after this long will not be.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// What stands before the address in the line that says that a server is ready.
const READY: &str = "listening on http://";
/// What stands before the token of a source at the first start.
const SOURCE_TOKEN: &str = "source token: ";

/// A server that does the work item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Side {
    /// The product.
    Adjutant,
    /// The bare handler.
    Reference,
    /// A service written by hand with FastAPI.
    Fastapi,
}

/// Where everything is that servers are started with.
pub struct Place {
    /// The directory of the bench.
    pub dir: PathBuf,
    /// The book.
    pub book: PathBuf,
    /// The tables.
    pub context: PathBuf,
}

/// A server that runs. It ends with this value, and its directory too.
pub struct Running {
    child: Child,
    data: PathBuf,
    /// Where it listens.
    pub target: Target,
    /// Seconds from its start until it was ready.
    pub start_s: f64,
}

impl Side {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Side::Adjutant => "adjutant",
            Side::Reference => "reference",
            Side::Fastapi => "fastapi",
        }
    }

    fn command(self, place: &Place, data: &Path) -> Command {
        let mut command = match self {
            Side::Adjutant => {
                let mut command = Command::new(product());
                command.arg("serve").args(["--listen", "127.0.0.1:0"]).arg("--book").arg(&place.book);
                command
            }
            Side::Reference => Command::new(sh::target().join("release/bare_handler")),
            Side::Fastapi => {
                let mut command = Command::new(python(&place.dir));
                command.arg(place.dir.join(PEER));
                command
            }
        };
        command.arg("--data").arg(data).arg("--context").arg(&place.context);
        command
    }
}

fn product() -> PathBuf {
    sh::target().join("release/adjutant")
}

/// The token in a line that shows one for a source.
fn token(line: &str) -> Option<String> {
    line.strip_prefix(SOURCE_TOKEN).map(|token| token.trim().to_owned())
}

/// The address in a line that says that a server is ready.
fn ready(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(READY)?;
    rest.split(|c: char| c.is_whitespace() || c == '/').next()?.parse().ok()
}

impl Running {
    /// Starts `side` on an empty directory, and waits until it is ready.
    pub fn start(side: Side, place: &Place) -> Result<Self> {
        let data = place.dir.join("data").join(side.name());
        if data.is_dir() {
            fs::remove_dir_all(&data)?;
        }
        fs::create_dir_all(&data).with_context(|| format!("create {}", data.display()))?;
        let Launched { child, said, address, start_s } = launch(side, place, &data)?;
        let mut running = Self { child, data, target: Target { address, token: None }, start_s };
        if side == Side::Adjutant {
            let Ok(Said::Token(token)) = said.recv_timeout(READY_WITHIN) else { bail!("it shows no token for a source") };
            running.target.token = Some(token);
        }
        Ok(running)
    }

    /// Kills it and starts it on what it left; seconds until it is ready.
    pub fn restart(&mut self, side: Side, place: &Place) -> Result<f64> {
        self.child.kill()?;
        self.child.wait()?;
        let Launched { child, address, start_s, .. } = launch(side, place, &self.data)?;
        (self.child, self.target.address) = (child, address);
        Ok(start_s)
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Megabytes that it holds now, and the most that it held.
    pub fn memory_mb(&self) -> Result<(f64, f64)> {
        memory_mb(self.child.id()).ok_or_else(|| anyhow!("the server is gone"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // What is left of this turn must not be the next one's burden: its files, and what waits to be written.
        let _ = fs::remove_dir_all(&self.data);
        sh::works("sync", &[]);
    }
}

/// A server that has just become ready.
struct Launched {
    child: Child,
    said: Receiver<Said>,
    address: SocketAddr,
    start_s: f64,
}

/// Starts `side` on what is in `data`, and waits until it is ready.
fn launch(side: Side, place: &Place, data: &Path) -> Result<Launched> {
    let log = place.dir.join(format!("{}.log", side.name()));
    let mut command = side.command(place, data);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("run {command:?}"))?;
    let said = listen(child.stdout.take().context("its output")?);
    match said.recv_timeout(READY_WITHIN) {
        Ok(Said::Address(address)) => Ok(Launched { child, said, address, start_s: started.elapsed().as_secs_f64() }),
        _ => {
            // It may have ended by itself.
            let _ = child.kill();
            child.wait()?;
            bail!("{} does not start: see {}", side.name(), log.display())
        }
    }
}

/// What a server says when it starts.
enum Said {
    Address(SocketAddr),
    Token(String),
}

/// Hears what the server says of itself; what else it says is read and left.
fn listen(stdout: ChildStdout) -> Receiver<Said> {
    let (sender, receiver): (Sender<Said>, _) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(said) = ready(&line).map(Said::Address).or_else(|| token(&line).map(Said::Token)) {
                // Nobody hears any more once the server is ready.
                let _ = sender.send(said);
            }
        }
    });
    receiver
}

/// The service in Python, as it is written below the directory of the bench.
const PEER: &str = "peer.py";
/// What it needs.
const PACKAGES: [&str; 2] = ["fastapi", "uvicorn[standard]"];

fn python(dir: &Path) -> PathBuf {
    dir.join("venv/bin/python")
}

/// Writes the service in Python and installs what it needs; false, having said why, when that cannot be had.
pub fn prepare_peer(dir: &Path) -> Result<bool> {
    fs::write(dir.join(PEER), include_str!("peer.py"))?;
    let python = python(dir);
    let name = python.to_string_lossy();
    if sh::works(&name, &["-c", "import fastapi, uvicorn"]) {
        return Ok(true);
    }
    let made = sh::works("python3", &["-m", "venv", &dir.join("venv").to_string_lossy()]);
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let arguments: Vec<&str> = install.into_iter().chain(PACKAGES).collect();
    let there = made && sh::works(&name, &arguments);
    if !there {
        println!("fastapi is left out: python3 with venv and pip could not install {}", PACKAGES.join(" and "));
    }
    Ok(there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_server_says_where() {
        let address = Some(SocketAddr::from(([127, 0, 0, 1], 8080)));
        for line in ["listening on http://127.0.0.1:8080", "adjutant: listening on http://127.0.0.1:8080/ (console)"] {
            assert_eq!(ready(line), address, "{line}");
        }
        assert_eq!(ready("admin token: adj_x"), None);
        assert_eq!(token("source token: adj_x\n"), Some("adj_x".into()));
    }
}
