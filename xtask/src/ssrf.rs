//! `cargo xtask ssrf`: tries to make an HTTP connector call where it must not: by places, names, values, links, redirects,
//! and by a proxy in the environment.

use crate::figures::Figures;
use adjutant_connect::http::ssrf::{self, Outcome};
use anyhow::{Context as _, Result, ensure};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a client that believes its environment calls instead.
const PROXIES: [&str; 6] = ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

#[derive(clap::Args)]
pub struct Arguments {
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only try, as the process with a proxy in its environment
    #[arg(long, hide = true)]
    inner: bool,
}

/// `cargo xtask ssrf`; false when anything was reached.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let Outcome { trials, reached, arrived } = ssrf::run().context("the trials could not be made")?;
    reached.iter().for_each(|what| println!("reached by {what}"));
    ensure!(arrived > 0, "no call arrived at all: nothing was tried");
    if arguments.inner {
        return Ok(reached.is_empty());
    }
    let asked = proxied()?;
    let mut figures = Figures::default();
    figures.add("trials", (trials + PROXIES.len() as u64) as f64, "ways to make a connector call where it must not");
    figures.add("reached", (reached.len() as u64 + asked) as f64, "of them reached such a place (bar 0)");
    figures.report(arguments.json.as_deref())?;
    Ok(reached.is_empty() && asked == 0)
}

/// How often a proxy is asked that the environment names, over all trials.
fn proxied() -> Result<u64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let proxy = format!("http://{}", listener.local_addr()?);
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let mut again = Command::new(std::env::current_exe()?);
    again.args(["ssrf", "--inner"]).env_remove("NO_PROXY").env_remove("no_proxy");
    let ended = again.envs(PROXIES.map(|name| (name, proxy.clone()))).status()?;
    ensure!(ended.success(), "the trials with a proxy in the environment failed");
    Ok(asked.load(Ordering::SeqCst))
}
