//! Connectors that are programs of one's own, in Python, Bash or PowerShell: JSON in, JSON out, in a sandbox.
//!
//! A verb is a folder with three programs: `probe` reads, `act` does, `undo` restores. None of them is trusted with more than its
//! input: what it may reach, the settings declare, and bubblewrap holds it to that ([`sandbox`]). A secret comes on standard
//! input, never in an argument or the environment.

mod sandbox;
mod settings;

pub use settings::{Fault, Settings};

use adjutant_hand::Clock;
use adjutant_hand::connector::{CallError, Connector, Found, Idempotency, Offer, Permit};
use adjutant_model::act::{Action, State, Target};
use adjutant_model::{EntityKind, Secret};
use sandbox::{Ended, Ran, Sandbox};
use serde::Deserialize;
use serde_json::{Value, json};
use settings::{Checked, Verb};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// It is not done, and may be tried again: `EX_TEMPFAIL`.
const RETRY: i32 = 75;

/// It is not done, and trying again is of no use: `EX_DATAERR`.
const PERMANENT: i32 = 65;

/// Characters of a program's own words that are shown.
const WORDS_MAX: usize = 160;

/// Answers to one name are enough when there are two.
const FOUND_MAX: usize = 100;

/// A folder of programs.
pub struct Script {
    checked: Checked,
    sandbox: Sandbox,
    secret: Option<Secret>,
}

/// What a look-up answers.
#[derive(Deserialize)]
struct Answered {
    found: Vec<One>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    id: String,
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    groups: Option<Vec<String>>,
    #[serde(default)]
    facts: BTreeMap<String, String>,
}

/// What a probe answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Probed {
    state: BTreeMap<String, Texts>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

/// What a program is run for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Read,
    Change,
}

impl Script {
    /// The connector that `settings` describe.
    ///
    /// # Errors
    /// What is wrong with the settings, with the folder, or with the sandbox.
    pub fn new(settings: &Settings, secret: Option<Secret>, clock: Clock) -> Result<Self, Fault> {
        let checked = settings.check()?;
        let sandbox = Sandbox::new(&checked.folder, checked.bounds.clone(), clock).map_err(Fault::Sandbox)?;
        Ok(Self { checked, sandbox, secret })
    }

    fn verb(&self, action: &Action) -> Result<&Verb, CallError> {
        let found = self.checked.verbs.iter().find(|verb| verb.name == action.verb);
        found.ok_or_else(|| CallError::Permanent(format!("there is no script for `{}`", action.verb)))
    }

    /// Runs the program `file` with `input`, and the secret beside it.
    fn run(&self, file: &str, mut input: Value, does: Does) -> Result<Value, CallError> {
        if let (Some(secret), Some(fields)) = (&self.secret, input.as_object_mut()) {
            fields.insert("secret".to_owned(), secret.reveal().into());
        }
        let text = zeroize::Zeroizing::new(input.to_string());
        let mut program: Vec<OsString> = self.checked.interpreter.iter().map(OsString::from).collect();
        program.push(self.sandbox.inside(file));
        let ran = self.sandbox.run(&program, text.as_bytes());
        let ran = ran.map_err(|error| CallError::Retry(format!("`{file}` cannot be started: {error}")))?;
        self.read(file, &ran, does)
    }

    fn read(&self, file: &str, ran: &Ran, does: Does) -> Result<Value, CallError> {
        let how = match ran.ended {
            Ended::Code(0) => match serde_json::from_slice(&ran.output) {
                Ok(answer) => return Ok(answer),
                Err(_) if ran.output.iter().all(u8::is_ascii_whitespace) && does == Does::Change => return Ok(json!({})),
                Err(_) => "said what is no JSON".to_owned(),
            },
            Ended::Code(RETRY) => {
                return Err(CallError::Retry(format!("`{file}` says that it may be tried again{}", self.words(ran))));
            }
            Ended::Code(PERMANENT) => return Err(CallError::Permanent(format!("`{file}` refuses{}", self.words(ran)))),
            Ended::Code(code) => format!("ended with {code}"),
            Ended::Killed => "was killed".to_owned(),
            Ended::TooLong => "took too long".to_owned(),
            Ended::TooMuch => "said too much".to_owned(),
        };
        let says = format!("`{file}` {how}{}", self.words(ran));
        Err(if does == Does::Read { CallError::Retry(says) } else { CallError::Unclear(says) })
    }

    /// What the program wrote beside its answer: short, plain and without the secret.
    fn words(&self, ran: &Ran) -> String {
        let mut text = String::from_utf8_lossy(&ran.words).into_owned();
        if let Some(secret) = &self.secret {
            text = text.replace(secret.reveal(), "***");
        }
        let last = text.trim().lines().last().unwrap_or("").to_owned();
        let tame = |c: char| if c.is_ascii_graphic() || c.is_alphanumeric() { c } else { ' ' };
        let words: String = last.chars().take(WORDS_MAX).map(tame).collect();
        if words.is_empty() { words } else { format!(": {words}") }
    }

    fn input(call: &str, action: &Action) -> Value {
        json!({ "call": call, "verb": action.verb, "target": action.target, "with": action.with, "texts": action.texts })
    }

    fn change(&self, call: &str, action: &Action, before: &State, (permit, key): (Permit, &str)) -> Result<(), CallError> {
        if !key.starts_with(permit.key()) {
            return Err(CallError::Permanent("the permit is for another call".to_owned()));
        }
        let verb = self.verb(action)?;
        let mut input = Self::input(call, action);
        if let Some(fields) = input.as_object_mut() {
            fields.insert("before".to_owned(), json!(before));
            fields.insert("key".to_owned(), key.into());
        }
        self.run(&verb.program(call, &self.checked), input, Does::Change).map(drop)
    }
}

impl Connector for Script {
    fn verbs(&self) -> &[Offer] {
        &self.checked.offers
    }

    fn texts(&self, verb: &str) -> &[&'static str] {
        self.checked.verbs.iter().find(|known| known.name == verb).map_or(&[], |verb| verb.texts.as_slice())
    }

    fn lookup(&self, kind: EntityKind, name: &str) -> Result<Vec<Found>, CallError> {
        if kind == EntityKind::Case {
            return Ok(crate::case(name).into_iter().collect());
        }
        let input = json!({ "call": "lookup", "kind": kind, "name": name });
        let answer = self.run(&self.checked.lookup, input, Does::Read)?;
        let answered: Answered = serde_json::from_value(answer)
            .map_err(|_| CallError::Retry("what the look-up said is no list of what was found".to_owned()))?;
        if answered.found.len() > FOUND_MAX {
            return Err(CallError::Permanent("the look-up found too many of this name".to_owned()));
        }
        let wanted = name.to_lowercase();
        let found = answered.found.into_iter().filter(|one| {
            // Compared again here, as with every vendor.
            [&one.id, &one.name].into_iter().chain(&one.aliases).any(|known| known.to_lowercase() == wanted)
        });
        let found = found.map(|one| Found {
            target: Target { kind, id: one.id, name: one.name },
            aliases: one.aliases,
            groups: one.groups,
            facts: one.facts,
        });
        Ok(found.collect())
    }

    fn probe(&self, action: &Action) -> Result<State, CallError> {
        let verb = self.verb(action)?;
        let answer = self.run(&verb.program("probe", &self.checked), Self::input("probe", action), Does::Read)?;
        let probed: Probed =
            serde_json::from_value(answer).map_err(|_| CallError::Retry("what the probe said is no state".to_owned()))?;
        if probed.state.is_empty() {
            return Err(CallError::Retry("the probe read nothing".to_owned()));
        }
        let texts = |texts: Texts| match texts {
            Texts::One(text) => vec![text],
            Texts::Many(mut texts) => {
                texts.sort();
                texts
            }
        };
        Ok(State(probed.state.into_iter().map(|(name, found)| (name, texts(found))).collect()))
    }

    fn is_done(&self, action: &Action, state: &State) -> bool {
        let done = self.verb(action).ok().and_then(|verb| verb.done.as_ref());
        let is =
            |(field, value): (&String, &String)| state.0.get(field).is_some_and(|found| found == std::slice::from_ref(value));
        done.is_some_and(|done| done.iter().all(is))
    }

    fn act(&self, action: &Action, before: &State, permit: Permit, key: &str) -> Result<(), CallError> {
        let now = self.probe(action)?;
        if self.is_done(action, &now) {
            return Ok(());
        }
        if now != *before {
            return Err(CallError::Retry(format!("`{}` changed since it was read", action.target.name)));
        }
        self.change("act", action, before, (permit, key))
    }

    fn undo(&self, action: &Action, before: &State, permit: Permit, key: &str) -> Result<(), CallError> {
        if self.verb(action)?.irreversible {
            return Err(CallError::Permanent("nothing takes it back".to_owned()));
        }
        if self.probe(action)? == *before {
            return Ok(());
        }
        self.change("undo", action, before, (permit, key))
    }

    fn health(&self) -> Result<String, CallError> {
        let answer = self.run(&self.checked.health, json!({ "call": "health" }), Does::Read)?;
        let says = answer.get("says").and_then(Value::as_str).unwrap_or("well").to_owned();
        let tame = says.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect::<String>();
        Ok(format!("the scripts in `{}` answer: {tame}", self.checked.folder.display()))
    }
}

/// Why a second call does no more than the first.
fn idempotency(verb: &Verb) -> Idempotency {
    if verb.done.is_some() { Idempotency::ReadBack } else { Idempotency::Repeat }
}
