//! `cargo xtask stream`: a long stream of alerts through `adjutant triage -`; memory stays bounded, and the counts add up.
//!
//! The alerts are the demo's, each repeated with other times, ids, addresses and people; now and then one is broken.
//! A quarter of the stream goes first, so that it shows how much the rest adds: what was seen before is remembered up
//! to a limit, and a stream that is shorter than the limit fills only a part of it.

use crate::bench::{measure, vary::Template};
use crate::figures::{Figures, thousands};
use crate::sh;
use anyhow::{Context as _, Result, anyhow, ensure};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// The alerts that are repeated.
const ALERTS: &str = "crates/cli/demo/alerts.jsonl";
/// When the first one happens: 2026-01-05T00:00:00Z.
const START: i64 = 1_767_571_200;
/// Every so many records, one is cut in the middle.
const BROKEN_EVERY: u64 = 1_000;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Bar: megabytes that triage may need at most.
const PEAK_MB_MAX: f64 = 300.0;

#[derive(clap::Args)]
pub struct Arguments {
    /// Megabytes of alerts
    #[arg(long, value_name = "N", default_value_t = 240)]
    megabytes: u64,
    /// Also write the figures as one flat JSON object
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What went through, and what it took.
#[derive(Debug, PartialEq)]
struct Passed {
    /// Records written, and how many of them were broken.
    written: (u64, u64),
    /// Decisions that came out.
    decided: u64,
    /// The line of the summary that adds up.
    sum: String,
    peak_mb: f64,
}

/// `cargo xtask stream`; false when a bar is missed.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let (built, text) = sh::captured(sh::cargo(&sh::RELEASE), "stream-build")?;
    ensure!(built, "adjutant does not build:\n{text}");
    let quarter = triage(arguments.megabytes / 4)?;
    let whole = triage(arguments.megabytes)?;
    let growth = 100.0 * (whole.peak_mb / quarter.peak_mb - 1.0);
    let lost = quarter.lost() + whole.lost();
    let mut figures = Figures::default();
    figures.add("stream_mb", arguments.megabytes as f64, format!("MB through a pipe; {}", whole.sum));
    figures.add("stream_lost", lost as f64, "records that are neither decided nor a problem, or are counted wrongly (bar 0)");
    figures.add("stream_peak_mb", whole.peak_mb, "MB of memory at most (bar < 300)");
    figures.add("stream_growth_pct", growth, "% more memory than a quarter of the stream needs");
    figures.report(arguments.json.as_deref())?;
    Ok(lost == 0 && whole.peak_mb < PEAK_MB_MAX)
}

impl Passed {
    /// How many records are not where they belong.
    fn lost(&self) -> u64 {
        let (written, broken) = self.written;
        let good = written - broken;
        let number = |number: u64| thousands(number as i64);
        let sum = format!("{} in = {} decided + {} with a problem", number(written), number(good), number(broken));
        good.abs_diff(self.decided) + u64::from(sum != self.sum)
    }
}

/// Sends so many megabytes through `adjutant triage -`.
fn triage(megabytes: u64) -> Result<Passed> {
    let mut command = Command::new(sh::target().join("release/adjutant"));
    command.args(["triage", "-", "--format", "jsonl"]).current_dir(sh::root());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stdin = child.stdin.take().context("a pipe to write to")?;
    let (stdout, stderr) = (child.stdout.take().context("its output")?, child.stderr.take().context("its messages")?);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let writing = scope.spawn(move || write(stdin, megabytes << 20));
        let summing = scope.spawn(move || sum(stderr));
        let looking = scope.spawn(|| peak(child.id(), &ended));
        let decided = lines(stdout);
        ended.store(true, Ordering::Relaxed);
        let written = writing.join().map_err(|_| anyhow!("writing stopped"))?.context("write into the pipe")?;
        let sum = summing.join().map_err(|_| anyhow!("reading stopped"))?.context("read the summary")?;
        let peak_mb = looking.join().map_err(|_| anyhow!("looking stopped"))?;
        Ok(Passed { written, decided: decided?, sum, peak_mb })
    })
    .and_then(|passed| ended_well(child, passed))
}

/// Broken lines are told by the exit code 1.
fn ended_well(mut child: Child, passed: Passed) -> Result<Passed> {
    let status = child.wait()?;
    let wanted = i32::from(passed.written.1 > 0);
    ensure!(status.code() == Some(wanted), "adjutant ended with {status}, not with {wanted}");
    Ok(passed)
}

/// Writes `bytes` of alerts; returns how many there were, and how many of them broken.
fn write(pipe: impl Write, bytes: u64) -> io::Result<(u64, u64)> {
    let text = std::fs::read_to_string(sh::root().join(ALERTS))?;
    let templates: Vec<Template> = text.lines().map(Template::new).collect();
    let mut out = BufWriter::with_capacity(1 << 16, pipe);
    let (mut written, mut records, mut broken, mut line) = (0, 0, 0, String::new());
    for (nth, template) in (0_u64..).zip(templates.iter().cycle()) {
        if written >= bytes {
            break;
        }
        line.clear();
        template.write(nth / templates.len() as u64, START + nth as i64, &mut line);
        if nth % BROKEN_EVERY == BROKEN_EVERY / 2 {
            line.truncate(line.floor_char_boundary(line.len() / 2));
            broken += 1;
        }
        line.push('\n');
        out.write_all(line.as_bytes())?;
        (written, records) = (written + line.len() as u64, records + 1);
    }
    out.flush()?;
    Ok((records, broken))
}

/// Counts lines without keeping them.
fn lines(mut pipe: impl io::Read) -> Result<u64> {
    let (mut buffer, mut lines) = (vec![0; 1 << 16], 0);
    loop {
        match pipe.read(&mut buffer)? {
            0 => return Ok(lines),
            read => lines += memchr::memchr_iter(b'\n', buffer.get(..read).unwrap_or_default()).count() as u64,
        }
    }
}

/// The line of the summary that says how many came in.
fn sum(pipe: impl io::Read) -> io::Result<String> {
    let mut found = String::new();
    for line in BufReader::new(pipe.take(1 << 20)).lines() {
        let line = line?;
        if line.contains(" in = ") {
            found = line;
        }
    }
    Ok(found)
}

/// The most memory that a process held until it ended.
fn peak(process: u32, ended: &AtomicBool) -> f64 {
    let mut peak_mb = 0.0;
    while !ended.load(Ordering::Relaxed) {
        if let Some((_, peak)) = measure::look(process) {
            peak_mb = f64::max(peak_mb, peak);
        }
        thread::sleep(LOOK);
    }
    peak_mb
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_anywhere_is_lost() {
        let sum = "2,000 in = 1,998 decided + 2 with a problem".to_owned();
        let passed = Passed { written: (2_000, 2), decided: 1_998, sum, peak_mb: 1.0 };
        assert_eq!(passed.lost(), 0);
        assert_eq!(Passed { decided: 1_997, ..passed }.lost(), 1);
        let sum = "1,999 in = 1,998 decided + 1 with a problem".to_owned();
        assert_eq!(Passed { written: (2_000, 2), decided: 1_998, sum, peak_mb: 1.0 }.lost(), 1);
    }

    #[test]
    fn a_stream_is_as_long_as_asked_and_says_how_many_are_broken() {
        let mut bytes = Vec::new();
        let (records, broken) = write(&mut bytes, 3 << 20).expect("memory can be written to");
        assert!(bytes.len() >= 3 << 20 && bytes.len() < (3 << 20) + 100_000);
        let lines: Vec<&[u8]> = bytes.strip_suffix(b"\n").unwrap_or_default().split(|byte| *byte == b'\n').collect();
        let unreadable = lines.iter().filter(|line| serde_json::from_slice::<serde_json::Value>(line).is_err()).count();
        assert_eq!((lines.len() as u64, unreadable as u64), (records, broken));
        assert!(broken > 0);
    }
}
