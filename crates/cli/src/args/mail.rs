//! The arguments of `adjutant mail`.

use super::BookArg;
use clap::{Args, Subcommand, ValueHint};

/// Look into messages of mail.
#[derive(Debug, Args)]
pub(crate) struct Mail {
    #[command(subcommand)]
    pub(crate) command: MailCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MailCommand {
    Explain(MailExplain),
}

/// Explain a message: what is in it and where, what is unknown, and what follows.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is fetched, opened or run. What could not be read is named, and is never taken for clean.

Examples:
  adjutant mail explain suspicious.eml
  adjutant mail explain --json suspicious.eml | jq .found
  adjutant triage --source mail reported/*.eml       many at once, into the queue")]
pub(crate) struct MailExplain {
    /// Messages as they arrived, were reported or exported (RFC 5322); `-` is standard input.
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) book: BookArg,
    /// Print the facts as JSON, one message on each line, and no decision.
    #[arg(long)]
    pub(crate) json: bool,
}
