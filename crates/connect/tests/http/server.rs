//! A small HTTP server on this machine, and the faults that networks and vendors have.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        pairs(std::str::from_utf8(&self.body).unwrap_or(""))
    }
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Trouble {
    /// The answer is this, and nothing was done.
    Instead(u16, Vec<(&'static str, &'static str)>, &'static str),
    /// It was done, and the answer is this.
    After(u16, &'static str),
    /// It was done, and the connection is cut before the answer.
    CutAfter,
    /// The connection is cut in the middle of the answer's body.
    CutInside,
    /// It was done, and nobody answers.
    Silent,
    /// It was not done, and the answer says that it was.
    Lie(u16),
    /// The answer's body is longer than anybody wants.
    Huge,
}

/// What the vendor does with a request.
pub(crate) trait Vendor: Send + 'static {
    fn answer(&mut self, asked: &Asked) -> Answer;
}

/// A server, its vendor's world, and everything that was asked of it.
pub(crate) struct Server<V> {
    pub(crate) address: SocketAddr,
    pub(crate) world: Arc<Mutex<V>>,
    pub(crate) asked: Arc<Mutex<Vec<Asked>>>,
    troubles: Arc<Mutex<Vec<Waiting>>>,
    /// Dropped with the server: whoever is silent then ends.
    _end: Sender<()>,
}

impl<V: Vendor> Server<V> {
    pub(crate) fn start(world: V) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (end, ended) = channel();
        let ended = Arc::new(Mutex::new(ended));
        let server =
            Self { address, world: Arc::new(Mutex::new(world)), asked: Arc::default(), troubles: Arc::default(), _end: end };
        let (world, asked, troubles) = (server.world.clone(), server.asked.clone(), server.troubles.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (world, asked, troubles, ended) = (world.clone(), asked.clone(), troubles.clone(), ended.clone());
                std::thread::spawn(move || serve(stream, &world, &asked, &troubles, &ended));
            }
        });
        server
    }

    /// The next request whose method and path begin so meets this trouble.
    pub(crate) fn trouble(&self, method: &str, path: &str, trouble: Trouble) {
        self.trouble_after(0, method, path, trouble);
    }

    /// … after so many that meet none.
    pub(crate) fn trouble_after(&self, before: usize, method: &str, path: &str, trouble: Trouble) {
        let waiting = Waiting { before, method: method.to_owned(), path: path.to_owned(), trouble };
        self.troubles.lock().expect("alive").push(waiting);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests that came with this method.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.asked.lock().expect("alive").iter().filter(|asked| asked.method == method).count()
    }
}

/// A trouble that waits for its request.
struct Waiting {
    /// Requests that meet none before.
    before: usize,
    method: String,
    path: String,
    trouble: Trouble,
}

/// The trouble that this request meets.
fn met(troubles: &mut Vec<Waiting>, asked: &Asked) -> Option<Trouble> {
    let fits = |waiting: &Waiting| waiting.method == asked.method && asked.path.starts_with(waiting.path.as_str());
    let at = troubles.iter().position(fits)?;
    let waiting = troubles.get_mut(at)?;
    if waiting.before == 0 {
        return Some(troubles.remove(at).trouble);
    }
    waiting.before -= 1;
    None
}

fn serve<V: Vendor>(
    stream: TcpStream,
    world: &Mutex<V>,
    log: &Mutex<Vec<Asked>>,
    troubles: &Mutex<Vec<Waiting>>,
    ended: &Mutex<Receiver<()>>,
) {
    let Some(asked) = read(&stream) else { return };
    log.lock().expect("alive").push(asked.clone());
    let trouble = met(&mut troubles.lock().expect("alive"), &asked);
    let answered = || world.lock().expect("alive").answer(&asked);
    match trouble {
        None => write(stream, &answered()),
        Some(Trouble::Instead(status, headers, body)) => {
            let mut answer = Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() };
            answer.headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            write(stream, &answer);
        }
        Some(Trouble::After(status, body)) => {
            answered();
            write(stream, &Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() });
        }
        Some(Trouble::CutAfter) => drop(answered()),
        Some(Trouble::CutInside) => {
            answered();
            let mut stream = stream;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"id\": \"00");
        }
        Some(Trouble::Silent) => {
            answered();
            let _ = ended.lock().expect("alive").recv();
        }
        Some(Trouble::Lie(status)) => write(stream, &Answer { status, body: b"{}".to_vec(), ..Answer::default() }),
        Some(Trouble::Huge) => write(stream, &Answer { status: 200, body: vec![b' '; 6 << 20], ..Answer::default() }),
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
    Some(Asked { method, path: plain(path), query: pairs(query), headers, body })
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

fn pairs(text: &str) -> BTreeMap<String, String> {
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (plain(name), plain(value)));
    text.split('&').filter_map(pair).collect()
}

fn plain(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%').then(|| text_of(after).and_then(|hex| u8::from_str_radix(hex, 16).ok())).flatten();
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_default()
}

fn text_of(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes.get(..2)?).ok()
}
