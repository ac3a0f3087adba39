//! A gate: steps that must hold, one after the other, and a summary of them.
//!
//! Each step's output goes to `target/xtask/<step>.log` and is shown when the step fails. A step that cannot run
//! here is skipped with a message, never silently.

use crate::count::Count;
use crate::sh;
use anyhow::Result;
use std::process::Command;
use std::time::{Duration, Instant};

/// How a step ended.
pub enum Ending {
    /// It ran.
    Done(Count),
    /// It cannot run here, because …
    Skipped(String),
}

struct Line {
    name: String,
    took: Duration,
    ending: Ending,
}

/// The steps that ran.
pub struct Gate<'a> {
    only: Option<&'a str>,
    started: Instant,
    lines: Vec<Line>,
}

impl<'a> Gate<'a> {
    /// A gate of which only the steps whose name contains `only` run.
    pub fn new(only: Option<&'a str>) -> Self {
        Self { only, started: Instant::now(), lines: Vec::new() }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_none_or(|only| name.contains(only))
    }

    /// What the steps `others` need: runs when one of them does.
    pub fn before(&mut self, others: &[&str], name: &str, command: Command) {
        if self.wants(name) || others.iter().any(|other| self.wants(other)) {
            self.timed(name, || Ok(Ending::Done(Count::one(shown(command, name)?.0))));
        }
    }

    /// A command that passes or fails as a whole.
    pub fn command(&mut self, name: &str, command: Command) {
        self.step(name, || Ok(Ending::Done(Count::one(shown(command, name)?.0))));
    }

    /// A command that runs tests and prints how many passed.
    pub fn tests(&mut self, name: &str, command: Command) {
        self.step(name, || {
            let (passed, text) = shown(command, name)?;
            let mut count = Count::read(&text);
            if !passed && count.failed == 0 {
                count += Count::one(false); // It did not even build, or the runner broke.
            }
            Ok(Ending::Done(count))
        });
    }

    /// Anything else.
    pub fn step(&mut self, name: &str, work: impl FnOnce() -> Result<Ending>) {
        if self.wants(name) {
            self.timed(name, work);
        }
    }

    fn timed(&mut self, name: &str, work: impl FnOnce() -> Result<Ending>) {
        let started = Instant::now();
        let ending = work().unwrap_or_else(|error| {
            println!("{name}: {error:#}");
            Ending::Done(Count::one(false))
        });
        let line = Line { name: name.to_owned(), took: started.elapsed(), ending };
        println!("{}", line.text());
        self.lines.push(line);
    }

    /// Prints the summary; true when nothing failed.
    pub fn report(&self) -> bool {
        println!("\n{} steps in {:.0} s", self.lines.len(), self.started.elapsed().as_secs_f64());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_fails_the_gate() {
        let mut gate = Gate::new(None);
        gate.step("good", || Ok(Ending::Done(Count { passed: 3, failed: 0 })));
        gate.step("missing", || Ok(Ending::Skipped("no data".into())));
        assert!(gate.report());
        gate.step("broken", || anyhow::bail!("on purpose"));
        assert!(!gate.report());
        let mut some = Gate::new(Some("goo"));
        some.step("broken", || anyhow::bail!("not asked for"));
        assert!(some.report() && some.lines.is_empty());
        some.before(&["bad", "good"], "build", Command::new("false"));
        assert!(!some.report(), "a step that is asked for needs it");
    }
}
