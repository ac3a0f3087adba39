//! The program as a process: started in a folder, killed, or asked to end.

use anyhow::{Context as _, Result, bail};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// A start takes no longer, however busy the machine is.
const START: Duration = Duration::from_secs(300);

/// An end that was asked for takes no longer.
const END: Duration = Duration::from_secs(300);

/// What a service is started with.
pub struct Setting {
    pub binary: PathBuf,
    pub folder: PathBuf,
    /// Variables of its environment.
    pub environment: Vec<(String, String)>,
    /// What it says on standard error.
    pub log: PathBuf,
}

/// A service that runs; killed when it is dropped.
pub struct Served {
    child: Child,
    pub address: SocketAddr,
    /// The administrator's and the source's token, as said at the first start.
    pub tokens: Vec<String>,
}

impl Setting {
    pub fn new(binary: &Path, folder: &Path) -> Self {
        Self { binary: binary.into(), folder: folder.into(), environment: Vec::new(), log: folder.with_extension("log") }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts it; none when it ended before it listened, as one does that a failpoint ends.
    pub fn start(&self) -> Result<Option<Served>> {
        let mut command = Command::new(&self.binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&self.folder);
        command.env_remove("ADJUTANT_URL").env_remove("ADJUTANT_TOKEN");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("run {}", self.binary.display()))?;
        let stdout = child.stdout.take().context("its output")?;
        let (sender, lines) = mpsc::channel();
        // Reads on for as long as the service lives, so that it can always print.
        thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let mut served = Served { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), tokens: Vec::new() };
        let until = Instant::now() + START;
        while served.address.port() == 0 {
            match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => served.told(&line)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => bail!("the service does not listen; see {}", self.log.display()),
            }
        }
        // What is said at a first start comes with the same write.
        while served.tokens.len() < 2 {
            match lines.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => served.told(&line)?,
                Err(_) => break,
            }
        }
        Ok(Some(served))
    }

    pub fn with_log(self, log: PathBuf) -> Self {
        Self { log, ..self }
    }

    /// Empties the log.
    pub fn forget_log(&self) -> Result<()> {
        Ok(File::create(&self.log).map(drop)?)
    }
}

impl Served {
    fn told(&mut self, line: &str) -> Result<()> {
        if let Some(url) = line.strip_prefix("listening on http://") {
            self.address = url.parse().with_context(|| format!("the address in `{line}`"))?;
        }
        self.tokens.extend(line.split_once(" token: ").map(|(_, token)| token.to_owned()));
        Ok(())
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ended, at most so long.
    pub fn wait(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        let until = Instant::now() + patience;
        loop {
            match self.child.try_wait()? {
                None if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
                ended => return Ok(ended),
            }
        }
    }

    /// `kill -9`, if it did not end before.
    pub fn end_now(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end, if it did not end before: its number may be another's by then.
    pub fn terminate(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_none() {
            Command::new("kill").arg(self.id().to_string()).status().context("run `kill`")?;
        }
        Ok(())
    }

    /// Asks it to end, and waits until it did.
    pub fn stop(mut self) -> Result<ExitStatus> {
        self.terminate()?;
        self.wait(END)?.context("the service does not end")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
