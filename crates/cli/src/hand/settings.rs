//! The settings of the hand: its own file, which the brain cannot read.

use super::tables::TableSettings;
use crate::book;
use adjutant_connect::http::{self, Definition, HttpConnector, Intake, IntakeSettings, Verdicts};
use adjutant_connect::imap::{self, Imap};
use adjutant_connect::ldap::{self, Ldap};
use adjutant_connect::proof::{LooksOnly, Proof};
use adjutant_connect::script::{self, Script};
use adjutant_engine::guard;
use adjutant_hand::poll::{self, Poller};
use adjutant_hand::secret_ref::SecretPlaces;
use adjutant_hand::socket::own_user;
use adjutant_hand::steady::{Limits, Steady};
use adjutant_hand::{Connectors, Rule, Settings, connector as hand, thanks};
use adjutant_ledger::VerifierKey;
use adjutant_model::act::{Answer, Ruling};
use adjutant_model::{Digest, Duration, EntityKind};
use adjutant_rules::Files;
use adjutant_rules::guardrails;
use anyhow::Context;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// The folder of the hand's own store.
    pub(crate) data_dir: PathBuf,
    /// Where it listens for the brain.
    pub(crate) socket: PathBuf,
    /// The numbers of the users that may ask it; its own when none.
    #[serde(default)]
    brain_user_ids: Vec<u32>,
    /// The public half of the service's key: whoever cannot prove that it is theirs is not heard.
    #[serde(default)]
    brain_key: Option<String>,
    /// The users that `adjutant run` starts the two processes as, when root starts it.
    #[serde(default)]
    brain_user: Option<String>,
    #[serde(default)]
    hand_user: Option<String>,
    /// Variables of the environment that `adjutant run` leaves to the service.
    #[serde(default)]
    pass: Vec<String>,
    /// The book whose guardrails hold [default: the one that is part of adjutant].
    #[serde(default)]
    pub(super) book_dir: Option<PathBuf>,
    /// How long a plan waits for its approvals.
    #[serde(default)]
    plan_lives_minutes: Option<u32>,
    /// For so long a target that was called and shows no change may still change.
    #[serde(default)]
    settles_seconds: Option<u32>,
    /// Which connector does a verb, where several offer it.
    #[serde(default)]
    verbs: BTreeMap<String, String>,
    /// What playbooks may do by themselves.
    #[serde(default)]
    act: Vec<Act>,
    /// How many there are of a kind, so that a share of them can be limited.
    #[serde(default)]
    population: BTreeMap<EntityKind, u64>,
    /// Where the service takes what is polled.
    #[serde(default)]
    intake: Option<IntakeSettings>,
    /// Where the service takes verdicts, with a token of an analyst.
    #[serde(default)]
    verdicts: Option<IntakeSettings>,
    /// The folder of the tables that it refreshes; the service reads them there, or by a link.
    #[serde(default)]
    pub(super) tables_dir: Option<PathBuf>,
    /// What it refreshes, by the names of contracts.
    #[serde(default)]
    pub(super) tables: BTreeMap<String, TableSettings>,
    /// Connectors by name.
    #[serde(default)]
    connectors: BTreeMap<String, toml::Table>,
}

/// How a connector is polled.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PollSettings {
    /// Between two looks.
    every_seconds: u32,
    /// How far the very first look goes back.
    #[serde(default = "first_minutes")]
    first_minutes: u32,
}

const fn first_minutes() -> u32 {
    60
}

/// A verb that a playbook may do by itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    playbook: String,
    verb: String,
}

pub(crate) fn load(path: &Path) -> anyhow::Result<File> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    toml::from_str(&text).with_context(|| format!("`{}` is not sound", path.display()))
}

pub(super) fn of(file: &File) -> Settings {
    let mut settings = Settings { verbs: file.verbs.clone(), population: file.population.clone(), ..Settings::default() };
    settings.acts = file.act.iter().map(|act| (act.playbook.clone(), act.verb.clone())).collect();
    if let Some(minutes) = file.plan_lives_minutes {
        settings.plan_lives = Duration::from_secs(i64::from(minutes) * 60);
    }
    if let Some(seconds) = file.settles_seconds {
        settings.settles_in = Duration::from_secs(seconds.into());
    }
    settings
}

/// Who may ask.
pub(super) fn users(file: &File, told: Option<u32>) -> Vec<u32> {
    match (told, file.brain_user_ids.as_slice()) {
        (Some(user), _) => vec![user],
        (None, []) => vec![own_user()],
        (None, users) => users.to_vec(),
    }
}

/// The key of whoever may ask.
pub(super) fn brain_key(file: &File, told: Option<&str>) -> anyhow::Result<Option<VerifierKey>> {
    let key = told.or(file.brain_key.as_deref()).map(str::parse::<VerifierKey>);
    key.transpose().context("`brain_key` is not the public half of a key: it stands in the service's folder, in `socket.pub`")
}

/// The users that the launcher starts brain and hand as.
pub(crate) fn user_names(file: &File) -> [Option<&str>; 2] {
    [file.brain_user.as_deref(), file.hand_user.as_deref()]
}

/// Variables that the launcher leaves to the brain.
pub(crate) fn passed(file: &File) -> Vec<String> {
    file.pass.clone()
}

/// Where the hand's secrets stand: the files that its connectors name, and what systemd handed over.
pub(crate) fn secret_places(file: &File) -> Vec<PathBuf> {
    fn files(value: &toml::Value, found: &mut Vec<PathBuf>) {
        match value {
            toml::Value::Table(table) => match (table.get("file"), table.len()) {
                (Some(toml::Value::String(path)), 1) => found.push(path.into()),
                _ => table.values().for_each(|value| files(value, found)),
            },
            toml::Value::Array(values) => values.iter().for_each(|value| files(value, found)),
            _ => {}
        }
    }
    let mut found: Vec<PathBuf> = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from).into_iter().collect();
    file.connectors.values().flat_map(|table| table.values()).for_each(|value| files(value, &mut found));
    found
}

/// Where the credentials of a connector stand, for people; never what they are.
fn credentials(settings: &toml::Table) -> Vec<String> {
    fn found(value: &toml::Value) -> Vec<String> {
        let toml::Value::Table(table) = value else { return Vec::new() };
        let mut fields = table.iter();
        match (fields.next(), fields.next()) {
            (Some((how, toml::Value::String(place))), None) if ["env", "file", "credential"].contains(&how.as_str()) => {
                vec![format!("{how} {place}")]
            }
            _ => table.values().flat_map(found).collect(),
        }
    }
    settings.values().flat_map(found).collect()
}

/// The connectors, each with its secrets.
pub(super) fn connectors(file: &File) -> anyhow::Result<Connectors> {
    let files = book::files(file.book_dir.as_deref())?;
    let made = file.connectors.iter().map(|(name, settings)| {
        let made = || {
            let (mut settings, mut limits) = (settings.clone(), Limits::default());
            if let Some(calls) = settings.remove("calls_per_hour") {
                let most = calls.as_integer().and_then(|most| u32::try_from(most).ok()).filter(|most| *most > 0);
                limits.calls_per_hour = most.context("`calls_per_hour` is a number from 1 on")?;
            }
            settings.remove("poll");
            let inner = connector(&settings, &files)?;
            let steady = Steady::new(name, inner, limits, super::clock()).with_credentials(credentials(&settings));
            anyhow::Ok(Arc::new(steady) as Arc<dyn hand::Connector>)
        };
        Ok((name.clone(), made().with_context(|| format!("connector `{name}`"))?))
    });
    made.collect()
}

/// What is polled, each with the time between two looks.
pub(super) fn pollers(file: &File, connectors: &Connectors) -> anyhow::Result<Vec<(Poller, std::time::Duration)>> {
    let polled: Vec<(&String, &toml::Value)> =
        file.connectors.iter().filter_map(|(name, table)| Some((name, table.get("poll")?))).collect();
    if polled.is_empty() {
        return Ok(Vec::new());
    }
    let made = polled.into_iter().map(|(name, poll)| {
        let of = || format!("connector `{name}`");
        let poll = PollSettings::deserialize(poll.clone()).with_context(of)?;
        let connector = connectors.get(name).with_context(of)?.clone();
        let polls = connector.polls().context("it polls nothing: neither its file nor its settings say what").with_context(of)?;
        let intake = place_for(file, polls.verdicts).with_context(of)?;
        let place = file.data_dir.join(format!("{name}.polled"));
        let first = Duration::from_secs(i64::from(poll.first_minutes) * 60);
        let clock = super::clock();
        let poller = Poller { name: name.clone(), connector, intake, file: place, first, clock, thanks: None };
        Ok((poller, std::time::Duration::from_secs(u64::from(poll.every_seconds.max(1)))))
    });
    made.collect()
}

/// Where what is polled goes.
fn place_for(file: &File, verdicts: bool) -> anyhow::Result<Arc<dyn poll::Intake>> {
    let (name, settings) = if verdicts { ("verdicts", &file.verdicts) } else { ("intake", &file.intake) };
    let settings = settings.as_ref().with_context(|| format!("`poll` needs `[{name}]`, which says where the records go"))?;
    let token = with_places(|places| settings.token.resolve(places))?;
    Ok(match verdicts {
        true => Arc::new(Verdicts::new(settings, token)?),
        false => Arc::new(Intake::new(settings, token)?),
    })
}

fn with_places<T>(ask: impl FnOnce(&SecretPlaces<'_>) -> T) -> T {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    ask(&SecretPlaces { environment: &|name| std::env::var(name).ok(), credentials: credentials.as_deref() })
}

fn connector(table: &toml::Table, files: &Files) -> anyhow::Result<Arc<dyn hand::Connector>> {
    with_places(|places| connector_with(table, files, places))
}

fn connector_with(table: &toml::Table, files: &Files, places: &SecretPlaces<'_>) -> anyhow::Result<Arc<dyn hand::Connector>> {
    let mut table = table.clone();
    let mut taken = |name: &str| match table.remove(name) {
        Some(toml::Value::String(text)) => Ok(text),
        _ => Err(anyhow::anyhow!("it needs `{name}`, a text")),
    };
    match taken("kind")?.as_str() {
        "http" => {
            let name = taken("file")?;
            let path = format!("connectors/{name}.yaml");
            let text = files.get(&path).with_context(|| format!("the book has no `{path}`"))?;
            let unproven = match table.remove("unproven") {
                None => false,
                Some(toml::Value::Boolean(unproven)) => unproven,
                Some(_) => anyhow::bail!("`unproven` is true or false"),
            };
            let definition = Definition::load(&path, text).map_err(|faults| anyhow::anyhow!("{}", book::show(&faults, files)))?;
            // What only fetches changes nothing, and has nothing to prove.
            if !unproven && !definition.offers().is_empty() {
                Proof::check(&name, text, files.get(&format!("connectors/{name}.proof")).map(String::as_str))?;
            }
            let settings = http::Settings::deserialize(table)?;
            let auth = settings.auth.resolve(places)?;
            let connector = Arc::new(HttpConnector::new(definition, &settings, auth, super::clock())?);
            Ok(if unproven { Arc::new(LooksOnly(connector)) } else { connector })
        }
        "ldap" => {
            let settings = ldap::Settings::deserialize(table)?;
            let password = settings.password.resolve(places)?;
            Ok(Arc::new(Ldap::new(settings, password)?))
        }
        "imap" => {
            let settings = imap::Settings::deserialize(table)?;
            let password = settings.password.resolve(places)?;
            let smtp = settings.smtp.as_ref().and_then(|smtp| smtp.password.as_ref());
            let smtp = smtp.map(|password| password.resolve(places)).transpose()?;
            Ok(Arc::new(Imap::new(settings, password, smtp, super::clock())?))
        }
        "script" => {
            let settings = script::Settings::deserialize(table)?;
            let secret = settings.secret.as_ref().map(|secret| secret.resolve(places)).transpose()?;
            Ok(Arc::new(Script::new(&settings, secret, super::clock())?))
        }
        other => anyhow::bail!("there is no kind `{other}`; write ldap, imap, http or script"),
    }
}

/// The guard: the engine's, with the guardrails of the hand's own book; the limits among these, and the book's digest.
pub(super) fn guard(file: &File) -> anyhow::Result<(Rule, guardrails::Limits, Digest)> {
    let book = book::load(file.book_dir.as_deref())?;
    let (limits, digest) = (book.guardrails.limits.clone(), book.digest);
    Ok((Box::new(move |asked, spent| guard::rule(asked, &book.guardrails, spent)), limits, digest))
}

/// The playbook that may thank people for their reports by itself, if one may.
pub(super) fn thanks(file: &File) -> Option<&str> {
    file.act.iter().find(|act| act.verb == thanks::VERB).map(|act| act.playbook.as_str())
}

/// What a hand without a guard says.
pub(super) fn nothing() -> Ruling {
    Ruling { answer: Answer::Refuse, clauses: Vec::new(), approvals: Vec::new() }
}
