//! The same alerts through the service: sent to its intake over HTTP, decided, in the ledger, verified.

use super::{ALERTS, CONTEXT, WRITTEN};
use crate::serve::listen;
use crate::serve::{Folder, start};
use crate::term;
use adjutant_engine::explain::style::{Line, Paint};
use adjutant_runtime::audit;
use adjutant_server::config::{Config, DecideAt};
use adjutant_server::gate::{NewToken, Role};
use anyhow::Context;
use std::fs::{self, File};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// The demonstration's tokens end after a day.
const DAYS: u32 = 1;

/// A folder that goes with the demonstration.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of a demonstration in the system's folder for temporary files harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs the service; on a terminal until Ctrl-C, else until every alert is decided.
pub(super) fn run() -> anyhow::Result<()> {
    let scratch = Scratch(std::env::temp_dir().join(format!("adjutant-demo-{}", std::process::id())));
    let context = scratch.0.join("context");
    write_context(&context)?;
    let config = Config {
        data_dir: scratch.0.join("data"),
        context_dir: Some(context),
        decide_at: DecideAt::Alert,
        http: adjutant_server::config::Http { listen: vec![([127, 0, 0, 1], 0).into()], ..Default::default() },
        ..Config::default()
    };
    let runtime = crate::serve::runtime()?;
    let stop = crate::interrupt::flag()?;
    let folder = Folder::lock(&config.data_dir)?;
    let started = start::start(&folder, &config, &stop)?;
    let ended = runtime.block_on(serve(&config, &started, &stop));
    stop.store(true, Ordering::SeqCst);
    started.end();
    ended
}

fn write_context(dir: &Path) -> anyhow::Result<()> {
    for (path, bytes) in CONTEXT {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(&path, bytes)?;
        let written = SystemTime::UNIX_EPOCH + Duration::from_micros(WRITTEN.0.unsigned_abs());
        File::options().write(true).open(&path)?.set_modified(written)?;
    }
    Ok(())
}

async fn serve(config: &Config, started: &start::Started, stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let open = listen::open(config, started).await?;
    let url = open.urls().pop().unwrap_or_default();
    let gate = &started.app.gate;
    let token = async |name: &str, role: Role| -> anyhow::Result<String> {
        let new = NewToken { name: name.into(), role, scopes: None, source: None, expires: gate.expiry(DAYS) };
        Ok(gate.make_token("demo", new).await?.1.reveal().to_owned())
    };
    let (source, lead) = (token("demo-source", Role::Source).await?, token("demo-lead", Role::Lead).await?);
    let (sent_to, stopping) = (url.clone(), Arc::clone(stop));
    let sending = tokio::task::spawn_blocking(move || {
        let sent = send(&sent_to, &source);
        if sent.is_err() {
            stopping.store(true, Ordering::SeqCst);
        }
        sent
    });
    let app = started.app.clone();
    let stopping = Arc::clone(stop);
    let telling = async move {
        let accepted = sending.await.context("sending stopped")??;
        tell(&app, accepted, &url, &lead)?;
        if !std::io::stdout().is_terminal() {
            stopping.store(true, Ordering::SeqCst);
        }
        anyhow::Ok(())
    };
    let (_, told) = tokio::join!(open.answer(started, stop), telling);
    told
}

fn send(url: &str, token: &str) -> anyhow::Result<u64> {
    let mut accepted = 0;
    for (name, bytes) in ALERTS {
        let answer = ureq::post(format!("{url}/v1/alerts")).header("authorization", &format!("Bearer {token}")).send(bytes);
        let text = answer.with_context(|| format!("`{name}` was not taken"))?.body_mut().read_to_string()?;
        let answer: serde_json::Value = serde_json::from_str(&text)?;
        accepted += answer["accepted"].as_u64().unwrap_or(0);
    }
    Ok(accepted)
}

fn tell(app: &adjutant_server::app::App, accepted: u64, url: &str, lead: &str) -> anyhow::Result<()> {
    let report = app.service.read(|reader| Ok(audit::audit(reader, &[])))??;
    let plain = |text: String| Line::new().plain(text);
    let mut lines = vec![
        Line::new(),
        Line::new().with(Paint::Strong, "The same alerts through the service:"),
        Line::new(),
        plain(format!(
            "  {accepted} alerts were sent to {url}/v1/alerts, and each was decided and on the disk when it was answered"
        )),
        plain(format!(
            "  {} entries of the ledger, every one verified; {} raw alerts are what their entries say",
            report.report.tree.len(),
            report.raw
        )),
    ];
    if std::io::stdout().is_terminal() {
        lines.push(plain("  It runs until Ctrl-C. In another terminal:".into()));
        lines.push(plain(format!("    export ADJUTANT_URL={url} ADJUTANT_TOKEN={lead}")));
        lines.push(plain("    adjutant queue".into()));
    } else {
        lines.push(Line::new().with(Paint::Dim, "  adjutant serve runs it for your own alerts"));
    }
    term::output(crate::table::painted(&lines).as_bytes())?;
    Ok(())
}
