//! Threads that look after the service while it runs: context, checkpoints.

use adjutant_runtime::seal::Seal;
use adjutant_runtime::watch::Watch;
use adjutant_server::app::App;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often context is looked at.
const CONTEXT_EVERY: Duration = Duration::from_secs(5);

/// How often the ledger is sealed, when something came.
const SEAL_EVERY: Duration = Duration::from_secs(10);

/// How often a watcher looks whether it is to end.
const STEP: Duration = Duration::from_millis(100);

pub(crate) struct Watchers(Vec<JoinHandle<()>>);

pub(crate) fn spawn(app: &App, mut watch: Watch, mut seal: Seal, stop: Arc<AtomicBool>) -> std::io::Result<Watchers> {
    let (service, asked) = (app.service.clone(), Arc::clone(&stop));
    let context = every("context", CONTEXT_EVERY, asked, move |_| {
        // What cannot be written down now is said again at the next look.
        let _ = watch.look(&service);
    })?;
    let service = app.service.clone();
    let sealing = every("seal", SEAL_EVERY, stop, move |_| {
        if let Err(error) = seal.seal(&service) {
            eprintln!("adjutant: {error}");
        }
    })?;
    Ok(Watchers(vec![context, sealing]))
}

/// Does `what` every so often until it is to stop, and then once more.
fn every(
    name: &str,
    period: Duration,
    stop: Arc<AtomicBool>,
    mut what: impl FnMut(bool) + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(move || {
        loop {
            let last = stop.load(Ordering::SeqCst);
            what(last);
            if last {
                return;
            }
            let mut waited = Duration::ZERO;
            while waited < period && !stop.load(Ordering::SeqCst) {
                std::thread::sleep(STEP);
                waited += STEP;
            }
        }
    })
}

impl Watchers {
    pub(crate) fn end(self) {
        for thread in self.0 {
            // A watcher that panicked has said so.
            let _ = thread.join();
        }
    }
}
