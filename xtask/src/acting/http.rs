//! A vendor's HTTP server on this machine: it keeps a state as the vendor describes it, writes down every effect, and breaks
//! when it is told to.

use super::auditor::{self, Effect};
use super::clock::Clock;
use super::fault::{Fault, Kind, Step};
use adjutant_model::Duration;
use rusqlite::Connection;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one request takes of the installation's time.
const REQUEST_TAKES: Duration = Duration(100_000);

/// A request as it arrived.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Asked {
    /// A header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The segments of the path below `base`; none when it is not below.
    pub fn below<'a>(&'a self, base: &str) -> Vec<&'a str> {
        self.path.strip_prefix(base).map_or_else(Vec::new, |rest| rest.split('/').collect())
    }
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// With a body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    /// Without one.
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    fn text(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }
}

/// What was done by a request: to whom, what, and whether that takes back what the verb does.
pub struct Done {
    pub target: String,
    pub says: String,
    pub undoes: bool,
}

/// What a vendor does with requests, as its documentation describes it.
pub trait Vendor: Clone + Send + 'static {
    /// Answers, and says what was changed by that.
    fn answer(&mut self, asked: &Asked) -> (Answer, Option<Done>);
    /// Everything that it keeps of a target, to the byte.
    fn state(&self, target: &str) -> String;
    /// Somebody else changes what the verbs change of the target, or something beside it; that a second time undoes.
    fn meddle(&mut self, target: &str, beside: bool);
    /// No credential that was given out counts any more.
    fn expire(&mut self) {}
}

struct Shared<V> {
    vendor: V,
    /// How it was when reads began to lag behind, and for how many more.
    late: Option<(V, u32)>,
    faults: Vec<Fault>,
    effects: Vec<Effect>,
    /// The hand's own file, to see what was durable when something was done.
    file: Option<Connection>,
}

/// A running server. It ends when it is dropped.
pub struct Server<V> {
    pub address: SocketAddr,
    shared: Arc<Mutex<Shared<V>>>,
    ended: Arc<AtomicBool>,
}

impl<V: Vendor> Server<V> {
    /// Starts one.
    pub fn start(vendor: V, clock: &Clock) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Shared { vendor, late: None, faults: Vec::new(), effects: Vec::new(), file: None };
        let (shared, ended) = (Arc::new(Mutex::new(shared)), Arc::new(AtomicBool::new(false)));
        let (for_all, over, clock) = (Arc::clone(&shared), Arc::clone(&ended), clock.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten().take_while(|_| !over.load(Ordering::SeqCst)) {
                let serve = Serve { shared: Arc::clone(&for_all), clock: clock.clone(), over: Arc::clone(&over) };
                std::thread::spawn(move || serve.one(stream));
            }
        });
        Ok(Self { address, shared, ended })
    }

    /// From now on it sees what the hand's file says when it does something.
    pub fn witness(&self, file: Connection) {
        self.lock().file = Some(file);
    }

    /// What goes wrong from now on, instead of what went wrong before.
    pub fn break_down(&self, faults: Vec<Fault>) {
        let mut shared = self.lock();
        shared.faults = faults;
        shared.late = None;
        if shared.faults.iter().any(|fault| fault.step == Step::Expired) {
            shared.vendor.expire();
        }
    }

    /// Everything that it did.
    pub fn effects(&self) -> Vec<Effect> {
        self.lock().effects.clone()
    }

    /// Everything that it keeps of a target.
    pub fn state(&self, target: &str) -> String {
        self.lock().vendor.state(target)
    }

    /// Somebody else changes the target.
    pub fn meddle(&self, target: &str, beside: bool) {
        self.lock().vendor.meddle(target, beside);
    }

    fn lock(&self) -> MutexGuard<'_, Shared<V>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Drop for Server<V> {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// One connection.
struct Serve<V> {
    shared: Arc<Mutex<Shared<V>>>,
    clock: Clock,
    over: Arc<AtomicBool>,
}

impl<V: Vendor> Serve<V> {
    fn one(&self, stream: TcpStream) {
        let Some(asked) = read(&stream) else { return };
        self.clock.pass(REQUEST_TAKES);
        let kind = if asked.method == "GET" { Kind::Read } else { Kind::Change };
        // Where tokens are made is neither.
        let fault = (!asked.path.ends_with("/token")).then(|| Fault::met(&mut self.lock().faults, kind)).flatten();
        match fault {
            None => write(stream, &self.answer(&asked)),
            Some(Step::Refused(status)) => write(stream, &Answer::text(status, "{}")),
            Some(Step::Busy) => write(stream, &Answer::text(429, "")),
            Some(Step::CutBefore) => {}
            Some(Step::SilentBefore) => self.silence(&stream),
            Some(Step::Lies) => write(stream, &Answer::text(if kind == Kind::Read { 502 } else { 200 }, "{}")),
            Some(Step::FailsAfter(status)) => {
                self.answer(&asked);
                write(stream, &Answer::text(status, ""));
            }
            Some(Step::CutAfter) => drop(self.answer(&asked)),
            Some(Step::SilentAfter) => {
                self.answer(&asked);
                self.silence(&stream);
            }
            Some(Step::Garbage) => {
                let status = self.answer(&asked).status;
                write(stream, &Answer::text(if status == 204 { 200 } else { status }, "<html>\u{1b}[2Jsign in</html>"));
            }
            Some(Step::Truncated) => {
                self.answer(&asked);
                let _ = (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"id\": \"00");
            }
            Some(Step::Slow) => {
                let answer = self.answer(&asked);
                self.clock.pass_slowly(20, 10, &self.over);
                write(stream, &answer);
            }
            Some(Step::Late(reads)) => {
                let before = self.lock().vendor.clone();
                let answer = self.answer(&asked);
                self.lock().late = Some((before, reads));
                write(stream, &answer);
            }
            Some(Step::Expired) => {
                self.lock().vendor.expire();
                write(stream, &self.answer(&asked));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared<V>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let mut shared = self.lock();
        let shared = &mut *shared;
        if asked.method == "GET"
            && let Some((before, reads)) = &mut shared.late
            && *reads > 0
        {
            *reads -= 1;
            return before.answer(asked).0;
        }
        let seen = shared.file.as_ref().map_or(0, auditor::last_line);
        let (answer, done) = shared.vendor.answer(asked);
        if let Some(Done { target, says, undoes }) = done {
            shared.effects.push(Effect { target, undoes, says, seen });
        }
        answer
    }

    /// Nobody answers: whoever asked gives up after a second, which stands for the 30 of the settings' default.
    fn silence(&self, stream: &TcpStream) {
        let _ = self.clock.silent(30, &self.over, stream);
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((target.as_str(), ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('=').map(|(name, value)| (plain(name), plain(value))));
    Some(Asked { method, path: plain(path), query: query.collect(), headers, body })
}

fn write(mut stream: TcpStream, answer: &Answer) {
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if answer.status != 204 {
        head.push_str(&format!("content-length: {}\r\n", answer.body.len()));
    }
    head.push_str("\r\n");
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer.body));
}

/// Without the escapes of a URL.
fn plain(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = escaped.map_or(after, |_| &after[2..]);
    }
    String::from_utf8(bytes).unwrap_or_default()
}
