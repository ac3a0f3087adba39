//! Stands between a connector and its mail server, and breaks what passes when it is told to.

use super::super::auditor;
use super::super::clock::Clock;
use super::super::fault::{Fault, Kind, Step};
use super::pipe::{Command, Pipe};
use adjutant_model::Duration;
use rusqlite::Connection;
use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one command takes of the installation's time.
const COMMAND_TAKES: Duration = Duration(10_000);

#[derive(Default)]
struct Shared {
    faults: Vec<Fault>,
    /// What the hand's file said when each change that was done was passed on.
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
    /// One before the server at `port`.
    pub fn before(port: u16, clock: &Clock) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Self { address: listener.local_addr()?, shared: Arc::default(), over: Arc::default() };
        let (shared, over, clock) = (Arc::clone(&proxy.shared), Arc::clone(&proxy.over), clock.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten().take_while(|_| !over.load(Ordering::SeqCst)) {
                let (shared, over, clock) = (Arc::clone(&shared), Arc::clone(&over), clock.clone());
                std::thread::spawn(move || {
                    // Whatever breaks here is what was to be broken, or the trial is over.
                    if let Ok(pipe) = Pipe::new(client, port) {
                        Between { pipe, shared, clock, over }.run();
                    }
                });
            }
        });
        Ok(proxy)
    }

    /// Where the connector connects.
    pub fn port(&self) -> u16 {
        self.address.port()
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

/// What a command is for; none where it only opens the connection. A folder that is made changes no message.
fn kind(command: &Command) -> Option<Kind> {
    match command.verb.as_str() {
        "UID MOVE" | "UID STORE" | "APPEND" => Some(Kind::Change),
        "LIST" | "SELECT" | "EXAMINE" | "CREATE" | "UID SEARCH" | "UID FETCH" => Some(Kind::Read),
        _ => None,
    }
}

struct Between {
    pipe: Pipe,
    shared: Arc<Mutex<Shared>>,
    clock: Clock,
    over: Arc<AtomicBool>,
}

impl Between {
    fn run(mut self) {
        while let Ok(command) = self.pipe.command() {
            if !self.passed(&command).unwrap_or(false) {
                break;
            }
        }
    }

    /// Passes a command on and its answer back; false when the connection is at its end.
    fn passed(&mut self, command: &Command) -> io::Result<bool> {
        self.clock.pass(COMMAND_TAKES);
        let kind = kind(command);
        let fault = kind.and_then(|kind| Fault::met(&mut lock(&self.shared).faults, kind));
        match fault {
            None | Some(Step::Late(_)) => {
                let answer = self.asked(command)?;
                self.pipe.say(&answer)?;
                Ok(true)
            }
            Some(step) => self.broken(command, step),
        }
    }

    fn broken(&mut self, command: &Command, step: Step) -> io::Result<bool> {
        let no = |code: &str| format!("{} NO [{code}] no\r\n", command.tag).into_bytes();
        let told = match step {
            Step::Refused(500.. | 408) => no("UNAVAILABLE"),
            Step::Refused(_) => no("NOPERM"),
            Step::Busy => no("INUSE"),
            Step::Lies if kind(command) == Some(Kind::Change) => {
                format!("* OK [COPYUID 1 1 1] done\r\n{} OK [APPENDUID 1 1] done\r\n", command.tag).into_bytes()
            }
            Step::Lies => no("UNAVAILABLE"),
            Step::CutBefore | Step::Expired => return Ok(false),
            Step::SilentBefore => return self.silence(),
            Step::FailsAfter(_) => self.asked(command).map(|_| no("UNAVAILABLE"))?,
            Step::CutAfter => return self.asked(command).map(|_| false),
            Step::SilentAfter => {
                self.asked(command)?;
                return self.silence();
            }
            Step::Garbage => self.asked(command).map(|_| b"* 1 FETCH (\x1b[2J sign in!\r\n".to_vec())?,
            Step::Truncated => {
                let answer = self.asked(command)?;
                self.pipe.say(&answer[..answer.len() / 2])?;
                return Ok(false);
            }
            Step::Slow => {
                let answer = self.asked(command)?;
                self.waits(10, 10);
                answer
            }
            Step::Late(_) => self.asked(command)?,
        };
        self.pipe.say(&told)?;
        Ok(true)
    }

    /// What the server answers.
    fn asked(&mut self, command: &Command) -> io::Result<Vec<u8>> {
        let seen = (kind(command) == Some(Kind::Change)).then(|| lock(&self.shared).file.as_ref().map_or(0, auditor::last_line));
        let answer = self.pipe.answer(command)?;
        // By its own word it moved or took something.
        let says = String::from_utf8_lossy(&answer);
        if says.contains("[COPYUID ") || says.contains("[APPENDUID ") {
            lock(&self.shared).seen.extend(seen);
        }
        Ok(answer)
    }

    /// Nobody answers: whoever asked gives up after a second, which stands for the 15 of the settings' default.
    fn silence(&mut self) -> io::Result<bool> {
        self.waits(15, 66);
        self.pipe.client.get_ref().set_read_timeout(Some(std::time::Duration::from_secs(2)))?;
        let _ = self.pipe.client.read(&mut [0]);
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
