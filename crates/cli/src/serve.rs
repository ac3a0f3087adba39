//! `adjutant serve`: the service in one process and one folder.

pub(crate) mod apart;
mod export;
mod folder;
mod hand;
pub(crate) mod listen;
mod settings;
pub(crate) mod start;
mod teller;
mod traces;
mod watchers;

pub(crate) use folder::{Folder, KEY, LOCK, ORIGIN, PUBLIC};
pub(crate) use settings::{check, of_file as settings_of};

use crate::args::service::Serve;
use crate::exit::Exit;
use crate::{interrupt, isolation};
use adjutant_runtime::drive::Command;
use adjutant_runtime::failpoint::reach;
use adjutant_server::gate::{NewToken, Role};
use anyhow::Context;
use start::Started;
use std::io::Write;
use std::num::NonZero;
use std::sync::atomic::Ordering;
use tokio::runtime::{Builder, Runtime};

/// The kind of the document about the first start, and its name once people were told how to get in.
const START: &str = "start";
const GREETED: &str = "greeted";

/// Who made the first tokens.
const FIRST: &str = "first-start";

/// The first tokens live so long, in days.
const FIRST_DAYS: u32 = 30;

pub(crate) fn run(args: &Serve) -> anyhow::Result<Exit> {
    let config = settings::load(args)?;
    let closed = isolation::begin(&args.launched)?;
    let runtime = runtime()?;
    let stop = interrupt::flag()?;
    let folder = Folder::lock(&config.data_dir)?;
    apart::note(&folder.path, &config, &args.launched, closed)?;
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

/// After so many answers it is looked for new requests. A commit answers dozens at once, and tokio's 61 would have the driver wait
/// for what comes next until the last of them is written.
const ANSWERS_IN_A_ROW: u32 = 8;

/// What runs the doors: a thread for each core but one, which is the driver's. With one more they take turns with it on its
/// core, and everybody waits for the driver.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut doors = Builder::new_multi_thread();
    doors.worker_threads(cores.saturating_sub(1).max(1)).event_interval(ANSWERS_IN_A_ROW);
    doors.enable_all().build().context("no threads can be started")
}

/// Says where the service is, and at the first start how to get in.
async fn greet(url: &str, started: &Started) -> anyhow::Result<()> {
    let gate = &started.app.gate;
    let first = is_first(started).await?;
    let mut text = format!("listening on {url}\n");
    if first {
        let make = async |name: &str, role: Role| {
            let expires = gate.expiry(FIRST_DAYS);
            let new = NewToken { name: name.into(), role, scopes: None, source: None, expires };
            gate.make_token(FIRST, new).await.map(|(_, token)| token.reveal().to_owned())
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
    let said = std::io::stdout().lock();
    let say = |mut out: std::io::StdoutLock<'_>| out.write_all(text.as_bytes()).and_then(|()| out.flush());
    say(said).map_err(crate::term::OutputFailed)?;
    if first {
        reach("greeted");
        started.app.service.command("", Command::Keep(vec![(START, GREETED.into(), Some("{}".into()))])).await?;
    }
    Ok(())
}

/// Whether nobody was told yet how to get in. A start that ended before it could say so left tokens that nobody saw: they
/// are revoked, and others take their place.
async fn is_first(started: &Started) -> anyhow::Result<bool> {
    let gate = &started.app.gate;
    let greeted = started.app.service.read(|reader| reader.document(START, GREETED))?.is_some();
    let (unseen, others) = {
        let accounts = gate.accounts();
        let others = accounts.users().next().is_some() || accounts.tokens().any(|token| token.made_by != FIRST);
        let unseen = accounts.tokens().filter(|token| token.revoked.is_none()).map(|token| token.id.clone());
        (unseen.collect::<Vec<_>>(), others)
    };
    if greeted || others {
        return Ok(false);
    }
    for id in unseen {
        gate.revoke_token(FIRST, &id).await?;
    }
    Ok(true)
}
