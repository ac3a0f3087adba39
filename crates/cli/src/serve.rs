//! `adjutant serve`: the service in one process and one folder.

mod folder;
mod start;
mod watchers;

use crate::args::service::{DecideAt, Serve};
use crate::exit::Exit;
use crate::interrupt;
use adjutant_server::gate::Role;
use adjutant_server::routes;
use adjutant_server::serve::{Bounds, Listener};
use anyhow::Context;
pub(crate) use folder::{Folder, KEY, LOCK, PUBLIC};
use start::Started;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often it is looked whether the service is to stop.
const LOOK: Duration = Duration::from_millis(100);

/// The first tokens live so long, in days.
const FIRST_DAYS: u32 = 30;

pub(crate) fn run(args: &Serve) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads can be started")?;
    let stop = interrupt::flag()?;
    let folder = Folder::lock(&args.data.data)?;
    let at_arrival = args.decide_at == DecideAt::Arrival;
    let started = start::start(&folder, (args.book.book.as_deref(), args.context.as_deref()), at_arrival, &stop)?;
    let ended = runtime.block_on(listen(args.listen, &started, Arc::clone(&stop)));
    stop.store(true, Ordering::SeqCst);
    started.end();
    ended
}

async fn listen(address: SocketAddr, started: &Started, stop: Arc<AtomicBool>) -> anyhow::Result<Exit> {
    let listener = Listener::bind(address, None, Bounds::default()).await?;
    let url = format!("http://{}", listener.address());
    greet(&url, started).await?;
    let asked = async move {
        while !stop.load(Ordering::SeqCst) {
            tokio::time::sleep(LOOK).await;
        }
    };
    let app = started.app.clone();
    let drained = listener.serve(routes::doors(app), asked).await;
    if drained.cut > 0 {
        eprintln!("adjutant: {} requests were cut off", drained.cut);
    }
    Ok(Exit::Ok)
}

/// Says where the service is, and at the first start how to get in.
async fn greet(url: &str, started: &Started) -> anyhow::Result<()> {
    let gate = &started.app.gate;
    let first = gate.accounts().tokens().next().is_none() && gate.accounts().users().next().is_none();
    let mut text = format!("listening on {url}\n");
    if first {
        let make = async |name: &str, role: Role| {
            let expires = gate.expiry(FIRST_DAYS);
            let new = adjutant_server::gate::NewToken { name: name.into(), role, scopes: None, source: None, expires };
            gate.make_token("first-start", new).await.map(|(_, token)| token.reveal().to_owned())
        };
        let (admin, source) = (make("first-admin", Role::Admin).await?, make("first-source", Role::Source).await?);
        text.push_str(&format!(
            "\nThis is the first start. These are shown once, and end in {FIRST_DAYS} days:\n\
             admin token: {admin}\n\
             source token: {source}\n\n\
             Send an alert:\n  curl -H 'Authorization: Bearer {source}' --data-binary @alerts.jsonl {url}/v1/alerts\n\
             Make a token for yourself:\n  ADJUTANT_TOKEN={admin} adjutant token create --role lead --url {url}\n"
        ));
    }
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(crate::term::OutputFailed)?;
    Ok(())
}
