//! File, environment and flags into one configuration, or every fault with its place.

use super::{Config, ENVIRONMENT_PREFIX, SecretRef, check, schema, tree};
use crate::problem::tame;
use adjutant_rules::lang::nearest;
use serde::Deserialize as _;
use serde_json::Value as Json;
use std::fmt;
use std::ops::Range;
use toml::de::DeTable;
use toml::{Table, Value};

/// Names of the environment that begin like settings and are none.
const NO_SETTINGS: [&str; 2] = ["ADJUTANT_CONFIG", "ADJUTANT_DATA"];
/// The largest file that can be a configuration.
const FILE_BYTES_MAX: usize = 1 << 20;

/// What a configuration is made of. Later ones win.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layers<'a> {
    /// The file's name, for faults, and its text.
    pub file: Option<(&'a str, &'a str)>,
    /// The environment, all of it: only names that begin with `ADJUTANT_` are looked at.
    pub environment: &'a [(String, String)],
    /// Settings from the command line, as (path, text).
    pub flags: &'a [(String, String)],
}

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: it is a default, or missing.
    Default,
    /// In the file.
    File {
        /// The file's name.
        name: String,
        /// From one.
        line: usize,
        /// From one, in characters.
        column: usize,
    },
    /// In a variable of the environment.
    Environment(String),
    /// In a flag.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Default => f.write_str("the configuration"),
            Place::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Place::Environment(name) => write!(f, "environment {name}"),
            Place::Flag(path) => write!(f, "flag {path}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {}{what}", prefix(.path))]
pub struct Fault {
    /// Where it stands.
    pub place: Place,
    /// The setting, such as `http.listen`; empty when the file as a whole is wrong.
    pub path: String,
    /// What is wrong and what to do.
    pub what: String,
}

fn prefix(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("`{path}`: ") }
}

/// Everything that is wrong, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Faults(pub Vec<Fault>);

/// One setting over the file's.
struct Override {
    place: Place,
    path: String,
    value: Value,
}

/// The name in the environment of the setting at `path`.
pub(super) fn environment_name(path: &str) -> String {
    format!("{ENVIRONMENT_PREFIX}{}", path.replace('.', "_").to_ascii_uppercase())
}

impl Config {
    /// Puts the layers together and checks the whole.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load(layers: &Layers<'_>) -> Result<Self, Faults> {
        Loader { layers, root: schema(), faults: Vec::new() }.load()
    }

    /// Everything that is wrong with a configuration that was put together.
    pub fn check(&self) -> Vec<(String, String)> {
        check::faults(self, &schema())
    }
}

struct Loader<'a> {
    layers: &'a Layers<'a>,
    root: Json,
    faults: Vec<Fault>,
}

impl Loader<'_> {
    fn load(mut self) -> Result<Config, Faults> {
        let table = self.read_file();
        let overrides = self.read_overrides();
        let config = table.and_then(|table| self.merge(table, &overrides));
        if let Some(config) = &config {
            self.refuse_strangers(config);
            for (path, what) in check::faults(config, &self.root) {
                let place = self.place_of(&path, &overrides);
                self.faults.push(Fault { place, path, what });
            }
        }
        match config {
            Some(config) if self.faults.is_empty() => Ok(config),
            _ => Err(Faults(self.faults)),
        }
    }

    fn fault(&mut self, place: Place, path: &str, what: impl Into<String>) {
        self.faults.push(Fault { place, path: path.to_owned(), what: what.into() });
    }

    /// The file's table; none when it cannot be read as one of settings.
    fn read_file(&mut self) -> Option<Table> {
        let Some((name, text)) = self.layers.file else { return Some(Table::new()) };
        let at = |span: Option<Range<usize>>| place(name, text, span.map_or(0, |span| span.start));
        if text.len() > FILE_BYTES_MAX {
            self.fault(at(None), "", format!("it has more than {FILE_BYTES_MAX} bytes"));
            return None;
        }
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                self.fault(at(error.span()), "", format!("it is not TOML: {}", tame(error.message())));
                return None;
            }
        };
        let unknown = tree::unknown(table.get_ref(), &self.root);
        let is_whole = unknown.is_empty();
        for unknown in unknown {
            let hint = unknown.nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
            self.fault(at(Some(unknown.at)), &tame(&unknown.path), format!("there is no such setting{hint}"));
        }
        match toml::from_str::<Config>(text) {
            Ok(_) => toml::from_str(text).ok(),
            Err(error) => {
                if is_whole || !error.message().contains("unknown field") {
                    self.fault(at(error.span()), "", tame(error.message()));
                }
                None
            }
        }
    }

    fn read_overrides(&mut self) -> Vec<Override> {
        let mut overrides = Vec::new();
        let names: Vec<(String, String)> =
            tree::leaves(&self.root).into_iter().map(|path| (environment_name(&path), path)).collect();
        for (name, text) in self.layers.environment {
            if let Some((name, path)) = names.iter().find(|(known, _)| known == name) {
                overrides.extend(self.read_override(Place::Environment(name.clone()), path, text));
            }
        }
        for (path, text) in self.layers.flags {
            let place = Place::Flag(tame(path));
            if names.iter().any(|(_, known)| known == path) {
                overrides.extend(self.read_override(place, path, text));
            } else {
                let near = nearest(path, names.iter().map(|(_, path)| path.as_str()));
                let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                self.fault(place, &tame(path), format!("there is no such setting{hint}"));
            }
        }
        overrides
    }

    fn read_override(&mut self, place: Place, path: &str, text: &str) -> Option<Override> {
        let schema = tree::schema_at(&self.root, path)?;
        // Words with a description each are written as alternatives, as the places of a secret are.
        let words = |all: &Vec<Json>| all.iter().all(|one| one.get("const").is_some());
        let is_word = schema.get("oneOf").and_then(Json::as_array).is_some_and(words);
        let value = if is_word {
            Some(Value::String(text.to_owned()))
        } else if schema.get("oneOf").is_some() {
            secret(text)
        } else if tree::is_of(schema, "array") && !text.trim_start().starts_with('[') {
            Some(Value::Array(text.split(',').map(|item| Value::String(item.trim().to_owned())).collect()))
        } else if tree::is_of(schema, "string") || schema.get("enum").is_some() {
            Some(Value::String(text.to_owned()))
        } else {
            text.trim().parse().ok()
        };
        if value.is_none() {
            self.fault(place.clone(), path, "the text is no value of this setting");
        }
        Some(Override { place, path: path.to_owned(), value: value? })
    }

    /// The configuration with the overrides; none when they do not fit, each that does not being a fault.
    fn merge(&mut self, table: Table, overrides: &[Override]) -> Option<Config> {
        let with = |left_out: Option<usize>| {
            let mut table = table.clone();
            let kept = overrides.iter().enumerate().filter(|(nth, _)| Some(*nth) != left_out);
            kept.for_each(|(_, one)| put(&mut table, &one.path, one.value.clone()));
            Config::deserialize(Value::Table(table))
        };
        let error = match with(None) {
            Ok(config) => return Some(config),
            Err(error) => tame(error.message()),
        };
        // An override is to blame when all is well, or something else is wrong, without it.
        let before = self.faults.len();
        for (nth, one) in overrides.iter().enumerate() {
            if with(Some(nth)).map_or_else(|other| tame(other.message()) != error, |_| true) {
                self.fault(one.place.clone(), &one.path, error.clone());
            }
        }
        if self.faults.len() == before {
            self.fault(Place::Default, "", error);
        }
        None
    }

    /// Names of the environment that look like settings: a slip there must not be silent.
    fn refuse_strangers(&mut self, config: &Config) {
        let known: Vec<String> = tree::leaves(&self.root).iter().map(|path| environment_name(path)).collect();
        let secrets = check::secrets(config);
        let of_a_secret = |name: &str| secrets.iter().any(|(_, secret)| matches!(secret, SecretRef::Env(env) if env == name));
        for (name, _) in self.layers.environment {
            let is_ours = name.starts_with(ENVIRONMENT_PREFIX) && !NO_SETTINGS.contains(&name.as_str());
            if is_ours && !known.contains(name) && !of_a_secret(name) {
                let near = nearest(name, known.iter().map(String::as_str));
                let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                self.fault(Place::Environment(tame(name)), "", format!("there is no such setting{hint}"));
            }
        }
    }

    fn place_of(&self, path: &str, overrides: &[Override]) -> Place {
        let bare = path.split('[').next().unwrap_or(path);
        if let Some(last) = overrides.iter().rev().find(|one| one.path == path || one.path == bare) {
            return last.place.clone();
        }
        let Some((name, text)) = self.layers.file else { return Place::Default };
        let span = DeTable::parse(text).ok().and_then(|table| tree::place(table.get_ref(), path));
        span.map_or(Place::Default, |span| place(name, text, span.start))
    }
}

/// `env:NAME`, `file:PATH`, `credential:NAME`, or the table as it stands in the file.
fn secret(text: &str) -> Option<Value> {
    if text.trim_start().starts_with('{') {
        return text.trim().parse().ok();
    }
    let (kind, name) = text.split_once(':')?;
    let fit = ["env", "file", "credential"].contains(&kind);
    fit.then(|| Value::Table(Table::from_iter([(kind.to_owned(), Value::String(name.to_owned()))])))
}

fn put(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            let inner = table.entry(head.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

fn place(name: &str, text: &str, at: usize) -> Place {
    let before = text.get(..text.floor_char_boundary(at)).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    Place::File { name: name.to_owned(), line, column }
}
