//! The command line: every command and option, with the words that explain it.

pub(crate) mod act;
pub(crate) mod mail;
pub(crate) mod service;

use crate::exit;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

/// Triages security alerts and explains every decision.
#[derive(Debug, Parser)]
#[command(name = "adjutant", version, about, long_about = LONG, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// When to use colour; `auto` is on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", display_order = 900)]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const LONG: &str = "\
Triages security alerts and explains every decision.

Adjutant reads alerts as tools write them, recognises who wrote each, and decides by a book of reviewed rules: close it \
with the evidence, escalate it with a recommendation, or propose a response. It says why, what it does not know, and what \
would change its mind.

Examples:
  adjutant demo                              real alerts, the queue, one decision explained
  adjutant triage alerts/*.jsonl             your alerts: the queue, worst first
  zcat day.gz | adjutant triage - --out arc  from a pipe, and keep every decision
  adjutant explain 4f1c9e --in arc           why, from the raw field to the outcome
  adjutant mail explain suspicious.eml       what a message shows, and where
  adjutant init mybook                       a book of your own to edit
  adjutant backtest --book mybook arc        what your changes would have changed
  adjutant serve --data /var/lib/adjutant    the service: alerts in over HTTP, decisions out
  adjutant queue                             what waits for people, worst first
  adjutant case 59ddf2f3                     a case: evidence, what is recommended, its story
  adjutant verdict 59ddf2f3 close --because E1,E3
  adjutant plan 59ddf2f3                     what would be done, to whom, and who must approve
  adjutant approve 5e884898 --key ana.key
  adjutant undo 1f8b0800 --key ana.key       restore what was there before
  adjutant pause                             nothing happens by itself any more, at once
  adjutant audit verify --data /var/lib/adjutant
  adjutant backup /backup/adjutant.db --data /var/lib/adjutant

Commands that ask a service take its URL from --url or $ADJUTANT_URL, and the token to show from --token-file or \
$ADJUTANT_TOKEN. `audit`, `backup`, `restore` and `doctor` read the service's folder themselves, also while it runs.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(Init),
    Check(Check),
    Test(Test),
    Triage(Triage),
    Explain(Explain),
    Backtest(Backtest),
    Mail(mail::Mail),
    Sources(Sources),
    Schema(Schema),
    Serve(service::Serve),
    Config(service::Config),
    Queue(service::Queue),
    Case(service::Case),
    Decisions(service::Decisions),
    Verdict(service::Verdict),
    Assign(service::Assign),
    Comment(service::Comment),
    Ask(act::Ask),
    Plan(act::Plan),
    Approve(act::Approve),
    Deny(act::Deny),
    Sign(act::Sign),
    Undo(act::Undo),
    Action(act::Action),
    Simulate(act::Simulate),
    Limits(act::Limits),
    Protected(act::Protected),
    Guard(act::Guard),
    Connect(act::Connect),
    Key(act::Key),
    Hand(act::Hand),
    Run(act::Run),
    Pause(service::Pause),
    Resume(service::Resume),
    Autonomy(service::Autonomy),
    Review(service::Review),
    Metrics(service::Metrics),
    Token(service::Token),
    User(service::User),
    Audit(service::Audit),
    Backup(service::Backup),
    Restore(service::Restore),
    Doctor(service::Doctor),
    Demo(Demo),
    Completions(Completions),
    Man(Man),
}

/// Where the book is.
#[derive(Clone, Debug, Args)]
pub(crate) struct BookArg {
    /// The book that decides [default: the one that is part of adjutant].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) book: Option<PathBuf>,
}

/// Make a working book to edit, with its tests.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant init mybook && adjutant check mybook && adjutant test mybook")]
pub(crate) struct Init {
    /// A directory that is new or empty.
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
}

/// Find every fault of a book, with file, line, column and what to do.
#[derive(Debug, Args)]
#[command(after_help = "Exits with 3 when there is a fault.\n\nExample:\n  adjutant check mybook")]
pub(crate) struct Check {
    /// The book's directory [default: the book that is part of adjutant].
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

/// Run the tests that a book carries.
#[derive(Debug, Args)]
#[command(after_help = "Exits with 1 when a test fails.\n\nExample:\n  adjutant test mybook --format junit > results.xml")]
pub(crate) struct Test {
    /// The book's directory [default: the book that is part of adjutant].
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
    /// How to print the results.
    #[arg(long, default_value = "text")]
    pub(crate) format: TestFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// For people.
    Text,
    /// JUnit XML, for build servers.
    Junit,
}

/// Triage alerts: read, recognise, correlate, score, decide.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads JSON Lines, JSON arrays, objects in a row, gzip, Zstandard, syslog and CEF lines; tells them apart by content. Every \
record ends as a decision or as a problem with its line; the summary counts both.

Examples:
  adjutant triage alerts/*.jsonl
  adjutant triage day.json.gz --format jsonl > decisions.jsonl
  tail -F eve.json | adjutant triage - --format jsonl
  adjutant triage alerts/*.jsonl --out arc && adjutant explain 4f1c9e --in arc")]
pub(crate) struct Triage {
    /// Files to read; `-` is standard input.
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) book: BookArg,
    /// The data of context sources [default: `context/data` of the book].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) context: Option<PathBuf>,
    /// Read every record as this source, whatever it looks like (see `adjutant sources`).
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// How to print the decisions.
    #[arg(long, default_value = "table")]
    pub(crate) format: Format,
    /// Keep the decisions, the alerts and the book in this directory.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
    /// Decide as at this time (RFC 3339) [default: each alert's own].
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<String>,
    /// Rows of the queue to print.
    #[arg(long, value_name = "ROWS", default_value_t = 20)]
    pub(crate) top: usize,
    /// Threads [default: one for each core].
    #[arg(long, value_name = "NUMBER")]
    pub(crate) workers: Option<usize>,
    /// Print no summary and no progress.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The queue: cases, worst first.
    Table,
    /// One array of decision records.
    Json,
    /// A decision record on each line (see `adjutant schema --record`).
    Jsonl,
    /// An OCSF Detection Finding on each line.
    Ocsf,
    /// A report in one file.
    Html,
}

/// Explain one decision: the walk from the raw field to the outcome.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  adjutant triage alerts.jsonl --out arc\n  adjutant explain 4f1c9e --in arc                       the first digits are enough\n  adjutant explain 4f1c9e --in arc --format html > e.html"
)]
pub(crate) struct Explain {
    /// The first digits of a decision's, an alert's or a case's id.
    pub(crate) id: String,
    /// The archive that `triage --out` made.
    #[arg(long = "in", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) archive: PathBuf,
    /// How to print it.
    #[arg(long, default_value = "text")]
    pub(crate) format: ExplainFormat,
    /// Print the alert as it came, too.
    #[arg(long)]
    pub(crate) raw: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// For a terminal.
    Text,
    /// The decision record.
    Json,
    /// A page in one file.
    Html,
    /// A picture for a document.
    Svg,
}

/// Decide past alerts again under another book: what changes, worst first.
#[derive(Debug, Args)]
#[command(after_help = "\
Exits with 2 when decisions change.

Example:
  adjutant init mybook && vi mybook/playbooks/network-ids.yaml
  adjutant backtest --book mybook arc")]
pub(crate) struct Backtest {
    /// The other book.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) book: PathBuf,
    /// The archive that `triage --out` made.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) archive: PathBuf,
    /// Verdicts to measure with: a file of `id,verdict` lines, verdict `benign` or `malicious`.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) labels: Option<PathBuf>,
    /// Changed decisions to print for each playbook.
    #[arg(long, value_name = "ROWS", default_value_t = 5)]
    pub(crate) top: usize,
    /// Threads [default: one for each core].
    #[arg(long, value_name = "NUMBER")]
    pub(crate) workers: Option<usize>,
    /// Print numbers as one JSON object instead.
    #[arg(long)]
    pub(crate) json: bool,
}

/// List the sources that are recognised.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  adjutant sources            all of them\n  adjutant sources guardduty  what of a finding becomes which field"
)]
pub(crate) struct Sources {
    #[command(flatten)]
    pub(crate) book: BookArg,
    /// Show which raw paths fill the fields of this source.
    pub(crate) name: Option<String>,
}

/// Print the names that conditions may use, or the shape of the decision record.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  adjutant schema | grep ^history\n  adjutant schema --record > decision.schema.json")]
pub(crate) struct Schema {
    #[command(flatten)]
    pub(crate) book: BookArg,
    /// Print the JSON Schema of the decision record.
    #[arg(long)]
    pub(crate) record: bool,
}

/// Triage bundled alerts, show the queue and explain one decision.
///
/// Real alerts of several vendors, and a month of logins at an invented company whose directory and inventory come with it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant demo --out arc && adjutant explain 4f1c9e --in arc")]
pub(crate) struct Demo {
    /// Keep the decisions, the alerts and the book in this directory.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
}

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant completions bash > /etc/bash_completion.d/adjutant")]
pub(crate) struct Completions {
    pub(crate) shell: clap_complete::Shell,
}

/// Print the manual page, or write one for each command.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  adjutant man | man -l -\n  adjutant man /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// Write a page for each command into this directory.
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
