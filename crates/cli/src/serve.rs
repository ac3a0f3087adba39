//! `adjutant serve`: the service in one process and one folder.

mod folder;
pub(crate) mod listen;
mod settings;
pub(crate) mod start;
mod teller;
mod watchers;

pub(crate) use folder::{Folder, KEY, LOCK, ORIGIN, PUBLIC};
pub(crate) use settings::check;

use crate::args::service::Serve;
use crate::exit::Exit;
use crate::interrupt;
use adjutant_server::gate::{NewToken, Role};
use anyhow::Context;
use start::Started;
use std::io::Write;
use std::sync::atomic::Ordering;

/// The first tokens live so long, in days.
const FIRST_DAYS: u32 = 30;

pub(crate) fn run(args: &Serve) -> anyhow::Result<Exit> {
    let config = settings::load(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads can be started")?;
    let stop = interrupt::flag()?;
    let folder = Folder::lock(&config.data_dir)?;
    let started = start::start(&folder, &config, &stop)?;
    let ended = runtime.block_on(async {
        let open = listen::open(&config, &started).await?;
        for url in open.urls() {
            greet(&url, &started).await?;
        }
        Ok(open.answer(&started, &stop).await)
    });
    stop.store(true, Ordering::SeqCst);
    started.end();
    ended
}

/// Says where the service is, and at the first start how to get in.
async fn greet(url: &str, started: &Started) -> anyhow::Result<()> {
    let gate = &started.app.gate;
    let first = gate.accounts().tokens().next().is_none() && gate.accounts().users().next().is_none();
    let mut text = format!("listening on {url}\n");
    if first {
        let make = async |name: &str, role: Role| {
            let expires = gate.expiry(FIRST_DAYS);
            let new = NewToken { name: name.into(), role, scopes: None, source: None, expires };
            gate.make_token("first-start", new).await.map(|(_, token)| token.reveal().to_owned())
        };
        let (admin, source) = (make("first-admin", Role::Admin).await?, make("first-source", Role::Source).await?);
        text.push_str(&format!(
            "\nThis is the first start. These are shown once, and end in {FIRST_DAYS} days:\n\
             admin token: {admin}\n\
             source token: {source}\n\n\
             Send alerts:\n  curl -H 'Authorization: Bearer {source}' --data-binary @alerts.jsonl {url}/v1/alerts\n\
             Make a token for yourself:\n  ADJUTANT_TOKEN={admin} adjutant token create --role lead --url {url}\n"
        ));
    }
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(crate::term::OutputFailed)?;
    Ok(())
}
