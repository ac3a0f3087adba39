//! Stands between a connector and its servers, and breaks what passes when it is told to.
//!
//! What can go wrong is the same whatever is spoken; where a request ends, and how a server says no, is the protocol's ([`Talk`]).

use super::auditor;
use super::clock::Clock;
use super::fault::{Fault, Kind, Step};
use adjutant_model::Duration;
use rusqlite::Connection;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a server says without doing anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It says that it did what it was asked for.
    Done,
    /// There is too much to do now.
    Busy,
    /// Something does not work.
    Unavailable,
    /// It will not do that.
    Unwilling,
}

/// A protocol over one connection between a client and its server: one request is on its way at a time.
pub trait Talk: Sized {
    /// A request, to its end.
    type Asked;
    /// What one request takes of the installation's time.
    const TAKES: Duration;
    /// No answer, and as long as one.
    const NONSENSE: &'static [u8];

    /// The client's next request.
    fn asked(&mut self) -> io::Result<Self::Asked>;
    /// What it is for; none where it only opens or closes.
    fn kind(asked: &Self::Asked) -> Option<Kind>;
    /// What the server answers, to the end of the answer.
    fn answer(&mut self, asked: &Self::Asked) -> io::Result<Vec<u8>>;
    /// Whether a change that was answered so stands in the server's own record.
    fn recorded(answer: &[u8]) -> bool;
    /// How a server says that.
    fn word(asked: &Self::Asked, word: Word) -> Vec<u8>;
    /// The client.
    fn client(&mut self) -> &mut TcpStream;
}

#[derive(Default)]
struct Shared {
    faults: Vec<Fault>,
    /// What the hand's file said when each change that was recorded was passed on.
    seen: Vec<u64>,
    file: Option<Connection>,
}

/// The proxy, before one server or several. It ends when it is dropped.
pub struct Proxy {
    clock: Clock,
    doors: Vec<SocketAddr>,
    shared: Arc<Mutex<Shared>>,
    over: Arc<AtomicBool>,
}

impl Proxy {
    /// One that nobody can come to yet.
    pub fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), doors: Vec::new(), shared: Arc::default(), over: Arc::default() }
    }

    /// A door of its own to a server to which `open` leads a client. Where it is.
    pub fn before<T: Talk>(
        &mut self,
        open: impl Fn(TcpStream) -> io::Result<T> + Clone + Send + 'static,
    ) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let door = listener.local_addr()?;
        self.doors.push(door);
        let (shared, over, clock) = (Arc::clone(&self.shared), Arc::clone(&self.over), self.clock.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten().take_while(|_| !over.load(Ordering::SeqCst)) {
                let (shared, over, clock, open) = (Arc::clone(&shared), Arc::clone(&over), clock.clone(), open.clone());
                std::thread::spawn(move || {
                    // Whatever breaks here is what was to be broken, or the trial is over.
                    if let Ok(talk) = open(client) {
                        Between { talk, shared, clock, over }.run();
                    }
                });
            }
        });
        Ok(door)
    }

    /// From now on it sees what the hand's file says.
    pub fn witness(&self, file: Connection) {
        lock(&self.shared).file = Some(file);
    }

    /// What goes wrong from now on.
    pub fn break_down(&self, faults: Vec<Fault>) {
        lock(&self.shared).faults = faults;
    }

    /// What the hand's file said when each change was passed on, in this order.
    pub fn seen(&self) -> Vec<u64> {
        lock(&self.shared).seen.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.doors.iter().for_each(|door| drop(TcpStream::connect(door)));
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Between<T> {
    talk: T,
    shared: Arc<Mutex<Shared>>,
    clock: Clock,
    over: Arc<AtomicBool>,
}

impl<T: Talk> Between<T> {
    fn run(mut self) {
        while let Ok(asked) = self.talk.asked() {
            if !self.passed(&asked).unwrap_or(false) {
                break;
            }
        }
    }

    /// Passes a request on and its answer back; false when the connection is at its end.
    fn passed(&mut self, asked: &T::Asked) -> io::Result<bool> {
        self.clock.pass(T::TAKES);
        let fault = T::kind(asked).and_then(|kind| Fault::met(&mut lock(&self.shared).faults, kind));
        let told = match fault {
            None | Some(Step::Late(_)) => self.answered(asked)?,
            Some(step) => match self.broken(asked, step)? {
                Some(told) => told,
                None => return Ok(false),
            },
        };
        self.talk.client().write_all(&told)?;
        Ok(true)
    }

    /// What the client is told; none when the connection ends instead.
    fn broken(&mut self, asked: &T::Asked, step: Step) -> io::Result<Option<Vec<u8>>> {
        let says = |word| Ok(Some(T::word(asked, word)));
        match step {
            Step::Refused(500.. | 408) => says(Word::Unavailable),
            Step::Refused(_) => says(Word::Unwilling),
            Step::Busy => says(Word::Busy),
            Step::Lies if T::kind(asked) == Some(Kind::Change) => says(Word::Done),
            Step::Lies => says(Word::Unavailable),
            Step::CutBefore | Step::Expired => Ok(None),
            Step::SilentBefore => self.silence(),
            Step::FailsAfter(_) => self.answered(asked).and_then(|_| says(Word::Unavailable)),
            Step::CutAfter => self.answered(asked).map(|_| None),
            Step::SilentAfter => self.answered(asked).and_then(|_| self.silence()),
            Step::Garbage => self.answered(asked).map(|_| Some(T::NONSENSE.to_vec())),
            Step::Truncated => {
                let answer = self.answered(asked)?;
                self.talk.client().write_all(&answer[..answer.len() / 2])?;
                Ok(None)
            }
            Step::Slow => {
                let answer = self.answered(asked);
                self.clock.pass_slowly(10, 10, &self.over);
                answer.map(Some)
            }
            Step::Late(_) => self.answered(asked).map(Some),
        }
    }

    /// What the server answers.
    fn answered(&mut self, asked: &T::Asked) -> io::Result<Vec<u8>> {
        let changes = T::kind(asked) == Some(Kind::Change);
        let seen = changes.then(|| lock(&self.shared).file.as_ref().map_or(0, auditor::last_line));
        let answer = self.talk.answer(asked)?;
        lock(&self.shared).seen.extend(seen.filter(|_| T::recorded(&answer)));
        Ok(answer)
    }

    /// Nobody answers: whoever asked gives up after a second, which stands for the 15 of the settings' default.
    fn silence(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.clock.silent(15, &self.over, self.talk.client()).map(|()| None)
    }
}
