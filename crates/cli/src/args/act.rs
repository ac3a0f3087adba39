//! Options of the hand, and of the commands with which people have it act.

use super::service::Remote;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// Run the hand: the process that holds credentials and acts.
///
/// It believes nobody: each target is looked up again, each action ruled on again, and nothing is done without what people
/// signed, unless its own settings let a playbook do it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adjutant hand --config /etc/adjutant/hand.toml
  adjutant key new ana.key --name ana
  adjutant key add \"$(cat ana.key.pub)\" --role lead --hand /var/lib/adjutant-hand")]
pub(crate) struct Hand {
    /// The file with its settings (docs/operate/response.md).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: PathBuf,
    /// The public half of the service's key: nobody else is heard [default: `brain_key` of the settings].
    #[arg(long, value_name = "KEY")]
    pub(crate) brain_key: Option<String>,
    /// The number of the service's user [default: `brain_user_ids` of the settings].
    #[arg(long, value_name = "NUMBER")]
    pub(crate) brain_user_id: Option<u32>,
    #[command(flatten)]
    pub(crate) launched: super::service::Launched,
}

/// Run service and hand as two processes that are kept apart, and keep them running.
///
/// Root starts them as the two users that the hand's settings name. Anybody else starts both as themself; the service then
/// cannot read what is the hand's. Each knows the other by a key that is made at the first start. `adjutant doctor` says what
/// keeps them apart.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant run --config /etc/adjutant/adjutant.toml --hand /etc/adjutant-hand/hand.toml")]
pub(crate) struct Run {
    /// The file with the service's settings [default: $ADJUTANT_CONFIG].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// The file with the hand's settings (docs/operate/response.md).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) hand: PathBuf,
}

/// Ask a person a question of the book about a case, such as "was this you?".
///
/// The letter goes on a way that is not under suspicion, to an address of your own directory. What is answered is a claim: a
/// *no* brings the case before people, a *yes* lowers nothing, and silence is noted when the time is over.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  adjutant ask 59ddf2f3\n  adjutant ask 59ddf2f3 --everybody\n  adjutant ask 59ddf2f3 --question was-this-you --of target"
)]
pub(crate) struct Ask {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The first digits of a case's id.
    pub(crate) case: String,
    /// A question of the book [default: those that the case's playbook asks].
    #[arg(long, value_name = "NAME")]
    pub(crate) question: Option<String>,
    /// Whom it is about: the `user` or the `target` of the alert.
    #[arg(long, value_name = "ROLE", requires = "question")]
    pub(crate) of: Option<String>,
    /// Ask everybody whom a decision of the case names that responds, such as all who reported the same campaign.
    #[arg(long)]
    pub(crate) everybody: bool,
}

/// Sign a note that a page or a colleague gave you, without asking the service.
///
/// It signs only what people sign here: to approve or deny a plan, to undo an action, to resume. The text is printed once more,
/// so that you see what you sign.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  adjutant sign note.txt --key ana.key\n  adjutant sign - --key ana.key < note.txt")]
pub(crate) struct Sign {
    /// The file with the note; `-` is standard input.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) note: PathBuf,
    /// Your private key (see `adjutant key new`).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,
}

/// Make a plan for a case, or show one.
///
/// Says what would be done, to whom, what takes each step back, who must approve, and until when.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  adjutant plan 59ddf2f3\n  adjutant plan 59ddf2f3 --answer 812\n  adjutant plan --show 5e884898"
)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The first digits of a case's id.
    #[arg(required_unless_present = "show")]
    pub(crate) case: Option<String>,
    /// What the playbook would do after this answer to a question: its entry, as the case's story names it.
    #[arg(long, value_name = "ENTRY")]
    pub(crate) answer: Option<u64>,
    /// The first digits of a plan that was made before.
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["case", "answer"])]
    pub(crate) show: Option<String>,
}

/// Approve a plan: shows it, and signs its digest with your key.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant approve 5e884898 --key ana.key")]
pub(crate) struct Approve {
    #[command(flatten)]
    pub(crate) answer: Answered,
}

/// Deny a plan.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant deny 5e884898 --key ana.key")]
pub(crate) struct Deny {
    #[command(flatten)]
    pub(crate) answer: Answered,
}

/// An answer to a plan.
#[derive(Debug, Args)]
pub(crate) struct Answered {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The first digits of the plan's digest.
    pub(crate) plan: String,
    /// Your private key (see `adjutant key new`).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,
}

/// Take actions back: restore the state that was there before them.
///
/// What somebody else changed since is left as it is, and said so.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  adjutant undo 1f8b0800 --key ana.key\n  adjutant undo --case 59ddf2f3 --key ana.key\n  adjutant undo --playbook suspicious-login --since 2h --key ana.key"
)]
pub(crate) struct Undo {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The first digits of an action's key.
    #[arg(required_unless_present_any = ["case", "playbook"])]
    pub(crate) action: Option<String>,
    /// Every action of this case.
    #[arg(long, conflicts_with = "action")]
    pub(crate) case: Option<String>,
    /// Every action of this playbook …
    #[arg(long, conflicts_with_all = ["action", "case"], requires = "since")]
    pub(crate) playbook: Option<String>,
    /// … since this time, or so long ago: 2h.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Your private key (see `adjutant key new`).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,
}

/// Show an action: its state before and after, and why it is where it is.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  adjutant action 1f8b0800")]
pub(crate) struct Action {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The first digits of an action's key.
    pub(crate) action: String,
}

/// Go through the plan for a case without making it: each step after the ones before it, and nothing is touched.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  adjutant simulate 59ddf2f3\n  adjutant simulate 59ddf2f3 --answer 812")]
pub(crate) struct Simulate {
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// The first digits of a case's id.
    pub(crate) case: String,
    /// What the playbook would do after this answer to a question: its entry, as the case's story names it.
    #[arg(long, value_name = "ENTRY")]
    pub(crate) answer: Option<u64>,
}

/// Show how much of each limit is spent.
#[derive(Debug, Args)]
pub(crate) struct Limits {
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// Whom nobody touches.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  adjutant protected check ana@corp.example\n  adjutant protected check dc01 --kind host")]
pub(crate) struct Protected {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(subcommand)]
    pub(crate) command: ProtectedCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProtectedCommand {
    /// Say whether somebody or something is protected, and by which entry.
    Check {
        /// Who or what, by any name.
        name: String,
        /// What kind of thing it is.
        #[arg(long, default_value = "user")]
        kind: String,
    },
}

/// Ask the guard: which clause decides, who must approve.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adjutant guard check disable-account ana@corp.example
  adjutant guard check isolate-host web01 --kind host
  adjutant guard why 1f8b0800")]
pub(crate) struct Guard {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(subcommand)]
    pub(crate) command: GuardCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GuardCommand {
    /// What it would say if you asked for this now.
    Check {
        /// The verb.
        verb: String,
        /// Who or what.
        name: String,
        /// What kind of thing it is.
        #[arg(long, default_value = "user")]
        kind: String,
    },
    /// What it said of an action when its plan was made, and what became of the action.
    Why {
        /// The first digits of the action's key.
        action: String,
    },
}

/// Connectors: what they can do, and whether they answer.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  adjutant connect list\n  adjutant connect test directory\n  adjutant connect lookup ana@corp.example --age 15\n  adjutant connect lint mybook/connectors"
)]
pub(crate) struct Connect {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(subcommand)]
    pub(crate) command: ConnectCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectCommand {
    /// Every connector with its verbs.
    List,
    /// Ask one connector whether it answers; changes nothing.
    Test {
        /// Its name.
        name: String,
    },
    /// Ask what the connectors know of somebody or something; changes nothing.
    Lookup {
        /// Who or what.
        name: String,
        /// What kind of thing it is.
        #[arg(long, default_value = "user")]
        kind: String,
        /// How old an answer may be, in minutes; 0 asks anew.
        #[arg(long, default_value_t = 0, value_name = "MINUTES")]
        age: u16,
    },
    /// Find every fault of connectors' files; says for each verb what takes it back. Needs no service.
    ///
    /// Exits with 3 when there is a fault.
    Lint {
        /// A connector's file, a folder of them, or a book.
        #[arg(value_hint = ValueHint::AnyPath)]
        path: PathBuf,
    },
}

/// Approvers' signing keys.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adjutant key new ana.key --name ana
  adjutant key add \"$(cat ana.key.pub)\" --role lead --hand /var/lib/adjutant-hand
  adjutant key list
  adjutant key revoke ana+1f8b0800 --hand /var/lib/adjutant-hand")]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Draw a key. The private half is for its owner alone; the public half, in FILE.pub, is for the hand.
    New {
        /// The file of the private half; it must not be there.
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Whose it is: the name of a user of the service.
        #[arg(long)]
        name: String,
    },
    /// Make a key known to the hand, on its machine. Once the hand was asked for a plan, it counts after a day.
    Add {
        /// The public half.
        key: String,
        /// What its owner may approve as; give it again for more.
        #[arg(long, required = true)]
        role: Vec<String>,
        /// The hand's folder.
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        hand: PathBuf,
    },
    /// Let a key count no more, at once.
    Revoke {
        /// Its short name, as `list` shows it.
        id: String,
        /// The hand's folder.
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        hand: PathBuf,
    },
    /// Whose signatures count.
    List {
        #[command(flatten)]
        remote: Remote,
    },
}
