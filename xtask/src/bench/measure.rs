//! Runs a program and measures it from outside: wall time, its own CPU time, its peak memory, and what other programs used meanwhile.

use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Clock ticks of `/proc` in a second.
const TICKS: f64 = 100.0;
/// Above this many cores used by other programs, a run does not count.
pub const OTHERS_CORES_MAX: f64 = 0.3;

/// Exit codes up to here say something about the data: 1 lines with problems, 2 decisions that change.
const CODE_MAX: i32 = 2;

/// One measured run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    /// Wall time.
    pub seconds: f64,
    /// User and system time of the program.
    pub cpu_seconds: f64,
    /// The most memory that it held at once.
    pub peak_mb: f64,
    /// Cores that other programs used on average.
    pub others_cores: f64,
}

/// Runs `command` to its end.
pub fn run(mut command: Command) -> Result<Run> {
    let name = format!("{command:?}");
    let (busy, started) = (busy_seconds(), Instant::now());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().with_context(|| format!("run {name}"))?;
    let mut run = Run::default();
    let status = loop {
        if let Some((cpu, peak)) = look(child.id()) {
            run.cpu_seconds = run.cpu_seconds.max(cpu);
            run.peak_mb = run.peak_mb.max(peak);
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    run.seconds = started.elapsed().as_secs_f64();
    ensure!(status.code().is_some_and(|code| code <= CODE_MAX), "{name} ended with {status}");
    run.others_cores = ((busy_seconds() - busy - run.cpu_seconds) / run.seconds).max(0.0);
    Ok(run)
}

/// CPU seconds and peak memory of a process so far.
pub fn look(pid: u32) -> Option<(f64, f64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks = |nth| stat.rsplit_once(')')?.1.split_whitespace().nth(nth)?.parse::<f64>().ok();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse::<f64>().ok()?;
    Some(((ticks(11)? + ticks(12)?) / TICKS, peak / 1024.0))
}

/// Seconds that all cores together have worked since boot.
fn busy_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or("");
    let fields: Vec<f64> = first.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, then idle and waiting, then interrupts.
    fields.iter().enumerate().filter(|(nth, _)| !matches!(nth, 3 | 4 | 7..)).map(|(_, ticks)| ticks).sum::<f64>() / TICKS
}

/// The middle of `values`; the mean of the two middle ones when they are even.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match (values.len(), values.len() / 2) {
        (0, _) => f64::NAN,
        (even, middle) if even % 2 == 0 => (values[middle - 1] + values[middle]) / 2.0,
        (_, middle) => values[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_measured() {
        let run = run(Command::new("true")).expect("`true` runs");
        assert!(run.seconds > 0.0 && run.seconds < 10.0);
        assert!(super::run(Command::new("/does/not/exist")).is_err());
    }

    #[test]
    fn medians() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0]), 2.5);
        assert!(median([]).is_nan());
    }
}
