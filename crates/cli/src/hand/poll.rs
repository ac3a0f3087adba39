//! The threads of the hand that poll.

use super::STEP;
use adjutant_hand::connector::Connector;
use adjutant_hand::poll::{Between, Poller};
use adjutant_hand::thanks::Thanks;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Polls until the process is to end.
pub(super) fn start(poller: Poller, every: Duration, stop: &Arc<AtomicBool>) -> io::Result<JoinHandle<()>> {
    let stop = Arc::clone(stop);
    std::thread::Builder::new().name(format!("poll {}", poller.name)).spawn(move || {
        let (mut between, mut said) = (Between::default(), String::new());
        while !stop.load(Ordering::SeqCst) {
            let looked = poller.look(&mut between);
            let says = match &looked {
                Ok(looked) if looked.refused > 0 => format!("{} records were no alerts", looked.refused),
                Ok(_) => poller.thanks.as_ref().map(Thanks::says).unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            // What goes on is said once.
            if says != said {
                let says = if says.is_empty() { "answers again" } else { &says };
                eprintln!("adjutant: polling {}: {says}", poller.name);
            }
            said = says;
            if !looked.is_ok_and(|looked| looked.more) {
                rest(every, &stop, &*poller.connector);
            }
        }
    })
}

/// Waits for the next look, or until the vendor tells that there is something.
fn rest(every: Duration, stop: &AtomicBool, connector: &dyn Connector) {
    let (steps, mut tells) = (every.as_millis() / STEP.as_millis(), true);
    for _ in 0..steps.max(1) {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        match tells.then(|| connector.news(STEP)).flatten() {
            Some(true) => return,
            Some(false) => {}
            None => {
                // Who does not tell now is asked by looking.
                tells = false;
                std::thread::park_timeout(STEP);
            }
        }
    }
}
