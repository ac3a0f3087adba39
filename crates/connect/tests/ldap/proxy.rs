//! Stands between a connector and its server, and breaks what passes at the worst moment.

use std::io::{Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What happens to a request to modify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It passes.
    Pass,
    /// It never arrives, and the connection breaks.
    CutBefore,
    /// It is done, and the connection breaks before the answer.
    CutAfter,
    /// It is done, and no answer ever comes.
    Silence,
    /// It never arrives; this is answered.
    Answer(Vec<u8>),
}

struct Shared {
    fate: Mutex<Fate>,
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    open: Mutex<Vec<TcpStream>>,
    changes: AtomicUsize,
    connections: AtomicUsize,
}

/// A listener before a server's socket.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    pub(crate) fn before(socket: PathBuf) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            fate: Mutex::new(Fate::Pass),
            meanwhile: Mutex::new(None),
            open: Mutex::new(Vec::new()),
            changes: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        });
        let for_all = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                for_all.connections.fetch_add(1, Ordering::SeqCst);
                // Without a server behind, the connection closes at once.
                let Ok(server) = UnixStream::connect(&socket) else { continue };
                for_all.open.lock().unwrap().push(client.try_clone().unwrap());
                serve(&for_all, client, server);
            }
        });
        Self { port, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// What happens to requests to modify from now on.
    pub(crate) fn set(&self, fate: Fate) {
        *self.shared.fate.lock().unwrap() = fate;
    }

    /// Happens once, just before the next request to modify passes.
    pub(crate) fn meanwhile(&self, what: impl FnOnce() + Send + 'static) {
        *self.shared.meanwhile.lock().unwrap() = Some(Box::new(what));
    }

    /// Breaks every connection.
    pub(crate) fn cut(&self) {
        for client in self.shared.open.lock().unwrap().drain(..) {
            let _ = client.shutdown(Shutdown::Both);
        }
    }

    /// How many requests to modify came here.
    pub(crate) fn changes(&self) -> usize {
        self.shared.changes.load(Ordering::SeqCst)
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

/// An answer to a request to modify: its number, a result code, and what it says.
pub(crate) fn answer(number: u8, code: u8, says: &[u8]) -> Vec<u8> {
    let result = [&[0x0a, 1, code, 4, 0, 4, says.len() as u8], says].concat();
    let message = [&[2, 1, number, 0x67, result.len() as u8], result.as_slice()].concat();
    [&[0x30, message.len() as u8], message.as_slice()].concat()
}

fn serve(shared: &Arc<Shared>, mut client: TcpStream, mut server: UnixStream) {
    let (mut to_client, mut from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let kept = Arc::new(Mutex::new(None::<Fate>));
    let muted = Arc::clone(&kept);
    std::thread::spawn(move || {
        while let Some(bytes) = some(&mut from_server) {
            match *muted.lock().unwrap() {
                Some(Fate::CutAfter) => break,
                Some(_) => continue,
                None => to_client.write_all(&bytes).unwrap_or_default(),
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        while let Some(bytes) = some(&mut client) {
            let fate = if modifies(&bytes) { shared.fate.lock().unwrap().clone() } else { Fate::Pass };
            shared.changes.fetch_add(usize::from(modifies(&bytes)), Ordering::SeqCst);
            if let Some(what) = shared.meanwhile.lock().unwrap().take_if(|_| modifies(&bytes)) {
                what();
            }
            match fate {
                Fate::Pass => server.write_all(&bytes).unwrap_or_default(),
                Fate::CutBefore => break,
                Fate::Answer(answer) => {
                    let numbered = answer.iter().map(|byte| if *byte == NUMBER { bytes[number_at(&bytes)] } else { *byte });
                    client.write_all(&numbered.collect::<Vec<_>>()).unwrap_or_default();
                }
                fate => {
                    *kept.lock().unwrap() = Some(fate);
                    server.write_all(&bytes).unwrap_or_default();
                }
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    });
}

/// Stands in an answer for the number of the request.
pub(crate) const NUMBER: u8 = 0xee;

fn some(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 65536];
    let length = from.read(&mut bytes).ok().filter(|length| *length > 0)?;
    bytes.truncate(length);
    Some(bytes)
}

/// Where the number of a message stands: after the sequence's length.
fn number_at(message: &[u8]) -> usize {
    let more = if message[1] < 128 { 0 } else { usize::from(message[1] - 128) };
    2 + more + 2
}

/// Whether a message is a request to modify. The numbers of this many requests are one byte long.
fn modifies(message: &[u8]) -> bool {
    message.len() > 8 && message[0] == 0x30 && message.get(number_at(message) + 1) == Some(&0x66)
}
