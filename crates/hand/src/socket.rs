//! The Unix socket between brain and hand, both ends.
//!
//! The file of the socket belongs to the hand and can be opened by one group; whoever connects is asked by the system for
//! its user, and only those that the settings name are heard. The brain likewise asks who listens.

use crate::hand::Hand;
use crate::protocol::{self, Reply, Request};
use rustix::net::sockopt::socket_peercred;
use std::io::{self, BufReader};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Connections at a time.
const CONNECTIONS_MAX: usize = 64;

/// The brain waits so long for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Listens at `path` for processes of these users, and answers each request on a thread of its connection. Ends when the
/// hand is closed and one more connection came.
///
/// # Errors
/// The socket cannot be made.
pub fn serve(hand: &Arc<Hand>, path: &Path, users: &[u32]) -> io::Result<()> {
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
        let (hand, open) = (Arc::clone(hand), Arc::clone(&open));
        std::thread::Builder::new().name("ask".into()).spawn(move || {
            // A connection that breaks is made anew by the other side.
            let _ = answer_all(&hand, &stream);
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

fn answer_all(hand: &Hand, stream: &UnixStream) -> io::Result<()> {
    let mut from = BufReader::new(stream);
    let mut to = stream;
    loop {
        let reply = match protocol::receive::<Request>(&mut from) {
            Ok(None) => return Ok(()),
            Ok(Some(request)) => hand.answer(request),
            Err(error) if error.kind() == io::ErrorKind::InvalidData || error.is_syntax() => {
                let why = format!("this is no request to the hand: {error}");
                protocol::send(&mut to, &Reply::Refused { why, none: false })?;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        protocol::send(&mut to, &reply)?;
    }
}

/// Whether bytes were read that are no request.
trait IsSyntax {
    fn is_syntax(&self) -> bool;
}

impl IsSyntax for io::Error {
    fn is_syntax(&self) -> bool {
        self.get_ref().is_some_and(|inner| inner.is::<serde_json::Error>())
    }
}

/// The brain's end.
#[derive(Clone, Debug)]
pub struct Client {
    path: PathBuf,
    users: Vec<u32>,
}

impl Client {
    /// A hand that listens at `path` and runs as one of `users`.
    pub fn new(path: PathBuf, users: Vec<u32>) -> Self {
        Self { path, users }
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
        protocol::send(&mut &stream, request)?;
        let reply = protocol::receive(&mut BufReader::new(&stream))?;
        reply.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the hand ended before it answered"))
    }
}

/// The number of the user that this process runs as.
pub fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}
