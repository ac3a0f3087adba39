//! Every setting, with its unit in its name, its default and its bounds.
//!
//! The comments here are the descriptions of the schema and of the manual.

use super::SecretRef;
use crate::limits::{CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, INTAKE_BYTES_MAX};
use adjutant_runtime::drive::REMEMBERED;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Configuration of `adjutant serve`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Directory of the store: alerts, decisions, ledger. Back it up as a whole.
    pub data_dir: PathBuf,
    /// Directory of the book; without it the book inside the program.
    pub book_dir: Option<PathBuf>,
    /// Directory of the context tables (users, assets, lists).
    pub context_dir: Option<PathBuf>,
    /// As of when alerts are decided, and their context is fresh or stale: `arrival`, or `alert` for past alerts, which
    /// are then decided as of the time that each states.
    pub decide_at: DecideAt,
    /// The HTTP service.
    pub http: Http,
    /// Syslog listeners.
    pub syslog: Vec<Syslog>,
    /// Folders whose new files are taken in.
    pub folders: Vec<Folder>,
    /// Sources that sign what they send (Standard Webhooks).
    pub webhooks: Vec<Webhook>,
    /// What the service takes at most.
    pub limits: Limits,
    /// How alerts are committed together.
    pub commit: GroupCommit,
    /// How many percent of the alerts that were closed by themselves a person reviews blindly. It cannot be switched
    /// off: without it nobody knows what is missed.
    #[schemars(range(min = 0.1, max = 100.0))]
    pub blind_sample_percent: f64,
    /// How long what was stored is kept.
    pub retention: Retention,
    /// Who is told when something needs a person.
    pub notify: Notify,
    /// Letters to people: questions, and plans that wait for approval.
    pub letters: Letters,
    /// Where signed checkpoints of the ledger go, so that nobody can rewrite it unseen.
    pub checkpoints: Checkpoints,
    /// Where traces of the service's own work go.
    pub traces: Traces,
    /// The process that acts (see `adjutant hand`); without it nothing is ever done.
    pub hand: Hand,
    /// After how many minutes without an alert a source counts as silent.
    #[schemars(range(min = 1, max = 525_600))]
    pub silent_source_minutes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("adjutant-data"),
            book_dir: None,
            context_dir: None,
            decide_at: DecideAt::Arrival,
            http: Http::default(),
            syslog: Vec::new(),
            folders: Vec::new(),
            webhooks: Vec::new(),
            limits: Limits::default(),
            commit: GroupCommit::default(),
            blind_sample_percent: 2.0,
            retention: Retention::default(),
            notify: Notify::default(),
            letters: Letters::default(),
            checkpoints: Checkpoints::default(),
            traces: Traces::default(),
            hand: Hand::default(),
            silent_source_minutes: 60,
        }
    }
}

/// As of when alerts are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DecideAt {
    /// When they arrive.
    Arrival,
    /// When they say that they happened.
    Alert,
}

/// The HTTP service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Addresses to listen on.
    #[schemars(length(min = 1, max = 16))]
    pub listen: Vec<SocketAddr>,
    /// Certificate and key. Changed files are read again by themselves.
    pub tls: Option<Tls>,
    /// Listen without TLS on addresses that others can reach. Only behind a proxy that speaks TLS: tokens and alerts
    /// cross the network as they are.
    pub plain_http: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))], tls: None, plain_http: false }
    }
}

/// Certificate and key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate with its chain (PEM).
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
}

/// How syslog comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// One message a datagram (RFC 5426); may be lost on the way.
    Udp,
    /// A stream of messages (RFC 6587).
    Tcp,
    /// A stream of messages inside TLS (RFC 5425), with the certificate of `http.tls`.
    Tls,
}

/// A syslog listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Syslog {
    /// How syslog comes.
    pub protocol: Protocol,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// The source of what comes.
    pub source: String,
    /// Networks whose messages are taken (such as `10.1.0.0/16`). Syslog knows no token, so an address that others can
    /// reach needs them.
    #[serde(default)]
    pub senders: Vec<String>,
}

/// A folder whose new files are taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// The folder. Write elsewhere and rename into it, so that no half file is read.
    pub path: PathBuf,
    /// The source of what is in it; without it each record says by its form what it is.
    #[serde(default)]
    pub source: Option<String>,
}

/// A source that signs what it sends (Standard Webhooks).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The source; it sends to `/v1/webhooks/SOURCE`.
    pub source: String,
    /// The signing key (`whsec_…`).
    pub secret: SecretRef,
}

/// What the service takes at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How many alerts may wait for their decision; over it, senders are told to come again.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub queue_alerts_max: u32,
    /// Of how many users, addresses and other things (each) the history is remembered; those that were seen least recently
    /// are forgotten, and what is asked of them is then unknown.
    #[schemars(range(min = 1_000, max = 10_000_000))]
    pub remembered_max: u32,
    /// How large one intake request may be.
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub body_bytes_max: u32,
    /// How many connections may be open.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_max: u32,
    /// How many connections one address may hold.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_per_address_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_alerts_max: 20_000,
            remembered_max: REMEMBERED as u32,
            body_bytes_max: INTAKE_BYTES_MAX as u32,
            connections_max: CONNECTIONS_MAX as u32,
            connections_per_address_max: CONNECTIONS_PER_ADDRESS_MAX as u32,
        }
    }
}

/// How alerts are committed together. An alert is acknowledged only after the commit that holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupCommit {
    /// How many alerts one commit holds at most.
    #[schemars(range(min = 1, max = 65_536))]
    pub alerts_max: u32,
    /// How long the first alert of a commit waits for others; zero commits what is there.
    #[schemars(range(min = 0, max = 1000))]
    pub wait_ms_max: u32,
}

impl Default for GroupCommit {
    fn default() -> Self {
        Self { alerts_max: 2048, wait_ms_max: 2 }
    }
}

/// How long what was stored is kept. Digests stay for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// How many days the raw bytes of alerts are kept.
    #[schemars(range(min = 1, max = 36_500))]
    pub raw_days: u32,
    /// How many days decisions are kept; not fewer than raw bytes.
    #[schemars(range(min = 1, max = 36_500))]
    pub decisions_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { raw_days: 365, decisions_days: 2557 }
    }
}

/// Who is told when something needs a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// By a signed request (Standard Webhooks).
    pub webhook: Option<NotifyWebhook>,
    /// By mail.
    pub smtp: Option<Smtp>,
    /// In a channel of Slack: that there is a case or a plan, and nothing of what alerts say.
    pub slack: Option<NotifySlack>,
}

/// Notification by a signed request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyWebhook {
    /// Where it goes (https).
    pub url: String,
    /// The key that signs it.
    pub secret: SecretRef,
}

/// Notification in a channel of Slack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifySlack {
    /// The URL of an incoming webhook, which is a secret: whoever has it can write there.
    pub url: SecretRef,
    /// The signing secret of the app, so that people can deny a plan there, or have its letter sent again. Without it messages
    /// have no buttons, and no click is heard.
    #[serde(default)]
    pub signing_secret: Option<SecretRef>,
    /// The workspace, such as `T0123ABCD`: clicks from elsewhere count for nothing.
    #[serde(default)]
    pub team: Option<String>,
    /// Who may click.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub people: Vec<SlackPerson>,
}

/// Somebody who may approve, and who they are in Slack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackPerson {
    /// The name of their key, see `adjutant key list`.
    pub name: String,
    /// Their member ID, such as `U0123ABCD`.
    pub member: String,
}

/// Notification by mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// The mail server, `HOST` or `HOST:PORT`.
    pub server: String,
    /// The sender.
    pub from: String,
    /// The receivers.
    #[schemars(length(min = 1, max = 64))]
    pub to: Vec<String>,
    /// The name to log in with.
    #[serde(default)]
    pub user: Option<String>,
    /// Its password.
    #[serde(default)]
    pub password: Option<SecretRef>,
}

/// Letters to people: questions, and plans that wait for approval. They go out by `notify.smtp` and `notify.webhook`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Letters {
    /// How people reach this service with a browser, such as `https://adjutant.corp.example`. Without it no letter is written.
    pub url: Option<String>,
    /// How many letters a person gets in an hour at most. Plans beyond it are gathered in one message when there is room again.
    #[schemars(range(min = 1, max = 100))]
    pub per_hour_max: u32,
    /// What `notify.webhook` brings letters to: the `phone` or the `chat` of the person. Without it none goes that way.
    pub webhook: Option<Carries>,
    /// Mailboxes of people who may approve. Who is not here is looked for in the context `contacts`.
    pub people: Vec<Approver>,
}

impl Default for Letters {
    fn default() -> Self {
        Self { url: None, per_hour_max: 10, webhook: None, people: Vec::new() }
    }
}

/// Where letters arrive that go by the webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Carries {
    /// At the person's telephone.
    Phone,
    /// In the organisation's chat.
    Chat,
}

/// Somebody who may approve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approver {
    /// The name of their key, see `adjutant key list`.
    pub name: String,
    /// Their mailbox.
    pub mail: String,
}

/// Where signed checkpoints of the ledger go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Checkpoints {
    /// How often.
    #[schemars(range(min = 1, max = 86_400))]
    pub every_seconds: u32,
    /// A file that they are appended to, better on another volume.
    pub file: Option<PathBuf>,
    /// A service that they are posted to (https).
    pub url: Option<String>,
    /// A syslog server, `HOST:PORT`, by UDP.
    pub syslog: Option<String>,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { every_seconds: 60, file: None, url: None, syslog: None }
    }
}

/// The process that acts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hand {
    /// The socket at which it listens.
    pub socket: Option<PathBuf>,
    /// The number of the user that it runs as; the service's own when none.
    pub user_id: Option<u32>,
    /// The public half of its key: whoever listens there and cannot prove that it is theirs is not asked.
    pub key: Option<String>,
}

/// Where traces of the service's own work go: requests, commits and what is told to others, without any content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Traces {
    /// A collector that takes OTLP over HTTP (protobuf), such as `http://127.0.0.1:4318/v1/traces`.
    pub url: Option<String>,
    /// How many percent of the traces are sent; those of a caller that is traced itself follow its choice.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub sampled_percent: f64,
}

impl Default for Traces {
    fn default() -> Self {
        Self { url: None, sampled_percent: 1.0 }
    }
}
