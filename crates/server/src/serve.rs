//! Listens: takes connections, bounds them, and ends them in order when the service stops.
//!
//! HTTP/1.1 only. HTTP/2 would add a second protocol machine in front of the gate, with its own ways to be flooded,
//! for senders that keep one connection open and send batches anyway.

mod patient;
mod tls;

pub use tls::{BadCertificate, Certificates};

use crate::gate::{Clock, Doors, Peer};
use crate::limits::{
    CERTIFICATE_LOOK, CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, DRAIN_WAIT, HANDSHAKE_WAIT, HEAD_BYTES_MAX, HEAD_WAIT,
    HEADERS_MAX,
};
use adjutant_model::Time;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use patient::Patient;
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// How long to wait when the system has no room for another connection.
const NO_ROOM_WAIT: Duration = Duration::from_millis(100);

/// How many connections a listener holds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// In all; when they are reached, the next waits in the system's queue.
    pub connections_max: usize,
    /// From one address; one more is closed at once.
    pub per_address_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connections_max: CONNECTIONS_MAX, per_address_max: CONNECTIONS_PER_ADDRESS_MAX }
    }
}

/// The listener cannot begin.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`: {source}; see what else uses the port, or choose another")]
pub struct CannotListen {
    address: SocketAddr,
    source: io::Error,
}

/// What became of the connections when the service stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// How many had to be cut off in the middle of a request.
    pub cut: usize,
}

/// A bound listener.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<(TlsAcceptor, Arc<Certificates>)>,
    bounds: Bounds,
}

/// The wall clock, for the gate.
pub fn wall_clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "tokens expire by the clock on the wall; nothing here decides about alerts")]
    fn now() -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
    Arc::new(now)
}

impl Listener {
    /// Binds an address; with certificates everything that comes is TLS.
    ///
    /// # Errors
    /// The address is taken, or not ours.
    pub async fn bind(
        address: SocketAddr,
        certificates: Option<Arc<Certificates>>,
        bounds: Bounds,
    ) -> Result<Self, CannotListen> {
        let failed = |source| CannotListen { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let acceptor = certificates.as_ref().map(|certificates| certificates.server().map(TlsAcceptor::from)).transpose();
        let acceptor = acceptor.map_err(|error| failed(io::Error::other(error)))?;
        Ok(Self { socket, address, tls: acceptor.zip(certificates), bounds })
    }

    /// The address with the port that was really bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done, then lets open requests end for a while.
    pub async fn serve(self, doors: Doors, stop: impl Future<Output = ()>) -> Drained {
        let Self { socket, tls, bounds, .. } = self;
        let doors = if tls.is_some() { doors.behind_tls() } else { doors };
        let room = Room::new(bounds);
        let graceful = GracefulShutdown::new();
        let mut open = JoinSet::new();
        let mut look = tokio::time::interval(CERTIFICATE_LOOK);
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = accept(&socket, &room) => {
                    if let Some((stream, peer, place)) = accepted {
                        let connection = Connection { doors: doors.clone(), peer, watcher: graceful.watcher(), _place: place };
                        let acceptor = tls.as_ref().map(|(acceptor, _)| acceptor.clone());
                        open.spawn(connection.run(stream, acceptor));
                    }
                }
                _ = open.join_next(), if !open.is_empty() => {}
                _ = look.tick(), if tls.is_some() => {
                    if let Some((_, certificates)) = &tls {
                        let certificates = Arc::clone(certificates);
                        // Files may lie on a slow disk. What is wrong with them is kept there for the health page.
                        drop(tokio::task::spawn_blocking(move || certificates.reload()));
                    }
                }
            }
        }
        drop(socket);
        drain(graceful, open).await
    }
}

async fn drain(graceful: GracefulShutdown, mut open: JoinSet<()>) -> Drained {
    let all = async {
        tokio::join!(graceful.shutdown(), async { while open.join_next().await.is_some() {} });
    };
    let _ = tokio::time::timeout(DRAIN_WAIT, all).await;
    let cut = open.len();
    open.shutdown().await;
    Drained { cut }
}

/// The next connection for which there is room.
async fn accept(socket: &TcpListener, room: &Arc<Room>) -> Option<(TcpStream, SocketAddr, Place)> {
    let permit = Arc::clone(&room.all).acquire_owned().await.ok()?;
    match socket.accept().await {
        Ok((stream, peer)) => {
            let place = room.place(peer.ip(), permit)?;
            let _ = stream.set_nodelay(true);
            Some((stream, peer, place))
        }
        Err(_) => {
            // Too many open files, or a peer that went before it was taken: neither ends the service.
            tokio::time::sleep(NO_ROOM_WAIT).await;
            None
        }
    }
}

/// Who holds how many connections.
struct Room {
    all: Arc<Semaphore>,
    held: Mutex<HashMap<IpAddr, usize>>,
    per_address_max: usize,
}

/// One connection's place; leaving it makes room.
struct Place {
    room: Arc<Room>,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    fn new(bounds: Bounds) -> Arc<Self> {
        let all = Arc::new(Semaphore::new(bounds.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self { all, held: Mutex::default(), per_address_max: bounds.per_address_max.max(1) })
    }

    fn place(self: &Arc<Self>, address: IpAddr, permit: OwnedSemaphorePermit) -> Option<Place> {
        let address = address.to_canonical();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_insert(0);
        if *count >= self.per_address_max {
            return None;
        }
        *count += 1;
        Some(Place { room: Arc::clone(self), address, _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.room.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                held.remove(&self.address);
            }
        }
    }
}

/// One connection while it is served.
struct Connection {
    doors: Doors,
    peer: SocketAddr,
    watcher: Watcher,
    _place: Place,
}

impl Connection {
    async fn run(self, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
        match acceptor {
            None => self.serve(stream).await,
            Some(acceptor) => {
                // Who does not finish the handshake in time, or speaks no TLS, is gone without an answer.
                if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_WAIT, acceptor.accept(stream)).await {
                    self.serve(stream).await;
                }
            }
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self { doors, peer, watcher, _place } = self;
        let answer = move |request: Request<Incoming>| {
            let doors = doors.clone();
            async move {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(Peer(peer));
                Ok::<_, Infallible>(doors.answer(request).await)
            }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WAIT)
            .max_headers(HEADERS_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(Patient::new(stream)), hyper::service::service_fn(answer));
        // How it ends is the peer's matter: gone, too slow, or not HTTP.
        let _ = watcher.watch(connection).await;
    }
}

#[cfg(test)]
mod tests;
