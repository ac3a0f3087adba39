//! The arguments of `adjutant mail`.

use super::BookArg;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// Look into messages of mail.
#[derive(Debug, Args)]
pub(crate) struct Mail {
    #[command(subcommand)]
    pub(crate) command: MailCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MailCommand {
    Explain(MailExplain),
    Ask(MailAsk),
    Learn(MailLearn),
}

/// Explain a message: what is in it and where, what is unknown, and what follows.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is fetched, opened or run. What could not be read is named, and is never taken for clean.

Examples:
  adjutant mail explain suspicious.eml
  adjutant mail explain --json suspicious.eml | jq .found
  adjutant mail explain --dns answers.json suspicious.eml
  adjutant triage --source mail reported/*.eml       many at once, into the queue")]
pub(crate) struct MailExplain {
    /// Messages as they arrived, were reported or exported (RFC 5322); `-` is standard input.
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) book: BookArg,
    /// The data of context sources [default: `context/data` of the book].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) context: Option<PathBuf>,
    /// What DNS answered about the message, as `adjutant mail ask` writes it: who sent it is then verified.
    #[arg(long, value_name = "ANSWERS", value_hint = ValueHint::FilePath)]
    pub(crate) dns: Option<PathBuf>,
    /// Print the facts as JSON, one message on each line, and no decision.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Ask DNS what is needed to verify who sent a message (DKIM, ARC, SPF, DMARC), and print the answers as JSON.
#[derive(Debug, Args)]
#[command(after_help = "\
Only this resolver is asked, for names that the message holds: whoever wrote it may see that somebody asked, as with every server that \
mail passes. Ask soon: after five days a missing key says nothing any more.

Examples:
  adjutant mail ask --resolver 127.0.0.53 suspicious.eml > answers.json
  adjutant mail explain --dns answers.json suspicious.eml")]
pub(crate) struct MailAsk {
    /// A message as it arrived, was reported or exported (RFC 5322); `-` is standard input.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: String,
    /// The resolver: an IP address, with a port or without.
    #[arg(long, required = true, value_name = "ADDRESS")]
    pub(crate) resolver: String,
}

/// Learn who writes to whom from past mail: since when, how often, and who wrote first.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads single messages, mbox files and maildirs. The tables are context (`mail/*.csv`): what is learned more is added, the same mail \
counts once, and the order does not matter. Mail that failed DMARC, as a server of `lists/mail-servers.txt` says, teaches nothing.

Examples:
  adjutant mail learn Maildir/ archive.mbox --own corp.example --to context/
  adjutant triage --source mail past/*.eml --format jsonl > decided.jsonl
  adjutant mail learn past/ --own corp.example --not decided.jsonl --to context/
  adjutant triage --source mail reported/*.eml --context context/")]
pub(crate) struct MailLearn {
    /// Messages, mbox files, maildirs, or directories of these.
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// A mail domain of ours, with everything below it; repeat it for more.
    #[arg(long, required = true, value_name = "DOMAIN")]
    pub(crate) own: Vec<String>,
    /// The directory of context data that the tables are in.
    #[arg(long, required = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) to: PathBuf,
    /// Attacks, which only count against their senders: decisions of `triage --format jsonl`, or lines `ID,label`.
    #[arg(long = "not", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) not: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) book: BookArg,
}
