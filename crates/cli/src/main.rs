//! The one binary. It understands the command line, runs one command and ends with that command's exit code.
//!
//! Each command is a file of its own; nothing here or there decides about alerts, which is the engine's work.
#![expect(clippy::disallowed_methods, reason = "the command line owns the clock, the environment and the exit code")]

mod args;
mod backtest;
mod book;
mod check;
mod client;
mod demo;
mod exit;
mod explain;
mod hand;
mod html;
mod init;
mod interrupt;
mod isolation;
mod keys;
mod launch;
mod lint;
mod local;
mod mail;
mod manual;
mod progress;
mod queue;
mod report;
mod schema;
mod serve;
mod sources;
mod table;
mod term;
mod test;
mod triage;

use args::{Cli, Command};
use clap::Parser;
use exit::Exit;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain_usage(&error).into(),
    };
    term::choose_color(cli.color);
    match run(&cli.command) {
        Ok(exit) => exit.into(),
        Err(error) => complain(&error).into(),
    }
}

fn run(command: &Command) -> anyhow::Result<Exit> {
    match command {
        Command::Init(args) => init::run(args),
        Command::Check(args) => check::run(args),
        Command::Test(args) => test::run(args),
        Command::Triage(args) => triage::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Backtest(args) => backtest::run(args),
        Command::Mail(args) => mail::run(args),
        Command::Sources(args) => sources::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Config(args) => serve::check(&args.command),
        Command::Audit(args) => local::audit::run(args),
        Command::Backup(args) => local::backup::backup(args),
        Command::Restore(args) => local::backup::restore(args),
        Command::Doctor(args) => local::doctor::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::man(args),
        Command::Queue(args) => client::cases::queue(args),
        Command::Case(args) => client::cases::case(args),
        Command::Decisions(args) => client::cases::decisions(args),
        Command::Verdict(args) => client::cases::verdict(args),
        Command::Assign(args) => client::cases::assign(args),
        Command::Comment(args) => client::cases::comment(args),
        Command::Ask(args) => client::letters::ask(args),
        Command::Plan(args) => client::act::plan(args),
        Command::Approve(args) => client::act::approve(args),
        Command::Deny(args) => client::act::deny(args),
        Command::Sign(args) => client::letters::sign(args),
        Command::Undo(args) => client::act::undo(args),
        Command::Action(args) => client::act::action(args),
        Command::Simulate(args) => client::act::simulate(args),
        Command::Limits(args) => client::act::limits(args),
        Command::Protected(args) => client::act::protected(args),
        Command::Guard(args) => client::act::guard(args),
        Command::Connect(args) => client::act::connect(args),
        Command::Key(args) => hand::key(&args.command),
        Command::Hand(args) => hand::run(args),
        Command::Run(args) => launch::run(args),
        Command::Pause(args) => client::autonomy::pause(args),
        Command::Resume(args) => client::autonomy::resume(args),
        Command::Autonomy(args) => client::autonomy::autonomy(args),
        Command::Review(args) => client::autonomy::review(args),
        Command::Metrics(args) => client::autonomy::metrics(args),
        Command::Token(args) => client::accounts::token(args),
        Command::User(args) => client::accounts::user(args),
    }
}

/// Prints clap's message. Help and version are no mistakes.
fn explain_usage(error: &clap::Error) -> Exit {
    let asked = !error.use_stderr();
    match error.print() {
        Ok(()) if asked => Exit::Ok,
        Ok(()) => Exit::Usage,
        Err(_) => Exit::Output,
    }
}

/// Prints an error with what led to it. A reader that went away, as `head` does, is no error.
fn complain(error: &anyhow::Error) -> Exit {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    if io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe) {
        return Exit::Ok;
    }
    eprintln!("adjutant: {error:#}");
    if error.is::<term::OutputFailed>() { Exit::Output } else { Exit::Faulty }
}
