//! `cargo xtask test`: everything that must hold, in the order in which a mistake is cheapest to find.
//!
//! Each step's output goes to `target/xtask/<step>.log` and is shown when the step fails. What needs the
//! measuring data is skipped with a message where there is none; nothing else is ever skipped.

use crate::count::Count;
use crate::{data, fuzz, setup, sh};
use anyhow::Result;
use std::process::Command;
use std::time::{Duration, Instant};

/// Seconds of fuzzing in all.
const FUZZ_SECONDS: u64 = 60;

#[derive(clap::Args)]
pub struct Arguments {
    /// Run only the steps whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// How a step ended.
enum Ending {
    Done(Count),
    Skipped(String),
}

struct Line {
    name: &'static str,
    took: Duration,
    ending: Ending,
}

/// The steps that ran.
struct Gate<'a> {
    only: Option<&'a str>,
    lines: Vec<Line>,
}

/// `cargo xtask test`.
pub fn run(arguments: &Arguments) -> Result<bool> {
    let started = Instant::now();
    let mut gate = Gate { only: arguments.only.as_deref(), lines: Vec::new() };
    gate.step("setup", || Ok(Ending::Done(prepare())));
    gate.command("format", sh::cargo(&["fmt", "--all", "--check"]));
    gate.command("lints", sh::cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]));
    gate.tests("tests", runner());
    gate.tests("doc-tests", sh::cargo(&["test", "--quiet", "--workspace", "--doc"]));
    gate.command("docs", documented());
    gate.command("book-check", adjutant(&["check"]));
    gate.tests("book-tests", adjutant(&["test"]));
    gate.step("fuzz", || fuzz::all(Duration::from_secs(FUZZ_SECONDS)).map(Ending::Done));
    measured(&mut gate);
    Ok(gate.report(started.elapsed()))
}

/// What measures on real records, where there are any; the longer measurements are `cargo xtask quality …`.
fn measured(gate: &mut Gate<'_>) {
    match data::find() {
        Ok(Some(dir)) => {
            let alerts = dir.join("alerts").to_string_lossy().into_owned();
            gate.measure("accuracy", &["accuracy", &alerts]);
        }
        Ok(None) => gate.step("measuring", || Ok(Ending::Skipped(data::MISSING.into()))),
        Err(error) => gate.step("measuring", || Err(error)),
    }
}

/// The release build of `adjutant`.
fn adjutant(arguments: &[&str]) -> Command {
    let mut command = sh::cargo(&["run", "--quiet", "--release", "--package", "adjutant", "--"]);
    command.args(arguments);
    command
}

fn prepare() -> Count {
    let missing = setup::ensure(setup::TESTS);
    missing.iter().for_each(|line| println!("{line}"));
    Count { passed: (setup::TESTS.len() - missing.len()) as u64, failed: missing.len() as u64 }
}

/// All tests of the workspace, with nextest where it is installed.
fn runner() -> Command {
    if sh::works("cargo", &["nextest", "--version"]) {
        sh::cargo(&["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "fail"])
    } else {
        sh::cargo(&["test", "--quiet", "--workspace", "--all-targets", "--no-fail-fast"])
    }
}

/// The documentation, whose links must lead somewhere.
fn documented() -> Command {
    let mut command = sh::cargo(&["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"]);
    command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links -A rustdoc::redundant_explicit_links");
    command
}

impl Gate<'_> {
    /// A command that passes or fails as a whole.
    fn command(&mut self, name: &'static str, command: Command) {
        self.step(name, || Ok(Ending::Done(Count::one(shown(command, name)?.0))));
    }

    /// One of our own measuring commands; fails when it misses a bar.
    fn measure(&mut self, name: &'static str, arguments: &[&str]) {
        self.step(name, || Ok(Ending::Done(Count::one(shown(sh::again(arguments)?, name)?.0))));
    }

    /// A command that runs tests and prints how many passed.
    fn tests(&mut self, name: &'static str, command: Command) {
        self.step(name, || {
            let (passed, text) = shown(command, name)?;
            let mut count = Count::read(&text);
            if !passed && count.failed == 0 {
                count += Count::one(false); // It did not even build, or the runner broke.
            }
            Ok(Ending::Done(count))
        });
    }

    fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<Ending>) {
        if self.only.is_some_and(|only| !name.contains(only)) {
            return;
        }
        let started = Instant::now();
        let ending = work().unwrap_or_else(|error| {
            println!("{name}: {error:#}");
            Ending::Done(Count::one(false))
        });
        let line = Line { name, took: started.elapsed(), ending };
        println!("{}", line.text());
        self.lines.push(line);
    }

    /// Prints the summary; true when nothing failed.
    fn report(&self, took: Duration) -> bool {
        println!("\n{} steps in {:.0} s", self.lines.len(), took.as_secs_f64());
        self.lines.iter().for_each(|line| println!("  {}", line.text()));
        let count: Count =
            self.lines.iter().map(|line| if let Ending::Done(count) = &line.ending { *count } else { Count::default() }).sum();
        println!("\n{} passed, {} failed", count.passed, count.failed);
        count.failed == 0
    }
}

impl Line {
    fn text(&self) -> String {
        let (word, says) = match &self.ending {
            Ending::Done(count) if count.failed > 0 => ("FAILED", format!("{} of {}", count.failed, count.passed + count.failed)),
            Ending::Done(count) => ("ok", count.passed.to_string()),
            Ending::Skipped(why) => ("skipped", why.clone()),
        };
        format!("{word:<8}{:<16}{:>7.1} s   {says}", self.name, self.took.as_secs_f64())
    }
}

/// Runs `command`; shows what it printed when it fails.
fn shown(command: Command, name: &str) -> Result<(bool, String)> {
    let (passed, text) = sh::captured(command, name)?;
    if !passed {
        println!("{}", text.trim_end());
    }
    Ok((passed, text))
}
