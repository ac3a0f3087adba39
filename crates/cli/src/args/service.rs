//! Options of the service, and of the commands that talk to it or to its folder.

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

/// Run the service: alerts in over HTTP and syslog, decisions out, every one of them durable before it is answered.
///
/// Everything is in one folder; no other service is needed. The first start prints a secret with which an administrator makes
/// tokens and users; it is shown this once.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adjutant serve --data /var/lib/adjutant
  adjutant serve --config /etc/adjutant.toml
  curl -H 'Authorization: Bearer adj_…' --data-binary @alerts.jsonl http://127.0.0.1:8080/v1/alerts/okta")]
pub(crate) struct Serve {
    /// A file with settings (see `adjutant config schema`) [default: $ADJUTANT_CONFIG].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// The folder that holds everything [default: adjutant-data].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    /// Where to listen for HTTP; give it again for more [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Vec<std::net::SocketAddr>,
    #[command(flatten)]
    pub(crate) book: super::BookArg,
    /// The organisation's tables, as the book's contracts ask for them.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) context: Option<PathBuf>,
    /// As of when alerts are decided, and their context is fresh or stale [default: arrival].
    #[arg(long, value_name = "WHEN")]
    pub(crate) decide_at: Option<DecideAt>,
    #[command(flatten)]
    pub(crate) launched: Launched,
}

/// What `adjutant run` tells the processes that it starts.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Launched {
    /// End when whoever started this process ends.
    #[arg(long, hide = true)]
    pub(crate) launched: bool,
    /// Never read this path, nor anything below it.
    #[arg(long, hide = true, value_name = "PATH")]
    pub(crate) close: Vec<PathBuf>,
}

/// As of when alerts are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DecideAt {
    /// When they arrive.
    Arrival,
    /// When they say that they happened: for past alerts.
    Alert,
}

/// Check a file of settings, or print what may stand in one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  adjutant config check /etc/adjutant.toml\n  adjutant config schema > adjutant.schema.json")]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every fault of a file, with line and column.
    Check {
        /// The file.
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// The JSON Schema of the file.
    Schema,
    /// The names of settings in the environment.
    Environment,
}

/// The folder of the service.
#[derive(Clone, Debug, Args)]
pub(crate) struct DataArg {
    /// The folder that holds everything.
    #[arg(long, value_name = "DIR", default_value = "adjutant-data", value_hint = ValueHint::DirPath)]
    pub(crate) data: PathBuf,
}

/// How to reach the service.
#[derive(Clone, Debug, Args)]
pub(crate) struct Remote {
    /// The service's URL [default: $ADJUTANT_URL, else http://127.0.0.1:8080].
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) url: Option<String>,
    /// A file with the token to show [default: the token in $ADJUTANT_TOKEN].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, global = true)]
    pub(crate) token_file: Option<PathBuf>,
    /// How to print the answer.
    #[arg(long, default_value = "text", global = true)]
    pub(crate) format: Shape,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// For people.
    Text,
    /// As the service answered.
    Json,
}

/// Show the queue: open cases, worst first.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant queue --outcome escalate --limit 10")]
pub(crate) struct Queue {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// `open`, `closed-itself`, `closed-by-person` or `escalated`.
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Only what is proposed: `close`, `escalate` or `respond`.
    #[arg(long)]
    pub(crate) outcome: Option<String>,
    /// Only of this playbook.
    #[arg(long)]
    pub(crate) playbook: Option<String>,
    /// Only assigned to this user.
    #[arg(long)]
    pub(crate) assignee: Option<String>,
    /// Only cases that wait after a review.
    #[arg(long)]
    pub(crate) review: bool,
    /// Rows.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
}

/// Show a case: its evidence, what is recommended, and its story.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant case 59ddf2f3")]
pub(crate) struct Case {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The first digits of its id.
    pub(crate) id: String,
}

/// List decisions, the newest first, or explain one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  adjutant decisions --since 1h --format json\n  adjutant decisions 583b5390")]
pub(crate) struct Decisions {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The first digits of a decision's id, to explain it.
    pub(crate) id: Option<String>,
    /// Made since this time, or so long ago: 1h, 7d.
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// `close`, `escalate` or `respond`.
    #[arg(long)]
    pub(crate) outcome: Option<String>,
    /// Rows.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: u32,
}

/// Judge a case, citing its evidence.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant verdict 59ddf2f3 close --because E1,E3 --note 'travel, announced'")]
pub(crate) struct Verdict {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The first digits of the case's id.
    pub(crate) id: String,
    /// What you say.
    pub(crate) verdict: Judged,
    /// Rows of its evidence, as `adjutant case` shows them.
    #[arg(long, value_delimiter = ',', required = true)]
    pub(crate) because: Vec<String>,
    /// What else there is to say.
    #[arg(long, default_value = "")]
    pub(crate) note: String,
}

/// What is said of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Judged {
    /// It is harmless.
    Close,
    /// It is worked again.
    Reopen,
    /// It is an incident.
    Escalate,
}

/// Give a case to somebody.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant assign 59ddf2f3 ana")]
pub(crate) struct Assign {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The first digits of the case's id.
    pub(crate) id: String,
    /// The user; leave it out to take the case back.
    #[arg(default_value = "")]
    pub(crate) to: String,
}

/// Say something about a case.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant comment 59ddf2f3 'called the account owner'")]
pub(crate) struct Comment {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The first digits of the case's id.
    pub(crate) id: String,
    /// What to say.
    pub(crate) text: String,
}

/// Stop what happens by itself, at once and across restarts.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  adjutant pause                         propose only\n  adjutant pause enrichment-only\n  adjutant pause off --playbook malware-host"
)]
pub(crate) struct Pause {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// How much still runs.
    #[arg(default_value = "recommend-only")]
    pub(crate) pause: Runs,
    /// Only this playbook.
    #[arg(long)]
    pub(crate) playbook: Option<String>,
}

/// How much still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runs {
    /// Alerts are kept and put before people as they are.
    Off,
    /// Facts are shown, nothing is proposed.
    EnrichmentOnly,
    /// Everything is proposed, nothing is done.
    RecommendOnly,
}

/// Let what was paused go on.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant resume --playbook malware-host")]
pub(crate) struct Resume {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Only this playbook.
    #[arg(long)]
    pub(crate) playbook: Option<String>,
}

/// How far playbooks may go by themselves.
#[derive(Debug, Args)]
#[command(after_help = "\
Raising a rung needs a second person who says the same within a day, both logged in (`adjutant user login`); lowering needs
nobody else. No rung is higher than the `ceiling:` of its playbook in the book.

Examples:
  adjutant autonomy show
  adjutant autonomy set ordinary-login close 'severity=low' act")]
pub(crate) struct Autonomy {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(subcommand)]
    pub(crate) command: AutonomyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AutonomyCommand {
    /// The ladder as it stands.
    Show,
    /// Set a rung.
    Set {
        /// The playbook.
        playbook: String,
        /// The verb, such as `close`.
        verb: String,
        /// For which cases: `*`, or `severity=low,unit=Sales`.
        scope: String,
        /// `observe`, `recommend`, `ask` or `act`.
        level: String,
    },
}

/// Decide again what used a source of facts that was wrong; what flips goes to people.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant review --fact-source assets --from 7d")]
pub(crate) struct Review {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The source, as `adjutant metrics` names it.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) fact_source: String,
    /// Decisions from this time on, or from so long ago.
    #[arg(long)]
    pub(crate) from: String,
    /// … and before this [default: now].
    #[arg(long, default_value = "")]
    pub(crate) to: String,
}

/// How well the service is, and what people found of the blind sample.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant metrics")]
pub(crate) struct Metrics {
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// Make, list and revoke tokens.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  adjutant token create --role source --source okta\n  adjutant token list\n  adjutant token revoke tok-3f9a"
)]
pub(crate) struct Token {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make one; it is shown once.
    Create {
        /// `source`, `analyst`, `lead`, `engineer`, `auditor` or `admin`.
        #[arg(long)]
        role: String,
        /// The only source for which it may send.
        #[arg(long)]
        source: Option<String>,
        /// Its name, without blanks [default: the role, with the source].
        #[arg(long)]
        name: Option<String>,
        /// After how many days it ends.
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// List those in force.
    List,
    /// Revoke one.
    Revoke {
        /// Its id.
        id: String,
    },
}

/// Make and list users, and begin a session.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  adjutant user create ana --role analyst < password\n  adjutant user login ana < password\n  adjutant user list"
)]
pub(crate) struct User {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(subcommand)]
    pub(crate) command: UserCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make one; the first password is read from standard input.
    Create {
        /// The name.
        name: String,
        /// What they may do; give it again for more.
        #[arg(long, required = true)]
        role: Vec<String>,
    },
    /// List them.
    List,
    /// Begin a session; the password is read from standard input, the token printed.
    Login {
        /// The name.
        name: String,
    },
}

/// Verify the ledger in a folder: entries, tree, checkpoints.
#[derive(Debug, Args)]
#[command(after_help = "\
Exits with 1 when something is wrong, and names the first bad entry.

Examples:
  adjutant audit verify --data /var/lib/adjutant
  adjutant audit verify --checkpoint kept-elsewhere.txt")]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Verify everything; also while the service runs.
    Verify {
        #[command(flatten)]
        data: DataArg,
        /// Checkpoints that were kept elsewhere: one, many, or lines of syslog; give it again for more files.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        checkpoint: Vec<PathBuf>,
    },
    /// Make a new key that follows the old one; the service must not run.
    Rotate {
        #[command(flatten)]
        data: DataArg,
    },
    /// Print every entry with its leaf as a line of JSON, for other people's programs.
    Export {
        #[command(flatten)]
        data: DataArg,
    },
}

/// Write a copy of the folder's store to a file, also while the service runs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adjutant backup /backup/adjutant-2026-03-01.db --data /var/lib/adjutant
  adjutant backup /backup/hand-2026-03-01.db --hand /var/lib/adjutant-hand")]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) data: DataArg,
    /// The hand's folder, to copy its store instead.
    #[arg(long, value_name = "DIR", conflicts_with = "data", value_hint = ValueHint::DirPath)]
    pub(crate) hand: Option<PathBuf>,
    /// A new file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

/// Make a new folder from a backup, after verifying it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant restore /backup/adjutant-2026-03-01.db --data /var/lib/adjutant")]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) data: DataArg,
    /// The hand's folder, to make its store of the hand's backup. What was approved before is void then.
    #[arg(long, value_name = "DIR", conflicts_with = "data", value_hint = ValueHint::DirPath)]
    pub(crate) hand: Option<PathBuf>,
    /// The backup.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
}

/// Look at a folder: what is in it, whether it is sound, and what to do.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant doctor --data /var/lib/adjutant --hand /var/lib/adjutant-hand")]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) data: DataArg,
    /// The hand's folder, to look at that too.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) hand: Option<PathBuf>,
}
