//! What the configuration says of a folder of scripts, checked: which verbs, in which language, with what they may reach.

use super::idempotency;
use super::sandbox::Bounds;
use adjutant_hand::connector::Offer;
use adjutant_hand::secret_ref::SecretRef;
use adjutant_model::{Duration, EntityKind};
use adjutant_rules::playbook::{TEXTS, VERBS};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Nobody waits longer for an answer.
const SECONDS_MAX: u16 = 120;

const MEGABYTES: std::ops::RangeInclusive<u16> = 16..=2_048;

const OUTPUT_KIB_MAX: u16 = 4_096;

/// The configuration of a folder of scripts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The folder, which nobody but its owner may write.
    pub folder: PathBuf,
    /// What they are written in.
    pub language: Language,
    /// They may reach the network.
    #[serde(default)]
    pub network: bool,
    /// Given to each on standard input, as `secret`.
    pub secret: Option<SecretRef>,
    /// Seconds that a run may take.
    #[serde(default = "seconds")]
    pub seconds: u16,
    /// Megabytes of memory that a process may have. PowerShell reserves more than it uses, and is not held to it.
    #[serde(default = "megabytes")]
    pub memory_mb: u16,
    /// KiB that a run may answer.
    #[serde(default = "output_kib")]
    pub output_kib: u16,
    /// Calls a minute.
    #[serde(default = "per_minute")]
    pub per_minute: u32,
    /// The verbs, each with a folder of its own.
    #[serde(default)]
    pub verbs: BTreeMap<String, VerbSettings>,
}

/// One verb.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerbSettings {
    /// What it is done to.
    pub kind: EntityKind,
    /// The state that it makes …
    pub done: Option<BTreeMap<String, String>>,
    /// … or why doing it again is no more than doing it once, where no state shows that it was done.
    pub repeat: Option<String>,
    /// Why nothing takes it back; there is an `undo` otherwise.
    pub irreversible: Option<String>,
    /// What of a plan's texts it is given: summary, brief, evidence.
    #[serde(default)]
    pub texts: Vec<String>,
}

/// What scripts are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Python 3.
    Python,
    /// Bash.
    Bash,
    /// PowerShell 7.
    Powershell,
}

const fn seconds() -> u16 {
    20
}
const fn megabytes() -> u16 {
    256
}
const fn output_kib() -> u16 {
    256
}
const fn per_minute() -> u32 {
    30
}

/// What is wrong with the settings of scripts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A number.
    #[error("`{0}` is {1}")]
    Bound(&'static str, String),
    /// A file or folder.
    #[error("`{path}` {why}")]
    Path {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A verb.
    #[error("`{verb}`: {why}")]
    Verb {
        /// Which.
        verb: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The sandbox.
    #[error("{0}")]
    Sandbox(String),
}

/// Settings that were found in order.
pub(super) struct Checked {
    pub(super) folder: PathBuf,
    pub(super) interpreter: Vec<&'static str>,
    extension: &'static str,
    pub(super) lookup: String,
    pub(super) health: String,
    pub(super) bounds: Bounds,
    pub(super) verbs: Vec<Verb>,
    pub(super) offers: Vec<Offer>,
}

/// A verb that was found in order.
pub(super) struct Verb {
    pub(super) name: &'static str,
    pub(super) done: Option<BTreeMap<String, String>>,
    pub(super) irreversible: bool,
    pub(super) texts: Vec<&'static str>,
}

impl Verb {
    /// The program for a call, in the folder.
    pub(super) fn program(&self, call: &str, checked: &Checked) -> String {
        format!("{}/{call}.{}", self.name, checked.extension)
    }
}

impl Language {
    const fn extension(self) -> &'static str {
        match self {
            Language::Python => "py",
            Language::Bash => "sh",
            Language::Powershell => "ps1",
        }
    }

    /// What runs them: without what its user would have it read first.
    fn interpreter(self) -> &'static [&'static str] {
        match self {
            Language::Python => &["/usr/bin/python3", "-I", "-B"],
            Language::Bash => &["/usr/bin/bash", "--noprofile", "--norc"],
            Language::Powershell => &["/usr/bin/pwsh", "-NoLogo", "-NoProfile", "-NonInteractive", "-File"],
        }
    }
}

impl Settings {
    pub(super) fn check(&self) -> Result<Checked, Fault> {
        let bound = |holds: bool, name, says: String| if holds { Ok(()) } else { Err(Fault::Bound(name, says)) };
        bound((1..=SECONDS_MAX).contains(&self.seconds), "seconds", format!("from 1 to {SECONDS_MAX}"))?;
        let range = format!("from {} to {}", MEGABYTES.start(), MEGABYTES.end());
        bound(MEGABYTES.contains(&self.memory_mb), "memory_mb", range)?;
        bound((1..=OUTPUT_KIB_MAX).contains(&self.output_kib), "output_kib", format!("from 1 to {OUTPUT_KIB_MAX}"))?;
        bound((1..=6_000).contains(&self.per_minute), "per_minute", "from 1 to 6000".to_owned())?;
        let folder = self.folder.canonicalize().map_err(|error| fault(&self.folder, error.to_string()))?;
        let interpreter = self.language.interpreter();
        let program = Path::new(interpreter.first().copied().unwrap_or_default());
        if !program.exists() {
            return Err(fault(program, "is not installed".to_owned()));
        }
        let extension = self.language.extension();
        let (lookup, health) = (format!("lookup.{extension}"), format!("health.{extension}"));
        let verbs = self.verbs.iter().map(|(name, verb)| verb.check(name)).collect::<Result<Vec<_>, _>>()?;
        let offers = verbs.iter().zip(self.verbs.values()).map(|(verb, settings)| offer(verb, settings, self.per_minute));
        let (offers, also) = (offers.collect(), vec!["/opt/microsoft"]);
        let bounds = Bounds {
            network: self.network,
            time: Duration::from_secs(self.seconds.into()),
            memory: (self.language != Language::Powershell).then(|| u64::from(self.memory_mb) << 20),
            output: u64::from(self.output_kib) << 10,
            also: if self.language == Language::Powershell { also } else { Vec::new() },
        };
        let checked = Checked { folder, interpreter: interpreter.to_vec(), extension, lookup, health, bounds, verbs, offers };
        checked.files()?;
        Ok(checked)
    }
}

fn fault(path: &Path, why: impl Into<String>) -> Fault {
    Fault::Path { path: path.to_path_buf(), why: why.into() }
}

impl Checked {
    /// Every program is there, and nobody but its owner may change what will be run.
    fn files(&self) -> Result<(), Fault> {
        self.is_owned(&self.folder, true)?;
        for file in [&self.lookup, &self.health] {
            self.is_owned(&self.folder.join(file), false)?;
        }
        for verb in &self.verbs {
            self.is_owned(&self.folder.join(verb.name), true)?;
            let calls: &[&str] = if verb.irreversible { &["probe", "act"] } else { &["probe", "act", "undo"] };
            for call in calls {
                self.is_owned(&self.folder.join(verb.program(call, self)), false)?;
            }
        }
        Ok(())
    }

    fn is_owned(&self, path: &Path, is_folder: bool) -> Result<(), Fault> {
        let found = std::fs::symlink_metadata(path).map_err(|error| fault(path, error.to_string()))?;
        let own = adjutant_hand::socket::own_user();
        match () {
            () if is_folder != found.is_dir() || !is_folder && !found.is_file() => {
                Err(fault(path, if is_folder { "is no folder" } else { "is no file" }))
            }
            () if found.uid() != 0 && found.uid() != own => {
                Err(fault(path, "belongs to somebody else than root or the hand's user"))
            }
            () if found.mode() & 0o022 != 0 => Err(fault(path, "may be written by others than its owner")),
            () => Ok(()),
        }
    }
}

impl VerbSettings {
    fn check(&self, name: &str) -> Result<Verb, Fault> {
        let wrong = |why| Fault::Verb { verb: name.to_owned(), why };
        let known = VERBS.iter().find(|verb| verb.name == name).ok_or_else(|| wrong("is no verb of the book"))?;
        let says = |reason: &Option<String>| reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
        let done = self.done.as_ref().filter(|done| !done.is_empty());
        if done.is_some() == says(&self.repeat) {
            return Err(wrong("write either `done`, the state that it makes, or `repeat`, why twice is once"));
        }
        if self.irreversible.is_some() && !says(&self.irreversible) {
            return Err(wrong("`irreversible` says why nothing takes it back"));
        }
        let text = |name: &String| TEXTS.into_iter().find(|known| known == name);
        let texts = self.texts.iter().map(text).collect::<Option<_>>();
        let texts = texts.ok_or_else(|| wrong("a plan has the texts summary, brief and evidence"))?;
        Ok(Verb { name: known.name, done: done.cloned(), irreversible: self.irreversible.is_some(), texts })
    }
}

fn offer(verb: &Verb, settings: &VerbSettings, per_minute: u32) -> Offer {
    Offer {
        verb: verb.name,
        kind: settings.kind,
        reversible: !verb.irreversible,
        idempotency: idempotency(verb),
        per_minute,
        with: &[],
    }
}
