//! The system that is acted on: a small service of one's own (docs/connect/webhook.md) in front of a firewall, with a ledger
//! of what was really done to it. It takes no key for an answer: whatever is sent twice is done twice, and is seen.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Under which key.
    pub key: String,
    /// What: the path, and the state that it was set to.
    pub what: String,
}

/// What there is, and what was done.
#[derive(Default)]
pub struct World {
    /// The state of each path that was set.
    pub states: BTreeMap<String, String>,
    /// What was done, in order.
    pub effects: Vec<Effect>,
    /// How often it was asked about a machine that is only looked up.
    pub asked: usize,
}

/// The service.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    world: Arc<Mutex<World>>,
}

impl Target {
    /// Listens for as long as this program lives.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let target = Self { address: listener.local_addr()?, world: Arc::default() };
        let listening = target.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let target = listening.clone();
                // Who is killed in the middle of a request asks again, or does not.
                thread::spawn(move || drop(target.answer(stream)));
            }
        });
        Ok(target)
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the requests of one connection.
    fn answer(&self, stream: TcpStream) -> Result<()> {
        let (mut write, mut read) = (stream.try_clone()?, BufReader::new(stream));
        loop {
            let mut line = String::new();
            if read.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let mut words = line.split(' ').map(str::to_owned);
            let (method, path) = (words.next().context("a method")?, words.next().context("a path")?);
            let (mut len, mut key) = (0, String::new());
            loop {
                line.clear();
                read.read_line(&mut line)?;
                let Some((name, value)) = line.trim_end().split_once(':') else { break };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => len = value.trim().parse()?,
                    "idempotency-key" => key = value.trim().to_owned(),
                    _ => {}
                }
            }
            let mut body = vec![0; len];
            read.read_exact(&mut body)?;
            let (status, text) = match self.answered((&method, &path), key, &body) {
                Some(value) => ("200 OK", value.to_string()),
                None => ("404 Not Found", "{}".to_owned()),
            };
            write!(write, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{text}", text.len())?;
        }
    }

    fn answered(&self, (method, path): (&str, &str), key: String, body: &[u8]) -> Option<Value> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let mut world = self.world();
        match (method, parts.as_slice()) {
            ("GET", ["host" | "address" | "domain"]) => {
                let name = query.strip_prefix("name=")?;
                if let Some(owner) = name.strip_prefix("asked-") {
                    world.asked += 1;
                    let item = json!({ "id": name, "name": name, "aliases": [], "facts": { "owner": owner } });
                    return Some(json!({ "items": if owner == "nobody" { json!([]) } else { json!([item]) }, "next": null }));
                }
                Some(json!({ "items": [{ "id": name, "name": name, "aliases": [], "facts": {} }], "next": null }))
            }
            ("GET", ["host" | "address" | "domain", _, "groups"]) => Some(json!({ "items": [], "next": null })),
            ("GET", [_, id]) => Some(json!({ "id": id, "state": world.states.get(path).map_or("off", String::as_str) })),
            ("PUT", [_, _]) => {
                let state = serde_json::from_slice::<Value>(body).ok()?["state"].as_str()?.to_owned();
                let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
                world.effects.push(Effect { at, key, what: format!("{path} {state}") });
                world.states.insert(path.to_owned(), state);
                Some(json!({}))
            }
            _ => None,
        }
    }
}
