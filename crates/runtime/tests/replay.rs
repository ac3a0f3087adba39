//! The same alerts give the same decisions, byte for byte; alerts that have nothing to do with each other, in any order.
#![allow(clippy::disallowed_methods, reason = "a test writes into a directory of its own")]

mod story;

use adjutant_engine::record::Record;
use std::fmt::Write as _;
use std::fs;
use story::{decide, record, shipped};

/// A small generator; the sequence is the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn bytes(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| serde_json::to_string(record).unwrap()).collect()
}

#[test]
fn every_story_replays_byte_for_byte() {
    let book = shipped();
    for name in ["login-kiosk", "login-push-fatigue", "change-mail-forwarded-out"] {
        let folder = story::cases().join(name);
        let once = || -> Vec<Record> {
            decide(&book, &folder, &folder.join("alert.jsonl")).iter().map(|kept| record(&book, kept)).collect()
        };
        assert_eq!(bytes(&once()), bytes(&once()), "{name}");
    }
}

/// An alert that shares nothing with the others.
fn alone(number: usize) -> String {
    let severity = ["low", "medium", "high", "critical"][number % 4];
    format!(
        r#"{{"timestamp":"2026-03-02T10:00:00Z","rule":{{"name":"rule {number}"}},"severity":"{severity}","host":{{"name":"host{number}"}},"user":{{"name":"user{number}"}},"source":{{"ip":"198.51.100.{number}"}}}}"#
    )
}

#[test]
fn the_order_of_independent_alerts_changes_nothing() {
    let book = shipped();
    let folder = std::env::temp_dir().join(format!("adjutant-replay-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut order: Vec<usize> = (0..40).collect();
    let mut before: Option<Vec<String>> = None;
    for _ in 0..4 {
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at + 1));
        }
        let text = order.iter().fold(String::new(), |mut text, number| {
            let _ = writeln!(text, "{}", alone(*number));
            text
        });
        let file = folder.join("alert.jsonl");
        fs::write(&file, text).unwrap();
        let mut records: Vec<Record> = decide(&book, &folder, &file).iter().map(|kept| record(&book, kept)).collect();
        for record in &mut records {
            record.alert.line = 0;
        }
        records.sort_by(|a, b| a.alert.id.cmp(&b.alert.id));
        let now = bytes(&records);
        if let Some(before) = &before {
            assert_eq!(*before, now);
        }
        before = Some(now);
    }
    fs::remove_dir_all(&folder).unwrap();
}
