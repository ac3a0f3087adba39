//! The Unix socket between brain and hand, both ends.
//!
//! The file of the socket belongs to the hand and can be opened by one group; whoever connects is asked by the system for
//! its user, and only those that the settings name are heard. The brain likewise asks who listens. Where either knows the
//! other's key, it is asked for proof as well ([`crate::hello`]).

use crate::hand::Hand;
use crate::hello::Identity;
use crate::protocol::{self, Reply, Request};
use rustix::net::sockopt::socket_peercred;
use std::io::{self, BufReader, Read as _};
use std::net::Shutdown;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Connections at a time.
const CONNECTIONS_MAX: usize = 64;

/// Whoever connects has proved itself within this.
const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// Of a request that is refused, so much is read and forgotten.
const FORGOTTEN_BYTES_MAX: u64 = 64 << 20;

/// The brain waits so long for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Listens at `path` for processes of these users, who prove themselves where the brain's key is known, and answers each
/// request on a thread of its connection. Ends when the hand is closed and one more connection came.
///
/// # Errors
/// The socket cannot be made.
pub fn serve(hand: &Arc<Hand>, path: &Path, users: &[u32], identity: Option<Identity>) -> io::Result<()> {
    let identity = identity.map(Arc::new);
    let listener = bound(path)?;
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        if hand.is_closed() {
            break;
        }
        let Ok(stream) = stream else { continue };
        if !is_one_of(&stream, users) || open.load(Ordering::Acquire) >= CONNECTIONS_MAX {
            continue;
        }
        open.fetch_add(1, Ordering::AcqRel);
        let (hand, open, identity) = (Arc::clone(hand), Arc::clone(&open), identity.clone());
        std::thread::Builder::new().name("ask".into()).spawn(move || {
            // A connection that breaks is made anew by the other side.
            let _ = answer_all(&hand, &stream, identity.as_deref());
            open.fetch_sub(1, Ordering::AcqRel);
        })?;
    }
    Ok(())
}

/// Lets [`serve`] notice that the hand is closed.
pub fn wake(path: &Path) {
    let _ = UnixStream::connect(path);
}

fn bound(path: &Path) -> io::Result<UnixListener> {
    // What an earlier process left; anything but a socket stays.
    if path.symlink_metadata().is_ok_and(|metadata| metadata.file_type().is_socket()) {
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another hand listens there"));
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

fn is_one_of(stream: &UnixStream, users: &[u32]) -> bool {
    socket_peercred(stream).is_ok_and(|peer| users.contains(&peer.uid.as_raw()))
}

fn answer_all(hand: &Hand, stream: &UnixStream, identity: Option<&Identity>) -> io::Result<()> {
    let mut from = BufReader::new(stream);
    let mut to = stream;
    if let Some(identity) = identity {
        // Whoever cannot prove itself in time takes no place of the brain's.
        stream.set_read_timeout(Some(HELLO_WITHIN))?;
        if let Err(error) = identity.admit(stream, &mut from) {
            return refuse(&mut from, &mut to, error.to_string());
        }
        stream.set_read_timeout(None)?;
    }
    loop {
        let reply = match protocol::receive::<Request>(&mut from) {
            Ok(None) => return Ok(()),
            Ok(Some(request)) => hand.answer(request),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return refuse(&mut from, &mut to, format!("this is no request to the hand: {error}"));
            }
            Err(error) => return Err(error),
        };
        hand.store().reach("hand.answer.before");
        protocol::send(&mut to, &reply)?;
        hand.store().reach("hand.answer.after");
    }
}

/// Says why, and hears no more. What is still on its way is read and forgotten: a connection that is closed over unread bytes
/// takes the answer with it.
fn refuse(from: &mut BufReader<&UnixStream>, to: &mut &UnixStream, why: String) -> io::Result<()> {
    protocol::send(to, &Reply::Refused { why, none: false })?;
    to.shutdown(Shutdown::Write)?;
    to.set_read_timeout(Some(HELLO_WITHIN))?;
    io::copy(&mut from.take(FORGOTTEN_BYTES_MAX), &mut io::sink()).map(drop)
}

/// The brain's end.
#[derive(Clone, Debug)]
pub struct Client {
    path: PathBuf,
    users: Vec<u32>,
    identity: Option<Arc<Identity>>,
}

impl Client {
    /// A hand that listens at `path` and runs as one of `users`.
    pub fn new(path: PathBuf, users: Vec<u32>) -> Self {
        Self { path, users, identity: None }
    }

    /// The same, whose key is known, and who knows ours.
    pub fn known(self, identity: Identity) -> Self {
        Self { identity: Some(Arc::new(identity)), ..self }
    }

    /// Asks the hand.
    ///
    /// # Errors
    /// It does not answer, or somebody else does.
    pub fn ask(&self, request: &Request) -> io::Result<Reply> {
        let stream = UnixStream::connect(&self.path)?;
        if !is_one_of(&stream, &self.users) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "who listens there is not the hand"));
        }
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.set_write_timeout(Some(ANSWER_WITHIN))?;
        let mut from = BufReader::new(&stream);
        if let Some(identity) = &self.identity {
            identity.greet(&stream, &mut from)?;
        }
        protocol::send(&mut &stream, request)?;
        let reply = protocol::receive(&mut from)?;
        reply.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the hand ended before it answered"))
    }
}

/// The number of the user that this process runs as.
pub fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}
