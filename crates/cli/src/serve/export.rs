//! Hands checkpoints to whoever keeps them elsewhere: a file, a service, a syslog server.

use super::teller::agent;
use adjutant_server::config::Checkpoints;
use anyhow::Context;
use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{ToSocketAddrs, UdpSocket};
use std::path::Path;

/// Where checkpoints go, each with the one that is still to go there.
pub(super) struct Export(Vec<(To, Option<String>)>);

enum To {
    File(std::path::PathBuf),
    Url(String),
    Syslog(String),
}

impl Export {
    pub(super) fn new(config: &Checkpoints) -> Self {
        let file = config.file.clone().map(To::File);
        let (url, syslog) = (config.url.clone().map(To::Url), config.syslog.clone().map(To::Syslog));
        Self(file.into_iter().chain(url).chain(syslog).map(|to| (to, None)).collect())
    }

    /// Hands on what was made now, and again what did not go out before. One place that fails does not hold back another.
    pub(super) fn hand_on(&mut self, made: Option<String>) -> anyhow::Result<()> {
        let mut faults = Vec::new();
        for (to, waiting) in &mut self.0 {
            if made.is_some() {
                waiting.clone_from(&made);
            }
            let Some(checkpoint) = waiting.as_deref() else { continue };
            match to.hand(checkpoint) {
                Ok(()) => *waiting = None,
                Err(error) => faults.push(format!("{error:#}")),
            }
        }
        anyhow::ensure!(faults.is_empty(), "{}", faults.join("; "));
        Ok(())
    }
}

impl To {
    fn hand(&self, checkpoint: &str) -> anyhow::Result<()> {
        match self {
            To::File(file) => append(file, checkpoint).with_context(|| format!("`{}`", file.display())),
            To::Url(url) => {
                let request = agent().post(url).header("content-type", "text/plain; charset=utf-8");
                let answer = request.send(checkpoint.as_bytes()).with_context(|| format!("`{url}`"))?;
                anyhow::ensure!(answer.status().is_success(), "`{url}` answered {}", answer.status());
                Ok(())
            }
            To::Syslog(address) => send(address, checkpoint).with_context(|| format!("`{address}`")),
        }
    }
}

/// Adds to a file, so that what was said before stays: whoever rewrites the store cannot make this file forget, where it
/// can only be appended to.
fn append(path: &Path, checkpoint: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    // After half a line, which a full disk leaves, the next begins on one of its own.
    let text = if last == [b'\n'] { checkpoint.to_owned() } else { format!("\n{checkpoint}") };
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// One line of syslog: facility 13 (log audit), severity 5 (notice), RFC 5424.
fn send(address: &str, checkpoint: &str) -> anyhow::Result<()> {
    let line = format!("<109>1 - - adjutant - checkpoint - {}", checkpoint.trim_end().replace('\n', " | "));
    let to = address.to_socket_addrs()?.next().context("it has no address")?;
    let from = if to.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    UdpSocket::bind(from)?.send_to(line.as_bytes(), to)?;
    Ok(())
}
