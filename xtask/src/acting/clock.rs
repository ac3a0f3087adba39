//! A clock that goes on when somebody waits, and a way to wait that lets it: nothing is really waited for.

use adjutant_model::{Duration, Time};
use std::cell::RefCell;
use std::io::{self, Read as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// The thread of the hand that looks after what expires waits for nobody, and must not drive the time.
const TICK: &str = "tick";

thread_local! {
    /// The clock that this thread looked at last: a wait is on it.
    static LAST: RefCell<Option<Clock>> = const { RefCell::new(None) };
}

/// One installation's time, in microseconds since 1970. Each look is a little later than the one before.
#[derive(Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// A clock that begins on a Sunday in March 2026.
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_772_323_200_000_000)))
    }

    /// Now.
    pub fn now(&self) -> Time {
        LAST.set(Some(self.clone()));
        Time(self.0.fetch_add(50, Ordering::SeqCst))
    }

    /// Lets time pass.
    pub fn pass(&self, span: Duration) {
        self.0.fetch_add(span.0, Ordering::SeqCst);
    }

    /// Lets seconds pass, each in so many milliseconds, until `over`.
    pub fn pass_slowly(&self, seconds: u32, millis: u64, over: &AtomicBool) {
        for _ in 0..seconds {
            if over.load(Ordering::SeqCst) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(millis));
            self.pass(Duration::from_secs(1));
        }
    }

    /// Lets a client that nobody answers give up: seconds pass in about one, and then it is waited for.
    pub fn silent(&self, seconds: u32, over: &AtomicBool, mut client: &TcpStream) -> io::Result<()> {
        self.pass_slowly(seconds, 1_000 / u64::from(seconds.max(1)), over);
        client.set_read_timeout(Some(std::time::Duration::from_secs(2)))?;
        let _ = client.read(&mut [0]);
        Ok(())
    }

    /// The same for whoever takes a function.
    pub fn told(&self) -> Arc<dyn Fn() -> Time + Send + Sync> {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

/// Waits as the hand does, in no time.
pub fn wait(span: std::time::Duration) {
    if std::thread::current().name() == Some(TICK) {
        std::thread::sleep(std::time::Duration::from_millis(20));
        return;
    }
    let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    LAST.with_borrow(|clock| clock.iter().for_each(|clock| clock.pass(Duration(micros))));
    std::thread::yield_now();
}
