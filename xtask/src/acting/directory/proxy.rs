//! Stands between a connector and its directory, and breaks what passes when it is told to.
//!
//! It takes messages apart as far as their length, number and kind (RFC 4511): one request is on its way at a time.

use super::super::auditor;
use super::super::clock::Clock;
use super::super::fault::{Fault, Kind, Step};
use adjutant_model::Duration;
use rusqlite::Connection;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one request takes of the installation's time.
const REQUEST_TAKES: Duration = Duration(20_000);
/// No message of a trial is longer.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

const UNBIND: u8 = 0x42;
const ABANDON: u8 = 0x50;
const SEARCH: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const MODIFY: u8 = 0x66;
const MODIFIED: u8 = 0x67;

const SUCCESS: u8 = 0;
const BUSY: u8 = 51;
const UNAVAILABLE: u8 = 52;
const UNWILLING: u8 = 53;

#[derive(Default)]
struct Shared {
    faults: Vec<Fault>,
    /// What the hand's file said when each change was passed on.
    seen: Vec<u64>,
    file: Option<Connection>,
}

/// The proxy. It ends when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    over: Arc<AtomicBool>,
}

impl Proxy {
    /// One before the server behind `socket`.
    pub fn before(socket: PathBuf, clock: &Clock) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Self { address: listener.local_addr()?, shared: Arc::default(), over: Arc::default() };
        let (shared, over, clock) = (Arc::clone(&proxy.shared), Arc::clone(&proxy.over), clock.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten().take_while(|_| !over.load(Ordering::SeqCst)) {
                let Ok(server) = UnixStream::connect(&socket) else { continue };
                let pipe = Pipe { client, server, shared: Arc::clone(&shared), clock: clock.clone(), over: Arc::clone(&over) };
                std::thread::spawn(move || pipe.run());
            }
        });
        Ok(proxy)
    }

    /// Where the connector connects.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    pub fn witness(&self, file: Connection) {
        lock(&self.shared).file = Some(file);
    }

    pub fn break_down(&self, faults: Vec<Fault>) {
        lock(&self.shared).faults = faults;
    }

    pub fn seen(&self) -> Vec<u64> {
        lock(&self.shared).seen.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A message: its bytes, and where its number and its operation stand.
struct Message {
    bytes: Vec<u8>,
    number: Vec<u8>,
    kind: u8,
}

struct Pipe {
    client: TcpStream,
    server: UnixStream,
    shared: Arc<Mutex<Shared>>,
    clock: Clock,
    over: Arc<AtomicBool>,
}

impl Pipe {
    fn run(mut self) {
        // Whatever breaks here is what was to be broken, or the trial is over.
        while let Ok(message) = read(&mut self.client) {
            if !self.passed(&message).unwrap_or(false) {
                break;
            }
        }
    }

    /// Passes a request on and its answer back; false when the connection is at its end.
    fn passed(&mut self, message: &Message) -> io::Result<bool> {
        if matches!(message.kind, UNBIND | ABANDON) {
            self.server.write_all(&message.bytes)?;
            return Ok(message.kind == ABANDON);
        }
        self.clock.pass(REQUEST_TAKES);
        let kind = match message.kind {
            MODIFY => Some(Kind::Change),
            SEARCH => Some(Kind::Read),
            _ => None,
        };
        let fault = kind.and_then(|kind| Fault::met(&mut lock(&self.shared).faults, kind));
        match fault {
            None | Some(Step::Late(_)) => {
                let answer = self.asked(message)?;
                self.client.write_all(&answer)?;
                Ok(true)
            }
            Some(step) => self.broken(message, step),
        }
    }

    fn broken(&mut self, message: &Message, step: Step) -> io::Result<bool> {
        let says = |code| Ok(answer(message, code));
        let told = match step {
            Step::Refused(500.. | 408) => says(UNAVAILABLE),
            Step::Refused(_) => says(UNWILLING),
            Step::Busy => says(BUSY),
            Step::Lies if message.kind == MODIFY => says(SUCCESS),
            Step::Lies => says(UNAVAILABLE),
            Step::CutBefore | Step::Expired => return Ok(false),
            Step::SilentBefore => return self.silence(),
            Step::FailsAfter(_) => self.asked(message).map(|_| answer(message, UNAVAILABLE)),
            Step::CutAfter => return self.asked(message).map(|_| false),
            Step::SilentAfter => {
                self.asked(message)?;
                return self.silence();
            }
            Step::Garbage => self.asked(message).map(|_| b"\x30\x0c\x02\x01\x01sign in!".to_vec()),
            Step::Truncated => {
                let answer = self.asked(message)?;
                self.client.write_all(&answer[..answer.len() / 2])?;
                return Ok(false);
            }
            Step::Slow => {
                let answer = self.asked(message);
                self.waits(10, 10);
                answer
            }
            Step::Late(_) => self.asked(message),
        };
        self.client.write_all(&told?)?;
        Ok(true)
    }

    /// What the server answers, to the end of the answer.
    fn asked(&mut self, message: &Message) -> io::Result<Vec<u8>> {
        if message.kind == MODIFY {
            let mut shared = lock(&self.shared);
            let seen = shared.file.as_ref().map_or(0, auditor::last_line);
            shared.seen.push(seen);
        }
        self.server.write_all(&message.bytes)?;
        let mut bytes = Vec::new();
        loop {
            let answer = read(&mut self.server)?;
            bytes.extend(&answer.bytes);
            if answer.kind != SEARCH_ENTRY {
                return Ok(bytes);
            }
        }
    }

    /// Nobody answers: whoever asked gives up after a second, which stands for the 15 of the settings' default.
    fn silence(&mut self) -> io::Result<bool> {
        self.waits(15, 66);
        self.client.set_read_timeout(Some(std::time::Duration::from_secs(2)))?;
        let _ = self.client.read(&mut [0]);
        Ok(false)
    }

    fn waits(&self, seconds: u32, millis: u64) {
        for _ in 0..seconds {
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(millis));
            self.clock.pass(Duration::from_secs(1));
        }
    }
}

/// A result without words, for the request.
fn answer(message: &Message, code: u8) -> Vec<u8> {
    let kind = if message.kind == MODIFY { MODIFIED } else { SEARCH_DONE };
    let result = [0x0a, 1, code, 4, 0, 4, 0];
    let inner = [message.number.as_slice(), &[kind, result.len() as u8], &result].concat();
    [&[0x30, inner.len() as u8], inner.as_slice()].concat()
}

fn read(from: &mut impl Read) -> io::Result<Message> {
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let mut head = [0; 2];
    from.read_exact(&mut head)?;
    let mut bytes = head.to_vec();
    let length = if head[1] < 0x80 {
        usize::from(head[1])
    } else {
        let mut more = vec![0; usize::from(head[1] & 0x7f)];
        from.read_exact(&mut more)?;
        bytes.extend(&more);
        more.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte))
    };
    if length > MESSAGE_BYTES_MAX {
        return Err(bad());
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    let number_ends = 2 + usize::from(*body.get(1).ok_or_else(bad)?);
    let number = body.get(..number_ends).ok_or_else(bad)?.to_vec();
    let kind = *body.get(number_ends).ok_or_else(bad)?;
    bytes.extend(&body);
    Ok(Message { bytes, number, kind })
}
