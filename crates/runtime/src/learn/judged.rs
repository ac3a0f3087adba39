//! Which past messages were decided to be attacks: from decisions as `triage --format jsonl` prints them, or from a list.

use adjutant_model::Digest;
use serde_json::Value;
use std::collections::HashSet;

/// Words by which lists call an attack.
const ATTACK: [&str; 6] = ["phishing", "malicious", "spam", "escalate", "respond", "attack"];

/// Names, Message-IDs and SHA-256 of messages that were attacks.
#[derive(Clone, Debug, Default)]
pub struct Judged(HashSet<String>);

impl Judged {
    /// Reads another list; returns how many attacks it names.
    ///
    /// A line is a decision record in JSON, or `ID,label` where the id is a file's name, a Message-ID or a SHA-256. A line of an id
    /// alone is an attack. Of a decision, anything but a close is one: what a person has not cleared teaches nothing.
    pub fn read(&mut self, text: &str) -> usize {
        let before = self.0.len();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with('{') {
                self.decision(line);
            } else {
                self.listed(line);
            }
        }
        self.0.len() - before
    }

    fn listed(&mut self, line: &str) {
        let mut cells = line.split(',').map(str::trim);
        let (id, label) = (cells.next().unwrap_or(""), cells.next());
        if label.is_none_or(|label| ATTACK.iter().any(|attack| label.eq_ignore_ascii_case(attack))) {
            self.0.insert(plain(id));
        }
    }

    fn decision(&mut self, line: &str) {
        let Ok(record) = serde_json::from_str::<Value>(line) else { return };
        if record["outcome"].as_str().is_none_or(|outcome| outcome == "close") {
            return;
        }
        let ids = [&record["alert"]["digest"], &record["fields"]["mail.message_id"]["value"]];
        self.0.extend(ids.into_iter().filter_map(Value::as_str).map(plain));
    }

    /// Whether this message was an attack.
    pub fn is_attack(&self, name: &str, message_id: Option<&str>, bytes: &[u8]) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let file = name.rsplit('/').next().unwrap_or(name);
        let named = [Some(name), Some(file), message_id].into_iter().flatten().any(|id| self.0.contains(&plain(id)));
        named || self.0.contains(&Digest::of(bytes).to_string())
    }
}

fn plain(id: &str) -> String {
    id.trim().trim_matches(['<', '>', '"']).to_lowercase()
}
