//! Sockets for syslog: datagrams, and connections of any kind.
//!
//! A connection is not read while its messages are not stored, so that its sender waits: that is all the back-pressure there is in
//! syslog. Datagrams cannot wait; what the queue has no room for is counted and reported, never dropped in silence.

use super::{Framer, datagram};
use crate::intake::{Fault, Incoming, Piece, Sink, again, stopped};
use bytes::{Bytes, BytesMut};
use ipnet::IpNet;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

/// What a listener may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A longer message is a fault.
    pub message_bytes_max: usize,
    /// A connection on which nothing comes for so long is closed.
    pub idle_max: Duration,
    /// A connection must be open, its TLS handshake included, within this time.
    pub open_max: Duration,
    /// Connections at a time; more are closed at once and counted.
    pub connections_max: usize,
    /// Records handed in together.
    pub batch_records_max: usize,
    /// Datagrams that wait; more are dropped, counted and reported.
    pub queue_datagrams_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            message_bytes_max: 1 << 20,
            idle_max: Duration::from_secs(900),
            open_max: Duration::from_secs(10),
            connections_max: 1024,
            batch_records_max: 512,
            queue_datagrams_max: 16_384,
        }
    }
}

/// As much is read at once.
const READ_BYTES: usize = 64 << 10;

/// No datagram is larger.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// What a listener did, to be looked at from anywhere.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages that came.
    pub received: AtomicU64,
    /// What could not be read as a message.
    pub faults: AtomicU64,
    /// Datagrams for which the queue had no room.
    pub refused: AtomicU64,
    /// Times that records had to be handed in again.
    pub held: AtomicU64,
    /// Records that were held when the listener was told to stop.
    pub lost: AtomicU64,
    /// Connections that were closed at once, because there were too many.
    pub turned_away: AtomicU64,
    /// Connections that were closed because nothing came, or because they did not open.
    pub idle: AtomicU64,
    /// Datagrams and connections of senders who may not send.
    pub strangers: AtomicU64,
}

/// Where messages go, and what is counted of them.
#[derive(Clone)]
pub struct Door {
    /// Who takes the records.
    pub sink: Arc<dyn Sink>,
    /// Their source, if one is set.
    pub source: Option<String>,
    /// Networks whose messages are taken; everybody's when there is none.
    pub senders: Arc<[IpNet]>,
    /// What may be taken.
    pub settings: Settings,
    /// What was done.
    pub counters: Arc<Counters>,
}

impl Door {
    /// A door to `sink` with the usual settings.
    pub fn new(sink: Arc<dyn Sink>, source: Option<String>) -> Self {
        Self { sink, source, senders: Arc::default(), settings: Settings::default(), counters: Arc::default() }
    }

    /// The same, taking messages of these networks only.
    #[must_use]
    pub fn only_from(self, senders: Vec<IpNet>) -> Self {
        Self { senders: senders.into(), ..self }
    }

    /// Whether messages from this address are taken; when not, that is counted and reported.
    async fn admits(&self, from: IpAddr) -> bool {
        let from = from.to_canonical();
        if self.senders.is_empty() || self.senders.iter().any(|network| network.contains(&from)) {
            return true;
        }
        self.counters.strangers.fetch_add(1, Ordering::Relaxed);
        let detail = "it is in none of the networks that `senders` names, and is not heard".into();
        self.report(&from.to_string(), vec![Fault { line: 0, code: "stranger", detail }]).await;
        false
    }

    /// Hands records in until each is stored or failed, or until told to stop.
    async fn deliver(&self, sender: &str, mut records: Vec<Incoming>, stop: &mut watch::Receiver<bool>) {
        while !records.is_empty() {
            let fates = self.sink.submit(self.source.as_deref(), sender, records.clone()).await;
            let (again, wait_s) = again(records, &fates);
            records = again;
            if records.is_empty() {
                return;
            }
            self.counters.held.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(wait_s.into())) => {}
                () = stopped(stop) => return self.lose(sender, &records).await,
            }
        }
    }

    async fn lose(&self, sender: &str, records: &[Incoming]) {
        self.counters.lost.fetch_add(records.len() as u64, Ordering::Relaxed);
        let detail = format!("{} records were over capacity when the service stopped, and are lost", records.len());
        self.report(sender, vec![Fault { line: records.first().map_or(0, |record| record.line), code: "lost", detail }]).await;
    }

    async fn report(&self, sender: &str, faults: Vec<Fault>) {
        if !faults.is_empty() {
            self.counters.faults.fetch_add(faults.len() as u64, Ordering::Relaxed);
            self.sink.report(self.source.as_deref(), sender, faults).await;
        }
    }

    async fn pieces(&self, sender: &str, pieces: Vec<Piece>, stop: &mut watch::Receiver<bool>) {
        let (mut records, mut faults) = (Vec::with_capacity(pieces.len()), Vec::new());
        for piece in pieces {
            match piece {
                Piece::Record(record) => records.push(record),
                Piece::Fault(fault) => faults.push(fault),
            }
        }
        self.counters.received.fetch_add(records.len() as u64, Ordering::Relaxed);
        self.report(sender, faults).await;
        self.deliver(sender, records, stop).await;
    }
}

/// Takes datagrams until told to stop.
///
/// # Errors
/// The socket fails.
pub async fn udp(socket: UdpSocket, door: Door, mut stop: watch::Receiver<bool>) -> io::Result<()> {
    let (queue, waiting) = mpsc::channel(door.settings.queue_datagrams_max.max(1));
    let mut worker = JoinSet::new();
    worker.spawn(take_datagrams(waiting, door.clone(), stop.clone()));
    let mut room = vec![0; DATAGRAM_BYTES_MAX];
    let result = loop {
        let came = tokio::select! {
            came = socket.recv_from(&mut room) => came,
            () = stopped(&mut stop) => break Ok(()),
        };
        match came {
            Ok((_, from)) if !door.admits(from.ip()).await => {}
            Ok((len, from)) => {
                let message = (from.ip(), Bytes::copy_from_slice(room.get(..len).unwrap_or(&[])));
                if queue.try_send(message).is_err() {
                    door.counters.refused.fetch_add(1, Ordering::Relaxed);
                }
            }
            // An earlier answer could not be delivered: nothing about what comes.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => break Err(error),
        }
    };
    drop(queue);
    worker.join_all().await;
    result
}

/// Hands in what waits, each sender's datagrams together.
async fn take_datagrams(mut waiting: mpsc::Receiver<(IpAddr, Bytes)>, door: Door, mut stop: watch::Receiver<bool>) {
    let (mut batch, mut told) = (Vec::new(), 0);
    loop {
        let count = waiting.recv_many(&mut batch, door.settings.batch_records_max.max(1)).await;
        // A stable sort: each sender's messages stay in order.
        batch.sort_by_key(|(from, _)| *from);
        for group in batch.chunk_by(|(one, _), (other, _)| one == other) {
            let sender = group.first().map(|(from, _)| from.to_string()).unwrap_or_default();
            let pieces = group.iter().map(|(_, bytes)| datagram(bytes.clone())).collect();
            door.pieces(&sender, pieces, &mut stop).await;
        }
        batch.clear();
        let refused = door.counters.refused.load(Ordering::Relaxed);
        if refused > told {
            let detail = format!("{} datagrams came while the queue was full, and are lost", refused - told);
            door.report("", vec![Fault { line: 0, code: "over-capacity", detail }]).await;
            told = refused;
        }
        if count == 0 {
            return;
        }
    }
}

/// Takes connections until told to stop; `open` makes of each what is read from, such as a TLS stream.
///
/// # Errors
/// The listener fails.
pub async fn tcp<F, Opening, R>(listener: TcpListener, door: Door, open: F, mut stop: watch::Receiver<bool>) -> io::Result<()>
where
    F: Fn(TcpStream) -> Opening,
    Opening: Future<Output = io::Result<R>> + Send + 'static,
    R: AsyncRead + Unpin + Send + 'static,
{
    let seats = Arc::new(Semaphore::new(door.settings.connections_max.min(Semaphore::MAX_PERMITS)));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = stopped(&mut stop) => break,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            // The sender went away, or there are too many open files for now: neither is about the listener.
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if !door.admits(from.ip()).await {
            continue;
        }
        let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else {
            door.counters.turned_away.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let (opening, door, stop) = (open(stream), door.clone(), stop.clone());
        connections.spawn(async move {
            serve(opening, from, door, stop).await;
            drop(seat);
        });
    }
    connections.join_all().await;
    Ok(())
}

async fn serve<R: AsyncRead + Unpin>(
    opening: impl Future<Output = io::Result<R>>,
    from: SocketAddr,
    door: Door,
    mut stop: watch::Receiver<bool>,
) {
    let sender = from.ip().to_string();
    let opened = tokio::select! {
        opened = tokio::time::timeout(door.settings.open_max, opening) => opened,
        () = stopped(&mut stop) => return,
    };
    match opened {
        Ok(Ok(read)) => stream(read, &sender, &door, &mut stop).await,
        Ok(Err(error)) => {
            let detail = format!("the connection could not be opened: {error}");
            door.report(&sender, vec![Fault { line: 0, code: "not-opened", detail }]).await;
        }
        Err(_) => {
            door.counters.idle.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Takes what comes over one connection until it ends, nothing comes for long, or told to stop.
pub async fn stream<R: AsyncRead + Unpin>(mut read: R, sender: &str, door: &Door, stop: &mut watch::Receiver<bool>) {
    let mut framer = Framer::new(door.settings.message_bytes_max);
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    let mut ended = false;
    while !ended {
        buffer.reserve(READ_BYTES);
        let came = tokio::select! {
            biased;
            () = stopped(stop) => Ok(Ok(0)),
            came = tokio::time::timeout(door.settings.idle_max, read.read_buf(&mut buffer)) => came,
        };
        ended = match came {
            Ok(Ok(count)) => count == 0,
            Ok(Err(_)) => true,
            Err(_) => {
                door.counters.idle.fetch_add(1, Ordering::Relaxed);
                true
            }
        };
        loop {
            let next = std::iter::from_fn(|| framer.next(&mut buffer, ended));
            let pieces: Vec<Piece> = next.take(door.settings.batch_records_max.max(1)).collect();
            if pieces.is_empty() {
                break;
            }
            door.pieces(sender, pieces, stop).await;
        }
    }
}

#[cfg(test)]
#[path = "listen_tests.rs"]
mod tests;
