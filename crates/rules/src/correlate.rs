//! `correlate.yaml`: how alerts become cases, as policy.

use crate::book::Files;
use crate::diagnostic::{Diagnostic, read_yaml};
use crate::playbook::span;
use adjutant_model::Duration;
use serde::Deserialize;

/// How alerts become cases. What the book does not say is as the engine's defaults are.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Correlate {
    /// Roles whose entity links alerts, the most telling first.
    pub by: Option<Vec<String>>,
    /// A case that was quiet for longer is over.
    #[serde(default, deserialize_with = "duration")]
    pub gap: Option<Duration>,
    /// A case that is older takes no more alerts.
    #[serde(default, deserialize_with = "duration")]
    pub age_max: Option<Duration>,
    /// A case that holds this many takes no more.
    pub alerts_max: Option<u32>,
    /// An address or domain with more alerts than this in 24 hours stops linking.
    pub busy_per_day: Option<i64>,
}

/// Reads `correlate.yaml`; absent is all defaults.
///
/// # Errors
/// What is wrong with it.
pub fn load(files: &Files) -> Result<Correlate, Box<Diagnostic>> {
    const FILE: &str = "correlate.yaml";
    files.get(FILE).map_or_else(|| Ok(Correlate::default()), |text| read_yaml(FILE, text))
}

fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || serde::de::Error::custom(format!("`{text}` is no span of time; write it as 90 min, 6 h or 2 d"));
    span(&text).map(Some).ok_or_else(wrong)
}
