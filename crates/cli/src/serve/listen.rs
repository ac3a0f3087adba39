//! Everything that listens: HTTP, syslog, watched folders. Ends together, in order.

use super::start::Started;
use crate::exit::Exit;
use adjutant_server::config::{Config, Protocol, Syslog, Tls, network};
use adjutant_server::intake::folder;
use adjutant_server::intake::syslog::{self, Door};
use adjutant_server::routes;
use adjutant_server::serve::{Bounds, Certificates, Listener};
use anyhow::Context;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often it is looked whether the service is to stop, and into watched folders.
const LOOK: Duration = Duration::from_millis(100);
const FOLDER_LOOK: Duration = Duration::from_secs(1);

/// Everything that listens, bound and not yet answering.
pub(crate) struct Open {
    http: Vec<Listener>,
    scheme: &'static str,
    doors: JoinSet<()>,
    asked: watch::Sender<bool>,
}

/// Binds everything that the configuration names.
pub(crate) async fn open(config: &Config, started: &Started) -> anyhow::Result<Open> {
    let (asked, stopped) = watch::channel(false);
    let certificates = config.http.tls.as_ref().map(certificates).transpose()?;
    let mut doors = JoinSet::new();
    for entry in &config.syslog {
        open_syslog(entry, certificates.as_ref(), started, &stopped, &mut doors).await?;
    }
    for entry in &config.folders {
        let watched = folder::Watch::new(entry.path.clone(), Arc::new(started.app.clone()), entry.source.clone());
        let stopped = stopped.clone();
        doors.spawn(async move { watched.run(FOLDER_LOOK, stopped).await });
    }
    let bounds = Bounds {
        connections_max: config.limits.connections_max as usize,
        per_address_max: config.limits.connections_per_address_max as usize,
    };
    let mut http = Vec::new();
    for address in &config.http.listen {
        http.push(Listener::bind(*address, certificates.clone(), bounds).await?);
    }
    let scheme = if certificates.is_some() { "https" } else { "http" };
    Ok(Open { http, scheme, doors, asked })
}

impl Open {
    /// The URLs under which it answers.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.http.iter().map(|listener| format!("{}://{}", self.scheme, listener.address())).collect()
    }

    /// Answers until `stop` becomes true, then lets open requests end.
    pub(crate) async fn answer(mut self, started: &Started, stop: &AtomicBool) -> Exit {
        for listener in self.http {
            let (answer, mut stopped) = (routes::doors(started.app.clone()).traced(started.is_traced()), self.asked.subscribe());
            self.doors.spawn(async move {
                let asked = async move {
                    // The sender lives until everything ended.
                    let _ = stopped.wait_for(|stopped| *stopped).await;
                };
                let drained = listener.serve(answer, asked).await;
                if drained.cut > 0 {
                    eprintln!("adjutant: {} requests were cut off", drained.cut);
                }
            });
        }
        until(stop).await;
        started.app.events.close();
        self.asked.send_replace(true);
        while self.doors.join_next().await.is_some() {}
        if started.is_broken() { Exit::Output } else { Exit::Ok }
    }
}

async fn until(stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        tokio::time::sleep(LOOK).await;
    }
}

fn certificates(tls: &Tls) -> anyhow::Result<Arc<Certificates>> {
    let read = |certificate: &Path, key: &Path| Certificates::read(certificate, key);
    Ok(read(&tls.certificate, &tls.key)?)
}

async fn open_syslog(
    entry: &Syslog,
    certificates: Option<&Arc<Certificates>>,
    started: &Started,
    stopped: &watch::Receiver<bool>,
    doors: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let door = Door::new(Arc::new(started.app.clone()), Some(entry.source.clone()));
    // One that cannot be read must not be left out: a door without any is open to everybody.
    let read = |text: &String| network(text).with_context(|| format!("`{text}` is no network"));
    let senders = entry.senders.iter().map(read).collect::<anyhow::Result<_>>()?;
    let (door, stopped, address) = (door.only_from(senders), stopped.clone(), entry.listen);
    let taken = || format!("syslog cannot listen on `{address}`");
    match entry.protocol {
        Protocol::Udp => {
            let socket = UdpSocket::bind(address).await.with_context(taken)?;
            say("udp", socket.local_addr()?);
            doors.spawn(async move { told(syslog::udp(socket, door, stopped).await) });
        }
        Protocol::Tcp => {
            let listener = TcpListener::bind(address).await.with_context(taken)?;
            say("tcp", listener.local_addr()?);
            doors.spawn(async move { told(syslog::tcp(listener, door, async |stream| Ok(stream), stopped).await) });
        }
        Protocol::Tls => {
            let certificates = certificates.context("syslog over TLS needs `http.tls`: its certificate is used")?;
            let acceptor = tokio_rustls::TlsAcceptor::from(certificates.server()?);
            let listener = TcpListener::bind(address).await.with_context(taken)?;
            say("tls", listener.local_addr()?);
            let open = move |stream| {
                let acceptor = acceptor.clone();
                async move { acceptor.accept(stream).await }
            };
            doors.spawn(async move { told(syslog::tcp(listener, door, open, stopped).await) });
        }
    }
    Ok(())
}

fn say(protocol: &str, address: std::net::SocketAddr) {
    println!("syslog over {protocol} on {address}");
}

fn told(ended: std::io::Result<()>) {
    if let Err(error) = ended {
        eprintln!("adjutant: a syslog listener ended: {error}");
    }
}
