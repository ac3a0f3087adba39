//! A progress bar on a terminal, and nothing anywhere else.

use adjutant_runtime::read::{Input, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const REFRESH: Duration = Duration::from_millis(100);

/// Shows how far reading is until it is dropped.
pub(crate) struct Bar {
    bar: ProgressBar,
    done: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Bar {
    /// A bar over `inputs`, of which `progress` says how far reading is and `alerts` how many were triaged.
    pub(crate) fn start(inputs: &[Input], progress: Arc<Progress>, alerts: Arc<AtomicU64>, quiet: bool) -> Self {
        let bar = bar(size(inputs), quiet || !std::io::stderr().is_terminal());
        let done = Arc::new(AtomicBool::new(false));
        let (shown, stop) = (bar.clone(), Arc::clone(&done));
        let show = move || {
            while !stop.load(Ordering::Relaxed) {
                shown.set_position(progress.bytes.load(Ordering::Relaxed));
                let alerts = alerts.load(Ordering::Relaxed);
                let rate = alerts as f64 / shown.elapsed().as_secs_f64().max(0.001);
                shown.set_message(format!("{alerts} alerts, {rate:.0}/s"));
                std::thread::sleep(REFRESH);
            }
        };
        let thread = (!bar.is_hidden()).then(|| std::thread::spawn(show));
        Self { bar, done, thread }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A bar that panicked is no reason to fail.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}

/// The bytes of all inputs, when all are files.
fn size(inputs: &[Input]) -> Option<u64> {
    let sizes = inputs.iter().map(|input| match input {
        Input::Path(path) => match std::fs::metadata(path) {
            Ok(meta) if meta.is_file() || meta.is_dir() => Some(meta.len()),
            Ok(_) => None,
            Err(_) => Some(0),
        },
        Input::Bundled(_, bytes) => Some(bytes.len() as u64),
        Input::Stdin => None,
    });
    sizes.sum()
}

fn bar(size: Option<u64>, hidden: bool) -> ProgressBar {
    let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let template = match size {
        Some(_) => "{bar:30} {bytes}/{total_bytes} · {msg} · {eta} left",
        None => "{spinner} {bytes} · {msg} · {elapsed}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(size, target).with_style(style.progress_chars("━╸ "))
}
