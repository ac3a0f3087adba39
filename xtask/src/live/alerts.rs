//! Alerts without end: those of the demo, each varied, none twice the same bytes unless that is wanted.

use crate::bench::vary::Template;
use crate::sh;
use anyhow::Result;
use std::sync::atomic::{AtomicU64, Ordering};

/// The alerts that are varied.
const FILES: [&str; 2] = ["crates/cli/demo/alerts.jsonl", "crates/cli/demo/corp.jsonl"];

/// When the first one happens: 2026-01-05T00:00:00Z.
const START: i64 = 1_767_571_200;

/// Makes alerts; all connections share one.
pub struct Alerts {
    templates: Vec<Template>,
    next: AtomicU64,
}

impl Alerts {
    pub fn new() -> Result<Self> {
        let mut templates = Vec::new();
        for file in FILES {
            templates.extend(std::fs::read_to_string(sh::root().join(file))?.lines().map(Template::new));
        }
        Ok(Self { templates, next: AtomicU64::new(0) })
    }

    /// A record that is new, in bytes if not in what its source calls it.
    pub fn fresh(&self) -> String {
        let nth = self.next.fetch_add(1, Ordering::Relaxed);
        let len = self.templates.len() as u64;
        let mut text = String::new();
        if let Some(template) = self.templates.get((nth % len) as usize) {
            template.write(nth / len, START + nth as i64, &mut text);
        }
        marked(&text, nth)
    }

    /// The same alert with another content.
    pub fn changed(&self, record: &str) -> String {
        marked(record, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

fn marked(record: &str, nth: u64) -> String {
    match record.strip_prefix('{') {
        Some(rest) => format!("{{\"x-nth\":{nth},{rest}"),
        None => format!("{nth} {record}"),
    }
}
