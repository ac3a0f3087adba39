//! Stands before the server and drops the connection at one command.

use super::pipe::Pipe;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What happens to one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It is not passed on.
    Before,
    /// It is done, and the answer is lost.
    After,
    /// It is done, and the answer breaks off.
    Within,
}

#[derive(Default)]
struct Shared {
    /// Commands that pass, and what happens to the next.
    next: Option<(usize, Cut)>,
    /// The commands that were seen.
    seen: Vec<String>,
}

/// The proxy. It ends when it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    over: Arc<AtomicBool>,
}

impl Proxy {
    /// One before the server at `port`.
    pub(crate) fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), shared: Arc::default(), over: Arc::default() };
        let (shared, over) = (proxy.shared.clone(), proxy.over.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten().take_while(|_| !over.load(Ordering::SeqCst)) {
                let shared = shared.clone();
                // Whatever breaks here is what was to be broken, or the test is over.
                std::thread::spawn(move || Pipe::new(client, port).and_then(|pipe| run(pipe, &shared)).ok());
            }
        });
        proxy
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Lets so many commands pass, and breaks the one after.
    pub(crate) fn cut_after(&self, passes: usize, cut: Cut) {
        *self.shared.lock().unwrap() = Shared { next: Some((passes, cut)), seen: Vec::new() };
    }

    /// Lets everything pass, and says which commands there were.
    pub(crate) fn pass(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.lock().unwrap()).seen
    }

    /// Whether the cut is still to come.
    pub(crate) fn is_armed(&self) -> bool {
        self.shared.lock().unwrap().next.is_some()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn run(mut pipe: Pipe, shared: &Mutex<Shared>) -> io::Result<()> {
    loop {
        let command = pipe.command()?;
        let cut = {
            let mut shared = shared.lock().unwrap();
            shared.seen.push(command.verb.clone());
            match &mut shared.next {
                Some((0, cut)) => {
                    let cut = *cut;
                    shared.next = None;
                    Some(cut)
                }
                Some((passes, _)) => {
                    *passes -= 1;
                    None
                }
                None => None,
            }
        };
        if cut == Some(Cut::Before) {
            return Ok(());
        }
        let answer = pipe.answer(&command)?;
        match cut {
            Some(Cut::Within) => return pipe.say(&answer[..answer.len() / 2]),
            Some(_) => return Ok(()),
            None => pipe.say(&answer)?,
        }
    }
}
