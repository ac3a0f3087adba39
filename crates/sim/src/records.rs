//! Records as a source would send them: a few people's logins, again and again, with other times and identifiers.
//!
//! Few people, so that their histories fill and some cases are harmless enough to be closed by themselves.

use crate::Rng;
use adjutant_model::Time;
use adjutant_runtime::policy::Incoming;
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::OnceLock;

const DEMO: &str = include_str!("../../cli/demo/corp.jsonl");

/// Different people's logins in one world.
const PEOPLE: usize = 6;

/// When the first record happens: 2026-02-09T00:00:00Z.
const START: i64 = 1_770_595_200_000_000;

const SECOND: i64 = 1_000_000;

fn templates() -> &'static [Value] {
    static TEMPLATES: OnceLock<Vec<Value>> = OnceLock::new();
    TEMPLATES.get_or_init(|| DEMO.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// A source of records.
#[derive(Debug)]
pub struct Records {
    rng: Rng,
    people: Vec<&'static Value>,
    sent: Vec<Bytes>,
    at: i64,
}

impl Records {
    /// A source that `rng` decides.
    #[must_use]
    pub fn new(mut rng: Rng) -> Self {
        let people = (0..PEOPLE).map(|_| rng.pick(templates())).collect();
        Self { rng, people, sent: Vec::new(), at: START }
    }

    /// The next record: mostly new, at times one that was sent before, or another content under its identifier, or no record.
    pub fn draw(&mut self) -> Incoming {
        let bytes = match self.rng.below(100) {
            0..20 if !self.sent.is_empty() => self.rng.pick(&self.sent).clone(),
            20..30 if !self.sent.is_empty() => self.changed(),
            30..32 => Bytes::from_static(b"no record at all"),
            _ => self.fresh(),
        };
        self.sent.push(bytes.clone());
        Incoming::new(bytes, self.sent.len() as u64)
    }

    fn fresh(&mut self) -> Bytes {
        let step = *self.rng.pick(&[1, 30, 600, 40_000]);
        self.at += (1 + self.rng.below(step)) as i64 * SECOND;
        let late = self.rng.below(20) as i64 * SECOND;
        let template = if self.rng.percent(90) { *self.rng.pick(&self.people) } else { self.rng.pick(templates()) };
        let mut record = template.clone();
        if let Some(fields) = record.as_object_mut() {
            // Some records have no identifier, and are known by their content.
            if self.rng.percent(10) {
                fields.remove("uuid");
            } else {
                fields.insert("uuid".into(), json!(format!("{:032x}", self.rng.bits())));
            }
            fields.insert("published".into(), json!(Time(self.at - late).to_string()));
        }
        Bytes::from(record.to_string())
    }

    fn changed(&mut self) -> Bytes {
        let was = self.rng.pick(&self.sent).clone();
        match serde_json::from_slice::<Value>(&was) {
            Ok(Value::Object(mut fields)) => {
                fields.insert("note".into(), json!(self.rng.below(3)));
                Bytes::from(Value::Object(fields).to_string())
            }
            _ => was,
        }
    }
}
